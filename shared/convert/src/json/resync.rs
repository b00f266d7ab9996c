//! Where a value ends that is no JSON, so that reading can go on behind it: where its brackets close, else where a line begins as
//! records do.
//! It looks at bytes from the value's first one on; it does not know what stood before it but for the value's place in its line.

use memchr::memchr_iter;
use serde::{Deserialize, Serialize};

use super::scan::{is_blank, next_special};

/// How far brackets are followed. Bounds the work that a file of nothing but bad values costs.
const MATCHED_MAX: usize = 64 * 1024;

/// Where a value stands in its line, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinePlace {
    /// What stands before it.
    pub(super) column: usize,
    /// Blanks at the line's beginning; all of `column` where the value is the line's first.
    pub(super) indent: usize,
}

impl LinePlace {
    /// The place behind `bytes` that begin here.
    pub(super) fn behind(self, bytes: &[u8]) -> Self {
        let blanks = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if let Some(newline) = memchr::memrchr(b'\n', bytes) {
            let line = bytes.get(newline + 1..).unwrap_or_default();
            return Self { column: line.len(), indent: blanks(line) };
        }
        let indent = if self.indent == self.column { self.indent + blanks(bytes) } else { self.indent };
        Self { column: self.column + bytes.len(), indent }
    }

    pub(super) fn is_first(self) -> bool {
        self.indent == self.column
    }

    /// Whether records may begin in `column`: where this one did, or its line.
    pub(super) fn allows(self, column: usize) -> bool {
        column == self.column || column == self.indent
    }
}

/// The end of a bad value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It ends at `end`, and the next value, or in an array what stands behind a value, begins at `next`.
    Found { end: usize, next: usize, next_is_value: bool },
    /// It ends with the text.
    WithText,
    /// More text is needed.
    Hungry,
    /// There is none within the bytes given.
    None,
}

/// What is known of the text behind the value's first byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    pub(super) in_array: bool,
    pub(super) place: LinePlace,
    /// The text ends with the file.
    pub(super) at_end: bool,
    /// The text is as long as it may be.
    pub(super) is_full: bool,
    /// Brackets may be followed over so many bytes.
    pub(super) matching_max: usize,
}

/// The end of the bad value that begins with `text`, and over how many bytes brackets were followed.
pub(super) fn find_end(text: &[u8], around: Surroundings) -> (End, usize) {
    let within = text.get(..MATCHED_MAX.min(around.matching_max)).unwrap_or(text);
    let mut matched = 0;
    (end_of(text, within, around, &mut matched), matched)
}

fn end_of(text: &[u8], within: &[u8], around: Surroundings, matched: &mut usize) -> End {
    let is_cut = around.is_full || within.len() < text.len();
    match match_brackets(within, matched).and_then(|end| behind_end(within, end, around)) {
        Ok(end) => return end,
        Err(Unmatched::Cut) if !is_cut && !around.at_end => return End::Hungry,
        Err(Unmatched::Cut | Unmatched::Wrong) => {}
    }
    match next_line(text, 0, around) {
        NextLine::At(next) => End::Found { end: trimmed(text, next, around.in_array), next, next_is_value: true },
        NextLine::Hungry | NextLine::None if around.at_end => End::WithText,
        NextLine::Hungry | NextLine::None if around.is_full => End::None,
        NextLine::Hungry | NextLine::None => End::Hungry,
    }
}

/// Why brackets do not show a value's end.
enum Unmatched {
    /// The text ends before.
    Cut,
    /// They do not belong together, a string is not closed, or what comes behind them begins no record.
    Wrong,
}

/// The place behind the bracket that closes the one at the beginning, or behind the word that stands there. Every bracket must close
/// the innermost open one: an end that is guessed could make a record of what is nested in another one.
fn match_brackets(text: &[u8], matched: &mut usize) -> Result<usize, Unmatched> {
    let is_in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.');
    if !matches!(text.first(), Some(b'{' | b'[')) {
        let word = text.iter().take_while(|byte| is_in_word(byte)).count();
        return if word > 0 { Ok(word) } else { Err(Unmatched::Wrong) };
    }
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        *matched = at;
        match byte {
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' if open.pop() != Some(byte) => return Err(Unmatched::Wrong),
            b'}' | b']' if open.is_empty() => return Ok(at),
            b'"' => at = behind_string(text, at)?,
            _ => {}
        }
    }
    Err(Unmatched::Cut)
}

