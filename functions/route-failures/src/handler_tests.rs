//! Tests: batches of failures against stand-ins of SQS, SNS and Glue: everything is kept, everything is told, nothing twice.
//! They must not know how a digest reads.

use std::collections::BTreeSet;

use lakegate_lake::failure::{FAILURE_ATTRIBUTE, FailedSource, FailureKind, Stage};
use serde_json::json;

use super::*;
use crate::stand_ins::{Aws, Fault};

fn event(key: &str) -> String {
    json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-02T03:04:05.000Z", "userIdentity": {"principalId": "A"}, "responseElements": {},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "raw", "arn": "arn:aws:s3:::raw"},
               "object": {"key": key, "size": 5, "eTag": "abc", "versionId": "v1", "sequencer": "0A"}},
    }] })
    .to_string()
}

fn record(number: usize, at: &str) -> FailureRecord {
    let kind = if number.is_multiple_of(10) { FailureKind::UnreadableFile } else { FailureKind::ContractViolated };
    let mut record =
        FailureRecord::new(Stage::Ingest, kind, "61 of 200 rows break the contract (30.5 %), it allows 5 %");
    at.clone_into(&mut record.at);
    record.dataset = Some(format!("dataset_{}", number % 3));
    record.owner = Some("sales-data@example.com".to_owned());
    record.source = Some(FailedSource {
        bucket: "raw".to_owned(),
        key: format!("orders/{number}.csv"),
        version_id: Some("v1".to_owned()),
        etag: Some("abc".to_owned()),
        size_bytes: Some(5),
    });
    record
}

/// A message as Lambda delivers it.
fn message(id: &str, body: &str, record: Option<&FailureRecord>) -> Value {
    let mut attributes = json!({});
    if let Some(record) = record {
        let record = serde_json::to_string(record).unwrap();
        attributes[FAILURE_ATTRIBUTE] = json!({"stringValue": record, "dataType": "String"});
    }
    json!({
        "messageId": id, "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": attributes,
    })
}

fn failure(number: usize, at: &str) -> Value {
    message(&format!("m{number} {at}"), &event(&format!("orders/{number}.csv")), Some(&record(number, at)))
}

const AT: &str = "2026-01-02T03:04:05.678Z";
const LATER: &str = "2026-01-02T09:04:05.678Z";

