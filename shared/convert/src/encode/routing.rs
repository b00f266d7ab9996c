//! Which rows of a batch go to which partition, side by side, so that each partition is written to once per batch and column.
//! It does not know columns.

/// The target of a row that goes to no partition, because it is rejected.
pub(crate) const NO_PARTITION: u32 = u32::MAX;

/// The rows of a batch that are written, partition by partition, in their order within each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Routing {
    rows: Vec<u32>,
    /// Per partition, where its rows end in `rows`.
    ends: Vec<usize>,
}

impl Routing {
    /// `targets` has a partition below `partitions` for every row, or [`NO_PARTITION`].
    pub(crate) fn new(targets: &[u32], partitions: usize) -> Self {
        let mut ends = vec![0; partitions];
        for target in targets {
            if let Some(count) = ends.get_mut(*target as usize) {
                *count += 1;
            }
        }
        // Counts to beginnings; filling moves each to its end.
        let mut written = 0;
        for place in &mut ends {
            written += std::mem::replace(place, written);
        }
        let mut rows = vec![0; written];
        for (row, target) in (0..).zip(targets) {
            let Some(place) = ends.get_mut(*target as usize) else { continue };
            if let Some(slot) = rows.get_mut(*place) {
                *slot = row;
            }
            *place += 1;
        }
        Self { rows, ends }
    }

    /// All rows, partition by partition.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Each partition's rows.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |end| self.rows.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default())
    }

    /// The rows that are wanted.
    pub(crate) fn filter(&self, is_wanted: impl Fn(usize) -> bool) -> Self {
        let mut rows = Vec::with_capacity(self.rows.len());
        let ends = self.partitions().map(|of_partition| {
            rows.extend(of_partition.iter().copied().filter(|row| is_wanted(*row as usize)));
            rows.len()
        });
        Self { ends: ends.collect(), rows }
    }
}

#[cfg(test)]
mod tests {
    use super::{NO_PARTITION, Routing};

    #[test]
    fn rows_stand_by_partition_in_their_order() {
        let routing = Routing::new(&[2, 0, NO_PARTITION, 2, 0, 2], 4);
        let partitions: Vec<&[u32]> = routing.partitions().collect();
        assert_eq!(partitions, [&[1, 4][..], &[], &[0, 3, 5], &[]]);
        assert_eq!(routing.rows(), [1, 4, 0, 3, 5]);
        let some = routing.filter(|row| row != 3 && row != 4);
        assert_eq!(some.partitions().collect::<Vec<_>>(), [&[1][..], &[], &[0, 5], &[]]);
    }
}
