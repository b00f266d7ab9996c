//! The values of one step of an expression, one per row: numbers, texts, nulls, and which of them are undefined.
//! It does not know what is computed.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use lakegate_contract::{Constant, ValueKind};

use super::cells::{Cells, Numbers, collect};

/// A longer text is undefined, so that no expression makes much out of little.
pub(super) const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What the texts of one step may have in one batch in all; a text beyond it is undefined, as one that is too long is.
const BATCH_TEXT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Rows to which something applies; `None` is none.
pub(super) type Rows = Option<BooleanBuffer>;

/// Values, one per row. Where a row is null or undefined its value means nothing; where it is both it is undefined.
#[derive(Debug, Clone)]
pub(super) struct Vector {
    pub(super) data: Data,
    pub(super) nulls: Option<NullBuffer>,
    /// The rows that have no value, and not because of a null: a division by zero, a number that is too large.
    pub(super) undefined: Option<BooleanBuffer>,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    Boolean(BooleanBuffer),
    /// In units of 10^-scale.
    Exact(Numbers, u8),
    Double(Cells<f64>),
    Text(Texts),
    Date(Cells<i32>),
    Timestamp(Cells<i64>),
    /// Of a type of which nothing but null is asked.
    Opaque,
}

#[derive(Debug, Clone)]
pub(super) enum Texts {
    Same(String),
    Each(StringArray),
}

impl Vector {
    pub(super) fn of_column(array: &ArrayRef) -> Self {
        Self { data: column_data(array), nulls: array.logical_nulls(), undefined: None }
    }

    pub(super) fn constant(constant: &Constant, rows: usize) -> Self {
        let (data, is_null) = match constant {
            Constant::Null(kind) => (Data::zero(*kind, rows), true),
            Constant::Boolean(true) => (Data::Boolean(BooleanBuffer::new_set(rows)), false),
            Constant::Boolean(false) => (Data::Boolean(BooleanBuffer::new_unset(rows)), false),
            Constant::Number { value, scale } => (Data::Exact(Numbers::same(*value), *scale), false),
            Constant::Double(value) => (Data::Double(Cells::Same(*value)), false),
            Constant::Text(text) => (Data::Text(Texts::Same(text.clone())), false),
            Constant::Date(days) => (Data::Date(Cells::Same(*days)), false),
            Constant::Timestamp(micros) => (Data::Timestamp(Cells::Same(*micros)), false),
        };
        Self { data, nulls: is_null.then(|| NullBuffer::new_null(rows)), undefined: None }
    }

    /// Values computed from `of`, without value in the rows `failed`, unless they are null anyway.
    pub(super) fn computed(data: Data, of: &[&Self], failed: Rows) -> Self {
        let nulls = of.iter().fold(None, |nulls, operand| NullBuffer::union(nulls.as_ref(), operand.nulls.as_ref()));
        let failed = match (failed, &nulls) {
            (Some(failed), Some(nulls)) => Some(&failed & nulls.inner()),
            (failed, _) => failed,
        };
        let undefined = of.iter().fold(failed, |undefined, operand| or(undefined, operand.undefined.as_ref()));
        Self { data, nulls, undefined }
    }

    /// The rows that have a value.
    pub(super) fn valid(&self) -> Option<NullBuffer> {
        let defined = self.undefined.as_ref().map(|undefined| NullBuffer::new(!undefined));
        NullBuffer::union(self.nulls.as_ref(), defined.as_ref())
    }

