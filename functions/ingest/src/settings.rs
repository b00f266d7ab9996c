//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// The function's settings.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// Where everything that Lakegate writes goes, and the contracts come from.
    pub(crate) lake_bucket: String,
    /// The catalog's database.
    pub(crate) glue_database: String,
    /// Where its messages come from.
    pub(crate) ingest_queue_url: String,
    /// Where objects go that are too big for one Lambda.
    pub(crate) heavy_queue_url: String,
    /// Where failure records go.
    pub(crate) failures_queue_url: String,
    /// A bigger object is too big for one Lambda.
    pub(crate) heavy_bytes: u64,
    /// What to do with objects that no contract covers.
    pub(crate) unknown_datasets: UnknownDatasets,
    /// How many threads convert: one for each processor that the function's memory pays for.
    pub(crate) threads: usize,
    /// Most that the outputs of one file may have in memory.
    pub(crate) held_bytes: usize,
}

/// What to do with objects that no contract covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownDatasets {
    /// They are failures.
    Fail,
    /// They become tables of their own, by contracts drafted from them.
    Infer,
}

const UNKNOWN_DATASETS: [(&str, UnknownDatasets); 2] =
    [("fail", UnknownDatasets::Fail), ("infer", UnknownDatasets::Infer)];

impl Settings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let settings = Self {
            aws: environment.aws(),
            lake_bucket: environment.required("LAKE_BUCKET"),
            glue_database: environment.required("GLUE_DATABASE"),
            ingest_queue_url: environment.required("INGEST_QUEUE_URL"),
            heavy_queue_url: environment.required("HEAVY_QUEUE_URL"),
            failures_queue_url: environment.required("FAILURES_QUEUE_URL"),
            heavy_bytes: environment.required_bytes("HEAVY_BYTES"),
            unknown_datasets: environment.choice("UNKNOWN_DATASETS", &UNKNOWN_DATASETS, UnknownDatasets::Fail),
            threads: memory_mb(&environment).map_or(1, |memory_mb| (memory_mb / MEMORY_MB_PER_PROCESSOR).max(1)),
            held_bytes: memory_mb(&environment).unwrap_or(MEMORY_MB_PER_PROCESSOR) * 1024 * 1024 / MEMORY_PER_HELD,
        };
        environment.finish(settings)
    }
}

/// Lambda gives one processor per 1,769 MB (AWS Lambda guide, "Configure Lambda function memory"); it shows more, and throttles them.
const MEMORY_MB_PER_PROCESSOR: usize = 1769;

/// Outputs have a quarter of the memory: of 1,769 MB keys may take 1,024, and reader and engine take about 200 (ARCHITECTURE.md).
const MEMORY_PER_HELD: usize = 4;

fn memory_mb(environment: &Environment) -> Option<usize> {
    environment.optional("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_environment_is_told_everything_that_it_lacks() {
        let error = Settings::read(Environment::default()).map(|_| ()).unwrap_err();
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, LAKE_BUCKET, GLUE_DATABASE, INGEST_QUEUE_URL, HEAVY_QUEUE_URL, FAILURES_QUEUE_URL, HEAVY_BYTES; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
