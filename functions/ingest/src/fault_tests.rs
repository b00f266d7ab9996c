//! Tests: everything that can go wrong between a worker and AWS, through the clients' own retries: one fault at every call of every
//! kind of work, and seeded combinations of faults, events, versions and workers.
//! They must not know how the work is done: what good weather leaves is what every weather must leave.
//!
//! `LAKEGATE_FAULTS=all` lets every fault come at every call. `LAKEGATE_FAULT_SEED=7` runs one seed, `LAKEGATE_FAULT_SECS=600` new
//! seeds for so long, both of them those from the given one on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::FailureKind;

use super::*;
use crate::settings::UnknownDatasets;
use crate::stand_ins::{CatalogContent, S3};
use crate::world::KEY;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Rows in partitions, and rejected ones.
    Publish,
    /// A version with other partitions than the one that stands.
    Replace,
    Reject,
    /// No contract covers it.
    Uncovered,
    /// Its contract is drafted from it.
    Draft,
    Heavy,
    /// It is gone.
    Missing,
    /// A version that was rejected, judged again.
    Replay,
    /// A version that is rejected, after one whose publication broke off.
    AfterUnfinished,
}

const WORK: [Work; 9] = [
    Work::Publish,
    Work::Replace,
    Work::Reject,
    Work::Uncovered,
    Work::Draft,
    Work::Heavy,
    Work::Missing,
    Work::Replay,
    Work::AfterUnfinished,
];

/// Brings a lake to where the work begins: the event, and which outcome it replaces.
async fn prepare(lake: &mut World<'_>, work: Work) -> (ObjectEvent, Option<String>) {
    match work {
        Work::Publish => (lake.upload(FIRST).await, None),
        Work::Heavy => {
            lake.heavy_bytes = 1;
            (lake.upload(FIRST).await, None)
        }
        Work::Uncovered | Work::Draft => {
            lake.key = "else/a.csv";
            if work == Work::Draft {
                lake.unknown_datasets = UnknownDatasets::Infer;
            }
            (lake.upload(FIRST).await, None)
        }
        Work::Missing => {
            let event = lake.upload(FIRST).await;
            lake.delete().await;
            (event, None)
        }
        Work::Replace | Work::Reject => {
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            (lake.upload(if work == Work::Replace { SECOND } else { BROKEN }).await, None)
        }
        Work::Replay => {
            let event = lake.upload(BROKEN).await;
            lake.settle(&event).await;
            (event, lake.entry().await.map(|entry| entry.at))
        }
        Work::AfterUnfinished => {
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            let second = lake.upload(SECOND).await;
            // Some call in the middle of making the second one visible.
            for call in 8.. {
                lake.faults.arm(call, Fault::DieBefore);
                let _ = lake.deliver(&second).await;
                lake.faults.disarm();
                wait(LATER);
                if lake.entry().await.unwrap().state == State::Publishing {
                    break;
                }
            }
            (lake.upload(BROKEN).await, None)
        }
    }
}

/// All that is to be seen of a lake.
#[derive(Debug, PartialEq)]
struct Seen {
    files: Visible,
    catalog: CatalogContent,
    state: State,
    is_dataset_known: bool,
    unfinished: bool,
    told: Vec<FailureKind>,
    heavy: bool,
}

async fn seen(lake: &World<'_>) -> Seen {
    let entry = lake.entry().await.unwrap();
    let files = lake.visible().await;
    assert_eq!((entry.lease_until, entry.telling), (None, None));
    Seen {
        state: entry.state,
        is_dataset_known: entry.dataset.is_some(),
        unfinished: entry.unfinished.is_some(),
        catalog: lake.aws.catalog().into_iter().map(|(name, table)| (name, without_versions(table))).collect(),
        told: lake.told().into_iter().map(|record| record.kind).collect(),
        heavy: lake.aws.sent_to("heavy") > 0,
        files,
    }
}

/// How often a table was written is nobody's concern.
fn without_versions(
    mut table: (serde_json::Value, BTreeMap<String, serde_json::Value>),
) -> (serde_json::Value, BTreeMap<String, serde_json::Value>) {
    table.0["VersionId"].take();
    table
}

/// One kind of work in good weather: what it leaves, and at which of its calls the failure is told.
struct GoodWeather {
    seen: Seen,
    telling: Option<usize>,
}

