"""The Glue job for objects that are too big for one Lambda function.

It does not convert yet: it names the object and fails, so that the object ends as an alert and in the dead-letter
queue, never in silence.
"""

import sys


def named(arguments: list[str]) -> dict[str, str]:
    """`--name value` pairs by name; Glue adds switches of its own, which have no value and are left out."""
    pairs = zip(arguments, arguments[1:])
    return {name[2:]: value for name, value in pairs if name.startswith("--") and not value.startswith("--")}


def refusal(arguments: dict[str, str]) -> str:
    """What to tell whoever reads why the run failed."""
    bucket, key = arguments.get("source_bucket", "?"), arguments.get("source_key", "?")
    return f"converting large objects is not available yet: s3://{bucket}/{key} was not converted"


if __name__ == "__main__":
    sys.exit(refusal(named(sys.argv[1:])))
