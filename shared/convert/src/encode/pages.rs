//! The pages of a finished column chunk, as the Parquet library reads them to copy them into a file: without being joined first.
//! It does not know what a page holds.

use std::io::Read;

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Pages, one after another.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: Vec<Bytes>,
}

impl Pages {
    pub(super) fn new(pages: Vec<Bytes>) -> Self {
        Self { pages }
    }
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.pages.iter().map(|page| page.len() as u64).sum()
    }
}

impl ChunkReader for Pages {
    type T = PagesReader;

    fn get_read(&self, start: u64) -> Result<PagesReader, ParquetError> {
        let mut skip = usize::try_from(start).map_err(|error| ParquetError::External(Box::new(error)))?;
        let mut rest: Vec<Bytes> = self.pages.iter().rev().cloned().collect();
        while let Some(page) = rest.last_mut().filter(|_| skip > 0) {
            let skipped = skip.min(page.len());
            page.advance(skipped);
            skip -= skipped;
            if page.is_empty() {
                rest.pop();
            }
        }
        Ok(PagesReader { rest })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(Bytes::from(bytes))
    }
}

/// Reads pages through.
#[derive(Debug)]
pub(crate) struct PagesReader {
    /// The next page is the last.
    rest: Vec<Bytes>,
}

impl Read for PagesReader {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while let Some(page) = self.rest.last_mut() {
            if page.is_empty() {
                self.rest.pop();
                continue;
            }
            let count = page.len().min(out.len());
            page.split_to(count).copy_to_slice(out.get_mut(..count).unwrap_or_default());
            return Ok(count);
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use bytes::Bytes;
    use parquet::file::reader::{ChunkReader, Length};

    use super::Pages;

    #[test]
    fn pages_read_as_if_they_were_joined() {
        let pages = Pages::new(["ab", "", "cde", "f"].map(|page| Bytes::from_static(page.as_bytes())).to_vec());
        assert_eq!(pages.len(), 6);
        for start in 0..=6 {
            let mut text = String::new();
            pages.get_read(start).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "abcdef"[usize::try_from(start).unwrap()..]);
        }
        assert_eq!(pages.get_bytes(1, 3).unwrap(), "bcd");
        assert!(pages.get_bytes(4, 3).is_err());
    }
}
