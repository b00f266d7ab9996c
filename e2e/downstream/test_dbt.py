"""`dbt build` over lakes of the test's own, several times, with what happens to sources in between."""

import csv
import json
import os
import random
import subprocess
from datetime import datetime, timedelta

from expected import Expected
from marts import UNKNOWN, built
from rows import line, state

REGIONS = ["EMEA", "APAC", "NA", "LATAM"]
COUNTRIES = ["Germany", "Côte d'Ivoire", None]
PRODUCTS = ["Mug", 'Poster 24"', "Café crème, 250 g", "Ångström's lamp"]
TIERS = ["basic", "silver", "gold", "platinum"]
AGES = ["18-24", "25-34", "35-44", "45-54", "55-64", "65+"]


def everything(lake):
    tables = ["stg_orders", "stg_customers", "customers_snapshot", "dim_customers", "fct_orders", "enriched_sales", "sales_summary"]
    return {name: sorted(map(repr, lake.table(name))) for name in tables}


def tiers(lake):
    return {int(row["order_id"][2:]): row["membership_tier"] for row in lake.table("enriched_sales")}


def test_late_changed_and_corrected_rows_come_to_what_the_sources_say(lake):
    expected = Expected(lake)
    lake.put_customers("2025-01-01", [state(1, "2025-01-01T00:00:00", "basic"), state(2, "2025-01-01T00:00:00", "gold")])
    january = [
        line(1, "2025-01-10 09:00:00"),
        line(2, "2025-01-20 09:00:00", quantity=3, price="0.35"),
        line(3, "2025-01-20 09:00:00", customer="C-00002", note="quoted, \"twice\"\nand broken"),
        line(4, "2024-12-31 23:59:59"),  # before anything is known of the customer
        line(5, "2025-01-21 09:00:00", customer="C-00099"),  # whom nobody knows
    ]
    february = [line(10, "2025-02-01 00:00:00"), line(11, "2025-02-02 00:00:00", note="as a gift"), line(12, "2025-02-03 00:00:00")]
    lake.put_orders("2025-01", january)
    lake.put_orders("2025-02", february)
    built(lake, expected, [UNKNOWN])
    assert tiers(lake) == {1: "basic", 2: "basic", 3: "gold", 4: None, 5: None, 10: "basic", 11: "basic", 12: "basic"}

    # Nothing happened: a second run changes nothing at all.
    before = everything(lake)
    built(lake, expected, [UNKNOWN])
    assert everything(lake) == before

    # A tier changes, the past stays; a late order of January; February is uploaded again, corrected: another quantity, no note, one
    # line less, one more.
    lake.put_customers("2025-02-15", [state(1, "2025-01-20T09:00:00", "silver")])
    lake.put_orders("2025-01-late", [line(6, "2025-01-19 23:59:59"), line(7, "2025-01-20 09:00:00")])
    lake.put_orders("2025-02", [{**february[0], "quantity": 5}, {**february[1], "note": None}, line(13, "2025-03-01 00:00:00")])
    built(lake, expected, [UNKNOWN])
    assert tiers(lake) == {1: "basic", 2: "silver", 3: "gold", 4: None, 5: None, 6: "basic", 7: "silver", 10: "silver", 11: "silver", 13: "silver"}

    # Two changes between two runs, one that comes late, and a customer who is known at last, from before the order on.
    lake.put_customers("2025-03-01", [state(2, "2025-02-20T00:00:00", "basic"), state(99, "2025-01-02T00:00:00", "platinum")])
    lake.put_customers("2025-03-02", [state(2, "2025-02-21T00:00:00", "platinum", active=False)])
    lake.put_customers("late", [state(1, "2024-12-01T00:00:00", "gold"), state(2, "2025-01-19T00:00:00", "silver")])
    built(lake, expected)
    assert tiers(lake) | {3: "silver", 4: "gold", 5: "platinum"} == tiers(lake)
    before = everything(lake)
    built(lake, expected)
    assert everything(lake) == before


def test_an_export_that_is_always_uploaded_under_one_name_leaves_a_history(lake):
    expected = Expected(lake)
    lake.put_orders("2025", [line(month, f"2025-{month:02}-15 12:00:00") for month in range(1, 13)])
    for month, tier in [(1, "basic"), (4, "silver"), (8, "gold")]:
        lake.put_customers("latest", [state(1, f"2025-{month:02}-01T00:00:00.123456", tier)])
        built(lake, expected)
    assert [tiers(lake)[month] for month in range(1, 13)] == ["basic"] * 3 + ["silver"] * 4 + ["gold"] * 5
    # A correction that keeps the change's time is taken as the lake has it.
    lake.put_customers("latest", [state(1, "2025-08-01T00:00:00.123456", "platinum")])
    built(lake, expected)
    assert tiers(lake)[12] == "platinum"


