//! What is encoded is read back by the Parquet library, value by value, with nulls, statistics and physical types.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use bytes::Bytes;
use lakegate_contract::Compression;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{ColumnOrder, Encoding, SortOrder};
use parquet::file::metadata::ParquetMetaData;
use proptest::prelude::*;

use super::{NO_PARTITION, Routing};
use crate::encode::Compressor;
use crate::group::{self, Ready};
use crate::partition::PartitionKey;
use crate::table::Table;

/// A batch's columns, and the partition of each row.
struct RoutedBatch {
    columns: Vec<ArrayRef>,
    targets: Vec<u32>,
}

fn schema(arrays: &[ArrayRef]) -> SchemaRef {
    let fields = arrays.iter().enumerate();
    let fields = fields.map(|(index, array)| Field::new(format!("c{index}"), array.data_type().clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Encodes batches, of so many columns at once; the files of each partition.
fn encode(batches: &[RoutedBatch], partitions: usize, codec: Compression, at_once: usize) -> Vec<Vec<u8>> {
    let schema = schema(&batches[0].columns);
    let mut table = Table::new(&schema, codec).unwrap();
    let key = |partition: usize| PartitionKey { path: partition.to_string(), values: Vec::new() };
    let mut opened: Vec<PartitionKey> = (0..partitions).map(key).collect();
    let mut files = vec![Vec::new(); partitions];
    for of_group in batches.chunks(2) {
        let routed = |batch: &RoutedBatch| group::RoutedBatch {
            columns: batch.columns.clone(),
            routing: Routing::new(&batch.targets, partitions),
            opened: std::mem::take(&mut opened),
        };
        table.append(Ready { batches: of_group.iter().map(routed).collect(), ends_group: true }, 0);
        if at_once == 1 {
            work(&mut table, codec, at_once);
        }
        table.files().unwrap().drain().for_each(|(index, bytes)| files[index].extend(bytes));
    }
    table.end(partitions);
    work(&mut table, codec, at_once);
    let finished = table.files().unwrap().finish().unwrap();
    table.files().unwrap().drain().for_each(|(index, bytes)| files[index].extend(bytes));
    for (partition, file) in finished.iter().zip(&files) {
        assert_eq!(partition.bytes, file.len() as u64);
    }
    files
}

/// Does all that there is to do: so many jobs are taken before the first is done, and the last one is done first.
fn work(table: &mut Table, codec: Compression, at_once: usize) {
    let mut compressor = Compressor::new(codec).unwrap();
    while !table.is_idle() {
        let jobs: Vec<_> = std::iter::from_fn(|| table.next_column(None)).take(at_once).collect();
        for job in jobs.into_iter().rev() {
            table.column_done(job.run(&mut compressor).unwrap());
        }
        if let Some(job) = table.next_write() {
            assert!(table.next_write().is_none() && table.files().is_none());
            table.written(job.run().unwrap());
        }
    }
}

fn read(file: &[u8]) -> (RecordBatch, Arc<ParquetMetaData>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(file)).unwrap();
    let (schema, metadata) = (Arc::clone(builder.schema()), Arc::clone(builder.metadata()));
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    (concat_batches(&schema, &batches).unwrap(), metadata)
}

/// The rows of a partition, taken from the batches.
fn expected(batches: &[RoutedBatch], partition: u32) -> RecordBatch {
    let schema = schema(&batches[0].columns);
    let parts: Vec<RecordBatch> = batches
        .iter()
        .map(|batch| {
            let all = RecordBatch::try_new(Arc::clone(&schema), batch.columns.clone()).unwrap();
            let rows = (0_u32..).zip(&batch.targets).filter(|(_, target)| **target == partition).map(|(row, _)| row);
            take_record_batch(&all, &UInt32Array::from_iter_values(rows)).unwrap()
        })
        .collect();
    concat_batches(&schema, &parts).unwrap()
}

fn check(batches: &[RoutedBatch], partitions: usize, codec: Compression) -> Vec<Arc<ParquetMetaData>> {
    let files = encode(batches, partitions, codec, 1);
    assert_eq!(files, encode(batches, partitions, codec, 3), "the bytes do not hang on the threads");
    let mut metadata = Vec::new();
    for (partition, file) in (0..).zip(&files) {
        let (batch, of_file) = read(file);
        let expected = expected(batches, partition);
        assert_eq!(batch.num_rows(), expected.num_rows());
        for (column, expected) in batch.columns().iter().zip(expected.columns()) {
            assert_eq!(column, expected);
        }
        metadata.push(of_file);
    }
    metadata
}

/// An array of every type that a flat column may have, made from the same numbers.
fn arrays(numbers: &[Option<i64>]) -> Vec<ArrayRef> {
    let values = || numbers.iter().copied();
    let small = |value: i64| i32::try_from(value % 1000).unwrap();
    let decimal = |precision, scale| {
        let limit = 10_i128.pow(u32::from(precision));
        let wide = |value: i64| (i128::from(value) * i128::from(i64::MAX)) % limit;
        let array: Decimal128Array = values().map(|value| value.map(wide)).collect();
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap()) as ArrayRef
    };
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    let double = |value: i64| value as f64 / 4.0;
    let tiny = |value: i64| i8::try_from(value % 100).unwrap();
    let text = |value: i64| "é".repeat(usize::try_from(value.rem_euclid(90)).unwrap()) + &value.to_string();
    vec![
        Arc::new(values().map(|value| value.map(tiny)).collect::<Int8Array>()),
        Arc::new(values().map(|value| value.map(|value| i16::from(tiny(value)))).collect::<Int16Array>()),
        Arc::new(values().map(|value| value.map(small)).collect::<Int32Array>()),
        Arc::new(values().collect::<Int64Array>()),
        decimal(9, 2),
        decimal(18, 4),
        decimal(20, 0),
        decimal(38, 10),
        Arc::new(values().map(|value| value.map(double)).collect::<Float64Array>()),
        Arc::new(values().map(|value| value.map(|value| value % 2 == 0)).collect::<BooleanArray>()),
        Arc::new(values().map(|value| value.map(small)).collect::<Date32Array>()),
        Arc::new(values().collect::<TimestampMicrosecondArray>()),
        Arc::new(values().map(|value| value.map(text)).collect::<StringArray>()),
    ]
}

fn batch(rows: &[(Option<i64>, u32)]) -> RoutedBatch {
    let numbers: Vec<Option<i64>> = rows.iter().map(|(number, _)| *number).collect();
    RoutedBatch { columns: arrays(&numbers), targets: rows.iter().map(|(_, target)| *target).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_value_of_every_type_comes_back(
        batches in prop::collection::vec(
            prop::collection::vec(
                (prop::option::weighted(0.8, prop_oneof![-20_i64..20, any::<i64>()]), prop_oneof![4 => 0_u32..3, 1 => Just(NO_PARTITION)]),
                1..200,
            ),
            1..5,
        ),
        is_zstd: bool,
    ) {
        let codec = if is_zstd { Compression::Zstd } else { Compression::Snappy };
        let batches: Vec<RoutedBatch> = batches.iter().map(|rows| batch(rows)).collect();
        check(&batches, 3, codec);
    }
}

/// Batches of 8,192 rows whose number is `number(row)`, in one partition.
fn many(rows: i64, number: impl Fn(i64) -> i64) -> Vec<RoutedBatch> {
    let rows: Vec<(Option<i64>, u32)> = (0..rows).map(|row| (Some(number(row)), 0)).collect();
    rows.chunks(8192).map(batch).collect()
}

fn encodings(metadata: &ParquetMetaData, column: usize) -> Vec<Encoding> {
    metadata.row_group(0).column(column).encodings().collect()
}

#[test]
fn values_that_repeat_are_coded_and_others_are_plain() {
    let coded = check(&many(20_000, |row| row % 50), 1, Compression::Zstd);
    assert!(encodings(&coded[0], 3).contains(&Encoding::RLE_DICTIONARY));
    let plain = check(&many(20_000, |row| row * 1_000_003), 1, Compression::Zstd);
    assert_eq!(encodings(&plain[0], 3), [Encoding::PLAIN, Encoding::RLE]);
    // Few values at first, then ever new ones: coded pages, then plain ones, in one chunk.
    let both = check(&many(120_000, |row| if row < 40_000 { row % 7 } else { row }), 1, Compression::Snappy);
    let of_pages = both[0].row_group(0).column(3).page_encoding_stats_mask().unwrap();
    assert!(of_pages.is_set(Encoding::PLAIN) && of_pages.is_set(Encoding::RLE_DICTIONARY), "{of_pages:?}");
}

#[test]
fn statistics_bound_the_values() {
    let metadata = check(&many(100, |row| row - 50), 1, Compression::Snappy);
    let statistics = |column| metadata[0].row_group(0).column(column).statistics().unwrap().clone();
    let bounds = |column: usize| {
        let statistics = statistics(column);
        (statistics.min_bytes_opt().unwrap().to_vec(), statistics.max_bytes_opt().unwrap().to_vec())
    };
    assert_eq!(bounds(3), ((-50_i64).to_le_bytes().to_vec(), 49_i64.to_le_bytes().to_vec()));
    assert_eq!(bounds(8), ((-12.5_f64).to_le_bytes().to_vec(), 12.25_f64.to_le_bytes().to_vec()));
    assert_eq!(statistics(12).null_count_opt(), Some(0));
    // Readers leave the bounds of doubles alone where their order is unknown to them or NaNs are not counted.
    assert_eq!(metadata[0].file_metadata().column_order(8), ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::SIGNED));
    assert_eq!(statistics(8).nan_count_opt(), Some(0));
    // Texts are cut to 64 bytes, the upper bound raised so that it still bounds.
    let (low, high) = bounds(12);
    assert_eq!(low, b"0");
    assert_eq!(high, ["é".repeat(31), "ê".to_owned()].concat().as_bytes());
    assert!(statistics(12).min_is_exact() && !statistics(12).max_is_exact());
}

#[test]
fn nested_columns_are_encoded_beside_flat_ones() {
    let item = Field::new("element", DataType::Int32, true);
    let mut lists = arrow::array::ListBuilder::new(arrow::array::Int32Builder::new()).with_field(item);
    lists.append_value([Some(1), None]);
    lists.append_null();
    lists.append_value([]);
    let columns: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![7, 8, 9])), Arc::new(lists.finish())];
    check(&[RoutedBatch { columns, targets: vec![0, NO_PARTITION, 0] }], 1, Compression::Zstd);
}

