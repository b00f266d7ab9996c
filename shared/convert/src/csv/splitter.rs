//! Bytes to records: where each record and each of its fields begins and ends, strictly by RFC 4180 or leniently.
//! It does not know columns or types, and a record that it cannot read never costs another one: a stray quote costs the physical
//! line on which its record begins, and reading goes on with the next line.

use std::sync::Arc;

use lakegate_contract::{CsvDialect, Encoding, Quoting, Rule};

use super::fields::FieldFinish;
use crate::decode::source_len;
use crate::records::{BATCH_BYTES, Batch, Escaping, Field, FieldMap, Form, Record};

/// Carriage returns that belong to a line feed: one in CRLF, two where a CRLF file was written in text mode on Windows.
pub(super) const CARRIAGE_RETURNS_MAX: usize = 2;

/// Whether [`Splitter::split`] ended because a batch is full or because bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    Full,
    Hungry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quote inside a quoted field: the closing one, or the first of two.
    QuoteInQuoted,
    /// Text behind a closing quote, up to the next delimiter or line break (lenient only).
    BehindQuotes,
    /// A record with a stray quote, from its start again, up to its first line break.
    FaultyLine,
    /// In a line that is no record, up to its line break: a comment, a line before the header, what is left of a record that is too
    /// long.
    SkipLine,
}

/// Cuts pushed bytes into records. Holds the bytes of the current batch and of the record that is not complete yet; a record
/// longer than the dialect allows is cut there, so that memory is bounded.
#[derive(Debug)]
pub(crate) struct Splitter {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
    pub(super) trim: bool,
    pub(super) quoting: Quoting,
    pub(super) max_record_bytes: usize,
    batch_bytes: usize,
    /// Lines to be left out, the current one included.
    pub(super) skip_lines: u64,
    finish: Option<FieldFinish>,
    encoding: Encoding,
    /// Decided by the first line break outside quotes: `\n` (a `\r` before it belongs to it) or a lone `\r`.
    pub(super) newline: Option<u8>,
    pub(super) buffer: Vec<u8>,
    /// The file's offset of the buffer's first byte, in the file's encoding.
    pub(super) buffer_offset: u64,
    pub(super) at_end: bool,
    pub(super) state: State,
    pub(super) position: usize,
    pub(super) record_start: usize,
    pub(super) field_start: usize,
    /// No byte of the field before this place belongs to a line break.
    pub(super) plain_from: usize,
    pub(super) form: Form,
    pub(super) first_field: usize,
    /// Whether the record may have line breaks in it: it has quotes or escapes.
    pub(super) may_span_lines: bool,
    pub(super) fault: Option<Rule>,
    pub(super) line: u64,
    pub(super) fields: Vec<Field>,
    pub(super) records: Vec<Record>,
}

