//! The outputs of a CloudFormation stack, by its name: a request of our own (`signed`), because the service's SDK would cost more.
//! It must not know what the outputs mean.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::StackError;
use crate::access::Access;
use crate::error::from_store;
use crate::signed::{Signed, Unanswered};
use crate::{layout, one_line};

const OPERATION: &str = "DescribeStacks";
/// What CloudFormation says of a name that no stack has; it has no code of its own.
const NO_STACK: &str = "does not exist";
/// Codes of credentials that were good once (AWS General Reference, "Common errors"; STS).
const ENDED_CODES: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];
/// Codes of credentials that AWS does not know, or that are not whole.
const UNKNOWN_CODES: [&str; 6] = [
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// What a stack says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outputs {
    name: String,
    status: String,
    values: BTreeMap<String, String>,
}

/// The answer as CloudFormation writes it (API version 2010-05-15).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    describe_stacks_result: DescribeStacksResult,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStacksResult {
    stacks: Members<Described>,
}

#[derive(Debug, Deserialize)]
struct Members<T> {
    #[serde(default = "Vec::new")]
    member: Vec<T>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    stack_name: String,
    stack_status: String,
    outputs: Option<Members<Output>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    #[serde(default)]
    output_value: String,
}

impl Outputs {
    /// Asks for the outputs of the stack of that name.
    pub(super) async fn of(access: &Access, name: &str) -> Result<Self, StackError> {
        let address = |region: &str| format!("https://cloudformation.{region}.amazonaws.com/");
        let signed = Signed::new(&access.s3, "cloudformation", "", address)
            .map_err(|error| from_store("connect", &layout::url("cloudformation", ""), &error))?;
        let name = name.to_owned();
        let query =
            format!("Action={OPERATION}&StackName={}&Version=2010-05-15", utf8_percent_encode(&name, NON_ALPHANUMERIC));
        let answer: Answer =
            signed.get(&query).await.map_err(|error| unanswered(error, name.clone(), access.region.clone()))?;
        read(answer).ok_or(StackError::NotFound { name, region: access.region.clone(), account: None })
    }

    /// The value of an output; an output without a value is as good as none.
    pub(super) fn required(&self, output: &'static str) -> Result<String, StackError> {
        let value = self.values.get(output).filter(|value| !value.is_empty());
        value.cloned().ok_or_else(|| StackError::NoOutput {
            name: self.name.clone(),
            status: self.status.clone(),
            output,
        })
    }

    /// The value of an output that a stack may lack; empty then.
    pub(super) fn optional(&self, output: &str) -> String {
        self.values.get(output).cloned().unwrap_or_default()
    }
}

fn read(answer: Answer) -> Option<Outputs> {
    let described = answer.describe_stacks_result.stacks.member.into_iter().next()?;
    let outputs = described.outputs.map(|outputs| outputs.member).unwrap_or_default();
    Some(Outputs {
        name: described.stack_name,
        status: described.stack_status,
        values: outputs.into_iter().map(|output| (output.output_key, output.output_value)).collect(),
    })
}

