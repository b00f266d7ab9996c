//! The types that a contract is parsed into.
//! They do not know the document that they came from.

use crate::{Check, Expression, Location, temporal::TemporalPattern};

/// A dataset's contract, checked: whoever holds one can rely on every invariant stated here.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The document's `id`.
    pub id: String,
    /// The document's `version`.
    pub version: String,
    /// The document's `name`.
    pub name: Option<String>,
    /// The table's description, for the catalog.
    pub description: Option<String>,
    /// Whom to ask: the team's name, else its owner, else the support channel.
    pub owner: Option<String>,
    /// The table's name in the catalog: lower case letters, digits and `_`.
    pub table: String,
    /// Which objects belong to the dataset and how they are written.
    pub landing: Landing,
    /// In the document's order. Names are unique, and so are physical names.
    pub columns: Vec<Column>,
    /// Indices into `columns`, in the order of the path. Never all columns.
    pub partition_columns: Vec<usize>,
    /// What to do with what does not fit.
    pub policy: Policy,
}

impl Contract {
    /// Whether column `index` stands in the path instead of in the file.
    #[must_use]
    pub fn is_partition_column(&self, index: usize) -> bool {
        self.partition_columns.contains(&index)
    }
}

/// Where a dataset's objects arrive and how they are written: the server named `landing`.
#[derive(Debug, Clone)]
pub struct Landing {
    /// Which objects belong to the dataset.
    pub location: Location,
    /// How their records are written.
    pub csv: CsvDialect,
}

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvDialect {
    /// One ASCII byte; `,` unless the contract says otherwise.
    pub delimiter: u8,
    /// One ASCII byte; `"` unless the contract says otherwise. It is escaped by doubling (RFC 4180).
    pub quote: u8,
    /// Strict RFC 4180 unless the contract says otherwise.
    pub quoting: Quoting,
    /// Whether the first record names the columns; true unless the contract says otherwise.
    pub header: bool,
    /// Unquoted texts that mean null; the empty text unless the contract says otherwise.
    pub null_values: Vec<String>,
    /// A longer record is rejected and skipped; [`CsvDialect::MAX_RECORD_BYTES`] unless the contract says otherwise.
    pub max_record_bytes: usize,
}

impl CsvDialect {
    /// 1 MiB: far above any honest record, and small enough that an unclosed quote costs little memory.
    pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            quoting: Quoting::Strict,
            header: true,
            null_values: vec![String::new()],
            max_record_bytes: Self::MAX_RECORD_BYTES,
        }
    }
}

/// What a stray quote does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// RFC 4180: a quote inside an unquoted field, or text behind a closing quote, rejects the row.
    Strict,
    /// A quote inside an unquoted field, and text behind a closing quote, are text.
    Lenient,
}

/// A column of the table.
#[derive(Debug, Clone)]
pub struct Column {
    /// The name in the file's header, in reports and in violations.
    pub name: String,
    /// The name in the catalog and in Parquet: lower case letters, digits and `_`.
    pub physical_name: String,
    /// For the catalog.
    pub description: Option<String>,
    /// What its values are.
    pub column_type: ColumnType,
    /// Whether a null breaks a rule.
    pub required: bool,
    /// Whether a value that an accepted row already has breaks a rule.
    pub unique: bool,
    /// What is asked of values that are not null.
    pub checks: Vec<Check>,
    /// How the value is computed; such a column is not expected in the file.
    pub derived: Option<Expression>,
}

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    String,
    /// A signed whole number.
    Integer(IntegerWidth),
    /// IEEE 754 binary64.
    Double,
    /// An exact number: `precision` digits in all (1 to 38), `scale` of them (0 to `precision`) behind the point.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// True or false.
    Boolean,
    /// A calendar day, written by this pattern.
    Date(TemporalPattern),
    /// A day and a time to the microsecond, without zone, written by this pattern; a written offset is applied (the value is UTC then).
    Timestamp(TemporalPattern),
}

/// The width of an integer column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegerWidth {
    /// 8 bits.
    I8,
    /// 16 bits.
    I16,
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

impl IntegerWidth {
    /// The smallest and the largest value.
    #[must_use]
    pub const fn range(self) -> (i64, i64) {
        match self {
            Self::I8 => (i8::MIN as i64, i8::MAX as i64),
            Self::I16 => (i16::MIN as i64, i16::MAX as i64),
            Self::I32 => (i32::MIN as i64, i32::MAX as i64),
            Self::I64 => (i64::MIN, i64::MAX),
        }
    }
}

/// What to do with what does not fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Above this share of rejected rows, in percent (0 to 100), nothing of the file is published.
    pub max_reject_percent: f64,
    /// Above this number of rejected rows nothing of the file is published.
    pub max_reject_rows: Option<u64>,
    /// What a header column that the contract does not name does.
    pub unknown_columns: UnknownColumns,
    /// The codec of the Parquet files.
    pub compression: Compression,
}

impl Policy {
    /// Five rows in a hundred may be bad before a file is suspect as a whole.
    pub const MAX_REJECT_PERCENT: f64 = 5.0;
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_reject_percent: Self::MAX_REJECT_PERCENT,
            max_reject_rows: None,
            unknown_columns: UnknownColumns::Reject,
            compression: Compression::Zstd,
        }
    }
}

/// What a header column that the contract does not name does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownColumns {
    /// The file is rejected.
    Reject,
    /// The column is left out.
    Ignore,
}

/// The codec of Parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard: smaller, and read by every engine of today.
    Zstd,
    /// Snappy: for readers that know nothing else.
    Snappy,
}
