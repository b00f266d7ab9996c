"""Holds the Glue job against PySpark's own reader doing the same work: typed columns, bad rows set aside, a derived column, partitions.

Both run under Spark's local[2], in processes of their own. Ours reads from and writes to an S3 over HTTP, on the same processors (the
tests' own, or with --ministack the local AWS, whose S3 takes as much of them as the conversion), PySpark's local files. Needs
requirements/spark.txt, Java 17, ministack in .lakegate/python/local (any end-to-end test makes it), and release builds.

usage: cargo build --release -p lakegate && cargo build --release -p lakegate-stand-ins --example s3
       LAKEGATE_COMMAND=target/release/lakegate PYTHONPATH=infra/glue .lakegate/python/spark/bin/python infra/glue/compare_speed.py \\
           [--megabytes 1000] [--runs 3] [--range-megabytes 256] [--ministack]
"""

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

import files

ROOT = Path(__file__).parent.parent.parent
ROW_BYTES = 76
ROWS = """
SELECT printf('O-%09d', i) AS id, strftime(TIMESTAMP '2025-01-01' + to_seconds((a * 31e6)::BIGINT), '%Y-%m-%d %H:%M:%S') AS at, i // 3 AS batch,
  (['WHITE HANGING HEART', 'PARTY BUNTING', 'LUNCH BAG, RED "SPOTTY"', 'JUMBO BAG'])[1 + floor(b * 4)::INT] || ' ' || floor(a * 4000)::INT AS product,
  CASE WHEN c < 0.005 THEN 'n/a' ELSE (1 + floor(c * 24)::INT)::VARCHAR END AS quantity, printf('%.2f', 0.29 + d * 99) AS price,
  (['EMEA', 'APAC', 'NA', 'LATAM'])[1 + floor(d * 4)::INT] AS region
FROM (SELECT i, hash(i) / 2e19 AS a, hash(i, 1) / 2e19 AS b, hash(i, 2) / 2e19 AS c, hash(i, 3) / 2e19 AS d FROM range(?) t(i))
"""
# The first job of a session starts what all later ones run on. It counts as the session's start, for both.
SLOTS = 2
MASTER = f"local[{SLOTS}]"
SETTINGS = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def contract() -> str:
    return files.CONTRACT.format(table="speed", format="csv", id_rules="", batch_rules="", policy="")


def ours(orders: Path, _: Path, range_bytes: int) -> dict:
    started = time.perf_counter()
    from pyspark import SparkConf, SparkContext

    import convert_large
    import lakes

    context = SparkContext(MASTER, "ours", conf=SparkConf().setAll(SETTINGS.items()))
    context.parallelize(range(SLOTS), SLOTS).map(str).collect()
    ready = time.perf_counter()
    lake = lakes.Lake(contract())
    item = lake.drop("orders.csv", orders.read_bytes())
    names = ("lake_bucket", "database", "failures_queue_url", "one_pass_bytes_max")
    options = dict.fromkeys(names, "1") | {"region": "us-east-1", "unknown_datasets": "fail"}
    dropped = time.perf_counter()
    lakegate = convert_large.prepared(context, options, Path(os.environ["LAKEGATE_COMMAND"]).read_bytes())
    convert_large.convert_object(context, lake.given(lakegate), item, range_bytes)
    ended = time.perf_counter()
    entry = lake.entry(item)
    with tempfile.TemporaryDirectory() as folder:
        paths = [lake.fetched(output["path"], Path(folder)) for output in entry["outputs"]]
        revenue = duckdb.execute("SELECT sum(revenue)::VARCHAR FROM read_parquet(?)", [paths]).fetchone()[0]
    told = {"accepted": entry["rows_accepted"], "rejected": entry["rows_rejected"], "revenue": revenue}
    return {"session": ready - started, "work": ended - dropped, "cpu": processor_time(context)} | told


