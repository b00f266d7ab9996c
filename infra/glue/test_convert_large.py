"""The job that cannot convert yet says so, by name, and fails."""

import subprocess
import sys
from pathlib import Path

JOB = Path(__file__).with_name("convert_large.py")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, JOB, *arguments], capture_output=True, text=True, check=False)


def test_the_object_is_named_and_the_run_fails() -> None:
    # As Glue passes them: a switch without a value, and names of its own between ours.
    done = run("--enable-auto-scaling", "--source_bucket", "raw", "--JOB_NAME", "j", "--source_key", "orders/a b.csv")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("not available yet: s3://raw/orders/a b.csv was not converted")


def test_a_run_without_arguments_fails_too() -> None:
    assert run().returncode == 1
