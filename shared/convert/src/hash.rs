//! Hashes of rows, column by column over a batch: 128 bits of each row's values in some columns.
//! It does not know what they are for.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use arrow::error::ArrowError;

/// What stands for a null: no decimal of 38 digits, and so no value of any type, is as large.
const NULL: (u64, u64) = (u64::MAX, i64::MAX.cast_unsigned());
/// Marks of what a value is, so that no two sequences of values look alike.
const VALUE: u64 = 1;
const PRESENT: u64 = 2;

/// The hash of one row in the making. `MurmurHash3`'s 128-bit mixing: good statistics, no defence against values that are made to collide
/// (whoever makes them loses rows of his own file). The seed is fixed, so that results are the same in every run.
#[derive(Debug, Clone, Copy)]
struct Lanes(u64, u64);

impl Lanes {
    const SEED: Self = Self(0x6c61_6b65_6761_7465, 0x726f_7720_6861_7368);

    #[inline]
    fn add(&mut self, (a, b): (u64, u64)) {
        const A: u64 = 0x87c3_7b91_1142_53d5;
        const B: u64 = 0x4cf5_ad43_2745_937f;
        self.0 ^= a.wrapping_mul(A).rotate_left(31).wrapping_mul(B);
        self.0 = self.0.rotate_left(27).wrapping_add(self.1).wrapping_mul(5).wrapping_add(0x52dc_e729);
        self.1 ^= b.wrapping_mul(B).rotate_left(33).wrapping_mul(A);
        self.1 = self.1.rotate_left(31).wrapping_add(self.0).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }

    /// The length stands in the first block, so that a text ends where it ends whatever follows it.
    #[inline]
    fn add_text(&mut self, text: &[u8]) {
        let (head, rest) = text.split_at_checked(8).unwrap_or((text, &[]));
        self.add((padded(head), text.len() as u64));
        for block in rest.chunks(16) {
            let (low, high) = block.split_at_checked(8).unwrap_or((block, &[]));
            self.add((padded(low), padded(high)));
        }
    }

    #[inline]
    fn finish(self) -> u128 {
        let scramble = |mut bits: u64| {
            bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
            bits ^ (bits >> 33)
        };
        let first = self.0.wrapping_add(self.1);
        let second = self.1.wrapping_add(first);
        let (first, second) = (scramble(first), scramble(second));
        let first = first.wrapping_add(second);
        let second = second.wrapping_add(first);
        u128::from(first) << 64 | u128::from(second)
    }
}

/// At most eight bytes as a number.
#[inline]
fn padded(bytes: &[u8]) -> u64 {
    if let Some(all) = bytes.first_chunk() {
        return u64::from_le_bytes(*all);
    }
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The hashes of `rows` rows over `columns`: equal values have equal hashes, nulls equal nulls, and `-0.0` equals `0.0`. Among a thousand
/// million different rows two have the same hash with a chance of about 10^-21.
///
/// # Errors
/// A column of a type that no contract has.
pub(crate) fn rows<'a>(columns: impl IntoIterator<Item = &'a ArrayRef>, rows: usize) -> Result<Vec<u128>, ArrowError> {
    let mut lanes = vec![Lanes::SEED; rows];
    for column in columns {
        add_column(&mut lanes, column, None)?;
    }
    Ok(lanes.into_iter().map(Lanes::finish).collect())
}

/// Adds a column's values. Where `around` (the object that the column stands in) is null, so is the value.
#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow knows some forty types; those of contracts are all here")]
fn add_column(lanes: &mut [Lanes], column: &ArrayRef, around: Option<&NullBuffer>) -> Result<(), ArrowError> {
    let nulls = NullBuffer::union(column.logical_nulls().as_ref(), around);
    let nulls = nulls.as_ref();
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            add_each(lanes, nulls, |lanes, row| lanes.add_text(texts.value(row).as_bytes()));
        }
        DataType::Int8 => add_numbers::<Int8Type>(lanes, column, nulls, |value| i64::from(value).cast_unsigned()),
        DataType::Int16 => add_numbers::<Int16Type>(lanes, column, nulls, |value| i64::from(value).cast_unsigned()),
        DataType::Int32 => add_numbers::<Int32Type>(lanes, column, nulls, |value| i64::from(value).cast_unsigned()),
        DataType::Int64 => add_numbers::<Int64Type>(lanes, column, nulls, i64::cast_unsigned),
        DataType::Date32 => add_numbers::<Date32Type>(lanes, column, nulls, |value| i64::from(value).cast_unsigned()),
        DataType::Timestamp(..) => {
            add_numbers::<TimestampMicrosecondType>(lanes, column, nulls, i64::cast_unsigned);
        }
        // Adding zero makes -0.0 and 0.0, which are equal, the same bits.
        DataType::Float64 => add_numbers::<Float64Type>(lanes, column, nulls, |value| (value + 0.0).to_bits()),
        DataType::Boolean => {
            let bits = column.as_boolean().values();
            add_each(lanes, nulls, |lanes, row| lanes.add((bits.value(row).into(), VALUE)));
        }
        DataType::Decimal128(..) => {
            let values = column.as_primitive::<Decimal128Type>().values();
            #[expect(clippy::cast_possible_truncation, reason = "the halves of the number, one after the other")]
            let halves = |value: u128| (value as u64, (value >> 64) as u64);
            add_each(lanes, nulls, |lanes, row| {
                lanes.add(halves(values.get(row).copied().unwrap_or_default().cast_unsigned()));
            });
        }
        DataType::Struct(_) => {
            add_each(lanes, nulls, |lanes, _| lanes.add((0, PRESENT)));
            for field in column.as_struct().columns() {
                add_column(lanes, field, nulls)?;
            }
        }
        DataType::List(_) => add_lists(lanes, column, nulls)?,
        other => return Err(ArrowError::SchemaError(format!("no column has the type {other}"))),
    }
    Ok(())
}

