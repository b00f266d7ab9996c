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
use lakegate_contract::value::{NumberFormat, parse_boolean};
use lakegate_contract::{Column, ColumnSource, ColumnType, IntegerWidth, Rule};

use crate::judge::Findings;
use crate::records::{Batch, Form, Record};
use crate::rescue;
use crate::schema::data_type;

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
}

/// A batch's candidate rows, and how to read them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) candidates: &'a [Record],
    pub(crate) style: &'a Style,
}

/// Reads column `index` from field `field` of every row; a value that is not of the type is a violation, and null in the array.
pub(crate) fn column(
    rows: &Rows<'_>,
    field: Option<usize>,
    column: &Column,
    index: usize,
    findings: &mut Findings,
) -> Result<ArrayRef, ArrowError> {
    if let ColumnSource::Rescued = column.source {
        return Ok(Arc::new(rescue::column(rows)));
    }
    let Some(field) = field else {
        return Ok(new_null_array(&data_type(&column.column_type), rows.candidates.len()));
    };
    let numbers = rows.style.numbers;
    let mut cells = Cells { rows, field, index, findings, scratch: Vec::new() };
    Ok(match &column.column_type {
        ColumnType::String => Arc::new(cells.strings()?),
        ColumnType::Integer(width) => cells.integers(*width),
        ColumnType::Double => Arc::new(cells.primitives::<Float64Type>(|text| numbers.double(text))),
        ColumnType::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, *scale);
            let values: Decimal128Array = cells.primitives(|text| numbers.decimal(text, precision, scale));
            Arc::new(values.with_precision_and_scale(precision, scale.cast_signed())?)
        }
        ColumnType::Boolean => Arc::new(cells.booleans()),
        ColumnType::Date(pattern) => Arc::new(cells.primitives::<Date32Type>(|text| pattern.parse_date(text))),
        ColumnType::Timestamp(pattern) => {
            Arc::new(cells.primitives::<TimestampMicrosecondType>(|text| pattern.parse_timestamp(text)))
        }
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => {
            new_null_array(&data_type(&column.column_type), rows.candidates.len())
        }
    })
}

struct Cells<'a, 'f> {
    rows: &'a Rows<'a>,
    field: usize,
    index: usize,
    findings: &'f mut Findings,
    scratch: Vec<u8>,
}

impl Cells<'_, '_> {
    /// Calls `read` with every row's text and whether it stood in quotes.
    #[inline]
    fn for_each(&mut self, mut read: impl FnMut(&mut Findings, usize, &[u8], bool)) {
        let batch = self.rows.batch;
        for (row, record) in self.rows.candidates.iter().enumerate() {
            let Some(field) = batch.fields(record).get(self.field) else { continue };
            read(self.findings, row, batch.text(field, &mut self.scratch), field.form() != Form::Plain);
        }
    }

    fn primitives<T: ArrowPrimitiveType>(&mut self, parse: impl Fn(&[u8]) -> Option<T::Native>) -> PrimitiveArray<T> {
        let len = self.rows.candidates.len();
        let mut values: Vec<T::Native> = Vec::with_capacity(len);
        let mut validity = NullBufferBuilder::new(len);
        let (null_texts, index) = (&self.rows.style.nulls, self.index);
        self.for_each(|findings, row, text, _| {
            // Quotes do not matter here: `""` can mean nothing but null in a column of numbers.
            let value = if null_texts.contains(text) || text.is_empty() {
                if !null_texts.contains(text) {
                    findings.add(row, index, Rule::Type);
                }
                None
            } else {
                let value = parse(text);
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
        let numbers = self.rows.style.numbers;
        match width {
            IntegerWidth::I8 => Arc::new(self.primitives::<Int8Type>(|text| i8::try_from(numbers.integer(text)?).ok())),
            IntegerWidth::I16 => {
                Arc::new(self.primitives::<Int16Type>(|text| i16::try_from(numbers.integer(text)?).ok()))
            }
            IntegerWidth::I32 => {
                Arc::new(self.primitives::<Int32Type>(|text| i32::try_from(numbers.integer(text)?).ok()))
            }
            IntegerWidth::I64 => Arc::new(self.primitives::<Int64Type>(|text| numbers.integer(text))),
        }
    }

    fn booleans(&mut self) -> BooleanArray {
        let bits = self.primitives::<Int8Type>(|text| parse_boolean(text).map(i8::from));
        let values = BooleanBuffer::collect_bool(bits.len(), |row| bits.values().get(row) == Some(&1));
        BooleanArray::new(values, bits.nulls().cloned())
    }

    fn strings(&mut self) -> Result<StringArray, ArrowError> {
        let len = self.rows.candidates.len();
        let mut bytes: Vec<u8> = Vec::with_capacity(len * 16);
        let mut lengths: Vec<usize> = Vec::with_capacity(len);
        let mut validity = NullBufferBuilder::new(len);
        let null_texts = &self.rows.style.nulls;
        self.for_each(|_, _, text, in_quotes| {
            // A quoted text is always text: this is how `""` differs from nothing, and `"NA"` from NA.
            let is_null = !in_quotes && null_texts.contains(text);
            validity.append(!is_null);
            let text = if is_null { &[] } else { text };
            bytes.extend_from_slice(text);
            lengths.push(text.len());
        });
        StringArray::try_new(OffsetBuffer::from_lengths(lengths), bytes.into(), validity.finish())
    }
}
