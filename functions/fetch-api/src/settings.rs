//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// The function's settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// Where files go.
    pub(crate) raw_bucket: String,
    /// Under which prefix files are taken in; empty: any.
    pub(crate) raw_prefix: String,
    /// Where the contracts are, and how far each source was fetched.
    pub(crate) lake_bucket: String,
    /// Where failure records go.
    pub(crate) failures_queue_url: String,
}

impl Settings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let settings = Self {
            aws: environment.aws(),
            raw_bucket: environment.required("RAW_BUCKET"),
            raw_prefix: environment.optional("RAW_PREFIX").unwrap_or_default(),
            lake_bucket: environment.required("LAKE_BUCKET"),
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
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, RAW_BUCKET, LAKE_BUCKET, FAILURES_QUEUE_URL; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
