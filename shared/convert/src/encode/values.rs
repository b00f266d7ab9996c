//! An Arrow array as Parquet's physical types have its values: how one is written plainly, coded, and bounded.
//! It does not know partitions or pages.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};

use super::dictionary::{BLOCK_BYTES, Dictionary, first_bytes, load};
use super::statistics::Bounds;
use crate::records::append;

/// The values of a column in one of Parquet's physical types.
pub(super) trait Values {
    /// Appends the values of `rows` in PLAIN encoding, and widens `bounds` to them.
    fn write(&self, rows: &[u32], out: &mut Vec<u8>, bounds: &mut Bounds);
    /// The value's code; `None` when the dictionary is full.
    fn code(&self, row: usize, dictionary: &mut Dictionary) -> Option<u16>;
}

/// INT32.
pub(super) struct Int32s<'a>(pub(super) &'a [i32]);
/// INT64.
pub(super) struct Int64s<'a>(pub(super) &'a [i64]);
/// DOUBLE.
pub(super) struct Doubles<'a>(pub(super) &'a [f64]);
/// BOOLEAN, a byte each: the page packs them.
pub(super) struct Booleans<'a>(pub(super) &'a BooleanArray);
/// `FIXED_LEN_BYTE_ARRAY` of so many bytes, two's complement, most significant first.
pub(super) struct Fixed<'a>(pub(super) &'a [i128], pub(super) usize);
/// `BYTE_ARRAY`.
pub(super) struct Texts<'a>(pub(super) &'a StringArray);

impl Values for Int32s<'_> {
    fn write(&self, rows: &[u32], out: &mut Vec<u8>, bounds: &mut Bounds) {
        let (mut low, mut high) = (i32::MAX, i32::MIN);
        let start = out.len();
        out.resize(start + rows.len() * size_of::<i32>(), 0);
        let (places, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
        for (place, row) in places.iter_mut().zip(rows) {
            let value = self.0.get(*row as usize).copied().unwrap_or_default();
            (low, high) = (low.min(value), high.max(value));
            *place = value.to_le_bytes();
        }
        bounds.add_number(i64::from(low));
        bounds.add_number(i64::from(high));
    }

    #[inline]
    fn code(&self, row: usize, dictionary: &mut Dictionary) -> Option<u16> {
        dictionary.number_code(i64::from(*self.0.get(row)?))
    }
}

impl Values for Int64s<'_> {
    fn write(&self, rows: &[u32], out: &mut Vec<u8>, bounds: &mut Bounds) {
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        let start = out.len();
        out.resize(start + rows.len() * size_of::<i64>(), 0);
        let (places, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
        for (place, row) in places.iter_mut().zip(rows) {
            let value = self.0.get(*row as usize).copied().unwrap_or_default();
            (low, high) = (low.min(value), high.max(value));
            *place = value.to_le_bytes();
        }
        bounds.add_number(low);
        bounds.add_number(high);
    }

    #[inline]
    fn code(&self, row: usize, dictionary: &mut Dictionary) -> Option<u16> {
        dictionary.number_code(*self.0.get(row)?)
    }
}

impl Values for Doubles<'_> {
    fn write(&self, rows: &[u32], out: &mut Vec<u8>, bounds: &mut Bounds) {
        for value in rows.iter().filter_map(|row| self.0.get(*row as usize)) {
            bounds.add_double(*value);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    #[inline]
    fn code(&self, row: usize, dictionary: &mut Dictionary) -> Option<u16> {
        dictionary.number_code(self.0.get(row)?.to_bits().cast_signed())
    }
}

impl Values for Booleans<'_> {
    fn write(&self, rows: &[u32], out: &mut Vec<u8>, bounds: &mut Bounds) {
        for row in rows {
            let value = self.0.value(*row as usize);
            bounds.add_number(i64::from(value));
            out.push(u8::from(value));
        }
    }

    fn code(&self, _: usize, _: &mut Dictionary) -> Option<u16> {
        None
    }
}

impl Values for Fixed<'_> {
    fn write(&self, rows: &[u32], out: &mut Vec<u8>, bounds: &mut Bounds) {
        for value in rows.iter().filter_map(|row| self.0.get(*row as usize)) {
            bounds.add_wide(*value);
            let bytes = value.to_be_bytes();
            out.extend_from_slice(bytes.get(bytes.len() - self.1..).unwrap_or_default());
        }
    }

    fn code(&self, _: usize, _: &mut Dictionary) -> Option<u16> {
        None
    }
}

