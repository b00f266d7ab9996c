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

FOLDER = Path(os.environ["LAKEGATE_ANSWERS"])
TOLD = json.loads((FOLDER / "told.json").read_text(encoding="utf-8"))
LOOKED_AT = set()


def answer(name: str) -> list[list]:
    """The rows in their order, each with its values in the columns' order."""
    LOOKED_AT.add(name)
    return TOLD["answers"][name]["rows"]


def value(text: str | None) -> object:
    """Numbers as such, so that 5, 5.0 and 5.00 are one; other texts as they are."""
    return Decimal(text) if text is not None and re.fullmatch(r"-?[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?", text) else text


def same(name: str, expected: list) -> None:
    found = [[value(cell) for cell in row] for row in answer(name)]
    wanted = [[value(None if cell is None else str(cell)) for cell in row] for row in expected]
    assert expected and found == wanted


def percent(part: Decimal, whole: Decimal) -> float:
    return round(100 * float(part) / float(whole), 1)


def moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None


class Order:
    def __init__(self, row: list[str]) -> None:
        self.id, at, self.customer, self.product, quantity, price, self.region, self.country, _ = row
        self.at = moment(at)
        self.quantity = int(quantity) if re.fullmatch("-?[0-9]+", quantity) else None
        self.price = Decimal(price) if re.fullmatch("-?[0-9.]+", price) else None
        self.revenue = self.quantity * self.price if self.quantity is not None and self.price is not None else None

    def is_good(self) -> bool:
        texts = {self.id: "O-[0-9]{7,}", self.customer: "C-[0-9]{5,}"}
        is_readable = self.at and self.quantity is not None and self.price is not None
        return bool(
            is_readable
            and 1 <= self.quantity <= 1000
            and self.price >= 0
            and self.region in {"EMEA", "APAC", "NA", "LATAM"}
            and 1 <= len(self.product) <= 80
            # The one bad row that is good to Python's reader has quotes in a field without quotes.
            and not self.product.startswith("Picture frame")
            and all(re.fullmatch(pattern, text) for text, pattern in texts.items())
        )


def good_orders() -> list[Order]:
    found = []
    for path in sorted(FOLDER.glob("orders/**/*.csv")):
        seen = set()
        with path.open(encoding="utf-8", newline="") as file:
            for order in (Order(row) for row in list(csv.reader(file))[1:] if len(row) == 9):
                if order.is_good() and order.id not in seen:
                    seen.add(order.id)
                    found.append(order)
    return found


