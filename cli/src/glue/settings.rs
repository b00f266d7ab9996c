//! What the steps of a Glue run read from their environment, and what they work with.
//! It does not know the steps.

use std::time::SystemTime;

use lakegate_ingest::{Context, EmissionSettings, Settings, TooBig, UnknownDatasets};
use lakegate_lake::LakeError;
use lakegate_lake::catalog::{Catalog, TableDefinition};
use lakegate_lake::clients::{self, GlueClient, SqsClient};
use lakegate_lake::contracts::Contracts;
use lakegate_lake::failure::Stage;
use lakegate_lake::metrics::Sink;
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::{AwsSettings, Environment, SettingsError};

/// Most bytes of an object that one process takes in, unless `ONE_PASS_BYTES_MAX` says otherwise: some minutes' work.
const ONE_PASS_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Most that the outputs of one file or range may have in memory: a G.1X worker has 1.5 GB outside Spark's own for each of four tasks.
const HELD_BYTES: usize = 512 * 1024 * 1024;

const UNKNOWN_DATASETS: [(&str, UnknownDatasets); 2] =
    [("fail", UnknownDatasets::Fail), ("infer", UnknownDatasets::Infer)];

/// The settings of a step.
pub(super) struct GlueSettings {
    /// Region and endpoint.
    pub(super) aws: AwsSettings,
    glue_database: String,
    ingest: Settings,
    emission: EmissionSettings,
}

impl GlueSettings {
    /// Reads them.
    pub(super) fn read() -> Result<Self, SettingsError> {
        let mut environment = Environment::of_process();
        let aws = environment.aws();
        let one_pass =
            environment.optional("ONE_PASS_BYTES_MAX").map(|_| environment.required_bytes("ONE_PASS_BYTES_MAX"));
        let settings = Self {
            ingest: Settings {
                region: aws.region.clone(),
                lake_bucket: environment.required("LAKE_BUCKET"),
                failures_queue_url: environment.required("FAILURES_QUEUE_URL"),
                stage: Stage::Glue,
                unknown_datasets: environment.choice("UNKNOWN_DATASETS", &UNKNOWN_DATASETS, UnknownDatasets::Fail),
                size_bytes_max: one_pass.unwrap_or(ONE_PASS_BYTES_MAX),
                too_big: TooBig::Fail,
                // Spark runs a task for each processor.
                threads: 1,
                held_bytes: HELD_BYTES,
            },
            glue_database: environment.required("GLUE_DATABASE"),
            emission: EmissionSettings::read(&mut environment),
            aws,
        };
        environment.finish(settings)
    }

    /// What objects are worked on with.
    pub(super) async fn context(self) -> Result<Context, LakeError> {
        let config = clients::sdk_config(&self.aws).await;
        let (database, lake_bucket) = (&self.glue_database, &self.ingest.lake_bucket);
        let emission = self.emission.emission(&self.aws, database, lake_bucket, Sink::Stderr)?;
        Ok(Context {
            objects: Objects::on_s3(clients::s3_builder(&self.aws)),
            contracts: Contracts::new(self.ingest.lake_bucket.clone()),
            catalog: Catalog::new(GlueClient::new(&config), self.glue_database),
            rejects_table: TableDefinition::of_rejects(&self.ingest.lake_bucket),
            sqs: SqsClient::new(&config),
            clock: SystemTime::now,
            emission,
            settings: self.ingest,
        })
    }
}

/// What a step works with.
pub(super) async fn context() -> anyhow::Result<Context> {
    Ok(GlueSettings::read()?.context().await?)
}
