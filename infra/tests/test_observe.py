"""What Lakegate tells beside its alerts: the dashboard, the notices and the lineage events, held against what they should be."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from openlineage.client import event_v2
from openlineage.client.generated import base
from test_template import RESOURCES, ROOT, TEMPLATE, deployed

METRICS = set(re.findall(r'^\| `(\w+)` \|', (ROOT / "docs" / "observe.md").read_text(encoding="utf-8"), re.MULTILINE))


def read(path: str) -> object:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def dashboard() -> dict:
    """Its body, with a word in the place of what CloudFormation puts there."""
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    names = set(re.findall(r"\$\{([^!}]+)\}", body))
    known = set(TEMPLATE["Resources"]) | set(TEMPLATE["Parameters"]) | {"AWS::StackName", "AWS::Region"}
    assert {name.split(".")[0] for name in names} <= known, "every name is one of the template's"
    return json.loads(re.sub(r"\$\{[^!}]+\}", "x", body).replace("${!", "${"))


def test_the_dashboard_fits_its_grid() -> None:
    """24 columns, 500 widgets; no two lie on each other."""
    taken: set[tuple[int, int]] = set()
    for widget in dashboard()["widgets"]:
        places = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert max(x for x, _ in places) < 24 and not places & taken, widget["properties"]
        taken |= places
        assert widget["type"] in {"metric", "text", "alarm", "log"}
        assert widget["type"] == "text" or widget["properties"]["title"]
        if widget["type"] == "metric":
            assert {"metrics", "region", "view"} <= set(widget["properties"])


def test_the_dashboard_shows_metrics_that_there_are() -> None:
    text = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    searched = set(re.findall(r'MetricName=\\"(\w+)\\"', text)) | set(re.findall(r'"Lakegate", "(\w+)"', text))
    assert searched <= METRICS, searched - METRICS
    assert {"FilesCommitted", "FilesRejected", "RowsAccepted", "RowsRejected", "Age", "Failures", "FreshnessOverdue"} <= searched


def test_the_dashboard_has_every_alarm_that_there_always_is() -> None:
    shown = set(re.findall(r"\$\{(\w+Alarm)\.Arn\}", RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]))
    always = {
        name for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Condition" not in resource
    }
    assert shown == always


def test_alarms_watch_metrics_that_there_are_and_say_what_to_do() -> None:
    for name, resource in RESOURCES.items():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            continue
        alarm = resource["Properties"]
        described = alarm["AlarmDescription"]
        text = described if isinstance(described, str) else described["Fn::Sub"]
        assert len(text) > 80, f"{name} says what to do"
        # Metrics of filters are named after the stack.
        is_ours = alarm["Namespace"] == "Lakegate" and isinstance(alarm["MetricName"], str)
        assert not is_ours or alarm["MetricName"] in METRICS, name


def test_throttles_of_every_function_are_watched() -> None:
    alarms = [resource["Properties"] for resource in RESOURCES.values() if resource["Type"] == "AWS::CloudWatch::Alarm"]
    watched = {alarm["Dimensions"][0]["Value"]["Ref"] for alarm in alarms if alarm["MetricName"] == "Throttles"}
    assert watched == {name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Serverless::Function"}


@pytest.mark.parametrize(("name", "wrong"), [("object-ingested", {"rows": {"read": -1}}), ("object-removed", {"reason": "lost"})])
def test_the_sample_notices_keep_their_schemas(name: str, wrong: dict) -> None:
    schema = read(f"docs/schemas/{name}.schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    sample = read(f"events/notices/{name}.json")
    jsonschema.validate(sample, schema)
    assert set(sample) == set(schema["properties"]), "every member is described"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(sample | wrong, schema)


def test_notices_and_lineage_may_be_sent_where_they_are_on_and_nowhere_else() -> None:
    def actions(**given: str) -> set[tuple[str, str]]:
        statements = deployed(**given)["ConvertPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        found = [(a, json.dumps(s["Resource"])) for s in statements for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])]
        return {(a, r) for a, r in found if a == "events:PutEvents" or "lineage/" in r}

    assert {a for a, _ in actions()} == {"events:PutEvents"}
    assert {a for a, _ in actions(Lineage="on", Notices="off")} == {"s3:PutObject"}
    assert actions(Notices="off") == set()


# ---------------------------------------------------------------- lineage, by the classes of OpenLineage's own client


def facet_class(url: str) -> type:
    """The generated class of a facet, found by the address of its schema."""
    name = url.rsplit("/", 1)[-1]
    import importlib
    import pkgutil

    from openlineage.client import generated

    for module in pkgutil.iter_modules(generated.__path__):
        found = getattr(importlib.import_module(f"openlineage.client.generated.{module.name}"), name, None)
        if found is not None and found._get_schema() == url:
            return found
    raise AssertionError(f"{url} is no facet that OpenLineage knows, in this version")


def checked(facets: dict) -> None:
    for name, facet in facets.items():
        assert facet["_producer"].startswith("urn:lakegate:")
        if name == "lakegate":  # A facet of our own has the base's schema.
            assert facet["_schemaURL"] == base.RunFacet._get_schema()
            continue
        made = facet_class(facet["_schemaURL"])
        made(**{key: value for key, value in facet.items() if not key.startswith("_")}, producer=facet["_producer"])


def test_lineage_events_are_what_openlineage_takes() -> None:
    events = read("events/lineage/run-events.json")
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "FAIL"]
    for event in events:
        assert event["schemaURL"] == base.RunEvent._get_schema()
        for dataset in event["inputs"]:
            checked(dataset["facets"] | dataset["inputFacets"])
        for dataset in event["outputs"]:
            checked(dataset["facets"] | dataset.get("outputFacets", {}))
        checked(event["run"]["facets"] | event["job"]["facets"])
        event_v2.RunEvent(
            eventType=event_v2.RunState[event["eventType"]],
            eventTime=event["eventTime"],
            producer=event["producer"],
            run=event_v2.Run(**event["run"]),
            job=event_v2.Job(**event["job"]),
            inputs=[event_v2.InputDataset(**dataset) for dataset in event["inputs"]],
            outputs=[event_v2.OutputDataset(**dataset) for dataset in event["outputs"]],
        )
    complete, failed = events[1], events[2]
    assert {"schema", "dataSource", "symlinks"} <= set(complete["outputs"][0]["facets"])
    assert set(complete["outputs"][0]["outputFacets"]["outputStatistics"]) >= {"rowCount", "size"}
    assert failed["run"]["facets"]["errorMessage"]["message"].startswith("ContractViolated: ")
