//! Accepted rows to Parquet, one file per partition, in bounded memory.
//! It does not know contracts beyond their schema, nor where the bytes go.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::ConvertError;
use crate::judgement::Partition;
use crate::partition::PartitionKey;

/// Rows that a partition collects before they are encoded: encoding in small pieces costs several times as much.
const PENDING_ROWS: usize = 16 * 1024;
/// What all partitions together collect before the largest is encoded early.
const PENDING_BYTES: usize = 32 * 1024 * 1024;
/// What the encoders of all partitions together hold before the largest ends its row group early.
const ENCODED_BYTES: usize = 64 * 1024 * 1024;

/// The table's Parquet files.
#[derive(Debug)]
pub(crate) struct Table {
    schema: SchemaRef,
    properties: WriterProperties,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    partition: Partition,
    writer: ArrowWriter<Vec<u8>>,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
}

impl Table {
    pub(crate) fn new(schema: SchemaRef, compression: lakegate_contract::Compression) -> Self {
        Self { schema, properties: properties(compression), files: Vec::new() }
    }

    pub(crate) fn open(&mut self, key: PartitionKey) -> Result<(), ConvertError> {
        let writer = writer(&self.schema, &self.properties)?;
        let partition = Partition { path: key.path, values: key.values, rows: 0, bytes: 0 };
        self.files.push(File { partition, writer, pending: Vec::new(), pending_rows: 0, pending_bytes: 0 });
        Ok(())
    }

    pub(crate) fn partition(&self, index: usize) -> Option<&Partition> {
        self.files.get(index).map(|file| &file.partition)
    }

    /// Adds each partition's rows of `batch`.
    pub(crate) fn append(&mut self, batch: &RecordBatch, routes: Vec<(usize, Vec<u32>)>) -> Result<(), ConvertError> {
        for (partition, rows) in routes {
            let Some(file) = self.files.get_mut(partition) else { continue };
            let part = if rows.len() == batch.num_rows() {
                batch.clone()
            } else {
                take_record_batch(batch, &UInt32Array::from(rows))?
            };
            file.partition.rows += part.num_rows() as u64;
            file.pending_rows += part.num_rows();
            file.pending_bytes += part.get_array_memory_size();
            file.pending.push(part);
            if file.pending_rows >= PENDING_ROWS {
                file.encode(&self.schema)?;
            }
        }
        self.bound_memory()
    }

    fn bound_memory(&mut self) -> Result<(), ConvertError> {
        while self.files.iter().map(|file| file.pending_bytes).sum::<usize>() > PENDING_BYTES {
            let Some(largest) = self.files.iter_mut().max_by_key(|file| file.pending_bytes) else { break };
            largest.encode(&self.schema)?;
        }
        while self.files.iter().map(|file| file.writer.memory_size()).sum::<usize>() > ENCODED_BYTES {
            let Some(largest) = self.files.iter_mut().max_by_key(|file| file.writer.memory_size()) else { break };
            largest.encode(&self.schema)?;
            largest.writer.flush()?;
        }
        Ok(())
    }

    /// The bytes encoded since the last call, per partition.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
        let taken = self.files.iter_mut().enumerate().map(|(index, file)| (index, file.take_bytes()));
        taken.filter(|(_, bytes)| !bytes.is_empty())
    }

    /// Ends all files; a last [`Table::drain`] has their last bytes.
    pub(crate) fn finish(&mut self) -> Result<Vec<Partition>, ConvertError> {
        for file in &mut self.files {
            file.encode(&self.schema)?;
            file.writer.finish()?;
            file.partition.bytes = file.writer.bytes_written() as u64;
        }
        Ok(self.files.iter().map(|file| file.partition.clone()).collect())
    }

    /// Forgets everything: nothing of the file is published.
    pub(crate) fn discard(&mut self) {
        self.files.clear();
    }
}

impl File {
    fn encode(&mut self, schema: &SchemaRef) -> Result<(), ConvertError> {
        if !self.pending.is_empty() {
            self.writer.write(&concat_batches(schema, &self.pending)?)?;
        }
        self.pending.clear();
        (self.pending_rows, self.pending_bytes) = (0, 0);
        Ok(())
    }

    fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }
}

/// A Parquet writer whose bytes are taken away as they come.
pub(crate) fn writer(schema: &SchemaRef, properties: &WriterProperties) -> Result<ArrowWriter<Vec<u8>>, ConvertError> {
    // Arrow's own schema would add a block to every small file and tells readers nothing that Parquet's does not.
    let options = ArrowWriterOptions::new().with_properties(properties.clone()).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(Vec::new(), SchemaRef::clone(schema), options)?)
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
