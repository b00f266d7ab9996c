//! A column's type: `logicalType`, refined by `physicalType` and `logicalTypeOptions.format`.
//! It does not know rules.

use super::super::node::{Findings, Node};
use super::nested::{self, Depth};
use crate::temporal::TemporalPattern;
use crate::{ColumnType, IntegerWidth};

const LOGICAL_TYPES: &str = "string, integer, number, boolean, date, timestamp, object or array";
/// Physical types, in capital letters; `format` of whole numbers has them in small ones.
pub(crate) const TEXTS: [&str; 4] = ["STRING", "TEXT", "VARCHAR", "CHAR"];
pub(crate) const TEXTS_OF_A_LENGTH: [&str; 3] = ["VARCHAR", "CHAR", "CHARACTER VARYING"];
pub(crate) const INTEGERS: [(&[&str], IntegerWidth); 4] = [
    (&["TINYINT", "INT8", "BYTE", "I8"], IntegerWidth::I8),
    (&["SMALLINT", "INT16", "SHORT", "I16"], IntegerWidth::I16),
    (&["INTEGER", "INT", "INT32", "I32"], IntegerWidth::I32),
    (&["BIGINT", "INT64", "LONG", "I64"], IntegerWidth::I64),
];
pub(crate) const DECIMALS: [&str; 3] = ["DECIMAL", "NUMERIC", "NUMBER"];
pub(crate) const DOUBLES: [&str; 3] = ["DOUBLE", "DOUBLE PRECISION", "FLOAT64"];
pub(crate) const BOOLEANS: [&str; 2] = ["BOOLEAN", "BOOL"];
pub(crate) const DATES: [&str; 1] = ["DATE"];
pub(crate) const TIMESTAMPS: [&str; 3] = ["TIMESTAMP", "DATETIME", "TIMESTAMP WITHOUT TIME ZONE"];
/// What Parquet's, Glue's and Athena's decimals hold.
const MAX_PRECISION: u8 = 38;

pub(super) fn column_type(node: &Node<'_>, depth: Depth, findings: &mut Findings) -> Option<ColumnType> {
    let logical = node.required_text("logicalType", LOGICAL_TYPES, findings)?;
    nested::refuse_parts_of_other_types(node, &logical, findings);
    let physical = node.optional_text("physicalType", findings).map(|text| text.to_ascii_uppercase());
    let physical = physical.as_deref();
    match logical.as_str() {
        "string" => string(node, physical, findings),
        "integer" => integer(node, physical, findings),
        "number" => number(node, physical, findings),
        "boolean" => expect(node, physical, &BOOLEANS, findings).then_some(ColumnType::Boolean),
        "date" => {
            let fits = expect(node, physical, &DATES, findings);
            let pattern = pattern(node, false, TemporalPattern::iso_date, findings)?;
            fits.then_some(ColumnType::Date(pattern))
        }
        "timestamp" => {
            let fits = expect(node, physical, &TIMESTAMPS, findings);
            let pattern = pattern(node, true, TemporalPattern::iso_timestamp, findings)?;
            let pattern = zoned(node, pattern, findings)?;
            fits.then_some(ColumnType::Timestamp(pattern))
        }
        "object" => nested::object(node, physical, depth, findings),
        "array" => nested::array(node, physical, depth, findings),
        _ => {
            let expected = match logical.as_str() {
                "time" => "string: a TIME in Parquet is not safe in Athena, text is",
                "map" => "object with physicalType: JSON, which keeps a map's text, or with properties",
                "vector" => "array, with items of logicalType: number",
                _ => LOGICAL_TYPES,
            };
            findings.problem(&node.child("logicalType"), format!("{logical:?}"), expected);
            None
        }
    }
}

/// The length of `VARCHAR(n)` or `CHAR(n)`, which is a promise like `maxLength`.
pub(super) fn text_length(physical: &str) -> Option<u64> {
    let (name, rest) = physical.split_once('(')?;
    let length = rest.strip_suffix(')')?.trim().parse().ok()?;
    TEXTS_OF_A_LENGTH.contains(&name.trim()).then_some(length)
}

fn string(node: &Node<'_>, physical: Option<&str>, findings: &mut Findings) -> Option<ColumnType> {
    let with_length = physical.is_some_and(|physical| text_length(physical).is_some());
    if with_length || expect(node, physical, &TEXTS, findings) {
        return Some(ColumnType::String);
    }
    None
}

