//! What is said of a text column whose values are of another type but for a few.
//! It does not know values: it tells counts and lines.

use super::column::{Column, Strays};
use super::resolve::grouped;
use super::times::Candidate;

/// Fewer values of a type are no reason for a word.
const ALIKE_MIN: u64 = 5;
/// So many times as many as the strays are most.
const ALIKE_SHARE: u64 = 4;

/// `999 of 1,000 values are whole numbers, 1 is not, or is written otherwise (line 12)`; digits behind a zero are a reason of their own.
pub(super) fn of_numbers(column: &Column) -> Option<String> {
    let noun = if column.numbers.are_plain() { "whole numbers" } else { "numbers" };
    match (column.not_numbers, column.leading_zeros) {
        (None, None) => None,
        (None, Some(zeros)) => Some(format!(
            "{} of {} values have leading zeros, {} line {}: kept as text, as a number would lose them",
            grouped(zeros.values),
            grouped(column.values),
            if zeros.values == 1 { "on" } else { "the first on" },
            grouped(zeros.line)
        )),
        (Some(strays), None) => told(strays, column.values, noun),
        (Some(strays), Some(zeros)) => {
            let first = if strays.line < zeros.line { strays } else { zeros };
            let values = strays.values + zeros.values;
            told(Strays { values, are_many: strays.are_many, ..first }, column.values, noun)
        }
    }
}

/// The same of dates or timestamps. Eight digits are dates only where `is_date` says so.
pub(super) fn of_times(column: &Column, candidates: &[Candidate], is_date: bool) -> Option<String> {
    let strays = column.not_times?;
    let most = column.times.most(candidates);
    let candidate = most.iter().find(|candidate| !candidate.is_compact || is_date)?;
    let kind = if candidate.has_time { "timestamps" } else { "dates" };
    let iso = if candidate.has_time { "ISO 8601" } else { "yyyy-MM-dd" };
    let format = candidate.format.as_deref().unwrap_or(iso);
    // Where several ways are left, none of them is known to be the one.
    let is_clear = most.iter().all(|other| other.order == candidate.order) && !candidate.is_short_year;
    told(strays, column.values, &if is_clear { format!("{kind} written {format}") } else { kind.to_owned() })
}

fn told(strays: Strays, values: u64, noun: &str) -> Option<String> {
    let Strays { values_before, line, values: others, are_many } = strays;
    let line = grouped(line);
    if are_many {
        let before = grouped(values_before);
        return (values_before >= ALIKE_MIN).then(|| {
            format!("the first {before} values are {noun}; from line {line} on many are not, or are written otherwise")
        });
    }
    let alike = values.saturating_sub(others);
    if alike < ALIKE_MIN || alike < others.saturating_mul(ALIKE_SHARE) && values_before < ALIKE_MIN {
        return None;
    }
    let (alike, values) = (grouped(alike), grouped(values));
    Some(if others == 1 {
        format!("{alike} of {values} values are {noun}, 1 is not, or is written otherwise (line {line})")
    } else {
        let others = grouped(others);
        format!(
            "{alike} of {values} values are {noun}, {others} are not, or are written otherwise (the first on line {line})"
        )
    })
}
