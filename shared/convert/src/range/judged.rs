//! Reports of ranges, and the judgement of the file that they are of.
//! It does not know how a range was converted.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_contract::{Contract, Violations};
use serde::{Deserialize, Serialize};

use super::count::Counted;
use super::decide::Decided;
use super::key_reader::KeysError;
use super::keys::Slots;
use crate::converter::FIRST_REJECTS;
use crate::file_rules::FileRules;
use crate::judgement::{Counts, FileError, Judgement, Partition, RejectedAt, Rejects, Verdict};
use crate::partition::{PARTITIONS_MAX, Unroutable};
use crate::settle::budget_error;

/// What became of a range: all that the file's judgement is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeReport {
    /// The range, as an index into the plan's ranges.
    pub range: usize,
    /// Rows that begin in the range.
    pub counts: Counts,
    /// As [`Judgement::violations`].
    pub violations: Violations,
    /// As [`Judgement::warnings`], without those of the file as a whole.
    pub warnings: Violations,
    /// What each of the contract's file rules has counted, in its order.
    pub file_rules: Vec<u64>,
    /// Why the whole file is rejected, if this range shows it.
    pub file_error: Option<FileError>,
    /// As [`Judgement::partitions`]; an index is the one that [`crate::Output::Table`] has in this range.
    pub partitions: Vec<Partition>,
    /// The range's file of rejected rows, if there are any.
    pub rejects: Option<Rejects>,
    /// As [`Judgement::first_rejects`].
    pub first_rejects: Vec<RejectedAt>,
    /// Keys that were written, to be compared with those of other ranges.
    pub keys: u64,
    /// Rows that have lost to rows above them, by decisions.
    pub lost: u64,
}

/// What comparing the rows of different ranges came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// What was decided.
    pub decided: Decided,
    /// What was counted in each bucket, where rules of the file count duplicates.
    pub counted: Vec<Counted>,
}

impl RangeReport {
    pub(crate) fn new(range: usize, judgement: Judgement, file_rules: Vec<u64>, keys: u64, lost: u64) -> Self {
        let Judgement { counts, violations, warnings, file_error, partitions, rejects, first_rejects, .. } = judgement;
        Self {
            range,
            counts,
            violations,
            warnings,
            file_rules,
            file_error,
            partitions,
            rejects,
            first_rejects,
            keys,
            lost,
        }
    }
}

/// Judges a file by the latest reports of all its ranges, in any order: as one conversion of it would. Its partitions come with the rows and
/// bytes of all ranges together. Only of a file that is rejected because of its partitions the counts may be others, because one conversion
/// reads such a file no further.
///
/// # Errors
/// [`KeysError`] if the contract compares rows of different ranges, and `compared` is not there, not of all keys, or not what the ranges were
/// converted by.
pub fn judge(
    contract: &Contract,
    size_bytes: u64,
    reports: &[RangeReport],
    compared: Option<&Compared>,
) -> Result<Judgement, KeysError> {
    let duplicates = duplicates(contract, reports, compared)?;
    let mut reports: Vec<&RangeReport> = reports.iter().collect();
    reports.sort_by_key(|report| report.range);
    let mut sum = Sum { file_rules: vec![0; contract.file_rules.len()], ..Sum::default() };
    let mut file_error = None;
    for report in reports {
        sum.add(report);
        file_error.clone_from(&report.file_error);
        if sum.partitions.len() > PARTITIONS_MAX {
            file_error = Some(Unroutable::TooManyPartitions.error(contract));
        }
        // What stands behind is not read.
        if file_error.is_some() {
            break;
        }
    }
    let Sum { counts, violations, mut warnings, mut file_rules, partitions, rejects, mut first_rejects, .. } = sum;
    for (rule, rows) in duplicates {
        file_rules.get_mut(rule).into_iter().for_each(|of_rule| *of_rule = rows);
    }
    let rules = FileRules::counted(contract, &file_rules);
    rules.warn(contract, counts.accepted, &mut warnings);
    let file_error = file_error.or_else(|| compared?.decided.file_error.clone());
    let file_error =
        file_error.or_else(|| budget_error(contract, counts)).or_else(|| rules.error(contract, counts.accepted));
    first_rejects.truncate(FIRST_REJECTS);
    let verdict = if file_error.is_none() { Verdict::Published } else { Verdict::Rejected };
    let partitions = if file_error.is_none() { partitions } else { Vec::new() };
    Ok(Judgement {
        verdict,
        counts,
        violations,
        warnings,
        file_error,
        partitions,
        rejects,
        first_rejects,
        bytes_read: size_bytes,
    })
}