impl Values for Texts<'_> {
    fn write(&self, rows: &[u32], out: &mut Vec<u8>, bounds: &mut Bounds) {
        let data = self.0.value_data();
        let mut extremes: Option<(Text<'_>, Text<'_>)> = None;
        for row in rows {
            let Some((start, length)) = self.place(*row as usize) else { continue };
            // A text is at most a record long, which is far below 4 GiB.
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
            append(data, start, length, out);
            let text = Text::new(data, start, length);
            let (low, high) = extremes.get_or_insert((text, text));
            if text.is_less(low) {
                *low = text;
            } else if high.is_less(&text) {
                *high = text;
            }
        }
        for text in extremes.iter().flat_map(|(low, high)| [low, high]) {
            bounds.add_text(text.bytes);
        }
    }

    #[inline]
    fn code(&self, row: usize, dictionary: &mut Dictionary) -> Option<u16> {
        let (start, length) = self.place(row)?;
        dictionary.text_code(self.0.value_data(), start, length)
    }
}

impl Texts<'_> {
    /// Where a row's text begins in the array's data, and how long it is.
    #[inline]
    fn place(&self, row: usize) -> Option<(usize, usize)> {
        let [start, end] = self.0.value_offsets().get(row..)?.first_chunk()?;
        Some((usize::try_from(*start).ok()?, usize::try_from(end - start).ok()?))
    }
}

/// A text, quickly compared.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    /// Its first bytes as a number, which is in their order; zeros behind a short text's end.
    head: u128,
}

impl<'a> Text<'a> {
    #[inline]
    fn new(data: &'a [u8], start: usize, length: usize) -> Self {
        let bytes = data.get(start..start + length).unwrap_or_default();
        Self { bytes, head: first_bytes(load(data, start), length.min(BLOCK_BYTES)).swap_bytes() }
    }

    #[inline]
    fn is_less(&self, other: &Self) -> bool {
        self.head < other.head || (self.head == other.head && self.bytes < other.bytes)
    }
}

/// What is done with a column's values, whatever their type.
pub(super) trait Visitor {
    fn visit<V: Values>(&mut self, values: &V);
}

/// Calls `visitor` with the array's values in the physical type that Arrow's own mapping to Parquet has for them. `None`: no contract's
/// flat column has this type.
#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow knows some forty types")]
pub(super) fn visit(array: &ArrayRef, visitor: &mut impl Visitor) -> Option<()> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<&[T::Native]> {
        array.as_primitive_opt::<T>().map(|array: &PrimitiveArray<T>| array.values().as_ref())
    }
    match array.data_type() {
        DataType::Int8 => visitor.visit(&Int32s(&widened(of::<Int8Type>(array)?))),
        DataType::Int16 => visitor.visit(&Int32s(&widened(of::<Int16Type>(array)?))),
        DataType::Int32 => visitor.visit(&Int32s(of::<Int32Type>(array)?)),
        DataType::Date32 => visitor.visit(&Int32s(of::<Date32Type>(array)?)),
        DataType::Int64 => visitor.visit(&Int64s(of::<Int64Type>(array)?)),
        DataType::Timestamp(..) => visitor.visit(&Int64s(of::<TimestampMicrosecondType>(array)?)),
        DataType::Float64 => visitor.visit(&Doubles(of::<Float64Type>(array)?)),
        DataType::Boolean => visitor.visit(&Booleans(array.as_boolean_opt()?)),
        DataType::Utf8 => visitor.visit(&Texts(array.as_string_opt()?)),
        DataType::Decimal128(precision, _) => {
            let values = of::<Decimal128Type>(array)?;
            match precision {
                ..=9 => visitor.visit(&Int32s(&narrowed(values))),
                10..=18 => visitor.visit(&Int64s(&narrowed(values))),
                _ => visitor.visit(&Fixed(values, fixed_length(*precision))),
            }
        }
        _ => return None,
    }
    Some(())
}

/// A dictionary for values of an Arrow type; `None` where codes would not be shorter, or are not worth their while.
#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow knows some forty types")]
pub(super) fn dictionary(data_type: &DataType) -> Option<Dictionary> {
    match data_type {
        DataType::Utf8 => Some(Dictionary::of_texts()),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Float64
        | DataType::Decimal128(..=18, _) => Some(Dictionary::of_numbers()),
        _ => None,
    }
}

/// The fewest bytes of two's complement that hold every number of so many digits (Parquet format, DECIMAL).
fn fixed_length(precision: u8) -> usize {
    let limit = 10_u128.saturating_pow(u32::from(precision));
    (1..16).find(|bytes| 1_u128 << (8 * bytes - 1) >= limit).unwrap_or(16)
}

fn widened<T: Copy + Into<i32>>(values: &[T]) -> Vec<i32> {
    values.iter().map(|value| (*value).into()).collect()
}

/// A value beyond its column's precision never gets here; rows that broke a rule may hold anything, and are not written.
fn narrowed<T: TryFrom<i128> + Default>(values: &[i128]) -> Vec<T> {
    values.iter().map(|value| T::try_from(*value).unwrap_or_default()).collect()
}
