//! Texts that others chose, fit for a terminal, and commands fit for a shell.
//! It must not know what they are about.

use chrono::{DateTime, Local, SecondsFormat, Utc};

/// A text on one line: a key may hold line breaks, and characters that steer a terminal.
pub(crate) fn text(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// A time as the person's clock shows it.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time for JSON: RFC 3339, UTC, in milliseconds.
pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The command that this process was started with, and one more option, for a shell.
pub(crate) fn this_command_with(option: &str) -> String {
    command(std::env::args().skip(1), option)
}

fn command(arguments: impl Iterator<Item = String>, option: &str) -> String {
    let mut command = "lakegate".to_owned();
    for argument in arguments.chain([option.to_owned()]) {
        command.push(' ');
        command.push_str(&quoted(&argument));
    }
    command
}

fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", crate::text_table::count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_survives_the_shell() {
        let given = ["replay", "--key", "orders/**/it's *.csv", "--stack=prod", ""].map(str::to_owned);
        let command = command(given.into_iter(), "--send");
        insta::assert_snapshot!(command, @r"lakegate replay --key 'orders/**/it'\''s *.csv' --stack=prod '' --send");
    }

    #[test]
    fn what_steers_a_terminal_is_shown_as_text() {
        assert_eq!(text("a\u{1b}[31m\nb é"), "a\\u{1b}[31m\\u{a}b é");
    }
}
