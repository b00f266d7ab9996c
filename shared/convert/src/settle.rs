//! What hangs on the batches before: keys, duplicates, counts, partitions, rejects. Batches are settled one after another, in the file's
//! order. It does not know how a batch is read or judged by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::filter;
use arrow::error::ArrowError;
use lakegate_contract::{Contract, Encoding, Rule, Violations};

use crate::ConvertError;
use crate::converter::Source;
use crate::decode::{fits_windows_1252, source_len};
use crate::encode::Routing;
use crate::file_rules::FileRules;
use crate::group::{Group, Ready, RoutedBatch};
use crate::judge::{Findings, Judged, Violation};
use crate::judgement::{Counts, FileError, FileErrorKind, Judgement, RejectedAt, Verdict};
use crate::partition::Router;
use crate::range::KeyWriter;
use crate::records::{Batch, Escaping};
use crate::rejects::{self, Reject, RejectsWriter};
use crate::unique::{Comparison, Places, RowHashes, Uniqueness};

/// What became of the batches so far.
#[derive(Debug)]
pub(crate) struct Settlement {
    contract: Arc<Contract>,
    pub(crate) comparison: Comparison,
    file_rules: FileRules,
    pub(crate) keys_bytes_max: usize,
    router: Router,
    pub(crate) partitions: usize,
    /// What is kept of the rows; `None` where they are judged and no more.
    pub(crate) kept: Option<Kept>,
    counts: Counts,
    broken: BTreeMap<(Option<usize>, Rule), u64>,
    /// Accepted rows that break a row rule which only warns, by its index.
    warned: BTreeMap<u16, u64>,
    first_rejects: Vec<RejectedAt>,
    pub(crate) first_rejects_max: usize,
    /// Rows of the file before this range of it, where only a range is judged: the file as a whole is judged elsewhere.
    pub(crate) rows_before: Option<u64>,
    /// Why the rows cannot go to partitions; known where it waits for others to be compared, and they lead no more rows there.
    unroutable: Option<FileError>,
}

/// Rows on their way to an output.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) rejects: RejectsWriter,
    /// The group in the making.
    pub(crate) group: Group,
    /// What the table does not have yet.
    pub(crate) ready: Vec<Ready>,
}

impl Settlement {
    pub(crate) fn new(
        contract: &Arc<Contract>,
        source: Source,
        keys_bytes_max: usize,
        first_rejects_max: usize,
    ) -> Self {
        Self {
            comparison: Comparison::OnePass(Uniqueness::new(contract)),
            file_rules: FileRules::new(contract),
            keys_bytes_max,
            router: Router::new(contract),
            partitions: 0,
            kept: Some(Kept {
                rejects: RejectsWriter::new(source, &contract.version),
                group: Group::default(),
                ready: Vec::new(),
            }),
            counts: Counts::default(),
            broken: BTreeMap::new(),
            warned: BTreeMap::new(),
            first_rejects: Vec::new(),
            first_rejects_max,
            rows_before: None,
            unroutable: None,
            contract: Arc::clone(contract),
        }
    }

    /// Judges what hangs on the batches before, counts, and leads the good rows to their partitions. What is returned is wrong with the file
    /// as a whole: it needs no more batches.
    pub(crate) fn settle(&mut self, judged: Judged) -> Result<Option<FileError>, ConvertError> {
        let Judged { batch, faults, rows, arrays, mut findings, mut hashes } = judged;
        let first_row = self.rows_before.unwrap_or_default() + self.counts.read + 1;
        let places = Places { first_row, records: batch.records.len(), faults: &faults };
        let dropped = self.comparison.judge(&self.contract, &mut hashes, rows, places, &mut findings)?;
        let mut accepted: Vec<bool> = Vec::new();
        let mut accepted_rows = rows;
        if !findings.is_clean() || !dropped.is_empty() {
            accepted.extend((0..rows).map(|row| !findings.is_bad(row)));
            dropped.iter().filter_map(|row| accepted.get_mut(*row).map(|row| *row = false)).for_each(drop);
            accepted_rows = accepted.iter().filter(|accepted| **accepted).count();
        }
        self.count(&arrays, &hashes, &findings, &accepted, rows)?;
        let batch_rows = batch.records.len();
        let rejected_rows = batch_rows - accepted_rows - dropped.len();
        if rejected_rows > 0 {
            self.keep_rejects(&batch, &faults, findings)?;
        }
        self.counts.read += batch_rows as u64;
        self.counts.accepted += accepted_rows as u64;
        self.counts.rejected += rejected_rows as u64;
        self.counts.duplicate += dropped.len() as u64;
        if accepted_rows > 0
            && let Some(error) = self.append(arrays, rows, &accepted)?
        {
            return Ok(Some(error));
        }
        Ok(self.too_many_keys())
    }

