//! An object store's errors, sorted by what a retry can do, and told without the keys of outputs.
//! It must not know which function meets them.
//!
//! The store's errors hold what S3 answered only in their texts, behind the request's address and the key.

use std::error::Error;

use object_store::Error as Store;
use object_store::client::HttpError;

use super::{Cause, LakeError, PASSING_CODES, chain, one_line};
use crate::layout;

/// How the store begins the text of an answer with a status.
const STATUS: &str = "Server returned non-2xx status code: ";
/// How it begins the text of an answer of status 200 that holds an error.
const ERROR_IN_ANSWER: &str = "Server returned error response: ";
/// How it begins the text of one key's refusal in the answer to `DeleteObjects`.
const DELETE_FAILED: &str = "DeleteObjects request failed for key ";
/// How it calls the answer of a bucket in another region.
const BARE_REDIRECT: &str = "redirect without LOCATION";

/// What is known of an error.
#[derive(Debug, Default)]
struct Told {
    status: Option<u16>,
    /// S3's.
    code: Option<String>,
    /// For people; of an output it names neither address nor key.
    text: String,
}

/// Sorts an object store's error into passing, refused, not allowed and not there. `url`: [`layout::url_without_values`] of an output.
pub(crate) fn from_store(operation: &'static str, url: &str, error: &Store) -> LakeError {
    let Told { status, code, text } = told(error, layout::is_url_of_output(url));
    let code = code.unwrap_or_default();
    let has_bucket = code != "NoSuchBucket";
    // Only for reading "not found" means the object.
    let is_read = has_bucket && matches!(operation, "GetObject" | "HeadObject");
    let is_of_upload = has_bucket && matches!(operation, "UploadPart" | "CompleteMultipartUpload");
    let is_refused = match status {
        Some(408 | 429) => false,
        Some(status) => (400..500).contains(&status),
        None => !code.is_empty() || text.contains(BARE_REDIRECT) || text.contains("InvalidRange"),
    };
    let resource = url.to_owned();
    let source: Cause = text.into();
    // The code first: S3 says some of "not now" with the status 400, which the store does not repeat.
    if PASSING_CODES.contains(&code.as_str()) {
        return LakeError::Passing { operation, resource, source };
    }
    match error {
        Store::NotFound { .. } if is_read => LakeError::NoSuchObject { url: resource },
        // The upload was completed by a request whose answer was lost, or it is gone: the next delivery makes another one.
        Store::NotFound { .. } if is_of_upload => LakeError::Passing { operation, resource, source },
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
        Store::Generic { .. } | _ if code.starts_with("AccessDenied") => {
            LakeError::AccessDenied { operation, resource, source }
        }
        Store::Generic { .. } | _ if is_refused => LakeError::Refused { operation, resource, source },
        // The store has already retried 5xx and transport errors.
        Store::Generic { .. } | _ => LakeError::Passing { operation, resource, source },
    }
}

