//! Signed requests of our own, where an SDK would cost more than it does: one GET, its answer in XML, made again while the trouble passes;
//! or one POST.
//! It must not know which service answers, nor what is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredential};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::{ClientConfigKey, CredentialProvider};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clients;
use crate::error::{PASSING_CODES, chain, from_store};
use crate::posted::{self, Answer};
use crate::{Cause, LakeError, one_line};

/// Attempts of one request, the first included.
const ATTEMPTS: u32 = 5;
/// Once this has passed no request is made again: each may wait long for its answer.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// One address of one service, with the store's credentials, signatures and transport.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    service: &'static str,
    region: String,
    /// Without a query.
    address: String,
    credentials: Arc<dyn CredentialProvider<Credential = AwsCredential>>,
    http: HttpClient,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The service refused.
    Refused {
        status: u16,
        /// Empty where the answer is no XML of a service.
        code: String,
        message: String,
    },
    /// It was not reached, or its answer was lost or cannot be read.
    Lost(String),
    /// The address is none.
    NoAddress(String),
    /// There are no credentials.
    Unasked(object_store::Error),
}

/// S3 answers with an `<Error>`, others with an `<ErrorResponse>` around one.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Refusal {
    code: String,
    message: String,
    error: Option<Box<Refusal>>,
}

impl Signed {
    /// A client with the region, the endpoint, the credentials and the timeout of the builder; `path` is what stands behind that
    /// endpoint, `address` what is asked where there is none.
    pub(crate) fn new(
        builder: &AmazonS3Builder,
        service: &'static str,
        path: &str,
        address: impl FnOnce(&str) -> String,
    ) -> object_store::Result<Self> {
        let region = builder.get_config_value(&AmazonS3ConfigKey::Region).unwrap_or_default();
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        let address = match &endpoint {
            Some(endpoint) => format!("{}/{path}", endpoint.trim_end_matches('/')),
            None => address(&region),
        };
        // The store's builder gives its credentials to a store only, which has a bucket.
        let store = builder.clone().with_bucket_name("signed").build()?;
        let mut options = clients::s3_options(endpoint.as_deref());
        if let Some(timeout) = builder.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::Timeout)) {
            options = options.with_config(ClientConfigKey::Timeout, timeout);
        }
        let http = ReqwestConnector::default().connect(&options)?;
        Ok(Self { service, region, address, credentials: Arc::clone(store.credentials()), http })
    }

    /// The answer to a query. Throttled and broken requests are made again for some seconds.
    pub(crate) async fn get<T: DeserializeOwned>(&self, query: &str) -> Result<T, Unanswered> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.ask(query).await {
                Err(error) if error.is_passing() && attempt < ATTEMPTS && started.elapsed() < RETRY_TIMEOUT => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn ask<T: DeserializeOwned>(&self, query: &str) -> Result<T, Unanswered> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = format!("{}?{query}", self.address)
            .parse()
            .map_err(|error| Unanswered::NoAddress(format!("{} is no address: {}", self.address, chain(&error))))?;
        let Answer { status, body } = self.send(request).await?;
        if status == 200 {
            quick_xml::de::from_str(&body).map_err(|error| Unanswered::Lost(chain(&error)))
        } else {
            Err(refused(status, &body))
        }
    }

    /// The answer to a body that is posted once, whatever it says.
    pub(crate) async fn post(&self, headers: &[(&'static str, &str)], body: String) -> Result<Answer, Unanswered> {
        let request = posted::request(&self.address, headers, body);
        let no_address = |error: Cause| Unanswered::NoAddress(format!("{} is no address: {error}", self.address));
        self.send(request.map_err(no_address)?).await
    }

    async fn send(&self, mut request: HttpRequest) -> Result<Answer, Unanswered> {
        let credential = self.credentials.get_credential().await.map_err(Unanswered::Unasked)?;
        let signer = AwsAuthorizer::new(&credential, self.service, &self.region);
        signer.try_authorize(&mut request, None).map_err(Unanswered::Unasked)?;
        posted::answer(&self.http, request).await.map_err(|error| Unanswered::Lost(chain(&error)))
    }
}

fn refused(status: u16, text: &str) -> Unanswered {
    let told: Refusal = quick_xml::de::from_str(text).unwrap_or_default();
    let Refusal { code, message, .. } = told.error.map_or_else(|| Refusal { error: None, ..told }, |inner| *inner);
    Unanswered::Refused { status, code, message }
}

impl Unanswered {
    /// True when the same request may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                PASSING_CODES.contains(&code.as_str()) || *status == 429 || *status >= 500
            }
            Self::Lost(_) => true,
            Self::NoAddress(_) | Self::Unasked(_) => false,
        }
    }

    /// As an error of an operation on a resource.
    pub(crate) fn on(self, operation: &'static str, resource: String) -> LakeError {
        let is_passing = self.is_passing();
        let source: Cause = match &self {
            Self::Refused { status, code, message } => {
                let code = if code.is_empty() { status.to_string() } else { code.clone() };
                one_line(&format!("{code}: {message}")).into()
            }
            Self::Lost(said) | Self::NoAddress(said) => said.clone().into(),
            Self::Unasked(error) => return from_store(operation, &resource, error),
        };
        match self {
            _ if is_passing => LakeError::Passing { operation, resource, source },
            Self::Refused { status: 401 | 403, .. } => LakeError::AccessDenied { operation, resource, source },
            Self::Refused { .. } | Self::Lost(_) | Self::NoAddress(_) | Self::Unasked(_) => {
                LakeError::Refused { operation, resource, source }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, text: &str) -> LakeError {
        refused(status, text).on("ListObjectsV2", "s3://raw/".to_owned())
    }

    fn of_s3(status: u16, code: &str) -> LakeError {
        let text = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message><Resource>/</Resource></Error>"
        );
        refusal(status, &text)
    }

    #[test]
    fn what_s3_refuses_is_sorted_into_passing_and_lasting() {
        assert!(of_s3(503, "SlowDown").is_passing() && of_s3(400, "Throttling").is_passing());
        insta::assert_snapshot!(chain(&of_s3(403, "AccessDenied")), @"ListObjectsV2 on s3://raw/ is not allowed: AccessDenied: no");
        insta::assert_snapshot!(chain(&of_s3(404, "NoSuchBucket")), @"ListObjectsV2 on s3://raw/ was refused: NoSuchBucket: no");
        assert!(refusal(502, "<html>").is_passing());
        insta::assert_snapshot!(chain(&refusal(404, "<html>")), @"ListObjectsV2 on s3://raw/ was refused: 404: ");
    }

    #[test]
    fn other_services_put_their_error_into_an_answer() {
        let text = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">
<Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error>
<RequestId>1</RequestId></ErrorResponse>";
        let Unanswered::Refused { status, code, message } = refused(400, text) else { panic!() };
        assert_eq!(
            (status, code.as_str(), message.as_str()),
            (400, "ValidationError", "Stack with id x does not exist")
        );
    }
}
