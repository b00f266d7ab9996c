//! The codecs of pages. A compressor keeps its tables from page to page; what it writes does not depend on them.
//! It does not know pages.

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;

/// Room that is kept.
const ROOM_BYTES_MAX: usize = 1024 * 1024;
/// A page that does not lose an eighth of its length is as good as random; ...
const WORTHWHILE_SHARE: usize = 8;
/// ... then so many pages behind it are stored without another try.
const PAGES_STORED: u8 = 7;
/// Snappy's longest literal with a length of two bytes, which every decoder takes.
const LITERAL_BYTES_MAX: usize = 64 * 1024;
/// The tag of a literal whose length, less one, follows in two bytes (Snappy format description, "Literals").
const LITERAL_TAG: u8 = 61 << 2;

/// What compressing a column chunk's pages gave so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Experience {
    /// Pages that are still to be stored as they are.
    stored: u8,
}

/// Compresses pages.
pub(crate) struct Compressor {
    codec: Codec,
    /// Room for a compressed page, kept from page to page.
    room: Vec<u8>,
}

enum Codec {
    Snappy(Box<snap::raw::Encoder>),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    pub(crate) fn new(codec: lakegate_contract::Compression) -> Result<Self, ParquetError> {
        let codec = match codec {
            lakegate_contract::Compression::Snappy => Codec::Snappy(Box::new(snap::raw::Encoder::new())),
            lakegate_contract::Compression::Zstd => {
                let level = ZstdLevel::default().compression_level();
                Codec::Zstd(zstd::bulk::Compressor::new(level).map_err(failed)?)
            }
        };
        Ok(Self { codec, room: Vec::new() })
    }

    pub(super) fn codec(&self) -> Compression {
        match self.codec {
            Codec::Snappy(_) => Compression::SNAPPY,
            Codec::Zstd(_) => Compression::ZSTD(ZstdLevel::default()),
        }
    }

    /// Compresses a page of a column chunk. Snappy takes as long for bytes that it cannot shorten as for others: they are stored, as a
    /// page of literals.
    pub(super) fn compress(&mut self, page: &[u8], experience: &mut Experience) -> Result<Bytes, ParquetError> {
        if experience.stored > 0 {
            experience.stored -= 1;
            return Ok(stored(page));
        }
        let compressed = self.compress_always(page)?;
        let is_worthwhile = compressed.len() + page.len() / WORTHWHILE_SHARE <= page.len();
        if !is_worthwhile && matches!(self.codec, Codec::Snappy(_)) {
            experience.stored = PAGES_STORED;
        }
        Ok(compressed)
    }

    fn compress_always(&mut self, page: &[u8]) -> Result<Bytes, ParquetError> {
        let length_max = match self.codec {
            Codec::Snappy(_) => snap::raw::max_compress_len(page.len()),
            Codec::Zstd(_) => zstd::zstd_safe::compress_bound(page.len()),
        };
        if self.room.len() < length_max {
            self.room.resize(length_max, 0);
        }
        let length = match &mut self.codec {
            Codec::Snappy(encoder) => encoder.compress(page, &mut self.room).map_err(failed)?,
            Codec::Zstd(compressor) => compressor.compress_to_buffer(page, self.room.as_mut_slice()).map_err(failed)?,
        };
        let compressed = Bytes::copy_from_slice(self.room.get(..length).unwrap_or_default());
        // A page of one long text does not keep its room.
        self.room.truncate(ROOM_BYTES_MAX);
        self.room.shrink_to(ROOM_BYTES_MAX);
        Ok(compressed)
    }
}

/// A page in Snappy's format, as it is.
fn stored(page: &[u8]) -> Bytes {
    let literals = page.chunks(LITERAL_BYTES_MAX);
    let mut stored = Vec::with_capacity(page.len() + 3 * literals.len() + 5);
    // The whole length: seven bits a byte, the lowest first.
    let mut rest = page.len();
    while rest >= 0x80 {
        stored.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    stored.push(rest.to_le_bytes()[0]);
    for literal in literals {
        let [low, high, ..] = (literal.len() - 1).to_le_bytes();
        stored.extend_from_slice(&[LITERAL_TAG, low, high]);
        stored.extend_from_slice(literal);
    }
    Bytes::from(stored)
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compressor").field(&self.codec()).finish()
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use lakegate_contract::Compression;

    use super::{Compressor, Experience, PAGES_STORED, stored};

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn a_stored_page_is_snappy_of_any_length() {
        for length in [0, 1, 59, 60, 61, 127, 128, 255, 256, 16_383, 16_384, 65_535, 65_536, 65_537, 200_000] {
            let page = noise(length);
            assert_eq!(snap::raw::Decoder::new().decompress_vec(&stored(&page)).unwrap(), page, "{length} bytes");
        }
    }

    #[test]
    fn noise_is_stored_and_what_follows_it_is_tried_again() {
        let mut compressor = Compressor::new(Compression::Snappy).unwrap();
        let mut experience = Experience::default();
        let (noise, text) = (noise(10_000), vec![b'a'; 10_000]);
        compressor.compress(&noise, &mut experience).unwrap();
        let lengths: Vec<bool> =
            (0..=PAGES_STORED).map(|_| compressor.compress(&text, &mut experience).unwrap().len() < 1_000).collect();
        assert_eq!(lengths, [false, false, false, false, false, false, false, true]);
        assert!(compressor.compress(&text, &mut experience).unwrap().len() < 1_000);
    }
}
