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
What to do: Was the file put in the right place? If so, deploy a contract whose landing location covers it, and then replay. If not, move it.

* s3://raw/stray/x.csv
  dataset:  unknown dataset, owner unknown
  problem:  no contract covers s3://raw/stray/x.csv
  when:     2026-01-02T03:04:05.678Z

1 FILE: announced by a message that cannot be understood (UnreadableMessage)
What to do: Something else than S3 writes to the queue, or a notification is set up for other events than "object created". Find the sender; delete the message from the dead-letter queue before a replay.

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
fn a_burst_is_summarised() {
    let many: Vec<FailureRecord> = (0..400)
        .map(|n| {
            let (kind, dataset) = match n % 4 {
                0 => (FailureKind::UnreadableFile, "customers"),
                _ => (FailureKind::ContractViolated, "orders"),
            };
            record(kind, Some(dataset), &format!("{dataset}/{n:03}.csv"), "summary")
        })
        .collect();
    let digest = write(&many, REPLAY);
    insta::assert_snapshot!(digest.subject, @"Lakegate: 400 files failed: orders 300, customers 100");
    assert_eq!(digest.body.matches("\n* s3://").count(), FILES_SHOWN);
    let (_, rest) = digest.body.split_once("MORE, NOT LISTED ABOVE").unwrap();
    insta::assert_snapshot!(rest, @r#"

  customers: UnreadableFile: 100
  orders: ContractViolated: 280

TO REPLAY
When the causes are gone, this sends everything in the dead-letter queue through again:
  lakegate replay --stack lakegate --region eu-central-1 --send
Without --send it shows what it would send; --kind, --dataset and --key choose.
What was taken in before, or was uploaded anew since, is recognised and left alone.
"#);
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
fn a_digest_never_exceeds_what_sns_takes() {
    let mut huge = violated();
    huge.summary = "é".repeat(MESSAGE_MAX_BYTES);
    assert!(write(&[huge], REPLAY).body.len() <= MESSAGE_MAX_BYTES);
}

#[test]
fn every_kind_says_what_to_do() {
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
        FailureKind::LedgerUnreadable,
        FailureKind::EngineFailed,
        FailureKind::UnreadableMessage,
        FailureKind::GaveUp,
        FailureKind::GlueJobFailed,
        FailureKind::GlueJobTimedOut,
        FailureKind::GlueJobStopped,
        FailureKind::Other("Newer".to_owned()),
    ];
    for kind in kinds {
        let body = write(&[record(kind.clone(), None, "a.csv", "summary")], REPLAY).body;
        assert!(body.contains(&format!("({kind})\nWhat to do: ")), "{body}");
    }
}
