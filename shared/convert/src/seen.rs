//! Which hashes have been there, in little memory.
//! It does not know what was hashed.

/// Parts that grow one by one, so that no growth needs the whole twice.
const PARTS: usize = 256;
/// Full to four fifths: an entry that is not there is missed after some 13 steps, side by side in memory.
const FULL: (usize, usize) = (4, 5);
/// By a quarter: the memory is at least 64 % full.
const GROWTH: (usize, usize) = (5, 4);
const SMALLEST: usize = 8;

/// 96 bits of a hash, which with the eight that say its part are all that is kept: among a thousand million different hashes two are
/// taken for equal with a chance of about 10^-14. Zero is a free place.
type Entry = [u32; 3];
const FREE: Entry = [0; 3];

/// A set of hashes. An entry has 12 bytes, and 15 to 19 with the free places among them: 15 to 19 MB per million.
#[derive(Debug)]
pub(crate) struct Seen {
    parts: Vec<Part>,
}

/// An open table with linear steps. An entry's place grows with the entry, so that growing copies from front to back.
#[derive(Debug, Default)]
struct Part {
    places: Vec<Entry>,
    taken: usize,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { parts: (0..PARTS).map(|_| Part::default()).collect() }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.places.capacity() * size_of::<Entry>()).sum()
    }

    pub(crate) fn contains(&self, hash: u128) -> bool {
        let (part, entry) = locate(hash);
        self.parts.get(part).is_some_and(|part| part.find(entry).is_err())
    }

    /// Whether the hash is new.
    pub(crate) fn insert(&mut self, hash: u128) -> bool {
        let (part, entry) = locate(hash);
        let Some(part) = self.parts.get_mut(part) else { return false };
        let Ok(place) = part.find(entry) else { return false };
        part.set(place, entry);
        if part.taken * FULL.1 > part.places.len() * FULL.0 {
            part.grow();
        }
        true
    }

    /// Reads where the hashes would stand, so that memory brings them while others are read: one wait for many.
    pub(crate) fn warm(&self, hashes: &[u128]) {
        let mut sum = 0_u32;
        for hash in hashes {
            let (part, entry) = locate(*hash);
            if let Some(part) = self.parts.get(part) {
                let first = part.places.get(part.place(entry)).map_or(0, |[first, ..]| *first);
                sum = sum.wrapping_add(first);
            }
        }
        std::hint::black_box(sum);
    }
}

/// The part of a hash, by its lowest byte, and its entry, of its upper bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the hash is cut into pieces")]
fn locate(hash: u128) -> (usize, Entry) {
    let entry = [(hash >> 96) as u32, (hash >> 64) as u32, (hash >> 32) as u32];
    let part = usize::from(hash as u8);
    (part, if entry == FREE { [0, 0, 1] } else { entry })
}

impl Part {
    /// Where the entry belongs, if no other stood there.
    #[inline]
    fn place(&self, [first, second, _]: Entry) -> usize {
        let upper = u64::from(first) << 32 | u64::from(second);
        let place = u128::from(upper) * self.places.len() as u128 >> 64;
        usize::try_from(place).unwrap_or_default()
    }

    /// The place where it can be put, or `Err` if it is there. The places are never all taken.
    #[inline]
    fn find(&self, entry: Entry) -> Result<usize, ()> {
        let start = self.place(entry);
        let (front, back) = self.places.split_at_checked(start).unwrap_or_default();
        for (place, found) in (start..).zip(back).chain((0..).zip(front)) {
            if *found == FREE {
                return Ok(place);
            }
            if *found == entry {
                return Err(());
            }
        }
        Ok(0)
    }

    fn set(&mut self, place: usize, entry: Entry) {
        if self.places.is_empty() {
            self.places = vec![FREE; SMALLEST];
            return self.put(entry);
        }
        if let Some(free) = self.places.get_mut(place) {
            *free = entry;
            self.taken += 1;
        }
    }

    fn put(&mut self, entry: Entry) {
        if let Ok(place) = self.find(entry) {
            self.set(place, entry);
        }
    }

    fn grow(&mut self) {
        let places = (self.places.len() * GROWTH.0 / GROWTH.1).max(SMALLEST);
        let old = std::mem::replace(&mut self.places, vec![FREE; places]);
        self.taken = 0;
        for entry in old.into_iter().filter(|entry| *entry != FREE) {
            self.put(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::Seen;

    /// Scatters numbers over all bits.
    fn scattered(number: u64) -> u128 {
        u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_left(57)
    }

    #[test]
    fn a_million_hashes_take_less_than_19_megabytes() {
        let mut seen = Seen::new();
        for number in 0..1_000_000 {
            assert!(seen.insert(scattered(number)));
        }
        for number in (0..1_000_000).step_by(1000) {
            assert!(!seen.insert(scattered(number)));
            assert!(seen.contains(scattered(number)) && !seen.contains(scattered(number + 1_000_000)));
        }
        assert!((15_000_000..19_000_000).contains(&seen.bytes()), "{} bytes", seen.bytes());
    }

    proptest! {
        #[test]
        fn it_is_a_set(hashes in prop::collection::vec(prop_oneof![any::<u128>(), 0..50_u128, (0..50_u128).prop_map(|n| n << 64)], 0..500)) {
            // What differs only in the 24 bits that are not kept is the same.
            let mut set = HashSet::new();
            let mut seen = Seen::new();
            seen.warm(&hashes);
            for hash in hashes {
                let kept = (hash >> 32, hash as u8);
                let kept = if kept.0 == 0 { (1, kept.1) } else { kept };
                prop_assert_eq!(seen.contains(hash), set.contains(&kept));
                prop_assert_eq!(seen.insert(hash), set.insert(kept));
                prop_assert!(seen.contains(hash));
            }
        }
    }
}