    /// The keys that are written down for a later comparison.
    pub(crate) fn keys(&mut self) -> Option<&mut KeyWriter> {
        match &mut self.comparison {
            Comparison::Later(writer) => Some(writer),
            Comparison::OnePass(_) | Comparison::Decided(_) => None,
        }
    }

    /// Rows that have lost by decisions.
    pub(crate) fn lost(&self) -> u64 {
        match &self.comparison {
            Comparison::Decided(decided) => decided.lost,
            Comparison::OnePass(_) | Comparison::Later(_) => 0,
        }
    }

    /// What file rules have counted, in the contract's order.
    pub(crate) fn file_rule_rows(&self) -> Vec<u64> {
        self.file_rules.rows()
    }

    /// What is to be encoded now.
    pub(crate) fn take_ready(&mut self) -> Vec<Ready> {
        self.kept.as_mut().map(|kept| std::mem::take(&mut kept.ready)).unwrap_or_default()
    }

    /// What is still to be encoded when no batch will come.
    pub(crate) fn take_rest(&mut self) -> Option<Ready> {
        self.kept.as_mut().map(|kept| kept.group.rest())
    }

    /// Counts for file rules and warnings; `accepted` is empty where all rows are.
    fn count(
        &mut self,
        arrays: &[Option<ArrayRef>],
        hashes: &RowHashes,
        findings: &Findings,
        accepted: &[bool],
        rows: usize,
    ) -> Result<(), ArrowError> {
        let is_accepted = |row: usize| accepted.get(row).copied().unwrap_or(true);
        for (_, rule) in findings.warnings().iter().filter(|(row, _)| is_accepted(*row)) {
            *self.warned.entry(*rule).or_default() += 1;
        }
        if self.contract.file_rules.is_empty() {
            return Ok(());
        }
        let numbers = (0..rows).filter(|row| is_accepted(*row));
        if accepted.is_empty() {
            self.file_rules.count(&self.contract, arrays, hashes, &numbers);
            return Ok(());
        }
        let keep: BooleanArray = accepted.iter().map(|accepted| Some(*accepted)).collect();
        let kept = arrays.iter().map(|array| array.as_ref().map(|array| filter(array, &keep)).transpose());
        self.file_rules.count(&self.contract, &kept.collect::<Result<Vec<_>, _>>()?, hashes, &numbers);
        Ok(())
    }

    /// Leads the accepted rows to their partitions; `accepted` is empty where all are.
    fn append(
        &mut self,
        arrays: Vec<Option<ArrayRef>>,
        rows: usize,
        accepted: &[bool],
    ) -> Result<Option<FileError>, ConvertError> {
        if self.unroutable.is_some() {
            return Ok(None);
        }
        let mut opened = Vec::new();
        let targets = match self.router.route(&arrays, rows, accepted, |key| opened.push(key)) {
            Ok(targets) => targets,
            Err(unroutable) => {
                let error = unroutable.error(&self.contract);
                return Ok(match &self.comparison {
                    Comparison::OnePass(_) | Comparison::Decided(_) => Some(error),
                    // The row may lose to one above, and then its partition does not count. Rows behind want to be compared.
                    Comparison::Later(_) => {
                        self.unroutable = Some(error);
                        None
                    }
                });
            }
        };
        self.partitions += opened.len();
        let Some(Kept { group, ready, .. }) = &mut self.kept else { return Ok(None) };
        let in_file = arrays.into_iter().enumerate().filter(|(index, _)| !self.contract.is_partition_column(*index));
        let columns: Vec<ArrayRef> = in_file.filter_map(|(_, array)| array).collect();
        let routing = Routing::new(&targets, self.partitions);
        ready.extend(group.push(RoutedBatch { columns, routing, opened })?);
        Ok(None)
    }

    /// What is wrong with the file if its keys take more memory than they may.
    fn too_many_keys(&self) -> Option<FileError> {
        let bytes = self.comparison.bytes() + self.file_rules.bytes();
        (bytes > self.keys_bytes_max).then(|| {
            let message = format!(
                "the keys of {} accepted rows need more than {} MiB: split the file, or ask for fewer unique columns, keys and \
                 dropped or counted duplicates in the contract",
                self.counts.accepted,
                self.keys_bytes_max / (1024 * 1024)
            );
            FileError { kind: FileErrorKind::TooManyKeys, message, line: None }
        })
    }

