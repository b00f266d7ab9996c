//! What can go wrong between Lakegate and AWS, split into trouble that passes and trouble that lasts.
//! It must not know which function meets it.

use std::error::Error;

use aws_sdk_glue::config::http::HttpResponse;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};

use crate::failure::FailureKind;

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
    #[error("{column} of table {table} is {found}, the contract asks for {wanted}: its files cannot be read as both")]
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

/// Error codes that AWS uses for "not now" (SDK retry specification, plus Glue's and SQS's own words).
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
    let resource = resource.into();
    let SdkError::ServiceError(service) = error else {
        // Construction, dispatch, timeout and unparsable responses: the service has not judged the request.
        let source: Cause = chain(error).into();
        return LakeError::Passing { operation, resource, source };
    };
    let code = service.err().code().unwrap_or("an error without a code");
    let status = service.raw().status().as_u16();
    let source: Cause = one_line(&format!("{code}: {}", service.err().message().unwrap_or("no message"))).into();
    if PASSING_CODES.contains(&code) || status == 429 || status >= 500 {
        return LakeError::Passing { operation, resource, source };
    }
    if status == 403 || code.starts_with("AccessDenied") || code == "AuthorizationError" {
        return LakeError::AccessDenied { operation, resource, source };
    }
    LakeError::Refused { operation, resource, source }
}

/// Sorts an object store's error likewise.
pub(crate) fn from_store(operation: &'static str, url: &str, error: &object_store::Error) -> LakeError {
    use object_store::Error as Store;
    let resource = url.to_owned();
    let text = s3_message(&chain(error));
    // Writing meets "not found" too, for a bucket or an upload; only for reading it means the object.
    let is_read = matches!(operation, "GetObject" | "HeadObject") && !text.contains("NoSuchBucket");
    let is_client_error = is_client_error(&text);
    let source: Cause = text.into();
    match error {
        Store::NotFound { .. } if is_read => LakeError::NoSuchObject { url: resource },
        Store::Precondition { .. } if is_read => LakeError::SourceChanged { url: resource },
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            LakeError::AccessDenied { operation, resource, source }
        }
        // S3 answers 409 ConditionalRequestConflict or OperationAborted to requests that raced.
        Store::AlreadyExists { .. } | Store::NotModified { .. } | Store::JoinError { .. } => {
            LakeError::Passing { operation, resource, source }
        }
        Store::NotFound { .. }
        | Store::Precondition { .. }
        | Store::InvalidPath { .. }
        | Store::NotSupported { .. }
        | Store::NotImplemented { .. }
        | Store::UnknownConfigurationKey { .. } => LakeError::Refused { operation, resource, source },
        // The store has already retried 5xx and transport errors; its status is reachable through its text only.
        Store::Generic { .. } | _ if is_client_error => LakeError::Refused { operation, resource, source },
        Store::Generic { .. } | _ => LakeError::Passing { operation, resource, source },
    }
}

fn is_client_error(text: &str) -> bool {
    let Some((_, status)) = text.split_once("status code: ") else {
        return text.contains("redirect without LOCATION") || text.contains("InvalidRange");
    };
    status.starts_with('4') && !status.starts_with("429") && !status.starts_with("408")
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

/// S3 answers in XML; its code and message say it shorter.
fn s3_message(text: &str) -> String {
    let between = |open: &str, close: &str| {
        let (_, rest) = text.split_once(open)?;
        rest.split_once(close).map(|(inner, _)| inner.to_owned())
    };
    let Some(code) = between("<Code>", "</Code>") else {
        return text.to_owned();
    };
    let status = between("status code: ", ":").map(|status| format!("status code: {status}: ")).unwrap_or_default();
    format!("{status}{code}: {}", between("<Message>", "</Message>").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_error(status: &str) -> object_store::Error {
        let text = format!(
            "Error performing GET http://s3/raw/a.csv in 2ms - Server returned non-2xx status code: {status}: \
             <Error><Code>SomeCode</Code>\n<Message>in words</Message></Error>"
        );
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn s3_errors_are_sorted_by_what_a_retry_can_do() {
        let of = |operation, error: object_store::Error| from_store(operation, "s3://raw/a.csv", &error);
        let missing = || object_store::Error::NotFound { path: "a.csv".to_owned(), source: "gone".into() };
        assert!(matches!(of("GetObject", missing()), LakeError::NoSuchObject { .. }));
        assert!(matches!(of("PutObject", missing()), LakeError::Refused { .. }));
        assert!(of("GetObject", store_error("503 Service Unavailable")).is_passing());
        assert!(of("GetObject", store_error("429 Too Many Requests")).is_passing());
        assert!(!of("GetObject", store_error("400 Bad Request")).is_passing());
        let forbidden = object_store::Error::PermissionDenied { path: "a.csv".to_owned(), source: "no".into() };
        assert!(matches!(of("GetObject", forbidden), LakeError::AccessDenied { .. }));
    }

    #[test]
    fn an_s3_answer_is_shortened_to_its_code_and_message() {
        let error = from_store("PutObject", "s3://lake/a.parquet", &store_error("400 Bad Request"));
        insta::assert_snapshot!(chain(&error), @"PutObject on s3://lake/a.parquet was refused: status code: 400 Bad Request: SomeCode: in words");
    }

    #[test]
    fn a_long_text_becomes_one_short_line() {
        assert_eq!(one_line("a\n  b\tc"), "a b c");
        assert_eq!(one_line(&"é".repeat(1000)).chars().count(), 501);
    }
}
