//! What was read of a date and a time, piece by piece, and the moment that it makes.
//! It does not know how it was written.

use super::zone::Zone;
use super::{Field, calendar};

/// Fields as they were written; they may contradict the calendar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) micros: u32,
    /// Seconds east of UTC.
    pub(super) offset: Option<i32>,
    pub(super) zone: Option<&'static Zone>,
    pub(super) is_afternoon: bool,
    /// Monday is 0.
    pub(super) weekday: u32,
    pub(super) seen: Seen,
}

/// Which fields were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen(u16);

impl Seen {
    pub(super) const NOTHING: Self = Self(0);
    pub(super) const FRACTION: Self = Self(1 << 7);
    const HOUR_OF_HALF_DAY: Self = Self::field(Field::HourOfHalfDay);
    const HALF_DAY: Self = Self(1 << 8);
    const WEEKDAY: Self = Self(1 << 9);
    /// What makes reading more than taking numbers for what they are.
    const UNUSUAL: Self = Self(Self::HOUR_OF_HALF_DAY.0 | Self::HALF_DAY.0 | Self::WEEKDAY.0);

    pub(super) const fn field(field: Field) -> Self {
        Self(match field {
            Field::Year | Field::YearOfCentury => 1,
            Field::Month => 1 << 1,
            Field::Day => 1 << 2,
            Field::Hour => 1 << 3,
            Field::HourOfHalfDay => 1 << 4,
            Field::Minute => 1 << 5,
            Field::Second => 1 << 6,
        })
    }

    /// Whether one of `other` is among these.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            year: 0,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            offset: None,
            zone: None,
            is_afternoon: false,
            weekday: 0,
            seen: Seen::NOTHING,
        }
    }
}

impl Fields {
    /// `None` where it was written before, as something else.
    pub(super) fn set(&mut self, field: Field, value: u32) -> Option<()> {
        let slot = match field {
            Field::Year | Field::YearOfCentury => &mut self.year,
            Field::Month => &mut self.month,
            Field::Day => &mut self.day,
            Field::Hour | Field::HourOfHalfDay => &mut self.hour,
            Field::Minute => &mut self.minute,
            Field::Second => &mut self.second,
        };
        let value = if field == Field::YearOfCentury { 2000 + value } else { value };
        let seen = &mut self.seen;
        put(slot, value, seen, Seen::field(field))
    }

    pub(super) fn set_micros(&mut self, micros: u32) -> Option<()> {
        put(&mut self.micros, micros, &mut self.seen, Seen::FRACTION)
    }

    pub(super) fn set_afternoon(&mut self, is_afternoon: bool) -> Option<()> {
        put(&mut self.is_afternoon, is_afternoon, &mut self.seen, Seen::HALF_DAY)
    }

    pub(super) fn set_weekday(&mut self, weekday: u32) -> Option<()> {
        put(&mut self.weekday, weekday, &mut self.seen, Seen::WEEKDAY)
    }

    /// Days since 1970-01-01, and seconds of the day; `None` where there is no such day or time.
    #[inline]
    pub(super) fn resolve(&self) -> Option<(i32, u32)> {
        let days = calendar::days(self.year, self.month, self.day)?;
        let hour = if self.seen.has(Seen::UNUSUAL) { self.unusual_hour(days)? } else { self.hour };
        let is_time = (hour < 24) & (self.minute < 60) & (self.second < 60);
        is_time.then_some((days, hour * 3600 + self.minute * 60 + self.second))
    }

    /// The hour of the day, where day and half day agree with what was written of them.
    #[inline(never)]
    fn unusual_hour(&self, days: i32) -> Option<u32> {
        if self.seen.has(Seen::WEEKDAY) && self.weekday != calendar::weekday(days) {
            return None;
        }
        let half_day = self.seen.has(Seen::HALF_DAY).then_some(self.is_afternoon);
        let hour = match (self.seen.has(Seen::HOUR_OF_HALF_DAY), half_day) {
            (true, Some(is_afternoon)) if (1..=12).contains(&self.hour) && !self.seen.has(Seen::field(Field::Hour)) => {
                self.hour % 12 + 12 * u32::from(is_afternoon)
            }
            (true, Some(_) | None) => return None,
            (false, Some(is_afternoon)) if is_afternoon != (self.hour >= 12) => return None,
            (false, Some(_) | None) => self.hour,
        };
        Some(hour)
    }
}

fn put<T: PartialEq>(slot: &mut T, value: T, seen: &mut Seen, bit: Seen) -> Option<()> {
    if seen.has(bit) && *slot != value {
        return None;
    }
    *slot = value;
    *seen = seen.with(bit);
    Some(())
}
