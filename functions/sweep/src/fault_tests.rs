//! Tests: everything that can go wrong between a sweep and AWS, through the clients' own retries: one fault at every call, and seeded
//! storms of several. What was missed is announced, and nothing else.
//! They must not know how a sweep finds it.
//!
//! `LAKEGATE_FAULTS=all` lets every fault come at every call; `LAKEGATE_FAULT_SEED=7` runs one storm, `LAKEGATE_FAULT_SECS=600` new storms
//! for so long, both of them those from the given one on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use lakegate_lake::events::{self, Announced};
use lakegate_lake::ledger::{Entry, Output, Source, State};
use lakegate_lake::settings::AwsSettings;
use lakegate_lake::{failure, layout};
use lakegate_stand_ins::{Aws, Bucket, Dice, Fault, Faults, S3, Seeds, is_thorough, on_threads};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

use crate::handler::{Context, handle};
use crate::settings::Settings;

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
    customProperties:
      - {property: removedObjects, value: remove, vendor: lakegate}
";
/// More of them than one call to SQS takes.
const NEVER_SEEN: usize = 12;
/// Objects on a page of a listing.
const PAGE: usize = 15;
const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";

/// The faults that a sweep's calls may meet.
fn faults() -> impl Iterator<Item = Fault> {
    Fault::OVER_HTTP.into_iter().chain([Fault::InPart])
}

/// A raw bucket and its ledger, of which some was missed.
struct World<'a> {
    aws: &'a Aws,
    s3: &'a S3,
    faults: Arc<Faults>,
    raw: Arc<Bucket>,
    lake: Arc<Bucket>,
    /// Keys by whether they were uploaded or deleted.
    missed: BTreeSet<(&'static str, String)>,
    context: Context,
}

impl<'a> World<'a> {
    async fn new(aws: &'a Aws, s3: &'a S3) -> Self {
        let (faults, raw, lake) = (Arc::<Faults>::default(), Arc::<Bucket>::default(), Arc::<Bucket>::default());
        aws.reset(&faults);
        s3.reset(&raw, &lake, &faults);
        s3.set_page(PAGE);
        let context = context(aws.patient(), s3.patient());
        let mut world = Self { aws, s3, faults, raw, lake, missed: BTreeSet::new(), context };
        world.lake.put(&Path::from("contracts/orders.odcs.yaml"), CONTRACT.into()).await.unwrap();
        for number in 0..NEVER_SEEN {
            world.upload(&format!("orders/never seen {number}.csv")).await;
            world.missed.insert(("uploaded", format!("orders/never seen {number}.csv")));
        }
        for (key, state, change) in EXAMPLES {
            let mut entry = Entry { state: *state, ..world.upload(key).await };
            match change {
                Change::None => {}
                Change::OtherVersion => {
                    entry.source.etag = Some("of another version".to_owned());
                    entry.source.last_modified = Some(LONG_AGO.to_owned());
                }
                Change::Lease(until) => entry.lease_until = Some((*until).to_owned()),
                Change::GivenUp => (entry.lease_until, entry.attempts) = (Some(LONG_AGO.to_owned()), 12),
                Change::Deleted => world.raw.delete(&Path::from(*key)).await.unwrap(),
            }
            world.write(&entry).await;
            match (change, state) {
                (Change::OtherVersion, _) | (Change::Lease(LONG_AGO), State::Working) => {
                    world.missed.insert(("uploaded", (*key).to_owned()));
                }
                (Change::Deleted, State::Committed) => {
                    world.missed.insert(("deleted", (*key).to_owned()));
                }
                (_, _) => {}
            }
        }
        world
    }

    /// From now on calls are given up that are not answered soon; or none is.
    fn hurry(&mut self, is_hasty: bool) {
        let (aws, s3) = if is_hasty { (self.aws, self.s3) } else { (self.aws.patient(), self.s3.patient()) };
        self.context = context(aws, s3);
    }

    /// A new object, and the entry that it would have once it is committed.
    async fn upload(&self, key: &str) -> Entry {
        self.raw.put(&Path::from(key), "id\n1\n".into()).await.unwrap();
        self.entry_of(key).await
    }

