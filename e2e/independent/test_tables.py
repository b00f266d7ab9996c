"""What stands around flat columns: structs, lists and JSON, rescued columns, and partitions, of which readers find the values in paths."""

import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow.parquet as pq

from engine import contract_of, convert, csv_of
from flat import ID, assert_all_read, assert_statistics, assert_types, exact, input_of
from readers import by_duckdb, by_pyarrow, by_spark


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
