"""Large files of every kind that the Glue job may meet, each with its contract; the same bytes every time.

It must not know what becomes of them.
"""

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024
SHORT_BYTES, LONG_BYTES = 2 * MIB, 50 * MIB
REGIONS = ("EMEA", "APAC", "NA", "LATAM")
WORDS = ("WHITE HANGING HEART", "PARTY BUNTING", 'LUNCH BAG, RED "SPOTTY"', "two\nlines", "zwei\r\nZeilen, é€😀", "")

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: {table}
version: 1.0.0
status: active
servers:
  - {{server: landing, type: s3, location: "s3://*/{table}/*", format: {format}}}
schema:
  - name: {table}
    logicalType: object
    properties:
      - {{name: id, logicalType: string, required: true{id_rules}}}
      - {{name: at, logicalType: timestamp, required: true, logicalTypeOptions: {{format: "yyyy-MM-dd HH:mm:ss"}}}}
      - {{name: batch, logicalType: integer{batch_rules}}}
      - {{name: product, logicalType: string}}
      - {{name: quantity, logicalType: integer, physicalType: INTEGER, required: true, logicalTypeOptions: {{minimum: 1}}}}
      - {{name: price, logicalType: number, physicalType: "DECIMAL(12,2)", required: true}}
      - {{name: region, logicalType: string, enum: [{{value: EMEA}}, {{value: APAC}}, {{value: NA}}, {{value: LATAM}}]}}
      - {{name: revenue, logicalType: number, physicalType: "DECIMAL(18,2)", transformLogic: quantity * price}}
      - {{name: month, logicalType: integer, physicalType: INTEGER, partitioned: true, partitionKeyPosition: 1, transformLogic: month(at)}}
    customProperties:
      - {{property: maxRejectPercent, value: 100, vendor: lakegate}}
{policy}"""


@dataclass(frozen=True)
class Kind:
    """How a file looks, and how the script is to convert it."""

    line: Callable[[random.Random, int], str]
    how: str = "ranges"
    contract: tuple[tuple[str, str], ...] = ()
    pack: Callable[[bytes], bytes] = bytes


def fields(dice: random.Random, row: int) -> dict[str, str]:
    """One in fifty breaks a rule."""
    quantity = dice.choice(("0", "n/a", "")) if dice.random() < 0.02 else str(dice.randint(1, 24))
    return {
        "id": f"O-{row:09}",
        "at": f"2025-{dice.randint(1, 12):02}-{dice.randint(1, 28):02} 10:{dice.randint(0, 59):02}:00",
        "batch": str(row // 3),
        "product": dice.choice(WORDS) + str(dice.randint(0, 4000)),
        "quantity": quantity,
        "price": f"{dice.randint(29, 9999) / 100:.2f}",
        "region": dice.choice(REGIONS),
    }


def csv_line(dice: random.Random, row: int) -> str:
    """One in a hundred has an odd quote or too many fields."""
    values = fields(dice, row)
    quoted = values["product"].replace('"', '""')
    odd = dice.random()
    more = ",more" if odd < 0.005 else ""
    product = f"stray {row} \" quote" if 0.005 <= odd < 0.01 else f'"{quoted}"'
    return ",".join(value if name != "product" else product for name, value in values.items()) + more + "\n"


def json_line(dice: random.Random, row: int) -> str:
    """One in a hundred is cut off."""
    values = fields(dice, row)
    text = json.dumps(values | {"batch": int(values["batch"])}, ensure_ascii=dice.random() < 0.5)
    return (text[: dice.randrange(len(text))] if dice.random() < 0.01 else text) + "\n"


def repeated(line: Callable[[random.Random, int], str]) -> Callable[[random.Random, int], str]:
    """One in ten rows has the id of a row before it, near or far; one in a hundred is such a row once more, wholly."""

    def again(dice: random.Random, row: int) -> str:
        chance = dice.random()
        if row and chance < 0.01:
            return line(random.Random(row // 2), row // 2)
        return line(random.Random(row), dice.randrange(row) if row and chance < 0.1 else row)

    return again


UNIQUE = (("id_rules", ", unique: true"), ("batch_rules", ""))
KINDS = {
    "csv": Kind(csv_line),
    "json": Kind(json_line, contract=(("format", "json"),)),
    "unique": Kind(repeated(csv_line), contract=UNIQUE),
    "duplicates": Kind(
        repeated(json_line),
        contract=(("format", "json"), ("policy", "      - {property: exactDuplicates, value: drop, vendor: lakegate}\n")),
    ),
    "gzip": Kind(csv_line, how="the file is packed, and can only be unpacked from its beginning", pack=gzip.compress),
}


def range_sizes(long: bool) -> tuple[int, ...]:
    return (64 * KIB, 1 * MIB, 16 * MIB) if long else (256 * KIB,)


def made(kind: str, size_bytes: int) -> tuple[str, str, bytes]:
    """A contract, a file's name and its bytes."""
    wanted = KINDS[kind]
    parts = {"table": f"large_{kind}", "format": "csv", "id_rules": "", "batch_rules": "", "policy": ""} | dict(wanted.contract)
    dice, lines, length = random.Random(kind), [], 0
    if parts["format"] == "csv":
        lines.append(",".join(fields(random.Random(0), 0)) + "\n")
    while length < size_bytes:
        lines.append(wanted.line(dice, len(lines)))
        length += len(lines[-1])
    return CONTRACT.format(**parts), f"large.{parts['format']}", wanted.pack("".join(lines).encode())
