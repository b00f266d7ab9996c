//! Tests: seeded storms: several faults, events, versions, deletions and workers at once, through the clients' own retries.
//! They must not know how the work is done: each object shows what one of its versions leaves alone in good weather, or nothing.
//!
//! `LAKEGATE_FAULT_SEED=7` runs one seed, `LAKEGATE_FAULT_SECS=600` new seeds for so long, both of them those from the given one on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakegate_lake::events::ObjectEvent;
use lakegate_lake::ledger::Entry;

use super::*;
use crate::ranges::tests::rows;
use crate::run::{Ready, Run};
use crate::settings::UnknownDatasets;
use crate::untold_tests::check_told;
use crate::world::{KEY, removing};
use lakegate_lake::LakeError;
use lakegate_stand_ins::{Dice, S3, Seeds, on_threads};

const SEEDS: std::ops::Range<u64> = 0..15;
/// Two objects of one table with the same partitions, and one whose contract is drafted.
const KEYS: [&str; 3] = [KEY, "orders/deep/b.csv", "else/c.csv"];
const CONTENTS: [&str; 4] = [FIRST, SECOND, THIRD, BROKEN];

/// A version that was uploaded, or a deletion.
struct Uploaded {
    event: ObjectEvent,
    key: usize,
    /// `None`: it was deleted.
    content: Option<usize>,
    /// It is known to have been published.
    was_committed: bool,
    is_acknowledged: bool,
}

/// What a worker of a storm does.
#[derive(Clone, Copy)]
enum Turn {
    /// The function takes an uploaded version, or a deletion.
    Deliver(usize),
    /// A Glue run does, in ranges.
    Run(usize),
    /// A run that converted all ranges some time ago publishes them, perhaps again.
    Publish(usize),
}

/// A run that may publish, of an uploaded version.
type Runs = Vec<(usize, Box<Ready>)>;

/// Such ranges that every file has some.
const RANGE_BYTES: u64 = 9;

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
    let seeds = Seeds::of_environment(SEEDS);
    let (runs, deliveries) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let alone = OnceLock::new();
    on_threads(async |aws, s3, turn| {
        let Some(seed) = seeds.of_turn(turn) else { return false };
        if alone.get().is_none() {
            let _ = alone.set(each_alone(aws, s3).await);
        }
        deliveries.fetch_add(storm(aws, s3, alone.get().unwrap(), seed).await, Ordering::Relaxed);
        runs.fetch_add(1, Ordering::Relaxed);
        true
    });
    eprintln!("{runs:?} seeds, {deliveries:?} deliveries with several faults and workers");
}

/// What becomes of an uploaded version; `None` when the worker died.
async fn take(lake: &World<'_>, uploaded: &[Uploaded], runs: &Runs, turn: Turn) -> Option<Result<Outcome, LakeError>> {
    let work = async {
        match turn {
            Turn::Deliver(at) => return lake.deliver(&uploaded[at].event).await,
            Turn::Run(at) => Box::pin(lake.run(&uploaded[at].event, None, RANGE_BYTES)).await.into(),
            Turn::Publish(run) => lake.publish(&runs[run].1).await.into(),
        }
    };
    tokio::select! {
        biased;
        () = lake.faults.death(), if !matches!(turn, Turn::Deliver(_)) => None,
        outcome = work => outcome,
    }
}

