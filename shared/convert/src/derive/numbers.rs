//! Arithmetic on numbers: exact in 128 bits, or in binary64. Whatever overflows or has no result is told.
//! It does not know nulls.

use lakegate_contract::{Arithmetic, NumberFunction};

use super::cells::{Cells, Numbers};
use super::vector::Rows;

/// Digits of the largest power of ten in 128 bits.
const MAX_POWER: u8 = 38;

/// Exact numbers and their scale.
pub(super) type Exact<'a> = (&'a Numbers, u8);

/// Exact arithmetic; the scale of the result is what the contract's parser has said.
pub(super) fn exact(operator: Arithmetic, left: Exact<'_>, right: Exact<'_>) -> (Numbers, u8, Rows) {
    let ((left, left_scale), (right, right_scale)) = (left, right);
    let scale = left_scale.max(right_scale);
    let (numbers, failed) = match operator {
        Arithmetic::Multiply => {
            let (numbers, failed) = left.try_zip(right, i64::checked_mul, i128::checked_mul);
            return (numbers, left_scale + right_scale, failed);
        }
        Arithmetic::DivideWhole => left.try_zip(right, i64::checked_div, i128::checked_div),
        Arithmetic::Divide => {
            let shift = scale - left_scale + right_scale;
            let narrow = |a: i64, b: i64| i64::try_from(divide(a.into(), b.into(), shift)?).ok();
            left.try_zip(right, narrow, |a, b| divide(a, b, shift))
        }
        Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Remainder => {
            let (left_by, right_by) = (power_of_ten(scale - left_scale), power_of_ten(scale - right_scale));
            let (Some(left_by), Some(right_by)) = (left_by, right_by) else { return unscalable(left, scale) };
            return aligned(operator, (left, left_by), (right, right_by), scale);
        }
    };
    (numbers, scale, failed)
}

/// Scales are at most 38, and so is their difference: this does not happen.
fn unscalable(left: &Numbers, scale: u8) -> (Numbers, u8, Rows) {
    let (numbers, failed) = left.try_map(|_| None);
    (numbers, scale, failed)
}

fn aligned(
    operator: Arithmetic,
    (left, left_by): (&Numbers, i128),
    (right, right_by): (&Numbers, i128),
    scale: u8,
) -> (Numbers, u8, Rows) {
    let pair = |a: i128, b: i128| Some((a.checked_mul(left_by)?, b.checked_mul(right_by)?));
    let wide = |a: i128, b: i128| pair(a, b).and_then(|(a, b)| combine(operator, a, b));
    let is_same_scale = left_by == 1 && right_by == 1;
    let (numbers, failed) = match operator {
        Arithmetic::Add if is_same_scale => left.try_zip(right, i64::checked_add, wide),
        Arithmetic::Subtract if is_same_scale => left.try_zip(right, i64::checked_sub, wide),
        Arithmetic::Add
        | Arithmetic::Subtract
        | Arithmetic::Remainder
        | Arithmetic::Multiply
        | Arithmetic::Divide
        | Arithmetic::DivideWhole => left.try_zip(right, |a, b| i64::try_from(wide(a.into(), b.into())?).ok(), wide),
    };
    (numbers, scale, failed)
}

fn combine(operator: Arithmetic, a: i128, b: i128) -> Option<i128> {
    match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        // The smallest number by -1 leaves 0, though the division itself overflows.
        Arithmetic::Remainder => (b != 0).then(|| a.wrapping_rem(b)),
        Arithmetic::Multiply | Arithmetic::Divide | Arithmetic::DivideWhole => None,
    }
}

/// `a` times 10^`shift` by `b`, rounded half away from zero.
fn divide(a: i128, b: i128, shift: u8) -> Option<i128> {
    if b == 0 {
        return None;
    }
    let divisor = b.unsigned_abs();
    let shifted = power_of_ten(shift).and_then(|power| a.unsigned_abs().checked_mul(power.unsigned_abs()));
    let (mut quotient, rest) = if let Some(shifted) = shifted {
        (shifted / divisor, shifted % divisor)
    } else {
        // Digit by digit, as on paper.
        let (mut quotient, mut rest) = (a.unsigned_abs() / divisor, a.unsigned_abs() % divisor);
        for _ in 0..shift {
            let tenfold = rest.checked_mul(10)?;
            quotient = quotient.checked_mul(10)?.checked_add(tenfold / divisor)?;
            rest = tenfold % divisor;
        }
        (quotient, rest)
    };
    if rest >= divisor - rest {
        quotient = quotient.checked_add(1)?;
    }
    let quotient = i128::try_from(quotient).ok()?;
    Some(if (a < 0) == (b < 0) { quotient } else { -quotient })
}

