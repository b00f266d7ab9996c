//! A file of JSON, read to its end as the engine reads it: what stands under every key of its objects.
//! It does not know types or contracts.

mod draft;
mod node;
mod number;
mod resolve;

use lakegate_contract::{
    Contract, Encoding, Format, JsonDialect, JsonFraming, Landing, Location, Packing, Policy, Rule, UnknownColumns,
    value::NumberFormat,
};

use super::times::Candidate;
use super::track::Tally;
use crate::FileError;
use crate::json::{Flaw, JsonReader, Scanner, Step, Stop, is_blank};
use crate::records::Batch;
use node::{Looker, Members, Totals};

pub(super) use draft::draft;

/// The longest record that a contract may allow.
const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The byte before a record of an RFC 7464 stream.
const RECORD_SEPARATOR: u8 = 0x1E;

/// A record that cannot be read.
#[derive(Debug, Clone)]
struct Fault {
    line: u64,
    is_too_long: bool,
    /// What is wrong with it.
    note: Option<String>,
}

/// A file's objects.
#[derive(Debug)]
pub(super) struct JsonTrack {
    reader: JsonReader,
    is_array: bool,
    tally: Tally,
    root: Members,
    totals: Totals,
    /// Whether every record so far is the only thing on its line.
    are_lines: bool,
    last_line: u64,
    /// Of text.
    bytes: u64,
    longest_record: usize,
    first_fault: Option<Fault>,
}

impl JsonTrack {
    /// `head` is the text's beginning; it is still to be pushed.
    pub(super) fn new(head: &[u8], location: Location) -> Self {
        let dialect = JsonDialect { framing: JsonFraming::ByContent, max_record_bytes: RECORD_BYTES_MAX };
        Self {
            reader: JsonReader::new(&without_columns(&dialect, location), &dialect),
            is_array: without_blanks(head).first() == Some(&b'['),
            tally: Tally::default(),
            root: Members::default(),
            totals: Totals::default(),
            are_lines: true,
            last_line: 0,
            bytes: 0,
            longest_record: 0,
            first_fault: None,
        }
    }

    /// Whether the file is an object and nothing else.
    fn is_one_object(&self) -> bool {
        !self.is_array && self.tally.records == 1 && self.tally.faulty == 0
    }

    pub(super) fn push(&mut self, text: &[u8], candidates: &[Candidate]) -> Result<(), FileError> {
        self.bytes += text.len() as u64;
        self.reader.push(text);
        self.take_batches(candidates)
    }

    /// No more text will come.
    pub(super) fn end(&mut self, candidates: &[Candidate]) -> Result<(), FileError> {
        self.reader.end();
        self.take_batches(candidates)
    }

    fn take_batches(&mut self, candidates: &[Candidate]) -> Result<(), FileError> {
        while let Some(batch) = self.reader.next_batch()? {
            self.take_batch(&batch, candidates);
        }
        Ok(())
    }

    fn take_batch(&mut self, batch: &Batch, candidates: &[Candidate]) {
        for (number, record) in batch.records.iter().enumerate() {
            let raw = batch.raw(record);
            self.longest_record = self.longest_record.max(raw.len());
            self.are_lines &= record.fault.is_none() && record.line > self.last_line && !raw.contains(&b'\n');
            self.last_line = record.line;
            self.tally.records += 1;
            if record.fault.is_some() {
                self.tally.faulty += 1;
                let is_too_long = record.fault == Some(Rule::TooLong);
                let fault = || Fault { line: record.line, is_too_long, note: batch.note(number).map(str::to_owned) };
                self.first_fault.get_or_insert_with(fault);
                if batch.note(number) == Some(Flaw::KeyTwice.message()) {
                    self.note_keys(raw, candidates);
                }
                continue;
            }
            self.tally.note_encoding(raw, false);
            // A record without fault is an object that can be read to its end.
            let _ = self.observe(raw, record.line, candidates);
        }
    }

    /// Looks at the keys of an object in which one stands twice, and at nothing else: were one of the two written with an escape, they might
    /// be two keys in another encoding.
    fn note_keys(&mut self, raw: &[u8], candidates: &[Candidate]) {
        let mut totals = Totals::default();
        let mut looker = Looker { candidates, line: 0, totals: &mut totals, scratch: Vec::new() };
        let _ = Members::default().observe(&mut Scanner::new(raw, 0, true), 0, &mut looker);
        self.totals.has_escaped_keys |= totals.has_escaped_keys;
    }

    fn observe(&mut self, raw: &[u8], line: u64, candidates: &[Candidate]) -> Step<()> {
        let mut looker = Looker { candidates, line, totals: &mut self.totals, scratch: Vec::new() };
        self.root.observe(&mut Scanner::new(raw, 0, true), 0, &mut looker)
    }
}

/// A contract under which every object is a record, whatever its keys.
fn without_columns(dialect: &JsonDialect, location: Location) -> Contract {
    Contract {
        id: String::new(),
        version: String::new(),
        name: None,
        description: None,
        owner: None,
        table: String::new(),
        landing: Landing {
            location,
            encoding: Encoding::Utf8,
            packing: Packing::ByContent,
            format: Format::Json(dialect.clone()),
            numbers: NumberFormat::default(),
        },
        source: None,
        columns: Vec::new(),
        paths: Vec::new(),
        partition_columns: Vec::new(),
        keys: Vec::new(),
        row_rules: Vec::new(),
        freshness_secs: None,
        file_rules: Vec::new(),
        policy: Policy { unknown_columns: UnknownColumns::Ignore, ..Policy::default() },
    }
}

/// Whether text that begins so is JSON: an object, or an array.
pub(super) fn is_json(head: &[u8]) -> bool {
    let text = without_blanks(head);
    match text {
        [b'{', rest @ ..] if matches!(without_blanks(rest), [b'"' | b'}', ..]) => true,
        [b'[', rest @ ..] if matches!(without_blanks(rest), [b'{', ..]) => true,
        [b'[', ..] => is_array(text),
        _ => false,
    }
}

/// Whether text is an array, as far as it is there, and no cell of a table that looks like one.
fn is_array(text: &[u8]) -> bool {
    let mut scanner = Scanner::new(text, 0, false);
    match scanner.value(b'[') {
        Ok(_) => matches!(without_blanks(scanner.rest()), [] | [b'[' | b'{', ..]),
        Err(stop) => stop == Stop::Hungry,
    }
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let is_between = |byte: &u8| is_blank(*byte) || *byte == RECORD_SEPARATOR;
    text.get(text.iter().take_while(|byte| is_between(byte)).count()..).unwrap_or_default()
}
