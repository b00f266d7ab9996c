//! A batch of records: the bytes, and where each record and each of its fields stands in them. What every reader gives and every
//! column is read from. It does not know what a value means.

use std::borrow::Cow;
use std::sync::Arc;

use lakegate_contract::{Column, ColumnType, Parts, Rule};

/// Records of one batch: so few that usual ones, with what is made of them, stay in a core's cache until they are judged. Fixed, so that
/// batches, and with them the Parquet bytes, do not depend on how the input is cut.
pub(crate) const BATCH_RECORDS: usize = 2048;
/// A batch of long records ends early.
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;
/// A batch whose rows repeat long names ends early: so many bytes of names in all.
const BATCH_NAMES_BYTES: usize = 16 * 1024 * 1024;

/// Fields of objects in lists: so many there may be in a row. An object that has none of its properties takes 3 bytes in a file and a
/// field for each of them here.
pub(crate) const ITEM_FIELDS_MAX: usize = 8 * 1024 * 1024;
/// So many there may be in a batch of records that are not longer than a batch: each takes some 50 bytes until it is encoded.
pub(crate) const BATCH_ITEM_FIELDS: usize = 1024 * 1024;
const ITEM_BYTES_MIN: usize = 3;

/// Fields that an item of a list of this type takes.
pub(crate) fn item_fields(item: &ColumnType) -> usize {
    match item.parts() {
        Parts::Fields(columns) => columns.iter().map(|column| item_fields(&column.column_type)).sum::<usize>() + 1,
        Parts::Item(_) | Parts::None => 1,
    }
}

/// Bytes at which a batch ends: fewer where lists have objects of many fields.
pub(crate) fn batch_bytes(columns: &[Column]) -> usize {
    let widest = columns.iter().map(|column| widest_item(&column.column_type)).max().unwrap_or_default();
    (BATCH_ITEM_FIELDS * ITEM_BYTES_MIN / widest.max(1)).clamp(1, BATCH_BYTES)
}

/// The fields of the widest item of the lists in a type.
fn widest_item(column_type: &ColumnType) -> usize {
    match column_type.parts() {
        Parts::Fields(columns) => {
            columns.iter().map(|column| widest_item(&column.column_type)).max().unwrap_or_default()
        }
        Parts::Item(item) => item_fields(&item.column_type).max(widest_item(&item.column_type)),
        Parts::None => 0,
    }
}

/// A field's place in the batch's bytes, quotes excluded. Small, because there are more of them than of anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    start: u32,
    end: u32,
    form: Form,
}

impl Field {
    /// Readers keep batches far below 4 GiB: a contract allows records of at most 64 MiB.
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

/// How a field is written. It fills its field: a single byte would be written alone and read back as part of a word, which stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Form {
    /// The bytes are the value.
    Plain,
    /// The bytes are the value; they stood in quotes.
    Quoted,
    /// The bytes must be unescaped; they are never one of the texts that mean null. In CSV they begin with the opening quote, if
    /// there is one.
    Escaped,
    /// There is no value: JSON's null, or a key that is missing. The bytes are nothing.
    Null,
    /// The bytes are a JSON number, true or false: a value, but no text.
    Bare,
    /// The bytes are a JSON number with an exponent.
    Scientific,
    /// The bytes are a JSON object or array.
    Nested,
    /// The place is one in [`Batch::aside`]; the bytes there are the value.
    Aside,
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

impl FieldMap {
    /// How many records a batch may have: fewer where the names of rescued fields are long, because every row repeats them.
    pub(crate) fn batch_records(&self) -> usize {
        let names_bytes: usize = self.rescued.iter().map(|(_, name)| name.len()).sum();
        (BATCH_NAMES_BYTES / names_bytes.max(1)).clamp(1, BATCH_RECORDS)
    }
}

/// Where a record that begins at `start` and is longer than allowed is cut: at `limit`, but not inside a character, whose place in the file
/// could not be told.
pub(crate) fn character_boundary(bytes: &[u8], start: usize, limit: usize) -> usize {
    let is_boundary = |end: &usize| bytes.get(*end).is_none_or(|byte| byte & 0xC0 != 0x80);
    (start + 1..=limit).rev().take(4).find(is_boundary).unwrap_or(limit)
}

/// Appends `length` bytes from `start` on. Most texts are short, and copying as many bytes every time is quicker than a call.
#[inline]
pub(crate) fn append(bytes: &[u8], start: usize, length: usize, out: &mut Vec<u8>) {
    let Some(rest) = bytes.get(start..) else { return };
    match rest.first_chunk::<16>() {
        Some(head) if length <= 16 => {
            let end = out.len() + length;
            out.extend_from_slice(head);
            out.truncate(end);
        }
        Some(_) | None => out.extend_from_slice(rest.get(..length).unwrap_or_default()),
    }
}

/// Consecutive records of a file.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// The unpacked file's offset of the first byte; readers of text do not count a byte order mark.
    pub(crate) offset: u64,
    pub(crate) records: Vec<Record>,
    pub(crate) fields: Vec<Field>,
    pub(crate) map: Arc<FieldMap>,
    pub(crate) escaping: Escaping,
    /// Values that do not stand in the file as they are.
    pub(crate) aside: Vec<u8>,
    /// What is wrong with records that have a fault, by their place in the batch, ascending, where there is more to tell than its rule.
    pub(crate) notes: Vec<(usize, Cow<'static, str>)>,
}

/// The bytes in which fields stand, and how they become values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) aside: &'a [u8],
    pub(crate) escaping: Escaping,
}

