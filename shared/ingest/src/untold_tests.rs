//! Tests: whatever comes or leaves the tables is told at least once, whatever goes wrong and whatever comes next.
//! They must not know how it is told.

use std::collections::BTreeSet;

use lakegate_lake::events::ObjectEvent;
use lakegate_lake::ledger::State;
use lakegate_lake::notices::{INGESTED, REMOVED};
use lakegate_stand_ins::{Aws, CONTRACT, Fault};
use serde_json::{Value, json};

use crate::outcome::Outcome;
use crate::world::{BROKEN, FIRST, SECOND, THIRD, Visible, World, removing};

async fn world(aws: &Aws) -> World<'_> {
    let mut world = World::new(aws).await;
    world.tells = true;
    world
}

fn told(aws: &Aws) -> Vec<(String, Value)> {
    aws.events_by_type()
}

fn types(aws: &Aws) -> Vec<String> {
    told(aws).into_iter().map(|(detail_type, _)| detail_type).collect()
}

/// The files of tables.
pub(crate) fn tables(visible: &Visible) -> BTreeSet<String> {
    visible.keys().filter(|key| key.starts_with("lake/")).cloned().collect()
}

/// That the last of these events, or the one that is noted as pending, says of the object what stands: `known` stood before them.
pub(crate) async fn check_told(lake: &World<'_>, key: &str, known: &Visible, events: &[(String, Value)], what: &str) {
    let name = lakegate_lake::layout::source_name("raw", key);
    let files = |visible: &Visible| -> Visible {
        let is_its = |path: &String| path.starts_with("lake/") && path.contains(&name);
        visible.iter().filter(|(path, _)| is_its(path)).map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
    };
    let (known, stands) = (files(known), files(&lake.visible().await));
    let events: Vec<&(String, Value)> = events.iter().filter(|(_, detail)| detail["source"]["key"] == key).collect();
    let is_pending = lake.entry_of(key).await.is_some_and(|entry| entry.notice_pending);
    if is_pending || (events.is_empty() && known == stands) {
        return;
    }
    // They come in no order, but each change of an object is later than the one before.
    let last = events.iter().filter_map(|(_, detail)| detail["at"].as_str()).max().unwrap_or_default();
    let says_so = |(detail_type, detail): &&&(String, Value)| {
        let outputs: BTreeSet<String> = detail["outputs"].as_array().into_iter().flatten().filter_map(url).collect();
        let is_what_stands = if detail_type == REMOVED { stands.is_empty() } else { outputs == tables(&stands) };
        detail["at"] == last && is_what_stands
    };
    assert!(events.iter().any(|event| says_so(&event)), "{what}: {:?} stand, of {events:?}", stands.keys());
}

fn url(output: &Value) -> Option<String> {
    output["url"].as_str()?.strip_prefix("s3://lake/").map(str::to_owned)
}

#[tokio::test]
async fn a_deletion_is_told_with_what_it_took_away() {
    let aws = Aws::start();
    let lake = world(&aws).await;
    lake.deploy(&removing()).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let removal = lake.deleted().await;
    let Outcome::Removed(entry) = lake.settle(&removal).await else { panic!("removed") };
    assert_eq!(types(&aws), [INGESTED, REMOVED]);
    let detail = &told(&aws)[1].1;
    assert_eq!((&detail["reason"], &detail["table"]), (&json!("deleted"), &json!("orders")));
    assert_eq!(detail["source"]["sequencer"], json!(removal.sequencer));
    assert_eq!(
        detail["partitions"],
        json!([
            {"path": "region=APAC", "values": {"region": "APAC"}}, {"path": "region=EMEA", "values": {"region": "EMEA"}}
        ])
    );
    let ledger = lake.entry().await.unwrap();
    assert_eq!((&ledger, ledger.notice_pending, ledger.removed_paths.len()), (&*entry, false, 2));
    // S3 delivers at least once; and the worker may have died before it told.
    for (is_repeated, expected) in [(false, 2), (true, 3)] {
        lake.is_repeated.set(is_repeated);
        assert!(matches!(lake.deliver(&removal).await.unwrap().unwrap(), Outcome::NothingToRemove));
        assert_eq!(told(&aws).len(), expected);
    }
    assert_eq!(told(&aws)[2], told(&aws)[1]);
}

