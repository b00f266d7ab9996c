//! Printing to standard output, also into a pipe that nobody reads to the end.
//! It must not know what is printed.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::paint::Paint;

/// Prints a line. A reader that has seen enough (`| head`) is no error.
pub(crate) fn line(text: &str) -> Result<()> {
    ended(writeln!(io::stdout(), "{text}"))
}

/// Prints a value as one JSON document over several lines.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Says on standard error what is wrong, as the command does when it ends by it.
pub(crate) fn complain(what: &str) {
    // Nobody is left to be told where standard error is closed.
    let _ = writeln!(io::stderr(), "{} {what}", Paint::of_errors().bad("lakegate:"));
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
