"""What the saved queries about sales and customers must answer, computed from the sources' rows in plain Python. It knows no SQL, no lake
and no file. Queries that find nothing to add up answer None, as SQL does."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

VALUES = [0, 10, 25, 50, 100, 250, 500, 1000, 5000]
TIMES_ORDERED = [1, 2, 5, 10, 20]


@dataclass(frozen=True)
class Order:
    id: str
    at: datetime
    customer: str
    product: str
    quantity: int
    price: Decimal
    region: str
    country: str | None
    revenue: Decimal


class Figures:
    """Each method is named after its query and gives the rows in their order. `changes` are rows of customers; `products` have by name a
    category and a unit_cost, which may be None."""

    def __init__(self, orders: list[Order], changes: list[dict], products: dict[str, dict]) -> None:
        self.orders, self.products = orders, products
        self.changes = sorted(changes, key=lambda row: (row["customer_id"], row["updated_at"]))
        self.customers = {row["customer_id"]: row for row in self.changes}

    def revenue_by_region(self) -> list:
        groups = largest_first(by(self.orders, lambda order: order.region))
        return [[name, len(each), revenue(each), percent(revenue(each), revenue(self.orders))] for name, each in groups]

    def top_products(self) -> list:
        groups = largest_first(by(self.orders, lambda order: order.product))[:10]
        return [[name, len(each), sum(order.quantity for order in each), revenue(each)] for name, each in groups]

    def top_countries(self) -> list:
        groups = largest_first(by(self.orders, lambda order: (order.country, order.region)))[:10]
        return [[*name, len(each), buyers(each), revenue(each)] for name, each in groups]

    def monthly_trend(self) -> list:
        rows, before = [], None
        for month, each in sorted(by(self.orders, lambda order: (order.at.year, order.at.month)).items()):
            growth = None if before is None else percent(revenue(each) - before, before)
            before = revenue(each)
            rows.append([*month, len(each), buyers(each), before, growth])
        return rows

    def yearly_profit_by_region(self) -> list:
        return self._profit(lambda order: (order.at.year, order.region))

    def quarterly_profit_by_region(self) -> list:
        return self._profit(lambda order: (order.at.year, (order.at.month + 2) // 3, order.region))

    def _profit(self, key) -> list:
        groups = sorted(by(self.orders, key).items())
        return [[*name, len(each), revenue(each), *self.profit(each)] for name, each in groups]

    def profit(self, orders: list[Order]) -> tuple:
        """And of how many orders the cost is not known."""
        costs = [(order, self.cost(order)) for order in orders]
        known = [order.revenue - cost for order, cost in costs if cost is not None]
        return total(known), len(costs) - len(known)

    def cost(self, order: Order) -> Decimal | None:
        unit_cost = self.products.get(order.product, {}).get("unit_cost")
        return None if unit_cost is None else order.quantity * unit_cost

    def category_margins(self) -> list:
        known = [order for order in self.orders if order.product in self.products]
        rows = []
        for category, each in by(known, lambda order: self.products[order.product]["category"]).items():
            cost = total([cost for cost in map(self.cost, each) if cost is not None])
            profit, _ = self.profit(each)
            rows.append([category, revenue(each), cost, profit, None if profit is None else percent(profit, revenue(each))])
        return sorted(rows, key=lambda row: (row[3] is None, -(row[3] or 0), row[0]))

    def membership_tiers(self) -> list:
        return self._who_buys("membership_tier")

    def age_groups(self) -> list:
        return self._who_buys("age_group")

    def _who_buys(self, column: str) -> list:
        rows = []
        for name in sorted({row[column] for row in self.customers.values()}, key=lambda name: (name is None, name)):
            members = {customer for customer, row in self.customers.items() if row[column] == name}
            bought = [order for order in self.orders if order.customer in members]
            rows.append([name, len(members), buyers(bought), len(bought), revenue(bought)])
        return rows

    def high_value_orders(self) -> list:
        large = sorted((order for order in self.orders if order.revenue >= 1000), key=lambda order: (-order.revenue, order.id))
        columns = ("id", "at", "customer", "product", "quantity", "price", "revenue")
        return [[getattr(order, column) for column in columns] for order in large[:50]]

    def order_values(self) -> list:
        groups = by(self.orders, lambda order: step(VALUES, order.revenue))
        return [[value, len(each), revenue(each)] for value, each in sorted(groups.items())]

    def repeat_customers(self) -> list:
        ordered = by(self.orders, lambda order: order.customer)
        groups = by(self.orders, lambda order: step(TIMES_ORDERED, len(ordered[order.customer])))
        return [[times, buyers(each), len(each), revenue(each)] for times, each in sorted(groups.items())]

    def revenue_concentration(self) -> list:
        ranked = largest_first(by(self.orders, lambda order: order.customer))
        size, more = divmod(len(ranked), 10)
        rows, begin = [], 0
        for tenth in range(10):
            end = begin + size + (tenth < more)
            if end > begin:
                brought = total([revenue(each) for _, each in ranked[begin:end]])
                rows.append([tenth + 1, end - begin, brought, percent(brought, revenue(self.orders))])
            begin = end
        return rows

    def tier_changes(self) -> list:
        steps = Counter(
            (before["membership_tier"], after["membership_tier"])
            for before, after in pairwise(self.changes)
            if before["customer_id"] == after["customer_id"] and before["membership_tier"] != after["membership_tier"]
        )
        return [[*tiers, number] for tiers, number in sorted(steps.items())]

    def orders_of_unknown_customers(self) -> list:
        unknown = [order for order in self.orders if order.customer not in self.customers]
        groups = by(unknown, lambda order: (order.at.year, order.at.month))
        return [[*month, len(each), revenue(each)] for month, each in sorted(groups.items())]


def by(orders: list[Order], key) -> dict:
    groups = defaultdict(list)
    for order in orders:
        groups[key(order)].append(order)
    return dict(groups)


def total(values: list[Decimal]) -> Decimal | None:
    return sum(values, Decimal(0)) if values else None


def revenue(orders: list[Order]) -> Decimal:
    return sum((order.revenue for order in orders), Decimal(0))


def buyers(orders: list[Order]) -> int:
    return len({order.customer for order in orders})


def largest_first(groups: dict) -> list:
    return sorted(groups.items(), key=lambda group: (-revenue(group[1]), group[0]))


def step(steps: list[int], number) -> int:
    """The largest step that the number reaches; what is below all of them counts with the first."""
    return max([step for step in steps if step <= number], default=steps[0])


def percent(part: Decimal, whole: Decimal) -> float:
    return round(100 * float(part) / float(whole), 1)


def comparable(rows: list) -> list:
    """Numbers as such, so that 5, 5.0 and 5.00 are one; everything else as its text."""
    return [[_value(cell) for cell in row] for row in rows]


def _value(cell: object) -> object:
    text = None if cell is None else str(cell)
    return Decimal(text) if text is not None and re.fullmatch(r"-?[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?", text) else text
