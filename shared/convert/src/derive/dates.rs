//! The calendar: days since 1970-01-01 to years, months and weeks and back (proleptic Gregorian, as ISO 8601 and SQL have it).
//! It does not know arrays.

use lakegate_contract::{DatePart, DateUnit};

pub(super) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(super) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// From 0000-03-01, where the count of years of 400 years begins, to 1970-01-01.
const EPOCH: i64 = 719_468;
const DAYS_PER_400_YEARS: i64 = 146_097;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) of_month: i64,
}

/// The calendar's day.
#[inline]
pub(super) fn day_of(days: i64) -> Day {
    match u32::try_from(days + EPOCH) {
        Ok(days) if days < 1 << 28 => usual_day_of(days),
        _ => any_day_of(days),
    }
}

/// The day so many days after 0000-03-01, by 32-bit multiplications instead of divisions (Neri and Schneider, "Euclidean affine functions and
/// their application to calendar algorithms", 2023).
#[inline]
fn usual_day_of(days: u32) -> Day {
    let quarters = 4 * days + 3;
    let (century, rest) = (quarters / 146_097, quarters % 146_097 / 4);
    let product = 2_939_745 * u64::from(4 * rest + 3);
    #[expect(clippy::cast_possible_truncation, reason = "the product's halves are the year and what is left of it")]
    let (year_of_century, left) = ((product >> 32) as u32, product as u32);
    let of_year = left / 2_939_745 / 4;
    let shifted = 2141 * of_year + 197_913;
    let (month, of_month) = (shifted >> 16, (shifted & 0xffff) / 2141 + 1);
    let is_next_year = of_year >= 306;
    Day {
        year: i64::from(100 * century + year_of_century + u32::from(is_next_year)),
        month: i64::from(if is_next_year { month - 12 } else { month }),
        of_month: i64::from(of_month),
    }
}

/// Years are counted from March, so that the leap day is the last of its year.
fn any_day_of(days: i64) -> Day {
    let days = days + EPOCH;
    let era = days.div_euclid(DAYS_PER_400_YEARS);
    let of_era = days.rem_euclid(DAYS_PER_400_YEARS);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Day { year: year_of_era + era * 400 + i64::from(month <= 2), month, of_month: day }
}

/// The days since 1970-01-01.
#[inline]
pub(super) fn days_of(Day { year, month, of_month }: Day) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted_month + 2) / 5 + of_month - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * DAYS_PER_400_YEARS + of_era - EPOCH
}

/// A number of the day.
#[inline]
pub(super) fn part_of_day(part: DatePart, days: i64) -> i64 {
    match part {
        DatePart::Year => day_of(days).year,
        DatePart::Quarter => (day_of(days).month + 2) / 3,
        DatePart::Month => day_of(days).month,
        DatePart::Day => day_of(days).of_month,
        DatePart::Week => {
            // The week belongs to the year of its Thursday.
            let thursday = days - days_after_monday(days) + 3;
            day_of_year(thursday) / 7 + 1
        }
        DatePart::DayOfWeek => days_after_monday(days) + 1,
        DatePart::DayOfYear => day_of_year(days) + 1,
        // A day has none; the contract's parser asks for none.
        DatePart::Hour | DatePart::Minute | DatePart::Second => 0,
    }
}

/// A number of the moment.
#[inline]
pub(super) fn part_of_moment(part: DatePart, micros: i64) -> i64 {
    let second = micros.div_euclid(MICROS_PER_SECOND);
    match part {
        DatePart::Hour => second.rem_euclid(86_400) / 3600,
        DatePart::Minute => second.rem_euclid(3600) / 60,
        DatePart::Second => second.rem_euclid(60),
        DatePart::Year
        | DatePart::Quarter
        | DatePart::Month
        | DatePart::Week
        | DatePart::Day
        | DatePart::DayOfWeek
        | DatePart::DayOfYear => part_of_day(part, micros.div_euclid(MICROS_PER_DAY)),
    }
}

