//! Lambda function: an uploaded object becomes Parquet, rejected rows, catalog and ledger entries.
//! `main` reads the settings, builds the clients and runs; `handler` takes messages, the room `ingest` takes objects.

mod handler;
mod settings;
mod visibility;
#[cfg(test)]
mod world;

use std::process::ExitCode;
use std::time::SystemTime;

use lakegate_ingest::Context;
use lakegate_lake::catalog::{Catalog, TableDefinition};
use lakegate_lake::claims::Worker;
use lakegate_lake::clients::{self, GlueClient, SqsClient};
use lakegate_lake::contracts::Contracts;
use lakegate_lake::metrics::Sink;
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::Environment;
use lakegate_lake::trace::Trace;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::handler::Function;
use crate::settings::FunctionSettings;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<ExitCode, Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match FunctionSettings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("ingest: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let (database, lake_bucket) = (&settings.glue_database, &settings.ingest.lake_bucket);
    let emission = settings.emission.emission(&settings.aws, database, lake_bucket, Sink::Stdout)?;
    let context = Context {
        objects: Objects::on_s3(clients::s3_builder(&settings.aws)),
        contracts: Contracts::new(settings.ingest.lake_bucket.clone()),
        catalog: Catalog::new(GlueClient::new(&config), settings.glue_database),
        rejects_table: TableDefinition::of_rejects(&settings.ingest.lake_bucket),
        sqs: SqsClient::new(&config),
        clock: SystemTime::now,
        emission,
        settings: settings.ingest,
    };
    let function = &Function { context, queue_url: settings.ingest_queue_url };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
        let (request, deadline) = (&event.context.request_id, event.context.deadline());
        let trace = event.context.xray_trace_id.as_deref().and_then(Trace::parse);
        let worker = Worker::new(request, deadline, (function.context.clock)()).traced(trace);
        handler::handle(function, &worker, &event.payload).await
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}