/// What was counted of duplicate values, by the place of the rule that asks it, once it is sure that all was compared and obeyed.
fn duplicates(
    contract: &Contract,
    reports: &[RangeReport],
    compared: Option<&Compared>,
) -> Result<Vec<(usize, u64)>, KeysError> {
    let slots = Slots::of(contract);
    let Some(Compared { decided, counted }) = compared else {
        return if slots.count() == 0 { Ok(Vec::new()) } else { Err(KeysError::NotCompared) };
    };
    for RangeReport { range, lost, .. } in reports {
        let of_range = decided.lost.get(range).copied().unwrap_or_default();
        if *lost != of_range {
            return Err(KeysError::Undecided { range: *range, lost: *lost, decided: of_range });
        }
    }
    if slots.metrics.is_empty() || decided.file_error.is_some() {
        return Ok(Vec::new());
    }
    let mut sums: Vec<(usize, u64)> = slots.metrics.iter().map(|rule| (*rule, 0)).collect();
    let (mut keys, mut buckets) = (0, BTreeSet::new());
    for Counted { bucket, keys: of_bucket, duplicates } in counted {
        if let Some(bucket) = bucket.filter(|bucket| !buckets.insert(*bucket)) {
            return Err(KeysError::BucketTwice { bucket });
        }
        keys += of_bucket;
        sums.iter_mut().zip(duplicates).for_each(|((_, sum), rows)| *sum += rows);
    }
    if keys != decided.keys {
        return Err(KeysError::Incomplete { expected: decided.keys, found: keys });
    }
    Ok(sums)
}

#[derive(Debug, Default)]
struct Sum {
    counts: Counts,
    violations: Violations,
    warnings: Violations,
    file_rules: Vec<u64>,
    /// In the order of their first rows.
    partitions: Vec<Partition>,
    places: BTreeMap<String, usize>,
    rejects: Option<Rejects>,
    first_rejects: Vec<RejectedAt>,
}

impl Sum {
    fn add(&mut self, report: &RangeReport) {
        let Counts { read, accepted, rejected, duplicate } = report.counts;
        self.counts.read += read;
        self.counts.accepted += accepted;
        self.counts.rejected += rejected;
        self.counts.duplicate += duplicate;
        add(&mut self.violations, &report.violations);
        add(&mut self.warnings, &report.warnings);
        self.file_rules.iter_mut().zip(&report.file_rules).for_each(|(sum, rows)| *sum += rows);
        for partition in &report.partitions {
            let place = *self.places.entry(partition.path.clone()).or_insert(self.partitions.len());
            if let Some(known) = self.partitions.get_mut(place) {
                known.rows += partition.rows;
                known.bytes += partition.bytes;
            } else {
                self.partitions.push(partition.clone());
            }
        }
        if let Some(of_range) = report.rejects {
            let sum = self.rejects.get_or_insert(Rejects { rows: 0, bytes: 0 });
            sum.rows += of_range.rows;
            sum.bytes += of_range.bytes;
        }
        self.first_rejects.extend(report.first_rejects.iter().cloned());
    }
}

fn add(sum: &mut Violations, more: &Violations) {
    for (column, rules) in more {
        let of_column = sum.entry(column.clone()).or_default();
        for (rule, rows) in rules {
            *of_column.entry(rule.clone()).or_default() += rows;
        }
    }
}
