//! Numbers, times and foreign texts as a mail shows them.
//! It must not know failures.

use chrono::DateTime;

/// Of a text that a line shows: a key has 1,024 bytes at most (S3), and a query holds one.
pub(super) const LINE_MAX_CHARS: usize = 1500;

pub(super) fn datasets(count: usize) -> String {
    if count == 1 { "1 dataset".to_owned() } else { format!("{count} datasets") }
}

pub(super) fn datasets_are(count: usize) -> String {
    format!("{} {}", datasets(count), if count == 1 { "is" } else { "are" })
}

pub(super) fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{} files", grouped(count as u64)) }
}

pub(super) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(count)) }
}

pub(super) fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{} messages", grouped(count as u64)) }
}

/// To the second, as people write it; what is no time stays as it is.
pub(super) fn when(at: &str) -> String {
    let time = DateTime::parse_from_rfc3339(at).map(|time| time.to_utc().format("%Y-%m-%d %H:%M:%S UTC").to_string());
    time.unwrap_or_else(|_not_a_time| at.to_owned())
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Keys, contracts and messages may hold anything: line breaks, terminal escapes, marks that turn the reading direction round, whole
/// novels. A mail's line is one short line that reads as it stands.
pub(super) fn printable(text: &str) -> String {
    let shown = text.chars().take(LINE_MAX_CHARS).map(|c| if is_deceptive(c) { '?' } else { c });
    let more = if text.chars().nth(LINE_MAX_CHARS).is_some() { "..." } else { "" };
    shown.chain(more.chars()).collect()
}

/// Control characters, line and paragraph separators, and what is invisible or acts upon its neighbours: most of Unicode's categories Cc,
/// Zl, Zp and Cf, and non-characters.
pub(super) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        || matches!(c, '\u{FDD0}'..='\u{FDEF}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E0FFF}')
}
