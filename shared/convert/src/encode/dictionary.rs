//! The distinct values of a column, numbered in the order of their first appearance in the file.
//! It does not know partitions or pages.

/// Codes are 16 bits.
pub(super) const ENTRIES_MAX: usize = u16::MAX as usize;
/// Bytes of texts; longer columns are better off plain.
const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;
const TABLE_MIN: usize = 1024;
/// Texts of so many bytes stand in their slot whole, which leaves room for their length and their code.
const SHORT_TEXT_BYTES: usize = 13;
/// Texts are read and compared in blocks of so many bytes.
pub(super) const BLOCK_BYTES: usize = 16;
/// In place of a short text's length.
const LONG: u128 = 0xFF;
const CODE_BITS: u32 = 16;

/// The distinct values of a column.
#[derive(Debug)]
pub(crate) struct Dictionary {
    /// Open addressing, at most three quarters full. Its length is a power of two. It is small, so that it stays in the cache.
    table: Vec<Slot>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Numbers(Vec<i64>),
    Texts { bytes: Vec<u8>, ends: Vec<usize> },
}

/// What tells a value from others, with one look at the table, in 112 bits: all of a number, a short text and its length,
/// or the hash and the length of a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key(u128);

/// A key, and in the lowest bits the value's code plus one; 0 where the slot is free.
#[derive(Debug, Clone, Copy, Default)]
struct Slot(u128);

impl Dictionary {
    pub(crate) fn of_numbers() -> Self {
        Self { table: vec![Slot::default(); TABLE_MIN], values: Values::Numbers(Vec::new()) }
    }

    pub(crate) fn of_texts() -> Self {
        let values = Values::Texts { bytes: Vec::new(), ends: Vec::new() };
        Self { table: vec![Slot::default(); TABLE_MIN], values }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(values) => values.len(),
            Values::Texts { ends, .. } => ends.len(),
        }
    }

    /// The code of a number; `None` when there are too many distinct ones.
    #[inline]
    pub(crate) fn number_code(&mut self, value: i64) -> Option<u16> {
        let key = Key(u128::from(value.cast_unsigned()));
        match self.find(key, |_| true) {
            Ok(code) => Some(code),
            Err(slot) => {
                let code = self.next_code()?;
                let Values::Numbers(values) = &mut self.values else { return None };
                values.push(value);
                self.insert(slot, key, code)
            }
        }
    }

    /// The code of the text of so many bytes that begins at `start`; `None` when there are too many distinct ones.
    #[inline]
    pub(crate) fn text_code(&mut self, bytes: &[u8], start: usize, length: usize) -> Option<u16> {
        let text = bytes.get(start..start + length)?;
        let key = if length <= SHORT_TEXT_BYTES {
            Key::of_short(bytes, start, length)
        } else {
            Key::of_long(text, load_last(bytes, start, length))
        };
        let is_same = |code| length <= SHORT_TEXT_BYTES || is_equal(self.text(code), text);
        match self.find(key, is_same) {
            Ok(code) => Some(code),
            Err(slot) => {
                let code = self.next_code()?;
                let Values::Texts { bytes, ends } = &mut self.values else { return None };
                if bytes.len() + text.len() > TEXT_BYTES_MAX {
                    return None;
                }
                bytes.extend_from_slice(text);
                ends.push(bytes.len());
                self.insert(slot, key, code)
            }
        }
    }

    pub(crate) fn number(&self, code: u16) -> i64 {
        if let Values::Numbers(values) = &self.values { values.get(usize::from(code)).copied().unwrap_or(0) } else { 0 }
    }

    #[inline]
    pub(crate) fn text(&self, code: u16) -> &[u8] {
        let Values::Texts { bytes, ends } = &self.values else { return &[] };
        let code = usize::from(code);
        let start = code.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
        ends.get(code).and_then(|end| bytes.get(start..*end)).unwrap_or_default()
    }

    /// The value's code, else the slot where it belongs.
    #[inline]
    fn find(&self, key: Key, is_same: impl Fn(u16) -> bool) -> Result<u16, usize> {
        let mask = self.table.len() - 1;
        let mut place = key.hash() & mask;
        loop {
            let slot = self.table.get(place).copied().unwrap_or_default();
            let Some(code) = slot.code() else {
                return Err(place);
            };
            if slot.key() == key && is_same(code) {
                return Ok(code);
            }
            place = (place + 1) & mask;
        }
    }

    fn next_code(&self) -> Option<u16> {
        u16::try_from(self.len()).ok().filter(|code| usize::from(*code) < ENTRIES_MAX)
    }

    fn insert(&mut self, place: usize, key: Key, code: u16) -> Option<u16> {
        *self.table.get_mut(place)? = Slot::of(key, code);
        if self.len() * 4 > self.table.len() * 3 {
            self.grow();
        }
        Some(code)
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![Slot::default(); mask + 1];
        for slot in self.table.iter().filter(|slot| slot.code().is_some()) {
            let mut place = slot.key().hash() & mask;
            while table.get(place).is_some_and(|taken| taken.code().is_some()) {
                place = (place + 1) & mask;
            }
            if let Some(free) = table.get_mut(place) {
                *free = *slot;
            }
        }
        self.table = table;
    }
}

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND_SEED: u64 = 0xC2B2_AE3D_27D4_EB4F;

