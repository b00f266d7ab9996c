"""What the files say: their rows as the tables must have them, and the rows that cannot be sales, with what is wrong with them. Plain
Python over the files that were dropped; it knows no contract, no SQL and nothing of the lake."""

import json
from datetime import date, datetime
from decimal import Decimal

from raw import records

BEYOND_EUROPE = {"Australia": "APAC", "Japan": "APAC"}
WORLD = {
    "Europe": "EMEA",
    "Middle East and North Africa": "EMEA",
    "Sub-Saharan Africa": "EMEA",
    "Asia": "APAC",
    "Australia and Oceania": "APAC",
    "North America": "NA",
    "Central America and the Caribbean": "LATAM",
}
FOOD = {"Baby Food", "Beverages", "Cereal", "Fruits", "Meat", "Snacks", "Vegetables"}


class Sources:
    """Rows by table, of the files that stand. `counts` has by key rows read, accepted, rejected and dropped; `rejects` has (key, line,
    raw line, broken rules)."""

    def __init__(self, dataset: str, files: dict[str, str]) -> None:
        self.orders, self.customers, self.products = [], [], []
        self.counts, self.rejects = {}, []
        take_in = {"online_retail": self._online_retail, "sales_records": self._sales_records, "shop": self._shop}[dataset]
        for key, path in sorted(files.items()):
            take_in(key, path)

    def _count(self, key: str, read: int, accepted: int, rejected: int = 0, dropped: int = 0) -> None:
        self.counts[key] = [read, accepted, rejected, dropped]

    def _online_retail(self, key: str, path: str) -> None:
        rows = records(path)
        with open(path, encoding="utf-8", newline="") as file:
            lines = file.read().splitlines()
        seen, good, bad = set(), [], 0
        for number, row in enumerate(rows):
            if broken := _broken(row):
                bad += 1
                self.rejects.append([key, number + 2, lines[number + 1], sorted(broken)])
            elif tuple(row.values()) not in seen:
                seen.add(tuple(row.values()))
                good.append(_retail_order(row))
        self._count(key, len(rows), len(good), bad, len(rows) - len(good) - bad)
        self.orders += good

    def _sales_records(self, key: str, path: str) -> None:
        rows = [{name: value.strip() for name, value in row.items()} for row in records(path)]
        self._count(key, len(rows), len(rows))
        if key.startswith("products/"):
            for row in rows:
                category = "Food" if row["Item_Type"] in FOOD else "Other"
                self.products.append({"name": row["Item_Type"], "category": category, "unit_cost": Decimal(row["Unit_Cost"])})
            return
        for row in rows:
            day, quantity, price = _american(row["Order_Date"]), int(row["Units_Sold"]), Decimal(row["Unit_Price"])
            order = _order(row["Order_ID"], datetime(day.year, day.month, day.day), f"G-{row['Order_ID']}", row["Item_Type"], quantity, price)
            order |= {"region": WORLD[row["Region"]], "country": row["Country"]}
            order["note"] = f"{row['Sales_Channel']}, priority {row['Order_Priority']}"
            order["world_region"] = row["Region"]
            # As the file has it, not as it is computed from cost and pieces.
            order |= {"total_cost": Decimal(row["Total_Cost"]), "total_profit": Decimal(row["Total_Profit"])}
            assert order["revenue"] == Decimal(row["Total_Revenue"])
            self.orders.append(order)

    def _shop(self, key: str, path: str) -> None:
        if key.startswith("customers/"):
            with open(path, encoding="utf-8") as file:
                rows = json.load(file)
            unknown = dict.fromkeys(["age_group", "membership_tier", "signup_date"])
            known = {"country": "IN", "updated_at": datetime(2000, 1, 1), "active": True}
            for row in rows:
                self.customers.append({"customer_id": row["customer_id"], "name": row["customer_name"], "email": row["email"], **known, **unknown})
        elif key.startswith("products/"):
            rows = records(path)
            self.products += [{"name": row["product_id"], "category": row["category"], "unit_cost": None} for row in rows]
        else:
            rows = records(path)
            for row in rows:
                amount, quantity = Decimal(row["amount"]), int(row["quantity"])
                order = _order(row["order_id"], datetime.fromisoformat(row["order_date"]), row["customer_id"], row["product_id"], quantity, amount / quantity)
                self.orders.append({**order, "region": "APAC", "country": "India", "note": None})
        self._count(key, len(rows), len(rows))


def _broken(row: dict) -> list[str]:
    """What a line of Online Retail breaks, as column and rule."""
    broken = []
    if not row["Description"]:
        broken.append("Description required")
    if Decimal(row["UnitPrice"]) <= 0:
        broken.append("UnitPrice exclusiveMinimum")
    if int(row["Quantity"]) < 0 and not row["InvoiceNo"].startswith("C"):
        broken.append(" only_cancellations_are_negative")
    return broken


def _retail_order(row: dict) -> dict:
    quantity, price = int(row["Quantity"]), Decimal(row["UnitPrice"]).quantize(Decimal("0.01"))
    customer = f"C-{row['CustomerID'].split('.')[0]}" if row["CustomerID"] else f"G-{row['InvoiceNo']}"
    number = f"{row['InvoiceNo']}-{row['StockCode']}-{quantity}-{price}"
    order = _order(number, datetime.fromisoformat(row["InvoiceDate"]), customer, row["Description"].strip(), quantity, price)
    note = "cancelled" if row["InvoiceNo"].startswith("C") else None
    return {**order, "region": BEYOND_EUROPE.get(row["Country"], "EMEA"), "country": row["Country"], "note": note}


def _order(number: str, time: datetime, customer: str, product: str, quantity: int, price: Decimal) -> dict:
    row = {"order_id": number, "order_ts": time, "customer_id": customer, "product": product, "quantity": quantity, "unit_price": price}
    return {**row, "revenue": quantity * price, "year": time.year, "month": time.month}


def _american(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)
