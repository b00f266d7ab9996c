//! Bytes to records: where each record and each of its fields begins and ends, strictly by RFC 4180 or leniently.
//! It does not know columns or types, and a record that it cannot read never costs another one: a stray quote costs the physical
//! line on which its record begins, and reading goes on with the next line.

use std::sync::Arc;

use lakegate_contract::{CsvDialect, Quoting, Rule};
use memchr::memchr;

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
    /// Behind a record that is too long, up to the next line break.
    SkipLine,
}

/// Cuts pushed bytes into records. Holds the bytes of the current batch and of the record that is not complete yet; a record
/// longer than the dialect allows is cut there, so that memory is bounded.
#[derive(Debug)]
pub(crate) struct Splitter {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
    pub(super) strict: bool,
    pub(super) max_record_bytes: usize,
    /// Decided by the first line break outside quotes: `\n` (a `\r` before it belongs to it) or a lone `\r`.
    pub(super) newline: Option<u8>,
    pub(super) buffer: Vec<u8>,
    /// The file's offset of the buffer's first byte.
    pub(super) buffer_offset: u64,
    pub(super) at_end: bool,
    pub(super) state: State,
    pub(super) position: usize,
    pub(super) record_start: usize,
    pub(super) field_start: usize,
    pub(super) form: Form,
    pub(super) first_field: usize,
    pub(super) has_quotes: bool,
    pub(super) fault: Option<Rule>,
    pub(super) line: u64,
    pub(super) fields: Vec<Field>,
    pub(super) records: Vec<Record>,
}

