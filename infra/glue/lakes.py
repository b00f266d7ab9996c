"""A lake for one contract on the local AWS, and what stands in it, read by DuckDB.

It must not know the script, and of the binary only `lakegate convert`.
"""

import dataclasses
import json
import os
import re
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import boto3
import duckdb

ROOT = Path(__file__).parent.parent.parent
COMMAND = os.environ["LAKEGATE_COMMAND"]
# What a rejected row is, whatever file it lies in and whoever converted it.
REJECT_COLUMNS = "row_number, line, byte_offset, raw, violations"
SORTED_REJECTS = f"SELECT {REJECT_COLUMNS} FROM read_parquet(?) ORDER BY row_number"


@dataclass
class Standing:
    """What became of an object: verdict and counts, rows by partition (how many, and what they are), rejects in their order."""

    verdict: dict[str, Any]
    columns: list[tuple] | None
    rows: dict[str, tuple[int, int]]
    rejects: list[tuple]


def folded(files: dict[str, list[str]], rejects: list[str], verdict: dict[str, Any]) -> Standing:
    """Reads files by partition. Of rows the sum of their hashes is kept, which their order and their files do not change."""
    connection = duckdb.connect()
    columns, rows = None, {}
    for partition, paths in sorted(files.items()):
        table = "(SELECT * FROM read_parquet(?, hive_partitioning = false))"
        told = [row[:2] for row in connection.execute(f"DESCRIBE SELECT * FROM {table}", [paths]).fetchall()]
        assert columns in (None, told), "files of one table have the same columns"
        columns = told
        found = connection.execute(f"SELECT count(*), sum(hash(one)::HUGEINT) FROM {table} AS one", [paths]).fetchone()
        assert found
        rows[partition] = found
    told_rejects = connection.execute(SORTED_REJECTS, [rejects]).fetchall() if rejects else []
    return Standing(verdict, columns, rows, told_rejects)


def in_one_pass(folder: Path, contract: str, data: bytes, name: str) -> Standing:
    """What `lakegate convert` makes of a file."""
    (folder / "contract.yaml").write_text(contract, encoding="utf-8")
    (folder / name).write_bytes(data)
    out = folder / "out"
    command = [COMMAND, "convert", name, "--contract", "contract.yaml", "--out", str(out), "--report", "-"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    report = json.loads(done.stdout)
    files: dict[str, list[str]] = {}
    for output in report["outputs"]:
        files.setdefault(output["partition"], []).append(str(out / output["path"]))
    rejects = [str(path) for path in out.glob("rejects/**/*.parquet")]
    state = {"published": "committed", "rejected": "rejected"}[report["status"]]
    return folded(files, rejects, verdict(report | {"state": state}))


def verdict(told: dict[str, Any]) -> dict[str, Any]:
    """What a report and a ledger entry both say."""
    counts = {name: told.get(name) or 0 for name in ("rows_read", "rows_accepted", "rows_rejected", "rows_duplicate")}
    return counts | {
        "state": told["state"],
        "violations": told.get("violations") or {},
        "warnings": told.get("warnings") or {},
        "file_error": told.get("file_error"),
    }


@dataclass
class Lake:
    """Buckets, a catalog and a queue of its own. The raw bucket announces nothing: no function takes part. It keeps no versions: of one
    the local AWS gives the whole, whatever range is asked for."""

    contract: str
    name: str = field(default_factory=lambda: f"lake-{uuid.uuid4().hex[:12]}")

    def __post_init__(self) -> None:
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.raw = f"{self.name}-raw"
        for bucket in (self.name, self.raw):
            self.s3.create_bucket(Bucket=bucket)
        self.database = self.name.replace("-", "_")
        boto3.client("glue", region_name="us-east-1").create_database(DatabaseInput={"Name": self.database})
        self.sqs = boto3.client("sqs", region_name="us-east-1")
        self.failures = self.sqs.create_queue(QueueName=f"{self.name}-failures")["QueueUrl"]
        self.s3.put_object(Bucket=self.name, Key="contracts/contract.odcs.yaml", Body=self.contract.encode())

    def given(self, lakegate: Any) -> Any:
        """The binary, with the settings of this lake."""
        return dataclasses.replace(lakegate, settings=lakegate.settings | self.settings)

    @property
    def settings(self) -> dict[str, str]:
        return {"LAKE_BUCKET": self.name, "GLUE_DATABASE": self.database, "FAILURES_QUEUE_URL": self.failures}

    def drop(self, name: str, data: bytes) -> dict[str, Any]:
        """Puts a file where the contract's landing location covers it; the item that a run is given."""
        landing = re.search(r"s3://\*/([^*\s\"]*)", self.contract)
        assert landing, "the contract names a landing location"
        key = landing[1] + name
        put = self.s3.put_object(Bucket=self.raw, Key=key, Body=data)
        sample = json.loads((ROOT / "events/ingest/s3-notification.json").read_text(encoding="utf-8"))
        told = {"key": quote_plus(key, safe="/"), "size": len(data), "eTag": put["ETag"].strip('"')}
        (record,) = sample["Records"]
        record["s3"]["bucket"]["name"] = self.raw
        record["s3"]["object"] = told | {"sequencer": f"{uuid.uuid4().int % 2**63:016X}"}
        return {"event": json.dumps(sample), "replaces": None, "run_id": "jr_test", "size_bytes": len(data)}

    def entry(self, item: dict[str, Any]) -> dict[str, Any]:
        """The ledger's entry of an object."""
        key = unquote_plus(json.loads(item["event"])["Records"][0]["s3"]["object"]["key"])
        (entry,) = [entry for entry in self.entries() if entry["source"]["key"] == key]
        return entry

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(self.read(path)) for path in self.list("ledger/")]

    def standing(self, item: dict[str, Any], folder: Path) -> Standing:
        """What became of an object, by its ledger entry and the files that it names; no other file may stand."""
        entry = self.entry(item)
        files: dict[str, list[str]] = {}
        for output in entry.get("outputs") or []:
            files.setdefault(output["partition"], []).append(self.fetched(output["path"], folder))
        paths = entry.get("rejects_paths") or [path for path in [entry.get("rejects_path")] if path]
        rejects = [self.fetched(path, folder) for path in paths]
        named = {output["path"] for output in entry.get("outputs") or []} | set(paths)
        assert set(self.list("lake/")) | set(self.list("rejects/")) == named, "what stands is what the ledger names"
        return folded(files, rejects, verdict(entry))

    def uploads(self) -> list[str]:
        """Keys of uploads that are neither completed nor given up."""
        return [upload["Key"] for upload in self.s3.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]

    def letters(self) -> list[dict[str, Any]]:
        """Failure records that were told, taken from the queue."""
        told = self.sqs.receive_message(QueueUrl=self.failures, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return [json.loads(message["MessageAttributes"]["failure"]["StringValue"]) for message in told.get("Messages", [])]

    def list(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()

    def fetched(self, key: str, folder: Path) -> str:
        path = folder / "lake" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.read(key))
        return str(path)
