//! How many accepted rows have values that an accepted row above has, for the rules of the file that ask it: counted bucket by bucket, once
//! it is decided which rows lose. It does not decide.

use lakegate_contract::Contract;
use serde::{Deserialize, Serialize};

use super::decide::Decisions;
use super::key_reader::{Entry, KeyReader, KeysError};
use super::keys::Slots;
use crate::seen::Seen;

/// Counts in one bucket. For each pass push all of the bucket's files, of all ranges, in any order; then finish.
#[derive(Debug)]
pub struct DuplicateCount {
    reader: KeyReader,
    deciding: usize,
    counters: Vec<(Seen, u64)>,
    /// The rows that lose, ascending.
    lost: Vec<u64>,
}

/// What was counted in one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The bucket; `None` if there were no keys.
    pub bucket: Option<u16>,
    /// Keys that were read.
    pub keys: u64,
    /// Per rule of the contract that counts duplicates, in its order.
    pub duplicates: Vec<u64>,
}

impl DuplicateCount {
    /// A count for the contract's rules, of a bucket in as many shares as [`super::key_passes`] says.
    #[must_use]
    pub fn new(contract: &Contract, shares: u32, decisions: &Decisions) -> Self {
        let slots = Slots::of(contract);
        Self {
            reader: KeyReader::new(contract, shares),
            deciding: slots.deciding(),
            counters: slots.metrics.iter().map(|_| (Seen::new(), 0)).collect(),
            lost: decisions.lost_rows(),
        }
    }

    /// Begins a pass: all files are to be pushed then. False behind the last one.
    pub fn next_pass(&mut self) -> bool {
        self.counters.iter_mut().for_each(|(seen, _)| *seen = Seen::new());
        self.reader.next_share()
    }

    /// Takes the next bytes of the bucket, in pieces of any size.
    ///
    /// # Errors
    /// [`KeysError`] if they are not of this bucket.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), KeysError> {
        let Self { reader, deciding, counters, lost } = self;
        reader.read(bytes, |entries| {
            for Entry { row, slot, hash } in entries {
                let counter = slot.checked_sub(*deciding).and_then(|metric| counters.get_mut(metric));
                if let Some((seen, duplicates)) = counter
                    && lost.binary_search(row).is_err()
                    && !seen.insert(*hash)
                {
                    *duplicates += 1;
                }
            }
        })
    }

    /// What was counted, for [`super::judge`].
    ///
    /// # Errors
    /// [`KeysError`] if bytes are missing.
    pub fn finish(self) -> Result<Counted, KeysError> {
        let (bucket, keys) = self.reader.finish()?;
        let duplicates = self.counters.into_iter().map(|(_, duplicates)| duplicates).collect();
        Ok(Counted { bucket: bucket.map(|(bucket, _)| bucket), keys, duplicates })
    }
}