async fn good_weather(aws: &Aws, s3: &S3, work: Work) -> GoodWeather {
    let mut lake = World::over_http(aws, s3).await;
    let (event, replaces) = prepare(&mut lake, work).await;
    wait(LATER);
    let before = lake.faults.requests().len();
    lake.deliver_with(&event, replaces.as_deref(), TIME).await.unwrap().unwrap();
    let requests = lake.faults.requests().split_off(before);
    let telling =
        requests.iter().position(|request| request.starts_with("SendMessage") && request.contains("/failures"));
    GoodWeather { seen: seen(&lake).await, telling }
}

/// Longest that a worker lives.
const TIME: Duration = Duration::from_mins(5);

/// One fault at one call: false when there is no such call.
async fn one_fault(aws: &Aws, s3: &S3, good: &GoodWeather, work: Work, fault: Fault, call: usize) -> bool {
    let what = format!("{work:?}, {fault:?} at call {call}");
    let mut lake = World::over_http(aws, s3).await;
    let (event, replaces) = prepare(&mut lake, work).await;
    let already = lake.aws.failures().len();
    wait(LATER);
    lake.faults.arm(call, fault);
    let delivered = lake.deliver_with(&event, replaces.as_deref(), TIME).await;
    if !lake.faults.disarm() {
        return false;
    }
    if !matches!(delivered, Some(Ok(_))) {
        lake.settle_with(&event, replaces.as_deref()).await;
    }
    lake.settle_with(&event, replaces.as_deref()).await;
    let (seen, expected) = (seen(&lake).await, &good.seen);
    assert_eq!(seen.files.keys().collect::<Vec<_>>(), expected.files.keys().collect::<Vec<_>>(), "{what}");
    assert!(seen == *expected, "{what}: {:?}", (seen.state, seen.told, seen.catalog, &expected.catalog));
    // What went wrong before anything was told makes nobody be told twice.
    let sent = lake.aws.failures().len() - already;
    match good.telling {
        None => assert_eq!(sent, 0, "{what}: nobody is to be alarmed"),
        Some(telling) if call < telling || !fault.is_carried_out() && call == telling => assert_eq!(sent, 1, "{what}"),
        Some(_) => assert!((1..=3).contains(&sent), "{what}: {sent}"),
    }
    true
}

#[test]
fn every_fault_at_every_call_of_every_work_leaves_what_good_weather_leaves() {
    let mut kinds = Vec::new();
    for (work_number, work) in WORK.into_iter().enumerate() {
        for (fault_number, fault) in Fault::OVER_HTTP.into_iter().enumerate() {
            kinds.push((work, fault, work_number + fault_number));
        }
    }
    let runs = Mutex::new((BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new()));
    on_threads(async |aws, s3, turn| {
        let Some((work, fault, offset)) = kinds.get(turn).copied() else { return false };
        let good = good_weather(aws, s3, work).await;
        // A client's patience takes time.
        let every = if is_thorough() {
            1
        } else if fault.is_silent() {
            16
        } else {
            6
        };
        for call in 0.. {
            if !(call + offset).is_multiple_of(every) {
                continue;
            }
            if !one_fault(aws, s3, &good, work, fault, call).await {
                break;
            }
            let (by_work, by_fault) = &mut *runs.lock().unwrap();
            *by_work.entry(format!("{work:?}")).or_default() += 1;
            *by_fault.entry(format!("{fault:?}")).or_default() += 1;
        }
        true
    });
    let (by_work, by_fault) = runs.into_inner().unwrap();
    let all: usize = by_work.values().sum();
    eprintln!("{all} runs with one fault: {by_work:?}, {by_fault:?}");
    assert!(all > 150, "{all}");
}

/// Threads of a test, each with an AWS of its own: most of the time a client waits until it gives up.
const THREADS: usize = 6;

/// Takes one turn after another until one is false, on some threads.
fn on_threads(turn: impl AsyncFn(&Aws, &S3, usize) -> bool + Sync) {
    let turns = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let (aws, s3) = (Aws::start_with_retries(), S3::start());
                    while turn(&aws, &s3, turns.fetch_add(1, Ordering::Relaxed)).await {}
                });
            });
        }
    });
}

