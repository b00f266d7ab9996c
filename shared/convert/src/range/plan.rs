//! What all ranges of a file must know of its beginning, and where they are cut; or why the file is not to be cut.
//! It does not know records behind the first one.

use std::fmt;
use std::sync::Arc;

use lakegate_contract::{Contract, Encoding, Format, JsonFraming};
use serde::{Deserialize, Serialize};

use super::chain::RowStart;
use super::keys::KeyPlan;
use super::resolve::RangeWork;
use crate::csv::{CsvBeginning, CsvReader};
use crate::decode::{Decoder, Progress};
use crate::json::{JsonReader, Stand};
use crate::reader::FormatReader;
use crate::{FileError, FileErrorKind, Reading};

/// Bytes of a character in UTF-8, at most: a record that is cut inside one has no certain place in a file of another encoding.
const CHARACTER_BYTES_MAX: usize = 4;

/// The ranges of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The file's size.
    pub size_bytes: u64,
    /// What its beginning says of all of it.
    pub beginning: Beginning,
    /// The ranges, in order and without gaps; the last one ends with the file.
    pub ranges: Vec<Span>,
    /// How the rows of different ranges are compared; `None` if the contract asks nothing of the kind.
    pub keys: Option<KeyPlan>,
}

/// Bytes of a file, from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first byte's offset.
    pub start: u64,
    /// The offset behind the last byte.
    pub end: u64,
}

/// What a file's beginning says of all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    pub(crate) text: TextEncoding,
    pub(crate) format: FormatBeginning,
}

/// The part of a beginning that hangs on the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormatBeginning {
    Csv(CsvBeginning),
    Json {
        /// Where the text begins.
        offset: u64,
    },
}

/// The encoding of a file's text, byte order included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TextEncoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
    Iso8859_1,
}

/// Why a file is not cut: it is to be converted in one pass, which also tells what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncuttable {
    /// Packed bytes can only be unpacked from the beginning.
    Packed,
    /// Where a value of a JSON array begins hangs on all that is before it.
    JsonArray,
    /// Values are written over several lines: no line tells where one begins.
    ValuesOverLines,
    /// The contract allows records so short that one may be cut inside a character.
    ShortRecords,
    /// The file is rejected by its beginning.
    Rejected(FileError),
}

impl fmt::Display for Uncuttable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed => f.write_str("the file is packed, and can only be unpacked from its beginning"),
            Self::JsonArray => f.write_str("the file is a JSON array, whose values are found only from its beginning"),
            Self::ValuesOverLines => {
                f.write_str("the file's JSON values are written over several lines, and no line tells where one begins")
            }
            Self::ShortRecords => {
                write!(f, "the contract's maxRecordBytes is below {CHARACTER_BYTES_MAX}, which a character may take")
            }
            Self::Rejected(error) => {
                write!(f, "the file is rejected by its beginning: {}: {}", error.kind, error.message)
            }
        }
    }
}

/// Reads a file's beginning. Push its bytes in order until it has enough, then cut.
#[derive(Debug)]
pub struct Planner {
    contract: Arc<Contract>,
    decoder: Decoder,
    format: FormatPlanner,
    outcome: Option<Result<(), Uncuttable>>,
}

#[derive(Debug)]
enum FormatPlanner {
    Csv(Box<CsvReader>, Option<CsvBeginning>),
    Json(Box<JsonReader>),
}

impl Planner {
    /// A planner for one file of the contract's dataset.
    #[must_use]
    pub fn new(contract: &Arc<Contract>) -> Self {
        let (format, is_array) = match &contract.landing.format {
            Format::Csv(dialect) => (FormatPlanner::Csv(Box::new(CsvReader::new(contract, dialect)), None), false),
            Format::Json(dialect) => {
                let reader = Box::new(JsonReader::new(contract, dialect));
                (FormatPlanner::Json(reader), dialect.framing == JsonFraming::Array)
            }
        };
        let outcome = if is_array {
            Some(Err(Uncuttable::JsonArray))
        } else if contract.landing.format.max_record_bytes() < CHARACTER_BYTES_MAX {
            Some(Err(Uncuttable::ShortRecords))
        } else {
            None
        };
        Self { contract: Arc::clone(contract), decoder: Decoder::new(&contract.landing), format, outcome }
    }

    /// Takes the next bytes of the file, in pieces of any size.
    pub fn push(&mut self, mut bytes: &[u8]) -> Reading {
        while self.outcome.is_none() {
            let decoded = self.decoder.decode(&mut bytes, |text| self.format.push(text));
            match decoded {
                Ok(progress) => {
                    self.look();
                    if progress == Progress::Done {
                        break;
                    }
                }
                Err(error) => self.outcome = Some(Err(Uncuttable::Rejected(error))),
            }
        }
        if self.outcome.is_some() { Reading::Enough } else { Reading::More }
    }

    fn look(&mut self) {
        if self.decoder.is_packed() {
            self.outcome = Some(Err(Uncuttable::Packed));
        } else if self.outcome.is_none() {
            self.outcome = self.format.look().transpose();
        }
    }

    /// Cuts the file, of `size_bytes` in all, into ranges of `range_bytes`, of which the last one may be shorter. To be called when the
    /// planner has enough, or the whole file.
    ///
    /// # Errors
    /// The file is not to be cut.
    pub fn cut(mut self, size_bytes: u64, range_bytes: u64) -> Result<Plan, Uncuttable> {
        let beginning = self.beginning()?;
        let step = range_bytes.max(1);
        let starts = std::iter::successors(Some(0), |start: &u64| start.checked_add(step));
        let span = |start: u64| Span { start, end: start.saturating_add(step).min(size_bytes) };
        let ranges = starts.take_while(|start| *start < size_bytes).map(span).collect();
        let keys = KeyPlan::new(&self.contract, size_bytes);
        Ok(Plan { size_bytes, beginning, ranges, keys })
    }

