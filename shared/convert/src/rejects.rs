//! Rejected rows to Parquet: the raw record as it stood, where it stood, and every rule that it broke.
//! It does not judge.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, ListBuilder, RecordBatch, StringBuilder, StructBuilder};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, DecimalType, Field, Fields, Schema, SchemaRef,
};
use lakegate_contract::{Check, Column, ColumnType, Compression, Contract, IntegerWidth, Parts, Rule, Scalar};
use parquet::arrow::ArrowWriter;

use crate::ConvertError;
use crate::converter::Source;
use crate::files::{properties, writer};
use crate::json::unknown_key_message;
use crate::judge::Violation;
use crate::judgement::Rejects;
use crate::records::Record;

/// Rows that are collected before they are encoded.
const PENDING_ROWS: u64 = 4096;
/// Characters of an expression, a pattern or a text that a message shows: it is repeated for every row that breaks the rule.
const SHOWN_CHARS: usize = 200;
/// Bytes of raw records and of what is said about them that are collected before they are encoded.
const PENDING_BYTES: usize = 8 * 1024 * 1024;

/// The schema of the rejects table's Parquet files; the dataset stands in the path.
#[must_use]
pub fn schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    Arc::new(Schema::new(vec![
        text("source_bucket", false),
        text("source_key", false),
        text("source_version", true),
        text("contract_version", false),
        number("row_number"),
        number("line"),
        number("byte_offset"),
        text("raw", false),
        Field::new("violations", DataType::List(violation_item()), false),
    ]))
}

fn violation_item() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Struct(violation_fields()), false))
}

fn violation_fields() -> Fields {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Fields::from(vec![text("column"), text("rule"), text("message")])
}

/// A rejected row.
#[derive(Debug)]
pub(crate) struct Reject<'a> {
    pub(crate) row_number: u64,
    pub(crate) line: u64,
    pub(crate) byte_offset: u64,
    pub(crate) raw: &'a [u8],
    /// Column, rule and message of everything that the row broke.
    pub(crate) reasons: Vec<Reason<'a>>,
}

/// Something that a row broke.
#[derive(Debug)]
pub(crate) struct Reason<'a> {
    /// The column's name; empty where none is concerned.
    pub(crate) column: &'a str,
    pub(crate) rule: &'a str,
    pub(crate) message: String,
}

/// The Parquet file of rejected rows.
#[derive(Debug)]
pub(crate) struct RejectsWriter {
    source: Source,
    contract_version: String,
    columns: Columns,
    writer: Option<ArrowWriter<Vec<u8>>>,
    pending_rows: u64,
    pending_bytes: usize,
    rows: u64,
}

#[derive(Debug)]
struct Columns {
    row_number: Int64Builder,
    line: Int64Builder,
    byte_offset: Int64Builder,
    raw: StringBuilder,
    violations: ListBuilder<StructBuilder>,
}

impl Columns {
    fn new() -> Self {
        let item = StructBuilder::from_fields(violation_fields(), 0);
        Self {
            row_number: Int64Builder::new(),
            line: Int64Builder::new(),
            byte_offset: Int64Builder::new(),
            raw: StringBuilder::new(),
            violations: ListBuilder::new(item).with_field(violation_item()),
        }
    }
}

impl RejectsWriter {
    pub(crate) fn new(source: Source, contract_version: &str) -> Self {
        Self {
            source,
            contract_version: contract_version.to_owned(),
            columns: Columns::new(),
            writer: None,
            pending_rows: 0,
            pending_bytes: 0,
            rows: 0,
        }
    }

