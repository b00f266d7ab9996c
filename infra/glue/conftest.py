"""What the tests of the Glue job's script share: one Spark, and lakes on a local AWS. `cargo test -p e2e --test glue` runs them.

It must not know what is right: that says the same engine in one pass.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark import SparkConf, SparkContext

import convert_large

# Of our own helpers, too, a failure tells what was compared.
pytest.register_assert_rewrite("lakes")


@pytest.fixture(scope="session")
def context() -> Iterator[SparkContext]:
    """Two tasks at a time, each tried four times, as on a cluster."""
    settings = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    spark = SparkContext(master="local[2,4]", appName="glue", conf=SparkConf().setAll(settings.items()))
    spark.setLogLevel("OFF")
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def lakegate(context: SparkContext) -> convert_large.Lakegate:
    """The real binary, with settings that name no lake yet."""
    names = ("region", "lake_bucket", "database", "failures_queue_url")
    options = dict.fromkeys(names, "none") | {"region": "us-east-1", "unknown_datasets": "fail", "one_pass_bytes_max": str(2**30)}
    return convert_large.prepared(context, options, Path(os.environ["LAKEGATE_COMMAND"]).read_bytes())


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert_large, "PAUSE_SECS", 0)
