//! What is left of a value that is longer than a record may be: it is passed over in pieces of any size, and not kept.
//! It does not check what it passes over.

use super::resync::{LinePlace, may_begin_object};
use super::scan::is_blank;

/// Brackets that are followed; data has fewer, and memory must not grow with what is skipped.
const OPEN_MAX: usize = 4096;

/// What a piece of text brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    /// The value ended before this place.
    Closed(usize),
    /// From this place on the value's end cannot be known. If a record begins there: its column.
    Lost(usize, Option<usize>),
    /// The value goes on.
    More,
}

/// Follows a value's brackets and strings.
#[derive(Debug, Default)]
pub(super) struct Skipping {
    open: Vec<u8>,
    in_string: bool,
    is_escaped: bool,
    /// The last byte that is no blank.
    before: Option<u8>,
    /// Whether nothing but blanks came since the line began, and their number.
    blanks_of_line: Option<usize>,
}

impl Skipping {
    /// Goes on with `text`. `place` is the value's place in its line.
    pub(super) fn skip(&mut self, text: &[u8], place: LinePlace) -> Skipped {
        for (at, &byte) in text.iter().enumerate() {
            if self.in_string {
                if byte < b' ' {
                    return Skipped::Lost(at, None);
                }
                self.in_string = byte != b'"' || self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
            } else if is_blank(byte) {
                self.blanks_of_line = if byte == b'\n' { Some(0) } else { self.blanks_of_line.map(|count| count + 1) };
                continue;
            } else {
                let column = self.blanks_of_line.take().filter(|column| place.allows(*column));
                let may_begin = may_begin_object(self.before, self.open.last().copied());
                if byte == b'{' && column.is_some() && !may_begin {
                    return Skipped::Lost(at, column);
                }
                self.follow(byte);
                self.before = Some(byte);
                if self.open.len() > OPEN_MAX {
                    return Skipped::Lost(at, None);
                }
            }
            if self.open.is_empty() && !self.in_string {
                return Skipped::Closed(at + 1);
            }
        }
        Skipped::More
    }

    fn follow(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => self.open.push(byte),
            b'}' | b']' => {
                self.open.pop();
            }
            b'"' => self.in_string = true,
            _ => {}
        }
    }
}
