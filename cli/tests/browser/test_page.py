"""The page of `lakegate report` in headless Chromium: the figures are those that DuckDB finds in the ledger, and a person can read them.

Run by `cargo test -p lakegate --test report_page -- --ignored`, which says where the command and the browser are.
"""

import json
import subprocess
from datetime import datetime, timedelta, timezone

import duckdb
import ledger as ledgers
import pytest
from conftest import COMMAND, CONTRAST, MARKS, NARROW, PICTURES, TABLES, WIDE, opened


class Report:
    """A ledger, the page about it and the same figures as JSON."""

    def __init__(self, ledger: ledgers.Ledger, *options: str):
        self.lake = ledger.write()
        self.html = self.lake / "report.html"
        told = subprocess.run(
            [COMMAND, "report", "--lake", self.lake, "--out", self.html, "--json", *options], capture_output=True, text=True, check=True
        )
        self.json = json.loads(told.stdout)
        self.now = self.json["at"]


@pytest.fixture(scope="session")
def busy(tmp_path_factory):
    now = datetime.now(timezone.utc)
    # Older than a week: not to be seen.
    ledger = ledgers.busy(tmp_path_factory.mktemp("busy"), 3000, 6.9, now)
    for number in range(20):
        ledger.add(f"orders/old {number}.csv", "orders", now - timedelta(days=8), "committed")
    return Report(ledger)


@pytest.fixture(scope="session")
def busy_page(browser, busy):
    return opened(browser, busy, WIDE, "light")


def duck(report: Report):
    """The ledger's documents of the last week as a table, with what the page counts."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"""
        CREATE TABLE entries AS
        SELECT * EXCLUDE (rows_accepted, rows_rejected, rows_duplicate) RENAME (rows_read AS n), rows_accepted AS n_accepted, rows_rejected AS n_rejected,
               rows_duplicate AS n_duplicate, state IN ('committed', 'rejected') AS judged, coalesce(dataset, '(none)') AS name, source.key AS key,
               source.size_bytes AS bytes, epoch(date_trunc('second', "at")) - epoch(date_trunc('second', source.last_modified)) AS waited
        FROM read_json('{report.lake}/ledger/**/*.json', columns = {{
            state: 'VARCHAR', dataset: 'VARCHAR', "at": 'TIMESTAMPTZ', rows_read: 'UBIGINT', rows_accepted: 'UBIGINT', rows_rejected: 'UBIGINT',
            rows_duplicate: 'UBIGINT', violations: 'MAP(VARCHAR, MAP(VARCHAR, UBIGINT))', elapsed_ms: 'UBIGINT', attempts: 'UINTEGER',
            run_id: 'VARCHAR', source: 'STRUCT("key" VARCHAR, last_modified TIMESTAMPTZ, size_bytes UBIGINT)'}})
        WHERE "at" >= TIMESTAMPTZ '{report.now}' - INTERVAL 7 DAY;
        CREATE TABLE broken AS
        SELECT name, "at", if(c.key = '', 'the record', c.key) AS "column", r.key AS rule, r.value AS rows
        FROM entries, unnest(map_entries(violations)) AS _(c), unnest(map_entries(c.value)) AS __(r) WHERE judged;
        CREATE MACRO utc(t) AS strftime(t, '%Y-%m-%dT%H:%M:%SZ');
        CREATE MACRO part(waits, q) AS list_sort(waits)[ceil(len(waits) * q)::INT];
        """
    )
    return connection


ROWS = """
    coalesce(sum(n) FILTER (judged), 0) AS rows_read, coalesce(sum(n_accepted) FILTER (state = 'committed'), 0) AS rows_accepted,
    coalesce(sum(n_rejected) FILTER (judged), 0) AS rows_rejected, coalesce(sum(n_accepted) FILTER (state = 'rejected'), 0) AS rows_held,
    coalesce(sum(n_duplicate) FILTER (judged), 0) AS rows_duplicate, if(rows_read = 0, NULL, rows_rejected / rows_read) AS rejected_share
"""
SLICE = "time_bucket(INTERVAL 6 HOUR, \"at\")"
FILE = """
    key, name AS dataset, elapsed_ms / 1000 AS work_secs, waited AS waited_secs, bytes, n AS rows_read, attempts,
    CASE state WHEN 'heavy' THEN 'to Glue' WHEN 'working' THEN 'no worker' ELSE state END AS state
