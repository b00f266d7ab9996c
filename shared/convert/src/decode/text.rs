//! Unpacked bytes to UTF-8 text without a byte order mark: what the file is by its first bytes, and then its encoding.
//! It does not know how the file was packed, but for what it tells of it.

use lakegate_contract::Encoding;

use super::file_error;
use super::signature::{SIGNATURE_BYTES, Signature, signature};
use super::transcode::Transcoder;
use crate::{FileError, FileErrorKind};

/// Byte order marks, and the encodings that they are of.
const BYTE_ORDER_MARKS: [(&[u8], Encoding); 3] =
    [(b"\xEF\xBB\xBF", Encoding::Utf8), (b"\xFF\xFE", Encoding::Utf16Le), (b"\xFE\xFF", Encoding::Utf16Be)];

/// Reads the text of unpacked bytes. Push them in order.
#[derive(Debug)]
pub(super) struct TextReader {
    /// As the contract says, and once the first bytes are known, with the byte order that they say.
    encoding: Encoding,
    /// What the contract says; nothing where there is none.
    format: &'static str,
    /// The first bytes, until there are enough to tell what they are.
    prefix: Option<Vec<u8>>,
    /// Bytes of the byte order mark.
    skipped: u64,
    transcoder: Transcoder,
    text: Vec<u8>,
}

impl TextReader {
    pub(super) fn new(encoding: Encoding, format: &'static str) -> Self {
        let transcoder = Transcoder::new(encoding);
        Self { encoding, format, prefix: Some(Vec::new()), skipped: 0, transcoder, text: Vec::new() }
    }

    /// For text from the midst of a file.
    pub(super) fn of_text(encoding: Encoding) -> Self {
        Self { prefix: None, ..Self::new(encoding, "") }
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Calls `take` with the text of the next bytes.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        packed_as: Option<Signature>,
        take: impl FnMut(&[u8]),
    ) -> Result<(), FileError> {
        let Some(prefix) = &mut self.prefix else {
            self.read(bytes, take);
            return Ok(());
        };
        prefix.extend_from_slice(bytes);
        if prefix.len() >= SIGNATURE_BYTES { self.begin(packed_as, take) } else { Ok(()) }
    }

    /// No more bytes will come.
    pub(super) fn finish(
        &mut self,
        packed_as: Option<Signature>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), FileError> {
        self.begin(packed_as, &mut take)?;
        self.text.clear();
        self.transcoder.finish(&mut self.text);
        take(&self.text);
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        if self.encoding == Encoding::Utf8 {
            return take(bytes);
        }
        self.text.clear();
        self.transcoder.push(bytes, &mut self.text);
        take(&self.text);
    }

    /// Looks at the first bytes, once.
    fn begin(&mut self, packed_as: Option<Signature>, take: impl FnMut(&[u8])) -> Result<(), FileError> {
        let Some(prefix) = self.prefix.take() else { return Ok(()) };
        if let Some(found) = signature(&prefix) {
            return Err(self.no_text(found, packed_as));
        }
        let mark = BYTE_ORDER_MARKS.iter().find(|(mark, _)| prefix.starts_with(mark));
        let (mark_len, marked) = mark.map_or((0, None), |(mark, encoding)| (mark.len(), Some(*encoding)));
        let found = marked.or_else(|| unmarked_utf16(&prefix));
        let declared = self.encoding;
        match (declared, found) {
            (Encoding::Utf16, Some(order @ (Encoding::Utf16Le | Encoding::Utf16Be))) if marked.is_some() => {
                self.encoding = order;
                self.transcoder = Transcoder::new(order);
            }
            (Encoding::Utf16, _) if !prefix.is_empty() && marked.is_none() => {
                return Err(self.encoding_error("the file has no byte order mark", "UTF-16LE or UTF-16BE"));
            }
            (_, Some(found)) if found != declared => {
                let by = if marked.is_some() { "by its byte order mark" } else { "by its first bytes" };
                let is = format!("the file is {} {by}", name(found));
                return Err(self.encoding_error(&is, name(found)));
            }
            _ => {}
        }
        self.skipped = mark_len as u64;
        self.read(prefix.get(mark_len..).unwrap_or_default(), take);
        Ok(())
    }

    fn no_text(&self, found: Signature, packed_as: Option<Signature>) -> FileError {
        let inside = packed_as.map_or_else(String::new, |outer| format!(" inside {}", outer.name()));
        let expected = self.expected("CSV and JSON are read");
        file_error(FileErrorKind::WrongFormat, format!("the file is {}{inside}, and {expected}", found.name()))
    }

    fn encoding_error(&self, is: &str, fitting: &str) -> FileError {
        let expected = self.expected("without a contract UTF-16 is read by its byte order mark");
        file_error(FileErrorKind::Encoding, format!("{is}, and {expected}; encoding: {fitting} would fit"))
    }

    fn expected(&self, without_contract: &str) -> String {
        if self.format.is_empty() {
            return without_contract.to_owned();
        }
        format!("the contract says {} in {}", self.format, name(self.encoding))
    }
}

/// ASCII in UTF-16 without a byte order mark: every other byte is zero.
fn unmarked_utf16(prefix: &[u8]) -> Option<Encoding> {
    match prefix {
        [1..=0x7F, 0, 1..=0x7F, 0, ..] => Some(Encoding::Utf16Le),
        [0, 1..=0x7F, 0, 1..=0x7F, ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "UTF-8",
        Encoding::Utf16 => "UTF-16",
        Encoding::Utf16Le => "UTF-16LE",
        Encoding::Utf16Be => "UTF-16BE",
        Encoding::Windows1252 => "Windows-1252",
        Encoding::Iso8859_1 => "ISO-8859-1",
    }
}
