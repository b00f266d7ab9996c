"""The JSON work of the benchmark by DuckDB and Polars: python json_peers.py duckdb|polars FILE OUT

Typed read of NDJSON with bad rows set aside, revenue, year and month derived, one file a partition, snappy; one thread.
"""

import os
import shutil
import sys

NAMES = ["order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country"]
REGIONS = ["EMEA", "APAC", "NA", "LATAM"]


def with_duckdb(source: str, out: str) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set threads=1")
    connection.execute("set preserve_insertion_order=false")
    # A number that is none must cost its row, not the file: both are read as text first.
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in NAMES)
    connection.execute(
        f"""
        create temp view typed as select order_id, try_strptime(order_ts, '%Y-%m-%d %H:%M:%S') as order_ts, customer_id, product,
            try_cast(quantity as integer) as quantity, try_cast(unit_price as decimal(12,2)) as unit_price, region, country
        from read_json('{source}', format='newline_delimited', columns={{{columns}}});
        copy (
            select *, quantity * unit_price as revenue, year(order_ts) as year, month(order_ts) as month from typed
            where order_ts is not null and quantity > 0 and unit_price >= 0 and region in {tuple(REGIONS)}
        ) to '{out}' (format parquet, compression snappy, partition_by (year, month))
        """
    )


def with_polars(source: str, out: str) -> None:
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    # Text first, as above: a strict schema would end the file at the first bad number.
    lines = pl.scan_ndjson(source, schema={name: pl.String for name in NAMES}, ignore_errors=True)
    typed = lines.with_columns(
        pl.col("order_ts").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False),
        pl.col("quantity").cast(pl.Int32, strict=False),
        pl.col("unit_price").cast(pl.Decimal(12, 2), strict=False),
    )
    is_good = (
        pl.col("order_ts").is_not_null()
        & (pl.col("quantity") > 0)
        & pl.col("unit_price").is_not_null()
        & pl.col("region").is_in(REGIONS)
    )
    good = typed.filter(is_good).with_columns(
        revenue=pl.col("quantity") * pl.col("unit_price"),
        year=pl.col("order_ts").dt.year(),
        month=pl.col("order_ts").dt.month(),
    )
    good.sink_parquet(pl.PartitionBy(out, key=["year", "month"]), compression="snappy", mkdir=True)


if __name__ == "__main__":
    peer, source, out = sys.argv[1:]
    shutil.rmtree(out, ignore_errors=True)
    {"duckdb": with_duckdb, "polars": with_polars}[peer](source, out)
