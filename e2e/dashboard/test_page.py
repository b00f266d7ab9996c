"""The dashboard's page and figures, beside the same computed from the dropped files in plain Python.

e2e/tests/dashboard.rs drops the files, has the page written, and says in LAKEGATE_DASHBOARD where all of it is.
"""

import csv
import json
import os
from collections import defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

FOLDER = Path(os.environ["LAKEGATE_DASHBOARD"])
# Of each section the names that programs find its columns by.
COLUMNS = {
    "monthly_trend": ["month", "revenue", "growth", "orders", "customers"],
    "revenue_by_region": ["region", "revenue", "share", "orders"],
    "top_countries": ["country", "revenue", "orders", "customers", "region"],
    "top_products": ["product", "revenue", "pieces", "orders"],
    "membership_tiers": ["membership_tier", "revenue", "orders", "customers", "buyers"],
    "age_groups": ["age_group", "revenue", "orders", "customers", "buyers"],
    "order_values": ["value_from", "orders", "revenue"],
    "repeat_customers": ["orders_from", "customers", "orders", "revenue"],
}


class Page(HTMLParser):
    """The tables of the page by their sections: of each cell what is shown, and the value behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[tuple[str, str | None]]]] = {}
        self.facts: dict[str, tuple[str, str | None]] = {}
        self.section, self.fact, self.cell, self.value = "", None, None, None

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = dict(attrs)
        if tag == "section":
            self.section = attributes["id"]
            self.tables[self.section] = []
        if tag == "div" and attributes.get("id", "").startswith("fact_"):
            self.fact = attributes["id"].removeprefix("fact_")
        if tag == "tr" and self.section:
            self.tables[self.section].append([])
        if (tag in ("td", "th") and attributes.get("scope") != "col") or (tag == "dd" and "figure" in attributes["class"]):
            self.cell, self.value = "", None
        if tag in ("data", "time") and self.cell is not None:
            self.value = attributes.get("value") or attributes.get("datetime")

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag: str) -> None:
        if self.cell is None or tag not in ("td", "th", "dd"):
            return
        if tag == "dd":
            self.facts[self.fact] = (self.cell, self.value)
        else:
            self.tables[self.section][-1].append((self.cell, self.value))
        self.cell = None


PAGE = Page()
PAGE.feed((FOLDER / "sales.html").read_text(encoding="utf-8"))
FIGURES, OF_STACK, OF_FOLDER = (
    json.loads((FOLDER / name).read_text(encoding="utf-8"), parse_float=Decimal)
    for name in ("sales.json", "of_stack.json", "of_folder.json")
)


def orders() -> list[dict]:
    found = []
    for path in sorted((FOLDER / "orders").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found.extend(csv.DictReader(file))
    for row in found:
        row["revenue"] = int(row["quantity"]) * Decimal(row["unit_price"])
    return found


def customers() -> dict[str, dict]:
    """As they are now."""
    now: dict[str, dict] = {}
    for path in (FOLDER / "customers").glob("*.ndjson"):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["updated_at"] >= now.get(row["customer_id"], row)["updated_at"]:
                now[row["customer_id"]] = row
    return now


ORDERS, CUSTOMERS = orders(), customers()


def by(key) -> dict:
    groups = defaultdict(list)
    for order in ORDERS:
        groups[key(order)].append(order)
    return dict(groups)


def total(group: list[dict]) -> Decimal:
    return sum((order["revenue"] for order in group), Decimal(0))


def buyers(group: list[dict]) -> int:
    return len({order["customer_id"] for order in group})


def best(groups: dict) -> list:
    return sorted(groups.items(), key=lambda group: (-total(group[1]), group[0]))


def percent(part: Decimal, whole: Decimal) -> float:
    return round(100 * float(part) / float(whole), 1)


def months() -> list[list]:
    rows, before = [], None
    for month, group in sorted(by(lambda order: order["order_ts"][:7]).items()):
        growth = None if before is None else percent(total(group) - before, before)
        before = total(group)
        rows.append([f"{month}-01T00:00:00Z", before, growth, len(group), buyers(group)])
    return rows


def who(column: str, order: list[str]) -> list[list]:
    rows = []
    for name in order:
        members = {number for number, row in CUSTOMERS.items() if row[column] == name}
        bought = [order for order in ORDERS if order["customer_id"] in members]
        rows.append([name, total(bought), len(bought), len(members), buyers(bought)])
    return rows


def steps(starts: list[int], names: list[str], of) -> list[list]:
    groups = by(lambda order: max(start for start in starts if start <= of(order)))
    return [[name, groups.get(start, [])] for start, name in zip(starts, names, strict=True)]


def expected(section: str) -> list[list]:
    if section == "monthly_trend":
        return months()
    if section == "revenue_by_region":
        return [[name, total(group), percent(total(group), total(ORDERS)), len(group)] for name, group in best(by(lambda order: order["region"]))]
    if section == "top_countries":
        groups = best(by(lambda order: order["country"]))[:10]
        return [[name, total(group), len(group), buyers(group), group[0]["region"]] for name, group in groups]
    if section == "top_products":
        groups = best(by(lambda order: order["product"]))[:10]
        return [[name, total(group), sum(int(order["quantity"]) for order in group), len(group)] for name, group in groups]
    if section == "membership_tiers":
        return who("membership_tier", ["basic", "silver", "gold", "platinum"])
    if section == "age_groups":
        return who("age_group", ["18-24", "25-34", "35-44", "45-54", "55-64", "65+"])
    if section == "order_values":
        names = ["under €10", "€10 to €25", "€25 to €50", "€50 to €100", "€100 to €250", "€250 to €500", "€500 to €1,000", "€1,000 to €5,000", "€5,000 and more"]
        groups = steps([0, 10, 25, 50, 100, 250, 500, 1000, 5000], names, lambda order: order["revenue"])
        return [[name, len(group), total(group)] for name, group in groups]
    assert section == "repeat_customers"
    often = {number: len(group) for number, group in by(lambda order: order["customer_id"]).items()}
    names = ["1 order", "2 to 4 orders", "5 to 9 orders", "10 to 19 orders", "20 orders and more"]
    groups = steps([1, 2, 5, 10, 20], names, lambda order: often[order["customer_id"]])
    return [[name, buyers(group), len(group), total(group)] for name, group in groups]


def value(cell: object) -> object:
    """Numbers as such, whatever they are written as."""
    try:
        return None if cell is None else Decimal(str(cell))
    except ArithmeticError:
        return cell


@pytest.mark.parametrize("section", COLUMNS)
def test_a_table_has_the_figures_of_the_files(section: str) -> None:
    wanted = [[value(cell) for cell in row] for row in expected(section)]
    rows = [row for row in PAGE.tables[section] if row]
    # A name has no value behind it; what is absent is a dash.
    shown = [[value(text if behind is None and text != "–" else behind or None) for text, behind in row] for row in rows]
    assert wanted and shown == wanted
    fields = FIGURES["sections"][section]
    assert all(set(row) == set(COLUMNS[section]) for row in fields)
    assert [[value(row[name]) for name in COLUMNS[section]] for row in fields] == wanted


@pytest.mark.parametrize("section", COLUMNS)
def test_amounts_are_written_with_cents_and_months_by_their_names(section: str) -> None:
    for row, wanted in zip([row for row in PAGE.tables[section] if row], expected(section), strict=True):
        for (text, _), cell in zip(row, wanted, strict=True):
            if isinstance(cell, Decimal):
                assert text == f"€{cell:,.2f}"
            elif isinstance(cell, float):
                assert text == f"{cell:,.1f} %".replace("-", "−")
            elif isinstance(cell, int):
                assert text == f"{cell:,}"
            elif section == "monthly_trend" and cell:
                assert text == datetime.fromisoformat(cell.replace("Z", "+00:00")).strftime("%b %Y")


def test_the_first_figures_are_those_of_all_files() -> None:
    assert set(PAGE.facts) == {"revenue", "orders", "average_order", "customers", "period"}
    assert PAGE.facts["revenue"] == (f"€{total(ORDERS):,.0f}", str(float(total(ORDERS))).removesuffix(".0"))
    assert PAGE.facts["orders"][0] == f"{len(ORDERS):,}"
    assert PAGE.facts["average_order"][0] == f"€{total(ORDERS) / len(ORDERS):,.2f}"
    assert PAGE.facts["customers"][0] == f"{buyers(ORDERS):,}"
    assert PAGE.facts["period"][0] == "2024-11 – 2025-01"


def test_stack_and_folder_have_the_figures_of_the_page() -> None:
    for told in (OF_STACK, OF_FOLDER):
        assert (told["facts"], told["sections"], told["problems"]) == (FIGURES["facts"], FIGURES["sections"], {})
    assert OF_STACK["database"] == "lakegate" and OF_FOLDER["lake"].endswith("it's a [lake]")
    assert abs((datetime.now(timezone.utc) - datetime.fromisoformat(FIGURES["at"].replace("Z", "+00:00"))).total_seconds()) < 900


def test_there_is_something_to_be_wrong_about() -> None:
    assert len(ORDERS) > 1000 and any(order["customer_id"] not in CUSTOMERS for order in ORDERS)
    assert any(row["updated_at"] > "2024-12" for row in CUSTOMERS.values())
    assert set(PAGE.tables) == set(COLUMNS)
