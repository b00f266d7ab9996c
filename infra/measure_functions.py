"""Measures what a deployed function costs before it does anything: the size of its zip, and the time from starting the process
to its first request for work. Needs Python 3.10+ and release builds (`cargo build --release -p ingest -p start-glue
-p route-failures -p sweep -p fetch-api -p load-warehouse -p publish-report`, or `cargo lambda build --release`).

usage: python3 infra/measure_functions.py [--runs N] [FOLDER]

FOLDER holds the binaries, `target/release` unless given; `target/lambda` works too.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FUNCTIONS = ("ingest", "start-glue", "route-failures", "sweep", "fetch-api", "load-warehouse", "publish-report")
# Nobody waits for their start: a schedule begins them, or a queue that waits a minute for more.
UNHURRIED = {"sweep", "fetch-api", "publish-report", "load-warehouse"}
MAX_START_MS = 15.0
MAX_ZIP_MB = 10.0
START_TIMEOUT_SECS = 10
URL = "http://127.0.0.1:9/000000000000/none"
# Every setting that any of the functions reads; nothing is called with them.
SETTINGS = {
    "RAW_BUCKET": "raw", "LAKE_BUCKET": "lake", "GLUE_DATABASE": "lakegate", "GLUE_JOB": "job", "HEAVY_BYTES": "1000000",
    "INGEST_QUEUE_URL": URL, "HEAVY_QUEUE_URL": URL, "FAILURES_QUEUE_URL": URL, "DEAD_LETTER_QUEUE_URL": URL,
    "STACK_NAME": "lakegate", "WORK_GROUP": "lakegate-dashboard", "WORKGROUP": "lakegate", "WAREHOUSE_DATABASE": "dev",
    "LOAD_QUEUE_URL": URL,
    "ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:alerts",
    "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_LAMBDA_FUNCTION_NAME": "measured", "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "AWS_LAMBDA_LOG_STREAM_NAME": "s", "AWS_LAMBDA_LOG_GROUP_NAME": "g",
}


class RuntimeApi(ThreadingHTTPServer):
    """Lambda's runtime API as far as a starting function sees it: it notes the first request for work and never answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Next)
        self.asked_at = 0.0
        self.asked = threading.Event()


class _Next(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.endswith("/invocation/next") and not self.server.asked.is_set():
            self.server.asked_at = time.perf_counter()
            self.server.asked.set()
        time.sleep(START_TIMEOUT_SECS)

    def do_POST(self) -> None:  # an error while it starts
        length = int(self.headers.get("content-length", 0))
        print(self.rfile.read(length).decode(errors="replace"), file=sys.stderr)

    def log_message(self, *_: object) -> None:
        pass


def start_ms(binary: Path) -> float:
    """Milliseconds from exec to the first request for work."""
    api = RuntimeApi()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    env = SETTINGS | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}", "PATH": os.environ.get("PATH", "")}
    started_at = time.perf_counter()
    process = subprocess.Popen([binary], env=env)
    try:
        if not api.asked.wait(START_TIMEOUT_SECS):
            sys.exit(f"{binary} did not ask for work within {START_TIMEOUT_SECS} s")
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()
    return (api.asked_at - started_at) * 1000


def zip_mb(binary: Path) -> float:
    """Megabytes of the zip that is deployed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(binary, "bootstrap")
    return len(buffer.getvalue()) / 1e6


def find(folder: Path, function: str) -> Path:
    for candidate in (folder / function / "bootstrap", folder / function):
        if candidate.is_file():
            return candidate
    sys.exit(f"{folder / function} is not there: cargo build --release -p {function}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("target/release"))
    parser.add_argument("--runs", type=int, default=21)
    arguments = parser.parse_args()
    is_good = True
    for function in FUNCTIONS:
        binary = find(arguments.folder, function)
        start_ms(binary)  # the first start reads the file from disk
        starts = [start_ms(binary) for _ in range(arguments.runs)]
        median, size = statistics.median(starts), zip_mb(binary)
        is_good &= (function in UNHURRIED or median < MAX_START_MS) and size < MAX_ZIP_MB
        print(f"{function:15} start {median:5.1f} ms (median of {arguments.runs}, worst {max(starts):.1f})   zip {size:4.1f} MB")
    if not is_good:
        sys.exit(f"over the limits: {MAX_START_MS:.0f} ms to start, {MAX_ZIP_MB:.0f} MB zipped")


if __name__ == "__main__":
    main()
