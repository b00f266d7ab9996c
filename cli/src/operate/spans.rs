//! Spans of time as people write and read them: `90s`, `15m`, `24h`, `7d`.
//! It sees no clock.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// More than the oldest dead letter by far; sums of times stay within what the clock can say.
const DAYS_MAX: u64 = 36_500;

/// Reads a whole number with its unit: `s`, `m`, `h` or `d`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', MINUTE), ('h', HOUR), ('d', DAY)];
    let unit = units.iter().find_map(|(unit, secs)| text.strip_suffix(*unit).map(|number| (number, *secs)));
    let secs = unit.and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(unit));
    let secs = secs.ok_or("a span is a whole number and a unit: 90s, 15m, 24h, 7d")?;
    if secs > DAYS_MAX * DAY {
        return Err(format!("a span is at most {DAYS_MAX}d"));
    }
    Ok(Duration::from_secs(secs))
}

/// Writes a span in its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `6 d 4 h`.
pub(crate) fn text(span: Duration) -> String {
    let secs = span.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        let rest = secs % large / small;
        let rest = if rest == 0 { String::new() } else { format!(" {rest} {small_unit}") };
        format!("{} {large_unit}{rest}", secs / large)
    };
    match secs {
        0..MINUTE => format!("{secs} s"),
        MINUTE..HOUR => two(MINUTE, "min", 1, "s"),
        HOUR..=DAY => two(HOUR, "h", MINUTE, "min"),
        _ => two(DAY, "d", HOUR, "h"),
    }
}

/// Writes a span in its largest unit: `45 s`, `3 min`, `2 h`, `6 d`.
pub(crate) fn rough(span: Duration) -> String {
    text(span).split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let secs = |text: &str| parse(text).map(|span| span.as_secs());
        assert_eq!(["90s", "15m", "24h", "7d", "0s"].map(|text| secs(text).unwrap()), [90, 900, 86_400, 604_800, 0]);
        for wrong in ["", "h", "15", "1.5h", "-1h", "1 h", "1h30m", "15M", "99999999999999999999d", "é"] {
            assert!(secs(wrong).is_err(), "{wrong}");
        }
        insta::assert_snapshot!(secs("36501d").unwrap_err(), @"a span is at most 36500d");
    }

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        let told = |secs| text(Duration::from_secs(secs));
        assert_eq!([told(0), told(59), told(60), told(200)], ["0 s", "59 s", "1 min", "3 min 20 s"]);
        assert_eq!([told(3_600), told(7_500), told(534_000)], ["1 h", "2 h 5 min", "6 d 4 h"]);
        assert_eq!([told(86_400), told(86_401)], ["24 h", "1 d"]);
        assert_eq!([0, 200, 7_500].map(|secs| rough(Duration::from_secs(secs))), ["0 s", "3 min", "2 h"]);
    }
}
