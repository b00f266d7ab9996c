//! Settled batches on their way to the table, in portions whose ends hang on nothing but the rows.
//! It does not know how they are encoded.

use arrow::array::{Array, ArrayRef};
use arrow::error::ArrowError;

use crate::encode::Routing;
use crate::partition::PartitionKey;

/// Batches that a column encodes at once: few, so that they are still in the processor's cache.
const READY_BATCHES: usize = 4;
/// Row groups may end behind a group of batches: so many, or fewer if their arrays have so many bytes (objects in lists have far more of
/// them than of text). Fixed, because the bytes must not hang on anything but the rows.
const GROUP_BATCHES: usize = 16;
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// Batches whose rows have their partitions: a group in the making.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Those that were not handed on yet.
    batches: Vec<RoutedBatch>,
    /// Of all batches.
    count: usize,
    /// Of all batches' arrays.
    bytes: usize,
}

/// A batch's columns, as the table has them, and the partition of each row.
#[derive(Debug)]
pub(crate) struct RoutedBatch {
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) routing: Routing,
    /// Partitions that no batch before had.
    pub(crate) opened: Vec<PartitionKey>,
}

/// Batches to be encoded together.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) batches: Vec<RoutedBatch>,
    pub(crate) ends_group: bool,
}

impl Group {
    /// Adds a batch. Gives what is to be encoded now.
    pub(crate) fn push(&mut self, batch: RoutedBatch) -> Result<Option<Ready>, ArrowError> {
        for column in &batch.columns {
            self.bytes += column.to_data().get_slice_memory_size()?;
        }
        self.count += 1;
        self.batches.push(batch);
        let ends_group = self.count >= GROUP_BATCHES || self.bytes >= GROUP_BYTES;
        if ends_group {
            (self.count, self.bytes) = (0, 0);
        }
        Ok((ends_group || self.batches.len() >= READY_BATCHES)
            .then(|| Ready { batches: std::mem::take(&mut self.batches), ends_group }))
    }

    /// What is left: no batch will come.
    pub(crate) fn rest(&mut self) -> Ready {
        Ready { batches: std::mem::take(&mut self.batches), ends_group: false }
    }
}