#[tokio::test]
async fn a_deletion_that_takes_nothing_away_is_not_told() {
    let aws = Aws::start();
    for contract in [CONTRACT.to_owned(), removing()] {
        let lake = world(&aws).await;
        lake.deploy(&contract).await;
        let broken = lake.upload(BROKEN).await;
        lake.settle(&broken).await;
        let removal = lake.deleted().await;
        lake.settle(&removal).await;
        lake.is_repeated.set(true);
        lake.deliver(&removal).await;
        assert_eq!(told(&aws).len(), 0);
    }
    // Where rows are kept, the deletion is no news; nor is what is announced of it again.
    let lake = world(&aws).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let removal = lake.deleted().await;
    lake.is_repeated.set(true);
    lake.deliver(&removal).await;
    assert_eq!(types(&aws), [INGESTED]);
}

#[tokio::test]
async fn a_deletion_that_cannot_be_told_is_pending_and_told_when_it_is_announced_again() {
    let aws = Aws::start();
    for contract in [CONTRACT.to_owned(), removing()] {
        let lake = world(&aws).await;
        lake.deploy(&removing()).await;
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        aws.deny(Some("PutEvents"));
        let removal = lake.deleted().await;
        assert!(matches!(lake.settle(&removal).await, Outcome::Removed(_)));
        let entry = lake.entry().await.unwrap();
        assert_eq!((entry.state, entry.notice_pending, entry.lease_until), (State::Removed, true, None));
        aws.deny(None);
        // As the sweep announces it; what the contract says by then does not matter.
        lake.deploy(&contract).await;
        lake.is_repeated.set(false);
        let swept = ObjectEvent { sequencer: None, ..removal };
        assert!(matches!(lake.deliver(&swept).await.unwrap().unwrap(), Outcome::NothingToRemove));
        assert_eq!(types(&aws), [INGESTED, REMOVED]);
        assert!(!lake.entry().await.unwrap().notice_pending);
    }
}

#[tokio::test]
async fn whatever_goes_wrong_a_deletion_is_told() {
    let aws = Aws::start();
    let mut runs = 0;
    for next in [None, Some(BROKEN), Some(SECOND)] {
        for fault in Fault::ALL {
            for call in 0.. {
                let what = format!("{fault:?} at call {call}, then {next:?}");
                let lake = world(&aws).await;
                lake.deploy(&removing()).await;
                let first = lake.upload(FIRST).await;
                lake.settle(&first).await;
                let known = lake.visible().await;
                let removal = lake.deleted().await;
                lake.faults.arm(call, fault);
                let delivered = lake.deliver(&removal).await;
                if !lake.faults.disarm() {
                    break;
                }
                // Its message comes again before the next version is uploaded, or when that is dealt with.
                if let Some(next) = next {
                    let next = lake.upload(next).await;
                    lake.settle(&next).await;
                }
                if !matches!(delivered, Some(Ok(_))) {
                    lake.is_repeated.set(true);
                    crate::world::wait(crate::world::LATER);
                    lake.deliver(&removal).await.unwrap().unwrap();
                }
                check_told(&lake, lake.key, &known, &told(&aws)[1..], &what).await;
                runs += 1;
            }
        }
    }
    assert!(runs > 120, "{runs}");
}

#[tokio::test]
async fn a_version_that_nobody_was_told_of_is_told_when_the_next_one_leaves_its_rows() {
    let aws = Aws::start();
    for (next, state) in [(BROKEN, State::Rejected), (THIRD, State::Failed), (SECOND, State::Heavy)] {
        for is_still_down in [false, true] {
            let what = format!("{state:?}, {is_still_down}");
            let mut lake = world(&aws).await;
            aws.deny(Some("PutEvents"));
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            assert!(lake.entry().await.unwrap().notice_pending, "{what}");
            let next = lake.upload(next).await;
            lake.heavy_bytes = if state == State::Heavy { 1 } else { u64::MAX };
            if state == State::Failed {
                lake.delete().await;
            }
            if !is_still_down {
                aws.deny(None);
            }
            lake.settle(&next).await;
            let entry = lake.entry().await.unwrap();
            assert_eq!((entry.state, entry.notice_pending), (state, is_still_down), "{what}");
            assert_eq!((entry.untold.is_some(), told(&aws).is_empty()), (is_still_down, is_still_down), "{what}");
            aws.deny(None);
            lake.is_repeated.set(false);
            // As the sweep announces it: of an object that is gone as its deletion.
            if state == State::Failed {
                let outcome = lake.deliver(&lake.removal()).await.unwrap().unwrap();
                assert!(matches!(outcome, Outcome::NothingToRemove), "{what}: {outcome:?}");
            } else {
                let outcome = lake.deliver(&next).await.unwrap().unwrap();
                assert!(matches!(outcome, Outcome::AlreadyTold), "{what}: {outcome:?}");
            }
            let [(detail_type, detail)] = <[_; 1]>::try_from(told(&aws)).unwrap();
            assert_eq!((detail_type.as_str(), &detail["source"]["etag"]), (INGESTED, &json!(first.etag)), "{what}");
            assert_eq!(detail["rows"]["accepted"], 2, "{what}");
            let entry = lake.entry().await.unwrap();
            assert_eq!((entry.state, entry.notice_pending, entry.untold), (state, false, None), "{what}");
        }
    }
}

