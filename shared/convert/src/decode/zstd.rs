//! Zstandard (RFC 8878), of one or more frames, some of which may have to be skipped.
//! It does not know what is in it.

use std::fmt;

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::unpack::{Step, corrupt};
use crate::FileError;

/// Unpacks zstd.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    is_whole: bool,
}

impl Zstd {
    pub(super) fn new() -> Result<Self, FileError> {
        let decoder = Decoder::new().map_err(|error| corrupt("zstd", &error.to_string()))?;
        Ok(Self { decoder, is_whole: true })
    }

    /// Unpacks some of `input` into some of `output`.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, FileError> {
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(output));
        let missing =
            self.decoder.run(&mut from, &mut to).map_err(|error| corrupt("zstd", &error.to_string().to_lowercase()))?;
        let step = Step::new(from.pos() as u64, to.pos() as u64);
        // A call that has nothing to do asks for the next frame's header.
        if step.consumed > 0 || step.produced > 0 {
            self.is_whole = missing == 0;
        }
        Ok(step)
    }

    /// Whether the file may end here.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").field("is_whole", &self.is_whole).finish_non_exhaustive()
    }
}
