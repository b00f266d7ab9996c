//! The way of a file through the engine: bytes, text, batches of records, and from there to what they come to.
//! It does no I/O: bytes are pushed in, encoded bytes are drained.

use std::sync::Arc;

use lakegate_contract::{Contract, Format};

use crate::ConvertError;
use crate::csv::CsvReader;
use crate::decode::{Decoder, Progress};
use crate::json::JsonReader;
use crate::judge::{Judged, judge};
use crate::judgement::{FileError, Judgement, Partition};
use crate::parse::{NullTexts, Style};
use crate::records::Batch;
use crate::settle::Settlement;
use crate::workers::Workers;

/// Larger pushes are taken in pieces, so that the buffer stays small whatever the caller does.
const PUSH_BYTES: usize = 256 * 1024;
/// Text that is collected per thread before it is split, so that every thread has work.
const STEP_BYTES: usize = 2 * 1024 * 1024;
/// What the hashes of unique values may take unless [`Converter::with_keys_bytes_max`] says otherwise: 1 GiB, for some 50 million rows of one
/// key.
pub const KEYS_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// How many broken rules a judgement tells one by one, unless [`Converter::with_first_rejects`] says otherwise.
pub const FIRST_REJECTS: usize = 10;

/// The object that the bytes come from, as the rejects table names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The bucket, or what stands for one.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// The object's version, where the bucket keeps versions.
    pub version: Option<String>,
}

/// Whether more bytes can change the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Push on.
    More,
    /// The file is rejected as a whole already: call [`Converter::finish`].
    Enough,
}

/// Encoded Parquet bytes, to be appended to their output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where the bytes belong.
    pub output: Output,
    /// The next bytes of that output.
    pub bytes: Vec<u8>,
}

/// An output of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Output {
    /// The table's file of one partition: an index into [`Judgement::partitions`].
    Table(usize),
    /// The file of rejected rows.
    Rejects,
}

/// Whatever cuts the file's text into records.
#[derive(Debug)]
enum Reader {
    Csv(Box<CsvReader>),
    Json(Box<JsonReader>),
}

impl Reader {
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

/// Converts one file. Push its bytes in order, drain after each push, then finish and drain once more.
///
/// The judgement and the encoded bytes do not depend on how the bytes are cut into pushes, nor on the number of threads; but for
/// [`Judgement::bytes_read`] of a file that is rejected before its end, which counts what was pushed until then.
#[derive(Debug)]
pub struct Converter {
    contract: Arc<Contract>,
    decoder: Decoder,
    reader: Reader,
    style: Style,
    /// With one thread every batch is settled at once, while its bytes are in the processor's cache.
    workers: Workers<()>,
    /// Text that the reader has and did not split yet; counted with several threads only.
    unsplit_bytes: usize,
    /// Batches that are split and not judged yet; with several threads only.
    waiting: Vec<Batch>,
    settlement: Settlement,
    file_error: Option<FileError>,
    bytes_read: u64,
}

impl Converter {
    /// A converter for one file of the contract's dataset, that works on the caller's thread alone.
    ///
    /// # Errors
    /// [`ConvertError`] if the contract's columns have no Parquet schema, which its parser rules out.
    pub fn new(contract: Arc<Contract>, source: Source) -> Result<Self, ConvertError> {
        let (reader, nulls) = match &contract.landing.format {
            Format::Csv(dialect) => {
                (Reader::Csv(Box::new(CsvReader::new(&contract, dialect))), NullTexts::new(&dialect.null_values))
            }
            Format::Json(dialect) => (Reader::Json(Box::new(JsonReader::new(&contract, dialect))), NullTexts::none()),
        };
        Ok(Self {
            decoder: Decoder::new(&contract.landing),
            reader,
            style: Style { nulls, numbers: contract.landing.numbers, unknown_keys: contract.policy.unknown_columns },
            workers: Workers::new(vec![()]),
            unsplit_bytes: 0,
            waiting: Vec::new(),
            settlement: Settlement::new(&contract, source, KEYS_BYTES_MAX, FIRST_REJECTS)?,
            file_error: None,
            bytes_read: 0,
            contract,
        })
    }

    /// Works on `threads` threads, the caller's among them; called before the first push. Each thread beyond the first takes some
    /// 10 MiB.
    ///
    /// # Errors
    /// [`ConvertError`] if a compressor cannot be made.
    pub fn with_threads(mut self, threads: usize) -> Result<Self, ConvertError> {
        self.workers = Workers::new(vec![(); threads.max(1)]);
        self.settlement.table.set_threads(threads, self.contract.policy.compression)?;
        Ok(self)
    }

    /// Lets the hashes of unique values take at most so many bytes; a file that needs more is rejected.
    #[must_use]
    pub fn with_keys_bytes_max(mut self, bytes: usize) -> Self {
        self.settlement.keys_bytes_max = bytes;
        self
    }

    /// Sets how many broken rules the judgement tells one by one, in [`Judgement::first_rejects`]; they are held in memory.
    #[must_use]
    pub fn with_first_rejects(mut self, rules: usize) -> Self {
        self.settlement.first_rejects_max = rules;
        self
    }

    /// Takes the next bytes of the file, in pieces of any size.
    ///
    /// # Errors
    /// [`ConvertError`] if the engine fails; the file cannot be judged then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Reading, ConvertError> {
        for piece in bytes.chunks(PUSH_BYTES) {
            if self.file_error.is_some() {
                return Ok(Reading::Enough);
            }
            self.bytes_read += piece.len() as u64;
            let mut rest = piece;
            self.take_text(|decoder, take| decoder.decode(&mut rest, take))?;
        }
        Ok(if self.file_error.is_some() { Reading::Enough } else { Reading::More })
    }

