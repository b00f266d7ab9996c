//! Keys and exact duplicates against a naive reading of the same rows, and the memory that they may take.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use lakegate_contract::Contract;
use lakegate_convert::{Converter, Counts, FileErrorKind, Judgement, Reading, Source, Verdict};
use proptest::prelude::*;

fn contract(duplicates: &str) -> Arc<Contract> {
    let document = format!(
        r#"
apiVersion: v3.2.0
kind: DataContract
id: case
version: 1.0.0
servers:
  - {{server: landing, type: s3, location: "s3://*/cases/*.csv", format: csv}}
schema:
  - name: cases
    logicalType: object
    properties:
      - {{name: a, logicalType: string, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: b, logicalType: integer, primaryKey: true, primaryKeyPosition: 2}}
      - {{name: c, logicalType: string, unique: true}}
      - {{name: d, logicalType: string}}
    customProperties:
      - {{property: maxRejectPercent, value: 100, vendor: lakegate}}
      - {{property: exactDuplicates, value: {duplicates}, vendor: lakegate}}
"#
    );
    Arc::new(lakegate_contract::parse(&document).unwrap().contract)
}

fn convert(contract: &Arc<Contract>, input: &str, keys_bytes_max: Option<usize>) -> Judgement {
    let source = Source { bucket: "raw".to_owned(), key: "in.csv".to_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap();
    if let Some(bytes) = keys_bytes_max {
        converter = converter.with_keys_bytes_max(bytes);
    }
    for chunk in input.as_bytes().chunks(64 * 1024) {
        if converter.push(chunk).unwrap() == Reading::Enough {
            break;
        }
        converter.drain();
    }
    converter.finish().unwrap()
}

/// A row: two key columns that must not be null, one that must be unique, and one more.
type Row = (Option<u8>, Option<i8>, Option<u8>, Option<u8>);

fn naive(rows: &[Row], drops: bool) -> Counts {
    let mut counts = Counts { read: rows.len() as u64, ..Counts::default() };
    let (mut whole, mut keys, mut codes) = (HashSet::new(), HashSet::new(), HashSet::new());
    for row in rows {
        let (a, b, c, _) = *row;
        if a.is_none() || b.is_none() {
            counts.rejected += 1;
        } else if drops && whole.contains(row) {
            counts.duplicate += 1;
        } else if keys.contains(&(a, b)) || c.is_some() && codes.contains(&c) {
            counts.rejected += 1;
        } else {
            counts.accepted += 1;
            whole.insert(*row);
            keys.insert((a, b));
            codes.insert(c);
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_first_of_equal_rows_wins(
        rows in prop::collection::vec((prop::option::weighted(0.9, 0..6_u8), prop::option::weighted(0.9, -2..4_i8), prop::option::of(0..40_u8), prop::option::of(0..2_u8)), 1..120),
        drops: bool,
    ) {
        let mut input = "a,b,c,d\n".to_owned();
        for (a, b, c, d) in &rows {
            let text = |value: &Option<u8>| value.map_or_else(String::new, |value| format!("v{value}"));
            let number = b.map_or_else(String::new, |value| value.to_string());
            writeln!(input, "{},{number},{},{}", text(a), text(c), text(d)).unwrap();
        }
        let judgement = convert(&contract(if drops { "drop" } else { "keep" }), &input, None);
        prop_assert_eq!(judgement.counts, naive(&rows, drops));
    }
}

#[test]
fn keys_that_need_too_much_memory_reject_the_file() {
    let mut input = "a,b,c,d\n".to_owned();
    for row in 0..60_000 {
        writeln!(input, "shop,{row},code{row},x").unwrap();
    }
    let contract = contract("drop");
    let judgement = convert(&contract, &input, None);
    assert_eq!((judgement.verdict, judgement.counts.accepted), (Verdict::Published, 60_000));
    let judgement = convert(&contract, &input, Some(1024 * 1024));
    let error = judgement.file_error.unwrap();
    assert_eq!(error.kind, FileErrorKind::TooManyKeys);
    assert_eq!(
        error.message,
        "the keys of 18432 accepted rows need more than 1 MiB: split the file, or ask for fewer unique columns, keys and dropped or \
         counted duplicates in the contract"
    );
    let Counts { read, accepted, rejected, duplicate } = judgement.counts;
    assert_eq!(read, accepted + rejected + duplicate);
    assert!(judgement.partitions.is_empty());
}
