//! Packed bytes to unpacked ones, piece by piece, by content or as the contract says.
//! It does not know text.

use lakegate_contract::Packing;

use super::gzip::Gzip;
use super::signature::{SIGNATURE_BYTES, Signature, signature};
use super::zstd::Zstd;
use super::{PIECE_BYTES, Progress, file_error};
use crate::{FileError, FileErrorKind};

/// Packed bytes are unpacked in blocks of this size, counted from the file's start: a decoder that fails gives up what it was at, and
/// what that is must not depend on how the file is pushed.
const BLOCK_BYTES: usize = 64 * 1024;
/// A file that unpacks to more is rejected: it is far beyond what one file should be, and takes minutes to judge.
pub(super) const UNPACKED_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// A file that unpacks to so many times its size is rejected. Tables and logs are packed 5 to 100 times; gzip reaches 1,030 and zstd
/// 30,000 where all bytes are the same, and then the file is no table.
pub(super) const UNPACKED_RATIO_MAX: u64 = 1000;
/// Up to this size the ratio does not matter: a small file may well be all the same, and does no harm.
pub(super) const RATIO_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// So many steps in a row may do nothing but change the decoder's state.
const IDLE_STEPS_MAX: u32 = 4;

/// How much one step read and wrote, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) consumed: u64,
    pub(super) produced: u64,
}

impl Step {
    pub(super) const fn new(consumed: u64, produced: u64) -> Self {
        Self { consumed, produced }
    }
}

/// Unpacks a file. Push its bytes in order.
#[derive(Debug)]
pub(super) struct Unpacker {
    packing: Packing,
    state: State,
    /// Packed bytes that are not unpacked yet, from `taken` on.
    block: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    packed_bytes: u64,
    unpacked_bytes: u64,
}

#[derive(Debug)]
enum State {
    /// The first bytes are gathered in the block.
    Begin,
    Stored,
    Gzip(Gzip),
    Zstd(Zstd),
}

impl Unpacker {
    pub(super) const fn new(packing: Packing) -> Self {
        Self {
            packing,
            state: State::Begin,
            block: Vec::new(),
            taken: 0,
            output: Vec::new(),
            packed_bytes: 0,
            unpacked_bytes: 0,
        }
    }

    /// For bytes that are not packed, whatever they begin with.
    pub(super) fn stored() -> Self {
        Self { state: State::Stored, ..Self::new(Packing::None) }
    }

    /// What the file is packed as; `None` if it is not.
    pub(super) const fn packed_as(&self) -> Option<Signature> {
        match self.state {
            State::Begin | State::Stored => None,
            State::Gzip(_) => Some(Signature::Gzip),
            State::Zstd(_) => Some(Signature::Zstd),
        }
    }

    /// Takes bytes from `input`, and calls `take` at most once, with the next piece.
    pub(super) fn unpack(
        &mut self,
        input: &mut &[u8],
        take: impl FnOnce(&[u8], Option<Signature>) -> Result<(), FileError>,
    ) -> Result<Progress, FileError> {
        if matches!(self.state, State::Begin) {
            self.gather(input, SIGNATURE_BYTES);
            if self.block.len() < SIGNATURE_BYTES {
                return Ok(Progress::Done);
            }
            self.begin()?;
        }
        if matches!(self.state, State::Stored) {
            if !self.block.is_empty() {
                take(&std::mem::take(&mut self.block), None)?;
                return Ok(Progress::More);
            }
            let (piece, rest) = input.split_at(input.len().min(PIECE_BYTES));
            *input = rest;
            take(piece, None)?;
            return Ok(if rest.is_empty() { Progress::Done } else { Progress::More });
        }
        self.gather(input, BLOCK_BYTES);
        if self.block.len() < BLOCK_BYTES {
            return Ok(Progress::Done);
        }
        self.piece(take)?;
        Ok(Progress::More)
    }

    /// No more bytes will come. Calls `take` at most once, with the next piece.
    pub(super) fn finish(
        &mut self,
        take: impl FnOnce(&[u8], Option<Signature>) -> Result<(), FileError>,
    ) -> Result<Progress, FileError> {
        if matches!(self.state, State::Begin) {
            self.begin()?;
        }
        if matches!(self.state, State::Stored) {
            take(&std::mem::take(&mut self.block), None)?;
            return Ok(Progress::Done);
        }
        if !self.block.is_empty() {
            self.piece(take)?;
            return Ok(Progress::More);
        }
        let is_whole = match &self.state {
            State::Begin | State::Stored => true,
            State::Gzip(gzip) => gzip.is_whole(),
            State::Zstd(zstd) => zstd.is_whole(),
        };
        if is_whole {
            return Ok(Progress::Done);
        }
        let name = self.packed_as().map_or("", Signature::name);
        let message = format!("the file ends in the midst of its {name} data: it is truncated");
        Err(file_error(FileErrorKind::Truncated, message))
    }

