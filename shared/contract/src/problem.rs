//! What is wrong with a contract, and where.
//! It does not know how documents are read.

use std::fmt;

/// One thing that is wrong with a contract, or that is legal but not enforced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// Where in the document: `schema[orders].properties[quantity].logicalType`; empty for the whole document.
    pub path: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
    /// The line on which it stands, from 1; what is missing, on that of what it is missing in. None where that cannot be told.
    pub line: Option<u64>,
}

/// Something in a contract that is legal but not enforced, or read otherwise than written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where in the document.
    pub path: String,
    /// What is to be known about it.
    pub text: String,
    /// The line on which it stands, from 1.
    pub line: Option<u64>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { path: path.into(), found: found.into(), expected: expected.into(), line: None }
    }
}

/// So many typing errors are taken for one.
const NEAR_EDITS: usize = 2;

/// The known name that a typing error most likely meant.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let edits =
        |candidate: &str| strsim::damerau_levenshtein(&candidate.to_ascii_lowercase(), &name.to_ascii_lowercase());
    let near = known.into_iter().map(|candidate| (edits(candidate), candidate)).min()?;
    (near.0 <= NEAR_EDITS.min(name.len() / 3)).then_some(near.1)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "found {}, expected {}", self.found, self.expected)
    }
}
