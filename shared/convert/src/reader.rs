//! A file's bytes to batches of records: decoded piece by piece, and cut.
//! It does not know what a value means, nor what becomes of a batch.

use std::sync::Arc;

use lakegate_contract::{Contract, Format};

use crate::csv::CsvReader;
use crate::decode::{Decoder, Progress};
use crate::json::JsonReader;
use crate::judgement::FileError;
use crate::range::{Beginning, RangeWork};
use crate::records::Batch;

/// Reads a file.
#[derive(Debug)]
pub(crate) struct Reader {
    decoder: Decoder,
    format: FormatReader,
    /// The decoder has more text for the bytes that it has.
    has_more: bool,
    /// What the decoder found wrong; what stood whole before it is read first.
    error: Option<FileError>,
    is_ended: bool,
    /// How many records are still wanted; all if not said.
    rows_left: Option<u64>,
    /// What is wrong with the file behind them is wanted, too.
    wants_error: bool,
}

/// Whatever cuts the file's text into records.
#[derive(Debug)]
pub(crate) enum FormatReader {
    Csv(Box<CsvReader>),
    Json(Box<JsonReader>),
}

impl Reader {
    pub(crate) fn new(contract: &Arc<Contract>) -> Self {
        let format = match &contract.landing.format {
            Format::Csv(dialect) => FormatReader::Csv(Box::new(CsvReader::new(contract, dialect))),
            Format::Json(dialect) => FormatReader::Json(Box::new(JsonReader::new(contract, dialect))),
        };
        Self::of(Decoder::new(&contract.landing), format)
    }

    /// Reads the rows of a range. To be pushed: the file's bytes from where the work begins.
    ///
    /// # Errors
    /// The plan is of a file that the contract rejects.
    pub(crate) fn of_range(
        contract: &Arc<Contract>,
        beginning: &Beginning,
        work: &RangeWork,
    ) -> Result<Self, FileError> {
        let mut reader = Self::of(Decoder::of_text(beginning.text.encoding()), beginning.reader(contract, work)?);
        (reader.rows_left, reader.wants_error) = (Some(work.rows), work.fails);
        Ok(reader)
    }

    const fn of(decoder: Decoder, format: FormatReader) -> Self {
        let (rows_left, wants_error) = (None, false);
        Self { decoder, format, has_more: false, error: None, is_ended: false, rows_left, wants_error }
    }

    /// Whether all that is wanted was read.
    pub(crate) fn is_done(&self) -> bool {
        self.rows_left == Some(0) && !self.wants_error
    }

    /// The next full batch, and behind the last of the file's bytes what is left. Takes from `bytes` what it needs; `None`: it needs more
    /// than that, or nothing is left.
    ///
    /// # Errors
    /// The file is rejected as a whole. All batches before the error were handed out.
    pub(crate) fn next_batch(&mut self, bytes: &mut &[u8], are_last: bool) -> Result<Option<Batch>, FileError> {
        loop {
            if self.is_done() {
                return Ok(None);
            }
            if let Some(mut batch) = self.format.next_batch()? {
                batch.offset += self.decoder.skipped();
                if let Some(left) = &mut self.rows_left {
                    batch.records.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= batch.records.len() as u64;
                }
                return Ok(Some(batch));
            }
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            let take = |text: &[u8]| self.format.push(text);
            let decoded = if self.has_more || !bytes.is_empty() {
                self.decoder.decode(bytes, take).map(|progress| self.has_more = progress == Progress::More)
            } else if are_last && !self.is_ended {
                self.decoder.finish(take).map(|progress| self.is_ended = progress == Progress::Done)
            } else {
                return Ok(None);
            };
            if self.is_ended {
                self.format.end();
            }
            self.error = decoded.err();
        }
    }
}

impl FormatReader {
    fn push(&mut self, text: &[u8]) {
        match self {
            Self::Csv(reader) => reader.push(text),
            Self::Json(reader) => reader.push(text),
        }
    }

    fn end(&mut self) {
        match self {
            Self::Csv(reader) => reader.end(),
            Self::Json(reader) => reader.end(),
        }
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, FileError> {
        match self {
            Self::Csv(reader) => reader.next_batch(),
            Self::Json(reader) => reader.next_batch(),
        }
    }
}
