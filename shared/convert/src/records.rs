//! A batch of records: the bytes, and where each record and each of its fields stands in them. What every reader gives and every
//! column is read from. It does not know columns or types.

use std::sync::Arc;

use lakegate_contract::Rule;

/// Records of one batch. Fixed, so that batches, and with them the Parquet bytes, do not depend on how the input is cut.
pub(crate) const BATCH_RECORDS: usize = 8192;
/// A batch of long records ends early.
pub(crate) const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A field's place in the batch's bytes, quotes excluded. Small, because there are more of them than of anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    start: u32,
    end: u32,
    form: Form,
}

impl Field {
    /// Readers keep batches far below 4 GiB: a record has at most 1 GiB.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "batches stay below 4 GiB")]
    pub(crate) const fn new(start: usize, end: usize, form: Form) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32, form }
    }

    #[inline]
    pub(crate) const fn start(self) -> usize {
        self.start as usize
    }

    #[inline]
    pub(crate) const fn end(self) -> usize {
        self.end as usize
    }

    #[inline]
    pub(crate) const fn form(self) -> Form {
        self.form
    }

    /// So many bytes before the field are gone.
    pub(crate) const fn move_back(&mut self, bytes: usize) {
        *self = Self::new(self.start() - bytes, self.end() - bytes, self.form);
    }
}

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The bytes are the value.
    Plain,
    /// The bytes are the value; they stood in quotes.
    Quoted,
    /// The bytes must be unescaped; they are never one of the texts that mean null. In CSV they begin with the opening quote, if
    /// there is one.
    Escaped,
}

/// A record's place in the batch's bytes, line break excluded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) first_field: usize,
    pub(crate) field_count: usize,
    /// The physical line on which it starts, from 1.
    pub(crate) line: u64,
    pub(crate) fault: Option<Rule>,
}

/// Which field of a record belongs to which column.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldMap {
    /// Per column of the contract, the field that has its value; `None` for columns that are not in the file.
    pub(crate) field_of_column: Vec<Option<usize>>,
    /// How many fields every record must have.
    pub(crate) field_count: usize,
    /// Fields that belong to no column and are kept as JSON, with the names that they have there.
    pub(crate) rescued: Vec<(usize, String)>,
}

/// Consecutive records of a file.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// The unpacked file's offset of the first byte, a byte order mark not counted.
    pub(crate) offset: u64,
    pub(crate) records: Vec<Record>,
    pub(crate) fields: Vec<Field>,
    pub(crate) map: Arc<FieldMap>,
    pub(crate) escaping: Escaping,
}

/// How the value of a [`Form::Escaped`] field is had from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaping {
    /// The quote stands twice for itself (RFC 4180); an escape takes the special meaning from what is behind it.
    Csv { quote: u8, escape: Option<u8> },
}

impl Batch {
    pub(crate) fn fields(&self, record: &Record) -> &[Field] {
        self.fields.get(record.first_field..record.first_field + record.field_count).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The record as it stood.
    pub(crate) fn raw(&self, record: &Record) -> &[u8] {
        self.bytes(record.start, record.end)
    }

    /// The field's value; `scratch` holds it where it does not stand in the bytes as it is.
    #[inline]
    pub(crate) fn text<'a>(&'a self, field: &Field, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let bytes = self.bytes(field.start(), field.end());
        match (field.form(), self.escaping) {
            (Form::Plain | Form::Quoted, _) => bytes,
            (Form::Escaped, Escaping::Csv { quote, escape }) => {
                crate::csv::unescape(bytes, quote, escape, scratch);
                scratch
            }
        }
    }
}
