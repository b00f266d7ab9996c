//! Tests: workers that want the same object, on a store in memory.
//! They must not know how an entry is judged; that is in `ledger`.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;
use crate::ledger::{Output, Source};
use crate::objects::BucketStore;

fn objects() -> Objects {
    let store: Arc<dyn BucketStore> = Arc::new(InMemory::new());
    Objects::of_stores(BTreeMap::from([("lake".to_owned(), store)]))
}

/// Seconds since the tests began.
fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + secs)
}

/// The entry that a worker on a version wants.
fn version(number: u8) -> Entry {
    let source = Source {
        bucket: "raw".to_owned(),
        key: "a.csv".to_owned(),
        version_id: Some(format!("v{number}")),
        etag: None,
        sequencer: Some(format!("0{number}")),
        last_modified: None,
        size_bytes: 3,
    };
    let mut entry = Entry::new(source, State::Working, "0.1.0", String::new());
    (entry.dataset, entry.contract_version) = (Some("orders".to_owned()), Some("1.0.0".to_owned()));
    entry
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
    let found = find(objects, "lake", "raw", "a.csv").await?;
    let wanted = Wanted { entry: &version(number), is_current: false, takes_heavy: false, replaces: None };
    claim(objects, &worker(now), &found, &wanted, at(now)).await
}

