//! What an entry has to tell whoever follows the tables: that rows came, or left. An entry that takes the place of another one takes over
//! what that one may not have told.
//! It must not know how it is told.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use super::{Entry, State};
use crate::layout;

/// A function that dies between its commit and its notice has the message come again, which sends it: 24 receives in 5 hours and more
/// (`redelivery`, and `maxReceiveCount` in infra/template.yaml). For so long nobody knows whether an entry was told.
const UNTOLD_MAX: Duration = Duration::from_hours(6);

impl Entry {
    /// True when this entry changed what the tables show of its object: rows of it came, or left.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.state == State::Committed || !self.removed_paths.is_empty()
    }

    /// The entry that whoever follows the tables is to be told of: this one, or one before it that may not have been told.
    #[must_use]
    pub fn to_tell(&self) -> Option<&Self> {
        if self.is_change() { Some(self) } else { self.untold.as_deref() }
    }

    /// What whoever takes this entry's place has to tell, should the tables still show it then.
    pub(crate) fn untold_by_now(&self, now: SystemTime) -> Option<Box<Self>> {
        if !self.is_change() {
            return self.untold.clone();
        }
        let at = DateTime::parse_from_rfc3339(&self.at).ok();
        let since = DateTime::<Utc>::from(now.checked_sub(UNTOLD_MAX).unwrap_or(SystemTime::UNIX_EPOCH));
        let is_old = at.is_some_and(|at| at < since);
        (self.notice_pending || !is_old).then(|| Box::new(self.clone()))
    }

    /// Notes in the entry of an outcome what there is to tell: `before` is the one as it stood, of which all that stood is replaced or
    /// deleted, unless it is left.
    pub(crate) fn note_untold(&mut self, before: &Self, leaves_former: bool) {
        if !leaves_former {
            let own = self.dataset.as_deref().filter(|_| self.state == State::Committed);
            let is_gone = |path: &&String| layout::table_of(path).is_some_and(|(table, _)| Some(table) != own);
            self.removed_paths = before.kept_paths.iter().filter(is_gone).cloned().collect();
        }
        if !self.is_change() {
            self.untold.clone_from(&before.untold);
        }
        // Of a function's own outcome the message tells, which comes again where it dies before; a Glue run's does not.
        self.notice_pending = self.untold.is_some() || (self.is_change() && self.run_id.is_some());
    }
}
