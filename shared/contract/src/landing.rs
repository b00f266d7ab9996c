//! How a dataset's objects arrive: where, and how they are packed, encoded and written.
//! It does not know columns.

use crate::{Location, value::NumberFormat};

/// Where a dataset's objects arrive and how they are written: the server named `landing`.
#[derive(Debug, Clone)]
pub struct Landing {
    /// Which objects belong to the dataset.
    pub location: Location,
    /// How their text is encoded.
    pub encoding: Encoding,
    /// How they are packed.
    pub packing: Packing,
    /// How their records are written.
    pub format: Format,
    /// How numbers are written in them.
    pub numbers: NumberFormat,
}

/// How a file's text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16 of the byte order that its byte order mark says; a file without one is rejected.
    Utf16,
    /// UTF-16, least significant byte first.
    Utf16Le,
    /// UTF-16, most significant byte first.
    Utf16Be,
    /// Windows-1252; its five unassigned bytes are no text.
    Windows1252,
    /// ISO-8859-1: every byte is the code point of its number.
    Iso8859_1,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As its first bytes say, whatever its name.
    ByContent,
    /// Not at all; a packed file is rejected.
    None,
    /// gzip (RFC 1952), of one or more members; any other file is rejected.
    Gzip,
    /// Zstandard (RFC 8878), of one or more frames; any other file is rejected.
    Zstd,
}

/// How a file's records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Fields between delimiters.
    Csv(CsvDialect),
    /// JSON objects.
    Json(JsonDialect),
}

impl Format {
    /// A longer record is rejected and skipped.
    #[must_use]
    pub const fn max_record_bytes(&self) -> usize {
        match self {
            Self::Csv(dialect) => dialect.max_record_bytes,
            Self::Json(dialect) => dialect.max_record_bytes,
        }
    }
}

/// How a JSON file's records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonDialect {
    /// What stands around and between the objects.
    pub framing: JsonFraming,
    /// A longer record is rejected and skipped; [`CsvDialect::MAX_RECORD_BYTES`] unless the contract says otherwise.
    pub max_record_bytes: usize,
}

/// What stands around and between the objects of a JSON file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFraming {
    /// An array if the first byte is `[`, else objects one after another, on lines of their own or not, pretty-printed or not.
    ByContent,
    /// One object a line (NDJSON).
    Lines,
    /// One array of objects.
    Array,
}

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvDialect {
    /// One ASCII byte; `,` unless the contract says otherwise.
    pub delimiter: u8,
    /// One ASCII byte; `"` unless the contract says otherwise. It is escaped by doubling (RFC 4180), or by `escape` if there is one.
    pub quote: u8,
    /// A byte that takes the special meaning from the one behind it, inside and outside quotes; none unless the contract says otherwise.
    pub escape: Option<u8>,
    /// A line that begins with this byte is no record; none unless the contract says otherwise.
    pub comment: Option<u8>,
    /// Physical lines left out at the file's beginning, before the header.
    pub skip_lines: u64,
    /// Whether spaces and tabs around unquoted values are left out; false unless the contract says otherwise.
    pub trim: bool,
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
    /// A file whose header stands deeper is no table with a preamble.
    pub const SKIP_LINES_LIMIT: u64 = 10_000;
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            escape: None,
            comment: None,
            skip_lines: 0,
            trim: false,
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
