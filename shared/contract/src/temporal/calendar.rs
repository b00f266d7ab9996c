//! The Gregorian calendar of the years 1 to 9999, before 1582 as well, as in Athena, Spark and ISO 8601.
//! It knows days, neither times nor zones.

/// Days from 0000-03-01 to 1970-01-01. The year begins in March here, so that a leap day is its last.
const EPOCH: i32 = 719_468;

/// Days since 1970-01-01; `None` where there is no such day.
#[inline]
pub(super) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    // Year 0 is no year of the calendar that Athena and Spark share.
    let is_year = year.wrapping_sub(1) < 9999;
    let is_month = month.wrapping_sub(1) < 12;
    let is_day = day.wrapping_sub(1) < days_in_month(year, month);
    if !(is_year & is_month & is_day) {
        return None;
    }
    let is_before_march = month < 3;
    let year = year - u32::from(is_before_march);
    let months = if is_before_march { month + 9 } else { month - 3 };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (months * 153 + 2) / 5 + day - 1;
    Some(days.cast_signed() - EPOCH)
}

#[inline]
fn days_in_month(year: u32, month: u32) -> u32 {
    if month == 2 {
        // A year that 25 divides is a century or no multiple of 4, so that 16 decides for 400.
        let is_leap = year & (if year.is_multiple_of(25) { 15 } else { 3 }) == 0;
        28 + u32::from(is_leap)
    } else {
        // Odd months have 31 days up to July, even ones from August on.
        30 | (month ^ (month >> 3))
    }
}

/// The day of the week, Monday is 0.
pub(super) fn weekday(days: i32) -> u32 {
    // 1970-01-01 was a Thursday.
    (days + 3).rem_euclid(7).cast_unsigned()
}
