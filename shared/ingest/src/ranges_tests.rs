//! Tests: objects in ranges come to what they come to in one pass, whatever happens between the steps.
//! They must not know how a range is converted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FilePath;

use lakegate_lake::ledger::{Entry, State};
use lakegate_stand_ins::{Aws, Fault};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::outcome::Outcome;
use crate::run::{Ready, Run};
use crate::world::{BROKEN, CONTRACT, FIRST, LATER, SECOND, THIRD, Visible, World, clock, wait};

/// What everybody sees of a lake, wherever its files are cut.
#[derive(Debug, PartialEq)]
struct Content {
    /// Rows by table and partition.
    rows: BTreeMap<String, Vec<String>>,
    entry: Entry,
    /// Kind, rows, violations and summary of what was told.
    told: Vec<String>,
    catalog: String,
}

async fn content(lake: &World<'_>) -> Content {
    let visible = lake.visible().await;
    let rows = rows(&visible);
    let mut entry = lake.entry().await.unwrap();
    assert_eq!(entry.standing_paths(), visible.keys().cloned().collect(), "the ledger names what stands");
    let rows_in = |outputs: &[lakegate_lake::ledger::Output]| outputs.iter().map(|output| output.rows).sum::<u64>();
    if entry.state == State::Committed {
        assert_eq!(rows_in(&entry.outputs), entry.rows_accepted);
    }
    // What differs, and should.
    (entry.outputs, entry.rejects_path, entry.rejects_paths, entry.kept_paths) = Default::default();
    (entry.at, entry.worker, entry.elapsed_ms, entry.run_id) = Default::default();
    (entry.source.last_modified, entry.attempts) = Default::default();
    let told = lake
        .told()
        .into_iter()
        .map(|record| format!("{} {:?} {:?} {}", record.kind, record.rows, record.violations, record.summary));
    let told = told.collect();
    let tables = lake.aws.catalog().into_iter().map(|(name, (_, partitions))| (name, partitions));
    Content { rows, entry, told, catalog: format!("{:?}", tables.collect::<Vec<_>>()) }
}

/// Rows by table and partition, in no order.
pub(crate) fn rows(files: &Visible) -> BTreeMap<String, Vec<String>> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, bytes) in files {
        let folder = key.rsplit_once('/').unwrap().0.to_owned();
        rows.entry(folder).or_default().extend(rows_of(bytes));
    }
    for rows in rows.values_mut() {
        rows.sort();
    }
    rows
}

fn rows_of(file: &[u8]) -> Vec<String> {
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(file)).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
}

async fn put(lake: &World<'_>, key: &'static str, bytes: &[u8]) -> lakegate_lake::events::ObjectEvent {
    let mut event = lake.upload_under(key, "").await;
    let put = lake.raw.put(&Path::from(key), bytes.to_vec().into()).await.unwrap();
    event.etag = put.e_tag.map(|etag| etag.trim_matches('"').to_owned());
    event.version_id = put.version;
    event.size_bytes = Some(bytes.len() as u64);
    event
}

/// Runs an object through all steps, until it settles.
async fn in_ranges(lake: &World<'_>, event: &lakegate_lake::events::ObjectEvent, range_bytes: u64) -> Outcome {
    let before = lake.visible().await;
    match lake.convert_ranges(event, None, range_bytes).await.unwrap() {
        Run::Settled(outcome) => outcome,
        Run::Ready(ready) => {
            assert!(lake.visible().await == before, "nothing is visible yet");
            lake.publish(&ready).await.unwrap()
        }
    }
}

