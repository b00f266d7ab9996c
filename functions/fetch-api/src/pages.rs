//! From one page to the next: which address asks for it, and when there is none. Pure.
//! It must not know how an address is asked.

use std::collections::BTreeSet;

use lakegate_contract::{ApiSource, Pagination, SecretPlace};
use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::answer::{Answer, Next};
use crate::error::FetchError;

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Position {
    First,
    Number(u64),
    Cursor(String),
    Address(Url),
}

/// The pages of a run, one after another.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    source: &'a ApiSource,
    base: Url,
    /// The parameter that asks for what is new, and its value.
    since: Option<(&'a str, &'a str)>,
    position: Position,
    /// Pages that were read.
    count: u64,
    /// Cursors and addresses of pages that were asked for.
    asked: BTreeSet<String>,
    /// Of the last page's records.
    last: Option<[u8; 32]>,
}

/// What is known of a page that was read.
pub(crate) struct Read<'r> {
    pub(crate) answer: &'r Answer<'r>,
    /// Values of its headers `Link`.
    pub(crate) links: &'r [String],
    /// Its address.
    pub(crate) url: &'r Url,
    pub(crate) records: usize,
    /// Its records as they are written.
    pub(crate) lines: &'r [u8],
}

impl<'a> Pages<'a> {
    pub(crate) fn new(source: &'a ApiSource, since: Option<(&'a str, &'a str)>) -> Result<Self, FetchError> {
        let unusable = |said: String| FetchError::Unusable { address: source.url.clone(), said };
        let base = Url::parse(&source.url).map_err(|error| unusable(error.to_string()))?;
        let position = match &source.pagination {
            Pagination::Page { first, .. } => Position::Number(*first),
            Pagination::Offset { .. } => Position::Number(0),
            Pagination::None | Pagination::Cursor { .. } | Pagination::Url { .. } | Pagination::Link => Position::First,
        };
        Ok(Self { source, base, since, position, count: 0, asked: BTreeSet::new(), last: None })
    }

    /// How many were read.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The address of the next page, with all parameters but the secret's.
    pub(crate) fn url(&self) -> Url {
        let mut url = match &self.position {
            // It says all there is to say.
            Position::Address(url) => return url.clone(),
            Position::First | Position::Number(_) | Position::Cursor(_) => self.base.clone(),
        };
        let position = match (&self.source.pagination, &self.position) {
            (Pagination::Page { parameter, .. } | Pagination::Offset { parameter }, Position::Number(number)) => {
                Some((parameter.as_str(), number.to_string()))
            }
            (Pagination::Cursor { parameter, .. }, Position::Cursor(cursor)) => {
                Some((parameter.as_str(), cursor.clone()))
            }
            (_, _) => None,
        };
        let fixed = self.source.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let position = position.as_ref().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<(&str, &str)> = fixed.chain(self.since).chain(position).collect();
        if !all.is_empty() {
            url.query_pairs_mut().extend_pairs(all);
        }
        url
    }

    /// Goes on behind a page: false when it was the last one.
    pub(crate) fn go_on(&mut self, read: &Read<'_>) -> Result<bool, FetchError> {
        self.count += 1;
        let (address, page) = (self.source.url.clone(), self.count);
        let next = match &self.source.pagination {
            Pagination::None => None,
            Pagination::Page { .. } => self.after(read, 1)?,
            Pagination::Offset { .. } => self.after(read, u64::try_from(read.records).unwrap_or(u64::MAX))?,
            Pagination::Cursor { next, .. } => match self.next(read.answer, next)? {
                Next::Of(cursor) => Some(Position::Cursor(cursor)),
                Next::End => None,
            },
            Pagination::Url { next } => match self.next(read.answer, next)? {
                Next::Of(text) => Some(self.address(read.url, &text)?),
                Next::End => None,
            },
            Pagination::Link => match next_link(read.links) {
                Some(text) => Some(self.address(read.url, text)?),
                None => None,
            },
        };
        let Some(next) = next else { return Ok(false) };
        let name = match &next {
            Position::Cursor(cursor) => Some(cursor.clone()),
            Position::Address(url) => Some(url.to_string()),
            Position::First | Position::Number(_) => None,
        };
        self.asked.insert(read.url.to_string());
        if name.is_some_and(|name| !self.asked.insert(name)) {
            // Nothing new behind the last record, from where the API goes on another time.
            if read.records == 0 {
                return Ok(false);
            }
            return Err(FetchError::Endless { address, page });
        }
        self.position = next;
        if self.count >= self.source.limits.max_pages {
            return Err(FetchError::TooManyPages { address, max_pages: self.source.limits.max_pages });
        }
        Ok(true)
    }

    /// The next number. A page is the last one when it has no records: fewer than were asked for say nothing, as APIs have limits of
    /// their own. An API that does not read the parameter gives the same page for ever.
    fn after(&mut self, read: &Read<'_>, step: u64) -> Result<Option<Position>, FetchError> {
        if read.records == 0 {
            return Ok(None);
        }
        let hash: [u8; 32] = Sha256::digest(read.lines).into();
        if self.last.replace(hash) == Some(hash) {
            return Err(FetchError::Endless { address: self.source.url.clone(), page: self.count });
        }
        let number = if let Position::Number(number) = &self.position { *number } else { 0 };
        Ok(Some(Position::Number(number.saturating_add(step))))
    }

    fn next(&self, answer: &Answer<'_>, place: &lakegate_contract::JsonPointer) -> Result<Next, FetchError> {
        let (address, page, pointer) = (self.source.url.clone(), self.count, place.as_str().to_owned());
        let what = "next page";
        answer.next(place).map_err(|found| FetchError::Shape { address, page, pointer, what, found })
    }

    /// An address that an answer names, which may be relative. It has no secret, which is added where it is asked.
    fn address(&self, of: &Url, text: &str) -> Result<Position, FetchError> {
        let (address, page) = (self.source.url.clone(), self.count);
        let elsewhere = |host: &str| FetchError::Elsewhere { address: address.clone(), page, host: host.to_owned() };
        let mut url = of.join(text).map_err(|_error| elsewhere("an address that is none"))?;
        if !is_same_origin(&self.base, &url) {
            return Err(elsewhere(url.host_str().unwrap_or("an address without a host")));
        }
        url.set_fragment(None);
        if let Some(SecretPlace::Parameter(name)) = self.source.secret.as_ref().map(|secret| &secret.place) {
            let others: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(key, _)| key != name)
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect();
            if others.len() < url.query_pairs().count() {
                url.query_pairs_mut().clear().extend_pairs(others);
            }
        }
        Ok(Position::Address(url))
    }
}

/// True for addresses of one server, reached in one way.
pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && other.username().is_empty() && other.password().is_none()
}

/// The target of the first link with the relation `next` (RFC 8288): `<https://…>; rel="next"`.
fn next_link(headers: &[String]) -> Option<&str> {
    headers.iter().find_map(|header| {
        let mut rest = header.as_str();
        while let Some((_, behind)) = rest.split_once('<') {
            let (target, behind) = behind.split_once('>')?;
            // Up to the next link's target; a comma in a quoted text does no harm.
            let parameters = behind.split('<').next().unwrap_or_default();
            if is_next(parameters) {
                return Some(target.trim());
            }
            rest = behind;
        }
        None
    })
}

fn is_next(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else { return false };
        let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel")
            && value.split_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
