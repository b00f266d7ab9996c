"""The engine and DuckDB over the same random rows: how texts are read as values, and the SQL of docs/contracts.md.

An accepted row has DuckDB's value, null where DuckDB has null. A row that the engine rejects (an overflow, a division by zero, a cast that
fails) has no value in DuckDB either. Where DuckDB's SQL means something else, its expression here says the same in its words.
"""

import math
import random
import re
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

import duckdb
import pytest

from engine import contract_of, convert, csv_of
from readers import plain

RANDOM = random.Random(7)

#: Column: its property in the contract, and DuckDB's type.
COLUMNS = {
    "id": ({"logicalType": "integer"}, "BIGINT"),
    "i": ({"logicalType": "integer"}, "BIGINT"),
    "n": ({"logicalType": "integer", "physicalType": "INTEGER"}, "INTEGER"),
    "p": ({"logicalType": "number", "physicalType": "DECIMAL(12,2)"}, "DECIMAL(12,2)"),
    "q": ({"logicalType": "number", "physicalType": "DECIMAL(20,6)"}, "DECIMAL(20,6)"),
    "d": ({"logicalType": "number"}, "DOUBLE"),
    "t": ({"logicalType": "string"}, "VARCHAR"),
    "u": ({"logicalType": "string"}, "VARCHAR"),
    "x": ({"logicalType": "string"}, "VARCHAR"),
    "b": ({"logicalType": "boolean"}, "BOOLEAN"),
    "c": ({"logicalType": "boolean"}, "BOOLEAN"),
    "day": ({"logicalType": "date"}, "DATE"),
    "stamp": ({"logicalType": "timestamp"}, "TIMESTAMP"),
}
RESULTS = {
    "BIGINT": {"logicalType": "integer"},
    "INTEGER": {"logicalType": "integer", "physicalType": "INTEGER"},
    "SMALLINT": {"logicalType": "integer", "physicalType": "SMALLINT"},
    "DOUBLE": {"logicalType": "number", "physicalType": "DOUBLE"},
    "VARCHAR": {"logicalType": "string"},
    "BOOLEAN": {"logicalType": "boolean"},
    "DATE": {"logicalType": "date"},
    "TIMESTAMP": {"logicalType": "timestamp"},
}


def random_row(row: int) -> list:
    def maybe(make):
        return None if RANDOM.random() < 0.12 else make()

    word = lambda: "".join(RANDOM.choice("abcXYZ é€𝄞%_\t.") for _ in range(RANDOM.randrange(8)))
    numeric = lambda: RANDOM.choice(
        [
            "0",
            "-0",
            "+5",
            "007",
            "1.5",
            "-2.50",
            "1e3",
            " 5",
            "5 ",
            "9223372036854775807",
            "9223372036854775808",
            "x",
            "",
            "1,5",
            "--1",
            ".5",
            "5.",
            "true",
            "no",
            "T",
            "2024-02-29",
            "2023-02-29",
            "99999",
        ]
    )
    day = lambda: date(1, 1, 1) + timedelta(days=RANDOM.choice([0, 738_000, 3_652_058, RANDOM.randrange(3_652_059), 738_886, 737_425]))
    at = lambda: datetime.combine(day(), datetime.min.time()) + timedelta(microseconds=RANDOM.choice([0, RANDOM.randrange(86_400_000_000)]))
    return [
        row,
        maybe(lambda: RANDOM.choice([0, 1, -1, 7, 2**63 - 1, -(2**63), RANDOM.randint(-(2**63), 2**63 - 1), RANDOM.randint(-100, 100)])),
        maybe(lambda: RANDOM.choice([0, 1, -1, 3, -7, 2**31 - 1, -(2**31), RANDOM.randint(-50, 50)])),
        maybe(
            lambda: Decimal(
                RANDOM.choice([0, 5, -5, 50, 150, 250, -250, 10**12 - 1, -(10**12) + 1, RANDOM.randint(-100_000, 100_000)])
            ).scaleb(-2)
        ),
        maybe(
            lambda: Decimal(
                RANDOM.choice([0, 1, -1, 500_000, 1_500_000, -2_500_000, 5_000, -5_000, 10**20 - 1, RANDOM.randint(-(10**9), 10**9)])
            ).scaleb(-6)
        ),
        maybe(lambda: RANDOM.choice([0.0, -0.0, 0.5, 1.5, 2.5, -2.5, 0.1, 1e300, -1e300, 1e-300, 123.455, RANDOM.uniform(-1000, 1000)])),
        maybe(word),
        maybe(word),
        maybe(numeric),
        maybe(lambda: RANDOM.choice(["true", "false"])),
        maybe(lambda: RANDOM.choice(["true", "false"])),
        maybe(lambda: f"{day().isoformat()}"),
        maybe(lambda: at().isoformat(timespec="microseconds")),
    ]


