//! The file's own reader, followed from one place on: where it finds rows to begin.
//! It does not know ranges.

use std::sync::Arc;

use lakegate_contract::{Contract, CsvDialect, Encoding, JsonDialect};

use super::chain::RowStart;
use crate::csv::{CsvBeginning, Split, Splitter};
use crate::decode::source_len;
use crate::json::{JsonReader, JsonState, Stand};
use crate::records::{BATCH_RECORDS, FieldMap};

/// A row that a track found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: RowStart,
    /// Counted from where the track began.
    pub(super) line: u64,
}

/// What a track came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It needs more text.
    Hungry,
    /// The text ends, and no row follows.
    End,
    /// The file cannot be read further.
    Error,
}

/// A reader on its way.
#[derive(Debug)]
pub(super) enum Track {
    Csv(Box<CsvTrack>),
    Json(Box<JsonTrack>),
}

/// A CSV splitter on its way.
#[derive(Debug)]
pub(super) struct CsvTrack {
    splitter: Splitter,
    encoding: Encoding,
    map: Arc<FieldMap>,
    /// What is to be added to the splitter's offsets, modulo 2^64: text that was put before the file's counts for nothing.
    base: u64,
    /// The first record is the rest of one that began before.
    skips_first: bool,
    at_end: bool,
}

/// A JSON reader on its way.
#[derive(Debug)]
pub(super) struct JsonTrack {
    reader: JsonReader,
    /// Text up to the first line break is passed over; the file's offset of what is passed over next.
    in_line: Option<u64>,
    encoding: Encoding,
    at_end: bool,
    start: Option<JsonStart>,
    /// The value that was told last.
    told: Option<u64>,
}

/// Where a JSON reader begins behind the line that is passed over.
#[derive(Debug)]
struct JsonStart {
    contract: Arc<Contract>,
    dialect: JsonDialect,
}

impl Track {
    pub(super) fn push(&mut self, text: &[u8]) {
        match self {
            Self::Csv(track) => track.splitter.push(text),
            Self::Json(track) => track.push(text),
        }
    }

    pub(super) fn end(&mut self) {
        match self {
            Self::Csv(track) => {
                track.at_end = true;
                track.splitter.end();
            }
            Self::Json(track) => {
                track.at_end = true;
                track.reader.end();
            }
        }
    }

    /// Hands rows to `take` until it wants no more, or there are none.
    pub(super) fn follow(&mut self, take: impl FnMut(Found) -> bool) -> Came {
        match self {
            Self::Csv(track) => track.follow(take),
            Self::Json(track) => track.follow(take),
        }
    }
}

impl CsvTrack {
    /// From a record's start, or from where the rows begin.
    pub(super) fn exact(dialect: &CsvDialect, encoding: Encoding, known: &CsvBeginning, start: Option<u64>) -> Self {
        let splitter = known.splitter(Splitter::new(dialect, encoding), start.map(|offset| (offset, 1)));
        Self { splitter, encoding, map: Arc::default(), base: 0, skips_first: false, at_end: false }
    }

    /// From a place in the midst of a line, on from the line's end.
    pub(super) fn in_line(dialect: &CsvDialect, encoding: Encoding, known: &CsvBeginning, offset: u64) -> Self {
        let mut track = Self::exact(dialect, encoding, known, Some(offset));
        track.splitter = track.splitter.in_line();
        track
    }

    /// From a place in the midst of a record, as if `before` were its beginning.
    pub(super) fn behind(
        dialect: &CsvDialect,
        encoding: Encoding,
        known: &CsvBeginning,
        offset: u64,
        before: &[u8],
    ) -> Self {
        let mut track = Self::exact(dialect, encoding, known, Some(0));
        track.splitter.push(before);
        track.base = offset.wrapping_sub(source_len(encoding, before));
        track.skips_first = true;
        track
    }

    fn follow(&mut self, mut take: impl FnMut(Found) -> bool) -> Came {
        loop {
            let split = self.splitter.split(BATCH_RECORDS);
            if self.splitter.records().is_empty() {
                return if self.at_end { Came::End } else { Came::Hungry };
            }
            let batch = self.splitter.take_batch(&self.map);
            let (mut place, mut offset) = (0, self.base.wrapping_add(batch.offset));
            for record in &batch.records {
                offset = offset.wrapping_add(source_len(self.encoding, batch.bytes(place, record.start)));
                place = record.start;
                if std::mem::take(&mut self.skips_first) {
                    continue;
                }
                if !take(Found { start: RowStart::new(offset), line: record.line }) {
                    return Came::Hungry;
                }
            }
            match split {
                Split::Full => {}
                Split::Hungry if self.at_end => return Came::End,
                Split::Hungry => return Came::Hungry,
            }
        }
    }
}

impl JsonTrack {
    /// From the file's beginning.
    pub(super) fn from_beginning(contract: &Contract, dialect: &JsonDialect, encoding: Encoding, offset: u64) -> Self {
        let reader = JsonReader::new(contract, dialect).beginning_at(offset);
        Self { reader, in_line: None, encoding, at_end: false, start: None, told: None }
    }

    /// From a value on.
    pub(super) fn exact(contract: &Contract, dialect: &JsonDialect, encoding: Encoding, start: RowStart) -> Self {
        let reader = JsonReader::within(contract, dialect, (start.offset, 1), start.state.unwrap_or_default());
        Self { reader, in_line: None, encoding, at_end: false, start: None, told: None }
    }

    /// From a place in the midst of a line, on from the line's end.
    pub(super) fn in_line(contract: &Arc<Contract>, dialect: &JsonDialect, encoding: Encoding, offset: u64) -> Self {
        let reader = JsonReader::within(contract, dialect, (offset, 1), JsonState::default());
        let start = JsonStart { contract: Arc::clone(contract), dialect: dialect.clone() };
        Self { reader, in_line: Some(offset), encoding, at_end: false, start: Some(start), told: None }
    }

    fn push(&mut self, mut text: &[u8]) {
        if let Some(offset) = &mut self.in_line {
            let newline = memchr::memchr(b'\n', text);
            let (passed, rest) = text.split_at(newline.map_or(text.len(), |found| found + 1));
            *offset += source_len(self.encoding, passed);
            if newline.is_none() {
                return;
            }
            if let Some(JsonStart { contract, dialect }) = self.start.take() {
                self.reader = JsonReader::within(&contract, &dialect, (*offset, 1), JsonState::default());
            }
            self.in_line = None;
            text = rest;
        }
        self.reader.push(text);
    }

    fn follow(&mut self, mut take: impl FnMut(Found) -> bool) -> Came {
        if self.in_line.is_some() {
            return if self.at_end { Came::End } else { Came::Hungry };
        }
        loop {
            match self.reader.stand() {
                Stand::Value(offset, line) => {
                    // A value is told once, also if its end is not there yet.
                    if self.told.replace(offset) != Some(offset)
                        && !take(Found { start: RowStart::with_state(offset, self.reader.state()), line })
                    {
                        return Came::Hungry;
                    }
                }
                Stand::Between => {}
                Stand::Hungry => return Came::Hungry,
                Stand::End => return Came::End,
                Stand::Failed(_) => return Came::Error,
            }
            if !self.reader.pass() {
                return match self.reader.stand() {
                    Stand::Failed(_) => Came::Error,
                    Stand::Value(..) | Stand::Between | Stand::Hungry | Stand::End if self.at_end => Came::End,
                    Stand::Value(..) | Stand::Between | Stand::Hungry | Stand::End => Came::Hungry,
                };
            }
        }
    }
}
