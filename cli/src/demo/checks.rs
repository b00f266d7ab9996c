//! What must be so: each check says what it found, and the demo's exit status depends on all of them.

use crate::paint::Paint;

/// The checks so far.
#[derive(Debug)]
pub(crate) struct Checks {
    paint: Paint,
    passed: usize,
    failed: Vec<String>,
}

impl Checks {
    pub(crate) fn new(paint: Paint) -> Self {
        Self { paint, passed: 0, failed: Vec::new() }
    }

    /// Prints a claim and whether it holds.
    pub(crate) fn claim(&mut self, holds: bool, claim: impl Into<String>) {
        let claim = claim.into();
        say!("  {} {claim}", self.mark(holds));
        self.note(holds, claim);
    }

    /// Two things are equal, or the difference is printed.
    pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(&mut self, claim: &str, found: &T, expected: &T) {
        if found == expected {
            self.claim(true, claim);
        } else {
            self.claim(false, format!("{claim}: found {found:?}, expected {expected:?}"));
        }
    }

    /// Counts a claim that the caller has shown in its own way.
    pub(crate) fn note(&mut self, holds: bool, claim: impl Into<String>) {
        if holds {
            self.passed += 1;
        } else {
            self.failed.push(claim.into());
        }
    }

    pub(crate) fn mark(&self, holds: bool) -> String {
        if holds { self.paint.good("✓") } else { self.paint.bad("✗") }
    }

    /// The last word; whether everything is as it should be.
    pub(crate) fn conclude(&self) -> bool {
        say!();
        if self.failed.is_empty() {
            say!("{}", self.paint.good(&format!("All {} checks passed.", self.passed)));
            return true;
        }
        say!(
            "{}",
            self.paint.bad(&format!("{} of {} checks failed:", self.failed.len(), self.passed + self.failed.len()))
        );
        for claim in &self.failed {
            say!("  {} {claim}", self.mark(false));
        }
        false
    }
}
