//! What `diff` says of two contracts, held against what the engine makes of the same file under both: a change that is not told as
//! breaking leaves every accepted value as it was, and one that is not told as stricter either leaves every accepted row accepted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakegate_contract::{Class, Contract, diff};
use lakegate_convert::{Converter, Output, Reading, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use proptest::sample::select;

/// Ways to write the column that stands at each place of the table; an empty one leaves it out.
const COLUMNS: [&[&str]; 4] = [
    &[
        "{name: n, logicalType: integer, physicalType: INTEGER}",
        "{name: n, logicalType: integer}",
        "{name: n, logicalType: integer, physicalType: TINYINT, required: true}",
        "{name: n, logicalType: integer, logicalTypeOptions: {minimum: 1}}",
        "{name: n, logicalType: integer, logicalTypeOptions: {exclusiveMinimum: 0, maximum: 100, multipleOf: 2}}",
        "{name: n, logicalType: number, physicalType: \"DECIMAL(5,2)\"}",
        "{name: n, logicalType: number, physicalType: \"DECIMAL(12,2)\"}",
        "{name: n, logicalType: number, physicalType: \"DECIMAL(12,3)\"}",
        "{name: n, logicalType: number}",
        "{name: n, logicalType: boolean}",
        "{name: m, physicalName: n, logicalType: integer}",
        "{name: n, physicalName: m, logicalType: integer}",
        "{name: N, physicalName: n, logicalType: integer}",
        "{name: n, logicalType: integer, transformLogic: length(id)}",
        "",
    ],
    &[
        "{name: d, logicalType: date}",
        "{name: d, logicalType: date, required: true}",
        "{name: d, logicalType: date, logicalTypeOptions: {minimum: \"2024-03-01\"}}",
        "{name: d, logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy}}",
        "{name: d, logicalType: date, logicalTypeOptions: {format: MM/dd/yyyy}}",
        "{name: d, logicalType: timestamp}",
        "{name: d, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}}",
        "{name: d, logicalType: string}",
        "",
    ],
    &[
        "{name: t, logicalType: string}",
        "{name: t, logicalType: string, required: true}",
        "{name: t, logicalType: string, physicalType: VARCHAR(2)}",
        "{name: t, logicalType: string, enum: [{value: a}, {value: \"7\"}]}",
        "{name: t, logicalType: string, enum: [{value: \"7\"}, {value: b}, {value: a}]}",
        "{name: t, logicalType: string, logicalTypeOptions: {pattern: \"^[a-z]*$\"}}",
        "{name: t, logicalType: object}",
        "{name: t, logicalType: string, transformLogic: upper(id)}",
        "{name: t, logicalType: string, transformLogic: lower(id)}",
        "",
    ],
    &[
        "{name: o, logicalType: object, properties: [{name: x, logicalType: integer, physicalType: INTEGER}]}",
        "{name: o, logicalType: object, properties: [{name: x, logicalType: integer, required: true}]}",
        "{name: o, logicalType: object, properties: [{name: y, logicalType: string}, {name: x, logicalType: integer}]}",
        "{name: o, logicalType: object, properties: [{name: x, logicalType: integer}, {name: y, logicalType: string}]}",
        "{name: o, logicalType: object, properties: [{name: y, logicalType: string}]}",
        "{name: o, logicalType: object, properties: [{name: x, physicalName: y, logicalType: string}]}",
        "{name: o, logicalType: object, properties: [{name: y, physicalName: x, logicalType: integer}]}",
        "{name: o, logicalType: object, properties: [{name: x, logicalType: string}]}",
        "{name: o, logicalType: object}",
        "",
    ],
];
const POLICIES: [&[&str]; 3] = [
    &["", "unknownColumns: ignore", "unknownColumns: rescue"],
    &["", "exactDuplicates: drop"],
    &["", "compression: snappy"],
];
const QUALITY: [&str; 4] = [
    "",
    "{type: sql, name: r, mustBe: 0, query: \"SELECT COUNT(*) FROM t WHERE length(id) > 2\"}",
    "{type: sql, name: r, mustBe: 0, query: \"SELECT COUNT(*) FROM t WHERE length(id) > 1\"}",
    "{type: sql, name: r, mustBe: 0, severity: warning, query: \"SELECT COUNT(*) FROM t WHERE length(id) > 1\"}",
];
const DIALECTS: [&str; 13] = [
    "",
    "trim: true",
    "nullValues: [\"\", a]",
    "nullValues: []",
    "quoting: lenient",
    "quote: \"'\"",
    "decimalSeparator: \",\"",
    "thousandsSeparator: \".\"",
    "integralFractions: true",
    "header: false",
    "delimiter: \";\"",
    "skipLines: 1",
    "maxRecordBytes: 24",
];
const HEADERS: [&str; 9] = ["id", "n", "d", "t", "o", "m", "N", "x", "y"];
const CELLS: [&str; 26] = [
    "",
    "a",
    "b",
    "abc",
    "7",
    "0",
    "2",
    "128",
    "-3",
    "4000000000",
    "1.5",
    "1.500",
    "12.25",
    "1.234",
    "1,5",
    "7.0",
    "true",
    "2024-02-29",
    "01/02/2024",
    "13/02/2024",
    "2024-05-06T07:08",
    " 7 ",
    "NA",
    r#"{"x": 3}"#,
    r#"{"x": 4, "y": "q"}"#,
    r#"{"y": 5}"#,
];

/// How one contract is put together: the chosen way of each place, whether the table's columns are turned round, and the rest.
#[derive(Debug, Clone)]
struct Choice {
    columns: [usize; 4],
    is_turned: bool,
    policies: [usize; 3],
    quality: usize,
    dialect: usize,
    is_json: bool,
}

impl Choice {
    fn contract(&self) -> Option<Contract> {
        let mut columns = vec!["{name: id, logicalType: string}"];
        columns.extend(COLUMNS.iter().zip(self.columns).map(|(ways, way)| ways[way]).filter(|way| !way.is_empty()));
        if self.is_turned {
            columns.reverse();
        }
        let property = |text: &str| {
            let (name, value) = text.split_once(": ").unwrap();
            format!("{{property: {name}, value: {value}, vendor: lakegate}}")
        };
        let mut policies: Vec<&str> = POLICIES.iter().zip(self.policies).map(|(ways, way)| ways[way]).collect();
        policies.push("maxRejectPercent: 100");
        let policies = policies.iter().filter(|text| !text.is_empty()).map(|text| property(text)).collect::<Vec<_>>();
        let dialect = Some(DIALECTS[self.dialect]).filter(|text| !text.is_empty() && !self.is_json).map(property);
        let (format, dialect) = (if self.is_json { "json" } else { "csv" }, dialect.unwrap_or_default());
        let document = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\nservers:\n  - {{server: landing, type: s3, location: \"s3://*/t/**\", \
             format: {format}, customProperties: [{dialect}]}}\nschema:\n  - name: t\n    properties: [{}]\n    quality: [{}]\n    customProperties: [{}]\n",
            columns.join(", "),
            QUALITY[self.quality],
            policies.join(", ")
        );
        lakegate_contract::parse(&document).ok().map(|checked| checked.contract)
    }
}

fn choices() -> impl Strategy<Value = Choice> {
    let columns = (0..COLUMNS[0].len(), 0..COLUMNS[1].len(), 0..COLUMNS[2].len(), 0..COLUMNS[3].len());
    let policies = (0..POLICIES[0].len(), 0..POLICIES[1].len(), 0..POLICIES[2].len());
    (columns, any::<bool>(), policies, 0..QUALITY.len(), 0..DIALECTS.len(), any::<bool>()).prop_map(
        |((n, d, t, o), is_turned, (unknown, duplicates, codec), quality, dialect, is_json)| Choice {
            columns: [n, d, t, o],
            is_turned,
            policies: [unknown, duplicates, codec],
            quality,
            dialect,
            is_json,
        },
    )
}

/// A choice, and one that differs from it in one or two things.
fn pairs() -> impl Strategy<Value = (Choice, Choice)> {
    (choices(), choices(), prop::collection::vec(0..12_usize, 1..3)).prop_map(|(one, other, changed)| {
        let mut new = one.clone();
        for what in changed {
            match what {
                0..=3 => new.columns[what] = other.columns[what],
                4 | 5 => new.dialect = other.dialect,
                6..=8 => new.policies[what - 6] = other.policies[what - 6],
                9 => new.quality = other.quality,
                10 => new.is_turned = other.is_turned,
                _ => new.is_json = other.is_json,
            }
        }
        (one, new)
    })
}

type Fields = Vec<(&'static str, &'static str)>;

fn rows() -> impl Strategy<Value = Fields> {
    let fields = prop::collection::btree_map(select(&HEADERS[1..]), select(&CELLS[..]), 0..6);
    (select(&["", "a", "ab", "abc", "x'y", "2024-02-29"][..]), fields)
        .prop_map(|(id, fields)| std::iter::once(("id", id)).chain(fields).collect())
}

/// The row as a file of one record. A cell is quoted where it must be, and by `quotes` also where it need not be.
fn file(fields: &Fields, is_json: bool, delimiter: &str, quotes: bool) -> String {
    if is_json {
        let value = |cell: &str| match cell {
            "" => "null".to_owned(),
            cell if cell.starts_with('{') || (!quotes && cell.parse::<f64>().is_ok()) => cell.to_owned(),
            cell => format!("{cell:?}"),
        };
        let members: Vec<String> = fields.iter().map(|(name, cell)| format!("{name:?}: {}", value(cell))).collect();
        return format!("{{{}}}\n", members.join(", "));
    }
    let cell = |cell: &&str| {
        let must = cell.contains([',', ';', '"']);
        if must || quotes { format!("\"{}\"", cell.replace('"', "\"\"")) } else { (*cell).to_owned() }
    };
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let cells: Vec<String> = fields.iter().map(|(_, value)| cell(value)).collect();
    format!("{}\n{}\n", names.join(delimiter), cells.join(delimiter))
}

/// The accepted rows' values by column, members of objects by their path.
fn accepted(contract: &Arc<Contract>, input: &str) -> Vec<BTreeMap<String, String>> {
    let source = Source { bucket: "raw".to_owned(), key: "t/in".to_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap();
    let mut table = Vec::new();
    let mut take = |converter: &mut Converter| {
        for chunk in converter.drain() {
            if matches!(chunk.output, Output::Table(_)) {
                table.extend(chunk.bytes);
            }
        }
    };
    if converter.push(input.as_bytes()).unwrap() == Reading::More {
        take(&mut converter);
    }
    let judgement = converter.finish().unwrap();
    take(&mut converter);
    if judgement.counts.accepted == 0 || judgement.file_error.is_some() {
        return Vec::new();
    }
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(table)).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let mut values = BTreeMap::new();
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                flatten(field.name(), column, row, &mut values);
            }
            rows.push(values);
        }
    }
    rows
}

