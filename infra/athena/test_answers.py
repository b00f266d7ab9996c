"""What the saved queries answered over generated files, beside the same figures computed from these files in plain Python.

e2e/tests/saved_queries.rs drops the files, runs the queries, and says in LAKEGATE_ANSWERS where files and answers are.
"""

import csv
import json
import os
import re
from collections import Counter, defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from figures import Figures, Order, comparable

FOLDER = Path(os.environ["LAKEGATE_ANSWERS"])
TOLD = json.loads((FOLDER / "told.json").read_text(encoding="utf-8"))
LOOKED_AT = set()


def answer(name: str) -> list[list]:
    """The rows in their order, each with its values in the columns' order."""
    LOOKED_AT.add(name)
    return TOLD["answers"][name]["rows"]


def same(name: str, expected: list) -> None:
    assert expected and comparable(answer(name)) == comparable(expected)


def moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None


def good_order(row: list[str]) -> Order | None:
    number, at, customer, product, quantity, price, region, country, _ = row
    texts = [(number, "O-[0-9]{7,}"), (customer, "C-[0-9]{5,}"), (quantity, "-?[0-9]+"), (price, "[0-9.]+")]
    is_good = (
        moment(at)
        and all(re.fullmatch(pattern, text) for text, pattern in texts)
        and 1 <= int(quantity) <= 1000
        and region in {"EMEA", "APAC", "NA", "LATAM"}
        and 1 <= len(product) <= 80
        # The one bad row that is good to Python's reader has quotes in a field without quotes.
        and not product.startswith("Picture frame")
    )
    if not is_good:
        return None
    revenue = int(quantity) * Decimal(price)
    return Order(number, moment(at), customer, product, int(quantity), Decimal(price), region, country, revenue)


def good_orders() -> list[Order]:
    found = []
    for path in sorted(FOLDER.glob("orders/**/*.csv")):
        seen = set()
        with path.open(encoding="utf-8", newline="") as file:
            for order in (good_order(row) for row in list(csv.reader(file))[1:] if len(row) == 9):
                if order and order.id not in seen:
                    seen.add(order.id)
                    found.append(order)
    return found


def customer_rows() -> list[dict]:
    lines = [line for path in sorted(FOLDER.glob("customers/*.ndjson")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def product_rows() -> dict[str, dict]:
    with (FOLDER / "products/products.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: {**row, "unit_cost": Decimal(row["unit_cost"])} for row in csv.DictReader(file)}


FIGURES = Figures(good_orders(), customer_rows(), product_rows())
ABOUT_SALES = sorted(name for name in vars(Figures) if name in TOLD["answers"])


def test_the_files_have_what_is_asked_about() -> None:
    assert len(FIGURES.orders) == sum(file["rows_accepted"] for file in TOLD["files"] if file["key"].startswith("orders/"))
    assert len(FIGURES.changes) == sum(file["rows_accepted"] for file in TOLD["files"] if file["key"].startswith("customers/"))
    assert any(FIGURES.cost(order) is None for order in FIGURES.orders)
    assert any(order.customer not in FIGURES.customers for order in FIGURES.orders)
    assert sum(order.revenue >= 1000 for order in FIGURES.orders) > 50


@pytest.mark.parametrize("name", ABOUT_SALES)
def test_sales(name: str) -> None:
    same(name, getattr(FIGURES, name)())


def test_rejects() -> None:
    rules, rows = Counter(), []
    for file in TOLD["files"]:
        dataset = file["key"].split("/")[0]
        for column, broken in file["violations"].items():
            rules.update({(dataset, column, rule): number for rule, number in broken.items()})
        if file["rows_rejected"]:
            rows.append([dataset, file["key"], file["rows_rejected"]])
    found = Counter({(dataset, column or "", rule): int(number) for dataset, column, rule, number in answer("rejects_by_rule")})
    assert len(rules) == 14 and found == rules
    numbers = [int(row[3]) for row in answer("rejects_by_rule")]
    assert numbers == sorted(numbers, reverse=True)
    by_file = answer("rejects_by_file")
    assert [[dataset, key, int(number)] for dataset, key, number, _ in by_file] == sorted(rows, key=lambda row: (-row[2], row[1]))
    assert all(int(line) > 1 for *_, line in by_file)


def test_ledger() -> None:
    files = defaultdict(list)
    for file in TOLD["files"]:
        files[file["key"].split("/")[0]].append(file)
    rows = []
    for dataset, each in sorted(files.items()):
        rows.append([dataset, "committed", len(each), *(sum(file[name] for file in each) for name in ("rows_read", "rows_accepted", "rows_rejected"))])
    same("ledger_states", rows)
    fresh = answer("freshness")
    assert sorted((dataset, int(number)) for dataset, number, *_ in fresh) == sorted((dataset, len(each)) for dataset, each in files.items())
    times = [datetime.fromisoformat(at) for _, _, at, _ in fresh]
    assert times == sorted(times)
    assert all(abs((datetime.now(timezone.utc).replace(tzinfo=None) - at).total_seconds()) < 900 for at in times)
    assert all(0 <= int(hours) <= 1 for *_, hours in fresh)


def test_every_query_is_looked_at() -> None:
    """Last of all."""
    assert LOOKED_AT == set(TOLD["answers"]) == {file.stem for file in Path(__file__).parent.glob("*.sql")}
