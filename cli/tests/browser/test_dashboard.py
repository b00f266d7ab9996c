"""The page of `lakegate report --data` in headless Chromium: the figures are those that DuckDB finds in the files, and a person can read them.

Run by `cargo test -p lakegate --test report_page -- --ignored`, which says where the command and the browser are.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import COMMAND, CONTRAST, MARKS, NARROW, PICTURES, TABLES, WIDE

ROOT = Path(__file__).parents[3]
HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "=HYPERLINK(1)",
    "\u202egpj.exe",
    "متجر الكتب القديمة",
    "👩‍👩‍👧‍👦 Zelt 🏕️",
    "x" * 80,
    "{{7*7}} ${x} `y`",
]
# What is drawn of each section.
DRAWN = {
    "revenue_by_region": "revenue",
    "top_countries": "revenue",
    "top_products": "revenue",
    "membership_tiers": "revenue",
    "age_groups": "revenue",
    "order_values": "orders",
    "repeat_customers": "customers",
}


class Dashboard:
    """Generated files, converted into a lake, the page about it and the same figures as JSON."""

    def __init__(self, home: Path, *, has_customers: bool = True, names: list[str] = (), months: int = 14):
        self.home = home
        span = ["--from", "2024-11", "--months", str(months)]
        self.run("generate", "orders", "--rows", "1500", "--customers", "160", "--out", "orders/", *span)
        with sorted((home / "orders").glob("*.csv"))[-1].open("a", encoding="utf-8") as file:
            for number, name in enumerate(names):
                quoted = '"' + name.replace('"', '""') + '"'
                file.write(f"O-{9_000_000 + number},2025-12-31 12:00:00,C-00001,{quoted},1,{200_000 + number}.05,EMEA,{quoted},\n")
        folders = ["orders"]
        if has_customers:
            self.run("generate", "customers", "--rows", "150", "--exports", "3", "--out", "customers/", *span)
            folders.append("customers")
        for folder in folders:
            for path in sorted((home / folder).iterdir()):
                self.run("convert", path, "--contract", ROOT / f"contracts/{folder}.odcs.yaml", "--out", "lake")
        self.html = home / "page.html"
        self.json = json.loads(self.run("report", "--data", "--lake", "lake", "--out", self.html, "--json"))

    def run(self, *arguments: object) -> str:
        environment = {**os.environ, "LAKEGATE_PYTHON": sys.executable}
        return subprocess.run([COMMAND, *arguments], cwd=self.home, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Dashboard(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return Dashboard(tmp_path_factory.mktemp("hostile"), names=HOSTILE)


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    return Dashboard(tmp_path_factory.mktemp("poor"), has_customers=False, months=1)


@pytest.mark.parametrize("kind", ["shop", "hostile", "poor"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_says_and_fetches_nothing_and_fits_the_screen(visit, request, kind, scheme, width):
    dashboard = request.getfixturevalue(kind)
    page, said = visit(dashboard, width, scheme)
    if PICTURES.name:
        page.screenshot(path=PICTURES / f"dashboard-{kind}-{width}-{scheme}.png", full_page=True)
    assert said == [] and page.title() == "Sales"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figures = page.locator("figure.chart")
    assert figures.count() == page.locator("figure.chart svg").count() == page.locator("figure.chart:visible").count()
    assert figures.count() == (5 if kind == "poor" else 8)
    assert page.locator("p.empty").all_text_contents() == (["There is no table customers yet: no file of it was taken in."] * 2 if kind == "poor" else [])
    assert page.evaluate(CONTRAST)["ratio"] >= 4.5
    # What one looks for first is not broken within a number.
    assert page.evaluate("Array.from(document.querySelectorAll('dd.figure data'), (e) => e.getClientRects().length)") == [1] * 4


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_bars_are_as_long_as_the_figures_are_large_and_in_their_order(visit, shop, width):
    page, _ = visit(shop, width, "light")
    for section, column in DRAWN.items():
        values = [row[column] for row in shop.json["sections"][section]]
        tops = page.evaluate(
            "(id) => Array.from(document.querySelectorAll(`#${id} svg .mark-rect path`), (path) => path.getBoundingClientRect())"
            ".map((box) => [box.top, box.width]).sort((a, b) => a[0] - b[0]).map((pair) => pair[1])",
            section,
        )
        assert len(tops) == len(values) and all(mark["inside"] for mark in page.evaluate(MARKS, section)), section
        scale = max(tops) / max(values)
        assert max(tops) > 100 and tops == pytest.approx([value * scale for value in values], abs=2), section
    months = page.evaluate(MARKS, "monthly_trend")
    revenue = [row["revenue"] for row in shop.json["sections"]["monthly_trend"]]
    assert len(months) == len(revenue) == 14 and all(mark["inside"] for mark in months)
    scale = max(mark["height"] for mark in months) / max(revenue)
    months.sort(key=lambda mark: mark["x"])
    assert [mark["height"] for mark in months] == pytest.approx([value * scale for value in revenue], abs=2)
    ends = [mark["x"] + mark["width"] for mark in months]
    assert all(end < mark["x"] for end, mark in zip(ends, months[1:])), "no month reaches into the next one"


def test_the_tables_have_the_figures_that_duckdb_finds_in_the_dropped_files(visit, shop):
    page, _ = visit(shop, WIDE, "light")
    tables = page.evaluate(TABLES)
    files = f"read_csv('{shop.home}/orders/*.csv', header = true, columns = {{order_id: 'VARCHAR', order_ts: 'TIMESTAMP', customer_id: 'VARCHAR', product: 'VARCHAR', quantity: 'BIGINT', unit_price: 'DECIMAL(18,2)', region: 'VARCHAR', country: 'VARCHAR', note: 'VARCHAR'}})"
    queries = {
        "revenue_by_region": f"SELECT region, sum(quantity * unit_price), round(100 * sum(quantity * unit_price)::DOUBLE / (SELECT sum(quantity * unit_price)::DOUBLE FROM {files}), 1), count(*) FROM {files} GROUP BY 1 ORDER BY 2 DESC, 1",
        "top_products": f"SELECT product, sum(quantity * unit_price), sum(quantity), count(*) FROM {files} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
        "monthly_trend": f"SELECT strftime(date_trunc('month', order_ts), '%Y-%m-%dT00:00:00Z') AS m, sum(quantity * unit_price), NULL, count(*), count(DISTINCT customer_id) FROM {files} GROUP BY 1 ORDER BY 1",
    }
    for section, sql in queries.items():
        expected = [[float(cell) if hasattr(cell, "as_tuple") else cell for cell in row] for row in duckdb.sql(sql).fetchall()]
        found = [row[:2] + [None] + row[3:] if section == "monthly_trend" else row for row in tables[section]]
        assert expected and found == expected, section


def test_names_are_shown_as_they_are_and_are_nothing_else(visit, hostile):
    page, said = visit(hostile, NARROW, "dark")
    assert said == []
    assert page.locator("img, iframe, object, embed, form:not(:empty), input, button").count() == 0
    assert page.locator("script").count() == 4 + page.locator("figure.chart").count()
    for table in ("top_products_table", "top_countries_table"):
        shown = page.locator(f"#{table} th[scope=row]").all_text_contents()
        for name in HOSTILE:
            visible = "".join(f"\\u{{{ord(c):x}}}" if c in "\u202e\u200d" else c for c in name)
            assert visible in shown, (name, shown)
    assert {row["product"] for row in hostile.json["sections"]["top_products"]} >= set(HOSTILE), "programs get them as they are"
