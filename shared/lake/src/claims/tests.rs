//! Tests: workers that want the same object, on a store in memory.
//! They must not know how an entry is judged; that is in `ledger`.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::*;
use crate::failure::Violations;
use crate::key::ObjectKey;
use crate::ledger::{Output, Source};

fn objects() -> Objects {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    Objects::of_stores(BTreeMap::from([("lake".to_owned(), store)]))
}

/// Seconds since the tests began.
fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + secs)
}

/// An event of a version, and the entry that a worker on it wants.
fn version(number: u8) -> (ObjectEvent, Entry) {
    let (version_id, sequencer) = (Some(format!("v{number}")), Some(format!("0{number}")));
    let event = ObjectEvent {
        bucket: "raw".to_owned(),
        key: ObjectKey::as_given("a.csv"),
        version_id: version_id.clone(),
        etag: None,
        size_bytes: None,
        sequencer: sequencer.clone(),
        original: String::new(),
    };
    let (bucket, key) = ("raw".to_owned(), "a.csv".to_owned());
    let entry = Entry {
        version: 1,
        source: Source { bucket, key, version_id, etag: None, sequencer, last_modified: None, size_bytes: 3 },
        state: State::Working,
        dataset: Some("orders".to_owned()),
        contract_version: Some("1.0.0".to_owned()),
        engine_version: "0.1.0".to_owned(),
        rows_read: 0,
        rows_accepted: 0,
        rows_rejected: 0,
        rows_duplicate: 0,
        violations: Violations::new(),
        warnings: Violations::new(),
        file_error: None,
        outputs: Vec::new(),
        rejects_path: None,
        kept_paths: Vec::new(),
        attempts: 0,
        worker: None,
        lease_until: None,
        at: String::new(),
        elapsed_ms: 0,
    };
    (event, entry)
}

fn with_output(mut entry: Entry, state: State, path: &str) -> Entry {
    entry.state = state;
    entry.outputs = vec![Output { path: path.to_owned(), partition: String::new(), rows: 1, bytes: 1 }];
    entry
}

/// A worker that begins at a second and has five minutes.
fn worker(began: u64) -> Worker {
    Worker::new("r", at(began + 300), at(began))
}

async fn claimed(objects: &Objects, number: u8, now: u64) -> Result<Claimed, LakeError> {
    let (event, wanted) = version(number);
    claim(objects, "lake", &worker(now), &event, &wanted, at(now)).await
}

async fn in_hand(objects: &Objects, number: u8, now: u64) -> Box<Claim> {
    match claimed(objects, number, now).await.unwrap() {
        Claimed::InHand(claim) => claim,
        Claimed::AlreadyCommitted | Claimed::Superseded => panic!("nothing to do"),
    }
}

async fn stands(objects: &Objects) -> Entry {
    ledger::read(objects, "lake", "raw", "a.csv").await.unwrap().unwrap()
}

