//! Where failures happen, and of which kinds they are: closed lists of stable words.
//! It must not know what is done about them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where on its path an object was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The ingest function.
    Ingest,
    /// The function that starts Glue runs.
    StartGlue,
    /// A Glue run.
    Glue,
    /// A queue gave up on a message.
    Queue,
    /// The function that looks for objects that nobody dealt with.
    Sweep,
    /// The function that fetches records from APIs.
    FetchApi,
    /// The function that loads tables into the warehouse.
    LoadWarehouse,
    /// The function that writes the dashboard.
    PublishReport,
}

/// What kind of failure it is: stable words, for filters, dashboards and the advice in an alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureKind {
    /// More rows break the contract than it allows, or the header does not fit.
    ContractViolated,
    /// The file is cut off, of the wrong encoding, or otherwise not to be read as what it should be.
    UnreadableFile,
    /// No contract covers the object's key.
    UnknownDataset,
    /// No valid contract covers the key, and some deployed contract does not parse.
    ContractInvalid,
    /// Several contracts cover the key.
    ContractAmbiguous,
    /// The object or its version is not there any more.
    SourceMissing,
    /// The object was replaced while it was read.
    SourceChanged,
    /// S3 allows the key, the client library does not.
    UnsupportedKey,
    /// A permission is missing.
    AccessDenied,
    /// A service was not available for long.
    ServiceUnavailable,
    /// A service refused a request.
    ServiceRefused,
    /// The catalog's table cannot become what the contract asks for.
    CatalogConflict,
    /// The contract gives a column another type than the table's files have.
    IncompatibleTable,
    /// The object is too big for one pass, and cannot be cut into ranges.
    TooBig,
    /// The object's ledger entry does not parse.
    LedgerUnreadable,
    /// The conversion itself failed: a fault of Lakegate, not of the file.
    EngineFailed,
    /// A message has none of the shapes that a queue should hold.
    UnreadableMessage,
    /// A queue gave up on a message after several deliveries.
    GaveUp,
    /// A Glue run failed.
    GlueJobFailed,
    /// A Glue run took too long.
    GlueJobTimedOut,
    /// A Glue run was stopped.
    GlueJobStopped,
    /// A Glue run says that it succeeded, and its object is not dealt with.
    GlueJobUnfinished,
    /// No file of a dataset was taken in for longer than its contract promises.
    DataLate,
    /// An API that files are fetched from did not answer, refused, or has more than is allowed.
    SourceApiFailed,
    /// The warehouse failed to load a table.
    WarehouseLoadFailed,
    /// A table of the warehouse has other columns than the lake's.
    WarehouseConflict,
    /// An API's answers are not as the contract's source says.
    SourceApiChanged,
    /// The dashboard was not written, or not all of it.
    DashboardFailed,
    /// A word of another version of Lakegate.
    #[serde(untagged)]
    Other(String),
}

impl FailureKind {
    /// Every kind that this version has a word for.
    pub const KNOWN: [FailureKind; 28] = [
        FailureKind::ContractViolated,
        FailureKind::UnreadableFile,
        FailureKind::UnknownDataset,
        FailureKind::ContractInvalid,
        FailureKind::ContractAmbiguous,
        FailureKind::SourceMissing,
        FailureKind::SourceChanged,
        FailureKind::UnsupportedKey,
        FailureKind::AccessDenied,
        FailureKind::ServiceUnavailable,
        FailureKind::ServiceRefused,
        FailureKind::CatalogConflict,
        FailureKind::IncompatibleTable,
        FailureKind::TooBig,
        FailureKind::LedgerUnreadable,
        FailureKind::EngineFailed,
        FailureKind::UnreadableMessage,
        FailureKind::GaveUp,
        FailureKind::GlueJobFailed,
        FailureKind::GlueJobTimedOut,
        FailureKind::GlueJobStopped,
        FailureKind::GlueJobUnfinished,
        FailureKind::DataLate,
        FailureKind::SourceApiFailed,
        FailureKind::WarehouseLoadFailed,
        FailureKind::WarehouseConflict,
        FailureKind::SourceApiChanged,
        FailureKind::DashboardFailed,
    ];
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let FailureKind::Other(word) = self {
            return f.write_str(word);
        }
        // The derived names of the other variants are the stable words.
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_kinds_are_those_of_the_runbook() {
        let runbook = include_str!("../../../../docs/runbook.md");
        let headings = runbook.lines().filter_map(|line| line.strip_prefix("## ")).filter(|word| !word.contains(' '));
        let mut told: Vec<&str> = headings.collect();
        let mut known: Vec<String> = FailureKind::KNOWN.iter().map(ToString::to_string).collect();
        told.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, told);
    }

    #[test]
    fn a_kind_of_another_version_is_kept_as_it_stands() {
        let kind: FailureKind = serde_json::from_str("\"SomethingNew\"").unwrap();
        assert_eq!(kind, FailureKind::Other("SomethingNew".to_owned()));
        assert_eq!(kind.to_string(), "SomethingNew");
        assert_eq!(serde_json::to_string(&kind).unwrap(), "\"SomethingNew\"");
        assert_eq!(serde_json::from_str::<FailureKind>("\"GaveUp\"").unwrap(), FailureKind::GaveUp);
    }
}
