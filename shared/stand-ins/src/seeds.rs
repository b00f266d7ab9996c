//! Which runs a test does, on how many threads: by default a few, by the environment all of them, one of them, or new ones.
//! It must not know what a run is.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::{Aws, S3};

/// Threads of a test, each with an AWS of its own: most of the time a client waits until it gives up.
const THREADS: usize = 6;

/// True when every fault is to come at every call: `LAKEGATE_FAULTS=all`.
#[must_use]
pub fn is_thorough() -> bool {
    std::env::var("LAKEGATE_FAULTS").is_ok_and(|faults| faults == "all")
}

/// Takes one turn after another until one is false, on some threads.
pub fn on_threads(turn: impl AsyncFn(&Aws, &S3, usize) -> bool + Sync) {
    let turns = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let (aws, s3) = (Aws::start_with_retries(), S3::start());
                    while turn(&aws, &s3, turns.fetch_add(1, Ordering::Relaxed)).await {}
                });
            });
        }
    });
}

/// Seeds of runs: `LAKEGATE_FAULT_SEED=7` is one seed, `LAKEGATE_FAULT_SECS=600` new seeds for so long, both of them those from the given
/// one on.
pub struct Seeds {
    range: Range<u64>,
    secs: u64,
    began: Instant,
}

impl Seeds {
    /// What the environment asks for, else these.
    pub fn of_environment(default: Range<u64>) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let (range, secs) = match (number("LAKEGATE_FAULT_SEED"), number("LAKEGATE_FAULT_SECS")) {
            (Some(seed), None) => (seed..seed + 1, u64::MAX),
            (Some(first), Some(secs)) => (first..u64::MAX, secs),
            (None, Some(secs)) => (default.end..u64::MAX, secs),
            (None, None) => (default, u64::MAX),
        };
        Self { range, secs, began: Instant::now() }
    }

    /// The seed of a turn; `None` when there are no more, or the time is over.
    pub fn of_turn(&self, turn: usize) -> Option<u64> {
        self.range.clone().nth(turn).filter(|_| self.began.elapsed().as_secs() < self.secs)
    }
}

/// Random numbers below a limit, the same ones for the same seed.
pub struct Dice(u64);

impl Dice {
    /// Of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next number.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