/// The number of items, then the items' own hashes.
fn add_lists(lanes: &mut [Lanes], column: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<(), ArrowError> {
    let lists = column.as_list::<i32>();
    let items = rows([lists.values()], lists.values().len())?;
    add_each(lanes, nulls, |lanes, row| {
        let place = |row: usize| lists.value_offsets().get(row).and_then(|place| usize::try_from(*place).ok());
        let range = place(row).unwrap_or_default()..place(row + 1).unwrap_or_default();
        let items = items.get(range).unwrap_or_default();
        lanes.add((items.len() as u64, PRESENT));
        for item in items {
            #[expect(clippy::cast_possible_truncation, reason = "the halves of the hash, one after the other")]
            lanes.add((*item as u64, (*item >> 64) as u64));
        }
    });
    Ok(())
}

fn add_numbers<T: ArrowPrimitiveType>(
    lanes: &mut [Lanes],
    column: &ArrayRef,
    nulls: Option<&NullBuffer>,
    bits: impl Fn(T::Native) -> u64,
) {
    let values = column.as_primitive::<T>().values();
    if nulls.is_none() {
        for (lanes, value) in lanes.iter_mut().zip(values) {
            lanes.add((bits(*value), VALUE));
        }
        return;
    }
    add_each(lanes, nulls, |lanes, row| lanes.add((bits(values.get(row).copied().unwrap_or_default()), VALUE)));
}

#[inline]
fn add_each(lanes: &mut [Lanes], nulls: Option<&NullBuffer>, mut add: impl FnMut(&mut Lanes, usize)) {
    for (row, lanes) in lanes.iter_mut().enumerate() {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            lanes.add(NULL);
        } else {
            add(lanes, row);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Float64Array, Int32Array, Int64Array, ListArray, StringArray, StructArray, new_null_array,
    };
    use arrow::buffer::NullBuffer;
    use arrow::datatypes::{DataType, Field, Fields, Int32Type};

    use super::rows;

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<StringArray>())
    }

    #[test]
    fn equal_rows_have_equal_hashes_and_others_do_not() {
        let a = texts(&[Some("ab"), Some("a"), None, Some(""), Some("ab"), Some("0123456789abcdefg")]);
        let b = texts(&[Some("c"), Some("bc"), Some(""), None, Some("c"), Some("0123456789abcdef")]);
        let hashes = rows([&a, &b], 6).unwrap();
        assert_eq!(hashes[0], hashes[4]);
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 5);
    }

    #[test]
    fn zeros_of_both_signs_are_equal_and_a_null_is_no_zero() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), None]));
        let hashes = rows([&array], 3).unwrap();
        assert_eq!(hashes[0], hashes[1]);
        assert_ne!(hashes[0], hashes[2]);
    }

    #[test]
    fn what_stands_under_a_null_does_not_count() {
        let fields = Fields::from(vec![Field::new("n", DataType::Int32, true)]);
        let inner: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(1)]));
        let nulls = NullBuffer::from(vec![false, false, true, true]);
        let objects: ArrayRef = Arc::new(StructArray::new(fields, vec![inner], Some(nulls)));
        let hashes = rows([&objects], 4).unwrap();
        assert_eq!(hashes[0], hashes[1]);
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 3);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), Some(2)]),
            Some(vec![Some(1)]),
            Some(vec![]),
            None,
            Some(vec![None]),
            Some(vec![Some(1), Some(2)]),
        ]);
        let lists: ArrayRef = Arc::new(lists);
        let hashes = rows([&lists], 6).unwrap();
        assert_eq!(hashes[0], hashes[5]);
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 5);
        let sliced = lists.slice(4, 2);
        assert_eq!(rows([&sliced], 2).unwrap(), hashes[4..]);
        assert_eq!(rows([&new_null_array(&DataType::Utf8, 0)], 0).unwrap(), []);
    }

    #[test]
    fn halves_of_the_hashes_of_neighbours_differ_as_chance_has_it() {
        let numbers: ArrayRef = Arc::new((0..200_000).collect::<Int64Array>());
        let keys = StringArray::from_iter_values((0..200_000).map(|number| format!("O{number:07}")));
        let keys: ArrayRef = Arc::new(keys);
        for column in [&numbers, &keys] {
            let hashes = rows([column], 200_000).unwrap();
            for shift in [0, 32, 64, 96] {
                let quarter: HashSet<u128> = hashes.iter().map(|hash| hash >> shift & 0xffff_ffff).collect();
                // 200,000 of 2^32: some 4.7 pairs collide by chance.
                assert!(quarter.len() > 200_000 - 25, "{} in the quarter at {shift}", quarter.len());
            }
        }
    }
}
