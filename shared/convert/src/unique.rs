//! Exact duplicates and `unique`: what a row shares with accepted rows above it. Among rows that break no other rule the first wins.
//! It keeps hashes, not values, and does not know types.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::error::ArrowError;
use lakegate_contract::{Contract, ExactDuplicates, Metric, Rule};

use crate::judge::Findings;
use crate::range::KeyWriter;
use crate::seen::Seen;
use crate::{ConvertError, hash};

/// Hashes of a batch's candidate rows: what its keys are judged by, computed with the batch itself.
#[derive(Debug, Default)]
pub(crate) struct RowHashes {
    /// Of all columns of the file, where exact duplicates are dropped.
    rows: Option<Vec<u128>>,
    /// Per key of the contract.
    keys: Vec<KeyHashes>,
    /// Per file rule; there for those that count duplicate values.
    pub(crate) metrics: Vec<Option<KeyHashes>>,
}

/// Hashes of one key's values.
#[derive(Debug)]
pub(crate) struct KeyHashes {
    hashes: Vec<u128>,
    /// Rows with a null in one of the columns, which equal no other.
    nulls: Option<NullBuffer>,
}

impl RowHashes {
    /// `arrays` are the contract's columns, all of them there; `left_out` is what else the rows have.
    pub(crate) fn of(
        contract: &Contract,
        arrays: &[Option<ArrayRef>],
        left_out: &[ArrayRef],
        rows: usize,
    ) -> Result<Self, ArrowError> {
        let column = |index: usize| arrays.get(index).and_then(Option::as_ref);
        let row_hashes = match contract.policy.exact_duplicates {
            ExactDuplicates::Keep => None,
            ExactDuplicates::Drop => {
                let in_file = contract.columns.iter().zip(arrays).filter(|(column, _)| column.expression().is_none());
                Some(hash::rows(in_file.filter_map(|(_, array)| array.as_ref()).chain(left_out), rows)?)
            }
        };
        let key = |columns: &[usize]| -> Result<KeyHashes, ArrowError> {
            let columns = || columns.iter().filter_map(|index| column(*index));
            let nulls = columns().fold(None, |nulls: Option<NullBuffer>, array| {
                NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref())
            });
            Ok(KeyHashes { hashes: hash::rows(columns(), rows)?, nulls })
        };
        let metric = |metric: &Metric| match metric {
            Metric::DuplicateValues(columns) => Some(key(columns)),
            Metric::RowCount | Metric::NullValues(_) | Metric::MissingValues(..) | Metric::InvalidValues(..) => None,
        };
        Ok(Self {
            rows: row_hashes,
            keys: contract.keys.iter().map(|of| key(&of.columns)).collect::<Result<_, _>>()?,
            metrics: contract
                .file_rules
                .iter()
                .map(|rule| metric(&rule.metric).transpose())
                .collect::<Result<_, _>>()?,
        })
    }

    /// The hashes of a row, each with its slot: the whole row's, if that is asked, each key's, each file rule's that counts duplicates. Those of
    /// keys with a null are left out.
    pub(crate) fn of_row(&self, row: usize) -> impl Iterator<Item = (usize, u128)> {
        let whole = self.rows.iter().map(move |of_rows| of_rows.get(row).copied());
        let keys = self.keys.iter().chain(self.metrics.iter().flatten()).map(move |of_key| of_key.of_row(row));
        whole.chain(keys).enumerate().filter_map(|(slot, hash)| Some((slot, hash?)))
    }
}

impl KeyHashes {
    /// The key of a row, unless it has a null.
    #[inline]
    pub(crate) fn of_row(&self, row: usize) -> Option<u128> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        self.hashes.get(row).copied()
    }
}

/// What a batch's rows are compared with.
#[derive(Debug)]
pub(crate) enum Comparison {
    /// With all rows above, which are judged here.
    OnePass(Uniqueness),
    /// With rows of other ranges, later: until then all win, and their keys are written down.
    Later(KeyWriter),
    /// It is decided which rows lose.
    Decided(DecidedRows),
}

/// Where a batch's candidate rows stand in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    /// The row number of the batch's first record.
    pub(crate) first_row: u64,
    pub(crate) records: usize,
    /// Records that are no candidate rows, ascending.
    pub(crate) faults: &'a [(usize, Rule)],
}

impl Places<'_> {
    /// The row numbers of the candidate rows.
    fn row_numbers(&self) -> impl Iterator<Item = u64> {
        let mut faults = self.faults.iter().peekable();
        let is_candidate = move |record: &usize| faults.next_if(|(faulty, _)| faulty == record).is_none();
        (0..self.records).filter(is_candidate).map(|record| self.first_row + record as u64)
    }

    /// The candidate row of this number.
    fn candidate(&self, row_number: u64) -> Option<usize> {
        let record = usize::try_from(row_number.checked_sub(self.first_row)?).ok()?;
        let before = self.faults.partition_point(|(faulty, _)| *faulty < record);
        let is_fault = self.faults.get(before).is_some_and(|(faulty, _)| *faulty == record);
        (record < self.records && !is_fault).then_some(record - before)
    }
}

