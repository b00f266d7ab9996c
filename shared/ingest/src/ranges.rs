//! One object in byte ranges, each converted by a process of its own, published as one: what those processes hand each other, and their steps.
//! It must not know who runs them, or how they hand on what they have.
//!
//! Nobody has the object in hand while its ranges are converted, which may take hours: what is uploaded is invisible. `begin` looks whether
//! there is anything to do, `publish` claims the object if there still is. So whatever is run twice, or at the same time, does no harm.

mod begin;
mod publish;
mod steps;

use std::sync::Arc;

use lakegate_contract::Contract;
use lakegate_convert::range::{Counted, Decided, KeyPlan, KeysError, Plan, RangeReport};
use lakegate_lake::LakeError;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::key::ObjectKey;
use lakegate_lake::ledger::Source;
use lakegate_lake::trace::Trace;
use serde::{Deserialize, Serialize};

use crate::conversion::ConversionError;
use crate::uploads::Left;

pub(crate) use publish::Converted;

pub use begin::{Begun, begin};
pub use publish::publish;
pub use steps::{convert, give_up, scan};

/// Version of what the processes hand each other.
const VERSION: u32 = 1;

/// An object that is to be converted in ranges, and all that its processes must know: also its contract, so that all go by the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RangesJob {
    version: u32,
    source: Source,
    /// The event's message.
    original: String,
    replaces: Option<String>,
    run_id: Option<String>,
    #[serde(default)]
    trace: Option<Trace>,
    /// When work on it began, RFC 3339, UTC.
    began_at: String,
    /// The contract's document.
    contract: String,
    plan: Plan,
}

/// What the conversion of a range came to: its report, and its files, which nobody sees yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConvertedRange {
    /// The range.
    pub range: usize,
    /// What the file's judgement is made of.
    pub report: RangeReport,
    #[serde(flatten)]
    left: Left,
}

/// What comparing the keys of all ranges came to.
#[derive(Debug, Clone, Default)]
pub struct ComparedKeys {
    /// What was decided; `None` where the contract does not compare rows of different ranges.
    pub decided: Option<Decided>,
    /// What was counted in each bucket.
    pub counted: Vec<Counted>,
}

/// Why a step came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RangesError {
    /// Reading, writing, or a service.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The conversion.
    #[error(transparent)]
    Conversion(#[from] ConversionError),
    /// Keys that do not fit together.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// What was handed on is not what this version hands on.
    #[error("this is work of another version of lakegate: {0}")]
    OtherVersion(String),
    /// What was handed on does not belong together.
    #[error("{0}")]
    OtherWork(String),
}

impl RangesJob {
    /// The plan of its ranges.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How the keys of its ranges are compared; `None` where they are not.
    #[must_use]
    pub fn keys(&self) -> Option<&KeyPlan> {
        self.plan.keys.as_ref()
    }

    /// Its contract.
    ///
    /// # Errors
    ///
    /// [`RangesError::OtherVersion`].
    pub fn contract(&self) -> Result<Arc<Contract>, RangesError> {
        if self.version != VERSION {
            return Err(RangesError::OtherVersion(format!("its jobs have version {}", self.version)));
        }
        match lakegate_contract::parse(&self.contract) {
            Ok(checked) => Ok(Arc::new(checked.contract)),
            Err(problems) => {
                let problem = problems.first().map(ToString::to_string).unwrap_or_default();
                Err(RangesError::OtherVersion(format!("it took a contract for valid that is not: {problem}")))
            }
        }
    }

    /// The trace of the event.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// The run that it is part of.
    #[must_use]
    pub fn run_id(&self) -> Option<&str> {
        self.run_id.as_deref()
    }

    /// The event that announced the object, of the version that was found.
    #[must_use]
    pub fn event(&self) -> ObjectEvent {
        let Source { bucket, key, version_id, etag, sequencer, size_bytes, .. } = self.source.clone();
        ObjectEvent {
            bucket,
            key: ObjectKey::as_given(&key),
            version_id,
            etag,
            size_bytes: Some(size_bytes),
            sequencer,
            original: self.original.clone(),
        }
    }
}

impl ConvertedRange {
    /// How many files wait to be published.
    #[must_use]
    pub fn files(&self) -> usize {
        self.left.files()
    }
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
pub(crate) mod tests;
