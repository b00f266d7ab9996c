//! What a worker that takes objects in must be told.
//! It must not know where that comes from.

use lakegate_lake::failure::Stage;

/// A worker's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The region's name, which events of our own have.
    pub region: String,
    /// Where everything that Lakegate writes goes, and the contracts come from.
    pub lake_bucket: String,
    /// Where failure records go.
    pub failures_queue_url: String,
    /// What failure records say of where they come from.
    pub stage: Stage,
    /// What to do with objects that no contract covers.
    pub unknown_datasets: UnknownDatasets,
    /// Most bytes of an object that is taken in by one worker.
    pub size_bytes_max: u64,
    /// What becomes of a bigger one.
    pub too_big: TooBig,
    /// How many threads convert.
    pub threads: usize,
    /// Most bytes that the outputs of one file may have in memory.
    pub held_bytes: usize,
}

impl Settings {
    /// What another worker handed to Glue is this one's to do.
    pub(crate) fn takes_heavy(&self) -> bool {
        match self.too_big {
            TooBig::HandOn { .. } => false,
            TooBig::Fail => true,
        }
    }
}

/// What to do with objects that no contract covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownDatasets {
    /// They are failures.
    Fail,
    /// They become tables of their own, by contracts drafted from them.
    Infer,
}

/// What becomes of objects that are too big for one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TooBig {
    /// Their events go to this queue, and from there to Glue.
    HandOn {
        /// The queue's URL.
        heavy_queue_url: String,
    },
    /// They are failures: there is nobody to hand them to.
    Fail,
}
