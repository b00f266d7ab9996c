//! All outputs of one file, written and invisible, on their way to be published or given up.
//! It must not know what decides that.

use futures::{StreamExt, stream};
use lakegate_lake::upload::PendingObject;
use lakegate_lake::{LakeError, chain, ledger};

/// Outputs that are completed at once. A reader of the table may see some before the others either way; the fewer
/// round trips one after another, the shorter.
const COMPLETIONS_IN_FLIGHT: usize = 8;
/// The same of a file in ranges, which has many times as many.
const COMPLETIONS_OF_RANGES_IN_FLIGHT: usize = 32;

/// Why outputs were not published.
#[derive(Debug)]
pub(crate) struct Unpublished {
    /// The first error.
    pub(crate) error: LakeError,
    /// Some output of the table is visible, or may be.
    pub(crate) is_any_visible: bool,
}

/// The outputs of one file.
pub(crate) struct Outputs {
    /// With what the ledger is to say of each; of a file that is rejected nothing.
    table: Vec<(Option<ledger::Output>, PendingObject)>,
    rejects: Vec<PendingObject>,
    /// Another process wrote them, and may go on with them again.
    are_left: bool,
}

impl Outputs {
    pub(crate) fn new(table: Vec<(Option<ledger::Output>, PendingObject)>, rejects: Vec<PendingObject>) -> Self {
        Self { table, rejects, are_left: false }
    }

    /// The same, left by other processes.
    pub(crate) fn left(self) -> Self {
        Self { are_left: true, ..self }
    }

    /// Adds those of another range.
    pub(crate) fn extend(&mut self, others: Self) {
        self.table.extend(others.table);
        self.rejects.extend(others.rejects);
        self.are_left |= others.are_left;
    }

    /// The table's files, for the ledger.
    pub(crate) fn table(&self) -> Vec<ledger::Output> {
        self.table.iter().filter_map(|(output, _)| output.clone()).collect()
    }

    /// The keys of the rejected rows' files.
    pub(crate) fn rejects(&self) -> Vec<String> {
        self.rejects.iter().map(|pending| pending.key().to_owned()).collect()
    }

    /// Makes every output visible. All are tried; the first error is returned, and then the event comes again and
    /// writes the same names.
    pub(crate) async fn publish(self) -> Result<(), Unpublished> {
        let in_flight = self.in_flight();
        let tables = self.table.into_iter().map(|(_, pending)| (pending, true));
        let all = tables.chain(self.rejects.into_iter().map(|rejects| (rejects, false)));
        let publish = async |(pending, is_table): (PendingObject, bool)| (pending.publish().await, is_table);
        let mut published = stream::iter(all).map(publish).buffer_unordered(in_flight);
        let (mut outcome, mut is_any_visible) = (Ok(()), false);
        while let Some((one, is_table)) = published.next().await {
            // A request that failed for now may have been carried out, one that was refused was not.
            is_any_visible |= is_table && one.as_ref().map_or_else(LakeError::is_passing, |()| true);
            outcome = outcome.and(one);
        }
        outcome.map_err(|error| Unpublished { error, is_any_visible })
    }

    /// Makes the rejected rows visible and gives the table's outputs up.
    pub(crate) async fn publish_rejects_only(mut self) -> Result<(), LakeError> {
        let (rejects, in_flight) = (std::mem::take(&mut self.rejects), self.in_flight());
        self.abort().await;
        let mut published = stream::iter(rejects).map(PendingObject::publish).buffer_unordered(in_flight);
        let mut outcome = Ok(());
        while let Some(one) = published.next().await {
            outcome = outcome.and(one);
        }
        outcome
    }

    /// Gives every output up, unless another process may go on with them.
    pub(crate) async fn abandon(self) {
        if !self.are_left {
            self.abort().await;
        }
    }

    /// Gives every output up. What cannot be removed now, the bucket's lifecycle rule removes later.
    pub(crate) async fn abort(self) {
        let in_flight = self.in_flight();
        let all = self.table.into_iter().map(|(_, pending)| pending).chain(self.rejects);
        stream::iter(all).for_each_concurrent(in_flight, abort).await;
    }

    fn in_flight(&self) -> usize {
        if self.are_left { COMPLETIONS_OF_RANGES_IN_FLIGHT } else { COMPLETIONS_IN_FLIGHT }
    }
}

/// Gives an output up. What cannot be removed now, the bucket's lifecycle rule removes later.
pub(crate) async fn abort(pending: PendingObject) {
    if let Err(error) = pending.abort().await {
        tracing::warn!(error = chain(&error), "an unfinished upload stays until the lifecycle rule removes it");
    }
}
