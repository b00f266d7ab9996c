//! What `diff` says of two contracts, held against what the engine makes of the same file under both: a change that is not told as
//! breaking leaves every accepted value as it was, and one that is not told as stricter either leaves every accepted row accepted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

use std::cell::RefCell;
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
use proptest::test_runner::{TestError, TestRunner};

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
/// What a column's cells may be, by its first letter.
const CELLS: [(char, &[&str]); 5] = [
    ('i', &["", "a", "ab", "abc", "x'y", "2024-02-29", "a;b"]),
    (
        'n',
        &[
            "",
            "7",
            "0",
            "2",
            "-3",
            "128",
            "4000000000",
            "1.5",
            "1.500",
            "12.25",
            "1.234",
            "1,5",
            "7.0",
            " 7 ",
            "true",
            "1",
            "NA",
        ],
    ),
    (
        'd',
        &["", "2024-02-29", "2024-05-06", "01/02/2024", "13/02/2024", "2024-05-06T07:08", "2024-05-06 07:08:09", "a"],
    ),
    ('t', &["", "a", "b", "abc", "7", "NA", " a ", "\"a\"", "{}", "it's", "#x"]),
    (
        'o',
        &[
            "",
            r#"{"x": 3}"#,
            r#"{"x": 4, "y": "q"}"#,
            r#"{"y": 5}"#,
            r#"{"y": "q"}"#,
            r#"{"x": "3"}"#,
            r#"{"x": 3000000000}"#,
            "{}",
            "[1]",
        ],
    ),
];

/// Rows of a file.
const ROWS: usize = 60;

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
        lakegate_contract::parse(&self.document()).ok().map(|checked| checked.contract)
    }

    fn document(&self) -> String {
        let mut columns = vec!["{name: k, logicalType: integer, required: true}", "{name: id, logicalType: string}"];
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
        format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\nservers:\n  - {{server: landing, type: s3, location: \"s3://*/t/**\", \
             format: {format}, customProperties: [{dialect}]}}\nschema:\n  - name: t\n    properties: [{}]\n    quality: [{}]\n    customProperties: [{}]\n",
            columns.join(", "),
            QUALITY[self.quality],
            policies.join(", ")
        )
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

/// The names of the columns that a contract expects, after that of the row's number; one of them may be missing, or another may be there.
fn names(choice: &Choice, odd: Option<(usize, &'static str)>) -> Vec<String> {
    let mut names = vec!["k".to_owned(), "id".to_owned()];
    for way in COLUMNS.iter().zip(choice.columns).map(|(ways, way)| ways[way]) {
        let name = way.strip_prefix("{name: ").and_then(|rest| rest.split_once(',')).map(|(name, _)| name);
        names.extend(name.filter(|_| !way.contains("transformLogic")).map(str::to_owned));
    }
    if choice.is_turned {
        names.reverse();
    }
    match odd {
        Some((place, "")) => drop(names.remove(place % names.len())),
        Some((_, name)) if !names.iter().any(|other| other == name) => names.push(name.to_owned()),
        Some(_) | None => {}
    }
    names
}

/// A cell that may fit a column of this name.
fn cell(name: &str, number: usize) -> &'static str {
    let letter = name.to_lowercase().replace(['m', 'x'], "n").chars().next().unwrap();
    let cells = CELLS.iter().find(|(first, _)| *first == letter).map_or(CELLS[1].1, |(_, cells)| cells);
    cells[number % cells.len()]
}

/// A file of numbered rows. A cell is quoted where it must be, and by `quotes` also where it need not be.
fn file(choice: &Choice, names: &[String], rows: &[[usize; 6]], delimiter: &str, quotes: bool) -> String {
    let mut lines = Vec::new();
    if !choice.is_json && DIALECTS[choice.dialect] != "header: false" {
        lines.push(names.join(delimiter));
    }
    if DIALECTS[choice.dialect] == "skipLines: 1" && !choice.is_json {
        lines.insert(0, "about this file".to_owned());
    }
    for (number, row) in rows.iter().enumerate() {
        let number = number.to_string();
        let cells =
            names.iter().zip(row).map(|(name, place)| (name, if name == "k" { &number } else { cell(name, *place) }));
        if choice.is_json {
            let value = |cell: &str| match cell {
                "" => "null".to_owned(),
                cell if cell.starts_with('{') || (!quotes && cell.parse::<f64>().is_ok_and(f64::is_finite)) => {
                    cell.to_owned()
                }
                cell => format!("{cell:?}"),
            };
            let members: Vec<String> = cells.map(|(name, cell)| format!("{name:?}: {}", value(cell))).collect();
            lines.push(format!("{{{}}}", members.join(", ")));
        } else {
            let must = |cell: &str| cell.contains([',', ';', '"']) && cell != "it's";
            let text = |cell: &str| {
                if must(cell) || quotes { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
            };
            lines.push(cells.map(|(_, cell)| text(cell)).collect::<Vec<_>>().join(delimiter));
        }
    }
    lines.join("\n") + "\n"
}

type Values = BTreeMap<String, String>;

/// The accepted rows by their number: values by column, members of objects by their path.
fn accepted(contract: &Arc<Contract>, input: &str) -> BTreeMap<String, Values> {
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
        return BTreeMap::new();
    }
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(table)).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let mut rows = BTreeMap::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let mut values = Values::new();
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                flatten(field.name(), column, row, &mut values);
            }
            rows.insert(values["k"].clone(), values);
        }
    }
    rows
}