async fn ready(lake: &World<'_>, event: &lakegate_lake::events::ObjectEvent) -> Box<Ready> {
    match lake.convert_ranges(event, None, 7).await.unwrap() {
        Run::Ready(ready) => ready,
        Run::Settled(outcome) => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn the_same_object_in_ranges_and_in_one_pass_leaves_the_same() {
    let aws = Aws::start();
    for contents in [&[FIRST][..], &[FIRST, SECOND], &[BROKEN], &[FIRST, BROKEN], &[FIRST, BROKEN, THIRD]] {
        let lake = World::new(&aws).await;
        for content in contents {
            let event = lake.upload(content).await;
            lake.settle(&event).await;
        }
        let expected = content(&lake).await;
        for range_bytes in [1, 5, 11, 64] {
            let lake = World::new(&aws).await;
            for content in contents {
                let event = lake.upload(content).await;
                in_ranges(&lake, &event, range_bytes).await;
                wait(LATER);
            }
            assert_eq!(content(&lake).await, expected, "{contents:?} in ranges of {range_bytes}");
        }
    }
}

/// The engine's own cases: each input with its contract.
fn cases() -> Vec<(String, String, Vec<u8>)> {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../convert/tests/cases");
    let shared = fs::read_to_string(folder.join("contract.yaml")).unwrap();
    let mut cases = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        let contract = fs::read_to_string(entry.path().join("contract.yaml")).unwrap_or_else(|_| shared.clone());
        let input = ["input.csv", "input.json"].iter().find_map(|name| fs::read(entry.path().join(name)).ok());
        let Some(input) = input else { continue };
        cases.push((entry.file_name().into_string().unwrap(), contract, input));
    }
    cases.sort();
    cases
}

#[tokio::test]
async fn every_case_of_the_engine_comes_to_the_same_in_ranges() {
    let aws = Aws::start();
    let cases = cases();
    assert!(cases.len() > 80, "{}", cases.len());
    let mut in_one_pass = 0;
    for (name, contract, input) in cases {
        let is_json = contract.contains("format: json");
        let key = match (contract.contains("/choices/"), is_json) {
            (true, _) => "choices/a.csv",
            (false, true) => "cases/a.json",
            (false, false) => "cases/a.csv",
        };
        let world = async || {
            let mut lake = World::new(&aws).await;
            lake.key = key;
            lake.deploy(&contract).await;
            lake
        };
        let lake = world().await;
        let event = put(&lake, key, &input).await;
        lake.settle(&event).await;
        let expected = content(&lake).await;
        for range_bytes in [7, 64, 700] {
            let lake = world().await;
            let event = put(&lake, key, &input).await;
            let run = lake.convert_ranges(&event, None, range_bytes).await.unwrap();
            match run {
                Run::Settled(_) => in_one_pass += 1,
                Run::Ready(ready) => {
                    lake.publish(&ready).await.unwrap();
                }
            }
            wait(LATER);
            assert_eq!(content(&lake).await, expected, "{name} in ranges of {range_bytes}");
        }
    }
    eprintln!("{in_one_pass} in one pass");
}

#[tokio::test]
async fn steps_that_are_run_twice_do_no_harm() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let event = lake.upload(SECOND).await;
    lake.settle(&event).await;
    let expected = content(&lake).await;
    let lake = World::new(&aws).await;
    let event = lake.upload(SECOND).await;
    let (first, second) = (ready(&lake, &event).await, ready(&lake, &event).await);
    assert!(matches!(lake.publish(&first).await, Ok(Outcome::Committed(_))));
    assert_eq!(content(&lake).await, expected);
    for again in [&first, &second, &first] {
        assert!(matches!(lake.publish(again).await, Ok(Outcome::AlreadyCommitted)));
        assert_eq!(content(&lake).await, expected);
    }
    let begun = lake.convert_ranges(&event, None, 7).await.unwrap();
    assert!(matches!(begun, Run::Settled(Outcome::AlreadyCommitted)), "there is nothing to do");
    assert_eq!(aws.sent_to("failures"), 0);
    let entry = lake.entry().await.unwrap();
    assert_eq!((entry.run_id.as_deref(), entry.attempts), (Some("jr_1"), 1));
}

#[tokio::test]
async fn what_was_handed_to_glue_is_done_by_it_and_by_nobody_else() {
    let aws = Aws::start();
    let mut lake = World::new(&aws).await;
    lake.heavy_bytes = 1;
    let event = lake.upload(SECOND).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Heavy(_)));
    assert!(matches!(lake.settle(&event).await, Outcome::AlreadyTold));
    assert!(matches!(in_ranges(&lake, &event, 7).await, Outcome::Committed(_)));
    assert!(matches!(lake.settle(&event).await, Outcome::AlreadyCommitted));
    // Rejected by a run, it is judged again only by whoever asks for it.
    let event = lake.upload(BROKEN).await;
    assert!(matches!(lake.settle(&event).await, Outcome::Heavy(_)));
    assert!(matches!(in_ranges(&lake, &event, 7).await, Outcome::Rejected(..)));
    assert!(matches!(in_ranges(&lake, &event, 7).await, Outcome::AlreadyTold));
    assert!(matches!(lake.settle(&event).await, Outcome::AlreadyTold));
}

