//! Rows and columns as text: numbers to the right, everything in line, also accents and wide characters.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A wider cell is cut; one line per row stays readable that way.
const CELL_MAX: usize = 60;
/// So much a text keeps where it is cut to a terminal's width: another column, and the last one.
#[derive(Debug, Clone, Copy)]
struct Least {
    cell: usize,
    last: usize,
}

/// What can be read well: for the sake of this much, columns that matter less are left out.
const READABLE: Least = Least { cell: 28, last: 32 };
/// What tells one text from another.
const NARROW: Least = Least { cell: 20, last: 16 };

/// Draws a table, each line indented by two: wide cells are cut, and on a terminal all of it to its width.
pub(crate) fn draw(header: &[&str], rows: &[Vec<String>]) -> String {
    draw_fitting(header, &rows.iter().map(|row| row.iter().map(|cell| cut(cell)).collect()).collect::<Vec<_>>())
}

/// Draws a table, each line indented by two.
pub(crate) fn draw_whole(header: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let columns = columns(header, &rows);
    let mut text = line(&columns, header);
    let rules: Vec<String> = columns.iter().map(|column| "─".repeat(column.width)).collect();
    text.push_str(&line(&columns, &rules));
    for row in &rows {
        text.push_str(&line(&columns, row));
    }
    text
}

/// Draws a table as [`draw_whole`] does; on a terminal its texts are cut to the terminal's width, first those of the last column.
pub(crate) fn draw_fitting(header: &[&str], rows: &[Vec<String>]) -> String {
    draw_within(header, rows, &[], terminal_width())
}

/// Draws a table as [`draw_fitting`] does; where a terminal is too narrow even so, these columns are left out, the first one first.
pub(crate) fn draw_without(least: &[&str], header: &[&str], rows: &[Vec<String>]) -> String {
    draw_within(header, rows, least, terminal_width())
}

/// The width of the terminal that standard output is, if it is one.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    size.map(|(width, _)| usize::from(width.0))
}

fn draw_within(header: &[&str], rows: &[Vec<String>], least: &[&str], width_max: Option<usize>) -> String {
    let Some(width_max) = width_max else { return draw_whole(header, rows) };
    let mut header = header.to_vec();
    let mut rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let mut least = least.iter();
    loop {
        let found = columns(&header, &rows);
        let readable = fitted(&found, width_max, READABLE);
        let is_readable = total(readable.iter().copied()) <= width_max;
        let gone = if is_readable { None } else { least.next() };
        let Some(gone) = gone else {
            let fitted = if is_readable { readable } else { fitted(&found, width_max, NARROW) };
            for row in &mut rows {
                shorten(row, &fitted);
            }
            return draw_whole(&header, &rows);
        };
        if let Some(index) = header.iter().position(|name| name == gone) {
            header.remove(index);
            for row in rows.iter_mut().filter(|row| index < row.len()) {
                row.remove(index);
            }
        }
    }
}

/// So wide is a table of columns of these widths: two blanks stand before every one.
fn total(widths: impl Iterator<Item = usize>) -> usize {
    widths.map(|width| width + 2).sum()
}

/// The columns' widths where all should fit: the last text gives way first, then the widest ones. Numbers stay whole.
fn fitted(columns: &[Column], width_max: usize, keep: Least) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.width).collect();
    let last = columns.len().saturating_sub(1);
    let least_of = |index| if index == last { keep.last } else { keep.cell };
    loop {
        let excess = total(widths.iter().copied()).saturating_sub(width_max);
        let may_shrink = |(index, width): &(usize, &mut usize)| {
            let is_text = columns.get(*index).is_some_and(|column| !column.is_number);
            is_text && **width > least_of(*index)
        };
        let shrinkable = widths.iter_mut().enumerate().filter(may_shrink);
        let widest = shrinkable.max_by_key(|(index, width)| (*index == last, **width));
        match widest {
            Some((index, width)) if excess > 0 => {
                *width = width.saturating_sub(excess).max(least_of(index));
            }
            Some(_) | None => return widths,
        }
    }
}

/// Cuts the last cell at its end, others in the middle: both ends of a key tell which one it is.
fn shorten(row: &mut [String], widths: &[usize]) {
    let last = widths.len().saturating_sub(1);
    for (index, (cell, width)) in row.iter_mut().zip(widths).enumerate() {
        if shown_width(cell) > *width {
            *cell = if index == last { cut_to(cell, *width) } else { cut_in_the_middle(cell, *width) };
        }
    }
}

/// A count with thin groups of three digits: 1,234,567.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

struct Column {
    width: usize,
    is_number: bool,
}

fn columns(header: &[&str], rows: &[Vec<String>]) -> Vec<Column> {
    header.iter().enumerate().map(|(index, name)| Column::new(name, rows, index)).collect()
}

impl Column {
    fn new(name: &str, rows: &[Vec<String>], index: usize) -> Self {
        let cells = || rows.iter().filter_map(|row| row.get(index));
        let width = cells().map(|cell| shown_width(cell)).chain([name.width()]).max().unwrap_or_default();
        let is_number = |cell: &String| cell.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '.' | '-'));
        Self { width, is_number: !rows.is_empty() && cells().all(is_number) }
    }
}

