//! What the page says of single files. Its figures are held against those of another engine in `cli/tests/browser`.

use std::time::Duration;

use chrono::DateTime;
use lakegate_lake::ledger::Entry;
use lakegate_report::{Cell, Tone};
use serde_json::{Value, json};

use crate::report_page::{Gathered, page};

const NOW: i64 = 1_768_046_700;

/// An entry of the orders, written a minute ago.
pub(super) fn entry(key: &str, state: &str) -> Entry {
    serde_json::from_value(json!({
        "version": 1, "state": state, "dataset": "orders", "contract_version": "1", "engine_version": "1",
        "source": {"bucket": "raw", "key": key, "version_id": "v1", "etag": "a", "sequencer": null, "size_bytes": 60_000_000,
            "last_modified": "2026-01-10T12:03:50Z"},
        "rows_read": 10, "rows_accepted": 7, "rows_rejected": 2, "rows_duplicate": 1,
        "violations": {"quantity": {"minimum": 2}, "": {"fieldCount": 1}}, "file_error": null,
        "outputs": [], "rejects_path": null, "at": "2026-01-10T12:04:00Z", "elapsed_ms": 1_500, "attempts": 1,
    }))
    .unwrap()
}

pub(super) fn gathered(entries: Vec<Entry>, now: i64) -> Gathered {
    Gathered {
        place: "lakegate in eu-central-1".to_owned(),
        place_json: json!({ "stack": "lakegate" }),
        now: DateTime::from_timestamp(now, 0).unwrap(),
        span: Duration::from_hours(24),
        entries,
        unreadable: Vec::new(),
        tables: Vec::new(),
        dead_letters: Some(0),
    }
}

fn figures(gathered: &Gathered) -> Value {
    page::figures(gathered).unwrap()
}

#[test]
fn rows_of_a_file_that_was_rejected_are_not_in_the_table() {
    let told = figures(&gathered(vec![entry("a", "committed"), entry("b", "rejected"), entry("c", "publishing")], NOW));
    let rows = &told["sections"]["rows"][0];
    let sums = ["rows_read", "rows_accepted", "rows_rejected", "rows_held", "rows_duplicate"].map(|name| &rows[name]);
    assert_eq!(sums, [20, 7, 4, 7, 2]);
    assert_eq!((&told["facts"]["rows_accepted"], &told["facts"]["rows_rejected"]), (&json!(7), &json!(4)));
}

