//! How reading begins at a value in the midst of a JSON file, and from value to value where only their places are asked for.
//! It does not know ranges.

use lakegate_contract::{Contract, JsonDialect, JsonFraming};
use serde::{Deserialize, Serialize};

use super::resync::LinePlace;
use super::{DROPPED_BYTES, Expected, JsonReader, MATCHING_BYTES_MAX};
use crate::FileError;
use crate::decode::source_len;

/// What hangs on the text before a value, and decides where it ends if it is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JsonState {
    /// The value's place in its line.
    place: LinePlace,
    /// The place of the last object before it.
    object_place: LinePlace,
    matching_bytes: usize,
}

impl Default for JsonState {
    /// At the beginning of a line, behind others of a file of one object per line.
    fn default() -> Self {
        let place = LinePlace::default();
        Self { place, object_place: place, matching_bytes: MATCHING_BYTES_MAX }
    }
}

/// Where a reader stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// At a value: the file's offset and the line.
    Value(u64, u64),
    /// Somewhere else.
    Between,
    /// Nothing is left, and more text may come.
    Hungry,
    /// The file is at its end.
    End,
    Failed(FileError),
}

impl JsonReader {
    /// Begins at a value, or at the beginning of a line, in the midst of a file that is no array.
    pub(crate) fn within(contract: &Contract, dialect: &JsonDialect, start: (u64, u64), state: JsonState) -> Self {
        let mut reader = Self::new(contract, dialect);
        (reader.buffer_offset, reader.line) = start;
        reader.expected = reader.expected_value();
        (reader.place, reader.object_place) = (state.place, state.object_place);
        reader.matching_bytes = state.matching_bytes;
        reader
    }

    /// Begins at a file's first byte, so many bytes behind which its text begins.
    pub(crate) fn beginning_at(mut self, offset: u64) -> Self {
        self.buffer_offset = offset;
        self
    }

    fn expected_value(&self) -> Expected {
        match self.framing {
            JsonFraming::Lines => Expected::Line,
            JsonFraming::ByContent | JsonFraming::Array => Expected::Value,
        }
    }

    /// What the reader stands at. A value is read by [`Self::pass`].
    pub(crate) fn stand(&mut self) -> Stand {
        if let Some(error) = &self.error {
            return Stand::Failed(error.clone());
        }
        match self.expected {
            Expected::Line | Expected::Value => {}
            Expected::Beginning
            | Expected::FirstElement
            | Expected::Element
            | Expected::Separator
            | Expected::Nothing
            | Expected::RestOfLine
            | Expected::RestOfValue(..)
            | Expected::LineOfRecord(..) => return Stand::Between,
        }
        if self.skip_blanks().is_none() {
            return if self.at_end { Stand::End } else { Stand::Hungry };
        }
        self.count_lines(self.position);
        let (at, offset) = self.stood_at.unwrap_or((0, self.buffer_offset));
        let passed = self.buffer.get(at..self.position).unwrap_or_default();
        let offset = offset + source_len(self.encoding, passed);
        self.stood_at = Some((self.position, offset));
        Stand::Value(offset, self.line)
    }

    /// Goes on by a step. Whether that was possible: else more text is needed, or nothing is left.
    pub(crate) fn pass(&mut self) -> bool {
        let is_passed = self.step();
        // Moving what is left of a long value with every piece of it would cost its length squared.
        let is_far = !self.records.is_empty() || self.position >= DROPPED_BYTES || self.position == self.buffer.len();
        if self.is_full() || (!is_passed && is_far) {
            self.take_batch();
        }
        is_passed
    }

    /// What is to be known where the reader stands to go on from there.
    pub(crate) fn state(&mut self) -> JsonState {
        if self.framing == JsonFraming::Lines {
            return JsonState::default();
        }
        let object_place = self.last_object_place();
        JsonState { place: self.place_of(self.position), object_place, matching_bytes: self.matching_bytes }
    }

    /// Whether the first of the values that were passed last is written over several lines.
    pub(crate) fn spans_lines(&self) -> Option<bool> {
        let first = self.records.first()?;
        Some(memchr::memchr(b'\n', self.buffer.get(first.start..first.end).unwrap_or_default()).is_some())
    }

    /// Whether the file is an array, as far as was read.
    pub(crate) const fn is_array(&self) -> bool {
        self.in_array
    }
}