fn integer(node: &Node<'_>, physical: Option<&str>, findings: &mut Findings) -> Option<ColumnType> {
    let by_name = |name: &str| {
        let known = INTEGERS.iter().find(|(names, _)| names.contains(&name));
        known.map(|(_, width)| *width)
    };
    let mut widths = Vec::new();
    if let Some(physical) = physical {
        widths.push(
            by_name(physical)
                .or_else(|| refuse_physical(node, physical, "TINYINT, SMALLINT, INTEGER or BIGINT", findings))?,
        );
    }
    if let Some(format) = format(node) {
        let width = format.value.as_str().and_then(|text| by_name(&text.to_ascii_uppercase()));
        let Some(width) = width else {
            format.refuse("i8, i16, i32 or i64 (unsigned types are not safe in Athena)", findings);
            return None;
        };
        widths.push(width);
    }
    match widths.as_slice() {
        [] => Some(ColumnType::Integer(IntegerWidth::I64)),
        [width] => Some(ColumnType::Integer(*width)),
        [physical, format, ..] if physical == format => Some(ColumnType::Integer(*physical)),
        _ => {
            findings.problem(
                &node.child("physicalType"),
                "another width than logicalTypeOptions.format",
                "the same one",
            );
            None
        }
    }
}

fn number(node: &Node<'_>, physical: Option<&str>, findings: &mut Findings) -> Option<ColumnType> {
    if let Some(format) = format(node)
        && format.value.as_str() != Some("f64")
    {
        format.refuse("f64, or physicalType: DECIMAL(p,s)", findings);
        return None;
    }
    let Some(physical) = physical else {
        node.note("read as DOUBLE, for lack of a physicalType; DECIMAL(p,s) keeps amounts exact", findings);
        return Some(ColumnType::Double);
    };
    if DOUBLES.contains(&physical) {
        return Some(ColumnType::Double);
    }
    decimal(physical).or_else(|| refuse_physical(node, physical, "DOUBLE or DECIMAL(p,s) with s <= p <= 38", findings))
}

fn decimal(physical: &str) -> Option<ColumnType> {
    let (name, rest) = physical.split_once('(')?;
    let digits = rest.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let known = DECIMALS.contains(&name.trim());
    (known && (1..=MAX_PRECISION).contains(&precision) && scale <= precision)
        .then_some(ColumnType::Decimal { precision, scale })
}

/// The pattern given, else `default`; `None` where the one given is wrong.
fn pattern(
    node: &Node<'_>,
    needs_time: bool,
    default: fn() -> TemporalPattern,
    findings: &mut Findings,
) -> Option<TemporalPattern> {
    let Some(format) = format(node) else { return Some(default()) };
    let text = format.text("a JDK DateTimeFormatter pattern", findings)?;
    match TemporalPattern::parse(&text, needs_time) {
        Ok((pattern, as_meant)) => {
            if let Some(meant) = as_meant {
                format.note(format!("read as {meant:?}: YYYY and DD are other fields in the JDK"), findings);
            }
            Some(pattern)
        }
        Err(error) => {
            findings.problem(
                &format.path,
                format!("{text:?} ({error})"),
                "a JDK DateTimeFormatter pattern, such as yyyy-MM-dd HH:mm:ss",
            );
            None
        }
    }
}

/// The pattern with the zone of values that have no offset.
fn zoned(node: &Node<'_>, pattern: TemporalPattern, findings: &mut Findings) -> Option<TemporalPattern> {
    let option = |key: &str| node.field("logicalTypeOptions")?.field(key);
    if let Some(timezone) = option("timezone")
        && timezone.boolean(findings)?
    {
        if format(node).is_none() {
            timezone.note("not enforced: a value without an offset is one of defaultTimezone, else UTC", findings);
        } else if !names_a_zone(&pattern.to_string()) {
            let expected = "false: the format has no offset (X, x or Z)";
            timezone.refuse(expected, findings);
            return None;
        }
    }
    let Some(zone) = option("defaultTimezone") else { return Some(pattern) };
    let name = zone.text("the name of a time zone, such as Europe/Berlin", findings)?;
    let zoned = pattern.with_default_zone(&name);
    if zoned.is_none() {
        zone.refuse("the name of a time zone, such as Europe/Berlin", findings);
    }
    zoned
}

/// Whether a pattern has letters of an offset or a zone outside its quoted texts.
fn names_a_zone(pattern: &str) -> bool {
    pattern.split('\'').step_by(2).any(|outside| outside.contains(['X', 'x', 'Z', 'z', 'V', 'v', 'O']))
}

fn format<'a>(node: &Node<'a>) -> Option<Node<'a>> {
    node.field("logicalTypeOptions")?.field("format")
}

/// Whether the physical type is absent or one of `known`; another one is refused.
pub(super) fn expect(node: &Node<'_>, physical: Option<&str>, known: &[&str], findings: &mut Findings) -> bool {
    let Some(physical) = physical else { return true };
    known.contains(&physical) || refuse_physical::<()>(node, physical, &known.join(" or "), findings).is_some()
}

pub(super) fn refuse_physical<T>(
    node: &Node<'_>,
    physical: &str,
    expected: &str,
    findings: &mut Findings,
) -> Option<T> {
    // In a list or an object in one line a comma ends the text.
    let is_cut = physical.contains('(') && !physical.contains(')');
    let hint = if is_cut { " (in quotes, where it stands between { and })" } else { "" };
    findings.problem(&node.child("physicalType"), format!("{physical:?}"), format!("{expected}{hint}"));
    None
}
