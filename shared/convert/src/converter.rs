//! The way of a file through the engine: bytes, text, batches of records, and from there to what they come to.
//! It does no I/O: bytes are pushed in, encoded bytes are drained.

use std::sync::Arc;

use lakegate_contract::{Contract, Format};

use crate::ConvertError;
use crate::encode::Compressor;
use crate::judge::{Judged, judge};
use crate::judgement::{FileError, Judgement, Partition, Verdict};
use crate::parse::{NullTexts, Style};
use crate::reader::Reader;
use crate::schema::table_schema;
use crate::settle::Settlement;
use crate::step::{Found, Input, Settling, Step};
use crate::table::{self, Table};
use crate::workers::Workers;

/// Bytes that are collected per thread before they are worked on, so that every thread has work.
const STEP_BYTES: usize = 1024 * 1024;
/// Batches that one thread encodes at once: few, so that their columns are still in the processor's cache.
const FEW_BATCHES: usize = 4;
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
    contract: Arc<Contract>,
    reader: Reader,
    style: Style,
    workers: Workers<Compressor>,
    /// Bytes that are not read yet; with several threads only. With one, every batch is settled at once.
    unread: Vec<u8>,
    /// Batches that are judged and not settled yet; with several threads only.
    judged: Vec<Judged>,
    settlement: Settlement,
    /// `None` where the file is judged and no more.
    table: Option<Table>,
    file_error: Option<FileError>,
    bytes_read: u64,
}

impl Converter {
    /// A converter for one file of the contract's dataset, that works on the caller's thread alone.
    ///
    /// # Errors
    /// [`ConvertError`] if the contract's columns have no Parquet schema, which its parser rules out.
    pub fn new(contract: Arc<Contract>, source: Source) -> Result<Self, ConvertError> {
        let nulls = match &contract.landing.format {
            Format::Csv(dialect) => NullTexts::new(&dialect.null_values),
            Format::Json(_) => NullTexts::none(),
        };
        Ok(Self {
            reader: Reader::new(&contract),
            style: Style { nulls, numbers: contract.landing.numbers, unknown_keys: contract.policy.unknown_columns },
            workers: table::workers(1, contract.policy.compression)?,
            unread: Vec::new(),
            judged: Vec::new(),
            settlement: Settlement::new(&contract, source, KEYS_BYTES_MAX, FIRST_REJECTS),
            table: Some(Table::new(&table_schema(&contract), contract.policy.compression)?),
            file_error: None,
            bytes_read: 0,
            contract,
        })
    }

    /// Works on `threads` threads, the caller's among them; called before the first push. Several take some 30 MiB more than one. Large
    /// pushes, of a few MiB, are copied less.
    ///
    /// # Errors
    /// [`ConvertError`] if a compressor cannot be made.
    pub fn with_threads(mut self, threads: usize) -> Result<Self, ConvertError> {
        self.workers = table::workers(threads, self.contract.policy.compression)?;
        Ok(self)
    }

    /// Judges the file and no more, called before the first push: nothing is ever drained, and the judgement has neither partitions nor
    /// rejects. All else in it is the same, for about half of the time.
    #[must_use]
    pub fn without_outputs(mut self) -> Self {
        self.settlement.kept = None;
        self.table = None;
        self
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
        if self.file_error.is_none() {
            self.bytes_read += bytes.len() as u64;
            if self.workers.len() == 1 {
                self.settle_batches(bytes, false)?;
            } else {
                self.settle_unread(bytes, false)?;
            }
        }
        Ok(if self.file_error.is_some() { Reading::Enough } else { Reading::More })
    }

    /// The Parquet bytes that are ready, in order within each output. Call it often: what is not drained stays in memory.
    pub fn drain(&mut self) -> Vec<Chunk> {
        let table = self.table.iter_mut().flat_map(Table::drain);
        let mut chunks: Vec<Chunk> =
            table.map(|(index, bytes)| Chunk { output: Output::Table(index), bytes }).collect();
        let rejects = self.settlement.kept.as_mut().and_then(|kept| kept.rejects.drain());
        chunks.extend(rejects.map(|bytes| Chunk { output: Output::Rejects, bytes }));
        chunks
    }

    /// The partition of [`Output::Table`]`(index)`; known as soon as a chunk names it, its `bytes` only at the end.
    #[must_use]
    pub fn partition(&self, index: usize) -> Option<&Partition> {
        self.table.as_ref()?.partition(index)
    }

