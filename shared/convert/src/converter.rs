//! The way of a file through the engine: records, columns, rules, partitions, Parquet.
//! It does no I/O: bytes are pushed in, encoded bytes are drained.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use lakegate_contract::{Contract, Rule, Violations};

use crate::ConvertError;
use crate::batch::{Findings, filtered, judge_columns, record_faults, unfaulted};
use crate::header::{self, FieldMap};
use crate::judgement::{Counts, FileError, FileErrorKind, Judgement, Partition, RejectedAt, Verdict};
use crate::parse::{NullTexts, Rows};
use crate::partition::Router;
use crate::records::{BATCH_RECORDS, Form, Record, Split, Splitter, unescape};
use crate::rejects::{self, Reject, RejectsWriter};
use crate::schema::table_schema;
use crate::table::Table;
use crate::unique::Uniqueness;

/// Larger pushes are taken in pieces, so that the buffer stays small whatever the caller does.
const PUSH_BYTES: usize = 1024 * 1024;
/// Bytes that tell what kind of file it is.
const PREFIX_BYTES: usize = 4;
/// Partitions that one file may have: each is a file of its own, a partition of the catalog, and an open encoder that
/// takes some 30 KB per column.
pub(crate) const MAX_PARTITIONS: usize = 500;
/// How many broken rules a judgement tells one by one.
const FIRST_REJECTS: usize = 10;
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

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
    splitter: Splitter,
    nulls: NullTexts,
    is_started: bool,
    fields: Option<FieldMap>,
    uniqueness: Uniqueness,
    router: Router,
    table: Table,
    rejects: RejectsWriter,
    counts: Counts,
    broken: BTreeMap<(Option<usize>, Rule), u64>,
    file_error: Option<FileError>,
    first_rejects: Vec<RejectedAt>,
    bytes_read: u64,
}

