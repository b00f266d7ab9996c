//! The keys of one bucket, of all ranges: which rows share one. They are contested, and decided later; a row that shares none with any
//! other is accepted whatever becomes of the others. It does not decide, and knows no other bucket.
//!
//! What it finds (numbers little-endian):
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `LGKC` |
//! | 1 | version, 1 |
//! | 2 | slots |
//! | 2, 2 | buckets of the file, and which of them this is |
//! | 8 | keys that were compared |
//! | 8 | contested keys; if there are more than [`CONTESTED_MAX`], nothing follows |
//! | 8 | bytes of the groups, which follow |
//!
//! A group is the rows that share a key. Groups are numbered in the order in which they begin; a row is told by two variable-length numbers
//! (LEB128): its group's number and 1, and the row number. A group's beginning is 0, its slot, and the number of its first row.

use std::collections::HashMap;

use lakegate_contract::Contract;

use super::decide::CONTESTED_MAX;
use super::key_reader::{Entry, KeyReader, KeysError, read_varint, take};
use super::keys::{Slots, VERSION};
use crate::encode::write_varint;
use crate::seen::Seen;

const MAGIC: [u8; 4] = *b"LGKC";

/// Compares the keys of one bucket. For each pass push all of the bucket's files, of all ranges, in any order; then finish.
#[derive(Debug)]
pub struct Contest {
    reader: KeyReader,
    slots: usize,
    /// Per slot by which rows lose, the hashes so far.
    seen: Vec<Seen>,
    /// Hashes that came more than once, and the groups of their rows: what comes twice is looked at twice, so that a hash costs little that
    /// comes once.
    shared: HashMap<Key, Option<u64>>,
    /// The pass looks for the rows that share a hash; else for the hashes.
    is_telling: bool,
    groups: u64,
    contested: u64,
    bytes: Vec<u8>,
}

/// The halves of a hash, the lower one of which has room for the slot.
type Key = [u64; 2];

#[expect(clippy::cast_possible_truncation, reason = "the halves")]
const fn key(entry: &Entry) -> Key {
    [(entry.hash >> 64) as u64, entry.hash as u64 | (entry.slot as u64) << 8]
}

impl Contest {
    /// A contest of the contract's keys, of a bucket in as many shares as [`super::key_passes`] says.
    #[must_use]
    pub fn new(contract: &Contract, shares: u32) -> Self {
        let slots = Slots::of(contract);
        Self {
            reader: KeyReader::new(contract, shares),
            slots: slots.count(),
            seen: (0..slots.deciding()).map(|_| Seen::new()).collect(),
            shared: HashMap::new(),
            is_telling: false,
            groups: 0,
            contested: 0,
            bytes: Vec::new(),
        }
    }

    /// Begins a pass: all files are to be pushed then. False behind the last one. Each share takes one pass, and one more if there are rows
    /// that share a key.
    pub fn next_pass(&mut self) -> bool {
        self.seen.iter_mut().for_each(|seen| *seen = Seen::new());
        if !self.is_telling && !self.shared.is_empty() {
            self.is_telling = true;
            return self.reader.same_share();
        }
        self.is_telling = false;
        self.shared.clear();
        self.reader.next_share()
    }

    /// Takes the next bytes of the bucket, in pieces of any size.
    ///
    /// # Errors
    /// [`KeysError`] if they are not of this bucket.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), KeysError> {
        let Self { reader, seen, shared, groups, contested, bytes: told, .. } = self;
        if self.is_telling {
            return reader.read(bytes, |entries| {
                for entry in entries {
                    let Some(group) = shared.get_mut(&key(entry)) else { continue };
                    *contested += 1;
                    if *contested > CONTESTED_MAX {
                        *told = Vec::new();
                        continue;
                    }
                    if let Some(group) = group {
                        write_varint(*group + 1, told);
                    } else {
                        *group = Some(*groups);
                        *groups += 1;
                        write_varint(0, told);
                        write_varint(entry.slot as u64, told);
                    }
                    write_varint(entry.row, told);
                }
            });
        }
        reader.read(bytes, |entries| {
            for (slot, seen) in seen.iter_mut().enumerate() {
                seen.warm(entries.iter().filter(|entry| entry.slot == slot).map(|entry| entry.hash));
            }
            for entry in entries {
                if seen.get_mut(entry.slot).is_some_and(|seen| !seen.insert(entry.hash)) {
                    shared.insert(key(entry), None);
                }
            }
        })
    }

    /// What is contested, to be given to [`super::Decider::add`]: nothing if there were no keys.
    ///
    /// # Errors
    /// [`KeysError`] if bytes or passes are missing.
    pub fn finish(self) -> Result<Vec<u8>, KeysError> {
        let (bucket, keys) = self.reader.finish()?;
        if !self.shared.is_empty() {
            return Err(KeysError::Truncated);
        }
        let Some((bucket, buckets)) = bucket else { return Ok(Vec::new()) };
        let slots = u16::try_from(self.slots).unwrap_or(u16::MAX);
        Ok(write([slots, buckets, bucket], [keys, self.contested, self.bytes.len() as u64], &self.bytes))
    }
}

fn write(place: [u16; 3], counts: [u64; 3], groups: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(groups.len() + 64);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(VERSION);
    bytes.extend(place.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend(counts.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend_from_slice(groups);
    bytes
}

/// What a contest found.
#[derive(Debug)]
pub(super) struct Contested<'b> {
    pub(super) slots: usize,
    pub(super) bucket: u16,
    pub(super) keys: u64,
    /// Contested keys.
    pub(super) members: u64,
    groups: &'b [u8],
}

/// A row of a group.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// A new group of this slot.
    Begins { slot: usize },
    /// A row of the group of this number.
    Row { group: u64, row: u64 },
}

impl<'b> Contested<'b> {
    /// Takes what one contest found from the bytes of one or more.
    pub(super) fn read(bytes: &mut &'b [u8]) -> Result<Self, KeysError> {
        if take(bytes)? != MAGIC || take(bytes)? != [VERSION] {
            return Err(KeysError::NoKeys);
        }
        let mut number = || take(bytes).map(u16::from_le_bytes);
        let (slots, _, bucket) = (usize::from(number()?), number()?, number()?);
        let mut number = || take(bytes).map(u64::from_le_bytes);
        let (keys, members, length) = (number()?, number()?, number()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (groups, rest) = bytes.split_at_checked(length).ok_or(KeysError::Truncated)?;
        *bytes = rest;
        Ok(Self { slots, bucket, keys, members, groups })
    }

    /// Tells all rows of all groups.
    pub(super) fn tell(&self, mut take: impl FnMut(Told) -> Result<(), KeysError>) -> Result<(), KeysError> {
        let (mut bytes, mut groups) = (self.groups, 0);
        while !bytes.is_empty() {
            let code = read_varint(&mut bytes)?;
            if code == 0 {
                let slot = usize::try_from(read_varint(&mut bytes)?).unwrap_or(usize::MAX);
                take(Told::Begins { slot })?;
                groups += 1;
            }
            let group = if code == 0 { groups } else { code } - 1;
            take(Told::Row { group, row: read_varint(&mut bytes)? })?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{write, write_varint};

    /// What a contest of three slots tells in one of two buckets.
    pub(in super::super) fn told(bucket: u16, keys: u64, contested: u64, groups: &[&[u64]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        groups.iter().copied().flatten().for_each(|number| write_varint(*number, &mut bytes));
        write([3, 2, bucket], [keys, contested, bytes.len() as u64], &bytes)
    }
}
