//! Tests: versions of one object, delivered again and again, while any one call goes wrong or the worker dies at it.
//! They must not know how a file is converted: what a lake holds that only ever saw good weather is what every lake must hold.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use lakegate_lake::settings::AwsSettings;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::*;
use crate::stand_ins::{Aws, Fault, Faults, Store};

const KEY: &str = "orders/a.csv";
const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
servers:
  - {server: landing, type: s3, location: 's3://*/orders/**', format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: region, logicalType: string, required: true, partitioned: true, partitionKeyPosition: 1}
    customProperties:
      - {property: maxRejectPercent, value: 50, vendor: lakegate}
";
const FIRST: &str = "id,region\n1,EMEA\n2,APAC\n,EMEA\n";
const SECOND: &str = "id,region\n3,APAC\n4,AMER\n5,APAC\n,AMER\n";
const THIRD: &str = "id,region\n6,EMEA\n7,ANZ\n";
const BROKEN: &str = "id,region\n1,EMEA\n,EMEA\n,APAC\n";
/// Longer than any lease.
const LATER: u64 = 1800;

thread_local! {
    /// Seconds that have passed in this test.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + CLOCK.get())
}

fn wait(secs: u64) {
    CLOCK.set(CLOCK.get() + secs);
}

/// Buckets, and the services around them.
struct World<'a> {
    aws: &'a Aws,
    faults: Arc<Faults>,
    raw: Arc<InMemory>,
    lake: Arc<InMemory>,
    uploads: Cell<u8>,
}

/// What everybody sees, by key.
type Visible = BTreeMap<String, Vec<u8>>;

impl<'a> World<'a> {
    async fn new(aws: &'a Aws) -> Self {
        let faults = Arc::<Faults>::default();
        aws.reset(&faults);
        let lake = Arc::new(InMemory::new());
        lake.put(&Path::from("contracts/orders.odcs.yaml"), CONTRACT.into()).await.unwrap();
        Self { aws, faults, raw: Arc::default(), lake, uploads: Cell::new(0) }
    }

    /// A new version of the object, and its event.
    async fn upload(&self, content: &str) -> ObjectEvent {
        self.uploads.set(self.uploads.get() + 1);
        let put = self.raw.put(&Path::from(KEY), content.to_owned().into()).await.unwrap();
        ObjectEvent {
            bucket: "raw".to_owned(),
            key: ObjectKey::as_given(KEY),
            version_id: None,
            etag: put.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
            size_bytes: Some(content.len() as u64),
            sequencer: Some(format!("{:04}", self.uploads.get())),
            original: "{}".to_owned(),
        }
    }

    /// A function that has just started.
    fn context(&self, heavy_bytes: u64) -> Context {
        let store = |inner: &Arc<InMemory>| {
            let store = Store { inner: Arc::clone(inner), faults: Arc::clone(&self.faults) };
            Arc::new(store) as Arc<dyn ObjectStore>
        };
        let stores = BTreeMap::from([("raw".to_owned(), store(&self.raw)), ("lake".to_owned(), store(&self.lake))]);
        let region = "eu-central-1".to_owned();
        Context {
            settings: Settings {
                aws: AwsSettings { region, endpoint_url: None, variables: BTreeMap::new() },
                lake_bucket: "lake".to_owned(),
                glue_database: "db".to_owned(),
                ingest_queue_url: "http://127.0.0.1/ingest".to_owned(),
                heavy_queue_url: "http://127.0.0.1/heavy".to_owned(),
                failures_queue_url: "http://127.0.0.1/failures".to_owned(),
                heavy_bytes,
                unknown_datasets: UnknownDatasets::Fail,
                threads: 1,
            },
            objects: Objects::of_stores(stores),
            contracts: Contracts::new("lake".to_owned()),
            catalog: Catalog::new(self.aws.glue.clone(), "db".to_owned()),
            rejects_table: TableDefinition::of_rejects("lake"),
            sqs: self.aws.sqs.clone(),
            clock,
        }
    }

    /// What became of one delivery; `None` when the worker died.
    async fn deliver(&self, event: &ObjectEvent) -> Option<Result<Outcome, LakeError>> {
        self.deliver_with(event, u64::MAX, Duration::from_mins(5)).await
    }

