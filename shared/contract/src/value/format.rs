//! How numbers are written in a file: their separators, and whether whole numbers have fractions.
//! It knows texts only; what a number may be is the reader's.

use super::{any_double, decimal_with_point, parse_decimal, parse_double, parse_integer, short_double, split_sign};

/// A longer text is rewritten in memory of its own.
const SHORT_TEXT_MAX: usize = 64;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberFormat {
    /// What stands before the fraction: `.` or `,`.
    pub decimal_separator: u8,
    /// What may stand between groups of three digits.
    pub thousands_separator: Option<u8>,
    /// Whether a whole number may have a fraction of zeros: `17850.0`.
    pub integral_fractions: bool,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { decimal_separator: b'.', thousands_separator: None, integral_fractions: false }
    }
}

/// Where a thousands separator stands at all, it stands before every group of three digits of the whole part (`1,234,567.5`), never
/// behind the decimal separator. A point that is no separator is no number.
impl NumberFormat {
    /// Reads a whole number as [`parse_integer`] does; with [`Self::integral_fractions`] also `17850.0` and `17850.`.
    #[inline]
    #[must_use]
    pub fn integer(&self, text: &[u8]) -> Option<i64> {
        let value = parse_integer(text);
        if value.is_some() || (self.thousands_separator.is_none() && !self.integral_fractions) {
            return value;
        }
        self.read_plain(text, |plain| {
            if self.integral_fractions {
                i64::try_from(parse_decimal(plain, 19, 0)?).ok()
            } else {
                parse_integer(plain)
            }
        })
    }

    /// Reads an exact number in units of 10^-`scale` as [`parse_decimal`] does.
    #[inline]
    #[must_use]
    pub fn decimal(&self, text: &[u8], precision: u8, scale: u8) -> Option<i128> {
        let value = decimal_with_point(text, self.decimal_separator, precision, scale);
        if value.is_some() || self.thousands_separator.is_none() {
            return value;
        }
        self.read_plain(text, |plain| parse_decimal(plain, precision, scale))
    }

    /// Reads a floating point number as [`parse_double`] does.
    #[inline]
    #[must_use]
    pub fn double(&self, text: &[u8]) -> Option<f64> {
        if let Some(value) = short_double(text, self.decimal_separator) {
            return Some(value);
        }
        if self.decimal_separator == b'.' && self.thousands_separator.is_none() {
            return any_double(text);
        }
        self.read_plain(text, parse_double)
    }

    /// Calls `read` with the text as it would be written with a point and without groups.
    fn read_plain<T>(self, text: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut short = [0; SHORT_TEXT_MAX];
        let mut long = Vec::new();
        let plain = if let Some(room) = short.get_mut(..text.len()) {
            room
        } else {
            long.resize(text.len(), 0);
            long.as_mut_slice()
        };
        let len = self.write_plain(text, plain)?;
        read(plain.get(..len)?)
    }

    /// Writes into `plain`, which is as long as the text, and says how much of it.
    fn write_plain(self, text: &[u8], plain: &mut [u8]) -> Option<usize> {
        let (_, unsigned) = split_sign(text);
        let ends_whole = |&byte: &u8| byte == self.decimal_separator || matches!(byte, b'e' | b'E');
        let whole_len = unsigned.iter().position(ends_whole).unwrap_or(unsigned.len());
        let (whole, behind) = unsigned.split_at_checked(whole_len)?;
        if !self.is_well_grouped(whole) {
            return None;
        }
        let sign = text.get(..text.len() - unsigned.len())?;
        let whole = sign.iter().chain(whole).copied().filter(|&byte| Some(byte) != self.thousands_separator);
        let mut len = 0;
        for byte in whole.map(Some).chain(behind.iter().map(|&byte| self.plain_behind(byte))) {
            *plain.get_mut(len)? = byte?;
            len += 1;
        }
        Some(len)
    }

    /// A byte behind the whole part; a second decimal separator becomes a second point, which no reader takes.
    fn plain_behind(self, byte: u8) -> Option<u8> {
        if byte == self.decimal_separator { Some(b'.') } else { (byte != b'.').then_some(byte) }
    }

    /// Whether a number's whole part has no groups, or only whole ones. Whether it has digits is the reader's to see.
    fn is_well_grouped(self, whole: &[u8]) -> bool {
        let Some(separator) = self.thousands_separator else { return !whole.contains(&b'.') };
        let mut groups = whole.split(|&byte| byte == separator);
        let first = groups.next().unwrap_or_default();
        let mut is_grouped = false;
        for group in groups {
            if group.len() != 3 {
                return false;
            }
            is_grouped = true;
        }
        !whole.iter().any(|&byte| byte == b'.' && separator != b'.') && (!is_grouped || (1..=3).contains(&first.len()))
    }
}
