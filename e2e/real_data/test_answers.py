"""What came out of files that others wrote, beside what plain Python finds in these files.

e2e/tests/real_data.rs drops them, asks, and says in LAKEGATE_ANSWERS where all of it is."""

import ast
import json
import os
import re
import sys
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from raw import standing
from sources import Sources

sys.path.insert(0, str(Path(__file__).parents[2] / "infra/athena"))
from figures import TIMES_ORDERED, VALUES, Figures, Order, comparable  # noqa: E402

TOLD = json.loads((Path(os.environ["LAKEGATE_ANSWERS"]) / "told.json").read_text(encoding="utf-8"))
SOURCES = Sources(TOLD["dataset"], standing(TOLD["steps"]))
FIGURES = Figures(
    [Order(*(row[column] for column in ["order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country", "revenue"])) for row in SOURCES.orders],
    SOURCES.customers,
    {row["name"]: row for row in SOURCES.products},
)
ABOUT_SALES = sorted(name for name in vars(Figures) if name in TOLD["answers"])
# Of these there is nothing in data in which everybody is known and nobody changes.
MAY_BE_EMPTY = {"orders_of_unknown_customers", "tier_changes"}
DASHBOARD_STEPS = {"order_values": VALUES, "repeat_customers": TIMES_ORDERED}
DASHBOARD_COLUMNS = {
    "monthly_trend": ["month", "orders", "customers", "revenue", "growth"],
    "revenue_by_region": ["region", "orders", "revenue", "share"],
    "top_countries": ["country", "region", "orders", "customers", "revenue"],
    "top_products": ["product", "orders", "pieces", "revenue"],
    "membership_tiers": ["membership_tier", "customers", "buyers", "orders", "revenue"],
    "age_groups": ["age_group", "customers", "buyers", "orders", "revenue"],
    "order_values": ["orders", "revenue"],
    "repeat_customers": ["customers", "orders", "revenue"],
}
REMOVED = {key for step in TOLD["steps"] for key in step["remove"]}


def answer(name: str) -> list:
    return comparable(TOLD["answers"][name])


def in_any_order(rows: list) -> list:
    return sorted(comparable(rows), key=repr)


