"""snowflake/*.sql, run by fakesnow on files of a lake: Snowflake's SQL translated for DuckDB, and no Snowflake. What that leaves out stands
in account.py."""

import re

import duckdb
import pytest
import snowflake.connector

from account import account_of, loaded, statements
from rows import line, state


@pytest.fixture
def account(lake):
    with account_of(lake) as account:
        yield account


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
    lake.remove("orders", "january")
    lake.remove("customers", "2")
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