    /// To a worker that is killed after some time.
    async fn deliver_with(
        &self,
        event: &ObjectEvent,
        heavy_bytes: u64,
        time: Duration,
    ) -> Option<Result<Outcome, LakeError>> {
        let context = self.context(heavy_bytes);
        let worker = Worker::new("r", clock() + time, clock());
        tokio::select! {
            biased;
            () = self.faults.death() => None,
            outcome = take_in(&context, &worker, event, Instant::now()) => Some(outcome),
        }
    }

    /// Delivers until the queue would not again.
    async fn settle(&self, event: &ObjectEvent) -> Outcome {
        for _ in 0..3 {
            wait(LATER);
            if let Some(Ok(outcome)) = self.deliver(event).await {
                return outcome;
            }
        }
        panic!("it does not settle");
    }

    async fn visible(&self) -> Visible {
        let plain = self.plain();
        let mut visible = Visible::new();
        for prefix in ["lake/", "rejects/"] {
            for listed in plain.list("lake", prefix).await.unwrap() {
                let bytes = plain.get("lake", &listed.key).await.unwrap().unwrap();
                visible.insert(listed.key, bytes.to_vec());
            }
        }
        visible
    }

    async fn entry(&self) -> Option<Entry> {
        ledger::read(&self.plain(), "lake", "raw", KEY).await.unwrap()
    }

    /// The buckets without faults.
    fn plain(&self) -> Objects {
        let lake: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(&self.lake);
        Objects::of_stores(BTreeMap::from([("lake".to_owned(), lake)]))
    }

    /// That the ledger tells what is to be seen, and that nobody has the object in hand.
    async fn check(&self, state: State, expected: &Visible, what: &str) {
        let visible = self.visible().await;
        assert_eq!(visible.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
        assert!(visible == *expected, "{what}: other bytes");
        let entry = self.entry().await.unwrap();
        assert_eq!((entry.state, entry.lease_until.as_deref()), (state, None), "{what}");
        assert_eq!(entry.standing_paths(), visible.keys().cloned().collect::<BTreeSet<_>>(), "{what}");
    }
}

/// What is to be seen after all versions were uploaded, and some of them delivered, in good weather.
async fn oracle(aws: &Aws, uploaded: &[&str], delivered: &[usize]) -> Visible {
    let lake = World::new(aws).await;
    for (index, content) in uploaded.iter().enumerate() {
        let event = lake.upload(content).await;
        if delivered.contains(&index) {
            lake.settle(&event).await;
        }
    }
    lake.visible().await
}

/// Every call of a delivery goes wrong once, in every way: `run` is told where, and is false when there is no such call.
async fn at_every_call(aws: &Aws, run: impl AsyncFn(World<'_>, usize, Fault, String) -> bool) -> usize {
    let mut runs = 0;
    for fault in Fault::ALL {
        for call in 0.. {
            let lake = World::new(aws).await;
            if !run(lake, call, fault, format!("{fault:?} at call {call}")).await {
                assert!(call > 5, "there are more calls");
                break;
            }
            runs += 1;
        }
    }
    runs
}

#[tokio::test]
async fn a_delivery_that_goes_wrong_anywhere_is_made_good_by_the_next_one() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, SECOND], &[1]).await;
    let runs = at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        let second = lake.upload(SECOND).await;
        lake.faults.arm(call, fault);
        let delivered = lake.deliver(&second).await;
        if !lake.faults.disarm() {
            return false;
        }
        if !matches!(delivered, Some(Ok(_))) {
            lake.settle(&second).await;
        }
        lake.check(State::Committed, &expected, &what).await;
        // Both events once more.
        assert!(matches!(lake.settle(&second).await, Outcome::AlreadyCommitted), "{what}");
        assert!(matches!(lake.settle(&first).await, Outcome::Superseded), "{what}");
        lake.check(State::Committed, &expected, &what).await;
        assert_eq!(aws.sent_to("failures"), 0, "{what}: nobody is to be alarmed");
        true
    })
    .await;
    assert!(runs > 80, "{runs}");
}

#[tokio::test]
async fn a_newer_version_removes_whatever_a_broken_off_one_left() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, SECOND, THIRD], &[2]).await;
    at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        let second = lake.upload(SECOND).await;
        lake.faults.arm(call, fault);
        lake.deliver(&second).await;
        if !lake.faults.disarm() {
            return false;
        }
        let third = lake.upload(THIRD).await;
        lake.settle(&third).await;
        lake.check(State::Committed, &expected, &what).await;
        assert!(matches!(lake.settle(&second).await, Outcome::Superseded), "{what}");
        lake.check(State::Committed, &expected, &what).await;
        true
    })
    .await;
}

