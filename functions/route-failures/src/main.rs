//! Lambda function: every failure into the dead-letter queue, and one alert digest per batch.
//! `main` reads the settings, builds the clients and runs; the rest is in `handler`.

mod advice;
mod digest;
mod handler;
mod known;
mod routed;
mod settings;
#[cfg(test)]
mod stand_ins;

use std::process::ExitCode;

use lakegate_lake::clients::{self, GlueClient, SnsClient, SqsClient};
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
            eprintln!("route-failures: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let context = Context {
        glue: GlueClient::new(&config),
        sns: SnsClient::new(&config),
        sqs: SqsClient::new(&config),
        known: std::sync::Mutex::default(),
        lookups_max: handler::LOOKUPS_MAX,
        settings,
    };
    let context = &context;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| handler::handle(context, &event.payload).await))
        .await?;
    Ok(ExitCode::SUCCESS)
}
