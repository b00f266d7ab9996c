"""The marts that dbt built, held against what they must be."""

import pytest

# What dbt warns of where orders have customers that nobody knows.
UNKNOWN = "relationships_fct_orders_customer_id__customer_id__ref_dim_customers_"


def built(lake, expected, may_warn=()):
    """Builds, and holds every mart against what it must be."""
    told = lake.build()
    assert set(told) <= set(may_warn) and set(told.values()) <= {"warn"}, told
    expected.run()
    matches(lake, expected)


def matches(lake, expected):
    assert by(lake.table("fct_orders"), "order_id") == expected.orders()
    versions = [version for versions in expected.versions().values() for version in versions]
    assert by(lake.table("dim_customers"), "customer_id", "valid_from") == by(versions, "customer_id", "valid_from")
    remembered = by(lake.table("customers_snapshot"), "customer_id", "updated_at")
    assert set(remembered) == set(expected.remembered)
    assert all(row["dbt_valid_from"] == row["updated_at"] for row in remembered.values())
    assert by(lake.table("enriched_sales"), "order_id") == expected.enriched()
    summary = {}
    for row in lake.table("sales_summary"):
        key = tuple(row.pop(column) for column in ["region", "product", "year", "month"])
        assert key not in summary, key
        summary[key] = {**row, "average_revenue": pytest.approx(row["average_revenue"], rel=1e-12)}
    assert expected.summary() == summary


def by(rows, *columns):
    """Rows by their key, of which there must be one each."""
    keyed = {tuple(row[column] for column in columns) if len(columns) > 1 else row[columns[0]]: row for row in rows}
    assert len(keyed) == len(rows)
    return keyed
