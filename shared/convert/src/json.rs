//! JSON: pushed text to batches of records, and which of their fields belongs to which column.
//! It does not know what a value means.

mod begin;
mod flaw;
mod framing;
mod keys;
mod record;
mod resync;
mod scan;
mod skip;
mod text;

use std::borrow::Cow;
use std::sync::Arc;

use lakegate_contract::{Contract, Encoding, JsonDialect, JsonFraming};

use crate::decode::source_len;
use crate::records::{BATCH_RECORDS, Batch, Escaping, Field, FieldMap, Record, batch_bytes};
use crate::{FileError, FileErrorKind};
pub(crate) use begin::{JsonState, Stand};
pub(crate) use flaw::Flaw;
use record::RecordReader;
use resync::LinePlace;
use skip::Skipping;

pub(crate) use keys::{Key, Keys};
pub(crate) use record::{shown, unknown_key_message};
pub(crate) use scan::{Scanner, Step, Stop, is_blank};
pub(crate) use text::unescape;

/// Bytes that are read and belong to no record are let go in pieces of this size.
const DROPPED_BYTES: usize = 64 * 1024;

/// The most that is put by for bad values, and how much is put by for each byte of a record.
const MATCHING_BYTES_MAX: usize = 1024 * 1024;
const MATCHING_BYTES_PER_BYTE: usize = 16;

/// What comes next in the file.
#[derive(Debug)]
enum Expected {
    /// The first byte.
    Beginning,
    /// A line with a value.
    Line,
    /// A value.
    Value,
    /// A value of the array, or the array's end.
    FirstElement,
    /// A value of the array: a comma came.
    Element,
    /// A comma, or the array's end.
    Separator,
    /// Nothing: the array has ended.
    Nothing,
    /// The rest of a line that is too long.
    RestOfLine,
    /// The rest of a value that is too long.
    RestOfValue(Skipping, LinePlace),
    /// A line that begins as records do: the value before, whose place this is, has no end. The number of blanks that the line in
    /// progress began with, if nothing else has come on it.
    LineOfRecord(LinePlace, Option<usize>),
}

/// Reads a JSON file. Push its text in order, take batches after each push.
///
/// It holds the text of the current batch and of the record that is not complete yet.
#[derive(Debug)]
pub(crate) struct JsonReader {
    framing: JsonFraming,
    max_record_bytes: usize,
    batch_bytes: usize,
    reader: RecordReader,
    map: Arc<FieldMap>,
    buffer: Vec<u8>,
    /// The encoding that the text was in, for offsets.
    encoding: Encoding,
    /// The unpacked file's offset of the buffer's first byte.
    buffer_offset: u64,
    /// The place in its line of the byte at `placed_at`, before which no place is asked for any more.
    place: LinePlace,
    placed_at: usize,
    /// The place of the last object before the buffer's first byte.
    object_place: LinePlace,
    /// Where the last object begins, if its place is not known yet.
    object_at: Option<usize>,
    position: usize,
    /// The place of a value, and where that is in the file.
    stood_at: Option<(usize, u64)>,
    /// Bytes that must be there before a value is looked at again: it was not complete with half as many.
    wanted: usize,
    /// The line of the byte at `line_at`, from 1.
    line: u64,
    line_at: usize,
    /// Bytes in which the ends of bad values may be looked for: some for each byte read, so that the work is bounded by the file.
    matching_bytes: usize,
    at_end: bool,
    in_array: bool,
    expected: Expected,
    /// The last byte that was passed over in search of a line.
    passed: Option<u8>,
    /// The batch ends here: what comes next is not kept.
    ends_batch: bool,
    error: Option<FileError>,
    fields: Vec<Field>,
    aside: Vec<u8>,
    notes: Vec<(usize, Cow<'static, str>)>,
    records: Vec<Record>,
}

impl JsonReader {
    pub(crate) fn new(contract: &Contract, dialect: &JsonDialect) -> Self {
        let (reader, map) = RecordReader::new(contract);
        Self {
            framing: dialect.framing,
            max_record_bytes: dialect.max_record_bytes,
            batch_bytes: batch_bytes(&contract.columns),
            reader,
            map: Arc::new(map),
            buffer: Vec::new(),
            encoding: contract.landing.encoding,
            buffer_offset: 0,
            place: LinePlace::default(),
            placed_at: 0,
            matching_bytes: MATCHING_BYTES_MAX,
            object_place: LinePlace::default(),
            object_at: None,
            position: 0,
            stood_at: None,
            wanted: 0,
            line: 1,
            line_at: 0,
            at_end: false,
            in_array: false,
            expected: Expected::Beginning,
            passed: None,
            ends_batch: false,
            error: None,
            fields: Vec::new(),
            aside: Vec::new(),
            notes: Vec::new(),
            records: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, text: &[u8]) {
        self.buffer.extend_from_slice(text);
    }

    /// No more text will come.
    pub(crate) fn end(&mut self) {
        self.at_end = true;
    }

    /// The next full batch, and at the end what is left. `None`: more text is needed, or nothing is left.
    ///
    /// # Errors
    /// The file is not what its contract says, or ends too early; the records before are given first.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, FileError> {
        while self.error.is_none() && !self.is_full() && self.step() {}
        let is_last = self.at_end || self.error.is_some();
        if self.is_full() || (is_last && !self.records.is_empty()) {
            return Ok(Some(self.take_batch()));
        }
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if self.records.is_empty() && (self.position >= DROPPED_BYTES || self.position == self.buffer.len()) {
            self.drop_read();
        }
        Ok(None)
    }

