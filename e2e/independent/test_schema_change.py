"""Files of two versions of a contract in one table, read together by DuckDB, pyarrow and Spark: what `contracts diff` does not call
breaking reads as one table, with null where a file lacks a column, and what it calls an incompatible type does not.
"""

import json
import subprocess
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from engine import COMMAND, contract_of, convert
from readers import plain

COLUMN = {"name": "v", "logicalType": "integer", "physicalType": "INTEGER"}


def integer(width: str) -> dict:
    return COLUMN | {"physicalType": width}


def decimal(precision: int) -> dict:
    return {"name": "v", "logicalType": "number", "physicalType": f"DECIMAL({precision},2)"}


def struct(*members: dict) -> dict:
    return {"name": "v", "logicalType": "object", "properties": list(members)}


def array(item: dict) -> dict:
    return {"name": "v", "logicalType": "array", "items": {name: value for name, value in item.items() if name != "name"}}


X, WIDE_X = COLUMN | {"name": "x"}, {"name": "x", "logicalType": "integer"}
Y = {"name": "y", "logicalType": "string"}
BIG = 2**40

#: Per change: the column before and after (None: it is not there), a JSON value of either, the table's type as the catalog has it,
#: and the two values as readers must give them. The last: whether Spark 3.5 reads them too.
CHANGES = {
    "new": (None, COLUMN, None, 5, "int", None, 5, True),
    "dropped": (COLUMN, None, 5, None, "int", 5, None, True),
    "tinyint to int": (integer("TINYINT"), COLUMN, -3, 2**30, "int", -3, 2**30, True),
    "int to bigint": (COLUMN, integer("BIGINT"), -3, BIG, "bigint", -3, BIG, False),
    "bigint to int": (integer("BIGINT"), COLUMN, BIG, -3, "bigint", BIG, -3, False),
    "decimal in 32 bits": (decimal(5), decimal(9), 1.25, 1234567.5, "decimal(9,2)", "1.25", "1234567.50", True),
    "decimal to 64 bits": (decimal(9), decimal(12), 1.25, 1234567890.5, "decimal(12,2)", "1.25", "1234567890.50", False),
    "decimal in 64 bits": (decimal(12), decimal(18), 1.25, 1234567890.5, "decimal(18,2)", "1.25", "1234567890.50", True),
    "decimal in bytes": (decimal(20), decimal(38), 1.25, 1234567890.5, "decimal(38,2)", "1.25", "1234567890.50", True),
    "new member": (
        struct(X),
        struct(Y, X),
        {"x": 1},
        {"x": 2, "y": "q"},
        "struct<x:int,y:string>",
        {"x": 1, "y": None},
        {"x": 2, "y": "q"},
        True,
    ),
    "dropped member": (
        struct(X, Y),
        struct(X),
        {"x": 1, "y": "q"},
        {"x": 2},
        "struct<x:int,y:string>",
        {"x": 1, "y": "q"},
        {"x": 2, "y": None},
        True,
    ),
    "members in another order": (
        struct(X, Y),
        struct(Y, X),
        {"x": 1, "y": "p"},
        {"y": "q", "x": 2},
        "struct<x:int,y:string>",
        {"x": 1, "y": "p"},
        {"x": 2, "y": "q"},
        True,
    ),
    "wider member": (struct(X), struct(WIDE_X), {"x": 1}, {"x": BIG}, "struct<x:bigint>", {"x": 1}, {"x": BIG}, False),
    "wider items": (array(X), array(WIDE_X), [1, 2], [BIG], "array<bigint>", [1, 2], [BIG], False),
    "new member of items": (
        array(struct(X)),
        array(struct(X, Y)),
        [{"x": 1}],
        [{"x": 2, "y": "q"}],
        "array<struct<x:int,y:string>>",
        [{"x": 1, "y": None}],
        [{"x": 2, "y": "q"}],
        True,
    ),
}
INCOMPATIBLE = {
    "int to string": (COLUMN, {"name": "v", "logicalType": "string"}),
    "int to double": (COLUMN, {"name": "v", "logicalType": "number"}),
    "date to timestamp": ({"name": "v", "logicalType": "date"}, {"name": "v", "logicalType": "timestamp"}),
    "decimal across 18 digits": (decimal(18), decimal(19)),
    "another scale": (decimal(12), decimal(12) | {"physicalType": "DECIMAL(12,3)"}),
    "member": (struct(X), struct(X | {"logicalType": "string", "physicalType": "STRING"})),
}


