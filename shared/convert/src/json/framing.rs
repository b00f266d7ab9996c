//! The steps of the reader: what stands around and between records, and where reading goes on behind a bad one.
//! It does not know columns.

use lakegate_contract::{JsonFraming, Rule};
use memchr::memchr;

use super::flaw::Flaw;
use super::record::Target;
use super::resync::{End, LinePlace, NextLine, Surroundings, find_end, next_line, record_begins, trimmed};
use super::scan::{Scanner, Stop, is_blank};
use super::skip::{Skipped, Skipping};
use super::{Expected, JsonReader};
use crate::FileErrorKind;
use crate::records::character_boundary;

/// The byte before a record of an RFC 7464 stream.
const RECORD_SEPARATOR: u8 = 0x1E;

impl JsonReader {
    // Every step returns false when it needs bytes that are not there yet, or when nothing is left; it can be repeated.

    pub(super) fn step(&mut self) -> bool {
        match &self.expected {
            Expected::RestOfLine => return self.rest_of_line(),
            Expected::RestOfValue(..) => return self.rest_of_value(),
            Expected::LineOfRecord(place, blanks) => return self.line_of_record(*place, *blanks),
            Expected::Beginning
            | Expected::Line
            | Expected::Value
            | Expected::FirstElement
            | Expected::Element
            | Expected::Separator
            | Expected::Nothing => {}
        }
        let Some(byte) = self.skip_blanks() else {
            return self.at_end && self.end_file();
        };
        if self.is_full() {
            return true;
        }
        match self.expected {
            Expected::Beginning => self.begin(byte),
            Expected::Line => self.line(None),
            Expected::Nothing => self.line(Some(Flaw::BehindArray)),
            Expected::FirstElement | Expected::Separator if byte == b']' => self.behind(Expected::Nothing),
            Expected::FirstElement if byte == b',' => self.empty_element(Expected::FirstElement),
            // The array's end if nothing is behind it; a wrong byte among the elements must not cost what is behind it.
            Expected::Element if byte == b']' => self.bad_value(Flaw::EmptyElement),
            Expected::Element if byte == b',' => self.empty_element(Expected::Element),
            Expected::Value | Expected::FirstElement | Expected::Element => self.value(None),
            Expected::Separator if byte == b',' => self.behind(Expected::Element),
            Expected::Separator => self.value(Some(Flaw::NoCommaBefore)),
            Expected::RestOfLine | Expected::RestOfValue(..) | Expected::LineOfRecord(..) => false,
        }
    }

    /// The next byte that is no blank; the position is at it, or behind all bytes.
    #[inline]
    pub(super) fn skip_blanks(&mut self) -> Option<u8> {
        loop {
            let byte = *self.buffer.get(self.position)?;
            if !is_blank(byte) && byte != RECORD_SEPARATOR {
                return Some(byte);
            }
            self.position += 1;
        }
    }

    fn begin(&mut self, byte: u8) -> bool {
        self.in_array = byte == b'[' && self.framing != JsonFraming::Lines;
        match self.framing {
            JsonFraming::Lines => self.expected = Expected::Line,
            JsonFraming::Array | JsonFraming::ByContent if self.in_array => return self.behind(Expected::FirstElement),
            JsonFraming::ByContent => self.expected = Expected::Value,
            JsonFraming::Array => {
                let message = "the file is no JSON array, and the contract says that it is one";
                return self.fail(FileErrorKind::WrongFormat, message);
            }
        }
        true
    }

    /// Goes on behind the byte at the position.
    fn behind(&mut self, expected: Expected) -> bool {
        self.position += 1;
        self.expected = expected;
        true
    }

    fn empty_element(&mut self, expected: Expected) -> bool {
        self.add_record(self.position, self.position + 1, Some(Flaw::EmptyElement));
        self.behind(expected)
    }

    fn behind_value(&self) -> Expected {
        if self.in_array { Expected::Separator } else { Expected::Value }
    }

    /// A value at the position. `flaw` is what is wrong with where it stands.
    #[inline]
    fn value(&mut self, flaw: Option<Flaw>) -> bool {
        let start = self.position;
        if self.buffer.len() - start < self.wanted && !self.at_end {
            return false;
        }
        let limit = self.buffer.len().min(start.saturating_add(self.max_record_bytes));
        let is_full = limit < self.buffer.len();
        let mut scanner = Scanner::new(self.buffer.get(..limit).unwrap_or_default(), start, self.at_end && !is_full);
        let (first_field, aside) = (self.fields.len(), self.aside.len());
        let read = self.reader.read(&mut scanner, &mut Target { fields: &mut self.fields, aside: &mut self.aside });
        let end = scanner.position;
        let flaw = read.map(|found| flaw.or(found));
        if flaw != Ok(None) {
            self.fields.truncate(first_field);
            self.aside.truncate(aside);
        }
        match flaw {
            Ok(flaw) => {
                if self.buffer.get(start) == Some(&b'{') {
                    self.object_at = Some(start);
                }
                self.add_record(start, end, flaw);
                self.position = end;
                self.expected = self.behind_value();
                true
            }
            Err(Stop::Flawed(flaw)) => self.bad_value(flaw),
            Err(Stop::Hungry) if is_full => self.long_value(),
            Err(Stop::Hungry) => self.want_more(limit),
        }
    }

