"""Tasks that die, run twice or fail: the table is as if nothing had happened, or nothing of the run is left."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark import SparkContext

import convert_large
import files
import lakes

Crooked = Callable[[str], convert_large.Lakegate]
RANGE_BYTES = 100 * files.KIB
FILE_BYTES = 400 * files.KIB

FAULTS = {
    # The worker's Python process, and with it Spark's task, which Spark tries again.
    "the task's process is killed": 'if [ "$2" = convert ] && once; then kill -9 $PPID; exit 1; fi',
    "the process of a scan is killed": 'if [ "$2" = scan ] && once; then kill -9 $$; fi',
    "the process of a conversion is killed when it is done": 'if [ "$2" = convert ] && once; then "$0" "$@" > /dev/null; kill -9 $$; fi',
    # As when Spark takes a task for a slow one, and starts it elsewhere.
    "every conversion runs twice": """
        if [ "$2" = convert ] && [ -z "$AGAIN" ]; then
            given=$(mktemp); cat > $given; keys=$(mktemp -d)
            AGAIN=1 "$0" glue convert ${3:+--keys $keys} < $given > /dev/null
            exec < $given
        fi""",
}


@pytest.mark.parametrize("kind", ["csv", "unique"])
@pytest.mark.parametrize("fault", FAULTS)
def test_nobody_sees_that_a_task_died_or_ran_twice(
    fault: str, kind: str, context: SparkContext, crooked: Crooked, tmp_path: Path
) -> None:
    contract, name, data = files.made(kind, FILE_BYTES)
    lake = lakes.Lake(contract)
    item = lake.drop(name, data)
    told = convert_large.convert_object(context, lake.given(crooked(FAULTS[fault])), item, RANGE_BYTES)
    assert told["outcome"]["outcome"] == "committed"
    assert Path(tmp_path, "done").exists() or lake.uploads(), "the fault came"
    assert lake.standing(item, tmp_path) == lakes.in_one_pass(tmp_path, contract, data, name)


def test_a_range_that_cannot_be_converted_ends_the_run_and_leaves_nothing(
    context: SparkContext, crooked: Crooked, lakegate: convert_large.Lakegate, tmp_path: Path
) -> None:
    contract, name, data = files.made("csv", FILE_BYTES)
    lake = lakes.Lake(contract)
    item = lake.drop(name, data)
    fails = """
        if [ "$2" = convert ]; then
            given=$(mktemp); cat > $given
            if grep -qE '"work": [{][^}]*"range": 2[,}]' $given; then echo "some log" >&2; echo "lakegate: no luck" >&2; exit 1; fi
            exec < $given
        fi"""
    with pytest.raises(convert_large.RunFailed) as failed:
        convert_large.convert_object(context, lake.given(crooked(fails)), item, RANGE_BYTES)
    assert str(failed.value) == "convert: lakegate: no luck"
    assert lake.uploads() == lake.list("lake/") == lake.list("rejects/") == []
    # The next run finds everything as if there had been none.
    told = convert_large.convert_object(context, lake.given(lakegate), item, RANGE_BYTES)
    assert told["outcome"]["outcome"] == "committed"
    assert lake.standing(item, tmp_path) == lakes.in_one_pass(tmp_path, contract, data, name)


def test_an_object_that_is_replaced_during_the_run_is_no_failure_of_it(
    context: SparkContext, lakegate: convert_large.Lakegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, name, data = files.made("csv", FILE_BYTES)
    lake = lakes.Lake(contract)
    item = lake.drop(name, data)
    planned = convert_large.work_of_ranges

    def replaced_behind(*arguments) -> list:
        work = planned(*arguments)
        lake.drop(name, data[: len(data) // 2])
        return work

    monkeypatch.setattr(convert_large, "work_of_ranges", replaced_behind)
    told = convert_large.convert_object(context, lake.given(lakegate), item, RANGE_BYTES)
    assert told["outcome"]["outcome"] != "committed", told
    assert lake.uploads() == lake.list("lake/") == []


def test_a_second_run_of_the_same_object_does_nothing(context: SparkContext, lakegate: convert_large.Lakegate) -> None:
    contract, name, data = files.made("csv", FILE_BYTES)
    lake = lakes.Lake(contract)
    item = lake.drop(name, data)
    mine = lake.given(lakegate)
    convert_large.convert_object(context, mine, item, RANGE_BYTES)
    before = {path: lake.read(path) for prefix in ("lake/", "rejects/", "ledger/") for path in lake.list(prefix)}
    told = convert_large.convert_object(context, mine, item, RANGE_BYTES)
    assert told["outcome"]["outcome"] == "already-committed", json.dumps(told)
    assert {path: lake.read(path) for path in before} == before
