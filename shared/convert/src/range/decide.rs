//! All contested rows of a file, in its order: which of them lose to rows above them, as one pass would have it.
//! It does not know keys' values or hashes, only which rows share one.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_contract::Contract;
use serde::{Deserialize, Serialize};

use super::contest::{Contested, Told};
use super::judged::RangeReport;
use super::key_reader::KeysError;
use super::keys::Slots;
use super::resolve::RangeWork;
use crate::{FileError, FileErrorKind};

/// Contested keys of a file, at most: 64 Mi, of which each takes 12 bytes while it is decided, and 8 if its row loses. A file that has more
/// is rejected.
pub const CONTESTED_MAX: u64 = 64 * 1024 * 1024;

/// What was decided of a file's contested rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions {
    /// What the file's judgement must know of it.
    pub decided: Decided,
    /// The ranges with rows that lose, which are to be converted again with their decisions.
    pub ranges: BTreeMap<usize, RangeDecisions>,
}

/// What a file's judgement must know of what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Keys that were compared.
    pub keys: u64,
    /// Rows that lose, by range.
    pub lost: BTreeMap<usize, u64>,
    /// Why the whole file is rejected: more is contested than can be decided.
    pub file_error: Option<FileError>,
}

/// The rows of a range that lose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeDecisions {
    /// By what they lose.
    pub(crate) lost: Vec<Lost>,
}

/// Rows that lose in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lost {
    /// The keys that they share with accepted rows above, as indices into the contract's keys. None: they are exact duplicates of one.
    pub(crate) keys: Vec<usize>,
    /// How far each is behind the one before; the first is a row number.
    pub(crate) steps: Vec<u64>,
}

impl Decisions {
    /// The numbers of all rows that lose, ascending.
    pub(crate) fn lost_rows(&self) -> Vec<u64> {
        let lists = self.ranges.values().flat_map(|range| &range.lost);
        let mut rows: Vec<u64> = lists.flat_map(Lost::rows).collect();
        rows.sort_unstable();
        rows
    }
}

impl Lost {
    /// The row numbers, ascending.
    pub(crate) fn rows(&self) -> impl Iterator<Item = u64> {
        self.steps.iter().scan(0_u64, |row, step| {
            *row = row.saturating_add(*step);
            Some(*row)
        })
    }
}

/// A row in a group: the halves of its number, and the group. In this order, the file's order.
type Member = [u32; 3];

/// Decides. Add what the contests of all buckets found, then finish.
#[derive(Debug)]
pub struct Decider<'w> {
    slots: Slots,
    work: &'w [RangeWork],
    /// What the ranges have written.
    written: u64,
    compared: u64,
    contested: u64,
    buckets: BTreeSet<u16>,
    members: Vec<Member>,
    /// The slot of each group.
    groups: Vec<u16>,
}

impl<'w> Decider<'w> {
    /// Of a file whose ranges' first conversions came to these reports.
    ///
    /// # Errors
    /// [`KeysError`] if a range has none, or several.
    pub fn new(contract: &Contract, work: &'w [RangeWork], reports: &[RangeReport]) -> Result<Self, KeysError> {
        let mut written = 0;
        for RangeWork { range, .. } in work {
            let of_range: Vec<&RangeReport> = reports.iter().filter(|report| report.range == *range).collect();
            let [report] = of_range.as_slice() else {
                return Err(KeysError::Reports { range: *range, reports: of_range.len() });
            };
            written += report.keys;
        }
        Ok(Self {
            slots: Slots::of(contract),
            work,
            written,
            compared: 0,
            contested: 0,
            buckets: BTreeSet::new(),
            members: Vec::new(),
            groups: Vec::new(),
        })
    }

    /// Adds what one contest found, or several: each whole, in any order.
    ///
    /// # Errors
    /// [`KeysError`] if it is not of this contract, or of a bucket that came before.
    pub fn add(&mut self, mut bytes: &[u8]) -> Result<(), KeysError> {
        while !bytes.is_empty() {
            let found = Contested::read(&mut bytes)?;
            if found.slots != self.slots.count() {
                return Err(KeysError::OtherContract { expected: self.slots.count(), found: found.slots });
            }
            if !self.buckets.insert(found.bucket) {
                return Err(KeysError::BucketTwice { bucket: found.bucket });
            }
            self.compared += found.keys;
            self.contested = self.contested.saturating_add(found.members);
            if self.contested > CONTESTED_MAX {
                (self.members, self.groups) = (Vec::new(), Vec::new());
            } else {
                self.add_groups(&found)?;
            }
        }
        Ok(())
    }