def customer_rows() -> list[dict]:
    lines = [line for path in sorted(FOLDER.glob("customers/*.ndjson")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines]


ORDERS = good_orders()
CHANGES = sorted(customer_rows(), key=lambda row: (row["customer_id"], row["updated_at"]))
NOW = {row["customer_id"]: row for row in CHANGES}
with (FOLDER / "products/products.csv").open(encoding="utf-8", newline="") as products:
    PRODUCTS = {row["name"]: row for row in csv.DictReader(products)}


def by(key, orders: list[Order] = ORDERS) -> dict:
    groups = defaultdict(list)
    for order in orders:
        groups[key(order)].append(order)
    return dict(groups)


def revenue(orders: list[Order]) -> Decimal:
    return sum((order.revenue for order in orders), Decimal(0))


def cost(order: Order) -> Decimal | None:
    product = PRODUCTS.get(order.product)
    return order.quantity * Decimal(product["unit_cost"]) if product else None


def profit(orders: list[Order]) -> Decimal:
    return sum((order.revenue - cost(order) for order in orders if cost(order) is not None), Decimal(0))


def largest_first(groups: dict) -> list:
    return sorted(groups.items(), key=lambda group: (-revenue(group[1]), group[0]))


def customers(orders: list[Order]) -> int:
    return len({order.customer for order in orders})


def test_the_files_have_what_is_asked_about() -> None:
    assert len(ORDERS) == sum(file["rows_accepted"] for file in TOLD["files"] if file["key"].startswith("orders/"))
    assert len(CHANGES) == sum(file["rows_accepted"] for file in TOLD["files"] if file["key"].startswith("customers/"))
    assert any(cost(order) is None for order in ORDERS)
    assert any(order.customer not in NOW for order in ORDERS)


def test_regions() -> None:
    groups = largest_first(by(lambda order: order.region))
    same("revenue_by_region", [[name, len(each), revenue(each), percent(revenue(each), revenue(ORDERS))] for name, each in groups])


def test_products() -> None:
    groups = largest_first(by(lambda order: order.product))[:10]
    same("top_products", [[name, len(each), sum(order.quantity for order in each), revenue(each)] for name, each in groups])


def test_countries() -> None:
    groups = largest_first(by(lambda order: order.country))[:10]
    same("top_countries", [[name, each[0].region, len(each), customers(each), revenue(each)] for name, each in groups])


def test_months() -> None:
    expected, before = [], None
    for (year, month), each in sorted(by(lambda order: (order.at.year, order.at.month)).items()):
        growth = None if before is None else percent(revenue(each) - before, before)
        before = revenue(each)
        expected.append([year, month, len(each), customers(each), before, growth])
    same("monthly_trend", expected)


@pytest.mark.parametrize("per", ["quarterly", "yearly"])
def test_profit(per: str) -> None:
    def key(order: Order) -> tuple:
        quarter = [(order.at.month + 2) // 3] if per == "quarterly" else []
        return (order.at.year, *quarter, order.region)

    groups = sorted(by(key).items())
    unknown = [sum(cost(order) is None for order in each) for _, each in groups]
    rows = [[*key, len(each), revenue(each), profit(each), without] for (key, each), without in zip(groups, unknown, strict=True)]
    same(f"{per}_profit_by_region", rows)


def test_margins() -> None:
    known = [order for order in ORDERS if cost(order) is not None]
    groups = by(lambda order: PRODUCTS[order.product]["category"], known).items()
    rows = [[name, revenue(each), revenue(each) - profit(each), profit(each), percent(profit(each), revenue(each))] for name, each in groups]
    same("category_margins", sorted(rows, key=lambda row: (-row[3], row[0])))


@pytest.mark.parametrize(("query", "column"), [("membership_tiers", "membership_tier"), ("age_groups", "age_group")])
def test_who_buys(query: str, column: str) -> None:
    rows = []
    for name in sorted({row[column] for row in NOW.values()}):
        members = {number for number, row in NOW.items() if row[column] == name}
        bought = [order for order in ORDERS if order.customer in members]
        rows.append([name, len(members), customers(bought), len(bought), revenue(bought)])
    same(query, rows)


def test_large_orders() -> None:
    large = sorted((order for order in ORDERS if order.revenue >= 1000), key=lambda order: (-order.revenue, order.id))
    assert len(large) > 50
    rows = [[order.id, order.at, order.customer, order.product, order.quantity, order.price, order.revenue] for order in large[:50]]
    same("high_value_orders", rows)


def test_values() -> None:
    steps = [0, 10, 25, 50, 100, 250, 500, 1000, 5000]
    groups = sorted(by(lambda order: max(step for step in steps if step <= order.revenue)).items())
    same("order_values", [[step, len(each), revenue(each)] for step, each in groups])


def test_repeated_orders() -> None:
    numbers = by(lambda order: order.customer)
    groups = sorted(by(lambda order: max(step for step in [1, 2, 5, 10, 20] if step <= len(numbers[order.customer]))).items())
    same("repeat_customers", [[step, customers(each), len(each), revenue(each)] for step, each in groups])


def test_concentration() -> None:
    ranked = largest_first(by(lambda order: order.customer))
    size, more = divmod(len(ranked), 10)
    rows, begin = [], 0
    for tenth in range(10):
        end = begin + size + (tenth < more)
        total = sum(revenue(each) for _, each in ranked[begin:end])
        rows.append([tenth + 1, end - begin, total, percent(total, revenue(ORDERS))])
        begin = end
    same("revenue_concentration", rows)


def test_tiers_change() -> None:
    steps = Counter(
        (before["membership_tier"], after["membership_tier"])
        for before, after in zip(CHANGES, CHANGES[1:])
        if before["customer_id"] == after["customer_id"] and before["membership_tier"] != after["membership_tier"]
    )
    same("tier_changes", [[*tiers, number] for tiers, number in sorted(steps.items())])


def test_unknown_customers() -> None:
    groups = by(lambda order: (order.at.year, order.at.month), [order for order in ORDERS if order.customer not in NOW])
    same("orders_of_unknown_customers", [[*month, len(each), revenue(each)] for month, each in sorted(groups.items())])


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
