//! The Gregorian calendar of the years 1 to 9999, before 1582 as well, as in Athena, Spark and ISO 8601.
//! It knows days, neither times nor zones.

/// Days from 0001-01-01 to 1970-01-01, and one because days count from 1.
const EPOCH: i32 = 719_163;

/// For each month from 1: the days before it and its own, of a year that is no leap year.
const MONTHS: [(u32, u32); 13] = [
    (0, 0),
    (0, 31),
    (31, 28),
    (59, 31),
    (90, 30),
    (120, 31),
    (151, 30),
    (181, 31),
    (212, 31),
    (243, 30),
    (273, 31),
    (304, 30),
    (334, 31),
];

/// Days since 1970-01-01; `None` where there is no such day.
#[inline]
pub(super) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    let (days_before, days_of_month) = MONTHS.get(usize::try_from(month).ok()?)?;
    // A year that 25 divides is a century or no multiple of 4, so that 16 decides for 400.
    let leap_day = u32::from(year & (if year.is_multiple_of(25) { 15 } else { 3 }) == 0);
    let days_of_month = days_of_month + (leap_day & u32::from(month == 2));
    // Year 0 is no year of the calendar that Athena and Spark share.
    let years_before = year.wrapping_sub(1);
    if years_before >= 9999 || day.wrapping_sub(1) >= days_of_month {
        return None;
    }
    let leap_days = years_before / 4 - years_before / 100 + years_before / 400 + (leap_day & u32::from(month > 2));
    Some((years_before * 365 + leap_days + days_before + day).cast_signed() - EPOCH)
}

/// The day of the week, Monday is 0.
pub(super) fn weekday(days: i32) -> u32 {
    // 1970-01-01 was a Thursday.
    (days + 3).rem_euclid(7).cast_unsigned()
}
