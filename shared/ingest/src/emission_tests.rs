//! Tests: what is told of an object beside its ledger entry, in good weather and in every other.
//! They must not know how it is told.

use lakegate_lake::claims::Worker;
use lakegate_lake::ledger::State;
use lakegate_lake::trace::Trace;
use lakegate_stand_ins::{Aws, Fault};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::take_in::{Delivery, take_in};
use crate::world::{BROKEN, FIRST, LATER, SECOND, World, clock, wait};

async fn world(aws: &Aws) -> World<'_> {
    let mut world = World::new(aws).await;
    world.tells = true;
    world
}

fn metrics(lake: &World<'_>) -> Vec<Value> {
    lake.metrics.lock().unwrap().drain(..).map(|line| serde_json::from_str(&line).unwrap()).collect()
}

/// The types of the lineage events that are kept, by key, and the ids of their runs.
async fn lineage(lake: &World<'_>) -> (Vec<String>, Vec<String>) {
    let (mut types, mut runs) = (Vec::new(), Vec::new());
    let plain = lake.plain();
    for listed in plain.list("lake", "lineage/").await.unwrap() {
        let event: Value = serde_json::from_slice(&plain.get("lake", &listed.key).await.unwrap().unwrap()).unwrap();
        types.push(event["eventType"].as_str().unwrap().to_owned());
        runs.push(event["run"]["runId"].as_str().unwrap().to_owned());
    }
    runs.dedup();
    (types, runs)
}

#[tokio::test]
async fn a_file_that_is_taken_in_is_counted_noticed_and_traced_once() {
    let aws = Aws::start();
    let lake = world(&aws).await;
    let event = lake.upload(FIRST).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Committed(_)));
    let [line] = <[Value; 1]>::try_from(metrics(&lake)).unwrap();
    let names = ["Dataset", "FilesCommitted", "RowsRead", "RowsAccepted", "RowsRejected", "BytesRead"];
    assert_eq!(
        names.map(|name| line[name].clone()),
        [json!("orders"), json!(1), json!(3), json!(2), json!(1), json!(30)]
    );
    let [notice] = <[Value; 1]>::try_from(aws.events()).unwrap();
    assert_eq!(notice["rows"], json!({"read": 3, "accepted": 2, "rejected": 1, "duplicate": 0}));
    assert_eq!(notice["partitions"][0], json!({"path": "region=APAC", "values": {"region": "APAC"}, "rows": 1}));
    let (types, runs) = lineage(&lake).await;
    assert_eq!(types, ["COMPLETE", "START"]);
    assert_eq!(runs, [notice["run_id"].as_str().unwrap()]);
    assert!(!lake.entry().await.unwrap().notice_pending);

    // S3 delivers at least once.
    lake.is_repeated.set(false);
    let again = lake.deliver(&event).await.unwrap().unwrap();
    assert!(matches!(again, Outcome::AlreadyCommitted));
    assert_eq!((metrics(&lake).len(), aws.events().len()), (0, 1));
}

#[tokio::test]
async fn a_rejected_file_is_counted_and_a_failed_run() {
    let aws = Aws::start();
    let lake = world(&aws).await;
    let event = lake.upload(BROKEN).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Rejected(..)));
    let [line] = <[Value; 1]>::try_from(metrics(&lake)).unwrap();
    assert_eq!((&line["FilesRejected"], &line["RowsRead"], &line["RowsAccepted"]), (&json!(1), &json!(3), &json!(0)));
    assert!(line.get("Age").is_none() && aws.events().is_empty());
    assert_eq!(lineage(&lake).await.0, ["FAIL", "START"]);
}

#[tokio::test]
async fn a_file_in_ranges_is_one_run() {
    let aws = Aws::start();
    let mut lake = world(&aws).await;
    lake.in_ranges = Some(11);
    let event = lake.upload(SECOND).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Committed(_)));
    let (types, runs) = lineage(&lake).await;
    assert_eq!((types.len(), runs.len(), metrics(&lake).len()), (2, 1, 1));
    assert_eq!(aws.events()[0]["glue_run_id"], "jr_1");
    assert!(!lake.entry().await.unwrap().notice_pending, "it was sent");
}