const SEEDS: std::ops::Range<u64> = 0..15;
/// Two objects of one table with the same partitions, and one whose contract is drafted.
const KEYS: [&str; 3] = [KEY, "orders/deep/b.csv", "else/c.csv"];
const CONTENTS: [&str; 4] = [FIRST, SECOND, THIRD, BROKEN];

/// A version that was uploaded.
struct Uploaded {
    event: ObjectEvent,
    key: usize,
    content: usize,
    /// It is known to have been published.
    was_committed: bool,
    is_acknowledged: bool,
}

/// The table's files of one object alone, by key and content.
type Alone = BTreeMap<(usize, usize), Visible>;

async fn each_alone(aws: &Aws, s3: &S3) -> Alone {
    let mut alone = Alone::new();
    for (key_number, key) in KEYS.into_iter().enumerate() {
        for (content_number, content) in CONTENTS.into_iter().enumerate() {
            let mut lake = World::over_http(aws, s3).await;
            lake.unknown_datasets = UnknownDatasets::Infer;
            draft(&lake).await;
            let event = lake.upload_under(key, content).await;
            lake.settle(&event).await;
            let name = lakegate_lake::layout::source_name("raw", key);
            let files = lake.visible().await.into_iter().filter(|(path, _)| is_file_of(path, &name)).collect();
            alone.insert((key_number, content_number), files);
        }
    }
    alone
}

fn is_file_of(path: &str, name: &str) -> bool {
    path.starts_with("lake/") && path.contains(name)
}

/// The draft that the third key's files are held against, whichever of them came first.
async fn draft(lake: &World<'_>) {
    let event = lake.upload_under("else/first.csv", FIRST).await;
    lake.settle(&event).await;
}

#[test]
fn whatever_goes_wrong_together_each_object_shows_one_accepted_version_and_every_failure_is_told_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, secs) = (number("LAKEGATE_FAULT_SEED"), number("LAKEGATE_FAULT_SECS"));
    let (seeds, secs) = match (seed, secs) {
        (Some(seed), None) => (seed..seed + 1, u64::MAX),
        (Some(first), Some(secs)) => (first..u64::MAX, secs),
        (None, Some(secs)) => (SEEDS.end..u64::MAX, secs),
        (None, None) => (SEEDS, u64::MAX),
    };
    let began = Instant::now();
    let (runs, deliveries) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let alone = OnceLock::new();
    on_threads(async |aws, s3, turn| {
        let Some(seed) = seeds.clone().nth(turn).filter(|_| began.elapsed().as_secs() < secs) else { return false };
        if alone.get().is_none() {
            let _ = alone.set(each_alone(aws, s3).await);
        }
        deliveries.fetch_add(storm(aws, s3, alone.get().unwrap(), seed).await, Ordering::Relaxed);
        runs.fetch_add(1, Ordering::Relaxed);
        true
    });
    eprintln!("{runs:?} seeds, {deliveries:?} deliveries with several faults and workers");
}

/// Random numbers below a limit, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// One run: how many deliveries it took.
async fn storm(aws: &Aws, s3: &S3, alone: &Alone, seed: u64) -> usize {
    // Shown when the test fails.
    println!("LAKEGATE_FAULT_SEED={seed}");
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let is_versioned = dice.below(2) == 0;
    let mut lake = match is_versioned {
        true => World::over_http(aws, s3).await,
        false => World::over_http_without_versions(aws, s3).await,
    };
    lake.unknown_datasets = UnknownDatasets::Infer;
    draft(&lake).await;
    let (mut uploaded, mut deliveries) = (Vec::<Uploaded>::new(), 0);
    for step in 0..10 {
        for _ in 0..=dice.below(2) {
            if step == 0 || dice.below(2) == 0 {
                let (key, content) = (dice.below(KEYS.len()), dice.below(CONTENTS.len()));
                let event = lake.upload_under(KEYS[key], CONTENTS[content]).await;
                uploaded.push(Uploaded { event, key, content, was_committed: false, is_acknowledged: false });
            }
        }
        for _ in 0..dice.below(4) {
            lake.faults.arm(dice.below(60), Fault::OVER_HTTP[dice.below(Fault::OVER_HTTP.len())]);
        }
        let chosen: Vec<usize> = (0..4).map(|_| dice.below(uploaded.len())).collect();
        let delivered = futures::future::join_all(chosen.iter().map(|at| lake.deliver(&uploaded[*at].event))).await;
        deliveries += delivered.len();
        lake.faults.disarm();
        for (at, outcome) in chosen.into_iter().zip(delivered) {
            if let Some(Ok(outcome)) = outcome {
                uploaded[at].is_acknowledged |= dice.below(3) > 0;
                uploaded[at].was_committed |= matches!(outcome, Outcome::Committed(_) | Outcome::AlreadyCommitted);
            }
        }
        wait([0, 1, 100, LATER][dice.below(4)]);
    }
    let mut waiting: Vec<usize> = (0..uploaded.len()).filter(|at| !uploaded[*at].is_acknowledged).collect();
    while !waiting.is_empty() {
        let at = waiting.swap_remove(dice.below(waiting.len()));
        let outcome = lake.settle(&uploaded[at].event).await;
        uploaded[at].was_committed |= matches!(outcome, Outcome::Committed(_) | Outcome::AlreadyCommitted);
        deliveries += 1;
    }
    check_storm(&lake, is_versioned, alone, &uploaded, &format!("LAKEGATE_FAULT_SEED={seed}")).await;
    deliveries
}