    async fn entry_of(&self, key: &str) -> Entry {
        let meta = self.raw.head(&Path::from(key)).await.ok();
        let source = Source {
            bucket: "raw".to_owned(),
            key: key.to_owned(),
            version_id: None,
            etag: meta.as_ref().and_then(|meta| Some(meta.e_tag.as_ref()?.trim_matches('"').to_owned())),
            sequencer: None,
            last_modified: meta.map(|meta| failure::rfc3339(meta.last_modified)),
            size_bytes: 5,
        };
        let mut entry = Entry::new(source, State::Committed, "0.1.0", failure::now());
        (entry.dataset, entry.contract_version) = (Some("orders".to_owned()), Some("1.0.0".to_owned()));
        let path = format!("lake/orders/{key}.parquet");
        entry.outputs = vec![Output { path, partition: String::new(), rows: 1, bytes: 1 }];
        entry
    }

    async fn write(&self, entry: &Entry) {
        let path = Path::from(layout::ledger_object(&entry.source.bucket, &entry.source.key));
        self.lake.put(&path, serde_json::to_vec(entry).unwrap().into()).await.unwrap();
    }

    /// What was announced until now, each as often as it was.
    fn announced(&self) -> BTreeMap<(&'static str, String), usize> {
        let mut announced = BTreeMap::new();
        for message in self.aws.messages_to("ingest") {
            for event in events::read(message["MessageBody"].as_str().unwrap()).unwrap() {
                let what = match event {
                    Announced::Created(event) => ("uploaded", event.key.as_str().to_owned()),
                    Announced::Removed(event) => ("deleted", event.key.as_str().to_owned()),
                    Announced::Unreadable { error, .. } => panic!("{error}"),
                };
                *announced.entry(what).or_default() += 1;
            }
        }
        announced
    }

    /// Ingest deals with all that was announced.
    async fn ingest(&self) {
        for (what, key) in self.announced().into_keys() {
            let mut entry = self.entry_of(&key).await;
            if what == "deleted" {
                (entry.state, entry.outputs) = (State::Removed, Vec::new());
            }
            self.write(&entry).await;
        }
    }

    /// A scheduled sweep: true when it came to its end and missed nothing more, `None` when it died.
    async fn sweep(&self) -> Option<bool> {
        let deadline = SystemTime::now() + Duration::from_mins(15);
        let event = json!({ "older_than_secs": 0 });
        tokio::select! {
            biased;
            () = self.faults.death() => None,
            swept = handle(&self.context, &event, deadline) => {
                let report = swept.ok().map(|report| serde_json::to_value(report).unwrap());
                Some(report.is_some_and(|report| report["missed"] == 0 && report["stopped"].is_null()))
            }
        }
    }

    /// Sweeps until nothing is missed any more, with ingest at work in between.
    async fn settle(&self, what: &str) {
        for _ in 0..4 {
            self.ingest().await;
            if self.sweep().await == Some(true) {
                return;
            }
        }
        panic!("{what}: it does not settle");
    }

    fn check(&self, most: usize, what: &str) {
        let announced = self.announced();
        let keys: BTreeSet<_> = announced.keys().cloned().collect();
        assert_eq!(keys, self.missed, "{what}");
        let often: Vec<_> = announced.into_iter().filter(|(_, count)| *count > most).collect();
        assert_eq!(often, [], "{what}: announced more than {most} times");
        assert_eq!(self.aws.sent_to("failures"), 0, "{what}: trouble that passes is told nobody");
    }
}

fn context(aws: &Aws, s3: &S3) -> Context {
    Context {
        settings: Settings {
            aws: AwsSettings { region: "eu-central-1".to_owned(), endpoint_url: None, variables: BTreeMap::new() },
            stack_name: None,
            has_metrics: true,
            raw_bucket: "raw".to_owned(),
            raw_prefix: String::new(),
            lake_bucket: "lake".to_owned(),
            ingest_queue_url: "http://127.0.0.1/ingest".to_owned(),
            failures_queue_url: "http://127.0.0.1/failures".to_owned(),
        },
        objects: s3.warm_objects(),
        raw: s3.lister("raw"),
        lake: s3.lister("lake"),
        sqs: aws.sqs.clone(),
        metrics: lakegate_lake::metrics::Metrics::off(),
    }
}