    fn add_groups(&mut self, found: &Contested<'_>) -> Result<(), KeysError> {
        let Self { slots, members, groups, .. } = self;
        let before = groups.len() as u64;
        found.tell(|told| {
            match told {
                Told::Begins { slot } => {
                    let of_row = u16::try_from(slot).ok().filter(|_| slot < slots.deciding());
                    groups.push(of_row.ok_or(KeysError::NoKeys)?);
                }
                Told::Row { group, row } => {
                    let group = group.saturating_add(before);
                    let group = u32::try_from(group).ok().filter(|_| group < groups.len() as u64);
                    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
                    members.push([(row >> 32) as u32, row as u32, group.ok_or(KeysError::NoKeys)?]);
                }
            }
            Ok(())
        })
    }

    /// Decides.
    ///
    /// # Errors
    /// [`KeysError`] if not all keys were compared that the ranges wrote.
    pub fn finish(mut self) -> Result<Decisions, KeysError> {
        if self.compared != self.written {
            return Err(KeysError::Incomplete { expected: self.written, found: self.compared });
        }
        let mut decided = Decided { keys: self.compared, lost: BTreeMap::new(), file_error: None };
        if self.contested > CONTESTED_MAX {
            decided.file_error = Some(too_many(self.contested));
            return Ok(Decisions { decided, ranges: BTreeMap::new() });
        }
        self.members.sort_unstable();
        let mut losers = Losers::new(self.work);
        let mut taken = vec![false; self.groups.len()];
        let mut shared: Vec<(usize, usize)> = Vec::new();
        for row in
            self.members.chunk_by(|[high, low, _], [next_high, next_low, _]| (high, low) == (next_high, next_low))
        {
            let Some([high, low, _]) = row.first() else { continue };
            shared.clear();
            for [.., group] in row {
                let group = usize::try_from(*group).unwrap_or(usize::MAX);
                shared.push((self.groups.get(group).copied().unwrap_or_default().into(), group));
            }
            if let Some(keys) = lost(&self.slots, &mut shared, &mut taken) {
                losers.add(u64::from(*high) << 32 | u64::from(*low), keys)?;
            }
        }
        decided.lost = losers.ranges.iter().map(|(range, (lost, _))| (*range, *lost)).collect();
        let ranges = losers.ranges.into_iter().map(|(range, (_, by_keys))| (range, by_keys.into())).collect();
        Ok(Decisions { decided, ranges })
    }
}

/// The keys by which a row loses, given the slots and groups of what it shares with others; none if it is an exact duplicate. `None`: it is
/// accepted, and takes what it has.
fn lost(slots: &Slots, shared: &mut [(usize, usize)], taken: &mut [bool]) -> Option<Vec<usize>> {
    shared.sort_unstable();
    let is_taken = |group: usize| taken.get(group).copied().unwrap_or_default();
    let first_key = usize::from(slots.has_rows);
    let mut of_taken = shared.iter().filter(|(_, group)| is_taken(*group)).map(|(slot, _)| *slot).peekable();
    if of_taken.peek().is_some() {
        // The whole row's slot is the first.
        let is_duplicate = of_taken.peek().is_some_and(|slot| *slot < first_key);
        return Some(if is_duplicate { Vec::new() } else { of_taken.map(|slot| slot - first_key).collect() });
    }
    for (_, group) in shared {
        if let Some(taken) = taken.get_mut(*group) {
            *taken = true;
        }
    }
    None
}

/// The rows that lose, by range and by the keys that they lose by.
#[derive(Debug)]
struct Losers<'w> {
    work: std::iter::Peekable<std::slice::Iter<'w, RangeWork>>,
    ranges: BTreeMap<usize, (u64, ByKeys)>,
}

#[derive(Debug, Default)]
struct ByKeys(BTreeMap<Vec<usize>, (u64, Vec<u64>)>);

impl<'w> Losers<'w> {
    fn new(work: &'w [RangeWork]) -> Self {
        Self { work: work.iter().peekable(), ranges: BTreeMap::new() }
    }

    /// Adds a row that is behind all before.
    fn add(&mut self, row: u64, keys: Vec<usize>) -> Result<(), KeysError> {
        while self.work.next_if(|work| work.first_row + work.rows <= row).is_some() {}
        let work = self.work.peek().filter(|work| work.first_row <= row).ok_or(KeysError::OutsideRanges { row })?;
        let (lost, by_keys) = self.ranges.entry(work.range).or_default();
        let (before, steps) = by_keys.0.entry(keys).or_default();
        *lost += 1;
        steps.push(row - *before);
        *before = row;
        Ok(())
    }
}

