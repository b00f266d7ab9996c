//! The types that a contract is parsed into.
//! They do not know the document that they came from.

use crate::{ApiSource, Check, Expression, FileRule, Landing, RowRule, Rule, temporal::TemporalPattern};

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
    /// Where its files come from when nobody drops them.
    pub source: Option<ApiSource>,
    /// In the document's order. Names are unique, and so are physical names.
    pub columns: Vec<Column>,
    /// Names of all columns and nested fields by their [`Column::id`], as reports write them: `address.zip`, `lines[].quantity`.
    pub paths: Vec<String>,
    /// Indices into `columns`, in the order of the path. Never all columns.
    pub partition_columns: Vec<usize>,
    /// Columns whose values together must differ from those of every accepted row: `unique` columns, each alone, and the primary
    /// key; in the order of their first columns.
    pub keys: Vec<Key>,
    /// What is asked of rows beyond their columns' own rules: of the table first, then of its columns, in the document's order.
    pub row_rules: Vec<RowRule>,
    /// What is asked of the file as a whole, in the same order.
    pub file_rules: Vec<FileRule>,
    /// What to do with what does not fit.
    pub policy: Policy,
    /// Longest time between two files, in seconds, as `slaProperties` promise it.
    pub freshness_secs: Option<u64>,
}

impl Contract {
    /// Whether column `index` stands in the path instead of in the file.
    #[must_use]
    pub fn is_partition_column(&self, index: usize) -> bool {
        self.partition_columns.contains(&index)
    }

    /// The name of a column or nested field, by its [`Column::id`]; empty where there is none.
    #[must_use]
    pub fn path(&self, id: usize) -> &str {
        self.paths.get(id).map_or("", String::as_str)
    }

    /// The name under which reports count a rule: that of a `quality` rule is its own.
    #[must_use]
    pub fn rule_name(&self, rule: Rule) -> &str {
        let row_rule = if let Rule::Quality(index) = rule { self.row_rules.get(usize::from(index)) } else { None };
        row_rule.map_or(rule.name(), |row_rule| &row_rule.name)
    }
}

/// A column of the table, or a field nested in one.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its number: a column's is its index in [`Contract::columns`], nested fields have the numbers behind, depth first. An index into
    /// [`Contract::paths`].
    pub id: usize,
    /// The name in the file's header, or its key in an object; `element` for a list's items.
    pub name: String,
    /// The name in the catalog and in Parquet: lower case letters, digits and `_`.
    pub physical_name: String,
    /// For the catalog.
    pub description: Option<String>,
    /// What its values are.
    pub column_type: ColumnType,
    /// Whether a null breaks a rule.
    pub required: bool,
    /// What is asked of values that are not null.
    pub checks: Vec<Check>,
    /// Where its values come from.
    pub source: ColumnSource,
}

impl Column {
    /// Whether its values stand in the file, so that a header may name it.
    #[must_use]
    pub const fn is_in_file(&self) -> bool {
        matches!(self.source, ColumnSource::File)
    }

    /// How its values are computed, if they are.
    #[must_use]
    pub const fn expression(&self) -> Option<&Expression> {
        match &self.source {
            ColumnSource::Derived(expression) => Some(expression),
            ColumnSource::File | ColumnSource::Rescued => None,
        }
    }
}

/// Where a column's values come from.
#[derive(Debug, Clone)]
pub enum ColumnSource {
    /// The file.
    File,
    /// Other columns; such a column is not expected in the file.
    Derived(Expression),
    /// What the file has and the contract does not know, as a JSON object; null where there is nothing. The last column, if there is one.
    Rescued,
}

impl ColumnSource {
    /// The name of the column that has what the contract does not know.
    pub const RESCUED_NAME: &str = "_rescued";
}

/// A column's type.
#[derive(Debug, Clone)]
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
    /// Any JSON value, kept as the text that stands in the file.
    Json,
    /// An object of these fields, at least one; their names and physical names are unique among them.
    Struct(Vec<Column>),
    /// A list whose items are all of this one type.
    List(Box<Column>),
}

impl ColumnType {
    /// The columns nested in this one, one level down.
    #[must_use]
    pub const fn parts(&self) -> Parts<'_> {
        match self {
            Self::Struct(fields) => Parts::Fields(fields.as_slice()),
            Self::List(item) => Parts::Item(item),
            Self::String
            | Self::Integer(_)
            | Self::Double
            | Self::Decimal { .. }
            | Self::Boolean
            | Self::Date(_)
            | Self::Timestamp(_)
            | Self::Json => Parts::None,
        }
    }
}

/// The columns nested in one. To walk through them, this is to be matched instead of [`ColumnType`], whose flat types are all alike then.
#[derive(Debug, Clone, Copy)]
pub enum Parts<'a> {
    /// A flat value, or JSON kept as text.
    None,
    /// An object's fields, at least one.
    Fields(&'a [Column]),
    /// What a list's items are.
    Item(&'a Column),
}

/// The width of an integer column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Columns whose values together must be new in every accepted row. A row that has a null in one of them breaks nothing (as in SQL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Indices into the contract's columns, at least one, each once; none of them is nested.
    pub columns: Vec<usize>,
}

/// What to do with what does not fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Above this share of rejected rows, in percent (0 to 100), nothing of the file is published.
    pub max_reject_percent: f64,
    /// Above this number of rejected rows nothing of the file is published.
    pub max_reject_rows: Option<u64>,
    /// What a header column or a JSON key that the contract does not name does.
    pub unknown_columns: UnknownColumns,
    /// What a row does that an accepted row above equals in every column of the file.
    pub exact_duplicates: ExactDuplicates,
    /// What becomes of an object's rows when the object is deleted.
    pub removed_objects: RemovedObjects,
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
            exact_duplicates: ExactDuplicates::Keep,
            removed_objects: RemovedObjects::Keep,
            compression: Compression::Zstd,
        }
    }
}

/// What a header column or a JSON key that the contract does not name does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownColumns {
    /// A header with one rejects the file, a JSON object with one its record.
    Reject,
    /// The column, or the key with its value, is left out.
    Ignore,
    /// Its values are kept in the column [`ColumnSource::RESCUED_NAME`].
    Rescue,
}

/// What a row does that equals an accepted row above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExactDuplicates {
    /// It is a row like any other.
    Keep,
    /// It is dropped and counted; it breaks no rule.
    Drop,
}

/// What becomes of an object's rows when the object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedObjects {
    /// They stay.
    Keep,
    /// They leave the lake, its rejected rows as well.
    Remove,
}

/// The codec of Parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard: smaller, and read by every engine of today.
    Zstd,
    /// Snappy: for readers that know nothing else.
    Snappy,
}
