//! Proof that nothing is lost and nothing is there twice: runs of the functions' real binaries against a local AWS, under kills, disorder and load,
//! and an oracle that knows what must stand afterwards. It knows the functions from outside only: queues, buckets, catalog, processes.

pub mod drive;
mod http;
pub mod leases;
pub mod oracle;
pub mod process;
pub mod proxy;
pub mod rig;
pub mod seeded;
pub mod service;
pub mod standing;
pub mod uploads;

use std::env;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that makes runs as large as the promise says: any value.
pub const FULL_VARIABLE: &str = "LAKEGATE_PROOF_FULL";
/// The variable that gives the seed of a run back.
pub const SEED_VARIABLE: &str = "LAKEGATE_PROOF_SEED";

/// The large number if it is asked for, else the small one that every test run can bear.
#[must_use]
pub fn scaled(small: usize, full: usize) -> usize {
    if is_full() { full } else { small }
}

/// Whether runs are as large as the promise says.
#[must_use]
pub fn is_full() -> bool {
    env::var_os(FULL_VARIABLE).is_some()
}

/// The seed that was given back, else one of the time; it is told past the test harness.
#[must_use]
pub fn seed(name: &str) -> u64 {
    let given = env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = given.unwrap_or(now.as_secs());
    tell(name, &format!("seed {seed} ({SEED_VARIABLE}={seed} repeats it)"));
    seed
}

/// Says something about a run, past the test harness, which shows nothing of a test that passes.
pub fn tell(name: &str, what: &str) {
    let _ = writeln!(std::io::stderr(), "proof, {name}: {what}");
}