    /// Judges the file: no more bytes will come. One last [`Converter::drain`] has the last bytes of every output.
    ///
    /// # Errors
    /// [`ConvertError`] if the engine fails; the file cannot be judged then.
    pub fn finish(&mut self) -> Result<Judgement, ConvertError> {
        if self.workers.len() == 1 {
            self.settle_batches(&[], true)?;
        } else {
            self.settle_unread(&[], true)?;
        }
        let mut judgement = self.settlement.finish(self.file_error.clone(), self.bytes_read)?;
        if judgement.verdict == Verdict::Published {
            self.encode_groups(0)?;
            self.encode_rest()?;
            if let Some(table) = &mut self.table {
                judgement.partitions = table.finish(&mut self.workers)?;
            }
        } else if let Some(table) = &mut self.table {
            table.discard();
        }
        Ok(judgement)
    }

    /// Settles every batch that can be had from the bytes, one after another, while it is in the processor's cache.
    fn settle_batches(&mut self, mut bytes: &[u8], are_last: bool) -> Result<(), ConvertError> {
        while self.file_error.is_none() {
            match self.reader.next_batch(&mut bytes, are_last) {
                Ok(Some(batch)) => {
                    let judged = judge(&self.contract, &self.style, batch)?;
                    self.file_error = self.settlement.settle(judged)?;
                    self.encode_groups(0)?;
                    if self.settlement.kept.as_ref().is_some_and(|kept| kept.group.batches.len() >= FEW_BATCHES) {
                        self.encode_rest()?;
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => self.file_error = Some(error),
            }
        }
        Ok(())
    }

    /// Settles what can be had from the bytes that are not read yet and those `then`, on several threads, as long as there is work for all
    /// of them or no more bytes will come.
    fn settle_unread(&mut self, then: &[u8], are_last: bool) -> Result<(), ConvertError> {
        let mut unread = std::mem::take(&mut self.unread);
        let enough = STEP_BYTES * self.workers.len();
        let mut input = Input { bytes: &unread, then, are_last };
        while self.file_error.is_none() && (are_last || input.len() >= enough) && self.step(&mut input)? {}
        let left = input.len();
        if left > then.len() {
            unread.drain(..unread.len() + then.len() - left);
            unread.extend_from_slice(then);
        } else {
            unread.clear();
            unread.extend_from_slice(then.get(then.len() - left..).unwrap_or_default());
        }
        self.unread = unread;
        Ok(())
    }

    /// Whether there is more to do.
    fn step(&mut self, input: &mut Input<'_>) -> Result<bool, ConvertError> {
        let judged = std::mem::take(&mut self.judged);
        let group = self.settlement.kept.as_mut().and_then(|kept| kept.groups.pop_front());
        let step = Step {
            contract: &self.contract,
            style: &self.style,
            reader: &mut self.reader,
            settling: Settling { judged, settlement: &mut self.settlement, file_error: &mut self.file_error },
            encoding: group.zip(self.table.as_mut()),
        };
        let (judged, found) = step.take(input, &mut self.workers)?;
        self.encode_groups(1)?;
        match found {
            Found::Batch => {
                self.judged = judged;
                Ok(true)
            }
            Found::Nothing => {
                self.judged = judged;
                Ok(input.are_last && !self.judged.is_empty())
            }
            Found::Error(error) => {
                // The batches before the error come first.
                Settling { judged, settlement: &mut self.settlement, file_error: &mut self.file_error }.settle()?;
                self.file_error.get_or_insert(error);
                Ok(false)
            }
        }
    }

    /// Hands whole groups to the table until at most so many are left.
    fn encode_groups(&mut self, left: usize) -> Result<(), ConvertError> {
        let (Some(table), Some(kept)) = (&mut self.table, &mut self.settlement.kept) else { return Ok(()) };
        while kept.groups.len() > left
            && let Some(group) = kept.groups.pop_front()
        {
            table.append(&group.batches, &mut self.workers)?;
            table.end_group(&mut self.workers)?;
        }
        Ok(())
    }

    /// Hands the table what there is of the group in the making.
    fn encode_rest(&mut self) -> Result<(), ConvertError> {
        let (Some(table), Some(kept)) = (&mut self.table, &mut self.settlement.kept) else { return Ok(()) };
        let batches = std::mem::take(&mut kept.group.batches);
        table.append(&batches, &mut self.workers)
    }
}