impl From<ByKeys> for RangeDecisions {
    fn from(by_keys: ByKeys) -> Self {
        Self { lost: by_keys.0.into_iter().map(|(keys, (_, steps))| Lost { keys, steps }).collect() }
    }
}

fn too_many(contested: u64) -> FileError {
    let message = format!(
        "{contested} keys are shared by several rows of the file, and at most {CONTESTED_MAX} can be decided across its ranges: split the \
         file, or ask for fewer unique columns, keys and dropped duplicates in the contract"
    );
    FileError { kind: FileErrorKind::TooManyKeys, message, line: None }
}

#[cfg(test)]
mod tests {
    use lakegate_contract::{Contract, Violations};

    use super::super::contest::tests::told;
    use super::{CONTESTED_MAX, Decider, Lost, RangeReport, RangeWork};
    use crate::Counts;

    fn contract() -> Contract {
        let document = r"{apiVersion: v3.2.0, kind: DataContract, id: d, version: 1.0.0,
            servers: [{server: landing, type: s3, location: 's3://*/d/*.csv', format: csv}],
            schema: [{name: d, logicalType: object, properties: [
                {name: id, logicalType: string, unique: true}, {name: code, logicalType: string, unique: true}],
                customProperties: [{property: exactDuplicates, value: drop, vendor: lakegate}]}]}";
        lakegate_contract::parse(&format!("---\n{document}")).unwrap().contract
    }

    fn range(range: usize, first_row: u64, keys: u64) -> (RangeWork, RangeReport) {
        let (begin, end, rows) = (first_row * 10, first_row * 10 + 100, 10);
        let counts = Counts { read: 10, accepted: 10, ..Counts::default() };
        let report = RangeReport {
            range,
            counts,
            violations: Violations::new(),
            warnings: Violations::new(),
            file_rules: Vec::new(),
            file_error: None,
            partitions: Vec::new(),
            rejects: None,
            first_rejects: Vec::new(),
            keys,
            lost: 0,
        };
        let (start, line, fails, key_buckets) = (None, first_row + 1, false, None);
        (RangeWork { range, begin, start, first_row, line, rows, end, fails, key_buckets }, report)
    }

    #[test]
    fn a_row_loses_as_a_duplicate_before_it_loses_by_its_keys_and_by_all_keys_at_once() {
        let ((a, of_a), (b, of_b)) = (range(0, 1, 30), range(2, 11, 30));
        let work = [a, b];
        let mut decider = Decider::new(&contract(), &work, &[of_b, of_a]).unwrap();
        // Row 12 is row 3 again; rows 13, 14 and 20 have its id, and 13 and 20 the code of row 4.
        let groups: [&[u64]; 6] =
            [&[0, 0, 12, 1, 3], &[0, 1, 3, 2, 13], &[2, 12, 2, 20], &[0, 2, 13, 3, 4], &[3, 20], &[2, 14]];
        decider.add(&told(1, 40, 10, &groups)).unwrap();
        // Row 15 has the code of row 14, which loses.
        decider.add(&told(0, 20, 2, &[&[0, 2, 15, 1, 14]])).unwrap();
        let decisions = decider.finish().unwrap();
        let lost = |keys: &[usize], steps: &[u64]| Lost { keys: keys.to_vec(), steps: steps.to_vec() };
        assert_eq!(decisions.ranges.keys().copied().collect::<Vec<_>>(), [2]);
        assert_eq!(decisions.ranges[&2].lost, [lost(&[], &[12]), lost(&[0], &[14]), lost(&[0, 1], &[13, 7])]);
        assert_eq!(decisions.lost_rows(), [12, 13, 14, 20]);
        assert_eq!(decisions.decided.lost.into_iter().collect::<Vec<_>>(), [(2, 4)]);
    }

    #[test]
    fn a_file_with_more_contested_rows_than_can_be_decided_is_rejected() {
        let (work, report) = range(0, 1, 9);
        let work = [work];
        let mut decider = Decider::new(&contract(), &work, &[report]).unwrap();
        decider.add(&told(0, 5, 2, &[&[0, 0, 1, 1, 2]])).unwrap();
        decider.add(&told(1, 4, CONTESTED_MAX - 1, &[])).unwrap();
        let decisions = decider.finish().unwrap();
        assert!(decisions.ranges.is_empty());
        assert_eq!(
            decisions.decided.file_error.unwrap().message,
            "67108865 keys are shared by several rows of the file, and at most 67108864 can be decided across its ranges: split the file, or ask \
             for fewer unique columns, keys and dropped duplicates in the contract"
        );
    }
}
