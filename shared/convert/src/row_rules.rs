//! Rules across columns: which rows of a batch make a predicate true that must not be.
//! It does not know SQL's text, nor other batches.

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use lakegate_contract::{Contract, Rule, Severity};

use crate::derive;
use crate::judge::Findings;

/// Judges the contract's row rules over a batch whose columns are all there. A rule is not asked of a row in which one of the columns that
/// it reads has broken a rule of its own: what follows from that is told there. A predicate without result (an overflow, a division by
/// zero, a cast that fails) breaks its rule, because it cannot be said that the row keeps it.
///
/// # Errors
/// As of [`derive::column`].
pub(crate) fn judge(
    contract: &Contract,
    arrays: &[Option<ArrayRef>],
    rows: usize,
    findings: &mut Findings,
) -> Result<(), ArrowError> {
    // Rules are asked side by side: one that a row breaks hides no other.
    let mut broken = Vec::new();
    for (rule, index) in contract.row_rules.iter().zip(0_u16..) {
        let bits = derive::true_or_undefined(&rule.broken_if, arrays, rows)?;
        let is_asked = |row: &usize| !rule.broken_if.inputs.iter().any(|input| findings.is_broken(*row, *input));
        broken.extend(bits.set_indices().filter(is_asked).map(|row| (row, index, rule)));
    }
    for (row, index, rule) in broken {
        match rule.severity {
            Severity::Error => findings.add_to(row, rule.column, Rule::Quality(index)),
            Severity::Warning => findings.warn(row, index),
        }
    }
    Ok(())
}
