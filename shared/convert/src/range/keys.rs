//! Keys on their way out of a range: per candidate row the hashes by which it is compared with the rows of other ranges, in buckets by
//! hash. It does not know what becomes of them.
//!
//! A bucket's bytes are frames, one behind another, in any order and of any ranges. A frame (numbers little-endian):
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `LGKF` |
//! | 1 | version of the format and of the hashes, 1 |
//! | 2 | slots: what a row may be compared by |
//! | 2, 2 | buckets of the file, and which of them this is |
//! | 4 | entries |
//! | 4 | bytes of the entries, which follow |
//!
//! An entry is one hash of one row: `(rows since the entry before) * slots + slot` as a variable-length number (LEB128; the first entry's
//! rows are its row number), and 13 bytes of the hash. Entries are in the file's order, which costs less than sorting them by hash and
//! keeps two bytes for what says row and slot: 15 bytes per row and key.

use std::num::NonZeroU16;

use lakegate_contract::{Contract, ExactDuplicates, Metric};
use serde::{Deserialize, Serialize};

use crate::encode::write_varint;
use crate::judge::Findings;
use crate::unique::RowHashes;

pub(super) const FRAME_MAGIC: [u8; 4] = *b"LGKF";
/// To be changed with the format, and with how rows are hashed.
pub(super) const VERSION: u8 = 1;
pub(super) const HEADER_BYTES: usize = 4 + 1 + 2 + 2 + 2 + 4 + 4;
/// A bucket's entries become a frame when there are so many bytes of them: 4 MiB of open frames with the most buckets.
const FRAME_BYTES: usize = 16 * 1024;
/// Bytes of an entry, at most.
const ENTRY_BYTES_MAX: usize = 10 + HASH_BYTES;
/// Bytes of a frame's entries, at most.
pub(super) const FRAME_BYTES_MAX: usize = FRAME_BYTES + ENTRY_BYTES_MAX;
/// What is kept of a hash: as many bits as [`crate::seen::Seen`] keeps, and the very same.
pub(super) const HASH_BYTES: usize = 13;
/// The bytes of a hash that say its bucket, and its share of it.
const BUCKET_PLACE: usize = 8;
pub(super) const SHARE_PLACE: usize = 10;

/// A file has a bucket for each so many bytes: some hundred thousand rows, whose keys a small process compares.
const BUCKET_FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Buckets of a file, at most: more would make their pieces of each range small.
const BUCKETS_MAX: u16 = 256;

/// How the keys of a file's ranges are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPlan {
    /// Into so many buckets keys are divided by their hashes.
    pub buckets: NonZeroU16,
    /// Rules of the file count duplicate values: there is something to be counted once it is decided which rows lose.
    pub counts_duplicates: bool,
}

impl KeyPlan {
    /// `None` if the contract asks nothing that hangs on rows of other ranges.
    pub(crate) fn new(contract: &Contract, size_bytes: u64) -> Option<Self> {
        let slots = Slots::of(contract);
        let buckets = u16::try_from(size_bytes / BUCKET_FILE_BYTES).unwrap_or(u16::MAX).clamp(1, BUCKETS_MAX);
        let of = |buckets| Self { buckets, counts_duplicates: !slots.metrics.is_empty() };
        NonZeroU16::new(buckets).filter(|_| slots.count() > 0).map(of)
    }
}

/// Bytes of one bucket of keys, to be appended to what the range has of that bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChunk {
    /// The bucket, counted from 0.
    pub bucket: u16,
    /// The next bytes.
    pub bytes: Vec<u8>,
}

/// What the rows of a contract's files are compared by, numbered: the whole row, then each key, then each file rule that counts duplicates.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    pub(super) has_rows: bool,
    pub(super) keys: usize,
    /// The file rules, by their place in the contract.
    pub(super) metrics: Vec<usize>,
}

impl Slots {
    pub(super) fn of(contract: &Contract) -> Self {
        let is_counted = |metric: &Metric| match metric {
            Metric::DuplicateValues(_) => true,
            Metric::RowCount | Metric::NullValues(_) | Metric::MissingValues(..) | Metric::InvalidValues(..) => false,
        };
        let rules = contract.file_rules.iter().enumerate().filter(|(_, rule)| is_counted(&rule.metric));
        Self {
            has_rows: contract.policy.exact_duplicates == ExactDuplicates::Drop,
            keys: contract.keys.len(),
            metrics: rules.map(|(place, _)| place).collect(),
        }
    }

