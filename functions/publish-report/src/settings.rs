//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// The function's settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// Whose dashboard it is.
    pub(crate) stack_name: String,
    /// The catalog's database with the tables.
    pub(crate) database: String,
    /// Athena's work group for the queries.
    pub(crate) work_group: String,
    /// Where the answers and the page go.
    pub(crate) lake_bucket: String,
    /// Where failure records go.
    pub(crate) failures_queue_url: String,
}

impl Settings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let settings = Self {
            aws: environment.aws(),
            stack_name: environment.required("STACK_NAME"),
            database: environment.required("GLUE_DATABASE"),
            work_group: environment.required("WORK_GROUP"),
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
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, STACK_NAME, GLUE_DATABASE, WORK_GROUP, LAKE_BUCKET, FAILURES_QUEUE_URL; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
