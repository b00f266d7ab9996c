//! The policy of a schema object: what to do with what does not fit.
//! It does not know columns.

use super::node::{Findings, Node};
use crate::{Compression, Policy, UnknownColumns};

const SUPPORTED: &str = "maxRejectPercent, maxRejectRows, unknownColumns, exactDuplicates or compression";

pub(super) fn policy(object: &Node<'_>, findings: &mut Findings) -> Policy {
    let mut policy = Policy::default();
    for (name, value) in object.lakegate_properties(findings) {
        match name.as_str() {
            "maxRejectPercent" => match value.value.as_f64() {
                Some(percent) if (0.0..=100.0).contains(&percent) => policy.max_reject_percent = percent,
                Some(_) | None => value.refuse("a number from 0 to 100", findings),
            },
            "maxRejectRows" => match value.value.as_u64() {
                Some(rows) => policy.max_reject_rows = Some(rows),
                None => value.refuse("a number of rows, 0 or more", findings),
            },
            "unknownColumns" => match value.value.as_str() {
                Some("reject") => policy.unknown_columns = UnknownColumns::Reject,
                Some("ignore") => policy.unknown_columns = UnknownColumns::Ignore,
                Some(_) | None => value.refuse("reject or ignore (rescue is not supported yet)", findings),
            },
            "exactDuplicates" => {
                if value.value.as_str() != Some("keep") {
                    value.refuse("keep (drop is not supported yet)", findings);
                }
            }
            "compression" => match value.value.as_str() {
                Some("zstd") => policy.compression = Compression::Zstd,
                Some("snappy") => policy.compression = Compression::Snappy,
                Some(_) | None => value.refuse("zstd or snappy", findings),
            },
            _ => findings.problem(&value.path, format!("the unknown property {name}"), SUPPORTED),
        }
    }
    policy
}
