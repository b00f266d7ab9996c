"""The flat types: how contracts and Parquet call them, values at their edges and at random, and what must be true of files that have them."""

import random
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from math import copysign

import pyarrow.parquet as pq

from engine import csv_of
from readers import by_duckdb, by_pyarrow, by_spark, statistics

RANDOM = random.Random(20250131)

#: Every flat type: the column of the contract, its Parquet type (physical, logical), and a maker of values.
FLAT = {
    "i8": ({"logicalType": "integer", "physicalType": "TINYINT"}, "INT32", "Int(bitWidth=8, isSigned=true)"),
    "i16": ({"logicalType": "integer", "physicalType": "SMALLINT"}, "INT32", "Int(bitWidth=16, isSigned=true)"),
    "i32": ({"logicalType": "integer", "physicalType": "INTEGER"}, "INT32", "None"),
    "i64": ({"logicalType": "integer", "physicalType": "BIGINT"}, "INT64", "None"),
    "dec9": ({"logicalType": "number", "physicalType": "DECIMAL(9,2)"}, "INT32", "Decimal(precision=9, scale=2)"),
    "dec18": ({"logicalType": "number", "physicalType": "DECIMAL(18,6)"}, "INT64", "Decimal(precision=18, scale=6)"),
    "dec19": (
        {"logicalType": "number", "physicalType": "DECIMAL(19,0)"},
        "FIXED_LEN_BYTE_ARRAY",
        "Decimal(precision=19, scale=0)",
    ),
    "dec38": (
        {"logicalType": "number", "physicalType": "DECIMAL(38,10)"},
        "FIXED_LEN_BYTE_ARRAY",
        "Decimal(precision=38, scale=10)",
    ),
    "dbl": ({"logicalType": "number", "physicalType": "DOUBLE"}, "DOUBLE", "None"),
    "flag": ({"logicalType": "boolean"}, "BOOLEAN", "None"),
    "day": ({"logicalType": "date"}, "INT32", "Date"),
    "at": (
        {"logicalType": "timestamp"},
        "INT64",
        "Timestamp(isAdjustedToUTC=false, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false)",
    ),
    "text": ({"logicalType": "string"}, "BYTE_ARRAY", "String"),
}
COLUMNS = [{"name": name} | column for name, (column, _, _) in FLAT.items()]
FIRST_DAY, DAYS = date(1, 1, 1), 3_652_058

