//! Tests: everything that can go wrong between a worker and AWS, through the clients' own retries: one fault at every call of every kind
//! of work.
//! They must not know how the work is done: what good weather leaves is what every weather must leave.
//!
//! `LAKEGATE_FAULTS=all` lets every fault come at every call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use lakegate_lake::events;
use lakegate_lake::failure::FailureKind;
use lakegate_lake::jobs::{self, Work as Manifested};
use lakegate_lake::ledger::{Entry, State};
use lakegate_stand_ins::{Aws, Fault, Run, S3, is_thorough, on_threads};

use crate::world::{KEY, LATER, World, clock};

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A version that ingest handed over.
    HandedOver,
    /// Announced by a sweep, which names no version.
    WithoutVersion,
    /// Of a message that says nothing about whether its key is encoded.
    EncodedKey,
    /// A message that somebody sent by hand: the object has no entry.
    ByHand,
    /// Handed over again, to replace what its first run came to.
    Again,
    /// Its run is known.
    AlreadyStarted,
    /// Its run has committed it.
    Committed,
    /// A message about a version that was replaced.
    Superseded,
    /// As many runs are under way as may be; one of them ends.
    NoRoom,
    /// Glue does not allow it, for good.
    Refused,
    /// Not about an object.
    Unreadable,
    /// Its entry does not parse.
    BrokenEntry,
    /// Two objects in one message.
    Two,
}

const WORK: [Work; 13] = [
    Work::HandedOver,
    Work::WithoutVersion,
    Work::EncodedKey,
    Work::ByHand,
    Work::Again,
    Work::AlreadyStarted,
    Work::Committed,
    Work::Superseded,
    Work::NoRoom,
    Work::Refused,
    Work::Unreadable,
    Work::BrokenEntry,
    Work::Two,
];

fn running(id: &str) -> Run {
    let arguments = BTreeMap::from([(jobs::MANIFEST_ARGUMENT.to_owned(), "runs/another.json".to_owned())]);
    Run { id: id.to_owned(), arguments, state: "RUNNING".to_owned(), error: None, started: clock() }
}

/// Brings a lake to where the work begins: the message.
async fn prepare(world: &World<'_>, work: Work) -> String {
    let source = world.source(KEY);
    // What others run must not be in the way.
    for number in 0..5 {
        world.aws.set_run(running(&format!("jr_other_{number}")));
    }
    match work {
        Work::HandedOver => world.hand_over(&source).await,
        Work::WithoutVersion => {
            world.hand_over(&source).await;
            lakegate_lake::announce::current("eu-central-1", "raw", KEY, 5, clock().into())
        }
        Work::EncodedKey => {
            world.hand_over(&source).await;
            serde_json::json!({
                "version": "0", "detail-type": "Object Created", "source": "aws.s3", "region": "eu-central-1",
                "time": "2026-01-02T03:04:05Z", "id": "1", "account": "1", "resources": [],
                "detail": {"bucket": {"name": "raw"}, "object": {
                    "key": KEY.replace(' ', "+"), "size": 5, "etag": source.etag, "version-id": source.version_id,
                    "sequencer": source.sequencer,
                }},
            })
            .to_string()
        }
        Work::ByHand => World::message(&source),
        Work::Again => {
            let message = world.hand_over(&source).await;
            world.settle(&message).await;
            world.hand_over(&source).await
        }
        Work::AlreadyStarted => {
            let message = world.hand_over(&source).await;
            world.settle(&message).await;
            message
        }
        Work::Committed => {
            let message = world.hand_over(&source).await;
            world.write(&World::entry_of(&source, State::Committed)).await;
            message
        }
        Work::Superseded => {
            let message = world.hand_over(&source).await;
            let newer = world.source(KEY);
            world.hand_over(&newer).await;
            message
        }
        Work::NoRoom => {
            world.aws.set_runs_max(Some(5));
            world.hand_over(&source).await
        }
        Work::Refused => {
            world.aws.deny(Some("StartJobRun"));
            world.hand_over(&source).await
        }
        Work::Unreadable => "gibberish".to_owned(),
        Work::BrokenEntry => {
            let mut entry = serde_json::to_value(World::entry_of(&source, State::Heavy)).unwrap();
            entry["state"] = "unheard of".into();
            world.write_text(KEY, &entry.to_string()).await;
            World::message(&source)
        }
        Work::Two => {
            let other = world.source("orders/other.csv");
            let (first, second) = (world.hand_over(&source).await, world.hand_over(&other).await);
            let [mut first, second] =
                [first, second].map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
            first["Records"].as_array_mut().unwrap().push(second["Records"][0].clone());
            first.to_string()
        }
    }
}

