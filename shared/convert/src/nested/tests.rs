//! What lists may take: more items than a row may have cost the row, not the memory.

use std::fmt::Write;
use std::sync::Arc;

use lakegate_contract::Contract;

use crate::records::{BATCH_BYTES, BATCH_ITEM_FIELDS, ITEM_FIELDS_MAX, batch_bytes};
use crate::{Converter, Output, Source};

/// A list of objects of so many fields.
fn contract(fields: usize) -> Contract {
    let mut document = "
apiVersion: v3.2.0
kind: DataContract
id: t
version: 1.0.0
status: active
servers:
  - {server: landing, type: s3, location: 's3://*/t/**', format: json}
schema:
  - name: t
    customProperties:
      - {property: maxRejectPercent, value: 100, vendor: lakegate}
    properties:
      - name: l
        logicalType: array
        items:
          logicalType: object
          properties:
"
    .to_owned();
    for field in 0..fields {
        writeln!(document, "            - {{name: f{field}, logicalType: integer}}").unwrap();
    }
    lakegate_contract::parse(&document).unwrap().contract
}

#[test]
fn batches_of_wide_items_end_early() {
    assert_eq!(batch_bytes(&contract(2).columns), BATCH_BYTES);
    assert_eq!(batch_bytes(&contract(95).columns), BATCH_ITEM_FIELDS * 3 / 96);
}

#[test]
fn more_items_than_a_row_may_have_cost_the_row() {
    let fields = 499;
    let items = ITEM_FIELDS_MAX / (fields + 1);
    let list = |items: usize| format!("{{\"l\":[{{}}{}]}}\n", ",{}".repeat(items - 1));
    let input = list(items + 1) + &list(3);
    let source = Source { bucket: "b".to_owned(), key: "k".to_owned(), version: None };
    let mut converter = Converter::new(Arc::new(contract(fields)), source).unwrap();
    converter.push(input.as_bytes()).unwrap();
    let judgement = converter.finish().unwrap();
    assert_eq!((judgement.counts.accepted, judgement.counts.rejected), (1, 1));
    assert!(converter.drain().iter().any(|chunk| chunk.output == Output::Rejects));
    let told = format!("{:?}", judgement.first_rejects);
    assert!(told.contains("too_long") || told.contains("TooLong") || told.contains("tooLong"), "{told}");
}
