//! Nested columns: arrays are collected per partition, and encoded by the Parquet library when they are many, or a row group ends.
//! It does not know flat columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::Routing;
use crate::ConvertError;

/// Arrays of a partition that are collected before the library gets them, in bytes: its writers take memory of their own, for each leaf.
const PENDING_BYTES: usize = 2 * 1024 * 1024;

/// A nested column of all partitions.
pub(super) struct NestedColumn {
    field: FieldRef,
    writers: ArrowRowGroupWriterFactory,
    chunks: Vec<NestedChunk>,
}

/// A nested column of one partition.
#[derive(Default)]
struct NestedChunk {
    /// Rows that no writer has.
    pending: Vec<ArrayRef>,
    pending_bytes: usize,
    /// One per leaf; none while a few rows are all there is.
    writers: Vec<ArrowColumnWriter>,
}

impl NestedColumn {
    pub(super) fn new(field: &FieldRef, properties: &WriterProperties) -> Result<Self, ConvertError> {
        let schema: SchemaRef = Arc::new(Schema::new(vec![FieldRef::clone(field)]));
        let descriptor = ArrowSchemaConverter::new().convert(&schema)?;
        // A file of this column only: what makes writers of column chunks is had from nothing less.
        let file = SerializedFileWriter::new(Vec::new(), descriptor.root_schema_ptr(), Arc::new(properties.clone()))?;
        let writers = ArrowRowGroupWriterFactory::new(&file, schema);
        Ok(Self { field: FieldRef::clone(field), writers, chunks: Vec::new() })
    }

    pub(super) fn open(&mut self, partitions: usize) {
        if self.chunks.len() < partitions {
            self.chunks.resize_with(partitions, NestedChunk::default);
        }
    }

    pub(super) fn append(&mut self, array: &ArrayRef, routing: &Routing) -> Result<(), ConvertError> {
        for (chunk, rows) in self.chunks.iter_mut().zip(routing.partitions()).filter(|(_, rows)| !rows.is_empty()) {
            let rows = take(array, &UInt32Array::from(rows.to_vec()), None)?;
            chunk.pending_bytes += rows.get_array_memory_size();
            chunk.pending.push(rows);
            if chunk.pending_bytes >= PENDING_BYTES {
                chunk.write(&self.field, &self.writers)?;
            }
        }
        Ok(())
    }

    pub(super) fn encoded_size(&self, partition: usize) -> usize {
        let Some(chunk) = self.chunks.get(partition) else { return 0 };
        chunk.pending_bytes + chunk.writers.iter().map(ArrowColumnWriter::memory_size).sum::<usize>()
    }

    pub(super) fn finish(&mut self, partition: usize) -> Result<Vec<ArrowColumnChunk>, ConvertError> {
        let Some(chunk) = self.chunks.get_mut(partition) else { return Ok(Vec::new()) };
        chunk.write(&self.field, &self.writers)?;
        let writers = std::mem::take(&mut chunk.writers);
        Ok(writers.into_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?)
    }
}

impl NestedChunk {
    /// Gives the writers what they do not have yet.
    fn write(&mut self, field: &FieldRef, factory: &ArrowRowGroupWriterFactory) -> Result<(), ConvertError> {
        if self.writers.is_empty() {
            self.writers = factory.create_column_writers(0)?;
        }
        for rows in self.pending.drain(..) {
            for (leaf, writer) in compute_leaves(field, &rows)?.iter().zip(&mut self.writers) {
                writer.write(leaf)?;
            }
        }
        self.pending_bytes = 0;
        Ok(())
    }
}

impl std::fmt::Debug for NestedColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NestedColumn").field("field", &self.field).finish_non_exhaustive()
    }
}