/// All that is to be seen afterwards: of each key the entry without its times, and whether it is the one that names its run; how many
/// runs were started for it; and what was told.
#[derive(Debug, PartialEq)]
struct Seen {
    objects: BTreeMap<&'static str, (State, bool, usize, Option<String>)>,
    runs: usize,
    told: BTreeSet<FailureKind>,
}

async fn seen(world: &World<'_>, work: Work) -> Seen {
    let mut objects = BTreeMap::new();
    for key in [KEY, "orders/other.csv"] {
        if work == Work::BrokenEntry {
            continue;
        }
        let Some(entry) = world.entry(key).await else { continue };
        let runs = world.runs_for(&entry);
        let names_run = entry.run_id.is_some() && entry.run_id == runs.first().map(|run| run.id.clone());
        assert_eq!((&entry.telling, &entry.lease_until), (&None, &None));
        if work != Work::ByHand {
            assert_eq!(entry.kept_paths.len(), 1, "the rest of the entry stays");
            assert_eq!(entry.dataset.as_deref(), Some("orders"));
        }
        for run in &runs {
            check_manifest(world, &entry, run).await;
        }
        objects.insert(key, (entry.state, names_run, runs.len(), entry.source.version_id));
    }
    let told = world.aws.failures().into_iter().map(|record| record.kind).collect();
    Seen { objects, runs: world.aws.runs().len(), told }
}

/// That a run can know from its manifest which version it is for.
async fn check_manifest(world: &World<'_>, entry: &Entry, run: &Run) {
    let source = jobs::source_of(&run.arguments).unwrap();
    assert_eq!((&source.key, &source.version_id), (&entry.source.key, &entry.source.version_id));
    let Manifested::Object { event, .. } = world.manifest(&run.arguments[jobs::MANIFEST_ARGUMENT]).await.work else {
        panic!("the manifest of an object");
    };
    let [event] = <[_; 1]>::try_from(events::parse(&event).unwrap()).unwrap();
    assert_eq!(lakegate_lake::ledger::Source::of_event(&event), entry.source);
}

async fn good_weather(aws: &Aws, s3: &S3, work: Work) -> Seen {
    let world = World::new(aws, s3);
    let message = prepare(&world, work).await;
    finish(&world, work, &message).await;
    seen(&world, work).await
}

async fn finish(world: &World<'_>, work: Work, message: &str) {
    if work == Work::NoRoom {
        world.wait(LATER);
        assert_ne!(world.deliver(message).await, Some(true), "there is no room");
        world.aws.set_run(Run { state: "SUCCEEDED".to_owned(), ..running("jr_other_0") });
    }
    world.settle(message).await;
}

/// One fault at one call: false when there is no such call.
async fn one_fault(aws: &Aws, s3: &S3, expected: &Seen, work: Work, fault: Fault, call: usize) -> bool {
    let what = format!("{work:?}, {fault:?} at call {call}");
    let world = World::new(aws, s3);
    let message = prepare(&world, work).await;
    world.wait(LATER);
    world.faults.arm(call, fault);
    world.is_hasty.set(fault.is_silent());
    let delivered = world.deliver(&message).await;
    world.is_hasty.set(false);
    if !world.faults.disarm() {
        return false;
    }
    if delivered == Some(true) {
        assert_eq!(seen(&world, work).await, *expected, "{what}: acknowledged, and not done");
    } else {
        finish(&world, work, &message).await;
    }
    world.settle(&message).await;
    assert_eq!(seen(&world, work).await, *expected, "{what}");
    let told = world.aws.failures();
    // The client itself asks again where no answer comes, and so does the next delivery.
    let more = if fault.loses_answer() || fault.is_silent() { 2 } else { 0 };
    if work == Work::Refused {
        // Told before it is noted: who dies, or does not reach the ledger, in between tells the same failure again.
        assert!(told.len() <= 2 + more && told.iter().all(|record| *record == told[0]), "{what}: {told:?}");
    } else if !told.is_empty() {
        // Each of the two deliveries that were acknowledged tells it: nothing can be noted by which the second would know the first.
        assert!((2..=2 + more).contains(&told.len()), "{what}: {told:?}");
    }
    true
}

