//! The dialect of a CSV file, from its first bytes: which reading makes the most even table of the most telling cells.
//! It does not know columns' types beyond a glance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakegate_contract::{CsvDialect, Encoding, Quoting};

use super::numbers::{Numbers, Observed};
use super::times::{Candidate, Times};
use crate::csv::{FieldFinish, Split, Splitter};
use crate::records::{Field, FieldMap};

/// Records that are looked at.
const RECORDS: usize = 2000;
/// In the order of preference.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Above this share of records with the same number of fields, a delimiter may be one.
const EVEN_SHARE: f64 = 0.7;
/// So many records may stand before the header.
const PREAMBLE_RECORDS_MAX: usize = 10;

/// How a CSV file is written, as far as its beginning tells.
#[derive(Debug, Clone)]
pub(super) struct Sniffed {
    pub(super) dialect: CsvDialect,
    /// How many fields a record has.
    pub(super) width: usize,
    /// What the header says, in the file's bytes; empty without one.
    pub(super) names: Vec<Vec<u8>>,
    /// The same without the blanks around those that stand without quotes.
    pub(super) trimmed_names: Vec<Vec<u8>>,
    /// Whether a first record is no data, though the contract takes columns by position.
    pub(super) by_position: Option<&'static str>,
}

#[derive(Debug)]
struct Row {
    line: u64,
    /// Whether the record begins with `#`.
    is_comment: bool,
    fields: Vec<Vec<u8>>,
    trimmed: Vec<Vec<u8>>,
}

impl Row {
    fn lines_above(&self) -> u64 {
        self.line.saturating_sub(1)
    }

    fn has_line_break(&self) -> bool {
        self.fields.iter().flatten().any(|byte| matches!(byte, b'\n' | b'\r'))
    }
}

/// Finds the dialect of the file that begins with `head`; `is_whole` where that is all of it. `None`: there is no record.
pub(super) fn sniff(head: &[u8], is_whole: bool, candidates: &[Candidate]) -> Option<Sniffed> {
    let mut best: Option<(f64, Reading)> = None;
    let single_quotes =
        head.windows(2).filter(|pair| matches!(pair, [b',' | b';' | b'\t' | b'|' | b'\n', b'\''])).count();
    let has_double_quotes = head.contains(&b'"');
    let quotes: &[u8] = if single_quotes >= 2 && !has_double_quotes { b"\"'" } else { b"\"" };
    // What only files with such bytes can have; a plain reading that is as good comes first.
    let escapes: &[Option<u8>] =
        if head.windows(2).any(|pair| pair == b"\\\"") { &[None, Some(b'\\')] } else { &[None] };
    let blanks: &[bool] =
        if head.windows(2).any(|pair| matches!(pair, [b' ' | b'\t', b'"'])) { &[false, true] } else { &[false] };
    let mut dialects = Vec::new();
    for &quote in quotes {
        for delimiter in DELIMITERS {
            for &escape in escapes {
                let of = |trim: bool| CsvDialect { delimiter, quote, escape, trim, ..CsvDialect::default() };
                dialects.extend(blanks.iter().map(|trim| of(*trim)));
            }
        }
    }
    for dialect in dialects {
        let faulty_share = faulty_share(head, is_whole, &dialect);
        let reading = read(head, is_whole, dialect);
        if reading.rows.is_empty() {
            continue;
        }
        let score = reading.score(candidates) - faulty_share;
        if best.as_ref().is_none_or(|(most, _)| score > *most + 1e-9) {
            best = Some((score, reading));
        }
    }
    best.map(|(_, reading)| reading.sniffed(candidates))
}

/// The beginning of the file, cut by one delimiter and quote.
#[derive(Debug)]
struct Reading {
    dialect: CsvDialect,
    /// Without comments.
    rows: Vec<Row>,
    /// The number of fields that most records have.
    width: usize,
    /// How many rows are no header and no data: titles above the table.
    preamble: usize,
}

/// The share of records that cannot be read strictly.
#[expect(clippy::cast_precision_loss, reason = "a few thousand records")]
fn faulty_share(head: &[u8], is_whole: bool, dialect: &CsvDialect) -> f64 {
    let mut splitter = Splitter::new(&CsvDialect { quoting: Quoting::Strict, ..dialect.clone() }, Encoding::Utf8);
    splitter.push(head);
    if is_whole {
        splitter.end();
    }
    // Once is enough: the beginning is shorter than a batch.
    let _ = splitter.split(RECORDS);
    let records = splitter.records();
    let faulty = records.iter().filter(|record| record.fault.is_some()).count();
    faulty as f64 / records.len().max(1) as f64
}