"""
COST = """
    (0.4 + if(state = 'heavy', 0, bytes / 60e6)) * attempts * 1769 / 1024 * 0.0000133334
"""
QUERIES = {
    "files": f"""
        SELECT utc({SLICE}) AS "from", count(*) AS files, count(*) FILTER (state = 'committed') AS committed,
               count(*) FILTER (state = 'rejected') AS rejected, count(*) FILTER (state = 'failed') AS failed,
               count(*) FILTER (state = 'heavy') AS heavy, count(*) FILTER (state = 'working') AS in_work,
               count(*) FILTER (state = 'removed') AS removed, sum(bytes) AS bytes
        FROM entries GROUP BY {SLICE} ORDER BY {SLICE}""",
    "rows": f"""SELECT utc({SLICE}) AS "from", {ROWS} FROM entries GROUP BY {SLICE} HAVING sum(n) FILTER (judged) > 0 ORDER BY {SLICE}""",
    "datasets": f"""
        SELECT name AS dataset, count(*) AS files, count(*) FILTER (state = 'committed') AS committed,
               count(*) FILTER (state = 'rejected') AS rejected, count(*) FILTER (state = 'failed') AS failed, sum(bytes) AS bytes,
               any_value(r.rows_read) AS rows_read, any_value(r.rows_accepted) AS rows_accepted,
               any_value(r.rows_rejected) AS rows_rejected, any_value(r.rows_held) AS rows_held,
               any_value(r.rows_duplicate) AS rows_duplicate, any_value(r.rejected_share) AS rejected_share
        FROM entries JOIN (SELECT name, {ROWS} FROM entries GROUP BY name) r USING (name) GROUP BY name ORDER BY rows_read DESC, dataset""",
    "rejects": """
        SELECT name AS dataset, "column", rule, sum(rows) AS rows,
               sum(rows) / (SELECT sum(n) FROM entries WHERE judged AND entries.name = broken.name) AS share,
               count(*) AS files, utc(max("at")) AS latest_at
        FROM broken GROUP BY name, "column", rule ORDER BY rows DESC, 1, 2, 3 LIMIT 20""",
    "rejects_over_time": f"""
        WITH top AS (SELECT name, "column", rule, row_number() OVER (ORDER BY sum(rows) DESC, name, "column", rule) AS place
                     FROM broken GROUP BY name, "column", rule QUALIFY place <= 5)
        SELECT utc({SLICE}) AS "from", coalesce(any_value(top.name), 'all others') AS dataset, coalesce(any_value(top.column), '') AS "column",
               coalesce(any_value(top.rule), '') AS rule, sum(rows) AS rows
        FROM broken LEFT JOIN top USING (name, "column", rule)
        GROUP BY {SLICE}, top.place ORDER BY {SLICE}, top.place NULLS LAST""",
    "freshness": """
        SELECT name AS dataset, utc(max(source.last_modified)) AS latest_at,
               epoch(date_trunc('second', TIMESTAMPTZ '{now}')) - epoch(date_trunc('second', max(source.last_modified))) AS age_secs,
               part(list(waited), 0.5) AS median_secs, part(list(waited), 0.95) AS p95_secs, max(waited) AS slowest_secs
        FROM entries WHERE state = 'committed' GROUP BY name ORDER BY latest_at, name""",
    "slowest": f"""
        SELECT {FILE} FROM entries WHERE state IN ('committed', 'rejected', 'failed') AND elapsed_ms > 0
        ORDER BY elapsed_ms DESC, key LIMIT 15""",
    "largest": f"SELECT {FILE} FROM entries WHERE bytes > 0 ORDER BY bytes DESC, key LIMIT 15",
    "cost": f"""
        WITH runs AS (SELECT run_id, sum(bytes) AS run_bytes FROM entries WHERE run_id IS NOT NULL GROUP BY run_id)
        SELECT name AS dataset, count(*) AS files, sum(bytes) AS bytes, sum({COST}) AS lambda_dollars,
               coalesce(sum(greatest(run_bytes / 1e9 * 0.00038, 0.0147) * bytes / run_bytes), 0) AS glue_dollars,
               count(*) * 0.0000256 AS request_dollars, lambda_dollars + glue_dollars + request_dollars AS dollars
        FROM entries LEFT JOIN runs USING (run_id) GROUP BY name ORDER BY dollars DESC""",
    "attention": """
        SELECT key, CASE state WHEN 'working' THEN 'no worker' ELSE state END AS state, name AS dataset, utc(date_trunc('minute', "at")) AS "at"
        FROM entries WHERE state IN ('rejected', 'failed', 'working') ORDER BY entries."at" DESC LIMIT 20""",
}


def same(found, expected) -> bool:
    if isinstance(expected, (int, float)) and not isinstance(expected, bool) and found is not None:
        return float(found) == pytest.approx(float(expected), rel=1e-9, abs=1e-12)
    return found == expected


@pytest.mark.parametrize("section", QUERIES)
def test_the_tables_have_the_figures_that_duckdb_finds(busy, busy_page, section):
    answer = duck(busy).execute(QUERIES[section].replace("{now}", busy.now))
    names = [column[0] for column in answer.description]
    expected = [[float(value) if hasattr(value, "as_tuple") else value for value in row] for row in answer.fetchall()]
    rows = busy_page[0].evaluate(TABLES)[section]
    as_json = busy.json["sections"][section]
    assert len(rows) == len(expected) == len(as_json) > 0
    for row, fields, wanted in zip(rows, as_json, expected):
        if section == "attention":
            # Why is told in words.
            assert row.pop() == fields.pop("why") != ""
            row[3], fields["at"] = row[3][:17] + "00Z", fields["at"][:17] + "00Z"
        assert set(fields) == set(names)
        for name, shown, value in zip(names, row, wanted):
            assert same(shown, value), (name, row, wanted)
            assert same(fields[name], value), (name, fields, wanted)


def test_the_first_figures_are_those_of_the_ledger(busy, busy_page):
    [(files, attention, accepted, rejected, median)] = duck(busy).execute(
        """SELECT count(*), count(*) FILTER (state IN ('rejected', 'failed', 'working')), sum(n_accepted) FILTER (state = 'committed'),
                  sum(n_rejected) FILTER (judged), part(list(waited) FILTER (state = 'committed'), 0.5) FROM entries"""
    ).fetchall()
    shown = busy_page[0].evaluate(
        "Object.fromEntries(Array.from(document.querySelectorAll('.facts > div'), (e) => [e.id.slice(5), Number(e.querySelector('data').value)]))"
    )
    expected = {"files": files, "attention": attention, "rows_accepted": accepted, "rows_rejected": rejected, "median_secs": median}
    expected["cost"] = sum(row["dollars"] for row in busy.json["sections"]["cost"])
    assert shown.keys() == expected.keys() == busy.json["facts"].keys()
    for name, value in expected.items():
        assert same(shown[name], value) and same(busy.json["facts"][name], value), name
    assert files < len(list(busy.lake.glob("ledger/**/*.json"))), "what is older does not count"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_bars_are_as_long_as_the_figures_are_large(visit, busy, width):
    page, said = visit(busy, width, "light")
    assert said == []
    sections = busy.json["sections"]
    for section, names in {"rejects": ["rows"], "largest": ["bytes"], "slowest": ["work_secs"], "freshness": ["age_secs"]}.items():
        marks = page.evaluate(MARKS, section)
        values = [row[name] for row in sections[section] for name in names]
        assert len(marks) == len(values) and all(mark["inside"] for mark in marks)
        scale = marks[0]["width"] / values[0]
        assert marks[0]["width"] > 100
        for mark, value in zip(marks, values):
            assert mark["width"] == pytest.approx(value * scale, abs=2), section
    over_time = {
        "files": ["files"],
        "rows": ["rows_accepted", "rows_rejected", "rows_held", "rows_duplicate"],
        "rejects_over_time": ["rows"],
    }
    for section, names in over_time.items():
        marks = page.evaluate(MARKS, section)
        assert marks and all(mark["inside"] for mark in marks), section
        stacks: dict[int, float] = {}
        for mark in marks:
            stacks[round(mark["x"])] = stacks.get(round(mark["x"]), 0) + mark["height"]
        totals: dict[str, float] = {}
        for row in sections[section]:
            totals[row["from"]] = totals.get(row["from"], 0) + sum(row[name] for name in names)
        assert len(stacks) == len(totals)
        largest = max(totals.values())
        scale = max(stacks.values()) / largest
        for (_, height), (_, total) in zip(sorted(stacks.items()), sorted(totals.items())):
            assert height == pytest.approx(total * scale, abs=2), section


@pytest.mark.parametrize("kind", ["busy", "hostile", "empty", "one"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_says_and_fetches_nothing_and_fits_the_screen(visit, busy, tmp_path, kind, scheme, width):
    now = datetime.now(timezone.utc)
    make = {"hostile": lambda: ledgers.hostile(tmp_path, now), "empty": lambda: ledgers.Ledger(tmp_path, 1)}
    make["one"] = lambda: ledgers.busy(tmp_path, 1, 0.001, now, seed=5)
    report = busy if kind == "busy" else Report(make[kind]())
    page, said = visit(report, width, scheme)
    if PICTURES.name:
        page.screenshot(path=PICTURES / f"{kind}-{width}-{scheme}.png", full_page=True)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figures = page.locator("figure.chart")
    assert figures.count() == page.locator("figure.chart svg").count() == page.locator("figure.chart:visible").count()
    assert (figures.count() == 0) == (kind == "empty")
    assert page.title() == "Lakegate report"
    assert report.html.stat().st_size < 1_200_000


def test_names_are_shown_as_they_are_and_are_nothing_else(visit, tmp_path):
    report = Report(ledgers.hostile(tmp_path, datetime.now(timezone.utc)))
    page, said = visit(report, WIDE, "light")
    assert said == [] and page.title() == "Lakegate report"
    # Vega has a form for controls, of which there are none.
    assert page.locator("img, iframe, object, embed, form:not(:empty), input, button").count() == 0
    assert page.locator("script").count() == 4 + page.locator("figure.chart").count()
    shown = set(page.locator("#largest_table th[scope=row]").all_text_contents())
    for key in ledgers.HOSTILE_KEYS:
        visible = "".join(f"\\u{{{ord(c):x}}}" if c < " " or c == "\u202e" else c for c in key)
        assert any(" ".join(text.split()) == " ".join(visible.split()) for text in shown), key
    rules = page.evaluate(TABLES)["rejects"]
    assert {(column, rule) for _, column, rule, *_ in rules} == set(ledgers.HOSTILE_RULES)
    # Programs get the names as they are.
    assert {row["key"] for row in report.json["sections"]["largest"]} >= set(ledgers.HOSTILE_KEYS)


def test_without_scripts_the_tables_are_the_page(visit, busy):
    page, said = visit(busy, NARROW, "light", java_script_enabled=False)
    assert said == []
    assert page.locator("figure.chart:visible").count() == 0
    assert page.locator("table").count() == page.locator("table:visible").count() == len(QUERIES)
    assert page.locator("section").count() == len(QUERIES)


def test_on_paper_every_table_is_open_and_dark_on_white(visit, busy):
    page, _ = visit(busy, WIDE, "dark")
    assert page.locator("details[open]").count() == 0 < page.locator("details").count()
    assert len(page.pdf()) > 10_000
    assert page.locator("details[open]").count() == page.locator("details").count()
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_from_its_ground(visit, busy, scheme):
    page, _ = visit(busy, WIDE, scheme)
    worst = page.evaluate(CONTRAST)
    # WCAG 2, level AA.
    assert worst["ratio"] >= 4.5, worst


def test_who_cannot_see_a_chart_is_told_of_its_table(busy_page):
    page, _ = busy_page
    assert page.locator("html[lang=en] h1").count() == 1
    for section in page.locator("section").all():
        assert section.get_attribute("aria-labelledby") == section.locator("h2").get_attribute("id")
        for chart in section.locator("figure.chart > [role=img]").all():
            assert chart.get_attribute("aria-label").startswith("Chart. ") and "table below" in chart.get_attribute("aria-label")
        assert section.locator("table caption").count() == 1
        assert section.locator("thead th:not([scope=col])").count() == 0
        assert section.locator("tbody tr > :first-child:not(th[scope=row])").count() == 0


def test_a_page_of_twenty_thousand_files_is_no_larger(visit, tmp_path):
    report = Report(ledgers.busy(tmp_path, 20_000, 300, datetime.now(timezone.utc)), "--since", "365d")
    assert report.json["facts"]["files"] == 20_000
    page, said = visit(report, NARROW, "light")
    assert said == []
    assert report.html.stat().st_size < 1_200_000
