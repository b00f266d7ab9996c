//! Tests: objects that are deleted before, between and after their deliveries, while any one call goes wrong or the worker dies at it.
//! They must not know in which order a removal does what.

use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::*;
use crate::world::{BROKEN, FIRST, SECOND, Visible, World, removing};
use lakegate_stand_ins::{Aws, Fault};

/// Every call of a removal goes wrong once, in every way, in a world whose contract removes.
async fn at_every_call(aws: &Aws, run: impl AsyncFn(World<'_>, usize, Fault, String) -> bool) {
    let mut runs = 0;
    for fault in Fault::ALL {
        for call in 0.. {
            let lake = World::new(aws).await;
            lake.deploy(&removing()).await;
            if !run(lake, call, fault, format!("{fault:?} at call {call}")).await {
                break;
            }
            runs += 1;
        }
    }
    assert!(runs > 30, "{runs}");
}

/// Delivers a removal that goes wrong at a call; false when there is no such call.
async fn break_off(lake: &World<'_>, removal: &ObjectEvent, call: usize, fault: Fault) -> bool {
    lake.faults.arm(call, fault);
    lake.deliver(removal).await;
    lake.faults.disarm()
}

#[tokio::test]
async fn the_rows_of_a_deleted_object_leave_the_lake_whatever_goes_wrong() {
    let aws = Aws::start();
    at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        assert_eq!(lake.visible().await.len(), 3, "two partitions, and rejects");
        let removal = lake.deleted().await;
        if !break_off(&lake, &removal, call, fault).await {
            return false;
        }
        lake.settle(&removal).await;
        lake.check(State::Removed, &Visible::new(), &what).await;
        assert_eq!(lake.entry().await.unwrap().source.sequencer, removal.sequencer);
        // Both events once more.
        assert!(matches!(lake.settle(&removal).await, Outcome::NothingToRemove), "{what}");
        assert!(matches!(lake.settle(&first).await, Outcome::Superseded), "{what}");
        lake.check(State::Removed, &Visible::new(), &what).await;
        assert_eq!(aws.sent_to("failures"), 0, "{what}: nobody is to be alarmed");
        true
    })
    .await;
}

#[tokio::test]
async fn an_object_that_is_uploaded_again_stands_however_its_removal_went() {
    let aws = Aws::start();
    at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        let removal = lake.deleted().await;
        if !break_off(&lake, &removal, call, fault).await {
            return false;
        }
        let second = lake.upload(SECOND).await;
        lake.settle(&second).await;
        let visible = lake.visible().await;
        assert_eq!(visible.len(), 3, "{what}: two partitions, and rejects");
        lake.check(State::Committed, &visible, &what).await;
        assert!(matches!(lake.settle(&removal).await, Outcome::NothingToRemove), "{what}");
        assert!(matches!(lake.settle(&first).await, Outcome::Superseded), "{what}");
        lake.check(State::Committed, &visible, &what).await;
        true
    })
    .await;
}

#[tokio::test]
async fn a_removal_that_broke_off_leaves_no_half_of_an_object_behind_a_rejected_one() {
    let aws = Aws::start();
    let mut outcomes = std::collections::BTreeSet::new();
    for fault in Fault::ALL {
        for call in 0.. {
            let lake = World::new(&aws).await;
            lake.deploy(&removing()).await;
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            let before: Visible = lake.visible().await;
            let removal = lake.deleted().await;
            if !break_off(&lake, &removal, call, fault).await {
                break;
            }
            let broken = lake.upload(BROKEN).await;
            lake.settle(&broken).await;
            let entry = lake.entry().await.unwrap();
            assert_eq!(entry.state, State::Rejected);
            let standing =
                lake.visible().await.into_iter().filter(|(path, _)| entry.rejects_path.as_ref() != Some(path));
            let standing: Visible = standing.collect();
            assert!(standing.is_empty() || standing == before, "{fault:?} at call {call}: {:?}", standing.keys());
            outcomes.insert(standing.is_empty());
        }
    }
    assert_eq!(outcomes.len(), 2, "it broke off before and after it began");
}

#[tokio::test]
async fn the_rows_of_a_deleted_object_stay_where_the_contract_says_nothing() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let (visible, entry) = (lake.visible().await, lake.entry().await);
    let removal = lake.deleted().await;
    assert!(matches!(lake.settle(&removal).await, Outcome::NothingToRemove));
    lake.check(State::Committed, &visible, "kept").await;
    assert_eq!(lake.entry().await, entry);
}

#[tokio::test]
async fn an_object_whose_removal_comes_before_its_creation_is_never_missed() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    lake.deploy(&removing()).await;
    let first = lake.upload(FIRST).await;
    let removal = lake.deleted().await;
    assert!(matches!(lake.settle(&removal).await, Outcome::Removed(_)));
    assert!(matches!(lake.settle(&first).await, Outcome::Superseded));
    // As a sweep would announce it, without a sequencer.
    let swept = ObjectEvent { sequencer: None, ..first };
    assert!(matches!(lake.settle(&swept).await, Outcome::Superseded));
    lake.check(State::Removed, &Visible::new(), "never there").await;
    assert_eq!(aws.sent_to("failures"), 0);
}

