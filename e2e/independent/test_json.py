"""Random JSON, as Python's own reader has it: texts with every kind of escape, numbers in every notation, exactly."""

import json
import random
from decimal import Decimal, localcontext

import pytest

from engine import contract_of, convert
from readers import by_duckdb

RANDOM = random.Random(11)
COLUMNS = [
    {"name": "id", "logicalType": "integer"},
    {"name": "t", "logicalType": "string"},
    {"name": "i", "logicalType": "integer"},
    {"name": "p", "logicalType": "number", "physicalType": "DECIMAL(38,6)"},
    {"name": "d", "logicalType": "number"},
]


def text() -> str:
    pieces = [
        "a",
        "é",
        "𝄞",
        "\\n",
        "\\u00e9",
        "\\ud834\\udd1e",
        '\\"',
        "\\\\",
        "\\/",
        "\\u0000",
        "\\ud834",
        "\\udd1e",
        " ",
        "\u007f",
        "\\b",
        "\\u0041",
    ]
    weights = [8, 4, 4, 4, 4, 4, 4, 4, 4, 1, 0.2, 0.2, 4, 1, 2, 2]
    return '"' + "".join(RANDOM.choices(pieces, weights, k=RANDOM.randrange(9))) + '"'


def digits(most: int) -> str:
    return str(RANDOM.randrange(10 ** RANDOM.randint(1, most)))


def number(most: int) -> str:
    sign, whole = RANDOM.choice(["", "-"]), digits(most)
    fraction = RANDOM.choice(["", "", "." + digits(7), ".0", ".500000"])
    exponent = RANDOM.choice(["", "", "", f"e{RANDOM.randint(-8, 8)}", f"E+{RANDOM.randint(0, 5)}"])
    return sign + whole + fraction + exponent


def expected(line: str) -> dict | None:
    """What the record means; None where it cannot be held exactly."""
    record = json.loads(line, parse_float=Decimal)
    try:
        record["t"].encode()
    except UnicodeEncodeError:
        return None  # Half of a surrogate pair.
    i, p = record["i"], Decimal(record["p"])
    # A whole number is written with digits only, unless the contract says `integralFractions`.
    if not isinstance(i, int) or not -(2**63) <= i < 2**63:
        return None
    with localcontext(prec=80):
        if abs(p) >= Decimal(10) ** 32 or p != round(p, 6):
            return None
    return record | {"p": p, "d": float(json.loads(line)["d"])}


@pytest.mark.parametrize("form", ["new_line", "array", "pretty"])
def test_random_records_are_read_as_python_reads_them(tmp_path, form):
    lines = [
        f'{{"id": {row}, "t": {text()}, "i": {RANDOM.choice([number(2), "-" + digits(20), digits(20), digits(18)])}, '
        f'"p": {number(33)}, "d": {number(17)}}}'
        for row in range(4000)
    ]
    data = {
        "new_line": "\n".join(lines),
        "array": "[" + ",\n".join(lines) + "]",
        "pretty": "\n".join(line.replace(", ", ",\n  ").replace("{", "{\n  ") for line in lines),
    }[form]
    done = convert(tmp_path, contract_of(COLUMNS, "json"), data.encode())
    wanted = {row: values for row, line in enumerate(lines) if (values := expected(line)) is not None}
    found = {row["id"]: row for row in by_duckdb(done.files)}
    rejected = {row - 1: violations for row, violations in done.rejects().items()}
    assert found.keys() | rejected.keys() == set(range(len(lines)))
    for row, values in found.items():
        assert values == wanted.get(row), lines[row]
    overdone = [(lines[row], rejected[row]) for row in rejected if row in wanted]
    assert not overdone, overdone[:5]
    assert len(found) > 500 and len(rejected) > 500
