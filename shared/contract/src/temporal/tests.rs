use chrono::{DateTime, Days, NaiveDate};
use proptest::prelude::*;

use super::{TemporalPattern, pattern as patterns, read, zone};

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
        ("EEE, d MMM yyyy", "Mon, 3 Sep 2001", "2001-09-03"),
        ("EEEE yyyyMMdd", "monday 20010903", "2001-09-03"),
        ("[yyyy-MM-dd][dd.MM.yyyy]", "03.09.2001", "2001-09-03"),
        ("yyyy[-MM[-dd]]", "2001-09", "2001-09-01"),
        ("yyyy-MM-dd yyyy", "2001-09-03 2001", "2001-09-03"),
        ("'DD'YYYY-MM-DD", "DD2001-09-03", "2001-09-03"),
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
        ("EEE, d MMM yyyy", "Tue, 3 Sep 2001"),
        ("yyyy-MM-dd yyyy", "2001-09-03 2002"),
        ("MM yyyy-MM-dd", "10 2001-09-03"),
        ("[yyyy-MM-dd][dd.MM.yyyy]", "2001-09-0304.09.2001"),
        ("[yyyy-MM-dd][dd.MM.yyyy]", ""),
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
        ("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "1969-12-31 23:59:59.999999999", "1969-12-31 23:59:59.999999"),
        ("yyyyMMddHHmmssS", "201012070842009", "2010-12-07 08:42:00.900"),
        ("HH:mm a yyyy-MM-dd", "13:07 PM 2020-01-05", "2020-01-05 13:07:00"),
        ("yyyy-MM-dd HH:mm VV", "2020-07-05 13:07 Europe/Berlin", "2020-07-05 11:07:00"),
        ("yyyy-MM-dd HH:mm VV", "2020-07-05 13:07 Z", "2020-07-05 13:07:00"),
        ("yyyy-MM-dd HH:mmXXX'['VV']'", "2020-07-05 13:07+01:00[Europe/Berlin]", "2020-07-05 12:07:00"),
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
fn contradictions_and_times_that_do_not_exist_are_no_values() {
    for (text, written) in [
        ("yyyy-MM-dd HH:mm:ss", "2016-12-31 23:59:60"),
        ("HH:mm a yyyy-MM-dd", "01:07 PM 2020-01-05"),
        ("hh:mm a yyyy-MM-dd", "13:07 PM 2020-01-05"),
        ("hh:mm a yyyy-MM-dd", "00:07 AM 2020-01-05"),
        ("hh:mm[ a] yyyy-MM-dd", "01:07 2020-01-05"),
        ("yyyy-MM-dd HH:mmX", "2020-01-05 01:07+18:01"),
        ("yyyy-MM-dd HH:mm VV", "2020-07-05 13:07 Europe/Atlantis"),
        ("yyyy-MM-dd HH:mm VV", "2020-03-29 02:30 Europe/Berlin"),
        ("yyyy-MM-dd HH:mm VV", "2020-07-05 13:07 "),
    ] {
        assert_eq!(timestamp(&pattern(text, true), written), None, "{text} {written}");
    }
}

#[test]
fn local_times_become_utc() {
    for (zone, written, read) in [
        ("Europe/Berlin", "2024-01-05T13:00", Some("2024-01-05 12:00:00")),
        ("Europe/Berlin", "2024-07-05T13:00:00.5", Some("2024-07-05 11:00:00.500")),
        ("Europe/Berlin", "2024-03-31T01:59:59.999", Some("2024-03-31 00:59:59.999")),
        ("Europe/Berlin", "2024-03-31T02:00", None),
        ("Europe/Berlin", "2024-03-31T02:59:59.999", None),
        ("Europe/Berlin", "2024-03-31T03:00", Some("2024-03-31 01:00:00")),
        ("Europe/Berlin", "2024-10-27T02:00", Some("2024-10-27 00:00:00")),
        ("Europe/Berlin", "2024-10-27T02:59:59", Some("2024-10-27 00:59:59")),
        ("Europe/Berlin", "2024-10-27T03:00", Some("2024-10-27 02:00:00")),
        ("Europe/Berlin", "2024-03-31T02:30Z", Some("2024-03-31 02:30:00")),
        ("Europe/Berlin", "9999-07-05T13:00", Some("9999-07-05 11:00:00")),
        ("America/New_York", "9999-12-31T18:59:59", Some("9999-12-31 23:59:59")),
        ("America/New_York", "9999-12-31T19:00", None),
        ("Asia/Kolkata", "0001-01-01T00:00", None),
        ("America/New_York", "2024-03-10T02:30", None),
        ("Asia/Kolkata", "2024-03-10T02:30", Some("2024-03-09 21:00:00")),
        ("Pacific/Apia", "2011-12-30T12:00", None),
        ("UTC", "2024-03-10T02:30", Some("2024-03-10 02:30:00")),
    ] {
        let pattern = TemporalPattern::iso_timestamp().with_default_zone(zone).unwrap();
        assert_eq!(timestamp(&pattern, written).as_deref(), read, "{zone} {written}");
        assert_ne!(pattern, TemporalPattern::iso_timestamp());
        assert!(format!("{pattern:?}").contains(zone));
    }
    for unknown in ["", "CEST", "europe/berlin", "Europe/Atlantis", "+02:00"] {
        assert_eq!(TemporalPattern::iso_timestamp().with_default_zone(unknown), None, "{unknown}");
    }
    let dates = TemporalPattern::iso_date().with_default_zone("Pacific/Apia").unwrap();
    assert!(dates.parse_date(b"2011-12-30").is_some());
}

#[test]
fn an_offset_that_leads_out_of_the_years_1_to_9999_gives_no_value() {
    let iso = TemporalPattern::iso_timestamp();
    for (written, read) in [
        ("0001-01-01T00:00:00Z", Some("0001-01-01 00:00:00")),
        ("0001-01-01T05:00:00+05:00", Some("0001-01-01 00:00:00")),
        ("0001-01-01T04:59:59+05:00", None),
        ("9999-12-31T23:59:59.999999", Some("9999-12-31 23:59:59.999999")),
        ("9999-12-31T22:59:59-01:00", Some("9999-12-31 23:59:59")),
        ("9999-12-31T23:00:00-01:00", None),
    ] {
        assert_eq!(timestamp(&iso, written).as_deref(), read, "{written}");
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
        ("yyyy-MM-dd]", false, "a bracket ] has no [ before it"),
        ("yyyy-MM-dd HH:mm VVV", true, "3 letters V in a row are not supported"),
        ("yyyy-MM-dd HH:mm:ss.n", true, "pattern letter n is not supported"),
        (
            "yyyy-MM-dd HH:mm z",
            true,
            "zone names (z) such as CET are ambiguous; XXX is an offset, VV a zone such as Europe/Berlin",
        ),
        ("yyyy-MM-dd[ ][ ][ ][ ][ ][ ][ ]", false, "the optional parts allow more than 64 patterns"),
    ] {
        assert_eq!(TemporalPattern::parse(text, needs_time).unwrap_err().to_string(), message, "{text}");
        assert_eq!(TemporalPattern::of(text, needs_time), None);
    }
    assert!(TemporalPattern::of(&"[".repeat(100_000), false).is_none());
}

/// Reads without layouts, from the pieces alone.
fn by_pieces(text: &str, written: &[u8]) -> Option<i64> {
    by_these_pieces(&patterns::pieces(text, true).unwrap(), written)
}

fn by_these_pieces(pieces: &[super::Piece], written: &[u8]) -> Option<i64> {
    let mut alternatives = patterns::alternatives(pieces).into_iter();
    let moment = alternatives.find_map(|pieces| {
        let mut fields = super::Fields::default();
        read::whole(None, &pieces, written, &mut fields).map(|()| fields.resolve())
    })??;
    let offset = if let super::Place::Offset(seconds) = moment.place { seconds.into() } else { 0 };
    let seconds = i64::from(moment.days) * 86_400 + i64::from(moment.seconds) - offset;
    Some(seconds * 1_000_000 + i64::from(moment.micros))
}

/// Patterns of the JDK, and how chrono writes them.
const WRITTEN: [(&str, &str); 8] = [
    ("yyyy-MM-dd HH:mm:ss.SSSSSS", "%Y-%m-%d %H:%M:%S%.6f"),
    ("yyyyMMddHHmmssSSSSSS", "%Y%m%d%H%M%S%6f"),
    ("M/d/yyyy H:m:s.SSSSSSSSS", "%-m/%-d/%Y %-H:%-M:%-S.%9f"),
    ("EEEE d MMMM yyyy hh:mm:ss.SSSSSS a", "%A %-d %B %Y %I:%M:%S.%6f %p"),
    ("EEE dd-MMM-yyyy h:mm:ssa SSSSSS", "%a %d-%b-%Y %-I:%M:%S%P %6f"),
    ("yyyy-MM-dd[ HH:mm[:ss[.SSSSSS]]][XXX]", "%Y-%m-%d %H:%M:%S%.6f"),
    ("SSSSSS:ss:mm:HH'T'dd/MM/yyyy", "%6f:%S:%M:%HT%d/%m/%Y"),
    ("yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "%Y-%m-%dT%H:%M:%S%.6f+00:00"),
];

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
        let _ = TemporalPattern::of(&String::from_utf8_lossy(&bytes), false);
    }

    #[test]
    fn every_moment_comes_back(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
        let moment = DateTime::from_timestamp_micros(micros).unwrap().naive_utc();
        for (text, written) in WRITTEN {
            let written = moment.format(written).to_string();
            prop_assert_eq!(pattern(text, true).parse_timestamp(written.as_bytes()), Some(micros), "{} {}", text, written);
        }
        let iso = TemporalPattern::iso_timestamp();
        prop_assert_eq!(iso.parse_timestamp(moment.and_utc().to_rfc3339().as_bytes()), Some(micros));
    }

    #[test]
    fn the_calendar_is_chronos(year in 0_u32..10_010, month in 0_u32..=20, day in 0_u32..=40) {
        let expected = NaiveDate::from_ymd_opt(year.cast_signed(), month, day).filter(|_| (1..=9999).contains(&year));
        let days = expected.map(|date| i32::try_from((date - NaiveDate::default()).num_days()).unwrap());
        prop_assert_eq!(super::calendar::days(year, month, day), days);
        if let Some(date) = expected {
            use chrono::Datelike;
            prop_assert_eq!(super::calendar::weekday(days.unwrap()), date.weekday().num_days_from_monday());
        }
    }

    #[test]
    fn layouts_read_what_pieces_read(
        micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000,
        which in 0_usize..WRITTEN.len(),
        place: proptest::sample::Index,
        byte in prop_oneof![any::<u8>(), b'0'..=b'9', Just(b':'), Just(b'/')],
        cut: proptest::sample::Index,
    ) {
        let (text, written) = WRITTEN[which];
        let moment = DateTime::from_timestamp_micros(micros).unwrap().naive_utc();
        let mut written = moment.format(written).to_string().into_bytes();
        let place = place.index(written.len());
        written[place] = byte;
        prop_assert_eq!(pattern(text, true).parse_timestamp(&written), by_pieces(text, &written));
        written.truncate(cut.index(written.len()));
        prop_assert_eq!(pattern(text, true).parse_timestamp(&written), by_pieces(text, &written));
    }

    #[test]
    fn patterns_read_arbitrary_texts_as_their_pieces_do(
        text in "(yyyy|yy|MM|M|MMM|dd|d|HH|H|mm|ss|S{1,7}|EEE|a|[-/: T.]|XX|\\[(HH|:ss|dd|[ .])\\]){3,9}",
        written in "([0-9]{2}|[-/: T.]|20[0-9]{2}|Sep|Mon|am|Z){3,12}",
        bytes: Vec<u8>,
    ) {
        let needed = format!("yyyy-MM-dd HH:{text}");
        if let Some(pattern) = TemporalPattern::of(&needed, true) {
            for written in [written.as_bytes(), format!("2024-02-29 11:{written}").as_bytes(), &bytes] {
                prop_assert_eq!(pattern.parse_timestamp(written), by_pieces(&needed, written), "{}", needed);
            }
        }
    }

    #[test]
    fn iso_timestamps_are_read_as_their_pieces_are(
        written in "20[0-9]{2}-0[1-9]-[0-2][0-9][T tx](1[0-9]|2[0-4]):[0-6][0-9](:[0-6][0-9])?([.][0-9]{0,10})?(Z|[+-][0-2][0-9](:?[0-6][0-9])?)?",
        place: proptest::sample::Index,
        byte in prop_oneof![any::<u8>(), b'0'..=b'9', Just(b':'), Just(b'-')],
    ) {
        let (iso, pieces) = (TemporalPattern::iso_timestamp(), super::iso_timestamp_pieces());
        let mut written = written.into_bytes();
        prop_assert_eq!(iso.parse_timestamp(&written), by_these_pieces(&pieces, &written));
        let place = place.index(written.len());
        written[place] = byte;
        prop_assert_eq!(iso.parse_timestamp(&written), by_these_pieces(&pieces, &written));
    }

    #[test]
    fn zones_agree_with_the_database(index: proptest::sample::Index, local in -62_135_596_800_i64..253_402_300_800) {
        let names: Vec<String> =
            jiff::tz::TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
        let name = &names[index.index(names.len())];
        let (zone, theirs) = (zone::find(name).unwrap(), jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap());
        // Anywhere, and within days of a change of the clocks.
        let mut moments = vec![local];
        let start = jiff::Timestamp::from_second(local.min(250_000_000_000)).unwrap();
        for change in theirs.following(start).take(2).chain(theirs.preceding(start).take(2)) {
            let at = change.timestamp().as_second();
            moments.extend((-14..=14).flat_map(|hours| [-1, 0, 1].map(|second| at + hours * 3600 + second)));
        }
        for local in moments {
            let civil = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(local).unwrap());
            let offset = match theirs.to_ambiguous_timestamp(civil).offset() {
                jiff::tz::AmbiguousOffset::Unambiguous { offset } => Some(offset),
                jiff::tz::AmbiguousOffset::Gap { .. } => None,
                jiff::tz::AmbiguousOffset::Fold { before, .. } => Some(before),
            };
            prop_assert_eq!(zone.utc(local), offset.map(|offset| local - i64::from(offset.seconds())), "{} {}", name, civil);
        }
    }
}
