//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// The function's settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// The stack, as metrics name it; without it there are none.
    pub(crate) stack_name: Option<String>,
    pub(crate) has_metrics: bool,
    /// Where files are dropped.
    pub(crate) raw_bucket: String,
    /// Under which prefix; empty: anywhere.
    pub(crate) raw_prefix: String,
    /// Where the ledger is.
    pub(crate) lake_bucket: String,
    /// Where objects are announced.
    pub(crate) ingest_queue_url: String,
    /// Where failure records go.
    pub(crate) failures_queue_url: String,
}

impl Settings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let settings = Self {
            aws: environment.aws(),
            stack_name: environment.optional("STACK_NAME"),
            has_metrics: environment.choice("METRICS", &[("on", true), ("off", false)], true),
            raw_bucket: environment.required("RAW_BUCKET"),
            raw_prefix: environment.optional("RAW_PREFIX").unwrap_or_default(),
            lake_bucket: environment.required("LAKE_BUCKET"),
            ingest_queue_url: environment.required("INGEST_QUEUE_URL"),
            failures_queue_url: environment.required("FAILURES_QUEUE_URL"),
        };
        environment.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_environment_is_told_everything_that_it_lacks() {
        let error = Settings::read(Environment::default()).map(|_| ()).unwrap_err();
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, RAW_BUCKET, LAKE_BUCKET, INGEST_QUEUE_URL, FAILURES_QUEUE_URL; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