impl Splitter {
    /// Reads text that was in `encoding`.
    pub(crate) fn new(dialect: &CsvDialect, encoding: Encoding) -> Self {
        // A quote that escapes itself is a doubled one.
        let escape = dialect.escape.filter(|escape| *escape != dialect.quote);
        Self {
            delimiter: dialect.delimiter,
            quote: dialect.quote,
            escape,
            comment: dialect.comment,
            trim: dialect.trim,
            quoting: dialect.quoting,
            max_record_bytes: dialect.max_record_bytes,
            batch_bytes: BATCH_BYTES,
            skip_lines: dialect.skip_lines,
            finish: FieldFinish::new(dialect, escape),
            encoding,
            newline: None,
            buffer: Vec::new(),
            buffer_offset: 0,
            at_end: false,
            state: if dialect.skip_lines > 0 { State::SkipLine } else { State::FieldStart },
            position: 0,
            record_start: 0,
            field_start: 0,
            plain_from: 0,
            form: Form::Plain,
            first_field: 0,
            may_span_lines: false,
            fault: None,
            line: 1,
            fields: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Begins at a record's start: at so many bytes of the file, on this line, with this line break if the file has shown it before.
    pub(crate) fn at(mut self, offset: u64, line: u64, newline: Option<u8>) -> Self {
        (self.buffer_offset, self.line, self.newline) = (offset, line, newline);
        (self.skip_lines, self.state) = (0, State::FieldStart);
        self
    }

    /// Begins at so many bytes of the file, which are no text.
    pub(crate) fn beginning_at(mut self, offset: u64) -> Self {
        self.buffer_offset = offset;
        self
    }

    /// Passes over what is left of the line that it begins in.
    pub(crate) fn in_line(mut self) -> Self {
        (self.skip_lines, self.state) = (1, State::SkipLine);
        self
    }

    /// The file's offset of the record in progress, its line, and the line break, if one was seen.
    pub(crate) fn place(&self) -> (u64, u64, Option<u8>) {
        let before = source_len(self.encoding, self.bytes(0, self.record_start));
        (self.buffer_offset + before, self.line, self.newline)
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes will come: what is there is the last record.
    pub(crate) fn end(&mut self) {
        self.at_end = true;
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.buffer.get(start..end).unwrap_or_default()
    }

    /// The byte that ends lines; none as long as no line has ended.
    pub(crate) const fn newline(&self) -> &[u8] {
        self.newline.as_slice()
    }

    /// Hands the batch out, with its bytes; what is behind it stays.
    pub(crate) fn take_batch(&mut self, map: &Arc<FieldMap>) -> Batch {
        let done = self.record_start.min(self.buffer.len());
        // The next batch is likely as long as this one: room for it at once spares moving it as it grows.
        let mut rest = Vec::with_capacity(self.buffer.len());
        rest.extend_from_slice(self.buffer.get(done..).unwrap_or_default());
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        bytes.truncate(done);
        // The fields of the record in progress are kept: they belong to the next batch.
        let mut open_fields = self.fields.split_off(self.first_field.min(self.fields.len()));
        for field in &mut open_fields {
            field.move_back(done);
        }
        open_fields.reserve(self.fields.len());
        let mut fields = std::mem::replace(&mut self.fields, open_fields);
        if let Some(finish) = &self.finish {
            finish.finish(&bytes, &mut fields);
        }
        let room = Vec::with_capacity(self.records.len());
        let records = std::mem::replace(&mut self.records, room);
        let offset = self.buffer_offset;
        self.forget(source_len(self.encoding, &bytes), done);
        Batch {
            bytes,
            offset,
            records,
            fields,
            map: Arc::clone(map),
            escaping: Escaping::Csv { quote: self.quote, escape: self.escape },
            aside: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Forgets bytes that belong to no record, so that a file of endless, skipped or blank lines stays small. There is no record
    /// but the one in progress.
    fn forget_skipped(&mut self) {
        let done = self.record_start.min(self.buffer.len());
        if done == 0 {
            return;
        }
        self.fields.drain(..self.first_field.min(self.fields.len()));
        for field in &mut self.fields {
            field.move_back(done);
        }
        let source_bytes = source_len(self.encoding, self.bytes(0, done));
        self.buffer.drain(..done);
        self.forget(source_bytes, done);
    }

    /// The buffer's first `done` bytes are gone; they were `source_bytes` in the file.
    fn forget(&mut self, source_bytes: u64, done: usize) {
        self.buffer_offset += source_bytes;
        self.position -= done;
        self.record_start = 0;
        self.field_start = self.field_start.saturating_sub(done);
        self.plain_from = self.plain_from.saturating_sub(done);
        self.first_field = 0;
    }

    /// Ends batches at so many bytes.
    pub(crate) fn with_batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// Finds records until `max_records` are there, the batch is long enough, or bytes are missing.
    pub(crate) fn split(&mut self, max_records: usize) -> Split {
        // The record that must be read step by step, if it is the current one.
        let mut stepwise = None;
        loop {
            if self.is_full(max_records, self.record_start) {
                return Split::Full;
            }
            if stepwise != Some(self.record_start)
                && let Some(newline) = self.newline_of_whole_records()
            {
                self.take_whole_records(newline, max_records);
                stepwise = Some(self.record_start);
                continue;
            }
            let step = match self.state {
                State::FieldStart => self.field_start(),
                State::Unquoted | State::BehindQuotes => self.unquoted(),
                State::Quoted => self.quoted(),
                State::QuoteInQuoted => self.quote_in_quoted(),
                State::FaultyLine => self.faulty_line(),
                State::SkipLine => self.skip_line(),
            };
            // A little more may be there: the carriage returns of a line break whose line feed has not come yet.
            let may_break = step.is_none() && !self.at_end;
            let limit = self.max_record_bytes + if may_break { CARRIAGE_RETURNS_MAX } else { 0 };
            if self.state != State::SkipLine && self.record_bytes() > limit {
                if self.state == State::Quoted || self.state == State::QuoteInQuoted {
                    self.fault();
                    continue;
                }
                self.cut_record();
                return Split::Full;
            }
            if step.is_some() {
                continue;
            }
            if self.at_end && self.state == State::Quoted {
                self.fault();
                continue;
            }
            if self.at_end {
                self.end_file();
            } else if self.records.is_empty() {
                self.forget_skipped();
            }
            return Split::Hungry;
        }
    }

    /// Whether a batch that ends at `end` is full.
    #[inline]
    pub(super) fn is_full(&self, max_records: usize, end: usize) -> bool {
        self.records.len() >= max_records
            || self.records.first().is_some_and(|first| end - first.start >= self.batch_bytes)
    }

    /// The file's line break, if a record starts here that may be read with those behind it, and not step by step.
    fn newline_of_whole_records(&self) -> Option<u8> {
        let is_start = self.state == State::FieldStart && self.position == self.record_start;
        let is_plain = is_start && !self.is_comment(self.position);
        if is_plain { self.newline } else { None }
    }

    /// Whether a record that starts here is a comment.
    #[inline]
    pub(super) fn is_comment(&self, place: usize) -> bool {
        self.comment.is_some() && self.comment == self.buffer.get(place).copied()
    }

    fn record_bytes(&self) -> usize {
        self.position.saturating_sub(self.record_start)
    }
}

/// What trimming leaves out.
#[inline]
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