impl Key {
    /// Of at most [`SHORT_TEXT_BYTES`] bytes. No step hangs on the length: lengths come in no order that a processor could guess.
    #[inline]
    fn of_short(bytes: &[u8], start: usize, length: usize) -> Self {
        Self(first_bytes(load(bytes, start), length) << 8 | length as u128)
    }

    /// Of more bytes, of which `last` is the last block.
    #[inline]
    fn of_long(text: &[u8], last: u128) -> Self {
        let (blocks, _) = text.as_chunks::<BLOCK_BYTES>();
        let word = |block: &[u8; BLOCK_BYTES]| u128::from_le_bytes(*block);
        // The last block overlaps the one before, so that every text ends in a whole one.
        let hash = blocks.iter().map(word).chain([last]).fold(0, |hash, word| {
            let (first, last) = halves(word);
            mix(first ^ SEED ^ hash, last ^ SECOND_SEED)
        });
        // Texts are at most a record long, which is far below 4 GiB.
        Self(u128::from(hash) << 40 | (text.len() as u128 & u128::from(u32::MAX)) << 8 | LONG)
    }

    /// Quick, not strong: whoever crafts collisions makes at most [`ENTRIES_MAX`] steps of each look.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a part of the hash is enough to find a slot")]
    fn hash(self) -> usize {
        let (first, last) = halves(self.0);
        mix(first ^ SEED, last ^ SECOND_SEED) as usize
    }
}

impl Slot {
    fn of(key: Key, code: u16) -> Self {
        Self(key.0 << CODE_BITS | (u128::from(code) + 1))
    }

    #[inline]
    fn key(self) -> Key {
        Key(self.0 >> CODE_BITS)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the code is in the lowest bits")]
    fn code(self) -> Option<u16> {
        (self.0 as u16).checked_sub(1)
    }
}

/// The [`BLOCK_BYTES`] bytes from `start` on, the first lowest; zeros behind the end.
#[inline]
pub(super) fn load(bytes: &[u8], start: usize) -> u128 {
    let rest = bytes.get(start..).unwrap_or_default();
    rest.first_chunk().map_or_else(|| load_slowly(rest), |block| u128::from_le_bytes(*block))
}

#[cold]
fn load_slowly(rest: &[u8]) -> u128 {
    rest.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte))
}

/// The last block of the text of so many bytes that begins at `start`; zeros behind a text that is shorter than a block.
#[inline]
fn load_last(bytes: &[u8], start: usize, length: usize) -> u128 {
    first_bytes(load(bytes, start + length.saturating_sub(BLOCK_BYTES)), length.min(BLOCK_BYTES))
}

/// So many bytes of a block, at most all; zeros behind.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a block is short")]
pub(super) fn first_bytes(block: u128, length: usize) -> u128 {
    block & u128::MAX.checked_shr(8 * (BLOCK_BYTES - length) as u32).unwrap_or_default()
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a number's two halves are taken apart")]
fn halves(word: u128) -> (u64, u64) {
    (word as u64, (word >> 64) as u64)
}

/// Whether two texts are equal; quicker than a call for texts of a few blocks.
#[inline]
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(last), Some(other_last)) = (a.last_chunk::<BLOCK_BYTES>(), b.last_chunk::<BLOCK_BYTES>()) else {
        return a == b;
    };
    let (blocks, _) = a.as_chunks::<BLOCK_BYTES>();
    let (others, _) = b.as_chunks::<BLOCK_BYTES>();
    let word = |block: &[u8; BLOCK_BYTES]| u128::from_le_bytes(*block);
    word(last) == word(other_last) && blocks.iter().zip(others).all(|(block, other)| word(block) == word(other))
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::{Dictionary, ENTRIES_MAX};

    proptest! {
        #[test]
        fn equal_texts_have_one_code_and_codes_lead_back(texts in prop::collection::vec("[ab]{0,20}|[ab]{30,50}", 0..300)) {
            let mut dictionary = Dictionary::of_texts();
            let mut known: HashMap<String, u16> = HashMap::new();
            // Among others, as they stand in an array.
            let bytes: Vec<u8> = texts.concat().into_bytes();
            let mut start = 0;
            for text in &texts {
                let code = dictionary.text_code(&bytes, start, text.len()).unwrap();
                start += text.len();
                prop_assert_eq!(*known.entry(text.clone()).or_insert(code), code);
                prop_assert_eq!(dictionary.text(code), text.as_bytes());
            }
            prop_assert_eq!(dictionary.len(), known.len());
        }
    }

    #[test]
    fn texts_that_differ_in_their_last_byte_or_in_zeros_have_codes_of_their_own() {
        let long = "x".repeat(40);
        let texts = ["", "\0", "a", "a\0", "a\0\0", &long, &(long.clone() + "y"), &(long.clone() + "\0"), &long[1..]];
        let mut dictionary = Dictionary::of_texts();
        let codes = texts.map(|text| dictionary.text_code(text.as_bytes(), 0, text.len()));
        assert_eq!(codes, std::array::from_fn(|code| u16::try_from(code).ok()));
    }

    #[test]
    fn a_dictionary_is_full_when_codes_run_out() {
        let mut dictionary = Dictionary::of_numbers();
        let limit = i64::try_from(ENTRIES_MAX).unwrap();
        for value in 0..limit {
            assert_eq!(dictionary.number_code(value * 7).map(i64::from), Some(value));
        }
        assert_eq!(dictionary.number_code(-1), None);
        assert_eq!(dictionary.number_code(7), Some(1));
    }
}
