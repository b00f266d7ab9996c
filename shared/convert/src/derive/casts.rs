//! A value as one of another type; what does not fit is told.
//! It does not know nulls.

use std::fmt::Write;

use arrow::error::ArrowError;
use lakegate_contract::CastTo;
use lakegate_contract::temporal::TemporalPattern;
use lakegate_contract::value::{parse_boolean, parse_decimal, parse_double, parse_integer};

use super::cells::{Numbers, collect};
use super::dates::{Day, MICROS_PER_DAY, MICROS_PER_SECOND, day_of};
use super::mistyped;
use super::numbers::{from_double, power_of_ten, rescale, to_doubles};
use super::vector::{Data, Rows, TextBuilder, Texts};

/// The values as `to`, and the rows whose value does not fit.
pub(super) fn cast(data: &Data, to: CastTo, rows: usize) -> Result<(Data, Rows), ArrowError> {
    Ok(match to {
        CastTo::Integer(width) => {
            let (min, max) = width.range();
            let limits = (i128::from(min), i128::from(max));
            let read = |text: &[u8]| parse_integer(text).map(i128::from);
            let (numbers, failed) = numbers(data, 0, limits, rows, read)?;
            (Data::Exact(numbers, 0), failed)
        }
        CastTo::Decimal { precision, scale } => {
            let max = power_of_ten(precision).map_or(i128::MAX, |power| power - 1);
            let read = |text: &[u8]| parse_decimal(text, precision, scale);
            let (numbers, failed) = numbers(data, scale, (-max, max), rows, read)?;
            (Data::Exact(numbers, scale), failed)
        }
        CastTo::Double => match data {
            Data::Exact(numbers, scale) => (Data::Double(to_doubles(numbers, *scale)), None),
            Data::Double(_) => (data.clone(), None),
            Data::Text(texts) => map(texts.try_map(rows, parse_double), Data::Double),
            Data::Boolean(_) | Data::Date(_) | Data::Timestamp(_) | Data::Opaque => return Err(mistyped()),
        },
        CastTo::Boolean => match data {
            Data::Boolean(_) => (data.clone(), None),
            Data::Text(texts) => {
                let (bits, failed) = texts.try_map(rows, |text| parse_boolean(text).map(i32::from));
                (Data::Boolean(collect(rows, |row| bits.at(row) == 1)), failed)
            }
            Data::Exact(..) | Data::Double(_) | Data::Date(_) | Data::Timestamp(_) | Data::Opaque => {
                return Err(mistyped());
            }
        },
        CastTo::Date | CastTo::Timestamp => moments(data, to, rows)?,
        CastTo::Text => texts(data, rows)?,
    })
}

fn map<T>((cells, failed): (T, Rows), data: impl Fn(T) -> Data) -> (Data, Rows) {
    (data(cells), failed)
}

fn numbers(
    data: &Data,
    to_scale: u8,
    (min, max): (i128, i128),
    rows: usize,
    read: impl Fn(&[u8]) -> Option<i128>,
) -> Result<(Numbers, Rows), ArrowError> {
    let fits = |value: &i128| (min..=max).contains(value);
    Ok(match data {
        Data::Exact(Numbers::Narrow(cells), scale) if *scale == to_scale => {
            // Numbers of 64 bits are compared as such, which is most of what there is to do.
            let limit = |limit: i128| i64::try_from(limit).unwrap_or(if limit < 0 { i64::MIN } else { i64::MAX });
            let (min, max) = (limit(min), limit(max));
            let (cells, failed) = cells.try_map(|value| (min..=max).contains(&value).then_some(value));
            (Numbers::Narrow(cells), failed)
        }
        Data::Exact(numbers, scale) => numbers.try_map(|value| rescale(value, *scale, to_scale).filter(fits)),
        Data::Double(cells) => {
            let (cells, failed) = cells.try_map(|value| from_double(value, to_scale).filter(fits));
            (Numbers::Wide(cells), failed)
        }
        Data::Text(texts) => {
            let (cells, failed) = texts.try_map(rows, |text| read(text).filter(fits));
            (Numbers::Wide(cells), failed)
        }
        Data::Boolean(_) | Data::Date(_) | Data::Timestamp(_) | Data::Opaque => return Err(mistyped()),
    })
}

