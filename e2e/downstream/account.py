"""A Snowflake that is fakesnow: Snowflake's SQL translated for DuckDB. It runs snowflake/*.sql on the files of a lake.

What fakesnow lacks is done here: storage integrations and pipes, stages that hold folders, the metadata of files, directory tables,
the knowledge that a file changed, and transactions around MERGE. Whatever else stands in the files is run as it stands."""

import hashlib
import re
from contextlib import contextmanager

import fakesnow
import snowflake.connector

from expected import Expected, day
from project import ROOT

SCRIPTS = ROOT / "snowflake"
COPY = re.compile(r"copy into (\w+)_files\s+from @lake/\w+/", re.IGNORECASE)
METADATA = re.compile(r"include_metadata = \(.*?\)\n?", re.IGNORECASE)


def statements(name):
    text = re.sub(r"--.*", "", (SCRIPTS / name).read_text())
    return [statement.strip() for statement in text.split(";") if statement.strip()]


@contextmanager
def account_of(lake):
    with fakesnow.patch():
        connection = snowflake.connector.connect(database="LAKEGATE", schema="LAKEGATE")
        yield Account(connection, lake)
        connection.close()


class Account:
    def __init__(self, connection, lake):
        self.cursor = connection.cursor()
        self.root = lake.folder / "lake"
        self.loaded, self.time = {}, 0
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
            content = hashlib.sha256(path.read_bytes()).digest()
            known, modified = self.loaded.get(path, (None, 0))
            if known == content and not anew:
                continue
            if known != content:
                # Not the file's own time: a clock that is set back between two versions would turn them round.
                self.time += 1
                modified = self.time
            self.loaded[path] = content, modified
            one = f"copy into {dataset}_files from 'file://{path.parent}/' files = ('{path.name}')"
            self.run(COPY.sub(one, statement) + " force = true")
            name = path.relative_to(self.root)
            self.run(f"update {dataset}_files set file_name = '{name}', file_modified = to_timestamp_ntz({modified}, 0) where file_name is null")


def loaded(account, lake, anew=False):
    """Loads, and holds both tables against what the sources say."""
    account.load(anew)
    orders = account.rows("orders")
    assert len({row["order_id"] for row in orders}) == len(orders) == len(account.rows("orders_in_lake"))
    assert {row["order_id"]: row for row in orders} == Expected(lake).orders()
    states = {}
    for rows in lake.customers.values():  # in the order in which they came
        for row in rows:
            typed = {**row, "signup_date": day(row["signup_date"])}
            states[row["customer_id"], row["updated_at"]] = typed
    customers = account.rows("customers")
    assert len({(row["customer_id"], row["updated_at"]) for row in customers}) == len(customers)
    assert {(row["customer_id"], row["updated_at"]): row for row in customers} == states
