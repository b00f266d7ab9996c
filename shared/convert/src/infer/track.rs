//! A file's text, read in one way to its end: what every column holds, and how many records this way does not read.
//! It does not know types or contracts.

use std::sync::Arc;

use lakegate_contract::{CsvDialect, Encoding, Quoting};
use memchr::memchr;

use super::column::{Column, Looking, NULL_TEXTS};
use super::sniff::Sniffed;
use crate::csv::{FieldFinish, Split, Splitter};
use crate::records::{BATCH_RECORDS, Batch, FieldMap, Form, Record};

/// What was counted of a file's records, header and comments left out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    /// Whether the header itself cannot be read.
    pub(super) header_is_faulty: bool,
    /// Whether the header is no UTF-8.
    pub(super) header_is_not_utf8: bool,
    /// Quotes that cannot be understood, or records that are too long.
    pub(super) faulty: u64,
    /// Another number of fields than the table has.
    pub(super) ragged: u64,
    /// Nothing but spaces and tabs: no records once these are left out.
    pub(super) blank: u64,
    /// Records that are UTF-8 beyond ASCII, and those that are no UTF-8; the header is one.
    pub(super) utf8: u64,
    pub(super) not_utf8: u64,
    /// Records that are no UTF-8 and have nothing else against them.
    pub(super) broken: u64,
    /// Whether a byte was seen that Windows-1252 does not know.
    pub(super) beyond_windows: bool,
    /// At most so many bytes of UTF-8 come of any record that is not ASCII, in an encoding whose letters are single bytes.
    pub(super) longest_of_bytes: usize,
}

impl Tally {
    /// Counts a record by its encoding; `is_utf8` where that is known.
    /// False where it is no UTF-8.
    pub(super) fn note_encoding(&mut self, raw: &[u8], is_utf8: bool) -> bool {
        let is_utf8 = is_utf8 || std::str::from_utf8(raw).is_ok();
        if is_utf8 && raw.is_ascii() {
            return true;
        }
        *(if is_utf8 { &mut self.utf8 } else { &mut self.not_utf8 }) += 1;
        let beyond_ascii = raw.iter().filter(|byte| !byte.is_ascii()).count();
        self.longest_of_bytes = self.longest_of_bytes.max(raw.len() + 2 * beyond_ascii);
        self.beyond_windows |= raw.iter().any(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D));
        is_utf8
    }
}

/// What a way of reading has found.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    pub(super) tally: Tally,
    pub(super) columns: Vec<Column>,
    /// The columns with spaces around unquoted values left out, from the first such value on; before it both are the same.
    pub(super) trimmed: Option<Vec<Column>>,
    /// Whether a space or a tab stands beside a quote.
    pub(super) has_blank_beside_quote: bool,
}

/// A way of reading. The strict one forks a lenient one at the first record that it cannot read.
#[derive(Debug)]
pub(super) struct Track {
    splitter: Splitter,
    dialect: CsvDialect,
    /// Leaves out the blanks around values.
    trim: Option<FieldFinish>,
    width: usize,
    /// The header is still to come.
    skips_header: bool,
    pushed_bytes: u64,
    /// What is added to the splitter's line numbers: a fork counts its lines anew.
    line_shift: Option<i64>,
    /// The line of a fork's first record.
    first_line: u64,
    pub(super) findings: Findings,
    pub(super) lenient: Option<Box<Track>>,
}

impl Track {
    pub(super) fn new(sniffed: &Sniffed) -> Self {
        let dialect = CsvDialect { quoting: Quoting::Strict, ..sniffed.dialect.clone() };
        Self {
            splitter: Splitter::new(&plain(&dialect), Encoding::Utf8),
            width: sniffed.width,
            skips_header: dialect.header,
            trim: trim(&dialect),
            dialect,
            pushed_bytes: 0,
            line_shift: Some(0),
            first_line: 1,
            findings: Findings {
                tally: Tally::default(),
                columns: vec![Column::new(); sniffed.width],
                trimmed: None,
                has_blank_beside_quote: false,
            },
            lenient: None,
        }
    }

    pub(super) fn push(&mut self, text: &[u8], looking: &Looking<'_>) {
        if let Some(lenient) = &mut self.lenient {
            lenient.push(text, looking);
        }
        self.pushed_bytes += text.len() as u64;
        self.splitter.push(text);
        while self.splitter.split(BATCH_RECORDS) == Split::Full {
            self.take_batch(looking, false);
        }
    }

    /// No more text will come.
    pub(super) fn end(&mut self, looking: &Looking<'_>) {
        if let Some(lenient) = &mut self.lenient {
            lenient.end(looking);
        }
        self.splitter.end();
        loop {
            let split = self.splitter.split(BATCH_RECORDS);
            self.take_batch(looking, true);
            if split == Split::Hungry {
                return;
            }
        }
    }

