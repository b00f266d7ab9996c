//! Running `lakegate` as a user does, and a contract to run it with.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "for tests, of which not all use all"
)]

use std::path::Path;
use std::process::{Command, Output};

/// A table of orders without partitions; half of a file's rows may be bad.
pub const CONTRACT: &str = r#"
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
servers:
  - {server: landing, type: s3, location: "s3://*/orders/*.csv", format: csv}
schema:
  - name: orders
    logicalType: object
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: on_day, logicalType: date}
      - {name: quantity, logicalType: integer, physicalType: INTEGER, logicalTypeOptions: {minimum: 1}}
    customProperties:
      - {property: maxRejectPercent, value: 50, vendor: lakegate}
"#;

/// [`CONTRACT`] with more columns, each given as in the contract: `name: note, logicalType: string`.
pub fn contract_with(columns: &[&str]) -> String {
    let columns = columns.iter().map(|column| format!("      - {{{column}}}\n")).collect::<Vec<_>>().concat();
    CONTRACT.replace("    customProperties", &format!("{columns}    customProperties"))
}

/// The command, run in this folder.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args(args).current_dir(dir);
    command
}

pub fn lakegate(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
