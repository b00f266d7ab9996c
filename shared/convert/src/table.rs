//! Accepted rows to Parquet, one file per partition, in bounded memory.
//! It does not know contracts beyond their schema, nor where the bytes go.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;

use crate::ConvertError;
use crate::encode::{ColumnEncoder, Compressor, FinishedColumn, Routing, encoders, order_doubles_by_type};
use crate::judgement::Partition;
use crate::partition::PartitionKey;
use crate::workers::Workers;

/// What the row groups in progress of all partitions together hold before the largest ends early.
const ENCODED_BYTES: usize = 44 * 1024 * 1024;
/// A row group ends when it has so many bytes: the size that Athena and Spark read at a time without seeking back and forth.
const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// The table's Parquet files.
pub(crate) struct Table {
    schema: SchemaDescriptor,
    properties: WriterPropertiesPtr,
    columns: Vec<ColumnEncoder>,
    /// Each thread has a compressor.
    workers: Workers<Compressor>,
    files: Vec<File>,
}

struct File {
    partition: Partition,
    writer: SerializedFileWriter<Vec<u8>>,
    /// Rows of the row group in progress.
    group_rows: u64,
}

/// A batch's columns, as the table has them, and the partition of each row.
#[derive(Debug)]
pub(crate) struct RoutedBatch {
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) targets: Vec<u32>,
}

impl Table {
    /// Columns are encoded on `threads` threads; the bytes do not hang on how many.
    pub(crate) fn new(
        schema: &SchemaRef,
        compression: lakegate_contract::Compression,
        threads: usize,
    ) -> Result<Self, ConvertError> {
        let properties = Arc::new(properties(compression));
        let descriptor = ArrowSchemaConverter::new().convert(schema)?;
        let columns = encoders(schema.fields(), &descriptor, &properties)?;
        let workers = workers(threads, compression)?;
        Ok(Self { schema: descriptor, properties, columns, workers, files: Vec::new() })
    }

    pub(crate) fn set_threads(
        &mut self,
        threads: usize,
        compression: lakegate_contract::Compression,
    ) -> Result<(), ConvertError> {
        self.workers = workers(threads, compression)?;
        Ok(())
    }

    pub(crate) fn open(&mut self, key: PartitionKey) -> Result<(), ConvertError> {
        let properties = WriterPropertiesPtr::clone(&self.properties);
        let writer = SerializedFileWriter::new(Vec::new(), self.schema.root_schema_ptr(), properties)?;
        let partition = Partition { path: key.path, values: key.values, rows: 0, bytes: 0 };
        self.files.push(File { partition, writer, group_rows: 0 });
        Ok(())
    }

    pub(crate) fn partition(&self, index: usize) -> Option<&Partition> {
        self.files.get(index).map(|file| &file.partition)
    }

    /// Adds the rows of batches to their partitions. Row groups may end after the last, so that the bytes hang on how batches are grouped.
    pub(crate) fn append(&mut self, batches: &[RoutedBatch]) -> Result<(), ConvertError> {
        let (columns, partitions) = (self.columns.len(), self.files.len());
        let routings: Vec<Routing> = batches.iter().map(|batch| Routing::new(&batch.targets, partitions)).collect();
        for routing in &routings {
            let files = self.files.iter_mut().zip(routing.partitions());
            files.for_each(|(file, rows)| file.group_rows += rows.len() as u64);
        }
        self.workers.each(self.columns.iter_mut().enumerate(), |(index, column), compressor| {
            column.open(partitions, columns);
            for (batch, routing) in batches.iter().zip(&routings) {
                if let Some(array) = batch.columns.get(index) {
                    column.append(array, routing, compressor)?;
                }
            }
            Ok::<_, ConvertError>(())
        })?;
        self.bound_memory()
    }

    fn bound_memory(&mut self) -> Result<(), ConvertError> {
        let size = |index| self.columns.iter().map(|column| column.encoded_size(index)).sum::<usize>();
        let mut sizes: Vec<(usize, usize)> = (0..self.files.len()).map(|index| (size(index), index)).collect();
        let mut all: usize = sizes.iter().map(|(size, _)| size).sum();
        sizes.sort_unstable();
        while let Some((size, index)) = sizes.pop() {
            if all <= ENCODED_BYTES && size <= ROW_GROUP_BYTES {
                break;
            }
            self.end_row_group(index)?;
            all -= size;
        }
        Ok(())
    }

    fn end_row_group(&mut self, index: usize) -> Result<(), ConvertError> {
        let Some(file) = self.files.get_mut(index).filter(|file| file.group_rows > 0) else { return Ok(()) };
        let mut finished: Vec<Option<FinishedColumn>> = self.columns.iter().map(|_| None).collect();
        self.workers.each(self.columns.iter_mut().zip(&mut finished), |(column, finished), compressor| {
            *finished = Some(column.finish(index, compressor)?);
            Ok::<_, ConvertError>(())
        })?;
        let mut row_group = file.writer.next_row_group()?;
        for column in finished.into_iter().flatten() {
            column.write(&mut row_group)?;
        }
        row_group.close()?;
        file.partition.rows += file.group_rows;
        file.group_rows = 0;
        Ok(())
    }

    /// The bytes encoded since the last call, per partition.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
        let taken = self.files.iter_mut().enumerate();
        let taken = taken.map(|(index, file)| (index, std::mem::take(file.writer.inner_mut())));
        taken.filter(|(_, bytes)| !bytes.is_empty())
    }

    /// Ends all files; a last [`Table::drain`] has their last bytes.
    pub(crate) fn finish(&mut self) -> Result<Vec<Partition>, ConvertError> {
        for index in 0..self.files.len() {
            self.end_row_group(index)?;
        }
        for file in &mut self.files {
            file.writer.finish()?;
            order_doubles_by_type(file.writer.inner_mut(), self.schema.num_columns());
            file.partition.bytes = file.writer.bytes_written() as u64;
        }
        Ok(self.files.iter().map(|file| file.partition.clone()).collect())
    }

    /// Forgets everything: nothing of the file is published.
    pub(crate) fn discard(&mut self) {
        self.files.clear();
        self.columns.clear();
    }
}

fn workers(threads: usize, compression: lakegate_contract::Compression) -> Result<Workers<Compressor>, ConvertError> {
    let compressors = (0..threads.max(1)).map(|_| Compressor::new(compression));
    Ok(Workers::new(compressors.collect::<Result<_, _>>()?))
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

/// A Parquet writer of whole batches, whose bytes are taken away as they come.
pub(crate) fn writer(schema: &SchemaRef, properties: &WriterProperties) -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
    // Arrow's own schema would add a block to every small file and tells readers nothing that Parquet's does not.
    let options = ArrowWriterOptions::new().with_properties(properties.clone()).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(Vec::new(), SchemaRef::clone(schema), options)
}

/// Format version 1 with plain and dictionary encodings and data pages v1: what every reader of today understands.
pub(crate) fn properties(compression: lakegate_contract::Compression) -> WriterProperties {
    let codec = match compression {
        lakegate_contract::Compression::Zstd => Compression::ZSTD(ZstdLevel::default()),
        lakegate_contract::Compression::Snappy => Compression::SNAPPY,
    };
    WriterProperties::builder()
        .set_compression(codec)
        .set_created_by(concat!("lakegate version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .build()
}
