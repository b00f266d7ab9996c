//! Tests: publications that broke off in the middle, and what became of the object after that.
//! They must not know in which order outputs become visible.

use lakegate_lake::failure::FailureKind;

use lakegate_lake::events::ObjectEvent;

use lakegate_stand_ins::is_thorough;

use super::*;

/// What comes after the version whose publication broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A version that its contract rejects.
    Rejected,
    /// A version that is gone before it is read.
    Missing,
    /// The object is gone, of which only the version that broke off was announced.
    Gone,
    /// A version that is too big for one function.
    Heavy,
    /// A version that its contract accepts.
    Accepted,
}

const NEXT: [Next; 5] = [Next::Rejected, Next::Missing, Next::Gone, Next::Heavy, Next::Accepted];

async fn world(aws: &Aws, is_versioned: bool) -> World<'_> {
    let mut world = if is_versioned { World::versioned(aws).await } else { World::new(aws).await };
    world.tells = true;
    world
}

/// A lake whose first version is committed, and the second one's publication broke off at a call: whether it did.
async fn broken_off(lake: &World<'_>, call: usize, fault: Fault) -> Option<ObjectEvent> {
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let second = lake.upload(SECOND).await;
    lake.faults.arm(call, fault);
    let _ = lake.deliver(&second).await;
    if !lake.faults.disarm() {
        return None;
    }
    Some(second)
}

/// Announces what comes next, and says what is announced.
async fn next_event(lake: &mut World<'_>, next: Next, second: &ObjectEvent) -> ObjectEvent {
    match next {
        Next::Rejected => lake.upload(BROKEN).await,
        Next::Accepted => lake.upload(THIRD).await,
        Next::Gone => {
            lake.delete().await;
            second.clone()
        }
        Next::Missing => {
            let third = lake.upload(THIRD).await;
            lake.delete().await;
            third
        }
        Next::Heavy => {
            let third = lake.upload(&format!("{FIRST}{}", "8,ANZ\n".repeat(50))).await;
            lake.heavy_bytes = third.size_bytes.unwrap_or_default() - 1;
            third
        }
    }
}

/// The table's files, and the rows' versions that they are of: 1 and 2, and 3.
fn table(visible: &Visible) -> Visible {
    visible
        .iter()
        .filter(|(key, _)| key.starts_with("lake/"))
        .map(|(key, bytes)| (key.clone(), bytes.clone()))
        .collect()
}

/// The table of each version, alone.
struct Tables {
    first: Visible,
    second: Visible,
    third: Visible,
}

async fn tables(aws: &Aws) -> Tables {
    Tables {
        first: table(&oracle(aws, &[FIRST], &[0]).await),
        second: table(&oracle(aws, &[SECOND], &[0]).await),
        third: table(&oracle(aws, &[THIRD], &[0]).await),
    }
}

/// What the table must show once the next version is settled: the latest version that was accepted, whole, or none.
fn expected<'t>(tables: &'t Tables, none: &'t Visible, next: Next, is_versioned: bool, began: bool) -> &'t Visible {
    match (next, began) {
        (Next::Accepted, _) => &tables.third,
        (_, false) => &tables.first,
        (Next::Rejected | Next::Missing | Next::Heavy | Next::Gone, true) if is_versioned => &tables.second,
        (Next::Rejected | Next::Missing | Next::Heavy | Next::Gone, true) => none,
    }
}

/// Whether a publication of the second version began, or even ended.
async fn began(lake: &World<'_>) -> bool {
    let entry = lake.entry().await.unwrap();
    entry.unfinished.is_some() || (entry.state == State::Committed && entry.source.sequencer.as_deref() == Some("0002"))
}

