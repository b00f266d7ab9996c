//! Calls to the emulator's APIs by plain HTTP, as the account's root user, of whom it asks for no signature. It knows protocols, not this
//! project's stack.

pub(crate) mod athena;
pub(crate) mod cloudformation;
mod iam;
pub(crate) mod s3;
pub(crate) mod sqs;
mod xml;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::json;

/// Nothing that the emulator does takes longer, a function's run included.
const REQUEST_TIMEOUT_SECS: u64 = 300;

/// A client of one emulator. It keeps no connections, so it may be shared between tokio runtimes.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
}

impl Client {
    /// A client of the emulator at `endpoint`, such as `http://127.0.0.1:4566`.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(endpoint: impl Into<String>) -> Result<Self> {
        let timeout = Duration::from_secs(REQUEST_TIMEOUT_SECS);
        // No request of ours needs TLS, but no client is built without. That it is set already is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(timeout).build()?;
        Ok(Self { http, endpoint: endpoint.into() })
    }

    /// Where the emulator listens.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A call of the JSON protocol; `target` is such as `AmazonSQS.SendMessage`.
    ///
    /// # Errors
    /// The call fails; the message carries what the service answered.
    pub async fn json(&self, target: &str, body: &Value) -> Result<Value> {
        // The target names the service.
        let request = self.request(Method::POST, "/").header("x-amz-target", target);
        let request = request.header("content-type", "application/x-amz-json-1.1").body(serde_json::to_vec(body)?);
        let bytes = send(request, target).await?.bytes;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).with_context(|| format!("{target}: the answer is not JSON"))
    }

    /// A call of the query protocol, `Action` among the `fields`; the XML that it answers.
    pub(crate) async fn query(&self, service: &str, fields: &[(String, String)]) -> Result<String> {
        let action = fields.first().map_or("", |(_, action)| action);
        let request = self.request_to(service, Method::POST, "/");
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"));
        let bytes = send(request, action).await?.bytes;
        String::from_utf8(bytes).with_context(|| format!("{action}: the answer is not text"))
    }

    /// Invokes a function and waits for what it returns.
    ///
    /// # Errors
    /// The function does not exist, or it failed: the message carries the error that it returned.
    pub async fn invoke(&self, function: &str, event: &[u8]) -> Result<Value> {
        let request = self.request_to("lambda", Method::POST, &format!("/2015-03-31/functions/{function}/invocations"));
        let response = request.body(event.to_vec()).send().await.with_context(|| format!("invoke {function}"))?;
        let failed = response.headers().contains_key("x-amz-function-error") || !response.status().is_success();
        let bytes = response.bytes().await?;
        if failed {
            bail!("invoke {function}: {}", String::from_utf8_lossy(&bytes));
        }
        serde_json::from_slice(&bytes).with_context(|| format!("invoke {function}: the answer is not JSON"))
    }

    /// A call of Lambda, whose paths name its resources.
    ///
    /// # Errors
    /// The call fails; the message carries what the service answered.
    pub async fn rest(&self, method: Method, path: &str) -> Result<Value> {
        let bytes = send(self.request_to("lambda", method, path), path).await?.bytes;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).with_context(|| format!("{path}: the answer is not JSON"))
    }

    /// The environment variables that a function was deployed with.
    ///
    /// # Errors
    /// The call fails.
    pub async fn function_environment(&self, function: &str) -> Result<BTreeMap<String, String>> {
        let request =
            self.request_to("lambda", Method::GET, &format!("/2015-03-31/functions/{function}/configuration"));
        let answer: Value = serde_json::from_slice(&send(request, "GetFunctionConfiguration").await?.bytes)?;
        let variables = answer.pointer("/Environment/Variables").cloned().unwrap_or_default();
        serde_json::from_value(variables).with_context(|| format!("{function} has no environment"))
    }

    /// Gives a function another environment variable, or this one another value.
    ///
    /// # Errors
    /// The call fails.
    pub async fn set_function_variable(&self, function: &str, name: &str, value: &str) -> Result<()> {
        let mut variables = self.function_environment(function).await?;
        variables.insert(name.to_owned(), value.to_owned());
        let path = format!("/2015-03-31/functions/{function}/configuration");
        let body = serde_json::json!({ "Environment": { "Variables": variables } });
        let request = self.request_to("lambda", Method::PUT, &path).body(serde_json::to_vec(&body)?);
        send(request, "UpdateFunctionConfiguration").await?;
        Ok(())
    }

    /// Everything that a function logged, oldest first.
    ///
    /// # Errors
    /// The call fails.
    pub async fn function_log(&self, function: &str) -> Result<Vec<String>> {
        let body = serde_json::json!({ "logGroupName": format!("/aws/lambda/{function}"), "limit": 10_000 });
        let answer = self.json("Logs_20140328.FilterLogEvents", &body).await?;
        Ok(json::list(&answer, "/events")
            .iter()
            .map(|event| json::text(event, "/message").trim_end().to_owned())
            .collect())
    }

    /// Whether the emulator answers.
    pub(crate) async fn is_healthy(&self) -> bool {
        let request = self.request(Method::GET, "/_ministack/health").timeout(Duration::from_secs(2));
        request.send().await.is_ok_and(|response| response.status().is_success())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_to("s3", method, path)
    }

    /// The emulator believes whoever says to be the root user, and tells the service by the credential's scope.
    fn request_to(&self, service: &str, method: Method, path: &str) -> RequestBuilder {
        let root = format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request");
        self.http.request(method, format!("{}{path}", self.endpoint)).header("authorization", root)
    }
}

/// Every byte that is not unreserved (RFC 3986), escaped; for forms, queries and keys.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// What a service answered.
struct Answer {
    headers: HeaderMap,
    bytes: Vec<u8>,
}

/// Sends a request; an error status is an error, with what the service said.
async fn send(request: RequestBuilder, what: &str) -> Result<Answer> {
    let response = request.send().await.with_context(|| what.to_owned())?;
    let status = response.status();
    let headers = response.headers().clone();
    let bytes = response.bytes().await.with_context(|| what.to_owned())?.to_vec();
    if !status.is_success() {
        bail!("{what}: {status}: {}", String::from_utf8_lossy(&bytes).trim());
    }
    Ok(Answer { headers, bytes })
}
