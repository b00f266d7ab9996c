//! A column's accepted values to Parquet column chunks, one per partition, without an encoder held open for each: values go straight
//! to their partition's open page. It does not know files, nor other columns.
//!
//! A column is dictionary-encoded as long as that pays, which is decided by what is seen: one dictionary numbers the column's
//! distinct values over all partitions, and each chunk renumbers those that it has. Whatever is decided hangs on the rows alone.

mod chunk;
mod compress;
mod dictionary;
mod footer;
mod hybrid;
mod nested;
mod pages;
mod routing;
mod statistics;
mod values;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::FieldRef;
use parquet::arrow::arrow_writer::ArrowColumnChunk;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use crate::ConvertError;
use chunk::{ColumnChunk, FinishedChunk};
use nested::NestedColumn;
use values::{Values, Visitor, visit};

pub(crate) use compress::Compressor;
pub(crate) use dictionary::Dictionary;
pub(crate) use footer::order_doubles_by_type;
pub(crate) use hybrid::write_varint;
pub(crate) use routing::{NO_PARTITION, Routing};

/// A page has at most about so many bytes before compression, ...
const PAGE_BYTES_MAX: usize = 64 * 1024;
/// ... at least so many, ...
const PAGE_BYTES_MIN: usize = 1024;
/// ... and all open pages of a table together so many.
const OPEN_PAGES_BYTES: usize = 24 * 1024 * 1024;
/// Rows of a page: what a reader that skips by pages decodes at least.
const PAGE_ROWS_MAX: usize = 64 * 1024;
/// Renumbering tables of all partitions and columns together, about.
const LOCAL_CODES_BYTES: usize = 16 * 1024 * 1024;
/// A column whose values rarely repeat gives its dictionary up: after so many rows if more than the given share of them in percent were
/// new values. A column of ten thousand prices looks nearly distinct at first, and is not.
const TRIALS: [(usize, usize); 2] = [(8 * 1024, 80), (32 * 1024, 50)];

/// A column of the table's Parquet files, of all partitions.
#[derive(Debug)]
pub(crate) struct ColumnEncoder {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Flat(FlatColumn),
    Nested(NestedColumn),
}

#[derive(Debug)]
struct FlatColumn {
    column: ColumnDescPtr,
    chunks: Vec<ColumnChunk>,
    dictionary: Option<Dictionary>,
    /// Whether new values are coded. Chunks that have codes need the dictionary when this is over, too.
    is_coding: bool,
    rows: usize,
    /// By row of a batch, its value's code; kept for its memory.
    codes: Vec<u16>,
    page_bytes: usize,
    /// A dictionary with more entries costs too much memory, because every partition renumbers it.
    entries_max: usize,
}

/// A column's part of a row group.
pub(crate) enum FinishedColumn {
    Flat(Box<FinishedChunk>),
    Nested(Vec<ArrowColumnChunk>),
}

/// The encoders of all columns. `fields` and `schema` tell the same columns.
pub(crate) fn encoders<'a>(
    fields: impl IntoIterator<Item = &'a FieldRef>,
    schema: &SchemaDescriptor,
    properties: &WriterProperties,
) -> Result<Vec<ColumnEncoder>, ConvertError> {
    let mut encoders = Vec::new();
    for (index, field) in fields.into_iter().enumerate() {
        let kind = if field.data_type().is_nested() {
            Kind::Nested(NestedColumn::new(field, properties)?)
        } else {
            let leaf = (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == index);
            let column =
                leaf.map(|leaf| schema.column(leaf)).ok_or(ParquetError::General(format!("no leaf {index}")))?;
            let dictionary = values::dictionary(field.data_type());
            let is_coding = dictionary.is_some();
            Kind::Flat(FlatColumn {
                column,
                chunks: Vec::new(),
                dictionary,
                is_coding,
                rows: 0,
                codes: Vec::new(),
                page_bytes: PAGE_BYTES_MAX,
                entries_max: usize::MAX,
            })
        };
        encoders.push(ColumnEncoder { kind });
    }
    Ok(encoders)
}

