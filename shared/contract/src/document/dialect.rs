//! How a server's files are written in detail: its custom properties of vendor `lakegate`.
//! It does not know where the files arrive.

use super::node::{Findings, Node, one_of};
use crate::value::NumberFormat;
use crate::{CsvDialect, Format, Packing, Quoting};

/// A property of a server's files, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    Compression,
    MaxRecordBytes,
    DecimalSeparator,
    ThousandsSeparator,
    IntegralFractions,
    Delimiter,
    Quote,
    Escape,
    Comment,
    Quoting,
    Header,
    SkipLines,
    Trim,
    NullValues,
}

impl Property {
    /// Those of files of either format, then those of CSV files only.
    pub(crate) const ALL: [Self; 14] = [
        Self::Compression,
        Self::MaxRecordBytes,
        Self::DecimalSeparator,
        Self::ThousandsSeparator,
        Self::IntegralFractions,
        Self::Delimiter,
        Self::Quote,
        Self::Escape,
        Self::Comment,
        Self::Quoting,
        Self::Header,
        Self::SkipLines,
        Self::Trim,
        Self::NullValues,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Compression => "compression",
            Self::MaxRecordBytes => "maxRecordBytes",
            Self::DecimalSeparator => "decimalSeparator",
            Self::ThousandsSeparator => "thousandsSeparator",
            Self::IntegralFractions => "integralFractions",
            Self::Delimiter => "delimiter",
            Self::Quote => "quote",
            Self::Escape => "escape",
            Self::Comment => "comment",
            Self::Quoting => "quoting",
            Self::Header => "header",
            Self::SkipLines => "skipLines",
            Self::Trim => "trim",
            Self::NullValues => "nullValues",
        }
    }

    /// Whether it is one of CSV files only.
    pub(crate) const fn is_of_csv(self) -> bool {
        match self {
            Self::Compression
            | Self::MaxRecordBytes
            | Self::DecimalSeparator
            | Self::ThousandsSeparator
            | Self::IntegralFractions => false,
            Self::Delimiter
            | Self::Quote
            | Self::Escape
            | Self::Comment
            | Self::Quoting
            | Self::Header
            | Self::SkipLines
            | Self::Trim
            | Self::NullValues => true,
        }
    }

    /// The properties of a format, for whoever wrote another one.
    fn expected(is_csv: bool) -> String {
        let names: Vec<&str> =
            Self::ALL.into_iter().filter(|property| is_csv || !property.is_of_csv()).map(Self::name).collect();
        one_of(&names)
    }
}

pub(crate) const PACKINGS: [(&str, Packing); 4] =
    [("auto", Packing::ByContent), ("none", Packing::None), ("gzip", Packing::Gzip), ("zstd", Packing::Zstd)];
pub(crate) const DECIMAL_SEPARATORS: [(&str, u8); 2] = [(".", b'.'), (",", b',')];
pub(crate) const THOUSANDS_SEPARATORS: [u8; 5] = [b',', b'.', b'\'', b'_', b' '];
pub(crate) const QUOTINGS: [(&str, Quoting); 2] = [("strict", Quoting::Strict), ("lenient", Quoting::Lenient)];
/// A record is held in memory whole.
pub(crate) const MAX_RECORD_BYTES_LIMIT: usize = 64 * 1024 * 1024;
const SKIP_LINES_LIMIT: u64 = CsvDialect::SKIP_LINES_LIMIT;

/// What a server's custom properties say.
pub(super) struct Dialect {
    pub(super) format: Format,
    pub(super) packing: Packing,
    pub(super) numbers: NumberFormat,
}

/// Reads the custom properties over the defaults of `format`. Without a format, which is a problem of its own, nothing is read:
/// which properties are right hangs on it.
pub(super) fn dialect(server: &Node<'_>, format: Option<Format>, findings: &mut Findings) -> Option<Dialect> {
    let properties = server.lakegate_properties(findings);
    let mut dialect = Dialect { format: format?, packing: Packing::ByContent, numbers: NumberFormat::default() };
    for (name, value) in &properties {
        let is_csv = matches!(dialect.format, Format::Csv(_));
        match Property::ALL.into_iter().find(|property| property.name() == name) {
            None => value.refuse_property(name, &Property::expected(is_csv), findings),
            Some(property) if property.is_of_csv() && !is_csv => {
                let found = format!("the property {name}, which is one of CSV files");
                findings.problem(&value.path, found, Property::expected(is_csv));
            }
            Some(property) => read(property, value, &mut dialect, findings),
        }
    }
    numbers_are_unambiguous(server, dialect.numbers, findings);
    if let Format::Csv(csv) = &dialect.format {
        bytes_are_distinct(server, csv, findings);
        bytes_leave_numbers_alone(server, csv, dialect.numbers, findings);
    }
    Some(dialect)
}

