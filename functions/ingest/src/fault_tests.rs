//! Tests: everything that can go wrong between a worker and AWS, through the clients' own retries: one fault at every call of every
//! kind of work, and seeded combinations of faults, events, versions and workers.
//! They must not know how the work is done: what good weather leaves is what every weather must leave.
//!
//! `LAKEGATE_FAULTS=all` lets every fault come at every call. `LAKEGATE_FAULT_SEED=7` runs one seed, `LAKEGATE_FAULT_SECS=600` new
//! seeds for so long.

use std::collections::BTreeMap;
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

#[tokio::test]
async fn every_fault_at_every_call_of_every_work_leaves_what_good_weather_leaves() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    let mut runs = 0;
    for (work_number, work) in WORK.into_iter().enumerate() {
        let mut lake = World::over_http(&aws, &s3).await;
        let (event, replaces) = prepare(&mut lake, work).await;
        lake.settle_with(&event, replaces.as_deref()).await;
        let expected = seen(&lake).await;
        for (fault_number, fault) in Fault::OVER_HTTP.into_iter().enumerate() {
            for call in 0.. {
                // A client's patience takes time.
                let every = if fault.is_silent() { 16 } else { 6 };
                if !is_thorough() && (call + fault_number + work_number) % every > 0 {
                    continue;
                }
                let what = format!("{work:?}, {fault:?} at call {call}");
                let mut lake = World::over_http(&aws, &s3).await;
                let (event, replaces) = prepare(&mut lake, work).await;
                wait(LATER);
                lake.faults.arm(call, fault);
                let delivered = lake.deliver_with(&event, replaces.as_deref(), Duration::from_mins(5)).await;
                if !lake.faults.disarm() {
                    break;
                }
                if !matches!(delivered, Some(Ok(_))) {
                    lake.settle_with(&event, replaces.as_deref()).await;
                }
                lake.settle_with(&event, replaces.as_deref()).await;
                let seen = seen(&lake).await;
                assert_eq!(seen.files.keys().collect::<Vec<_>>(), expected.files.keys().collect::<Vec<_>>(), "{what}");
                assert!(seen == expected, "{what}: {:?}", (seen.state, seen.told, seen.catalog, expected.catalog));
                runs += 1;
            }
        }
    }
    eprintln!("{runs} runs with one fault");
    assert!(runs > 150, "{runs}");
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

#[tokio::test]
async fn whatever_goes_wrong_together_each_object_shows_one_accepted_version_and_every_failure_is_told_once() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    let alone = each_alone(&aws, &s3).await;
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let began = Instant::now();
    let (mut runs, mut deliveries) = (0, 0);
    match (number("LAKEGATE_FAULT_SEED"), number("LAKEGATE_FAULT_SECS")) {
        (Some(seed), _) => (runs, deliveries) = (1, storm(&aws, &s3, &alone, seed).await),
        (None, Some(secs)) => {
            while began.elapsed() < Duration::from_secs(secs) {
                deliveries += storm(&aws, &s3, &alone, SEEDS.end + runs).await;
                runs += 1;
            }
        }
        (None, None) => {
            for seed in SEEDS {
                deliveries += storm(&aws, &s3, &alone, seed).await;
                runs += 1;
            }
        }
    }
    eprintln!("{runs} seeds, {deliveries} deliveries with several faults and workers");
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
    let mut lake = World::over_http(aws, s3).await;
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
    check_storm(&lake, alone, &uploaded, &format!("LAKEGATE_FAULT_SEED={seed}")).await;
    deliveries
}

async fn check_storm(lake: &World<'_>, alone: &Alone, uploaded: &[Uploaded], what: &str) {
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
            let none = files.is_empty() && !versions.iter().any(|version| version.was_committed);
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
