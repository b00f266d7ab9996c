//! Tests: batches of failures against stand-ins of SQS, SNS, Glue and S3: everything is kept, everything is told, nothing twice.
//! They must not know how a digest reads.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_lake::failure::{FAILURE_ATTRIBUTE, FailedSource, FailureKind, Stage};
use lakegate_lake::ledger::{Entry, State};
use lakegate_stand_ins::{Aws, Fault, S3};
use serde_json::json;

use super::*;
use crate::world::{AT, World, event, message, state_change};

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

fn failure(number: usize, at: &str) -> Value {
    message(&format!("m{number} {at}"), &event(&format!("orders/{number}.csv")), Some(&record(number, at)))
}

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
fn bodies(world: &World<'_>) -> Vec<String> {
    let mut bodies: Vec<String> =
        world.kept().iter().map(|entry| entry["MessageBody"].as_str().unwrap().to_owned()).collect();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn ten_thousand_failures_at_once_are_one_digest_and_each_of_them_is_kept() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let context = world.context();
    let messages: Vec<Value> = (0..10_000).map(|number| failure(number, AT)).collect();
    assert_eq!(handle_all(&context, &messages).await, nothing());
    let mut expected: Vec<String> = (0..10_000).map(|number| event(&format!("orders/{number}.csv"))).collect();
    expected.sort();
    assert_eq!(bodies(&world), expected);
    for entry in world.kept() {
        let record = entry["MessageAttributes"][FAILURE_ATTRIBUTE]["StringValue"].as_str().unwrap();
        let record: FailureRecord = serde_json::from_str(record).unwrap();
        assert!(record.replay.is_some());
    }
    let mails = aws.mails();
    assert_eq!(mails.len(), 1);
    insta::assert_snapshot!(mails[0].0, @"Lakegate: 10,000 files failed (2 kinds): dataset_0 3,334, dataset_1 3,333, dataset_2 3,333");
    assert!(mails[0].1.len() < 20_000, "{}", mails[0].1.len());
    assert_eq!(world.faults.calls(), 1001, "ten to a call");
    // All of them once more, to the warm function.
    assert_eq!(handle_all(&context, &messages).await, nothing());
    assert_eq!((world.faults.calls(), aws.mails().len()), (1001, 1));
}

#[tokio::test]
async fn the_same_failure_twice_in_a_batch_is_kept_and_told_once() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let (mut again, other) = (failure(1, AT), failure(2, AT));
    again["messageId"] = json!("again");
    assert_eq!(handle_all(&world.context(), &[failure(1, AT), again, other]).await, nothing());
    assert_eq!(world.kept().len(), 2);
    assert!(aws.mails()[0].1.starts_with("2 files"), "{}", aws.mails()[0].1);
}

#[tokio::test]
async fn a_second_incident_of_the_same_object_is_told_again() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let context = world.context();
    assert_eq!(handle_all(&context, &[failure(1, AT)]).await, nothing());
    assert_eq!(handle_all(&context, &[failure(1, LATER)]).await, nothing());
    assert_eq!((world.kept().len(), aws.mails().len()), (2, 2));
}

#[tokio::test]
async fn what_nobody_was_told_of_comes_again_and_is_not_kept_twice() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let context = world.context();
    world.faults.always(Some(("Publish", Fault::FailBefore)));
    let messages = [failure(1, AT), failure(2, AT)];
    assert_eq!(handle_all(&context, &messages).await.len(), 2);
    assert_eq!((world.kept().len(), aws.mails().len()), (2, 0));
    world.faults.always(None);
    // They come again with a third one.
    assert_eq!(handle_all(&context, &[failure(1, AT), failure(2, AT), failure(3, AT)]).await, nothing());
    assert_eq!((world.kept().len(), aws.mails().len()), (3, 1));
    assert!(aws.mails()[0].1.starts_with("3 files"));
}

