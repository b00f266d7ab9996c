//! Tests: everything that can go wrong between the function and AWS, through the clients' own retries: one fault at every call, and seeded
//! storms of several. Every failure is kept and told, and nothing is acknowledged before.
//! They must not know how failures are kept and told.
//!
//! `LAKEGATE_FAULTS=all` lets every fault come at every call, to a process that goes on and to one that is always new;
//! `LAKEGATE_FAULT_SEED=7` runs one storm, `LAKEGATE_FAULT_SECS=600` new storms for so long, both of them those from the given one on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakegate_lake::failure::{FailedSource, FailureKind, FailureRecord, Stage};
use lakegate_lake::ledger::State;
use lakegate_stand_ins::{Aws, Dice, Fault, S3, Seeds, is_thorough, on_threads};
use serde_json::{Value, json};

use crate::handler::{self, Context};
use crate::world::{AT, World, event, message, state_change};

/// True for a fault that leaves no doubt whether a call was carried out, in a process that goes on.
fn is_sure(fault: Fault) -> bool {
    !fault.is_deadly() && !fault.loses_answer() && !fault.is_silent()
}

/// The faults that a batch's calls may meet.
fn faults() -> impl Iterator<Item = Fault> {
    Fault::OVER_HTTP.into_iter().chain([Fault::InPart])
}

/// A message that waits, and what its failures are recognised by in letters and mails.
#[derive(Clone)]
struct Waiting {
    message: Value,
    failures: Vec<String>,
}

fn record(key: &str) -> FailureRecord {
    let mut record = FailureRecord::new(Stage::Ingest, FailureKind::ContractViolated, "it breaks its contract");
    AT.clone_into(&mut record.at);
    record.source = Some(FailedSource {
        bucket: "raw".to_owned(),
        key: key.to_owned(),
        version_id: Some("v1".to_owned()),
        etag: None,
        size_bytes: None,
    });
    record
}

/// One message of every kind, and more than two calls' worth of them.
async fn batch(world: &World<'_>) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    let mut add = |id: &str, body: &str, record: Option<&FailureRecord>, failures: &[&str]| {
        let failures = failures.iter().map(|failure| (*failure).to_owned()).collect();
        waiting.push(Waiting { message: message(id, body, record), failures });
    };
    for number in 0..8 {
        let key = format!("told/{number}.csv");
        add(&key, &event(&key), Some(&record(&key)), &[&key]);
    }
    // The same failure in a second message, as when the answer to the first sending was lost.
    add("again", &event("told/0.csv"), Some(&record("told/0.csv")), &["told/0.csv"]);
    let mut replayed = record("replayed.csv");
    replayed.replay = Some("lakegate replay --send".to_owned());
    add("replayed", &event("replayed.csv"), Some(&replayed), &["replayed.csv"]);
    let records = ["up/1.csv", "up/2.csv", "up/%FF"]
        .map(|key| serde_json::from_str::<Value>(&event(key)).unwrap()["Records"][0].take());
    add("given up", &json!({ "Records": records }).to_string(), None, &["up/1.csv", "up/2.csv", "up/%FF"]);
    add("gibberish", "gibberish", None, &["gibberish"]);
    add("test message", r#"{"Event": "s3:TestEvent"}"#, None, &[]);
    world.run("jr_failed", "run/1.csv", Some(State::Heavy)).await;
    add("jr_failed", &state_change("jr_failed", "FAILED"), None, &["run/1.csv"]);
    world.run("jr_left", "run/2.csv", Some(State::Publishing)).await;
    add("jr_left", &state_change("jr_left", "SUCCEEDED"), None, &["run/2.csv"]);
    world.run("jr_good", "run/3.csv", Some(State::Committed)).await;
    add("jr_good", &state_change("jr_good", "SUCCEEDED"), None, &[]);
    world.prefix_run("jr_prefix").await;
    add("jr_prefix", &state_change("jr_prefix", "STOPPED"), None, &["jr_prefix"]);
    waiting
}

/// How often each failure was kept, and told.
fn counts(world: &World<'_>, waiting: &[Waiting]) -> BTreeMap<String, (usize, usize)> {
    let letters: Vec<String> = world.kept().iter().map(|letter| letter["MessageBody"].to_string()).collect();
    let mails: Vec<String> = world.aws.mails().into_iter().map(|(_, text)| text).collect();
    let count = |failure: &String| {
        let kept = letters.iter().filter(|letter| letter.contains(failure.as_str())).count();
        // Of what nobody understands a mail shows nothing but the kind.
        let shown = if failure == "gibberish" { "the message is not JSON" } else { failure };
        (failure.clone(), (kept, mails.iter().filter(|mail| mail.contains(shown)).count()))
    };
    waiting.iter().flat_map(|waiting| &waiting.failures).map(count).collect()
}

/// The messages that are to come again; all of them when the process died.
async fn deliver(world: &World<'_>, context: &Context, waiting: &[Waiting]) -> Option<Vec<Waiting>> {
    let records: Vec<&Value> = waiting.iter().map(|waiting| &waiting.message).collect();
    let payload = json!({ "Records": records });
    let handled = tokio::select! {
        biased;
        () = world.faults.death() => return None,
        handled = handler::handle(context, &payload) => handled,
    };
    let Ok(response) = handled else { return Some(waiting.to_vec()) };
    let again: BTreeSet<String> =
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    let (again, settled): (Vec<Waiting>, Vec<Waiting>) =
        waiting.iter().cloned().partition(|waiting| again.contains(waiting.message["messageId"].as_str().unwrap()));
    let untold: Vec<_> =
        counts(world, &settled).into_iter().filter(|(_, (kept, told))| *kept == 0 || *told == 0).collect();
    assert_eq!(untold, [], "acknowledged, and not done");
    Some(again)
}