fn read(property: Property, value: &Node<'_>, dialect: &mut Dialect, findings: &mut Findings) {
    let (numbers, format) = (&mut dialect.numbers, &mut dialect.format);
    match (property, format) {
        (Property::Compression, _) => set(&mut dialect.packing, value.choice(&PACKINGS, findings)),
        (Property::DecimalSeparator, _) => {
            set(&mut numbers.decimal_separator, value.choice(&DECIMAL_SEPARATORS, findings));
        }
        (Property::ThousandsSeparator, _) => match value.value.as_str().map(str::as_bytes) {
            Some(&[byte]) if THOUSANDS_SEPARATORS.contains(&byte) => numbers.thousands_separator = Some(byte),
            Some(_) | None => value.refuse("one of , . ' _ and a space", findings),
        },
        (Property::IntegralFractions, _) => set(&mut numbers.integral_fractions, value.boolean(findings)),
        (Property::MaxRecordBytes, format) => {
            let bytes = value.value.as_u64().and_then(|bytes| usize::try_from(bytes).ok());
            match (bytes.filter(|bytes| (1..=MAX_RECORD_BYTES_LIMIT).contains(bytes)), format) {
                (Some(bytes), Format::Csv(csv)) => csv.max_record_bytes = bytes,
                (Some(bytes), Format::Json(json)) => json.max_record_bytes = bytes,
                (None, _) => value.refuse(format!("a number of bytes from 1 to {MAX_RECORD_BYTES_LIMIT}"), findings),
            }
        }
        (Property::Comment, Format::Csv(csv)) => csv.comment = byte(value, findings),
        (Property::Delimiter, Format::Csv(csv)) => set(&mut csv.delimiter, byte(value, findings)),
        (Property::Escape, Format::Csv(csv)) => csv.escape = byte(value, findings),
        (Property::Header, Format::Csv(csv)) => set(&mut csv.header, value.boolean(findings)),
        (Property::NullValues, Format::Csv(csv)) => set(&mut csv.null_values, null_values(value, findings)),
        (Property::Quote, Format::Csv(csv)) => set(&mut csv.quote, byte(value, findings)),
        (Property::Quoting, Format::Csv(csv)) => set(&mut csv.quoting, value.choice(&QUOTINGS, findings)),
        (Property::SkipLines, Format::Csv(csv)) => {
            match value.value.as_u64().filter(|lines| *lines <= SKIP_LINES_LIMIT) {
                Some(lines) => csv.skip_lines = lines,
                None => value.refuse(format!("a number of lines from 0 to {SKIP_LINES_LIMIT}"), findings),
            }
        }
        (Property::Trim, Format::Csv(csv)) => set(&mut csv.trim, value.boolean(findings)),
        // Refused before they are read.
        (
            Property::Delimiter
            | Property::Quote
            | Property::Escape
            | Property::Comment
            | Property::Quoting
            | Property::Header
            | Property::SkipLines
            | Property::Trim
            | Property::NullValues,
            Format::Json(_),
        ) => {}
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn byte(node: &Node<'_>, findings: &mut Findings) -> Option<u8> {
    match node.value.as_str().map(str::as_bytes) {
        Some(&[byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'\n' | b'\r' | 0) => {
            Some(byte)
        }
        Some(_) | None => {
            node.refuse("one ASCII character that is no letter, digit or line break", findings);
            None
        }
    }
}

fn null_values(node: &Node<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let items = node.items("a list of texts that mean null", findings)?;
    let expected = "a text that means null; in quotes where YAML reads it as something else (\"null\", \"0\")";
    Some(items.iter().filter_map(|item| item.text(expected, findings)).collect())
}

fn numbers_are_unambiguous(server: &Node<'_>, numbers: NumberFormat, findings: &mut Findings) {
    if numbers.thousands_separator == Some(numbers.decimal_separator) {
        findings.problem(
            &server.child("customProperties"),
            "the same character for decimalSeparator and thousandsSeparator",
            "two different ones",
        );
    }
}

fn bytes_are_distinct(server: &Node<'_>, csv: &CsvDialect, findings: &mut Findings) {
    let used = [
        ("delimiter", Some(csv.delimiter)),
        ("quote", Some(csv.quote)),
        ("escape", csv.escape),
        ("comment", csv.comment),
    ];
    let mut seen: Vec<(&str, u8)> = Vec::new();
    for (name, byte) in used.into_iter().filter_map(|(name, byte)| Some((name, byte?))) {
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == byte) {
            let expected = match (*other, name) {
                // What others call an escape of `"` is the doubling that RFC 4180 has.
                ("quote", "escape") => "two different ones; leave escape out where quotes are doubled",
                _ => "two different ones",
            };
            let found = format!("the same character for {other} and {name}");
            findings.problem(&server.child("customProperties"), found, expected);
        }
        seen.push((name, byte));
    }
}

/// A quote or an escape out of which numbers are made would change values, a comment of these would lose lines. A delimiter only
/// makes numbers need quotes.
fn bytes_leave_numbers_alone(server: &Node<'_>, csv: &CsvDialect, numbers: NumberFormat, findings: &mut Findings) {
    let is_of_numbers = |byte: u8| {
        matches!(byte, b'+' | b'-' | b'.')
            || byte == numbers.decimal_separator
            || Some(byte) == numbers.thousands_separator
    };
    let used = [("quote", Some(csv.quote)), ("escape", csv.escape), ("comment", csv.comment)];
    for (name, byte) in used {
        if byte.is_some_and(is_of_numbers) {
            let found = format!("a character of numbers for {name}");
            findings.problem(&server.child("customProperties"), found, "another one");
        }
    }
    if csv.delimiter == numbers.decimal_separator {
        let text = "decimalSeparator is the delimiter as well: numbers with a fraction must stand in quotes";
        let server = Node { path: server.child("customProperties"), ..server.clone() };
        server.note(text, findings);
    }
}
