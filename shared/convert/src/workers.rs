//! Work on independent things on several threads, each with tools of its own.
//! It does not know what the work is; results must not hang on which thread does it.

use std::sync::{Mutex, PoisonError};

/// Just below the largest block that glibc learns from, 32 MiB. It is never written to, and so takes no memory.
const LARGE_BLOCK_BYTES: usize = 31 * 1024 * 1024;

/// Threads, as many as there are tools.
#[derive(Debug)]
pub(crate) struct Workers<T> {
    tools: Vec<T>,
}

impl<T: Send> Workers<T> {
    /// `tools` has at least one.
    pub(crate) fn new(tools: Vec<T>) -> Self {
        if tools.len() > 1 {
            keep_freed_memory();
        }
        Self { tools }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.tools.len()
    }

    /// Does `work` on every item, in any order; the first error, if there is one.
    pub(crate) fn each<I: Send, E: Send>(
        &mut self,
        items: impl Iterator<Item = I> + Send,
        work: impl Fn(I, &mut T) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
        let items = Mutex::new(items);
        let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
        self.all(|_, tool| {
            while let Some(item) = next() {
                work(item, tool)?;
            }
            Ok(())
        })
    }

    /// Does `work` on every thread at once, given the thread's number; the first error, if there is one. Thread 0 is the caller's.
    pub(crate) fn all<E: Send>(&mut self, work: impl Fn(usize, &mut T) -> Result<(), E> + Sync) -> Result<(), E> {
        let Some((own, others)) = self.tools.split_first_mut() else { return Ok(()) };
        if others.is_empty() {
            return work(0, own);
        }
        std::thread::scope(|scope| {
            let work = &work;
            let others = (1..).zip(others);
            let threads: Vec<_> = others.map(|(thread, tool)| scope.spawn(move || work(thread, tool))).collect();
            let mut outcome = work(0, own);
            for thread in threads {
                match thread.join() {
                    Ok(of_thread) => outcome = outcome.and(of_thread),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            outcome
        })
    }
}

/// Lets the process keep memory that it frees and will need again a moment later. glibc gives what is free at the end of a thread's heap back
/// to the kernel from 128 KiB on, which costs several threads half a million page faults for a file of 500 MB; but not below twice the
/// largest block that it had from the kernel for itself and gave back (mallopt(3), "dynamic mmap threshold"). Elsewhere this does nothing.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_BLOCK_BYTES)));
}

#[cfg(test)]
mod tests {
    use super::Workers;

    #[test]
    fn every_item_is_worked_on_once_whatever_the_threads() {
        for threads in [1, 2, 7] {
            let mut workers = Workers::new(vec![0; threads]);
            let mut numbers: Vec<u32> = (0..100).collect();
            let done: Result<(), ()> = workers.each(numbers.iter_mut(), |number, count: &mut u32| {
                *number += 1;
                *count += 1;
                Ok(())
            });
            assert_eq!(done, Ok(()));
            assert!(numbers.iter().copied().eq(1..=100));
            assert_eq!(workers.tools.iter().sum::<u32>(), 100);
        }
    }

    #[test]
    fn an_error_is_told() {
        let mut workers = Workers::new(vec![(), ()]);
        assert_eq!(workers.each(0..10, |item, ()| if item == 3 { Err(item) } else { Ok(()) }), Err(3));
    }
}