ROWS = [random_row(row) for row in range(500)]


def written(value):
    return f"{value:f}" if isinstance(value, Decimal) else repr(value) if isinstance(value, float) else value


INPUT = csv_of(list(COLUMNS), [[written(value) for value in row] for row in ROWS])


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """DuckDB with the same file as a table."""
    path = tmp_path_factory.mktemp("input") / "input.csv"
    path.write_bytes(INPUT)
    types = "{" + ", ".join(f"'{name}': '{kind}'" for name, (_, kind) in COLUMNS.items()) + "}"
    connection = duckdb.connect()
    connection.execute(
        f"CREATE TABLE input AS SELECT * FROM read_csv('{path}', header = true, columns = {types}, auto_detect = false, "
        "quote = '\"', escape = '\"', allow_quoted_nulls = false)"
    )
    return connection


def same(a, b) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    return a == b


def test_both_read_the_same_rows(connection, tmp_path):
    done = convert(tmp_path, contract_of([{"name": name} | column for name, (column, _) in COLUMNS.items()]), INPUT)
    assert done.report["rows_accepted"] == len(ROWS)
    ours = plain(duckdb.execute(f"SELECT * FROM '{done.files[0]}' ORDER BY id").fetchall())
    theirs = plain(connection.execute("SELECT * FROM input ORDER BY id").fetchall())
    for a, b in zip(ours, theirs, strict=True):
        assert all(map(same, a, b)), (a, b)


def to_scale(value: Decimal, scale: int) -> Decimal:
    """Rounded half away from zero."""
    with localcontext(prec=400):
        return value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def quotient(scale: int):
    """DuckDB divides decimals as doubles, so that Python's decimals are the judge of exact quotients."""

    def divide(a, b):
        with localcontext(prec=80):
            return to_scale(Decimal(a) / Decimal(b), scale) if b != 0 else None

    return divide


def fits(value: Decimal, precision: int, scale: int) -> Decimal | None:
    return value if abs(value.scaleb(scale)) < 10**precision else None


def substring(start: int):
    """As Trino has it: characters from 1, from the end where negative, nothing from 0."""
    return lambda text: "" if start == 0 or -start > len(text) else text[start - 1 :] if start > 0 else text[start:]


BLANKS = "' ' || chr(9)"

