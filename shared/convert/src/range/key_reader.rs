//! Keys of one bucket, read back from the frames of all ranges, a share of the hashes at a time.
//! It does not know what is done with them.

use lakegate_contract::Contract;

use super::keys::{FRAME_BYTES_MAX, FRAME_MAGIC, HEADER_BYTES, SHARE_PLACE, Slots, VERSION, hash, share};

/// Bytes of a bucket's files that are compared at a time; see [`key_passes`].
const SHARE_BYTES: u64 = 64 * 1024 * 1024;
/// Slots of a contract, so that a slot fits what is kept of it.
const SLOTS_MAX: usize = 1 << 16;

/// What is wrong with keys that are compared, or with what came of comparing them: something was lost, sent twice, or is of another file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Other bytes.
    #[error("these are no keys of this version of the engine")]
    NoKeys,
    /// Bytes are missing at the end.
    #[error("keys are cut off")]
    Truncated,
    /// Keys of another contract.
    #[error("keys are of another contract: of {found} values per row, and this one compares {expected}")]
    OtherContract {
        /// What the contract compares.
        expected: usize,
        /// What was compared by.
        found: usize,
    },
    /// Keys of several buckets, or of files that were divided otherwise, together.
    #[error("keys of bucket {found} of {found_of} are among those of bucket {expected} of {expected_of}")]
    OtherBucket {
        /// The bucket of the first keys.
        expected: u16,
        /// How many buckets those have.
        expected_of: u16,
        /// Another bucket.
        found: u16,
        /// How many buckets that has.
        found_of: u16,
    },
    /// A bucket was compared twice, or divided.
    #[error("bucket {bucket} came twice")]
    BucketTwice {
        /// The bucket, from 0.
        bucket: u16,
    },
    /// Keys are missing or too many.
    #[error("the ranges wrote {expected} keys, and {found} were compared")]
    Incomplete {
        /// What the ranges' reports say.
        expected: u64,
        /// What was compared.
        found: u64,
    },
    /// No or several reports of a range.
    #[error("range {range} has {reports} reports, and must have one")]
    Reports {
        /// The range.
        range: usize,
        /// Its reports.
        reports: usize,
    },
    /// A row of no range.
    #[error("row {row} is in no range")]
    OutsideRanges {
        /// The row's number, from 1.
        row: u64,
    },
    /// The contract compares rows of different ranges, and that was not done.
    #[error("the contract compares rows of different ranges, and they were not compared")]
    NotCompared,
    /// A range's report is not of a conversion with its decisions.
    #[error(
        "{lost} rows of range {range} have lost to rows above them, and {decided} are decided to: convert the range with its decisions"
    )]
    Undecided {
        /// The range.
        range: usize,
        /// Rows that lost in its conversion.
        lost: u64,
        /// Rows that must.
        decided: u64,
    },
}

/// Into how many shares a bucket of so many bytes is to be divided, to be compared one after another in less than 0.5 GB of memory.
#[must_use]
pub fn key_passes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(SHARE_BYTES)).unwrap_or(u32::MAX).max(1)
}

/// Reads a bucket, one share of its hashes after another.
#[derive(Debug)]
pub(super) struct KeyReader {
    slots: usize,
    shares: usize,
    /// The next share; the one before is being read.
    next: usize,
    /// The share is read again.
    is_again: bool,
    /// Bytes of a frame that is not there whole.
    rest: Vec<u8>,
    bucket: Option<(u16, u16)>,
    /// Keys that were handed on, each counted once.
    keys: u64,
    /// Room for a frame's entries.
    entries: Vec<Entry>,
}

/// One hash of one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) row: u64,
    pub(super) slot: usize,
    pub(super) hash: u128,
}

impl KeyReader {
    pub(super) fn new(contract: &Contract, shares: u32) -> Self {
        Self {
            slots: Slots::of(contract).count().min(SLOTS_MAX),
            shares: usize::try_from(shares).unwrap_or(usize::MAX).max(1),
            next: 0,
            is_again: false,
            rest: Vec::new(),
            bucket: None,
            keys: 0,
            entries: Vec::new(),
        }
    }

