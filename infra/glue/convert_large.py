"""The Glue job for what is too big for one Lambda function: a large object, or all objects under a prefix.

Spark distributes, the `lakegate` binary works: each step is `lakegate glue STEP`, the code that the ingest function runs. This script
knows neither contracts nor tables nor the ledger; what the steps answer it hands on unread. A task that dies, or runs twice, does no
harm: all that a task of a large object leaves are uploads that nobody sees, and objects that are taken in whole are claimed in the ledger.

What ends a run is one line, and shows no value of the data.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from py4j.protocol import Py4JJavaError
from pyspark import RDD, SparkContext, SparkFiles

Json = dict[str, Any]

BINARY = "lakegate"
# Bytes of a range. A range's files are its own, so smaller ranges are more and smaller files in each partition; a range that is
# converted again costs this much again.
RANGE_BYTES = 256 * 1024 * 1024
# Objects that a task takes in one after another, unless their bytes come to a range's before.
BATCH_OBJECTS = 64
# How often an object that is in other hands, or whose process died, is tried; and the longest wait in between.
ROUNDS = 5
WAIT_SECS_MAX = 600
# After which a step that failed in a task is tried once more.
PAUSE_SECS = 10
# Stands for an answer of a step among the records of a shuffle; buckets of keys are counted from 0.
ANSWER = -1


class RunFailed(Exception):
    """What ends the run, in words for whoever reads the alert."""


@dataclass(frozen=True)
class Lakegate:
    """The binary, as driver and tasks call it. It travels with the tasks, so it holds no credentials."""

    settings: dict[str, str]
    name: str = BINARY

    def run(self, step: str, given: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """A step, with the credentials of where this runs; boto3 renews them a quarter of an hour before they end."""
        found = boto3.Session().get_credentials().get_frozen_credentials()
        credentials = {"AWS_ACCESS_KEY_ID": found.access_key, "AWS_SECRET_ACCESS_KEY": found.secret_key}
        if found.token:
            credentials["AWS_SESSION_TOKEN"] = found.token
        command = [SparkFiles.get(self.name), "glue", step, *arguments]
        done = subprocess.run(command, input=given, capture_output=True, env=self.settings | credentials, check=False)
        sys.stderr.write(done.stderr.decode(errors="replace"))
        return done

    def output(self, step: str, given: Json, *arguments: str) -> bytes:
        done = self.run(step, json.dumps(given).encode(), *arguments)
        if done.returncode != 0:
            raise RunFailed(trouble(step, done))
        return done.stdout

    def ask(self, step: str, given: Json, *arguments: str) -> Json:
        return json.loads(self.output(step, given, *arguments))


def in_task(attempt: Callable[[int], Json]) -> Json:
    """A step in a task, tried twice. Trouble is an answer too: a task that fails ends those beside it, and nobody knows their uploads."""
    said = ""
    for number in range(2):
        time.sleep(number * PAUSE_SECS)
        try:
            return attempt(number)
        except RunFailed as error:
            said = str(error)
    return {"error": said}


def trouble(step: str, done: subprocess.CompletedProcess[bytes]) -> str:
    """Its last line of stderr says what failed."""
    said = done.stderr.decode(errors="replace").strip().splitlines() or [f"ended with {done.returncode}"]
    return f"{step}: killed by signal {-done.returncode}" if done.returncode < 0 else f"{step}: {said[-1]}"


def without_errors(answers: list[Json]) -> list[Json]:
    for answer in answers:
        if "error" in answer:
            raise RunFailed(answer["error"])
    return answers


# ---------------------------------------------------------------- a large object


def convert_object(context: SparkContext, lakegate: Lakegate, item: Json, range_bytes: int) -> Json:
    """Converts an object in ranges, or in one pass where it cannot be cut; the last step's answer."""
    given = item | {"range_bytes": range_bytes}
    begun = when_free(lakegate, "begin", given)
    if "one_pass" in begun:
        print(f"in one pass: {begun['one_pass']}")
        (answer,) = take_in(context, lakegate, [item], range_bytes)
        return answer
    if "job" not in begun:
        return begun
    converted: list[Json] = []  # As far as it comes, for whoever has to give it up.
    try:
        work = work_of_ranges(context, lakegate, begun["job"], begun["ranges"])
        compared = convert(context, lakegate, begun, work, converted)
    except (RunFailed, Py4JJavaError):
        give_up(lakegate, begun["job"], converted)
        # An object that was replaced or deleted meanwhile is no failure of the run.
        again = when_free(lakegate, "begin", given)
        if "outcome" in again:
            return again
        raise
    return when_free(lakegate, "publish", {"job": begun["job"], "work": work, "converted": converted} | compared)