#[test]
fn what_is_about_to_be_done_needs_no_attention() {
    let mut leased = entry("leased", "working");
    leased.lease_until = Some("2026-01-10T12:06:00Z".to_owned());
    let entries = ["committed", "heavy", "removed", "rejected", "failed", "working"].map(|state| entry(state, state));
    let told = figures(&gathered(entries.into_iter().chain([leased]).collect(), NOW));
    let keys: Vec<&str> =
        told["sections"]["attention"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["failed", "rejected", "working"]);
    let why: Vec<&str> =
        told["sections"]["attention"].as_array().unwrap().iter().map(|row| row["why"].as_str().unwrap()).collect();
    insta::assert_snapshot!(why.join("\n"), @"
    2 of 10 rows rejected: minimum of quantity (2), fieldCount (1)
    2 of 10 rows rejected: minimum of quantity (2), fieldCount (1)
    its worker is gone; the queue brings it again, after three hours a sweep does
    ");
}

#[test]
fn a_table_that_got_no_file_is_named_first() {
    let mut gathered = gathered(vec![entry("a", "committed")], NOW);
    gathered.tables = vec!["orders".to_owned(), "customers".to_owned()];
    let told = figures(&gathered);
    let fresh = &told["sections"]["freshness"];
    assert_eq!((&fresh[0]["dataset"], &fresh[0]["age_secs"]), (&json!("customers"), &Value::Null));
    assert_eq!(
        (&fresh[1]["dataset"], &fresh[1]["age_secs"], &fresh[1]["slowest_secs"]),
        (&json!("orders"), &json!(70), &json!(10))
    );
    let page = page::of(&gathered);
    let note = &page.sections.iter().find(|section| section.id == "freshness").unwrap().note;
    assert!(note.ends_with("One table got no file in this time."), "{note}");
}

#[test]
fn the_cost_is_that_of_the_model() {
    let mut again = entry("again", "committed");
    again.attempts = 2;
    let mut heavy = [entry("glue a", "committed"), entry("glue b", "heavy")];
    for entry in &mut heavy {
        entry.run_id = Some("jr_1".to_owned());
    }
    let told = figures(&gathered([vec![entry("a", "committed"), again], heavy.to_vec()].concat(), NOW));
    let cost = &told["sections"]["cost"][0];
    // 0.4 s for each of five tries, and 1 s for each of three that read 60 MB.
    let lambda = 5.0_f64.mul_add(0.4, 3.0) * 1_769.0 / 1_024.0 * 0.000_013_333_4;
    let is = |name: &str, dollars: f64| (cost[name].as_f64().unwrap() - dollars).abs() < 1e-12;
    assert!(
        is("lambda_dollars", lambda) && is("glue_dollars", 0.0147) && is("request_dollars", 4.0 * 0.000_025_6),
        "{cost}"
    );
}

#[test]
fn what_was_not_uploaded_took_no_time_from_its_upload_and_cost_nothing() {
    let mut local = entry("/home/a.csv", "committed");
    "local".clone_into(&mut local.source.bucket);
    let told = figures(&gathered(vec![local.clone()], NOW));
    assert_eq!(
        told["facts"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["attention", "files", "rows_accepted", "rows_rejected"]
    );
    assert!(told["sections"].get("cost").is_none(), "{told}");
    assert_eq!(
        told["sections"]["freshness"],
        json!([{ "dataset": "orders", "latest_at": "2026-01-10T12:04:00Z", "age_secs": 60 }])
    );
    for section in ["slowest", "largest"] {
        let row = &told["sections"][section][0];
        assert_eq!((row.get("waited_secs"), &row["bytes"], &row["work_secs"]), (None, &json!(60_000_000), &json!(1.5)));
    }
    // Beside an uploaded one it has none.
    let told = figures(&gathered(vec![local, entry("a", "committed")], NOW));
    assert_eq!(
        (&told["facts"]["median_secs"], &told["sections"]["freshness"][0]["slowest_secs"]),
        (&json!(10), &json!(10))
    );
}

#[test]
fn a_file_that_took_less_than_a_second_is_not_said_to_have_taken_none() {
    let mut quick = entry("a", "committed");
    quick.at = "2026-01-10T12:03:50.4Z".to_owned();
    let page = page::of(&gathered(vec![quick], NOW));
    let fact = page.facts.iter().find(|fact| fact.id == "median_secs").unwrap();
    assert_eq!((&fact.value, fact.note.as_str()), (&Cell::Count(0), "median; under 1 s at most"));
    assert!(page.to_html().unwrap().contains(">under 1 s<"));
}

#[test]
fn documents_that_cannot_be_read_are_told_and_do_not_count() {
    let mut timeless = entry("timeless", "committed");
    timeless.at = "yesterday".to_owned();
    let mut gathered = gathered(vec![entry("a", "committed"), timeless], NOW);
    gathered.unreadable = vec!["ledger/x.json".to_owned()];
    let page = page::of(&gathered);
    assert_eq!(page.facts[1].value, Cell::Count(1));
    insta::assert_snapshot!(page.notes[0], @"2 documents of the ledger left out because unreadable; the first is ledger/x.json.");
}

#[test]
fn dead_letters_are_a_warning_also_where_no_file_is_bad() {
    let mut gathered = gathered(vec![entry("a", "committed")], NOW);
    let first = |gathered: &Gathered| {
        let fact = page::of(gathered).facts.remove(0);
        (fact.tone, fact.note)
    };
    assert_eq!(first(&gathered), (Tone::Good, "0 in the dead-letter queue".to_owned()));
    gathered.dead_letters = Some(3);
    assert_eq!(first(&gathered), (Tone::Warn, "3 in the dead-letter queue".to_owned()));
    gathered.entries.push(entry("b", "failed"));
    assert_eq!(first(&gathered).0, Tone::Bad);
}
