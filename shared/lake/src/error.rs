//! What can go wrong between Lakegate and AWS, split into trouble that passes and trouble that lasts.
//! It must not know which function meets it.

mod answer;
mod store;

use std::error::Error;

use aws_sdk_glue::config::http::HttpResponse;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};

use crate::failure::FailureKind;

pub(crate) use answer::from_answer;
pub(crate) use store::from_store;

/// The underlying error, boxed: a service's answer or a transport's complaint.
pub type Cause = Box<dyn Error + Send + Sync>;

/// An operation on AWS that did not succeed, with the operation and the name of what it concerned.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The object is not there (any more), or its version is not.
    #[error("{url} does not exist")]
    NoSuchObject {
        /// `s3://bucket/key`.
        url: String,
    },
    /// The object is no longer the one that was announced or opened.
    #[error("{url} was replaced before it was read to the end")]
    SourceChanged {
        /// `s3://bucket/key`.
        url: String,
    },
    /// S3 allows the key, the client library does not.
    #[error("{url} cannot be addressed: {reason}")]
    UnsupportedKey {
        /// `s3://bucket/key`.
        url: String,
        /// What about the key is refused.
        reason: String,
    },
    /// The credentials do not allow it.
    #[error("{operation} on {resource} is not allowed")]
    AccessDenied {
        /// The API operation, `GetObject`.
        operation: &'static str,
        /// `s3://bucket/key`, a table, a queue URL.
        resource: String,
        /// What the service said.
        #[source]
        source: Cause,
    },
    /// Throttling, a timeout, a 5xx: the same request may succeed later.
    #[error("{operation} on {resource} failed for now")]
    Passing {
        /// The API operation.
        operation: &'static str,
        /// What it concerned.
        resource: String,
        /// What the service or the transport said.
        #[source]
        source: Cause,
    },
    /// Anything else that the service refused.
    #[error("{operation} on {resource} was refused")]
    Refused {
        /// The API operation.
        operation: &'static str,
        /// What it concerned.
        resource: String,
        /// What the service said.
        #[source]
        source: Cause,
    },
    /// A conditional write found something else than what had been read.
    #[error("{url} was written by another worker at the same time")]
    Raced {
        /// `s3://bucket/key`.
        url: String,
    },
    /// Another worker has the object in hand.
    #[error("{url} is in work until {until}")]
    Busy {
        /// `s3://bucket/key` of the ledger entry.
        url: String,
        /// When that worker's lease ends, RFC 3339.
        until: String,
    },
    /// This worker had the object in hand and has not any more.
    #[error("the lease on {url} ended before the work did")]
    LeaseLost {
        /// `s3://bucket/key` of the ledger entry.
        url: String,
    },
    /// An object of ours does not hold the JSON it should.
    #[error("{url} is not what it should be")]
    Unreadable {
        /// `s3://bucket/key`.
        url: String,
        /// Where the JSON breaks.
        #[source]
        source: serde_json::Error,
    },
    /// The catalog has a table of this name that holds other files.
    #[error("table {table} lies at {found}, not at {expected}")]
    TableElsewhere {
        /// `database.table`.
        table: String,
        /// The catalog's location.
        found: String,
        /// Ours.
        expected: String,
    },
    /// The catalog's table is partitioned by other columns than the contract asks for.
    #[error("table {table} is partitioned by ({found}), the contract asks for ({expected})")]
    PartitionKeysDiffer {
        /// `database.table`.
        table: String,
        /// The catalog's partition keys.
        found: String,
        /// The contract's partition keys.
        expected: String,
    },
    /// The catalog's table has files that cannot be read together with those that the contract makes.
    #[error(
        "column {column} of table {table} is {found}, the contract asks for {wanted}: its files cannot be read as both"
    )]
    IncompatibleTable {
        /// `database.table`.
        table: String,
        /// The column, or the value nested in it: `address.zip`.
        column: String,
        /// The catalog's type.
        found: String,
        /// The contract's type.
        wanted: String,
    },
}

