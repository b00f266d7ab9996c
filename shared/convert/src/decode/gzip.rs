//! gzip (RFC 1952), of one or more members, with zeros behind the last one or without.
//! It does not know what is in it.

use flate2::{Decompress, FlushDecompress, Status};

use super::unpack::{Step, corrupt};
use crate::FileError;

/// The largest window that deflate has; a smaller one is part of it.
const WINDOW_BITS: u8 = 15;

/// Unpacks gzip.
#[derive(Debug)]
pub(super) struct Gzip(Place);

#[derive(Debug)]
enum Place {
    /// In a member. Its check sum and length are compared at its end.
    Member(Box<Decompress>),
    /// Behind a member: another one, zeros, or the end of the file follow.
    BehindMember,
    /// Tapes and some writers fill their last block with zeros.
    Zeros,
}

impl Gzip {
    pub(super) const fn new() -> Self {
        Self(Place::BehindMember)
    }

    /// Unpacks some of `input` into some of `output`.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, FileError> {
        match &mut self.0 {
            Place::Member(member) => {
                let (in_before, out_before) = (member.total_in(), member.total_out());
                let status = member.decompress(input, output, FlushDecompress::None);
                let status =
                    status.map_err(|error| corrupt("gzip", error.message().unwrap_or("its check sum differs")))?;
                let step = Step::new(member.total_in() - in_before, member.total_out() - out_before);
                if status == Status::StreamEnd {
                    self.0 = Place::BehindMember;
                }
                Ok(step)
            }
            Place::BehindMember => {
                match input.first() {
                    None => {}
                    Some(0) => self.0 = Place::Zeros,
                    Some(0x1F) => self.0 = Place::Member(Box::new(Decompress::new_gzip(WINDOW_BITS))),
                    Some(_) => return Err(corrupt("gzip", "there are other bytes behind its end")),
                }
                Ok(Step::new(0, 0))
            }
            Place::Zeros if input.iter().all(|byte| *byte == 0) => Ok(Step::new(input.len() as u64, 0)),
            Place::Zeros => Err(corrupt("gzip", "there are other bytes behind its end")),
        }
    }

    /// Whether the file may end here.
    pub(super) const fn is_whole(&self) -> bool {
        match self.0 {
            Place::Member(_) => false,
            Place::BehindMember | Place::Zeros => true,
        }
    }
}