#[tokio::test]
async fn what_the_dead_letter_queue_does_not_take_is_neither_told_nor_acknowledged() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let context = world.context();
    world.faults.always(Some(("SendMessageBatch", Fault::FailBefore)));
    assert_eq!(handle_all(&context, &[failure(1, AT), failure(2, AT)]).await.len(), 2);
    assert_eq!((world.kept().len(), aws.mails().len()), (0, 0));

    world.faults.always(Some(("SendMessageBatch", Fault::InPart)));
    let messages: Vec<Value> = (0..25).map(|number| failure(number, AT)).collect();
    let again = handle_all(&context, &messages).await;
    assert_eq!((again.len(), world.kept().len()), (3, 22), "the first of three calls each");
    assert!(aws.mails()[0].1.starts_with("22 files"));

    world.faults.always(None);
    assert_eq!(handle_all(&context, &messages).await, nothing());
    assert_eq!(world.kept().len(), 25);
    assert!(aws.mails()[1].1.starts_with("3 files"));
}

#[tokio::test]
async fn a_message_of_which_one_failure_is_not_kept_comes_again_and_the_others_are_told_once() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let context = world.context();
    let records: Vec<Value> = (0..10)
        .map(|number| {
            serde_json::from_str::<Value>(&event(&format!("orders/{number}.csv"))).unwrap()["Records"][0].take()
        })
        .collect();
    let given_up = [message("given up", &json!({ "Records": records }).to_string(), None)];
    world.faults.always(Some(("SendMessageBatch", Fault::InPart)));
    assert_eq!(handle_all(&context, &given_up).await, BTreeSet::from(["given up".to_owned()]));
    world.faults.always(None);
    assert_eq!(handle_all(&context, &given_up).await, nothing());
    assert_eq!(handle_all(&context, &given_up).await, nothing());
    let expected: Vec<String> = (0..10).map(|number| event(&format!("orders/{number}.csv"))).collect();
    assert_eq!(bodies(&world), expected);
    assert_eq!(aws.mails().len(), 2);
    assert!(aws.mails()[0].1.starts_with("9 files") && aws.mails()[1].1.starts_with("1 file"));
}

/// EventBridge's event of a run that ended, received so often.
fn ended_run(run_id: &str, state: &str, receive_count: u32) -> Value {
    let mut message = message(run_id, &state_change(run_id, state), None);
    message["attributes"]["ApproximateReceiveCount"] = json!(receive_count.to_string());
    message
}

#[tokio::test]
async fn a_glue_that_gives_no_answer_keeps_no_other_failure_from_being_told() {
    let (aws, s3) = (Aws::start(), S3::start());
    let mut world = World::new(&aws, &s3);
    // Shorter than a client waits for its answer.
    world.lookups_max = Duration::from_secs(1);
    let context = world.context();
    world.faults.always(Some(("GetJobRun", Fault::TimeOutBefore)));
    let run = |number: u32, receive_count| ended_run(&format!("jr_{number}"), "FAILED", receive_count);
    let mut messages: Vec<Value> = (0..40).map(|number| run(number, 1)).collect();
    messages.push(failure(1, AT));
    assert_eq!(handle_all(&context, &messages).await.len(), 40, "the runs come again");
    assert_eq!((world.kept().len(), aws.mails().len()), (1, 1));

    for (fault, number) in [(Fault::TimeOutBefore, 1), (Fault::Throttle, 2)] {
        world.faults.always(Some(("GetJobRun", fault)));
        assert_eq!(handle_all(&context, &[run(number, 2)]).await.len(), 1);
        assert_eq!(handle_all(&context, &[run(number, 3)]).await, nothing(), "told without its file");
        let (_, mail) = aws.mails().pop().unwrap();
        assert!(mail.contains(&format!("run jr_{number} ")) && mail.contains("which file it was is unknown"), "{mail}");
    }
    world.faults.always(None);
    world.lookups_max = Duration::from_mins(2);
    let context = world.context();
    world.run("jr_3", "orders/3.csv", Some(State::Heavy)).await;
    world.run("jr_4", "orders/4.csv", Some(State::Heavy)).await;
    assert_eq!(handle_all(&context, &[run(3, 2), run(4, 1)]).await, nothing());
    let (_, mail) = aws.mails().pop().unwrap();
    assert!(mail.contains("s3://raw/orders/3.csv") && mail.contains("s3://raw/orders/4.csv"), "{mail}");
    assert!(bodies(&world).iter().any(|body| body.contains("\"orders/3.csv\"")), "its own event is kept");
}