#[test]
fn decimals_of_every_precision_come_back() {
    for precision in 1..=38_u8 {
        let limit = 10_i128.pow(u32::from(precision));
        let values = [Some(limit - 1), Some(1 - limit), None, Some(0), Some(-1), Some(1), Some(limit / 3)];
        let values: Decimal128Array = values.into_iter().collect();
        let array = Arc::new(values.with_precision_and_scale(precision, 0).unwrap()) as ArrayRef;
        check(&[RoutedBatch { columns: vec![array], targets: vec![0; 7] }], 1, Compression::Snappy);
    }
}

#[test]
fn zeros_of_both_signs_come_back_with_their_signs_and_are_bounded() {
    let zeros = [0.0, -0.0, -0.0, 0.0];
    for zeros in [&zeros[..], &zeros[..1], &zeros[1..2]] {
        let array = Arc::new(zeros.iter().copied().collect::<Float64Array>()) as ArrayRef;
        let batch = [RoutedBatch { columns: vec![array], targets: vec![0; zeros.len()] }];
        let files = encode(&batch, 1, Compression::Snappy, 1);
        let (read, metadata) = read(&files[0]);
        let read: Vec<u64> =
            read.column(0).as_primitive::<Float64Type>().values().iter().map(|value| value.to_bits()).collect();
        assert_eq!(read, zeros.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        // A reader may take bounds bit by bit: the least zero is written as -0.0, the greatest as 0.0.
        let statistics = metadata.row_group(0).column(0).statistics().unwrap();
        assert_eq!(statistics.min_bytes_opt().unwrap(), (-0.0_f64).to_le_bytes());
        assert_eq!(statistics.max_bytes_opt().unwrap(), 0.0_f64.to_le_bytes());
    }
}
