"""snowflake/*.sql, run by fakesnow on files of a lake: Snowflake's SQL translated for DuckDB, and no Snowflake.

What fakesnow lacks is done by the test: storage integrations and pipes, stages that hold folders, the metadata of files, directory
tables, the knowledge that a file changed, and transactions around MERGE. Whatever else stands in the files is run as it stands."""

import re
from datetime import date

import duckdb
import fakesnow
import pytest
import snowflake.connector

from expected import Expected
from project import ROOT
from rows import line, state

SCRIPTS = ROOT / "snowflake"
COPY = re.compile(r"copy into (\w+)_files\s+from @lake/\w+/", re.IGNORECASE)
METADATA = re.compile(r"include_metadata = \(.*?\)\n?", re.IGNORECASE)


def statements(name):
    text = re.sub(r"--.*", "", (SCRIPTS / name).read_text())
    return [statement.strip() for statement in text.split(";") if statement.strip()]


@pytest.fixture
def account(lake):
    with fakesnow.patch():
        connection = snowflake.connector.connect(database="LAKEGATE", schema="LAKEGATE")
        yield Account(connection, lake)
        connection.close()


class Account:
    def __init__(self, connection, lake):
        self.cursor = connection.cursor()
        self.root = lake.folder / "lake"
        self.loaded = {}
        self.run("create schema if not exists lakegate.lakegate")
        self.run("use schema lakegate.lakegate")
        self.run("create table lake_directory (relative_path varchar)")
        for statement in statements("1_stage.sql"):
            if "create file format" in statement:
                self.run(statement)
        for statement in statements("2_tables.sql"):
            self.run(statement)

    def run(self, statement):
        return self.cursor.execute(statement)

    def rows(self, table):
        self.run(f"select * from {table}")
        columns = [column.name.lower() for column in self.cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in self.cursor.fetchall()]

    def load(self, anew=False):
        """4_load.sql. `anew`: every file is loaded though it is known, as after a pipe."""
        for statement in statements("4_load.sql"):
            if dataset := COPY.match(statement):
                self.copy(dataset[1], METADATA.sub("", statement), anew)
            elif "alter stage lake refresh" in statement:
                self.run("delete from lake_directory")
                for path in (self.root / "lake").rglob("*.parquet"):
                    self.run(f"insert into lake_directory values ('{path.relative_to(self.root / 'lake')}')")
            elif statement not in ("begin", "commit"):
                self.run(statement.replace("directory(@lake)", "lake_directory"))

    def copy(self, dataset, statement, anew):
        for path in sorted((self.root / "lake" / dataset).rglob("*.parquet")):
            modified = path.stat().st_mtime_ns // 1000
            if self.loaded.get(path) == modified and not anew:
                continue
            self.loaded[path] = modified
            one = f"copy into {dataset}_files from 'file://{path.parent}/' files = ('{path.name}')"
            self.run(COPY.sub(one, statement) + " force = true")
            name = path.relative_to(self.root)
            self.run(f"update {dataset}_files set file_name = '{name}', file_modified = to_timestamp_ntz({modified}, 6) where file_name is null")


def loaded(account, lake, anew=False):
    """Loads, and holds both tables against what the sources say."""
    account.load(anew)
    orders = account.rows("orders")
    assert len({row["order_id"] for row in orders}) == len(orders) == len(account.rows("orders_in_lake"))
    assert {row["order_id"]: row for row in orders} == Expected(lake).orders()
    states = {}
    for rows in lake.customers.values():  # in the order in which they came
        for row in rows:
            typed = {**row, "signup_date": date.fromisoformat(row["signup_date"])}
            states[row["customer_id"], row["updated_at"]] = typed
    customers = account.rows("customers")
    assert len({(row["customer_id"], row["updated_at"]) for row in customers}) == len(customers)
    assert {(row["customer_id"], row["updated_at"]): row for row in customers} == states


def remove(lake, dataset, name):
    """A source file is gone, and with it what it left in the lake."""
    gone = list((lake.folder / "lake/lake" / dataset).rglob(f"{name}-*.parquet"))
    assert gone
    for path in gone:
        path.unlink()
    del getattr(lake, dataset)[name]


def test_the_tables_follow_the_lake_however_often_files_are_loaded(lake, account):
    lake.put_customers("1", [state(1, "2025-01-01T00:00:00.123456", "basic"), state(2, "2025-01-01T00:00:00", "gold", email=None)])
    january = [line(1, "2025-01-10 09:00:00"), line(2, "2025-01-20 09:00:00", quantity=3, price="0.35", product="Café 'crème'; 250 g")]
    february = [line(10, "2025-02-01 00:00:00"), line(11, "2025-02-02 00:00:00", note="as a gift"), line(12, "2025-02-03 00:00:00")]
    lake.put_orders("january", january)
    lake.put_orders("february", february)
    loaded(account, lake)
    before = account.rows("orders_files")
    loaded(account, lake)
    assert account.rows("orders_files") == before

    # Every file once more, as after a pipe; a late order; February corrected, with a line less and one of another month.
    loaded(account, lake, anew=True)
    assert len(account.rows("orders_files")) == 2 * len(before)
    lake.put_orders("late", [line(3, "2025-01-01 00:00:00", customer="C-00002"), january[0]])
    lake.put_orders("february", [{**february[0], "quantity": 5}, {**february[1], "note": None}, line(13, "2025-03-01 00:00:00")])
    lake.put_customers("2", [state(1, "2025-01-20T09:00:00", "silver"), state(2, "2025-01-01T00:00:00", "platinum", email=None)])
    loaded(account, lake)
    assert len([row for row in account.rows("orders_files") if "february" in row["file_name"]]) == 3

    # A file that is gone takes its rows along, but no row that another file has as well; so does an export that is
    # gone, or replaced.
    remove(lake, "orders", "january")
    remove(lake, "customers", "2")
    lake.put_customers("1", [state(3, "2025-01-02T00:00:00", "basic", active=False)])
    loaded(account, lake)
    assert sorted(row["order_id"] for row in account.rows("orders")) == ["O-0000001", "O-0000003", "O-0000010", "O-0000011", "O-0000013"]


def test_what_fakesnow_cannot_run_is_what_this_says(account):
    """So that nothing else is passed over in silence, and a later fakesnow is noticed."""
    refused = set()
    for name in ["1_stage.sql", "3_pipes.sql"]:
        for statement in statements(name):
            try:
                account.run(re.sub(r"<% \w+ %>", "lake", statement))
            except (snowflake.connector.errors.Error, duckdb.Error):
                refused.add(" ".join(statement.split()[:2]))
    # DuckDB cannot tell a database from a schema of the same name.
    assert refused == {"create storage", "create database", "create pipe"}