/// What is told of a run, if anything is.
async fn told_of(world: &World<'_>, run_id: &str, state: &str) -> Option<FailureRecord> {
    assert_eq!(handle_all(&world.context(), &[ended_run(run_id, state, 1)]).await, nothing());
    world.records().pop()
}

#[tokio::test]
async fn a_run_that_failed_is_told_with_its_object_its_error_and_its_page() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    world.run("jr_1", "orders/a b.csv", Some(State::Heavy)).await;
    let record = told_of(&world, "jr_1", "FAILED").await.unwrap();
    assert_eq!((record.kind, record.stage, record.at.as_str()), (FailureKind::GlueJobFailed, Stage::Glue, AT));
    insta::assert_snapshot!(record.summary, @"run jr_1 of Glue job convert-large ended FAILED: SystemExit: range 3 of jr_1 could not be converted: out of memory");
    insta::assert_snapshot!(record.link.unwrap(), @"https://eu-central-1.console.aws.amazon.com/gluestudio/home?region=eu-central-1#/job/convert-large/run/jr_1");
    let source = record.source.unwrap();
    assert_eq!(
        (source.key.as_str(), source.version_id.as_deref(), source.etag.as_deref()),
        ("orders/a b.csv", Some("v1"), Some("e1"))
    );
    let kept: Value = serde_json::from_str(&bodies(&world)[0]).unwrap();
    assert_eq!(kept["Records"][0]["s3"]["object"]["versionId"], "v1", "what is sent back is about that version");

    for (state, kind) in [("TIMEOUT", FailureKind::GlueJobTimedOut), ("STOPPED", FailureKind::GlueJobStopped)] {
        assert_eq!(told_of(&world, "jr_1", state).await.unwrap().kind, kind);
    }
}

#[tokio::test]
async fn a_run_whose_manifest_is_gone_is_told_by_its_arguments() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    world.run("jr_1", "orders/a b.csv", Some(State::Heavy)).await;
    world.forget_manifests().await;
    let source = told_of(&world, "jr_1", "FAILED").await.unwrap().source.unwrap();
    assert_eq!((source.key.as_str(), source.version_id.as_deref()), ("orders/a b.csv", Some("v1")));
}

#[tokio::test]
async fn a_failed_run_of_a_prefix_is_told_with_the_prefix() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    world.prefix_run("jr_1").await;
    let record = told_of(&world, "jr_1", "FAILED").await.unwrap();
    insta::assert_snapshot!(record.summary, @"run jr_1 of Glue job convert-large, over s3://raw/backfill/2024/, ended FAILED: SystemExit: range 3 of jr_1 could not be converted: out of memory");
    assert_eq!(record.source, None);
    assert_eq!(
        told_of(&world, "jr_1", "SUCCEEDED").await.map(|record| record.kind),
        Some(FailureKind::GlueJobFailed),
        "nothing more"
    );
}

#[tokio::test]
async fn a_run_that_says_it_succeeded_is_believed_when_the_ledger_says_so_too() {
    let (aws, s3) = (Aws::start(), S3::start());
    for (state, expected) in [
        (Some(State::Committed), false),
        (Some(State::Rejected), false),
        (Some(State::Failed), false),
        (Some(State::Removed), false),
        (Some(State::Heavy), true),
        (Some(State::Working), true),
        (Some(State::Publishing), true),
        (None, true),
    ] {
        let world = World::new(&aws, &s3);
        world.run("jr_1", "orders/a.csv", state).await;
        let told = told_of(&world, "jr_1", "SUCCEEDED").await;
        assert_eq!(told.is_some(), expected, "{state:?}");
        assert!(told.is_none_or(|record| record.kind == FailureKind::GlueJobUnfinished));
    }
}

