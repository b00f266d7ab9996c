//! What is known of one column's values: which types read all of them, how many are missing, how many differ.
//! It does not know other columns, nor what is made of it.

use std::collections::HashSet;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::numbers::{Numbers, Observed};
use super::times::{Candidate, Times};

/// Texts that stand for a missing value where the rest of the column is of a type.
pub(super) const NULL_TEXTS: [&str; 15] =
    ["NA", "N/A", "n/a", "#N/A", "NULL", "Null", "null", "\\N", "NaN", "nan", "None", "nil", "-", "--", "?"];
/// So many different values may be the values of an enumeration.
pub(super) const ENUM_VALUES_MAX: usize = 12;
/// Longer texts are none of an enumeration.
const ENUM_BYTES_MAX: usize = 60;
/// A column with more strays than these, and more than one value in so many, is not a column of the others' type.
const STRAYS_MAX: u64 = 10;
const STRAYS_SHARE: u64 = 10;
/// Of these the first byte of every null text is one.
const NULL_TEXT_BEGINS: &[u8] = b"Nn#\\-?";

/// The different values of a column, while they are few.
#[derive(Debug, Clone, Default)]
pub(super) struct Distinct {
    values: Vec<(Vec<u8>, u64)>,
    is_many: bool,
}

impl Distinct {
    #[inline]
    fn observe(&mut self, text: &[u8]) {
        if self.is_many {
            return;
        }
        if let Some((_, rows)) = self.values.iter_mut().find(|(value, _)| value == text) {
            *rows += 1;
        } else if self.values.len() == ENUM_VALUES_MAX || text.len() > ENUM_BYTES_MAX {
            *self = Self { values: Vec::new(), is_many: true };
        } else {
            self.values.push((text.to_vec(), 1));
        }
    }

    /// The values and their rows, most frequent first; `None` where they are too many.
    pub(super) fn values(&self) -> Option<Vec<(&[u8], u64)>> {
        if self.is_many {
            return None;
        }
        let mut values: Vec<_> = self.values.iter().map(|(value, rows)| (value.as_slice(), *rows)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        Some(values)
    }
}

/// Whether values come twice, as far as memory allows to know.
#[derive(Debug, Clone)]
pub(super) enum Unique {
    /// None has come twice; hashes of all.
    SoFar(HashSet<u64>),
    /// None came twice among so many; more were not looked at.
    Among(usize),
    No,
}

impl Unique {
    /// No value yet.
    pub(super) fn nothing() -> Self {
        Self::SoFar(HashSet::new())
    }

    pub(super) fn observe(&mut self, text: &[u8], max_values: usize) {
        let Self::SoFar(seen) = self else { return };
        let mut hash = SipHasher13::new();
        hash.write(text);
        if !seen.insert(hash.finish()) {
            *self = Self::No;
        } else if seen.len() >= max_values {
            *self = Self::Among(seen.len());
        }
    }
}

/// Values that are not what the others of their column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strays {
    /// How many values came before the first of them.
    pub(super) values_before: u64,
    /// The line of the first one's record.
    pub(super) line: u64,
    /// How many there are, while they are counted.
    pub(super) values: u64,
    /// Whether there were so many that they are not counted any more, nor are the others.
    pub(super) are_many: bool,
}

impl Strays {
    /// Counts one more.
    fn add(strays: &mut Option<Self>, values_before: u64, line: u64) {
        let strays = strays.get_or_insert(Self { values_before, line, values: 0, are_many: false });
        strays.values += 1;
        strays.are_many = strays.values > STRAYS_MAX + values_before / STRAYS_SHARE;
    }

    fn are_few(strays: Option<&Self>) -> bool {
        strays.is_none_or(|strays| !strays.are_many)
    }
}