#[tokio::test]
async fn a_notice_that_cannot_be_sent_is_pending_and_sent_when_the_file_is_announced_again() {
    let aws = Aws::start();
    for in_ranges in [None, Some(11)] {
        let mut lake = world(&aws).await;
        lake.in_ranges = in_ranges;
        let event = lake.upload(SECOND).await;
        aws.deny(Some("PutEvents"));
        assert!(matches!(lake.settle(&event).await, Outcome::Committed(_)));
        let unsent = metrics(&lake).pop().unwrap();
        assert_eq!((&unsent["NoticesUnsent"], &unsent["Dataset"]), (&json!(1), &json!("orders")));
        let entry = lake.entry().await.unwrap();
        assert_eq!((entry.state, entry.notice_pending, entry.lease_until), (State::Committed, true, None));
        aws.deny(None);
        lake.is_repeated.set(false);
        lake.in_ranges = None;
        assert!(matches!(lake.deliver(&event).await.unwrap().unwrap(), Outcome::AlreadyCommitted));
        assert_eq!(aws.events().len(), 1);
        assert!(!lake.entry().await.unwrap().notice_pending);
    }
}

/// The calls of a commit and of all that is told after it, one after another in every kind of trouble.
#[tokio::test]
async fn whatever_goes_wrong_the_file_is_taken_in_and_somebody_is_told_of_it() {
    let aws = Aws::start();
    let calls = {
        let lake = world(&aws).await;
        let event = lake.upload(FIRST).await;
        let before = lake.faults.calls();
        lake.settle(&event).await;
        lake.faults.calls() - before
    };
    assert!(calls > 15, "{calls}");
    for fault in [Fault::FailBefore, Fault::FailAfter, Fault::DieBefore, Fault::DieAfter] {
        for call in 0..calls {
            let lake = world(&aws).await;
            let event = lake.upload(FIRST).await;
            lake.faults.arm(call, fault);
            let mut outcome = lake.deliver(&event).await.and_then(Result::ok);
            lake.faults.disarm();
            // Passing trouble, or the worker died: the queue delivers again when the lease has ended.
            if outcome.is_none() {
                wait(LATER);
                lake.is_repeated.set(true);
                outcome = lake.deliver(&event).await.and_then(Result::ok);
            }
            let outcome = outcome.unwrap();
            let what = format!("{fault:?} at call {call}: {outcome:?}");
            assert!(matches!(outcome, Outcome::Committed(_) | Outcome::AlreadyCommitted), "{what}");
            let entry = lake.entry().await.unwrap();
            assert_eq!((entry.state, entry.rows_accepted), (State::Committed, 2), "{what}");
            assert!(!aws.events().is_empty() || entry.notice_pending, "{what}");
            assert!(aws.events().iter().all(|event| event["rows"]["accepted"] == 2), "{what}");
            assert!(aws.told().is_empty(), "{what}");
        }
    }
}

#[tokio::test]
async fn the_trace_of_a_message_is_in_all_that_comes_of_it() {
    const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";
    let aws = Aws::start();
    for (content, state) in [(FIRST, State::Committed), (BROKEN, State::Rejected), (FIRST, State::Heavy)] {
        let mut lake = world(&aws).await;
        lake.heavy_bytes = if state == State::Heavy { 1 } else { u64::MAX };
        let event = lake.upload(content).await;
        let worker = Worker::new("r", clock() + Duration::from_mins(5), clock());
        let worker = worker.traced(Trace::parse(&format!("Root={ID};Parent=53995c3f42cd8ad8;Sampled=1")));
        let (run_id, started) = (None, Instant::now());
        let delivery = Delivery { worker: &worker, event: &event, replaces: None, run_id, started, is_repeated: false };
        take_in(&lake.context(), delivery).await.unwrap();
        let entry = lake.entry().await.unwrap();
        assert_eq!((entry.state, entry.trace_id.as_deref()), (state, Some(ID)));
        match state {
            State::Committed => assert_eq!(aws.events()[0]["trace_id"], ID),
            State::Rejected => {
                assert_eq!(aws.told()[0].trace_id.as_deref(), Some(ID));
                let message = &aws.messages_to("failures")[0];
                let header = &message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"];
                assert_eq!(header, &format!("Root={ID}"));
            }
            State::Working | State::Publishing | State::Heavy | State::Failed | State::Removed => {
                let header = &aws.messages_to("heavy")[0]["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"];
                assert_eq!(header, &format!("Root={ID};Parent=53995c3f42cd8ad8;Sampled=1"));
            }
        }
    }
}