def theirs(orders: Path, out: Path, _: int) -> dict:
    started = time.perf_counter()
    from pyspark.sql import SparkSession, functions as f

    builder = SparkSession.builder.master(MASTER).config("spark.driver.memory", "4g").config("spark.sql.session.timeZone", "UTC")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.config("spark.sql.legacy.timeParserPolicy", "CORRECTED").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.range(SLOTS, numPartitions=SLOTS).selectExpr("sum(id)").collect()
    ready = time.perf_counter()
    types = "id string, at timestamp, batch int, product string, quantity int, price decimal(12,2), region string, _corrupt string"
    options = {"header": True, "escape": '"', "timestampFormat": "yyyy-MM-dd HH:mm:ss", "columnNameOfCorruptRecord": "_corrupt"}
    rows = spark.read.schema(types).options(**options).csv(str(orders))
    present = [f.col(name).isNotNull() for name in ("id", "at", "quantity", "price")]
    good = f.col("_corrupt").isNull() & (f.col("quantity") >= 1)
    for rule in [*present, f.col("region").isNull() | f.col("region").isin("EMEA", "APAC", "NA", "LATAM")]:
        good = good & rule
    good = f.coalesce(good, f.lit(False))
    derived = rows.where(good).drop("_corrupt").withColumn("revenue", (f.col("quantity") * f.col("price")).cast("decimal(18,2)"))
    # Reading the file twice is faster here than to keep its rows in between.
    derived.withColumn("month", f.month("at")).write.partitionBy("month").parquet(str(out / "lake"))
    rows.where(~good).write.parquet(str(out / "rejects"))
    ended = time.perf_counter()
    accepted, revenue = duckdb.execute(f"SELECT count(*), sum(revenue)::VARCHAR FROM '{out}/lake/**/*.parquet'").fetchone()
    rejected = duckdb.execute(f"SELECT count(*) FROM '{out}/rejects/*.parquet'").fetchone()[0]
    told = {"accepted": accepted, "rejected": rejected, "revenue": revenue}
    return {"session": ready - started, "work": ended - ready, "cpu": processor_time(spark.sparkContext)} | told


def processor_time(context) -> float:
    """Seconds of all processes but the local AWS, once Spark has ended."""
    context.stop()
    java = context._gateway.proc
    java.stdin.close()
    java.wait()
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def in_a_process(who: str, orders: Path, range_bytes: int) -> dict:
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, "--only", who, "--orders", str(orders), "--out", out, "--range-bytes", str(range_bytes)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def local_aws() -> subprocess.Popen:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    os.environ |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    own = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    ministack = ROOT / ".lakegate/python/local/bin/ministack"
    started = subprocess.Popen([ministack], env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return started
    raise SystemExit("the local AWS does not start")


def own_s3() -> subprocess.Popen:
    started = subprocess.Popen(ROOT / "target/release/examples/s3", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    os.environ["AWS_ENDPOINT_URL_S3"] = started.stdout.readline().strip()
    return started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--range-megabytes", type=int, default=256)
    parser.add_argument("--ministack", action="store_true", help="the local AWS's own S3")
    parser.add_argument("--only", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--orders", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--range-bytes", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        run = ours if given.only == "ours" else theirs
        print(json.dumps(run(given.orders, given.out, given.range_bytes)))
        return
    folder = Path(tempfile.mkdtemp())
    orders = folder / "orders.csv"
    duckdb.execute(f"COPY ({ROWS}) TO '{orders}' (HEADER)", [given.megabytes * 1_000_000 // ROW_BYTES])
    print(f"{orders.stat().st_size / 1e6:.0f} MB, {MASTER}, {os.cpu_count()} cores", flush=True)
    servers, told = [local_aws()], {"ours": [], "theirs": []}
    if not given.ministack:
        servers.append(own_s3())
    try:
        for _ in range(given.runs):
            for who, runs in told.items():
                runs.append(in_a_process(who, orders, given.range_megabytes * 1024 * 1024))
                print(who, json.dumps(runs[-1]), flush=True)
    finally:
        for server in servers:
            server.terminate()
        shutil.rmtree(folder)
    results = {(run["accepted"], run["rejected"], run["revenue"]) for runs in told.values() for run in runs}
    assert len(results) == 1, f"they do not agree: {results}"
    for name, parts in (("without the session's start", ("work",)), ("with it", ("session", "work")), ("processor time", ("cpu",))):
        medians = {who: statistics.median(sum(run[part] for part in parts) for run in runs) for who, runs in told.items()}
        ratio = medians["theirs"] / medians["ours"]
        print(f"{name}: ours {medians['ours']:.1f} s, PySpark's reader {medians['theirs']:.1f} s, {ratio:.1f} times")


if __name__ == "__main__":
    main()