    fn take_batch(&mut self, looking: &Looking<'_>, at_end: bool) {
        let map = Arc::new(FieldMap { field_count: self.width, ..FieldMap::default() });
        let batch = self.splitter.take_batch(&map);
        let is_strict = self.dialect.quoting == Quoting::Strict;
        if is_strict && self.lenient.is_none() && batch.records.iter().any(|record| record.fault.is_some()) {
            self.lenient = Some(Box::new(self.fork(&batch, looking, at_end)));
        }
        let is_utf8 = batch_is_utf8(&batch);
        let findings = &mut self.findings;
        findings.has_blank_beside_quote =
            findings.has_blank_beside_quote || has_blank_beside(self.dialect.quote, &batch.bytes);
        for record in &batch.records {
            self.observe(&batch, record, is_utf8, looking);
        }
    }

    /// A lenient reading from this batch on. Up to here both read the same, because nothing was wrong.
    fn fork(&self, batch: &Batch, looking: &Looking<'_>, at_end: bool) -> Self {
        let dialect = CsvDialect { quoting: Quoting::Lenient, ..self.dialect.clone() };
        let mut splitter = Splitter::new(&plain(&dialect), Encoding::Utf8);
        if batch.offset > 0 {
            // Which bytes end a line is decided by the file's first line break, which lies before the batch. A blank line is no record.
            splitter.push(self.splitter.newline());
        }
        let mut lenient = Self {
            splitter,
            trim: trim(&dialect),
            dialect,
            width: self.width,
            skips_header: self.skips_header,
            pushed_bytes: 0,
            line_shift: None,
            first_line: batch.records.first().map_or(1, |record| self.line(record)),
            findings: self.findings.clone(),
            lenient: None,
        };
        let behind = usize::try_from(self.pushed_bytes - (batch.offset + batch.bytes.len() as u64)).unwrap_or_default();
        lenient.push(&batch.bytes, looking);
        lenient.push(self.splitter.bytes(0, behind), looking);
        if at_end {
            lenient.end(looking);
        }
        lenient
    }

    fn line(&self, record: &Record) -> u64 {
        record.line.saturating_add_signed(self.line_shift.unwrap_or_default())
    }

    fn observe(&mut self, batch: &Batch, record: &Record, is_utf8: bool, looking: &Looking<'_>) {
        let raw = batch.raw(record);
        if self.line_shift.is_none() {
            self.line_shift = Some(self.first_line.cast_signed() - record.line.cast_signed());
        }
        let line = self.line(record);
        if line <= self.dialect.skip_lines {
            return;
        }
        let is_header = std::mem::take(&mut self.skips_header);
        let tally = &mut self.findings.tally;
        let is_utf8 = tally.note_encoding(raw, is_utf8);
        if is_header {
            tally.header_is_faulty = record.fault.is_some();
            tally.header_is_not_utf8 = tally.not_utf8 > 0;
            return;
        }
        tally.records += 1;
        if record.fault.is_some() {
            tally.faulty += 1;
            return;
        }
        // With a tab as delimiter, blanks may be fields.
        let is_blank = record.field_count == 1 && without_blanks(raw).is_empty();
        tally.blank += u64::from(is_blank);
        if record.field_count != self.width {
            tally.ragged += 1;
            return;
        }
        tally.broken += u64::from(!is_utf8);
        let (mut scratch, mut scratch_of_trimmed) = (Vec::new(), Vec::new());
        for (index, field) in batch.fields(record).iter().enumerate() {
            let text = batch.text(field, &mut scratch);
            let in_quotes = field.form() != Form::Plain;
            let trimmed = self.trim.as_ref().map_or(*field, |trim| trim.finished(&batch.bytes, *field));
            if trimmed != *field && self.findings.trimmed.is_none() {
                self.findings.fork_trimmed();
            }
            if let Some(column) = self.findings.columns.get_mut(index) {
                column.observe(text, in_quotes, line, looking);
            }
            if let Some(column) = self.findings.trimmed.as_mut().and_then(|columns| columns.get_mut(index))
                && !is_blank
            {
                let text = batch.text(&trimmed, &mut scratch_of_trimmed);
                column.observe(text, trimmed.form() != Form::Plain, line, looking);
            }
        }
    }
}

impl Findings {
    /// From here on values with blanks around them differ from those without. What was observed before is the same in both.
    fn fork_trimmed(&mut self) {
        self.trimmed = Some(self.columns.clone());
    }
}

/// The dialect without the lines to skip: a fork begins behind them, or among them. What may turn out to mean null stands as it is.
fn plain(dialect: &CsvDialect) -> CsvDialect {
    CsvDialect { skip_lines: 0, null_values: NULL_TEXTS.map(str::to_owned).to_vec(), ..dialect.clone() }
}

fn trim(dialect: &CsvDialect) -> Option<FieldFinish> {
    FieldFinish::new(&CsvDialect { trim: true, ..plain(dialect) }, dialect.escape)
}

fn batch_is_utf8(batch: &Batch) -> bool {
    let (Some(first), Some(last)) = (batch.records.first(), batch.records.last()) else { return true };
    std::str::from_utf8(batch.bytes(first.start, last.end)).is_ok()
}

fn has_blank_beside(quote: u8, text: &[u8]) -> bool {
    let is_pair = |pair: &[u8]| matches!(pair, [a, b] if *a == quote && is_blank(*b) || is_blank(*a) && *b == quote);
    memchr(quote, text).is_some() && text.windows(2).any(is_pair)
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(*byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(*byte)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}