/// A check of what stands when nothing is in hand any more.
async fn check(lake: &World<'_>, expected: &Visible, what: &str) {
    let visible = lake.visible().await;
    assert_eq!(table(&visible).keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    assert!(table(&visible) == *expected, "{what}: other bytes");
    let entry = lake.entry().await.unwrap();
    assert_eq!(entry.standing_paths(), visible.keys().cloned().collect(), "{what}");
    assert_eq!((entry.lease_until, entry.telling, entry.unfinished), (None, None, None), "{what}");
}

/// That downstream knows what stands, which was told of the first version.
async fn check_told(lake: &World<'_>, first: &Visible, what: &str) {
    let events = lake.aws.events_by_type();
    assert_eq!(events[0].1["rows"]["accepted"], 2, "{what}");
    crate::untold_tests::check_told(lake, lake.key, first, &events[1..], what).await;
}

#[tokio::test]
async fn wherever_a_publication_breaks_off_what_comes_next_leaves_no_mix() {
    let aws = Aws::start();
    let (tables, none) = (tables(&aws).await, Visible::new());
    let (mut finished, mut withdrawn) = (0, 0);
    for is_versioned in [false, true] {
        for next in NEXT {
            for fault in Fault::ALL {
                for call in 0.. {
                    if !is_thorough() && !(call + next as usize).is_multiple_of(5) {
                        continue;
                    }
                    let what = format!("{next:?} after {fault:?} at call {call}, versions {is_versioned}");
                    let mut lake = world(&aws, is_versioned).await;
                    let Some(second) = broken_off(&lake, call, fault).await else { break };
                    let (began, committed) = (began(&lake).await, lake.entry().await.unwrap().unfinished.is_none());
                    let event = next_event(&mut lake, next, &second).await;
                    if next == Next::Gone {
                        lake.settle_again(&event).await
                    } else {
                        lake.settle(&event).await
                    };
                    // What was committed stays, whatever comes of later versions.
                    let stays = is_versioned || (began && committed);
                    check(&lake, expected(&tables, &none, next, stays, began), &what).await;
                    check_told(&lake, &tables.first, &what).await;
                    if next != Next::Gone {
                        assert!(matches!(lake.settle(&second).await, Outcome::Superseded), "{what}");
                    }
                    let told = lake.told();
                    let is_told = match next {
                        Next::Accepted | Next::Heavy => false,
                        Next::Gone => !(began && stays),
                        Next::Rejected | Next::Missing => true,
                    };
                    assert_eq!(told.len(), usize::from(is_told), "{what}");
                    let is_withdrawn = began && !stays && next != Next::Accepted;
                    for record in told {
                        assert_eq!(record.summary.contains("broken off"), is_withdrawn, "{what}: {}", record.summary);
                        let missing = matches!(next, Next::Missing | Next::Gone);
                        assert_eq!(record.kind == FailureKind::SourceMissing, missing, "{what}");
                    }
                    finished += usize::from(began && is_versioned && !committed);
                    withdrawn += usize::from(is_withdrawn);
                }
            }
        }
    }
    assert!(finished > 15 && withdrawn > 12, "{finished} {withdrawn}");
}

/// The calls at which the second version's worker dies with some of its outputs visible, beside some of the first one's.
async fn mixing_calls(aws: &Aws) -> Vec<usize> {
    let tables = tables(aws).await;
    let mut calls = Vec::new();
    for call in 0.. {
        let lake = World::new(aws).await;
        if broken_off(&lake, call, Fault::DieAfter).await.is_none() {
            break;
        }
        let stands = table(&lake.visible().await);
        if began(&lake).await && stands != tables.first && stands != tables.second {
            calls.push(call);
        }
    }
    calls
}

#[tokio::test]
async fn a_mix_is_made_good_whatever_goes_wrong_meanwhile() {
    let aws = Aws::start();
    let (tables, none) = (tables(&aws).await, Visible::new());
    let mixing = mixing_calls(&aws).await;
    assert!(!mixing.is_empty());
    let mut runs = 0;
    for is_versioned in [false, true] {
        for next in NEXT {
            for fault in Fault::ALL {
                for call in 0.. {
                    if !is_thorough() && !(call + next as usize).is_multiple_of(5) {
                        continue;
                    }
                    let what = format!("{next:?}, {fault:?} at call {call}, versions {is_versioned}");
                    let mut lake = world(&aws, is_versioned).await;
                    let broke_off = broken_off(&lake, mixing[call % mixing.len()], Fault::DieAfter).await;
                    let event = next_event(&mut lake, next, &broke_off.unwrap()).await;
                    wait(LATER);
                    lake.faults.arm(call, fault);
                    lake.is_repeated.set(next == Next::Gone);
                    let delivered = lake.deliver(&event).await;
                    if !lake.faults.disarm() {
                        break;
                    }
                    if !matches!(delivered, Some(Ok(_))) {
                        lake.settle_again(&event).await;
                    }
                    lake.settle(&event).await;
                    check(&lake, expected(&tables, &none, next, is_versioned, true), &what).await;
                    check_told(&lake, &tables.first, &what).await;
                    assert!(lake.told().len() <= 1, "{what}");
                    runs += 1;
                }
            }
        }
    }
    assert!(runs > 150, "{runs}");
}

#[tokio::test]
async fn a_version_that_broke_off_and_is_rejected_by_the_present_contract_is_withdrawn() {
    let aws = Aws::start();
    let call = *mixing_calls(&aws).await.first().unwrap();
    for is_versioned in [false, true] {
        for is_newer in [false, true] {
            let lake = world(&aws, is_versioned).await;
            let second = broken_off(&lake, call, Fault::DieAfter).await.unwrap();
            lake.deploy(&crate::world::CONTRACT.replace("value: 50", "value: 0").replace("1.0.0", "1.1.0")).await;
            let event = if is_newer { lake.upload(BROKEN).await } else { second };
            let Outcome::Rejected(entry, record) = lake.settle(&event).await else { panic!("rejected") };
            assert!(record.summary.contains("broken off"), "{}", record.summary);
            assert_eq!(entry.outputs, []);
            check(&lake, &Visible::new(), &format!("newer {is_newer}, versions {is_versioned}")).await;
            assert_eq!(lake.visible().await.len(), 1, "the rejected rows of the version that is rejected");
        }
    }
}
