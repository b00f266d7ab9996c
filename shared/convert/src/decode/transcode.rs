//! Text of other encodings to UTF-8. What is no text becomes bytes that are not valid UTF-8, so that only its record is rejected;
//! a replacement character is never written.
//! It does not know files.

use lakegate_contract::Encoding;

/// The code points of Windows-1252 from 0x80 to 0x9F; 0 where none is assigned.
const WINDOWS_1252: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0, 0,
    0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
];
/// What stands for half a UTF-16 unit at the end of a file: never part of UTF-8.
const HALF_UNIT: u8 = 0xFF;
/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 16;

/// Transcodes text. Push its bytes in order.
#[derive(Debug)]
pub(super) struct Transcoder {
    encoding: Encoding,
    /// The first half of a UTF-16 unit.
    half: Option<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
}

impl Transcoder {
    pub(super) const fn new(encoding: Encoding) -> Self {
        Self { encoding, half: None, high: None }
    }

    /// Appends the text of the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Utf8 => text.extend_from_slice(bytes),
            Encoding::Windows1252 => single_bytes(bytes, text, windows_1252),
            Encoding::Iso8859_1 => single_bytes(bytes, text, |byte| Some(char::from(byte))),
            Encoding::Utf16 | Encoding::Utf16Le => self.utf16(bytes, text, u16::from_le_bytes, 0),
            Encoding::Utf16Be => self.utf16(bytes, text, u16::from_be_bytes, 1),
        }
    }

    /// No more bytes will come.
    pub(super) fn finish(&mut self, text: &mut Vec<u8>) {
        self.end_pair(text);
        if self.half.take().is_some() {
            text.push(HALF_UNIT);
        }
    }

    /// `low` is the place of a unit's less significant byte.
    fn utf16(&mut self, mut bytes: &[u8], text: &mut Vec<u8>, unit: impl Fn([u8; 2]) -> u16, low: usize) {
        if let Some(half) = self.half {
            // Nothing may come before the second half does.
            let [first, rest @ ..] = bytes else { return };
            self.unit(unit([half, *first]), text);
            bytes = rest;
        }
        let (blocks, tail) = bytes.as_chunks::<BLOCK_BYTES>();
        for block in blocks {
            let (units, _) = block.as_chunks::<2>();
            if self.high.is_none() && units.iter().fold(0, |all, pair| all | unit(*pair)) < 0x80 {
                let ascii: [u8; BLOCK_BYTES / 2] =
                    std::array::from_fn(|place| block.get(place * 2 + low).copied().unwrap_or_default());
                text.extend_from_slice(&ascii);
            } else {
                for pair in units {
                    self.unit(unit(*pair), text);
                }
            }
        }
        let (units, half) = tail.as_chunks::<2>();
        for pair in units {
            self.unit(unit(*pair), text);
        }
        self.half = half.first().copied();
    }

    fn unit(&mut self, unit: u16, text: &mut Vec<u8>) {
        match (self.high, unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                self.high = None;
                let code_point = 0x1_0000 + (u32::from(high - 0xD800) << 10) + u32::from(unit - 0xDC00);
                append(char::from_u32(code_point), text);
            }
            (_, 0xD800..=0xDBFF) => {
                self.end_pair(text);
                self.high = Some(unit);
            }
            (_, 0xDC00..=0xDFFF) => lone_surrogate(unit, text),
            (_, unit) => {
                self.end_pair(text);
                append(char::from_u32(u32::from(unit)), text);
            }
        }
    }

    fn end_pair(&mut self, text: &mut Vec<u8>) {
        if let Some(high) = self.high.take() {
            lone_surrogate(high, text);
        }
    }
}

fn single_bytes(bytes: &[u8], text: &mut Vec<u8>, decode: impl Fn(u8) -> Option<char>) {
    text.reserve(bytes.len());
    for block in bytes.chunks(BLOCK_BYTES) {
        if block.is_ascii() {
            text.extend_from_slice(block);
            continue;
        }
        for byte in block {
            match decode(*byte) {
                Some(char) => append(Some(char), text),
                // Alone it is not valid UTF-8 either, and rejects show it as it stood.
                None => text.push(*byte),
            }
        }
    }
}

fn windows_1252(byte: u8) -> Option<char> {
    let place = usize::from(byte).wrapping_sub(0x80);
    match WINDOWS_1252.get(place) {
        Some(0) => None,
        Some(code_point) => char::from_u32(u32::from(*code_point)),
        None => Some(char::from(byte)),
    }
}

/// Whether these bytes are text of Windows-1252 and of nothing else: they are no UTF-8, nor is any part of them beyond ASCII.
pub(crate) fn fits_windows_1252(bytes: &[u8]) -> bool {
    let is_letter = |byte: &u8| *byte >= b'\t' && windows_1252(*byte).is_some();
    let mut chunks = bytes.utf8_chunks();
    chunks.all(|chunk| chunk.valid().is_ascii()) && !bytes.is_ascii() && bytes.iter().all(is_letter)
}

fn append(char: Option<char>, text: &mut Vec<u8>) {
    if let Some(char) = char {
        text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// As UTF-8 would write it, which it must not.
fn lone_surrogate(unit: u16, text: &mut Vec<u8>) {
    let [high, low] = unit.to_be_bytes();
    text.extend_from_slice(&[0xE0 | high >> 4, 0x80 | (high & 0x0F) << 2 | low >> 6, 0x80 | low & 0x3F]);
}

/// How many bytes this text, which holds whole characters, was in a file of this encoding, byte order mark excluded.
pub(crate) fn source_len(encoding: Encoding, text: &[u8]) -> u64 {
    let bytes = match encoding {
        Encoding::Utf8 => text.len(),
        Encoding::Windows1252 | Encoding::Iso8859_1 if text.is_ascii() => text.len(),
        Encoding::Windows1252 | Encoding::Iso8859_1 => {
            text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum()
        }
        Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be if text.is_ascii() => text.len() * 2,
        Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => {
            let valid = |valid: &str| valid.chars().map(|char| char.len_utf16() * 2).sum::<usize>();
            let (units, surrogate_bytes) = text.utf8_chunks().fold((0, 0), |(units, surrogates), chunk| {
                (units + valid(chunk.valid()), surrogates + chunk.invalid().len())
            });
            // A lone surrogate is two bytes in the file, and three here.
            units + surrogate_bytes / 3 * 2
        }
    };
    bytes as u64
}
