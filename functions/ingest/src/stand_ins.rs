//! Tests: what stands in for AWS, of whose calls any one can be made to go wrong.
//! They must not know in which order the function calls them.

mod bucket;
mod faults;
mod http;
mod s3;
mod services;

pub(crate) use bucket::{Bucket, Store};
pub(crate) use faults::{Fault, Faults};
pub(crate) use s3::S3;
pub(crate) use services::{Aws, CatalogContent};
