//! A batch of records under judgement: which of its rows broke which rule, and the typed columns of its readable rows.
//! It does not know files, partitions or Parquet.

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::filter;
use arrow::error::ArrowError;
use lakegate_contract::{Contract, Rule};

use crate::header::FieldMap;
use crate::parse::Rows;
use crate::records::{Record, Splitter};
use crate::{check, derive, parse};

/// A broken rule of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The row, as an index into the batch's candidate rows.
    pub(crate) row: usize,
    /// The column, as an index into the contract's.
    pub(crate) column: usize,
    pub(crate) rule: Rule,
}

/// What was found in a batch of candidate rows: rows whose record could be read and has the right number of fields.
#[derive(Debug)]
pub(crate) struct Findings {
    rows: usize,
    violations: Vec<Violation>,
    /// Per column, the rows whose value broke a rule; empty while none did.
    broken: Vec<Vec<bool>>,
}

impl Findings {
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        Self { rows, violations: Vec::new(), broken: vec![Vec::new(); columns] }
    }

    pub(crate) fn add(&mut self, row: usize, column: usize, rule: Rule) {
        self.violations.push(Violation { row, column, rule });
        if let Some(broken) = self.broken.get_mut(column) {
            broken.resize(self.rows, false);
            if let Some(broken) = broken.get_mut(row) {
                *broken = true;
            }
        }
    }

    /// Whether the row's value of this column broke a rule.
    pub(crate) fn is_broken(&self, row: usize, column: usize) -> bool {
        self.broken.get(column).and_then(|broken| broken.get(row)).copied().unwrap_or(false)
    }

    /// Whether any value of the row broke a rule.
    pub(crate) fn is_bad(&self, row: usize) -> bool {
        !self.violations.is_empty() && (0..self.broken.len()).any(|column| self.is_broken(row, column))
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// All violations, by row, then by column.
    pub(crate) fn into_sorted(mut self) -> Vec<Violation> {
        // Stable: of one value's violations the first found stays first.
        self.violations.sort_by_key(|violation| (violation.row, violation.column));
        self.violations
    }
}

/// Records that cannot be read as rows, by their place in the batch, ascending.
pub(crate) fn record_faults(splitter: &Splitter, records: &[Record], field_count: usize) -> Vec<(usize, Rule)> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Vec::new() };
    // One look at all bytes settles nearly every batch.
    let is_utf8 = std::str::from_utf8(splitter.bytes(first.start, last.end)).is_ok();
    let fault = |record: &Record| {
        // A record that is cut may be cut inside a character.
        if !is_utf8
            && record.fault != Some(Rule::TooLong)
            && std::str::from_utf8(splitter.bytes(record.start, record.end)).is_err()
        {
            return Some(Rule::Encoding);
        }
        record.fault.or((record.field_count != field_count).then_some(Rule::Fields))
    };
    records.iter().enumerate().filter_map(|(number, record)| Some((number, fault(record)?))).collect()
}

/// The records that are not in `faults`.
pub(crate) fn unfaulted(records: &[Record], faults: &[(usize, Rule)]) -> Vec<Record> {
    let mut faults = faults.iter().peekable();
    let mut is_good = |number: usize| faults.next_if(|(faulty, _)| *faulty == number).is_none();
    records.iter().enumerate().filter(|(number, _)| is_good(*number)).map(|(_, record)| *record).collect()
}

/// Reads and judges every column: first those of the file, then the derived ones, in the contract's order. All arrays are there
/// afterwards, one per column of the contract, one value per row.
pub(crate) fn judge_columns(
    contract: &Contract,
    fields: &FieldMap,
    rows: &Rows<'_>,
    findings: &mut Findings,
) -> Result<Vec<Option<ArrayRef>>, ArrowError> {
    let mut arrays: Vec<Option<ArrayRef>> = vec![None; contract.columns.len()];
    for (index, (column, field)) in contract.columns.iter().zip(&fields.field_of_column).enumerate() {
        if column.derived.is_none() {
            let array = parse::column(rows, *field, column, index, findings)?;
            check::column(&array, column, index, |_, _| false, findings);
            set(&mut arrays, index, array);
        }
    }
    for (index, column) in contract.columns.iter().enumerate() {
        let Some(expression) = &column.derived else { continue };
        let array = derive::column(expression, &column.column_type, index, &arrays, rows.records.len(), findings)?;
        // What follows from a bad operand is told there, not here again.
        let follows = |findings: &Findings, row: usize| {
            findings.is_broken(row, index) || expression.inputs.iter().any(|input| findings.is_broken(row, *input))
        };
        check::column(&array, column, index, follows, findings);
        set(&mut arrays, index, array);
    }
    Ok(arrays)
}

fn set(arrays: &mut [Option<ArrayRef>], index: usize, array: ArrayRef) {
    if let Some(place) = arrays.get_mut(index) {
        *place = Some(array);
    }
}

/// The rows that are true in `accepted`.
pub(crate) fn filtered(
    arrays: Vec<Option<ArrayRef>>,
    accepted: &BooleanArray,
) -> Result<Vec<Option<ArrayRef>>, ArrowError> {
    let keep = |array: Option<ArrayRef>| array.map(|array| filter(&array, accepted)).transpose();
    arrays.into_iter().map(keep).collect()
}