/// The place behind the closing quote of the string whose text begins at `at`.
fn behind_string(text: &[u8], mut at: usize) -> Result<usize, Unmatched> {
    loop {
        at = next_special(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            Some(b'\n' | b'\r') => return Err(Unmatched::Wrong),
            Some(_) => at += 1,
            None => return Err(Unmatched::Cut),
        }
    }
}

/// The value's end, if what comes behind it can be what comes behind a value: the next object, or the end of the array and the file.
fn behind_end(text: &[u8], end: usize, around: Surroundings) -> Result<End, Unmatched> {
    let next_from = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().position(|byte| !is_blank(*byte) && *byte != 0x1E).map(|found| from + found)
    };
    let next = next_from(end);
    let byte = next.and_then(|next| text.get(next));
    let found = |next| Ok(End::Found { end, next, next_is_value: !around.in_array });
    match (next, byte) {
        // On one line an object may be what was nested in this value; unless there are several values on the line, it is.
        (Some(next), Some(b'{'))
            if !around.in_array
                && may_be_record(text, next, around)
                && (!around.place.is_first()
                    || text.get(end..next).is_some_and(|between| between.contains(&b'\n'))) =>
        {
            found(next)
        }
        (Some(next), Some(b',')) if around.in_array => match next_from(next + 1) {
            Some(behind) if text.get(behind) == Some(&b'{') && may_be_record(text, behind, around) => found(next),
            Some(_) => Err(Unmatched::Wrong),
            None => Err(Unmatched::Cut),
        },
        (Some(next), Some(b']')) if around.in_array && around.at_end && next_from(next + 1).is_none() => found(next),
        (Some(next), Some(b']')) if around.in_array && next_from(next + 1).is_none() => Err(Unmatched::Cut),
        (None, _) if around.at_end && !around.in_array => found(text.len()),
        (None, _) => Err(Unmatched::Cut),
        (Some(_), _) => Err(Unmatched::Wrong),
    }
}

/// Whether a record may begin at `at`, as far as its place in the line tells: if it is the first of a line, its column must be right.
fn may_be_record(text: &[u8], at: usize, around: Surroundings) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let place = LinePlace::default().behind(before);
    !place.is_first() || !before.contains(&b'\n') || around.place.allows(place.column)
}

/// The length of `text[..end]` without the blanks, and in an array the commas, at its end; at least one byte.
pub(super) fn trimmed(text: &[u8], end: usize, in_array: bool) -> usize {
    let text = text.get(..end).unwrap_or(text);
    let is_left_out = |byte: &u8| is_blank(*byte) || *byte == 0x1E || (in_array && *byte == b',');
    let left_out = text.iter().rev().take_while(|byte| is_left_out(byte)).count();
    (text.len() - left_out).max(1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextLine {
    /// Where its `{` stands.
    At(usize),
    /// Whether the last line is one hangs on text to come.
    Hungry,
    None,
}

/// The next line break from `from` on behind which a line begins as records do: with `{` in the right column, in an array perhaps
/// behind a comma.
pub(super) fn next_line(text: &[u8], from: usize, around: Surroundings) -> NextLine {
    let searched = text.get(from..).unwrap_or_default();
    for newline in memchr_iter(b'\n', searched) {
        let line = searched.get(newline + 1..).unwrap_or_default();
        match record_begins(line, 0, around) {
            NextLine::At(column) => return NextLine::At(from + newline + 1 + column),
            NextLine::Hungry => return if around.at_end { NextLine::None } else { NextLine::Hungry },
            NextLine::None => {}
        }
    }
    NextLine::None
}

/// Whether, and where, a record may begin in the rest of a line of which `blanks` came before.
pub(super) fn record_begins(line: &[u8], blanks: usize, around: Surroundings) -> NextLine {
    let is_before = |byte: &u8| matches!(byte, b' ' | b'\t' | 0x1E) || (around.in_array && *byte == b',');
    let more = line.iter().take_while(|byte| is_before(byte)).count();
    match line.get(more) {
        Some(b'{') if around.place.allows(blanks + more) => NextLine::At(more),
        Some(_) => NextLine::None,
        None => NextLine::Hungry,
    }
}

/// Whether a `{` may stand behind the byte `before`, which is no blank, within the bracket `open`.
pub(super) fn may_begin_object(before: Option<u8>, open: Option<u8>) -> bool {
    match before {
        None | Some(b'[' | b':') => true,
        Some(b',') => open == Some(b'['),
        Some(_) => false,
    }
}
