//! The policy of a schema object: what to do with what does not fit.
//! It does not know columns.

use super::node::{Findings, Node};
use crate::{Compression, ExactDuplicates, Policy, RemovedObjects, UnknownColumns};

const SUPPORTED: &str =
    "maxRejectPercent, maxRejectRows, unknownColumns, exactDuplicates, removedObjects or compression";

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
            "unknownColumns" => {
                let choices = [
                    ("reject", UnknownColumns::Reject),
                    ("ignore", UnknownColumns::Ignore),
                    ("rescue", UnknownColumns::Rescue),
                ];
                policy.unknown_columns = value.choice(&choices, findings).unwrap_or(policy.unknown_columns);
            }
            "exactDuplicates" => {
                let choices = [("keep", ExactDuplicates::Keep), ("drop", ExactDuplicates::Drop)];
                policy.exact_duplicates = value.choice(&choices, findings).unwrap_or(policy.exact_duplicates);
            }
            "removedObjects" => {
                let choices = [("keep", RemovedObjects::Keep), ("remove", RemovedObjects::Remove)];
                policy.removed_objects = value.choice(&choices, findings).unwrap_or(policy.removed_objects);
            }
            "compression" => {
                let choices = [("zstd", Compression::Zstd), ("snappy", Compression::Snappy)];
                policy.compression = value.choice(&choices, findings).unwrap_or(policy.compression);
            }
            _ => value.refuse_property(&name, SUPPORTED, findings),
        }
    }
    policy
}