#: The contract's expression, the column's type, and what says the same where DuckDB does not: another expression, or a function of columns.
EXPRESSIONS = [
    ("i + n", "BIGINT", None),
    ("i - n", "BIGINT", None),
    ("i * n", "BIGINT", None),
    ("n * n - n", "BIGINT", "CAST(n AS BIGINT) * n - n"),
    ("n + n", "INTEGER", None),
    ("-n", "BIGINT", "-CAST(n AS BIGINT)"),
    ("-i", "BIGINT", None),
    ("i / n", "BIGINT", "i // n"),
    # -2^63 % -1 is 0; DuckDB overflows.
    ("i % n", "BIGINT", "CAST(i AS HUGEINT) % n"),
    ("mod(n, 7)", "INTEGER", "n % 7"),
    ("p + q", "DECIMAL(24,6)", None),
    ("p - n", "DECIMAL(20,2)", None),
    ("p * q", "DECIMAL(38,8)", None),
    # DuckDB multiplies in 18 digits as long as a factor has no more.
    ("p * n", "DECIMAL(25,2)", "CAST(p AS DECIMAL(25,2)) * n"),
    # Digits beyond the column's scale are rounded half away from zero.
    ("q", "DECIMAL(20,2)", "round(q, 2)"),
    ("p * q", "DECIMAL(38,3)", "round(p * q, 3)"),
    ("p * 0.5", "DECIMAL(14,0)", "round(p * 0.5, 0)"),
    ("p / n", "DECIMAL(16,2)", (quotient(2), "p", "n")),
    ("CAST(p AS DECIMAL(18,6)) / n", "DECIMAL(18,6)", (quotient(6), "p", "n")),
    ("n / p", "DECIMAL(20,2)", (quotient(2), "n", "p")),
    ("q / p", "DECIMAL(30,6)", (quotient(6), "q", "p")),
    ("p % n", "DECIMAL(12,2)", None),
    ("q % p", "DECIMAL(20,6)", None),
    ("d + n", "DOUBLE", None),
    ("d * d", "DOUBLE", None),
    ("d / n", "DOUBLE", None),
    ("d - p", "DOUBLE", None),
    ("d * 1e3", "DOUBLE", None),
    ("-d", "DOUBLE", None),
    ("abs(i)", "BIGINT", None),
    ("abs(p)", "DECIMAL(12,2)", None),
    ("abs(d)", "DOUBLE", None),
    ("sign(p)", "INTEGER", None),
    ("sign(i)", "INTEGER", None),
    ("floor(p)", "BIGINT", None),
    ("ceil(q)", "BIGINT", None),
    ("ceiling(p)", "BIGINT", "ceil(p)"),
    ("floor(d)", "DOUBLE", None),
    ("ceil(d)", "DOUBLE", None),
    ("round(p)", "BIGINT", "round(p, 0)"),
    ("round(q, 2)", "DECIMAL(20,2)", None),
    ("round(d)", "DOUBLE", None),
    # No negative zero comes out, as in Athena of -0.0.
    ("round(d, 2)", "DOUBLE", "round(d, 2) + 0.0"),
    ("round(q, 5)", "DECIMAL(20,6)", None),
    ("greatest(n, p)", "DECIMAL(14,2)", "CASE WHEN n IS NULL OR p IS NULL THEN NULL ELSE greatest(n, p) END"),
    ("least(i, n, q)", "DECIMAL(26,6)", "CASE WHEN i IS NULL OR n IS NULL OR q IS NULL THEN NULL ELSE least(i, n, q) END"),
    ("nullif(n, 0)", "INTEGER", None),
    ("nullif(p, n)", "DECIMAL(12,2)", None),
    ("coalesce(n, i, 0)", "BIGINT", None),
    ("coalesce(p, q)", "DECIMAL(20,6)", None),
    ("n = p", "BOOLEAN", None),
    ("i < q", "BOOLEAN", None),
    ("p <> q", "BOOLEAN", None),
    ("d < p", "BOOLEAN", None),
    ("d >= n", "BOOLEAN", None),
    ("t < u", "BOOLEAN", None),
    ("t = u OR t > 'b'", "BOOLEAN", None),
    ("b AND c", "BOOLEAN", None),
    ("b OR c", "BOOLEAN", None),
    ("NOT b OR n > 5", "BOOLEAN", None),
    ("b = c", "BOOLEAN", None),
    ("n BETWEEN p AND 10", "BOOLEAN", None),
    ("n NOT BETWEEN -5 AND 5", "BOOLEAN", None),
    ("n IN (0, 1, p)", "BOOLEAN", None),
    ("n NOT IN (0, 1, i)", "BOOLEAN", None),
    ("p IS NULL", "BOOLEAN", None),
    ("t IS NOT NULL AND u IS NULL", "BOOLEAN", None),
    ("t || u", "VARCHAR", None),
    ("t || '-' || CAST(n AS VARCHAR)", "VARCHAR", None),
    # DuckDB's concat leaves nulls out, Athena's is null.
    ("concat(t, '/', u)", "VARCHAR", "t || '/' || u"),
    ("lower(t)", "VARCHAR", None),
    ("upper(t)", "VARCHAR", None),
    # DuckDB trims spaces only, Athena any white space.
    ("trim(t)", "VARCHAR", f"trim(t, {BLANKS})"),
    ("ltrim(t)", "VARCHAR", f"ltrim(t, {BLANKS})"),
    ("rtrim(t)", "VARCHAR", f"rtrim(t, {BLANKS})"),
    ("length(t)", "INTEGER", "CASE WHEN t IS NOT NULL THEN len(regexp_extract_all(t, '(?s).')) END"),
    ("substr(t, 2)", "VARCHAR", "array_to_string(regexp_extract_all(t, '(?s).')[2:], '')"),
    ("substring(t, 2, 3)", "VARCHAR", "array_to_string(regexp_extract_all(t, '(?s).')[2:4], '')"),
    ("substr(t, -3)", "VARCHAR", (substring(-3), "t")),
    ("substr(t, 0)", "VARCHAR", (substring(0), "t")),
    ("replace(t, 'a', 'éé')", "VARCHAR", None),
    ("starts_with(t, 'a')", "BOOLEAN", None),
    ("t LIKE 'a%'", "BOOLEAN", None),
    ("t LIKE '_b%'", "BOOLEAN", None),
    ("t LIKE '%!%%' ESCAPE '!'", "BOOLEAN", None),
    ("t NOT LIKE '%.%'", "BOOLEAN", None),
    ("regexp_like(t, '[a-c]{2}')", "BOOLEAN", "regexp_matches(t, '[a-c]{2}')"),
    ("regexp_like(t, '^.é')", "BOOLEAN", "regexp_matches(t, '^.é')"),
    ("CASE WHEN n > 0 THEN 'plus' WHEN n < 0 THEN 'minus' ELSE t END", "VARCHAR", None),
    ("CASE n WHEN 0 THEN p WHEN 1 THEN q END", "DECIMAL(20,6)", None),
    ("CASE WHEN n <> 0 THEN i / n END", "BIGINT", "CASE WHEN n <> 0 THEN i // n END"),
    ("CASE WHEN b THEN NULL ELSE day END", "DATE", None),
    # What no digits are is no number: DuckDB takes spaces and 1e3, and rounds 1.5.
    ("CAST(x AS BIGINT)", "BIGINT", r"CASE WHEN x IS NULL THEN NULL WHEN regexp_full_match(x, '[+-]?[0-9]+') THEN CAST(x AS BIGINT) END"),
    ("CAST(x AS SMALLINT)", "SMALLINT", r"CASE WHEN regexp_full_match(x, '[+-]?[0-9]+') THEN CAST(x AS SMALLINT) END"),
    (
        "CAST(x AS DECIMAL(10,1))",
        "DECIMAL(10,1)",
        r"CASE WHEN regexp_full_match(x, '[+-]?([0-9]+([.][0-9]?0*)?|[.][0-9])') THEN CAST(x AS DECIMAL(10,1)) END",
    ),
    ("CAST(x AS DOUBLE)", "DOUBLE", r"CASE WHEN NOT regexp_matches(x, '\s') THEN CAST(x AS DOUBLE) END"),
    ("CAST(x AS DATE)", "DATE", None),
    ("CAST(p AS BIGINT)", "BIGINT", None),
    ("CAST(q AS INTEGER)", "INTEGER", None),
    ("CAST(q AS DECIMAL(12,2))", "DECIMAL(12,2)", None),
    ("CAST(i AS INTEGER)", "INTEGER", None),
    ("CAST(i AS DOUBLE)", "DOUBLE", None),
    ("CAST(p AS DOUBLE)", "DOUBLE", None),
    ("CAST(q AS DOUBLE)", "DOUBLE", None),
    ("CAST(n AS VARCHAR)", "VARCHAR", None),
    ("CAST(p AS VARCHAR)", "VARCHAR", None),
    ("CAST(b AS VARCHAR)", "VARCHAR", None),
    ("CAST(day AS VARCHAR)", "VARCHAR", "strftime(day, '%Y-%m-%d')"),
    ("CAST(d AS BIGINT)", "BIGINT", "CAST(round(d) AS BIGINT)"),
    # By the shortest decimal text of the double, which is what a reader sees.
    ("CAST(d AS DECIMAL(12,2))", "DECIMAL(12,2)", (lambda d: fits(to_scale(Decimal(repr(d)), 2), 12, 2), "d")),
    ("CAST(x AS BOOLEAN)", "BOOLEAN", None),
    # A date alone is no timestamp, as in a column.
    ("CAST(x AS TIMESTAMP)", "TIMESTAMP", "CASE WHEN length(x) > 10 THEN CAST(x AS TIMESTAMP) END"),
    ("CAST(day AS TIMESTAMP)", "TIMESTAMP", None),
    ("CAST(stamp AS DATE)", "DATE", None),
    ("date(stamp)", "DATE", "CAST(stamp AS DATE)"),
    ("year(day)", "INTEGER", None),
    ("quarter(stamp)", "INTEGER", None),
    ("month(stamp)", "INTEGER", None),
    ("week(day)", "INTEGER", None),
    ("day(day)", "INTEGER", None),
    ("day_of_week(day)", "INTEGER", "isodow(day)"),
    ("day_of_year(stamp)", "INTEGER", "dayofyear(stamp)"),
    ("hour(stamp)", "INTEGER", None),
    ("minute(stamp)", "INTEGER", None),
    ("second(stamp)", "INTEGER", None),
    ("EXTRACT(YEAR FROM stamp)", "INTEGER", None),
    *[
        (f"date_trunc('{unit}', stamp)", "TIMESTAMP", None)
        for unit in ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
    ],
    *[(f"date_trunc('{unit}', day)", "DATE", None) for unit in ("day", "week", "month", "quarter", "year")],
    ("day < stamp", "BOOLEAN", None),
    ("day = DATE '2024-02-29'", "BOOLEAN", None),
    ("stamp >= TIMESTAMP '2020-01-01 00:00:00'", "BOOLEAN", None),
    ("day BETWEEN DATE '1900-01-01' AND DATE '2100-01-01'", "BOOLEAN", None),
    ("greatest(day, DATE '2000-01-01')", "DATE", "CASE WHEN day IS NOT NULL THEN greatest(day, DATE '2000-01-01') END"),
]


