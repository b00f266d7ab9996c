//! Scans of all ranges to what each has to convert, in the file's order.
//! Pure: it does not read the file.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Next, RowStart, Scan};
use super::plan::Plan;

/// What a range has to convert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeWork {
    /// The range, as an index into the plan's ranges.
    pub range: usize,
    /// The file's offset of the first byte to be read.
    pub begin: u64,
    /// The row there; `None` where the file's rows begin.
    pub start: Option<RowStart>,
    /// The number of the first row that begins there, from 1.
    pub first_row: u64,
    /// The physical line there, from 1.
    pub line: u64,
    /// Rows that begin in the range.
    pub rows: u64,
    /// The offset of the first row behind them; the file's size if there is none.
    pub end: u64,
    /// The file cannot be read behind these rows: the range's conversion says why, and nothing behind it counts.
    pub fails: bool,
    /// Into so many buckets the range's keys are written; `None` where they are not compared with those of other ranges.
    pub(crate) key_buckets: Option<NonZeroU16>,
}

/// What came of the scans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The ranges that have rows, or the reason why the file cannot be read, in order. At least one, unless the plan has none.
    Work(Vec<RangeWork>),
    /// None of the scans of this range begins where it does: scan it again, from there, and resolve with that scan too.
    ScanAgain {
        /// The range.
        range: usize,
        /// Its first row; `None` if it is the range where the file's rows begin, and was not scanned at all.
        start: Option<RowStart>,
    },
}

/// Resolves the scans of all ranges; there may be several of one range, in any order.
#[must_use]
pub fn resolve(plan: &Plan, scans: &[Scan]) -> Resolution {
    let mut work: Vec<RangeWork> = Vec::new();
    // Where the next row begins; at first where the file's rows do.
    let mut start: Option<RowStart> = None;
    let key_buckets = plan.keys.map(|keys| keys.buckets);
    let (mut first_row, mut line) = (1, plan.beginning.line());
    for (range, span) in plan.ranges.iter().enumerate() {
        let offset = start.map_or(plan.beginning.offset(), |start| start.offset);
        let is_last = range + 1 == plan.ranges.len();
        if offset >= span.end && !(is_last && start.is_none()) {
            continue;
        }
        let Some(chain) = chain(scans, range, start) else {
            return Resolution::ScanAgain { range, start };
        };
        let (end, fails) = match &chain.next {
            Next::Row(next) => (next.offset, false),
            Next::End => (plan.size_bytes, false),
            Next::Error => (plan.size_bytes, true),
        };
        work.push(RangeWork {
            range,
            begin: offset,
            start,
            first_row,
            line,
            rows: chain.rows,
            end,
            fails,
            key_buckets,
        });
        first_row += chain.rows;
        line += chain.lines;
        match &chain.next {
            Next::Row(next) => start = Some(*next),
            Next::End | Next::Error => break,
        }
    }
    Resolution::Work(work)
}

fn chain(scans: &[Scan], range: usize, entry: Option<RowStart>) -> Option<&Chain> {
    let of_range = scans.iter().filter(|scan| scan.range == range);
    of_range.flat_map(|scan| &scan.chains).find(|chain| chain.entry == entry)
}
