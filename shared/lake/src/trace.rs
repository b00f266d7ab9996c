//! The trace that a piece of work belongs to, from the event to all that is made of it: an AWS X-Ray header, checked.
//! It must not know who traces, or whether anybody does.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits of a root's random part, of a W3C trace id after its first eight, and of a parent (X-Ray Developer Guide, "Tracing header").
const RANDOM_DIGITS: usize = 24;
const TIME_DIGITS: usize = 8;
const PARENT_DIGITS: usize = 16;

/// A trace, and the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trace {
    /// `1-5759e988-bd862e3fe1be46a994272793`.
    root: String,
    /// `53995c3f42cd8ad8`.
    parent: Option<String>,
    is_sampled: Option<bool>,
}

/// What is no trace header.
#[derive(Debug, thiserror::Error)]
#[error("no trace header")]
pub struct NoTrace;

impl Trace {
    /// Reads `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`, in any order; what else stands there is left
    /// out. `None` without a root as X-Ray writes it: a header comes from outside, and goes into logs.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let part = |name: &str| {
            let mut parts = header.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let root = part("Root").filter(|root| is_root(root))?;
        let parent = part("Parent").filter(|parent| is_hex(parent, PARENT_DIGITS));
        let is_sampled = match part("Sampled") {
            Some("1") => Some(true),
            Some("0") => Some(false),
            Some(_) | None => None,
        };
        Some(Self { root: root.to_owned(), parent: parent.map(str::to_owned), is_sampled })
    }

    /// The trace of this id, wherever in it.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        is_root(id).then(|| Self { root: id.to_owned(), parent: None, is_sampled: None })
    }

    /// What traces are found by: `1-5759e988-bd862e3fe1be46a994272793`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.root
    }

    /// The same as W3C Trace Context writes it: `00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01`. Where no parent is known the
    /// end of the trace's id stands for it, as the standard knows none without.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let id: String = self.root.chars().skip("1-".len()).filter(|c| *c != '-').collect();
        let end = id.get(id.len().saturating_sub(PARENT_DIGITS)..).unwrap_or_default();
        let parent = self.parent.as_deref().unwrap_or(end);
        let flags = if self.is_sampled == Some(true) { "01" } else { "00" };
        format!("00-{id}-{parent}-{flags}")
    }
}

/// The header.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root={}", self.root)?;
        if let Some(parent) = &self.parent {
            write!(f, ";Parent={parent}")?;
        }
        match self.is_sampled {
            Some(is_sampled) => write!(f, ";Sampled={}", u8::from(is_sampled)),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Trace {
    type Error = NoTrace;

    fn try_from(header: String) -> Result<Self, NoTrace> {
        Self::parse(&header).ok_or(NoTrace)
    }
}

impl From<Trace> for String {
    fn from(trace: Trace) -> Self {
        trace.to_string()
    }
}

fn is_root(text: &str) -> bool {
    let mut parts = text.split('-');
    parts.next() == Some("1")
        && parts.next().is_some_and(|time| is_hex(time, TIME_DIGITS))
        && parts.next().is_some_and(|random| is_hex(random, RANDOM_DIGITS))
        && parts.next().is_none()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    #[test]
    fn a_header_is_read_and_written() {
        let trace = Trace::parse(HEADER).unwrap();
        assert_eq!((trace.id(), trace.to_string().as_str()), ("1-5759e988-bd862e3fe1be46a994272793", HEADER));
        assert_eq!(trace.traceparent(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
        assert_eq!(serde_json::from_str::<Trace>(&serde_json::to_string(&trace).unwrap()).unwrap(), trace);
        let of_lambda = "Sampled=0; Lineage=1:a:0;Root=1-5759e988-bd862e3fe1be46a994272793";
        assert_eq!(Trace::parse(of_lambda).unwrap().to_string(), "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
    }

    #[test]
    fn a_trace_without_a_parent_has_a_traceparent_all_the_same() {
        let trace = Trace::of_id("1-5759e988-bd862e3fe1be46a994272793").unwrap();
        assert_eq!(trace.traceparent(), "00-5759e988bd862e3fe1be46a994272793-e1be46a994272793-00");
    }

    #[test]
    fn what_is_no_trace_is_left_out() {
        for header in
            ["", "Root=", "Root=1-5759e988-bd86", "Root=1-5759E988-bd862e3fe1be46a994272793", "Self=1\nRoot=x"]
        {
            assert_eq!(Trace::parse(header), None, "{header}");
        }
        assert_eq!(Trace::of_id("1-5759e988-bd862e3fe1be46a994272793-1"), None);
        assert!(serde_json::from_str::<Trace>("\"Jane Doe\"").is_err());
    }
}
