//! Where a value ends that is no JSON, so that reading can go on behind it: where its brackets close, else where a line begins as
//! records do.
//! It looks at bytes from the value's first one on; it does not know what stood before it but for the value's place in its line.

use memchr::memchr_iter;

use super::scan::{is_blank, next_special};

/// How far brackets are followed. Bounds the work that a file of nothing but bad values costs.
const MATCHED_MAX: usize = 64 * 1024;

/// Where a value stands in its line, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LinePlace {
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
}

/// The end of the bad value that begins with `text`.
pub(super) fn find_end(text: &[u8], around: Surroundings) -> End {
    let within = text.get(..MATCHED_MAX).unwrap_or(text);
    let is_cut = around.is_full || within.len() < text.len();
    let unbalanced_at = match Matching::new(within, around, is_cut).run() {
        Matched::End(end) => return end,
        Matched::Unbalanced(at) => Some(at),
        Matched::Open => None,
        Matched::Hungry => return End::Hungry,
    };
    let searched = unbalanced_at.map_or(text, |at| text.get(..=at).unwrap_or(text));
    match next_line(searched, 0, around) {
        NextLine::At(next) => {
            return End::Found { end: trimmed(text, next, around.in_array), next, next_is_value: true };
        }
        NextLine::Hungry if unbalanced_at.is_none() && !around.is_full => return End::Hungry,
        NextLine::Hungry | NextLine::None => {}
    }
    match unbalanced_at {
        Some(next) => End::Found { end: trimmed(text, next, around.in_array), next, next_is_value: true },
        None if around.at_end => End::WithText,
        None if around.is_full => End::None,
        None => End::Hungry,
    }
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

enum Matched {
    End(End),
    /// An object begins here, and nothing may begin here.
    Unbalanced(usize),
    /// Brackets or a string do not end.
    Open,
    Hungry,
}

/// Follows brackets and strings, and takes everything else for granted.
struct Matching<'a> {
    text: &'a [u8],
    around: Surroundings,
    /// The text goes on, and is not looked at.
    is_cut: bool,
    at: usize,
    /// The brackets that are open.
    open: Vec<u8>,
    /// The last byte that is no blank.
    before: Option<u8>,
    /// Where the brackets closed, if nothing but blanks came since.
    closed_at: Option<usize>,
    /// Whether nothing but blanks came since the line began.
    is_first: bool,
    /// Whether the value goes over lines.
    has_lines: bool,
}

impl<'a> Matching<'a> {
    fn new(text: &'a [u8], around: Surroundings, is_cut: bool) -> Self {
        Self {
            text,
            around,
            is_cut,
            at: 0,
            open: Vec::new(),
            before: None,
            closed_at: None,
            is_first: false,
            has_lines: false,
        }
    }

    fn run(mut self) -> Matched {
        while let Some(&byte) = self.text.get(self.at) {
            if is_blank(byte) || byte == 0x1E {
                self.is_first |= byte == b'\n';
                self.has_lines |= byte == b'\n';
                self.at += 1;
                continue;
            }
            if self.open.is_empty()
                && self.before.is_some()
                && let Some(matched) = self.outside(byte)
            {
                return matched;
            }
            self.closed_at = None;
            match byte {
                b'{' if self.is_unbalanced() => return Matched::Unbalanced(self.at),
                b'{' | b'[' => self.open.push(byte),
                b'}' => self.close(b'{'),
                b']' => self.close(b'['),
                b'"' => {
                    if let Some(matched) = self.skip_string() {
                        return matched;
                    }
                }
                _ => {}
            }
            self.before = Some(byte);
            self.is_first = false;
            self.at += 1;
            if self.open.is_empty() && byte == b'}' {
                self.closed_at = Some(self.at);
            }
        }
        match self.closed_at {
            _ if self.is_cut => Matched::Open,
            _ if !self.around.at_end => Matched::Hungry,
            Some(end) if !self.around.in_array => {
                Matched::End(End::Found { end, next: self.text.len(), next_is_value: true })
            }
            Some(_) | None => Matched::Open,
        }
    }

    /// Outside all brackets, at a byte that is no blank: whether the value ended before it.
    fn outside(&self, byte: u8) -> Option<Matched> {
        let next = self.next_behind();
        let ends = if self.around.in_array {
            match (byte, next) {
                (b',' | b']', None) if self.is_cut => return Some(Matched::Open),
                (b',' | b']', None) if !self.around.at_end => return Some(Matched::Hungry),
                (b',', Some(at)) => self.text.get(at) == Some(&b'{') && self.may_be_record(at),
                (b']', None) => true,
                _ => false,
            }
        } else {
            byte == b'{' && self.closed_at.is_some() && self.may_be_record(self.at)
        };
        let end = self.closed_at.unwrap_or_else(|| trimmed(self.text, self.at, self.around.in_array));
        ends.then_some(Matched::End(End::Found { end, next: self.at, next_is_value: !self.around.in_array }))
    }

    /// The place of the byte behind the current one that is no blank.
    fn next_behind(&self) -> Option<usize> {
        let behind = self.text.get(self.at + 1..)?.iter().position(|byte| !is_blank(*byte))?;
        Some(self.at + 1 + behind)
    }

    /// Whether a record may begin at `at`, as far as its place in the line tells: if it is the first of a line, its column must be right.
    fn may_be_record(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        let place = LinePlace::default().behind(before);
        !place.is_first() || !before.contains(&b'\n') || self.around.place.allows(place.column)
    }

    /// Whether a `{` here belongs to no array, key or comma: the value before was never closed.
    fn is_unbalanced(&self) -> bool {
        if may_begin_object(self.before, self.open.last().copied()) {
            return false;
        }
        if self.has_lines {
            return self.is_first && self.may_be_record(self.at);
        }
        matches!(self.before, Some(b'}' | b']' | b'{' | b','))
    }

    /// Closes the innermost bracket of this kind, and what is open in it.
    fn close(&mut self, opening: u8) {
        if let Some(place) = self.open.iter().rposition(|open| *open == opening) {
            self.open.truncate(place);
        }
    }

    /// Moves to the string's closing quote.
    fn skip_string(&mut self) -> Option<Matched> {
        let mut at = self.at + 1;
        loop {
            at = next_special(self.text, at);
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(b'\n' | b'\r') => return Some(Matched::Open),
                Some(_) => at += 1,
                None if self.is_cut || self.around.at_end => return Some(Matched::Open),
                None => return Some(Matched::Hungry),
            }
        }
        self.at = at;
        None
    }
}
