//! The draft document: YAML, with a comment on everything that was seen and every doubt.
//! It does not look at data itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use lakegate_contract::CsvDialect;

use super::column::{Column, NULL_TEXTS};
use super::document::{File, INTEGRAL_FRACTIONS, head, rescue, server, table};
use super::encoding::{Encoding, text};
use super::evidence::{ENUM_ROWS_MIN, enumeration, length, uniqueness};
use super::names::{free_name, physical_names};
use super::numbers::NOTATIONS;
use super::resolve::{Kind, Resolution, Resolved, counted, grouped, resolve};
use super::sniff::Sniffed;
use super::times::Candidate;
use super::track::{Findings, Tally, Track};
use super::yaml::{Lines, quoted, scalar};
use super::{Draft, InferError, Naming};
use crate::{FileError, FileErrorKind};

/// Writes the draft of the better of a file's readings.
pub(super) fn draft(
    sniffed: &Sniffed,
    track: &Track,
    candidates: &[Candidate],
    file: &File,
    naming: &Naming,
) -> Result<Draft, InferError> {
    let strict = &track.findings;
    let lenient = track.lenient.as_ref().map(|lenient| &lenient.findings);
    let is_better = |lenient: &&Findings| lenient.tally.unreadable() < strict.tally.unreadable();
    let lenient = lenient.filter(is_better);
    let findings = lenient.unwrap_or(strict);
    let mut tally = findings.tally;
    let encoding = Encoding::of(tally, file);
    if matches!(encoding, Encoding::Utf8 | Encoding::Utf16) && tally.header_is_not_utf8 {
        let message = format!("the header is no {}, which the file's byte order mark says it is", encoding.name());
        return Err(InferError::Undecodable(FileError { kind: FileErrorKind::Encoding, message, line: None }));
    }
    // Once blanks are left out, quotes behind them are no stray ones: records might be others.
    let hangs_on_blanks = findings.has_blank_beside_quote && (lenient.is_some() || tally.has_faults());
    let trimmed = findings.trimmed.as_deref().filter(|_| !hangs_on_blanks);
    let choice = choose(&findings.columns, trimmed, sniffed, encoding, candidates, naming.is_permissive);
    if choice.is_trimmed {
        tally.records -= tally.blank;
        tally.ragged -= if sniffed.width > 1 { tally.blank } else { 0 };
    }
    let broken = match encoding {
        Encoding::Utf8 | Encoding::Utf16 => tally.broken,
        Encoding::Windows1252 | Encoding::Iso8859 => 0,
    };
    let unreadable_rows = tally.faulty + tally.ragged + broken;
    if choice.names.is_empty() {
        return Err(InferError::Empty);
    }
    let draft = Document { sniffed, tally, choice, naming, encoding, is_lenient: lenient.is_some() };
    let columns = draft.choice.names.len();
    let yaml = draft.yaml(file);
    Ok(Draft { yaml, rows: tally.records, unreadable_rows, columns })
}

impl Tally {
    fn has_faults(&self) -> bool {
        self.header_is_faulty || self.faulty > 0
    }

    fn unreadable(&self) -> u64 {
        // A header that cannot be read costs the file.
        if self.header_is_faulty { u64::MAX } else { self.faulty + self.ragged }
    }
}

/// The columns, with or without the blanks around their values.
struct Choice<'a> {
    is_trimmed: bool,
    columns: &'a [Column],
    resolution: Resolution,
    /// As the contract names them.
    names: Vec<String>,
}

/// Blanks are left out where that gives more columns a type.
fn choose<'a>(
    plain: &'a [Column],
    trimmed: Option<&'a [Column]>,
    sniffed: &Sniffed,
    encoding: Encoding,
    candidates: &[Candidate],
    is_permissive: bool,
) -> Choice<'a> {
    let of = |columns: &'a [Column], headers: &[String], is_trimmed: bool| {
        let names = column_names(headers, columns.len(), sniffed);
        let resolution = resolve(columns, &names, candidates, is_permissive);
        Choice { is_trimmed, columns, resolution, names }
    };
    let headers: Vec<String> = sniffed.names.iter().map(|name| text(name, encoding)).collect();
    let plain = of(plain, &headers, false);
    let Some(trimmed) = trimmed else { return plain };
    let headers: Vec<String> = sniffed.trimmed_names.iter().map(|name| text(name, encoding)).collect();
    let different: BTreeSet<&String> = headers.iter().collect();
    // Nor is a line of nothing but blanks a header once they are left out.
    let is_blank = different.len() == 1 && different.contains(&String::new());
    if sniffed.dialect.header && (is_blank || different.len() < headers.len()) {
        return plain;
    }
    let trimmed = of(trimmed, &headers, true);
    if trimmed.resolution.typed_columns() > plain.resolution.typed_columns() { trimmed } else { plain }
}