fn flatten(path: &str, column: &ArrayRef, row: usize, values: &mut BTreeMap<String, String>) {
    if let DataType::Struct(fields) = column.data_type() {
        for (field, member) in fields.iter().zip(column.as_struct().columns()) {
            flatten(&format!("{path}.{}", field.name()), member, row, values);
        }
        return;
    }
    let options = FormatOptions::new().with_null("NULL");
    let text = ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string();
    values.insert(path.to_owned(), text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_is_not_told_does_not_happen((one, other) in pairs(), fields in rows(), quotes in any::<bool>(), delimiter in select(&[",", ",", ";"][..])) {
        let (Some(old), Some(new)) = (one.contract(), other.contract()) else { return Ok(()) };
        let changes = diff(&old, &new);
        let is = |class: Class| changes.iter().any(|change| change.class == class);
        let input = file(&fields, one.is_json, delimiter, quotes);
        let (old, new) = (accepted(&Arc::new(old), &input), accepted(&Arc::new(new), &input));
        if is(Class::Breaking) {
            return Ok(());
        }
        if !is(Class::Stricter) {
            prop_assert_eq!(old.len(), new.len().min(old.len()), "rows are rejected: {}\n{:#?}", input, changes);
        }
        for (old, new) in old.iter().zip(&new) {
            for (path, value) in old {
                if let Some(other) = new.get(path) {
                    // What is rescued hangs on which columns there are; a column that is added or dropped tells that.
                    let is_rescued = path == "_rescued" && !changes.is_empty();
                    prop_assert!(value == other || is_rescued, "{}: {} is {} now: {}\n{:#?}", path, value, other, input, changes);
                }
            }
        }
    }
}
