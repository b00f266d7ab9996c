//! The codecs of pages. A compressor keeps its tables from page to page; what it writes does not depend on them.
//! It does not know pages.

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;

/// Room that is kept.
const ROOM_BYTES_MAX: usize = 1024 * 1024;

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

    pub(super) fn compress(&mut self, page: &[u8]) -> Result<Bytes, ParquetError> {
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

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compressor").field(&self.codec()).finish()
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(error))
}
