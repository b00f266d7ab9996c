//! Rows and columns as text: numbers to the right, everything in line, also accents and wide characters.

use std::io::IsTerminal;

use unicode_width::UnicodeWidthStr;

/// A wider cell is cut; one line per row stays readable that way.
const CELL_MAX: usize = 60;
/// A last column that is cut to the terminal's width keeps so much all the same.
const LAST_CELL_MIN: usize = 20;

/// Draws a table, each line indented by two. Wide cells are cut.
pub(crate) fn draw(header: &[&str], rows: &[Vec<String>]) -> String {
    draw_whole(header, &rows.iter().map(|row| row.iter().map(|cell| cut(cell)).collect()).collect::<Vec<_>>())
}

/// Draws a table, each line indented by two.
pub(crate) fn draw_whole(header: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let columns: Vec<Column> = header.iter().enumerate().map(|(index, name)| Column::new(name, &rows, index)).collect();
    let mut text = line(&columns, header);
    let rules: Vec<String> = columns.iter().map(|column| "─".repeat(column.width)).collect();
    text.push_str(&line(&columns, &rules));
    for row in &rows {
        text.push_str(&line(&columns, row));
    }
    text
}

/// Draws a table as [`draw_whole`] does, its last column no wider than the terminal leaves room for; elsewhere whole.
pub(crate) fn draw_fitting(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    draw_within(header, rows, width.map(|(width, _)| usize::from(width.0)))
}

fn draw_within(header: &[&str], rows: &[Vec<String>], width_max: Option<usize>) -> String {
    let (Some(width_max), Some(last)) = (width_max, header.len().checked_sub(1)) else {
        return draw_whole(header, rows);
    };
    let lines: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let others = header.iter().take(last).enumerate();
    // Two blanks stand before every column.
    let taken: usize = others.map(|(index, name)| Column::new(name, &lines, index).width + 2).sum();
    let room = width_max.saturating_sub(taken + 2).max(LAST_CELL_MIN);
    let fit = |row: Vec<String>| {
        row.into_iter()
            .enumerate()
            .map(|(index, cell)| if index == last { cut_to(&cell, room) } else { cell })
            .collect()
    };
    draw_whole(header, &lines.into_iter().map(fit).collect::<Vec<_>>())
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
            let text = draw_within(&["object", "why"], &rows, width);
            text.lines().map(UnicodeWidthStr::width).max().unwrap()
        };
        assert_eq!([widths(Some(40)), widths(Some(10)), widths(Some(200)), widths(None)], [40, 30, 62, 62]);
        assert!(draw_within(&["object", "why"], &rows, Some(40)).contains("the header⏎lacks a column tha…\n"));
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