impl LakeError {
    /// True when the same request may succeed later without anybody doing anything: such an error goes back
    /// to the queue, every other one becomes a failure record at once.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            LakeError::Passing { .. }
            | LakeError::Raced { .. }
            | LakeError::Busy { .. }
            | LakeError::LeaseLost { .. } => true,
            LakeError::NoSuchObject { .. }
            | LakeError::SourceChanged { .. }
            | LakeError::UnsupportedKey { .. }
            | LakeError::AccessDenied { .. }
            | LakeError::Refused { .. }
            | LakeError::Unreadable { .. }
            | LakeError::TableElsewhere { .. }
            | LakeError::PartitionKeysDiffer { .. }
            | LakeError::IncompatibleTable { .. } => false,
        }
    }

    /// The stable word under which a failure record files this error.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            LakeError::NoSuchObject { .. } => FailureKind::SourceMissing,
            LakeError::SourceChanged { .. } => FailureKind::SourceChanged,
            LakeError::UnsupportedKey { .. } => FailureKind::UnsupportedKey,
            LakeError::AccessDenied { .. } => FailureKind::AccessDenied,
            LakeError::Passing { .. }
            | LakeError::Raced { .. }
            | LakeError::Busy { .. }
            | LakeError::LeaseLost { .. } => FailureKind::ServiceUnavailable,
            LakeError::Refused { .. } => FailureKind::ServiceRefused,
            LakeError::Unreadable { .. } => FailureKind::LedgerUnreadable,
            LakeError::TableElsewhere { .. } | LakeError::PartitionKeysDiffer { .. } => FailureKind::CatalogConflict,
            LakeError::IncompatibleTable { .. } => FailureKind::IncompatibleTable,
        }
    }
}

/// Error codes that AWS uses for "not now" (SDK retry specification, plus Glue's, S3's and SQS's own words).
pub(crate) const PASSING_CODES: &[&str] = &[
    "BandwidthLimitExceeded",
    "ConcurrentModificationException",
    "ConcurrentRunsExceededException",
    "InternalError",
    "InternalFailure",
    "InternalServiceException",
    "KMSThrottlingException",
    "KmsThrottled",
    "LimitExceededException",
    "OperationAborted",
    "OperationTimeoutException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ResourceNotReadyException",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Sorts an SDK error into passing, refused or not allowed.
pub(crate) fn from_sdk<E>(
    operation: &'static str,
    resource: impl Into<String>,
    error: &SdkError<E, HttpResponse>,
) -> LakeError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let message = error.as_service_error().map(|error| error.message().unwrap_or("no message"));
    sorted(operation, resource.into(), error, message)
}

/// As [`from_sdk`], for a request about values that are cells: a service's message may quote them, so only its code is passed on.
pub(crate) fn from_sdk_without_message<E>(
    operation: &'static str,
    resource: impl Into<String>,
    error: &SdkError<E, HttpResponse>,
) -> LakeError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    sorted(operation, resource.into(), error, None)
}

fn sorted<E>(
    operation: &'static str,
    resource: String,
    error: &SdkError<E, HttpResponse>,
    message: Option<&str>,
) -> LakeError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let SdkError::ServiceError(service) = error else {
        // Construction, dispatch, timeout and unparsable responses: the service has not judged the request.
        let source: Cause = chain(error).into();
        return LakeError::Passing { operation, resource, source };
    };
    let code = service.err().code().unwrap_or("an error without a code");
    let status = service.raw().status().as_u16();
    let text = message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
    let source: Cause = one_line(&text).into();
    if PASSING_CODES.contains(&code) || status == 429 || status >= 500 {
        return LakeError::Passing { operation, resource, source };
    }
    if status == 403 || code.starts_with("AccessDenied") || code == "AuthorizationError" {
        return LakeError::AccessDenied { operation, resource, source };
    }
    LakeError::Refused { operation, resource, source }
}

/// An error and its sources on one line, `a: b: c`, at most about 500 characters: what a failure record's
/// summary may hold.
#[must_use]
pub fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 500;
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= MAX_CHARS {
        return flat;
    }
    flat.chars().take(MAX_CHARS).chain("…".chars()).collect()
}

/// An error followed by its sources, `a: b: c`; a source that its parent's text already holds is not repeated.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let line = source.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        next = source.source();
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_becomes_one_short_line() {
        assert_eq!(one_line("a\n  b\tc"), "a b c");
        assert_eq!(one_line(&"é".repeat(1000)).chars().count(), 501);
    }
}
