//! Ctrl-C, and a request to end, while a file is converted: the work ends between two reads, so that what was begun is removed.
//! It must not know what was begun.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Sender};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The number of the signal that came; 0: none.
static CAME: AtomicU8 = AtomicU8::new(0);
/// What a shell reports of a command that a signal ended is this and the signal's number.
pub(crate) const SIGNALLED: u8 = 128;

/// Somebody asked the command to end.
#[derive(Debug)]
pub(crate) struct Interrupted {
    /// The exit status.
    pub(crate) status: u8,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped; nothing was published")
    }
}

impl Error for Interrupted {}

/// From now on a signal is noted and [`check`] tells of it; a second one ends the process at once.
pub(crate) fn watch() {
    let (ready, is_ready) = mpsc::channel();
    // Without a thread or a runtime signals end the process as they always do.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(|| {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(note_signals(ready));
        }
    });
    // Nothing is begun before; an error says that nobody watches.
    let _ = is_ready.recv();
}

/// An error once a signal came.
pub(crate) fn check() -> Result<(), Interrupted> {
    match CAME.load(Ordering::Relaxed) {
        0 => Ok(()),
        number => Err(Interrupted { status: SIGNALLED.saturating_add(number) }),
    }
}

async fn note_signals(ready: Sender<()>) {
    let Ok(mut signals) = Signals::new() else { return };
    let _ = ready.send(());
    CAME.store(signals.next().await, Ordering::Relaxed);
    let second = signals.next().await;
    std::process::exit(i32::from(SIGNALLED.saturating_add(second)));
}

/// The signals by which a person or the system asks a command to end.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes them away from the system, which would end the process.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The number of the next one.
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = self.hang_up.recv() => 1,
        }
    }
}
