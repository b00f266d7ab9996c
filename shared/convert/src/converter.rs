//! The way of a file through the engine: bytes, text, batches of records, and from there to what they come to.
//! It does no I/O: bytes are pushed in, encoded bytes are drained.

use std::sync::Arc;

use lakegate_contract::{Contract, Format};

use crate::ConvertError;
use crate::files::Files;
use crate::judgement::{Judgement, Partition, Verdict};
use crate::parse::{NullTexts, Style};
use crate::range::{Beginning, KeyChunk, KeyWriter, RangeDecisions, RangeReport, RangeWork};
use crate::reader::Reader;
use crate::schedule::{Bundle, Schedule};
use crate::schema::table_schema;
use crate::settle::Settlement;
use crate::table::Table;
use crate::unique::{Comparison, DecidedRows};
use crate::workers::Workers;

/// Batches that one of several threads works on at a time: so many, or fewer if they take so much memory. One thread takes each by itself.
const BUNDLE_BATCHES: usize = 4;
const BUNDLE_BYTES: usize = 4 * 1024 * 1024;
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

/// Converts one file. Push its bytes in order, drain after each push, then finish and drain once more.
///
/// The judgement and the encoded bytes do not depend on how the bytes are cut into pushes, nor on the number of threads; but for
/// [`Judgement::bytes_read`] of a file that is rejected before its end, which counts what was pushed until then.
#[derive(Debug)]
pub struct Converter {
    workers: Workers,
    threads: usize,
    reader: Reader,
    /// Nothing more is read.
    is_read: bool,
    /// Batches that nobody works on yet.
    bundle: Bundle,
    /// Of the bundle.
    bundle_bytes: usize,
    /// Partitions that chunks have named.
    partitions: Vec<Partition>,
    bytes_read: u64,
}

impl Converter {
    /// A converter for one file of the contract's dataset, that works on the caller's thread alone.
    ///
    /// # Errors
    /// [`ConvertError`] if the contract's columns have no Parquet schema, which its parser rules out.
    pub fn new(contract: Arc<Contract>, source: Source) -> Result<Self, ConvertError> {
        let reader = Reader::new(&contract);
        Self::with_reader(contract, source, reader)
    }

    /// A converter for the rows of one range of a file, to be ended by [`Converter::finish_range`]. To be pushed: the file's bytes from
    /// [`RangeWork::begin`] on, until it has enough or the file ends.
    ///
    /// Where the contract compares rows of different ranges, all rows that break no other rule are accepted at first, and their keys are to be
    /// drained ([`Converter::drain_keys`]) and compared ([`crate::range`]).
    ///
    /// # Errors
    /// [`ConvertError`] as for [`Converter::new`], or if the plan is of another contract.
    pub fn of_range(
        contract: Arc<Contract>,
        source: Source,
        beginning: &Beginning,
        work: &RangeWork,
    ) -> Result<Self, ConvertError> {
        let reader = Reader::of_range(&contract, beginning, work).map_err(|error| ConvertError::Plan(error.message))?;
        let keys = work.key_buckets.map(|buckets| KeyWriter::new(&contract, buckets));
        let converter = Self::with_reader(contract, source, reader)?;
        Ok(converter.set(|settlement| {
            settlement.rows_before = Some(work.first_row.saturating_sub(1));
            if let Some(keys) = keys {
                settlement.comparison = Comparison::Later(keys);
            }
        }))
    }

    /// Converts a range again, now that it is decided which of its rows lose to rows above them; called before the first push. No keys are
    /// written.
    #[must_use]
    pub fn with_decisions(self, decisions: &RangeDecisions) -> Self {
        let lists = decisions.lost.iter().map(|lost| (lost.keys.clone(), lost.rows().collect()));
        self.set(|settlement| settlement.comparison = Comparison::Decided(DecidedRows::new(lists)))
    }

    fn with_reader(contract: Arc<Contract>, source: Source, reader: Reader) -> Result<Self, ConvertError> {
        let nulls = match &contract.landing.format {
            Format::Csv(dialect) => NullTexts::new(&dialect.null_values),
            Format::Json(_) => NullTexts::none(),
        };
        let style = Style { nulls, numbers: contract.landing.numbers, unknown_keys: contract.policy.unknown_columns };
        let settlement = Settlement::new(&contract, source, KEYS_BYTES_MAX, FIRST_REJECTS);
        let table = Table::new(&table_schema(&contract), contract.policy.compression)?;
        Ok(Self {
            reader,
            workers: Workers::new(contract, style, Schedule::new(settlement, table))?,
            threads: 1,
            is_read: false,
            bundle: Bundle::default(),
            bundle_bytes: 0,
            partitions: Vec::new(),
            bytes_read: 0,
        })
    }

