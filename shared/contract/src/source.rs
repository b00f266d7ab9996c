//! Where a dataset's files come from when nobody drops them: an HTTP API that is asked on a schedule.
//! It does not know HTTP.

/// An HTTP API whose records become files of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSource {
    /// Where the first page is, without a query: `https://…`, or `http://` and a loopback address.
    pub url: String,
    /// The beginning of its files' keys in the raw bucket, with `/` at the end.
    pub prefix: String,
    /// The end of their keys; with it the landing location covers them.
    pub suffix: &'static str,
    /// Parameters of every request's query, in the order of their names.
    pub parameters: Vec<(String, String)>,
    /// Headers of every request, in the order of their names.
    pub headers: Vec<(String, String)>,
    /// Where in an answer the list of records is.
    pub records: JsonPointer,
    /// How there is more than one page.
    pub pagination: Pagination,
    /// How only what is new is asked for; `None`: everything, each time.
    pub incremental: Option<Incremental>,
    /// What the API wants to see before it answers.
    pub secret: Option<SecretUse>,
    /// How much is asked, how often, and how long.
    pub limits: ApiLimits,
}

/// A place in a JSON value (RFC 6901).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonPointer {
    text: String,
    tokens: Vec<String>,
}

/// How an API divides its records into pages. The last one is the first without records, where nothing says so sooner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pagination {
    /// There is one page.
    None,
    /// A parameter counts pages.
    Page {
        /// Its name.
        parameter: String,
        /// The first page's number.
        first: u64,
    },
    /// A parameter counts the records before the page, from 0.
    Offset {
        /// Its name.
        parameter: String,
    },
    /// A page says what asks for the next one.
    Cursor {
        /// The name of the parameter that says it.
        parameter: String,
        /// Where in the answer it stands.
        next: JsonPointer,
    },
    /// A page says the next one's address.
    Url {
        /// Where in the answer it stands.
        next: JsonPointer,
    },
    /// The header `Link` says the next page's address (RFC 8288, `rel="next"`).
    Link,
}

/// How only what is new is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incremental {
    /// Where in a record its mark stands.
    pub field: JsonPointer,
    /// What marks are, and so which one is the greatest.
    pub mark: MarkType,
    /// The parameter that asks for records from a mark on.
    pub parameter: String,
    /// The mark of the first time; `None`: the parameter is left out.
    pub initial: Option<String>,
}

/// What a record's mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkType {
    /// A date and time (RFC 3339).
    Timestamp,
    /// A number, or its digits as text.
    Number,
    /// Text, in the order of its code points.
    Text,
}

/// A secret of Secrets Manager, and where it goes in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The secret's name or ARN.
    pub name: String,
    /// Of a secret that is a JSON object: the key of the value; `None`: the secret is the value.
    pub key: Option<String>,
    /// Where it goes.
    pub place: SecretPlace,
    /// What stands before it: `Bearer `.
    pub before: String,
}

/// Where a secret goes in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A header of this name.
    Header(String),
    /// A parameter of this name.
    Parameter(String),
}

/// How much is asked of an API, how often, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLimits {
    /// Most requests in a minute.
    pub requests_per_minute: u64,
    /// How often a request is made again, once answered with 408, 429 or 5xx, or not to its end.
    pub retries: u64,
    /// Longest that one request may take.
    pub timeout_secs: u64,
    /// Longest that all of a run may take.
    pub max_secs: u64,
    /// Most bytes of all answers of a run together.
    pub max_bytes: u64,
    /// Most pages of a run.
    pub max_pages: u64,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            requests_per_minute: 120,
            retries: 4,
            timeout_secs: 30,
            max_secs: 300,
            max_bytes: 64 * 1024 * 1024,
            max_pages: 1_000,
        }
    }
}

impl JsonPointer {
    /// Reads a pointer: empty for the whole value, else `/` before every key or index; `~1` is `/`, `~0` is `~`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix('/') else {
            return text.is_empty().then(Self::default);
        };
        let mut tokens = Vec::new();
        for token in rest.split('/') {
            if token.replace("~0", "").replace("~1", "").contains('~') {
                return None;
            }
            tokens.push(token.replace("~1", "/").replace("~0", "~"));
        }
        Some(Self { text: text.to_owned(), tokens })
    }

    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its keys and indexes, from the outermost on.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::JsonPointer;

    #[test]
    fn a_pointer_is_read_as_its_rfc_says() {
        let tokens = |text: &str| JsonPointer::parse(text).map(|pointer| pointer.tokens().to_vec());
        assert_eq!(tokens(""), Some(vec![]));
        assert_eq!(tokens("/"), Some(vec![String::new()]));
        assert_eq!(tokens("/a~1b/~01/0"), Some(vec!["a/b".to_owned(), "~1".to_owned(), "0".to_owned()]));
        for wrong in ["a", "data.items", "$.data", "/a~", "/a~2"] {
            assert_eq!(tokens(wrong), None, "{wrong}");
        }
    }
}
