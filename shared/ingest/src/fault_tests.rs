//! Tests: everything that can go wrong between a worker and AWS, through the clients' own retries: one fault at every call of every
//! kind of work.
//! They must not know how the work is done: what good weather leaves is what every weather must leave.
//!
//! `LAKEGATE_FAULTS=all` lets every fault come at every call, `LAKEGATE_FAULT_WORK=Ranges` those of some kinds of work alone.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::FailureKind;

use super::*;
use crate::settings::UnknownDatasets;
use crate::world::removing;
use lakegate_stand_ins::{CatalogContent, S3, is_thorough, on_threads};

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Rows in partitions, and rejected ones.
    Publish,
    /// A version with other partitions than the one that stands.
    Replace,
    Reject,
    /// No contract covers it.
    Uncovered,
    /// Its contract is drafted from it.
    Draft,
    Heavy,
    /// It is gone.
    Missing,
    /// A version that was rejected, judged again.
    Replay,
    /// A version that is rejected, after one whose publication broke off.
    AfterUnfinished,
    /// It was deleted, and rows of it stand in partitions and among the rejects.
    Remove,
    /// A version with other partitions than the one that stands, by a Glue run, in ranges.
    Ranges,
    RangesRejected,
    /// A version that is rejected, after one whose publication broke off, both by Glue runs.
    RangesAfterUnfinished,
    /// It was deleted while its second version's publication had broken off.
    RemoveUnfinished,
    /// An upload that was announced after the deletion that followed it.
    LateUpload,
    /// A deletion that was announced after the upload that followed it.
    LateRemoval,
    /// It was uploaded again after its deletion.
    UploadAgain,
    /// A version that is rejected, after a deletion of which the removal broke off.
    AfterUnfinishedRemoval,
}

const WORK: [Work; 18] = [
    Work::Ranges,
    Work::RangesRejected,
    Work::RangesAfterUnfinished,
    Work::Publish,
    Work::Replace,
    Work::Reject,
    Work::Uncovered,
    Work::Draft,
    Work::Heavy,
    Work::Missing,
    Work::Replay,
    Work::AfterUnfinished,
    Work::Remove,
    Work::RemoveUnfinished,
    Work::LateUpload,
    Work::LateRemoval,
    Work::UploadAgain,
    Work::AfterUnfinishedRemoval,
];

/// The files of these tests have three or four ranges.
const RANGE_BYTES: u64 = 11;

impl Work {
    /// Such work has many calls.
    fn is_in_ranges(self) -> bool {
        matches!(self, Self::Ranges | Self::RangesRejected | Self::RangesAfterUnfinished)
    }
}

/// Brings a lake to where the work begins: the event, and which outcome it replaces.
async fn prepare(lake: &mut World<'_>, work: Work) -> (ObjectEvent, Option<String>) {
    match work {
        Work::Publish => (lake.upload(FIRST).await, None),
        Work::Heavy => {
            lake.heavy_bytes = 1;
            (lake.upload(FIRST).await, None)
        }
        Work::Uncovered | Work::Draft => {
            lake.key = "else/a.csv";
            if work == Work::Draft {
                lake.unknown_datasets = UnknownDatasets::Infer;
            }
            (lake.upload(FIRST).await, None)
        }
        Work::Missing => {
            let event = lake.upload(FIRST).await;
            lake.delete().await;
            (event, None)
        }
        Work::Replace | Work::Reject => {
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            (lake.upload(if work == Work::Replace { SECOND } else { BROKEN }).await, None)
        }
        Work::Ranges | Work::RangesRejected => {
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            lake.in_ranges = Some(RANGE_BYTES);
            (lake.upload(if work == Work::Ranges { SECOND } else { BROKEN }).await, None)
        }
        Work::Replay => {
            let event = lake.upload(BROKEN).await;
            lake.settle(&event).await;
            (event, lake.entry().await.map(|entry| entry.at))
        }
        Work::AfterUnfinished | Work::RangesAfterUnfinished => {
            let first = lake.upload(FIRST).await;
            lake.settle(&first).await;
            lake.in_ranges = (work == Work::RangesAfterUnfinished).then_some(RANGE_BYTES);
            let second = lake.upload(SECOND).await;
            break_off(lake, &second).await;
            (lake.upload(BROKEN).await, None)
        }
        Work::Remove
        | Work::RemoveUnfinished
        | Work::LateUpload
        | Work::LateRemoval
        | Work::UploadAgain
        | Work::AfterUnfinishedRemoval => (prepare_removal(lake, work).await, None),
    }
}

/// As `prepare`, of work that has to do with a deletion.
async fn prepare_removal(lake: &World<'_>, work: Work) -> ObjectEvent {
    lake.deploy(&removing()).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    assert_eq!(lake.visible().await.len(), 3, "two partitions, and rejects");
    if work == Work::RemoveUnfinished {
        let second = lake.upload(SECOND).await;
        break_off(lake, &second).await;
        return lake.deleted().await;
    }
    let removal = lake.deleted().await;
    if work == Work::LateRemoval {
        let second = lake.upload(SECOND).await;
        lake.settle(&second).await;
    }
    if work == Work::AfterUnfinishedRemoval {
        break_off(lake, &removal).await;
        return lake.upload(BROKEN).await;
    }
    if work == Work::LateUpload || work == Work::UploadAgain {
        lake.settle(&removal).await;
        return if work == Work::LateUpload { first } else { lake.upload(SECOND).await };
    }
    removal
}

