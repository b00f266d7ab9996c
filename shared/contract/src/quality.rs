//! Rules beyond a single value: of a row, and of a file as a whole.
//! It does not know how they are judged.

use crate::{Check, Expression};

/// What breaking a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The row, or the file, is rejected.
    Error,
    /// It is counted and told, and nothing else.
    Warning,
}

/// A `quality` rule of type `sql`: a row for which the predicate is true breaks it.
#[derive(Debug, Clone)]
pub struct RowRule {
    /// Its name, unique among the contract's rules and other than those of [`Rule`].
    pub name: String,
    /// The column on which it stands, as an index into the contract's; `None` for a rule of the table.
    pub column: Option<usize>,
    /// What breaking it means.
    pub severity: Severity,
    /// What must not be true; of type boolean. Null is not true.
    pub broken_if: Expression,
}

/// A `quality` rule of type `library`: a number counted over the whole file, and where it must lie.
#[derive(Debug, Clone)]
pub struct FileRule {
    /// Its name, unique among the contract's rules.
    pub name: String,
    /// What breaking it means.
    pub severity: Severity,
    /// What is counted, over the rows that are accepted.
    pub metric: Metric,
    /// Whether the count is taken in percent of the accepted rows.
    pub is_percent: bool,
    /// Where the number must lie.
    pub must: Bound,
}

/// What a file rule counts, among accepted rows.
#[derive(Debug, Clone)]
pub enum Metric {
    /// Rows.
    RowCount,
    /// Rows with a null in this column.
    NullValues(usize),
    /// Rows whose value in this column is null or one of these texts, as the file has them.
    MissingValues(usize, Vec<Option<String>>),
    /// Rows whose values in these columns an accepted row above has.
    DuplicateValues(Vec<usize>),
    /// Rows whose value in this column is not null and fails one of these checks.
    InvalidValues(usize, Vec<Check>),
}

/// Where a number must lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// `mustBe`
    Is(f64),
    /// `mustNotBe`
    IsNot(f64),
    /// `mustBeGreaterThan`
    Above(f64),
    /// `mustBeGreaterOrEqualTo`
    AtLeast(f64),
    /// `mustBeLessThan`
    Below(f64),
    /// `mustBeLessOrEqualTo`
    AtMost(f64),
    /// `mustBeBetween`, both ends included
    Between(f64, f64),
    /// `mustNotBeBetween`, both ends included
    NotBetween(f64, f64),
}
