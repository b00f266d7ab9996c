"""That docs/deploy.md tells what the project's files say, and the files agree with each other."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SAMCONFIG = (ROOT / "samconfig.toml").read_text(encoding="utf-8")


def pins(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return {line.split("#")[0].strip() for line in text.splitlines()} - {""}


def test_what_deploys_is_what_the_template_was_tested_with() -> None:
    assert "pip install -r requirements/deploy.txt" in PAGE
    sam = {pin for pin in pins("lint") if pin.startswith("aws-sam-cli")}
    assert pins("deploy") == pins("cargo-lambda") | sam


def test_sam_finds_the_template_and_needs_no_flags() -> None:
    for command in ("build", "validate"):
        assert re.search(rf'\[default[.]{command}[.]parameters\]\ntemplate_file = "infra/template.yaml"', SAMCONFIG)
    (deploy,) = re.findall(r"\[default[.]deploy[.]parameters\]\n((?:.+\n)+)", SAMCONFIG)
    assert dict(re.findall(r"(\w+) = (\S+)", deploy)) == {
        "stack_name": '"lakegate"',
        "capabilities": '"CAPABILITY_IAM"',
        "resolve_s3": "true",
    }
    assert "\nsam build\nsam deploy --guided\n" in PAGE


def test_the_line_for_the_other_architecture_is_there_to_be_uncommented() -> None:
    (line,) = re.findall(r"^# (parameter_overrides = .*)$", SAMCONFIG, re.MULTILINE)
    assert f"`{line}`" in PAGE


def test_files_and_sections_that_the_page_names_are_there() -> None:
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^## (.*)$", PAGE, re.MULTILINE)}
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, anchor = link.partition("#")
        assert link.startswith("https://") or (path and (ROOT / "docs" / path).is_file()) or anchor in anchors, link
