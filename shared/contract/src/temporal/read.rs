//! A text to fields, piece by piece, for whatever has no fixed place.
//! It takes what is written; whether there is such a day or time is not known here.

use super::fields::{Fields, Place};
use super::layout::Layout;
use super::{Field, Piece, zone};
use crate::value::digits;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Offsets reach 18 hours, as in the JDK.
const OFFSET_MINUTES_MAX: u32 = 18 * 60;

/// Reads all of a text by a layout, if there is one, and pieces behind, none of which is optional. `None`: it does not fit.
pub(super) fn whole(layout: Option<&Layout>, pieces: &[Piece], text: &[u8], fields: &mut Fields) -> Option<()> {
    let mut rest = text;
    if let Some(layout) = layout {
        rest = layout.read(text, fields)?;
    }
    for piece in pieces {
        rest = read(piece, rest, fields)?;
    }
    rest.is_empty().then_some(())
}

#[inline]
fn read<'t>(piece: &Piece, text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
    match piece {
        Piece::Literal(byte) => text.split_first().filter(|(first, _)| *first == byte).map(|(_, rest)| rest),
        Piece::DateTimeSeparator => match text {
            [b'T' | b't' | b' ', rest @ ..] => Some(rest),
            _ => None,
        },
        Piece::Number { field, min, max } => {
            let (value, rest) = number(text, *min, *max)?;
            fields.set(*field, value)?;
            Some(rest)
        }
        Piece::Fraction { min, max } => {
            let (micros, rest) = fraction(text, *min, *max)?;
            fields.set_micros(micros)?;
            Some(rest)
        }
        Piece::MonthName { short } => {
            let (index, rest) = name(text, &MONTHS, *short)?;
            fields.set(Field::Month, index + 1)?;
            Some(rest)
        }
        Piece::DayName { short } => {
            let (index, rest) = name(text, &DAYS, *short)?;
            fields.set_weekday(index)?;
            Some(rest)
        }
        Piece::AmPm => half_day(text, fields),
        Piece::Offset => {
            let (seconds, rest) = offset(text)?;
            fields.place = Place::Offset(seconds);
            Some(rest)
        }
        Piece::ZoneId => zone_id(text, fields),
        // There is none among the pieces of an alternative.
        Piece::Optional(_) => None,
    }
}

#[inline]
fn number(text: &[u8], min: usize, max: usize) -> Option<(u32, &[u8])> {
    let mut value = 0;
    let mut count = 0;
    for &byte in text.iter().take(max) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u32::from(digit);
        count += 1;
    }
    if count < min { None } else { Some((value, text.get(count..)?)) }
}

/// Microseconds, cut, of `min` to `max` digits.
#[inline]
pub(super) fn fraction(text: &[u8], min: usize, max: usize) -> Option<(u32, &[u8])> {
    let digits = text.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < min {
        return None;
    }
    let (written, rest) = text.split_at_checked(digits)?;
    let kept = written.get(..6).unwrap_or(written);
    let micros = digits::whole(kept)? * digits::power(6 - kept.len())?;
    Some((u32::try_from(micros).ok()?, rest))
}

fn name<'t>(text: &'t [u8], names: &[&str], short: bool) -> Option<(u32, &'t [u8])> {
    for (index, name) in (0..).zip(names) {
        let name = if short { name.get(..3)? } else { name };
        if let Some((head, rest)) = text.split_at_checked(name.len())
            && head.eq_ignore_ascii_case(name.as_bytes())
        {
            return Some((index, rest));
        }
    }
    None
}

fn half_day<'t>(text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
    let (&[first, second], rest) = text.split_first_chunk()?;
    fields.set_afternoon(match [first.to_ascii_lowercase(), second.to_ascii_lowercase()] {
        [b'a', b'm'] => false,
        [b'p', b'm'] => true,
        _ => return None,
    })?;
    Some(rest)
}

/// Seconds east of UTC.
pub(super) fn offset(text: &[u8]) -> Option<(i32, &[u8])> {
    let (sign, rest) = match text {
        [b'Z' | b'z', rest @ ..] => return Some((0, rest)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2, 2)?;
    let rest_of_minutes = if let [b':', tail @ ..] = rest { tail } else { rest };
    let (minutes, rest) = number(rest_of_minutes, 2, 2).unwrap_or((0, rest));
    if minutes > 59 || hours * 60 + minutes > OFFSET_MINUTES_MAX {
        return None;
    }
    Some((sign * ((hours * 60 + minutes) * 60).cast_signed(), rest))
}

fn zone_id<'t>(text: &'t [u8], fields: &mut Fields) -> Option<&'t [u8]> {
    if let [b'+' | b'-', ..] = text {
        let (seconds, rest) = offset(text)?;
        fields.place = Place::Offset(seconds);
        return Some(rest);
    }
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    let len = text.iter().take_while(|byte| is_of_name(byte)).count();
    let (name, rest) = text.split_at_checked(len)?;
    let name = if name == b"Z" { "UTC" } else { std::str::from_utf8(name).ok()? };
    fields.set_zone(zone::find(name)?);
    Some(rest)
}