#[tokio::test]
async fn a_later_version_supersedes_a_run_at_any_step() {
    let aws = Aws::start();
    for is_versioned in [false, true] {
        let new = async || if is_versioned { World::versioned(&aws).await } else { World::new(&aws).await };
        // Before anything is published, with and without the later one's being worked on.
        for is_settled in [false, true] {
            let lake = new().await;
            let first = lake.upload(FIRST).await;
            let ready = ready(&lake, &first).await;
            let second = lake.upload(SECOND).await;
            if is_settled {
                lake.settle(&second).await;
            }
            assert!(matches!(lake.publish(&ready).await, Ok(Outcome::Superseded)));
            lake.settle(&second).await;
            assert_eq!(lake.entry().await.unwrap().rows_read, 4);
            assert!(lake.visible().await.keys().all(|key| !key.contains("EMEA")), "nothing of the first one");
        }
    }
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_converted_ends_the_run_without_harm() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let first = lake.upload(FIRST).await;
    let ready = ready(&lake, &first).await;
    lake.upload(SECOND).await;
    let context = lake.glue_context();
    let scanned = super::scan(&context, &ready.job, 0, None).await;
    assert!(matches!(scanned, Err(super::RangesError::Lake(lakegate_lake::LakeError::SourceChanged { .. }))));
    let converted = super::convert(&context, &ready.job, &ready.work[0], None, |_| Ok(())).await;
    insta::assert_snapshot!(converted.unwrap_err(), @"s3://raw/orders/a.csv was replaced before it was read to the end");
    let begun = lake.convert_ranges(&first, None, 7).await.unwrap();
    assert!(matches!(begun, Run::Settled(Outcome::Superseded)));
    assert!(lake.visible().await.is_empty() && lake.entry().await.is_none());
}

#[tokio::test]
async fn a_failure_is_told_by_the_first_step_or_by_the_last() {
    let aws = Aws::start();
    // Gone before it began, and gone before it was published.
    for is_begun in [false, true] {
        let lake = World::new(&aws).await;
        let event = lake.upload(FIRST).await;
        let ready = if is_begun { Some(ready(&lake, &event).await) } else { None };
        lake.delete().await;
        let outcome = match ready {
            Some(ready) => lake.publish(&ready).await.unwrap(),
            None => in_ranges(&lake, &event, 7).await,
        };
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        let told = lake.told();
        assert_eq!((told.len(), told[0].kind.to_string().as_str()), (1, "SourceMissing"));
        assert_eq!(serde_json::to_value(told[0].stage).unwrap(), "glue");
        lake.check(State::Failed, &Visible::new(), "nothing stands").await;
    }
    // The same of its contract.
    for is_begun in [false, true] {
        let lake = World::new(&aws).await;
        let event = lake.upload(FIRST).await;
        let ready = if is_begun { Some(ready(&lake, &event).await) } else { None };
        lake.deploy("kind: [").await;
        let outcome = match ready {
            Some(ready) => lake.publish(&ready).await.unwrap(),
            None => in_ranges(&lake, &event, 7).await,
        };
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        lake.check(State::Failed, &Visible::new(), "nothing stands").await;
    }
}

#[tokio::test]
async fn a_contract_that_changes_while_ranges_are_converted_judges_none_of_them() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let event = lake.upload(FIRST).await;
    let ready = ready(&lake, &event).await;
    lake.deploy(&CONTRACT.replace("1.0.0", "2.0.0").replace("value: 50", "value: 0")).await;
    assert!(matches!(lake.publish(&ready).await, Ok(Outcome::Committed(_))));
    assert_eq!(lake.entry().await.unwrap().contract_version.as_deref(), Some("1.0.0"));
    // As for any file that came under the contract before.
    assert!(matches!(lake.settle(&event).await, Outcome::Rejected(..)));
}

#[tokio::test]
async fn ranges_of_a_former_contract_come_too_late_once_the_present_one_was_judged_by() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let event = lake.upload(FIRST).await;
    let stale = ready(&lake, &event).await;
    lake.deploy(&CONTRACT.replace("1.0.0", "2.0.0")).await;
    lake.settle(&event).await;
    let expected = content(&lake).await;
    assert!(matches!(lake.publish(&stale).await, Ok(Outcome::AlreadyCommitted)));
    let stands = content(&lake).await;
    assert_eq!(stands.entry.contract_version.as_deref(), Some("2.0.0"));
    assert_eq!(stands, expected);
}

