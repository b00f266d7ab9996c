//! Printing to standard output, also into a pipe that nobody reads to the end.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Prints a line. A reader that has seen enough (`| head`) is no error.
pub(crate) fn line(text: &str) -> Result<()> {
    ended(writeln!(io::stdout(), "{text}"))
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    ended(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

fn ended(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