/// The header's names; where columns go by position, names that differ.
fn column_names(headers: &[String], columns: usize, sniffed: &Sniffed) -> Vec<String> {
    if sniffed.dialect.header {
        return headers.to_vec();
    }
    let mut taken = BTreeMap::new();
    let mut names = Vec::with_capacity(columns);
    for index in 0..columns {
        let header = headers.get(index).filter(|header| !header.is_empty());
        let wanted = header.cloned().unwrap_or_else(|| format!("column_{}", index + 1));
        names.push(free_name(&wanted, &mut taken));
    }
    names
}

struct Document<'a> {
    sniffed: &'a Sniffed,
    tally: Tally,
    choice: Choice<'a>,
    naming: &'a Naming,
    encoding: Encoding,
    is_lenient: bool,
}

impl Document<'_> {
    fn yaml(&self, file: &File) -> String {
        let mut lines = head(self.naming, self.tally.records, file);
        self.server(&mut lines);
        table(&mut lines, self.naming);
        let physical_names = physical_names(&self.choice.names);
        let columns = self.choice.names.iter().zip(physical_names);
        let found = self.choice.columns.iter().zip(&self.choice.resolution.columns);
        for ((name, physical_name), (column, resolved)) in columns.zip(found) {
            self.column(&mut lines, name, &physical_name, column, resolved);
        }
        // Without a header no field has a name under which it could be kept.
        if self.naming.is_permissive && self.sniffed.dialect.header {
            rescue(&mut lines, self.choice.names.iter().map(String::as_str), "columns");
        }
        lines.into_text()
    }

    fn server(&self, lines: &mut Lines) {
        server(lines, self.naming, "csv", self.encoding, self.tally);
        let mut properties = Lines::default();
        self.dialect(&mut properties);
        if !properties.is_empty() {
            lines.line(4, "customProperties:");
            lines.append(&properties);
        }
        let Tally { records, faulty, ragged, .. } = self.tally;
        if faulty + ragged > 0 {
            let width = self.sniffed.width;
            lines.comment(4, &format!("of {}, {} have other than {width} fields and {} have quotes that make no sense or no end: they will be rejected", counted(records, "row"), grouped(ragged), grouped(faulty)));
        }
    }

    fn dialect(&self, lines: &mut Lines) {
        let dialect = &self.sniffed.dialect;
        let byte = |byte: u8| quoted(&char::from(byte).to_string());
        if dialect.delimiter != b',' {
            lines.property("delimiter", &byte(dialect.delimiter));
        }
        if dialect.quote != b'"' {
            lines.property("quote", &byte(dialect.quote));
        }
        if self.is_lenient {
            lines.comment(6, "quotes stand inside of values here and there, which RFC 4180 does not allow");
            lines.property("quoting", "lenient");
        }
        if let Some(escape) = dialect.escape {
            lines.property("escape", &byte(escape));
        }
        if let Some(comment) = dialect.comment {
            lines.property("comment", &byte(comment));
        }
        if let Some(reason) = self.sniffed.by_position {
            lines.comment(6, &format!("{reason}: columns go by position"));
        }
        if !dialect.header {
            lines.property("header", "false");
        }
        if dialect.skip_lines > 0 {
            lines.property("skipLines", &dialect.skip_lines.to_string());
        }
        if self.choice.is_trimmed {
            lines.comment(6, "values have spaces around them, and are of a type without them");
        }
        if self.choice.is_trimmed || dialect.trim {
            lines.property("trim", "true");
        }
        let longest = self.encoding.longest_record(self.tally);
        if longest > CsvDialect::MAX_RECORD_BYTES {
            lines.comment(6, "records are measured in UTF-8, in which none is longer");
            lines.property("maxRecordBytes", &longest.to_string());
        }
        self.values(lines);
    }

    fn values(&self, lines: &mut Lines) {
        let Resolution { notation, null_texts, .. } = &self.choice.resolution;
        if let Some(format) = NOTATIONS.get(*notation)
            && *notation > 0
        {
            let separator = |byte: u8| quoted(&char::from(byte).to_string());
            lines.comment(6, "numbers are written so wherever the notation can be told");
            if format.decimal_separator != b'.' {
                lines.property("decimalSeparator", &separator(format.decimal_separator));
            }
            if let Some(thousands) = format.thousands_separator {
                lines.property("thousandsSeparator", &separator(thousands));
            }
        }
        if self.choice.resolution.has_integral_fractions() {
            lines.comment(6, INTEGRAL_FRACTIONS);
            lines.property("integralFractions", "true");
        }
        if !null_texts.is_empty() {
            let texts = null_texts.iter().filter_map(|index| NULL_TEXTS.get(*index)).map(|text| quoted(text));
            let texts: Vec<String> = std::iter::once(quoted("")).chain(texts).collect();
            lines.comment(6, "these stand where the rest of a column is of a type");
            lines.property("nullValues", &format!("[{}]", texts.join(", ")));
        }
    }

    fn column(&self, lines: &mut Lines, name: &str, physical_name: &str, column: &Column, resolved: &Resolved) {
        let Tally { records, faulty, ragged, .. } = self.tally;
        let rows = records - faulty - ragged;
        for comment in self.evidence(column, resolved, rows) {
            lines.comment(6, &comment);
        }
        lines.line(6, &format!("- name: {}", scalar(name)));
        if name.to_ascii_lowercase() != physical_name {
            lines.line(8, &format!("physicalName: {}", scalar(physical_name)));
        }
        let is_permissive = self.naming.is_permissive;
        let (logical, physical) = types(&resolved.kind, is_permissive);
        lines.line(8, &format!("logicalType: {logical}"));
        if let Some(physical) = physical {
            lines.line(8, &format!("physicalType: {physical}"));
        }
        if let Kind::Date(Some(format)) | Kind::Timestamp(Some(format)) = &resolved.kind {
            lines.line(8, &format!("logicalTypeOptions: {{format: {}}}", quoted(format)));
        }
        if resolved.nulls == 0 && rows > 0 && !is_permissive {
            lines.line(8, "required: true");
        }
    }

    fn evidence(&self, column: &Column, resolved: &Resolved, rows: u64) -> Vec<String> {
        let mut comments = Vec::new();
        let values = rows - resolved.nulls.min(rows);
        if rows == 0 {
            return vec!["no row to tell from".to_owned()];
        }
        if values == 0 {
            return vec![format!("no value in {}", counted(rows, "row"))];
        }
        let mut evidence = format!("{} of {} values are {}", grouped(values), grouped(rows), resolved.evidence);
        // Nobody has said yet who may see the data's values.
        if !self.naming.is_permissive {
            evidence.push_str(&resolved.range);
        }
        if resolved.kind == Kind::Text {
            let _ = write!(evidence, " of {}", length(column, self.encoding));
        }
        evidence.push_str(&uniqueness(&column.unique, values, resolved.nulls == 0));
        comments.push(evidence);
        comments.extend(resolved.doubts.iter().cloned());
        if resolved.kind == Kind::Text && values >= ENUM_ROWS_MIN && !self.naming.is_permissive {
            comments.extend(enumeration(column, &self.choice.resolution.null_texts, self.encoding));
        }
        comments
    }
}

/// `logicalType` and `physicalType`.
pub(super) fn types(kind: &Kind, is_permissive: bool) -> (&'static str, Option<String>) {
    match kind {
        Kind::Text => ("string", None),
        Kind::Integer { is_long, is_pointed: _ } => {
            let is_long = *is_long || is_permissive;
            ("integer", Some(if is_long { "BIGINT" } else { "INTEGER" }.to_owned()))
        }
        // 38 digits take no more room for being used: 28 before the point, and 10 behind it.
        Kind::Decimal { precision: 18, scale } if is_permissive => {
            ("number", Some(format!("DECIMAL(38,{})", (*scale).max(10))))
        }
        Kind::Decimal { precision, scale } => ("number", Some(format!("DECIMAL({precision},{scale})"))),
        Kind::Double => ("number", Some("DOUBLE".to_owned())),
        Kind::Boolean => ("boolean", None),
        Kind::Date(_) => ("date", None),
        Kind::Timestamp(_) => ("timestamp", None),
    }
}
