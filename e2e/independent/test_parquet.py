"""What the engine writes, read by DuckDB, pyarrow and Spark: the same values, nulls and physical types in all three, and true statistics.

The engine encodes columns itself, so every shape that an encoder may stumble over has a test here.
"""

import base64
import json
import random
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from math import copysign

import pyarrow.parquet as pq
import pytest

from engine import contract_of, convert, csv_of
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


def test_structs_lists_and_json(spark, tmp_path):
    columns = [
        ID,
        {"name": "doc", "logicalType": "object"},
        {
            "name": "address",
            "logicalType": "object",
            "properties": [
                {"name": "street", "logicalType": "string"},
                {"name": "rate", "logicalType": "number", "physicalType": "DECIMAL(20,4)"},
                {
                    "name": "geo",
                    "logicalType": "object",
                    "properties": [{"name": "lat", "logicalType": "number"}, {"name": "day", "logicalType": "date"}],
                },
            ],
        },
        {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
        {
            "name": "lines",
            "logicalType": "array",
            "items": {
                "logicalType": "object",
                "properties": [
                    {"name": "sku", "logicalType": "string"},
                    {"name": "n", "logicalType": "integer", "physicalType": "SMALLINT"},
                    {"name": "at", "logicalType": "array", "items": {"logicalType": "timestamp"}},
                ],
            },
        },
    ]
    stamp = datetime(2024, 2, 29, 23, 59, 59, 123456)

    def line(row):
        return {"sku": f"s{row % 3}", "n": row % 100, "at": [stamp, None][: row % 3]}

    def row_of(row):
        kind = row % 5
        geo = None if kind == 2 else {"lat": row / 8, "day": None if kind == 3 else date(2024, 1, 1 + row % 28)}
        return {
            "id": row,
            "doc": None if kind == 1 else json.dumps({"k": [row, "é", {"z": None}]}, ensure_ascii=False),
            "address": None
            if kind == 1
            else {"street": None if kind == 4 else f"Straße {row}", "rate": Decimal(row).scaleb(-4), "geo": geo},
            "tags": [None, [], ["a"], ["", None, "日本"], ["x"] * 20][kind],
            "lines": [None, [], [line(row)], [line(row), None, line(row + 1)], [line(each) for each in range(30)]][kind],
        }

    def as_json(value):
        if isinstance(value, dict):
            return "{" + ",".join(f"{json.dumps(name)}:{as_json(inner)}" for name, inner in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(as_json, value)) + "]"
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, (date, datetime)):
            return json.dumps(value.isoformat())
        return json.dumps(value)

    rows = [row_of(row) for row in range(9_000)]
    # `doc` is kept as the text that stands in the file.
    lines = [{**row, "doc": 0} for row in rows]
    text = "\n".join(as_json(line).replace('"doc":0', f'"doc":{row["doc"] or "null"}') for line, row in zip(lines, rows))
    for codec in ("zstd", "snappy"):
        done = convert(tmp_path / codec, contract_of(columns, "json", policy={"compression": codec}), text.encode())
        assert done.report["rows_accepted"] == len(rows), done.report
        assert_types(done.files)
        assert_all_read(spark, done.files, rows)


def test_columns_that_no_contract_knows_are_rescued(spark, tmp_path):
    rows = [[row, "x" if row % 2 else "", None if row % 3 else 'say "é"'] for row in range(100)]
    contract = contract_of([ID], policy={"unknownColumns": "rescue"})
    done = convert(tmp_path, contract, csv_of(["id", "one", "two"], rows))
    found = by_duckdb(done.files)
    assert found == by_spark(spark, done.files) == by_pyarrow(done.files)
    for (_, one, two), row in zip(rows, sorted(found, key=lambda row: row["id"])):
        rescued = json.loads(row["_rescued"] or "{}")
        assert {name: value for name, value in rescued.items() if value is not None} == {
            name: value for name, value in {"one": one, "two": two}.items() if value is not None
        }


SPECIAL = [
    "plain",
    "a b",
    "a/b=c",
    "50%",
    "100%25",
    "Zoé",
    "日本",
    "x:y?z*",
    '"quoted"',
    "'",
    "#",
    "\\",
    "{}[]^",
    "a+b",
    "&;,",
    ".",
    "~|<>",
    "\t",
    "line\nbreak",
    "",
    None,
]


