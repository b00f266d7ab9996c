use std::sync::Arc;

use lakegate_contract::{Contract, Format, JsonDialect, JsonFraming, Rule};
use serde_json::Value;

use super::JsonReader;
use crate::records::{Batch, Form};
use crate::{FileErrorKind, judge};

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: json
version: 1.0.0
servers: [{server: landing, type: s3, location: 's3://*/json/*.csv', format: csv}]
schema:
  - name: things
    logicalType: object
    properties:
      - {name: a, logicalType: string}
      - {name: b, logicalType: string}
      - {name: n, logicalType: string}
    customProperties: [{property: unknownColumns, value: ignore, vendor: lakegate}]
";

fn contract(framing: JsonFraming, max_record_bytes: usize) -> Arc<Contract> {
    let mut contract = lakegate_contract::parse(CONTRACT).unwrap().contract;
    contract.landing.format = Format::Json(JsonDialect { framing, max_record_bytes });
    Arc::new(contract)
}

/// A record as a test compares it: its values as JSON text, or the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) values: Result<Vec<String>, Rule>,
    pub(super) line: u64,
    pub(super) offset: u64,
    pub(super) raw: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) seen: Vec<Seen>,
    pub(super) error: Option<FileErrorKind>,
}

pub(super) fn read(framing: JsonFraming, max_record_bytes: usize, input: &[u8], chunk_bytes: usize) -> Outcome {
    let contract = contract(framing, max_record_bytes);
    let Format::Json(dialect) = &contract.landing.format else { unreachable!() };
    let mut reader = JsonReader::new(&contract, dialect);
    let mut outcome = Outcome { seen: Vec::new(), error: None };
    for chunk in input.chunks(chunk_bytes.max(1)) {
        reader.push(chunk);
        take(&mut reader, &mut outcome);
    }
    reader.end();
    take(&mut reader, &mut outcome);
    outcome
}

fn take(reader: &mut JsonReader, outcome: &mut Outcome) {
    while outcome.error.is_none() {
        match reader.next_batch() {
            Ok(Some(batch)) => outcome.seen.extend(seen(&batch)),
            Ok(None) => break,
            Err(error) => outcome.error = Some(error.kind),
        }
    }
}

fn seen(batch: &Batch) -> Vec<Seen> {
    let faults = judge::record_faults(batch);
    let mut scratch = Vec::new();
    let record = |(number, record): (usize, &crate::records::Record)| {
        let fault = faults.iter().find(|(faulty, _)| *faulty == number);
        let mut value = |field: &crate::records::Field| {
            let text = String::from_utf8_lossy(batch.text(field, &mut scratch)).into_owned();
            match field.form() {
                Form::Null => "null".to_owned(),
                Form::Quoted | Form::Escaped => Value::String(text).to_string(),
                Form::Plain | Form::Bare | Form::Scientific | Form::Nested | Form::Aside => text,
            }
        };
        let values = match fault {
            Some((_, rule)) => Err(*rule),
            None => Ok(batch.fields(record).iter().map(&mut value).collect()),
        };
        let raw = String::from_utf8_lossy(batch.raw(record)).into_owned();
        Seen { values, line: record.line, offset: batch.offset + record.start as u64, raw }
    };
    batch.records.iter().enumerate().map(record).collect()
}

/// What is read of each record's first column, or the rule that the record breaks; the same for every cut into chunks.
fn first_values(framing: JsonFraming, input: &str) -> Vec<String> {
    let whole = read(framing, 1000, input.as_bytes(), usize::MAX);
    for chunk_bytes in [1, 2, 7] {
        assert_eq!(read(framing, 1000, input.as_bytes(), chunk_bytes), whole, "{input} in pieces of {chunk_bytes}");
    }
    let first = |seen: &Seen| match &seen.values {
        Ok(values) => values[0].clone(),
        Err(rule) => format!("{rule}: {}", seen.raw),
    };
    whole.seen.iter().map(first).chain(whole.error.map(|kind| kind.to_string())).collect()
}

fn by_content(input: &str) -> Vec<String> {
    first_values(JsonFraming::ByContent, input)
}

#[test]
fn records_of_every_framing_are_read() {
    for input in [
        "{\"a\":1}\n{\"a\":2}\n",
        "{\"a\":1}{\"a\":2}",
        "\r\n{\"a\":1}\r\n\r\n{\"a\":2}\r\n",
        "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}",
        "[{\"a\":1},{\"a\":2}]",
        " [\n  {\"a\": 1},\n  {\"a\": 2}\n]\n",
        "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n",
    ] {
        assert_eq!(by_content(input), ["1", "2"], "{input}");
    }
    assert_eq!(first_values(JsonFraming::Lines, "{\"a\":1}\n\n \r\n {\"a\":2} \r\n"), ["1", "2"]);
    assert_eq!(first_values(JsonFraming::Array, "\n[{\"a\":1}\n,{\"a\":2}]"), ["1", "2"]);
}