/// Arithmetic in binary64; what is not finite is told.
pub(super) fn doubles(operator: Arithmetic, left: &Cells<f64>, right: &Cells<f64>) -> (Cells<f64>, Rows) {
    let compute = match operator {
        Arithmetic::Add => |a: f64, b: f64| a + b,
        Arithmetic::Subtract => |a: f64, b: f64| a - b,
        Arithmetic::Multiply => |a: f64, b: f64| a * b,
        Arithmetic::Divide | Arithmetic::DivideWhole => |a: f64, b: f64| a / b,
        Arithmetic::Remainder => |a: f64, b: f64| a % b,
    };
    left.try_zip(right, |a, b| Some(compute(a, b)).filter(|value| value.is_finite()))
}

/// The nearest double of each number.
pub(super) fn to_doubles(numbers: &Numbers, scale: u8) -> Cells<f64> {
    match numbers {
        Numbers::Narrow(cells) => cells.map(|value| to_double(value.into(), scale)),
        Numbers::Wide(cells) => cells.map(|value| to_double(value, scale)),
    }
}

fn to_double(value: i128, scale: u8) -> f64 {
    /// Powers of ten up to this one are doubles, and numbers up to 2^53 are: the quotient is rounded once.
    const EXACT_POWER: u8 = 22;
    if scale == 0 {
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is asked for")]
        return value as f64;
    }
    if scale <= EXACT_POWER && value.unsigned_abs() < 1 << 53 {
        #[expect(clippy::cast_precision_loss, reason = "both are exact, see above")]
        return value as f64 / 10_u128.pow(u32::from(scale)) as f64;
    }
    // The standard library reads a text to the nearest double.
    format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The double as an exact number, by its shortest decimal text, rounded half away from zero.
pub(super) fn from_double(value: f64, scale: u8) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() || value.abs() >= 1e38 {
        return None;
    }
    if value.abs() >= EXACT {
        // No double as large has a fraction.
        #[expect(clippy::cast_possible_truncation, reason = "it is below 10^38")]
        return (value as i128).checked_mul(power_of_ten(scale)?);
    }
    let text = value.to_string();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut number: i128 = whole.parse().ok()?;
    let mut fraction = fraction.bytes().map(|digit| i128::from(digit.wrapping_sub(b'0')));
    for _ in 0..scale {
        number = number.checked_mul(10)?.checked_add(fraction.next().unwrap_or(0))?;
    }
    if fraction.next().is_some_and(|digit| digit >= 5) {
        number = number.checked_add(1)?;
    }
    Some(if negative { -number } else { number })
}

/// A number of each exact number, and its scale.
pub(super) fn function(function: NumberFunction, (numbers, scale): Exact<'_>) -> (Numbers, u8, Rows) {
    let unit = power_of_ten(scale).unwrap_or(i128::MAX);
    let (computed, result_scale) = match function {
        NumberFunction::Abs => (numbers.try_map(i128::checked_abs), scale),
        NumberFunction::Sign => (numbers.try_map(|value| Some(value.signum())), 0),
        NumberFunction::Floor => (numbers.try_map(|value| Some(value.div_euclid(unit))), 0),
        NumberFunction::Ceiling => {
            let ceiling = |value: i128| Some(value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0));
            (numbers.try_map(ceiling), 0)
        }
        NumberFunction::RoundWhole => (rescale_all(numbers, scale, 0), 0),
        NumberFunction::Round(digits) => (numbers.try_map(|value| round(value, scale, digits)), scale),
    };
    let (numbers, failed) = computed;
    (numbers, result_scale, failed)
}

/// The number rounded to so many digits behind the point, half away from zero, in the same units.
fn round(value: i128, scale: u8, digits: i8) -> Option<i128> {
    let dropped = i16::from(scale) - i16::from(digits);
    let Ok(dropped) = u8::try_from(dropped) else { return Some(value) };
    // Half of 10^39 is above all numbers of 128 bits.
    let Some(unit) = power_of_ten(dropped) else { return Some(0) };
    rescale(value, dropped, 0)?.checked_mul(unit)
}

/// The same of doubles; what is not finite is told.
pub(super) fn double_function(function: NumberFunction, cells: &Cells<f64>) -> (Cells<f64>, Rows) {
    match function {
        NumberFunction::Abs => (cells.map(f64::abs), None),
        // Of zero `f64::signum` is 1.
        NumberFunction::Sign => (cells.map(|value| if value == 0.0 { 0.0 } else { value.signum() }), None),
        NumberFunction::Floor => (cells.map(f64::floor), None),
        NumberFunction::Ceiling => (cells.map(f64::ceil), None),
        NumberFunction::RoundWhole => (cells.map(f64::round), None),
        NumberFunction::Round(digits) => cells.try_map(|value| round_double(value, digits)),
    }
}