    /// Judges the file as a whole: no more batches will come. `file_error` is what is known to be wrong with it. The partitions are the
    /// table's to tell.
    pub(crate) fn finish(&mut self, file_error: Option<FileError>, bytes_read: u64) -> Result<Judgement, ConvertError> {
        let of_file = || {
            budget_error(&self.contract, self.counts)
                .or_else(|| self.file_rules.error(&self.contract, self.counts.accepted))
        };
        // What stands above comes first.
        let file_error = self.unroutable.take().or(file_error);
        let file_error = file_error.or_else(|| if self.rows_before.is_none() { of_file() } else { None });
        let rejects = self.kept.as_mut().map(|kept| kept.rejects.finish()).transpose()?.flatten();
        Ok(Judgement {
            verdict: if file_error.is_none() { Verdict::Published } else { Verdict::Rejected },
            counts: self.counts,
            violations: self.violations(),
            warnings: self.warnings(),
            file_error,
            partitions: Vec::new(),
            rejects,
            first_rejects: std::mem::take(&mut self.first_rejects),
            bytes_read,
        })
    }

    /// Counts what the rejected records of the batch broke, tells the first of it, and keeps the records, in the file's order.
    fn keep_rejects(
        &mut self,
        batch: &Batch,
        faults: &[(usize, Rule)],
        findings: Findings,
    ) -> Result<(), ConvertError> {
        let (found, unknown_keys) = findings.into_sorted();
        let mut violations = found.as_slice();
        let mut faults = faults.iter().copied().peekable();
        let mut candidate = 0;
        // A place in the batch, and where that was in the file.
        let (mut place, mut byte_offset) = (0, batch.offset);
        for (number, record) in batch.records.iter().enumerate() {
            let room = self.first_rejects_max.saturating_sub(self.first_rejects.len());
            let is_told = self.kept.is_some() || room > 0;
            let reasons = if let Some((_, rule)) = faults.next_if(|(faulty, _)| *faulty == number) {
                *self.broken.entry((None, rule)).or_default() += 1;
                let fault = || {
                    let is_utf8 = self.contract.landing.encoding == Encoding::Utf8;
                    let fits = (is_utf8 && fits_windows_1252(batch.raw(record))).then_some("Windows-1252");
                    rejects::fault(record, rule, batch.map.field_count, batch.note(number), fits)
                };
                is_told.then(fault).into_iter().collect()
            } else {
                let count = violations.iter().take_while(|violation| violation.row == candidate).count();
                let (of_row, rest) = violations.split_at(count);
                violations = rest;
                candidate += 1;
                for violation in of_row {
                    *self.broken.entry((violation.column, violation.rule)).or_default() += 1;
                }
                let told = of_row.iter().filter(|_| is_told);
                let key = |violation: &Violation| {
                    let key = violation.column.and_then(|column| unknown_keys.get(&(violation.row, column)));
                    key.map(String::as_str).filter(|_| violation.rule == Rule::UnknownColumn)
                };
                told.map(|violation| rejects::reason(&self.contract, *violation, key(violation))).collect::<Vec<_>>()
            };
            if reasons.is_empty() {
                continue;
            }
            self.first_rejects.extend(reasons.iter().take(room).map(|reason| RejectedAt {
                line: record.line,
                field: field_number(&self.contract, batch, reason.column),
                column: reason.column.to_owned(),
                rule: reason.rule.to_owned(),
                message: reason.message.clone(),
            }));
            let Some(Kept { rejects, .. }) = &mut self.kept else { continue };
            byte_offset += source_len(self.contract.landing.encoding, batch.bytes(place, record.start));
            place = record.start;
            rejects.append(&Reject {
                row_number: self.rows_before.unwrap_or_default() + self.counts.read + number as u64 + 1,
                line: record.line,
                byte_offset,
                raw: batch.raw(record),
                reasons,
            })?;
        }
        Ok(())
    }

    fn warnings(&self) -> Violations {
        let mut warnings = Violations::new();
        for (index, rows) in &self.warned {
            let Some(rule) = self.contract.row_rules.get(usize::from(*index)) else { continue };
            let column = rule.column.map_or("", |id| self.contract.path(id));
            warnings.entry(column.to_owned()).or_default().insert(rule.name.clone(), *rows);
        }
        if self.rows_before.is_none() {
            self.file_rules.warn(&self.contract, self.counts.accepted, &mut warnings);
        }
        warnings
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

/// What is wrong with the file as a whole, now that every row is judged.
pub(crate) fn budget_error(contract: &Contract, counts: Counts) -> Option<FileError> {
    let Counts { read, rejected, .. } = counts;
    let policy = &contract.policy;
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

/// The number of the field in its record, from 1, that has the column's values. Members of a JSON object have none.
fn field_number(contract: &Contract, batch: &Batch, column: &str) -> Option<usize> {
    match batch.escaping {
        Escaping::Csv { .. } => {
            let id = contract.paths.iter().position(|path| path == column)?;
            batch.map.field_of_column.get(id).copied().flatten().map(|field| field + 1)
        }
        Escaping::Json => None,
    }
}
