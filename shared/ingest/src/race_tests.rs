//! Tests: what happens to an object while a worker has it in hand, at every one of that worker's calls.
//! They must not know which calls those are.

use std::time::Duration;

use lakegate_lake::LakeError;
use lakegate_lake::failure::FailureKind;

use lakegate_stand_ins::Dice;

use super::*;

#[tokio::test]
async fn of_two_workers_at_once_one_works_and_the_other_comes_again() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST], &[0]).await;
    let lake = World::new(&aws).await;
    let event = lake.upload(FIRST).await;
    let (one, other) = tokio::join!(lake.deliver(&event), lake.deliver(&event));
    match (one.unwrap(), other.unwrap()) {
        (Ok(Outcome::Committed(_)), Err(LakeError::Busy { .. }))
        | (Err(LakeError::Busy { .. }), Ok(Outcome::Committed(_))) => {}
        others => panic!("{others:?}"),
    }
    lake.check(State::Committed, &expected, "both").await;
    assert!(matches!(lake.settle(&event).await, Outcome::AlreadyCommitted));
    assert_eq!(lake.entry().await.unwrap().attempts, 1);
}

#[tokio::test]
async fn a_newer_version_that_arrives_at_any_moment_is_what_stands_in_the_end() {
    let aws = Aws::start();
    for older in [FIRST, BROKEN] {
        let expected = oracle(&aws, &[older, SECOND], &[1]).await;
        for call in 0.. {
            let lake = World::new(&aws).await;
            let first = lake.upload(older).await;
            lake.faults.arm(call, Fault::Wait);
            let mut slow = Box::pin(lake.deliver(&first));
            tokio::select! {
                _ = &mut slow => {
                    if lake.faults.disarm() { continue }
                    break;
                }
                () = lake.faults.standstill() => {}
            }
            let second = lake.upload(SECOND).await;
            let delivered = lake.deliver(&second).await;
            lake.faults.go_on();
            slow.await;
            // What the queue was told is done does not come again.
            if !matches!(delivered, Some(Ok(_))) {
                lake.settle(&second).await;
            }
            lake.check(State::Committed, &expected, &format!("the second comes at call {call}")).await;
            assert!(matches!(lake.settle(&first).await, Outcome::Superseded));
        }
    }
}

#[tokio::test]
async fn an_object_that_is_deleted_at_any_moment_is_published_or_told_of_once() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST], &[0]).await;
    let mut told = 0;
    for call in 0.. {
        let lake = World::new(&aws).await;
        let event = lake.upload(FIRST).await;
        lake.faults.arm(call, Fault::Wait);
        let mut slow = Box::pin(lake.deliver(&event));
        let outcome = tokio::select! {
            _ = &mut slow => {
                if lake.faults.disarm() { continue }
                break;
            }
            () = lake.faults.standstill() => {
                lake.delete().await;
                lake.faults.go_on();
                slow.await
            }
        };
        match outcome.unwrap().unwrap() {
            Outcome::Committed(_) => lake.check(State::Committed, &expected, "read before").await,
            Outcome::Failed(record) => {
                assert_eq!((record.kind, aws.sent_to("failures")), (FailureKind::SourceMissing, 1));
                told += 1;
                lake.check(State::Failed, &Visible::new(), "deleted before it was read to the end").await;
                assert!(matches!(lake.settle(&event).await, Outcome::AlreadyTold));
                assert_eq!(aws.sent_to("failures"), 1);
            }
            Outcome::Rejected(..)
            | Outcome::Heavy(_)
            | Outcome::AlreadyCommitted
            | Outcome::AlreadyTold
            | Outcome::Superseded
            | Outcome::Removed(_)
            | Outcome::NothingToRemove
            | Outcome::OwnObject => panic!("call {call}"),
        }
    }
    assert!(told > 1);
}

#[tokio::test]
async fn a_worker_whose_time_ends_while_it_publishes_stops_by_itself() {
    let aws = Aws::start();
    let expected = oracle(&aws, &[FIRST], &[0]).await;
    let time = Duration::from_millis(100);
    let mut stopped = 0;
    for call in 0.. {
        let lake = World::new(&aws).await;
        let event = lake.upload(FIRST).await;
        lake.faults.arm(call, Fault::Wait);
        let mut slow = Box::pin(lake.deliver_with(&event, None, time));
        let delivered = tokio::select! {
            delivered = &mut slow => Some(delivered.unwrap()),
            // Before it publishes, nothing but its death stops a worker that waits, and it harms nobody.
            () = lake.faults.standstill() => tokio::time::timeout(2 * time, &mut slow).await.ok().flatten(),
        };
        drop(slow);
        match (delivered, lake.faults.disarm()) {
            (Some(Ok(_)), false) => break,
            (Some(Err(error)), _) => {
                assert!(error.is_passing(), "{error}");
                stopped += 1;
            }
            (Some(Ok(_)) | None, _) => {}
        }
        lake.settle(&event).await;
        lake.check(State::Committed, &expected, &format!("call {call}")).await;
    }
    assert!(stopped >= 3, "three outputs, {stopped}");
}

/// Runs of the test below, each with its own seed.
const SEEDS: std::ops::Range<u64> = 0..60;

#[tokio::test]
async fn whatever_goes_wrong_together_the_last_version_stands_in_the_end() {
    let aws = Aws::start();
    for seed in SEEDS {
        let what = format!("seed {seed}");
        let mut dice = Dice::new(seed);
        let lake = World::new(&aws).await;
        let (mut uploaded, mut waiting) = (Vec::new(), Vec::new());
        for step in 0..12 {
            if step == 0 || dice.below(3) == 0 {
                let content = [FIRST, SECOND, THIRD][dice.below(3)];
                waiting.push(lake.upload(content).await);
                uploaded.push(content);
            }
            let at = dice.below(waiting.len().max(1));
            let Some(event) = waiting.get(at) else {
                continue;
            };
            lake.faults.arm(dice.below(40), Fault::ALL[dice.below(4)]);
            let delivered = lake.deliver(event).await;
            lake.faults.disarm();
            if matches!(delivered, Some(Ok(_))) && dice.below(3) > 0 {
                waiting.remove(at);
            }
            wait([0, 1, 100, LATER][dice.below(4)]);
        }
        while !waiting.is_empty() {
            let event = waiting.swap_remove(dice.below(waiting.len()));
            lake.settle(&event).await;
        }
        let newest = lake.entry().await.unwrap().source.sequencer;
        assert_eq!(newest, Some(format!("{:04}", uploaded.len())), "{what}");
        let expected = oracle(&aws, &uploaded, &[uploaded.len() - 1]).await;
        lake.check(State::Committed, &expected, &what).await;
    }
}