impl Splitter {
    pub(crate) fn new(dialect: &CsvDialect) -> Self {
        Self {
            delimiter: dialect.delimiter,
            quote: dialect.quote,
            strict: dialect.quoting == Quoting::Strict,
            max_record_bytes: dialect.max_record_bytes,
            newline: None,
            buffer: Vec::new(),
            buffer_offset: 0,
            at_end: false,
            state: State::FieldStart,
            position: 0,
            record_start: 0,
            field_start: 0,
            form: Form::Plain,
            first_field: 0,
            has_quotes: false,
            fault: None,
            line: 1,
            fields: Vec::new(),
            records: Vec::new(),
        }
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

    /// Hands the batch out, with its bytes; what is behind it stays.
    pub(crate) fn take_batch(&mut self, map: &Arc<FieldMap>) -> Batch {
        let done = self.record_start.min(self.buffer.len());
        let rest = self.buffer.split_off(done);
        // The fields of the record in progress are kept: they belong to the next batch.
        let mut open_fields = self.fields.split_off(self.first_field.min(self.fields.len()));
        for field in &mut open_fields {
            field.start -= done;
            field.end -= done;
        }
        let batch = Batch {
            bytes: std::mem::replace(&mut self.buffer, rest),
            offset: self.buffer_offset,
            records: std::mem::take(&mut self.records),
            fields: std::mem::replace(&mut self.fields, open_fields),
            map: Arc::clone(map),
            escaping: Escaping::Doubled { quote: self.quote },
            aside: Vec::new(),
            notes: Vec::new(),
        };
        self.buffer_offset += done as u64;
        self.position -= done;
        self.record_start = 0;
        self.field_start = self.field_start.saturating_sub(done);
        self.first_field = 0;
        batch
    }

    /// Forgets bytes that belong to no record, so that an endless line stays small.
    pub(super) fn forget_skipped(&mut self) {
        let done = self.record_start.min(self.buffer.len());
        self.buffer.drain(..done);
        self.buffer_offset += done as u64;
        self.position -= done;
        self.record_start = 0;
        self.field_start = 0;
    }

    /// Finds records until `max_records` are there, the batch has [`BATCH_BYTES`], or bytes are missing.
    pub(crate) fn split(&mut self, max_records: usize) -> Split {
        loop {
            if self.records.len() >= max_records || self.batch_bytes() >= BATCH_BYTES {
                return Split::Full;
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
            }
            return Split::Hungry;
        }
    }

    fn batch_bytes(&self) -> usize {
        self.records.first().map_or(0, |first| self.record_start - first.start)
    }

    fn record_bytes(&self) -> usize {
        self.position.saturating_sub(self.record_start)
    }

    #[inline]
    pub(super) fn within_limit(&self, end: usize) -> bool {
        end - self.record_start <= self.max_record_bytes
    }

    /// A stray quote, or one that is never closed. Where the record was meant to end cannot be known; its line does end.
    pub(super) fn fault(&mut self) {
        self.fault = Some(Rule::Quote);
        self.fields.truncate(self.first_field);
        self.has_quotes = false;
        self.position = self.record_start;
        self.state = State::FaultyLine;
    }

    /// From here on the field's bytes are not its value: they begin at the opening quote and are unescaped later.
    pub(super) fn escape(&mut self) {
        if self.form == Form::Quoted {
            self.form = Form::Escaped;
            self.field_start -= 1;
        }
    }

    #[inline]
    pub(super) fn end_field(&mut self, end: usize) {
        self.fields.push(Field { start: self.field_start, end, form: self.form });
        self.position = end + 1;
        self.state = State::FieldStart;
    }

    /// Ends a quoted field whose closing quote stands at `closing`.
    #[inline]
    pub(super) fn end_quoted_field(&mut self, closing: usize) {
        // An escaped field keeps its closing quote: its bytes are as they stood.
        let end = if self.form == Form::Escaped { closing + 1 } else { closing };
        self.fields.push(Field { start: self.field_start, end, form: self.form });
        self.state = State::FieldStart;
    }

    #[inline]
    pub(super) fn end_record(&mut self, end: usize, next: usize) {
        self.fields.push(Field { start: self.field_start, end, form: self.form });
        self.close_record(end, next);
    }

    pub(super) fn close_record(&mut self, end: usize, next: usize) {
        let field_count = self.fields.len() - self.first_field;
        let is_blank = end == self.record_start;
        if is_blank {
            self.fields.truncate(self.first_field);
        } else {
            self.records.push(Record {
                start: self.record_start,
                end,
                first_field: self.first_field,
                field_count,
                line: self.line,
                fault: self.fault,
            });
            if self.has_quotes {
                self.line += self.lines_in(self.record_start, end);
            }
        }
        self.line += 1;
        self.begin_record(next, State::FieldStart);
    }

    pub(super) fn begin_record(&mut self, next: usize, state: State) {
        self.state = state;
        self.position = next;
        self.record_start = next;
        self.field_start = next;
        self.first_field = self.fields.len();
        self.has_quotes = false;
        self.fault = None;
    }

    /// Ends a record that is longer than the dialect allows, there. What is behind it is skipped up to the next line break.
    fn cut_record(&mut self) {
        let end = self.record_start + self.max_record_bytes;
        self.fields.truncate(self.first_field);
        self.records.push(Record {
            start: self.record_start,
            end,
            first_field: self.first_field,
            field_count: 0,
            line: self.line,
            fault: Some(Rule::TooLong),
        });
        self.line += self.lines_in(self.record_start, end);
        self.begin_record(end, State::SkipLine);
    }

    /// The file ends: what is open is closed, and an open quote is a fault.
    fn end_file(&mut self) {
        let end = self.buffer.len();
        if self.state == State::SkipLine || self.record_start >= end {
            return;
        }
        if self.state == State::FaultyLine {
            return self.close_record(end, end);
        }
        if self.state == State::FieldStart {
            self.field_start = end;
            self.form = Form::Plain;
        }
        // A line break that was cut in two is a line break.
        let is_cut = self.form == Form::Plain && end > self.field_start && self.buffer.last() == Some(&b'\r');
        self.end_record(if is_cut { end - 1 } else { end }, end);
    }

    fn lines_in(&self, start: usize, end: usize) -> u64 {
        let newline = self.newline.unwrap_or(b'\n');
        memchr::memchr_iter(newline, self.bytes(start, end)).count() as u64
    }
}

/// The value of an [`Form::Escaped`] field: quotes around it dropped, doubled ones made single, text behind the closing one kept.
pub(crate) fn unescape(raw: &[u8], quote: u8, value: &mut Vec<u8>) {
    value.clear();
    let mut rest = raw.get(1..).unwrap_or_default();
    while let Some(found) = memchr(quote, rest) {
        let (head, tail) = rest.split_at(found);
        value.extend_from_slice(head);
        match tail {
            [_, next, after @ ..] if *next == quote => {
                value.push(quote);
                rest = after;
            }
            // The closing quote; what is behind it stands as it is.
            [_, after @ ..] => {
                value.extend_from_slice(after);
                return;
            }
            [] => return,
        }
    }
    value.extend_from_slice(rest);
}
