//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

use crate::commands::Commands;

/// The function's settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// Where failed events are kept.
    pub(crate) dead_letter_queue_url: String,
    /// Where the ledger is, and the Glue runs' manifests.
    pub(crate) lake_bucket: String,
    /// Whether failures are counted.
    pub(crate) has_metrics: bool,
    /// The stack, as the replay command names it.
    pub(crate) stack_name: String,
    /// Who is told.
    pub(crate) alerts_topic_arn: String,
}

impl Settings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let settings = Self {
            aws: environment.aws(),
            has_metrics: environment.choice("METRICS", &[("on", true), ("off", false)], true),
            dead_letter_queue_url: environment.required("DEAD_LETTER_QUEUE_URL"),
            lake_bucket: environment.required("LAKE_BUCKET"),
            stack_name: environment.required("STACK_NAME"),
            alerts_topic_arn: environment.required("ALERTS_TOPIC_ARN"),
        };
        environment.finish(settings)
    }

    /// What a mail offers to type.
    pub(crate) fn commands(&self) -> Commands<'_> {
        Commands { stack: &self.stack_name, region: &self.aws.region }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_environment_is_told_everything_that_it_lacks() {
        let error = Settings::read(Environment::default()).map(|_| ()).unwrap_err();
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, DEAD_LETTER_QUEUE_URL, LAKE_BUCKET, STACK_NAME, ALERTS_TOPIC_ARN; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
