"""What the checks share: a lake in a folder of its own, and dbt over it."""

import os

import pytest

# So that their assertions say what differs, too.
pytest.register_assert_rewrite("account", "lake", "marts", "real")

# Results do not hang on where the machine stands.
os.environ["TZ"] = "UTC"


@pytest.fixture
def lake(tmp_path):
    from lake import Lake  # needs DuckDB, which not every environment has

    return Lake(tmp_path)
