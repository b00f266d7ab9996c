//! Marks: how far records go, and which of two goes further. Pure.
//! It must not know where marks are kept.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use lakegate_contract::MarkType;

/// A time further ahead is a mistake of a record's: as a mark it would hide all later records.
const AHEAD_MAX: TimeDelta = TimeDelta::hours(24);

/// What a mark is called.
pub(crate) fn name(mark: MarkType) -> &'static str {
    match mark {
        MarkType::Timestamp => "time (RFC 3339, not in the future)",
        MarkType::Number => "number",
        MarkType::Text => "text",
    }
}

/// The greater of a mark that was reached and a record's, if that is one at all.
pub(crate) fn greatest(mark: MarkType, reached: Option<String>, found: String, now: DateTime<Utc>) -> Option<String> {
    if !is_mark(mark, &found, now) {
        return reached;
    }
    match reached {
        Some(reached) if compare(mark, &reached, &found) != Ordering::Less => Some(reached),
        Some(_) | None => Some(found),
    }
}

/// True for what is a mark of this kind.
pub(crate) fn is_mark(mark: MarkType, text: &str, now: DateTime<Utc>) -> bool {
    match mark {
        MarkType::Timestamp => {
            DateTime::parse_from_rfc3339(text).is_ok_and(|time| time.signed_duration_since(now) <= AHEAD_MAX)
        }
        MarkType::Number => Decimal::parse(text).is_some(),
        MarkType::Text => !text.is_empty(),
    }
}

/// A text that is no mark, as the first value of a contract may be, is less than any.
fn compare(mark: MarkType, one: &str, other: &str) -> Ordering {
    match mark {
        MarkType::Timestamp => {
            let time = |text: &str| DateTime::parse_from_rfc3339(text).ok();
            time(one).cmp(&time(other))
        }
        MarkType::Number => Decimal::parse(one).cmp(&Decimal::parse(other)),
        MarkType::Text => one.cmp(other),
    }
}

/// A decimal number by its digits, without an exponent.
#[derive(Debug, PartialEq, Eq)]
struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !whole.is_empty() && are_digits(whole) && are_digits(fraction) && !digits.ends_with('.');
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let is_zero = whole.is_empty() && fraction.is_empty();
        is_number.then_some(Self { is_negative: text.starts_with('-') && !is_zero, whole, fraction })
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |number: &Self| (number.whole.len(), number.whole.to_owned(), number.fraction.to_owned());
        match (self.is_negative, other.is_negative) {
            (false, false) => size(self).cmp(&size(other)),
            (true, true) => size(other).cmp(&size(self)),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-01-02T00:00:00Z").unwrap().to_utc()
    }

    fn reached(mark: MarkType, texts: &[&str]) -> Option<String> {
        texts.iter().fold(None, |reached, text| greatest(mark, reached, (*text).to_owned(), now()))
    }

    #[test]
    fn times_are_compared_as_moments_and_kept_as_they_came() {
        let times =
            ["2025-12-31T23:30:00Z", "2026-01-01T01:00:00+02:00", "2025-12-31T23:30:00.000000001Z", "yesterday"];
        assert_eq!(reached(MarkType::Timestamp, &times).as_deref(), Some("2025-12-31T23:30:00.000000001Z"));
        assert_eq!(reached(MarkType::Timestamp, &["2026-01-01", ""]), None);
    }

    #[test]
    fn a_time_in_the_future_hides_no_later_records() {
        let times = ["2025-12-31T23:30:00Z", "9999-12-31T00:00:00Z", "2026-01-03T00:00:01Z"];
        assert_eq!(reached(MarkType::Timestamp, &times).as_deref(), Some("2025-12-31T23:30:00Z"));
        assert!(
            is_mark(MarkType::Timestamp, "2026-01-02T23:59:00Z", now()),
            "clocks differ, and time zones are mistaken"
        );
    }

    #[test]
    fn numbers_are_compared_by_all_their_digits() {
        let number = |texts: &[&str]| reached(MarkType::Number, texts);
        assert_eq!(number(&["9", "10", "1e3", "x"]).as_deref(), Some("10"));
        let long = ["12345678901234567890123456789012345678901", "12345678901234567890123456789012345678902"];
        assert_eq!(number(&long).as_deref(), Some(long[1]));
        assert_eq!(number(&["1.25", "1.3", "1.30"]).as_deref(), Some("1.3"));
        assert_eq!(number(&["-2", "-1.5", "-1.50"]).as_deref(), Some("-1.5"));
        assert_eq!(number(&["-0", "0", "007"]).as_deref(), Some("007"));
        for none in ["", "-", ".5", "5.", "+1", "1,5", "1 "] {
            assert_eq!(number(&[none]), None, "{none}");
        }
    }

    #[test]
    fn texts_are_compared_by_their_code_points() {
        assert_eq!(reached(MarkType::Text, &["a2", "a10", ""]).as_deref(), Some("a2"));
    }

    #[test]
    fn the_first_value_of_a_contract_may_be_anything() {
        let found =
            greatest(MarkType::Timestamp, Some("2025-01-01".to_owned()), "2024-01-01T00:00:00Z".to_owned(), now());
        assert_eq!(found.as_deref(), Some("2024-01-01T00:00:00Z"));
    }
}
