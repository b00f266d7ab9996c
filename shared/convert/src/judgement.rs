//! What became of a file.
//! It does not know how that came about.

use std::fmt;

use lakegate_contract::Violations;
use serde::{Deserialize, Serialize};

/// What became of a file: the verdict, and everything counted on the way.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Whether the file may be published.
    pub verdict: Verdict,
    /// Rows.
    pub counts: Counts,
    /// Broken rules, counted by column and rule. A row that breaks two rules counts under both.
    pub violations: Violations,
    /// Rules that only warn: accepted rows that break a row rule, by column and rule; and, under no column, what a file rule that the file
    /// breaks has counted, at least 1.
    pub warnings: Violations,
    /// Why the whole file is rejected; `None` exactly where it is published.
    pub file_error: Option<FileError>,
    /// The table's outputs, by the index that [`crate::Output::Table`] has. To be published only with [`Verdict::Published`].
    pub partitions: Vec<Partition>,
    /// The rejected rows' output, if there are any; kept whatever the verdict.
    pub rejects: Option<Rejects>,
    /// Where the first few rules were broken, in the file's order; no cell's value is in it.
    pub first_rejects: Vec<RejectedAt>,
    /// Bytes of the file that were read.
    pub bytes_read: u64,
}

/// Whether a file may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its accepted rows go to the table, its rejected ones to the rejects.
    Published,
    /// Nothing of it goes to the table.
    Rejected,
}

/// Rows, counted: `read = accepted + rejected + duplicate`, always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Data records; neither the header nor blank lines.
    pub read: u64,
    /// Rows that keep the contract.
    pub accepted: u64,
    /// Rows that break it.
    pub rejected: u64,
    /// Exact duplicates that were dropped.
    pub duplicate: u64,
}

/// Why a whole file is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileError {
    /// What kind of trouble it is.
    pub kind: FileErrorKind,
    /// One line for the file's owner. It never holds a cell's value.
    pub message: String,
    /// The physical line concerned, from 1, if there is one.
    pub line: Option<u64>,
}

/// What is wrong with a file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileErrorKind {
    /// The file has no byte, and a header was expected.
    EmptyFile,
    /// The file's text is not in the encoding that the contract says.
    Encoding,
    /// The file is of another kind than the contract says, packed otherwise, or packed twice.
    WrongFormat,
    /// The file ends before its packed data does.
    Truncated,
    /// The file's packed data cannot be unpacked.
    Corrupt,
    /// The file's packed data unpacks to more than is read.
    TooLargeUnpacked,
    /// The header does not fit the contract.
    HeaderMismatch,
    /// More rows break the contract than it allows.
    TooManyRejects,
    /// The rows would go to more partitions than one file may have.
    TooManyPartitions,
    /// A row's partition is too long for a path.
    TooLongPartition,
    /// The hashes of unique values need more memory than is allowed.
    TooManyKeys,
    /// The file as a whole breaks a rule of its contract's `quality`.
    FileRule,
}

impl FileErrorKind {
    /// The kind as reports and alerts write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EmptyFile => "EmptyFile",
            Self::Encoding => "Encoding",
            Self::WrongFormat => "WrongFormat",
            Self::Truncated => "Truncated",
            Self::Corrupt => "Corrupt",
            Self::TooLargeUnpacked => "TooLargeUnpacked",
            Self::HeaderMismatch => "HeaderMismatch",
            Self::TooManyRejects => "TooManyRejects",
            Self::TooManyPartitions => "TooManyPartitions",
            Self::TooLongPartition => "TooLongPartition",
            Self::TooManyKeys => "TooManyKeys",
            Self::FileRule => "FileRule",
        }
    }
}

impl fmt::Display for FileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One Parquet file of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// The partition's path, Hive style (`year=2025/month=9`); empty for a table without partitions.
    pub path: String,
    /// The partition's values as the catalog has them, one per partition column.
    pub values: Vec<String>,
    /// Rows.
    pub rows: u64,
    /// Bytes of the whole Parquet file; known when the conversion is finished.
    pub bytes: u64,
}

/// A broken rule and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedAt {
    /// The physical line on which the record begins, from 1.
    pub line: u64,
    /// The column's name; empty where none is concerned.
    pub column: String,
    /// The number of its field in the record, from 1, where a field is concerned.
    pub field: Option<usize>,
    /// The rule's name.
    pub rule: String,
    /// What the contract asks for, and the row does not keep.
    pub message: String,
}

/// The Parquet file of rejected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejects {
    /// Rows.
    pub rows: u64,
    /// Bytes of the whole Parquet file.
    pub bytes: u64,
}