    pub(crate) fn append(&mut self, reject: &Reject<'_>) -> Result<(), ConvertError> {
        let columns = &mut self.columns;
        columns.row_number.append_value(reject.row_number.cast_signed());
        columns.line.append_value(reject.line.cast_signed());
        columns.byte_offset.append_value(reject.byte_offset.cast_signed());
        columns.raw.append_value(readable(reject.raw));
        for Reason { column, rule, message } in &reject.reasons {
            let item = columns.violations.values();
            for (field, text) in [*column, *rule, message].into_iter().enumerate() {
                if let Some(builder) = item.field_builder::<StringBuilder>(field) {
                    builder.append_value(text);
                }
            }
            item.append(true);
        }
        columns.violations.append(true);
        self.rows += 1;
        self.pending_rows += 1;
        let said = |reason: &Reason<'_>| reason.column.len() + reason.rule.len() + reason.message.len();
        self.pending_bytes += reject.raw.len() + reject.reasons.iter().map(said).sum::<usize>();
        if self.pending_rows >= PENDING_ROWS || self.pending_bytes >= PENDING_BYTES {
            self.encode()?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<(), ConvertError> {
        let rows = usize::try_from(self.pending_rows).unwrap_or(usize::MAX);
        let columns = &mut self.columns;
        let same = |text: Option<&str>| -> ArrayRef {
            let mut builder = StringBuilder::new();
            (0..rows).for_each(|_| builder.append_option(text));
            Arc::new(builder.finish())
        };
        let arrays: Vec<ArrayRef> = vec![
            same(Some(&self.source.bucket)),
            same(Some(&self.source.key)),
            same(self.source.version.as_deref()),
            same(Some(&self.contract_version)),
            Arc::new(columns.row_number.finish()),
            Arc::new(columns.line.finish()),
            Arc::new(columns.byte_offset.finish()),
            Arc::new(columns.raw.finish()),
            Arc::new(columns.violations.finish()),
        ];
        let schema = schema();
        let batch = RecordBatch::try_new(SchemaRef::clone(&schema), arrays)?;
        let file = match &mut self.writer {
            Some(file) => file,
            none => none.insert(writer(&schema, &properties(Compression::Zstd))?),
        };
        file.write(&batch)?;
        // A row group ends here: raw records compress well together, and must not pile up.
        file.flush()?;
        (self.pending_rows, self.pending_bytes) = (0, 0);
        Ok(())
    }

    pub(crate) fn drain(&mut self) -> Option<Vec<u8>> {
        let bytes = std::mem::take(self.writer.as_mut()?.inner_mut());
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Ends the file, if there is one; a last [`RejectsWriter::drain`] has its last bytes.
    pub(crate) fn finish(&mut self) -> Result<Option<Rejects>, ConvertError> {
        if self.pending_rows > 0 {
            self.encode()?;
        }
        let Some(file) = &mut self.writer else { return Ok(None) };
        file.finish()?;
        Ok(Some(Rejects { rows: self.rows, bytes: file.bytes_written() as u64 }))
    }
}

/// The record as text. What is not UTF-8 is written as `\xE9`, and then a backslash as `\\`, so that the bytes can be had back.
fn readable(raw: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(raw) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(raw.len() + 8);
    for chunk in raw.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// Why a record could not be read, for whoever reads the rejects table.
/// `fits` is another encoding that its bytes are text of.
pub(crate) fn fault(
    record: &Record,
    rule: Rule,
    expected_fields: usize,
    note: Option<&str>,
    fits: Option<&str>,
) -> Reason<'static> {
    // A record that is not UTF-8 may have another fault, of which the note tells.
    let note = note.filter(|_| record.fault == Some(rule));
    let mut message = note.map_or_else(|| fault_message(record, rule, expected_fields), str::to_owned);
    if let Some(fits) = fits.filter(|_| rule == Rule::Encoding) {
        message.push_str(": its bytes fit ");
        message.push_str(fits);
    }
    Reason { column: "", rule: rule.name(), message }
}

fn fault_message(record: &Record, rule: Rule, expected_fields: usize) -> String {
    if rule == Rule::Quote {
        "a quote inside an unquoted field, text behind a closing quote, or a quote that is never closed".to_owned()
    } else if rule == Rule::Encoding {
        "not valid in the file's encoding".to_owned()
    } else if rule == Rule::TooLong {
        format!("longer than {} bytes (maxRecordBytes); raw is cut there", record.end - record.start)
    } else {
        format!("{} fields instead of {expected_fields}", record.field_count)
    }
}

/// The column, the rule and what is wrong with the value, or with the unknown key of an object. The value itself stands in `raw`.
/// An unknown key is told only with [`Rule::UnknownColumn`].
pub(crate) fn reason<'c>(contract: &'c Contract, violation: Violation, unknown_key: Option<&str>) -> Reason<'c> {
    let column = violation.column.and_then(|id| column_of(&contract.columns, id));
    let message = match (violation.rule, column) {
        (Rule::Quality(index), _) => {
            let rule = contract.row_rules.get(usize::from(index));
            rule.map_or_else(String::new, |rule| format!("true, or without result: {}", shorten(&rule.broken_if.text)))
        }
        (Rule::Unique, None) => same_key(contract),
        (rule, Some(column)) => unknown_key.map_or_else(|| message(column, rule), unknown_key_message),
        (_, None) => String::new(),
    };
    Reason {
        column: violation.column.map_or("", |id| contract.path(id)),
        rule: contract.rule_name(violation.rule),
        message,
    }
}

/// Of the keys one at most, the primary key, has several columns.
fn same_key(contract: &Contract) -> String {
    let key = contract.keys.iter().find(|key| key.columns.len() > 1);
    let names = key.into_iter().flat_map(|key| &key.columns).map(|column| contract.path(*column));
    format!("an accepted row above has the same {}", shorten(&names.collect::<Vec<_>>().join(", ")))
}

/// The column or nested field of this id.
fn column_of(columns: &[Column], id: usize) -> Option<&Column> {
    columns.iter().find_map(|column| match column.column_type.parts() {
        _ if column.id == id => Some(column),
        Parts::Fields(fields) => column_of(fields, id),
        Parts::Item(item) => column_of(std::slice::from_ref(item), id),
        Parts::None => None,
    })
}

fn message(column: &Column, rule: Rule) -> String {
    match rule {
        Rule::Type => format!("not {}", type_name(&column.column_type)),
        Rule::Required => "no value, and one is required".to_owned(),
        Rule::Unique => "an accepted row above has the same value".to_owned(),
        Rule::TransformLogic => {
            let text = column.expression().map_or(Cow::Borrowed(""), |expression| shorten(&expression.text));
            format!("{text} has no result that is {}", type_name(&column.column_type))
        }
        Rule::Syntax => "a key stands twice in the object, or two keys name one field".to_owned(),
        Rule::UnknownColumn => "the object has a key that the contract does not know".to_owned(),
        Rule::TooLong => "the lists of the row have more items than a row may have".to_owned(),
        Rule::Fields | Rule::Quote | Rule::Encoding | Rule::Quality(_) => String::new(),
        Rule::Enum
        | Rule::Minimum
        | Rule::Maximum
        | Rule::ExclusiveMinimum
        | Rule::ExclusiveMaximum
        | Rule::MultipleOf
        | Rule::MinLength
        | Rule::MaxLength
        | Rule::Pattern => {
            column.checks.iter().find(|check| check.rule() == rule).map_or_else(String::new, |c| asked(c, column))
        }
    }
}

fn asked(check: &Check, column: &Column) -> String {
    let shown = |scalar: &Scalar| show(scalar, &column.column_type);
    match check {
        Check::Enum(values) => format!("not one of the {} values allowed", values.len()),
        Check::Minimum(bound) => format!("below the minimum {}", shown(bound)),
        Check::Maximum(bound) => format!("above the maximum {}", shown(bound)),
        Check::ExclusiveMinimum(bound) => format!("not above {}", shown(bound)),
        Check::ExclusiveMaximum(bound) => format!("not below {}", shown(bound)),
        Check::MultipleOf(bound) => format!("not a multiple of {}", shown(bound)),
        Check::MinLength(length) => format!("shorter than {length} characters"),
        Check::MaxLength(length) => format!("longer than {length} characters"),
        Check::Pattern(regex) => format!("does not match {}", shorten(regex.as_str())),
    }
}

/// The text's beginning, if it is long.
fn shorten(text: &str) -> Cow<'_, str> {
    let cut = text.char_indices().nth(SHOWN_CHARS).and_then(|(end, _)| text.get(..end));
    cut.map_or(Cow::Borrowed(text), |start| Cow::Owned(format!("{start}…")))
}