def when_free(lakegate: Lakegate, step: str, given: Json) -> Json:
    """The answer of a step that may have to wait for another worker, or for a service."""
    for _ in range(ROUNDS):
        answer = lakegate.ask(step, given)
        if "again" not in answer:
            return answer
        time.sleep(min(WAIT_SECS_MAX, answer["secs"]))
    raise RunFailed(f"{step}: {answer['again']}")


def work_of_ranges(context: SparkContext, lakegate: Lakegate, job: Json, ranges: int) -> list[Json]:
    """Scans all ranges, some of them again where the range before ends otherwise than was guessed: what each has to convert."""

    def scan(wanted: Json) -> Json:
        return in_task(lambda _: lakegate.ask("scan", {"job": job} | wanted))

    wanted: list[Json] = [{"range": number, "from": None} for number in range(ranges)]
    scans: list[Json] = []
    while True:
        scans += without_errors(in_tasks(context, wanted).map(scan).collect())
        resolved = lakegate.ask("resolve", {"job": job, "scans": scans})
        if "work" in resolved:
            return resolved["work"]
        wanted = [resolved["scan_again"]]


def convert(context: SparkContext, lakegate: Lakegate, begun: Json, work: list[Json], converted: list[Json]) -> Json:
    """Converts all ranges into `converted`. Rows of different ranges that have a key in common meet in a shuffle, and ranges whose
    rows lose are converted again; what `publish` has to know of that is returned."""
    job, has_keys = begun["job"], begun["has_keys"]

    def convert_range(wanted: Json) -> Iterator[tuple[int, Any]]:
        given = {"job": job, "work": wanted, "decisions": None}
        with tempfile.TemporaryDirectory() as folder:
            keys = [Path(folder, str(number)) for number in range(2)]
            arguments = [["--keys", str(path)] if has_keys else [] for path in keys]
            yield ANSWER, in_task(lambda number: lakegate.ask("convert", given, *arguments[number]))
            made = [path for path in keys if path.exists()]
            for bucket in made[-1].iterdir() if made else []:
                yield int(bucket.name), bucket.read_bytes()

    records = in_tasks(context, work).flatMap(convert_range)
    if not has_keys:
        converted += [answer for _, answer in records.collect()]
        without_errors(converted)
        return {"decided": None, "counted": []}
    # The answers go the way of the keys: no range is converted twice to have both.
    buckets = records.partitionBy(max(1, len(work)), int)
    found = buckets.mapPartitions(of_buckets(lakegate, "contest", {"job": job})).collect()
    converted += [answer for bucket, answer in found if bucket == ANSWER]
    without_errors(converted)
    with tempfile.TemporaryDirectory() as contested:
        for bucket, rows in found:
            if bucket != ANSWER:
                Path(contested, str(bucket)).write_bytes(rows)
        decisions = lakegate.ask("decide", {"job": job, "work": work, "converted": converted}, "--keys", contested)
    convert_again(context, lakegate, job, work, decisions["ranges"], converted)
    counted: list[Json] = []
    if begun["counts_duplicates"]:  # Spark has kept what the shuffle brought together.
        found = buckets.mapPartitions(of_buckets(lakegate, "count", {"job": job, "decisions": decisions})).collect()
        without_errors([answer for bucket, answer in found if bucket == ANSWER])
        counted = [json.loads(count) for bucket, count in found if bucket != ANSWER]
    return {"decided": decisions["decided"], "counted": counted}


