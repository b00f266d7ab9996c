//! The table's Parquet files, one per partition, as far as they are encoded; their bytes are taken away as they come.
//! It does not know columns beyond their schema, nor where the bytes go.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;

use crate::encode::{FinishedColumn, order_doubles_by_type};
use crate::judgement::Partition;
use crate::partition::PartitionKey;

/// The files of all partitions.
pub(crate) struct Files {
    schema: SchemaDescriptor,
    properties: WriterPropertiesPtr,
    by_partition: Vec<File>,
}

struct File {
    partition: Partition,
    writer: SerializedFileWriter<Vec<u8>>,
}

/// A row group, encoded column by column.
pub(crate) struct RowGroup {
    pub(crate) partition: usize,
    pub(crate) rows: u64,
    pub(crate) columns: Vec<FinishedColumn>,
}

impl Files {
    pub(crate) fn new(schema: SchemaDescriptor, properties: WriterProperties) -> Self {
        Self { schema, properties: Arc::new(properties), by_partition: Vec::new() }
    }

    /// Begins files of partitions.
    pub(crate) fn open(&mut self, partitions: Vec<PartitionKey>) -> Result<(), ParquetError> {
        for PartitionKey { path, values } in partitions {
            let properties = WriterPropertiesPtr::clone(&self.properties);
            let writer = SerializedFileWriter::new(Vec::new(), self.schema.root_schema_ptr(), properties)?;
            self.by_partition.push(File { partition: Partition { path, values, rows: 0, bytes: 0 }, writer });
        }
        Ok(())
    }

    /// Appends a row group to its file, which is open.
    pub(crate) fn write(&mut self, row_group: RowGroup) -> Result<(), ParquetError> {
        let Some(file) = self.by_partition.get_mut(row_group.partition) else { return Ok(()) };
        let mut writer = file.writer.next_row_group()?;
        for column in row_group.columns {
            column.write(&mut writer)?;
        }
        writer.close()?;
        file.partition.rows += row_group.rows;
        Ok(())
    }

    /// The partitions from the given one on.
    pub(crate) fn partitions_from(&self, start: usize) -> impl Iterator<Item = &Partition> {
        self.by_partition.iter().skip(start).map(|file| &file.partition)
    }

    /// The bytes encoded since the last call, per partition.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
        let taken = self.by_partition.iter_mut().enumerate();
        let taken = taken.map(|(index, file)| (index, std::mem::take(file.writer.inner_mut())));
        taken.filter(|(_, bytes)| !bytes.is_empty())
    }

    /// Ends all files; a last [`Files::drain`] has their last bytes.
    pub(crate) fn finish(&mut self) -> Result<Vec<Partition>, ParquetError> {
        for file in &mut self.by_partition {
            file.writer.finish()?;
            order_doubles_by_type(file.writer.inner_mut(), self.schema.num_columns());
            file.partition.bytes = file.writer.bytes_written() as u64;
        }
        Ok(self.by_partition.iter().map(|file| file.partition.clone()).collect())
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
