//! Tests: seeded storms: several faults, objects, versions, messages and workers at once, through the clients' own retries.
//! They must not know how the work is done.
//!
//! `LAKEGATE_FAULT_SEED=7` runs one seed, `LAKEGATE_FAULT_SECS=600` new seeds for so long, both of them those from the given one on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakegate_lake::jobs;
use lakegate_lake::ledger::{Entry, Source, State};
use lakegate_stand_ins::{Aws, Dice, Fault, Run, S3, Seeds, on_threads};

use crate::world::{LATER, World};

const KEYS: [&str; 3] = ["orders/a.csv", "orders/deep/b.csv", "c d.csv"];

#[test]
fn whatever_goes_wrong_together_each_handing_over_gets_one_run() {
    let seeds = Seeds::of_environment(0..20);
    let (runs, deliveries) = (AtomicUsize::new(0), AtomicUsize::new(0));
    on_threads(async |aws, s3, turn| {
        let Some(seed) = seeds.of_turn(turn) else { return false };
        deliveries.fetch_add(storm(aws, s3, seed).await, Ordering::Relaxed);
        runs.fetch_add(1, Ordering::Relaxed);
        true
    });
    eprintln!("{runs:?} seeds, {deliveries:?} deliveries with several faults and workers");
}

/// What ingest has done with the keys, and the messages that wait.
struct Ingest {
    /// The latest version of each key, and its entry as ingest wrote it.
    latest: BTreeMap<&'static str, (Source, Entry)>,
    /// Every handing-over, by the manifest that its run has.
    handed_over: Vec<Entry>,
    messages: Vec<String>,
    /// Versions whose worker died when it had sent the message and not yet written the entry.
    half_done: Vec<Source>,
}

impl Ingest {
    async fn act(&mut self, world: &World<'_>, dice: &mut Dice) {
        let key = KEYS[dice.below(KEYS.len())];
        let source = match self.latest.get(key) {
            // A replay.
            Some((source, _)) if dice.below(3) == 0 => source.clone(),
            Some(_) | None => world.source(key),
        };
        world.wait(1);
        if dice.below(4) == 0 {
            let entry = Entry {
                lease_until: Some(lakegate_lake::failure::rfc3339(
                    (crate::world::clock() + std::time::Duration::from_mins(3)).into(),
                )),
                ..World::entry_of(&source, State::Working)
            };
            world.write(&entry).await;
            self.messages.push(World::message(&source));
            self.half_done.push(source.clone());
            self.latest.insert(key, (source, entry));
            return;
        }
        self.hand_over(world, source, key).await;
    }

    async fn hand_over(&mut self, world: &World<'_>, source: Source, key: &'static str) {
        let entry = World::entry_of(&source, State::Heavy);
        self.messages.push(world.hand_over(&source).await);
        let entry = Entry { at: world.entry(key).await.unwrap().at, ..entry };
        self.handed_over.push(entry.clone());
        self.latest.insert(key, (source, entry));
    }

    /// Its message comes again, if the version still is the latest.
    async fn finish(&mut self, world: &World<'_>) {
        for source in std::mem::take(&mut self.half_done) {
            let key = KEYS.into_iter().find(|key| *key == source.key).unwrap();
            let (latest, entry) = &self.latest[key];
            if *latest == source && entry.state == State::Working {
                self.hand_over(world, source, key).await;
            }
        }
    }
}

/// Some run ends, and has committed its object if it is the latest still.
async fn end_a_run(world: &World<'_>, ingest: &mut Ingest, dice: &mut Dice) {
    let running: Vec<Run> = world.aws.runs().into_iter().filter(|run| run.state == "RUNNING").collect();
    if running.is_empty() {
        return;
    }
    let run = running[dice.below(running.len())].clone();
    let is_good = dice.below(2) == 0;
    let state = if is_good { "SUCCEEDED" } else { "FAILED" };
    world.aws.set_run(Run { state: state.to_owned(), ..run.clone() });
    for (source, entry) in ingest.latest.values_mut() {
        if is_good && run.arguments[jobs::MANIFEST_ARGUMENT] == jobs::manifest_object(entry) {
            *entry = World::entry_of(source, State::Committed);
            world.write(entry).await;
        }
    }
}

