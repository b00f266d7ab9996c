//! Numbers drawn by a seed: the same on every machine, because they are whole and nothing of the platform's is asked.
//! It must not know what they are drawn for.

/// What is drawn for one thing has nothing to do with what is drawn for another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Order = 1,
    Customer,
    Change,
    Turn,
    Product,
    Permutation,
}

/// `SplitMix64` (Steele, Lea and Flood 2014): small, and good enough for samples.
#[derive(Debug)]
pub(super) struct Random(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The numbers of one thing. They do not hang on those drawn before for others, so that any row can be made by itself.
    pub(super) fn of(seed: u64, stream: Stream, number: u64) -> Self {
        let base = mix(mix(seed ^ STEP).wrapping_add(stream as u64));
        Self(mix(base ^ number.wrapping_mul(0xD134_2543_DE82_EF95)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to `limit` - 1. That the first ones are drawn more often by `limit` / 2^64 is no matter.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// From `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// One of them; of none the default.
    pub(super) fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64);
        usize::try_from(index).ok().and_then(|index| from.get(index)).copied().unwrap_or_default()
    }
}

fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Draws an index by weights.
#[derive(Debug)]
pub(super) struct Weighted {
    /// The sum of the weights up to each one.
    sums: Vec<u64>,
}

impl Weighted {
    pub(super) fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let add = |sum: &mut u64, weight: u64| {
            *sum = sum.saturating_add(weight);
            Some(*sum)
        };
        Self { sums: weights.into_iter().scan(0, add).collect() }
    }

    /// Weights as popularity has them (Zipf's law, flattened at its top): few make most of it, and no one alone.
    pub(super) fn by_popularity(number: u64) -> Self {
        let flat = number / 50 + 2;
        Self::new((0..number).map(|rank| 1_000_000_000_000 / (rank + flat)))
    }

    pub(super) fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or_default()
    }

    pub(super) fn draw(&self, random: &mut Random) -> usize {
        self.at(random.below(self.total()))
    }

    /// The index in whose part of the whole a position below [`Self::total`] lies.
    pub(super) fn at(&self, position: u64) -> usize {
        self.sums.partition_point(|sum| *sum <= position).min(self.sums.len().saturating_sub(1))
    }

    /// Where the part of an index begins.
    pub(super) fn begin(&self, index: usize) -> u64 {
        index.checked_sub(1).and_then(|before| self.sums.get(before)).copied().unwrap_or_default()
    }
}

/// So many things change places: what is first is not what is called 1. `number` is at most [`Shuffled::MAX`].
#[derive(Debug)]
pub(super) struct Shuffled {
    number: u64,
    begin: u64,
}

impl Shuffled {
    /// A prime, and so without common factor with every smaller number: its multiples pass through all of these.
    const STRIDE: u64 = 7_368_787;
    pub(super) const MAX: u64 = 5_000_000;

    pub(super) fn new(seed: u64, number: u64) -> Self {
        Self { number: number.max(1), begin: Random::of(seed, Stream::Permutation, number).below(number) }
    }

    pub(super) fn place(&self, rank: usize) -> u64 {
        ((rank as u64 % self.number) * (Self::STRIDE % self.number) + self.begin) % self.number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_weight_of_nothing_is_never_drawn() {
        let weighted = Weighted::new([3, 0, 1]);
        assert_eq!([0, 1, 2, 3].map(|position| weighted.at(position)), [0, 0, 0, 2]);
        assert_eq!([0, 1, 2].map(|index| weighted.begin(index)), [0, 3, 3]);
    }

    #[test]
    fn every_place_is_taken_once() {
        for number in [1, 2, 7, 120, 5_000] {
            let shuffled = Shuffled::new(4, number);
            let places: BTreeSet<u64> =
                (0..usize::try_from(number).unwrap()).map(|rank| shuffled.place(rank)).collect();
            assert_eq!(places, (0..number).collect());
        }
    }

    #[test]
    fn neighbours_share_no_numbers() {
        let drawn: BTreeSet<u64> = (0..100)
            .flat_map(|number| {
                let mut random = Random::of(1, Stream::Order, number);
                [random.next(), random.next(), random.next()]
            })
            .collect();
        assert_eq!(drawn.len(), 300);
    }
}