    #[inline]
    pub(super) fn is_undefined(&self, row: usize) -> bool {
        self.undefined.as_ref().is_some_and(|undefined| undefined.value(row))
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

/// The rows of either.
pub(super) fn or(one: Rows, other: Option<&BooleanBuffer>) -> Rows {
    match (one, other) {
        (Some(one), Some(other)) => Some(&one | other),
        (one, other) => one.or_else(|| other.cloned()),
    }
}

impl Data {
    /// Values that mean nothing.
    fn zero(kind: ValueKind, rows: usize) -> Self {
        match kind {
            ValueKind::Boolean => Self::Boolean(BooleanBuffer::new_unset(rows)),
            ValueKind::Exact { scale } => Self::Exact(Numbers::Narrow(Cells::Same(0)), scale),
            ValueKind::Double => Self::Double(Cells::Same(0.0)),
            ValueKind::Text => Self::Text(Texts::Same(String::new())),
            ValueKind::Date => Self::Date(Cells::Same(0)),
            ValueKind::Timestamp => Self::Timestamp(Cells::Same(0)),
        }
    }
}

fn column_data(array: &ArrayRef) -> Data {
    fn cells<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Cells<T::Native>> {
        Some(Cells::Each(array.as_primitive_opt::<T>()?.values().clone()))
    }
    fn narrow<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Numbers>
    where
        i64: From<T::Native>,
    {
        Some(Numbers::Narrow(cells::<T>(array)?.map(i64::from)))
    }
    let integers = cells::<Int64Type>(array)
        .map(Numbers::Narrow)
        .or_else(|| narrow::<Int32Type>(array))
        .or_else(|| narrow::<Int16Type>(array))
        .or_else(|| narrow::<Int8Type>(array));
    if let Some(numbers) = integers {
        Data::Exact(numbers, 0)
    } else if let (DataType::Decimal128(_, scale), Some(cells)) = (array.data_type(), cells::<Decimal128Type>(array)) {
        Data::Exact(Numbers::Wide(cells).narrowed(), scale.cast_unsigned())
    } else if let Some(cells) = cells::<Float64Type>(array) {
        Data::Double(cells)
    } else if let Some(texts) = array.as_string_opt::<i32>() {
        Data::Text(Texts::Each(texts.clone()))
    } else if let Some(booleans) = array.as_boolean_opt() {
        Data::Boolean(booleans.values().clone())
    } else if let Some(cells) = cells::<Date32Type>(array) {
        Data::Date(cells)
    } else if let Some(cells) = cells::<TimestampMicrosecondType>(array) {
        Data::Timestamp(cells)
    } else {
        Data::Opaque
    }
}

/// `failed` for all rows: a constant that has failed has done so in every row.
pub(super) fn spread(failed: Rows, rows: usize) -> Rows {
    match failed {
        Some(failed) if failed.len() != rows => Some(BooleanBuffer::new_set(rows)),
        failed => failed,
    }
}

impl Texts {
    #[inline]
    pub(super) fn at(&self, row: usize) -> &str {
        match self {
            Self::Same(text) => text,
            Self::Each(texts) => texts.value(row),
        }
    }

    pub(super) fn test(&self, rows: usize, passes: impl Fn(&str) -> bool) -> BooleanBuffer {
        match self {
            Self::Same(text) if passes(text) => BooleanBuffer::new_set(rows),
            Self::Same(_) => BooleanBuffer::new_unset(rows),
            Self::Each(texts) => collect(rows, |row| passes(texts.value(row))),
        }
    }

    /// Reads a value out of each text; those without one are told.
    pub(super) fn try_map<R: ArrowNativeType>(
        &self,
        rows: usize,
        read: impl Fn(&[u8]) -> Option<R>,
    ) -> (Cells<R>, Rows) {
        match self {
            Self::Same(text) => {
                let value = read(text.as_bytes());
                (Cells::Same(value.unwrap_or_default()), value.is_none().then(|| BooleanBuffer::new_set(rows)))
            }
            Self::Each(texts) => {
                let values: Vec<Option<R>> = (0..rows).map(|row| read(texts.value(row).as_bytes())).collect();
                let failed = values.iter().any(Option::is_none);
                let failed = failed.then(|| collect(rows, |row| values.get(row).is_none_or(Option::is_none)));
                (Cells::Each(values.into_iter().map(Option::unwrap_or_default).collect()), failed)
            }
        }
    }
}

/// Texts in the making.
pub(super) struct TextBuilder {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    failed: Vec<usize>,
    bytes_max: usize,
}

impl TextBuilder {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(rows * 16),
            lengths: Vec::with_capacity(rows),
            failed: Vec::new(),
            bytes_max: BATCH_TEXT_BYTES_MAX,
        }
    }

    /// Adds a row's text, which the caller writes behind the others'. `bytes` says beforehand how long it may be; a row
    /// for which there is no room has no result.
    pub(super) fn push(&mut self, bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if bytes > TEXT_BYTES_MAX || bytes > self.bytes_max.saturating_sub(self.bytes.len()) {
            self.failed.push(self.lengths.len());
            self.lengths.push(0);
            return;
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.lengths.push(self.bytes.len() - start);
    }

    pub(super) fn push_text(&mut self, text: &str) {
        self.push(text.len(), |bytes| bytes.extend_from_slice(text.as_bytes()));
    }

    pub(super) fn finish(self) -> Result<(Texts, Rows), ArrowError> {
        let rows = self.lengths.len();
        let texts = StringArray::try_new(OffsetBuffer::from_lengths(self.lengths), self.bytes.into(), None)?;
        let failed = (!self.failed.is_empty()).then(|| collect(rows, |row| self.failed.binary_search(&row).is_ok()));
        Ok((Texts::Each(texts), failed))
    }
}

#[cfg(test)]
mod tests {
    use super::{TextBuilder, Texts};

    #[test]
    fn a_text_for_which_a_batch_has_no_room_has_no_result() {
        let mut built = TextBuilder { bytes_max: 5, ..TextBuilder::new(4) };
        for text in ["abc", "def", "gh", ""] {
            built.push_text(text);
        }
        let (texts, failed) = built.finish().unwrap();
        let Texts::Each(texts) = texts else { unreachable!("texts are one each") };
        assert_eq!(texts.iter().flatten().collect::<Vec<_>>(), ["abc", "", "gh", ""]);
        assert_eq!(failed.unwrap().iter().collect::<Vec<_>>(), [false, true, false, false]);
    }
}
