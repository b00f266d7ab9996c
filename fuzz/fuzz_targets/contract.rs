//! No document makes the contract parser panic, and what it refuses it refuses with a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &str| {
    if let Err(problems) = lakegate_contract::parse(document) {
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| !problem.expected.is_empty()));
    }
});