/// One fault at one call: false when there is no such call. A process that is `warm` goes on unless it dies.
async fn one_fault(aws: &Aws, s3: &S3, fault: Fault, call: usize, is_warm: bool) -> bool {
    let what = format!("{fault:?} at call {call}, warm {is_warm}");
    let mut world = World::new(aws, s3);
    let all = batch(&world).await;
    world.is_hasty = fault.is_silent();
    let mut context = world.context();
    world.is_hasty = false;
    world.faults.arm(call, fault);
    let delivered = deliver(&world, &context, &all).await;
    if !world.faults.disarm() {
        return false;
    }
    let mut waiting = delivered.clone().unwrap_or_else(|| all.clone());
    for _ in 0..2 {
        if delivered.is_none() || !is_warm || fault.is_silent() {
            context = world.context();
        }
        waiting = deliver(&world, &context, &waiting).await.unwrap();
    }
    assert!(waiting.is_empty(), "{what}: it does not settle");
    let is_sure = is_warm && is_sure(fault);
    for (failure, (kept, told)) in counts(&world, &all) {
        // The client itself asks again, and so does the next delivery.
        let most = if is_sure { 1 } else { 3 };
        assert!((1..=most).contains(&kept) && (1..=most).contains(&told), "{what}: {failure} {kept} {told}");
    }
    true
}

#[test]
fn every_fault_at_every_call_leaves_every_failure_kept_and_told() {
    let turns: Vec<(Fault, bool)> = faults().flat_map(|fault| [(fault, true), (fault, false)]).collect();
    let runs = Mutex::new(BTreeMap::<String, usize>::new());
    on_threads(async |aws, s3, turn| {
        let Some((fault, is_warm)) = turns.get(turn).copied() else { return false };
        let every = if is_thorough() { 1 } else { 2 };
        for call in 0.. {
            if !(call + turn).is_multiple_of(every) {
                continue;
            }
            if !one_fault(aws, s3, fault, call, is_warm).await {
                break;
            }
            *runs.lock().unwrap().entry(format!("{fault:?}")).or_default() += 1;
        }
        true
    });
    let runs = runs.into_inner().unwrap();
    let all: usize = runs.values().sum();
    eprintln!("{all} runs with one fault: {runs:?}");
    assert!(all > 100, "{all}");
}

#[test]
fn whatever_goes_wrong_together_every_failure_is_kept_and_told() {
    let seeds = Seeds::of_environment(0..20);
    let (runs, deliveries) = (AtomicUsize::new(0), AtomicUsize::new(0));
    on_threads(async |aws, s3, turn| {
        let Some(seed) = seeds.of_turn(turn) else { return false };
        deliveries.fetch_add(storm(aws, s3, seed).await, Ordering::Relaxed);
        runs.fetch_add(1, Ordering::Relaxed);
        true
    });
    eprintln!("{runs:?} seeds, {deliveries:?} deliveries with several faults");
}

/// Several faults, batches in any company, messages that are delivered again though they were acknowledged, processes that die; with an
/// odd seed nothing but what leaves no doubt, to one process: how many deliveries there were.
async fn storm(aws: &Aws, s3: &S3, seed: u64) -> usize {
    // Shown when the test fails.
    println!("LAKEGATE_FAULT_SEED={seed}");
    let what = format!("LAKEGATE_FAULT_SEED={seed}");
    let mut dice = Dice::new(seed);
    let is_sure = !seed.is_multiple_of(2);
    let possible: Vec<Fault> = faults().filter(|fault| !is_sure || self::is_sure(*fault)).collect();
    let mut world = World::new(aws, s3);
    let all = batch(&world).await;
    world.is_hasty = !is_sure;
    let (mut waiting, mut context, mut deliveries) = (all.clone(), world.context(), 0);
    for _ in 0..6 {
        for _ in 0..dice.below(4) {
            world.faults.arm(dice.below(25), possible[dice.below(possible.len())]);
        }
        let (now, later): (Vec<Waiting>, Vec<Waiting>) = waiting.into_iter().partition(|_| dice.below(3) > 0);
        // At least once.
        let repeated: Vec<Waiting> = all.iter().filter(|_| dice.below(8) == 0).cloned().collect();
        let company: Vec<Waiting> = now.iter().chain(&repeated).cloned().collect();
        let delivered = deliver(&world, &context, &company).await;
        world.faults.disarm();
        deliveries += 1;
        if delivered.is_none() || (!is_sure && dice.below(4) == 0) {
            context = world.context();
        }
        // What was acknowledged before is not the queue's any more.
        let ids: BTreeSet<String> = now.iter().map(|waiting| waiting.message["messageId"].to_string()).collect();
        let again = delivered.unwrap_or(now).into_iter();
        waiting =
            again.filter(|waiting| ids.contains(&waiting.message["messageId"].to_string())).chain(later).collect();
        waiting.sort_by_key(|waiting| waiting.message["messageId"].to_string());
        waiting.dedup_by_key(|waiting| waiting.message["messageId"].to_string());
    }
    world.is_hasty = false;
    if !is_sure {
        context = world.context();
    }
    for _ in 0..2 {
        waiting = deliver(&world, &context, &waiting).await.unwrap();
        deliveries += 1;
    }
    assert!(waiting.is_empty(), "{what}: it does not settle");
    for (failure, (kept, told)) in counts(&world, &all) {
        let is_once = (kept, told) == (1, 1);
        assert!(kept > 0 && told > 0 && (is_once || !is_sure), "{what}: {failure} {kept} {told}");
    }
    deliveries
}