    /// Waits until there is twice as much of the value: looking at it again with every piece would cost its length squared.
    fn want_more(&mut self, limit: usize) -> bool {
        self.wanted = ((limit - self.position) * 2).min(self.max_record_bytes.saturating_add(1));
        false
    }

    /// A value that is no JSON.
    fn bad_value(&mut self, flaw: Flaw) -> bool {
        let start = self.position;
        let limit = self.buffer.len().min(start.saturating_add(self.max_record_bytes));
        let is_full = limit < self.buffer.len();
        // What is no object does not tell where objects begin.
        let object_place = self.last_object_place();
        let own_place = self.place_of(start);
        let is_object = self.buffer.get(start) == Some(&b'{');
        // Nor does one within a line, if the objects before stood on lines of their own.
        let is_own = own_place.is_first() || !object_place.is_first() || object_place == LinePlace::default();
        let place = if is_object && is_own { own_place } else { object_place };
        let matching_max = self.matching_bytes;
        let around =
            Surroundings { matching_max, in_array: self.in_array, place, at_end: self.at_end && !is_full, is_full };
        let text = self.buffer.get(start..limit).unwrap_or_default();
        let (found, matched) = find_end(text, around);
        if found != End::Hungry {
            self.matching_bytes = self.matching_bytes.saturating_sub(matched);
        }
        let text = self.buffer.get(start..limit).unwrap_or_default();
        match found {
            End::Found { end, next, next_is_value } => {
                self.add_record(start, start + end, Some(flaw));
                self.position = start + next;
                self.expected = if next_is_value && self.in_array { Expected::Element } else { self.behind_value() };
                true
            }
            End::Hungry => self.want_more(limit),
            End::None => {
                let line = text.get(memchr::memrchr(b'\n', text).map_or(text.len(), |newline| newline + 1)..);
                let line = line.filter(|line| text.len() > line.len() && line.iter().all(|byte| is_blank(*byte)));
                let blanks = line.map(<[u8]>::len);
                self.cut(Expected::LineOfRecord(place, blanks));
                true
            }
            End::WithText => {
                let end = trimmed(text, text.len(), self.in_array);
                let is_closed = text.get(end - 1) == Some(&b']');
                if self.in_array && !is_closed {
                    self.position = limit;
                    return self.truncated();
                }
                let end = if self.in_array { trimmed(text, end - 1, true) } else { end };
                self.add_record(start, start + end, Some(flaw));
                self.position = limit;
                self.expected = if self.in_array { Expected::Nothing } else { Expected::Value };
                true
            }
        }
    }

    /// A value that is too long, and JSON as far as it was looked at.
    fn long_value(&mut self) -> bool {
        self.last_object_place();
        let place = self.place_of(self.position);
        let end = self.position + self.max_record_bytes;
        let mut skipping = Skipping::default();
        let seen = self.buffer.get(self.position..end).unwrap_or_default();
        let expected = match skipping.skip(seen, place) {
            Skipped::More => Expected::RestOfValue(skipping, place),
            // A number or a word of such a length.
            Skipped::Closed(_) | Skipped::Lost(..) => Expected::LineOfRecord(place, None),
        };
        self.cut(expected);
        true
    }

    /// Ends a record that is too long, and the batch, so that what is behind it is not kept.
    fn cut(&mut self, expected: Expected) {
        let start = self.position;
        let limit = start + self.max_record_bytes;
        let end = character_boundary(&self.buffer, start, limit);
        self.add_record(self.position, end, Some(Flaw::TooLong));
        self.position = end;
        self.expected = expected;
        self.passed = None;
        self.ends_batch = true;
    }

    fn rest_of_value(&mut self) -> bool {
        let Expected::RestOfValue(skipping, place) = &mut self.expected else { return false };
        let place = *place;
        let rest = self.buffer.get(self.position..).unwrap_or_default();
        match skipping.skip(rest, place) {
            Skipped::Closed(behind) => {
                self.position += behind;
                self.expected = self.behind_value();
                true
            }
            Skipped::Lost(at, column) => {
                self.position += at;
                self.expected = Expected::LineOfRecord(place, column);
                true
            }
            Skipped::More => {
                self.position = self.buffer.len();
                if self.at_end { self.truncated() } else { false }
            }
        }
    }