/// What is known of a column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Fields without any text, and with quotes around no text.
    pub(super) empty: u64,
    pub(super) quoted_empty: u64,
    /// By [`NULL_TEXTS`], without and with quotes.
    pub(super) null_texts: [u64; NULL_TEXTS.len()],
    pub(super) quoted_null_texts: [u64; NULL_TEXTS.len()],
    /// All others. What follows is about these.
    pub(super) values: u64,
    pub(super) numbers: Numbers,
    pub(super) not_numbers: Option<Strays>,
    /// Of digits behind a zero.
    pub(super) leading_zeros: Option<Strays>,
    /// Bits of `TRUE_TEXTS`, then of `FALSE_TEXTS`, that were seen; `None` once there was another text.
    pub(super) booleans: Option<u16>,
    pub(super) times: Times,
    pub(super) not_times: Option<Strays>,
    /// The first and the last text in the order of bytes, while they may be times.
    pub(super) texts: Option<(Vec<u8>, Vec<u8>)>,
    /// The longest text, in bytes, and in characters of UTF-8.
    pub(super) longest: usize,
    pub(super) longest_chars: usize,
    pub(super) distinct: Distinct,
    pub(super) unique: Unique,
}

impl Column {
    pub(super) fn new() -> Self {
        Self {
            empty: 0,
            quoted_empty: 0,
            null_texts: [0; NULL_TEXTS.len()],
            quoted_null_texts: [0; NULL_TEXTS.len()],
            values: 0,
            numbers: Numbers::new(),
            not_numbers: None,
            leading_zeros: None,
            booleans: Some(0),
            times: Times::default(),
            not_times: None,
            texts: None,
            longest: 0,
            longest_chars: 0,
            distinct: Distinct::default(),
            unique: Unique::nothing(),
        }
    }

    /// Takes the next value.
    #[inline]
    pub(super) fn observe(&mut self, text: &[u8], in_quotes: bool, line: u64, with: &Looking<'_>) {
        if text.is_empty() {
            *(if in_quotes { &mut self.quoted_empty } else { &mut self.empty }) += 1;
            return;
        }
        if let Some(index) = null_text(text) {
            let counts = if in_quotes { &mut self.quoted_null_texts } else { &mut self.null_texts };
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
            return;
        }
        self.distinct.observe(text);
        self.unique.observe(text, with.unique_values_max);
        if text.len() > self.longest_chars {
            self.longest = self.longest.max(text.len());
            self.longest_chars = self.longest_chars.max(chars(text));
        }
        if Strays::are_few(self.not_numbers.as_ref()) {
            match self.numbers.observe(text) {
                Observed::Number => {}
                Observed::LeadingZero => Strays::add(&mut self.leading_zeros, self.values, line),
                Observed::Other => Strays::add(&mut self.not_numbers, self.values, line),
            }
        }
        if let Some(seen) = self.booleans {
            self.booleans = boolean_bit(text).map(|bit| seen | bit);
        }
        if Strays::are_few(self.not_times.as_ref()) {
            if self.times.observe(with.candidates, text) {
                self.widen(text);
            } else {
                Strays::add(&mut self.not_times, self.values, line);
            }
        }
        self.values += 1;
    }
}

impl Column {
    fn widen(&mut self, text: &[u8]) {
        match &mut self.texts {
            None => self.texts = Some((text.to_vec(), text.to_vec())),
            Some((first, _)) if text < first.as_slice() => *first = text.to_vec(),
            Some((_, last)) if text > last.as_slice() => *last = text.to_vec(),
            Some(_) => {}
        }
    }
}

/// What is the same for all columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looking<'a> {
    pub(super) candidates: &'a [Candidate],
    /// So many values are held against each other.
    pub(super) unique_values_max: usize,
}

/// How many characters there are, in UTF-8.
fn chars(text: &[u8]) -> usize {
    text.iter().filter(|byte| !matches!(byte, 0x80..0xC0)).count()
}

fn null_text(text: &[u8]) -> Option<usize> {
    if text.len() > 4 || !NULL_TEXT_BEGINS.contains(text.first()?) {
        return None;
    }
    NULL_TEXTS.iter().position(|null| null.as_bytes() == text)
}

/// The text's bit among those of `TRUE_TEXTS` and `FALSE_TEXTS`.
fn boolean_bit(text: &[u8]) -> Option<u16> {
    use lakegate_contract::value::{FALSE_TEXTS, TRUE_TEXTS};
    if text.len() > 5 {
        return None;
    }
    let mut known = TRUE_TEXTS.iter().chain(&FALSE_TEXTS);
    let place = known.position(|known| text.eq_ignore_ascii_case(known.as_bytes()))?;
    Some(1 << place)
}
