//! The steps of the splitter's state machine: each looks for the next byte that matters, from where the last one stopped.
//! It does not know batches.

use lakegate_contract::Quoting;
use memchr::{memchr, memchr2, memchr3};

use super::splitter::{CARRIAGE_RETURNS_MAX, Splitter, State, is_space};
use super::whole::{behind_line_break, without_carriage_returns};
use crate::records::Form;

impl Splitter {
    // Every step returns `None` when it needs a byte that is not there yet; the state is such that it can be repeated.

    #[inline]
    pub(super) fn field_start(&mut self) -> Option<()> {
        if self.position == self.record_start && self.is_comment(self.position) {
            self.begin_record(self.record_start, State::SkipLine);
            return Some(());
        }
        self.position = if self.trim { self.behind_spaces(self.position) } else { self.position };
        let byte = *self.buffer.get(self.position)?;
        self.form = Form::Plain;
        if byte == self.quote {
            self.may_span_lines = true;
            self.form = Form::Quoted;
            self.position += 1;
            self.state = State::Quoted;
        } else {
            self.state = State::Unquoted;
        }
        self.field_start = self.position;
        self.plain_from = self.position;
        Some(())
    }

    #[inline]
    pub(super) fn unquoted(&mut self) -> Option<()> {
        let Some(found) = self.find_special() else {
            self.position = self.buffer.len();
            return None;
        };
        let byte = *self.buffer.get(found)?;
        if Some(byte) == self.escape {
            self.position = found;
            self.unquoted_escape(found)?;
        } else if byte == self.delimiter {
            self.position = found;
            self.end_field(found);
        } else if byte == self.quote {
            self.position = found + 1;
            // A quote beyond the limit is not looked at: the record is cut before it.
            if self.quoting == Quoting::Strict && self.within_limit(self.position) {
                self.fault();
            }
        } else {
            let end = self.without_carriage_returns(found);
            if self.within_limit(end) {
                let next = self.line_break(found)?;
                self.end_record(end, next);
            } else {
                self.position = found;
            }
        }
        Some(())
    }

    /// Moves behind an escape outside quotes and what it escapes: a byte, or a line break of two.
    fn unquoted_escape(&mut self, found: usize) -> Option<()> {
        let is_known = |place: usize| place < self.buffer.len() || self.at_end;
        let next = self.buffer.get(found + 1);
        let behind = match next {
            Some(b'\r') if !is_known(found + 2) => return None,
            Some(b'\r') if self.buffer.get(found + 2) == Some(&b'\n') => found + 3,
            Some(_) => found + 2,
            None if self.at_end => found + 1,
            None => return None,
        };
        if self.form == Form::Plain {
            self.form = Form::Escaped;
        }
        self.escape();
        self.may_span_lines = true;
        self.position = behind;
        self.plain_from = behind;
        Some(())
    }

    #[inline]
    pub(super) fn quoted(&mut self) -> Option<()> {
        let rest = self.buffer.get(self.position..)?;
        let found = match self.escape {
            Some(escape) => memchr2(self.quote, escape, rest),
            None => memchr(self.quote, rest),
        };
        let Some(found) = found.map(|found| self.position + found) else {
            self.position = self.buffer.len();
            return None;
        };
        if self.escape == self.buffer.get(found).copied() {
            let is_whole = found + 1 < self.buffer.len();
            self.position = if is_whole { found + 2 } else { found };
            if !is_whole {
                return None;
            }
            self.escape();
            return Some(());
        }
        self.position = found + 1;
        self.state = State::QuoteInQuoted;
        Some(())
    }

    #[inline]
    pub(super) fn quote_in_quoted(&mut self) -> Option<()> {
        let behind = if self.trim { self.behind_spaces(self.position) } else { self.position };
        if !self.within_limit(behind) {
            self.position = behind;
            return Some(());
        }
        let Some(&byte) = self.buffer.get(behind) else {
            if !self.at_end {
                return None;
            }
            self.end_quoted_field(self.position - 1);
            self.close_record(behind, behind);
            return None;
        };
        if byte == self.quote && behind == self.position {
            self.escape();
            self.position += 1;
            self.state = State::Quoted;
        } else if byte == self.delimiter {
            self.end_quoted_field(self.position - 1);
            self.position = behind + 1;
        } else if self.breaks_line(byte, behind)? {
            let next = self.line_break_at(behind)?;
            self.end_quoted_field(self.position - 1);
            self.close_record(behind, next);
        } else if self.quoting == Quoting::Strict || self.spans_lines() {
            // Leniently read, a stray opening quote would make one value of all lines up to the next quote.
            self.fault();
        } else {
            self.escape();
            self.state = State::BehindQuotes;
            self.plain_from = self.position;
        }
        Some(())
    }

