//! What services refuse in JSON, in answers to requests of our own, to errors.
//! It must not know which service answers: codes that only one of them has are an argument.

use serde_json::Value;

use super::{LakeError, PASSING_CODES, one_line};
use crate::posted::Answer;

/// Sorts an answer that is no success into passing, refused or not allowed. `passing`: the service's own codes for "not now", beside
/// those that all have. What is no JSON is told by its status.
pub(crate) fn from_answer(operation: &'static str, resource: String, answer: &Answer, passing: &[&str]) -> LakeError {
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let word = |names: [&str; 2]| names.iter().find_map(|name| said.get(name)?.as_str()).unwrap_or_default();
    let (code, message) = (word(["__type", "code"]), word(["message", "Message"]));
    // Some services write the code behind its namespace, `com.amazonaws.redshift#ThrottlingException`.
    let code = code.rsplit('#').next().unwrap_or_default();
    let source = one_line(&format!("{} {code}: {message}", answer.status)).into();
    if answer.status >= 500 || answer.status == 429 || passing.contains(&code) || PASSING_CODES.contains(&code) {
        return LakeError::Passing { operation, resource, source };
    }
    if answer.status == 403 || code.contains("AccessDenied") {
        return LakeError::AccessDenied { operation, resource, source };
    }
    LakeError::Refused { operation, resource, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain;

    fn refusal(status: u16, body: &str) -> LakeError {
        let answer = Answer { status, body: body.to_owned() };
        from_answer("GetQueryResults", "lakegate".to_owned(), &answer, &["BusyException"])
    }

    #[test]
    fn refusals_are_sorted_into_passing_and_lasting() {
        assert!(refusal(503, "<html>").is_passing() && refusal(429, "").is_passing());
        for code in ["TooManyRequestsException", "BusyException", "com.amazonaws.redshift#ThrottlingException"] {
            assert!(refusal(400, &format!(r#"{{"__type": "{code}", "Message": "later"}}"#)).is_passing(), "{code}");
        }
        for (status, body, told) in [
            (
                400,
                r#"{"__type": "AccessDeniedException", "Message": "no"}"#,
                "is not allowed: 400 AccessDeniedException: no",
            ),
            (403, r#"{"code": "a#Odd", "message": "no"}"#, "is not allowed: 403 Odd: no"),
            (
                400,
                r#"{"__type": "a.b#InvalidRequestException", "Message": "not\nfound"}"#,
                "was refused: 400 InvalidRequestException: not found",
            ),
            (404, "<html>", "was refused: 404 :"),
        ] {
            assert_eq!(chain(&refusal(status, body)), format!("GetQueryResults on lakegate {told}"));
        }
    }
}
