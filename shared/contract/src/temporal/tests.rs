use chrono::{DateTime, Days, NaiveDate};
use proptest::prelude::*;

use super::TemporalPattern;

fn pattern(text: &str, needs_time: bool) -> TemporalPattern {
    TemporalPattern::parse(text, needs_time).unwrap().0
}

fn date(text: &str, written: &str) -> Option<String> {
    let days = pattern(text, false).parse_date(written.as_bytes())?;
    Some((NaiveDate::default() + chrono::Duration::days(days.into())).to_string())
}

fn timestamp(pattern: &TemporalPattern, written: &str) -> Option<String> {
    let micros = pattern.parse_timestamp(written.as_bytes())?;
    Some(DateTime::from_timestamp_micros(micros).unwrap().naive_utc().to_string())
}

#[test]
fn dates_follow_the_pattern() {
    for (text, written, read) in [
        ("yyyy-MM-dd", "2024-02-29", "2024-02-29"),
        ("M/d/yyyy", "1/11/2014", "2014-01-11"),
        ("M/d/yyyy", "12/20/2013", "2013-12-20"),
        ("dd.MM.yy", "05.07.69", "2069-07-05"),
        ("yyyyMMdd", "19991231", "1999-12-31"),
        ("d MMM yyyy", "3 sep 2001", "2001-09-03"),
        ("MMMM d, yyyy", "September 3, 2001", "2001-09-03"),
        ("YYYY-MM-DD", "2001-09-03", "2001-09-03"),
        ("yyyy-MM-dd HH:mm", "2001-09-03 23:59", "2001-09-03"),
    ] {
        assert_eq!(date(text, written).as_deref(), Some(read), "{text} {written}");
    }
    for (text, written) in [
        ("yyyy-MM-dd", "2023-02-29"),
        ("yyyy-MM-dd", "2024-2-9"),
        ("yyyy-MM-dd", "2024-02-29 "),
        ("yyyy-MM-dd", "0000-01-01"),
        ("M/d/yyyy", "13/1/2014"),
        ("dd/MM/yyyy", "12/20/2013"),
        ("yyyyMMdd", "2024-01-1"),
    ] {
        assert_eq!(date(text, written), None, "{text} {written}");
    }
}

#[test]
fn timestamps_follow_the_pattern() {
    for (text, written, read) in [
        ("yyyy-MM-dd HH:mm:ss", "2010-12-07 08:42:00", "2010-12-07 08:42:00"),
        ("yyyy-MM-ddTHH:mm:ssX", "2010-12-07T08:42:00+02:00", "2010-12-07 06:42:00"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS", "2010-12-07T08:42:00.125", "2010-12-07 08:42:00.125"),
        ("M/d/yyyy h:mm a", "1/5/2020 12:07 AM", "2020-01-05 00:07:00"),
        ("M/d/yyyy h:mm a", "1/5/2020 1:07 pm", "2020-01-05 13:07:00"),
        ("yyyy-MM-dd[ HH:mm[:ss]]", "2020-01-05 13:07", "2020-01-05 13:07:00"),
    ] {
        assert_eq!(timestamp(&pattern(text, true), written).as_deref(), Some(read), "{text} {written}");
    }
    let strict = pattern("yyyy-MM-dd HH:mm:ss", true);
    for written in
        ["2010-12-07 24:00:00", "2010-12-07 08:60:00", "2010-12-07T08:42:00", "2010-12-07 08:42:00.5", "2010-12-07"]
    {
        assert_eq!(timestamp(&strict, written), None, "{written}");
    }
}

#[test]
fn iso_timestamps_may_have_fraction_and_offset() {
    let iso = TemporalPattern::iso_timestamp();
    for (written, read) in [
        ("2024-05-01T10:00", "2024-05-01 10:00:00"),
        ("2024-05-01 10:00:01", "2024-05-01 10:00:01"),
        ("2024-05-01T10:00:01.123456789Z", "2024-05-01 10:00:01.123456"),
        ("1969-12-31T23:59:59.9-0100", "1970-01-01 00:59:59.900"),
        ("2024-05-01T10:00:01+05", "2024-05-01 05:00:01"),
    ] {
        assert_eq!(timestamp(&iso, written).as_deref(), Some(read), "{written}");
    }
    for written in ["2024-05-01", "2024-05-01T10:00:01.", "2024-05-01T10:00:01+25:00", "2024-05-01T10:00:01 UTC"] {
        assert_eq!(timestamp(&iso, written), None, "{written}");
    }
}

#[test]
fn patterns_that_cannot_be_honoured_are_refused() {
    for (text, needs_time, message) in [
        ("yyyy-MM-dd G", false, "pattern letter G is not supported"),
        ("yyy-MM-dd", false, "3 letters y in a row are not supported"),
        ("HH:mm", false, "the pattern has no year, month and day"),
        ("yyyy-MM-dd", true, "the pattern has no hour"),
        ("yyyy-MM-dd hh:mm", true, "hh is an hour of half a day and needs a (AM or PM); HH is an hour of the day"),
        ("yyyy-MM-dd'T", false, "a quote or bracket is not closed"),
        ("yyyy-MM-dd[ HH", false, "a quote or bracket is not closed"),
    ] {
        assert_eq!(TemporalPattern::parse(text, needs_time).unwrap_err().to_string(), message, "{text}");
    }
}

proptest! {
    #[test]
    fn every_day_comes_back(day in 0_u64..3_652_000) {
        let date = NaiveDate::from_ymd_opt(1, 1, 1).unwrap() + Days::new(day);
        let days = TemporalPattern::iso_date().parse_date(date.to_string().as_bytes()).unwrap();
        prop_assert_eq!(NaiveDate::default() + chrono::Duration::days(days.into()), date);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>) {
        let _ = TemporalPattern::iso_timestamp().parse_timestamp(&bytes);
    }
}
