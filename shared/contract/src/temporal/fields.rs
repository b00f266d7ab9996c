//! What was read of a date and a time, piece by piece, and the moment that it makes.
//! It does not know how it was written.

use super::zone::Zone;
use super::{Field, calendar};

/// The numbers of a date and a time as they were written; they may contradict the calendar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) micros: u32,
}

/// All that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) numbers: Numbers,
    pub(super) place: Place,
    is_afternoon: bool,
    /// Monday is 0.
    weekday: u32,
    pub(super) seen: Seen,
}

/// Where a time is the time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Unsaid,
    /// Seconds east of UTC.
    Offset(i32),
    Zone(&'static Zone),
}

/// A date and a time that exist, of the place where they were written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Since 1970-01-01.
    pub(super) days: i32,
    /// Of the day.
    pub(super) seconds: u32,
    pub(super) micros: u32,
    pub(super) place: Place,
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
    pub(super) const UNUSUAL: Self = Self(Self::HOUR_OF_HALF_DAY.0 | Self::HALF_DAY.0 | Self::WEEKDAY.0);

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

impl Numbers {
    /// `None` where there is no such day or time.
    #[inline]
    pub(super) fn resolve(&self, place: Place) -> Option<Moment> {
        let days = calendar::days(self.year, self.month, self.day)?;
        let is_time = self.hour < 24 && self.minute < 60 && self.second < 60;
        let seconds = self.hour * 3600 + self.minute * 60 + self.second;
        is_time.then_some(Moment { days, seconds, micros: self.micros, place })
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            numbers: Numbers { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0 },
            place: Place::Unsaid,
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
            Field::Year | Field::YearOfCentury => &mut self.numbers.year,
            Field::Month => &mut self.numbers.month,
            Field::Day => &mut self.numbers.day,
            Field::Hour | Field::HourOfHalfDay => &mut self.numbers.hour,
            Field::Minute => &mut self.numbers.minute,
            Field::Second => &mut self.numbers.second,
        };
        let value = if field == Field::YearOfCentury { 2000 + value } else { value };
        let seen = &mut self.seen;
        put(slot, value, seen, Seen::field(field))
    }

    pub(super) fn set_micros(&mut self, micros: u32) -> Option<()> {
        put(&mut self.numbers.micros, micros, &mut self.seen, Seen::FRACTION)
    }

    pub(super) fn set_afternoon(&mut self, is_afternoon: bool) -> Option<()> {
        put(&mut self.is_afternoon, is_afternoon, &mut self.seen, Seen::HALF_DAY)
    }

    /// Where an offset is written as well, that one decides: a zone's rules may have changed since.
    pub(super) fn set_zone(&mut self, zone: &'static Zone) {
        if !matches!(self.place, Place::Offset(_)) {
            self.place = Place::Zone(zone);
        }
    }

    pub(super) fn set_weekday(&mut self, weekday: u32) -> Option<()> {
        put(&mut self.weekday, weekday, &mut self.seen, Seen::WEEKDAY)
    }

    /// `None` where there is no such day or time, or day and half day contradict it.
    pub(super) fn resolve(&self) -> Option<Moment> {
        let mut numbers = self.numbers;
        if self.seen.has(Seen::UNUSUAL) {
            numbers.hour = self.unusual_hour(calendar::days(numbers.year, numbers.month, numbers.day)?)?;
        }
        numbers.resolve(self.place)
    }

    /// The hour of the day, where day and half day agree with what was written of them.
    fn unusual_hour(&self, days: i32) -> Option<u32> {
        if self.seen.has(Seen::WEEKDAY) && self.weekday != calendar::weekday(days) {
            return None;
        }
        let half_day = self.seen.has(Seen::HALF_DAY).then_some(self.is_afternoon);
        let hour = match (self.seen.has(Seen::HOUR_OF_HALF_DAY), half_day) {
            (true, Some(is_afternoon))
                if (1..=12).contains(&self.numbers.hour) && !self.seen.has(Seen::field(Field::Hour)) =>
            {
                self.numbers.hour % 12 + 12 * u32::from(is_afternoon)
            }
            (true, Some(_) | None) => return None,
            (false, Some(is_afternoon)) if is_afternoon != (self.numbers.hour >= 12) => return None,
            (false, Some(_) | None) => self.numbers.hour,
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
