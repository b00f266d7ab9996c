//! Lambda function: dropped files that no event announced, or whose worker is gone, are announced again.
//! `main` reads the settings, builds the clients and runs; the rest is in `handler`.

#[cfg(test)]
mod fault_tests;
mod handler;
mod settings;

use std::process::ExitCode;
use std::time::SystemTime;

use lakegate_lake::clients::{self, SqsClient};
use lakegate_lake::invocation;
use lakegate_lake::listing::Lister;
use lakegate_lake::metrics::{Metrics, Sink};
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::Environment;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::handler::Context;
use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match Settings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("sweep: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let s3 = clients::s3_builder(&settings.aws);
    let context = Context {
        sqs: SqsClient::new(&config),
        raw: Lister::new(&s3, &settings.raw_bucket)?,
        lake: Lister::new(&s3, &settings.lake_bucket)?,
        objects: Objects::on_s3(s3),
        metrics: match &settings.stack_name {
            Some(stack) if settings.has_metrics => Metrics::new(stack.clone(), Sink::Stdout),
            Some(_) | None => Metrics::off(),
        },
        settings,
    };
    let context = &context;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
        let deadline = invocation::deadline(event.context.deadline(), SystemTime::now());
        handler::handle(context, &event.payload, deadline).await
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}
