"""A lake of files that others wrote, as `lakegate convert` writes it under the contracts of e2e/real_data, and what these files say."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from lake import Lake
from project import ROOT

DATA = ROOT.parent / "shared/data"
FOLDER = ROOT / "e2e/real_data"
ORDER_COLUMNS = ["order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country", "note", "revenue", "year", "month"]

sys.path.insert(0, str(FOLDER))
from raw import standing, steps  # noqa: E402
from sources import Sources  # noqa: E402

needs_data = pytest.mark.skipif(not (DATA / "online-retail").exists() or not (DATA / "seeds").exists(), reason=f"{DATA} is not there")


class RealLake(Lake):
    """Takes the steps of a data set, one after the other. Where it has no customers those of the shop stand beside it, so that all of
    its orders are of customers whom nobody knows."""

    def __init__(self, folder, dataset):
        super().__init__(folder)
        self.dataset, self.taken = dataset, []
        self.steps = steps(dataset, DATA, folder / "source")
        shop = steps("shop", DATA, folder / "shop")[0]["put"]["customers/customers.json"]
        self._put("customers/customers.json", shop, FOLDER / "shop")
        customers = Sources("shop", {"customers/customers.json": shop}).customers
        self.customers = {"customers": customers}

    def step(self):
        """The next step: files that come, and files that go."""
        step = self.steps[len(self.taken)]
        self.taken.append(step)
        for key, path in step["put"].items():
            # The tables of dbt and of Snowflake are orders and customers.
            if key.startswith("orders/"):
                self._put(key, path, FOLDER / self.dataset)
        sources = Sources(self.dataset, standing(self.taken))
        for key in step["remove"]:
            self.orders.setdefault(Path(key).stem, [])
            self.remove("orders", Path(key).stem)
        self.orders = {"all": [{column: row[column] for column in ORDER_COLUMNS} for row in sources.orders]}

    def _put(self, key, path, contracts):
        # A file that comes again comes under its key.
        landed = self.folder / "raw" / key
        landed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, landed)
        dataset = key.split("/")[0]
        name = "shop" if dataset == "customers" else self.dataset
        _, accepted, rejected, _ = Sources(name, {key: path}).counts[key]
        self._convert(dataset, landed, accepted, rejected, contracts / f"{dataset}.odcs.yaml")
