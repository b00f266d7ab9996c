//! What is said about rejected rows stays small, however long rules are.

use lakegate_contract::Rule;

use super::{Reason, Reject, RejectsWriter, reason};
use crate::converter::Source;
use crate::judge::Violation;

#[test]
fn messages_count_as_bytes_that_wait() {
    let source = Source { bucket: "b".to_owned(), key: "k".to_owned(), version: None };
    let mut writer = RejectsWriter::new(source, "1.0.0");
    for row_number in 1..=9 {
        let reasons = vec![Reason { column: "", rule: "type", message: "x".repeat(1024 * 1024) }];
        writer.append(&Reject { row_number, line: 1, byte_offset: 0, raw: b"x", reasons }).unwrap();
    }
    assert_eq!(writer.pending_rows, 1);
}

#[test]
fn a_message_shows_the_beginning_of_a_long_pattern() {
    let contract = format!(
        "apiVersion: v3.2.0
kind: DataContract
id: t
version: 1.0.0
status: active
servers:
  - {{server: landing, type: s3, location: 's3://*/t/**', format: csv}}
schema:
  - name: t
    properties:
      - {{name: a, logicalType: string, logicalTypeOptions: {{pattern: {}}}}}
",
        "é".repeat(2000)
    );
    let contract = lakegate_contract::parse(&contract).unwrap().contract;
    let reason = reason(&contract, Violation { row: 0, column: Some(0), rule: Rule::Pattern }, None);
    assert!(reason.message.starts_with("does not match") && reason.message.ends_with('…'), "{}", reason.message);
    assert!(reason.message.chars().count() < 250, "{}", reason.message);
}
