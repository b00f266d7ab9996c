//! The way of a file through the engine: records, columns, rules, partitions, Parquet.
//! It does no I/O: bytes are pushed in, encoded bytes are drained.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use lakegate_contract::{Contract, Format, Rule, Violations};

use crate::ConvertError;
use crate::csv::CsvReader;
use crate::decode::{Decoder, Progress};
use crate::judge::{Findings, Judged, filtered, judge};
use crate::judgement::{Counts, FileError, FileErrorKind, Judgement, Partition, RejectedAt, Verdict};
use crate::parse::{NullTexts, Style};
use crate::partition::Router;
use crate::records::{Batch, FieldMap};
use crate::rejects::{self, Reject, RejectsWriter};
use crate::schema::table_schema;
use crate::table::Table;
use crate::unique::Uniqueness;

/// Larger pushes are taken in pieces, so that the buffer stays small whatever the caller does.
const PUSH_BYTES: usize = 256 * 1024;
/// Partitions that one file may have: each is a file of its own, a partition of the catalog, and an open encoder that
/// takes some 30 KB per column.
pub(crate) const MAX_PARTITIONS: usize = 500;

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
/// The judgement and the encoded bytes do not depend on how the bytes are cut into pushes.
#[derive(Debug)]
pub struct Converter {
    contract: Arc<Contract>,
    schema: SchemaRef,
    decoder: Decoder,
    reader: CsvReader,
    style: Style,
    uniqueness: Uniqueness,
    router: Router,
    table: Table,
    rejects: RejectsWriter,
    counts: Counts,
    broken: BTreeMap<(Option<usize>, Rule), u64>,
    file_error: Option<FileError>,
    first_rejects: Vec<RejectedAt>,
    first_rejects_max: usize,
    bytes_read: u64,
}

impl Converter {
    /// How many broken rules a judgement tells one by one, unless [`Converter::with_first_rejects`] says otherwise.
    pub const FIRST_REJECTS: usize = 10;

    /// A converter for one file of the contract's dataset.
    ///
    /// # Errors
    /// [`ConvertError`] if the contract's partition columns cannot be keys, which its parser rules out.
    pub fn new(contract: Arc<Contract>, source: Source) -> Result<Self, ConvertError> {
        let Format::Csv(dialect) = &contract.landing.format else { return Err(ConvertError::Unsupported) };
        let schema = table_schema(&contract);
        Ok(Self {
            decoder: Decoder::new(&contract.landing),
            reader: CsvReader::new(&contract, dialect),
            style: Style { nulls: NullTexts::new(&dialect.null_values), numbers: contract.landing.numbers },
            uniqueness: Uniqueness::new(&contract),
            router: Router::new(&contract)?,
            table: Table::new(SchemaRef::clone(&schema), contract.policy.compression),
            rejects: RejectsWriter::new(source, &contract.version),
            counts: Counts::default(),
            broken: BTreeMap::new(),
            file_error: None,
            first_rejects: Vec::new(),
            first_rejects_max: Self::FIRST_REJECTS,
            bytes_read: 0,
            schema,
            contract,
        })
    }