/// How an entry differs from that of an object that was just dealt with.
enum Change {
    None,
    OtherVersion,
    Lease(&'static str),
    GivenUp,
    Deleted,
}

const EXAMPLES: &[(&str, State, Change)] = &[
    ("orders/committed.csv", State::Committed, Change::None),
    ("orders/rejected.csv", State::Rejected, Change::None),
    ("orders/heavy.csv", State::Heavy, Change::None),
    ("orders/replaced.csv", State::Committed, Change::OtherVersion),
    ("orders/abandoned.csv", State::Working, Change::Lease(LONG_AGO)),
    ("orders/in work.csv", State::Working, Change::Lease("2999-01-01T00:00:00.000Z")),
    ("orders/given up.csv", State::Working, Change::GivenUp),
    ("orders/deleted.csv", State::Committed, Change::Deleted),
    ("orders/deleted in work.csv", State::Publishing, Change::Lease("2999-01-01T00:00:00.000Z")),
    ("kept/deleted.csv", State::Failed, Change::Deleted),
];

/// One fault at one call: false when there is no such call.
async fn one_fault(aws: &Aws, s3: &S3, fault: Fault, call: usize) -> bool {
    let what = format!("{fault:?} at call {call}");
    let mut world = World::new(aws, s3).await;
    world.hurry(fault.is_silent());
    world.faults.arm(call, fault);
    world.sweep().await;
    if !world.faults.disarm() {
        return false;
    }
    world.hurry(false);
    world.settle(&what).await;
    // The client itself asks again; then ingest has dealt with what it got.
    world.check(if fault.loses_answer() || fault.is_silent() { 2 } else { 1 }, &what);
    true
}

#[test]
fn every_fault_at_every_call_leaves_everything_announced_that_was_missed_and_nothing_else() {
    let turns: Vec<Fault> = faults().collect();
    let runs = Mutex::new(BTreeMap::<String, usize>::new());
    on_threads(async |aws, s3, turn| {
        // Several turns share the calls of a fault.
        let share = 4;
        let Some(fault) = turns.get(turn / share).copied() else { return false };
        let every = if is_thorough() { 1 } else { 8 };
        for call in 0.. {
            if call % share != turn % share || !(call / share + turn).is_multiple_of(every) {
                continue;
            }
            if !one_fault(aws, s3, fault, call).await {
                break;
            }
            *runs.lock().unwrap().entry(format!("{fault:?}")).or_default() += 1;
        }
        true
    });
    let runs = runs.into_inner().unwrap();
    let all: usize = runs.values().sum();
    eprintln!("{all} runs with one fault: {runs:?}");
    assert!(all > 40, "{all}");
}

#[test]
fn whatever_goes_wrong_together_everything_is_announced_that_was_missed_and_nothing_else() {
    let seeds = Seeds::of_environment(0..6);
    let (runs, sweeps) = (AtomicUsize::new(0), AtomicUsize::new(0));
    on_threads(async |aws, s3, turn| {
        let Some(seed) = seeds.of_turn(turn) else { return false };
        sweeps.fetch_add(Box::pin(storm(aws, s3, seed)).await, Ordering::Relaxed);
        runs.fetch_add(1, Ordering::Relaxed);
        true
    });
    eprintln!("{runs:?} seeds, {sweeps:?} sweeps with several faults");
}

/// Several sweeps with several faults each, two of them at once, and ingest that is late: how many sweeps there were.
async fn storm(aws: &Aws, s3: &S3, seed: u64) -> usize {
    // Shown when the test fails.
    println!("LAKEGATE_FAULT_SEED={seed}");
    let what = format!("LAKEGATE_FAULT_SEED={seed}");
    let mut dice = Dice::new(seed);
    let possible: Vec<Fault> = faults().collect();
    let mut world = World::new(aws, s3).await;
    world.hurry(true);
    let mut sweeps = 0;
    for round in 0..3 {
        for _ in 0..dice.below(4) {
            world.faults.arm(dice.below(50), possible[dice.below(possible.len())]);
        }
        futures_of_two(&world, dice.below(3) == 0).await;
        sweeps += 1;
        world.faults.disarm();
        if dice.below(2) == 0 {
            world.ingest().await;
        }
        let key = format!("orders/late {round}.csv");
        world.upload(&key).await;
        world.missed.insert(("uploaded", key));
    }
    world.hurry(false);
    world.settle(&what).await;
    world.check(usize::MAX, &what);
    sweeps
}

/// Lambda may run a scheduled invocation twice, also at once.
async fn futures_of_two(world: &World<'_>, is_twice: bool) {
    if is_twice {
        tokio::join!(world.sweep(), world.sweep());
    } else {
        world.sweep().await;
    }
}

#[tokio::test]
async fn in_good_weather_one_sweep_announces_each_once() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    let world = World::new(&aws, &s3).await;
    assert_eq!(world.missed.len(), NEVER_SEEN + 3);
    assert_eq!(world.sweep().await, Some(false));
    world.check(1, "one sweep");
    world.settle("good weather").await;
    world.check(1, "the next one");
}

