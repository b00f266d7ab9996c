"""What is dropped, and in which order: the files that others wrote, under the keys that their contracts land, step by step.

`raw.py DATASET DATA FOLDER` lays them out in FOLDER and prints the steps: `[{"put": {key: path}, "remove": [key]}, …]`."""

import csv
import json
import sys
from io import StringIO
from pathlib import Path

CORRECTED, REMOVED = "orders/2010-12-05.csv", "orders/2010-12-09.csv"


def steps(dataset: str, data: Path, folder: Path) -> list[dict]:
    return {"online_retail": _online_retail, "sales_records": _sales_records, "shop": _shop}[dataset](data, folder)


def standing(steps: list[dict]) -> dict[str, str]:
    """What is left after these steps: paths by key."""
    files = {}
    for step in steps:
        files.update(step["put"])
        for key in step["remove"]:
            del files[key]
    return files


def records(path: str) -> list[dict]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _online_retail(data: Path, folder: Path) -> list[dict]:
    """All days that there are; then one of them again, corrected, and another one is removed."""
    days = {f"orders/{path.name}": path for path in sorted((data / "online-retail/by-day").glob("*.csv"))}
    first = {key: _written(folder, key, path.read_bytes()) for key, path in days.items()}
    rows = [row for number, row in enumerate(records(str(days[CORRECTED]))) if number % 10 != 3]
    for row in rows[::7]:
        row["Quantity"] = str(int(row["Quantity"]) * 2)
    rows[0]["UnitPrice"] = "0.0"
    # Another name, so that both versions can be read again; uploaded under the key of the first.
    corrected = _written(folder, CORRECTED.replace("orders", "corrected"), _as_csv(rows))
    return [{"put": first, "remove": []}, {"put": {CORRECTED: corrected}, "remove": [REMOVED]}]


def _sales_records(data: Path, folder: Path) -> list[dict]:
    """The file as it is; and its products, of which each line has the price and the cost, once."""
    path = data / "seeds/yaswanthi/sales_records.csv"
    columns = ["Item_Type", "Unit_Price", "Unit_Cost"]
    products = sorted({tuple(row[column] for column in columns) for row in records(str(path))})
    put = {"orders/sales_records.csv": _written(folder, "orders/sales_records.csv", path.read_bytes())}
    rows = [dict(zip(columns, product, strict=True)) for product in products]
    put["products/products.csv"] = _written(folder, "products/products.csv", _as_csv(rows))
    return [{"put": put, "remove": []}]


def _shop(data: Path, folder: Path) -> list[dict]:
    names = ["orders.csv", "customers.json", "products.csv"]
    files = {f"{name.split('.')[0]}/{name}": data / "seeds/arpan237/Datasets" / name for name in names}
    return [{"put": {key: _written(folder, key, path.read_bytes()) for key, path in files.items()}, "remove": []}]


def _as_csv(rows: list[dict]) -> bytes:
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _written(folder: Path, key: str, content: bytes) -> str:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


if __name__ == "__main__":
    print(json.dumps(steps(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