#[tokio::test]
async fn a_publication_that_goes_wrong_anywhere_is_made_good_by_the_same_ranges() {
    let aws = Aws::start();
    let mut runs = 0;
    for (contents, state) in [(&[FIRST, SECOND], State::Committed), (&[FIRST, BROKEN], State::Rejected)] {
        let lake = World::new(&aws).await;
        for content in contents {
            let event = lake.upload(content).await;
            in_ranges(&lake, &event, 7).await;
        }
        let expected = lake.visible().await;
        for fault in Fault::ALL {
            for call in 0.. {
                let what = format!("{state:?}: {fault:?} at call {call}");
                let lake = World::new(&aws).await;
                let event = lake.upload(contents[0]).await;
                in_ranges(&lake, &event, 7).await;
                let event = lake.upload(contents[1]).await;
                let ready = ready(&lake, &event).await;
                lake.faults.arm(call, fault);
                let published = tokio::select! {
                    biased;
                    () = lake.faults.death() => None,
                    published = lake.publish(&ready) => Some(published),
                };
                if !lake.faults.disarm() {
                    assert!(call > 10, "there are more calls");
                    break;
                }
                if !matches!(published, Some(Ok(_))) {
                    wait(LATER);
                    let again = lake.publish(&ready).await;
                    assert!(again.is_ok(), "{what}: {again:?}");
                }
                lake.check(state, &expected, &what).await;
                wait(LATER);
                lake.publish(&ready).await.unwrap();
                lake.check(state, &expected, &what).await;
                let told = aws.sent_to("failures");
                assert!(told == 0 || (state == State::Rejected && told <= 2), "{what}: {told}");
                assert!(told > 0 || state == State::Committed, "{what}");
                runs += 1;
            }
        }
    }
    assert!(runs > 100, "{runs}");
}

#[tokio::test]
async fn what_is_too_big_for_one_pass_and_cannot_be_cut_is_a_failure() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let event = lake.upload(FIRST).await;
    let mut context = lake.glue_context();
    context.settings.size_bytes_max = 20;
    let worker = lakegate_lake::claims::Worker::new("jr_1", clock() + std::time::Duration::from_mins(1), clock());
    let started = std::time::Instant::now();
    let (run_id, is_repeated) = (Some("jr_1"), false);
    let delivery = crate::Delivery { worker: &worker, event: &event, replaces: None, run_id, started, is_repeated };
    let outcome = crate::take_in(&context, delivery).await.unwrap();
    let Outcome::Failed(record) = outcome else { panic!("{outcome:?}") };
    assert_eq!(record.kind.to_string(), "TooBig");
    insta::assert_snapshot!(record.summary, @"the object has 30 bytes, and one pass takes 20 at most");
    lake.check(State::Failed, &Visible::new(), "nothing stands").await;
    assert_eq!(aws.sent_to("heavy"), 0);
}

#[tokio::test]
async fn ranges_that_are_missing_or_there_twice_are_never_published() {
    let aws = Aws::start();
    let lake = World::new(&aws).await;
    let event = lake.upload(SECOND).await;
    let mut ready = ready(&lake, &event).await;
    let worker = lakegate_lake::claims::Worker::new("jr_1", clock() + std::time::Duration::from_mins(1), clock());
    let whole = ready.converted.clone();
    for (converted, what) in [
        (whole[1..].to_vec(), "one is missing"),
        ([&whole[..], &whole[..1]].concat(), "one is there twice"),
        (Vec::new(), "none is there"),
    ] {
        ready.converted = converted;
        let Ready { job, work, converted, keys } = &*ready;
        let published = super::publish(&lake.glue_context(), &worker, job, work, converted, keys).await;
        assert!(matches!(published, Err(super::RangesError::OtherWork(_))), "{what}");
    }
    assert!(lake.entry().await.is_none() && lake.visible().await.is_empty());
    ready.converted = whole;
    assert!(matches!(lake.publish(&ready).await, Ok(Outcome::Committed(_))), "in the end they are");
}