def versions(old: dict | None, new: dict | None) -> list[dict]:
    key = {"name": "k", "logicalType": "integer", "physicalType": "INTEGER"}
    return [contract_of([key] + [column for column in [column] if column], "json") for column in (old, new)]


def diff(folder: Path, contracts: list[dict]) -> tuple[int, dict]:
    paths = [folder / "old.json", folder / "new.json"]
    for path, contract in zip(paths, contracts):
        path.write_text(json.dumps(contract), encoding="utf-8")
    run = subprocess.run([COMMAND, "contracts", "diff", *map(str, paths), "--json"], capture_output=True, text=True, check=False)
    assert run.returncode in (0, 3), run.stderr
    return run.returncode, json.loads(run.stdout)


def files(folder: Path, contracts: list[dict], values: list) -> list[Path]:
    found = []
    for number, (contract, value) in enumerate(zip(contracts, values)):
        record = {"k": number} if value is None else {"k": number, "v": value}
        converted = convert(folder / str(number), contract, json.dumps(record).encode() + b"\n")
        assert converted.report["rows_accepted"] == 1, converted.report
        found += converted.files
    return found


def arrow_type(text: str) -> pa.DataType:
    """Hive's spelling of a type, as pyarrow has it."""
    flat = {"int": pa.int32(), "bigint": pa.int64(), "string": pa.string()}
    if text in flat:
        return flat[text]
    if text.startswith("decimal"):
        return pa.decimal128(*map(int, text[len("decimal(") : -1].split(",")))
    if text.startswith("array<"):
        return pa.list_(pa.field("element", arrow_type(text[len("array<") : -1])))
    members = [member.split(":", 1) for member in text[len("struct<") : -1].split(",")]
    return pa.struct([(name, arrow_type(kind)) for name, kind in members])


@pytest.mark.parametrize("change", CHANGES)
def test_files_of_both_versions_read_as_one_table(tmp_path, spark, change):
    old, new, old_value, new_value, type_name, old_read, new_read, in_spark = CHANGES[change]
    contracts = versions(old, new)
    code, told = diff(tmp_path, contracts)
    assert code == 0 and not told["is_breaking"], told
    both = files(tmp_path, contracts, [old_value, new_value])
    expected = [Decimal(value) if isinstance(value, str) else value for value in (old_read, new_read)]

    query = "SELECT v FROM read_parquet(?, union_by_name = true, hive_partitioning = false) ORDER BY k"
    rows = duckdb.execute(query, [[str(file) for file in both]]).fetchall()
    assert plain([row[0] for row in rows]) == expected

    schema = pa.schema([("k", pa.int32()), ("v", arrow_type(type_name))])
    table = ds.dataset([str(file) for file in both], schema=schema).to_table().sort_by("k")
    assert table.column("v").to_pylist() == expected

    frame = spark.read.schema(f"k int, v {type_name}").parquet(*map(str, both)).orderBy("k")
    if in_spark:
        assert plain([row["v"] for row in frame.collect()]) == expected
    else:
        # Should a later Spark read them, the contract's documentation can say so.
        with pytest.raises(Exception, match="(?s)cannot be converted|UnsupportedOperation|ClassCast"):
            frame.collect()
    effects = " ".join(change["effect"] for change in told["changes"])
    assert ("Spark 3.5 does not" in effects) != in_spark


@pytest.mark.parametrize("change", INCOMPATIBLE)
def test_types_without_a_common_one_are_breaking(tmp_path, change):
    code, told = diff(tmp_path, versions(*INCOMPATIBLE[change]))
    assert code == 3 and told["counts"]["breaking"] == 1, told
