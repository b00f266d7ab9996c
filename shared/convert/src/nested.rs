//! Objects, lists and JSON values of a batch to Arrow structs, lists and texts. What is nested in them is read as columns are.
//! It does not know rules beyond types and keys.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Fields};
use arrow::error::ArrowError;
use lakegate_contract::{Column, ColumnType, Rule, UnknownColumns};

use crate::json::{Key, Keys, Scanner, Step, is_blank, shown};
use crate::judge::Findings;
use crate::parse::{self, NullTexts, Places, Style, Values};
use crate::records::{Escaping, Field, Form, ITEM_FIELDS_MAX, Texts, item_fields};
use crate::schema::data_type;

const NOTHING: Field = Field::new(0, 0, Form::Null);

/// Reads a column of objects, lists or JSON values. In CSV a cell is JSON text; one that is not is no value of the type.
pub(crate) fn column(
    values: &Values<'_>,
    column: &Column,
    id: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    let mut cells = Cells { fields: Vec::with_capacity(values.places.len()), rows: Vec::new() };
    cells.rows.reserve(values.places.len());
    let Style { numbers, unknown_keys, .. } = *values.style;
    let style = Style { nulls: NullTexts::none(), numbers, unknown_keys };
    if values.texts.escaping == Escaping::Json {
        values.places.for_each(|row, field| cells.add(row, *field));
        return read(&values.texts, &cells, &style, column, id, findings);
    }
    let (mut bytes, mut scratch) = (Vec::new(), Vec::new());
    values.places.for_each(|row, field| {
        let text = values.texts.text(field, &mut scratch);
        if field.form() == Form::Aside {
            cells.add(row, *field);
        } else if values.style.nulls.contains(text) {
            // Quotes do not matter here: `""` is no JSON and can mean nothing but null.
            cells.add(row, NOTHING);
        } else {
            let start = bytes.len();
            bytes.extend_from_slice(text);
            let value = whole_value(&bytes, start);
            if value.is_none() {
                findings.add(row, id, Rule::Type);
            }
            cells.add(row, value.unwrap_or(NOTHING));
        }
    });
    let texts = Texts { bytes: &bytes, aside: values.texts.aside, escaping: Escaping::Json };
    read(&texts, &cells, &style, column, id, findings)
}

/// Values and the row of each.
struct Cells {
    fields: Vec<Field>,
    rows: Vec<usize>,
}

impl Cells {
    fn add(&mut self, row: usize, field: Field) {
        self.fields.push(field);
        self.rows.push(row);
    }
}

/// The JSON value that `bytes` are from `start` on, if they are one and nothing else.
fn whole_value(bytes: &[u8], start: usize) -> Option<Field> {
    let mut scanner = Scanner::new(bytes, start, true);
    let first = scanner.skip_blanks().ok()?;
    let value = scanner.value(first).ok()?;
    let is_whole = scanner.rest().iter().all(|byte| is_blank(*byte));
    (is_whole && !scanner.has_lone_surrogate).then_some(value)
}

fn read(
    texts: &Texts<'_>,
    cells: &Cells,
    style: &Style,
    column: &Column,
    id: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    let mut reader = Reader { texts: *texts, style, findings };
    match &column.column_type {
        ColumnType::Json => reader.verbatim(cells),
        ColumnType::Struct(fields) => reader.objects(cells, fields, id),
        ColumnType::List(item) => reader.lists(cells, item, &column.column_type, id),
        ColumnType::String
        | ColumnType::Integer(_)
        | ColumnType::Double
        | ColumnType::Decimal { .. }
        | ColumnType::Boolean
        | ColumnType::Date(_)
        | ColumnType::Timestamp(_) => {
            let places = Places::Nested { fields: &cells.fields, rows: &cells.rows };
            parse::values(&Values { texts: *texts, places, style }, column, id, findings)
        }
    }
}

struct Reader<'a, 'f> {
    texts: Texts<'a>,
    style: &'a Style,
    findings: &'f mut Findings,
}

impl Reader<'_, '_> {
    /// The values as they stand in the file, strings with their quotes.
    fn verbatim(&self, cells: &Cells) -> Result<ArrayRef, ArrowError> {
        let mut bytes = Vec::new();
        let mut lengths = Vec::with_capacity(cells.fields.len());
        let mut validity = NullBufferBuilder::new(cells.fields.len());
        for field in &cells.fields {
            let text = match field.form() {
                Form::Null => &[],
                Form::Aside => self.texts.aside.get(field.start()..field.end()).unwrap_or_default(),
                Form::Quoted | Form::Escaped => {
                    self.texts.bytes.get(field.start().saturating_sub(1)..field.end() + 1).unwrap_or_default()
                }
                Form::Plain | Form::Bare | Form::Scientific | Form::Nested => self.texts.bytes(field),
            };
            bytes.extend_from_slice(text);
            lengths.push(text.len());
            validity.append(field.form() != Form::Null);
        }
        Ok(Arc::new(StringArray::try_new(OffsetBuffer::from_lengths(lengths), bytes.into(), validity.finish())?))
    }

