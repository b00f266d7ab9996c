"""What the marts must be, computed from the source rows in plain Python. It knows no SQL, no Parquet and nothing of dbt."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

VERSION_COLUMNS = ["customer_id", "name", "email", "country", "age_group", "membership_tier", "active"]


class Expected:
    """Follows a lake from run to run, because a snapshot remembers what is gone."""

    def __init__(self, lake):
        self.lake = lake
        self.remembered = {}

    def run(self):
        """To be called once per `dbt build` that takes the snapshot."""
        latest = {}
        for customer_id, updated_at in self._in_the_lake():
            latest[customer_id] = max(updated_at, latest.get(customer_id, updated_at))
        for customer_id, updated_at in latest.items():
            known = [time for (customer, time) in self.remembered if customer == customer_id]
            if not known or updated_at > max(known):
                self.remembered[customer_id, updated_at] = self._in_the_lake()[customer_id, updated_at]

    def _in_the_lake(self):
        return {(row["customer_id"], row["updated_at"]): row for rows in self.lake.customers.values() for row in rows}

    def orders(self):
        """By order_id."""
        return {row["order_id"]: order(row) for rows in self.lake.orders.values() for row in rows}

    def versions(self):
        """Of each customer, in the order of time."""
        known = {**self.remembered, **self._in_the_lake()}
        by_customer = defaultdict(list)
        for (customer_id, updated_at), row in sorted(known.items(), key=lambda item: item[0]):
            version = {column: row[column] for column in VERSION_COLUMNS}
            version |= {"signup_date": day(row["signup_date"]), "valid_from": updated_at}
            by_customer[customer_id].append(version)
        for versions in by_customer.values():
            for version, following in zip(versions, [*versions[1:], None], strict=True):
                version["valid_to"] = following and following["valid_from"]
                version["is_current"] = following is None
        return by_customer

    def enriched(self):
        """By order_id."""
        versions = self.versions()
        rows = {}
        for order_id, row in self.orders().items():
            valid = [version for version in versions.get(row["customer_id"], []) if version["valid_from"] <= row["order_ts"]]
            version = valid[-1] if valid else None
            enriched = {column: value for column, value in row.items() if column != "note"}
            enriched["customer_is_known"] = version is not None
            for column, source in [
                ("customer_country", "country"),
                ("age_group", "age_group"),
                ("membership_tier", "membership_tier"),
                ("signup_date", "signup_date"),
                ("customer_was_active", "active"),
                ("customer_valid_from", "valid_from"),
            ]:
                enriched[column] = version and version[source]
            rows[order_id] = enriched
        return rows

    def summary(self):
        """By region, product, year and month."""
        groups = defaultdict(list)
        for row in self.orders().values():
            groups[row["region"], row["product"], row["year"], row["month"]].append(row)
        return {
            key: {
                "orders": len(rows),
                "pieces": sum(row["quantity"] for row in rows),
                "revenue": sum(row["revenue"] for row in rows),
                "average_revenue": float(sum(row["revenue"] for row in rows) / len(rows)),
            }
            for key, rows in groups.items()
        }


def day(text):
    return text and date.fromisoformat(text)


def order(row):
    """A line of the file as the lake has it; a row that is typed already stays."""
    if isinstance(row["order_ts"], datetime):
        return row
    time = datetime.strptime(row["order_ts"], "%Y-%m-%d %H:%M:%S")
    price, quantity = Decimal(row["unit_price"]), int(row["quantity"])
    typed = {"order_ts": time, "quantity": quantity, "unit_price": price, "note": row["note"] or None}
    return {**row, **typed, "revenue": price * quantity, "year": time.year, "month": time.month}