#[test]
fn every_fault_at_every_call_of_every_work_leaves_one_run_and_every_failure_told() {
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
        let every = if is_thorough() { 1 } else { 3 };
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
    assert!(all > 100, "{all}");
}

#[tokio::test]
async fn good_weather_is_what_it_should_be() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    let one = (State::Heavy, true, 1, Some("v1".to_owned()));
    for (work, runs, told, object) in [
        (Work::HandedOver, 1, None, Some(one.clone())),
        (Work::WithoutVersion, 1, None, Some(one.clone())),
        (Work::EncodedKey, 1, None, Some(one.clone())),
        (Work::ByHand, 1, None, Some(one.clone())),
        (Work::Again, 2, None, Some(one.clone())),
        (Work::AlreadyStarted, 1, None, Some(one.clone())),
        (Work::Committed, 0, None, Some((State::Committed, false, 0, Some("v1".to_owned())))),
        (Work::Superseded, 0, None, Some((State::Heavy, false, 0, Some("v2".to_owned())))),
        (Work::NoRoom, 1, None, Some(one.clone())),
        (Work::Refused, 0, Some(FailureKind::AccessDenied), Some((State::Failed, false, 0, Some("v1".to_owned())))),
        (Work::Unreadable, 0, Some(FailureKind::UnreadableMessage), None),
        (Work::BrokenEntry, 0, Some(FailureKind::LedgerUnreadable), None),
    ] {
        let objects = object.map(|object| (KEY, object)).into_iter().collect();
        let expected = Seen { objects, runs: 5 + runs, told: told.into_iter().collect() };
        assert_eq!(good_weather(&aws, &s3, work).await, expected, "{work:?}");
    }
    assert_eq!(good_weather(&aws, &s3, Work::Two).await.runs, 7);
}

#[tokio::test]
async fn who_waits_for_room_neither_holds_the_object_nor_asks_for_its_run() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    let world = World::new(&aws, &s3);
    let message = prepare(&world, Work::NoRoom).await;
    for _ in 0..3 {
        assert_eq!(world.deliver(&message).await, Some(false));
    }
    assert_eq!(world.aws.hidden().len(), 3, "its message comes again soon");
    let entry = world.entry(KEY).await.unwrap();
    assert_eq!(world.manifest(&jobs::manifest_object(&entry)).await.starting, None);
    world.aws.set_runs_max(None);
    world.aws.deny(Some("GetJobRuns"));
    assert_eq!(world.deliver(&message).await, Some(true));
    assert_eq!(world.runs_for(&entry).len(), 1);
}

#[tokio::test]
async fn while_a_worker_is_about_to_start_the_run_nobody_else_does() {
    let (aws, s3) = (Aws::start_with_retries(), S3::start());
    let world = World::new(&aws, &s3);
    let message = prepare(&world, Work::HandedOver).await;
    // The third call is that to Glue's StartJobRun, or near it.
    world.faults.arm(3, Fault::DieBefore);
    assert_eq!(world.deliver(&message).await, None);
    world.wait(60);
    assert_eq!(world.deliver(&message).await, Some(false), "the worker may live");
    assert_eq!(world.aws.runs().len(), 5);
    world.wait(LATER);
    assert_eq!(world.deliver(&message).await, Some(true));
    assert_eq!(world.aws.runs().len(), 6);
}
