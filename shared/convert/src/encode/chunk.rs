//! One column of one partition: values in, pages out, and at the end of a row group a column chunk.
//! It does not know other columns or partitions.

use bytes::Bytes;
use parquet::basic::{Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::compress::{Compressor, Experience};
use super::dictionary::Dictionary;
use super::hybrid;
use super::pages::Pages;
use super::statistics::Bounds;

/// A page's header takes less.
const HEADER_BYTES: usize = 64;
/// Stands for "no local code yet".
const NO_CODE: u16 = u16::MAX;

/// A column chunk in progress.
#[derive(Debug, Default)]
pub(super) struct ColumnChunk {
    /// The open page's values in PLAIN encoding; booleans are a byte each.
    pub(super) plain: Vec<u8>,
    /// The open page's values as codes of the column's dictionary.
    codes: Vec<u16>,
    /// The open page's rows, and which of them are null; empty while none is.
    page_rows: usize,
    validity: Vec<u8>,
    page_nulls: usize,
    /// By code of the column's dictionary, the chunk's own code.
    local_codes: Vec<u16>,
    /// The chunk's own dictionary: codes of the column's.
    entries: Vec<u16>,
    /// The pages closed so far, as the file will have them.
    pages: Vec<Bytes>,
    pages_bytes: usize,
    experience: Experience,
    pub(super) bounds: Bounds,
    rows: usize,
    nulls: usize,
    uncompressed: usize,
    plain_pages: i32,
    coded_pages: i32,
}

/// A finished column chunk: its pages, the dictionary page first, and its metadata.
pub(crate) type FinishedChunk = (Pages, ColumnCloseResult);

impl ColumnChunk {
    /// Counts rows that have a value; the values are added beside.
    #[inline]
    pub(super) fn add_valid(&mut self, rows: usize) {
        self.page_rows += rows;
        if self.page_nulls > 0 {
            self.validity.resize(self.page_rows, 1);
        }
    }

    /// Counts a row that has a value, which is added beside, or is null.
    #[inline]
    pub(super) fn add_level(&mut self, is_valid: bool) {
        if is_valid {
            return self.add_valid(1);
        }
        if self.page_nulls == 0 {
            self.validity.clear();
            self.validity.resize(self.page_rows, 1);
        }
        self.page_nulls += 1;
        self.page_rows += 1;
        self.validity.push(0);
    }

    /// Adds the values of rows by their codes in the column's dictionary. They are renumbered when the page is closed: by then they are so
    /// many that the table for it is worth its place in the cache.
    pub(super) fn add_codes(&mut self, rows: &[u32], codes: &[u16]) {
        self.codes.extend(rows.iter().map(|row| codes.get(*row as usize).copied().unwrap_or_default()));
    }

    /// Makes codes of the chunk's own dictionary of those of the column's.
    fn renumber(&mut self) {
        let highest = self.codes.iter().copied().max().unwrap_or_default();
        if self.local_codes.len() <= usize::from(highest) {
            self.local_codes.resize((usize::from(highest) + 1).next_power_of_two(), NO_CODE);
        }
        for code in &mut self.codes {
            let Some(local) = self.local_codes.get_mut(usize::from(*code)) else { continue };
            if *local == NO_CODE {
                // There are fewer entries than codes, so that this one is never `NO_CODE`.
                *local = u16::try_from(self.entries.len()).unwrap_or(NO_CODE);
                self.entries.push(*code);
            }
            *code = *local;
        }
    }

    pub(super) fn page_bytes(&self) -> usize {
        self.plain.len() + self.codes.len() * size_of::<u16>()
    }

    pub(super) fn page_rows(&self) -> usize {
        self.page_rows
    }

    pub(super) fn has_codes(&self) -> bool {
        !self.codes.is_empty()
    }

    /// Gives memory back beyond what a page of so many bytes takes: a file may have many chunks that are rarely written to.
    pub(super) fn shrink(&mut self, page_bytes: usize) {
        if self.plain.capacity() > 2 * page_bytes {
            self.plain.shrink_to(page_bytes);
        }
        if self.codes.capacity() > page_bytes {
            self.codes.shrink_to(page_bytes / size_of::<u16>());
        }
        if self.page_nulls == 0 && self.validity.capacity() > page_bytes {
            self.validity = Vec::new();
        }
    }

    /// Bytes that closing the chunk would write, about.
    pub(super) fn encoded_size(&self) -> usize {
        self.pages_bytes + self.page_bytes()
    }

    /// Compresses the open page.
    pub(super) fn close_page(
        &mut self,
        column: &ColumnDescPtr,
        compressor: &mut Compressor,
    ) -> Result<(), ParquetError> {
        if self.page_rows == 0 {
            return Ok(());
        }
        self.renumber();
        let mut page = Vec::with_capacity(self.page_bytes() + self.page_rows / 8 + 16);
        self.write_levels(&mut page);
        let encoding = if self.codes.is_empty() {
            match column.physical_type() {
                Type::BOOLEAN => pack(&self.plain, &mut page),
                Type::INT32
                | Type::INT64
                | Type::INT96
                | Type::FLOAT
                | Type::DOUBLE
                | Type::BYTE_ARRAY
                | Type::FIXED_LEN_BYTE_ARRAY => page.extend_from_slice(&self.plain),
            }
            self.plain_pages += 1;
            Encoding::PLAIN
        } else {
            let width = bit_width(self.entries.len());
            page.push(width);
            hybrid::write(&self.codes, width, &mut page);
            self.coded_pages += 1;
            Encoding::RLE_DICTIONARY
        };
        let uncompressed = page.len();
        let page = Page::DataPage {
            buf: compressor.compress(&page, &mut self.experience)?,
            num_values: u32::try_from(self.page_rows).unwrap_or(u32::MAX),
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let page = self.serialised(CompressedPage::new(page, uncompressed))?;
        self.pages_bytes += page.len();
        self.pages.push(page);
        self.rows += self.page_rows;
        self.nulls += self.page_nulls;
        self.plain.clear();
        self.codes.clear();
        (self.page_rows, self.page_nulls) = (0, 0);
        Ok(())
    }

    /// Definition levels: 1 for a value, 0 for a null, behind their length.
    fn write_levels(&self, page: &mut Vec<u8>) {
        let mut levels = Vec::new();
        if self.page_nulls == 0 {
            hybrid::write_run(1, self.page_rows, 1, &mut levels);
        } else {
            let validity: Vec<u16> = self.validity.iter().map(|valid| u16::from(*valid)).collect();
            hybrid::write(&validity, 1, &mut levels);
        }
        page.extend_from_slice(&u32::try_from(levels.len()).unwrap_or(u32::MAX).to_le_bytes());
        page.append(&mut levels);
    }

    /// Ends the chunk, and begins the next row group's.
    pub(super) fn finish(
        &mut self,
        column: &ColumnDescPtr,
        dictionary: Option<&Dictionary>,
        compressor: &mut Compressor,
    ) -> Result<FinishedChunk, ParquetError> {
        self.close_page(column, compressor)?;
        let mut dictionary_bytes = 0;
        if let (Some(dictionary), false) = (dictionary, self.entries.is_empty()) {
            let page = self.dictionary_page(column, dictionary, compressor)?;
            dictionary_bytes = page.len();
            self.pages.insert(0, page);
        }
        let bytes = self.pages_bytes + dictionary_bytes;
        let metadata = self.metadata(column, compressor, dictionary_bytes, bytes)?;
        let pages = Pages::new(std::mem::take(&mut self.pages));
        let closed = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        *self =
            Self { plain: std::mem::take(&mut self.plain), codes: std::mem::take(&mut self.codes), ..Self::default() };
        Ok((pages, closed))
    }

    fn dictionary_page(
        &mut self,
        column: &ColumnDescPtr,
        dictionary: &Dictionary,
        compressor: &mut Compressor,
    ) -> Result<Bytes, ParquetError> {
        let mut page = Vec::new();
        for code in &self.entries {
            match column.physical_type() {
                Type::INT32 => {
                    let number = dictionary.number(*code);
                    page.extend_from_slice(&i32::try_from(number).unwrap_or_default().to_le_bytes());
                    self.bounds.add_number(number);
                }
                Type::DOUBLE => {
                    let number = dictionary.number(*code);
                    page.extend_from_slice(&number.to_le_bytes());
                    self.bounds.add_double(f64::from_bits(number.cast_unsigned()));
                }
                Type::BYTE_ARRAY => {
                    let text = dictionary.text(*code);
                    page.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                    page.extend_from_slice(text);
                    self.bounds.add_text(text);
                }
                // The others have no dictionary.
                Type::INT64 | Type::BOOLEAN | Type::INT96 | Type::FLOAT | Type::FIXED_LEN_BYTE_ARRAY => {
                    let number = dictionary.number(*code);
                    page.extend_from_slice(&number.to_le_bytes());
                    self.bounds.add_number(number);
                }
            }
        }
        let uncompressed = page.len();
        let page = Page::DictionaryPage {
            buf: compressor.compress(&page, &mut Experience::default())?,
            num_values: u32::try_from(self.entries.len()).unwrap_or(u32::MAX),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.serialised(CompressedPage::new(page, uncompressed))
    }

    /// A page behind its header.
    fn serialised(&mut self, page: CompressedPage) -> Result<Bytes, ParquetError> {
        let mut sink = TrackedWrite::new(Vec::with_capacity(page.compressed_size() + HEADER_BYTES));
        let written = SerializedPageWriter::new(&mut sink).write_page(page)?;
        self.uncompressed += written.uncompressed_size;
        // Exactly as long as the page: chunks hold many.
        Ok(Bytes::from(sink.into_inner()?.into_boxed_slice()))
    }

    fn metadata(
        &self,
        column: &ColumnDescPtr,
        compressor: &Compressor,
        dictionary_bytes: usize,
        bytes: usize,
    ) -> Result<ColumnChunkMetaData, ParquetError> {
        let mut encodings = vec![Encoding::RLE];
        let mut stats = Vec::new();
        if dictionary_bytes > 0 {
            stats.push(PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding: Encoding::PLAIN, count: 1 });
        }
        for (encoding, count) in [(Encoding::PLAIN, self.plain_pages), (Encoding::RLE_DICTIONARY, self.coded_pages)] {
            if count > 0 {
                stats.push(PageEncodingStats { page_type: PageType::DATA_PAGE, encoding, count });
            }
            if count > 0 || (encoding == Encoding::PLAIN && dictionary_bytes > 0) {
                encodings.push(encoding);
            }
        }
        let length = usize::try_from(column.type_length()).unwrap_or_default();
        ColumnChunkMetaData::builder(ColumnDescPtr::clone(column))
            .set_compression(compressor.codec())
            .set_encodings(encodings)
            .set_page_encoding_stats(stats)
            .set_total_compressed_size(i64::try_from(bytes).unwrap_or(i64::MAX))
            .set_total_uncompressed_size(i64::try_from(self.uncompressed).unwrap_or(i64::MAX))
            .set_num_values(i64::try_from(self.rows).unwrap_or(i64::MAX))
            .set_dictionary_page_offset((dictionary_bytes > 0).then_some(0))
            .set_data_page_offset(i64::try_from(dictionary_bytes).unwrap_or(i64::MAX))
            .set_statistics(self.bounds.statistics(column.physical_type(), length, self.nulls as u64))
            .build()
    }
}

/// Bits that the codes of so many entries need, at least 1.
fn bit_width(entries: usize) -> u8 {
    let highest = entries.saturating_sub(1).max(1);
    u8::try_from(usize::BITS - highest.leading_zeros()).unwrap_or(16)
}

/// Booleans in PLAIN encoding: a bit each, the first lowest.
fn pack(bools: &[u8], page: &mut Vec<u8>) {
    page.extend(bools.chunks(8).map(|chunk| (0..).zip(chunk).fold(0, |byte, (bit, value)| byte | value << bit)));
}
