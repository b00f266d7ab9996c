//! A batch of records under judgement: which of its rows broke which rule, and the typed columns of its readable rows.
//! It does not know files, partitions or Parquet, nor what hangs on other batches.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use lakegate_contract::{Contract, Rule};

use crate::parse::{Rows, Style};
use crate::records::{Batch, Record};
use crate::unique::RowHashes;
use crate::{check, derive, left_out, parse, row_rules};

/// A broken rule of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The row, as an index into the batch's candidate rows.
    pub(crate) row: usize,
    /// The column's or nested field's id; `None` for a rule of the row.
    pub(crate) column: Option<usize>,
    pub(crate) rule: Rule,
}

/// What was found in a batch of candidate rows: rows whose record could be read and has the right number of fields.
#[derive(Debug)]
pub(crate) struct Findings {
    rows: usize,
    violations: Vec<Violation>,
    /// Per column, the last row that broke rules, and which: items of a list break them again and again.
    last: Vec<(usize, Vec<Rule>)>,
    /// The rows that broke any rule; empty while none did.
    bad: Vec<bool>,
    /// Per column, the rows whose value broke a rule; empty while none did.
    broken: Vec<Vec<bool>>,
    /// Rows that break a row rule which only warns, and the rule's index.
    warnings: Vec<(usize, u16)>,
    /// Per row and column, a key that the contract does not know, where one can be told.
    unknown_keys: BTreeMap<(usize, usize), String>,
}

impl Findings {
    /// `columns` counts nested fields too.
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            violations: Vec::new(),
            last: vec![(0, Vec::new()); columns],
            bad: Vec::new(),
            broken: vec![Vec::new(); columns],
            warnings: Vec::new(),
            unknown_keys: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, row: usize, column: usize, rule: Rule) {
        self.add_to(row, Some(column), rule);
    }

    /// `column` is `None` for a rule of the row. A row breaks each rule once, whatever breaks it again; a column's rows come in order.
    pub(crate) fn add_to(&mut self, row: usize, column: Option<usize>, rule: Rule) {
        if let Some((last_row, rules)) = column.and_then(|column| self.last.get_mut(column)) {
            if *last_row != row {
                *last_row = row;
                rules.clear();
            } else if rules.contains(&rule) {
                return;
            }
            rules.push(rule);
        }
        self.violations.push(Violation { row, column, rule });
        mark(&mut self.bad, row, self.rows);
        if let Some(broken) = column.and_then(|column| self.broken.get_mut(column)) {
            mark(broken, row, self.rows);
        }
    }

    /// Names a key of the row's value in this column that breaks [`Rule::UnknownColumn`]; the first one stays.
    pub(crate) fn name_unknown_key(&mut self, row: usize, column: usize, key: String) {
        self.unknown_keys.entry((row, column)).or_insert(key);
    }

    /// Notes that a row breaks a row rule which only warns.
    pub(crate) fn warn(&mut self, row: usize, rule: u16) {
        self.warnings.push((row, rule));
    }

    /// Rows, and the index of a row rule that only warns.
    pub(crate) fn warnings(&self) -> &[(usize, u16)] {
        &self.warnings
    }

    /// Whether the row's value of this column broke a rule.
    pub(crate) fn is_broken(&self, row: usize, column: usize) -> bool {
        self.broken.get(column).and_then(|broken| broken.get(row)).copied().unwrap_or(false)
    }

    /// Whether the row broke a rule.
    pub(crate) fn is_bad(&self, row: usize) -> bool {
        self.bad.get(row).copied().unwrap_or(false)
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// All violations, by row, then by column, those of no column last; and unknown keys by row and column.
    pub(crate) fn into_sorted(mut self) -> (Vec<Violation>, BTreeMap<(usize, usize), String>) {
        // Stable: of one value's violations the first found stays first.
        self.violations.sort_by_key(|violation| (violation.row, violation.column.unwrap_or(usize::MAX)));
        (self.violations, self.unknown_keys)
    }
}

fn mark(flags: &mut Vec<bool>, row: usize, rows: usize) {
    flags.resize(rows, false);
    if let Some(flag) = flags.get_mut(row) {
        *flag = true;
    }
}

