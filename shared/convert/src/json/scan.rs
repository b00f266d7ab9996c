//! One JSON value: where it ends, and whether it is written as RFC 8259 says.
//! It does not know records, columns or where the next value begins.

use crate::json::flaw::Flaw;
use crate::records::{Field, Form};

/// Levels of objects and arrays in one another, the record itself included. Deeper ones are no data, and cost memory everywhere.
pub(crate) const DEPTH_MAX: u32 = 64;

/// Why scanning stopped before the value's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The text ends here, and more of it may come.
    Hungry,
    /// What stands here is no JSON.
    Flawed(Flaw),
}

pub(crate) type Step<T> = Result<T, Stop>;

/// Looks at text from `position` on.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    pub(crate) position: usize,
    /// No more text will come.
    at_end: bool,
    /// A `\u` escape was half of a surrogate pair.
    pub(crate) has_lone_surrogate: bool,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8], position: usize, at_end: bool) -> Self {
        Self { text, position, at_end, has_lone_surrogate: false }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.position..).unwrap_or_default()
    }

    pub(crate) fn bytes(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    fn dry(&self) -> Stop {
        if self.at_end { Stop::Flawed(Flaw::Cut) } else { Stop::Hungry }
    }

    /// The next byte that is no blank; the position is at it.
    #[inline]
    pub(crate) fn skip_blanks(&mut self) -> Step<u8> {
        loop {
            let Some(&byte) = self.text.get(self.position) else { return Err(self.dry()) };
            if byte > b' ' || !is_blank(byte) {
                return Ok(byte);
            }
            self.position += 1;
        }
    }

    /// The value that begins at the position, which stands behind it afterwards.
    #[inline]
    pub(crate) fn value(&mut self, first: u8) -> Step<Field> {
        if first == b'{' || first == b'[' { self.nested() } else { self.scalar(first) }
    }

    #[inline]
    fn scalar(&mut self, first: u8) -> Step<Field> {
        match first {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Form::Bare),
            b'f' => self.word(b"false", Form::Bare),
            b'n' => self.word(b"null", Form::Null),
            _ => Err(Stop::Flawed(Flaw::NoValue)),
        }
    }

    /// A string; its field leaves the quotes out.
    #[inline]
    pub(crate) fn string(&mut self) -> Step<Field> {
        let start = self.position + 1;
        let mut form = Form::Quoted;
        let mut at = start;
        loop {
            at = next_special(self.text, at);
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    form = Form::Escaped;
                    at = self.escape(at)?;
                }
                Some(b'\n' | b'\r') => return Err(Stop::Flawed(Flaw::OpenString)),
                Some(_) => return Err(Stop::Flawed(Flaw::ControlCharacter)),
                None => return Err(self.dry()),
            }
        }
        self.position = at + 1;
        Ok(Field::new(start, at, form))
    }

    /// The position behind the escape whose backslash stands at `at`.
    fn escape(&mut self, at: usize) -> Step<usize> {
        let Some(byte) = self.text.get(at + 1) else { return Err(self.dry()) };
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'u' => {
                let unit = self.code_unit(at + 2)?;
                let behind = at + 6;
                match unit {
                    0xD800..=0xDBFF => self.low_surrogate(behind),
                    0xDC00..=0xDFFF => {
                        self.has_lone_surrogate = true;
                        Ok(behind)
                    }
                    _ => Ok(behind),
                }
            }
            _ => Err(Stop::Flawed(Flaw::Escape)),
        }
    }

    /// The position behind the second half of a pair that is expected at `at`.
    fn low_surrogate(&mut self, at: usize) -> Step<usize> {
        let (Some(backslash), Some(letter)) = (self.text.get(at), self.text.get(at + 1)) else {
            // A string that ends here has no quote behind it either.
            return if self.text.get(at) == Some(&b'"') { self.lone(at) } else { Err(self.dry()) };
        };
        if (*backslash, *letter) != (b'\\', b'u') {
            return self.lone(at);
        }
        let unit = self.code_unit(at + 2)?;
        if (0xDC00..=0xDFFF).contains(&unit) { Ok(at + 6) } else { self.lone(at) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is the answer of its callers")]
    fn lone(&mut self, behind: usize) -> Step<usize> {
        self.has_lone_surrogate = true;
        Ok(behind)
    }

    fn code_unit(&self, at: usize) -> Step<u32> {
        let mut unit = 0;
        for place in at..at + 4 {
            let Some(byte) = self.text.get(place) else { return Err(self.dry()) };
            let Some(digit) = char::from(*byte).to_digit(16) else { return Err(Stop::Flawed(Flaw::Escape)) };
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    #[inline]
    fn number(&mut self) -> Step<Field> {
        let start = self.position;
        let mut form = Form::Bare;
        let mut at = start + usize::from(self.text.get(start) == Some(&b'-'));
        let first = at;
        at = self.digits(at)?;
        if self.text.get(first) == Some(&b'0') && at > first + 1 {
            return Err(Stop::Flawed(Flaw::Number));
        }
        if self.text.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = self.text.get(at) {
            form = Form::Scientific;
            at += 1;
            at += usize::from(matches!(self.text.get(at), Some(b'+' | b'-')));
            at = self.digits(at)?;
        }
        self.end_word(at, Flaw::Number)?;
        Ok(Field::new(start, at, form))
    }

    /// The position behind the digits at `at`, of which there must be one.
    #[inline]
    fn digits(&self, at: usize) -> Step<usize> {
        let mut behind = at;
        while self.text.get(behind).is_some_and(u8::is_ascii_digit) {
            behind += 1;
        }
        if behind > at {
            return Ok(behind);
        }
        Err(if behind < self.text.len() { Stop::Flawed(Flaw::Number) } else { self.dry() })
    }

    fn word(&mut self, word: &[u8], form: Form) -> Step<Field> {
        let start = self.position;
        let rest = self.rest();
        if !rest.starts_with(word) {
            return Err(if word.starts_with(rest) { self.dry() } else { Stop::Flawed(Flaw::NoValue) });
        }
        let end = start + word.len();
        self.end_word(end, Flaw::NoValue)?;
        Ok(Field::new(start, end, form))
    }

    /// Behind a number or a word only a blank or the structure's next character may stand.
    #[inline]
    fn end_word(&mut self, end: usize, flaw: Flaw) -> Step<()> {
        match self.text.get(end) {
            Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | 0x1E) => {}
            None if self.at_end => {}
            None => return Err(Stop::Hungry),
            Some(_) => return Err(Stop::Flawed(flaw)),
        }
        self.position = end;
        Ok(())
    }

    /// An object's key and its colon; the position is at the key's quote.
    #[inline]
    pub(crate) fn key(&mut self, first: u8) -> Step<Field> {
        if first != b'"' {
            return Err(Stop::Flawed(Flaw::NoKey));
        }
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    #[inline]
    pub(crate) fn colon(&mut self) -> Step<()> {
        if self.skip_blanks()? != b':' {
            return Err(Stop::Flawed(Flaw::NoColon));
        }
        self.position += 1;
        Ok(())
    }

    /// An object or an array, below the record's own level.
    fn nested(&mut self) -> Step<Field> {
        let start = self.position;
        let mut levels = Levels::default();
        loop {
            let byte = self.skip_blanks()?;
            if byte == b'{' || byte == b'[' {
                self.position += 1;
                levels.open(byte == b'{')?;
                let next = self.skip_blanks()?;
                if next == levels.closing() {
                    self.position += 1;
                    levels.close();
                } else {
                    if levels.in_object() {
                        self.key(next)?;
                    }
                    continue;
                }
            } else {
                self.scalar(byte)?;
            }
            if self.close(&mut levels)? {
                return Ok(Field::new(start, self.position, Form::Nested));
            }
        }
    }

    /// Behind a value: closes what closes here. Whether all is closed; else a value comes next.
    fn close(&mut self, levels: &mut Levels) -> Step<bool> {
        while levels.depth > 0 {
            let byte = self.skip_blanks()?;
            if byte == b',' {
                self.position += 1;
                if levels.in_object() {
                    let first = self.skip_blanks()?;
                    self.key(first)?;
                }
                return Ok(false);
            }
            if byte != levels.closing() {
                return Err(Stop::Flawed(Flaw::NoComma));
            }
            self.position += 1;
            levels.close();
        }
        Ok(true)
    }
}

/// The objects and arrays that are open, one bit each.
#[derive(Debug, Default)]
struct Levels {
    kinds: u64,
    depth: u32,
}

impl Levels {
    fn open(&mut self, is_object: bool) -> Step<()> {
        self.depth += 1;
        self.kinds = self.kinds << 1 | u64::from(is_object);
        if self.depth < DEPTH_MAX { Ok(()) } else { Err(Stop::Flawed(Flaw::TooDeep)) }
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
    }

    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }

    fn closing(&self) -> u8 {
        if self.in_object() { b'}' } else { b']' }
    }
}

#[inline]
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The next quote, backslash or control character, or the end: eight bytes at a time.
#[inline]
pub(crate) fn next_special(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += size_of::<u64>();
    }
    while text.get(at).is_some_and(|&byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// The high bit of every special byte. Bits above the lowest one may be wrong: a borrow runs upwards.
#[inline]
fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHS;
    below(word, b' ') | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1)
}
