//! Tests: what an entry says about an event.
//! They must not know where entries are kept; that is in `claims`.

use std::time::Duration;

use super::*;

const STATES: [State; 6] =
    [State::Working, State::Publishing, State::Committed, State::Rejected, State::Heavy, State::Failed];

fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

fn source(version_id: Option<&str>, sequencer: Option<&str>) -> Source {
    Source {
        bucket: "raw".to_owned(),
        key: "a.csv".to_owned(),
        version_id: version_id.map(str::to_owned),
        etag: Some("e2".to_owned()),
        sequencer: sequencer.map(str::to_owned),
        last_modified: None,
        size_bytes: 3,
    }
}

fn held_against(contract_version: &str, engine_version: &str, mut source: Source, state: State) -> Entry {
    source.size_bytes = 3;
    let mut entry = Entry::new(source, state, engine_version, "1970-01-01T00:00:10.000Z".to_owned());
    entry.dataset = Some("orders".to_owned());
    entry.contract_version = Some(contract_version.to_owned());
    entry
}

fn entry(state: State) -> Entry {
    held_against("1.0.0", "0.1.0", source(Some("v2"), Some("0B")), state)
}

/// What an event of a version asks for that was not seen in the bucket.
fn due_of(entry: &Entry, announced: &Source, now: u64) -> Due {
    let wanted = held_against("1.0.0", "0.1.0", announced.clone(), State::Working);
    due(Some(entry), &Wanted { entry: &wanted, is_current: false, takes_heavy: false, replaces: None }, at(now))
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
fn a_failure_without_version_and_entity_tag_is_known_by_its_event() {
    let of = |sequencer| Source { etag: None, ..source(None, sequencer) };
    assert!(is_same_version(&of(Some("0A")), &of(Some("0A"))));
    assert!(is_same_version(&of(None), &of(None)), "announced by sweeps");
    assert!(!is_same_version(&of(Some("0A")), &of(Some("0B"))));
    assert!(!is_same_version(&of(None), &of(Some("0B"))));
    assert!(!is_same_version(&of(Some("0A")), &source(None, Some("0A"))), "one was seen");
    let failed = held_against("1.0.0", "0.1.0", of(Some("0A")), State::Failed);
    assert_eq!(due_of(&failed, &of(Some("0A")), 0), Due::AlreadyTold);
}

#[test]
fn a_repeated_delivery_of_what_was_committed_or_told_is_nothing_to_do() {
    let repeated = source(Some("v2"), Some("0B"));
    let told = [State::Rejected, State::Failed, State::Heavy].map(|state| (state, Due::AlreadyTold));
    for (state, expected) in told.into_iter().chain([(State::Committed, Due::AlreadyCommitted)]) {
        let found = entry(state);
        assert_eq!(due_of(&found, &repeated, 0), expected);
        let mut unknown = found.clone();
        (unknown.contract_version, unknown.dataset) = (None, None);
        for (contract_version, engine_version, expected) in
            [("1.0.0", "0.1.0", expected), ("1.1.0", "0.1.0", Due::Work), ("1.0.0", "0.2.0", Due::Work)]
        {
            let wanted = held_against(contract_version, engine_version, repeated.clone(), State::Working);
            let wanted = Wanted { entry: &wanted, is_current: true, takes_heavy: false, replaces: None };
            assert_eq!(due(Some(&found), &wanted, at(0)), expected, "{state:?}");
            assert_eq!(due(Some(&unknown), &wanted, at(0)), Due::Work, "a contract was deployed since");
        }
        let none = Entry::new(repeated.clone(), State::Working, "0.1.0", String::new());
        let none = Wanted { entry: &none, is_current: true, takes_heavy: false, replaces: None };
        assert_eq!(due(Some(&found), &none, at(0)), expected, "there is nothing to judge it by");
        assert_eq!(due(Some(&unknown), &none, at(0)), expected, "as before");
    }
    assert_eq!(due_of(&entry(State::Working), &repeated, 0), Due::Work);
    assert_eq!(due_of(&entry(State::Publishing), &repeated, 0), Due::Work);
    let wanted = Wanted { entry: &entry(State::Working), is_current: true, takes_heavy: false, replaces: None };
    assert_eq!(due(None, &wanted, at(0)), Due::Work);
}

#[test]
fn a_replay_is_worked_on_unless_its_outcome_was_replaced_before() {
    let wanted = entry(State::Working);
    let replays = |state, replaces| {
        let wanted = Wanted { entry: &wanted, is_current: true, takes_heavy: false, replaces: Some(replaces) };
        due(Some(&entry(state)), &wanted, at(0))
    };
    for state in [State::Rejected, State::Failed, State::Heavy] {
        assert_eq!(replays(state, "1970-01-01T00:00:09.999Z"), Due::AlreadyTold);
        assert_eq!(replays(state, "1970-01-01T00:00:10Z"), Due::Work);
        assert_eq!(replays(state, "1970-01-01T01:00:10.000+01:00"), Due::Work, "the same time");
        assert_eq!(replays(state, "yesterday"), Due::Work, "it was meant to be one");
    }
    assert_eq!(replays(State::Committed, "1970-01-01T00:00:11Z"), Due::AlreadyCommitted);
}

#[test]
fn a_dead_letter_that_was_left_over_is_not_judged_by_a_newer_contract() {
    let wanted = held_against("2.0.0", "0.2.0", source(Some("v2"), Some("0B")), State::Working);
    let replays = |state, replaces| {
        let wanted = Wanted { entry: &wanted, is_current: true, takes_heavy: false, replaces };
        due(Some(&entry(state)), &wanted, at(0))
    };
    let (left_over, its_own) = (Some("1970-01-01T00:00:09Z"), Some("1970-01-01T00:00:10Z"));
    assert_eq!(replays(State::Committed, left_over), Due::AlreadyCommitted);
    assert_eq!(replays(State::Committed, its_own), Due::Work, "somebody wants this very outcome replaced");
    for state in [State::Rejected, State::Failed, State::Heavy] {
        assert_eq!(replays(state, left_over), Due::AlreadyTold);
        assert_eq!(replays(state, its_own), Due::Work);
    }
    for state in [State::Working, State::Publishing, State::Removed] {
        assert_eq!(replays(state, left_over), Due::Work, "nothing came of it yet");
    }
    assert_eq!(replays(State::Committed, None), Due::Work, "an event of S3, under a contract that changed");
}

#[test]
fn an_older_event_than_the_ledger_knows_is_left_alone_whatever_became_of_the_later_one() {
    for state in STATES {
        assert_eq!(due_of(&entry(state), &source(Some("v1"), Some("0A")), 0), Due::Superseded);
    }
    assert_eq!(due_of(&entry(State::Committed), &source(Some("v3"), Some("0C")), 0), Due::Work);
    assert_eq!(due_of(&entry(State::Committed), &source(Some("v1"), None), 0), Due::Work);
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
        let same = source(Some("v2"), Some("0B"));
        assert_eq!(due_of(&leased, &same, 59), Due::Busy);
        assert_eq!(due_of(&leased, &same, 60), Due::Work);
        assert_eq!(due_of(&leased, &source(None, Some("0A")), 59), Due::Superseded);
        leased.lease_until = Some("for ever".to_owned());
        assert_eq!(due_of(&leased, &same, 0), Due::Work);
    }
}

