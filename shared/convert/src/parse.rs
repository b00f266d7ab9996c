//! One column of a batch: bytes to a typed Arrow array, straight, without a string in between.
//! It knows the type of a column and which texts mean null, no other rule.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, NullBufferBuilder, PrimitiveArray, StringArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use lakegate_contract::value::{NumberFormat, decimal_with_exponent, integer_with_exponent, parse_boolean};
use lakegate_contract::{Column, ColumnSource, ColumnType, IntegerWidth, Rule, UnknownColumns};

use crate::judge::Findings;
use crate::records::{Batch, Escaping, Field, Form, Record, Texts, append};
use crate::schema::data_type;
use crate::{nested, rescue};

/// Texts that mean null. The empty text is so common that it has a place of its own.
#[derive(Debug)]
pub(crate) struct NullTexts {
    empty: bool,
    others: Vec<Vec<u8>>,
}

impl NullTexts {
    pub(crate) fn new(texts: &[String]) -> Self {
        let others = texts.iter().filter(|text| !text.is_empty()).map(|text| text.clone().into_bytes());
        Self { empty: texts.iter().any(String::is_empty), others: others.collect() }
    }

    /// No text means null.
    pub(crate) const fn none() -> Self {
        Self { empty: false, others: Vec::new() }
    }

    #[inline]
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        if text.is_empty() { self.empty } else { self.others.iter().any(|other| other == text) }
    }
}

/// How the texts of a file become values.
#[derive(Debug)]
pub(crate) struct Style {
    pub(crate) nulls: NullTexts,
    pub(crate) numbers: NumberFormat,
    /// What an object's key does that its type does not know.
    pub(crate) unknown_keys: UnknownColumns,
}

/// A batch's candidate rows, and how to read them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) candidates: &'a [Record],
    pub(crate) style: &'a Style,
}

/// Values of one type, and how to read them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) texts: Texts<'a>,
    pub(crate) places: Places<'a>,
    pub(crate) style: &'a Style,
}

/// Where values stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Places<'a> {
    /// A field of each of a batch's candidate rows.
    Rows { batch: &'a Batch, candidates: &'a [Record], field: usize },
    /// In objects and lists: the values, and the row of each.
    Nested { fields: &'a [Field], rows: &'a [usize] },
}

impl Places<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Rows { candidates, .. } => candidates.len(),
            Self::Nested { fields, .. } => fields.len(),
        }
    }

    /// Calls `read` with every value's row and field.
    #[inline]
    pub(crate) fn for_each(&self, mut read: impl FnMut(usize, &Field)) {
        match self {
            Self::Rows { batch, candidates, field } if batch.is_even(candidates) => {
                for (row, fields) in batch.fields.chunks_exact(batch.map.field_count).enumerate() {
                    let Some(field) = fields.get(*field) else { continue };
                    read(row, field);
                }
            }
            Self::Rows { batch, candidates, field } => {
                for (row, record) in candidates.iter().enumerate() {
                    let Some(field) = batch.fields(record).get(*field) else { continue };
                    read(row, field);
                }
            }
            Self::Nested { fields, rows } => fields.iter().zip(*rows).for_each(|(field, row)| read(*row, field)),
        }
    }
}

/// Reads column `index` from field `field` of every row; a value that is not of the type is a violation, and null in the array.
pub(crate) fn column(
    rows: &Rows<'_>,
    field: Option<usize>,
    column: &Column,
    index: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    if let (ColumnSource::Rescued, Escaping::Csv { .. }) = (&column.source, rows.batch.escaping) {
        return Ok(Arc::new(rescue::column(rows)));
    }
    let Some(field) = field else {
        return Ok(new_null_array(&data_type(&column.column_type), rows.candidates.len()));
    };
    let places = Places::Rows { batch: rows.batch, candidates: rows.candidates, field };
    values(&Values { texts: rows.batch.texts(), places, style: rows.style }, column, index, findings)
}

/// Reads the values of a column, or of what is nested in one; `index` is its id.
pub(crate) fn values(
    values: &Values<'_>,
    column: &Column,
    index: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    let mut cells = Cells { values, index, findings, scratch: Vec::new() };
    Ok(match &column.column_type {
        ColumnType::String => Arc::new(cells.strings()?),
        ColumnType::Integer(width) => cells.integers(*width),
        ColumnType::Double => Arc::new(cells.primitives::<Float64Type>(|text, notation| notation.double(text))),
        ColumnType::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, *scale);
            let values: Decimal128Array = cells.primitives(|text, notation| notation.decimal(text, precision, scale));
            Arc::new(values.with_precision_and_scale(precision, scale.cast_signed())?)
        }
        ColumnType::Boolean => Arc::new(cells.booleans()),
        ColumnType::Date(pattern) => Arc::new(cells.primitives::<Date32Type>(|text, _| pattern.parse_date(text))),
        ColumnType::Timestamp(pattern) => {
            Arc::new(cells.primitives::<TimestampMicrosecondType>(|text, _| pattern.parse_timestamp(text)))
        }
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => {
            nested::column(values, column, index, findings)?
        }
    })
}

/// How a number is written: in JSON as JSON says, in texts as the contract says.
#[derive(Debug, Clone, Copy)]
struct Notation {
    numbers: NumberFormat,
    form: Form,
}