#[tokio::test]
async fn while_the_ingest_queue_is_long_nothing_is_announced() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    let world = World::new(&aws, &s3).await;
    world.aws.set_depth(1_001);
    assert_eq!(world.sweep().await, Some(false), "it says why it stopped");
    assert_eq!(world.announced().len(), 0);
}

#[tokio::test]
async fn a_sweep_that_may_not_list_is_told_whatever_goes_wrong_with_telling_it() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    for fault in Fault::OVER_HTTP {
        let mut world = World::new(&aws, &s3).await;
        let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
        world.s3.answer_instead(|_, target| target.starts_with("/raw?").then(|| (403, denied.to_owned())));
        // Of its first sweep the call to SQS behind the refused listing.
        let before = world.faults.calls();
        world.sweep().await;
        let (call, told) = (world.faults.calls() - before - 1, world.aws.sent_to("failures"));
        assert_eq!(told, 1, "{fault:?}");
        world.hurry(fault.is_silent());
        world.faults.arm(call, fault);
        let swept = world.sweep().await;
        assert!(world.faults.disarm(), "{fault:?}");
        let told = world.aws.sent_to("failures") - 1;
        world.hurry(false);
        // Lambda repeats a scheduled invocation that failed.
        assert!(told > 0 || swept != Some(true), "{fault:?}");
        world.sweep().await;
        assert!(world.aws.sent_to("failures") > 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_dataset_that_turns_late_is_told_once_and_measured_every_time() {
    let (aws, s3) = (Aws::start(), S3::start());
    let mut world = World::new(&aws, &s3).await;
    let promise = "slaProperties: [{property: frequency, value: 1, unit: s}]\nservers:";
    world
        .lake
        .put(&Path::from("contracts/orders.odcs.yaml"), CONTRACT.replace("servers:", promise).into())
        .await
        .unwrap();
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let sink = lakegate_lake::metrics::Sink::Kept(Arc::clone(&lines));
    world.context.metrics = lakegate_lake::metrics::Metrics::new("lakegate".to_owned(), sink);
    tokio::time::sleep(Duration::from_secs(3)).await;
    for sweep in 1..=2 {
        let deadline = SystemTime::now() + Duration::from_mins(5);
        handle(&world.context, &json!({}), deadline).await.unwrap();
        let [record] = <[_; 1]>::try_from(aws.failures()).unwrap();
        assert_eq!((record.kind, record.dataset.as_deref()), (failure::FailureKind::DataLate, Some("orders")));
        let kept = world.context.metrics.kept();
        assert_eq!(kept.len(), sweep);
        assert!(kept.iter().all(|line| line["FreshnessOverdue"].as_u64().unwrap() >= 1), "{kept:?}");
    }
    // A file that is taken in ends it; the next lateness is told anew.
    let entry = world.upload("orders/new.csv").await;
    world.write(&entry).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    handle(&world.context, &json!({}), SystemTime::now() + Duration::from_mins(5)).await.unwrap();
    assert_eq!(aws.failures().len(), 2);
}
