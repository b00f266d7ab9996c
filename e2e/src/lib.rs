//! What the end-to-end tests share: one deployed stack per test binary, and ways to wait for what becomes of a file.
//! It knows the stack from outside only: buckets, queues, tables.

use std::io::Write;

pub mod data_api;
pub mod glue;
mod harness;
mod notification;
pub mod orders;
pub mod proof;
mod reading;
mod waiting;

pub use harness::{HEAVY_BYTES, Harness, on_stack, on_stack_with};
pub use lakegate_local::{Message, ProgressBar, Project, Rows, Stack, functions, guard, python};
pub use notification::notification;
pub use reading::Fetched;
pub use serde_json::{Value, json};
pub use waiting::{eventually, row_counts};

/// Says that the running test is skipped, past the test harness, which shows nothing of a test that passes.
pub fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
