"""Ledgers to report about: documents as Lakegate writes them, with counts that a seed decides."""

import hashlib
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

STATES = ["committed"] * 90 + ["rejected"] * 4 + ["failed"] * 3 + ["heavy", "working", "removed"]
RULES = {
    "orders": [("quantity", "minimum"), ("order_date", "type"), ("region", "enum"), ("", "fieldCount"), ("unit_price", "required")],
    "customers": [("email", "pattern"), ("membership_tier", "enum"), ("signup_date", "type")],
    "web_events": [("session_id", "required"), ("url", "maxLength")],
    "products": [("sku", "unique")],
}
# Names that would be markup, script, or unreadable if anything took them for more than data.
HOSTILE_KEYS = [
    "orders/</script><script>document.title='owned'</script>.csv",
    "orders/<img src=x onerror=\"document.title='owned'\">.csv",
    "orders/\u202egpj.csv",
    "orders/a\nb\tc\u0000.csv",
    "orders/' onmouseover='x' \"&amp;&lt;.csv",
    "orders/" + "very long name " * 40 + ".csv",
    "orders/李小龍 Käufe 😀.csv",
    "orders/{{constructor}} ${7*7} datum.value.csv",
]
HOSTILE_RULES = [("</td><script>alert(1)</script>", "<b>minimum</b>"), ("a.b[0]'\"", "x\\y"), ("__proto__", "constructor")]


def rfc3339(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Ledger:
    """A local lake that has a ledger and nothing else."""

    def __init__(self, folder: Path, seed: int):
        self.folder = folder
        self.random = random.Random(seed)
        self.entries: list[dict] = []

    def add(self, key: str, dataset: str | None, at: datetime, state: str, **changes) -> dict:
        rng = self.random
        read = rng.randrange(10, 20_000) if state in ("committed", "rejected") else 0
        violations: dict[str, dict[str, int]] = {}
        rejected = 0
        if read and (state == "rejected" or rng.random() < 0.3):
            for column, rule in rng.sample(RULES.get(dataset, []), k=min(2, len(RULES.get(dataset, [])))):
                rows = rng.randrange(1, max(2, read // 40))
                violations.setdefault(column, {})[rule] = rows
                rejected = min(read, rejected + rows)
        duplicate = rng.randrange(0, 5) if read and rng.random() < 0.05 else 0
        duplicate = min(duplicate, read - rejected)
        size = int(10 ** rng.uniform(2, 8.5))
        waited = rng.expovariate(1 / 5) + 0.5
        entry = {
            "version": 1, "state": state, "dataset": dataset, "contract_version": "1.0.0" if dataset else None, "engine_version": "0.1.0",
            "source": {
                "bucket": "raw", "key": key, "version_id": "v1", "etag": "a", "sequencer": None,
                "last_modified": rfc3339(at - timedelta(seconds=waited)), "size_bytes": size,
            },
            "rows_read": read, "rows_accepted": read - rejected - duplicate, "rows_rejected": rejected, "rows_duplicate": duplicate,
            "violations": violations, "file_error": None, "outputs": [], "rejects_path": None, "attempts": rng.choice([1, 1, 1, 1, 2]),
            "at": rfc3339(at), "elapsed_ms": int(waited * 800), "lease_until": None,
        }
        if state == "failed":
            entry["file_error"] = {"kind": "UnknownDataset", "message": f"no contract covers s3://raw/{key}", "line": None}
        if state == "heavy":
            entry["run_id"] = f"jr_{len(self.entries) // 40}"
        entry.update(changes)
        self.entries.append(entry)
        return entry

    def write(self) -> Path:
        for entry in self.entries:
            digest = hashlib.sha256(f"{entry['source']['bucket']}/{entry['source']['key']}".encode()).hexdigest()
            path = self.folder / "ledger" / entry["source"]["bucket"] / f"{digest[:24]}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(entry) + "\n")
        (self.folder / "ledger").mkdir(parents=True, exist_ok=True)
        return self.folder


def busy(folder: Path, files: int, days: float, now: datetime, seed: int = 1) -> Ledger:
    """Files of four datasets over some days, by day more than by night."""
    ledger = Ledger(folder, seed)
    rng = ledger.random
    for number in range(files):
        at = now - timedelta(days=days) * rng.random()
        # No two at the same time: which of them comes first nobody could say.
        if at.hour < 6 and rng.random() < 0.8 and at + timedelta(hours=8) < now:
            at += timedelta(hours=8)
        dataset = rng.choice(["orders"] * 6 + ["customers"] * 2 + ["web_events"] * 4 + ["products"])
        state = rng.choice(STATES)
        is_unknown = state == "failed"
        key = f"{'invoices' if is_unknown else dataset}/{at:%Y/%m/%d}/export {number:05}.csv"
        ledger.add(key, None if is_unknown else dataset, at, state)
    return ledger


def hostile(folder: Path, now: datetime) -> Ledger:
    """Names that others chose, at their worst."""
    ledger = Ledger(folder, 2)
    for number, key in enumerate(HOSTILE_KEYS):
        state = ["committed", "rejected", "failed"][number % 3]
        entry = ledger.add(key, "orders", now - timedelta(minutes=number), state)
        if state != "failed":
            column, rule = HOSTILE_RULES[number // 3 % len(HOSTILE_RULES)]
            entry["violations"] = {column: {rule: number + 1}}
    ledger.add("x", "<script>document.title='owned'</script>", now, "committed")
    return ledger
