//! Values as people read them.
//! It must not know where they stand.

use chrono::DateTime;

use crate::markup;
use crate::page::{Cell, Column, Kind};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// How the numbers of a column are written, so that their decimals stand in line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer {
    kind: Kind,
    decimals: usize,
}

impl Writer {
    /// For a column with these cells.
    pub(crate) fn of_column<'a>(column: &Column, cells: impl Iterator<Item = &'a Cell>) -> Self {
        Self::new(column.kind, cells)
    }

    /// For values of a kind.
    pub(crate) fn new<'a>(kind: Kind, cells: impl Iterator<Item = &'a Cell>) -> Self {
        let decimals = match kind {
            Kind::Number(decimals) | Kind::Euros(decimals) => usize::from(decimals),
            Kind::Dollars => dollar_decimals(cells),
            Kind::Percent => 1,
            Kind::Text
            | Kind::Key
            | Kind::Count
            | Kind::Bytes
            | Kind::Seconds
            | Kind::Share
            | Kind::Time
            | Kind::Month => 0,
        };
        Self { kind, decimals }
    }

    /// The value as text; absent ones are a dash.
    pub(crate) fn write(self, cell: &Cell) -> String {
        match cell {
            Cell::Absent => "–".to_owned(),
            Cell::Text(text) | Cell::Tagged(text, _) => markup::plain(text),
            Cell::Time(secs) if self.kind == Kind::Month => month(*secs),
            Cell::Time(secs) => time(*secs),
            Cell::Count(_) | Cell::Number(_) => {
                number_of(cell).map_or_else(|| "–".to_owned(), |number| self.write_number(cell, number))
            }
        }
    }

    fn write_number(self, cell: &Cell, number: f64) -> String {
        match (self.kind, cell) {
            (Kind::Count | Kind::Text | Kind::Key, Cell::Count(count)) => grouped(&count.to_string()),
            (Kind::Count | Kind::Text | Kind::Key | Kind::Time | Kind::Month, _) => fixed(number, 0),
            (Kind::Number(_), _) => fixed(number, self.decimals),
            (Kind::Dollars, _) => self.money("$", number),
            (Kind::Euros(_), _) => self.money("€", number),
            (Kind::Percent, _) => format!("{} %", fixed(number, self.decimals)),
            (Kind::Share, _) => format!("{} %", fixed(number * 100.0, 2)),
            (Kind::Bytes, _) => bytes(number),
            // Whole seconds are the difference of two times that know no less.
            (Kind::Seconds, Cell::Count(0)) => "under 1 s".to_owned(),
            (Kind::Seconds, Cell::Count(1..60)) => format!("{} s", fixed(number, 0)),
            (Kind::Seconds, _) => seconds(number),
        }
    }

    /// The sign stands before the currency, as far as anything but zeros is to be seen.
    fn money(self, currency: &str, number: f64) -> String {
        let text = fixed(number, self.decimals);
        text.strip_prefix('−').map_or_else(|| format!("{currency}{text}"), |text| format!("−{currency}{text}"))
    }
}

/// The value as a number; `None` of what is none.
#[allow(
    clippy::cast_precision_loss,
    reason = "charts and units need no more than 15 digits; counts are written from the whole number"
)]
pub(crate) fn number_of(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Count(count) => Some(*count as f64),
        Cell::Number(number) => number.is_finite().then_some(*number),
        Cell::Time(secs) => Some(*secs as f64),
        Cell::Absent | Cell::Text(_) | Cell::Tagged(..) => None,
    }
}

/// A column of small amounts has more decimals than one of large ones.
fn dollar_decimals<'a>(cells: impl Iterator<Item = &'a Cell>) -> usize {
    let largest = cells.filter_map(number_of).fold(0.0_f64, |largest, number| largest.max(number.abs()));
    match largest {
        0.0 => 2,
        _ if largest >= 1.0 => 2,
        _ if largest >= 0.01 => 4,
        _ => 6,
    }
}

