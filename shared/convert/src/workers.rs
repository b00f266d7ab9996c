//! Threads that do a file's work: the caller's own, and more beside it that live as long as the file.
//! It does not know what the work is; results must not hang on which thread does it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use lakegate_contract::Contract;

use crate::ConvertError;
use crate::encode::Compressor;
use crate::parse::Style;
use crate::schedule::{Bundle, Schedule};

/// Just below the largest block that glibc learns from, 32 MiB. It is never written to, and so takes no memory.
const LARGE_BLOCK_BYTES: usize = 31 * 1024 * 1024;

/// The threads that work on one file.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    compressor: Compressor,
    /// How many there may be, the caller's among them.
    threads: usize,
    others: Vec<JoinHandle<()>>,
}

struct Shared {
    contract: Arc<Contract>,
    style: Style,
    state: Mutex<State>,
    /// There may be something to do for those who wait.
    changed: Condvar,
}

struct State {
    schedule: Schedule,
    /// Threads that wait for something to do.
    waiting: usize,
    /// Nothing more is done.
    is_stopped: bool,
    failure: Option<ConvertError>,
}

impl Workers {
    /// The caller's thread alone.
    pub(crate) fn new(contract: Arc<Contract>, style: Style, schedule: Schedule) -> Result<Self, ConvertError> {
        let compressor = Compressor::new(contract.policy.compression)?;
        let state = State { schedule, waiting: 0, is_stopped: false, failure: None };
        let shared = Shared { contract, style, state: Mutex::new(state), changed: Condvar::new() };
        Ok(Self { shared: Arc::new(shared), compressor, threads: 1, others: Vec::new() })
    }

    /// Called before there is work.
    pub(crate) fn set_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
        self.with(|schedule| schedule.set_threads(threads.max(1)));
        if self.threads > 1 {
            keep_freed_memory();
        }
    }

    /// Looks at the work.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Schedule) -> R) -> R {
        look(&mut self.shared.lock().schedule)
    }

    /// Adds a bundle of batches. Alone, the caller's thread does all that there is to do; else it helps while more bundles wait than the
    /// others need until it comes again.
    pub(crate) fn add(&mut self, bundle: Bundle) -> Result<(), ConvertError> {
        let mut state = self.shared.lock();
        state.schedule.add(bundle);
        let (is_waiting, bundles) = (state.waiting > 0, state.schedule.waiting());
        drop(state);
        if self.threads == 1 {
            return self.work(Schedule::is_idle);
        }
        if is_waiting {
            self.shared.changed.notify_one();
        } else if bundles > self.others.len() + 1 && self.others.len() + 1 < self.threads {
            self.begin_another()?;
        }
        let threads = self.threads;
        self.work(|schedule| schedule.waiting() <= threads)
    }

    /// Works until there is little enough to do, waiting for the other threads where it must.
    pub(crate) fn work(&mut self, is_enough: impl Fn(&Schedule) -> bool) -> Result<(), ConvertError> {
        self.shared.work(0, &mut self.compressor, is_enough);
        let mut state = self.shared.lock();
        if !state.is_stopped {
            return Ok(());
        }
        let failure = state.failure.take();
        drop(state);
        for thread in self.others.drain(..) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        Err(failure.unwrap_or(ConvertError::Stopped))
    }

    fn begin_another(&mut self) -> Result<(), ConvertError> {
        let thread = self.others.len() + 1;
        let shared = Arc::clone(&self.shared);
        let mut compressor = Compressor::new(shared.contract.policy.compression)?;
        self.others.push(std::thread::spawn(move || shared.work(thread, &mut compressor, |_| false)));
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().is_stopped = true;
        self.shared.changed.notify_all();
        for thread in self.others.drain(..) {
            // Whoever waits for results has been told of a panic.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one job after another until there is little enough to do, or work is stopped.
    fn work(&self, thread: usize, compressor: &mut Compressor, is_enough: impl Fn(&Schedule) -> bool) {
        let mut state = self.lock();
        while !state.is_stopped && !is_enough(&state.schedule) {
            let Some(job) = state.schedule.take(thread) else {
                state.waiting += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
                continue;
            };
            drop(state);
            let unfinished = Unfinished(self);
            let outcome = job.run(&self.contract, &self.style, compressor);
            std::mem::forget(unfinished);
            state = self.lock();
            match outcome {
                Ok(done) => {
                    let spent = state.schedule.give_back(done);
                    if state.waiting > 0 {
                        self.changed.notify_all();
                    }
                    if !spent.is_empty() {
                        drop(state);
                        drop(spent);
                        state = self.lock();
                    }
                }
                Err(error) => {
                    state.failure.get_or_insert(error);
                    self.stop(state);
                    return;
                }
            }
        }
    }

    fn stop(&self, mut state: MutexGuard<'_, State>) {
        state.is_stopped = true;
        state.schedule.lost();
        drop(state);
        self.changed.notify_all();
    }
}

/// A job that panics stops all work.
struct Unfinished<'a>(&'a Shared);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.stop(self.0.lock());
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// Lets the process keep memory that it frees and will need again a moment later. glibc gives what is free at the end of a thread's heap back
/// to the kernel from 128 KiB on, which costs several threads half a million page faults for a file of 500 MB; but not below twice the
/// largest block that it had from the kernel for itself and gave back (mallopt(3), "dynamic mmap threshold"). Elsewhere this does nothing.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_BLOCK_BYTES)));
}
