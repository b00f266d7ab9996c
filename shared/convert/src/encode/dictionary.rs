//! The distinct values of a column, numbered in the order of their first appearance in the file.
//! It does not know partitions or pages.

/// Codes are 16 bits.
pub(super) const ENTRIES_MAX: usize = u16::MAX as usize;
/// Bytes of texts; longer columns are better off plain.
const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;
const TABLE_MIN: usize = 1024;

/// The distinct values of a column.
#[derive(Debug)]
pub(crate) struct Dictionary {
    /// Open addressing: a value's code plus one, 0 where there is none. Its length is a power of two.
    table: Vec<u32>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Numbers(Vec<i64>),
    Texts { bytes: Vec<u8>, ends: Vec<usize>, hashes: Vec<u64> },
}

impl Dictionary {
    pub(crate) fn of_numbers() -> Self {
        Self { table: vec![0; TABLE_MIN], values: Values::Numbers(Vec::new()) }
    }

    pub(crate) fn of_texts() -> Self {
        let values = Values::Texts { bytes: Vec::new(), ends: Vec::new(), hashes: Vec::new() };
        Self { table: vec![0; TABLE_MIN], values }
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
        let Values::Numbers(values) = &mut self.values else { return None };
        let mask = self.table.len() - 1;
        let mut slot = fold(value.cast_unsigned(), 0) & mask;
        loop {
            match self.table.get(slot).copied()? {
                0 => break,
                entry => {
                    let code = entry - 1;
                    if values.get(code as usize) == Some(&value) {
                        return u16::try_from(code).ok();
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
        let code = u16::try_from(values.len()).ok().filter(|code| usize::from(*code) < ENTRIES_MAX)?;
        values.push(value);
        *self.table.get_mut(slot)? = u32::from(code) + 1;
        self.grow();
        Some(code)
    }

    /// The code of a text; `None` when there are too many distinct ones.
    #[inline]
    pub(crate) fn text_code(&mut self, text: &[u8]) -> Option<u16> {
        let Values::Texts { bytes, ends, hashes } = &mut self.values else { return None };
        let mask = self.table.len() - 1;
        let hash = hash_text(text);
        let mut slot = truncated(hash) & mask;
        loop {
            match self.table.get(slot).copied()? {
                0 => break,
                entry => {
                    let code = entry as usize - 1;
                    if hashes.get(code) == Some(&hash) && is_equal(text_at(bytes, ends, code), text) {
                        return u16::try_from(code).ok();
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
        let code = u16::try_from(ends.len()).ok().filter(|code| usize::from(*code) < ENTRIES_MAX)?;
        if bytes.len() + text.len() > TEXT_BYTES_MAX {
            return None;
        }
        bytes.extend_from_slice(text);
        ends.push(bytes.len());
        hashes.push(hash);
        *self.table.get_mut(slot)? = u32::from(code) + 1;
        self.grow();
        Some(code)
    }

    pub(crate) fn number(&self, code: u16) -> i64 {
        if let Values::Numbers(values) = &self.values { values.get(usize::from(code)).copied().unwrap_or(0) } else { 0 }
    }

    pub(crate) fn text(&self, code: u16) -> &[u8] {
        if let Values::Texts { bytes, ends, .. } = &self.values { text_at(bytes, ends, usize::from(code)) } else { &[] }
    }

    /// Keeps the table at most half full.
    fn grow(&mut self) {
        if self.len() * 2 <= self.table.len() {
            return;
        }
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![0_u32; mask + 1];
        let mut insert = |hash: usize, entry: u32| {
            let mut slot = hash & mask;
            while table.get(slot).is_some_and(|taken| *taken != 0) {
                slot = (slot + 1) & mask;
            }
            if let Some(place) = table.get_mut(slot) {
                *place = entry;
            }
        };
        match &self.values {
            Values::Numbers(values) => {
                (1..).zip(values).for_each(|(entry, value)| insert(fold(value.cast_unsigned(), 0), entry));
            }
            Values::Texts { hashes, .. } => {
                (1..).zip(hashes).for_each(|(entry, hash)| insert(truncated(*hash), entry));
            }
        }
        self.table = table;
    }
}

fn text_at<'a>(bytes: &'a [u8], ends: &[usize], code: usize) -> &'a [u8] {
    let start = code.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(code).and_then(|end| bytes.get(start..*end)).unwrap_or_default()
}

/// Short texts are compared as two numbers, which is several times as fast as a call.
#[inline]
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() > 16 {
        return a == b;
    }
    ends_of(a) == ends_of(b)
}

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND_SEED: u64 = 0xC2B2_AE3D_27D4_EB4F;

/// A quick hash: whoever crafts collisions makes at most [`ENTRIES_MAX`] probes of each insertion.
#[inline]
fn hash_text(text: &[u8]) -> u64 {
    let mut hash = text.len() as u64;
    let mut rest = text;
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        if tail.is_empty() {
            break;
        }
        let [a, b] = halves(*block);
        hash = mix(a ^ SEED ^ hash, b ^ SECOND_SEED);
        rest = tail;
    }
    let (a, b) = ends_of(rest);
    mix(a ^ SEED ^ hash, b ^ SECOND_SEED)
}

/// Two numbers that hold all bytes of a text of at most 16, some of them twice. Texts of one length have the same only if they are equal.
#[inline]
fn ends_of(text: &[u8]) -> (u64, u64) {
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last))),
            _ => (text.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)), 0),
        },
    }
}

fn halves(block: [u8; 16]) -> [u64; 2] {
    let value = u128::from_le_bytes(block);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    [value as u64, (value >> 64) as u64]
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

#[inline]
fn fold(a: u64, b: u64) -> usize {
    truncated(mix(a ^ SEED, b ^ SECOND_SEED))
}

#[expect(clippy::cast_possible_truncation, reason = "a part of the hash is enough to find a slot")]
#[inline]
fn truncated(hash: u64) -> usize {
    hash as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::{Dictionary, ENTRIES_MAX};

    proptest! {
        #[test]
        fn equal_texts_have_one_code_and_codes_lead_back(texts in prop::collection::vec("[ab]{0,20}", 0..300)) {
            let mut dictionary = Dictionary::of_texts();
            let mut known: HashMap<String, u16> = HashMap::new();
            for text in &texts {
                let code = dictionary.text_code(text.as_bytes()).unwrap();
                prop_assert_eq!(*known.entry(text.clone()).or_insert(code), code);
                prop_assert_eq!(dictionary.text(code), text.as_bytes());
            }
            prop_assert_eq!(dictionary.len(), known.len());
        }
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
