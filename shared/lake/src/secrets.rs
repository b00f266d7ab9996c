//! Values of Secrets Manager, each by a signed request of our own.
//! It must not know what they open. No error and no output of `Debug` holds one.

use std::fmt;

use object_store::aws::AmazonS3Builder;
use serde_json::{Value, json};

use crate::LakeError;
use crate::error::{from_answer, from_store, one_line};
use crate::posted::Answer;
use crate::signed::Signed;

const OPERATION: &str = "GetSecretValue";
/// Its own code for "not now" (Secrets Manager API Reference, `GetSecretValue`).
const PASSING: [&str; 1] = ["InternalServiceError"];

/// The way to Secrets Manager.
#[derive(Debug)]
pub struct Secrets {
    client: Signed,
}

/// A secret's text, which is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The text itself, for the one place where it is needed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of a key, of a secret that is a JSON object; `None` where it is none, or has no such text.
    #[must_use]
    pub fn of_key(&self, key: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(&self.0).ok()?;
        value.get(key)?.as_str().map(|text| Self(text.to_owned()))
    }

    /// The same with something before it.
    #[must_use]
    pub fn after(&self, before: &str) -> Self {
        Self(format!("{before}{}", self.0))
    }
}

impl Secrets {
    /// Secrets of the builder's account and region.
    ///
    /// # Errors
    ///
    /// A client that cannot be made.
    pub fn new(builder: &AmazonS3Builder) -> Result<Self, LakeError> {
        let address = |region: &str| format!("https://secretsmanager.{region}.amazonaws.com/");
        let client = Signed::new(builder, "secretsmanager", "", address);
        client.map(|client| Self { client }).map_err(|error| from_store("connect", "Secrets Manager", &error))
    }

    /// The current text of a secret, by its name or ARN.
    ///
    /// # Errors
    ///
    /// What Secrets Manager refused, or the way to it; a secret that is no text.
    pub async fn get(&self, name: &str) -> Result<Secret, LakeError> {
        let body = json!({ "SecretId": name }).to_string();
        let headers =
            [("x-amz-target", "secretsmanager.GetSecretValue"), ("content-type", "application/x-amz-json-1.1")];
        let answer = self.client.post(&headers, body).await;
        judge(name, &answer.map_err(|unanswered| unanswered.on(OPERATION, resource(name)))?)
    }
}

fn resource(name: &str) -> String {
    format!("the secret {}", one_line(name))
}

/// Of an answer that is good nothing may reach an error.
fn judge(name: &str, answer: &Answer) -> Result<Secret, LakeError> {
    let (operation, resource) = (OPERATION, resource(name));
    if answer.status != 200 {
        return Err(from_answer(operation, resource, answer, &PASSING));
    }
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text = said.get("SecretString").and_then(Value::as_str);
    let no_text = || LakeError::Refused { operation, resource, source: "it is no text".into() };
    text.map(|text| Secret(text.to_owned())).ok_or_else(no_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain;

    fn judged(status: u16, body: &str) -> Result<Secret, LakeError> {
        judge("lakegate/shop", &Answer { status, body: body.to_owned() })
    }

    #[test]
    fn a_secret_is_given_out_and_shown_nowhere() {
        let secret = judged(200, r#"{"SecretString": "{\"token\": \"hunter2\"}"}"#).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let token = secret.of_key("token").unwrap();
        assert_eq!((token.expose(), token.after("Bearer ").expose()), ("hunter2", "Bearer hunter2"));
        assert_eq!((secret.of_key("other"), token.of_key("token")), (None, None));
    }

    #[test]
    fn what_is_no_text_is_refused_without_showing_it() {
        let error = judged(200, r#"{"SecretBinary": "aHVudGVyMg=="}"#).unwrap_err();
        insta::assert_snapshot!(chain(&error), @"GetSecretValue on the secret lakegate/shop was refused: it is no text");
    }

    #[test]
    fn refusals_are_sorted_into_passing_and_lasting() {
        assert!(judged(503, "").unwrap_err().is_passing());
        assert!(judged(400, r#"{"__type": "InternalServiceError"}"#).unwrap_err().is_passing());
        let denied = judged(400, r#"{"__type": "AccessDeniedException", "Message": "no"}"#).unwrap_err();
        insta::assert_snapshot!(chain(&denied), @"GetSecretValue on the secret lakegate/shop is not allowed: 400 AccessDeniedException: no");
        let missing = judged(400, r#"{"__type": "com.amazonaws#ResourceNotFoundException", "Message": "gone"}"#);
        insta::assert_snapshot!(chain(&missing.unwrap_err()), @"GetSecretValue on the secret lakegate/shop was refused: 400 ResourceNotFoundException: gone");
    }
}
