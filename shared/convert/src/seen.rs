//! Which hashes have been there, in little memory.
//! It does not know what was hashed.

/// Parts that grow one by one, so that no growth needs the whole twice.
const PARTS: usize = 256;
/// Full to four fifths: an entry's place is found after some three steps, side by side in memory.
const FULL: (usize, usize) = (4, 5);
/// By a half: the memory is at least 53 % full, and an entry is copied twice on average.
const GROWTH: (usize, usize) = (3, 2);
const SMALLEST: usize = 8;

/// 96 bits of a hash, which with the eight that say its part are all that is kept: among a thousand million different hashes two are
/// taken for equal with a chance of about 10^-14. Zero is a free place.
type Entry = [u32; 3];
const FREE: Entry = [0; 3];

/// A set of hashes. An entry has 12 bytes, and 15 to 23 with the free places among them: 15 to 23 MB per million.
#[derive(Debug)]
pub(crate) struct Seen {
    parts: Vec<Part>,
}

/// Entries in ascending order, with free places among them. An entry stands at its own place or, where others stand, soon behind, so that
/// a step beyond it says that it is not there, and growing copies from front to back.
#[derive(Debug, Default)]
struct Part {
    places: Vec<Entry>,
    /// How many places entries have as their own; a few more may stand behind.
    span: usize,
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
        self.parts.get(part).is_some_and(|part| part.find(entry).is_ok())
    }

    /// Whether the hash is new.
    pub(crate) fn insert(&mut self, hash: u128) -> bool {
        let (part, entry) = locate(hash);
        let Some(part) = self.parts.get_mut(part) else { return false };
        let Err(place) = part.find(entry) else { return false };
        if (part.taken + 1) * FULL.1 > part.span * FULL.0 {
            part.grow();
            let place = part.find(entry).unwrap_or_else(|place| place);
            part.put(place, entry);
        } else {
            part.put(place, entry);
        }
        true
    }

    /// Reads where the hashes would stand, so that memory brings them while others are read: one wait for many.
    pub(crate) fn warm(&self, hashes: impl IntoIterator<Item = u128>) {
        let mut sum = 0_u32;
        for hash in hashes {
            let (part, entry) = locate(hash);
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
    /// The entry's own place, which grows with the entry.
    #[inline]
    fn place(&self, [first, second, _]: Entry) -> usize {
        let upper = u64::from(first) << 32 | u64::from(second);
        let place = (u128::from(upper) * self.span as u128) >> 64;
        usize::try_from(place).unwrap_or_default()
    }

    /// The place where it is, or `Err` with the one where it belongs.
    #[inline]
    fn find(&self, entry: Entry) -> Result<usize, usize> {
        let start = self.place(entry);
        let mut place = start;
        for found in self.places.get(start..).unwrap_or_default() {
            if *found >= entry || *found == FREE {
                return if *found == entry { Ok(place) } else { Err(place) };
            }
            place += 1;
        }
        Err(place)
    }

    /// Puts the entry where [`Part::find`] says that it belongs; those that stand there move up.
    fn put(&mut self, place: usize, entry: Entry) {
        let behind = self.places.get(place..).unwrap_or_default();
        let free = place + behind.iter().position(|found| *found == FREE).unwrap_or(behind.len());
        if free >= self.places.len() {
            // Not twice as much memory for one place more.
            self.places.reserve_exact(SMALLEST);
            self.places.push(FREE);
        }
        if let Some(moving) = self.places.get_mut(place..=free) {
            moving.rotate_right(1);
            if let Some(first) = moving.first_mut() {
                *first = entry;
                self.taken += 1;
            }
        }
    }

    fn grow(&mut self) {
        self.span = (self.span * GROWTH.0 / GROWTH.1).max(SMALLEST);
        let mut places = Vec::with_capacity(self.span + SMALLEST);
        for entry in std::mem::take(&mut self.places).into_iter().filter(|entry| *entry != FREE) {
            places.resize(places.len().max(self.place(entry)), FREE);
            places.push(entry);
        }
        places.resize(places.len().max(self.span), FREE);
        self.places = places;
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
    fn a_million_hashes_take_15_to_23_megabytes() {
        let mut seen = Seen::new();
        for number in 0..1_000_000 {
            assert!(seen.insert(scattered(number)));
        }
        for number in (0..1_000_000).step_by(1000) {
            assert!(!seen.insert(scattered(number)));
            assert!(seen.contains(scattered(number)) && !seen.contains(scattered(number + 1_000_000)));
        }
        assert!((15_000_000..23_000_000).contains(&seen.bytes()), "{} bytes", seen.bytes());
    }

    proptest! {
        #[test]
        fn it_is_a_set(hashes in prop::collection::vec(prop_oneof![any::<u128>(), 0..50_u128, (0..50_u128).prop_map(|n| n << 64)], 0..500)) {
            // What differs only in the 24 bits that are not kept is the same.
            let mut set = HashSet::new();
            let mut seen = Seen::new();
            seen.warm(hashes.iter().copied());
            for hash in hashes {
                let kept = (hash >> 32, hash & 0xff);
                let kept = if kept.0 == 0 { (1, kept.1) } else { kept };
                prop_assert_eq!(seen.contains(hash), set.contains(&kept));
                prop_assert_eq!(seen.insert(hash), set.insert(kept));
                prop_assert!(seen.contains(hash));
            }
        }
    }
}
