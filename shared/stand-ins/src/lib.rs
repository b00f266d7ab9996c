//! For tests: what stands in for AWS, of whose calls any one can be made to go wrong.
//! It must not know in which order anybody calls it, nor what for.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    clippy::new_without_default,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests use it, and a panic is how it tells them"
)]

mod bucket;
mod faults;
mod http;
mod s3;
mod services;

pub use bucket::{Bucket, Store};
pub use faults::{Fault, Faults};
pub use s3::S3;
pub use services::{Aws, CatalogContent};