fn round_double(value: f64, digits: i8) -> Option<f64> {
    let rounded = if let Ok(scale) = u8::try_from(digits) {
        // A number with more digits than can be held exactly has none so far behind the point.
        let Some(exact) = from_double(value, scale) else { return Some(value) };
        to_double(exact, scale)
    } else {
        let Some(whole) = from_double(value, 0) else { return Some(value) };
        to_double(round(whole, 0, digits)?, 0)
    };
    rounded.is_finite().then_some(rounded)
}

pub(super) fn rescale_all(numbers: &Numbers, from: u8, to: u8) -> (Numbers, Rows) {
    if from == to { (numbers.clone(), None) } else { numbers.try_map(|value| rescale(value, from, to)) }
}

/// The number in units of 10^-`to` instead of 10^-`from`, rounded half away from zero.
pub(super) fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return value.checked_mul(power_of_ten(to - from)?);
    }
    let unit = power_of_ten(from - to)?;
    let (quotient, rest) = (value / unit, value % unit);
    // unit is at most 10^38, so that twice the rest may overflow and half the unit is exact.
    Some(if rest.unsigned_abs() >= unit.unsigned_abs() / 2 { quotient + value.signum() } else { quotient })
}

pub(super) fn power_of_ten(exponent: u8) -> Option<i128> {
    if exponent > MAX_POWER { None } else { 10_i128.checked_pow(u32::from(exponent)) }
}

#[cfg(test)]
mod tests {
    use super::{divide, from_double, rescale, round, round_double, to_double};

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (value, from, to, rescaled) in [
            (125, 2, 1, 13),
            (-125, 2, 1, -13),
            (124, 2, 1, 12),
            (5, 1, 0, 1),
            (4, 1, 0, 0),
            (7, 0, 2, 700),
            (0, 38, 0, 0),
        ] {
            assert_eq!(rescale(value, from, to), Some(rescaled), "{value} from {from} to {to}");
        }
        assert_eq!(rescale(i128::MAX, 0, 1), None);
        assert_eq!(round(-1250, 2, 1), Some(-1250));
        assert_eq!(round(-1255, 2, 1), Some(-1260));
        assert_eq!(round(1255, 2, -1), Some(1000));
        assert_eq!(round(1500, 2, -1), Some(2000));
        assert_eq!(round(i128::MAX, 1, -38), Some(0));
        assert_eq!(round(i128::MAX, 0, -38), None, "2 * 10^38 does not fit 128 bits");
    }

    #[test]
    fn division_is_rounded_half_away_from_zero_and_exact_up_to_38_digits() {
        assert_eq!(divide(1, 3, 2), Some(33));
        assert_eq!(divide(2, 3, 0), Some(1));
        assert_eq!(divide(-1, 2, 0), Some(-1));
        assert_eq!(divide(1, -8, 2), Some(-13));
        assert_eq!(divide(1, 0, 2), None);
        let wide = 10_i128.pow(37) * 9;
        assert_eq!(divide(wide, wide, 20), Some(10_i128.pow(20)), "the dividend overflows when it is shifted");
        assert_eq!(divide(10_i128.pow(20) + 1, 3, 18), Some(33_333_333_333_333_333_333_666_666_666_666_666_667));
        assert_eq!(divide(1, 10_i128.pow(20), 40), Some(10_i128.pow(20)));
        assert_eq!(divide(i128::MIN, -1, 0), None);
        assert_eq!(divide(i128::MIN, 1, 0), None, "its positive twin does not fit");
    }

    #[test]
    fn doubles_and_exact_numbers_are_the_nearest_of_each_other() {
        for (value, scale, double) in [
            (1, 1, 0.1_f64),
            (-315, 2, -3.15),
            (123_456_789_012_345_678_901_234_567_890, 10, 12_345_678_901_234_567_890.123_456_789),
            (9_007_199_254_740_993, 3, 9_007_199_254_740.993),
            (1, 38, 1e-38),
        ] {
            assert_eq!(to_double(value, scale).to_bits(), double.to_bits(), "{value} {scale}");
        }
        for (double, scale, value) in [
            (2.675, 2, Some(268)),
            (-2.675, 2, Some(-268)),
            (0.1, 38, Some(10_i128.pow(37))),
            (1e300, 0, None),
            (1e37, 2, None),
            (1e15, 0, Some(1_000_000_000_000_000)),
            (4_611_686_018_427_387_904.0, 0, Some(4_611_686_018_427_387_904)),
            (0.499_999_999_999_999_94, 0, Some(0)),
            (1e-300, 2, Some(0)),
        ] {
            assert_eq!(from_double(double, scale), value, "{double} {scale}");
        }
        assert_eq!(round_double(2.675, 2), Some(2.68));
        assert_eq!(round_double(1e300, 2), Some(1e300));
        assert_eq!(round_double(155.0, -1), Some(160.0));
    }
}
