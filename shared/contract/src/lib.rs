//! A dataset's contract: an Open Data Contract Standard document, parsed once into types and checked, and what it asks of a row.
//! Pure and light: it knows no Arrow, no AWS, no clock and no file system.
//!
//! [`parse`] turns a document into a [`Contract`] or into every [`Problem`] that it has. The value readers ([`value`],
//! [`temporal`]) live here too, because a bound in a contract (`minimum: "2024-01-01"`) is read exactly as a cell is.

mod contract;
mod diff;
mod document;
mod expression;
mod landing;
mod location;
mod problem;
mod quality;
pub mod reference;
mod rule;
mod source;
mod sql;
mod table_type;
pub mod temporal;
pub mod value;

pub use contract::{
    Column, ColumnSource, ColumnType, Compression, Contract, ExactDuplicates, IntegerWidth, Key, Parts, Policy,
    RemovedObjects, UnknownColumns,
};
pub use diff::{Change, Class, diff};
pub use document::{Checked, location_of, parse};
pub use expression::{
    Arithmetic, Case, CastTo, Comparison, Constant, DatePart, DateUnit, Expression, Node, NumberFunction, TextFunction,
    TextTest, ValueKind,
};
pub use landing::{CsvDialect, Encoding, Format, JsonDialect, JsonFraming, Landing, Packing, Quoting};
pub use location::Location;
pub use problem::{Note, Problem};
pub use quality::{Bound, FileRule, Metric, RowRule, Severity};
pub use rule::{Check, Rule, Scalar, Violations};
pub use source::{ApiLimits, ApiSource, Incremental, JsonPointer, MarkType, Pagination, SecretPlace, SecretUse};
pub use table_type::{TableType, TypeConflict};