/// One run: how many deliveries it took.
async fn storm(aws: &Aws, s3: &S3, alone: &Alone, seed: u64) -> usize {
    // Shown when the test fails.
    println!("LAKEGATE_FAULT_SEED={seed}");
    let mut dice = Dice::new(seed);
    let is_versioned = dice.below(2) == 0;
    let mut lake =
        if is_versioned { World::over_http(aws, s3).await } else { World::over_http_without_versions(aws, s3).await };
    (lake.unknown_datasets, lake.tells) = (UnknownDatasets::Infer, true);
    let removes = dice.below(2) == 0;
    if removes {
        lake.deploy(&removing()).await;
    }
    let in_ranges = dice.below(2) == 0;
    draft(&lake).await;
    let (mut uploaded, mut runs, mut deliveries) = (Vec::<Uploaded>::new(), Runs::new(), 0);
    for step in 0..10 {
        for _ in 0..=dice.below(2) {
            if step == 0 || dice.below(2) == 0 {
                let key = dice.below(KEYS.len());
                // What was deleted is mostly uploaded again.
                let content = (dice.below(4) > 0).then(|| dice.below(CONTENTS.len()));
                let event = match content {
                    Some(content) => lake.upload_under(KEYS[key], CONTENTS[content]).await,
                    None => lake.deleted_under(KEYS[key]).await,
                };
                uploaded.push(Uploaded { event, key, content, was_committed: false, is_acknowledged: false });
            }
        }
        if in_ranges && dice.below(2) == 0 {
            let at = dice.below(uploaded.len());
            if uploaded[at].content.is_some()
                && let Ok(Run::Ready(ready)) = lake.convert_ranges(&uploaded[at].event, None, RANGE_BYTES).await
            {
                runs.push((at, ready));
            }
        }
        for _ in 0..dice.below(4) {
            lake.faults.arm(dice.below(60), Fault::OVER_HTTP[dice.below(Fault::OVER_HTTP.len())]);
        }
        let mut turn = || match (dice.below(uploaded.len()), if in_ranges { dice.below(4) } else { 0 }) {
            (at, 2) if uploaded[at].content.is_some() => Turn::Run(at),
            (_, 3) if !runs.is_empty() => Turn::Publish(dice.below(runs.len())),
            (at, _) => Turn::Deliver(at),
        };
        let turns: Vec<Turn> = (0..4).map(|_| turn()).collect();
        lake.is_repeated.set(true);
        // Of several workers another one may die than the one that is not answered.
        lake.is_hasty.set(true);
        let delivered = futures::future::join_all(turns.iter().map(|turn| take(&lake, &uploaded, &runs, *turn))).await;
        deliveries += delivered.len();
        lake.is_hasty.set(false);
        lake.faults.disarm();
        for (turn, outcome) in turns.into_iter().zip(delivered) {
            let at = match turn {
                Turn::Deliver(at) | Turn::Run(at) => at,
                Turn::Publish(run) => runs[run].0,
            };
            if let Some(Ok(outcome)) = outcome {
                uploaded[at].is_acknowledged |= dice.below(3) > 0;
                uploaded[at].was_committed |= matches!(outcome, Outcome::Committed(_) | Outcome::AlreadyCommitted);
            }
        }
        wait([0, 1, 100, LATER][dice.below(4)]);
    }
    wait(LATER);
    let mut waiting: Vec<usize> = (0..uploaded.len()).filter(|at| !uploaded[*at].is_acknowledged).collect();
    while !waiting.is_empty() {
        let at = waiting.swap_remove(dice.below(waiting.len()));
        let outcome = settle(&lake, &uploaded[at].event).await;
        uploaded[at].was_committed |= matches!(outcome, Outcome::Committed(_) | Outcome::AlreadyCommitted);
        deliveries += 1;
    }
    // Whoever comes too late changes nothing.
    for (_, ready) in &runs {
        wait(LATER);
        lake.publish(ready).await.unwrap();
    }
    let storm =
        Storm { lake: &lake, is_versioned, removes, in_ranges, alone, what: format!("LAKEGATE_FAULT_SEED={seed}") };
    storm.check(&uploaded).await;
    deliveries
}

/// Delivers until the queue would not again, at once where nobody else is at work. Each message may have been delivered before.
async fn settle(lake: &World<'_>, event: &ObjectEvent) -> Outcome {
    lake.is_repeated.set(true);
    match lake.deliver(event).await {
        Some(Ok(outcome)) => outcome,
        Some(Err(_)) | None => lake.settle_again(event).await,
    }
}

/// A storm that is over.
struct Storm<'a> {
    lake: &'a World<'a>,
    /// The raw bucket keeps versions.
    is_versioned: bool,
    /// The contract for `orders/` wants the rows of deleted files removed.
    removes: bool,
    /// Some versions were published in ranges, whose files have other names and bytes.
    in_ranges: bool,
    alone: &'a Alone,
    what: String,
}

