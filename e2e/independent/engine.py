"""The real `lakegate` command, and its outputs as plain values.

It does not know what is right: expectations come from the tests, and from readers that others wrote.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import duckdb

COMMAND = os.environ["LAKEGATE_COMMAND"]


@dataclass
class Converted:
    """What `lakegate convert` left behind."""

    report: dict
    out: Path

    @property
    def files(self) -> list[Path]:
        return sorted(self.out.glob("lake/**/*.parquet"))

    @property
    def table(self) -> Path:
        return self.out / "lake" / self.report["table"]

    def rejects(self) -> dict[int, list[tuple[str, str]]]:
        """By row number, what the row broke: column and rule."""
        if self.report["rejects_path"] is None:
            return {}
        query = "SELECT row_number, violations FROM read_parquet(?) ORDER BY row_number"
        paths = [str(path) for path in sorted(self.out.glob("rejects/**/*.parquet"))]
        rows = duckdb.execute(query, [paths]).fetchall()
        return {row: [(each["column"] or "", each["rule"]) for each in violations] for row, violations in rows}


def convert(folder: Path, contract: dict | Path, data: bytes | Path, may_be_rejected: bool = False) -> Converted:
    """Converts `data` in a folder of its own; a file that is rejected as a whole is an error unless expected."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(contract, dict):
        path = folder / "contract.json"
        path.write_text(json.dumps(contract), encoding="utf-8")
        contract = path
    if isinstance(data, bytes):
        path = folder / "input"
        path.write_bytes(data)
        data = path
    out = folder / "out"
    command = [COMMAND, "convert", str(data), "--contract", str(contract), "--out", str(out), "--report", "-"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    allowed = (0, 3) if may_be_rejected else (0,)
    assert run.returncode in allowed, f"exit {run.returncode}: {run.stdout}{run.stderr}"
    return Converted(json.loads(run.stdout), out)


def contract_of(properties: list[dict], format: str = "csv", policy: dict | None = None, dialect: dict | None = None) -> dict:
    """A contract of one table, `checked`, with these columns."""

    def custom(settings: dict | None) -> list[dict]:
        return [{"property": name, "value": value, "vendor": "lakegate"} for name, value in (settings or {}).items()]

    server = {"server": "landing", "type": "s3", "location": f"s3://*/checked/*.{format}", "format": format}
    table = {"name": "checked", "logicalType": "object", "properties": properties}
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "checked",
        "version": "1.0.0",
        "status": "active",
        "servers": [server | {"customProperties": custom(dialect)}],
        "schema": [table | {"customProperties": custom({"maxRejectPercent": 100} | (policy or {}))}],
    }


def csv_of(names: list[str], rows: list[list]) -> bytes:
    """A CSV file: null is nothing, texts stand in quotes where they must, so that an empty text differs from null."""

    def field(value) -> str:
        if value is None:
            return ""
        text = str(value)
        return '"' + text.replace('"', '""') + '"' if text == "" or any(c in text for c in ',"\r\n') else text

    lines = [",".join(names)] + [",".join(map(field, row)) for row in rows]
    return ("\n".join(lines) + "\n").encode()