/// Cuts the beginning into records, leniently.
fn read(head: &[u8], is_whole: bool, dialect: CsvDialect) -> Reading {
    let mut dialect = CsvDialect { quoting: Quoting::Lenient, ..dialect };
    let mut rows = rows(head, is_whole, &dialect);
    let marked = rows.iter().filter(|row| row.is_comment).count();
    if marked > 0 && marked < rows.len() {
        let width = usual_width(rows.iter().filter(|row| !row.is_comment));
        // In a table of one column nothing tells a comment from a value.
        if width > 1 && rows.iter().all(|row| !row.is_comment || row.fields.len() != width) {
            dialect.comment = Some(b'#');
            rows = self::rows(head, is_whole, &dialect);
        }
    }
    let width = usual_width(rows.iter());
    let narrow = rows.iter().take_while(|row| row.fields.len() == 1).count();
    let spans_lines = rows.iter().take(narrow).any(Row::has_line_break);
    let is_above = |row: &Row| row.lines_above() <= CsvDialect::SKIP_LINES_LIMIT;
    let is_preamble = !spans_lines
        && width > 1
        && narrow <= PREAMBLE_RECORDS_MAX
        && rows.len() >= narrow + 2
        && rows.get(narrow).is_some_and(is_above);
    Reading { dialect, rows, width, preamble: if is_preamble { narrow } else { 0 } }
}

fn rows(head: &[u8], is_whole: bool, dialect: &CsvDialect) -> Vec<Row> {
    let mut splitter = Splitter::new(dialect, Encoding::Utf8);
    splitter.push(head);
    if is_whole {
        splitter.end();
    }
    let trim = FieldFinish::new(&CsvDialect { trim: true, ..dialect.clone() }, dialect.escape);
    let mut rows = Vec::new();
    while splitter.split(RECORDS) == Split::Full && rows.len() < RECORDS {
        take(&mut splitter, trim.as_ref(), &mut rows);
    }
    take(&mut splitter, trim.as_ref(), &mut rows);
    rows
}

fn take(splitter: &mut Splitter, trim: Option<&FieldFinish>, rows: &mut Vec<Row>) {
    let batch = splitter.take_batch(&Arc::new(FieldMap::default()));
    let mut scratch = Vec::new();
    for record in &batch.records {
        let mut text = |field: &Field| batch.text(field, &mut scratch).to_vec();
        let fields = batch.fields(record).iter().map(&mut text).collect();
        let without_blanks = |field: &Field| trim.map_or(*field, |trim| trim.finished(&batch.bytes, *field));
        // Of rows further down nobody asks.
        let is_first = rows.len() <= PREAMBLE_RECORDS_MAX;
        let trimmed =
            batch.fields(record).iter().filter(|_| is_first).map(|field| text(&without_blanks(field))).collect();
        rows.push(Row { line: record.line, is_comment: batch.raw(record).first() == Some(&b'#'), fields, trimmed });
    }
}

/// The number of fields that most records have; of equally frequent ones the larger.
fn usual_width<'a>(rows: impl Iterator<Item = &'a Row>) -> usize {
    let mut frequencies: BTreeMap<usize, usize> = BTreeMap::new();
    for row in rows {
        *frequencies.entry(row.fields.len()).or_default() += 1;
    }
    frequencies.into_iter().max_by_key(|(width, records)| (*records, *width)).map_or(1, |(width, _)| width.max(1))
}

impl Reading {
    fn table(&self) -> &[Row] {
        self.rows.get(self.preamble..).unwrap_or_default()
    }

    /// How good a table this is. A table of one column is what is left when no delimiter makes an even one.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand records")]
    fn score(&self, candidates: &[Candidate]) -> f64 {
        let table = self.table();
        let even = table.iter().filter(|row| row.fields.len() == self.width).count();
        let even_share = even as f64 / table.len().max(1) as f64;
        if self.width == 1 || even_share < EVEN_SHARE {
            return if self.width == 1 { even_share } else { 0.0 };
        }
        let cells = || table.iter().take(100).flat_map(|row| &row.fields);
        let typed = cells().filter(|cell| class(cell, candidates) != Class::Text).count();
        let typed_share = typed as f64 / cells().count().max(1) as f64;
        let fits_header = table.first().is_some_and(|row| row.fields.len() == self.width);
        // Above any table of one column, which scores 1 at most.
        let width = self.width.min(1000) as f64 / 1e5;
        2.0 + even_share + 0.3 * typed_share + if fits_header { 0.2 } else { 0.0 } + width
    }