impl Converter {
    /// A converter for one file of the contract's dataset.
    ///
    /// # Errors
    /// [`ConvertError`] if the contract's partition columns cannot be keys, which its parser rules out.
    pub fn new(contract: Arc<Contract>, source: Source) -> Result<Self, ConvertError> {
        let dialect = &contract.landing.csv;
        let schema = table_schema(&contract);
        Ok(Self {
            splitter: Splitter::new(dialect),
            nulls: NullTexts::new(&dialect.null_values),
            is_started: false,
            fields: (!dialect.header).then(|| header::by_position(&contract)),
            uniqueness: Uniqueness::new(&contract),
            router: Router::new(&contract)?,
            table: Table::new(SchemaRef::clone(&schema), contract.policy.compression),
            rejects: RejectsWriter::new(source, &contract.version),
            counts: Counts::default(),
            broken: BTreeMap::new(),
            file_error: None,
            first_rejects: Vec::new(),
            bytes_read: 0,
            schema,
            contract,
        })
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
            self.splitter.push(piece);
            if !self.is_started && self.splitter.buffer().len() < PREFIX_BYTES {
                continue;
            }
            self.start();
            self.advance()?;
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
        self.start();
        self.splitter.end();
        if self.file_error.is_none() {
            self.advance()?;
            self.judge_batch()?;
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

    /// Looks at the first bytes, once.
    fn start(&mut self) {
        if self.is_started {
            return;
        }
        self.is_started = true;
        let prefix = self.splitter.buffer();
        if prefix.starts_with(UTF8_BOM) {
            self.splitter.skip_prefix(UTF8_BOM.len());
            return;
        }
        let other = match prefix {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "UTF-16",
            [0x1F, 0x8B, ..] => "gzip",
            [0x28, 0xB5, 0x2F, 0xFD, ..] => "zstd",
            [b'P', b'K', 3, 4, ..] => "a zip archive",
            [b'P', b'A', b'R', b'1', ..] => "Parquet",
            _ => return,
        };
        let message = format!("the file is {other}, and the contract says CSV in UTF-8");
        self.file_error = Some(FileError { kind: FileErrorKind::Encoding, message, line: None });
    }

    fn advance(&mut self) -> Result<(), ConvertError> {
        while self.file_error.is_none() {
            if self.fields.is_none() {
                if self.splitter.split(1) == Split::Hungry && self.splitter.records().is_empty() {
                    return Ok(());
                }
                self.read_header();
                continue;
            }
            if self.splitter.split(BATCH_RECORDS) == Split::Hungry {
                return Ok(());
            }
            self.judge_batch()?;
        }
        Ok(())
    }

    fn read_header(&mut self) {
        let Some(record) = self.splitter.records().first().copied() else { return };
        let names = if record.fault.is_none() { self.header_names(&record) } else { None };
        let fields = match names {
            Some(names) => header::by_name(&self.contract, &names, record.line),
            None => Err(FileError {
                kind: FileErrorKind::HeaderMismatch,
                message: "the header is not readable: a stray quote, a line without end, or no UTF-8".to_owned(),
                line: Some(record.line),
            }),
        };
        match fields {
            Ok(fields) => self.fields = Some(fields),
            Err(error) => self.file_error = Some(error),
        }
        self.splitter.clear_batch();
    }

    fn header_names(&self, record: &Record) -> Option<Vec<String>> {
        let mut value = Vec::new();
        let names = self.splitter.fields(record).iter().map(|field| {
            let bytes = self.splitter.bytes(field.start, field.end);
            let bytes = if field.form == Form::Escaped {
                unescape(bytes, self.contract.landing.csv.quote, &mut value);
                &value
            } else {
                bytes
            };
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        });
        names.collect()
    }

    /// Judges the records that the splitter has and hands the good ones to the table.
    fn judge_batch(&mut self) -> Result<(), ConvertError> {
        let Some(fields) = &self.fields else { return Ok(()) };
        let records = self.splitter.records();
        if records.is_empty() {
            return Ok(());
        }
        let faults = record_faults(&self.splitter, records, fields.field_count);
        let readable: Vec<Record>;
        let candidates = if faults.is_empty() {
            records
        } else {
            readable = unfaulted(records, &faults);
            &readable
        };
        let mut findings = Findings::new(candidates.len(), self.contract.columns.len());
        let rows = Rows {
            splitter: &self.splitter,
            records: candidates,
            nulls: &self.nulls,
            quote: self.contract.landing.csv.quote,
        };
        let arrays = judge_columns(&self.contract, fields, &rows, &mut findings)?;
        self.uniqueness.judge(&self.contract, &arrays, candidates.len(), &mut findings);
        let accepted = (!findings.is_clean())
            .then(|| (0..candidates.len()).map(|row| Some(!findings.is_bad(row))).collect::<BooleanArray>());
        let (arrays, accepted_rows) = match accepted {
            Some(accepted) => (filtered(arrays, &accepted)?, accepted.true_count()),
            None => (arrays, candidates.len()),
        };
        let batch_rows = records.len();
        if accepted_rows < batch_rows {
            self.keep_rejects(&faults, findings)?;
        }
        self.counts.read += batch_rows as u64;
        self.counts.accepted += accepted_rows as u64;
        self.counts.rejected += (batch_rows - accepted_rows) as u64;
        self.splitter.clear_batch();
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
    fn keep_rejects(&mut self, faults: &[(usize, Rule)], findings: Findings) -> Result<(), ConvertError> {
        let found = findings.into_sorted();
        let mut violations = found.as_slice();
        let mut faults = faults.iter().copied().peekable();
        let expected_fields = self.fields.as_ref().map_or(0, |fields| fields.field_count);
        let mut candidate = 0;
        for (number, record) in self.splitter.records().iter().enumerate() {
            let reasons = if let Some((_, rule)) = faults.next_if(|(faulty, _)| *faulty == number) {
                *self.broken.entry((None, rule)).or_default() += 1;
                vec![("", rule, rejects::fault_message(record, rule, expected_fields))]
            } else {
                let count = violations.iter().take_while(|violation| violation.row == candidate).count();
                let (of_row, rest) = violations.split_at(count);
                violations = rest;
                candidate += 1;
                for violation in of_row {
                    *self.broken.entry((Some(violation.column), violation.rule)).or_default() += 1;
                }
                of_row.iter().map(|violation| rejects::reason(&self.contract, *violation)).collect()
            };
            if reasons.is_empty() {
                continue;
            }
            let room = FIRST_REJECTS - self.first_rejects.len();
            self.first_rejects.extend(reasons.iter().take(room).map(|(column, rule, message)| RejectedAt {
                line: record.line,
                column: (*column).to_owned(),
                rule: rule.name(),
                message: message.clone(),
            }));
            self.rejects.append(&Reject {
                row_number: self.counts.read + number as u64 + 1,
                line: record.line,
                byte_offset: self.splitter.offset(record.start),
                raw: self.splitter.bytes(record.start, record.end),
                reasons,
            })?;
        }
        Ok(())
    }

    /// What is wrong with the file as a whole, now that every row is judged.
    fn whole_file_error(&self) -> Option<FileError> {
        if self.fields.is_none() {
            let message = "the file is empty, and a header was expected".to_owned();
            return Some(FileError { kind: FileErrorKind::EmptyFile, message, line: None });
        }
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
            let name =
                column.and_then(|index| self.contract.columns.get(index)).map_or("", |column| column.name.as_str());
            violations.entry(name.to_owned()).or_default().insert(rule.name().to_owned(), *rows);
        }
        violations
    }
}