def test_lines_that_stand_in_two_files_count_once_and_contradictions_stop_the_build(lake):
    expected = Expected(lake)
    lake.put_customers("1", [state(1, "2024-01-01T00:00:00", "basic")])
    lake.put_orders("week", [line(1, "2025-01-01 00:00:00"), line(2, "2025-01-02 00:00:00")])
    lake.put_orders("month", [line(2, "2025-01-02 00:00:00"), line(3, "2025-01-03 00:00:00")])
    built(lake, expected)
    before = {name: rows for name, rows in everything(lake).items() if name != "stg_orders"}

    lake.put_orders("again", [line(2, "2025-01-02 00:00:00", quantity=2)])
    told = lake.build(succeeds=False)
    assert told["unique_stg_orders_order_id"] == "fail"
    assert {name: told[name] for name in ["fct_orders", "enriched_sales", "sales_summary"]} == dict.fromkeys(
        ["fct_orders", "enriched_sales", "sales_summary"], "skipped"
    )
    assert {name: rows for name, rows in everything(lake).items() if name != "stg_orders"} == before

    lake.put_orders("again", [])
    built(lake, expected)


def test_two_states_of_a_customer_at_one_time_are_told_and_one_is_taken_always_the_same(lake):
    lake.put_orders("2025", [line(1, "2025-02-01 00:00:00")])
    lake.put_customers("a", [state(1, "2025-01-01T00:00:00", "silver")])
    lake.put_customers("b", [state(1, "2025-01-01T00:00:00", "gold")])
    for _ in range(2):
        assert lake.build() == {"customers_have_one_state_per_change": "warn"}
        assert tiers(lake) == {1: "gold"}
    lake.put_customers("b", [])
    assert lake.build() == {}
    assert tiers(lake) == {1: "silver"}


def test_whatever_happens_to_files_the_marts_follow(lake):
    chance = random.Random(int(os.environ.get("LAKEGATE_DBT_SEED", "1")))
    expected = Expected(lake)
    numbers, start = iter(range(1, 100_000)), datetime(2024, 11, 1)

    def some_line(_):
        time = (start + timedelta(minutes=chance.randrange(400_000))).strftime("%Y-%m-%d %H:%M:%S")
        price = f"{chance.randrange(100_000) / 100:.2f}"
        row = line(next(numbers), time, f"C-{min(chance.randrange(1, 31), chance.randrange(1, 31)):05}", chance.randrange(1, 9), price)
        row |= {"product": chance.choice(PRODUCTS), "region": chance.choice(REGIONS), "country": chance.choice(COUNTRIES)}
        return {**row, "note": chance.choice([None, "naïve; \"so\"", "two\nlines"])}

    def some_states(count):
        customers = chance.sample(range(1, 28), count)
        # To the microsecond, so that no two states have one time.
        moments = [start + timedelta(seconds=chance.randrange(2_000_000) * 10, microseconds=next(numbers)) for _ in customers]
        return [
            state(customer, moment.isoformat(), chance.choice(TIERS), age_group=chance.choice(AGES), active=chance.random() < 0.8)
            for customer, moment in zip(customers, moments, strict=True)
        ]

    lake.put_customers("0", some_states(20))
    for step in range(3):
        for file in range(3):
            rows = [some_line(None) for _ in range(60)]
            bad = [line(next(numbers), "2025-01-01 00:00:00", quantity=0)]
            lake.put_orders(f"{step}-{file}", rows, bad)
        name = chance.choice(sorted(lake.orders))
        kept = [row for row in lake.orders[name] if chance.random() < 0.8]
        changed = [{**row, "quantity": row["quantity"] + 1} if chance.random() < 0.3 else row for row in kept]
        lake.put_orders(name, changed + [some_line(None)])
        lake.put_customers(chance.choice([f"{step}", "always"]), some_states(8))
        built(lake, expected, [UNKNOWN])


def test_every_column_is_described_and_none_that_is_not_there(lake):
    lake.put_orders("2025", [line(1, "2025-02-01 00:00:00")])
    lake.put_customers("1", [state(1, "2025-01-01T00:00:00", "silver")])
    lake.build()
    output = lake.dbt("docs", "generate")
    assert output.returncode == 0, output.stdout
    catalog = json.loads((lake.folder / "target/catalog.json").read_text())["nodes"]
    nodes = json.loads((lake.folder / "target/manifest.json").read_text())["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    assert len(models) == 6
    for name, node in models.items():
        described = {column for column, facts in node["columns"].items() if facts["description"]}
        assert node["description"] and described == set(catalog[name]["columns"]), name


def test_a_generated_year_that_comes_in_two_halves(lake):
    expected, raw = Expected(lake), lake.folder / "generated"
    for dataset, options in [("customers", ["--rows", "300", "--exports", "4"]), ("orders", ["--rows", "3000", "--customers", "300"])]:
        command = [os.environ["LAKEGATE_COMMAND"], "generate", dataset, *options, "--out", f"{raw / dataset}/"]
        subprocess.run(command, check=True, capture_output=True)
    orders, customers = sorted((raw / "orders").iterdir()), sorted((raw / "customers").iterdir())
    for months, exports in [(orders[:6], customers[:2]), (orders[6:], customers[2:])]:
        for path in exports:
            rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
            lake.put_customers(path.stem, [{**row, "updated_at": datetime.strptime(row["updated_at"], "%Y-%m-%dT%H:%M:%SZ")} for row in rows])
        for path in months:
            with path.open(newline="", encoding="utf-8") as file:
                lake.put_orders(path.stem, [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)])
        built(lake, expected, [UNKNOWN])
    versions = [len(of_customer) for of_customer in expected.versions().values()]
    assert len(orders) == 12 and max(versions) > 1, "nobody changed"
