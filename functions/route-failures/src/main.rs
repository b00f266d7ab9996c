//! Lambda function: every failure into the dead-letter queue, and one alert digest per batch.
//! `main` reads the settings, builds the clients and runs; the rest is in `handler`.

mod advice;
mod commands;
mod digest;
#[cfg(test)]
mod fault_tests;
mod glue_run;
mod handler;
mod known;
mod routed;
mod settings;
#[cfg(test)]
mod world;

use std::process::ExitCode;

use lakegate_lake::clients::{self, GlueClient, SnsClient, SqsClient};
use lakegate_lake::metrics::{Metrics, Sink};
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::Environment;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::glue_run::Lookups;
use crate::handler::Context;
use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match Settings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("route-failures: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let context = Context {
        lookups: Lookups {
            glue: GlueClient::new(&config),
            objects: Objects::on_s3(clients::s3_builder(&settings.aws)),
            lake_bucket: settings.lake_bucket.clone(),
        },
        sns: SnsClient::new(&config),
        sqs: SqsClient::new(&config),
        known: std::sync::Mutex::default(),
        metrics: Metrics::new(settings.stack_name.clone(), if settings.has_metrics { Sink::Stdout } else { Sink::Off }),
        lookups_max: handler::LOOKUPS_MAX,
        settings,
    };
    let context = &context;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| handler::handle(context, &event.payload).await))
        .await?;
    Ok(ExitCode::SUCCESS)
}
