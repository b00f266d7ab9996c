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
//! (LEB128): its group's number and 1, and the row number. A group's beginning is 0, its slot, and the numbers of two of its rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use lakegate_contract::Contract;

use super::decide::CONTESTED_MAX;
use super::key_reader::{Entry, KeyReader, KeysError, read_varint, take};
use super::keys::{Slots, VERSION, hash};
use crate::encode::write_varint;

const MAGIC: [u8; 4] = *b"LGKC";

/// Compares the keys of one bucket. For each pass push all of the bucket's files, of all ranges, in any order; then finish.
#[derive(Debug)]
pub struct Contest {
    reader: KeyReader,
    found: Found,
}

#[derive(Debug)]
struct Found {
    slots: usize,
    /// Slots by which rows lose.
    deciding: usize,
    /// Who has a hash in a slot: see [`Owner`].
    owners: HashMap<[u64; 2], Owner>,
    groups: u64,
    contested: u64,
    bytes: Vec<u8>,
}

/// The one row that has a hash, or the group of those that do.
#[derive(Debug, Clone, Copy)]
struct Owner(u64);

/// As an [`Owner`] tells.
#[derive(Debug)]
enum Of {
    Row(u64),
    Group(u64),
}

impl Owner {
    const fn of(of: &Of) -> Self {
        match of {
            Of::Row(row) => Self(*row << 1),
            Of::Group(group) => Self(*group << 1 | 1),
        }
    }

    const fn get(self) -> Of {
        if self.0 & 1 == 0 { Of::Row(self.0 >> 1) } else { Of::Group(self.0 >> 1) }
    }
}

impl Contest {
    /// A contest of the contract's keys, in as many passes as [`super::key_passes`] says.
    #[must_use]
    pub fn new(contract: &Contract, passes: u32) -> Self {
        let slots = Slots::of(contract);
        let found = Found {
            slots: slots.count(),
            deciding: slots.deciding(),
            owners: HashMap::new(),
            groups: 0,
            contested: 0,
            bytes: Vec::new(),
        };
        Self { reader: KeyReader::new(contract, passes), found }
    }

    /// Begins a pass: all files are to be pushed then. False behind the last one.
    pub fn next_pass(&mut self) -> bool {
        self.found.owners.clear();
        self.reader.next_pass()
    }

    /// Takes the next bytes of the bucket, in pieces of any size.
    ///
    /// # Errors
    /// [`KeysError`] if they are not of this bucket.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), KeysError> {
        let found = &mut self.found;
        self.reader.read(bytes, |entry| found.add(entry))
    }

    /// What is contested, to be given to [`super::Decider::add`]: nothing if there were no keys.
    ///
    /// # Errors
    /// [`KeysError`] if bytes are missing.
    pub fn finish(self) -> Result<Vec<u8>, KeysError> {
        let (bucket, keys) = self.reader.finish()?;
        let Some((bucket, buckets)) = bucket else { return Ok(Vec::new()) };
        let Found { slots, contested, bytes: groups, .. } = self.found;
        let slots = u16::try_from(slots).unwrap_or(u16::MAX);
        Ok(write([slots, buckets, bucket], [keys, contested, groups.len() as u64], &groups))
    }
}

fn write(place: [u16; 3], counts: [u64; 3], groups: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(groups.len() + 64);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(VERSION);
    place.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    counts.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    bytes.extend_from_slice(groups);
    bytes
}

impl Found {
    fn add(&mut self, Entry { row, slot, hash: kept }: Entry) -> Result<(), KeysError> {
        if slot >= self.deciding {
            return Ok(());
        }
        let hash = hash(kept);
        #[expect(clippy::cast_possible_truncation, reason = "the halves; the lower one has room for the slot")]
        let halves = [(hash >> 64) as u64, hash as u64 | (slot as u64) << 8];
        match self.owners.entry(halves) {
            Place::Vacant(place) => {
                place.insert(Owner::of(&Of::Row(row)));
            }
            Place::Occupied(mut place) => match place.get().get() {
                Of::Row(first) if first == row => return Err(KeysError::Repeated { row }),
                Of::Row(first) => {
                    place.insert(Owner::of(&Of::Group(self.groups)));
                    self.groups += 1;
                    self.tell(2, &[0, slot as u64, first, row]);
                }
                Of::Group(group) => self.tell(1, &[group + 1, row]),
            },
        }
        Ok(())
    }

    fn tell(&mut self, contested: u64, numbers: &[u64]) {
        self.contested += contested;
        if self.contested > CONTESTED_MAX {
            self.bytes = Vec::new();
            return;
        }
        numbers.iter().for_each(|number| write_varint(*number, &mut self.bytes));
    }
}

/// What a contest found.
#[derive(Debug)]
pub(super) struct Contested<'b> {
    pub(super) slots: usize,
    pub(super) bucket: u16,
    pub(super) keys: u64,
    pub(super) contested: u64,
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
        let (keys, contested, length) = (number()?, number()?, number()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (groups, rest) = bytes.split_at_checked(length).ok_or(KeysError::Truncated)?;
        *bytes = rest;
        Ok(Self { slots, bucket, keys, contested, groups })
    }

    /// Tells all rows of all groups.
    pub(super) fn tell(&self, mut take: impl FnMut(Told) -> Result<(), KeysError>) -> Result<(), KeysError> {
        let (mut bytes, mut groups) = (self.groups, 0);
        while !bytes.is_empty() {
            let code = read_varint(&mut bytes)?;
            if code == 0 {
                let slot = usize::try_from(read_varint(&mut bytes)?).unwrap_or(usize::MAX);
                take(Told::Begins { slot })?;
                take(Told::Row { group: groups, row: read_varint(&mut bytes)? })?;
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
