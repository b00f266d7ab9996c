//! Accepted rows to Parquet, in bounded memory: which column may take which rows next. Columns take them in the file's order, each for
//! itself, so that several threads can encode at once and the bytes do not depend on them.
//! It does not know contracts beyond their schema, who does the work, nor where the bytes go.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;

use crate::ConvertError;
use crate::encode::{ColumnEncoder, Compressor, FinishedColumn, encoders};
use crate::files::{Files, RowGroup, properties};
use crate::group::{Ready, RoutedBatch};
use crate::partition::PartitionKey;

/// What the row groups in progress of all partitions together hold before the largest ends early.
const ENCODED_BYTES: usize = 44 * 1024 * 1024;
/// A row group ends when it has so many bytes: the size that Athena and Spark read at a time without seeking back and forth.
const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// The table's columns, and what they have to do.
pub(crate) struct Table {
    columns: Vec<Column>,
    /// In the file's order; every column does one after another.
    segments: VecDeque<Segment>,
    /// The number of the first of them.
    first: u64,
    /// By partition, rows of the row group in progress.
    rows: Vec<u64>,
    /// Partitions that the files do not know yet.
    opened: Vec<PartitionKey>,
    /// Encoded, and not in their files yet.
    row_groups: Vec<RowGroup>,
    /// `None` while somebody writes.
    files: Option<Files>,
}

struct Column {
    /// `None` while somebody works on it.
    encoder: Option<Box<ColumnEncoder>>,
    /// The segment that it does next.
    next: u64,
}

/// What every column has to do.
struct Segment {
    work: Work,
    /// The thread that judged the rows, and has them in its cache.
    thread: usize,
    columns_left: usize,
    /// All columns before this one have begun it.
    begun: usize,
}

enum Work {
    Append {
        batches: Arc<Vec<RoutedBatch>>,
        ends_group: bool,
    },
    /// Row groups of these partitions end; which they are is known when all that is before is appended.
    End {
        partitions: Option<Arc<Vec<usize>>>,
        finished: Vec<(usize, Vec<FinishedColumn>)>,
    },
}

/// A column's part of a segment.
#[derive(Debug)]
pub(crate) struct ColumnJob {
    encoder: Box<ColumnEncoder>,
    segment: u64,
    column: usize,
    columns: usize,
    work: ColumnWork,
}

#[derive(Debug)]
enum ColumnWork {
    Append(Arc<Vec<RoutedBatch>>),
    End(Arc<Vec<usize>>),
}

/// A column after its job.
pub(crate) struct ColumnDone {
    encoder: Box<ColumnEncoder>,
    segment: u64,
    column: usize,
    finished: Vec<FinishedColumn>,
}

impl ColumnJob {
    pub(crate) fn run(self, compressor: &mut Compressor) -> Result<ColumnDone, ConvertError> {
        let Self { mut encoder, segment, column, columns, work } = self;
        let mut finished = Vec::new();
        match work {
            ColumnWork::Append(batches) => {
                for batch in batches.iter() {
                    encoder.open(batch.routing.partition_count(), columns);
                    if let Some(array) = batch.columns.get(column) {
                        encoder.append(array, &batch.routing, compressor)?;
                    }
                }
            }
            ColumnWork::End(partitions) => {
                for partition in partitions.iter() {
                    finished.push(encoder.finish(*partition, compressor)?);
                }
            }
        }
        Ok(ColumnDone { encoder, segment, column, finished })
    }
}

/// Row groups, to be written to their files.
pub(crate) struct WriteJob {
    files: Files,
    opened: Vec<PartitionKey>,
    row_groups: Vec<RowGroup>,
}

impl WriteJob {
    pub(crate) fn run(self) -> Result<Files, ConvertError> {
        let Self { mut files, opened, row_groups } = self;
        files.open(opened)?;
        row_groups.into_iter().try_for_each(|row_group| files.write(row_group))?;
        Ok(files)
    }
}

impl Table {
    pub(crate) fn new(schema: &SchemaRef, compression: lakegate_contract::Compression) -> Result<Self, ConvertError> {
        let properties = properties(compression);
        let descriptor = ArrowSchemaConverter::new().convert(schema)?;
        let encoders = encoders(schema.fields(), &descriptor, &properties)?;
        let columns = encoders.into_iter().map(|encoder| Column { encoder: Some(Box::new(encoder)), next: 0 });
        Ok(Self {
            columns: columns.collect(),
            segments: VecDeque::new(),
            first: 0,
            rows: Vec::new(),
            opened: Vec::new(),
            row_groups: Vec::new(),
            files: Some(Files::new(descriptor, properties)),
        })
    }

    /// Adds rows to their partitions, which the given thread has judged.
    pub(crate) fn append(&mut self, ready: Ready, thread: usize) {
        let Ready { batches, ends_group } = ready;
        self.add(Work::Append { batches: Arc::new(batches), ends_group }, thread);
        if ends_group {
            self.add(Work::End { partitions: None, finished: Vec::new() }, thread);
        }
        self.advance();
    }

    /// Ends the row groups of all partitions, of which there are so many.
    pub(crate) fn end(&mut self, partitions: usize) {
        for partition in 0..partitions {
            self.add(Work::End { partitions: Some(Arc::new(vec![partition])), finished: Vec::new() }, 0);
        }
        self.advance();
    }

    fn add(&mut self, work: Work, thread: usize) {
        self.segments.push_back(Segment { work, thread, columns_left: self.columns.len(), begun: 0 });
    }

    /// How much there is to do.
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Whether all is done, and nobody works on it.
    pub(crate) fn is_idle(&self) -> bool {
        self.segments.is_empty() && self.row_groups.is_empty() && self.opened.is_empty() && self.files.is_some()
    }