    fn beginning(&mut self) -> Result<Beginning, Uncuttable> {
        while self.outcome.is_none() {
            match self.decoder.finish(|text| self.format.push(text)) {
                Ok(Progress::More) => self.look(),
                Ok(Progress::Done) => {
                    self.format.end();
                    self.look();
                    // A file of nothing has nothing that hinders.
                    self.outcome.get_or_insert(Ok(()));
                }
                Err(error) => self.outcome = Some(Err(Uncuttable::Rejected(error))),
            }
        }
        self.outcome.take().unwrap_or(Ok(()))?;
        let skipped = self.decoder.skipped();
        let format = match &mut self.format {
            FormatPlanner::Csv(_, Some(known)) => {
                FormatBeginning::Csv(CsvBeginning { offset: known.offset + skipped, ..known.clone() })
            }
            FormatPlanner::Csv(_, None) => FormatBeginning::Csv(CsvBeginning {
                offset: skipped,
                line: 1,
                header: None,
                newline_before: None,
                newline: None,
            }),
            FormatPlanner::Json(_) => FormatBeginning::Json { offset: skipped },
        };
        Ok(Beginning { text: TextEncoding::of(self.decoder.encoding()), format })
    }
}

impl FormatPlanner {
    fn push(&mut self, text: &[u8]) {
        match self {
            Self::Csv(reader, _) => reader.push(text),
            Self::Json(reader) => reader.push(text),
        }
    }

    fn end(&mut self) {
        match self {
            Self::Csv(reader, _) => reader.end(),
            Self::Json(reader) => reader.end(),
        }
    }

    /// Whether enough is known.
    fn look(&mut self) -> Result<Option<()>, Uncuttable> {
        match self {
            Self::Csv(reader, known) => {
                let is_known = reader.begin(known).map_err(Uncuttable::Rejected)?;
                Ok(is_known.then_some(()))
            }
            Self::Json(reader) => loop {
                match reader.stand() {
                    Stand::Value(..) | Stand::Between => {}
                    Stand::Hungry | Stand::End | Stand::Failed(_) => return Ok(None),
                }
                let is_passed = reader.pass();
                if reader.is_array() {
                    return Err(Uncuttable::JsonArray);
                }
                match reader.spans_lines() {
                    Some(true) => return Err(Uncuttable::ValuesOverLines),
                    Some(false) => return Ok(Some(())),
                    None if is_passed => {}
                    None => return Ok(None),
                }
            },
        }
    }
}

impl Beginning {
    /// The file's offset where the rows begin, or what may stand before them without being a row.
    pub(crate) const fn offset(&self) -> u64 {
        match &self.format {
            FormatBeginning::Csv(csv) => csv.offset,
            FormatBeginning::Json { offset } => *offset,
        }
    }

    /// A reader of the text that the work begins with.
    ///
    /// # Errors
    /// The plan is not of this contract's format, or of a file that the contract rejects.
    pub(crate) fn reader(&self, contract: &Arc<Contract>, work: &RangeWork) -> Result<FormatReader, FileError> {
        match (&contract.landing.format, &self.format) {
            (Format::Csv(dialect), FormatBeginning::Csv(known)) => {
                let start = work.start.map(|start| (start.offset, work.line));
                Ok(FormatReader::Csv(Box::new(CsvReader::within(contract, dialect, known, start)?)))
            }
            (Format::Json(dialect), FormatBeginning::Json { offset }) => {
                let within = |start: RowStart| {
                    let state = start.state.unwrap_or_default();
                    JsonReader::within(contract, dialect, (start.offset, work.line), state)
                };
                let from_beginning = || JsonReader::new(contract, dialect).beginning_at(*offset);
                Ok(FormatReader::Json(Box::new(work.start.map_or_else(from_beginning, within))))
            }
            (Format::Csv(_), FormatBeginning::Json { .. }) | (Format::Json(_), FormatBeginning::Csv(_)) => {
                let message = "the plan is not of a file of the contract's format".to_owned();
                Err(FileError { kind: FileErrorKind::WrongFormat, message, line: None })
            }
        }
    }

    /// The line there.
    pub(crate) const fn line(&self) -> u64 {
        match &self.format {
            FormatBeginning::Csv(csv) => csv.line,
            FormatBeginning::Json { .. } => 1,
        }
    }
}

impl TextEncoding {
    const fn of(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Utf8 => Self::Utf8,
            // Without a byte order mark there is no text.
            Encoding::Utf16 | Encoding::Utf16Le => Self::Utf16Le,
            Encoding::Utf16Be => Self::Utf16Be,
            Encoding::Windows1252 => Self::Windows1252,
            Encoding::Iso8859_1 => Self::Iso8859_1,
        }
    }

    pub(crate) const fn encoding(self) -> Encoding {
        match self {
            Self::Utf8 => Encoding::Utf8,
            Self::Utf16Le => Encoding::Utf16Le,
            Self::Utf16Be => Encoding::Utf16Be,
            Self::Windows1252 => Encoding::Windows1252,
            Self::Iso8859_1 => Encoding::Iso8859_1,
        }
    }

    /// Bytes that only together are text.
    pub(crate) const fn unit_bytes(self) -> u64 {
        match self {
            Self::Utf8 | Self::Windows1252 | Self::Iso8859_1 => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
        }
    }
}