/// The first day of the unit in which the day lies.
pub(super) fn first_day(unit: DateUnit, days: i64) -> i64 {
    let Day { year, month, .. } = day_of(days);
    match unit {
        DateUnit::Year => days_of(Day { year, month: 1, of_month: 1 }),
        DateUnit::Quarter => days_of(Day { year, month: (month - 1) / 3 * 3 + 1, of_month: 1 }),
        DateUnit::Month => days_of(Day { year, month, of_month: 1 }),
        DateUnit::Week => days - days_after_monday(days),
        DateUnit::Day | DateUnit::Hour | DateUnit::Minute | DateUnit::Second => days,
    }
}

/// The first moment of the unit in which the moment lies; `None` if that is too long ago.
pub(super) fn first_moment(unit: DateUnit, micros: i64) -> Option<i64> {
    let seconds = match unit {
        DateUnit::Hour => 3600,
        DateUnit::Minute => 60,
        DateUnit::Second => 1,
        DateUnit::Year | DateUnit::Quarter | DateUnit::Month | DateUnit::Week | DateUnit::Day => {
            return first_day(unit, micros.div_euclid(MICROS_PER_DAY)).checked_mul(MICROS_PER_DAY);
        }
    };
    micros.checked_sub(micros.rem_euclid(seconds * MICROS_PER_SECOND))
}

/// 1970-01-01 was a Thursday.
#[inline]
fn days_after_monday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// From 0.
fn day_of_year(days: i64) -> i64 {
    days - days_of(Day { year: day_of(days).year, month: 1, of_month: 1 })
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate, Timelike};
    use lakegate_contract::{DatePart, DateUnit};
    use proptest::prelude::*;

    use super::{Day, day_of, days_of, first_day, first_moment, part_of_day, part_of_moment};

    fn naive(days: i64) -> NaiveDate {
        chrono::DateTime::from_timestamp(days * 86_400, 0).unwrap().date_naive()
    }

    proptest! {
        #[test]
        fn days_are_those_of_another_calendar(days in -3_000_000_i64..3_000_000) {
            let date = naive(days);
            let day = day_of(days);
            prop_assert_eq!(day, Day { year: date.year().into(), month: date.month().into(), of_month: date.day().into() });
            prop_assert_eq!(days_of(day), days);
            for (part, expected) in [
                (DatePart::Week, date.iso_week().week()),
                (DatePart::DayOfWeek, date.weekday().number_from_monday()),
                (DatePart::DayOfYear, date.ordinal()),
                (DatePart::Quarter, date.month0() / 3 + 1),
            ] {
                prop_assert_eq!(part_of_day(part, days), i64::from(expected), "{:?} of {}", part, date);
            }
            prop_assert_eq!(naive(first_day(DateUnit::Month, days)), date.with_day(1).unwrap());
            prop_assert_eq!(naive(first_day(DateUnit::Year, days)), date.with_ordinal(1).unwrap());
            prop_assert_eq!(naive(first_day(DateUnit::Quarter, days)), date.with_day(1).unwrap().with_month0(date.month0() / 3 * 3).unwrap());
            prop_assert_eq!(naive(first_day(DateUnit::Week, days)), date.week(chrono::Weekday::Mon).first_day());
        }

        #[test]
        fn moments_are_those_of_another_calendar(micros in -200_000_000_000_000_000_i64..200_000_000_000_000_000) {
            let moment = chrono::DateTime::from_timestamp_micros(micros).unwrap().naive_utc();
            for (part, expected) in [
                (DatePart::Hour, moment.hour()),
                (DatePart::Minute, moment.minute()),
                (DatePart::Second, moment.second()),
                (DatePart::Day, moment.day()),
            ] {
                prop_assert_eq!(part_of_moment(part, micros), i64::from(expected));
            }
            let hour = moment.with_minute(0).unwrap().with_second(0).unwrap().with_nanosecond(0).unwrap();
            prop_assert_eq!(first_moment(DateUnit::Hour, micros), Some(hour.and_utc().timestamp_micros()));
        }

        #[test]
        fn no_number_of_days_or_micros_makes_it_panic(days: i32, micros: i64) {
            for part in [DatePart::Year, DatePart::Week, DatePart::DayOfYear, DatePart::Second] {
                let _ = (part_of_day(part, days.into()), part_of_moment(part, micros));
            }
            for unit in [DateUnit::Year, DateUnit::Week, DateUnit::Hour] {
                let _ = (first_day(unit, days.into()), first_moment(unit, micros));
            }
        }
    }
}
