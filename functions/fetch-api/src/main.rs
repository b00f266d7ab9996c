//! Lambda function: records of HTTP APIs become files in the raw bucket, from where they take the normal path.
//! `main` reads the settings, builds the clients and runs; the rest is in `handler`.

mod answer;
mod api;
mod error;
mod fetch;
mod handler;
mod mark;
mod pages;
mod progress;
mod settings;
#[cfg(test)]
mod trouble_tests;
#[cfg(test)]
mod way_tests;
#[cfg(test)]
mod world;

use std::process::ExitCode;
use std::time::SystemTime;

use lakegate_lake::clients::{self, SqsClient};
use lakegate_lake::contracts::Contracts;
use lakegate_lake::invocation;
use lakegate_lake::objects::Objects;
use lakegate_lake::secrets::Secrets;
use lakegate_lake::settings::Environment;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::handler::{Context, FIRST_PAUSE};
use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match Settings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("fetch-api: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let context = Context {
        sqs: SqsClient::new(&config),
        objects: Objects::on_s3(clients::s3_builder(&settings.aws)),
        secrets: Secrets::new(&clients::service_builder(&settings.aws))?,
        contracts: Contracts::new(settings.lake_bucket.clone()),
        clock: SystemTime::now,
        first_pause: FIRST_PAUSE,
        settings,
    };
    let context = &context;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
        let deadline = invocation::deadline(event.context.deadline(), SystemTime::now());
        handler::handle(context, &event.payload, &event.context.request_id, deadline).await
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}