/// A batch, judged but for what hangs on other batches.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) batch: Batch,
    /// Records that cannot be read as rows, by their place in the batch, ascending. All others are candidate rows.
    pub(crate) faults: Vec<(usize, Rule)>,
    /// How many candidate rows there are.
    pub(crate) rows: usize,
    /// One per column of the contract, one value per candidate row.
    pub(crate) arrays: Vec<Option<ArrayRef>>,
    pub(crate) findings: Findings,
    pub(crate) hashes: RowHashes,
}

/// Judges a batch by itself.
pub(crate) fn judge(contract: &Contract, style: &Style, batch: Batch) -> Result<Judged, ArrowError> {
    let faults = record_faults(&batch);
    let readable: Vec<Record>;
    let candidates = if faults.is_empty() {
        &batch.records
    } else {
        readable = unfaulted(&batch.records, &faults);
        &readable
    };
    let rows = candidates.len();
    let mut findings = Findings::new(rows, contract.paths.len());
    let of_batch = Rows { batch: &batch, candidates, style };
    let arrays = judge_columns(contract, &of_batch, &mut findings)?;
    row_rules::judge(contract, &arrays, rows, &mut findings)?;
    let hashes = RowHashes::of(contract, &arrays, &left_out::columns(contract, &of_batch), rows)?;
    Ok(Judged { batch, faults, rows, arrays, findings, hashes })
}

pub(crate) fn record_faults(batch: &Batch) -> Vec<(usize, Rule)> {
    let (Some(first), Some(last)) = (batch.records.first(), batch.records.last()) else { return Vec::new() };
    // One look at all bytes settles nearly every batch.
    let is_utf8 = std::str::from_utf8(batch.bytes(first.start, last.end)).is_ok();
    let fault = |record: &Record| {
        // A record that is cut may be cut inside a character.
        if !is_utf8 && record.fault != Some(Rule::TooLong) && std::str::from_utf8(batch.raw(record)).is_err() {
            return Some(Rule::Encoding);
        }
        record.fault.or((record.field_count != batch.map.field_count).then_some(Rule::Fields))
    };
    batch.records.iter().enumerate().filter_map(|(number, record)| Some((number, fault(record)?))).collect()
}

/// The records that are not in `faults`.
fn unfaulted(records: &[Record], faults: &[(usize, Rule)]) -> Vec<Record> {
    let mut faults = faults.iter().peekable();
    let mut is_good = |number: usize| faults.next_if(|(faulty, _)| *faulty == number).is_none();
    records.iter().enumerate().filter(|(number, _)| is_good(*number)).map(|(_, record)| *record).collect()
}

/// Reads and judges every column: first those of the file, then the derived ones, in the contract's order. All arrays are there
/// afterwards, one per column of the contract, one value per row.
fn judge_columns(
    contract: &Contract,
    rows: &Rows<'_>,
    findings: &mut Findings,
) -> Result<Vec<Option<ArrayRef>>, ArrowError> {
    let mut arrays: Vec<Option<ArrayRef>> = vec![None; contract.columns.len()];
    for (index, (column, field)) in contract.columns.iter().zip(&rows.batch.map.field_of_column).enumerate() {
        if column.expression().is_none() {
            let array = parse::column(rows, *field, column, index, findings)?;
            check::column(&array, column, index, |_, _| false, findings);
            set(&mut arrays, index, array);
        }
    }
    for (index, column) in contract.columns.iter().enumerate() {
        let Some(expression) = column.expression() else { continue };
        let array = derive::column(expression, &column.column_type, index, &arrays, rows.candidates.len(), findings)?;
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

#[cfg(test)]
mod tests {
    use lakegate_contract::Rule;

    use super::Findings;

    #[test]
    fn a_row_breaks_a_rule_once_however_many_items_do() {
        let mut findings = Findings::new(3, 1);
        for row in [0, 2] {
            for _ in 0..1000 {
                findings.add(row, 0, Rule::Syntax);
                findings.add(row, 0, Rule::UnknownColumn);
            }
        }
        let (found, _) = findings.into_sorted();
        let found: Vec<(usize, Rule)> = found.iter().map(|violation| (violation.row, violation.rule)).collect();
        let (twice, unknown) = (Rule::Syntax, Rule::UnknownColumn);
        assert_eq!(found, [(0, twice), (0, unknown), (2, twice), (2, unknown)]);
    }
}