fn moments(data: &Data, to: CastTo, rows: usize) -> Result<(Data, Rows), ArrowError> {
    Ok(match (data, to) {
        (Data::Date(_), CastTo::Date) | (Data::Timestamp(_), CastTo::Timestamp) => (data.clone(), None),
        (Data::Timestamp(cells), CastTo::Date) => {
            map(cells.try_map(|micros| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()), Data::Date)
        }
        (Data::Date(cells), CastTo::Timestamp) => {
            map(cells.try_map(|days| i64::from(days).checked_mul(MICROS_PER_DAY)), Data::Timestamp)
        }
        (Data::Text(texts), CastTo::Date) => {
            let pattern = TemporalPattern::iso_date();
            map(texts.try_map(rows, |text| pattern.parse_date(text)), Data::Date)
        }
        (Data::Text(texts), CastTo::Timestamp) => {
            let pattern = TemporalPattern::iso_timestamp();
            map(texts.try_map(rows, |text| pattern.parse_timestamp(text)), Data::Timestamp)
        }
        _ => return Err(mistyped()),
    })
}

fn texts(data: &Data, rows: usize) -> Result<(Data, Rows), ArrowError> {
    let mut built = TextBuilder::new(rows);
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        // Writing to a String cannot fail.
        let _ = match data {
            Data::Text(_) => return Ok((data.clone(), None)),
            Data::Boolean(bits) => write!(text, "{}", bits.value(row)),
            Data::Exact(Numbers::Narrow(cells), scale) => write_number(&mut text, cells.at(row).into(), *scale),
            Data::Exact(Numbers::Wide(cells), scale) => write_number(&mut text, cells.at(row), *scale),
            Data::Date(cells) => write_day(&mut text, cells.at(row).into()),
            Data::Timestamp(cells) => write_moment(&mut text, cells.at(row)),
            Data::Double(_) | Data::Opaque => return Err(mistyped()),
        };
        built.push_text(&text);
    }
    // A batch without rows has no texts either.
    if rows == 0 {
        return Ok((Data::Text(Texts::Same(String::new())), None));
    }
    Ok(map(built.finish()?, Data::Text))
}

fn write_number(text: &mut String, value: i128, scale: u8) -> std::fmt::Result {
    if scale == 0 {
        return write!(text, "{value}");
    }
    let sign = if value < 0 { "-" } else { "" };
    let unit = 10_u128.pow(u32::from(scale));
    let (whole, fraction) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
    write!(text, "{sign}{whole}.{fraction:0width$}", width = usize::from(scale))
}

fn write_day(text: &mut String, days: i64) -> std::fmt::Result {
    let Day { year, month, of_month } = day_of(days);
    write!(text, "{year:04}-{month:02}-{of_month:02}")
}

fn write_moment(text: &mut String, micros: i64) -> std::fmt::Result {
    write_day(text, micros.div_euclid(MICROS_PER_DAY))?;
    let second = micros.rem_euclid(MICROS_PER_DAY) / MICROS_PER_SECOND;
    write!(text, " {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
    match micros.rem_euclid(MICROS_PER_SECOND) {
        0 => Ok(()),
        fraction => write!(text, ".{fraction:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{write_moment, write_number};

    #[test]
    fn numbers_and_moments_are_written_plainly() {
        let number = |value, scale| {
            let mut text = String::new();
            write_number(&mut text, value, scale).unwrap();
            text
        };
        assert_eq!(number(-5, 2), "-0.05");
        assert_eq!(number(12_345, 2), "123.45");
        assert_eq!(number(-7, 0), "-7");
        assert_eq!(number(i128::MIN, 38), "-1.70141183460469231731687303715884105728");
        let moment = |micros| {
            let mut text = String::new();
            write_moment(&mut text, micros).unwrap();
            text
        };
        assert_eq!(moment(0), "1970-01-01 00:00:00");
        assert_eq!(moment(-1), "1969-12-31 23:59:59.999999");
    }
}
