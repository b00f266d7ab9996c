//! A file's bytes to batches of records: decoded piece by piece, and cut.
//! It does not know what a value means, nor what becomes of a batch.

use std::sync::Arc;

use lakegate_contract::{Contract, Format};

use crate::csv::CsvReader;
use crate::decode::{Decoder, Progress};
use crate::json::JsonReader;
use crate::judgement::FileError;
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
}

/// Whatever cuts the file's text into records.
#[derive(Debug)]
enum FormatReader {
    Csv(Box<CsvReader>),
    Json(Box<JsonReader>),
}

impl Reader {
    pub(crate) fn new(contract: &Arc<Contract>) -> Self {
        let format = match &contract.landing.format {
            Format::Csv(dialect) => FormatReader::Csv(Box::new(CsvReader::new(contract, dialect))),
            Format::Json(dialect) => FormatReader::Json(Box::new(JsonReader::new(contract, dialect))),
        };
        Self { decoder: Decoder::new(&contract.landing), format, has_more: false, error: None, is_ended: false }
    }

    /// The next full batch, and behind the last of the file's bytes what is left. Takes from `bytes` what it needs; `None`: it needs more
    /// than that, or nothing is left.
    ///
    /// # Errors
    /// The file is rejected as a whole. All batches before the error were handed out.
    pub(crate) fn next_batch(&mut self, bytes: &mut &[u8], are_last: bool) -> Result<Option<Batch>, FileError> {
        loop {
            if let Some(mut batch) = self.format.next_batch()? {
                batch.offset += self.decoder.skipped();
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