/// An error's status, code and message. Of an output only these, or of which kind it is: the rest names the key, in which partition
/// values, which are cells, may stand in any spelling.
fn told(error: &Store, is_output: bool) -> Told {
    let mut causes: Vec<&(dyn Error + 'static)> = vec![error];
    let mut next = error.source();
    while let Some(source) = next {
        causes.push(source);
        next = source.source();
    }
    // From the innermost one on: the outer ones repeat it behind address and key.
    for cause in causes.iter().rev() {
        let text = cause.to_string();
        if let Some((_, answer)) = text.split_once(STATUS) {
            let (status, body) = answer.split_once(": ").unwrap_or((answer, ""));
            return of_answer(Some(status), body, error, is_output);
        }
        if let Some((_, body)) = text.split_once(ERROR_IN_ANSWER) {
            return of_answer(None, body, error, is_output);
        }
        if text.starts_with(DELETE_FAILED) {
            let code = text.rsplit_once("(code: ").map_or("", |(_, code)| code.trim_end_matches(')'));
            return Told { status: None, code: Some(code.to_owned()), text: code.to_owned() };
        }
        if let Some(error) = cause.downcast_ref::<HttpError>()
            && is_output
        {
            return Told { text: format!("no answer: {:?}", error.kind()), ..Told::default() };
        }
    }
    let innermost = causes.last().map(ToString::to_string).unwrap_or_default();
    let text = if is_output { one_line(&without_key(&innermost)) } else { chain(error) };
    Told { text, ..Told::default() }
}

/// S3 answers in XML; its code and message say it shorter. Whoever stands in between answers in another way.
fn of_answer(status: Option<&str>, body: &str, error: &Store, is_output: bool) -> Told {
    let number = status.and_then(|status| status.get(..3)?.parse().ok());
    let prefix = status.map(|status| format!("status code: {status}")).unwrap_or_default();
    let Some(code) = between(body, "<Code>", "</Code>") else {
        let text = if is_output { prefix } else { chain(error) };
        return Told { status: number, code: None, text };
    };
    let message = between(body, "<Message>", "</Message>").unwrap_or_default();
    let message = if is_output { without_key(message) } else { message.to_owned() };
    let separator = if prefix.is_empty() { "" } else { ": " };
    let text = one_line(&format!("{prefix}{separator}{code}: {message}"));
    Told { status: number, code: Some(code.to_owned()), text }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

/// A text without what may be a key in it, or part of one: from the first word with a character that keys have, to the last one.
/// S3 quotes the key where it says why something is not allowed.
fn without_key(text: &str) -> String {
    const OF_KEYS: [char; 3] = ['/', '=', '%'];
    let (Some((before, _)), Some((_, last))) = (text.split_once(OF_KEYS), text.rsplit_once('/')) else {
        return if text.contains(OF_KEYS) { "…".to_owned() } else { text.to_owned() };
    };
    let before = before.rsplit_once(char::is_whitespace).map_or("", |(before, _)| before);
    // A value may have spaces, the file's name behind it has none.
    let after = if last.contains(OF_KEYS) { None } else { last.split_once(char::is_whitespace) };
    [before, "…", after.map_or("", |(_, after)| after)].join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "s3://lake/lake/orders/customer=…/a-1-0.parquet";

    /// As the store nests it.
    #[derive(Debug, thiserror::Error)]
    #[error("Error performing PUT http://s3/lake/lake/orders/customer=Jane%20van%20Doe/a-1-0.parquet in 2ms - {0}")]
    struct Request(#[source] Answer);

    #[derive(Debug, thiserror::Error)]
    #[error("Server returned non-2xx status code: {0}: {1}")]
    struct Answer(&'static str, String);

    fn generic(source: impl Into<Cause>) -> Store {
        Store::Generic { store: "S3", source: source.into() }
    }

    fn answered(status: &'static str, code: &str, message: &str) -> Request {
        Request(Answer(status, format!("<Error><Code>{code}</Code>\n<Message>{message}</Message></Error>")))
    }

    fn refused(status: &'static str) -> Store {
        generic(answered(status, "SomeCode", "in words"))
    }

    fn missing(source: impl Into<Cause>) -> Store {
        Store::NotFound { path: "lake/orders/customer=Jane van Doe/a-1-0.parquet".to_owned(), source: source.into() }
    }

    #[test]
    fn s3_errors_are_sorted_by_what_a_retry_can_do() {
        let of = |operation, error: Store| from_store(operation, "s3://raw/a.csv", &error);
        assert!(matches!(of("GetObject", missing("gone")), LakeError::NoSuchObject { .. }));
        assert!(matches!(of("PutObject", missing("gone")), LakeError::Refused { .. }));
        assert!(of("GetObject", refused("503 Service Unavailable")).is_passing());
        assert!(of("GetObject", refused("429 Too Many Requests")).is_passing());
        assert!(!of("GetObject", refused("400 Bad Request")).is_passing());
        let forbidden = Store::PermissionDenied { path: "a.csv".to_owned(), source: "no".into() };
        assert!(matches!(of("GetObject", forbidden), LakeError::AccessDenied { .. }));
    }

    #[test]
    fn the_code_of_an_answer_says_more_than_its_status() {
        let of = |code: &str| from_store("PutObject", OUTPUT, &generic(answered("400 Bad Request", code, "no")));
        for code in ["RequestTimeout", "ThrottlingException", "SlowDown"] {
            assert!(of(code).is_passing(), "{code}");
        }
        assert!(matches!(of("InvalidRequest"), LakeError::Refused { .. }));
    }

    #[test]
    fn however_long_a_key_is_the_status_behind_it_counts() {
        let text =
            format!("PUT http://s3/{} - {STATUS}400 Bad Request: <Code>InvalidRequest</Code>", "x".repeat(3_000));
        assert!(matches!(from_store("PutObject", "s3://lake/ledger/x", &generic(text)), LakeError::Refused { .. }));
    }

    #[test]
    fn an_upload_that_is_not_there_is_made_anew_in_a_bucket_that_is() {
        let of = |operation, code: &str| from_store(operation, OUTPUT, &missing(answered("404 Not Found", code, "no")));
        for operation in ["UploadPart", "CompleteMultipartUpload"] {
            assert!(of(operation, "NoSuchUpload").is_passing(), "{operation}");
            assert!(matches!(of(operation, "NoSuchBucket"), LakeError::Refused { .. }), "{operation}");
        }
        assert!(matches!(of("CreateMultipartUpload", "NoSuchBucket"), LakeError::Refused { .. }));
    }

    #[test]
    fn a_key_that_may_not_be_deleted_is_told_by_its_code() {
        let of = |code: &str| {
            let key = "lake/orders/customer=Jane van Doe/a-1-0.parquet";
            from_store("DeleteObjects", OUTPUT, &generic(format!("{DELETE_FAILED}{key}: Jane is kept (code: {code})")))
        };
        assert!(of("InternalError").is_passing() && of("OperationAborted").is_passing());
        assert!(matches!(of("SomeCode"), LakeError::Refused { .. }));
        insta::assert_snapshot!(chain(&of("AccessDenied")), @"DeleteObjects on s3://lake/lake/orders/customer=…/a-1-0.parquet is not allowed: AccessDenied");
    }

    #[test]
    fn an_s3_answer_is_shortened_to_its_code_and_message() {
        let error = from_store("PutObject", "s3://lake/a.parquet", &refused("400 Bad Request"));
        insta::assert_snapshot!(chain(&error), @"PutObject on s3://lake/a.parquet was refused: status code: 400 Bad Request: SomeCode: in words");
    }

    #[test]
    fn what_is_told_of_an_output_names_no_partition_value() {
        let of = |error: &Store| chain(&from_store("PutObject", OUTPUT, error));
        let message = "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: s3:PutObject on resource: \
                       \"arn:aws:s3:::lake/lake/orders/customer=Jane van Doe/a-1-0.parquet\" because no policy allows it";
        let denied = Store::PermissionDenied {
            path: "lake/orders/customer=Jane van Doe/a-1-0.parquet".to_owned(),
            source: answered("403 Forbidden", "AccessDenied", message).into(),
        };
        insta::assert_snapshot!(of(&denied), @"PutObject on s3://lake/lake/orders/customer=…/a-1-0.parquet is not allowed: status code: 403 Forbidden: AccessDenied: User: … because no policy allows it");
        let page = Request(Answer("502 Bad Gateway", "<p>no way to lake/orders/customer=Jane van Doe".to_owned()));
        insta::assert_snapshot!(of(&generic(page)), @"PutObject on s3://lake/lake/orders/customer=…/a-1-0.parquet failed for now: status code: 502 Bad Gateway");
        let path = Store::from(object_store::path::Path::parse("lake/orders/customer=Jane van Doe//a").unwrap_err());
        insta::assert_snapshot!(of(&path), @"PutObject on s3://lake/lake/orders/customer=…/a-1-0.parquet was refused: Path … contained empty path segment");
        insta::assert_snapshot!(of(&generic("no credentials")), @"PutObject on s3://lake/lake/orders/customer=…/a-1-0.parquet failed for now: no credentials");
    }

    #[test]
    fn a_key_is_cut_out_of_a_text_however_it_is_quoted() {
        for (text, expected) in [
            ("the part is too small", "the part is too small"),
            ("customer=Jane van Doe", "…"),
            ("customer%3DJane", "…"),
            ("key customer=Jane van Doe/a-1-0.parquet is locked", "key … is locked"),
            ("lake/orders/customer=Jane van Doe", "…"),
            ("no: /lake/orders/customer=Jane van Doe/a.parquet", "no: …"),
        ] {
            assert_eq!(without_key(text), expected);
        }
    }
}
