//! Tests: failures, each of them told, noted, and told no more, whatever is delivered again.
//! They must not know what becomes of a failure that was told.

use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::FailureKind;

use super::*;
use crate::settings::UnknownDatasets;

/// Takes everything.
const OTHER_CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 2.0.0
status: active
servers:
  - {server: landing, type: s3, location: 's3://*/orders/**', format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string}
      - {name: region, logicalType: string, partitioned: true, partitionKeyPosition: 1}
";

/// Makes an object that fails, and announces it.
type Failing = (&'static str, FailureKind, fn(&mut World<'_>), &'static str);

const FAILING: [Failing; 6] = [
    ("rejected", FailureKind::ContractViolated, |_| {}, BROKEN),
    ("of no dataset", FailureKind::UnknownDataset, |lake| lake.key = "else/a.csv", FIRST),
    ("under a broken contract", FailureKind::ContractInvalid, |lake| lake.contract = "kind: [", FIRST),
    (
        "without a row to draft from",
        FailureKind::UnknownDataset,
        |lake| (lake.key, lake.unknown_datasets) = ("else/a.csv", UnknownDatasets::Infer),
        "id,region\n",
    ),
    (
        "under a key that cannot be asked for",
        FailureKind::UnsupportedKey,
        |lake| lake.announced = Some("orders//a.csv"),
        FIRST,
    ),
    ("that is not there", FailureKind::SourceMissing, |lake| lake.announced = Some("orders/b.csv"), FIRST),
];

async fn failing(lake: &mut World<'_>, (_, _, make, content): &Failing) -> ObjectEvent {
    make(lake);
    lake.deploy(lake.contract).await;
    lake.upload(content).await
}

#[tokio::test]
async fn every_failure_is_told_and_noted_and_nothing_is_done_when_its_event_comes_again() {
    let aws = Aws::start();
    for case in &FAILING {
        let what = case.0;
        let mut lake = World::new(&aws).await;
        let event = failing(&mut lake, case).await;
        lake.settle(&event).await;
        let entry = lake.entry().await.unwrap();
        let [record] = <[_; 1]>::try_from(lake.told()).unwrap();
        assert_eq!((&record.kind, &record.at), (&case.1, &entry.at), "{what}");
        assert_eq!(entry.contract_version.is_some(), entry.state == State::Rejected, "{what}");
        let source = record.source.unwrap();
        assert_eq!(
            (source.key.as_str(), entry.source.key.as_str()),
            (event.key.as_str(), event.key.as_str()),
            "{what}"
        );
        for _ in 0..2 {
            assert!(matches!(lake.settle(&event).await, Outcome::AlreadyTold), "{what}");
        }
        assert_eq!(aws.sent_to("failures"), 1, "{what}");
        assert_eq!(lake.entry().await, Some(entry), "{what}");
    }
}

#[tokio::test]
async fn a_replay_is_judged_anew_once_however_often_it_is_delivered() {
    let aws = Aws::start();
    for case in &FAILING {
        let what = case.0;
        let mut lake = World::new(&aws).await;
        let event = failing(&mut lake, case).await;
        lake.settle(&event).await;
        let first = lake.entry().await.unwrap();
        for _ in 0..3 {
            lake.settle_with(&event, Some(&first.at)).await;
        }
        let second = lake.entry().await.unwrap();
        let told: Vec<String> = lake.told().into_iter().map(|record| record.at).collect();
        assert_eq!(told, [first.at.as_str(), second.at.as_str()], "{what}");
        assert_eq!(aws.sent_to("failures"), 2, "{what}");
        assert_eq!(second.attempts, 2, "{what}");
        lake.settle_with(&event, Some(&second.at)).await;
        assert_eq!(aws.sent_to("failures"), 3, "{what}");
    }
}

