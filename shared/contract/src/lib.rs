//! A dataset's contract: an Open Data Contract Standard document, parsed once into types and checked, and what it asks of a row.
//! Pure and light: it knows no Arrow, no AWS, no clock and no file system.
//!
//! [`parse`] turns a document into a [`Contract`] or into every [`Problem`] that it has. The value readers ([`value`],
//! [`temporal`]) live here too, because a bound in a contract (`minimum: "2024-01-01"`) is read exactly as a cell is.

mod contract;
mod document;
mod expression;
mod location;
mod problem;
mod rule;
mod sql;
pub mod temporal;
pub mod value;

pub use contract::{
    Bound, Column, ColumnSource, ColumnType, Compression, Contract, CsvDialect, Encoding, ExactDuplicates, FileRule,
    Format, IntegerWidth, JsonDialect, JsonFraming, Key, Landing, Metric, Packing, Policy, Quoting, RowRule, Severity,
    UnknownColumns,
};
pub use document::{Checked, parse};
pub use expression::{
    Arithmetic, Case, CastTo, Comparison, Constant, DatePart, DateUnit, Expression, Node, NumberFunction, TextFunction,
    TextTest, ValueKind,
};
pub use location::Location;
pub use problem::{Note, Problem};
pub use rule::{Check, Rule, Scalar, Violations};