def test_partition_values_of_every_kind_come_back(spark, tmp_path):
    import pyarrow as pa
    import pyarrow.dataset as ds

    def partitioned(at, name, **column):
        return {"name": name, "partitioned": True, "partitionKeyPosition": at, **column}

    columns = [
        ID,
        partitioned(1, "text", logicalType="string"),
        partitioned(2, "n", logicalType="integer"),
        partitioned(3, "rate", logicalType="number", physicalType="DECIMAL(5,2)"),
        partitioned(4, "flag", logicalType="boolean"),
        partitioned(5, "day", logicalType="date"),
        {"name": "kept", "logicalType": "string"},
    ]
    rows = []
    for row, text in enumerate(SPECIAL * 3):
        n, rate = [-5, 2**63 - 1, None][row % 3], [Decimal("-0.50"), Decimal("12.00"), None][row // 3 % 3]
        flag, day = [True, False, None][row // 2 % 3], [date(2024, 2, 29), date(1, 1, 1), None][row % 3]
        rows.append({"id": row, "text": text, "n": n, "rate": rate, "flag": flag, "day": day, "kept": f"k{row}"})
    done = convert(tmp_path, contract_of(columns), input_of(rows))
    assert done.report["rows_accepted"] == len(rows), done.report
    # Hive cannot tell the empty text from null.
    wanted = {row["id"]: exact({**row, "text": row["text"] or None}) for row in rows}

    schema = "id BIGINT, kept STRING, text STRING, n BIGINT, rate DECIMAL(5,2), flag BOOLEAN, day DATE"
    frame = spark.read.schema(schema).parquet(str(done.table))
    assert {row["id"]: exact(row.asDict()) for row in frame.collect()} == wanted

    import duckdb

    types = "{'text': 'VARCHAR', 'n': 'BIGINT', 'rate': 'DECIMAL(5,2)', 'flag': 'BOOLEAN', 'day': 'DATE'}"
    query = f"SELECT * FROM read_parquet('{done.table}/**/*.parquet', hive_partitioning = true, hive_types = {types})"
    result = duckdb.execute(query)
    names = [column[0] for column in result.description]
    found = {row[names.index("id")]: exact(dict(zip(names, row))) for row in result.fetchall()}
    assert found == wanted

    fields = [("text", pa.string()), ("n", pa.int64()), ("rate", pa.string()), ("flag", pa.string()), ("day", pa.string())]
    hive = ds.partitioning(pa.schema(fields), flavor="hive")
    table = ds.dataset(done.table, format="parquet", partitioning=hive).to_table()
    of_text = {"rate": Decimal, "flag": {"true": True, "false": False}.get, "day": date.fromisoformat}
    for row in table.to_pylist():
        typed = {name: of_text[name](row[name]) if row[name] is not None else None for name in of_text}
        assert exact(row | typed) == wanted[row["id"]]


def test_500_partitions_of_one_row_or_many(spark, tmp_path):
    for name, count in [("one", 500), ("many", 12_345)]:
        rows = [{"id": row, "text": f"value {row % 11}", "part": (row * 7) % 500} for row in range(count)]
        columns = [ID, {"name": "text", "logicalType": "string"}, {"name": "part", "logicalType": "integer", "partitioned": True}]
        done = convert(tmp_path / name, contract_of(columns), input_of(rows))
        assert len(done.files) == 500
        assert_statistics(done.files[:20])
        by_id = {row["id"]: row for row in rows}
        for file in done.files:
            for row in by_pyarrow([file]):
                assert file.parent.name == f"part={by_id[row['id']]['part']}"
        assert_all_read(spark, done.files, [{"id": row["id"], "text": row["text"]} for row in rows])


def test_coding_given_up_amid_many_partitions(spark, tmp_path):
    """A dictionary of so many values times 500 partitions is given up while every partition's open page has codes. Some rows go nowhere."""
    rows = [{"id": row, "text": f"value {row // 5}", "part": (row * 7) % 500} for row in range(100_000)]
    columns = [
        ID,
        {"name": "text", "logicalType": "string", "logicalTypeOptions": {"pattern": "[1-9]$"}},
        {"name": "part", "logicalType": "integer", "partitioned": True},
    ]
    done = convert(tmp_path, contract_of(columns), input_of(rows))
    accepted = [row for row in rows if not row["text"].endswith("0")]
    assert done.report["rows_accepted"] == len(accepted)
    assert_statistics(done.files[:20])
    assert_all_read(spark, done.files, [{"id": row["id"], "text": row["text"]} for row in accepted])
    pages = {tuple(sorted(pq.ParquetFile(file).metadata.row_group(0).column(1).encodings)) for file in done.files}
    assert pages == {("PLAIN", "RLE", "RLE_DICTIONARY")}