#[tokio::test]
async fn a_version_whose_worker_died_before_it_told_is_told_when_the_next_one_is_rejected_first() {
    let aws = Aws::start();
    let (mut runs, mut untold) = (0, 0);
    for in_ranges in [None, Some(11)] {
        for fault in [Fault::DieBefore, Fault::DieAfter] {
            for call in 0.. {
                let what = format!("{fault:?} at call {call}, {in_ranges:?}");
                let mut lake = world(&aws).await;
                let first = lake.upload(FIRST).await;
                lake.in_ranges = in_ranges;
                lake.faults.arm(call, fault);
                lake.deliver(&first).await;
                if !lake.faults.disarm() {
                    break;
                }
                lake.in_ranges = None;
                let stood = lake.entry().await.is_some_and(|entry| entry.state == State::Committed);
                untold += usize::from(stood && told(&aws).is_empty());
                let broken = lake.upload(BROKEN).await;
                lake.settle(&broken).await;
                // What comes again is late.
                lake.is_repeated.set(true);
                assert!(matches!(lake.deliver(&first).await.unwrap().unwrap(), Outcome::Superseded), "{what}");
                check_told(&lake, lake.key, &Visible::new(), &told(&aws), &what).await;
                runs += 1;
            }
        }
    }
    assert!(runs > 50 && untold > 1, "{runs} {untold}");
}

#[tokio::test]
async fn a_file_that_moves_to_another_table_is_told_to_have_left_the_former_one() {
    let aws = Aws::start();
    let lake = world(&aws).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let renamed = CONTRACT.replace("- name: orders", "- name: sales").replace("1.0.0", "2.0.0");
    lake.deploy(&renamed).await;
    let second = lake.upload(SECOND).await;
    assert!(matches!(lake.settle(&second).await, Outcome::Committed(_)));
    let told: Vec<_> = told(&aws).into_iter().map(|(kind, detail)| (kind, detail["table"].clone())).collect();
    let expected = [(INGESTED, "orders"), (REMOVED, "orders"), (INGESTED, "sales")];
    assert_eq!(told, expected.map(|(kind, table)| (kind.to_owned(), json!(table))));
    assert_eq!(aws.events()[1]["reason"], "moved");
    assert!(tables(&lake.visible().await).iter().all(|path| path.starts_with("lake/sales/")));
}

#[tokio::test]
async fn without_notices_the_ledger_keeps_none_in_mind() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    lake.deploy(&removing()).await;
    for content in [FIRST, BROKEN] {
        let event = lake.upload(content).await;
        lake.settle(&event).await;
    }
    let rejected = lake.entry().await.unwrap();
    assert_eq!((rejected.state, rejected.untold, rejected.notice_pending), (State::Rejected, None, false));
    let removal = lake.deleted().await;
    lake.settle(&removal).await;
    let removed = lake.entry().await.unwrap();
    assert_eq!((removed.state, removed.removed_paths.len(), removed.notice_pending), (State::Removed, 0, false));
}

#[tokio::test]
async fn the_usual_way_of_a_file_costs_no_write_more() {
    let aws = Aws::start();
    let mut calls = Vec::new();
    for tells in [false, true] {
        let mut lake = world(&aws).await;
        lake.tells = tells;
        lake.deploy(&removing()).await;
        for content in [FIRST, SECOND] {
            let event = lake.upload(content).await;
            lake.settle(&event).await;
        }
        let removal = lake.deleted().await;
        let before = lake.faults.calls();
        lake.settle(&removal).await;
        calls.push(lake.faults.calls() - before);
    }
    assert_eq!(calls[1], calls[0] + 1, "the event");
}
