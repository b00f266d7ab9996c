//! Tests: what an entry says about an event.
//! They must not know where entries are kept; that is in `claims`.

use std::time::Duration;

use super::*;
use crate::key::ObjectKey;

const STATES: [State; 6] =
    [State::Working, State::Publishing, State::Committed, State::Rejected, State::Heavy, State::Failed];

fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

fn entry(state: State) -> Entry {
    Entry {
        version: 1,
        source: Source {
            bucket: "raw".to_owned(),
            key: "a.csv".to_owned(),
            version_id: Some("v2".to_owned()),
            etag: Some("e2".to_owned()),
            sequencer: Some("0B".to_owned()),
            last_modified: None,
            size_bytes: 3,
        },
        state,
        dataset: Some("orders".to_owned()),
        contract_version: Some("1.0.0".to_owned()),
        engine_version: "0.1.0".to_owned(),
        rows_read: 0,
        rows_accepted: 0,
        rows_rejected: 0,
        rows_duplicate: 0,
        violations: Violations::new(),
        warnings: Violations::new(),
        file_error: None,
        outputs: Vec::new(),
        rejects_path: None,
        kept_paths: Vec::new(),
        attempts: 1,
        worker: Some("w1".to_owned()),
        lease_until: None,
        at: String::new(),
        elapsed_ms: 0,
    }
}

fn event(version_id: Option<&str>, sequencer: Option<&str>) -> ObjectEvent {
    ObjectEvent {
        bucket: "raw".to_owned(),
        key: ObjectKey::as_given("a.csv"),
        version_id: version_id.map(str::to_owned),
        etag: Some("e2".to_owned()),
        size_bytes: Some(3),
        sequencer: sequencer.map(str::to_owned),
        original: String::new(),
    }
}

fn output(path: &str) -> Output {
    Output { path: path.to_owned(), partition: String::new(), rows: 1, bytes: 1 }
}

#[test]
fn a_sequencer_is_older_where_padding_on_either_side_says_so() {
    assert!(is_older("0055AED6DCD90281E5", "0055AED6DCD90281E6"));
    assert!(is_older("0055AED6DC", "0055AED6DC01"));
    assert!(!is_older("0055AED6DD", "0055AED6DC01"));
    assert!(!is_older("0A", "0a00"));
    // Padded on the left the first is less, padded on the right the second: nobody can tell.
    assert!(!is_older("FF", "0FFF") && !is_older("0FFF", "FF"));
    assert!(!is_older("55AED6DD", "0055AED6DC01") && !is_older("0055AED6DC01", "55AED6DD"));
}

#[test]
fn a_repeated_delivery_of_a_committed_version_is_nothing_to_do() {
    let committed = entry(State::Committed);
    let repeated = event(Some("v2"), Some("0B"));
    assert_eq!(due(Some(&committed), &repeated, "1.0.0", "0.1.0", at(0)), Due::AlreadyCommitted);
    assert_eq!(due(Some(&committed), &repeated, "1.1.0", "0.1.0", at(0)), Due::Work);
    assert_eq!(due(Some(&committed), &repeated, "1.0.0", "0.2.0", at(0)), Due::Work);
    assert_eq!(due(Some(&entry(State::Rejected)), &repeated, "1.0.0", "0.1.0", at(0)), Due::Work);
    assert_eq!(due(Some(&entry(State::Heavy)), &repeated, "1.0.0", "0.1.0", at(0)), Due::Work);
    assert_eq!(due(None, &repeated, "1.0.0", "0.1.0", at(0)), Due::Work);
}

#[test]
fn an_older_event_than_the_ledger_knows_is_left_alone_whatever_became_of_the_later_one() {
    for state in STATES {
        let late = event(Some("v1"), Some("0A"));
        assert_eq!(due(Some(&entry(state)), &late, "1.0.0", "0.1.0", at(0)), Due::Superseded);
    }
    let later = event(Some("v3"), Some("0C"));
    assert_eq!(due(Some(&entry(State::Committed)), &later, "1.0.0", "0.1.0", at(0)), Due::Work);
    assert_eq!(due(Some(&entry(State::Committed)), &event(Some("v1"), None), "1.0.0", "0.1.0", at(0)), Due::Work);
}

#[test]
fn what_an_earlier_version_left_and_the_new_one_does_not_write_is_stale() {
    let mut former = entry(State::Rejected);
    former.kept_paths =
        vec!["lake/orders/month=1/a-0.parquet".to_owned(), "lake/orders/month=2/a-1.parquet".to_owned()];
    former.rejects_path = Some("rejects/dataset=orders/a.parquet".to_owned());
    let mut new = entry(State::Committed);
    new.outputs = vec![output("lake/orders/month=1/a-0.parquet")];
    let stale = ["lake/orders/month=2/a-1.parquet", "rejects/dataset=orders/a.parquet"];
    assert_eq!(stale_paths(Some(&former), &new), stale);
    assert!(stale_paths(None, &new).is_empty());
}

#[test]
fn a_leased_object_is_left_to_its_worker_until_the_lease_ends() {
    for state in STATES {
        let mut leased = entry(state);
        leased.contract_version = None;
        leased.lease_until = Some("1970-01-01T00:01:00.000Z".to_owned());
        let same = event(Some("v2"), Some("0B"));
        assert_eq!(due(Some(&leased), &same, "1.0.0", "0.1.0", at(59)), Due::Busy);
        assert_eq!(due(Some(&leased), &same, "1.0.0", "0.1.0", at(60)), Due::Work);
        assert_eq!(due(Some(&leased), &event(None, Some("0A")), "1.0.0", "0.1.0", at(59)), Due::Superseded);
        leased.lease_until = Some("for ever".to_owned());
        assert_eq!(due(Some(&leased), &same, "1.0.0", "0.1.0", at(0)), Due::Work);
    }
}

#[test]
fn a_newer_version_waits_for_an_older_one_only_while_that_is_published() {
    for (state, expected) in [(State::Working, Due::Work), (State::Publishing, Due::Busy)] {
        let mut leased = entry(state);
        leased.lease_until = Some("1970-01-01T00:01:00.000Z".to_owned());
        assert_eq!(due(Some(&leased), &event(Some("v3"), Some("0C")), "1.0.0", "0.1.0", at(0)), expected);
        // Not surely newer.
        assert_eq!(due(Some(&leased), &event(Some("v3"), None), "1.0.0", "0.1.0", at(0)), Due::Busy);
    }
}

#[test]
fn an_entry_of_before_leases_is_read() {
    let mut json = serde_json::to_value(entry(State::Committed)).unwrap();
    for name in ["attempts", "worker", "lease_until", "kept_paths", "warnings"] {
        json.as_object_mut().unwrap().remove(name);
    }
    let read: Entry = serde_json::from_value(json).unwrap();
    assert_eq!((read.attempts, read.worker.as_deref(), read.is_leased(at(0))), (0, None, false));
}
