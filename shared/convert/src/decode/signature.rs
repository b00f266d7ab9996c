//! What kind of file the first bytes are of.
//! It does not know what the contract says.

/// So many bytes tell every kind that is known here.
pub(super) const SIGNATURE_BYTES: usize = 262;

/// A kind of file that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    Gzip,
    Zstd,
    /// A kind that is not read, as a message names it.
    Other(&'static str),
}

impl Signature {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Other(name) => name,
        }
    }
}

/// Beginnings that no text has, and the kinds that have them.
const BEGINNINGS: [(&[u8], &str); 23] = [
    (b"PK\x03\x04", "a zip archive (or an Excel workbook)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"PK\x07\x08", "a part of a zip archive"),
    (b"PAR1", "Parquet"),
    (b"PARE", "encrypted Parquet"),
    (b"\xFD7zXZ\x00", "xz"),
    (b"\x04\x22\x4D\x18", "lz4"),
    (b"\x02\x21\x4C\x18", "lz4"),
    (b"\xFF\x06\x00\x00sNaPpY", "snappy"),
    (b"\x1F\x9D", "a file of Unix compress"),
    (b"LZIP\x01", "lzip"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"Rar!\x1A\x07", "a RAR archive"),
    (b"%PDF-", "PDF"),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Office document (as of Excel)"),
    (b"Obj\x01", "Avro"),
    (b"ARROW1\x00\x00", "an Arrow file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89PNG\r\n\x1A\n", "a PNG picture"),
    (b"\xFF\xD8\xFF", "a JPEG picture"),
    (b"\xFF\xFE\x00\x00", "UTF-32"),
    (b"\x00\x00\xFE\xFF", "UTF-32"),
    (b"\x7FELF", "a program"),
];

/// What the file is, if these are its first [`SIGNATURE_BYTES`] bytes, or all of it, and it is no text.
pub(super) fn signature(bytes: &[u8]) -> Option<Signature> {
    match bytes {
        [0x1F, 0x8B, ..] => return Some(Signature::Gzip),
        // A frame, or one that is to be skipped.
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => return Some(Signature::Zstd),
        // Text may begin with these letters, but not go on like this: what follows is a block, or the end.
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, ..] => return Some(Signature::Other("bzip2")),
        [b'O', b'R', b'C', 0..=8 | 14..=31, ..] => return Some(Signature::Other("ORC")),
        _ => {}
    }
    if bytes.get(257..SIGNATURE_BYTES) == Some(b"ustar") {
        return Some(Signature::Other("a tar archive"));
    }
    let known = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning));
    known.map(|(_, name)| Signature::Other(name))
}
