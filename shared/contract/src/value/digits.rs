//! Decimal digits to binary numbers, eight bytes at a time in 64-bit arithmetic.
//! It knows digits and one point, neither signs nor exponents nor types.

/// Bytes of a number that is read in one step.
pub(crate) const SHORT_MAX: usize = 8;

const ONES: u64 = 0x0101_0101_0101_0101;
const ZEROS: u64 = ONES * b'0' as u64;
const HIGH_BITS: u64 = ONES * 0x80;
const LOW_BITS: u64 = ONES * 0x7F;
/// What lifts a byte above 9 to or above 0x80.
const ABOVE_NINE: u64 = ONES * 0x76;

/// Powers of ten that fit 64 bits.
#[allow(clippy::indexing_slicing, reason = "computed when compiling")]
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// Powers of ten that fit a signed 128-bit number.
#[allow(clippy::indexing_slicing, reason = "computed when compiling")]
const WIDE_POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// 10^`exponent` where it fits 64 bits.
#[inline]
pub(crate) fn power(exponent: usize) -> Option<u64> {
    POWERS.get(exponent).copied()
}

/// 10^`exponent` where 64 bits, signed, hold it times every number of [`SHORT_MAX`] digits.
#[inline]
pub(crate) fn short_power(exponent: usize) -> Option<u64> {
    POWERS.first_chunk::<11>()?.get(exponent).copied()
}

/// 10^`exponent` up to 10^38.
#[inline]
pub(crate) fn wide_power(exponent: usize) -> Option<u128> {
    WIDE_POWERS.get(exponent).copied()
}

/// The digits of a number without its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits {
    pub(crate) value: u64,
    /// How many of them stood behind the point.
    pub(crate) behind_point: usize,
}

/// Reads nothing but digits, at least one, that fit 64 bits.
#[inline]
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    match text.len() {
        0 => None,
        1..=8 => eight(load(text), text.len()),
        9..=16 => {
            let [low, high] = load_sixteen(text)?;
            let digits = (wide(low, high) ^ wide(ZEROS, ZEROS)) << ((16 - text.len()) * 8);
            Some(aligned(low_half(digits))? * 100_000_000 + aligned(low_half(digits >> 64))?)
        }
        _ => long_whole(text),
    }
}

fn long_whole(text: &[u8]) -> Option<u64> {
    text.chunks(8).try_fold(0_u64, |value, chunk| {
        value.checked_mul(power(chunk.len())?)?.checked_add(eight(load(chunk), chunk.len())?)
    })
}

/// Reads at least one digit and at most one `point` before, between or behind them. `None` also for more than 16 bytes.
#[inline]
pub(crate) fn with_point(text: &[u8], point: u8) -> Option<Digits> {
    if text.len() <= SHORT_MAX { short_with_point(text, point) } else { long_with_point(text, point) }
}

// Numbers with and without a point go the same way, because a branch that data decides is mispredicted.
#[inline]
pub(crate) fn short_with_point(text: &[u8], point: u8) -> Option<Digits> {
    let bytes = load(text);
    let points = equal_bytes(bytes, point);
    let count = text.len() - usize::from(points != 0);
    if count == 0 {
        return None;
    }
    // The bytes behind the point move up by one, over it. A second point is left, and is no digit. Without a point `before` is all ones.
    let before = ((points & points.wrapping_neg()).wrapping_sub(1).cast_signed() >> 7).cast_unsigned();
    let digits = (bytes & before) | ((bytes >> 8) & !before);
    let value = aligned((digits ^ ZEROS) << ((8 - count) * 8))?;
    Some(Digits { value, behind_point: count.saturating_sub(points.trailing_zeros() as usize / 8) })
}

#[inline]
fn long_with_point(text: &[u8], point: u8) -> Option<Digits> {
    let [low, high] = load_sixteen(text)?;
    let bytes = wide(low, high);
    let points = wide(equal_bytes(low, point), equal_bytes(high, point));
    let count = text.len() - usize::from(points != 0);
    let before = ((points & points.wrapping_neg()).wrapping_sub(1).cast_signed() >> 7).cast_unsigned();
    let digits = (bytes & before) | ((bytes >> 8) & !before);
    let digits = (digits ^ wide(ZEROS, ZEROS)) << ((16 - count) * 8);
    let value = aligned(low_half(digits))? * 100_000_000 + aligned(low_half(digits >> 64))?;
    Some(Digits { value, behind_point: count.saturating_sub(points.trailing_zeros() as usize / 8) })
}

#[inline]
fn wide(low: u64, high: u64) -> u128 {
    u128::from(low) | (u128::from(high) << 64)
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low_half(bytes: u128) -> u64 {
    bytes as u64
}

/// The highest bit of every byte that equals `wanted`, which is not 0; exact for each byte.
#[inline]
fn equal_bytes(bytes: u64, wanted: u8) -> u64 {
    let differing = bytes ^ (ONES * u64::from(wanted));
    !(((differing & LOW_BITS) + LOW_BITS) | differing | LOW_BITS)
}

/// The bytes of a text of at most eight, the first one lowest, zeros where there are none.
#[inline]
fn load(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // The two halves overlap below eight bytes, in bytes that are the same.
        let places = text.len().saturating_sub(4).min(4) * 8;
        return u64::from(u32::from_le_bytes(*first)) | (u64::from(u32::from_le_bytes(*last)) << places);
    }
    // One to three bytes are the first, the middle and the last one, whatever their number: no branch to be mispredicted.
    let (Some(&first), Some(&middle), Some(&last)) = (text.first(), text.get(text.len() / 2), text.last()) else {
        return 0;
    };
    u64::from(first) | (u64::from(middle) << (text.len() / 2 * 8)) | (u64::from(last) << (text.len() * 8 - 8))
}

/// The bytes of a text of 8 to 16, likewise.
#[inline]
fn load_sixteen(text: &[u8]) -> Option<[u64; 2]> {
    let (first, last) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
    let places = 128_usize.checked_sub(text.len() * 8)?;
    Some([u64::from_le_bytes(*first), u64::from_le_bytes(*last).checked_shr(u32::try_from(places).ok()?).unwrap_or(0)])
}

/// The number that the first `count` (1 to 8) bytes write, the first one lowest; `None` unless all are digits.
#[inline]
fn eight(bytes: u64, count: usize) -> Option<u64> {
    aligned((bytes ^ ZEROS) << ((8 - count) * 8))
}

/// The number that eight digits' values make, the last one in the highest byte, with zeros for those missing before.
#[inline]
fn aligned(digits: u64) -> Option<u64> {
    if (digits.wrapping_add(ABOVE_NINE) | digits) & HIGH_BITS != 0 {
        return None;
    }
    // Neighbours are added up: digits to pairs, pairs to fours and fours to eight in the same two multiplications.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(1_000_000 * (1 << 32) + 100);
    let low = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(10_000 * (1 << 32) + 1);
    Some(high.wrapping_add(low) >> 32)
}