#[test]
fn an_empty_file_has_no_rows() {
    for input in ["", " \n\t\r\n", "[]", "[\n]\n"] {
        assert_eq!(by_content(input), Vec::<String>::new(), "{input:?}");
    }
    assert_eq!(first_values(JsonFraming::Lines, "\n\n"), Vec::<String>::new());
    assert_eq!(first_values(JsonFraming::Array, "\n\n"), ["EmptyFile"]);
    assert_eq!(first_values(JsonFraming::Array, "{\"a\":1}"), ["WrongFormat"]);
}

#[test]
fn an_array_that_is_not_closed_rejects_the_file() {
    for input in ["[", "[{\"a\":1}", "[{\"a\":1},", "[{\"a\":1},\n{\"a\":", "[{\"a\":1},\n{\"a\":\"2},\n"] {
        assert_eq!(by_content(input).last().map(String::as_str), Some("Truncated"), "{input}");
    }
}

#[test]
fn what_stands_wrongly_between_values_is_told() {
    assert_eq!(by_content("[{\"a\":1},]"), ["1", "syntax: ]"]);
    assert_eq!(by_content("[,{\"a\":1},,{\"a\":2}]"), ["syntax: ,", "1", "syntax: ,", "2"]);
    assert_eq!(by_content("[{\"a\":1} {\"a\":2}, {\"a\":3}]"), ["1", "syntax: {\"a\":2}", "3"]);
    assert_eq!(by_content("[{\"a\":1}]\n{\"a\":2}\nx\n"), ["1", "syntax: {\"a\":2}", "syntax: x"]);
    assert_eq!(by_content("{\"a\":1},\n{\"a\":2},\n"), ["1", "syntax: ,", "2", "syntax: ,"]);
    assert_eq!(first_values(JsonFraming::Lines, "{\"a\":1}{\"a\":2}\n{\"a\":3}"), ["syntax: {\"a\":1}{\"a\":2}", "3"]);
}

#[test]
fn a_value_that_is_no_object_is_rejected() {
    assert_eq!(
        by_content("1\n{\"a\":1}\n\"x\" true null [1,{\"a\":2}]\n{\"a\":3}"),
        ["syntax: 1", "1", "syntax: \"x\"", "syntax: true", "syntax: null", "syntax: [1,{\"a\":2}]", "3"]
    );
    assert_eq!(by_content("[1,{\"a\":1},[2]]"), ["syntax: 1", "1", "syntax: [2]"]);
}

#[test]
fn what_is_no_json_costs_its_value() {
    for bad in [
        "{\"a\":NaN}",
        "{\"a\":-Infinity}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":0x10}",
        "{\"a\":tru}",
        "{\"a\":trueish}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1 /* one */}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\t\"}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"A\":2}",
        "{\"a\":1,\"x\":2,\"\\u0078\":3}",
    ] {
        let told = format!("syntax: {bad}");
        for input in [
            format!("{{\"a\":1}}\n{bad}\n{{\"a\":2}}\n"),
            format!("{{\"a\":1}}{bad}{{\"a\":2}}"),
            format!("[{{\"a\":1}},{bad},{{\"a\":2}}]"),
        ] {
            assert_eq!(by_content(&input), ["1", &told, "2"], "{input}");
        }
        let input = format!("{{\"a\":1}}\n{bad}\n{{\"a\":2}}\n");
        assert_eq!(first_values(JsonFraming::Lines, &input), ["1", &told, "2"], "{input}");
    }
}

#[test]
fn a_value_whose_end_cannot_be_found_costs_its_lines() {
    for bad in ["{\"a\":\"1}", "{\"a\":{\"b\":1}", "{\"a\":[1,2", "{\"a\":[{\"b\":1}", "hello", "}"] {
        let told = format!("syntax: {bad}");
        let input = format!("{{\"a\":1}}\n{bad}\n{{\"a\":2}}\n{{\"a\":3}}");
        assert_eq!(by_content(&input), ["1", &told, "2", "3"], "{input}");
        let input = format!("[\n  {{\"a\":1}},\n  {bad},\n  {{\"a\":2}},\n  {{\"a\":3}}\n]");
        assert_eq!(by_content(&input), ["1", &told, "2", "3"], "{input}");
    }
    let pretty = "{\n  \"a\": \"1,\n  \"n\": {\n    \"x\": 1\n  }\n}\n{\n  \"a\": 2\n}\n";
    let told = "syntax: {\n  \"a\": \"1,\n  \"n\": {\n    \"x\": 1\n  }\n}";
    assert_eq!(by_content(pretty), [told, "2"]);
    assert_eq!(
        by_content("[{\"a\":\"1},\n {\"a\":2},\n {\"a\":\"3}]"),
        ["syntax: {\"a\":\"1}", "2", "syntax: {\"a\":\"3}"]
    );
    assert_eq!(by_content("{\"a\":1}\n{\"a\": {\"b\":"), ["1", "syntax: {\"a\": {\"b\":"]);
}

