//! What stands in for AWS in tests: S3, Glue, SQS and SNS over HTTP, with the clients to them; any call can be made to go wrong.
//! It must not know who calls, in which order, or what for. Only tests depend on it.
#![allow(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod athena;
mod bucket;
mod catalog;
mod faults;
mod http;
mod queues;
mod runs;
mod s3;
mod seeds;
mod services;
mod warehouse;

pub use athena::{AthenaContent, Ending};
pub use bucket::{Bucket, Store};
pub use catalog::CatalogContent;
pub use faults::{Fault, Faults};
pub use runs::Run;
pub use s3::S3;
pub use seeds::{Dice, Seeds, is_thorough, on_threads};
pub use services::Aws;
pub use warehouse::{Batch, WarehouseContent};

/// A contract for `orders/`: of two columns, the second one the partitions', and half of the rows may be bad.
pub const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
servers:
  - {server: landing, type: s3, location: 's3://*/orders/**', format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: region, logicalType: string, required: true, partitioned: true, partitionKeyPosition: 1}
    customProperties:
      - {property: maxRejectPercent, value: 50, vendor: lakegate}
";
