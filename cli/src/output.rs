//! Printing to standard output, also into a pipe that nobody reads to the end.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Prints a line. A reader that has seen enough (`| head`) is no error.
pub(crate) fn line(text: &str) -> Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
