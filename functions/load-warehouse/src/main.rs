//! Lambda function: what was taken into the lake is loaded into Redshift.
//! `main` reads the settings, builds the clients and runs; the rest is in `handler`.

mod handler;
mod load;
mod message;
mod settings;
mod shape;
mod sql;
mod steps;
mod verdict;
#[cfg(test)]
mod way_tests;
#[cfg(test)]
mod world;

use std::process::ExitCode;
use std::time::SystemTime;

use lakegate_lake::catalog::Catalog;
use lakegate_lake::clients::{self, GlueClient, SqsClient};
use lakegate_lake::invocation;
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::Environment;
use lakegate_lake::warehouse::Warehouse;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::settings::Settings;
use crate::steps::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let settings = match Settings::read(Environment::of_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("load-warehouse: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let config = clients::sdk_config(&settings.aws).await;
    let builder = clients::service_builder_for(&settings.aws, "AWS_ENDPOINT_URL_REDSHIFT_DATA");
    let context = Context {
        sqs: SqsClient::new(&config),
        catalog: Catalog::new(GlueClient::new(&config), settings.glue_database.clone()),
        objects: Objects::on_s3(clients::s3_builder(&settings.aws)),
        warehouse: Warehouse::new(&builder, settings.workgroup.clone(), settings.warehouse_database.clone())?,
        clock: SystemTime::now,
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