def of_buckets(lakegate: Lakegate, step: str, given: Json) -> Callable[[Iterator[tuple[int, Any]]], Iterator[tuple[int, Any]]]:
    """For the partitions of a shuffle: what a step says of each bucket. Answers of other steps pass."""

    def compared(records: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            for number, (bucket, value) in enumerate(records):
                if bucket == ANSWER:
                    yield bucket, value
                    continue
                keys = Path(folder, str(bucket))
                keys.mkdir(exist_ok=True)
                (keys / str(number)).write_bytes(value)
            for keys in Path(folder).iterdir():
                try:
                    yield int(keys.name), lakegate.output(step, given, "--keys", str(keys))
                except RunFailed as error:
                    yield ANSWER, {"error": str(error)}

    return compared


def convert_again(
    context: SparkContext, lakegate: Lakegate, job: Json, work: list[Json], decisions: Json, converted: list[Json]
) -> None:
    """Converts the ranges that lose rows once more, and gives their former uploads up."""

    def convert_range(wanted: Json) -> Json:
        given = {"job": job, "work": wanted, "decisions": decisions[str(wanted["range"])]}
        return in_task(lambda _: lakegate.ask("convert", given))

    losing = [wanted for wanted in work if str(wanted["range"]) in decisions]
    former = [answer for answer in converted if str(answer["range"]) in decisions]
    again = in_tasks(context, losing).map(convert_range).collect()
    converted[:] = [answer for answer in converted if answer not in former] + again
    give_up(lakegate, job, former)
    without_errors(again)


def give_up(lakegate: Lakegate, job: Json, converted: list[Json]) -> None:
    """Ends uploads that nobody will complete. Where that fails, the bucket's lifecycle rule ends them a day later."""
    uploaded = [answer for answer in converted if "error" not in answer]
    try:
        if uploaded:
            lakegate.ask("give-up", {"job": job, "converted": uploaded})
    except RunFailed as error:
        print(f"uploads are left to the lifecycle rule: {error}", file=sys.stderr)


def in_tasks(context: SparkContext, items: list[Any]) -> RDD:
    """A task for each."""
    return context.parallelize(items, max(1, len(items)))


# ---------------------------------------------------------------- many objects


def take_in(context: SparkContext, lakegate: Lakegate, items: list[Json], range_bytes: int) -> list[Json]:
    """Takes objects in as wholes, in batches; an answer for each, in any order. What another worker has in hand, or what a
    process died of, comes again, then by itself."""

    def take_in_batch(batch: list[Json]) -> list[tuple[Json, Json]]:
        lines = "".join(json.dumps(item) + "\n" for item in batch)
        done = lakegate.run("take-in", lines.encode())
        answers = [json.loads(line) for line in done.stdout.splitlines(keepends=True) if line.endswith(b"\n")]
        missing = [{"again": trouble("take-in", done), "secs": 0}] * (len(batch) - len(answers))
        return list(zip(batch, answers + missing, strict=True))

    settled: list[Json] = []
    for number in range(ROUNDS):
        cut = batches(items, 1 if number else BATCH_OBJECTS, range_bytes)
        told = context.parallelize(cut, len(cut)).flatMap(take_in_batch).collect() if cut else []
        settled += [answer for _, answer in told if "again" not in answer]
        waiting = [answer for _, answer in told if "again" in answer]
        items = [item for item, answer in told if "again" in answer]
        if not items or number + 1 == ROUNDS:
            break
        time.sleep(min(WAIT_SECS_MAX, max(answer.get("secs", 0) for answer in waiting)))
    if items:
        raise RunFailed(f"{len(items)} of {len(items) + len(settled)} objects could not be taken in: {waiting[0]['again']}")
    return settled


def batches(items: list[Json], objects: int, bytes_max: int) -> list[list[Json]]:
    cut: list[list[Json]] = []
    room = 0
    for item in items:
        room -= item.get("size_bytes") or 0
        if not cut or room < 0 or len(cut[-1]) == objects:
            cut.append([])
            room = bytes_max - (item.get("size_bytes") or 0)
        cut[-1].append(item)
    return cut


def backfill(context: SparkContext, lakegate: Lakegate, manifest: Json, run_id: str, range_bytes: int) -> None:
    """Takes in what the ledger does not have as done: small objects many to a task, then large ones one after another."""
    listed = lakegate.output("list", {name: manifest.get(name) for name in ("bucket", "prefix", "contract")})
    items = [json.loads(line) | {"run_id": run_id} for line in listed.splitlines()]
    large = [item for item in items if item["size_bytes"] > range_bytes]
    failed: list[str] = []
    answers: list[Json] = []
    try:
        answers += take_in(context, lakegate, [item for item in items if item["size_bytes"] <= range_bytes], range_bytes)
    except RunFailed as error:
        failed.append(str(error))
    for item in large:
        try:
            answers.append(convert_object(context, lakegate, item, range_bytes))
        except RunFailed as error:
            failed.append(str(error))
    print(json.dumps(Counter(answer["outcome"]["outcome"] for answer in answers)))
    if failed:
        raise RunFailed("; ".join(failed))


# ---------------------------------------------------------------- the run


class Options(dict[str, str]):
    """The run's arguments by name."""

    def __missing__(self, name: str) -> str:
        raise RunFailed(f"the run lacks the argument --{name}")


def named(arguments: list[str]) -> Options:
    """`--name value` pairs by name; Glue adds switches of its own, which have no value and are left out."""
    pairs = zip(arguments, arguments[1:])
    return Options((name[2:], value) for name, value in pairs if name.startswith("--") and not value.startswith("--"))


def fetched(location: str) -> bytes:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    try:
        return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise RunFailed(f"cannot read {location}: {error}") from error


def unpacked(layer_version: str) -> bytes:
    """The binary, from the Lambda layer in which it is deployed."""
    try:
        found = boto3.client("lambda").get_layer_version_by_arn(Arn=layer_version)
        with urllib.request.urlopen(found["Content"]["Location"], timeout=60) as answer, zipfile.ZipFile(io.BytesIO(answer.read())) as layer:
            return layer.read(BINARY)
    except (BotoCoreError, ClientError, OSError, zipfile.BadZipFile, KeyError) as error:
        raise RunFailed(f"cannot fetch {layer_version}: {error}") from error


def prepared(context: SparkContext, options: dict[str, str], binary: bytes, name: str = BINARY) -> Lakegate:
    """Gives the binary to every worker. The settings are named as those of the functions."""
    path = Path(tempfile.mkdtemp(), name)
    path.write_bytes(binary)
    path.chmod(0o755)
    context.addFile(str(path))
    settings = {
        "AWS_REGION": options["region"],
        **{name: os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")},
        "LAKE_BUCKET": options["lake_bucket"],
        "GLUE_DATABASE": options["database"],
        "FAILURES_QUEUE_URL": options["failures_queue_url"],
        "UNKNOWN_DATASETS": options["unknown_datasets"],
        "ONE_PASS_BYTES_MAX": options["one_pass_bytes_max"],
    }
    settings |= json.loads(options.get("environment", "{}"))  # whom else to tell
    return Lakegate(settings, name)


def run(context: SparkContext, options: Options) -> None:
    """One run of the job. A manifest names what it is for; it lies in the lake bucket, or is an argument itself."""
    os.environ.setdefault("AWS_DEFAULT_REGION", options["region"])
    lakegate = prepared(context, options, unpacked(options["binary"]))
    inline = options.get("manifest")
    manifest = json.loads(inline or fetched(f"s3://{options['lake_bucket']}/{options['manifest_key']}"))
    range_bytes, run_id = int(options.get("range_bytes", RANGE_BYTES)), options["JOB_RUN_ID"]
    if manifest["kind"] == "prefix":
        backfill(context, lakegate, manifest, run_id, range_bytes)
        return
    item = {"event": manifest["event"], "replaces": manifest.get("replaces"), "trace": manifest.get("trace"), "run_id": run_id}
    print(json.dumps(convert_object(context, lakegate, item, range_bytes)))


def main(arguments: list[str]) -> None:
    try:
        run(SparkContext.getOrCreate(), named(arguments))
        return
    except RunFailed as error:
        said = str(error)
    except Py4JJavaError as error:
        said = f"Spark: {str(error.java_exception.getMessage()).splitlines()[0]}"
        traceback.print_exc()
    except Exception as error:  # Its text may show data: it stays in the log.
        said = f"{type(error).__name__}: see the run's log"
        traceback.print_exc()
    sys.exit(f"convert_large: {said}")


if __name__ == "__main__":
    main(sys.argv[1:])