    /// The files, unless somebody writes.
    pub(crate) fn files(&mut self) -> Option<&mut Files> {
        self.files.as_mut()
    }

    /// A column that can go on. Given a thread, only with rows that are in its cache, or with what keeps all from going on.
    pub(crate) fn next_column(&mut self, thread: Option<usize>) -> Option<ColumnJob> {
        let columns = self.columns.len();
        for (number, segment) in (self.first..).zip(&mut self.segments) {
            let work = match &segment.work {
                Work::Append { batches, .. } if thread.is_none_or(|thread| thread == segment.thread) => {
                    ColumnWork::Append(Arc::clone(batches))
                }
                Work::Append { .. } => continue,
                Work::End { partitions: Some(partitions), .. } => ColumnWork::End(Arc::clone(partitions)),
                // Nothing behind it can be done before.
                Work::End { partitions: None, .. } => return None,
            };
            let has_begun =
                |column: &Column| column.next > number || (column.next == number && column.encoder.is_none());
            while self.columns.get(segment.begun).is_some_and(has_begun) {
                segment.begun += 1;
            }
            let rest = self.columns.iter_mut().enumerate().skip(segment.begun);
            for (column, place) in rest.filter(|(_, place)| place.next == number) {
                if let Some(encoder) = place.encoder.take() {
                    return Some(ColumnJob { encoder, segment: number, column, columns, work });
                }
            }
        }
        None
    }

    /// Takes a column back. What is given is spent, to be dropped where nobody waits.
    pub(crate) fn column_done(&mut self, done: ColumnDone) -> Vec<Arc<Vec<RoutedBatch>>> {
        let ColumnDone { encoder, segment, column, finished: of_column } = done;
        if let Some(place) = self.columns.get_mut(column) {
            place.encoder = Some(encoder);
            place.next = segment + 1;
        }
        let index = usize::try_from(segment - self.first).unwrap_or(usize::MAX);
        if let Some(segment) = self.segments.get_mut(index) {
            segment.columns_left -= 1;
            if let Work::End { finished, .. } = &mut segment.work {
                finished.push((column, of_column));
            }
        }
        self.advance()
    }

    /// Leaves segments behind that all columns have done.
    fn advance(&mut self) -> Vec<Arc<Vec<RoutedBatch>>> {
        let mut spent = Vec::new();
        while self.segments.front().is_some_and(|segment| segment.columns_left == 0)
            && let Some(segment) = self.segments.pop_front()
        {
            self.first += 1;
            match segment.work {
                Work::Append { batches, ends_group } => {
                    self.count(&batches);
                    spent.push(batches);
                    if ends_group {
                        self.decide();
                    }
                }
                Work::End { partitions, finished } => self.gather(partitions.as_deref(), finished),
            }
        }
        spent
    }

    /// Counts the rows of batches, and knows their partitions.
    fn count(&mut self, batches: &[RoutedBatch]) {
        for batch in batches {
            self.opened.extend(batch.opened.iter().cloned());
            self.rows.resize(batch.routing.partition_count(), 0);
            let rows = self.rows.iter_mut().zip(batch.routing.partitions());
            rows.for_each(|(count, rows)| *count += rows.len() as u64);
        }
    }

    /// Chooses the row groups that end behind a group of batches, because there is too much of them.
    fn decide(&mut self) {
        let encoders = || self.columns.iter().filter_map(|column| column.encoder.as_ref());
        let size = |index| encoders().map(|encoder| encoder.encoded_size(index)).sum::<usize>();
        let mut sizes: Vec<(usize, usize)> = (0..self.rows.len()).map(|index| (size(index), index)).collect();
        let mut all: usize = sizes.iter().map(|(size, _)| size).sum();
        sizes.sort_unstable();
        let mut ending = Vec::new();
        while let Some((size, index)) = sizes.pop() {
            if all <= ENCODED_BYTES && size <= ROW_GROUP_BYTES {
                break;
            }
            ending.push(index);
            all -= size;
        }
        let Some(Segment { work: Work::End { partitions, .. }, columns_left, .. }) = self.segments.front_mut() else {
            return;
        };
        if ending.is_empty() {
            *columns_left = 0;
            self.columns.iter_mut().for_each(|column| column.next += 1);
        }
        *partitions = Some(Arc::new(ending));
    }

    /// Makes row groups of what the columns have finished.
    fn gather(&mut self, partitions: Option<&Vec<usize>>, mut finished: Vec<(usize, Vec<FinishedColumn>)>) {
        finished.sort_by_key(|(column, _)| *column);
        let mut finished: Vec<_> = finished.into_iter().map(|(_, of_column)| of_column.into_iter()).collect();
        for partition in partitions.into_iter().flatten() {
            let columns = finished.iter_mut().filter_map(Iterator::next).collect();
            let rows = self.rows.get_mut(*partition).map(std::mem::take).unwrap_or_default();
            if rows > 0 {
                self.row_groups.push(RowGroup { partition: *partition, rows, columns });
            }
        }
    }

    /// What waits for being written, unless somebody writes.
    pub(crate) fn next_write(&mut self) -> Option<WriteJob> {
        if self.row_groups.is_empty() && self.opened.is_empty() {
            return None;
        }
        let files = self.files.take()?;
        let (opened, row_groups) = (std::mem::take(&mut self.opened), std::mem::take(&mut self.row_groups));
        Some(WriteJob { files, opened, row_groups })
    }

    pub(crate) fn written(&mut self, files: Files) {
        self.files = Some(files);
    }
}