    fn objects(&mut self, cells: &Cells, columns: &[Column], id: usize) -> Result<ArrayRef, ArrowError> {
        let mut keys = Keys::new(columns.iter());
        let len = cells.fields.len();
        let mut members: Vec<Vec<Field>> = columns.iter().map(|_| Vec::with_capacity(len)).collect();
        let mut validity = NullBufferBuilder::new(len);
        for (field, row) in cells.fields.iter().zip(&cells.rows) {
            for fields in &mut members {
                fields.push(NOTHING);
            }
            let is_object = self.is_nested(field, b'{', *row, id);
            validity.append(is_object);
            if is_object {
                // The text was looked at before: nothing in it can stop the reading.
                let _ = self.members(field, &mut keys, &mut members, *row, id);
            }
        }
        let mut arrays = Vec::with_capacity(columns.len());
        for (column, fields) in columns.iter().zip(members) {
            let cells = Cells { fields, rows: cells.rows.clone() };
            arrays.push(read(&self.texts, &cells, self.style, column, column.id, self.findings)?);
        }
        let types: Fields = columns.iter().map(crate::schema::field).collect();
        Ok(Arc::new(StructArray::try_new_with_length(types, arrays, validity.finish(), len)?))
    }

    /// Puts the values of an object's members to those of their fields.
    fn members(
        &mut self,
        field: &Field,
        keys: &mut Keys,
        members: &mut [Vec<Field>],
        row: usize,
        id: usize,
    ) -> Step<()> {
        let mut scanner = inside(self.texts, field);
        keys.begin_object();
        let (mut unknown, mut has_known) = (None, false);
        let mut first = scanner.skip_blanks()?;
        while first != b'}' {
            let start = scanner.position;
            let key = keys.read(&mut scanner, first)?;
            let byte = scanner.skip_blanks()?;
            let value = scanner.value(byte)?;
            match key {
                Key::Slot(slot) => {
                    has_known |= value.form() != Form::Null;
                    if let Some(place) = members.get_mut(slot).and_then(|fields| fields.last_mut()) {
                        *place = value;
                    }
                }
                Key::Twice => self.findings.add(row, id, Rule::Syntax),
                Key::Unknown if self.style.unknown_keys != UnknownColumns::Ignore => {
                    self.findings.add(row, id, Rule::UnknownColumn);
                    unknown.get_or_insert(start);
                }
                Key::Unknown => {}
            }
            first = scanner.skip_blanks()?;
            if first == b',' {
                scanner.position += 1;
                first = scanner.skip_blanks()?;
            }
        }
        // An object of none but unknown keys may have data for keys, which must not reach an alert.
        if let Some(start) = unknown
            && has_known
        {
            let key = shown(self.texts.bytes.get(start..).unwrap_or_default());
            self.findings.name_unknown_key(row, id, key);
        }
        Ok(())
    }

    fn lists(&mut self, cells: &Cells, item: &Column, list: &ColumnType, id: usize) -> Result<ArrayRef, ArrowError> {
        let len = cells.fields.len();
        let mut items = Cells { fields: Vec::with_capacity(len), rows: Vec::with_capacity(len) };
        let mut lengths = Vec::with_capacity(len);
        let mut validity = NullBufferBuilder::new(len);
        let items_max = ITEM_FIELDS_MAX / item_fields(&item.column_type);
        // Where the items of the row begin, of which a list of lists has several.
        let mut of_row = (0, 0);
        for (field, row) in cells.fields.iter().zip(&cells.rows) {
            let before = items.fields.len();
            if of_row.0 != *row {
                of_row = (*row, before);
            }
            let is_list = self.is_nested(field, b'[', *row, id);
            validity.append(is_list);
            if is_list {
                let room = items_max.saturating_sub(before - of_row.1);
                let read = self.items(field, &mut items, *row, room);
                if matches!(read, Ok(false)) {
                    self.findings.add(*row, id, Rule::TooLong);
                    items.fields.truncate(before);
                    items.rows.truncate(before);
                }
            }
            lengths.push(items.fields.len() - before);
        }
        let values = read(&self.texts, &items, self.style, item, item.id, self.findings)?;
        let DataType::List(field) = data_type(list) else { return Ok(values) };
        let array = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), values, validity.finish())?;
        Ok(Arc::new(array))
    }

    /// Whether there are no more than `room` items.
    fn items(&self, field: &Field, items: &mut Cells, row: usize, mut room: usize) -> Step<bool> {
        let mut scanner = inside(self.texts, field);
        let mut first = scanner.skip_blanks()?;
        while first != b']' {
            let Some(less) = room.checked_sub(1) else { return Ok(false) };
            room = less;
            items.add(row, scanner.value(first)?);
            first = scanner.skip_blanks()?;
            if first == b',' {
                scanner.position += 1;
                first = scanner.skip_blanks()?;
            }
        }
        Ok(true)
    }

    /// Whether the value is an object or a list as `opening` says; null is neither, and anything else is a violation.
    fn is_nested(&mut self, field: &Field, opening: u8, row: usize, id: usize) -> bool {
        let is_nested = field.form() == Form::Nested && self.texts.bytes.get(field.start()) == Some(&opening);
        if !is_nested && field.form() != Form::Null {
            self.findings.add(row, id, Rule::Type);
        }
        is_nested
    }
}

/// Looks at what is behind the opening bracket.
fn inside<'a>(texts: Texts<'a>, field: &Field) -> Scanner<'a> {
    Scanner::new(texts.bytes.get(..field.end()).unwrap_or_default(), field.start() + 1, true)
}

#[cfg(test)]
mod tests;
