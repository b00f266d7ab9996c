"""Files in ranges by the real script under real Spark: whatever the cut, the same rows, rejects and verdict as in one pass."""

import os
from pathlib import Path

import pytest
from pyspark import SparkContext

import convert_large
import files
import lakes

CASES = lakes.ROOT / "shared" / "convert" / "tests" / "cases"
LONG = os.environ.get("LAKEGATE_GLUE") == "all"
# Into how many ranges a case is cut.
CASE_CUTS = (3, 17) if LONG else (3,)


def cases() -> list[str]:
    return sorted(path.name for path in CASES.iterdir() if path.is_dir())


def check(
    context: SparkContext, lakegate: convert_large.Lakegate, folder: Path, contract: str, name: str, data: bytes, range_bytes: int
) -> str:
    """Converts a file both ways; how the script did it."""
    lake = lakes.Lake(contract)
    item = lake.drop(name, data)
    mine = lake.given(lakegate)
    begun = mine.ask("begin", item | {"range_bytes": range_bytes})
    convert_large.convert_object(context, mine, item, range_bytes)
    expected, found = lakes.in_one_pass(folder, contract, data, name), lake.standing(item, folder)
    assert found == expected
    assert lake.uploads() == []
    told = [letter["kind"] for letter in lake.letters()]
    assert len(told) == (expected.verdict["state"] == "rejected"), told
    return "ranges" if "job" in begun else begun.get("one_pass", "at once")


@pytest.mark.parametrize("cut", CASE_CUTS)
@pytest.mark.parametrize("case", cases())
def test_a_case_of_the_engine_comes_to_the_same(
    case: str, cut: int, context: SparkContext, lakegate: convert_large.Lakegate, tmp_path: Path
) -> None:
    own = CASES / case / "contract.yaml"
    contract = (own if own.exists() else CASES / "contract.yaml").read_text(encoding="utf-8")
    (given,) = (CASES / case).glob("input.*")
    data = given.read_bytes()
    how = check(context, lakegate, tmp_path, contract, given.name, data, max(1, len(data) // cut))
    print(f"{case}: {how}")


@pytest.mark.parametrize("kind", files.KINDS)
@pytest.mark.parametrize("range_bytes", files.range_sizes(LONG))
def test_a_large_file_comes_to_the_same(
    kind: str, range_bytes: int, context: SparkContext, lakegate: convert_large.Lakegate, tmp_path: Path
) -> None:
    contract, name, data = files.made(kind, files.LONG_BYTES if LONG else files.SHORT_BYTES)
    how = check(context, lakegate, tmp_path, contract, name, data, range_bytes)
    is_small = len(data) <= range_bytes  # when it is packed
    assert how == ("it is no longer than one range" if is_small else files.KINDS[kind].how)