#[test]
fn a_newer_version_waits_for_an_older_one_only_while_that_is_published_or_makes_good_what_broke_off() {
    for (state, expected) in [(State::Working, Due::Work), (State::Publishing, Due::Busy)] {
        let mut leased = entry(state);
        leased.lease_until = Some("1970-01-01T00:01:00.000Z".to_owned());
        assert_eq!(due_of(&leased, &source(Some("v3"), Some("0C")), 0), expected);
        // Without a sequencer it is surely newer only if it stands in the bucket.
        let unordered = source(Some("v3"), None);
        assert_eq!(due_of(&leased, &unordered, 0), Due::Busy);
        let wanted = held_against("1.0.0", "0.1.0", unordered, State::Working);
        let wanted = Wanted { entry: &wanted, is_current: true, takes_heavy: false, replaces: None };
        assert_eq!(due(Some(&leased), &wanted, at(0)), expected);
        leased.unfinished = Some(source(Some("v1"), None));
        assert_eq!(due(Some(&leased), &wanted, at(0)), Due::Busy);
    }
}

#[test]
fn an_entry_of_before_leases_is_read() {
    let mut json = serde_json::to_value(entry(State::Committed)).unwrap();
    for name in [
        "attempts",
        "worker",
        "lease_until",
        "kept_paths",
        "warnings",
        "unfinished",
        "telling",
        "removed_paths",
        "untold",
    ] {
        json.as_object_mut().unwrap().remove(name);
    }
    let read: Entry = serde_json::from_value(json).unwrap();
    assert_eq!((read.attempts, read.worker.as_deref(), read.is_leased(at(0))), (0, None, false));
}