    /// Sets how many broken rules the judgement tells one by one, in [`Judgement::first_rejects`]; they are held in memory.
    #[must_use]
    pub fn with_first_rejects(mut self, rules: usize) -> Self {
        self.first_rejects_max = rules;
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
            self.take_text(|decoder, reader| decoder.decode(&mut rest, |text| reader.push(text)))?;
        }
        Ok(if self.file_error.is_some() { Reading::Enough } else { Reading::More })
    }

    /// The Parquet bytes that are ready, in order within each output. Call it often: what is not drained stays in memory.
    pub fn drain(&mut self) -> Vec<Chunk> {
        let table = self.table.drain().map(|(index, bytes)| Chunk { output: Output::Table(index), bytes });
        let mut chunks: Vec<Chunk> = table.collect();
        chunks.extend(self.rejects.drain().map(|bytes| Chunk { output: Output::Rejects, bytes }));
        chunks
    }

    /// The partition of [`Output::Table`]`(index)`; known as soon as a chunk names it, its `bytes` only at the end.
    #[must_use]
    pub fn partition(&self, index: usize) -> Option<&Partition> {
        self.table.partition(index)
    }

    /// Judges the file: no more bytes will come. One last [`Converter::drain`] has the last bytes of every output.
    ///
    /// # Errors
    /// [`ConvertError`] if the engine fails; the file cannot be judged then.
    pub fn finish(&mut self) -> Result<Judgement, ConvertError> {
        if self.file_error.is_none() {
            self.take_text(|decoder, reader| decoder.finish(|text| reader.push(text)))?;
            self.reader.end();
            self.advance()?;
        }
        if self.file_error.is_none() {
            self.file_error = self.whole_file_error();
        }
        let rejects = self.rejects.finish()?;
        let (verdict, partitions) = if self.file_error.is_none() {
            (Verdict::Published, self.table.finish()?)
        } else {
            self.table.discard();
            (Verdict::Rejected, Vec::new())
        };
        Ok(Judgement {
            verdict,
            counts: self.counts,
            violations: self.violations(),
            file_error: self.file_error.clone(),
            partitions,
            rejects,
            first_rejects: std::mem::take(&mut self.first_rejects),
            bytes_read: self.bytes_read,
        })
    }

    /// Decodes as long as there is text, and judges each piece before the next one: packed bytes may have thousands of pieces.
    fn take_text(
        &mut self,
        mut decode: impl FnMut(&mut Decoder, &mut CsvReader) -> Result<Progress, FileError>,
    ) -> Result<(), ConvertError> {
        while self.file_error.is_none() {
            match decode(&mut self.decoder, &mut self.reader) {
                Ok(progress) => {
                    self.advance()?;
                    if progress == Progress::Done {
                        break;
                    }
                }
                Err(error) => self.file_error = Some(error),
            }
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<(), ConvertError> {
        while self.file_error.is_none() {
            match self.reader.next_batch() {
                Ok(Some(batch)) => {
                    let judged = judge(&self.contract, &self.style, batch)?;
                    self.settle(judged)?;
                }
                Ok(None) => return Ok(()),
                Err(error) => self.file_error = Some(error),
            }
        }
        Ok(())
    }

    /// Judges what hangs on the batches before, counts, and hands the good rows to the table.
    fn settle(&mut self, judged: Judged) -> Result<(), ConvertError> {
        let Judged { batch, faults, rows, arrays, mut findings } = judged;
        self.uniqueness.judge(&self.contract, &arrays, rows, &mut findings);
        let accepted =
            (!findings.is_clean()).then(|| (0..rows).map(|row| Some(!findings.is_bad(row))).collect::<BooleanArray>());
        let (arrays, accepted_rows) = match accepted {
            Some(accepted) => (filtered(arrays, &accepted)?, accepted.true_count()),
            None => (arrays, rows),
        };
        let batch_rows = batch.records.len();
        if accepted_rows < batch_rows {
            self.keep_rejects(&batch, &faults, findings)?;
        }
        self.counts.read += batch_rows as u64;
        self.counts.accepted += accepted_rows as u64;
        self.counts.rejected += (batch_rows - accepted_rows) as u64;
        self.append(arrays, accepted_rows)
    }

    fn append(&mut self, arrays: Vec<Option<ArrayRef>>, rows: usize) -> Result<(), ConvertError> {
        if rows == 0 {
            return Ok(());
        }
        let mut opened = Vec::new();
        let routes = self.router.route(&arrays, rows, |key| opened.push(key))?;
        if routes.iter().any(|(partition, _)| *partition >= MAX_PARTITIONS) {
            let message =
                format!("the rows belong to more than {MAX_PARTITIONS} partitions, the most that one file may have");
            self.file_error = Some(FileError { kind: FileErrorKind::TooManyPartitions, message, line: None });
            return Ok(());
        }
        for key in opened {
            self.table.open(key)?;
        }
        let in_file = arrays.into_iter().enumerate().filter(|(index, _)| !self.contract.is_partition_column(*index));
        let columns: Vec<ArrayRef> = in_file.filter_map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(SchemaRef::clone(&self.schema), columns)?;
        self.table.append(&batch, routes)
    }

    /// Keeps every rejected record of the batch, in the file's order, and counts what it broke.
    fn keep_rejects(
        &mut self,
        batch: &Batch,
        faults: &[(usize, Rule)],
        findings: Findings,
    ) -> Result<(), ConvertError> {
        let found = findings.into_sorted();
        let mut violations = found.as_slice();
        let mut faults = faults.iter().copied().peekable();
        let mut candidate = 0;
        // A place in the batch, and where that was in the file.
        let (mut place, mut byte_offset) = (0, self.decoder.source_offset(batch));
        for (number, record) in batch.records.iter().enumerate() {
            let reasons = if let Some((_, rule)) = faults.next_if(|(faulty, _)| *faulty == number) {
                *self.broken.entry((None, rule)).or_default() += 1;
                vec![rejects::fault(record, rule, batch.map.field_count)]
            } else {
                let count = violations.iter().take_while(|violation| violation.row == candidate).count();
                let (of_row, rest) = violations.split_at(count);
                violations = rest;
                candidate += 1;
                for violation in of_row {
                    *self.broken.entry((violation.column, violation.rule)).or_default() += 1;
                }
                of_row.iter().map(|violation| rejects::reason(&self.contract, *violation)).collect()
            };
            if reasons.is_empty() {
                continue;
            }
            byte_offset += self.decoder.source_len(batch.bytes(place, record.start));
            place = record.start;
            let room = self.first_rejects_max.saturating_sub(self.first_rejects.len());
            self.first_rejects.extend(reasons.iter().take(room).map(|reason| RejectedAt {
                line: record.line,
                column: reason.column.to_owned(),
                field: field_number(&self.contract, &batch.map, reason.column),
                rule: reason.rule.to_owned(),
                message: reason.message.clone(),
            }));
            self.rejects.append(&Reject {
                row_number: self.counts.read + number as u64 + 1,
                line: record.line,
                byte_offset,
                raw: batch.raw(record),
                reasons,
            })?;
        }
        Ok(())
    }

    /// What is wrong with the file as a whole, now that every row is judged.
    fn whole_file_error(&self) -> Option<FileError> {
        let Counts { read, rejected, .. } = self.counts;
        let policy = &self.contract.policy;
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^52")]
        let percent = if read == 0 { 0.0 } else { rejected as f64 * 100.0 / read as f64 };
        let asked = if percent > policy.max_reject_percent {
            format!("{} % may (maxRejectPercent)", policy.max_reject_percent)
        } else {
            let max = policy.max_reject_rows.filter(|max| rejected > *max)?;
            format!("{max} may (maxRejectRows)")
        };
        let message = format!("{rejected} of {read} rows ({percent:.1} %) break the contract, and at most {asked}");
        Some(FileError { kind: FileErrorKind::TooManyRejects, message, line: None })
    }

    fn violations(&self) -> Violations {
        let mut violations = Violations::new();
        for ((column, rule), rows) in &self.broken {
            let name = column.map_or("", |id| self.contract.path(id));
            let rule = self.contract.rule_name(*rule);
            violations.entry(name.to_owned()).or_default().insert(rule.to_owned(), *rows);
        }
        violations
    }
}

/// The number of the field in its record, from 1, that has the column's values.
fn field_number(contract: &Contract, map: &FieldMap, column: &str) -> Option<usize> {
    let id = contract.paths.iter().position(|path| path == column)?;
    map.field_of_column.get(id).copied().flatten().map(|field| field + 1)
}
