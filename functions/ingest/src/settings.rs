//! What the function reads from its environment.
//! It must not be read again after the cold start.

use lakegate_ingest::{EmissionSettings, Settings, TooBig, UnknownDatasets};
use lakegate_lake::failure::Stage;
use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// The function's settings.
#[derive(Clone)]
pub(crate) struct FunctionSettings {
    /// Region and endpoint.
    pub(crate) aws: AwsSettings,
    /// The catalog's database.
    pub(crate) glue_database: String,
    /// Where its messages come from.
    pub(crate) ingest_queue_url: String,
    /// How objects are taken in.
    pub(crate) ingest: Settings,
    /// Whom else it is told.
    pub(crate) emission: EmissionSettings,
}

const UNKNOWN_DATASETS: [(&str, UnknownDatasets); 2] =
    [("fail", UnknownDatasets::Fail), ("infer", UnknownDatasets::Infer)];

impl FunctionSettings {
    pub(crate) fn read(mut environment: Environment) -> Result<Self, SettingsError> {
        let aws = environment.aws();
        let (lake_bucket, glue_database) = (environment.required("LAKE_BUCKET"), environment.required("GLUE_DATABASE"));
        let ingest_queue_url = environment.required("INGEST_QUEUE_URL");
        let memory_mb = memory_mb(&environment);
        let ingest = Settings {
            region: aws.region.clone(),
            lake_bucket,
            too_big: TooBig::HandOn { heavy_queue_url: environment.required("HEAVY_QUEUE_URL") },
            failures_queue_url: environment.required("FAILURES_QUEUE_URL"),
            stage: Stage::Ingest,
            size_bytes_max: environment.required_bytes("HEAVY_BYTES"),
            unknown_datasets: environment.choice("UNKNOWN_DATASETS", &UNKNOWN_DATASETS, UnknownDatasets::Fail),
            threads: memory_mb.map_or(1, |memory_mb| (memory_mb / MEMORY_MB_PER_PROCESSOR).max(1)),
            held_bytes: memory_mb.unwrap_or(MEMORY_MB_PER_PROCESSOR) * 1024 * 1024 / MEMORY_PER_HELD,
        };
        let emission = EmissionSettings::read(&mut environment);
        environment.finish(Self { aws, glue_database, ingest_queue_url, ingest, emission })
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
        let error = FunctionSettings::read(Environment::default()).map(|_| ()).unwrap_err();
        insta::assert_snapshot!(error, @"missing environment variables: AWS_REGION, LAKE_BUCKET, GLUE_DATABASE, INGEST_QUEUE_URL, HEAVY_QUEUE_URL, FAILURES_QUEUE_URL, HEAVY_BYTES; infra/template.yaml sets them on the deployed function, export them before running it by hand");
    }
}
