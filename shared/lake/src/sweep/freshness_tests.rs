use std::time::Duration;

use super::*;

const KEY: &str = "orders/a.csv";

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + secs, 0).unwrap()
}

fn watched() -> Watched {
    let document = "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\n\
                    slaProperties: [{property: frequency, value: 1, unit: h}]\n\
                    servers:\n  - {server: landing, type: s3, location: 's3://raw/orders/**', format: csv}\n\
                    schema:\n  - name: orders\n    properties:\n      - {name: a, logicalType: string}\n";
    let contract = lakegate_contract::parse(document).unwrap().contract;
    Watched {
        dataset: contract.table,
        owner: None,
        promised_secs: contract.freshness_secs.unwrap(),
        location: contract.landing.location,
        youngest: Vec::new(),
    }
}

#[test]
fn the_youngest_entries_of_a_dataset_are_kept_in_order_and_no_others() {
    let mut watched = watched();
    for number in [5, 1, 40, 3, 2] {
        watched.see("raw", KEY, at(number));
    }
    watched.see("raw", "else/a.csv", at(99));
    watched.see("other", KEY, at(99));
    for number in 0..100 {
        watched.see("raw", KEY, at(10 + number % 17));
    }
    let times: Vec<_> = watched.youngest.iter().map(|(written, _)| *written).collect();
    assert!(times.is_sorted() && times.len() == READ_MAX, "{times:?}");
    assert_eq!(times.last(), Some(&at(40)));
}

#[test]
fn a_dataset_is_late_by_what_goes_beyond_its_promise() {
    let watched = watched();
    let now = SystemTime::from(at(0)) + Duration::from_secs(5000);
    assert_eq!(watched.overdue_secs(Some(at(0)), now), 1400);
    assert_eq!(watched.overdue_secs(Some(at(1400)), now), 0);
    assert_eq!(watched.overdue_secs(Some(at(9000)), now), 0, "of a clock that is ahead");
    assert_eq!(watched.overdue_secs(None, now), 0, "nobody knows since when");
}

#[test]
fn what_is_told_names_the_time_and_the_promise() {
    let freshness = Freshness {
        dataset: "orders".to_owned(),
        owner: None,
        promised_secs: 26 * 3600,
        taken_in_at: Some(at(0)),
        overdue_secs: 3 * 3600 + 7,
    };
    insta::assert_snapshot!(freshness.summary(), @"no file of it was taken in since 2023-11-14T22:13:20Z: its contract promises one within 26 h, it is 3 h late");
}

#[test]
fn a_file_was_taken_in_when_its_entry_says_so_however_late_the_entry_was_written() {
    let watched = watched();
    let committed = crate::notices::tests::entry();
    assert_eq!(watched.taken_in_at(&committed), Some("2026-01-02T03:04:05Z".parse().unwrap()));
    let of_another = ledger::Entry { dataset: Some("customers".to_owned()), ..committed.clone() };
    let rejected = ledger::Entry { state: State::Rejected, ..committed.clone() };
    let garbled = ledger::Entry { at: "yesterday".to_owned(), ..committed };
    for entry in [of_another, rejected, garbled] {
        assert_eq!(watched.taken_in_at(&entry), None);
    }
}
