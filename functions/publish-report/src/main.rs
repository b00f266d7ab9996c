//! Lambda function: the dashboard's queries are run, and their answers become a page in the lake bucket.
//! `main` reads the settings, builds the clients and runs; the rest is in `handler`.

mod asked;
mod handler;
mod publish;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::process::ExitCode;
use std::time::SystemTime;

use lakegate_lake::athena::Athena;
use lakegate_lake::clients::{self, SqsClient};
use lakegate_lake::invocation;
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::Environment;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

use crate::handler::Context;
use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match Settings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("publish-report: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let context = Context {
        sqs: SqsClient::new(&config),
        objects: Objects::on_s3(clients::s3_builder(&settings.aws)),
        athena: Athena::new(&clients::service_builder(&settings.aws))?,
        clock: SystemTime::now,
        settings,
    };
    let context = &context;
    // Whatever starts it, a schedule or a batch that ended: the page is about all that is in the tables.
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let deadline = invocation::deadline(event.context.deadline(), SystemTime::now());
        handler::handle(context, &event.context.request_id, deadline).await
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}