def test_every_row_of_orders() -> None:
    columns = ["order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "revenue", "region", "country", "note", "year", "month"]
    expected = [[row[column] for column in columns] for row in SOURCES.orders]
    assert expected and in_any_order(TOLD["rows"]) == in_any_order(expected)


@pytest.mark.parametrize("name", ABOUT_SALES)
def test_sales(name: str) -> None:
    expected = comparable(getattr(FIGURES, name)())
    assert answer(name) == expected
    assert expected or name in MAY_BE_EMPTY


@pytest.mark.skipif("rejects" not in TOLD["tables"], reason="nothing was rejected")
def test_rejected_lines_with_their_reasons() -> None:
    expected = [[key, line, raw, *rule.split(" ")] for key, line, raw, rules in SOURCES.rejects for rule in rules]
    found = [[key, line, raw, column or "", rule] for key, line, raw, column, rule in TOLD["answers"]["rejected_lines"]]
    assert in_any_order(found) == in_any_order(expected)


@pytest.mark.skipif("rejects" not in TOLD["tables"], reason="nothing was rejected")
def test_rejects_by_rule_and_by_file() -> None:
    rules = Counter(rule for *_, broken in SOURCES.rejects for rule in broken)
    found = {f"{column or ''} {rule}": int(number) for _, column, rule, number in TOLD["answers"]["rejects_by_rule"]}
    assert found == rules
    lines = defaultdict(list)
    for key, line, *_ in SOURCES.rejects:
        lines[key].append(line)
    files = sorted((["orders", key, len(each), min(each)] for key, each in lines.items()), key=lambda row: (-row[2], row[1]))
    assert answer("rejects_by_file") == comparable(files)


def test_the_ledger_and_the_report() -> None:
    counts = {entry["source"]["key"]: [entry[f"rows_{what}"] for what in ("read", "accepted", "rejected", "duplicate")] for entry in TOLD["ledger"]}
    assert counts == {**SOURCES.counts, **{key: [0, 0, 0, 0] for key in REMOVED}}
    by_dataset = defaultdict(list)
    for key, each in SOURCES.counts.items():
        by_dataset[key.split("/")[0]].append(each)
    states = [[dataset, "committed", len(each), *(sum(column) for column in list(zip(*each, strict=True))[:3])] for dataset, each in by_dataset.items()]
    states += [["orders", "removed", len(REMOVED), 0, 0, 0]] if REMOVED else []
    assert answer("ledger_states") == comparable(sorted(states))
    fresh = {dataset: int(files) for dataset, files, *_ in TOLD["answers"]["freshness"]}
    assert fresh == {dataset: len(each) for dataset, each in by_dataset.items()}
    names = ["committed", "rows_read", "rows_accepted", "rows_rejected", "rows_duplicate"]
    reported = {row["dataset"]: [row[name] for name in names] for row in TOLD["report"]["sections"]["datasets"]}
    assert reported == {dataset: [len(each), *map(sum, zip(*each, strict=True))] for dataset, each in by_dataset.items()}


def test_the_dashboard() -> None:
    sections, problems = dict(TOLD["dashboard"]["sections"]), set(TOLD["dashboard"]["problems"])
    # Without customers there is nothing to say of their tiers and ages, and that is said.
    assert problems == (set() if SOURCES.customers else {"membership_tiers", "age_groups"})
    for name, rows in sections.items():
        expected = [] if name in problems else getattr(FIGURES, name)()
        if name in DASHBOARD_STEPS:
            # A group without orders is shown as such; it is called by a sentence.
            by_step = {step: numbers for step, *numbers in expected}
            expected = [by_step.get(step, [0] * (len(expected[0]) - 1)) for step in DASHBOARD_STEPS[name]]
        elif name == "monthly_trend":
            expected = [[f"{year}-{month:02}-01T00:00:00Z", *numbers] for year, month, *numbers in expected]
        elif name in ("membership_tiers", "age_groups"):
            expected = [["not known" if tier is None else tier, *numbers] for tier, *numbers in expected]
        found = [[row[column] for column in DASHBOARD_COLUMNS[name]] for row in rows]
        assert comparable(found) == comparable(expected), name
    facts, revenue = TOLD["dashboard"]["facts"], sum(order.revenue for order in FIGURES.orders)
    customers = len({order.customer for order in FIGURES.orders})
    assert comparable([[facts["orders"], facts["customers"], facts["revenue"]]]) == comparable([[len(FIGURES.orders), customers, revenue]])
    assert facts["average_order"] == pytest.approx(float(revenue / len(FIGURES.orders)))


@pytest.mark.skipif("by_country" not in TOLD["answers"], reason="only of the sales records")
def test_what_somebody_else_computed_of_the_sales_records() -> None:
    groups = defaultdict(lambda: [Decimal(0)] * 3)
    for row in SOURCES.orders:
        key = (row["world_region"], row["country"], row["year"], (row["month"] + 2) // 3)
        groups[key] = [sum(pair) for pair in zip(groups[key], (row["revenue"], row["total_cost"], row["total_profit"]), strict=True)]
    assert in_any_order(TOLD["answers"]["by_country"]) == in_any_order([[*key, *sums] for key, sums in groups.items()])
    text = (Path(TOLD["data"]) / "seeds/yaswanthi/notebook_outputs.txt").read_text(encoding="utf-8")
    assert f"\n{len(groups)}\n" in text
    theirs = notebook_rows(text)
    assert len(theirs) > 50
    for region, country, *when, revenue, cost, profit in theirs:
        matching = [sums for key, sums in groups.items() if is_it(key[0], region) and is_it(key[1], country) and list(key[2:]) == when]
        assert len(matching) == 1, (region, country, when)
        # Theirs are sums of floats.
        assert [float(value) for value in matching[0]] == pytest.approx([revenue, cost, profit], rel=1e-12)


def is_it(name: str, shown: str) -> bool:
    """Long names are shown cut."""
    return name.startswith(shown.removesuffix("...")) if shown.endswith("...") else name == shown


def notebook_rows(text: str) -> list[list]:
    """Rows by region, country, year and quarter: tables' rows and printed objects."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("{"):
            rows.append(list(ast.literal_eval(line).values()))
        elif len(cells) == 7 and re.fullmatch("[0-9]{4}", cells[2]):
            rows.append([*cells[:2], int(cells[2]), int(cells[3]), *map(float, cells[4:])])
    return rows


def test_every_answer_is_looked_at() -> None:
    others = {"ledger_states", "freshness"} | {name for name in TOLD["answers"] if name in ("rejected_lines", "rejects_by_rule", "rejects_by_file", "by_country")}
    assert set(TOLD["answers"]) == {*ABOUT_SALES, *others}
    assert len(ABOUT_SALES) == {"online_retail": 8, "sales_records": 11, "shop": 15}[TOLD["dataset"]]
    assert bool(SOURCES.rejects) == ("rejects" in TOLD["tables"])
