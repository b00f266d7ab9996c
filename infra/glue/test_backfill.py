"""All objects under a prefix by one run: each is taken in once, whatever dies on the way, and what is done is not done again."""

import json
from collections import Counter
from collections.abc import Callable

import pytest
from pyspark import SparkContext

import convert_large
import files
import lakes

RANGE_BYTES = 60 * files.KIB
SMALL_FILES = 40


def drop(lake: lakes.Lake, count: int) -> None:
    """Small files, and one of several ranges."""
    for number in range(count):
        _, _, data = files.made("csv", 1000 + 10 * number)
        lake.drop(f"{number:03} ü+.csv", data)
    lake.drop("large.csv", files.made("csv", 3 * RANGE_BYTES)[2])


@pytest.mark.parametrize(
    "fault",
    [
        "",
        # The process of a batch dies; so does the worker of another.
        'if [ "$2" = take-in ] && once; then kill -9 $$; fi',
        'if [ "$2" = take-in ] && once; then kill -9 $PPID; exit 1; fi',
    ],
)
def test_every_object_is_taken_in_once(
    fault: str,
    context: SparkContext,
    crooked: Callable[[str], convert_large.Lakegate],
    lakegate: convert_large.Lakegate,
    capsys: pytest.CaptureFixture[str],
) -> None:
    contract, _, _ = files.made("csv", 1)
    lake = lakes.Lake(contract)
    drop(lake, SMALL_FILES)
    manifest = {"bucket": lake.raw, "prefix": "", "contract": None}
    convert_large.backfill(context, lake.given(crooked(fault)), manifest, "jr_test", RANGE_BYTES)
    told = Counter(json.loads(capsys.readouterr().out))
    assert told["committed"] + told["already-committed"] == SMALL_FILES + 1, "what was done when a process died is done"
    entries = lake.entries()
    assert Counter(entry["state"] for entry in entries) == {"committed": SMALL_FILES + 1}
    assert {entry["run_id"] for entry in entries} == {"jr_test"}
    named = [output["path"] for entry in entries for output in entry["outputs"]]
    assert sorted(named) == sorted(lake.list("lake/"))
    assert lake.uploads() == [] or fault

    written = {path: lake.read(path) for path in lake.list("ledger/")}
    convert_large.backfill(context, lake.given(lakegate), manifest, "jr_again", RANGE_BYTES)
    assert capsys.readouterr().out.strip() == "{}", "nothing was left to do"
    assert {path: lake.read(path) for path in lake.list("ledger/")} == written


def test_only_the_contract_and_the_prefix_that_are_asked_for_are_taken_in(
    context: SparkContext, lakegate: convert_large.Lakegate
) -> None:
    contract, _, data = files.made("csv", 1000)
    lake = lakes.Lake(contract)
    lake.drop("a-in.csv", data)
    lake.drop("b-out.csv", data)
    for prefix, wanted, expected in [
        ("large_csv/a", "another", 0),
        ("large_csv/a", "large_csv", 1),
        ("large_csv/", None, 2),
    ]:
        manifest = {"bucket": lake.raw, "prefix": prefix, "contract": wanted}
        convert_large.backfill(context, lake.given(lakegate), manifest, "jr_test", RANGE_BYTES)
        assert len(lake.entries()) == expected