    /// The first place from `start` on that has neither a space nor a tab; a tab that delimits is neither.
    fn behind_spaces(&self, start: usize) -> usize {
        let rest = self.buffer.get(start..).unwrap_or_default();
        start + rest.iter().take_while(|byte| is_space(**byte) && **byte != self.delimiter).count()
    }

    /// Whether the field in progress has a line break in it.
    fn spans_lines(&self) -> bool {
        let field = self.bytes(self.field_start, self.position);
        match self.newline {
            Some(newline) => memchr(newline, field).is_some(),
            None => memchr2(b'\n', b'\r', field).is_some(),
        }
    }

    pub(super) fn faulty_line(&mut self) -> Option<()> {
        let found = self.find_line_break()?;
        self.field_start = self.record_start;
        self.plain_from = self.record_start;
        let end = self.without_carriage_returns(found);
        if self.within_limit(end) {
            let next = self.line_break(found)?;
            self.close_record(end, next);
        } else {
            self.position = found;
        }
        Some(())
    }

    pub(super) fn skip_line(&mut self) -> Option<()> {
        let next = self.find_line_break().and_then(|found| self.line_break(found));
        if let Some(next) = next {
            self.line += 1;
            self.skip_lines = self.skip_lines.saturating_sub(1);
            self.begin_record(next, if self.skip_lines > 0 { State::SkipLine } else { State::FieldStart });
            return Some(());
        }
        self.record_start = self.position;
        None
    }

    /// The next line break, quotes or not. Without one the position moves to the end of what is there.
    fn find_line_break(&mut self) -> Option<usize> {
        let rest = self.buffer.get(self.position..)?;
        let found = match self.newline {
            Some(newline) => memchr(newline, rest),
            None => memchr2(b'\n', b'\r', rest),
        };
        self.position = found.map_or(self.buffer.len(), |found| self.position + found);
        found.map(|_| self.position)
    }

    /// The next delimiter, quote, escape or line break.
    #[inline]
    fn find_special(&self) -> Option<usize> {
        let rest = self.buffer.get(self.position..)?;
        let found = if let (Some(newline), None) = (self.newline, self.escape) {
            memchr3(self.delimiter, self.quote, newline, rest)?
        } else {
            let breaks = self.newline.map_or([b'\n', b'\r'], |newline| [newline, newline]);
            let escape = self.escape.unwrap_or(self.quote);
            let wanted = |byte: &u8| [self.delimiter, self.quote, escape].contains(byte) || breaks.contains(byte);
            rest.iter().position(wanted)?
        };
        Some(self.position + found)
    }

    /// Whether `byte`, found at `place` behind a closing quote, ends the line. `None`: that hangs on the next byte.
    fn breaks_line(&self, byte: u8, place: usize) -> Option<bool> {
        match (byte, self.newline) {
            (b'\r', Some(b'\n')) => {
                let behind = self.behind_carriage_returns(place)?;
                Some(self.buffer.get(behind).is_none_or(|next| *next == b'\n'))
            }
            (b'\r' | b'\n', None) => Some(true),
            (byte, newline) => Some(newline == Some(byte)),
        }
    }

    /// The position behind the line break that begins at `found`; decides the file's line break if it is the first.
    #[inline]
    fn line_break(&mut self, found: usize) -> Option<usize> {
        if self.newline == Some(b'\n') { Some(found + 1) } else { self.line_break_at(found) }
    }

    fn line_break_at(&mut self, found: usize) -> Option<usize> {
        if self.newline == Some(b'\r') {
            let at_end = self.at_end.then_some(self.buffer.len());
            return behind_line_break(&self.buffer, found, b'\r').or(at_end);
        }
        let behind = self.behind_carriage_returns(found)?;
        let ends_in_line_feed = self.buffer.get(behind) == Some(&b'\n');
        if self.newline.is_none() {
            self.newline = Some(if ends_in_line_feed { b'\n' } else { b'\r' });
        }
        Some(if ends_in_line_feed { behind + 1 } else { found + 1 })
    }

    /// The position behind the carriage returns of a line break at `found`. `None`: that hangs on bytes to come.
    fn behind_carriage_returns(&self, found: usize) -> Option<usize> {
        let rest = self.buffer.get(found..)?;
        let count = rest.iter().take(CARRIAGE_RETURNS_MAX).take_while(|byte| **byte == b'\r').count();
        let behind = found + count;
        (count == 0 || behind < self.buffer.len() || self.at_end).then_some(behind)
    }

    /// The end of a record whose line break stands at `found`: carriage returns before a line feed belong to the break.
    #[inline]
    fn without_carriage_returns(&self, found: usize) -> usize {
        let newline = self.buffer.get(found).copied().unwrap_or_default();
        without_carriage_returns(&self.buffer, self.plain_from, found, newline)
    }
}