    /// The Parquet bytes that are ready, in order within each output. Call it often: what is not drained stays in memory.
    pub fn drain(&mut self) -> Vec<Chunk> {
        let table = self.settlement.table.drain().map(|(index, bytes)| Chunk { output: Output::Table(index), bytes });
        let mut chunks: Vec<Chunk> = table.collect();
        chunks.extend(self.settlement.rejects.drain().map(|bytes| Chunk { output: Output::Rejects, bytes }));
        chunks
    }

    /// The partition of [`Output::Table`]`(index)`; known as soon as a chunk names it, its `bytes` only at the end.
    #[must_use]
    pub fn partition(&self, index: usize) -> Option<&Partition> {
        self.settlement.table.partition(index)
    }

    /// Judges the file: no more bytes will come. One last [`Converter::drain`] has the last bytes of every output.
    ///
    /// # Errors
    /// [`ConvertError`] if the engine fails; the file cannot be judged then.
    pub fn finish(&mut self) -> Result<Judgement, ConvertError> {
        if self.file_error.is_none() {
            self.take_text(|decoder, take| decoder.finish(take))?;
        }
        if self.file_error.is_none() {
            self.reader.end();
            self.take_all()?;
        }
        self.settlement.finish(self.file_error.clone(), self.bytes_read)
    }

    /// Decodes as long as there is text, and judges each piece before the next one: packed bytes may have thousands of pieces.
    fn take_text(
        &mut self,
        mut decode: impl FnMut(&mut Decoder, &mut dyn FnMut(&[u8])) -> Result<Progress, FileError>,
    ) -> Result<(), ConvertError> {
        while self.file_error.is_none() {
            let (reader, unsplit_bytes) = (&mut self.reader, &mut self.unsplit_bytes);
            let decoded = decode(&mut self.decoder, &mut |text| {
                reader.push(text);
                *unsplit_bytes += text.len();
            });
            match decoded {
                Ok(progress) => {
                    self.advance()?;
                    if progress == Progress::Done {
                        break;
                    }
                }
                Err(error) => {
                    // What stood whole before it is judged, on one thread as on several.
                    self.take_all()?;
                    self.file_error.get_or_insert(error);
                }
            }
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<(), ConvertError> {
        let threads = self.workers.len();
        if threads == 1 {
            return self.take_batches();
        }
        if self.unsplit_bytes >= STEP_BYTES * threads {
            self.step()?;
        }
        Ok(())
    }

    /// Settles every batch that can be had from the text so far.
    fn take_all(&mut self) -> Result<(), ConvertError> {
        if self.workers.len() == 1 {
            return self.take_batches();
        }
        self.step()?;
        while !self.waiting.is_empty() {
            self.step()?;
        }
        Ok(())
    }

    fn take_batches(&mut self) -> Result<(), ConvertError> {
        while self.file_error.is_none() {
            match self.reader.next_batch() {
                Ok(Some(batch)) => {
                    let judged = judge(&self.contract, &self.style, batch)?;
                    self.file_error = self.settlement.settle(judged, &self.decoder)?;
                }
                Ok(None) => return Ok(()),
                Err(error) => self.file_error = Some(error),
            }
        }
        Ok(())
    }

    /// Splits the text so far while the batches of the step before are judged, then settles these.
    fn step(&mut self) -> Result<(), ConvertError> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut judged: Vec<Option<Judged>> = waiting.iter().map(|_| None).collect();
        let mut error = None;
        let (contract, style) = (&self.contract, &self.style);
        let splitting = std::iter::once(Task::Split(&mut self.reader, &mut self.waiting, &mut error));
        let judging = waiting.into_iter().zip(&mut judged).map(|(batch, judged)| Task::Judge(batch, judged));
        self.workers.each(splitting.chain(judging), |task, ()| {
            match task {
                Task::Split(reader, batches, error) => *error = split(reader, batches),
                Task::Judge(batch, place) => *place = Some(judge(contract, style, batch)?),
            }
            Ok::<_, ConvertError>(())
        })?;
        self.unsplit_bytes = 0;
        for judged in judged.into_iter().flatten() {
            if self.file_error.is_none() {
                self.file_error = self.settlement.settle(judged, &self.decoder)?;
            }
        }
        if self.file_error.is_some() {
            self.waiting.clear();
        } else if error.is_some() {
            // The batches before the error come first.
            self.settle_waiting()?;
            self.file_error = self.file_error.take().or(error);
        }
        Ok(())
    }

    fn settle_waiting(&mut self) -> Result<(), ConvertError> {
        for batch in std::mem::take(&mut self.waiting) {
            if self.file_error.is_none() {
                let judged = judge(&self.contract, &self.style, batch)?;
                self.file_error = self.settlement.settle(judged, &self.decoder)?;
            }
        }
        Ok(())
    }
}

/// A part of a step.
enum Task<'a> {
    Split(&'a mut Reader, &'a mut Vec<Batch>, &'a mut Option<FileError>),
    Judge(Batch, &'a mut Option<Judged>),
}

/// All batches that the reader can give by now, and what ended them if it was an error.
fn split(reader: &mut Reader, batches: &mut Vec<Batch>) -> Option<FileError> {
    loop {
        match reader.next_batch() {
            Ok(Some(batch)) => batches.push(batch),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}