/// Some call in the middle of making an event's outcome visible is the worker's last.
async fn break_off(lake: &World<'_>, event: &ObjectEvent) {
    for call in 2.. {
        lake.faults.arm(call, Fault::DieBefore);
        let delivered = lake.deliver(event).await;
        assert!(delivered.is_none() && lake.faults.disarm(), "it ended before it broke off");
        wait(LATER);
        if lake.entry().await.unwrap().state == State::Publishing {
            return;
        }
    }
}

/// All that is to be seen of a lake.
#[derive(Debug, PartialEq)]
struct Seen {
    files: Visible,
    catalog: CatalogContent,
    state: State,
    is_dataset_known: bool,
    unfinished: bool,
    told: Vec<FailureKind>,
    heavy: bool,
}

async fn seen(lake: &World<'_>) -> Seen {
    let entry = lake.entry().await.unwrap();
    let files = lake.visible().await;
    assert_eq!((entry.lease_until, entry.telling), (None, None));
    Seen {
        state: entry.state,
        is_dataset_known: entry.dataset.is_some(),
        unfinished: entry.unfinished.is_some(),
        catalog: lake.aws.catalog().into_iter().map(|(name, table)| (name, without_versions(table))).collect(),
        told: lake.told().into_iter().map(|record| record.kind).collect(),
        heavy: lake.aws.sent_to("heavy") > 0,
        files,
    }
}

/// How often a table was written is nobody's concern.
fn without_versions(
    mut table: (serde_json::Value, BTreeMap<String, serde_json::Value>),
) -> (serde_json::Value, BTreeMap<String, serde_json::Value>) {
    table.0["VersionId"].take();
    table
}

async fn good_weather(aws: &Aws, s3: &S3, work: Work) -> Seen {
    let mut lake = World::over_http(aws, s3).await;
    let (event, replaces) = prepare(&mut lake, work).await;
    lake.settle_with(&event, replaces.as_deref()).await;
    seen(&lake).await
}

/// Longest that a worker lives.
const TIME: Duration = Duration::from_mins(5);

/// One fault at one call: false when there is no such call.
async fn one_fault(aws: &Aws, s3: &S3, expected: &Seen, work: Work, fault: Fault, call: usize) -> bool {
    let what = format!("{work:?}, {fault:?} at call {call}");
    let mut lake = World::over_http(aws, s3).await;
    let (event, replaces) = prepare(&mut lake, work).await;
    let already = lake.aws.failures().len();
    wait(LATER);
    lake.faults.arm(call, fault);
    lake.is_hasty.set(fault.is_silent());
    let delivered = lake.deliver_with(&event, replaces.as_deref(), TIME).await;
    lake.is_hasty.set(false);
    if !lake.faults.disarm() {
        return false;
    }
    let told_at_first = lake.aws.failures().len() - already;
    if !matches!(delivered, Some(Ok(_))) {
        lake.settle_with(&event, replaces.as_deref()).await;
    }
    lake.settle_with(&event, replaces.as_deref()).await;
    let seen = seen(&lake).await;
    assert_eq!(seen.files.keys().collect::<Vec<_>>(), expected.files.keys().collect::<Vec<_>>(), "{what}");
    assert!(seen == *expected, "{what}: {:?}", (seen.state, seen.told, seen.catalog, &expected.catalog));
    // Only who was told, and may not know it, tells again; and only once.
    let sent = lake.aws.failures().len() - already;
    let is_settled = matches!(delivered, Some(Ok(_)));
    match told_at_first {
        0 => assert_eq!(sent, expected.told.len() - usize::from(work == Work::Replay), "{what}"),
        told if is_settled => assert_eq!(sent, told, "{what}"),
        told => assert!(sent <= told + 1, "{what}: {sent}"),
    }
    assert!(told_at_first < 2 || fault.is_carried_out(), "{what}: {told_at_first}");
    true
}

#[test]
fn every_fault_at_every_call_of_every_work_leaves_what_good_weather_leaves() {
    let mut kinds = Vec::new();
    let asked = std::env::var("LAKEGATE_FAULT_WORK").unwrap_or_default();
    for (work_number, work) in WORK.into_iter().enumerate().filter(|(_, work)| format!("{work:?}").contains(&asked)) {
        for (fault_number, fault) in Fault::OVER_HTTP.into_iter().enumerate() {
            kinds.push((work, fault, work_number + fault_number));
        }
    }
    let runs = Mutex::new((BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new()));
    on_threads(async |aws, s3, turn| {
        let Some((work, fault, offset)) = kinds.get(turn).copied() else { return false };
        let good = good_weather(aws, s3, work).await;
        // A client's patience takes time.
        let every = if is_thorough() {
            1
        } else if fault.is_silent() {
            16
        } else {
            6
        };
        let every = if work.is_in_ranges() && !is_thorough() { 3 * every } else { every };
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
    assert!(all > 150 || !asked.is_empty(), "{all}");
}