fn line(columns: &[Column], cells: &[impl AsRef<str>]) -> String {
    let mut text = " ".to_owned();
    for (column, cell) in columns.iter().zip(cells) {
        let cell = cell.as_ref();
        let padding = " ".repeat(column.width.saturating_sub(shown_width(cell)));
        let (left, right) = if column.is_number { (padding.as_str(), "") } else { ("", padding.as_str()) };
        text.extend([" ", left, cell, right, " "]);
    }
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    text
}

/// Colours take no room: they are `ESC [ … m` (`paint`).
fn shown_width(cell: &str) -> usize {
    let mut parts = cell.split("\u{1b}[");
    let first = parts.next().map_or(0, UnicodeWidthStr::width);
    first + parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.width())).sum::<usize>()
}

fn one_line(cell: &str) -> String {
    cell.replace("\r\n", "⏎").replace(['\n', '\r'], "⏎").replace('\t', " ")
}

fn cut(cell: &str) -> String {
    cut_to(&one_line(cell), CELL_MAX)
}

fn cut_to(cell: &str, width_max: usize) -> String {
    if cell.width() <= width_max {
        return cell.to_owned();
    }
    let mut cut = String::new();
    for character in cell.chars() {
        if cut.width() + 2 > width_max {
            break;
        }
        cut.push(character);
    }
    cut.push('…');
    cut
}

fn cut_in_the_middle(cell: &str, width_max: usize) -> String {
    let room = width_max.saturating_sub(1);
    let (mut begin, mut end) = (String::new(), String::new());
    let mut characters = cell.chars();
    loop {
        let is_end = end.width() < begin.width();
        let Some(next) = (if is_end { characters.next_back() } else { characters.next() }) else { break };
        if begin.width() + end.width() + next.width().unwrap_or_default() > room {
            break;
        }
        if is_end { end.insert(0, next) } else { begin.push(next) }
    }
    format!("{begin}…{end}")
}

/// The text in lines of at most that many columns, broken at blanks where there are any.
pub(crate) fn wrapped(text: &str, width_max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.trim().is_empty() && line.width() + word.trim_end().width() > width_max {
            lines.push(word.to_owned());
        } else {
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_wide_characters_count_double() {
        let rows = [vec!["Zoë".to_owned(), "7".to_owned()], vec!["李小龍".to_owned(), "1,200".to_owned()]];
        let expected = "  name     rows\n  ──────  ─────\n  Zoë         7\n  李小龍  1,200\n";
        assert_eq!(draw(&["name", "rows"], &rows), expected);
    }

    #[test]
    fn a_cell_is_one_line_of_limited_width() {
        assert_eq!(cut("a\r\nb"), "a⏎b");
        assert_eq!(cut(&"x".repeat(100)).width(), CELL_MAX);
    }

    #[test]
    fn the_last_column_is_cut_to_the_terminals_width_and_keeps_a_little() {
        let rows = [vec!["a.csv".to_owned(), "the header\nlacks a column that the contract requires".to_owned()]];
        let widths = |width: Option<usize>| {
            let text = draw_within(&["object", "why"], &rows, &[], width);
            text.lines().map(UnicodeWidthStr::width).max().unwrap()
        };
        assert_eq!([widths(Some(40)), widths(Some(10)), widths(Some(200)), widths(None)], [40, 26, 62, 62]);
        assert!(draw_within(&["object", "why"], &rows, &[], Some(40)).contains("the header⏎lacks a column tha…\n"));
    }

    #[test]
    fn long_texts_are_cut_in_the_middle_and_numbers_stay_whole() {
        let key = "orders/department-of-long-names/2025/export.csv";
        let rows = [
            vec![key.to_owned(), "1,234,567".to_owned(), "TooManyRejects: more than the contract allows".to_owned()],
            vec!["orders/注文データ二〇二五年八月北海道東北.csv".to_owned(), "1".to_owned(), String::new()],
        ];
        insta::assert_snapshot!(draw_within(&["object", "rows", "why"], &rows, &[], Some(60)), @r"
        object                              rows  why
        ─────────────────────────────  ─────────  ────────────────
        orders/departm…025/export.csv  1,234,567  TooManyRejects:…
        orders/注文デ…北海道東北.csv           1
        ");
        let narrow = draw_within(&["object", "rows", "why"], &rows, &[], Some(10));
        assert!(narrow.contains("  1,234,567  ") && narrow.contains("  orders/dep…xport.csv  "), "{narrow}");
    }

    #[test]
    fn where_nothing_else_helps_columns_are_left_out() {
        let rows = [vec!["a.csv".to_owned(), "1".to_owned(), "2".to_owned(), "why ".repeat(20)]];
        let header = ["object", "a long header", "tries", "why"];
        let drawn = |width| draw_within(&header, &rows, &["tries", "a long header"], Some(width));
        assert!(drawn(64).contains("tries") && drawn(60).contains("a long header") && !drawn(60).contains("tries"));
        assert!(!drawn(50).contains("a long header") && drawn(10).contains("why why"));
    }

    #[test]
    fn a_text_is_broken_at_blanks() {
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("  indented and an-unbreakable-word", 10), ["  indented ", "and ", "an-unbreakable-word"]);
        assert_eq!(wrapped("", 8), [""]);
    }

    #[test]
    fn colours_take_no_room() {
        let painted = "\u{1b}[1m\u{1b}[31mrejected\u{1b}[0m";
        assert_eq!((shown_width(painted), shown_width("rejected"), shown_width("")), (8, 8, 0));
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([count(0), count(999), count(1_000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
    }
}
