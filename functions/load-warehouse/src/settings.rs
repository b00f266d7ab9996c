//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// The function's settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// By which its statements are known.
    pub(crate) stack: String,
    /// Where the lake's tables lie, and the loads' documents.
    pub(crate) lake_bucket: String,
    /// The catalog's database.
    pub(crate) glue_database: String,
    /// The workgroup of Redshift Serverless.
    pub(crate) workgroup: String,
    /// The database in it.
    pub(crate) warehouse_database: String,
    /// Where its messages come from.
    pub(crate) load_queue_url: String,
    /// Where failure records go.
    pub(crate) failures_queue_url: String,
}

impl Settings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let settings = Self {
            aws: environment.aws(),
            stack: environment.required("STACK_NAME"),
            lake_bucket: environment.required("LAKE_BUCKET"),
            glue_database: environment.required("GLUE_DATABASE"),
            workgroup: environment.required("WORKGROUP"),
            warehouse_database: environment.required("WAREHOUSE_DATABASE"),
            load_queue_url: environment.required("LOAD_QUEUE_URL"),
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
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, STACK_NAME, LAKE_BUCKET, GLUE_DATABASE, WORKGROUP, WAREHOUSE_DATABASE, LOAD_QUEUE_URL, FAILURES_QUEUE_URL; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
