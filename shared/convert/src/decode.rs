//! A file's bytes to its text: unpacked, and in UTF-8 without a byte order mark.
//! It does not know records.

mod gzip;
mod signature;
mod text;
mod transcode;
mod unpack;
mod zstd;

use lakegate_contract::{Encoding, Format, Landing};

use crate::{FileError, FileErrorKind};
use text::TextReader;
use unpack::Unpacker;

pub(crate) use transcode::{fits_windows_1252, source_len};

/// Text is handed out in pieces of about this size, however much a few bytes unpack to; transcoded text is up to three times as long. Less
/// than a usual batch, because what is read beyond a batch is moved when the batch is handed out.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether a decoder has more text for the bytes that it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Call again.
    More,
    /// It needs other bytes.
    Done,
}

/// Decodes a file. Push its bytes in order.
///
/// Memory: one piece of text, 64 KiB of packed bytes, and what the format asks for to unpack: 32 KiB for gzip, for zstd the window
/// that the file says, at most 128 MiB (files of levels below 20 say at most 8 MiB).
#[derive(Debug)]
pub(crate) struct Decoder {
    unpacker: Unpacker,
    text: TextReader,
}

impl Decoder {
    pub(crate) fn new(landing: &Landing) -> Self {
        Self {
            unpacker: Unpacker::new(landing.packing),
            text: TextReader::new(landing.encoding, format_name(&landing.format)),
        }
    }

    /// For a file that has no contract yet: what it is not, no contract says.
    pub(crate) fn without_contract(landing: &Landing) -> Self {
        Self { text: TextReader::new(landing.encoding, ""), ..Self::new(landing) }
    }

    /// For bytes from the midst of a file that is not packed, or from behind its byte order mark: they are text of this encoding, whatever
    /// they begin with.
    pub(crate) fn of_text(encoding: Encoding) -> Self {
        Self { unpacker: Unpacker::stored(), text: TextReader::of_text(encoding) }
    }

    /// Takes bytes from `input`, and calls `take` with the next piece of their text, if there is one. To be called until there is no
    /// more: then `input` is empty.
    ///
    /// # Errors
    /// The bytes are not what the contract says, or cannot be unpacked.
    pub(crate) fn decode(&mut self, input: &mut &[u8], take: impl FnMut(&[u8])) -> Result<Progress, FileError> {
        let Self { unpacker, text } = self;
        unpacker.unpack(input, |bytes, packed_as| text.push(bytes, packed_as, take))
    }

    /// No more bytes will come. To be called as [`Self::decode`].
    ///
    /// # Errors
    /// As for [`Self::decode`], or the file ends too early.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(&[u8])) -> Result<Progress, FileError> {
        let Self { unpacker, text } = self;
        let progress = unpacker.finish(|bytes, packed_as| text.push(bytes, packed_as, &mut take))?;
        if progress == Progress::Done {
            text.finish(unpacker.packed_as(), take)?;
        }
        Ok(progress)
    }

    /// Whether the text began with a byte order mark.
    pub(crate) fn has_mark(&self) -> bool {
        self.text.skipped() > 0
    }

    /// Whether the file is packed, as far as its bytes so far tell.
    pub(crate) fn is_packed(&self) -> bool {
        self.unpacker.packed_as().is_some()
    }

    /// The text's encoding; that of UTF-16 has a byte order as soon as the byte order mark was read.
    pub(crate) const fn encoding(&self) -> Encoding {
        self.text.encoding()
    }

    /// How many bytes of the unpacked file stand before its text: those of a byte order mark.
    pub(crate) fn skipped(&self) -> u64 {
        self.text.skipped()
    }
}

const fn format_name(format: &Format) -> &'static str {
    match format {
        Format::Csv(_) => "CSV",
        Format::Json(_) => "JSON",
    }
}

fn file_error(kind: FileErrorKind, message: String) -> FileError {
    FileError { kind, message, line: None }
}

#[cfg(test)]
mod tests;
