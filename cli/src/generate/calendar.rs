//! When things happen: busy and quiet months, days and hours, laid out over a period.
//! It must not know what happens.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::random::{Random, Weighted};

/// By month: quiet in summer, Christmas is half as busy again as spring.
const MONTH_WEIGHTS: [u64; 12] = [80, 76, 86, 92, 96, 90, 82, 78, 94, 104, 142, 168];
/// From Monday.
const DAY_WEIGHTS: [u64; 7] = [100, 94, 96, 100, 108, 124, 130];
/// From midnight.
const HOUR_WEIGHTS: [u64; 24] = [4, 2, 1, 1, 1, 2, 5, 9, 12, 14, 15, 16, 18, 16, 14, 14, 15, 18, 22, 26, 28, 24, 16, 9];
/// Busier by so much every month, in per mille: the shop grows.
const GROWTH: u64 = 8;
/// A part of a weight, for places within it.
const FINE: u128 = 1 << 32;
/// Longest period.
pub(super) const MONTHS_MAX: u32 = 240;
/// Years that every reader of the files takes, also with [`MONTHS_MAX`] behind them.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2200;

/// A month of the calendar, as `2025-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Month {
    first: NaiveDate,
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give a year and a month, as 2025-01".to_owned();
        let is_plain = text.len() == 7 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok().filter(|_| is_plain);
        let first = first.ok_or_else(wrong)?;
        if !YEARS.contains(&first.year()) {
            return Err(format!("the year is from {} to {}", YEARS.start(), YEARS.end()));
        }
        Ok(Self { first })
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.format("%Y-%m"))
    }
}

/// Some months, and how busy each of their days is.
#[derive(Debug)]
pub(super) struct Period {
    first: NaiveDate,
    days: Weighted,
    day_count: u64,
    hours: Weighted,
}

impl Period {
    /// `months` is at most [`MONTHS_MAX`].
    pub(super) fn new(from: Month, months: u32) -> Self {
        let end = from.first.checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX);
        let day_weights = from.first.iter_days().take_while(|day| *day < end).map(|day| {
            let month = nth(&MONTH_WEIGHTS, day.month0());
            let passed = u64::from(months_between(from.first, day));
            month * nth(&DAY_WEIGHTS, day.weekday().num_days_from_monday()) * (1_000 + GROWTH * passed)
        });
        let days = Weighted::new(day_weights);
        let day_count = u64::try_from((end - from.first).num_days()).unwrap_or_default();
        Self { first: from.first, days, day_count, hours: Weighted::new(HOUR_WEIGHTS) }
    }

    pub(super) fn first(&self) -> NaiveDateTime {
        self.first.and_time(NaiveTime::MIN)
    }

    pub(super) fn day_count(&self) -> u64 {
        self.day_count
    }

    /// So many seconds after the period's beginning.
    pub(super) fn after(&self, secs: u64) -> NaiveDateTime {
        self.first() + TimeDelta::seconds(i64::try_from(secs).unwrap_or_default())
    }

    /// When the `index`-th of `number` things happens: later than the one before, or in the same second.
    pub(super) fn moment(&self, index: u64, number: u64, random: &mut Random) -> NaiveDateTime {
        let within = u128::from(random.next()) % FINE;
        let total = u128::from(self.days.total());
        let position = (u128::from(index) * FINE + within) * total / u128::from(number.max(1));
        let day = self.days.at(whole(position));
        let (begin, end) = (u128::from(self.days.begin(day)) * FINE, u128::from(self.days.begin(day + 1)) * FINE);
        let part = position.saturating_sub(begin) * FINE / (end - begin).max(1);
        let clock = part * u128::from(self.hours.total());
        let hour = self.hours.at(whole(clock));
        let begin = u128::from(self.hours.begin(hour)) * FINE;
        let weight = u128::from(self.hours.begin(hour + 1)) * FINE - begin;
        let secs = (clock - begin) * 3_600 / weight.max(1);
        let secs = hour as u64 * 3_600 + u64::try_from(secs).unwrap_or_default().min(3_599);
        self.after(day as u64 * 86_400 + secs)
    }
}

/// Weight without the part of it.
fn whole(position: u128) -> u64 {
    u64::try_from(position / FINE).unwrap_or(u64::MAX)
}

fn nth(weights: &[u64], index: u32) -> u64 {
    weights.get(index as usize).copied().unwrap_or(1)
}

fn months_between(first: NaiveDate, day: NaiveDate) -> u32 {
    u32::try_from((day.year() - first.year()) * 12).unwrap_or_default() + day.month0() - first.month0()
}

/// A day so many days before another one.
pub(super) fn days_before(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::super::random::Stream;
    use super::*;

    #[test]
    fn a_month_is_told_in_one_way() {
        for wrong in ["2025", "2025-13", "2025-1", "25-01", "2025-01-01", "1969-12", " 2025-01", "+025-01", "2300-01"] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
        assert_eq!("2024-02".parse::<Month>().unwrap().to_string(), "2024-02");
    }

    #[test]
    fn things_happen_in_order_and_within_the_period() {
        for (from, months) in [("2024-02", 1), ("2025-01", 12), ("1999-12", 25)] {
            let period = Period::new(from.parse().unwrap(), months);
            let moment = |index| period.moment(index, 3_000, &mut Random::of(1, Stream::Order, index));
            let moments: Vec<NaiveDateTime> = (0..3_000).map(moment).collect();
            assert!(moments.is_sorted());
            let end = period.after(period.day_count() * 86_400);
            assert!(period.first() <= *moments.first().unwrap() && *moments.last().unwrap() < end);
            let days = moments.iter().map(NaiveDateTime::date).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(days.len() as u64, period.day_count());
        }
    }

    #[test]
    fn december_is_busier_than_august() {
        let period = Period::new("2025-01".parse().unwrap(), 12);
        let months: Vec<u32> = (0..20_000)
            .map(|index| period.moment(index, 20_000, &mut Random::of(1, Stream::Order, index)).month())
            .collect();
        let of = |month| months.iter().filter(|each| **each == month).count();
        assert!(of(12) > 2 * of(8), "{} {}", of(12), of(8));
    }
}
