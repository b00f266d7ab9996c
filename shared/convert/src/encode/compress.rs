//! The codecs of pages. A compressor keeps its tables from page to page; what it writes does not depend on them.
//! It does not know pages.

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;

/// Compresses pages.
pub(crate) enum Compressor {
    Snappy(Box<snap::raw::Encoder>),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    pub(crate) fn new(codec: lakegate_contract::Compression) -> Result<Self, ParquetError> {
        Ok(match codec {
            lakegate_contract::Compression::Snappy => Self::Snappy(Box::new(snap::raw::Encoder::new())),
            lakegate_contract::Compression::Zstd => {
                Self::Zstd(zstd::bulk::Compressor::new(ZstdLevel::default().compression_level()).map_err(failed)?)
            }
        })
    }

    pub(super) fn codec(&self) -> Compression {
        match self {
            Self::Snappy(_) => Compression::SNAPPY,
            Self::Zstd(_) => Compression::ZSTD(ZstdLevel::default()),
        }
    }

    pub(super) fn compress(&mut self, page: &[u8]) -> Result<Bytes, ParquetError> {
        let compressed = match self {
            Self::Snappy(encoder) => encoder.compress_vec(page).map_err(failed)?,
            Self::Zstd(compressor) => compressor.compress(page).map_err(failed)?,
        };
        Ok(Bytes::from(compressed))
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
