"""What the checks share."""

import os

import pytest

# What its assertions compare is told as that of tests is.
pytest.register_assert_rewrite("flat")
# Results do not hang on where the machine stands.
os.environ["TZ"] = "UTC"


@pytest.fixture(scope="session")
def spark():
    """One Spark session for all tests: starting it takes most of their time."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "2g",
        # Of files that Spark did not write it cannot tell whether old dates are of today's calendar. They are.
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    }
    builder = SparkSession.builder.master("local[2]").appName("independent")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