#[tokio::test]
async fn a_second_worker_is_told_until_when_the_first_one_has_the_object() {
    let objects = objects();
    let first = in_hand(&objects, 1, 0).await;
    assert_eq!(stands(&objects).await, *first.entry());
    let busy = claimed(&objects, 1, 10).await.unwrap_err();
    insta::assert_snapshot!(busy, @"s3://lake/ledger/a-6fe166ca1a625f2a.json is in work until 2023-11-14T22:19:20.000Z");
    assert!(busy.is_passing());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_workers_at_once_exactly_one_has_the_object() {
    for _ in 0..50 {
        let objects = Arc::new(objects());
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let objects = Arc::clone(&objects);
            workers.spawn(async move { claimed(&objects, 1, 0).await });
        }
        let mut in_hand = 0;
        for outcome in workers.join_all().await {
            match outcome {
                Ok(Claimed::InHand(_)) => in_hand += 1,
                Err(LakeError::Busy { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(in_hand, 1);
    }
}

#[tokio::test]
async fn an_object_of_a_dead_worker_is_taken_over_when_its_lease_ends() {
    let objects = objects();
    in_hand(&objects, 1, 0).await;
    assert!(matches!(claimed(&objects, 1, 359).await, Err(LakeError::Busy { .. })));
    let second = in_hand(&objects, 1, 360).await;
    assert_eq!(second.entry().attempts, 2);
}

#[tokio::test]
async fn a_worker_whose_object_was_taken_over_can_neither_publish_nor_commit_nor_release() {
    let objects = objects();
    let mut slow = in_hand(&objects, 1, 0).await;
    let second = in_hand(&objects, 1, 360).await;
    let entry = with_output(version(1).1, State::Committed, "lake/orders/a-0.parquet");
    // By its own clock it would be in time: the conditional write says no.
    let lost = slow.intend(&objects, &entry, at(299)).await.unwrap_err();
    insta::assert_snapshot!(lost, @"the lease on s3://lake/ledger/a-6fe166ca1a625f2a.json ended before the work did");
    assert!(matches!(slow.commit(&objects, &entry).await, Err(LakeError::LeaseLost { .. })));
    assert!(matches!(slow.release(&objects, at(361)).await, Err(LakeError::LeaseLost { .. })));
    assert_eq!(stands(&objects).await, *second.entry());
}

#[tokio::test]
async fn a_worker_whose_time_is_over_cannot_publish_although_nobody_took_over() {
    let objects = objects();
    let mut claim = in_hand(&objects, 1, 0).await;
    assert_eq!(claim.time_left(at(299)), Duration::from_secs(1));
    let entry = with_output(version(1).1, State::Committed, "lake/orders/a-0.parquet");
    assert!(matches!(claim.intend(&objects, &entry, at(300)).await, Err(LakeError::LeaseLost { .. })));
    assert_eq!(stands(&objects).await.state, State::Working);
}

#[tokio::test]
async fn a_newer_version_takes_an_object_that_is_read_and_waits_for_one_that_is_published() {
    let objects = objects();
    let mut older = in_hand(&objects, 1, 0).await;
    let mut newer = in_hand(&objects, 2, 1).await;
    let entry = with_output(version(1).1, State::Committed, "lake/orders/a-0.parquet");
    assert!(matches!(older.intend(&objects, &entry, at(2)).await, Err(LakeError::LeaseLost { .. })));
    let entry = with_output(version(2).1, State::Committed, "lake/orders/a-0.parquet");
    newer.intend(&objects, &entry, at(2)).await.unwrap();
    assert!(matches!(claimed(&objects, 3, 3).await, Err(LakeError::Busy { .. })));
    assert!(matches!(claimed(&objects, 1, 3).await, Ok(Claimed::Superseded)));
}

#[tokio::test]
async fn what_may_stand_is_remembered_through_attempts_that_broke_off() {
    let objects = objects();
    let mut first = in_hand(&objects, 1, 0).await;
    let committed = with_output(version(1).1, State::Committed, "lake/orders/month=1/a-0.parquet");
    first.intend(&objects, &committed, at(1)).await.unwrap();
    first.commit(&objects, &committed).await.unwrap();
    assert!(matches!(claimed(&objects, 1, 2).await, Ok(Claimed::AlreadyCommitted)));

    let mut second = in_hand(&objects, 2, 3).await;
    let intended = with_output(version(2).1, State::Committed, "lake/orders/month=2/a-0.parquet");
    second.intend(&objects, &intended, at(4)).await.unwrap();
    assert_eq!(stands(&objects).await.state, State::Publishing);
    drop(second);

    let third = in_hand(&objects, 3, 400).await;
    let new = with_output(version(3).1, State::Committed, "lake/orders/month=3/a-0.parquet");
    let stale = ledger::stale_paths(Some(third.entry()), &new);
    assert_eq!(stale, ["lake/orders/month=1/a-0.parquet", "lake/orders/month=2/a-0.parquet"]);
}

#[tokio::test]
async fn a_released_object_is_free_at_once_unless_something_may_be_visible() {
    let objects = objects();
    in_hand(&objects, 1, 0).await.release(&objects, at(1)).await.unwrap();
    let mut again = in_hand(&objects, 1, 1).await;
    assert_eq!(again.entry().attempts, 2);
    let entry = with_output(version(1).1, State::Committed, "lake/orders/a-0.parquet");
    again.intend(&objects, &entry, at(2)).await.unwrap();
    again.release(&objects, at(10)).await.unwrap();
    assert!(matches!(claimed(&objects, 1, 69).await, Err(LakeError::Busy { .. })));
    assert_eq!(in_hand(&objects, 1, 70).await.entry().kept_paths, ["lake/orders/a-0.parquet"]);
}

#[test]
fn a_worker_without_a_deadline_has_as_long_as_a_function_may_run() {
    let (one, other) = (Worker::new("r", SystemTime::UNIX_EPOCH, at(0)), Worker::new("r", at(1), at(0)));
    assert_eq!((one.deadline, other.deadline), (at(900), at(1)));
    assert_ne!(one.id, other.id);
}
