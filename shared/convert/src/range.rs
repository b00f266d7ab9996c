//! Byte ranges of one file, each read by itself, that come to the very rows of the whole file: a plan of the ranges, a scan of each, their
//! scans resolved in order, a conversion of each, and one judgement of all. It does not know who reads which range, nor where.
//!
//! Which byte a record begins at hangs on everything before it: a quote may be open, and the line that a range begins in may be part of a
//! record, or a line of a record whose quotes are wrong. So nothing is decided within a range. A scan follows the file's own reader from
//! wherever it may stand at the range's beginning (outside and inside quotes, and so on): its chains of records, which soon become one.
//! What resolves the scans knows where the range before ends, takes the chain that begins there, and so knows where this one ends. If
//! there is none, the range is scanned once more, from that very place: chains are guessed, and what is taken of them is not.

mod chain;
mod contest;
mod count;
mod decide;
mod judged;
mod key_reader;
mod keys;
mod plan;
mod resolve;
mod scan;
mod track;

pub use chain::{Chain, Next, RowStart, Scan};
pub use contest::Contest;
pub use count::{Counted, DuplicateCount};
pub use decide::{CONTESTED_MAX, Decided, Decider, Decisions, RangeDecisions};
pub use judged::{Compared, RangeReport, judge};
pub use key_reader::{KeysError, key_passes};
pub use keys::{KeyChunk, KeyPlan};
pub use plan::{Beginning, Plan, Planner, Span, Uncuttable};
pub use resolve::{RangeWork, Resolution, resolve};
pub use scan::RangeScanner;

pub(crate) use keys::KeyWriter;
