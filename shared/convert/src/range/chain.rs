//! What a scan of a range finds: chains of records, each from one place where the first record may begin to the first one behind the range.
//! Small, and made to be sent around. It does not know how they are found.

use serde::{Deserialize, Serialize};

use crate::json::JsonState;

/// What was found in one range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// The range, as an index into the plan's ranges.
    pub range: usize,
    /// The chains, each with another entry; none if no record can begin in the range.
    pub chains: Vec<Chain>,
}

/// Rows of a range, one behind another, if the first is the one that it begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The first row that begins in the range; `None` is where the file's rows begin, known without doubt, whether or not a row follows.
    pub entry: Option<RowStart>,
    /// Rows that begin in the range, from there on.
    pub rows: u64,
    /// Physical lines from the entry to the next row.
    pub lines: u64,
    /// What comes behind them.
    pub next: Next,
}

/// What comes behind the rows of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// A row that begins in another range.
    Row(RowStart),
    /// The end of the file.
    End,
    /// The file cannot be read further: it is rejected. The conversion of this range says why.
    Error,
}

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowStart {
    /// The file's offset of its first byte.
    pub offset: u64,
    /// What else its reading hangs on, where that is not as at the beginning of a line among others (JSON only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<JsonState>,
}

impl RowStart {
    pub(crate) const fn new(offset: u64) -> Self {
        Self { offset, state: None }
    }

    pub(crate) fn with_state(offset: u64, state: JsonState) -> Self {
        Self { offset, state: Some(state).filter(|state| *state != JsonState::default()) }
    }
}