#[tokio::test]
async fn a_run_whose_object_went_on_without_it_is_no_failure() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let entry = world.run("jr_1", "orders/a.csv", Some(State::Heavy)).await;
    let at = "2026-01-02T05:00:00.000Z".to_owned();
    let mut newer = entry.clone();
    newer.source.version_id = Some("v2".to_owned());
    for (what, entry) in [
        ("another run has it", Entry { run_id: Some("jr_2".to_owned()), ..entry.clone() }),
        ("it was handed over anew", Entry { run_id: None, at: at.clone(), ..entry.clone() }),
        ("a newer version was handed over", Entry { run_id: None, at, ..newer.clone() }),
        ("a newer version is in work", Entry { state: State::Working, run_id: None, ..newer }),
        (
            "it is judged anew",
            Entry { state: State::Working, lease_until: Some("2999-01-01T00:00:00Z".to_owned()), ..entry.clone() },
        ),
    ] {
        world.write(&entry).await;
        assert_eq!(told_of(&world, "jr_1", "SUCCEEDED").await, None, "{what}");
    }
    world.write(&Entry { run_id: None, ..entry }).await;
    assert!(told_of(&world, "jr_1", "SUCCEEDED").await.is_some(), "its run was never noted");
}

#[tokio::test]
async fn a_success_that_nobody_can_check_is_asked_for_for_hours_and_then_told() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    world.run("jr_1", "orders/a.csv", Some(State::Committed)).await;
    world.faults.always(Some(("GetJobRun", Fault::Throttle)));
    let context = world.context();
    assert_eq!(handle_all(&context, &[ended_run("jr_1", "SUCCEEDED", 11)]).await.len(), 1);
    assert_eq!(handle_all(&context, &[ended_run("jr_1", "SUCCEEDED", 12)]).await, nothing());
    assert_eq!(world.records().pop().unwrap().kind, FailureKind::GlueJobUnfinished);
}

#[tokio::test]
async fn nothing_but_test_messages_is_nothing_to_tell() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    assert_eq!(handle_all(&world.context(), &[message("t", r#"{"Event": "s3:TestEvent"}"#, None)]).await, nothing());
    assert_eq!(world.faults.calls(), 0);
}

#[tokio::test]
async fn failures_are_counted_once_by_dataset_and_kind() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let context = world.context();
    let messages: Vec<Value> = (0..20).map(|number| failure(number, AT)).collect();
    for _ in 0..2 {
        assert_eq!(handle_all(&context, &messages).await, nothing());
    }
    let mut counts = BTreeMap::new();
    for line in context.metrics.kept() {
        let name = |name: &str| line[name].as_str().unwrap().to_owned();
        counts.insert((name("Dataset"), name("Kind")), line["Failures"].as_u64().unwrap());
    }
    let count = |dataset: &str, kind: &str| counts[&(dataset.to_owned(), kind.to_owned())];
    assert_eq!(count("dataset_0", "UnreadableFile"), 1);
    assert_eq!(count("dataset_1", "UnreadableFile"), 1);
    assert_eq!(counts.values().sum::<u64>(), 20);
    assert_eq!(context.metrics.kept().len(), 5, "and nothing when they come again");
}

#[tokio::test]
async fn a_late_dataset_is_told_and_not_kept() {
    let (aws, s3) = (Aws::start(), S3::start());
    let world = World::new(&aws, &s3);
    let context = world.context();
    let mut late =
        FailureRecord::new(Stage::Sweep, FailureKind::DataLate, "no file of it was taken in since yesterday");
    late.dataset = Some("orders".to_owned());
    let messages = [message("m1", r#"{"late":"orders"}"#, Some(&late))];
    assert_eq!(handle_all(&context, &messages).await, nothing());
    assert_eq!((bodies(&world).len(), aws.mails().len()), (0, 1));
    assert!(aws.mails()[0].1.starts_with("1 dataset is late"), "{:?}", aws.mails());
    assert_eq!(context.metrics.kept()[0]["Kind"], "DataLate");
}