impl ColumnEncoder {
    /// There are now `partitions` partitions, of a table of `columns` columns.
    pub(crate) fn open(&mut self, partitions: usize, columns: usize) {
        match &mut self.kind {
            Kind::Flat(flat) => {
                if flat.chunks.len() < partitions {
                    let chunks = partitions * columns.max(1);
                    flat.chunks.resize_with(partitions, ColumnChunk::default);
                    flat.page_bytes = (OPEN_PAGES_BYTES / chunks).clamp(PAGE_BYTES_MIN, PAGE_BYTES_MAX);
                    flat.entries_max = LOCAL_CODES_BYTES / size_of::<u16>() / chunks;
                    flat.chunks.iter_mut().for_each(|chunk| chunk.shrink(flat.page_bytes));
                }
            }
            Kind::Nested(nested) => nested.open(partitions),
        }
    }

    /// Adds a batch's values, each to the partition that `routing` has for its row.
    pub(crate) fn append(
        &mut self,
        array: &ArrayRef,
        routing: &Routing,
        compressor: &mut Compressor,
    ) -> Result<(), ConvertError> {
        match &mut self.kind {
            Kind::Flat(flat) => Ok(flat.append(array, routing, compressor)?),
            Kind::Nested(nested) => nested.append(array, routing),
        }
    }

    /// Bytes that the partition's row group has so far, about.
    pub(crate) fn encoded_size(&self, partition: usize) -> usize {
        match &self.kind {
            Kind::Flat(flat) => flat.chunks.get(partition).map_or(0, ColumnChunk::encoded_size),
            Kind::Nested(nested) => nested.encoded_size(partition),
        }
    }

    /// Ends the partition's row group.
    pub(crate) fn finish(
        &mut self,
        partition: usize,
        compressor: &mut Compressor,
    ) -> Result<FinishedColumn, ConvertError> {
        match &mut self.kind {
            Kind::Flat(flat) => Ok(FinishedColumn::Flat(Box::new(flat.finish(partition, compressor)?))),
            Kind::Nested(nested) => Ok(FinishedColumn::Nested(nested.finish(partition)?)),
        }
    }
}

impl FinishedColumn {
    pub(crate) fn write(self, row_group: &mut SerializedRowGroupWriter<'_, Vec<u8>>) -> Result<(), ParquetError> {
        match self {
            Self::Flat(chunk) => row_group.append_column(&chunk.0, chunk.1),
            Self::Nested(chunks) => chunks.into_iter().try_for_each(|chunk| chunk.append_to_row_group(row_group)),
        }
    }
}

impl FlatColumn {
    fn append(&mut self, array: &ArrayRef, routing: &Routing, compressor: &mut Compressor) -> Result<(), ParquetError> {
        let texts = array.as_string_opt::<i32>().filter(|texts| texts.value_data().len() > PAGE_BYTES_MAX);
        let Some(texts) = texts else { return self.append_rows(array, routing, compressor) };
        // Long texts are taken in parts, so that pages end where they are full.
        let mut start = 0;
        while start < texts.len() {
            let end = part_end(texts, start);
            self.append_rows(array, &routing.filter(|row| (start..end).contains(&row)), compressor)?;
            start = end;
        }
        Ok(())
    }

    fn append_rows(
        &mut self,
        array: &ArrayRef,
        routing: &Routing,
        compressor: &mut Compressor,
    ) -> Result<(), ParquetError> {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let with_value = nulls.map(|nulls| routing.filter(|row| nulls.is_valid(row)));
        let valued = with_value.as_ref().unwrap_or(routing);
        if self.is_coding && !self.code(array, valued) {
            self.stop_coding(compressor)?;
        }
        self.add_levels(routing, nulls);
        if self.is_coding {
            self.scatter_codes(valued);
        } else {
            let mut scatter = Scatter { chunks: &mut self.chunks, routing: valued };
            visit(array, &mut scatter).ok_or_else(|| ParquetError::NYI(format!("{} pages", array.data_type())))?;
        }
        for (chunk, _) in self.chunks.iter_mut().zip(routing.partitions()).filter(|(_, rows)| !rows.is_empty()) {
            if chunk.page_bytes() >= self.page_bytes || chunk.page_rows() >= PAGE_ROWS_MAX {
                chunk.close_page(&self.column, compressor)?;
                chunk.shrink(self.page_bytes);
            }
        }
        Ok(())
    }

