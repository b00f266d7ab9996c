"""That the template's saved queries are the files of infra/athena. LAKEGATE_BLESS=1 writes that part of the template anew."""

import os
import re
from pathlib import Path

from test_template import ROOT, deployed

TEMPLATE = ROOT / "infra" / "template.yaml"
FILES = sorted((ROOT / "infra" / "athena").glob("*.sql"))
NEXT = "\n"
BEGIN, END = "  # saved queries: generated from athena/*.sql\n", "  # end of saved queries\n"


def parts(file: Path) -> tuple[str, str, str]:
    """The title, what the query answers, and the query."""
    title, about, query = file.read_text(encoding="utf-8").split("\n", 2)
    assert title.startswith("-- ") and about.startswith("-- ") and about.endswith("."), file
    return title[3:], about[3:], query


def logical_name(file: Path) -> str:
    return "Query" + file.stem.title().replace("_", "")


def resource(file: Path) -> str:
    title, about, query = parts(file)
    quoted = about.replace("'", "''")
    lines = "".join(f"        {line}\n" for line in query.splitlines())
    return f"""  {logical_name(file)}:
    Type: AWS::Athena::NamedQuery
    Condition: HasSavedQueries
    Properties:
      Database: !Ref CatalogDatabase
      Name: !Sub "${{AWS::StackName}}: {title}"
      Description: '{quoted}'
      QueryString: |
{lines}"""


def test_the_template_has_every_file() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    (before, rest) = text.split(BEGIN)
    (_, after) = rest.split(END)
    wanted = f"{before}{BEGIN}{NEXT.join(map(resource, FILES))}{END}{after}"
    if os.environ.get("LAKEGATE_BLESS") == "1":
        TEMPLATE.write_text(wanted, encoding="utf-8")
    assert TEMPLATE.read_text(encoding="utf-8") == wanted


def test_they_are_deployed_where_they_are_asked_for_and_are_what_the_files_say() -> None:
    def queries(**given: str) -> dict[str, dict]:
        resources = deployed(**given).items()
        return {name: each["Properties"] for name, each in resources if each["Type"] == "AWS::Athena::NamedQuery"}

    assert len(FILES) >= 15
    assert queries() == {}
    saved = queries(SavedQueries="on")
    assert set(saved) == {logical_name(file) for file in FILES}
    for file in FILES:
        title, about, query = parts(file)
        found = saved[logical_name(file)]
        assert (found["QueryString"], found["Description"]) == (query, about)
        assert found["Name"] == {"Fn::Sub": f"${{AWS::StackName}}: {title}"}
        assert found["Database"] == {"Ref": "CatalogDatabase"}


def test_titles_differ_and_queries_are_plain() -> None:
    titles = [parts(file)[0] for file in FILES]
    assert len(set(titles)) == len(titles)
    for file in FILES:
        title, about, query = parts(file)
        # Limits of CreateNamedQuery; a stack's name takes up to 45 characters.
        assert len(title) <= 80 and len(about) <= 1024, file
        assert query.endswith("\n") and ";" not in re.sub("--.*", "", query) and "\t" not in query and "{" not in query, file
