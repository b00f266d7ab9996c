//! How a file's text is encoded, as far as its records tell.
//! It does not know what the text says.

use super::document::File;
use super::track::Tally;
use crate::infer::resolve::{counted, grouped};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16,
    Windows1252,
    Iso8859,
}

impl Encoding {
    /// As the byte order mark says; else UTF-8 unless most of what is not ASCII is none: text in another encoding is hardly ever UTF-8
    /// by chance. A header that cannot be read costs the file.
    pub(super) fn of(tally: Tally, file: &File) -> Self {
        if file.is_utf16 {
            Self::Utf16
        } else if file.has_mark || tally.not_utf8 == 0 || (tally.utf8 >= tally.not_utf8 && !tally.header_is_not_utf8) {
            Self::Utf8
        } else if tally.beyond_windows {
            Self::Iso8859
        } else {
            Self::Windows1252
        }
    }

    /// As a contract names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Windows1252 => "Windows-1252",
            Self::Iso8859 => "ISO-8859-1",
        }
    }

    /// The most bytes that a record has as UTF-8, which its length is measured in; 0 where they are the file's own.
    pub(super) const fn longest_record(self, tally: Tally) -> usize {
        match self {
            Self::Utf8 | Self::Utf16 => 0,
            Self::Windows1252 | Self::Iso8859 => tally.longest_of_bytes,
        }
    }

    /// Why it is that.
    pub(super) fn evidence(self, tally: Tally) -> String {
        let Tally { utf8, not_utf8, .. } = tally;
        let broken = || grouped(not_utf8);
        match self {
            Self::Utf8 if not_utf8 > 0 => {
                let rows = counted(utf8, "row");
                format!("{rows} hold UTF-8 beyond ASCII; not UTF-8, and to be rejected: {}", broken())
            }
            Self::Utf8 if utf8 == 0 => "all bytes are ASCII".to_owned(),
            Self::Utf8 => format!("all bytes are UTF-8, those of {} beyond ASCII", counted(utf8, "row")),
            Self::Utf16 if not_utf8 > 0 => format!(
                "the file begins with the byte order mark of UTF-16; rows not UTF-16, and to be rejected: {}",
                broken()
            ),
            Self::Utf16 => "the file begins with the byte order mark of UTF-16".to_owned(),
            Self::Windows1252 => {
                format!("{} are not UTF-8; Windows-1252 is the most frequent other encoding", counted(not_utf8, "row"))
            }
            Self::Iso8859 => {
                let rows = counted(not_utf8, "row");
                format!("{rows} are not UTF-8, and there are bytes that Windows-1252 does not know")
            }
        }
    }
}

/// Bytes of the file as text.
pub(super) fn text(bytes: &[u8], encoding: Encoding) -> String {
    /// What Windows-1252 has at 0x80 to 0x9F, where ISO-8859-1 has control characters.
    const WINDOWS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ";
    match encoding {
        Encoding::Utf8 | Encoding::Utf16 => String::from_utf8_lossy(bytes).into_owned(),
        Encoding::Iso8859 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Encoding::Windows1252 => {
            let letter = |byte: &u8| match byte {
                0x80..=0x9F => WINDOWS.chars().nth(usize::from(byte - 0x80)).unwrap_or_default(),
                byte => char::from(*byte),
            };
            bytes.iter().map(letter).collect()
        }
    }
}
