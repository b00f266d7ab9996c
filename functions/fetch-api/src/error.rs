//! What can go wrong between an API and the raw bucket.
//! It must hold no part of an answer, no parameter of a request and no secret: its texts reach mails.

use lakegate_lake::failure::FailureKind;
use lakegate_lake::{LakeError, chain};

/// Why nothing was fetched. An `address` has no query.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The API refused.
    #[error("{address} answered with status {status}")]
    Status { address: String, status: u16 },
    /// It would be asked again later than there is time for.
    #[error("{address} answered with status {status} and asks to wait for {wait_secs} s, longer than the run may last")]
    AskedToWait { address: String, status: u16, wait_secs: u64 },
    /// The API was not reached, or its answer broke off.
    #[error("{address} gave no whole answer: {said}")]
    Unanswered { address: String, said: String },
    /// A request took too long.
    #[error("{address} did not answer within {secs} s (timeoutSeconds)")]
    Slow { address: String, secs: u64 },
    /// All of them together did.
    #[error("{address} was not read to its end within {secs} s (maxSeconds)")]
    OutOfTime { address: String, secs: u64 },
    /// There is more than is allowed.
    #[error("{address} has more than {max_bytes} bytes (maxBytes)")]
    TooBig { address: String, max_bytes: u64 },
    /// There are more pages than are allowed.
    #[error("{address} has more than {max_pages} pages (maxPages)")]
    TooManyPages { address: String, max_pages: u64 },
    /// The API is elsewhere.
    #[error("{address} sends to {host}: only redirects within its own host are followed")]
    Redirected { address: String, host: String },
    /// There is no time left for it.
    #[error(
        "{address} was not asked: the sources before it took the function's time; give it an event of its own, {{\"dataset\": …}}"
    )]
    NoTurn { address: String },
    /// An answer cannot be read.
    #[error("page {page} of {address} is no JSON: {said}")]
    NotJson { address: String, page: u64, said: String },
    /// An answer has another shape.
    #[error("page {page} of {address} has {found} at {pointer:?}, where its {what} should be")]
    Shape { address: String, page: u64, pointer: String, what: &'static str, found: &'static str },
    /// It would go on for ever.
    #[error("page {page} of {address} asks for a page that was fetched already, or repeats it: there is no end")]
    Endless { address: String, page: u64 },
    /// The next page is somebody else's.
    #[error("page {page} of {address} names a next page on {host}: only pages of its own host are fetched")]
    Elsewhere { address: String, page: u64, host: String },
    /// No record says how far it goes.
    #[error("page {page} of {address}: none of {records} records has a {what} at {field:?}")]
    NoMark { address: String, page: u64, records: usize, field: String, what: &'static str },
    /// What was reached is of another field.
    #[error("{url} has been kept for {kept:?}, the contract now says {field:?}: delete it to begin anew")]
    OtherMark { url: String, kept: String, field: String },
    /// The declaration does not fit this stack.
    #[error("files under {prefix} would not be taken in: the stack's RawPrefix is {raw_prefix}")]
    OutsidePrefix { prefix: String, raw_prefix: String },
    /// The declaration is for a local AWS.
    #[error("{address} is plain HTTP, which is for a local AWS only")]
    PlainHttp { address: String },
    /// The address does not parse, or a header cannot be set.
    #[error("{address} cannot be asked: {said}")]
    Unusable { address: String, said: String },
    /// The secret is not as declared.
    #[error("the secret {name} is no JSON object with a text under {key:?}")]
    SecretWithoutKey { name: String, key: String },
    /// AWS.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl FetchError {
    /// The word under which a failure record files it.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Status { .. }
            | Self::AskedToWait { .. }
            | Self::Unanswered { .. }
            | Self::Slow { .. }
            | Self::OutOfTime { .. }
            | Self::TooBig { .. }
            | Self::TooManyPages { .. }
            | Self::NoTurn { .. }
            | Self::Redirected { .. }
            // Its own kind would be about a file, whose event could be sent again.
            | Self::Lake(_) => FailureKind::SourceApiFailed,
            Self::NotJson { .. }
            | Self::Shape { .. }
            | Self::Endless { .. }
            | Self::Elsewhere { .. }
            | Self::NoMark { .. }
            | Self::OtherMark { .. }
            | Self::OutsidePrefix { .. }
            | Self::PlainHttp { .. }
            | Self::Unusable { .. }
            | Self::SecretWithoutKey { .. } => FailureKind::SourceApiChanged,
        }
    }

    /// Which trouble it is: the same text for the same trouble at each run, without what changes from one to the next (a page's number, a
    /// count, where a text breaks).
    pub(crate) fn trouble(&self) -> String {
        let which = match self {
            // A server that is down gives now this one and now that.
            Self::Status { status: 500.., .. } | Self::AskedToWait { status: 500.., .. } => "status 5xx".to_owned(),
            Self::Status { status, .. } | Self::AskedToWait { status, .. } => format!("status {status}"),
            Self::Unanswered { .. } => "no whole answer".to_owned(),
            Self::Slow { .. } => "slow".to_owned(),
            Self::OutOfTime { .. } => "out of time".to_owned(),
            Self::TooBig { .. } => "too big".to_owned(),
            Self::TooManyPages { .. } => "too many pages".to_owned(),
            Self::Redirected { .. } => "redirected".to_owned(),
            Self::NoTurn { .. } => "no turn".to_owned(),
            Self::NotJson { .. } => "no JSON".to_owned(),
            Self::Shape { pointer, what, .. } => format!("no {what} at {pointer:?}"),
            Self::Endless { .. } => "endless".to_owned(),
            Self::Elsewhere { .. } => "next page elsewhere".to_owned(),
            Self::NoMark { field, .. } => format!("no mark at {field:?}"),
            Self::OtherMark { field, .. } => format!("another mark than {field:?}"),
            Self::OutsidePrefix { .. } => "outside the prefix".to_owned(),
            Self::PlainHttp { .. } => "plain HTTP".to_owned(),
            Self::Unusable { said, .. } => format!("unusable: {said}"),
            Self::SecretWithoutKey { key, .. } => format!("secret without {key:?}"),
            // Without what the service said, which may have the id of a request.
            Self::Lake(error) => error.to_string(),
        };
        format!("{}: {which}", self.kind())
    }

    /// True for trouble with AWS that passes: nobody is told, and the next run makes up for it.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Lake(error) if error.is_passing())
    }

    /// One line for a failure record.
    pub(crate) fn summary(&self) -> String {
        chain(self)
    }
}