    /// Begins the next share, if there is one.
    pub(super) fn next_share(&mut self) -> bool {
        // What is cut off stays, to be told at the end.
        let is_begun = self.next < self.shares && self.rest.is_empty();
        self.next += usize::from(is_begun);
        self.is_again = false;
        is_begun
    }

    /// Begins to read the same share again.
    pub(super) fn same_share(&mut self) -> bool {
        self.is_again = true;
        self.rest.is_empty()
    }

    /// The bucket, if any keys came, and how many: no bytes will come.
    pub(super) fn finish(&self) -> Result<(Option<(u16, u16)>, u64), KeysError> {
        if !self.rest.is_empty() || self.next < self.shares {
            return Err(KeysError::Truncated);
        }
        Ok((self.bucket, self.keys))
    }

    /// Reads the next bytes, in pieces of any size, and hands the entries of this share on, frame by frame.
    pub(super) fn read(&mut self, bytes: &[u8], mut take: impl FnMut(&[Entry])) -> Result<(), KeysError> {
        self.rest.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.rest);
        let mut left = buffer.as_slice();
        while let Some(frame) = self.frame(&mut left)? {
            self.read_entries(frame)?;
            self.keys += if self.is_again { 0 } else { self.entries.len() as u64 };
            take(&self.entries);
        }
        self.rest.extend_from_slice(left);
        Ok(())
    }

    /// The next frame, if it is there whole.
    fn frame<'b>(&mut self, left: &mut &'b [u8]) -> Result<Option<Frame<'b>>, KeysError> {
        let mut bytes = *left;
        let there = bytes.len().min(FRAME_MAGIC.len());
        if bytes.get(..there) != FRAME_MAGIC.get(..there) {
            return Err(KeysError::NoKeys);
        }
        if bytes.len() < HEADER_BYTES {
            return Ok(None);
        }
        let _: [u8; 4] = take(&mut bytes)?;
        if take(&mut bytes)? != [VERSION] {
            return Err(KeysError::NoKeys);
        }
        let mut number = || take(&mut bytes).map(u16::from_le_bytes);
        let (slots, buckets, bucket) = (usize::from(number()?), number()?, number()?);
        let (entries, length) = (u32::from_le_bytes(take(&mut bytes)?), u32::from_le_bytes(take(&mut bytes)?));
        if slots != self.slots {
            return Err(KeysError::OtherContract { expected: self.slots, found: slots });
        }
        let (expected, expected_of) = *self.bucket.get_or_insert((bucket, buckets));
        if (bucket, buckets) != (expected, expected_of) {
            return Err(KeysError::OtherBucket { expected, expected_of, found: bucket, found_of: buckets });
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(KeysError::NoKeys);
        }
        let Some((entry_bytes, behind)) = bytes.split_at_checked(length) else { return Ok(None) };
        *left = behind;
        Ok(Some(Frame { entries, bytes: entry_bytes }))
    }

    /// Reads the entries of this share.
    fn read_entries(&mut self, frame: Frame<'_>) -> Result<(), KeysError> {
        let Frame { entries, mut bytes } = frame;
        let slots = self.slots as u64;
        let mut row = 0_u64;
        self.entries.clear();
        for _ in 0..entries {
            let code = read_varint(&mut bytes)?;
            row = row.checked_add(code.checked_div(slots).unwrap_or_default()).ok_or(KeysError::NoKeys)?;
            let slot = usize::try_from(code.checked_rem(slots).unwrap_or_default()).unwrap_or_default();
            let kept = take(&mut bytes)?;
            if self.shares == 1 || share(kept, SHARE_PLACE, self.shares) + 1 == self.next {
                self.entries.push(Entry { row, slot, hash: hash(kept) });
            }
        }
        if bytes.is_empty() { Ok(()) } else { Err(KeysError::NoKeys) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Frame<'b> {
    entries: u32,
    bytes: &'b [u8],
}

/// The next bytes.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], KeysError> {
    let (first, rest) = bytes.split_first_chunk().ok_or(KeysError::NoKeys)?;
    *bytes = rest;
    Ok(*first)
}

/// The next variable-length number.
pub(super) fn read_varint(bytes: &mut &[u8]) -> Result<u64, KeysError> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let [byte] = take(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(KeysError::NoKeys)
}