#[test]
fn every_part_of_an_entry_is_a_column_of_the_ledger_s_table() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    let table = template.split("  LedgerTable:").nth(1).unwrap().split("\n\n").next().unwrap();
    let source = serde_json::json!({
        "bucket": "raw", "key": "a.csv", "version_id": "v1", "etag": "a", "sequencer": "0A", "size_bytes": 1,
        "last_modified": "2026-01-02T03:04:05Z",
    });
    let source: Source = serde_json::from_value(source).unwrap();
    let mut full = Entry::new(source.clone(), State::Failed, "1", String::new());
    full.warnings.insert("city".to_owned(), std::collections::BTreeMap::from([("required".to_owned(), 1)]));
    full.file_error = Some(FileError { kind: String::new(), message: String::new(), line: Some(1) });
    full.kept_paths.push(String::new());
    full.rejects_paths.push(String::new());
    (full.unfinished, full.telling) = (Some(source), Some(String::new()));
    (full.worker, full.lease_until, full.run_id) = (Some(String::new()), Some(String::new()), Some(String::new()));
    (full.trace_id, full.notice_pending) = (Some(String::new()), true);
    full.removed_paths.push(String::new());
    full.untold = Some(Box::new(full.clone()));
    let full = serde_json::to_value(full).unwrap();
    for name in full.as_object().unwrap().keys() {
        assert!(
            table.contains(&format!("Name: {name}\n")) || table.contains(&format!("Name: {name},")),
            "no column {name}"
        );
    }
    let columns = table.matches("Name: ").count()
        - "Name: ledger".matches("Name: ").count()
        - "DatabaseName: ".matches("Name: ").count();
    assert_eq!(columns, full.as_object().unwrap().len(), "a column that no entry has");
    for (object, column) in
        [(&full["source"], "source"), (&full["unfinished"], "unfinished"), (&full["file_error"], "file_error")]
    {
        let declared = table.split(&format!("Name: {column}")).nth(1).unwrap().split('>').next().unwrap();
        for name in object.as_object().unwrap().keys() {
            assert!(declared.contains(&format!("{name}:")), "{column} has no {name}");
        }
    }
}

#[test]
fn what_was_handed_to_glue_is_due_to_whoever_is_part_of_a_run() {
    let wanted = entry(State::Working);
    let due_of = |state, takes_heavy| {
        let wanted = Wanted { entry: &wanted, is_current: true, takes_heavy, replaces: None };
        due(Some(&entry(state)), &wanted, at(0))
    };
    assert_eq!((due_of(State::Heavy, true), due_of(State::Heavy, false)), (Due::Work, Due::AlreadyTold));
    assert_eq!(
        (due_of(State::Failed, true), due_of(State::Committed, true)),
        (Due::AlreadyTold, Due::AlreadyCommitted)
    );
}

#[test]
fn what_a_listing_shows_is_settled_when_its_content_was_judged_alike() {
    let document = "
apiVersion: v3.2.0
kind: DataContract
id: a
version: 1.0.0
status: active
servers: [{server: landing, type: s3, location: 's3://*/a/**', format: csv}]
schema: [{name: orders, properties: [{name: id, logicalType: string}]}]
";
    let contract = lakegate_contract::parse(document).unwrap().contract;
    let held = |state| {
        let mut entry = entry(state);
        entry.source.etag = Some("e".to_owned());
        (entry.dataset, entry.contract_version) = (Some("orders".to_owned()), Some("1.0.0".to_owned()));
        entry
    };
    let settled = |entry: &Entry, etag| is_settled(entry, etag, Some(&contract), "0.1.0");
    for state in [State::Committed, State::Rejected, State::Failed, State::Heavy] {
        assert!(settled(&held(state), Some("e")), "{state:?}");
        assert!(!settled(&held(state), Some("f")) && !settled(&held(state), None), "{state:?}: other content");
    }
    for state in [State::Working, State::Publishing, State::Removed] {
        assert!(!settled(&held(state), Some("e")), "{state:?}");
    }
    let mut other = held(State::Rejected);
    other.contract_version = Some("0.9.0".to_owned());
    assert!(!settled(&other, Some("e")), "under another contract");
    assert!(!is_settled(&held(State::Committed), Some("e"), Some(&contract), "0.2.0"), "by another engine");
    assert!(is_settled(&held(State::Committed), Some("e"), None, "0.1.0"), "there is nothing to judge it by");
}
