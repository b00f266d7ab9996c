//! `unique`: among rows that break no other rule the first wins, later ones break it.
//! It keeps hashes, not values: 16 bytes a value and about as much table.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use lakegate_contract::{ColumnType, Contract, IntegerWidth, Rule};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::judge::Findings;

/// The values of accepted rows, per unique column.
#[derive(Debug)]
pub(crate) struct Uniqueness {
    seen: Vec<(usize, HashSet<u128, BuildHasherDefault<Folded>>)>,
}

impl Uniqueness {
    pub(crate) fn new(contract: &Contract) -> Self {
        let columns = contract.keys.iter().filter_map(|key| key.columns.first());
        Self { seen: columns.map(|column| (*column, HashSet::default())).collect() }
    }

    /// Judges the rows in order. Nulls are never equal (as in SQL). A row that breaks any rule reserves no value.
    pub(crate) fn judge(
        &mut self,
        contract: &Contract,
        arrays: &[Option<ArrayRef>],
        rows: usize,
        findings: &mut Findings,
    ) {
        if self.seen.is_empty() {
            return;
        }
        for row in (0..rows).filter(|row| !findings.is_bad(*row)).collect::<Vec<_>>() {
            let mut hashes = Vec::with_capacity(self.seen.len());
            for (column, seen) in &self.seen {
                let hash = hash_of(contract, arrays, *column, row);
                if hash.is_some_and(|hash| seen.contains(&hash)) {
                    findings.add(row, *column, Rule::Unique);
                }
                hashes.push(hash);
            }
            if !findings.is_bad(row) {
                for ((_, seen), hash) in self.seen.iter_mut().zip(hashes) {
                    seen.extend(hash);
                }
            }
        }
    }
}

/// 128 bits of a keyed hash: among a thousand million values two collide with a chance of about 10^-21.
fn hash_of(contract: &Contract, arrays: &[Option<ArrayRef>], column: usize, row: usize) -> Option<u128> {
    let array = arrays.get(column)?.as_ref().filter(|array| array.is_valid(row))?;
    let mut hasher = SipHasher13::new();
    match &contract.columns.get(column)?.column_type {
        ColumnType::String => array.as_string::<i32>().value(row).hash(&mut hasher),
        ColumnType::Integer(IntegerWidth::I8) => array.as_primitive::<Int8Type>().value(row).hash(&mut hasher),
        ColumnType::Integer(IntegerWidth::I16) => array.as_primitive::<Int16Type>().value(row).hash(&mut hasher),
        ColumnType::Integer(IntegerWidth::I32) => array.as_primitive::<Int32Type>().value(row).hash(&mut hasher),
        ColumnType::Integer(IntegerWidth::I64) => array.as_primitive::<Int64Type>().value(row).hash(&mut hasher),
        ColumnType::Decimal { .. } => array.as_primitive::<Decimal128Type>().value(row).hash(&mut hasher),
        // Adding zero makes -0.0 and 0.0, which are equal, the same bits.
        ColumnType::Double => (array.as_primitive::<Float64Type>().value(row) + 0.0).to_bits().hash(&mut hasher),
        ColumnType::Boolean => array.as_boolean().value(row).hash(&mut hasher),
        ColumnType::Date(_) => array.as_primitive::<Date32Type>().value(row).hash(&mut hasher),
        ColumnType::Timestamp(_) => array.as_primitive::<TimestampMicrosecondType>().value(row).hash(&mut hasher),
        // The contract's parser lets no key stand on them.
        ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => return None,
    }
    Some(hasher.finish128().as_u128())
}

/// The keys are hashes already: their low half is the table's hash.
#[derive(Debug, Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let low = bytes.first_chunk().copied().unwrap_or_default();
        self.0 = u64::from_le_bytes(low);
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are enough to find a bucket")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