#[test]
fn half_a_surrogate_pair_is_no_character() {
    for bad in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00x"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":[{"x":"\ud800\ud800"}]}"#,
        r#"{"\udfff":1}"#,
    ] {
        let told = format!("encoding: {bad}");
        assert_eq!(by_content(&format!("{bad}\n{{\"a\":2}}")), [told.as_str(), "2"]);
    }
    assert_eq!(by_content(r#"{"a":"\ud83d\ude00"}"#), ["\"😀\""]);
}

#[test]
fn sixty_four_levels_are_read_and_one_more_is_not() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let (deep, deeper) = (nested(64), nested(65));
    assert_eq!(
        by_content(&format!("{deep}\n{deeper}\n{{\"a\":2}}")),
        [&deep[5..deep.len() - 1], &format!("syntax: {deeper}"), "2"]
    );
}

#[test]
fn keys_are_matched_exactly_and_else_in_another_case() {
    let input = "{\"A\":1}\n{\"\\u0061\":2}\n{\"b\":0,\"a\":3}\n{\"x\":{\"a\":9},\"a\":4}\n{}\n{\"a\":null}\n";
    assert_eq!(by_content(input), ["1", "2", "3", "4", "null", "null"]);
}

#[test]
fn a_value_that_is_too_long_costs_itself() {
    let long = "y".repeat(40);
    for (framing, input) in [
        (JsonFraming::ByContent, format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\n{{\"a\":2}}\n")),
        (JsonFraming::Lines, format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\n{{\"a\":2}}\n")),
        (JsonFraming::ByContent, format!("{{\"a\":1}}{{\"a\":\"{long}\"}}{{\"a\":2}}")),
        (JsonFraming::ByContent, format!("[{{\"a\":1}},{{\"a\":[\"{long}\"]}},{{\"a\":2}}]")),
        (JsonFraming::ByContent, format!("{{\"a\":1}}\n{{\"a\":x{long}}}\n{{\"a\":2}}\n")),
        (JsonFraming::ByContent, format!("[{{\"a\":1}},\n{{\"a\":x{long}}},\n{{\"a\":2}}]\n")),
        (JsonFraming::ByContent, format!("{{\"a\":1}}\n{{\"a\":[\"{long}\"\n{{\"a\":2}}\n")),
    ] {
        let whole = read(framing, 20, input.as_bytes(), usize::MAX);
        for chunk_bytes in [1, 2, 3, 5, 20, 21] {
            assert_eq!(read(framing, 20, input.as_bytes(), chunk_bytes), whole, "{input} in pieces of {chunk_bytes}");
        }
        let values = whole.seen.iter().map(|seen| seen.values.clone().map(|values| values[0].clone()));
        let expected = [Ok("1".to_owned()), Err(Rule::TooLong), Ok("2".to_owned())];
        assert_eq!(values.collect::<Vec<_>>(), expected, "{input}");
        assert_eq!(whole.seen[1].raw.len(), 20);
        assert_eq!(whole.error, None);
    }
    let lost = format!("{{\"a\":1}}{{\"a\":x{long}}}{{\"a\":2}}");
    assert_eq!(read(JsonFraming::ByContent, 20, lost.as_bytes(), 3).error, Some(FileErrorKind::WrongFormat));
}

#[test]
fn lines_and_offsets_are_those_of_the_records_first_byte() {
    let input = "\n {\"a\":\n1}\r\n\n{\"a\":x}\n{\"a\":3}\n";
    let seen = read(JsonFraming::ByContent, 1000, input.as_bytes(), 1).seen;
    assert_eq!(seen.iter().map(|seen| (seen.line, seen.offset)).collect::<Vec<_>>(), [(2, 2), (5, 13), (6, 21)]);
}

#[test]
fn text_that_begins_no_object_may_cost_several_records_and_no_other() {
    assert_eq!(by_content("{\"a\":1}\n\"a\":9}\n{\"a\":2}"), ["1", "syntax: \"a\"", "syntax: :9}", "2"]);
}