#: Per type, the values at its edges.
EDGES = {
    "i8": [-128, 127, 0, -1],
    "i16": [-32768, 32767, 0, -1],
    "i32": [-(2**31), 2**31 - 1, 0, -1],
    "i64": [-(2**63), 2**63 - 1, 0, -1],
    "dec9": [Decimal("-9999999.99"), Decimal("9999999.99"), Decimal("0.00"), Decimal("-0.01")],
    "dec18": [Decimal("-999999999999.999999"), Decimal("999999999999.999999"), Decimal("0.000000"), Decimal("0.000001")],
    "dec19": [Decimal(-(10**19) + 1), Decimal(10**19 - 1), Decimal(0), Decimal(-1)],
    "dec38": [Decimal(f"-{'9' * 28}.{'9' * 10}"), Decimal(f"{'9' * 28}.{'9' * 10}"), Decimal("0E-10"), Decimal("-1E-10")],
    "dbl": [-0.0, 0.0, 5e-324, -1.7976931348623157e308, 1.7976931348623157e308, 0.1, 2.5],
    "flag": [True, False],
    "day": [date(1, 1, 1), date(9999, 12, 31), date(1582, 10, 4), date(1969, 12, 31), date(2024, 2, 29)],
    "at": [
        datetime(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(1969, 12, 31, 23, 59, 59, 999999),
        datetime(1883, 11, 18, 12, 0, 0, 1),
    ],
    "text": ["", "Zoé", "日本語", "𝄞\U0010ffff", "a\nb\r\nc", 'say "hi", then', " padded ", "null", "é" * 40, "\u007f\t"],
}


def random_value(name: str):
    makers = {
        "i8": lambda: RANDOM.randint(-128, 127),
        "i16": lambda: RANDOM.randint(-32768, 32767),
        "i32": lambda: RANDOM.randint(-(2**31), 2**31 - 1),
        "i64": lambda: RANDOM.randint(-(2**63), 2**63 - 1),
        "dec9": lambda: Decimal(RANDOM.randint(-(10**9) + 1, 10**9 - 1)).scaleb(-2),
        "dec18": lambda: Decimal(RANDOM.randint(-(10**18) + 1, 10**18 - 1)).scaleb(-6),
        "dec19": lambda: Decimal(RANDOM.randint(-(10**19) + 1, 10**19 - 1)),
        "dec38": lambda: Decimal(f"{RANDOM.randint(-(10**27), 10**27)}.{RANDOM.randint(0, 10**10 - 1):010}"),
        "dbl": lambda: RANDOM.uniform(-1, 1) * 10.0 ** RANDOM.randint(-300, 300),
        "flag": lambda: RANDOM.random() < 0.5,
        "day": lambda: FIRST_DAY + timedelta(days=RANDOM.randrange(DAYS)),
        "at": lambda: datetime(1, 1, 1) + timedelta(days=RANDOM.randrange(DAYS), microseconds=RANDOM.randrange(86_400_000_000)),
        "text": lambda: "".join(RANDOM.choice('abcé€𝄞 ,"\n0') for _ in range(RANDOM.choice([1, 5, 16, 17, 70]))),
    }
    return makers[name]()


def written(value) -> str | None:
    """A value as the CSV file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep="T", timespec="microseconds").rjust(26, "0")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return None if value is None else str(value) if not isinstance(value, float) else repr(value)


def exact(value):
    """Tells -0.0 from 0.0, which Python's `==` does not. How many zeros a decimal ends with is its type's, which is checked apart."""
    if isinstance(value, float):
        return (value, copysign(1, value))
    if isinstance(value, Decimal):
        return value.normalize(Context(prec=40))
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    return [exact(inner) for inner in value] if isinstance(value, list) else value


def assert_all_read(spark, files, expected: list[dict]):
    """All three readers find these rows. They work in parallel and give them in any order: `id` tells rows apart."""
    wanted = {row["id"]: exact(row) for row in expected}
    readers = {"pyarrow": by_pyarrow(files), "duckdb": by_duckdb(files), "spark": by_spark(spark, files)}
    for reader, rows in readers.items():
        assert len(rows) == len(expected), reader
        for row in rows:
            assert exact(row) == wanted[row["id"]], reader


def assert_types(files):
    for file in files:
        metadata = pq.ParquetFile(file).metadata
        for index in range(len(metadata.schema)):
            column = metadata.schema.column(index)
            assert column.physical_type != "INT96", column
            if column.path in FLAT:
                _, physical, logical = FLAT[column.path]
                assert (column.physical_type, str(column.logical_type)) == (physical, logical), column.path
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                encodings = set(metadata.row_group(group).column(index).encodings)
                assert encodings <= {"PLAIN", "RLE", "RLE_DICTIONARY"}, encodings


def assert_statistics(files) -> int:
    """The footer's bounds are the column's, or bound it where a text is long; null counts are exact. How many row groups there are."""
    groups = 0
    for file in files:
        for rows, told in statistics(file):
            groups += 1
            for name, claim in told.items():
                values = [row[name] for row in rows]
                present = [value for value in values if value is not None]
                assert claim.null_count is not None, name
                assert claim.null_count == len(values) - len(present), name
                has_no_bound = present and name == "text" and len(max(present).encode()) > 64 and not claim.has_min_max
                assert claim.has_min_max == bool(present) or has_no_bound, name
                if not claim.has_min_max:
                    continue
                low, high = claim.min, claim.max
                if isinstance(present[0], str):
                    # By their bytes, as the format orders them.
                    present = [value.encode() for value in present]
                    low, high = low.encode(), high.encode()
                    assert low <= min(present) and max(present) <= high, name
                    if len(max(present)) <= 64 and len(min(present)) <= 64:
                        assert (low, high) == (min(present), max(present)), name
                elif isinstance(present[0], Decimal):
                    assert (Decimal(low), Decimal(high)) == (min(present), max(present)), name
                else:
                    assert (low, high) == (min(present), max(present)), name
    return groups


def flat_rows(shape: str) -> list[dict]:
    """Rows of all flat columns; `id` tells them apart."""

    def rows(count, make):
        return [{"id": row} | {name: make(name, row) for name in FLAT} for row in range(count)]

    shapes = {
        "edges": lambda: rows(40, lambda name, row: EDGES[name][row % len(EDGES[name])]),
        "one row": lambda: rows(1, lambda name, _: EDGES[name][0]),
        "one null": lambda: rows(1, lambda *_: None),
        "all null": lambda: rows(1000, lambda *_: None),
        "one value": lambda: rows(20_000, lambda name, _: EDGES[name][1]),
        "nulls in runs": lambda: rows(20_000, lambda name, row: None if row // 1000 % 2 else EDGES[name][row % 2]),
        "nulls at random": lambda: rows(9_001, lambda name, _: None if RANDOM.random() < 0.3 else random_value(name)),
        "null but for the last": lambda: rows(8_193, lambda name, row: EDGES[name][0] if row == 8_192 else None),
        "null but for the first": lambda: rows(70_000, lambda name, row: None if row else EDGES[name][0]),
        "nearly distinct": lambda: rows(30_000, lambda name, _: random_value(name)),
    }
    return shapes[shape]()


def input_of(rows: list[dict]) -> bytes:
    return csv_of(list(rows[0]), [[written(value) for value in row.values()] for row in rows])


ID = {"name": "id", "logicalType": "integer"}
