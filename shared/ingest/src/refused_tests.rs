//! Tests: what AWS refuses for good while a version is published, and objects that no function can publish.
//! They must not know in which order outputs become visible.

use lakegate_lake::failure::FailureKind;

use super::*;

/// A lake whose first version is committed, the table's files of it, and the second version's event.
async fn begun(lake: &World<'_>) -> (Visible, lakegate_lake::events::ObjectEvent) {
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    (table(lake).await, lake.upload(SECOND).await)
}

async fn table(lake: &World<'_>) -> Visible {
    let mut visible = lake.visible().await;
    visible.retain(|key, _| key.starts_with("lake/"));
    visible
}

#[tokio::test]
async fn what_the_catalog_refuses_for_good_costs_no_rows_and_can_be_repeated() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, SECOND], &[1]).await;
    for is_versioned in [false, true] {
        let lake = if is_versioned { World::versioned(&aws).await } else { World::new(&aws).await };
        let (first, second) = begun(&lake).await;
        aws.deny(Some("BatchCreatePartition"));
        let Outcome::Failed(record) = lake.settle(&second).await else { panic!("failed") };
        assert_eq!(record.kind, FailureKind::AccessDenied);
        assert!(!record.summary.contains("no rows"), "{}", record.summary);
        assert!(table(&lake).await == first, "the first version's rows, whole");
        let entry = lake.entry().await.unwrap();
        assert_eq!((entry.state, entry.unfinished), (State::Failed, None));
        aws.deny(None);
        assert!(matches!(lake.settle_with(&second, Some(&entry.at)).await, Outcome::Committed(_)));
        assert!(table(&lake).await.iter().eq(expected.iter().filter(|(key, _)| key.starts_with("lake/"))));
    }
}

#[tokio::test]
async fn rows_that_may_not_be_written_leave_those_that_stand() {
    let aws = Aws::start();
    for denied in ["-0.parquet", "parquet"] {
        let lake = World::new(&aws).await;
        let (first, second) = begun(&lake).await;
        *lake.lake.denied.lock().unwrap() = Some(denied);
        let Outcome::Failed(record) = lake.settle(&second).await else { panic!("failed") };
        assert_eq!(record.kind, FailureKind::AccessDenied);
        assert!(table(&lake).await == first, "the first version's rows, whole");
        let entry = lake.entry().await.unwrap();
        assert_eq!((entry.state, entry.unfinished), (State::Failed, None));
        *lake.lake.denied.lock().unwrap() = None;
        assert!(matches!(lake.settle_with(&second, Some(&entry.at)).await, Outcome::Committed(_)));
        lake.check(State::Committed, &oracle(&aws, &[FIRST, SECOND], &[1]).await, denied).await;
    }
}

#[tokio::test]
async fn where_some_rows_were_written_and_others_may_not_be_no_mix_is_left() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let (_, second) = begun(&lake).await;
    *lake.lake.denied.lock().unwrap() = Some("region=AMER");
    let Outcome::Failed(record) = lake.settle(&second).await else { panic!("failed") };
    assert!(record.summary.contains("no rows"), "{}", record.summary);
    assert_eq!(table(&lake).await, Visible::new());
}

#[tokio::test]
async fn what_does_not_fit_the_memory_is_handed_to_glue() {
    let aws = Aws::start();
    let mut lake = World::new(&aws).await;
    lake.held_bytes = 16;
    let event = lake.upload(FIRST).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Heavy(_)));
    assert_eq!((aws.sent_to("heavy"), aws.sent_to("failures")), (1, 0));
    lake.check(State::Heavy, &Visible::new(), "heavy").await;
}

#[tokio::test]
async fn parts_on_their_way_are_waited_for_before_an_object_counts_as_too_big() {
    let aws = Aws::start();
    let mut lake = World::new(&aws).await;
    // Two of its parts and what is held back beside them; all of it is more.
    lake.held_bytes = 3 * lakegate_lake::upload::PART_MIN_BYTES;
    let event = lake.upload(&big()).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Committed(_)));
}

#[tokio::test]
async fn every_upload_to_a_bucket_whose_versioning_is_suspended_is_taken_in() {
    let aws = Aws::start();
    let lake = World::suspended(&aws).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let second = lake.upload(SECOND).await;
    assert!(matches!(lake.settle(&second).await, Outcome::Committed(_)));
    assert!(matches!(lake.settle(&second).await, Outcome::AlreadyCommitted));
    lake.check(State::Committed, &oracle(&aws, &[FIRST, SECOND], &[1]).await, "suspended").await;
}

#[tokio::test]
async fn a_missing_object_is_not_noted_as_another_one_with_the_decoded_key() {
    let aws = Aws::start();
    let mut lake = World::new(&aws).await;
    lake.key = "orders/a b.csv";
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let committed = lake.entry().await.unwrap();
    lake.delete().await;
    lake.key = "orders/a+b.csv";
    let missing = lake.upload(SECOND).await;
    lake.delete().await;
    assert!(matches!(lake.settle(&missing).await, Outcome::Failed(_)));
    assert_eq!(lake.entry().await.unwrap().state, State::Failed);
    assert_eq!(lake.entry_of("orders/a b.csv").await.unwrap(), committed);
    // A late delivery of the other one, from a source that encodes keys, is known as such.
    let again = lakegate_lake::events::ObjectEvent { key: missing.key.clone(), ..first };
    lake.key = "orders/a b.csv";
    let outcome = lake.settle(&again).await;
    assert!(matches!(outcome, Outcome::AlreadyCommitted | Outcome::Superseded), "{outcome:?}");
}

#[tokio::test]
async fn rejected_rows_of_versions_that_never_stood_do_not_pile_up() {
    let aws = Aws::start();
    let lake = World::versioned(&aws).await;
    let (first, _) = begun(&lake).await;
    let standing = lake.visible().await;
    for rejected in 1..5 {
        let event = lake.upload(&format!("{BROKEN},EMEA\n{}", ",APAC\n".repeat(rejected))).await;
        assert!(matches!(lake.settle(&event).await, Outcome::Rejected(..)));
        let visible = lake.visible().await;
        assert_eq!(visible.len(), standing.len() + 1, "those of the version that stands, and the last ones");
        assert!(standing.keys().all(|key| visible.contains_key(key)));
        assert!(table(&lake).await == first);
        assert_eq!(lake.entry().await.unwrap().standing_paths(), visible.keys().cloned().collect());
    }
}
