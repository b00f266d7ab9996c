//! Tests: what becomes of every message that needs no call to AWS.
//! They must not make one.

use std::time::Duration;

use lakegate_lake::clients::{self, GlueClient};
use lakegate_lake::invocation::{self, Invocation};
use lakegate_lake::objects::Objects;
use lakegate_lake::settings::AwsSettings;

use super::*;

/// Of every message in a sample event: kind, source, whether a retry can help, and how the body begins.
async fn routed(path: &str) -> String {
    let path = format!("{}/../../events/route-failures/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let Invocation::Batch(messages) = invocation::parse(&serde_json::from_str(&text).unwrap()).unwrap() else {
        panic!("{path} is a batch");
    };
    let mut lines = Vec::new();
    for message in messages {
        lines.push(lines_of(&message).await);
    }
    lines.join("\n")
}

async fn lines_of(message: &Message) -> String {
    // Nothing listens on that port: what needs no call must make none.
    let endpoint_url = Some("http://127.0.0.1:9".to_owned());
    let settings =
        AwsSettings { region: "eu-central-1".to_owned(), endpoint_url, variables: std::collections::BTreeMap::new() };
    let lookups = Lookups {
        glue: GlueClient::new(&clients::sdk_config(&settings).await),
        objects: Objects::on_s3(clients::s3_builder(&settings)),
        lake_bucket: "lake".to_owned(),
    };
    let mut lines = Vec::new();
    for Routed { record, original, .. } in
        of_message(&lookups, message, Instant::now() + Duration::from_mins(1)).await.unwrap()
    {
        let source = record.source.as_ref().map_or_else(|| "no source".to_owned(), FailedSource::url);
        let start: String = original.chars().take(12).collect();
        lines.push(format!("{} | {source} | retryable {} | {start}", record.kind, record.retryable));
    }
    lines.join("\n")
}

fn with_body(body: &str) -> Message {
    Message { id: "m".to_owned(), body: body.to_owned(), ..Message::default() }
}

#[tokio::test]
async fn records_and_given_up_events_are_understood() {
    insta::assert_snapshot!(routed("sqs-failure-record.json").await, @r#"ContractViolated | s3://lakegate-raw-111122223333/orders/2025-08.csv | retryable false | {"Records":["#);
    insta::assert_snapshot!(routed("sqs-given-up.json").await, @r#"GaveUp | s3://lakegate-raw-111122223333/customers/2025-09.csv | retryable true | {"Records":["#);
}

#[tokio::test]
async fn a_message_that_nobody_understands_is_kept_as_it_stands() {
    insta::assert_snapshot!(lines_of(&with_body("gibberish")).await, @"UnreadableMessage | no source | retryable false | gibberish");
    let mut message = with_body(r#"{"Event": "s3:TestEvent"}"#);
    assert_eq!(lines_of(&message).await, "");
    message.attributes.insert(FAILURE_ATTRIBUTE.to_owned(), "{".to_owned());
    insta::assert_snapshot!(lines_of(&message).await, @r#"UnreadableMessage | no source | retryable false | {"Event": "s"#);
}

#[tokio::test]
async fn of_a_message_that_was_given_up_each_object_is_told_and_a_bad_record_alone_is_unreadable() {
    let mut event: serde_json::Value =
        serde_json::from_str(include_str!("../../../events/ingest/s3-notification.json")).unwrap();
    let good = event["Records"][0].clone();
    let mut removed = good.clone();
    removed["eventName"] = "ObjectRemoved:Delete".into();
    event["Records"] = vec![good.clone(), serde_json::json!({"half": 1}), removed].into();
    insta::assert_snapshot!(lines_of(&with_body(&event.to_string())).await, @r#"
GaveUp | s3://lakegate-raw-111122223333/orders/2025-09.csv | retryable true | {"Records":[
GaveUp | s3://lakegate-raw-111122223333/orders/2025-09.csv | retryable true | {"Records":[
UnreadableMessage | no source | retryable false | {"Records":[
"#);
    let mut many = vec![serde_json::Value::Null; 10_000];
    many.push(good);
    insta::assert_snapshot!(lines_of(&with_body(&serde_json::json!({ "Records": many }).to_string())).await, @r#"
GaveUp | s3://lakegate-raw-111122223333/orders/2025-09.csv | retryable true | {"Records":[
UnreadableMessage | no source | retryable false | {"Records":[
"#);
}

#[tokio::test]
async fn a_replayed_dead_letter_that_is_given_up_is_told_as_such() {
    let mut record = FailureRecord::new(Stage::Ingest, FailureKind::ContractViolated, "told last time");
    record.replay = Some("lakegate replay --send".to_owned());
    let record = serde_json::to_string(&record).unwrap();
    let event = include_str!("../../../events/ingest/s3-notification.json");
    let mut message = with_body(event);
    message.attributes.insert(FAILURE_ATTRIBUTE.to_owned(), record);
    assert!(lines_of(&message).await.starts_with("GaveUp | s3://lakegate-raw-111122223333/"));
}
