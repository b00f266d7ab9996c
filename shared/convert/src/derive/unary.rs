//! Steps of one operand: signs and rounding of numbers, parts of dates.
//! They do not know nulls.

use arrow::error::ArrowError;
use lakegate_contract::{DatePart, DateUnit, NumberFunction};

use super::cells::Numbers;
use super::vector::{Data, Rows};
use super::{dates, mistyped, numbers};

/// The numbers with their signs turned.
pub(super) fn negate(data: &Data) -> Result<(Data, Rows), ArrowError> {
    match data {
        Data::Exact(numbers, scale) => {
            let (numbers, failed) = numbers.try_map(i128::checked_neg);
            Ok((Data::Exact(numbers, *scale), failed))
        }
        Data::Double(cells) => Ok((Data::Double(cells.map(|value| -value)), None)),
        Data::Boolean(_) | Data::Text(_) | Data::Date(_) | Data::Timestamp(_) | Data::Opaque => Err(mistyped()),
    }
}

pub(super) fn numeric(function: NumberFunction, data: &Data) -> Result<(Data, Rows), ArrowError> {
    match data {
        Data::Exact(numbers, scale) => {
            let (numbers, scale, failed) = numbers::function(function, (numbers, *scale));
            Ok((Data::Exact(numbers, scale), failed))
        }
        Data::Double(cells) => {
            let (cells, failed) = numbers::double_function(function, cells);
            Ok((Data::Double(cells), failed))
        }
        Data::Boolean(_) | Data::Text(_) | Data::Date(_) | Data::Timestamp(_) | Data::Opaque => Err(mistyped()),
    }
}

pub(super) fn date_part(part: DatePart, data: &Data) -> Result<(Data, Rows), ArrowError> {
    let cells = match data {
        Data::Date(cells) => cells.map(|days| dates::part_of_day(part, days.into())),
        Data::Timestamp(cells) => cells.map(|micros| dates::part_of_moment(part, micros)),
        Data::Boolean(_) | Data::Exact(..) | Data::Double(_) | Data::Text(_) | Data::Opaque => return Err(mistyped()),
    };
    Ok((Data::Exact(Numbers::Narrow(cells), 0), None))
}

pub(super) fn date_trunc(unit: DateUnit, data: &Data) -> Result<(Data, Rows), ArrowError> {
    match data {
        Data::Date(cells) => {
            let (cells, failed) = cells.try_map(|days| i32::try_from(dates::first_day(unit, days.into())).ok());
            Ok((Data::Date(cells), failed))
        }
        Data::Timestamp(cells) => {
            let (cells, failed) = cells.try_map(|micros| dates::first_moment(unit, micros));
            Ok((Data::Timestamp(cells), failed))
        }
        Data::Boolean(_) | Data::Exact(..) | Data::Double(_) | Data::Text(_) | Data::Opaque => Err(mistyped()),
    }
}
