"""`dbt build` over files that others wrote: every row of every mart is what plain Python finds in these files."""

import pytest

from expected import Expected
from marts import UNKNOWN, built
from real import RealLake, needs_data


@needs_data
@pytest.mark.parametrize(("dataset", "warned"), [("online_retail", [UNKNOWN]), ("sales_records", [UNKNOWN]), ("shop", [])])
def test_the_marts_are_what_the_files_say(tmp_path, dataset, warned):
    lake = RealLake(tmp_path, dataset)
    expected = Expected(lake)
    for _ in lake.steps:
        lake.step()
        built(lake, expected, warned)
    known = [row["customer_is_known"] for row in lake.table("enriched_sales")]
    assert all(known) if dataset == "shop" else not any(known)