    fn is_full(&self) -> bool {
        let Some(first) = self.records.first() else { return false };
        self.ends_batch || self.records.len() >= BATCH_RECORDS || self.position - first.start >= self.batch_bytes
    }

    fn take_batch(&mut self) -> Batch {
        let (offset, bytes) = (self.buffer_offset, self.drop_read());
        self.ends_batch = false;
        Batch {
            bytes,
            offset,
            records: replaced(&mut self.records),
            fields: replaced(&mut self.fields),
            map: Arc::clone(&self.map),
            escaping: Escaping::Json,
            aside: std::mem::take(&mut self.aside),
            notes: std::mem::take(&mut self.notes),
        }
    }

    /// Lets go of the bytes before the position.
    fn drop_read(&mut self) -> Vec<u8> {
        self.count_lines(self.position);
        self.line_at = 0;
        self.last_object_place();
        self.place_of(self.position);
        // The next batch will be as large as this one.
        let mut rest = Vec::with_capacity(self.buffer.capacity());
        rest.extend_from_slice(self.buffer.get(self.position..).unwrap_or_default());
        let mut read = std::mem::replace(&mut self.buffer, rest);
        read.truncate(self.position);
        self.buffer_offset += source_len(self.encoding, &read);
        self.placed_at = 0;
        self.stood_at = None;
        self.position = 0;
        read
    }

    /// The place in its line of the byte at `at`. To be asked in the order of the bytes, so that each is looked at once.
    fn place_of(&mut self, at: usize) -> LinePlace {
        self.place = self.place.behind(self.buffer.get(self.placed_at..at).unwrap_or_default());
        self.placed_at = at;
        self.place
    }

    /// The place of the last object before the position.
    fn last_object_place(&mut self) -> LinePlace {
        if let Some(start) = self.object_at.take() {
            self.object_place = self.place_of(start);
        }
        self.object_place
    }

    fn count_lines(&mut self, to: usize) {
        let passed = self.buffer.get(self.line_at..to).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.line_at = to;
    }

    /// Adds a record, whose fields are the last ones there are.
    #[inline]
    fn add_record(&mut self, start: usize, end: usize, flaw: Option<Flaw>) {
        self.count_lines(start);
        let field_count = if flaw.is_some() { 0 } else { self.map.field_count };
        let first_field = self.fields.len() - field_count;
        let fault = flaw.map(Flaw::rule);
        if let Some(flaw) = flaw.filter(|flaw| *flaw != Flaw::TooLong) {
            self.notes.push((self.records.len(), self.reader.note(flaw)));
        }
        self.records.push(Record { start, end, first_field, field_count, line: self.line, fault });
        let put_by = (end - start).saturating_mul(MATCHING_BYTES_PER_BYTE);
        self.matching_bytes = self.matching_bytes.saturating_add(put_by).min(MATCHING_BYTES_MAX);
        self.wanted = 0;
    }

    fn fail(&mut self, kind: FileErrorKind, message: &str) -> bool {
        self.count_lines(self.position);
        self.error = Some(FileError { kind, message: message.to_owned(), line: Some(self.line) });
        false
    }
}

/// Takes all of `items`, and leaves room for as many.
fn replaced<T>(items: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(items.len());
    std::mem::replace(items, room)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
