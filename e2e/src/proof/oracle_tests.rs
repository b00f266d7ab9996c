//! The oracle finds what is wrong: one thing at a time is changed in what stands.
//! It must not need an AWS.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_local::Message;
use serde_json::{Value, json};

use super::oracle::{Uploaded, check};
use super::service::Tally;
use super::standing::Standing;
use super::uploads::{Fate, File, Version};

const GOOD: &str = "proof/in/good.csv";
const BAD: &str = "proof/in/bad.csv";
const OUTPUT: &str = "lake/proof/region=north/month=1/good-0.parquet";

/// A file whose first version was replaced by the second, and one that is refused.
fn uploaded() -> Uploaded {
    let accepted = |row: &str, rejected| Version {
        content: Vec::new(),
        fate: Fate::Accepted { rows: vec![row.to_owned()], rejected },
    };
    let refused = Fate::Refused { rejected: 3, kind: "ContractViolated" };
    let good = vec![accepted("00000.0.0|north|1|1.00|", 1), accepted("00000.1.0|north|1|2.00|", 2)];
    Uploaded {
        files: vec![
            File { key: GOOD.to_owned(), versions: good },
            File { key: BAD.to_owned(), versions: vec![Version { content: Vec::new(), fate: refused }] },
        ],
        versions: vec![vec!["g0".to_owned(), "g1".to_owned()], vec!["b0".to_owned()]],
        deleted: BTreeSet::new(),
        is_removing: false,
    }
}

fn letter(key: &str, version: &str, kind: &str) -> (Message, Value) {
    let message = Message {
        id: String::new(),
        body: version.to_owned(),
        attributes: BTreeMap::new(),
        receipt_handle: String::new(),
    };
    (message, json!({ "source": { "key": key, "version_id": version }, "kind": kind }))
}

fn standing() -> Standing {
    let good = json!({
        "source": { "key": GOOD, "version_id": "g1" }, "state": "committed", "rows_read": 3, "rows_accepted": 1, "rows_rejected": 2,
        "outputs": [{ "path": OUTPUT }], "rejects_path": "rejects/good.parquet",
    });
    let bad = json!({
        "source": { "key": BAD, "version_id": "b0" }, "state": "rejected", "rows_read": 3, "rows_accepted": 0, "rows_rejected": 3,
        "rejects_path": "rejects/bad.parquet",
    });
    Standing {
        rows: vec!["00000.1.0|north|1|2.00|".to_owned()],
        rejects: [((GOOD, "g1"), 2), ((BAD, "b0"), 3)]
            .map(|((key, version), count)| ((key.to_owned(), version.to_owned()), count))
            .into(),
        outputs: [OUTPUT, "rejects/good.parquet", "rejects/bad.parquet"].map(str::to_owned).into(),
        ledger: [(GOOD.to_owned(), good), (BAD.to_owned(), bad)].into(),
        committed: [(GOOD.to_owned(), "g0".to_owned()), (GOOD.to_owned(), "g1".to_owned())].into(),
        letters: vec![letter(BAD, "b0", "ContractViolated")],
        alerts: vec![("1 file".to_owned(), format!("1 file did not make it into the lake.\n{BAD}"))],
        partitions: ["proof/region=north/month=1".to_owned()].into(),
        unfinished: Vec::new(),
        athena: vec![Some("1".to_owned()), Some("1".to_owned()), Some("2.00".to_owned())],
    }
}

#[test]
fn what_stands_as_it_must_is_counted() {
    let found = check(&uploaded(), &standing(), &[Tally::default()]).unwrap();
    assert_eq!((found.files, found.versions, found.rows, found.letters, found.repeated), (2, 3, 1, 1, 0));
}

#[test]
fn whatever_is_lost_or_there_twice_is_found() {
    type Change = fn(&mut Standing);
    let changes: [(&str, Change); 16] = [
        ("has 0 rows in the table, must have 1", |it| it.rows.clear()),
        ("has 2 rows in the table, must have 1", |it| it.rows.push("00000.1.0|north|1|2.00|".to_owned())),
        ("has 1 rows in the table, must have 1", |it| it.rows = vec!["00000.1.0|south|1|2.00|".to_owned()]),
        ("version 0 has 1 rows in the table", |it| it.rows.push("00000.0.0|north|1|1.00|".to_owned())),
        ("is nobody's", |it| it.rows.push("x".to_owned())),
        ("no ledger entry", |it| {
            it.ledger.remove(BAD);
        }),
        ("is still publishing", |it| it.ledger.get_mut(GOOD).unwrap()["state"] = "publishing".into()),
        ("wrong version", |it| it.ledger.get_mut(GOOD).unwrap()["source"]["version_id"] = "g0".into()),
        ("wrong count", |it| it.ledger.get_mut(GOOD).unwrap()["rows_rejected"] = 1.into()),
        ("does not stand", |it| {
            it.outputs.remove(OUTPUT);
        }),
        ("no ledger entry names it", |it| {
            it.outputs.insert("lake/proof/stray.parquet".to_owned());
        }),
        ("is no partition in the catalog", |it| it.partitions.clear()),
        ("is told 0 times", |it| it.letters.clear()),
        ("is told 2 times", |it| it.letters.push(letter(BAD, "b0", "ContractViolated"))),
        ("in no alert", |it| it.alerts.clear()),
        ("0 rejected rows are kept, must be 3", |it| {
            it.rejects.remove(&(BAD.to_owned(), "b0".to_owned()));
        }),
    ];
    for (problem, change) in changes {
        let mut standing = standing();
        change(&mut standing);
        let error = check(&uploaded(), &standing, &[Tally::default()]).unwrap_err().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
    let mut left = standing();
    left.unfinished.push(OUTPUT.to_owned());
    assert!(check(&uploaded(), &left, &[Tally::default()]).is_err(), "an upload is left, and nobody was killed");
}

#[test]
fn a_refused_version_that_was_deleted_before_it_was_read_keeps_no_rejects() {
    let mut uploaded = uploaded();
    uploaded.deleted.insert(1);
    let mut standing = standing();
    standing.rejects.remove(&(BAD.to_owned(), "b0".to_owned()));
    standing.outputs.remove("rejects/bad.parquet");
    let missing = json!({ "source": { "key": BAD, "version_id": "b0" }, "state": "failed" });
    standing.ledger.insert(BAD.to_owned(), missing);
    standing.letters = vec![letter(BAD, "b0", "SourceMissing")];
    check(&uploaded, &standing, &[Tally::default()]).unwrap();
}

#[test]
fn what_a_deletion_removes_must_be_gone() {
    let mut uploaded = uploaded();
    uploaded.deleted.insert(0);
    uploaded.is_removing = true;
    let error = check(&uploaded, &standing(), &[Tally::default()]).unwrap_err().to_string();
    assert!(error.contains("must have 0") && error.contains("2 rejected rows are kept, must be 0"), "{error}");

    let mut gone = standing();
    gone.rows.clear();
    gone.rejects.remove(&(GOOD.to_owned(), "g1".to_owned()));
    gone.outputs = ["rejects/bad.parquet".to_owned()].into();
    let removed = json!({ "source": { "key": GOOD }, "state": "removed", "outputs": [] });
    gone.ledger.insert(GOOD.to_owned(), removed);
    check(&uploaded, &gone, &[Tally::default()]).unwrap();
}