async fn check_storm(lake: &World<'_>, is_versioned: bool, alone: &Alone, uploaded: &[Uploaded], what: &str) {
    let visible = lake.visible().await;
    let mut named = lake.entry_of("else/first.csv").await.unwrap().standing_paths();
    for (key_number, key) in KEYS.into_iter().enumerate() {
        let versions: Vec<&Uploaded> = uploaded.iter().filter(|version| version.key == key_number).collect();
        let Some(last) = versions.last() else { continue };
        let what = format!("{what}, {key}");
        let entry = lake.entry_of(key).await.unwrap();
        assert_eq!((&entry.lease_until, &entry.telling, &entry.unfinished), (&None, &None, &None), "{what}");
        assert_eq!(entry.source.sequencer, last.event.sequencer, "{what}: the newest version has the last word");
        let name = lakegate_lake::layout::source_name("raw", key);
        let files: Visible = visible.clone().into_iter().filter(|(path, _)| is_file_of(path, &name)).collect();
        let is_rejected = |version: &Uploaded| CONTENTS[version.content] == BROKEN && key_number != 2;
        if is_rejected(last) {
            // A version that was accepted and not replaced by a later one that is known to have been.
            let known = versions.iter().rposition(|version| version.was_committed).unwrap_or(0);
            let is_shown = |version: &Uploaded| !is_rejected(version) && alone[&(key_number, version.content)] == files;
            // One whose publication broke off may be gone for good, and what stood before it with it.
            let has_later = versions.iter().skip(known + 1).any(|version| !is_rejected(version));
            let may_be_gone = !is_versioned && has_later;
            let none = files.is_empty() && (may_be_gone || !versions.iter().any(|version| version.was_committed));
            assert!(none || versions[known..].iter().any(|version| is_shown(version)), "{what}: {:?}", files.keys());
            assert_eq!(entry.state, State::Rejected, "{what}");
        } else {
            assert!(files == alone[&(key_number, last.content)], "{what}: {:?}", files.keys());
            assert_eq!(entry.state, State::Committed, "{what}");
        }
        for version in &versions {
            let is_it = |etag: Option<&String>| etag == version.event.etag.as_ref();
            let told = lake.told();
            let of_version = |record: &&lakegate_lake::failure::FailureRecord| {
                record.source.as_ref().is_some_and(|source| source.key == key && is_it(source.etag.as_ref()))
            };
            let told = told.iter().filter(of_version).count();
            let at_most = usize::from(is_rejected(version));
            assert!(told <= at_most, "{what}: told {told} times");
            let is_last = version.event.sequencer == last.event.sequencer;
            assert!(!is_last || told == at_most, "{what}: told {told} times");
        }
        named.extend(entry.standing_paths());
    }
    assert_eq!(
        visible.keys().cloned().collect::<std::collections::BTreeSet<_>>(),
        named,
        "{what}: nothing else stands"
    );
    let catalog = lake.aws.catalog();
    for path in visible.keys().filter(|path| path.starts_with("lake/orders/")) {
        let value = path.split("region=").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        let partitions = &catalog["orders"].1;
        assert!(partitions.contains_key(&format!("[\"{value}\"]")), "{what}: no partition for {path}");
    }
}
