//! The smallest and the largest value of a column chunk, for readers that skip by them.
//! It does not know pages.

use parquet::basic::Type;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Longer texts are cut in statistics.
const TEXT_BYTES_MAX: usize = 64;

/// The bounds of the values seen so far.
#[derive(Debug, Clone, Default)]
pub(super) enum Bounds {
    #[default]
    Empty,
    Numbers(i64, i64),
    Wide(i128, i128),
    Doubles(f64, f64),
    Texts(Vec<u8>, Vec<u8>),
}

impl Bounds {
    #[inline]
    pub(super) fn add_number(&mut self, value: i64) {
        if let Self::Numbers(low, high) = self {
            *low = (*low).min(value);
            *high = (*high).max(value);
        } else {
            *self = Self::Numbers(value, value);
        }
    }

    #[inline]
    pub(super) fn add_wide(&mut self, value: i128) {
        if let Self::Wide(low, high) = self {
            *low = (*low).min(value);
            *high = (*high).max(value);
        } else {
            *self = Self::Wide(value, value);
        }
    }

    /// `value` is finite.
    #[inline]
    pub(super) fn add_double(&mut self, value: f64) {
        if let Self::Doubles(low, high) = self {
            *low = low.min(value);
            *high = high.max(value);
        } else {
            *self = Self::Doubles(value, value);
        }
    }

    #[inline]
    pub(super) fn add_text(&mut self, value: &[u8]) {
        if let Self::Texts(low, high) = self {
            if is_less(value, low) {
                low.clear();
                low.extend_from_slice(value);
            } else if is_less(high, value) {
                high.clear();
                high.extend_from_slice(value);
            }
        } else {
            *self = Self::Texts(value.to_vec(), value.to_vec());
        }
    }

    /// The statistics of a column of `physical_type`, `length` bytes long where that is fixed.
    pub(super) fn statistics(&self, physical_type: Type, length: usize, null_count: u64) -> Statistics {
        let nulls = Some(null_count);
        match (self, physical_type) {
            (Self::Numbers(low, high), Type::BOOLEAN) => {
                Statistics::boolean(Some(*low != 0), Some(*high != 0), None, nulls, false)
            }
            (Self::Numbers(low, high), Type::INT32) => {
                Statistics::int32(i32::try_from(*low).ok(), i32::try_from(*high).ok(), None, nulls, false)
            }
            (Self::Numbers(low, high), Type::INT64) => Statistics::int64(Some(*low), Some(*high), None, nulls, false),
            (Self::Doubles(low, high), Type::DOUBLE) => {
                // As the format asks: a zero may be of either sign.
                let low = if *low == 0.0 { -0.0 } else { *low };
                let high = if *high == 0.0 { 0.0 } else { *high };
                // Newer readers trust the bounds of doubles only where NaNs are counted.
                let value = ValueStatistics::new(Some(low), Some(high), None, nulls, false);
                Statistics::Double(value.with_nan_count(Some(0)))
            }
            (Self::Wide(low, high), Type::FIXED_LEN_BYTE_ARRAY) => {
                let bytes = |value: i128| {
                    let bytes = value.to_be_bytes();
                    FixedLenByteArray::from(bytes.get(bytes.len() - length..).unwrap_or_default().to_vec())
                };
                Statistics::fixed_len_byte_array(Some(bytes(*low)), Some(bytes(*high)), None, nulls, false)
            }
            (Self::Texts(low, high), Type::BYTE_ARRAY) => texts(low, high, nulls),
            (Self::Empty | Self::Numbers(..) | Self::Doubles(..) | Self::Wide(..) | Self::Texts(..), _) => {
                without_bounds(physical_type, nulls)
            }
        }
    }
}

/// Most texts differ in their first bytes, which one comparison of numbers tells.
#[inline]
fn is_less(a: &[u8], b: &[u8]) -> bool {
    match (a.first_chunk::<8>(), b.first_chunk::<8>()) {
        (Some(first), Some(second)) if first != second => u64::from_be_bytes(*first) < u64::from_be_bytes(*second),
        _ => a < b,
    }
}

fn without_bounds(physical_type: Type, nulls: Option<u64>) -> Statistics {
    match physical_type {
        Type::BOOLEAN => Statistics::boolean(None, None, None, nulls, false),
        Type::INT32 => Statistics::int32(None, None, None, nulls, false),
        Type::INT64 => Statistics::int64(None, None, None, nulls, false),
        Type::INT96 => Statistics::int96(None, None, None, nulls, false),
        Type::FLOAT => Statistics::float(None, None, None, nulls, false),
        Type::DOUBLE => Statistics::double(None, None, None, nulls, false),
        Type::BYTE_ARRAY => Statistics::byte_array(None, None, None, nulls, false),
        Type::FIXED_LEN_BYTE_ARRAY => Statistics::fixed_len_byte_array(None, None, None, nulls, false),
    }
}

fn texts(low: &[u8], high: &[u8], nulls: Option<u64>) -> Statistics {
    let short_low = prefix(low);
    let short_high = if high.len() > TEXT_BYTES_MAX { above(prefix(high)) } else { Some(high.to_vec()) };
    let exact_high = short_high.is_none() || high.len() <= TEXT_BYTES_MAX;
    let value = ValueStatistics::new(
        Some(ByteArray::from(short_low.to_vec())),
        short_high.map(ByteArray::from),
        None,
        nulls,
        false,
    );
    Statistics::ByteArray(value.with_min_is_exact(short_low.len() == low.len()).with_max_is_exact(exact_high))
}

/// The text's beginning, at most [`TEXT_BYTES_MAX`] bytes of whole characters.
fn prefix(text: &[u8]) -> &[u8] {
    let Some((head, _)) = text.split_at_checked(TEXT_BYTES_MAX) else { return text };
    head.utf8_chunks().next().map_or(head, |chunk| chunk.valid().as_bytes())
}

/// The prefix with its last character raised, which is above every text that begins with it; `None` where that cannot be.
fn above(prefix: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(prefix).ok()?;
    let (place, last) = text.char_indices().rev().find(|(_, c)| char::from_u32(u32::from(*c) + 1).is_some())?;
    let mut raised = text.get(..place)?.to_owned();
    raised.push(char::from_u32(u32::from(last) + 1)?);
    Some(raised.into_bytes())
}