/// One run: how many deliveries it took.
async fn storm(aws: &Aws, s3: &S3, seed: u64) -> usize {
    // Shown when the test fails.
    println!("LAKEGATE_FAULT_SEED={seed}");
    let what = format!("LAKEGATE_FAULT_SEED={seed}");
    let mut dice = Dice::new(seed);
    let world = World::new(aws, s3);
    let max = dice.below(4);
    world.aws.set_runs_max((max > 0).then_some(max));
    let mut ingest =
        Ingest { latest: BTreeMap::new(), handed_over: Vec::new(), messages: Vec::new(), half_done: Vec::new() };
    let mut acknowledged = Vec::new();
    let mut deliveries = 0;
    for step in 0..12 {
        if step == 0 || dice.below(2) == 0 {
            ingest.act(&world, &mut dice).await;
        }
        if dice.below(4) == 0 {
            ingest.finish(&world).await;
        }
        if dice.below(3) == 0 {
            end_a_run(&world, &mut ingest, &mut dice).await;
        }
        for _ in 0..dice.below(4) {
            world.faults.arm(dice.below(15), Fault::OVER_HTTP[dice.below(Fault::OVER_HTTP.len())]);
        }
        world.is_hasty.set(true);
        let chosen: Vec<usize> = (0..3).map(|_| dice.below(ingest.messages.len())).collect();
        let delivered = futures::future::join_all(chosen.iter().map(|at| world.deliver(&ingest.messages[*at]))).await;
        deliveries += delivered.len();
        world.is_hasty.set(false);
        world.faults.disarm();
        acknowledged.resize(ingest.messages.len(), false);
        for (at, delivered) in chosen.into_iter().zip(delivered) {
            acknowledged[at] |= delivered == Some(true);
        }
        world.wait([0, 1, 100, LATER][dice.below(4)]);
    }
    ingest.finish(&world).await;
    world.aws.set_runs_max(None);
    acknowledged.resize(ingest.messages.len(), false);
    for (message, is_acknowledged) in ingest.messages.iter().zip(acknowledged) {
        // What is delivered after it was acknowledged does no harm; what was not is delivered until it is.
        if !is_acknowledged || dice.below(3) == 0 {
            world.settle(message).await;
            deliveries += 1;
        }
    }
    check(&world, &ingest, &what).await;
    deliveries
}

async fn check(world: &World<'_>, ingest: &Ingest, what: &str) {
    assert!(world.aws.failures().is_empty(), "{what}: nothing lasts");
    let mut started = 0;
    for entry in &ingest.handed_over {
        let runs = world.runs_for(entry).len();
        assert!(runs <= 1, "{what}: {runs} runs for {} of {}", entry.source.key, entry.at);
        started += runs;
    }
    assert_eq!(started, world.aws.runs().len(), "{what}: no run but for what was handed over");
    for (key, (_, written)) in &ingest.latest {
        let entry = world.entry(key).await.unwrap();
        let run_id = entry.run_id.clone();
        assert_eq!(
            Entry { run_id: None, ..entry },
            *written,
            "{what}, {key}: the rest of the entry is as it was written"
        );
        let runs: Vec<String> = world.runs_for(written).into_iter().map(|run| run.id).collect();
        let is_heavy = written.state == State::Heavy;
        let expected = if is_heavy { runs.clone() } else { Vec::new() };
        assert_eq!(run_id.into_iter().collect::<Vec<_>>(), expected, "{what}, {key}");
        assert!(!is_heavy || runs.len() == 1, "{what}, {key}: {runs:?}");
    }
}
