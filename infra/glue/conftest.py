"""What the tests of the Glue job's script share: one Spark, and lakes on a local AWS. `cargo test -p e2e --test glue` runs them.

It must not know what is right: that says the same engine in one pass.
"""

import os
import uuid
from collections.abc import Callable, Iterator
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


OPTIONS = dict.fromkeys(("lake_bucket", "database", "failures_queue_url"), "none")
OPTIONS |= {"region": "us-east-1", "unknown_datasets": "fail", "one_pass_bytes_max": str(2**30)}


@pytest.fixture(scope="session")
def lakegate(context: SparkContext) -> convert_large.Lakegate:
    """The real binary, with settings that name no lake yet."""
    return convert_large.prepared(context, OPTIONS, Path(os.environ["LAKEGATE_COMMAND"]).read_bytes())


@pytest.fixture
def crooked(context: SparkContext, lakegate: convert_large.Lakegate, tmp_path: Path) -> Callable[[str], convert_large.Lakegate]:
    """The binary behind a few lines of shell, which may do something else first; `once` is true one time in all processes."""

    def behind(lines: str) -> convert_large.Lakegate:
        once = f"once() {{ mkdir {tmp_path}/done 2>/dev/null; }}"
        script = f'#!/bin/sh\n{once}\n{lines}\nexec {os.environ["LAKEGATE_COMMAND"]} "$@"\n'
        return convert_large.prepared(context, OPTIONS, script.encode(), f"crooked-{uuid.uuid4().hex}")

    return behind


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert_large, "PAUSE_SECS", 0)