    fn line_of_record(&mut self, place: LinePlace, blanks: Option<usize>) -> bool {
        let around =
            Surroundings { in_array: self.in_array, place, at_end: self.at_end, is_full: false, matching_max: 0 };
        let rest = self.buffer.get(self.position..).unwrap_or_default();
        let begins = blanks.map_or(NextLine::None, |blanks| record_begins(rest, blanks, around));
        let next = match begins {
            NextLine::At(at) => NextLine::At(self.position + at),
            NextLine::Hungry if !self.at_end => {
                self.expected = Expected::LineOfRecord(place, blanks.map(|blanks| blanks + rest.len()));
                self.position = self.buffer.len();
                return false;
            }
            NextLine::Hungry | NextLine::None => next_line(&self.buffer, self.position, around),
        };
        self.expected = Expected::LineOfRecord(place, None);
        let passed_to = match next {
            NextLine::At(next) => next,
            NextLine::Hungry => memchr::memrchr(b'\n', &self.buffer).unwrap_or_default(),
            NextLine::None => self.buffer.len(),
        };
        let passed = self.buffer.get(self.position..passed_to).unwrap_or_default();
        self.passed = passed.iter().rev().find(|byte| !is_blank(**byte)).copied().or(self.passed);
        self.position = passed_to;
        match next {
            NextLine::At(_) => {
                self.expected = if self.in_array { Expected::Element } else { Expected::Value };
                return true;
            }
            NextLine::Hungry | NextLine::None if !self.at_end => return false,
            NextLine::Hungry | NextLine::None => {}
        }
        let is_whole = if self.in_array { self.passed == Some(b']') } else { true };
        if !is_whole || !place.is_first() {
            let message = "the end of a value that is longer than maxRecordBytes cannot be found";
            return self.fail(FileErrorKind::WrongFormat, message);
        }
        self.expected = if self.in_array { Expected::Nothing } else { Expected::Value };
        true
    }

    /// The line at the position, from its first byte that is no blank: a value and nothing else, or nothing that is wanted.
    fn line(&mut self, flaw: Option<Flaw>) -> bool {
        let start = self.position;
        let rest = self.buffer.get(start..).unwrap_or_default();
        let newline = memchr(b'\n', rest.get(self.wanted..).unwrap_or_default()).map(|found| self.wanted + found);
        let line = rest.get(..newline.unwrap_or(rest.len())).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if newline.is_none() && !self.at_end && rest.len() <= self.max_record_bytes.saturating_add(1) {
            self.wanted = rest.len();
            return false;
        }
        if line.len() > self.max_record_bytes {
            self.cut(Expected::RestOfLine);
            return true;
        }
        let end = start + line.len();
        let behind = newline.map_or(self.buffer.len(), |newline| start + newline + 1);
        let flaw = flaw.or_else(|| self.value_of_line(end));
        let end = start + trimmed(self.buffer.get(start..end).unwrap_or_default(), end - start, false);
        self.add_record(start, end, flaw);
        self.position = behind;
        true
    }

    /// Reads the value between the position and `end`; what is wrong with it.
    fn value_of_line(&mut self, end: usize) -> Option<Flaw> {
        let mut scanner = Scanner::new(self.buffer.get(..end).unwrap_or_default(), self.position, true);
        let (first_field, aside) = (self.fields.len(), self.aside.len());
        let read = self.reader.read(&mut scanner, &mut Target { fields: &mut self.fields, aside: &mut self.aside });
        let flaw = match read {
            // A line that is no JSON is told as such, whatever else is wrong with its object.
            Ok(flaw) if flaw.is_none_or(|flaw| flaw.rule() != Rule::Syntax) && scanner.skip_blanks().is_ok() => {
                Some(Flaw::BehindValue)
            }
            Ok(flaw) => flaw,
            Err(Stop::Flawed(flaw)) => Some(flaw),
            Err(Stop::Hungry) => Some(Flaw::Cut),
        };
        if flaw.is_some() {
            self.fields.truncate(first_field);
            self.aside.truncate(aside);
        }
        flaw
    }

    fn rest_of_line(&mut self) -> bool {
        let rest = self.buffer.get(self.position..).unwrap_or_default();
        let newline = memchr(b'\n', rest);
        self.position = newline.map_or(self.buffer.len(), |found| self.position + found + 1);
        if newline.is_some() {
            self.expected = if self.in_array { Expected::Nothing } else { Expected::Line };
        }
        newline.is_some()
    }

    /// Nothing but blanks is left.
    fn end_file(&mut self) -> bool {
        match self.expected {
            Expected::Beginning if self.framing == JsonFraming::Array => {
                self.fail(FileErrorKind::EmptyFile, "the file is empty, and the contract says that it is a JSON array")
            }
            Expected::FirstElement | Expected::Element | Expected::Separator => self.truncated(),
            Expected::Beginning
            | Expected::Line
            | Expected::Value
            | Expected::Nothing
            | Expected::RestOfLine
            | Expected::RestOfValue(..)
            | Expected::LineOfRecord(..) => false,
        }
    }

    fn truncated(&mut self) -> bool {
        let message = if self.in_array {
            "the file ends inside its array: it was cut off"
        } else {
            "the file ends inside a value: it was cut off"
        };
        self.fail(FileErrorKind::Truncated, message)
    }
}