    /// Moves bytes from `input` to the block, until it has `len`.
    fn gather(&mut self, input: &mut &[u8], len: usize) {
        let (bytes, rest) = input.split_at(input.len().min(len.saturating_sub(self.block.len())));
        self.block.extend_from_slice(bytes);
        self.packed_bytes += bytes.len() as u64;
        *input = rest;
    }

    /// Looks at the first bytes, once.
    fn begin(&mut self) -> Result<(), FileError> {
        let found = signature(&self.block);
        let declared = match self.packing {
            Packing::ByContent => None,
            Packing::None => Some("not packed"),
            Packing::Gzip => Some("gzip"),
            Packing::Zstd => Some("zstd"),
        };
        self.state = match (self.packing, found) {
            (Packing::ByContent | Packing::Gzip, Some(Signature::Gzip)) => State::Gzip(Gzip::new()),
            (Packing::ByContent | Packing::Zstd, Some(Signature::Zstd)) => State::Zstd(Zstd::new()?),
            // What else it may be the text's reader tells.
            (Packing::ByContent | Packing::None, None | Some(Signature::Other(_))) => State::Stored,
            (Packing::None | Packing::Zstd, Some(Signature::Gzip))
            | (Packing::None | Packing::Gzip, Some(Signature::Zstd))
            | (Packing::Gzip | Packing::Zstd, None | Some(Signature::Other(_))) => {
                let is = found.map_or(if self.block.is_empty() { "empty" } else { "not packed" }, Signature::name);
                let message =
                    format!("the file is {is}, and the contract says {} (compression)", declared.unwrap_or_default());
                return Err(file_error(FileErrorKind::WrongFormat, message));
            }
        };
        if !matches!(self.state, State::Stored) {
            self.output = vec![0; PIECE_BYTES];
        }
        Ok(())
    }

    /// Unpacks the next piece of the block.
    fn piece(&mut self, take: impl FnOnce(&[u8], Option<Signature>) -> Result<(), FileError>) -> Result<(), FileError> {
        let (mut filled, mut idle_steps) = (0, 0);
        loop {
            let input = self.block.get(self.taken..).unwrap_or_default();
            let output = self.output.get_mut(filled..).unwrap_or_default();
            let room = output.len();
            let step = match &mut self.state {
                State::Gzip(gzip) => gzip.step(input, output)?,
                State::Zstd(zstd) => zstd.step(input, output)?,
                State::Begin | State::Stored => Step::new(input.len() as u64, 0),
            };
            let (consumed, produced) = (to_usize(step.consumed), to_usize(step.produced));
            self.taken += consumed;
            filled += produced;
            self.unpacked_bytes += step.produced;
            // A decoder that filled its room may have more where that came from.
            if self.taken >= self.block.len() && produced < room {
                self.block.clear();
                self.taken = 0;
                break;
            }
            if filled >= self.output.len() {
                break;
            }
            idle_steps = if consumed + produced > 0 { 0 } else { idle_steps + 1 };
            if idle_steps > IDLE_STEPS_MAX {
                return Err(corrupt(self.packed_as().map_or("", Signature::name), "it leads nowhere"));
            }
        }
        self.check_size()?;
        let packed_as = self.packed_as();
        take(self.output.get(..filled).unwrap_or_default(), packed_as)
    }

    fn check_size(&self) -> Result<(), FileError> {
        let Self { packed_bytes, unpacked_bytes, .. } = *self;
        let name = self.packed_as().map_or("", Signature::name);
        let message = if unpacked_bytes > UNPACKED_BYTES_MAX {
            format!("the {name} data unpacks to more than {} GiB, the most that is read", UNPACKED_BYTES_MAX >> 30)
        } else if unpacked_bytes > RATIO_FREE_BYTES && unpacked_bytes / packed_bytes.max(1) > UNPACKED_RATIO_MAX {
            format!(
                "the {name} data unpacks to more than {UNPACKED_RATIO_MAX} times its size: no table does, and it is not read on"
            )
        } else {
            return Ok(());
        };
        Err(file_error(FileErrorKind::TooLargeUnpacked, message))
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The file's packing is broken.
pub(super) fn corrupt(name: &str, why: &str) -> FileError {
    file_error(FileErrorKind::Corrupt, format!("the file's {name} data is corrupt: {why}"))
}
