//! Accepted rows to Parquet, one file per partition, in bounded memory.
//! It does not know contracts beyond their schema, nor where the bytes go.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
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

/// Row groups may end behind a group of batches: so many, or fewer if their arrays have so many bytes (objects in lists have far more of
/// them than of text). Fixed, because the bytes must not hang on anything but the rows.
pub(crate) const GROUP_BATCHES: usize = 16;
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// The table's Parquet files.
pub(crate) struct Table {
    schema: SchemaDescriptor,
    properties: WriterPropertiesPtr,
    columns: Vec<ColumnEncoder>,
    files: Vec<File>,
}

struct File {
    partition: Partition,
    writer: SerializedFileWriter<Vec<u8>>,
    /// Rows of the row group in progress.
    group_rows: u64,
}

/// Batches whose rows have their partitions, in the making or whole.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Those that the table does not have yet.
    pub(crate) batches: Vec<RoutedBatch>,
    /// Of all batches.
    count: usize,
    /// Of all batches' arrays.
    bytes: usize,
}

/// A batch's columns, as the table has them, and the partition of each row.
#[derive(Debug)]
pub(crate) struct RoutedBatch {
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) routing: Routing,
    /// Partitions that no batch before had.
    pub(crate) opened: Vec<PartitionKey>,
}

impl Group {
    /// Adds a batch.
    pub(crate) fn push(&mut self, batch: RoutedBatch) -> Result<(), ArrowError> {
        for column in &batch.columns {
            self.bytes += column.to_data().get_slice_memory_size()?;
        }
        self.count += 1;
        self.batches.push(batch);
        Ok(())
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.count >= GROUP_BATCHES || self.bytes >= GROUP_BYTES
    }
}

/// A column's part of adding batches.
#[derive(Debug)]
pub(crate) struct ColumnTask<'a> {
    encoder: &'a mut ColumnEncoder,
    column: usize,
    columns: usize,
    batches: &'a [RoutedBatch],
}

impl ColumnTask<'_> {
    pub(crate) fn run(self, compressor: &mut Compressor) -> Result<(), ConvertError> {
        for batch in self.batches {
            self.encoder.open(batch.routing.partition_count(), self.columns);
            if let Some(array) = batch.columns.get(self.column) {
                self.encoder.append(array, &batch.routing, compressor)?;
            }
        }
        Ok(())
    }
}

impl Table {
    pub(crate) fn new(schema: &SchemaRef, compression: lakegate_contract::Compression) -> Result<Self, ConvertError> {
        let properties = Arc::new(properties(compression));
        let descriptor = ArrowSchemaConverter::new().convert(schema)?;
        let columns = encoders(schema.fields(), &descriptor, &properties)?;
        Ok(Self { schema: descriptor, properties, columns, files: Vec::new() })
    }

    pub(crate) fn partition(&self, index: usize) -> Option<&Partition> {
        self.files.get(index).map(|file| &file.partition)
    }

    /// Adds the rows of batches to their partitions.
    pub(crate) fn append(
        &mut self,
        batches: &[RoutedBatch],
        workers: &mut Workers<Compressor>,
    ) -> Result<(), ConvertError> {
        self.count(batches)?;
        workers.each(self.tasks(batches), ColumnTask::run)
    }

    /// What adding batches takes, column by column. [`Table::count`] comes first.
    pub(crate) fn tasks<'a>(&'a mut self, batches: &'a [RoutedBatch]) -> impl Iterator<Item = ColumnTask<'a>> + Send {
        let columns = self.columns.len();
        let encoders = self.columns.iter_mut().enumerate();
        encoders.map(move |(column, encoder)| ColumnTask { encoder, column, columns, batches })
    }

    /// Counts the rows of batches, and opens their partitions.
    pub(crate) fn count(&mut self, batches: &[RoutedBatch]) -> Result<(), ConvertError> {
        for batch in batches {
            for PartitionKey { path, values } in batch.opened.iter().cloned() {
                let properties = WriterPropertiesPtr::clone(&self.properties);
                let writer = SerializedFileWriter::new(Vec::new(), self.schema.root_schema_ptr(), properties)?;
                let partition = Partition { path, values, rows: 0, bytes: 0 };
                self.files.push(File { partition, writer, group_rows: 0 });
            }
            let files = self.files.iter_mut().zip(batch.routing.partitions());
            files.for_each(|(file, rows)| file.group_rows += rows.len() as u64);
        }
        Ok(())
    }

    /// Ends row groups where there is too much of them. Called behind a whole group of batches.
    pub(crate) fn end_group(&mut self, workers: &mut Workers<Compressor>) -> Result<(), ConvertError> {
        let size = |index| self.columns.iter().map(|column| column.encoded_size(index)).sum::<usize>();
        let mut sizes: Vec<(usize, usize)> = (0..self.files.len()).map(|index| (size(index), index)).collect();
        let mut all: usize = sizes.iter().map(|(size, _)| size).sum();
        sizes.sort_unstable();
        while let Some((size, index)) = sizes.pop() {
            if all <= ENCODED_BYTES && size <= ROW_GROUP_BYTES {
                break;
            }
            self.end_row_group(index, workers)?;
            all -= size;
        }
        Ok(())
    }

    fn end_row_group(&mut self, index: usize, workers: &mut Workers<Compressor>) -> Result<(), ConvertError> {
        let Some(file) = self.files.get_mut(index).filter(|file| file.group_rows > 0) else { return Ok(()) };
        let mut finished: Vec<Option<FinishedColumn>> = self.columns.iter().map(|_| None).collect();
        workers.each(self.columns.iter_mut().zip(&mut finished), |(column, finished), compressor| {
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
    pub(crate) fn finish(&mut self, workers: &mut Workers<Compressor>) -> Result<Vec<Partition>, ConvertError> {
        for index in 0..self.files.len() {
            self.end_row_group(index, workers)?;
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

/// So many threads, each with a compressor.
pub(crate) fn workers(
    threads: usize,
    compression: lakegate_contract::Compression,
) -> Result<Workers<Compressor>, ConvertError> {
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
