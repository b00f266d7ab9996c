"""Rows of the sources, as few words as can be. They know no lake."""

from datetime import datetime


def line(number, time, customer="C-00001", quantity=1, price="10.00", **more):
    row = {"order_id": f"O-{number:07}", "order_ts": time, "customer_id": customer, "product": "Mug", "quantity": quantity}
    return {**row, "unit_price": price, "region": "EMEA", "country": "Germany", "note": None, **more}


def state(number, time, tier, **more):
    row = {"customer_id": f"C-{number:05}", "name": f"Zoë {number}", "email": f"z{number}@example.org", "country": "DE"}
    row |= {"age_group": "25-34", "membership_tier": tier, "signup_date": "2024-03-01", "active": True}
    return {**row, "updated_at": datetime.fromisoformat(time), **more}