impl Storm<'_> {
    async fn check(&self, uploaded: &[Uploaded]) {
        let (lake, what) = (self.lake, &self.what);
        let visible = lake.visible().await;
        let mut named = lake.entry_of("else/first.csv").await.unwrap().standing_paths();
        for (key_number, key) in KEYS.into_iter().enumerate() {
            let versions: Vec<&Uploaded> = uploaded.iter().filter(|version| version.key == key_number).collect();
            let entry = lake.entry_of(key).await;
            named.extend(entry.iter().flat_map(lakegate_lake::ledger::Entry::standing_paths));
            let name = lakegate_lake::layout::source_name("raw", key);
            let files: Visible = visible.clone().into_iter().filter(|(path, _)| is_file_of(path, &name)).collect();
            self.check_outcome(&versions, entry.as_ref(), &files, &format!("{what}, {key}"));
            check_told(lake, key, &Visible::new(), &lake.aws.events_by_type(), &format!("{what}, {key}")).await;
            for (at, version) in versions.iter().enumerate() {
                let later = versions.get(at + 1..).unwrap_or_default();
                self.check_told(version, later, &format!("{what}, {key}, {:?}", version.event.sequencer));
            }
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

    /// Whether these are the files of a content alone, or, of ranges, have its rows.
    fn are_of(&self, files: &Visible, key: usize, content: usize) -> bool {
        let alone = &self.alone[&(key, content)];
        if self.in_ranges { rows(files) == rows(alone) } else { files == alone }
    }

    /// The drafted contract rejects nothing and removes nothing.
    fn removes(&self, version: &Uploaded) -> bool {
        self.removes && version.key != 2
    }

    fn is_accepted(version: &Uploaded) -> bool {
        version.content.is_some_and(|content| CONTENTS[content] != BROKEN || version.key == 2)
    }

    /// `versions` are those of one key, and their deletions.
    fn check_outcome(&self, versions: &[&Uploaded], entry: Option<&Entry>, files: &Visible, what: &str) {
        let counts = |version: &&&Uploaded| version.content.is_some() || self.removes(version);
        let Some(last) = versions.iter().rfind(counts) else {
            assert_eq!((entry, files.len()), (None, 0), "{what}");
            return;
        };
        let entry = entry.unwrap();
        assert_eq!((&entry.lease_until, &entry.telling, &entry.unfinished), (&None, &None, &None), "{what}");
        let by = versions.iter().find(|version| version.event.sequencer == entry.source.sequencer).unwrap();
        // What stands again under the key of a deletion is taken in by that one's event, too.
        let is_by_removal = by.content.is_none() && entry.source.etag == last.event.etag;
        assert!(is_by_removal || std::ptr::eq(*by, *last), "{what}: the newest version has the last word");
        let Some(content) = last.content else {
            assert_eq!((entry.state, files.len()), (State::Removed, 0), "{what}");
            return;
        };
        // Where rows are kept, nobody knows of a deletion but who missed the file.
        let is_gone = versions.last().unwrap().content.is_none();
        if Self::is_accepted(last) && !(is_gone && entry.state == State::Failed) {
            assert_eq!(entry.state, State::Committed, "{what}");
            assert!(self.are_of(files, last.key, content), "{what}: {:?}", files.keys());
            return;
        }
        assert!(
            entry.state == State::Rejected || (is_gone && entry.state == State::Failed),
            "{what}: {:?}",
            entry.state
        );
        // A version that was accepted and not replaced by a later one that is known to have been.
        let known = versions.iter().rposition(|version| version.was_committed).unwrap_or(0);
        let is_shown = |version: &Uploaded| {
            Self::is_accepted(version) && self.are_of(files, version.key, version.content.unwrap())
        };
        // One whose publication broke off may be gone for good, and what stood before it with it; so is what was deleted.
        let is_deleted = |version: &Uploaded| version.content.is_none();
        let has_later = versions.iter().skip(known + 1).any(|version| Self::is_accepted(version));
        let is_removed = self.removes(last) && versions.iter().skip(known + 1).any(|version| is_deleted(version));
        let may_be_gone = (!self.is_versioned && has_later) || is_removed;
        let none = files.is_empty() && (may_be_gone || !versions.iter().any(|version| version.was_committed));
        assert!(none || versions[known..].iter().any(|version| is_shown(version)), "{what}: {:?}", files.keys());
    }

    /// `later` is what was done with the key after that.
    fn check_told(&self, version: &Uploaded, later: &[&Uploaded], what: &str) {
        let Some(etag) = version.event.etag.as_ref() else { return };
        let mut told: Vec<lakegate_lake::failure::FailureRecord> = self
            .lake
            .told()
            .into_iter()
            .filter(|record| {
                let source = record.source.as_ref();
                source.is_some_and(|source| source.key == KEYS[version.key] && source.etag.as_ref() == Some(etag))
            })
            .collect();
        // The function and a run tell the same failure in their own words.
        told.dedup_by(|one, other| one.at == other.at && one.kind == other.kind);
        let (missing, refused): (Vec<_>, Vec<_>) = told
            .iter()
            .map(|record| format!("{}: {}", record.kind, record.summary))
            .partition(|told| told.starts_with("SourceMissing"));
        // Its event may have come when it was gone; also after it was refused and told, by a worker that died before it noted that.
        let may_be_missed = later.iter().any(|later| later.content.is_none());
        let is_refused = !Self::is_accepted(version);
        assert!(missing.len() <= usize::from(may_be_missed), "{what}: {missing:?} {refused:?}");
        assert!(refused.len() <= usize::from(is_refused), "{what}: {missing:?} {refused:?}");
        assert!(!later.is_empty() || refused.len() == usize::from(is_refused), "{what}: {refused:?}");
    }
}
