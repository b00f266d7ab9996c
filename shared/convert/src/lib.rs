//! The engine: the bytes of a file in, accepted rows as Parquet and rejected rows with their reasons out, as a contract judges them.
//! Pure: it never sees AWS, a file system, the environment or the clock; whoever drives it brings bytes and takes bytes away.
//!
//! ```
//! # use std::sync::Arc;
//! # use lakegate_convert::{Converter, Reading, Source};
//! # fn convert(contract: lakegate_contract::Contract) -> Result<(), lakegate_convert::ConvertError> {
//! let source = Source { bucket: "raw".into(), key: "orders/a.csv".into(), version: None };
//! let mut converter = Converter::new(Arc::new(contract), source)?;
//! for bytes in [&b"order_id,quantity\nO1,"[..], b"3\n"] {
//!     if converter.push(bytes)? == Reading::Enough {
//!         break; // the file is rejected as a whole: no more bytes are needed
//!     }
//!     for chunk in converter.drain() {
//!         // append chunk.bytes to what belongs to chunk.output, still invisible to readers
//!     }
//! }
//! let judgement = converter.finish()?;
//! let last = converter.drain();
//! # Ok(())
//! # }
//! ```
//!
//! Memory does not grow with the file: a group of batches, the open pages of all partitions and the encoded row groups have fixed
//! bounds. Keys are the exception (unique columns, the primary key, dropped duplicates, counted duplicates): 15 to 23 bytes per accepted row
//! and key, up to [`KEYS_BYTES_MAX`]. Of a file that is cut into ranges ([`range`]) only rows that share a key are held.

mod check;
mod converter;
mod csv;
mod decode;
mod derive;
mod encode;
mod error;
mod file_rules;
mod files;
mod group;
mod hash;
mod infer;
mod json;
mod judge;
mod judgement;
mod left_out;
mod names;
mod nested;
mod parse;
mod partition;
pub mod range;
mod reader;
mod records;
mod rejects;
mod rescue;
mod row_rules;
mod schedule;
mod schema;
mod seen;
mod settle;
mod table;
mod unique;
mod workers;

pub use converter::{Chunk, Converter, FIRST_REJECTS, KEYS_BYTES_MAX, Output, Reading, Source};
pub use error::ConvertError;
pub use infer::{Draft, InferError, Inference, Naming};
pub use judgement::{Counts, FileError, FileErrorKind, Judgement, Partition, RejectedAt, Rejects, Verdict};
pub use rejects::schema as rejects_schema;
pub use schema::table_schema;