fn show(scalar: &Scalar, column_type: &ColumnType) -> String {
    match scalar {
        Scalar::String(text) => shorten(text).into_owned(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Double(value) => value.to_string(),
        Scalar::Boolean(value) => value.to_string(),
        Scalar::Decimal(value) => {
            let scale = if let ColumnType::Decimal { scale, .. } = column_type { *scale } else { 0 };
            Decimal128Type::format_decimal(*value, DECIMAL128_MAX_PRECISION, scale.cast_signed())
        }
        Scalar::Date(days) => chrono::DateTime::from_timestamp(i64::from(*days) * 86_400, 0)
            .map_or_else(String::new, |day| day.date_naive().to_string()),
        Scalar::Timestamp(micros) => chrono::DateTime::from_timestamp_micros(*micros)
            .map_or_else(String::new, |time| time.naive_utc().to_string()),
    }
}

fn type_name(column_type: &ColumnType) -> String {
    match column_type {
        ColumnType::String => "text".to_owned(),
        ColumnType::Integer(IntegerWidth::I8) => "a whole number of 8 bits".to_owned(),
        ColumnType::Integer(IntegerWidth::I16) => "a whole number of 16 bits".to_owned(),
        ColumnType::Integer(IntegerWidth::I32) => "a whole number of 32 bits".to_owned(),
        ColumnType::Integer(IntegerWidth::I64) => "a whole number of 64 bits".to_owned(),
        ColumnType::Double => "a number".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("a number of DECIMAL({precision},{scale})"),
        ColumnType::Boolean => "true or false".to_owned(),
        ColumnType::Date(pattern) => format!("a date written {pattern}"),
        // What its clocks skipped is written as others are.
        ColumnType::Timestamp(pattern) => match pattern.default_zone() {
            Some(zone) => format!("a timestamp written {pattern} that there was in {zone}"),
            None => format!("a timestamp written {pattern}"),
        },
        ColumnType::Json => "JSON".to_owned(),
        ColumnType::Struct(_) => "an object".to_owned(),
        ColumnType::List(_) => "an array".to_owned(),
    }
}

#[cfg(test)]
mod tests;
