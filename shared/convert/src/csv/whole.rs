//! Records that lie whole in the buffer and are written as RFC 4180 says: the usual ones, found as fast as may be.
//! It does not know errors: whatever is odd is left to the steps of the state machine, which read the record again.

use super::specials::Specials;
use super::splitter::{CARRIAGE_RETURNS_MAX, Splitter, State};
use crate::records::{Field, Form, Record};

/// What is known of the record in progress.
#[derive(Debug)]
struct Open {
    record_start: usize,
    field_start: usize,
    first_field: usize,
    /// The line on which it starts.
    line: u64,
    /// Line breaks in its quotes so far.
    breaks: u64,
}

/// What ended a quoted field.
enum Closed {
    Field,
    /// The record, too; its line break begins at the first place and ends at the second.
    Record(usize, usize),
}

impl Splitter {
    /// Takes records from the current one on, until `max_records` are there or one is not whole, or odd. Leaves the splitter at
    /// the start of a record.
    pub(super) fn take_whole_records(&mut self, newline: u8, max_records: usize) {
        let plain = [self.delimiter, self.quote, newline];
        if let Some(escape) = self.escape {
            let [delimiter, quote, newline] = plain;
            self.take_plain_records([delimiter, quote, newline, escape], newline, max_records);
        } else {
            self.take_plain_records(plain, newline, max_records);
        }
    }

    /// As above; what is `wanted` are the bytes that mean anything.
    fn take_plain_records<const N: usize>(&mut self, wanted: [u8; N], newline: u8, max_records: usize) {
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = buffer.as_slice();
        let mut specials = Specials::new(wanted, bytes, self.record_start);
        let mut open = Open {
            record_start: self.record_start,
            field_start: self.record_start,
            first_field: self.fields.len(),
            line: self.line,
            breaks: 0,
        };
        while let Some(found) = specials.next() {
            let byte = bytes.get(found).copied().unwrap_or_default();
            if byte == self.delimiter {
                self.fields.push(Field::new(open.field_start, found, Form::Plain));
                open.field_start = found + 1;
                continue;
            }
            let is_full = if byte == newline {
                let end = without_carriage_returns(bytes, open.field_start, found, newline);
                // A blank line is no record.
                if end > open.record_start {
                    if self.trim && self.fields.len() == open.first_field {
                        break;
                    }
                    self.fields.push(Field::new(open.field_start, end, Form::Plain));
                }
                let Some(next) = behind_line_break(bytes, found, newline) else { break };
                self.end_whole_record(&mut open, end, next, max_records)
            } else if byte == self.quote && found == open.field_start {
                match self.quoted_field(bytes, &mut specials, &mut open, newline) {
                    Some(Closed::Field) => continue,
                    Some(Closed::Record(end, next)) => self.end_whole_record(&mut open, end, next, max_records),
                    None => break,
                }
            } else {
                break;
            };
            let Some(is_full) = is_full else { break };
            if is_full || (self.comment.is_some() && self.comment == bytes.get(open.record_start).copied()) {
                break;
            }
        }
        self.fields.truncate(open.first_field);
        self.buffer = buffer;
        self.line = open.line;
        self.begin_record(open.record_start, State::FieldStart);
    }

    /// Takes the field whose opening quote stands at its start. `None`: it does not end here, or not as RFC 4180 says.
    #[inline]
    fn quoted_field<const N: usize>(
        &mut self,
        bytes: &[u8],
        specials: &mut Specials<'_, N>,
        open: &mut Open,
        newline: u8,
    ) -> Option<Closed> {
        let opening = open.field_start;
        let mut form = Form::Quoted;
        loop {
            let found = specials.next()?;
            let byte = *bytes.get(found)?;
            if byte != self.quote {
                if Some(byte) == self.escape {
                    return None;
                }
                open.breaks += u64::from(byte == newline);
                continue;
            }
            let next = *bytes.get(found + 1)?;
            if next == self.quote {
                specials.next();
                form = Form::Escaped;
                continue;
            }
            let (start, end) = if form == Form::Quoted { (opening + 1, found) } else { (opening, found + 1) };
            let field = Field::new(start, end, form);
            if next == self.delimiter {
                specials.next();
                self.fields.push(field);
                open.field_start = found + 2;
                return Some(Closed::Field);
            }
            let line_break = if next == b'\r' && newline == b'\n' { specials.next()? } else { found + 1 };
            let is_break = bytes.get(line_break) == Some(&newline)
                && without_carriage_returns(bytes, found + 1, line_break, newline) == found + 1;
            if !is_break {
                return None;
            }
            if line_break == found + 1 {
                specials.next();
            }
            let next = behind_line_break(bytes, line_break, newline)?;
            self.fields.push(field);
            return Some(Closed::Record(found + 1, next));
        }
    }

    /// Ends the record at `end`; the next one begins at `next`. `None`: it is too long. Else whether the batch is full.
    #[inline]
    fn end_whole_record(&mut self, open: &mut Open, end: usize, next: usize, max_records: usize) -> Option<bool> {
        if end > open.record_start {
            if end - open.record_start > self.max_record_bytes {
                return None;
            }
            self.records.push(Record {
                start: open.record_start,
                end,
                first_field: open.first_field,
                field_count: self.fields.len() - open.first_field,
                line: open.line,
                fault: None,
            });
        }
        open.line += open.breaks + 1;
        open.breaks = 0;
        open.record_start = next;
        open.field_start = next;
        open.first_field = self.fields.len();
        Some(self.is_full(max_records, next))
    }
}

/// The place behind the line break that ends at `found`. `None`: that hangs on the next byte. A line feed never begins a line.
#[inline]
pub(super) fn behind_line_break(bytes: &[u8], found: usize, newline: u8) -> Option<usize> {
    if newline == b'\n' {
        return Some(found + 1);
    }
    bytes.get(found + 1).map(|next| found + 1 + usize::from(*next == b'\n'))
}

/// The end of a line whose line break stands at `found`: carriage returns before a line feed belong to the break.
#[inline]
pub(super) fn without_carriage_returns(bytes: &[u8], start: usize, found: usize, newline: u8) -> usize {
    if newline != b'\n' {
        return found;
    }
    let line = bytes.get(start..found).unwrap_or_default();
    match line {
        [.., before, b'\r'] => found - 1 - usize::from(*before == b'\r' && CARRIAGE_RETURNS_MAX > 1),
        [b'\r'] => found - 1,
        _ => found,
    }
}
