//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// The function's settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// The job's name.
    pub(crate) glue_job: String,
    /// Where the ledger is, and the runs' manifests.
    pub(crate) lake_bucket: String,
    /// Where its messages come from.
    pub(crate) heavy_queue_url: String,
    /// Where failure records go.
    pub(crate) failures_queue_url: String,
}

impl Settings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let settings = Self {
            aws: environment.aws(),
            glue_job: environment.required("GLUE_JOB"),
            lake_bucket: environment.required("LAKE_BUCKET"),
            heavy_queue_url: environment.required("HEAVY_QUEUE_URL"),
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
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, GLUE_JOB, LAKE_BUCKET, HEAVY_QUEUE_URL, FAILURES_QUEUE_URL; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