#[tokio::test]
async fn an_object_that_is_deleted_and_removed_at_any_moment_of_its_reading_is_gone_in_the_end() {
    let aws = Aws::start();
    let mut removed_meanwhile = 0;
    for call in 0.. {
        let lake = World::new(&aws).await;
        lake.deploy(&removing()).await;
        let first = lake.upload(FIRST).await;
        lake.faults.arm(call, Fault::Wait);
        let mut slow = Box::pin(lake.deliver(&first));
        tokio::select! {
            _ = &mut slow => {
                if lake.faults.disarm() { continue }
                break;
            }
            () = lake.faults.standstill() => {}
        }
        let removal = lake.deleted().await;
        let delivered = lake.deliver(&removal).await;
        lake.faults.go_on();
        slow.await;
        match delivered.unwrap() {
            Ok(Outcome::Removed(_)) => removed_meanwhile += 1,
            Ok(outcome) => panic!("call {call}: {outcome:?}"),
            Err(error) => {
                assert!(matches!(error, LakeError::Busy { .. }), "{error}");
                lake.settle(&removal).await;
            }
        }
        lake.check(State::Removed, &Visible::new(), &format!("deleted at call {call}")).await;
        assert!(matches!(lake.settle(&first).await, Outcome::Superseded));
        assert_eq!(aws.sent_to("failures"), 0, "call {call}: nobody is to be alarmed");
    }
    assert!(removed_meanwhile > 2, "{removed_meanwhile}");
}

#[tokio::test]
async fn an_object_whose_deletion_is_undone_is_taken_in_again() {
    let aws = Aws::start();
    let lake = World::versioned(&aws).await;
    lake.deploy(&removing()).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let visible = lake.visible().await;
    let removal = lake.deleted().await;
    lake.settle(&removal).await;
    // The delete marker is deleted: nothing announces that the object is there.
    lake.raw.put(&Path::from(lake.key), FIRST.into()).await.unwrap();
    let undone = ObjectEvent { version_id: Some("delete marker".to_owned()), ..lake.removal() };
    assert!(matches!(lake.settle(&undone).await, Outcome::Committed(_)));
    assert_eq!(lake.visible().await.len(), visible.len());
    assert!(matches!(lake.settle(&undone).await, Outcome::NothingToRemove));
}

#[tokio::test]
async fn an_object_whose_deletion_is_undone_is_handed_on_as_one_that_was_created() {
    let aws = Aws::start();
    let mut lake = World::versioned(&aws).await;
    lake.deploy(&removing()).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let removal = lake.deleted().await;
    lake.settle(&removal).await;
    lake.raw.put(&Path::from(lake.key), FIRST.into()).await.unwrap();
    lake.heavy_bytes = 1;
    let undone = ObjectEvent { version_id: Some("delete marker".to_owned()), ..lake.removal() };
    assert!(matches!(lake.settle(&undone).await, Outcome::Heavy(_)));
    let messages = aws.messages_to("heavy");
    let [event] = &lakegate_lake::events::parse(messages[0]["MessageBody"].as_str().unwrap()).unwrap()[..] else {
        panic!("{messages:?}")
    };
    assert_eq!((event.key.as_str(), &event.sequencer), (lake.key, &undone.sequencer));
    assert_eq!(
        (event.size_bytes, &event.version_id),
        (Some(FIRST.len() as u64), &None),
        "not that of the delete marker"
    );
}

#[tokio::test]
async fn the_version_that_counts_is_deleted_for_good_and_the_one_before_it_counts_again() {
    let aws = Aws::start();
    let lake = World::versioned(&aws).await;
    lake.deploy(&removing()).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let expected = lake.visible().await;
    let second = lake.upload(SECOND).await;
    lake.settle(&second).await;
    let older = ObjectEvent { version_id: first.version_id, ..lake.removal() };
    assert!(matches!(lake.settle(&older).await, Outcome::NothingToRemove));
    assert_eq!(lake.entry().await.unwrap().source.version_id, second.version_id);

    lake.raw.put(&Path::from(lake.key), FIRST.into()).await.unwrap();
    let current = ObjectEvent { version_id: second.version_id, ..lake.removal() };
    assert!(matches!(lake.settle(&current).await, Outcome::Committed(_)));
    let tables = |visible: &Visible| {
        visible
            .iter()
            .filter(|(path, _)| path.starts_with("lake/"))
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect::<Visible>()
    };
    assert_eq!(tables(&lake.visible().await), tables(&expected));
}

#[tokio::test]
async fn the_spelling_of_a_key_is_that_of_its_entry() {
    let aws = Aws::start();
    let mut lake = World::new(&aws).await;
    lake.deploy(&removing()).await;
    lake.key = "orders/a b.csv";
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    lake.announced = Some("orders/a+b.csv");
    let removal = lake.deleted().await;
    assert!(matches!(lake.settle(&removal).await, Outcome::Removed(_)));
    lake.announced = None;
    lake.check(State::Removed, &Visible::new(), "encoded").await;
}

#[tokio::test]
async fn rows_that_nobody_can_say_what_to_do_with_are_told() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    lake.deploy(&removing()).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let visible = lake.visible().await;
    lake.deploy("kind: [unclosed").await;
    let removal = lake.deleted().await;
    let Outcome::Failed(record) = lake.settle(&removal).await else { panic!("it is told") };
    assert_eq!(record.kind, FailureKind::ContractInvalid);
    insta::assert_snapshot!(record.summary.split(';').next().unwrap(), @"s3://raw/orders/a.csv was deleted, and no valid contract says what becomes of its rows");
    lake.check(State::Committed, &visible, "kept").await;
    // Replayed when the contract is mended.
    lake.deploy(&removing()).await;
    assert!(matches!(lake.settle(&removal).await, Outcome::Removed(_)));
}
