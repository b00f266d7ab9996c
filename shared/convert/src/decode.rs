//! A file's bytes to its text: unpacked, and in UTF-8 without a byte order mark.
//! It does not know records.

use lakegate_contract::Landing;

use crate::{FileError, FileErrorKind};

/// Bytes that tell what kind of file it is.
const PREFIX_BYTES: usize = 4;
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// Decodes a file. Push its bytes in order.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The file's first bytes, until there are enough to tell what it is.
    prefix: Option<Vec<u8>>,
    /// Bytes at the file's beginning that are no text.
    skipped: u64,
}

impl Decoder {
    pub(crate) fn new(_landing: &Landing) -> Self {
        Self { prefix: Some(Vec::new()), skipped: 0 }
    }

    /// Calls `take` with the text of the next bytes, in pieces.
    ///
    /// # Errors
    /// The bytes are not what the contract says.
    pub(crate) fn decode(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), FileError> {
        let Some(prefix) = &mut self.prefix else {
            take(bytes);
            return Ok(());
        };
        prefix.extend_from_slice(bytes);
        if prefix.len() >= PREFIX_BYTES { self.begin(take) } else { Ok(()) }
    }

    /// No more bytes will come.
    ///
    /// # Errors
    /// As for [`Self::decode`].
    pub(crate) fn finish(&mut self, take: impl FnMut(&[u8])) -> Result<(), FileError> {
        self.begin(take)
    }

    /// The offset in the file of a place in its text.
    pub(crate) fn source_offset(&self, text_offset: u64) -> u64 {
        self.skipped + text_offset
    }

    /// Looks at the first bytes, once.
    fn begin(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), FileError> {
        let Some(prefix) = self.prefix.take() else { return Ok(()) };
        if let Some(text) = prefix.strip_prefix(UTF8_BOM) {
            self.skipped = UTF8_BOM.len() as u64;
            take(text);
            return Ok(());
        }
        let other = match prefix.as_slice() {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "UTF-16",
            [0x1F, 0x8B, ..] => "gzip",
            [0x28, 0xB5, 0x2F, 0xFD, ..] => "zstd",
            [b'P', b'K', 3, 4, ..] => "a zip archive",
            [b'P', b'A', b'R', b'1', ..] => "Parquet",
            text => {
                take(text);
                return Ok(());
            }
        };
        let message = format!("the file is {other}, and the contract says CSV in UTF-8");
        Err(FileError { kind: FileErrorKind::Encoding, message, line: None })
    }
}

/// How many bytes this text was in the file.
pub(crate) fn source_len(_encoding: lakegate_contract::Encoding, text: &[u8]) -> u64 {
    text.len() as u64
}
