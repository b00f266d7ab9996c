//! Clients for AWS, each built once from the settings.
//! It must not know what they are used for.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, ClientOptions};

use crate::settings::{AwsSettings, S3_ENDPOINT_VARIABLE};

pub use aws_sdk_glue::Client as GlueClient;
pub use aws_sdk_glue::config::SharedHttpClient;
pub use aws_sdk_sns::Client as SnsClient;
pub use aws_sdk_sqs::Client as SqsClient;

/// Attempts of the SDK for one call, the first included. Passing trouble that outlasts them goes back to the queue.
const SDK_ATTEMPTS: u32 = 4;
/// Longest that one SDK call may take, retries included.
const SDK_CALL_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest that one S3 request may take: 8 MiB at 2 Mbit/s.
const S3_REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const S3_RETRIES: usize = 5;
/// Longest that the retries of one S3 request may take together.
const S3_RETRY_TIMEOUT: Duration = Duration::from_mins(1);

/// The configuration that every SDK client is built from. It makes no call: credentials are resolved when first used.
pub async fn sdk_config(settings: &AwsSettings) -> SdkConfig {
    let mut loader = sdk_loader().region(Region::new(settings.region.clone()));
    if let Some(endpoint_url) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint_url);
    }
    loader.load().await
}

/// How every SDK client retries and gives up; region and endpoint are left to where the SDK finds them.
pub(crate) fn sdk_loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .retry_config(RetryConfig::standard().with_max_attempts(SDK_ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(SDK_CALL_TIMEOUT).build(),
        )
}

/// The SDK clients' connections; a client without it makes none.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    let tls = tls::Provider::Rustls(CryptoMode::Ring);
    aws_smithy_http_client::Builder::new().tls_provider(tls).build_https()
}

/// The builder that every bucket's store is made from; credentials come from the variables that Lambda sets.
///
/// Requests are path-style only for another endpoint. Plain HTTP is allowed only when that endpoint asks for it.
#[must_use]
pub fn s3_builder(settings: &AwsSettings) -> AmazonS3Builder {
    // The store's HTTP client asks the process for its TLS. That it is set already is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = AmazonS3Builder::new();
    for (name, value) in &settings.variables {
        // A name that the store does not know is meant for somebody else.
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let endpoint_url = settings.s3_endpoint_url();
    if let Some(endpoint_url) = endpoint_url {
        builder = builder.with_endpoint(endpoint_url);
    }
    builder
        .with_region(&settings.region)
        .with_virtual_hosted_style_request(endpoint_url.is_none())
        .with_client_options(s3_options(endpoint_url))
        .with_retry(object_store::RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: S3_RETRIES,
            retry_timeout: S3_RETRY_TIMEOUT,
        })
}

/// As [`s3_builder`], for requests of our own to other services: where S3 alone has another address, they have not.
#[must_use]
pub fn service_builder(settings: &AwsSettings) -> AmazonS3Builder {
    let mut settings = settings.clone();
    settings.variables.retain(|name, _| name != S3_ENDPOINT_VARIABLE);
    s3_builder(&settings)
}

/// As [`service_builder`], for a service that may have another address than all others, by a variable such as
/// `AWS_ENDPOINT_URL_REDSHIFT_DATA` (as the AWS CLI has it).
#[must_use]
pub fn service_builder_for(settings: &AwsSettings, variable: &str) -> AmazonS3Builder {
    let mut settings = settings.clone();
    settings.endpoint_url = settings.variables.get(variable).cloned().or(settings.endpoint_url);
    service_builder(&settings)
}

/// How requests to S3 give up. Plain HTTP is allowed only when the endpoint asks for it.
pub(crate) fn s3_options(endpoint_url: Option<&str>) -> ClientOptions {
    ClientOptions::new()
        .with_timeout(S3_REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(endpoint_url.is_some_and(|endpoint_url| endpoint_url.starts_with("http://")))
}