    /// Works on `threads` threads, the caller's among them; called before the first push. Several take some 30 MiB more than one, and work
    /// on while the caller is away.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self.workers.set_threads(threads);
        self
    }

    /// Judges the file and no more, called before the first push: nothing is ever drained, and the judgement has neither partitions nor
    /// rejects. All else in it is the same, for about half of the time.
    #[must_use]
    pub fn without_outputs(self) -> Self {
        self.workers.with(Schedule::leave_outputs_out);
        self
    }

    /// Lets the hashes of unique values take at most so many bytes; a file that needs more is rejected.
    #[must_use]
    pub fn with_keys_bytes_max(self, bytes: usize) -> Self {
        self.set(|settlement| settlement.keys_bytes_max = bytes)
    }

    /// Sets how many broken rules the judgement tells one by one, in [`Judgement::first_rejects`]; they are held in memory.
    #[must_use]
    pub fn with_first_rejects(self, rules: usize) -> Self {
        self.set(|settlement| settlement.first_rejects_max = rules)
    }

    fn set(self, set: impl FnOnce(&mut Settlement)) -> Self {
        self.workers.with(|schedule| schedule.settlement().map(set));
        self
    }

    /// Takes the next bytes of the file, in pieces of any size.
    ///
    /// # Errors
    /// [`ConvertError`] if the engine fails; the file cannot be judged then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Reading, ConvertError> {
        if !self.is_read {
            self.bytes_read += bytes.len() as u64;
            self.read(bytes, false)?;
        }
        Ok(if self.is_read { Reading::Enough } else { Reading::More })
    }

    /// The Parquet bytes that are ready, in order within each output. Call it often: what is not drained stays in memory.
    pub fn drain(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        self.workers.with(|schedule| {
            if let Some(files) = schedule.files() {
                self.partitions.extend(files.partitions_from(self.partitions.len()).cloned());
                chunks.extend(files.drain().map(|(index, bytes)| Chunk { output: Output::Table(index), bytes }));
            }
            let kept = schedule.settlement().and_then(|settlement| settlement.kept.as_mut());
            let rejects = kept.and_then(|kept| kept.rejects.drain());
            chunks.extend(rejects.map(|bytes| Chunk { output: Output::Rejects, bytes }));
        });
        chunks
    }

    /// The keys of a range's rows that are ready, in order within each bucket. Call it as often as [`Converter::drain`]; none come where rows
    /// are not compared with those of other ranges.
    pub fn drain_keys(&mut self) -> Vec<KeyChunk> {
        let drain = |schedule: &mut Schedule| Some(schedule.settlement()?.keys()?.drain());
        self.workers.with(drain).unwrap_or_default()
    }

    /// The partition of [`Output::Table`]`(index)`; known as soon as a chunk names it, its `bytes` only at the end.
    #[must_use]
    pub fn partition(&self, index: usize) -> Option<&Partition> {
        self.partitions.get(index)
    }

    /// Judges the file: no more bytes will come. One last [`Converter::drain`] has the last bytes of every output.
    ///
    /// # Errors
    /// [`ConvertError`] if the engine fails; the file cannot be judged then.
    pub fn finish(&mut self) -> Result<Judgement, ConvertError> {
        if !self.is_read {
            self.read(&[], true)?;
            self.hand_on()?;
        }
        self.workers.work(Schedule::is_settled)?;
        let judged = self.workers.with(|schedule| {
            let file_error = schedule.file_error().cloned();
            let settlement = schedule.settlement().ok_or(ConvertError::Stopped)?;
            let judgement = settlement.finish(file_error, self.bytes_read)?;
            let (rest, partitions) = (settlement.take_rest(), settlement.partitions);
            if judgement.verdict == Verdict::Published {
                if let Some(table) = schedule.table() {
                    if let Some(rest) = rest {
                        table.append(rest, 0);
                    }
                    table.end(partitions);
                }
            } else {
                schedule.end(judgement.file_error.clone());
            }
            Ok::<_, ConvertError>(judgement)
        });
        let mut judgement = judged?;
        self.workers.work(Schedule::is_idle)?;
        let partitions = self.workers.with(|schedule| schedule.files().map(Files::finish).transpose())?;
        judgement.partitions = partitions.unwrap_or_default();
        Ok(judgement)
    }

    /// Judges the rows of a range: no more bytes will come, or are needed. One last [`Converter::drain`] and [`Converter::drain_keys`] have the
    /// last bytes. The file as a whole is judged by [`crate::range::judge`].
    ///
    /// # Errors
    /// [`ConvertError`] if the engine fails; the range cannot be judged then.
    pub fn finish_range(&mut self, range: usize) -> Result<RangeReport, ConvertError> {
        let judgement = self.finish()?;
        let report = |schedule: &mut Schedule| {
            let settlement = schedule.settlement()?;
            let keys = settlement.keys().map_or(0, KeyWriter::end);
            let (file_rules, lost) = (settlement.file_rule_rows(), settlement.lost());
            Some(RangeReport::new(range, judgement, file_rules, keys, lost))
        };
        self.workers.with(report).ok_or(ConvertError::Stopped)
    }

    /// Reads what can be had from the bytes, and hands it on.
    fn read(&mut self, mut bytes: &[u8], are_last: bool) -> Result<(), ConvertError> {
        while !self.is_read {
            match self.reader.next_batch(&mut bytes, are_last) {
                Ok(Some(batch)) => {
                    self.bundle_bytes += batch.size_bytes();
                    self.bundle.batches.push(batch);
                    let batches = if self.threads > 1 { BUNDLE_BATCHES } else { 1 };
                    if self.bundle.batches.len() >= batches || self.bundle_bytes >= BUNDLE_BYTES {
                        self.hand_on()?;
                    }
                }
                Ok(None) if self.reader.is_done() => {
                    self.is_read = true;
                    return self.hand_on();
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.bundle.error = Some(error);
                    self.is_read = true;
                    return self.hand_on();
                }
            }
        }
        Ok(())
    }

    /// Hands the bundle on to be worked on.
    fn hand_on(&mut self) -> Result<(), ConvertError> {
        self.bundle_bytes = 0;
        self.workers.add(std::mem::take(&mut self.bundle))?;
        self.is_read |= self.workers.with(|schedule| schedule.file_error().is_some());
        Ok(())
    }
}
