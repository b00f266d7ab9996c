//! Nested columns: arrays are collected per partition, and encoded by the Parquet library when a row group ends.
//! It does not know flat columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::Routing;
use crate::ConvertError;

/// A nested column of all partitions.
pub(super) struct NestedColumn {
    field: FieldRef,
    writers: ArrowRowGroupWriterFactory,
    /// Per partition, its rows so far.
    pending: Vec<Vec<ArrayRef>>,
}

impl NestedColumn {
    pub(super) fn new(field: &FieldRef, properties: &WriterProperties) -> Result<Self, ConvertError> {
        let schema: SchemaRef = Arc::new(Schema::new(vec![FieldRef::clone(field)]));
        let descriptor = ArrowSchemaConverter::new().convert(&schema)?;
        // A file of this column only: what makes writers of column chunks is had from nothing less.
        let file = SerializedFileWriter::new(Vec::new(), descriptor.root_schema_ptr(), Arc::new(properties.clone()))?;
        let writers = ArrowRowGroupWriterFactory::new(&file, schema);
        Ok(Self { field: FieldRef::clone(field), writers, pending: Vec::new() })
    }

    pub(super) fn open(&mut self, partitions: usize) {
        self.pending.resize(partitions, Vec::new());
    }

    pub(super) fn append(&mut self, array: &ArrayRef, routing: &Routing) -> Result<(), ConvertError> {
        for (pending, rows) in self.pending.iter_mut().zip(routing.partitions()).filter(|(_, rows)| !rows.is_empty()) {
            pending.push(take(array, &UInt32Array::from(rows.to_vec()), None)?);
        }
        Ok(())
    }

    pub(super) fn encoded_size(&self, partition: usize) -> usize {
        self.pending.get(partition).map_or(0, |arrays| arrays.iter().map(Array::get_array_memory_size).sum())
    }

    pub(super) fn finish(&mut self, partition: usize) -> Result<Vec<ArrowColumnChunk>, ConvertError> {
        let Some(pending) = self.pending.get_mut(partition) else { return Ok(Vec::new()) };
        let arrays = std::mem::take(pending);
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let array = concat(&arrays)?;
        let leaves = compute_leaves(&self.field, &array)?;
        let mut chunks = Vec::with_capacity(leaves.len());
        for (leaf, mut writer) in leaves.iter().zip(self.writers.create_column_writers(0)?) {
            writer.write(leaf)?;
            chunks.push(writer.close()?);
        }
        Ok(chunks)
    }
}

impl std::fmt::Debug for NestedColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NestedColumn").field("field", &self.field).finish_non_exhaustive()
    }
}
