//! Athena's refusals and reasons. Whole queries are run against stand-ins by `functions/publish-report`, and against the local AWS by `e2e`.

use super::{QueryError, judge};
use crate::LakeError;
use crate::chain;
use crate::posted::Answer;

fn refusal(status: u16, body: &str) -> LakeError {
    judge("StartQueryExecution", "lakegate", &Answer { status, body: body.to_owned() }).unwrap_err()
}

#[test]
fn refusals_are_sorted_into_passing_and_lasting() {
    assert!(refusal(503, "").is_passing() && refusal(200, "{").is_passing());
    assert!(refusal(400, r#"{"__type": "InternalServerException", "Message": "later"}"#).is_passing());
    let denied = refusal(400, r#"{"__type": "AccessDeniedException", "Message": "no"}"#);
    insta::assert_snapshot!(chain(&denied), @"StartQueryExecution on lakegate is not allowed: 400 AccessDeniedException: no");
    let invalid =
        refusal(400, r#"{"__type": "com.amazonaws#InvalidRequestException", "Message": "WorkGroup a is not found."}"#);
    insta::assert_snapshot!(chain(&invalid), @"StartQueryExecution on lakegate was refused: 400 InvalidRequestException: WorkGroup a is not found.");
}

#[test]
fn of_a_reason_only_the_code_is_for_everybody() {
    let told = |reason: &str| {
        let error = QueryError::Ended { id: "7".to_owned(), state: "FAILED".to_owned(), reason: reason.to_owned() };
        (error.to_string(), error.without_values())
    };
    let (whole, without) = told("INVALID_CAST_ARGUMENT: Cannot cast 'Jane Doe' to INT");
    assert_eq!(whole, "query 7 has failed: INVALID_CAST_ARGUMENT: Cannot cast 'Jane Doe' to INT");
    assert_eq!(without, "INVALID_CAST_ARGUMENT (query 7)");
    assert_eq!(told("Jane: is no number").1, "FAILED (query 7)");
}