/// How the value of a [`Form::Escaped`] field is had from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaping {
    /// The quote stands twice for itself (RFC 4180); an escape takes the special meaning from what is behind it.
    Csv { quote: u8, escape: Option<u8> },
    /// A backslash takes the meaning of what is behind it (RFC 8259).
    Json,
}

impl Batch {
    pub(crate) fn fields(&self, record: &Record) -> &[Field] {
        self.fields.get(record.first_field..record.first_field + record.field_count).unwrap_or_default()
    }

    /// Whether the candidates are all records, each with as many fields as every record should have: these stand in a row then.
    pub(crate) fn is_even(&self, candidates: &[Record]) -> bool {
        let width = self.map.field_count;
        width > 0 && candidates.len() == self.records.len() && self.fields.len() == width * candidates.len()
    }

    #[inline]
    pub(crate) fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The memory that it takes, about.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len() + self.aside.len() + size_of_val(self.fields.as_slice()) + size_of_val(self.records.as_slice())
    }

    /// The record as it stood.
    pub(crate) fn raw(&self, record: &Record) -> &[u8] {
        self.bytes(record.start, record.end)
    }

    /// The field's value; `scratch` holds it where it does not stand in the bytes as it is.
    #[inline]
    pub(crate) fn text<'a>(&'a self, field: &Field, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        self.texts().text(field, scratch)
    }

    pub(crate) fn texts(&self) -> Texts<'_> {
        Texts { bytes: &self.bytes, aside: &self.aside, escaping: self.escaping }
    }

    /// What is wrong with a record beyond its fault's rule.
    pub(crate) fn note(&self, number: usize) -> Option<&str> {
        let found = self.notes.binary_search_by_key(&number, |(record, _)| *record).ok()?;
        self.notes.get(found).map(|(_, note)| note.as_ref())
    }
}

impl<'a> Texts<'a> {
    #[inline]
    pub(crate) fn bytes(&self, field: &Field) -> &'a [u8] {
        self.bytes.get(field.start()..field.end()).unwrap_or_default()
    }

    /// The field's value; `scratch` holds it where it does not stand in the bytes as it is.
    #[inline]
    pub(crate) fn text<'s>(&self, field: &Field, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        match field.form() {
            Form::Plain | Form::Quoted | Form::Bare | Form::Scientific | Form::Nested | Form::Null => self.bytes(field),
            Form::Aside => self.aside.get(field.start()..field.end()).unwrap_or_default(),
            Form::Escaped => self.unescaped(field, scratch),
        }
    }

    #[inline(never)]
    fn unescaped<'s>(&self, field: &Field, scratch: &'s mut Vec<u8>) -> &'s [u8] {
        match self.escaping {
            Escaping::Csv { quote, escape } => crate::csv::unescape(self.bytes(field), quote, escape, scratch),
            Escaping::Json => crate::json::unescape(self.bytes(field), scratch),
        }
        scratch
    }
}
