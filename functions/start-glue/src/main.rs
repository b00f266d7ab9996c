//! Lambda function: an object too big for one Lambda becomes a run of the Glue job.
//! `main` reads the settings, builds the clients and runs; the rest is in `handler`.

mod due;
#[cfg(test)]
mod fault_tests;
mod handler;
mod settings;
mod start;
#[cfg(test)]
mod storm_tests;
#[cfg(test)]
mod world;

use std::process::ExitCode;
use std::time::SystemTime;

use lakegate_lake::claims::Worker;
use lakegate_lake::clients::{self, GlueClient, SqsClient};
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::Environment;
use lakegate_lake::trace::Trace;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::handler::Context;
use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match Settings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("start-glue: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let context = Context {
        glue: GlueClient::new(&config),
        sqs: SqsClient::new(&config),
        objects: Objects::on_s3(clients::s3_builder(&settings.aws)),
        clock: SystemTime::now,
        settings,
    };
    let context = &context;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| {
        let trace = event.context.xray_trace_id.as_deref().and_then(Trace::parse);
        let worker = Worker::new(&event.context.request_id, event.context.deadline(), SystemTime::now()).traced(trace);
        handler::handle(context, &worker, &event.payload).await
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}
