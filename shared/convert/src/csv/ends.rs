//! Where the splitter's fields and records end, and what is made of them: good ones, faulty ones, blank ones, those that are too long.
//! It does not look for the ends.

use lakegate_contract::Rule;

use super::splitter::{Splitter, State, is_space};
use crate::records::{Field, Form, Record, character_boundary};

impl Splitter {
    #[inline]
    pub(super) fn within_limit(&self, end: usize) -> bool {
        end - self.record_start <= self.max_record_bytes
    }

    /// A stray quote, or one that is never closed. Where the record was meant to end cannot be known; its line does end.
    pub(super) fn fault(&mut self) {
        self.fault = Some(Rule::Quote);
        self.fields.truncate(self.first_field);
        self.may_span_lines = false;
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
        self.fields.push(Field::new(self.field_start, end, self.form));
        self.position = end + 1;
        self.state = State::FieldStart;
    }

    /// Ends a quoted field whose closing quote stands at `closing`.
    #[inline]
    pub(super) fn end_quoted_field(&mut self, closing: usize) {
        // An escaped field keeps its closing quote: its bytes are as they stood.
        let end = if self.form == Form::Escaped { closing + 1 } else { closing };
        self.fields.push(Field::new(self.field_start, end, self.form));
        self.state = State::FieldStart;
    }

    #[inline]
    pub(super) fn end_record(&mut self, end: usize, next: usize) {
        self.fields.push(Field::new(self.field_start, end, self.form));
        self.close_record(end, next);
    }

    pub(super) fn close_record(&mut self, end: usize, next: usize) {
        let field_count = self.fields.len() - self.first_field;
        if self.is_blank(end) {
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
            if self.may_span_lines {
                self.line += self.lines_in(self.record_start, end);
            }
        }
        self.line += 1;
        self.begin_record(next, State::FieldStart);
    }

    /// Whether the record that ends at `end` is a blank line.
    #[inline]
    fn is_blank(&self, end: usize) -> bool {
        let is_trimmed = self.trim && self.fault.is_none() && self.fields.len() == self.first_field + 1;
        end == self.record_start || is_trimmed && self.bytes(self.record_start, end).iter().all(|byte| is_space(*byte))
    }

    pub(super) fn begin_record(&mut self, next: usize, state: State) {
        self.state = state;
        self.position = next;
        self.record_start = next;
        self.field_start = next;
        self.plain_from = next;
        self.first_field = self.fields.len();
        self.may_span_lines = false;
        self.fault = None;
    }

    /// Ends a record that is longer than the dialect allows, there. What is behind it is skipped up to the next line break.
    pub(super) fn cut_record(&mut self) {
        let end = character_boundary(&self.buffer, self.record_start, self.record_start + self.max_record_bytes);
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
    pub(super) fn end_file(&mut self) {
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
        let is_unquoted = matches!(self.state, State::Unquoted | State::BehindQuotes);
        let is_cut = is_unquoted && end > self.plain_from && self.buffer.last() == Some(&b'\r');
        self.end_record(if is_cut { end - 1 } else { end }, end);
    }

    fn lines_in(&self, start: usize, end: usize) -> u64 {
        let newline = self.newline.unwrap_or(b'\n');
        memchr::memchr_iter(newline, self.bytes(start, end)).count() as u64
    }
}
