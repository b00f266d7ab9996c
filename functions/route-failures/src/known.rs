//! Failures that this process has dealt with: told once, kept once, however often their messages come.
//! It must not know how a failure is kept or told. Another process knows nothing of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The oldest failures are forgotten beyond these: two full batches, some 10 MB at most.
const KNOWN_MAX: usize = 20_000;

/// How far a failure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Progress {
    /// It is in the dead-letter queue.
    Kept,
    /// And somebody was told.
    Told,
}

/// The failures of the last batches, by their identity.
#[derive(Debug, Default)]
pub(crate) struct Known {
    progress: BTreeMap<Arc<str>, Progress>,
    oldest_first: VecDeque<Arc<str>>,
}

impl Known {
    /// How far a failure has come; `None` for a new one.
    pub(crate) fn progress(&self, identity: &str) -> Option<Progress> {
        self.progress.get(identity).copied()
    }

    /// Notes how far a failure has come.
    pub(crate) fn note(&mut self, identity: &str, progress: Progress) {
        if let Some(known) = self.progress.get_mut(identity) {
            *known = progress;
            return;
        }
        let identity: Arc<str> = identity.into();
        self.progress.insert(Arc::clone(&identity), progress);
        self.oldest_first.push_back(identity);
        if self.oldest_first.len() > KNOWN_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.progress.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_failures_are_forgotten_first() {
        let mut known = Known::default();
        for number in 0..=KNOWN_MAX {
            known.note(&number.to_string(), Progress::Kept);
        }
        known.note("1", Progress::Told);
        assert_eq!((known.progress("0"), known.progress("1")), (None, Some(Progress::Told)));
        assert_eq!((known.progress.len(), known.oldest_first.len()), (KNOWN_MAX, KNOWN_MAX));
    }
}