fn fixed(number: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", number.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    let sign = if number < 0.0 && !is_zero { "−" } else { "" };
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    format!("{sign}{}{fraction}", grouped(whole))
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Decimal units, as AWS's bills have them.
fn bytes(number: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    for (size, unit) in units {
        // What would be rounded to 1,000 of a unit is 1 of the next.
        if number >= size * 0.9995 {
            return format!("{} {unit}", fixed(number / size, decimals_of(number / size)));
        }
    }
    format!("{} B", fixed(number, 0))
}

fn decimals_of(number: f64) -> usize {
    if number < 9.995 { 2 } else { usize::from(number < 99.95) }
}

/// The two largest units.
fn seconds(secs: f64) -> String {
    if secs < 0.0 {
        return format!("−{}", seconds(-secs));
    }
    if secs > 0.0 && secs < 0.9995 {
        return format!("{} ms", fixed(secs * 1_000.0, 0));
    }
    if secs < 59.95 {
        return format!("{} s", fixed(secs, decimals_of(secs).min(1)));
    }
    let two = |large: f64, large_unit: &str, small: f64, small_unit: &str| {
        let smalls = (secs / small).round();
        let per_large = large / small;
        let larges = (smalls / per_large).floor();
        let rest = smalls - larges * per_large;
        let rest = if rest < 0.5 { String::new() } else { format!(" {} {small_unit}", fixed(rest, 0)) };
        format!("{} {large_unit}{rest}", fixed(larges, 0))
    };
    if secs < HOUR - 0.5 {
        two(MINUTE, "min", 1.0, "s")
    } else if secs < DAY - MINUTE / 2.0 {
        two(HOUR, "h", MINUTE, "min")
    } else {
        two(DAY, "d", HOUR, "h")
    }
}

/// `Jan 2026`, UTC.
fn month(secs: i64) -> String {
    DateTime::from_timestamp(secs, 0).map_or_else(|| "–".to_owned(), |time| time.format("%b %Y").to_string())
}

/// `2026-01-10 12:05`, UTC.
fn time(secs: i64) -> String {
    DateTime::from_timestamp(secs, 0).map_or_else(|| "–".to_owned(), |time| time.format("%Y-%m-%d %H:%M").to_string())
}

/// RFC 3339, UTC; `None` of times beyond the calendar.
pub(crate) fn rfc3339(secs: i64) -> Option<String> {
    DateTime::from_timestamp(secs, 0).map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: Kind, cells: &[Cell]) -> Vec<String> {
        let writer = Writer::new(kind, cells.iter());
        cells.iter().map(|cell| writer.write(cell)).collect()
    }

    fn numbers(kind: Kind, numbers: &[f64]) -> Vec<String> {
        written(kind, &numbers.iter().map(|number| Cell::Number(*number)).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_are_grouped_and_keep_their_decimals() {
        assert_eq!(written(Kind::Count, &[Cell::Count(0), Cell::Count(u64::MAX)]), ["0", "18,446,744,073,709,551,615"]);
        assert_eq!(
            numbers(Kind::Number(2), &[1234.5, -0.001, -1e6, f64::NAN]),
            ["1,234.50", "0.00", "−1,000,000.00", "–"]
        );
        assert_eq!(numbers(Kind::Share, &[0.0, 0.01234, 1.0]), ["0.00 %", "1.23 %", "100.00 %"]);
    }

    #[test]
    fn amounts_of_a_column_have_the_decimals_that_the_largest_needs() {
        assert_eq!(numbers(Kind::Dollars, &[0.0, 0.000_038]), ["$0.000000", "$0.000038"]);
        assert_eq!(numbers(Kind::Dollars, &[0.0147, 0.2]), ["$0.0147", "$0.2000"]);
        assert_eq!(numbers(Kind::Dollars, &[1_234.567, -2.0]), ["$1,234.57", "−$2.00"]);
        assert_eq!(numbers(Kind::Dollars, &[0.0]), ["$0.00"]);
    }

    #[test]
    fn bytes_and_seconds_have_the_unit_that_fits() {
        assert_eq!(numbers(Kind::Bytes, &[0.0, 999.0, 999.9, 1_000.0]), ["0 B", "999 B", "1.00 kB", "1.00 kB"]);
        assert_eq!(
            numbers(Kind::Bytes, &[12_345.0, 999_900.0, 5.12e8, 2.5e15]),
            ["12.3 kB", "1.00 MB", "512 MB", "2,500 TB"]
        );
        assert_eq!(
            numbers(Kind::Seconds, &[0.0, 0.25, 0.9999, 4.25, 12.34]),
            ["0.0 s", "250 ms", "1.0 s", "4.2 s", "12.3 s"]
        );
        let whole = [0, 1, 59, 60].map(Cell::Count);
        assert_eq!(written(Kind::Seconds, &whole), ["under 1 s", "1 s", "59 s", "1 min"]);
        assert_eq!(numbers(Kind::Seconds, &[59.96, 60.0, 200.4, 3_599.9]), ["1 min", "1 min", "3 min 20 s", "1 h"]);
        assert_eq!(numbers(Kind::Seconds, &[7_530.0, 86_399.0, 534_000.0]), ["2 h 6 min", "1 d", "6 d 4 h"]);
    }

    #[test]
    fn euros_have_the_decimals_that_are_asked_for_and_percents_a_tenth() {
        assert_eq!(numbers(Kind::Euros(2), &[1_234_567.891, 0.0, -0.001]), ["€1,234,567.89", "€0.00", "€0.00"]);
        assert_eq!(numbers(Kind::Euros(0), &[-12.6]), ["−€13"]);
        assert_eq!(numbers(Kind::Percent, &[29.3, -3.12, 1_000.0]), ["29.3 %", "−3.1 %", "1,000.0 %"]);
    }

    #[test]
    fn a_month_is_told_by_its_name() {
        assert_eq!(written(Kind::Month, &[Cell::Time(1_767_225_600), Cell::Time(i64::MAX)]), ["Jan 2026", "–"]);
    }

    #[test]
    fn times_are_told_to_the_minute() {
        assert_eq!(written(Kind::Time, &[Cell::Time(1_768_046_700), Cell::Time(i64::MAX)]), ["2026-01-10 12:05", "–"]);
    }
}
