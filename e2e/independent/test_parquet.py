"""What the engine writes, read by DuckDB, pyarrow and Spark: the same values, nulls and physical types in all three, and true statistics.

The engine encodes columns itself, so every shape that an encoder may stumble over has a test here.
"""

import base64
from datetime import date, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from engine import contract_of, convert, csv_of
from flat import COLUMNS, EDGES, FLAT, ID, RANDOM, assert_all_read, assert_statistics, assert_types, flat_rows, input_of, random_value, written
from readers import by_duckdb, by_pyarrow, by_spark


@pytest.mark.parametrize("codec", ["zstd", "snappy"])
@pytest.mark.parametrize(
    "shape",
    [
        "edges",
        "one row",
        "one null",
        "all null",
        "one value",
        "nulls in runs",
        "nulls at random",
        "null but for the last",
        "null but for the first",
        "nearly distinct",
    ],
)
def test_every_flat_type_in_every_shape(spark, tmp_path, shape, codec):
    rows = flat_rows(shape)
    done = convert(tmp_path, contract_of([ID, *COLUMNS], policy={"compression": codec}), input_of(rows))
    assert done.report["rows_accepted"] == len(rows)
    assert_types(done.files)
    assert_statistics(done.files)
    assert_all_read(spark, done.files, rows)
    column = pq.ParquetFile(done.files[0]).metadata.row_group(0).column(0)
    assert column.compression == codec.upper()


def test_a_file_without_rows_publishes_nothing_that_readers_stumble_over(tmp_path):
    done = convert(tmp_path, contract_of([ID, *COLUMNS]), csv_of(["id", *FLAT], []))
    assert done.report["status"] == "published"
    assert by_pyarrow(done.files) == []
    if done.files:
        assert by_duckdb(done.files) == []


@pytest.mark.parametrize("count", [65_534, 65_535, 65_536, 70_001])
def test_more_distinct_values_than_codes(spark, tmp_path, count):
    """Values come three times each, so that coding pays until the codes run out."""
    rows = [{"id": row, "text": f"t{row // 3}", "i64": row // 3 * 7 - 5} for row in range(count * 3)]
    columns = [ID, *(column for column in COLUMNS if column["name"] in ("text", "i64"))]
    done = convert(tmp_path, contract_of(columns), input_of(rows))
    assert_statistics(done.files)
    assert_all_read(spark, done.files, rows)
    encodings = {encoding for index in (1, 2) for encoding in pq.ParquetFile(done.files[0]).metadata.row_group(0).column(index).encodings}
    assert "RLE_DICTIONARY" in encodings


def test_few_values_then_many_make_coded_and_plain_pages_of_one_chunk(spark, tmp_path):
    rows = [{"id": row} | {name: EDGES[name][row % 2] if row < 40_000 else random_value(name) for name in FLAT} for row in range(75_000)]
    done = convert(tmp_path, contract_of([ID, *COLUMNS]), input_of(rows))
    assert_statistics(done.files)
    assert_all_read(spark, done.files, rows)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 15, 17, 63, 65, 8191, 8193])
def test_odd_counts_of_booleans(spark, tmp_path, count):
    rows = [{"id": row, "flag": RANDOM.choice([True, False]), "maybe": RANDOM.choice([True, False, None])} for row in range(count)]
    columns = [ID, {"name": "flag", "logicalType": "boolean"}, {"name": "maybe", "logicalType": "boolean"}]
    done = convert(tmp_path, contract_of(columns), input_of(rows))
    assert_statistics(done.files)
    assert_all_read(spark, done.files, rows)


def test_very_long_texts(spark, tmp_path):
    lengths = [65_535, 65_536, 65_537, 1_048_000, 3_000_000, 0, 63, 64, 65]
    texts = [RANDOM.choice("aé𝄞\U0010ffff") * (length // 4 + 1) for length in lengths] * 3
    texts += ["\U0010ffff" * 30, "a" * 63 + "é", "a" * 63 + "\U0010ffff" * 3]
    rows = [{"id": row, "text": text} for row, text in enumerate(texts)]
    contract = contract_of([ID, {"name": "text", "logicalType": "string"}], dialect={"maxRecordBytes": 16_000_000})
    done = convert(tmp_path, contract, input_of(rows))
    assert done.report["rows_accepted"] == len(rows)
    assert_statistics(done.files)
    assert_all_read(spark, done.files, rows)


def test_several_row_groups_and_filters_that_skip_them(spark, tmp_path):
    """Filters find with statistics what they find without, in texts, numbers, dates and decimals."""
    rows = []
    for row in range(6_500):
        # Texts that do not compress make row groups full; only their first and last bytes are looked at below.
        noise = base64.b64encode(RANDOM.randbytes(9_000)).decode()
        day = date(2000, 1, 1) + timedelta(days=row // 7)
        rows.append({"id": row, "day": day, "dec38": Decimal(row * 1000 - 3_000_000).scaleb(-10), "text": noise})
    names = ("day", "dec38", "text")
    contract = contract_of([ID, *(column for column in COLUMNS if column["name"] in names)])
    done = convert(tmp_path, contract, input_of(rows))
    assert assert_statistics(done.files) >= 2, "the rows are enough for several row groups"
    assert_all_read(spark, done.files, rows)
    for row in [rows[0], rows[-1], *RANDOM.sample(rows, 4)]:
        for name, literal in [
            ("id", f"{row['id']}"),
            ("day", f"DATE '{row['day']}'"),
            ("dec38", f"CAST('{row['dec38']:f}' AS DECIMAL(38,10))"),
            ("text", f"'{row['text']}'"),
        ]:
            wanted = sorted(each["id"] for each in rows if each[name] == row[name])
            for reader, found in [
                ("duckdb", by_duckdb(done.files, f"WHERE {name} = {literal}")),
                ("spark", by_spark(spark, done.files, f"{name} = {literal}")),
            ]:
                assert sorted(each["id"] for each in found) == wanted, (reader, name)
    assert by_duckdb(done.files, "WHERE id < 0") == [] == by_spark(spark, done.files, "id < 0")


@pytest.mark.parametrize("shape", ["edges", "nulls at random"])
def test_filters_find_the_same_rows_with_statistics_as_without(spark, tmp_path, shape):
    rows = flat_rows(shape)[:2000]
    done = convert(tmp_path, contract_of([ID, *COLUMNS]), input_of(rows))
    for name in FLAT:
        for value in {row[name] for row in rows[:7] if row[name] is not None}:
            sql_type = {"dec9": "DECIMAL(9,2)", "dec18": "DECIMAL(18,6)", "dec19": "DECIMAL(19,0)", "dec38": "DECIMAL(38,10)"}
            kind = sql_type.get(name) or {"dbl": "DOUBLE", "day": "DATE", "at": "TIMESTAMP"}.get(name)
            text = written(value)
            literal = f"CAST('{text}' AS {kind})" if kind else text
            if name == "text":
                literal = "'" + value.replace("'", "''") + "'"
            wanted = sorted(row["id"] for row in rows if row[name] == value)
            duck = by_duckdb(done.files, f'WHERE "{name}" = {literal}')
            assert sorted(row["id"] for row in duck) == wanted, ("duckdb", name, value)
            if name == "text":
                literal = "'" + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 and not c.isalnum() else c for c in value) + "'"
            if name == "at":
                literal = f"CAST('{text}' AS TIMESTAMP_NTZ)"
            found = by_spark(spark, done.files, f"`{name}` = {literal}")
            assert sorted(row["id"] for row in found) == wanted, ("spark", name, value)