    fn sniffed(self, candidates: &[Candidate]) -> Sniffed {
        let mut dialect = self.dialect.clone();
        if self.preamble > 0 {
            dialect.skip_lines = self.table().first().map_or(0, Row::lines_above);
        }
        let first = self.table().first();
        let width = self.width;
        if !has_header(self.table(), width, candidates) {
            dialect.header = false;
            // Without a header the contract's columns are what every record must have.
            return Sniffed { dialect, width, names: Vec::new(), trimmed_names: Vec::new(), by_position: None };
        }
        let names = first.map(|row| row.fields.clone()).unwrap_or_default();
        let trimmed_names = first.map(|row| row.trimmed.clone()).unwrap_or_default();
        let lines_before_data = match self.table().get(1) {
            Some(row) => row.lines_above(),
            None => first.map_or(0, |row| row.line),
        };
        let by_position = reason_for_positions(&names, width);
        let is_deep = lines_before_data > CsvDialect::SKIP_LINES_LIMIT;
        if by_position.is_some() && (is_deep || first.is_some_and(Row::has_line_break)) {
            // Lines are skipped before the file's line break is known: such a header cannot be, nor one that stands too deep. It is
            // read as a row.
            dialect.header = false;
            return Sniffed { dialect, width, names: Vec::new(), trimmed_names: Vec::new(), by_position: None };
        }
        if by_position.is_some() {
            dialect.header = false;
            dialect.skip_lines = lines_before_data;
        }
        Sniffed { dialect, width, names, trimmed_names, by_position }
    }
}

/// Why names cannot tell the columns apart.
fn reason_for_positions(names: &[Vec<u8>], width: usize) -> Option<&'static str> {
    let mut known = BTreeSet::new();
    let is_twice = !names.iter().all(|name| known.insert(name));
    if names.len() != width {
        Some("the header has another number of fields than the rows")
    } else if is_twice {
        Some("the header has a name twice")
    } else {
        None
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Empty,
    Number,
    Time,
    Boolean,
    Text,
}

fn class(cell: &[u8], candidates: &[Candidate]) -> Class {
    let cell = cell.trim_ascii();
    if cell.is_empty() {
        Class::Empty
    } else if Numbers::new().observe(cell) == Observed::Number {
        Class::Number
    } else if cell.iter().any(u8::is_ascii_digit) && Times::default().observe(candidates, cell) {
        Class::Time
    } else if cell.eq_ignore_ascii_case(b"true") || cell.eq_ignore_ascii_case(b"false") {
        Class::Boolean
    } else {
        Class::Text
    }
}

/// Whether the first record names the columns: its cells are of another kind than those below it, or at least none of theirs.
fn has_header(table: &[Row], width: usize, candidates: &[Candidate]) -> bool {
    let Some((first, rest)) = table.split_first() else { return true };
    let mut votes = 0_i64;
    let mut is_text_only = true;
    for (column, name) in first.fields.iter().enumerate().take(width) {
        let of_name = class(name, candidates);
        is_text_only &= of_name == Class::Text;
        let mut of_column = None;
        let mut has_years = is_year(name);
        for cell in rest.iter().filter_map(|row| row.fields.get(column)).take(200) {
            let of_cell = class(cell, candidates);
            if of_cell != Class::Empty {
                let is_same = of_column.is_none_or(|other| other == of_cell);
                of_column = Some(if is_same { of_cell } else { Class::Text });
                has_years &= is_year(cell);
            }
        }
        match (of_column, of_name) {
            (None | Some(Class::Text | Class::Empty), _) => {}
            // Years are names of columns too, when what stands below is none.
            (Some(Class::Number), Class::Number) if is_year(name) && !has_years => {}
            (Some(of_column), of_name) if of_column == of_name => votes -= 1,
            (Some(_), Class::Text | Class::Number) => votes += 1,
            (Some(_), Class::Empty | Class::Time | Class::Boolean) => {}
        }
    }
    if votes != 0 || rest.is_empty() {
        return votes > 0 || (votes == 0 && is_text_only);
    }
    // Nothing but text tells: a header's names do not come again as values.
    let comes_again =
        |column: usize, name: &Vec<u8>| !name.is_empty() && rest.iter().any(|row| row.fields.get(column) == Some(name));
    !first.fields.iter().enumerate().any(|(column, name)| comes_again(column, name))
}

/// A whole number from 1900 to 2099.
fn is_year(cell: &[u8]) -> bool {
    matches!(cell, [b'1', b'9', a, b] | [b'2', b'0', a, b] if a.is_ascii_digit() && b.is_ascii_digit())
}
