//! Tests: what becomes of whole messages, and when they are to come again.
//! They must not know how an object is taken in.

use std::time::Duration;

use lakegate_lake::layout;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

use super::*;
use crate::stand_ins::{Aws, Fault};
use crate::world::{FIRST, World, clock};

impl World<'_> {
    async fn upload_as(&self, key: &str) {
        self.raw.put(&Path::parse(key).unwrap(), FIRST.into()).await.unwrap();
    }

    /// The ids of the messages that are to come again.
    async fn handle(&self, messages: &[Message]) -> Vec<String> {
        let worker = Worker::new("r", clock() + Duration::from_mins(5), clock());
        match handle(&self.context(), &worker, &batch(messages)).await.unwrap() {
            Response::Batch(response) => {
                response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
            }
            Response::Direct { .. } => panic!("a batch was given"),
        }
    }

    /// What the ledger says of an object.
    async fn state(&self, key: &str) -> String {
        let found = self.plain().get("lake", &layout::ledger_object("raw", key)).await.unwrap().unwrap();
        let entry: Value = serde_json::from_slice(&found).unwrap();
        entry["state"].as_str().unwrap().to_owned()
    }

    /// By receipt handle, the seconds for which messages were hidden.
    fn hidden_secs(&self) -> Vec<(String, u64)> {
        let request = |body: String| {
            let request: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(request["QueueUrl"], "http://127.0.0.1/ingest");
            (request["ReceiptHandle"].as_str().unwrap().to_owned(), request["VisibilityTimeout"].as_u64().unwrap())
        };
        self.aws.hidden().into_iter().map(request).collect()
    }
}

fn batch(messages: &[Message]) -> Value {
    let record = |message: &Message| {
        json!({
            "messageId": message.id, "receiptHandle": message.receipt_handle, "body": message.body, "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": message.receive_count.to_string()}, "messageAttributes": {},
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

fn message(id: &str, receive_count: u32, body: &str) -> Message {
    let (body, receipt_handle) = (body.to_owned(), format!("receipt of {id}"));
    Message { id: id.to_owned(), body, receive_count, receipt_handle, ..Message::default() }
}

/// A record of a notification; the key as S3 encodes it.
fn record(event: &str, key: &str, sequencer: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventName": event,
        "eventTime": "2026-01-02T03:04:05.000Z", "userIdentity": {"principalId": "A"}, "responseElements": {},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "raw", "arn": "arn:aws:s3:::raw"},
               "object": {"key": key, "size": 5, "sequencer": sequencer}},
    })
}

fn created(key: &str) -> String {
    json!({ "Records": [record("ObjectCreated:Put", key, "0A")] }).to_string()
}

#[tokio::test]
async fn a_message_that_meets_passing_trouble_comes_again_soon_and_later_every_time() {
    let aws = Aws::start();
    for (receive_count, secs) in [(1, 10..=13), (2, 60..=75), (3, 300..=375), (9, 900..=1125)] {
        let world = World::new(&aws).await;
        world.upload_as("orders/a.csv").await;
        world.faults.arm(0, Fault::FailBefore);
        assert_eq!(world.handle(&[message("m", receive_count, &created("orders/a.csv"))]).await, ["m"]);
        let hidden = world.hidden_secs();
        assert!(
            matches!(&hidden[..], [(receipt, hidden)] if receipt == "receipt of m" && secs.contains(hidden)),
            "{hidden:?}"
        );
        assert_eq!(world.handle(&[message("m", 2, &created("orders/a.csv"))]).await, [""; 0]);
        assert_eq!(world.hidden_secs().len(), 1, "what is done stays as it is");
    }
}

#[tokio::test]
async fn an_object_in_another_hand_is_asked_for_again_when_its_lease_ends_at_the_latest() {
    let (aws, mut busy) = (Aws::start(), 0);
    for call in 0..20 {
        let world = World::new(&aws).await;
        world.upload_as("orders/a.csv").await;
        world.faults.arm(call, Fault::Wait);
        let messages = [message("m", 1, &created("orders/a.csv"))];
        let mut slow = Box::pin(world.handle(&messages));
        tokio::select! {
            _ = &mut slow => continue,
            () = world.faults.standstill() => {}
        }
        if world.handle(&[message("other", 7, &created("orders/a.csv"))]).await == ["other"] {
            let lease_secs = ("receipt of other".to_owned(), 361);
            assert_eq!(world.hidden_secs(), [lease_secs], "five minutes, the margin and a second");
            busy += 1;
        }
        world.faults.go_on();
        slow.await;
        assert_eq!(world.state("orders/a.csv").await, "committed");
    }
    assert!(busy > 3, "{busy}");
}

#[tokio::test]
async fn a_visibility_that_cannot_be_changed_harms_nothing() {
    let aws = Aws::start();
    let world = World::new(&aws).await;
    world.upload_as("orders/a.csv").await;
    world.faults.arm(0, Fault::FailBefore);
    let context = world.context();
    let failed = LakeError::Passing { operation: "GetObject", resource: String::new(), source: "throttled".into() };
    visibility::give_back(&context, &message("m", 1, ""), &failed).await;
    assert!(world.faults.disarm(), "the call went wrong");
}

#[tokio::test]
async fn messages_that_are_worked_on_for_long_stay_hidden_until_their_worker_s_leases_end() {
    let aws = Aws::start();
    let world = World::new(&aws).await;
    let context = world.context();
    let worker = Worker::new("r", clock() + Duration::from_mins(5), clock());
    let messages = [message("done", 1, ""), message("in work", 1, ""), message("waits", 1, "")];
    let done = AtomicUsize::new(0);
    let hold = visibility::hold(&context, &worker, &messages, &done, Duration::from_millis(50));
    tokio::select! {
        never = hold => match never {},
        () = async {
            done.store(1, Ordering::Relaxed);
            assert!(world.hidden_secs().is_empty(), "not at once");
            while world.hidden_secs().len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        } => {}
    }
    let until_the_end = [("receipt of in work".to_owned(), 360), ("receipt of waits".to_owned(), 360)];
    assert_eq!(world.hidden_secs(), until_the_end);
}
