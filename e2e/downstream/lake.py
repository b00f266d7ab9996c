"""A lake as `lakegate convert` writes it, and what dbt makes of it. It knows the command and dbt from outside only."""

import csv
import json
import os
import subprocess
from pathlib import Path

import duckdb

from project import ROOT, run_dbt

CONTRACTS = {"orders": ROOT / "contracts/orders.odcs.yaml", "customers": ROOT / "contracts/customers.odcs.yaml"}
ORDER_COLUMNS = ["order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country", "note"]


class Lake:
    """Sources by name, as they stand; the lake; and the marts."""

    def __init__(self, folder):
        self.folder = folder
        self.orders, self.customers = {}, {}
        self.environment = {"LAKEGATE_LAKE": str(folder / "lake"), "LAKEGATE_DUCKDB": str(folder / "marts.duckdb")}

    def put_orders(self, name, rows, rejected=()):
        """A file of orders, new or uploaded again; `rejected` are rows that its contract refuses."""
        path = self.folder / "raw" / "orders" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(ORDER_COLUMNS)
            for row in [*rows, *rejected]:
                writer.writerow(["" if row[column] is None else row[column] for column in ORDER_COLUMNS])
        self._convert("orders", path, len(rows), len(rejected))
        self.orders[name] = rows

    def put_customers(self, name, rows):
        """An export of customers, new or uploaded again."""
        path = self.folder / "raw" / "customers" / f"{name}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row, ensure_ascii=False, default=lambda time: time.isoformat()) for row in rows]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._convert("customers", path, len(rows), 0)
        self.customers[name] = rows

    def remove(self, dataset, name):
        """A source file is gone, and with it what it left in the lake."""
        gone = list((self.folder / "lake/lake" / dataset).rglob(f"{name}-*.parquet"))
        assert gone
        for path in gone:
            path.unlink()
        del getattr(self, dataset)[name]

    def _convert(self, dataset, path, accepted, rejected, contract=None):
        contract = contract or CONTRACTS[dataset]
        command = [os.environ["LAKEGATE_COMMAND"], "convert", path, "--contract", contract, "--out", self.folder / "lake"]
        output = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
        assert output.returncode == 0, output.stdout + output.stderr
        told = json.loads(output.stdout)
        assert (told["rows_accepted"], told["rows_rejected"]) == (accepted, rejected), told

    def dbt(self, *arguments):
        return run_dbt(*arguments, target="duckdb", folder=self.folder, environment=self.environment)

    def build(self, succeeds=True):
        """`dbt build`; what became of every node that did not simply succeed."""
        output = self.dbt("build")
        assert (output.returncode == 0) == succeeds, output.stdout + output.stderr
        results = json.loads((self.folder / "target/run_results.json").read_text())["results"]
        assert len(results) > 40, output.stdout
        return {
            result["unique_id"].split(".")[2]: result["status"]
            for result in results
            if result["status"] not in ("success", "pass")
        }

    def table(self, name):
        """All rows of a table, by the names of their columns."""
        with duckdb.connect(self.environment["LAKEGATE_DUCKDB"], read_only=True) as connection:
            cursor = connection.execute(f"select * from {name}")
            columns = [column[0] for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