impl Notation {
    #[inline]
    fn integer(self, text: &[u8]) -> Option<i64> {
        let numbers = self.numbers();
        if self.form == Form::Scientific {
            return integer_with_exponent(text, numbers.integral_fractions);
        }
        numbers.integer(text)
    }

    #[inline]
    fn decimal(self, text: &[u8], precision: u8, scale: u8) -> Option<i128> {
        if self.form == Form::Scientific {
            return decimal_with_exponent(text, precision, scale);
        }
        self.numbers().decimal(text, precision, scale)
    }

    #[inline]
    fn double(self, text: &[u8]) -> Option<f64> {
        self.numbers().double(text)
    }

    #[inline]
    fn numbers(self) -> NumberFormat {
        match self.form {
            Form::Bare | Form::Scientific => {
                NumberFormat { integral_fractions: self.numbers.integral_fractions, ..NumberFormat::default() }
            }
            Form::Plain | Form::Quoted | Form::Escaped | Form::Null | Form::Nested | Form::Aside => self.numbers,
        }
    }
}

struct Cells<'a, 'f> {
    values: &'a Values<'a>,
    index: usize,
    findings: &'f mut Findings,
    scratch: Vec<u8>,
}

impl Cells<'_, '_> {
    /// Calls `read` with every value's row, text and form.
    #[inline]
    fn for_each(&mut self, mut read: impl FnMut(&mut Findings, usize, &[u8], Form)) {
        let (texts, findings, scratch) = (self.values.texts, &mut *self.findings, &mut self.scratch);
        self.values.places.for_each(|row, field| read(findings, row, texts.text(field, scratch), field.form()));
    }

    fn primitives<T: ArrowPrimitiveType>(
        &mut self,
        parse: impl Fn(&[u8], Notation) -> Option<T::Native>,
    ) -> PrimitiveArray<T> {
        let len = self.values.places.len();
        let mut values: Vec<T::Native> = Vec::with_capacity(len);
        let mut validity = NullBufferBuilder::new(len);
        let (null_texts, index) = (&self.values.style.nulls, self.index);
        let numbers = self.values.style.numbers;
        self.for_each(|findings, row, text, form| {
            // Quotes do not matter here: no text that means null could mean anything else in a column of numbers.
            let value = if form == Form::Null {
                None
            } else if null_texts.contains(text) || text.is_empty() {
                if !null_texts.contains(text) {
                    findings.add(row, index, Rule::Type);
                }
                None
            } else {
                let value = parse(text, Notation { numbers, form });
                if value.is_none() {
                    findings.add(row, index, Rule::Type);
                }
                value
            };
            validity.append(value.is_some());
            values.push(value.unwrap_or_default());
        });
        PrimitiveArray::new(ScalarBuffer::from(values), validity.finish())
    }

    fn integers(&mut self, width: IntegerWidth) -> ArrayRef {
        match width {
            IntegerWidth::I8 => {
                Arc::new(self.primitives::<Int8Type>(|text, notation| i8::try_from(notation.integer(text)?).ok()))
            }
            IntegerWidth::I16 => {
                Arc::new(self.primitives::<Int16Type>(|text, notation| i16::try_from(notation.integer(text)?).ok()))
            }
            IntegerWidth::I32 => {
                Arc::new(self.primitives::<Int32Type>(|text, notation| i32::try_from(notation.integer(text)?).ok()))
            }
            IntegerWidth::I64 => Arc::new(self.primitives::<Int64Type>(|text, notation| notation.integer(text))),
        }
    }

    fn booleans(&mut self) -> BooleanArray {
        let bits = self.primitives::<Int8Type>(|text, _| parse_boolean(text).map(i8::from));
        let values = BooleanBuffer::collect_bool(bits.len(), |row| bits.values().get(row) == Some(&1));
        BooleanArray::new(values, bits.nulls().cloned())
    }

    fn strings(&mut self) -> Result<StringArray, ArrowError> {
        let len = self.values.places.len();
        let mut bytes: Vec<u8> = Vec::with_capacity(len * 16);
        let mut offsets: Vec<i32> = Vec::with_capacity(len + 1);
        offsets.push(0);
        let mut validity = NullBufferBuilder::new(len);
        let (null_texts, index) = (&self.values.style.nulls, self.index);
        let (texts, findings, scratch) = (self.values.texts, &mut *self.findings, &mut self.scratch);
        self.values.places.for_each(|row, field| {
            let is_null = match field.form() {
                Form::Plain => null_texts.contains(texts.bytes(field)),
                // A quoted text is always text: this is how `""` differs from nothing, and `"NA"` from NA.
                Form::Quoted | Form::Escaped | Form::Aside => false,
                Form::Null => true,
                Form::Bare | Form::Scientific | Form::Nested => {
                    findings.add(row, index, Rule::Type);
                    true
                }
            };
            validity.append(!is_null);
            match field.form() {
                Form::Plain | Form::Quoted if !is_null => {
                    append(texts.bytes, field.start(), field.end() - field.start(), &mut bytes);
                }
                Form::Escaped | Form::Aside => bytes.extend_from_slice(texts.text(field, scratch)),
                Form::Plain | Form::Quoted | Form::Null | Form::Bare | Form::Scientific | Form::Nested => {}
            }
            // A batch has far fewer bytes than 2 GiB.
            offsets.push(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        });
        StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), bytes.into(), validity.finish())
    }
}
