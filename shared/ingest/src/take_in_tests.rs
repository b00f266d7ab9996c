//! Tests: versions of one object, delivered again and again, while any one call goes wrong or the worker dies at it.
//! They must not know how a file is converted: what a lake holds that only ever saw good weather is what every lake must hold.

use std::fmt::Write;

use lakegate_lake::ledger::State;

use crate::outcome::Outcome;
use crate::world::{BROKEN, CONTRACT, FIRST, LATER, SECOND, THIRD, Visible, World, wait};
use lakegate_stand_ins::{Aws, Fault};

/// What is to be seen after all versions were uploaded, and some of them delivered, in good weather.
pub(crate) async fn oracle(aws: &Aws, uploaded: &[&str], delivered: &[usize]) -> Visible {
    let lake = World::new(aws).await;
    for (index, content) in uploaded.iter().enumerate() {
        let event = lake.upload(content).await;
        if delivered.contains(&index) {
            lake.settle(&event).await;
        }
    }
    lake.visible().await
}

/// Every call of a delivery goes wrong once, in every way: `run` is told where, and is false when there is no such call.
pub(crate) async fn at_every_call(aws: &Aws, run: impl AsyncFn(World<'_>, usize, Fault, String) -> bool) -> usize {
    let mut runs = 0;
    for fault in Fault::ALL {
        for call in 0.. {
            let lake = World::new(aws).await;
            if !run(lake, call, fault, format!("{fault:?} at call {call}")).await {
                assert!(call > 4, "there are more calls");
                break;
            }
            runs += 1;
        }
    }
    runs
}

#[tokio::test]
async fn a_delivery_that_goes_wrong_anywhere_is_made_good_by_the_next_one() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, SECOND], &[1]).await;
    let runs = at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        let second = lake.upload(SECOND).await;
        lake.faults.arm(call, fault);
        let delivered = lake.deliver(&second).await;
        if !lake.faults.disarm() {
            return false;
        }
        if !matches!(delivered, Some(Ok(_))) {
            lake.settle(&second).await;
        }
        lake.check(State::Committed, &expected, &what).await;
        // Both events once more.
        assert!(matches!(lake.settle(&second).await, Outcome::AlreadyCommitted), "{what}");
        assert!(matches!(lake.settle(&first).await, Outcome::Superseded), "{what}");
        lake.check(State::Committed, &expected, &what).await;
        assert_eq!(aws.sent_to("failures"), 0, "{what}: nobody is to be alarmed");
        true
    })
    .await;
    assert!(runs > 60, "{runs}");
}

#[tokio::test]
async fn a_newer_version_removes_whatever_a_broken_off_one_left() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, SECOND, THIRD], &[2]).await;
    at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        let second = lake.upload(SECOND).await;
        lake.faults.arm(call, fault);
        lake.deliver(&second).await;
        if !lake.faults.disarm() {
            return false;
        }
        let third = lake.upload(THIRD).await;
        lake.settle(&third).await;
        lake.check(State::Committed, &expected, &what).await;
        assert!(matches!(lake.settle(&second).await, Outcome::Superseded), "{what}");
        lake.check(State::Committed, &expected, &what).await;
        true
    })
    .await;
}

#[tokio::test]
async fn a_rejected_version_leaves_what_stood_and_is_told_whatever_goes_wrong() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST, BROKEN], &[0, 1]).await;
    assert_eq!(expected.len(), 4, "two files of the first version, and the rejects of both");
    at_every_call(&aws, async |lake, call, fault, what| {
        let first = lake.upload(FIRST).await;
        lake.settle(&first).await;
        let broken = lake.upload(BROKEN).await;
        lake.faults.arm(call, fault);
        let delivered = lake.deliver(&broken).await;
        if !lake.faults.disarm() {
            return false;
        }
        if !matches!(delivered, Some(Ok(_))) {
            assert!(matches!(lake.settle(&broken).await, Outcome::Rejected(..) | Outcome::AlreadyTold), "{what}");
        }
        lake.check(State::Rejected, &expected, &what).await;
        assert!((1..=2).contains(&aws.sent_to("failures")), "{what}");
        // A good version cleans up after both.
        let third = lake.upload(THIRD).await;
        lake.settle(&third).await;
        assert_eq!(lake.visible().await.len(), 2, "{what}");
        true
    })
    .await;
}