def expected_values(connection, ours: str, kind: str, theirs) -> dict:
    """By id, the value by DuckDB, or by a function where one is given; None also where there is none."""
    if isinstance(theirs, tuple):
        function, *names = theirs
        rows = connection.execute(f"SELECT id, {', '.join(names)} FROM input").fetchall()
        return {row: None if None in values else function(*values) for row, *values in rows}
    # A result that does not fit the column is none; one that is not finite neither.
    found = connection.execute(f"SELECT id, TRY(CAST(({theirs or ours}) AS {kind})) FROM input").fetchall()
    return {row: None if isinstance(value, float) and not math.isfinite(value) else plain(value) for row, value in found}


@pytest.mark.parametrize(("ours", "kind", "theirs"), EXPRESSIONS, ids=[f"{ours} as {kind}" for ours, kind, _ in EXPRESSIONS])
def test_expressions_mean_what_duckdb_finds(connection, tmp_path, ours, kind, theirs):
    result = RESULTS.get(kind) or {"logicalType": "number", "physicalType": kind}
    columns = [{"name": name} | column for name, (column, _) in COLUMNS.items()]
    contract = contract_of([*columns, {"name": "result", "transformLogic": ours} | result])
    done = convert(tmp_path, contract, INPUT)
    assert done.report["rows_read"] == len(ROWS)
    found = {}
    for file in done.files:
        found |= {row: plain(value) for row, value in duckdb.execute(f"SELECT id, result FROM '{file}'").fetchall()}
    rejected = {row - 1: violations for row, violations in done.rejects().items()}
    assert all(violations == [("result", "transformLogic")] for violations in rejected.values())
    expected = expected_values(connection, ours, kind, theirs)
    wrong = [(ROWS[row], value, expected[row]) for row, value in found.items() if not same(value, expected[row])]
    assert not wrong, f"{len(wrong)} values, the first: {wrong[0]}"
    overdone = [(ROWS[row], expected[row]) for row in rejected if expected[row] is not None]
    assert not overdone, f"{len(overdone)} rows rejected that have a value, the first: {overdone[0]}"
    assert len(found) >= 50, "enough rows have a value"


