//! The policy of a schema object: what to do with what does not fit.
//! It does not know columns.

use super::node::{Findings, Node, one_of};
use crate::{Compression, ExactDuplicates, Policy, RemovedObjects, UnknownColumns};

/// A property of the policy, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    MaxRejectPercent,
    MaxRejectRows,
    UnknownColumns,
    ExactDuplicates,
    RemovedObjects,
    Compression,
}

impl Property {
    pub(crate) const ALL: [Self; 6] = [
        Self::MaxRejectPercent,
        Self::MaxRejectRows,
        Self::UnknownColumns,
        Self::ExactDuplicates,
        Self::RemovedObjects,
        Self::Compression,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MaxRejectPercent => "maxRejectPercent",
            Self::MaxRejectRows => "maxRejectRows",
            Self::UnknownColumns => "unknownColumns",
            Self::ExactDuplicates => "exactDuplicates",
            Self::RemovedObjects => "removedObjects",
            Self::Compression => "compression",
        }
    }
}

pub(crate) const UNKNOWN_COLUMNS: [(&str, UnknownColumns); 3] =
    [("reject", UnknownColumns::Reject), ("ignore", UnknownColumns::Ignore), ("rescue", UnknownColumns::Rescue)];
pub(crate) const EXACT_DUPLICATES: [(&str, ExactDuplicates); 2] =
    [("keep", ExactDuplicates::Keep), ("drop", ExactDuplicates::Drop)];
pub(crate) const REMOVED_OBJECTS: [(&str, RemovedObjects); 2] =
    [("keep", RemovedObjects::Keep), ("remove", RemovedObjects::Remove)];
pub(crate) const COMPRESSIONS: [(&str, Compression); 2] =
    [("zstd", Compression::Zstd), ("snappy", Compression::Snappy)];

pub(super) fn policy(object: &Node<'_>, findings: &mut Findings) -> Policy {
    let mut policy = Policy::default();
    for (name, value) in object.lakegate_properties(findings) {
        match Property::ALL.into_iter().find(|property| property.name() == name) {
            Some(property) => read(property, &value, &mut policy, findings),
            None => value.refuse_property(&name, &one_of(&Property::ALL.map(Property::name)), findings),
        }
    }
    policy
}

fn read(property: Property, value: &Node<'_>, policy: &mut Policy, findings: &mut Findings) {
    match property {
        Property::MaxRejectPercent => match value.value.as_f64() {
            Some(percent) if (0.0..=100.0).contains(&percent) => policy.max_reject_percent = percent,
            Some(_) | None => value.refuse("a number from 0 to 100", findings),
        },
        Property::MaxRejectRows => match value.value.as_u64() {
            Some(rows) => policy.max_reject_rows = Some(rows),
            None => value.refuse("a number of rows, 0 or more", findings),
        },
        Property::UnknownColumns => {
            policy.unknown_columns = value.choice(&UNKNOWN_COLUMNS, findings).unwrap_or(policy.unknown_columns);
        }
        Property::ExactDuplicates => {
            policy.exact_duplicates = value.choice(&EXACT_DUPLICATES, findings).unwrap_or(policy.exact_duplicates);
        }
        Property::RemovedObjects => {
            policy.removed_objects = value.choice(&REMOVED_OBJECTS, findings).unwrap_or(policy.removed_objects);
        }
        Property::Compression => {
            policy.compression = value.choice(&COMPRESSIONS, findings).unwrap_or(policy.compression);
        }
    }
}
