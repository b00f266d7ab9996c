//! The places of a few bytes in a text: of 64 bytes at once, one bit each.
//! It does not know what the bytes mean.

/// Bytes that are looked at together: one bit each in a word.
const BLOCK_BYTES: usize = 64;

/// Finds, in order, every place where one of `N` bytes stands.
#[derive(Debug)]
pub(super) struct Specials<'a, const N: usize> {
    wanted: [u8; N],
    blocks: std::slice::Iter<'a, [u8; BLOCK_BYTES]>,
    tail: &'a [u8],
    /// Where the block stands that `found` belongs to.
    base: usize,
    /// Where the next block stands.
    next_base: usize,
    /// Places in the block that are not handed out yet, the lowest bit first.
    found: u64,
}

impl<'a, const N: usize> Specials<'a, N> {
    /// Looks through `bytes` from `start` on.
    pub(super) fn new(wanted: [u8; N], bytes: &'a [u8], start: usize) -> Self {
        let (blocks, tail) = bytes.get(start..).unwrap_or_default().as_chunks();
        Self { wanted, blocks: blocks.iter(), tail, base: start, next_base: start, found: 0 }
    }

    #[inline]
    fn load(&mut self) -> Option<()> {
        self.base = self.next_base;
        if let Some(block) = self.blocks.next() {
            self.found = places(self.wanted, block);
            self.next_base += BLOCK_BYTES;
            return Some(());
        }
        self.load_tail()
    }

    #[cold]
    fn load_tail(&mut self) -> Option<()> {
        let tail = std::mem::take(&mut self.tail);
        if tail.is_empty() {
            return None;
        }
        let mut block = [0; BLOCK_BYTES];
        block.iter_mut().zip(tail).for_each(|(place, byte)| *place = *byte);
        // What is behind the tail is no text.
        self.found = places(self.wanted, &block) & ((1 << tail.len()) - 1);
        self.next_base += tail.len();
        Some(())
    }
}

impl<const N: usize> Iterator for Specials<'_, N> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.load()?;
        }
        let place = self.base + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(place)
    }
}

/// One bit per byte of the block, the first byte's lowest. Compilers make vector instructions of it on every target.
#[inline]
fn places<const N: usize>(wanted: [u8; N], block: &[u8; BLOCK_BYTES]) -> u64 {
    let mut hits = [0_u8; BLOCK_BYTES];
    for (hit, byte) in hits.iter_mut().zip(block) {
        *hit = wanted.iter().fold(0, |hit, wanted| hit | u8::from(byte == wanted));
    }
    let (words, _) = hits.as_chunks::<8>();
    let mut places = 0;
    for word in words.iter().rev() {
        // Every byte is 0 or 1: the product's top byte has the eight of them side by side.
        places = places << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Specials;

    proptest! {
        #[test]
        fn every_place_is_found_in_order(bytes in proptest::collection::vec(0_u8..6, 0..300), start in 0_usize..80) {
            let found: Vec<usize> = Specials::new([0, 2, 4], &bytes, start).collect();
            let expected: Vec<usize> =
                (start..bytes.len()).filter(|place| [0, 2, 4].contains(&bytes[*place])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