#: What texts of a type are made of, so that most are nearly one.
ALPHABETS = {
    "SMALLINT": ("0123456789", "+-", " ._e,"),
    "BIGINT": ("0123456789", "+-", " ._e,"),
    "DECIMAL(9,2)": ("0123456789", "+-.", " _e,"),
    "DECIMAL(38,10)": ("0123456789", "+-.", " _e,"),
    "DOUBLE": ("0123456789", "+-.eE", " _,naif"),
    "BOOLEAN": ("tfTFyn01", "rueals", " o"),
}


def random_text(kind: str) -> str:
    if kind in ("DATE", "TIMESTAMP"):
        year, month, of_month = (
            RANDOM.choice([1, 1999, 2024, 2023, 9999]),
            RANDOM.choice([0, 1, 2, 2, 4, 12, 13]),
            RANDOM.choice([0, 1, 28, 29, 30, 31, 32]),
        )
        text = f"{year:04}-{month:02}-{of_month:02}"
        if kind == "TIMESTAMP":
            time = f"{RANDOM.choice([0, 9, 23, 24]):02}:{RANDOM.choice([0, 59, 60]):02}:{RANDOM.choice([0, 59, 60]):02}"
            text += RANDOM.choice("T  ") + time + RANDOM.choice(["", "", ".1", ".123456", "Z", "+02:00", "-11:30"])
        if RANDOM.random() < 0.2:
            at = RANDOM.randrange(len(text))
            text = text[:at] + RANDOM.choice("0/ x-:") + text[at + 1 :]
        return text
    digits, signs, noise = ALPHABETS[kind]
    if kind == "BOOLEAN":
        return RANDOM.choice(["true", "TRUE", "False", "t", "F", "yes", "No", "y", "n", "1", "0", "2", "on", "tru", "wahr", " true"])
    text = "".join(RANDOM.choice(digits) for _ in range(RANDOM.choice([1, 2, 5, 7, 10, 18, 19, 20, 28, 30])))
    for _ in range(RANDOM.choice([0, 0, 1, 1, 2])):
        at = RANDOM.choice([0, 0, RANDOM.randint(0, len(text))])
        text = text[:at] + RANDOM.choice(signs if RANDOM.random() < 0.8 else noise) + text[at:]
    return text