#[tokio::test]
async fn a_big_object_reaches_glue_whatever_goes_wrong() {
    let aws = Aws::start();
    at_every_call(&aws, async |mut lake, call, fault, what| {
        lake.heavy_bytes = 1;
        let event = lake.upload(FIRST).await;
        lake.faults.arm(call, fault);
        let delivered = lake.deliver(&event).await;
        if !lake.faults.disarm() {
            return false;
        }
        if !matches!(delivered, Some(Ok(_))) {
            wait(LATER);
            let again = lake.deliver(&event).await;
            assert!(matches!(again, Some(Ok(Outcome::Heavy(_) | Outcome::AlreadyTold))), "{what}");
        }
        lake.check(State::Heavy, &Visible::new(), &what).await;
        assert!((1..=2).contains(&aws.sent_to("heavy")), "{what}");
        true
    })
    .await;
}

#[tokio::test]
async fn passing_trouble_gives_an_object_out_of_hand() {
    let aws = Aws::start();
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let mut at_once = 0;
        for call in 0.. {
            let lake = World::new(&aws).await;
            let event = lake.upload(FIRST).await;
            lake.faults.arm(call, fault);
            let delivered = lake.deliver(&event).await.unwrap();
            if !lake.faults.disarm() {
                break;
            }
            let Err(error) = delivered else {
                continue;
            };
            assert!(error.is_passing(), "{error}");
            match lake.entry().await {
                Some(entry) if entry.state == State::Publishing => wait(61),
                Some(_) | None => at_once += 1,
            }
            assert!(matches!(lake.deliver(&event).await, Some(Ok(Outcome::Committed(_)))), "{fault:?} at call {call}");
        }
        assert!(at_once > 5, "{at_once}");
    }
}

#[tokio::test]
async fn a_version_that_is_refused_under_a_changed_contract_leaves_its_rows_and_their_rejects() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let event = lake.upload(FIRST).await;
    lake.settle(&event).await;
    let before = lake.visible().await;
    lake.deploy(&CONTRACT.replace("1.0.0", "1.1.0").replace("value: 50", "value: 0")).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Rejected(..)));
    let after = lake.visible().await;
    assert_eq!(after.len(), before.len() + 1, "{:?}", after.keys());
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "{:?}", after.keys());
    lake.check(State::Rejected, &after, "both are named").await;
    // Published again, nothing of either judgement is left over.
    lake.deploy(CONTRACT).await;
    lake.settle(&event).await;
    lake.check(State::Committed, &before, "as it was").await;
}

/// More than an upload holds back: one partition of 14 MB that do not pack well.
fn big() -> String {
    let mut content = "id,region\n".to_owned();
    let mut state: u64 = 1;
    for _ in 0..400_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = state.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let _ = writeln!(content, "{state:016x}{other:016x},APAC");
    }
    content + "1,EMEA\n"
}

#[tokio::test]
async fn an_upload_in_parts_that_goes_wrong_anywhere_is_made_good() {
    let aws = Aws::start();
    let big = big();
    let expected = oracle(&aws, &[FIRST, &big], &[1]).await;
    assert!(expected.values().any(|file| file.len() > lakegate_lake::upload::PART_MIN_BYTES));
    for fault in [Fault::FailAfter, Fault::DieAfter] {
        for call in 0.. {
            let lake = World::new(&aws).await;
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            let second = lake.upload(&big).await;
            lake.faults.arm(call, fault);
            let delivered = lake.deliver(&second).await;
            if !lake.faults.disarm() {
                break;
            }
            if !matches!(delivered, Some(Ok(_))) {
                lake.settle(&second).await;
            }
            lake.check(State::Committed, &expected, &format!("{fault:?} at call {call}")).await;
        }
    }
}

#[path = "fault_tests.rs"]
mod faults;
#[path = "input_tests.rs"]
mod inputs;
#[path = "race_tests.rs"]
mod races;
#[path = "refused_tests.rs"]
mod refused;
#[path = "storm_tests.rs"]
mod storms;
#[path = "told_tests.rs"]
mod told;
#[path = "unfinished_tests.rs"]
mod unfinished;