    /// Finds the codes of all values. False: coding does not pay, or the dictionary is full.
    fn code(&mut self, array: &ArrayRef, valued: &Routing) -> bool {
        let Some(dictionary) = &mut self.dictionary else { return false };
        self.codes.clear();
        self.codes.resize(array.len(), 0);
        let mut coding = Coding { dictionary, codes: &mut self.codes, rows: valued.ordered(), is_full: false };
        if visit(array, &mut coding).is_none() || coding.is_full {
            return false;
        }
        self.rows += array.len();
        let entries = self.dictionary.as_ref().map_or(0, Dictionary::len);
        let is_rare = TRIALS.iter().any(|(rows, percent)| self.rows >= *rows && entries * 100 > self.rows * percent);
        !is_rare && entries <= self.entries_max
    }

    /// What is coded stays so; later values are plain.
    fn stop_coding(&mut self, compressor: &mut Compressor) -> Result<(), ParquetError> {
        self.is_coding = false;
        for chunk in &mut self.chunks {
            // A page is of one encoding.
            if chunk.has_codes() {
                chunk.close_page(&self.column, compressor)?;
            }
        }
        self.codes = Vec::new();
        Ok(())
    }

    fn add_levels(&mut self, routing: &Routing, nulls: Option<&NullBuffer>) {
        for (chunk, rows) in self.chunks.iter_mut().zip(routing.partitions()) {
            match nulls {
                None => chunk.add_valid(rows.len()),
                Some(nulls) => rows.iter().for_each(|row| chunk.add_level(nulls.is_valid(*row as usize))),
            }
        }
    }

    fn scatter_codes(&mut self, valued: &Routing) {
        for (chunk, rows) in self.chunks.iter_mut().zip(valued.partitions()) {
            chunk.add_codes(rows, &self.codes);
        }
    }

    fn finish(&mut self, partition: usize, compressor: &mut Compressor) -> Result<FinishedChunk, ParquetError> {
        let chunk = self.chunks.get_mut(partition).ok_or(ParquetError::General(format!("no partition {partition}")))?;
        chunk.finish(&self.column, self.dictionary.as_ref(), compressor)
    }
}

/// Where the rows from `start` have a page of text, at least one row further.
fn part_end(texts: &StringArray, start: usize) -> usize {
    let offsets = texts.value_offsets();
    let begin = offsets.get(start).copied().unwrap_or_default();
    let behind = offsets.get(start + 1..).unwrap_or_default();
    let fitting =
        behind.partition_point(|offset| usize::try_from(offset - begin).is_ok_and(|bytes| bytes <= PAGE_BYTES_MAX));
    (start + fitting.max(1)).min(texts.len())
}

/// Writes plain values to their partitions' open pages.
struct Scatter<'a> {
    chunks: &'a mut [ColumnChunk],
    routing: &'a Routing,
}

impl Visitor for Scatter<'_> {
    fn visit<V: Values>(&mut self, values: &V) {
        for (chunk, rows) in self.chunks.iter_mut().zip(self.routing.partitions()).filter(|(_, rows)| !rows.is_empty())
        {
            values.write(rows, &mut chunk.plain, &mut chunk.bounds);
        }
    }
}

/// Finds codes, until the dictionary is full.
struct Coding<'a> {
    dictionary: &'a mut Dictionary,
    codes: &'a mut [u16],
    rows: &'a [u32],
    is_full: bool,
}

impl Visitor for Coding<'_> {
    fn visit<V: Values>(&mut self, values: &V) {
        // In the batch's order: texts are read faster one after another.
        for row in self.rows {
            let code = values.code(*row as usize, self.dictionary);
            let (Some(place), Some(code)) = (self.codes.get_mut(*row as usize), code) else {
                self.is_full = true;
                return;
            };
            *place = code;
        }
    }
}

#[cfg(test)]
mod tests;