fn flatten(path: &str, column: &ArrayRef, row: usize, values: &mut Values) {
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

/// How often a promise was put to the test.
#[derive(Debug, Default)]
struct Checked {
    /// Rows that both contracts accept, where the change is not breaking.
    values: usize,
    /// Rows that were accepted, where the change is neither breaking nor stricter.
    rows: usize,
    /// Values or rows that a breaking or stricter change did touch.
    told: usize,
}

/// Where the engine's two verdicts differ from what was told, if they do.
fn check(one: &Choice, other: &Choice, input: &str, checked: &mut Checked) -> Result<(), TestCaseError> {
    let (Some(old), Some(new)) = (one.contract(), other.contract()) else { return Ok(()) };
    let changes = diff(&old, &new);
    let is = |class: Class| changes.iter().any(|change| change.class == class);
    let (old, new) = (accepted(&Arc::new(old), input), accepted(&Arc::new(new), input));
    let (is_breaking, is_stricter) = (is(Class::Breaking), is(Class::Stricter));
    for (number, old) in &old {
        let Some(new) = new.get(number) else {
            let row = input.lines().filter(|line| line.contains(number)).collect::<Vec<_>>();
            prop_assert!(is_breaking || is_stricter, "row {number} is rejected: {row:?}\n{changes:#?}");
            checked.told += 1;
            continue;
        };
        // What is rescued hangs on which columns there are, and these are told.
        let is_told = |path: &str| path == "_rescued" && !changes.is_empty();
        let other =
            old.iter().find(|(path, value)| new.get(*path).is_some_and(|other| other != *value) && !is_told(path));
        prop_assert!(other.is_none() || is_breaking, "{other:?} of row {number} is {new:?} now\n{changes:#?}");
        checked.told += usize::from(other.is_some());
        checked.values += usize::from(!changes.is_empty() && !is_breaking);
        checked.rows += usize::from(!changes.is_empty() && !is_breaking && !is_stricter);
    }
    Ok(())
}

#[test]
fn what_is_not_told_does_not_happen() {
    let checked = RefCell::new(Checked::default());
    // `PROPTEST_CASES` looks further.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(ProptestConfig { cases: config.cases.saturating_mul(3), ..config });
    let odd = prop::option::weighted(0.2, (0..6_usize, select(&["", "n", "t", "m", "N", "x"][..])));
    let rows = prop::collection::vec(prop::array::uniform6(0..1000_usize), ROWS);
    let cases = (pairs(), rows, odd, any::<bool>(), prop::bool::weighted(0.05));
    let outcome = runner.run(&cases, |((one, other), rows, odd, quotes, is_foreign)| {
        let has_semicolons = DIALECTS[one.dialect].starts_with("delimiter") != is_foreign;
        let delimiter = if has_semicolons { ";" } else { "," };
        let input = file(&one, &names(&one, odd), &rows, delimiter, quotes);
        check(&one, &other, &input, &mut checked.borrow_mut())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, ((one, other), ..))) => {
            panic!("{reason}\n{}\n{}", one.document(), other.document())
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let Checked { values, rows, told } = checked.into_inner();
    assert!(
        values > 100 && rows > 50 && told > 100,
        "{values} values, {rows} rows and {told} told changes say nothing"
    );
}
