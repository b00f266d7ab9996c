//! Tests: seeded storms: several faults, events, versions and workers at once, through the clients' own retries.
//! They must not know how the work is done: each object shows what one of its versions leaves alone in good weather.
//!
//! `LAKEGATE_FAULT_SEED=7` runs one seed, `LAKEGATE_FAULT_SECS=600` new seeds for so long, both of them those from the given one on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lakegate_lake::events::ObjectEvent;

use super::faults::on_threads;
use super::*;
use crate::settings::UnknownDatasets;
use crate::stand_ins::S3;
use crate::world::KEY;

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
    let mut lake =
        if is_versioned { World::over_http(aws, s3).await } else { World::over_http_without_versions(aws, s3).await };
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
    let stands: BTreeSet<String> = visible.keys().cloned().collect();
    assert_eq!(stands.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "{what}: nothing else stands");
    // Rejected rows are named before they are written, by a worker that may die in between.
    let gone: Vec<&String> = named.difference(&stands).filter(|path| path.starts_with("lake/")).collect();
    assert_eq!(gone, Vec::<&String>::new(), "{what}: what is named stands");
    let catalog = lake.aws.catalog();
    for path in visible.keys().filter(|path| path.starts_with("lake/orders/")) {
        let value = path.split("region=").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        let partitions = &catalog["orders"].1;
        assert!(partitions.contains_key(&format!("[\"{value}\"]")), "{what}: no partition for {path}");
    }
}
