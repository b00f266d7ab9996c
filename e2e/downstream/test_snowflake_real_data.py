"""snowflake/*.sql over files that others wrote: every row of the tables is what plain Python finds in these files."""

import pytest

from account import account_of, loaded
from real import RealLake, needs_data


@needs_data
@pytest.mark.parametrize("dataset", ["online_retail", "sales_records", "shop"])
def test_the_tables_are_what_the_files_say(tmp_path, dataset):
    lake = RealLake(tmp_path, dataset)
    with account_of(lake) as account:
        for _ in lake.steps:
            lake.step()
            loaded(account, lake)
            loaded(account, lake)