#[tokio::test]
async fn a_rejected_version_leaves_what_stood_and_is_told_whatever_goes_wrong() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, BROKEN], &[0, 1]).await;
    assert_eq!(expected.len(), 4, "two files of the first version, and the rejects of both");
    at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        let broken = lake.upload(BROKEN).await;
        lake.faults.arm(call, fault);
        let delivered = lake.deliver(&broken).await;
        if !lake.faults.disarm() {
            return false;
        }
        if !matches!(delivered, Some(Ok(_))) {
            assert!(matches!(lake.settle(&broken).await, Outcome::Rejected(..)), "{what}");
        }
        lake.check(State::Rejected, &expected, &what).await;
        assert!((1..=2).contains(&aws.sent_to("failures")), "{what}");
        // A good version cleans up after both.
        let third = lake.upload(THIRD).await;
        lake.settle(&third).await;
        assert_eq!(lake.visible().await.len(), 2, "{what}");
        true
    })
    .await;
}

#[tokio::test]
async fn a_big_object_reaches_glue_whatever_goes_wrong() {
    let aws = Aws::start();
    at_every_call(&aws, async |lake, call, fault, what| {
        let event = lake.upload(FIRST).await;
        lake.faults.arm(call, fault);
        let delivered = lake.deliver_with(&event, 1, Duration::from_mins(5)).await;
        if !lake.faults.disarm() {
            return false;
        }
        if !matches!(delivered, Some(Ok(_))) {
            wait(LATER);
            assert!(
                matches!(lake.deliver_with(&event, 1, Duration::from_mins(5)).await, Some(Ok(Outcome::Heavy(_)))),
                "{what}"
            );
        }
        lake.check(State::Heavy, &Visible::new(), &what).await;
        assert!((1..=2).contains(&aws.sent_to("heavy")), "{what}");
        true
    })
    .await;
}

#[tokio::test]
async fn passing_trouble_gives_an_object_out_of_hand() {
    let aws = Aws::start();
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let mut at_once = 0;
        for call in 0.. {
            let lake = World::new(&aws).await;
            let event = lake.upload(FIRST).await;
            lake.faults.arm(call, fault);
            let delivered = lake.deliver(&event).await.unwrap();
            if !lake.faults.disarm() {
                break;
            }
            let Err(error) = delivered else {
                continue;
            };
            assert!(error.is_passing(), "{error}");
            match lake.entry().await {
                Some(entry) if entry.state == State::Publishing => wait(61),
                Some(_) | None => at_once += 1,
            }
            assert!(matches!(lake.deliver(&event).await, Some(Ok(Outcome::Committed(_)))), "{fault:?} at call {call}");
        }
        assert!(at_once > 5, "{at_once}");
    }
}

/// More than an upload holds back: one partition of 14 MB that do not pack well.
fn big() -> String {
    let mut content = "id,region\n".to_owned();
    let mut state: u64 = 1;
    for _ in 0..400_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = state.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let _ = writeln!(content, "{state:016x}{other:016x},APAC");
    }
    content + "1,EMEA\n"
}

#[tokio::test]
async fn an_upload_in_parts_that_goes_wrong_anywhere_is_made_good() {
    let aws = Aws::start();
    let big = big();
    let expected = oracle(&aws, &[FIRST, &big], &[1]).await;
    assert!(expected.values().any(|file| file.len() > lakegate_lake::upload::PART_MIN_BYTES));
    for fault in [Fault::FailAfter, Fault::DieAfter] {
        for call in 0.. {
            let lake = World::new(&aws).await;
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            let second = lake.upload(&big).await;
            lake.faults.arm(call, fault);
            let delivered = lake.deliver(&second).await;
            if !lake.faults.disarm() {
                break;
            }
            if !matches!(delivered, Some(Ok(_))) {
                lake.settle(&second).await;
            }
            lake.check(State::Committed, &expected, &format!("{fault:?} at call {call}")).await;
        }
    }
}

#[path = "race_tests.rs"]
mod races;