/// The ids of the messages that come again.
async fn handle_all(context: &Context, messages: &[Value]) -> BTreeSet<String> {
    let response = handle(context, &json!({ "Records": messages })).await.unwrap();
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

fn nothing() -> BTreeSet<String> {
    BTreeSet::new()
}

/// The bodies in the dead-letter queue.
fn bodies(aws: &Aws) -> Vec<String> {
    let mut bodies: Vec<String> =
        aws.kept().iter().map(|entry| entry["MessageBody"].as_str().unwrap().to_owned()).collect();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn ten_thousand_failures_at_once_are_one_digest_and_each_of_them_is_kept() {
    let aws = Aws::start();
    let context = aws.context();
    let messages: Vec<Value> = (0..10_000).map(|number| failure(number, AT)).collect();
    assert_eq!(handle_all(&context, &messages).await, nothing());
    let mut expected: Vec<String> = (0..10_000).map(|number| event(&format!("orders/{number}.csv"))).collect();
    expected.sort();
    assert_eq!(bodies(&aws), expected);
    for entry in aws.kept() {
        let record = entry["MessageAttributes"][FAILURE_ATTRIBUTE]["StringValue"].as_str().unwrap();
        let record: FailureRecord = serde_json::from_str(record).unwrap();
        assert!(record.replay.is_some());
    }
    let mails = aws.mails();
    assert_eq!(mails.len(), 1);
    insta::assert_snapshot!(mails[0].0, @"Lakegate: 10000 files failed: dataset_0 3334, dataset_1 3333, dataset_2 3333");
    assert!(mails[0].1.len() < 20_000, "{}", mails[0].1.len());
    assert_eq!(aws.calls(), 1001, "ten to a call");
    // All of them once more, to the warm function.
    assert_eq!(handle_all(&context, &messages).await, nothing());
    assert_eq!((aws.calls(), aws.mails().len()), (1001, 1));
}

#[tokio::test]
async fn the_same_failure_twice_in_a_batch_is_kept_and_told_once() {
    let aws = Aws::start();
    let (mut again, other) = (failure(1, AT), failure(2, AT));
    again["messageId"] = json!("again");
    assert_eq!(handle_all(&aws.context(), &[failure(1, AT), again, other]).await, nothing());
    assert_eq!(aws.kept().len(), 2);
    assert!(aws.mails()[0].1.starts_with("2 files"), "{}", aws.mails()[0].1);
}

#[tokio::test]
async fn a_second_incident_of_the_same_object_is_told_again() {
    let aws = Aws::start();
    let context = aws.context();
    assert_eq!(handle_all(&context, &[failure(1, AT)]).await, nothing());
    assert_eq!(handle_all(&context, &[failure(1, LATER)]).await, nothing());
    assert_eq!((aws.kept().len(), aws.mails().len()), (2, 2));
}

#[tokio::test]
async fn what_nobody_was_told_of_comes_again_and_is_not_kept_twice() {
    let aws = Aws::start();
    let context = aws.context();
    aws.set(Fault::NoMail);
    let messages = [failure(1, AT), failure(2, AT)];
    assert_eq!(handle_all(&context, &messages).await.len(), 2);
    assert_eq!((aws.kept().len(), aws.mails().len()), (2, 0));
    aws.set(Fault::None);
    // They come again with a third one.
    assert_eq!(handle_all(&context, &[failure(1, AT), failure(2, AT), failure(3, AT)]).await, nothing());
    assert_eq!((aws.kept().len(), aws.mails().len()), (3, 1));
    assert!(aws.mails()[0].1.starts_with("3 files"));
}

#[tokio::test]
async fn what_the_dead_letter_queue_does_not_take_is_neither_told_nor_acknowledged() {
    let aws = Aws::start();
    let context = aws.context();
    aws.set(Fault::NoQueue);
    assert_eq!(handle_all(&context, &[failure(1, AT), failure(2, AT)]).await.len(), 2);
    assert_eq!((aws.kept().len(), aws.mails().len()), (0, 0));

    aws.set(Fault::FirstOfCall);
    let messages: Vec<Value> = (0..25).map(|number| failure(number, AT)).collect();
    let again = handle_all(&context, &messages).await;
    assert_eq!((again.len(), aws.kept().len()), (3, 22), "the first of three calls each");
    assert!(aws.mails()[0].1.starts_with("22 files"));

    aws.set(Fault::None);
    assert_eq!(handle_all(&context, &messages).await, nothing());
    assert_eq!(aws.kept().len(), 25);
    assert!(aws.mails()[1].1.starts_with("3 files"));
}

#[tokio::test]
async fn a_message_of_which_one_failure_is_not_kept_comes_again_and_the_others_are_told_once() {
    let aws = Aws::start();
    let context = aws.context();
    let records: Vec<Value> = (0..10)
        .map(|number| {
            serde_json::from_str::<Value>(&event(&format!("orders/{number}.csv"))).unwrap()["Records"][0].take()
        })
        .collect();
    let given_up = [message("given up", &json!({ "Records": records }).to_string(), None)];
    aws.set(Fault::FirstOfCall);
    assert_eq!(handle_all(&context, &given_up).await, BTreeSet::from(["given up".to_owned()]));
    aws.set(Fault::None);
    assert_eq!(handle_all(&context, &given_up).await, nothing());
    assert_eq!(handle_all(&context, &given_up).await, nothing());
    let expected: Vec<String> = (0..10).map(|number| event(&format!("orders/{number}.csv"))).collect();
    assert_eq!(bodies(&aws), expected);
    assert_eq!(aws.mails().len(), 2);
    assert!(aws.mails()[0].1.starts_with("9 files") && aws.mails()[1].1.starts_with("1 file"));
}

/// EventBridge's event of a run that failed, received so often.
fn failed_run(run_id: &str, receive_count: u32) -> Value {
    let body = json!({
        "detail-type": "Glue Job State Change", "source": "aws.glue", "time": AT, "region": "eu-central-1",
        "detail": {"jobName": "convert-large", "severity": "ERROR", "state": "FAILED", "jobRunId": run_id, "message": "m"},
    });
    let mut message = message(run_id, &body.to_string(), None);
    message["attributes"]["ApproximateReceiveCount"] = json!(receive_count.to_string());
    message
}

#[tokio::test]
async fn a_glue_that_gives_no_answer_keeps_no_other_failure_from_being_told() {
    let aws = Aws::start();
    let context = aws.context();
    aws.set(Fault::GlueHangs);
    let run = |number: u32, receive_count| failed_run(&format!("jr_{number}"), receive_count);
    let mut messages: Vec<Value> = (0..40).map(|number| run(number, 1)).collect();
    messages.push(failure(1, AT));
    let started = Instant::now();
    assert_eq!(handle_all(&context, &messages).await.len(), 40, "the runs come again");
    assert!(started.elapsed() < 20 * context.lookups_max, "they were waited for at once");
    assert!(aws.unanswered() >= 2);
    assert_eq!((aws.kept().len(), aws.mails().len()), (1, 1));

    for (fault, number) in [(Fault::GlueHangs, 1), (Fault::NoGlue, 2)] {
        aws.set(fault);
        assert_eq!(handle_all(&context, &[run(number, 2)]).await.len(), 1);
        assert_eq!(handle_all(&context, &[run(number, 3)]).await, nothing(), "told without its file");
        let (_, mail) = aws.mails().pop().unwrap();
        assert!(mail.contains(&format!("run jr_{number} ")) && mail.contains("which file it was is unknown"), "{mail}");
    }
    aws.set(Fault::None);
    assert_eq!(handle_all(&context, &[run(3, 2), run(4, 1)]).await, nothing());
    let (_, mail) = aws.mails().pop().unwrap();
    assert!(mail.contains("s3://raw/jr_3.csv") && mail.contains("s3://raw/jr_4.csv"), "{mail}");
    assert!(bodies(&aws).iter().any(|body| body.contains("\"jr_3.csv\"")), "its own event is kept");
}

#[tokio::test]
async fn nothing_but_test_messages_is_nothing_to_tell() {
    let aws = Aws::start();
    assert_eq!(handle_all(&aws.context(), &[message("t", r#"{"Event": "s3:TestEvent"}"#, None)]).await, nothing());
    assert_eq!(aws.calls(), 0);
}