#[tokio::test]
async fn a_failure_is_the_same_however_often_it_is_told_because_something_went_wrong() {
    let aws = Aws::start();
    for case in &FAILING {
        for is_replay in [false, true] {
            let runs = at_every_call(&aws, async |mut lake, call, fault, what| {
                let what = format!("{}, {what}", case.0);
                let event = failing(&mut lake, case).await;
                let mut replaces = None;
                if is_replay {
                    lake.settle(&event).await;
                    replaces = lake.entry().await.map(|entry| entry.at);
                }
                wait(LATER);
                lake.faults.arm(call, fault);
                let delivered = lake.deliver_with(&event, replaces.as_deref(), std::time::Duration::from_mins(5)).await;
                if !lake.faults.disarm() {
                    return false;
                }
                if !matches!(delivered, Some(Ok(_))) {
                    lake.settle_with(&event, replaces.as_deref()).await;
                }
                lake.settle_with(&event, replaces.as_deref()).await;
                assert_eq!(lake.told().len(), 1 + usize::from(is_replay), "{what}");
                let sent = aws.sent_to("failures") - usize::from(is_replay);
                assert!((1..=2).contains(&sent), "{what}");
                let entry = lake.entry().await.unwrap();
                assert_eq!(Some(entry.at), lake.told().pop().map(|record| record.at), "{what}");
                assert_eq!((entry.lease_until, entry.telling), (None, None), "{what}");
                true
            })
            .await;
            assert!(runs > 15, "{runs}");
        }
    }
}

#[tokio::test]
async fn a_contract_that_changed_judges_a_version_anew_and_tells_what_it_finds() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let event = lake.upload(BROKEN).await;
    lake.settle(&event).await;
    lake.deploy(OTHER_CONTRACT).await;
    let outcome = lake.settle(&event).await;
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
    lake.deploy("kind: [").await;
    assert!(matches!(lake.settle(&event).await, Outcome::AlreadyCommitted), "nothing to judge it by");
    assert_eq!(aws.sent_to("failures"), 1);
}

#[tokio::test]
async fn an_unknown_dataset_is_drafted_and_committed_once_whatever_goes_wrong() {
    let aws = Aws::start();
    let in_infer = |lake: &mut World<'_>| (lake.key, lake.unknown_datasets) = ("else/a.csv", UnknownDatasets::Infer);
    let mut lake = World::new(&aws).await;
    in_infer(&mut lake);
    let event = lake.upload(FIRST).await;
    lake.settle(&event).await;
    let expected = lake.visible().await;
    assert!(expected.keys().all(|key| key.starts_with("lake/else/")), "{:?}", expected.keys());
    at_every_call(&aws, async |mut lake, call, fault, what| {
        in_infer(&mut lake);
        let event = lake.upload(FIRST).await;
        lake.faults.arm(call, fault);
        let delivered = lake.deliver(&event).await;
        if !lake.faults.disarm() {
            return false;
        }
        if !matches!(delivered, Some(Ok(_))) {
            lake.settle(&event).await;
        }
        assert!(matches!(lake.settle(&event).await, Outcome::AlreadyCommitted), "{what}");
        lake.check(State::Committed, &expected, &what).await;
        assert_eq!(lake.entry().await.unwrap().dataset.as_deref(), Some("else"), "{what}");
        true
    })
    .await;
}

#[tokio::test]
async fn an_event_of_a_version_that_is_gone_is_superseded_when_a_newer_one_stands() {
    let aws = Aws::start();
    for is_versioned in [false, true] {
        let lake = if is_versioned { World::versioned(&aws).await } else { World::new(&aws).await };
        let first = lake.upload(FIRST).await;
        let second = lake.upload(SECOND).await;
        assert!(matches!(lake.settle(&first).await, Outcome::Superseded), "it was never seen");
        lake.settle(&second).await;
        lake.delete().await;
        assert!(matches!(lake.settle(&first).await, Outcome::Superseded));
        assert!(matches!(lake.settle(&second).await, Outcome::AlreadyCommitted));
        assert_eq!(aws.sent_to("failures"), 0);
        let third = lake.upload(THIRD).await;
        lake.delete().await;
        assert!(matches!(lake.settle(&third).await, Outcome::Failed(_)));
        assert!(matches!(lake.settle(&second).await, Outcome::Superseded));
        assert_eq!(lake.told().len(), 1);
    }
}

#[tokio::test]
async fn a_version_without_a_sequencer_is_newer_when_it_stands_in_the_bucket() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, SECOND], &[1]).await;
    let lake = World::new(&aws).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let mut swept = lake.upload(SECOND).await;
    swept.sequencer = None;
    assert!(matches!(lake.settle(&swept).await, Outcome::Committed(_)));
    let entry = lake.entry().await.unwrap();
    assert_eq!(entry.source.sequencer, None);
    assert!(entry.source.last_modified.is_some());
    assert!(matches!(lake.settle(&first).await, Outcome::Superseded));
    lake.check(State::Committed, &expected, "swept").await;
}