impl Comparison {
    /// Judges the rows of the next batch, and gives those to be dropped, ascending.
    ///
    /// # Errors
    /// [`ConvertError::Decisions`]: it was decided of other rows.
    pub(crate) fn judge(
        &mut self,
        contract: &Contract,
        hashes: &mut RowHashes,
        rows: usize,
        places: Places<'_>,
        findings: &mut Findings,
    ) -> Result<Vec<usize>, ConvertError> {
        match self {
            Self::OnePass(uniqueness) => Ok(uniqueness.judge(contract, hashes, rows, findings)),
            Self::Later(writer) => {
                writer.write(hashes, places.row_numbers(), findings);
                // Duplicate values are counted later, too.
                hashes.metrics.clear();
                Ok(Vec::new())
            }
            Self::Decided(decided) => {
                hashes.metrics.clear();
                decided.judge(contract, places, findings)
            }
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::OnePass(uniqueness) => uniqueness.bytes(),
            // What is drained is not held.
            Self::Later(_) | Self::Decided(_) => 0,
        }
    }
}

/// Rows that lose to rows above them, as was decided over all ranges.
#[derive(Debug)]
pub(crate) struct DecidedRows {
    lists: Vec<DecidedList>,
    /// How many have lost so far.
    pub(crate) lost: u64,
}

#[derive(Debug)]
struct DecidedList {
    /// The keys that they break; none if they are dropped.
    keys: Vec<usize>,
    rows: std::iter::Peekable<std::vec::IntoIter<u64>>,
}

impl DecidedRows {
    /// Each list has its keys, as indices into the contract's, and row numbers, ascending.
    pub(crate) fn new(lists: impl Iterator<Item = (Vec<usize>, Vec<u64>)>) -> Self {
        let list = |(keys, rows): (_, Vec<u64>)| DecidedList { keys, rows: rows.into_iter().peekable() };
        Self { lists: lists.map(list).collect(), lost: 0 }
    }

    fn judge(
        &mut self,
        contract: &Contract,
        places: Places<'_>,
        findings: &mut Findings,
    ) -> Result<Vec<usize>, ConvertError> {
        let behind = places.first_row + places.records as u64;
        let mut dropped = Vec::new();
        for list in &mut self.lists {
            while let Some(row) = list.rows.next_if(|row| *row < behind) {
                // Every row loses once, and none that breaks a rule.
                let candidate = places.candidate(row).filter(|candidate| !findings.is_bad(*candidate));
                let candidate = candidate.ok_or(ConvertError::Decisions { row })?;
                self.lost += 1;
                if list.keys.is_empty() {
                    dropped.push(candidate);
                }
                for key in &list.keys {
                    let key = contract.keys.get(*key).ok_or(ConvertError::Decisions { row })?;
                    findings.add_to(candidate, single(&key.columns), Rule::Unique);
                }
            }
        }
        Ok(dropped)
    }
}

/// What accepted rows had, per key, and as a whole where exact duplicates are dropped.
#[derive(Debug)]
pub(crate) struct Uniqueness {
    rows: Option<Seen>,
    keys: Vec<Seen>,
}

impl Uniqueness {
    pub(crate) fn new(contract: &Contract) -> Self {
        Self {
            rows: (contract.policy.exact_duplicates == ExactDuplicates::Drop).then(Seen::new),
            keys: contract.keys.iter().map(|_| Seen::new()).collect(),
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().chain(&self.keys).map(Seen::bytes).sum()
    }

    /// Judges the rows in order, and gives those to be dropped, ascending. A row that breaks any rule reserves nothing, and a row that is
    /// dropped breaks none.
    pub(crate) fn judge(
        &mut self,
        contract: &Contract,
        hashes: &RowHashes,
        rows: usize,
        findings: &mut Findings,
    ) -> Vec<usize> {
        let mut dropped = Vec::new();
        if self.rows.is_none() && self.keys.is_empty() {
            return dropped;
        }
        for (seen, of_rows) in self.rows.iter().zip(&hashes.rows) {
            seen.warm(of_rows.iter().copied());
        }
        for (seen, of_key) in self.keys.iter().zip(&hashes.keys) {
            seen.warm(of_key.hashes.iter().copied());
        }
        for row in 0..rows {
            if findings.is_bad(row) {
                continue;
            }
            let whole = hashes.rows.as_ref().and_then(|of_rows| of_rows.get(row)).copied();
            if let (Some(seen), Some(whole)) = (&self.rows, whole)
                && seen.contains(whole)
            {
                dropped.push(row);
                continue;
            }
            self.judge_keys(contract, hashes, row, findings);
            if findings.is_bad(row) {
                continue;
            }
            if let (Some(seen), Some(whole)) = (&mut self.rows, whole) {
                seen.insert(whole);
            }
        }
        dropped
    }

    fn judge_keys(&mut self, contract: &Contract, hashes: &RowHashes, row: usize, findings: &mut Findings) {
        // With one key, asking and keeping are one step.
        if let ([seen], [of_key], [key]) = (self.keys.as_mut_slice(), hashes.keys.as_slice(), contract.keys.as_slice())
        {
            if of_key.of_row(row).is_some_and(|hash| !seen.insert(hash)) {
                findings.add_to(row, single(&key.columns), Rule::Unique);
            }
            return;
        }
        for ((seen, of_key), key) in self.keys.iter().zip(&hashes.keys).zip(&contract.keys) {
            if of_key.of_row(row).is_some_and(|hash| seen.contains(hash)) {
                findings.add_to(row, single(&key.columns), Rule::Unique);
            }
        }
        if !findings.is_bad(row) {
            for (seen, of_key) in self.keys.iter_mut().zip(&hashes.keys) {
                if let Some(hash) = of_key.of_row(row) {
                    seen.insert(hash);
                }
            }
        }
    }
}

/// The column under which a violation is told; none if there are several.
fn single(columns: &[usize]) -> Option<usize> {
    if let [only] = columns { Some(*only) } else { None }
}