async fn in_hand(objects: &Objects, number: u8, now: u64) -> Box<Claim> {
    match claimed(objects, number, now).await.unwrap() {
        Claimed::InHand(claim) => claim,
        Claimed::AlreadyCommitted | Claimed::AlreadyTold | Claimed::Superseded | Claimed::Raced => {
            panic!("nothing to do")
        }
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
                Ok(Claimed::Raced) | Err(LakeError::Busy { .. }) => {}
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
    let entry = with_output(version(1), State::Committed, "lake/orders/a-0.parquet");
    // By its own clock it would be in time: the conditional write says no.
    let lost = slow.intend(&objects, &entry, at(299)).await.unwrap_err();
    insta::assert_snapshot!(lost, @"the lease on s3://lake/ledger/a-6fe166ca1a625f2a.json ended before the work did");
    assert!(matches!(slow.commit(&objects, &entry, true).await, Err(LakeError::LeaseLost { .. })));
    assert!(matches!(slow.release(&objects, at(361)).await, Err(LakeError::LeaseLost { .. })));
    assert_eq!(stands(&objects).await, *second.entry());
}

#[tokio::test]
async fn a_worker_whose_time_is_over_cannot_publish_although_nobody_took_over() {
    let objects = objects();
    let mut claim = in_hand(&objects, 1, 0).await;
    assert_eq!(claim.time_left(at(299)), Duration::from_secs(1));
    let entry = with_output(version(1), State::Committed, "lake/orders/a-0.parquet");
    assert!(matches!(claim.intend(&objects, &entry, at(300)).await, Err(LakeError::LeaseLost { .. })));
    assert_eq!(stands(&objects).await.state, State::Working);
}

#[tokio::test]
async fn a_newer_version_takes_an_object_that_is_read_and_waits_for_one_that_is_published() {
    let objects = objects();
    let mut older = in_hand(&objects, 1, 0).await;
    let mut newer = in_hand(&objects, 2, 1).await;
    let entry = with_output(version(1), State::Committed, "lake/orders/a-0.parquet");
    assert!(matches!(older.intend(&objects, &entry, at(2)).await, Err(LakeError::LeaseLost { .. })));
    let entry = with_output(version(2), State::Committed, "lake/orders/a-0.parquet");
    newer.intend(&objects, &entry, at(2)).await.unwrap();
    assert!(matches!(claimed(&objects, 3, 3).await, Err(LakeError::Busy { .. })));
    assert!(matches!(claimed(&objects, 1, 3).await, Ok(Claimed::Superseded)));
}

#[tokio::test]
async fn what_may_stand_is_remembered_through_attempts_that_broke_off() {
    let objects = objects();
    let mut first = in_hand(&objects, 1, 0).await;
    let committed = with_output(version(1), State::Committed, "lake/orders/month=1/a-0.parquet");
    first.intend(&objects, &committed, at(1)).await.unwrap();
    first.commit(&objects, &committed, true).await.unwrap();
    assert!(matches!(claimed(&objects, 1, 2).await, Ok(Claimed::AlreadyCommitted)));

    let mut second = in_hand(&objects, 2, 3).await;
    let intended = with_output(version(2), State::Committed, "lake/orders/month=2/a-0.parquet");
    second.intend(&objects, &intended, at(4)).await.unwrap();
    assert_eq!(stands(&objects).await.state, State::Publishing);
    drop(second);

    let third = in_hand(&objects, 3, 400).await;
    let new = with_output(version(3), State::Committed, "lake/orders/month=3/a-0.parquet");
    let stale = ledger::stale_paths(Some(third.entry()), &new);
    assert_eq!(stale, ["lake/orders/month=1/a-0.parquet", "lake/orders/month=2/a-0.parquet"]);
}

#[tokio::test]
async fn a_released_object_is_free_at_once_unless_something_may_be_visible() {
    let objects = objects();
    in_hand(&objects, 1, 0).await.release(&objects, at(1)).await.unwrap();
    let mut again = in_hand(&objects, 1, 1).await;
    assert_eq!(again.entry().attempts, 2);
    let entry = with_output(version(1), State::Committed, "lake/orders/a-0.parquet");
    again.intend(&objects, &entry, at(2)).await.unwrap();
    again.release(&objects, at(10)).await.unwrap();
    assert!(matches!(claimed(&objects, 1, 69).await, Err(LakeError::Busy { .. })));
    assert_eq!(in_hand(&objects, 1, 70).await.entry().kept_paths, ["lake/orders/a-0.parquet"]);
}

#[tokio::test]
async fn a_publication_that_broke_off_is_remembered_until_a_version_is_published() {
    let objects = objects();
    let mut first = in_hand(&objects, 1, 0).await;
    let published = with_output(version(1), State::Committed, "lake/orders/a-0.parquet");
    first.intend(&objects, &published, at(1)).await.unwrap();
    drop(first);
    let mut second = in_hand(&objects, 2, 400).await;
    assert_eq!(second.entry().unfinished, Some(version(1).source));
    let rejected = second.outcome(State::Rejected, "2023-11-14T22:20:00.000Z".to_owned());
    second.intend(&objects, &rejected, at(401)).await.unwrap();
    second.commit(&objects, &rejected, true).await.unwrap();
    let entry = stands(&objects).await;
    assert_eq!(
        (entry.unfinished, entry.kept_paths),
        (Some(version(1).source), vec![published.outputs[0].path.clone()])
    );
    let mut third = in_hand(&objects, 3, 402).await;
    let published = with_output(version(3), State::Committed, "lake/orders/b-0.parquet");
    third.intend(&objects, &published, at(403)).await.unwrap();
    assert_eq!(third.entry().unfinished, Some(version(3).source));
    third.commit(&objects, &published, true).await.unwrap();
    assert_eq!(stands(&objects).await.unfinished, None);
}

#[tokio::test]
async fn what_was_withdrawn_is_gone_but_for_the_rejects_of_the_version_in_hand() {
    let objects = objects();
    let paths = ["lake/orders/a-0.parquet", "rejects/dataset=orders/a-1.parquet", "rejects/dataset=orders/a-2.parquet"];
    for path in paths {
        objects.create("lake", path, bytes::Bytes::new()).await.unwrap();
    }
    let mut first = in_hand(&objects, 1, 0).await;
    let mut published = with_output(version(1), State::Committed, paths[0]);
    published.rejects_path = Some(paths[1].to_owned());
    first.intend(&objects, &published, at(1)).await.unwrap();
    let mut second = in_hand(&objects, 2, 400).await;
    let mut rejected = second.outcome(State::Rejected, "2023-11-14T22:20:00.000Z".to_owned());
    rejected.rejects_path = Some(paths[2].to_owned());
    second.intend(&objects, &rejected, at(401)).await.unwrap();
    second.withdraw(&objects).await.unwrap();
    // Should the worker die now, nothing is forgotten.
    assert_eq!(stands(&objects).await.unfinished, Some(version(1).source));
    second.commit(&objects, &rejected, true).await.unwrap();
    let entry = stands(&objects).await;
    assert_eq!((entry.unfinished.as_ref(), entry.kept_paths.as_slice()), (None, [].as_slice()));
    let left: Vec<String> =
        objects.list("lake", "rejects/").await.unwrap().into_iter().map(|found| found.key).collect();
    assert_eq!(left, [paths[2]]);
    assert!(objects.list("lake", "lake/").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_that_may_have_been_told_is_told_as_the_same_one_again() {
    let objects = objects();
    let mut first = in_hand(&objects, 1, 0).await;
    let told_at = first.failed_at(at(1));
    first.intend(&objects, &first.outcome(State::Failed, told_at.clone()), at(1)).await.unwrap();
    let again = in_hand(&objects, 1, 400).await;
    assert_eq!(again.failed_at(at(401)), told_at);
    let newer = in_hand(&objects, 2, 800).await;
    assert_eq!(newer.failed_at(at(801)), rfc3339(at(801)), "another version's failure is another one");
}

#[tokio::test]
async fn an_entry_of_another_object_is_not_taken_for_ones_own() {
    let objects = objects();
    let mut other = version(1);
    other.source.key = "b.csv".to_owned();
    objects.put_json_if("lake", &layout::ledger_object("raw", "a.csv"), &other, None).await.unwrap();
    let error = claimed(&objects, 1, 0).await.unwrap_err();
    assert!(!error.is_passing());
    insta::assert_snapshot!(crate::chain(&error), @"s3://lake/ledger/a-6fe166ca1a625f2a.json is not what it should be: it is the entry of s3://raw/b.csv, whose name has the same hash");
}

#[test]
fn a_worker_without_a_deadline_has_as_long_as_a_function_may_run() {
    let (one, other) = (Worker::new("r", SystemTime::UNIX_EPOCH, at(0)), Worker::new("r", at(1), at(0)));
    assert_eq!((one.deadline, other.deadline), (at(900), at(1)));
    assert_ne!(one.id, other.id);
}

/// A version in hand at a second, with its outcome, which has these files, and of which `is_withdrawn` says that all that stood is gone.
async fn concluded(objects: &Objects, number: u8, now: u64, state: State, paths: &[&str], is_withdrawn: bool) -> Entry {
    let mut claim = in_hand(objects, number, now).await;
    let mut entry = claim.outcome(state, rfc3339(at(now)));
    entry.outputs = paths.iter().map(|path| with_output(version(0), state, path).outputs.remove(0)).collect();
    claim.intend(objects, &entry, at(now)).await.unwrap();
    if is_withdrawn {
        claim.withdraw(objects).await.unwrap();
    }
    claim.commit(objects, &entry, true).await.unwrap();
    stands(objects).await
}

fn told(entry: &Entry) -> Option<&str> {
    entry.to_tell().and_then(|told| told.source.version_id.as_deref())
}

#[tokio::test]
async fn a_version_that_leaves_the_rows_of_another_has_that_to_tell_until_it_is_known_to_be_told() {
    let objects = objects();
    let first = concluded(&objects, 1, 0, State::Committed, &["lake/orders/a-0.parquet"], false).await;
    assert_eq!((told(&first), first.notice_pending), (Some("v1"), false), "its message comes again");
    for (number, state) in [(2, State::Rejected), (3, State::Failed), (4, State::Heavy)] {
        let entry = concluded(&objects, number, 10 * u64::from(number), state, &[], false).await;
        assert_eq!((told(&entry), entry.notice_pending), (Some("v1"), true), "{state:?}");
        assert_eq!(entry.untold.as_deref(), Some(&first), "{state:?}");
    }
    // Nobody knows how far the one before it came, who died.
    drop(in_hand(&objects, 5, 100).await);
    let published = concluded(&objects, 6, 200, State::Committed, &["lake/orders/b-0.parquet"], false).await;
    assert_eq!((told(&published), &published.untold), (Some("v6"), &None), "which tells all");
}

#[tokio::test]
async fn what_is_long_known_to_be_told_is_not_told_by_the_next_version() {
    const HOURS: u64 = 3600;
    for (hours, is_pending, expected) in [(5, false, Some("v1")), (7, false, None), (7, true, Some("v1"))] {
        let objects = objects();
        let first = concluded(&objects, 1, 0, State::Committed, &["lake/orders/a-0.parquet"], false).await;
        let found = find(&objects, "lake", "raw", "a.csv").await.unwrap();
        found.amend(&objects, Entry { notice_pending: is_pending, ..first }).await.unwrap().unwrap();
        let rejected = concluded(&objects, 2, hours * HOURS, State::Rejected, &[], false).await;
        assert_eq!((told(&rejected), rejected.notice_pending), (expected, expected.is_some()), "{hours} {is_pending}");
    }
}

#[tokio::test]
async fn rows_that_left_are_what_there_is_to_tell() {
    let [a, b] = ["lake/orders/a-0.parquet", "lake/orders/b-0.parquet"];
    for state in [State::Removed, State::Rejected, State::Failed, State::Heavy] {
        let objects = objects();
        concluded(&objects, 1, 0, State::Committed, &[a, b], false).await;
        let gone = concluded(&objects, 2, 10, state, &[], state != State::Removed).await;
        assert_eq!((told(&gone), gone.untold.as_ref()), (Some("v2"), None), "{state:?}");
        assert_eq!(gone.removed_paths, [a, b], "{state:?}");
        // That is left so by the next one, which has it to tell.
        let next = concluded(&objects, 3, 20, State::Rejected, &[], false).await;
        assert_eq!((told(&next), next.removed_paths.len(), next.notice_pending), (Some("v2"), 0, true), "{state:?}");
        let removed = concluded(&objects, 4, 30, State::Removed, &[], false).await;
        assert_eq!((told(&removed), removed.removed_paths.len()), (Some("v2"), 0), "{state:?}: nothing stood");
    }
}

#[tokio::test]
async fn of_a_version_in_another_table_it_is_told_that_rows_left_the_former_one() {
    let objects = objects();
    concluded(&objects, 1, 0, State::Committed, &["lake/old/a-0.parquet", "lake/orders/a-0.parquet"], false).await;
    let moved = concluded(&objects, 2, 10, State::Committed, &["lake/orders/b-0.parquet"], false).await;
    assert_eq!(
        (told(&moved), moved.removed_paths.as_slice()),
        (Some("v2"), ["lake/old/a-0.parquet".to_owned()].as_slice())
    );
}

#[tokio::test]
async fn without_notices_nothing_is_noted_for_them() {
    let objects = objects();
    concluded(&objects, 1, 0, State::Committed, &["lake/orders/a-0.parquet"], false).await;
    let mut second = in_hand(&objects, 2, 10).await;
    let removed = second.outcome(State::Removed, rfc3339(at(10)));
    second.intend(&objects, &removed, at(10)).await.unwrap();
    second.commit(&objects, &removed, false).await.unwrap();
    let entry = stands(&objects).await;
    assert_eq!((entry.removed_paths.len(), entry.untold, entry.notice_pending), (0, None, false));
}

#[tokio::test]
async fn a_glue_run_s_outcome_is_pending_until_it_was_told() {
    let objects = objects();
    let mut claim = in_hand(&objects, 1, 0).await;
    let mut entry = claim.outcome(State::Committed, rfc3339(at(0)));
    entry.run_id = Some("jr_1".to_owned());
    claim.commit(&objects, &entry, true).await.unwrap();
    assert!(stands(&objects).await.notice_pending, "no message comes again for it");
    let mut claim = in_hand(&objects, 2, 10).await;
    let entry = Entry { run_id: Some("jr_2".to_owned()), ..claim.outcome(State::Rejected, rfc3339(at(10))) };
    claim.commit(&objects, &entry, true).await.unwrap();
    assert_eq!(told(&stands(&objects).await), Some("v1"));
}