#: Per type, what DuckDB reads and the engine does not: texts that match are no value here, as docs/contracts.md says.
STRICTER = {
    "SMALLINT": r"\s|_|e|[.]",  # spaces, 1_000, 1e3, and 1.5 rounded
    "BIGINT": r"\s|_|e|[.]",
    "DECIMAL(9,2)": r"\s|_|e|[.]\d\d\d*[1-9]",  # also digits beyond the scale, which DuckDB rounds
    "DECIMAL(38,10)": r"\s|_|e|[.]\d{10}\d*[1-9]",
    "DOUBLE": r"\s|_|n|i|\+-",  # also NaN, infinity and +-5, which is -5 there
    "BOOLEAN": r"\s",
    "DATE": r"\s|/|^-|^0000|^.{10}.|^\d{1,3}-|-\d\D?$|-\d-",  # also years before 1, and months and days of one digit
    "TIMESTAMP": r"/|^-|^0000|\s.*\s|-\d-|-\d[T ]|[+-]\d\d$|24:00:00",  # also offsets of hours only
}


@pytest.mark.parametrize("kind", STRICTER)
def test_texts_are_values_where_duckdb_finds_one(tmp_path, kind):
    texts = sorted({random_text(kind) for _ in range(6000)})
    column = RESULTS.get(kind) or {"logicalType": "number", "physicalType": kind}
    contract = contract_of([{"name": "id", "logicalType": "integer"}, {"name": "value"} | column])
    done = convert(tmp_path, contract, csv_of(["id", "value"], [[row, text] for row, text in enumerate(texts)]))
    found = {row: plain(value) for file in done.files for row, value in duckdb.execute(f"SELECT id, value FROM '{file}'").fetchall()}
    rejected = {row - 1 for row in done.rejects()}
    assert found.keys() | rejected == set(range(len(texts)))
    # A timestamp with an offset is the moment in UTC.
    duckdb.execute("SET TimeZone = 'UTC'")
    cast = "CAST(TRY_CAST(? AS TIMESTAMPTZ) AS TIMESTAMP)" if kind == "TIMESTAMP" else f"TRY_CAST(? AS {kind})"
    accepted, quarrels = 0, []
    for row, text in enumerate(texts):
        [theirs] = duckdb.execute(f"SELECT {cast}", [text]).fetchone()
        if row in found:
            accepted += 1
            if not same(found[row], plain(theirs)):
                quarrels.append((text, found[row], theirs))
        elif theirs is not None and not (kind == "DOUBLE" and math.isinf(theirs)) and not re.search(STRICTER[kind], text):
            quarrels.append((text, "rejected", theirs))
    assert not quarrels, f"{len(quarrels)} of {len(texts)}: {quarrels[:12]}"
    assert accepted >= 10 and rejected