    /// Slots by which rows lose; those behind them are only counted.
    pub(super) fn deciding(&self) -> usize {
        usize::from(self.has_rows) + self.keys
    }

    pub(super) fn count(&self) -> usize {
        self.deciding() + self.metrics.len()
    }
}

/// Writes down the keys of a range's candidate rows.
#[derive(Debug)]
pub(crate) struct KeyWriter {
    slots: u16,
    buckets: Vec<Open>,
    frames: Vec<KeyChunk>,
    entries: u64,
}

/// A bucket's frame in the making.
#[derive(Debug, Default)]
struct Open {
    bytes: Vec<u8>,
    entries: u32,
    /// The last entry's row.
    row: u64,
}

impl KeyWriter {
    pub(crate) fn new(contract: &Contract, buckets: NonZeroU16) -> Self {
        Self {
            slots: u16::try_from(Slots::of(contract).count()).unwrap_or(u16::MAX),
            buckets: (0..buckets.get()).map(|_| Open::default()).collect(),
            frames: Vec::new(),
            entries: 0,
        }
    }

    /// Writes down the rows of a batch that broke no rule; `row_numbers` are those of its candidate rows.
    pub(crate) fn write(&mut self, hashes: &RowHashes, row_numbers: impl Iterator<Item = u64>, findings: &Findings) {
        for (row, number) in row_numbers.enumerate() {
            if findings.is_bad(row) {
                continue;
            }
            for (slot, hash) in hashes.of_row(row) {
                self.put(number, slot, hash);
            }
        }
    }

    fn put(&mut self, row: u64, slot: usize, hash: u128) {
        let kept = kept(hash);
        let bucket = share(kept, BUCKET_PLACE, self.buckets.len());
        let Some(open) = self.buckets.get_mut(bucket) else { return };
        write_varint((row - open.row) * u64::from(self.slots) + slot as u64, &mut open.bytes);
        open.bytes.extend_from_slice(&kept);
        open.row = row;
        open.entries += 1;
        self.entries += 1;
        if open.bytes.len() >= FRAME_BYTES {
            self.end_frame(bucket);
        }
    }

    fn end_frame(&mut self, bucket: usize) {
        let buckets = u16::try_from(self.buckets.len()).unwrap_or(u16::MAX);
        let Some(open) = self.buckets.get_mut(bucket) else { return };
        let Open { bytes: entries, entries: count, .. } = std::mem::take(open);
        if count == 0 {
            return;
        }
        let bucket = u16::try_from(bucket).unwrap_or(u16::MAX);
        let length = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + entries.len());
        bytes.extend_from_slice(&FRAME_MAGIC);
        bytes.push(VERSION);
        for number in [self.slots, buckets, bucket] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&entries);
        self.frames.push(KeyChunk { bucket, bytes });
    }

    /// What is ready.
    pub(crate) fn drain(&mut self) -> Vec<KeyChunk> {
        std::mem::take(&mut self.frames)
    }

    /// Ends all frames: no rows will come. How many hashes were written.
    pub(crate) fn end(&mut self) -> u64 {
        (0..self.buckets.len()).for_each(|bucket| self.end_frame(bucket));
        self.entries
    }
}

/// The bytes of a hash that are kept.
fn kept(hash: u128) -> [u8; HASH_BYTES] {
    let bytes = hash.to_be_bytes();
    let [.., last] = bytes;
    let mut kept = [last; HASH_BYTES];
    kept.iter_mut().zip(bytes).take(HASH_BYTES - 1).for_each(|(kept, byte)| *kept = byte);
    kept
}

/// A hash of which all that counts was kept.
pub(super) fn hash(kept: [u8; HASH_BYTES]) -> u128 {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(&kept).for_each(|(byte, kept)| *byte = *kept);
    let [.., kept] = kept;
    u128::from_be_bytes(bytes) >> 32 << 32 | u128::from(kept)
}

/// Which of `count` equal shares a hash belongs to, by two of its bytes from `place` on: behind those by which [`crate::seen::Seen`] places what
/// it keeps, so that it finds them spread.
pub(super) fn share(kept: [u8; HASH_BYTES], place: usize, count: usize) -> usize {
    let bytes = kept.get(place..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    (usize::from(u16::from_be_bytes(bytes)) * count) >> u16::BITS
}
