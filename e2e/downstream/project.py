"""dbt over the project of this repository. It knows dbt from outside only, and no lake."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt"
DBT = Path(sys.executable).with_name("dbt")


def run_dbt(*arguments, target, folder, environment):
    """Runs dbt; nothing of it is left in the project's folder."""
    command = [DBT, "--no-use-colors", *arguments, "--target", target, "--project-dir", PROJECT, "--profiles-dir", PROJECT]
    command += ["--target-path", folder / "target", "--log-path", folder / "logs"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEGATE_", "DBT_"))}
    return subprocess.run(command, cwd=folder, env={**inherited, **environment}, capture_output=True, text=True, check=False)