fn unanswered(error: Unanswered, name: String, region: String) -> StackError {
    match &error {
        Unanswered::Refused { code, .. } if ENDED_CODES.contains(&code.as_str()) => StackError::CredentialsEnded,
        Unanswered::Refused { code, message, .. } if UNKNOWN_CODES.contains(&code.as_str()) => {
            StackError::CredentialsUnknown { said: one_line(&format!("{code}: {message}")) }
        }
        Unanswered::Refused { message, .. } if message.contains(NO_STACK) => {
            StackError::NotFound { name, region, account: None }
        }
        Unanswered::Refused { status: 401 | 403, code, message } => {
            StackError::NotAllowed { name, said: one_line(&format!("{code}: {message}")) }
        }
        Unanswered::Lost(said) | Unanswered::NoAddress(said) => {
            StackError::Unreachable { region, said: one_line(said) }
        }
        Unanswered::Refused { .. } | Unanswered::Unasked(_) => error.on(OPERATION, name).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As AWS answers, shortened.
    const ANSWER: &str = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <DescribeStacksResult><Stacks><member>
    <Outputs>
      <member><Description>Drop files here.</Description><OutputKey>RawBucket</OutputKey><OutputValue>a-raw&amp;b</OutputValue></member>
      <member><OutputKey>Empty</OutputKey><OutputValue/></member>
    </Outputs>
    <Parameters><member><ParameterKey>RawBucket</ParameterKey><ParameterValue>not this</ParameterValue></member></Parameters>
    <StackName>lakegate</StackName><StackStatus>UPDATE_COMPLETE</StackStatus>
    <Tags/><CreationTime>2026-01-01T00:00:00Z</CreationTime>
  </member></Stacks></DescribeStacksResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</DescribeStacksResponse>"#;

    fn answer(text: &str) -> Option<Outputs> {
        read(quick_xml::de::from_str(text).unwrap())
    }

    #[test]
    fn outputs_are_read_by_their_keys() {
        let outputs = answer(ANSWER).unwrap();
        assert_eq!(outputs.required("RawBucket").unwrap(), "a-raw&b");
        assert_eq!((outputs.optional("RawBucket").as_str(), outputs.optional("RawPrefix").as_str()), ("a-raw&b", ""));
        for missing in ["Empty", "LakeBucket"] {
            assert!(matches!(outputs.required(missing), Err(StackError::NoOutput { output, .. }) if output == missing));
        }
        insta::assert_snapshot!(outputs.required("LakeBucket").unwrap_err(), @"stack lakegate has no output LakeBucket (its status is UPDATE_COMPLETE): it is another kind of stack, or it must be deployed again");
    }

    #[test]
    fn a_stack_that_failed_has_no_outputs_and_an_answer_without_stacks_is_no_stack() {
        let failed = ANSWER.replace("UPDATE_COMPLETE", "ROLLBACK_COMPLETE");
        let (before, rest) = failed.split_once("<Outputs>").unwrap();
        let failed = format!("{before}{}", rest.split_once("</Outputs>").unwrap().1);
        insta::assert_snapshot!(answer(&failed).unwrap().required("RawBucket").unwrap_err(), @"stack lakegate has no output RawBucket (its status is ROLLBACK_COMPLETE): it is another kind of stack, or it must be deployed again");
        let none =
            "<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>";
        assert_eq!(answer(none), None);
    }

    fn said(status: u16, code: &str, message: &str) -> String {
        let error = Unanswered::Refused { status, code: code.to_owned(), message: message.to_owned() };
        crate::chain(&unanswered(error, "prod".to_owned(), "eu-west-1".to_owned()))
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        insta::assert_snapshot!(said(400, "ValidationError", "Stack with id prod does not exist"), @"no stack prod in eu-west-1: name it with --stack, and look at --region and --profile");
        insta::assert_snapshot!(said(403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized"), @"these credentials may not look up stack prod (AccessDenied: User: arn:aws:iam::1:user/x is not authorized): have cloudformation:DescribeStacks allowed, or take other ones (--profile)");
        insta::assert_snapshot!(said(403, "ExpiredToken", "The security token included in the request is expired"), @"the AWS credentials have ended: sign in again, or take other ones (--profile)");
        insta::assert_snapshot!(said(403, "InvalidClientTokenId", "The security token included in the request is invalid."), @"AWS does not take these credentials (InvalidClientTokenId: The security token included in the request is invalid.): look at --profile, or at AWS_ACCESS_KEY_ID and its like");
        insta::assert_snapshot!(said(400, "ValidationError", "1 validation error detected"), @"DescribeStacks on prod was refused: ValidationError: 1 validation error detected");
        insta::assert_snapshot!(said(503, "ServiceUnavailable", "no"), @"DescribeStacks on prod failed for now: ServiceUnavailable: no");
        let lost = Unanswered::Lost("error sending request: dns error".to_owned());
        insta::assert_snapshot!(unanswered(lost, "prod".to_owned(), "eu-wets-1".to_owned()), @"CloudFormation in eu-wets-1 cannot be reached (error sending request: dns error): look at the network, and at --region and --endpoint-url");
    }
}
