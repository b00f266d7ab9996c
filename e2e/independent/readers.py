"""DuckDB, pyarrow and Spark as three readers of the same Parquet files, each giving rows of plain Python values.

It does not know Lakegate.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq


def plain(value):
    """Structs as dictionaries, lists as lists; a timestamp is told without its zone, which is UTC."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if hasattr(value, "asDict"):
        return plain(value.asDict())
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return value


def by_pyarrow(files: list[Path]) -> list[dict]:
    rows = []
    for file in files:
        rows += pq.ParquetFile(file).read().to_pylist()
    return plain(rows)


def by_duckdb(files: list[Path], where: str = "") -> list[dict]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    query = f"SELECT * FROM read_parquet(?, hive_partitioning = false) {where}"
    result = connection.execute(query, [[str(file) for file in files]])
    names = [column[0] for column in result.description]
    return plain([dict(zip(names, row)) for row in result.fetchall()])


def by_spark(spark, files: list[Path], where: str | None = None) -> list[dict]:
    frame = spark.read.parquet(*[str(file) for file in files])
    if where is not None:
        frame = frame.where(where)
    return plain(frame.collect())


@dataclass
class Claim:
    """What a footer says of a column of a row group."""

    null_count: int | None
    has_min_max: bool
    min: object
    max: object


def statistics(file: Path) -> list[tuple[list, dict[str, Claim]]]:
    """Per row group: its rows, and what the footer says of each flat column."""
    parquet = pq.ParquetFile(file)
    groups = []
    for index in range(parquet.metadata.num_row_groups):
        group, claims = parquet.metadata.row_group(index), {}
        for column in (group.column(at) for at in range(group.num_columns)):
            if "." in column.path_in_schema:
                continue
            told = column.statistics
            null_count = told.null_count if told.has_null_count else None
            claims[column.path_in_schema] = Claim(null_count, told.has_min_max, told.min, told.max)
        groups.append((parquet.read_row_group(index).to_pylist(), claims))
    return groups
