"""What infra/template.yaml promises, and what a harmless-looking edit would break."""

import re
from pathlib import Path

import pytest
import yaml


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!Ref X` as {"Ref": "X"}, `!Sub X` as {"Fn::Sub": "X"}, and so on."""


def intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> dict:
    construct = {"scalar": loader.construct_scalar, "sequence": loader.construct_sequence}.get(node.id)
    value = construct(node) if construct else loader.construct_mapping(node)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", intrinsic)
TEXT = (Path(__file__).parent.parent / "template.yaml").read_text(encoding="utf-8")
TEMPLATE = yaml.load(TEXT, Loader)
RESOURCES = TEMPLATE["Resources"]

DAY = 24 * 60 * 60
# Statements that may say "*", by resource and Sid, and why.
STARS = {
    ("AlertsKey", "AccountDecides"): 'in a key policy "*" is the key itself',
    ("AlertsKey", "AlarmsMayPublish"): 'in a key policy "*" is the key itself',
}


def of_type(kind: str) -> dict[str, dict]:
    found = {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}
    assert found, f"the template has no {kind}"
    return found


def target(reference: dict | str) -> str:
    """The logical name that a `!Ref X`, `!GetAtt X.Arn` or `!Sub ${X.Arn}/*` is about."""
    (value,) = reference.values()
    return re.sub(r"^\$\{|[.}].*$", "", value)


def listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def statements() -> list[tuple[str, dict]]:
    """Every statement of every policy, with its resource's name; trust policies, which have no Resource, left out."""
    found = []
    for name, resource in RESOURCES.items():
        properties = resource.get("Properties", {})
        inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        own = [properties[key] for key in ("PolicyDocument", "KeyPolicy") if key in properties]
        found += [(name, statement) for document in inline + own for statement in document["Statement"]]
    return found


QUEUES = of_type("AWS::SQS::Queue")
BUCKETS = of_type("AWS::S3::Bucket")
FUNCTIONS = of_type("AWS::Serverless::Function")
MAPPINGS = {
    name: event["Properties"]
    for name, function in FUNCTIONS.items()
    for event in function.get("Events", {}).values()
    if event["Type"] == "SQS"
}


def dead_letters(queue: str) -> str:
    return target(QUEUES[queue]["RedrivePolicy"]["deadLetterTargetArn"])


def receives(queue: str) -> int:
    return QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"]


def test_no_policy_is_about_everything_without_a_reason() -> None:
    stars = {(name, statement.get("Sid")) for name, statement in statements() if "*" in listed(statement["Resource"])}
    assert stars == set(STARS)


def test_no_policy_allows_every_action_but_the_key_s_own() -> None:
    wide = {
        (name, statement.get("Sid"))
        for name, statement in statements()
        if statement["Effect"] == "Allow"
        and any(re.fullmatch(r"\*|\w+:\*", action) for action in listed(statement["Action"]))
    }
    assert wide == {("AlertsKey", "AccountDecides")}


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [target(function["Role"]) for function in FUNCTIONS.values()]
    assert len(set(roles)) == len(FUNCTIONS)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_refuse_plain_http(bucket: str) -> None:
    (policy,) = [p for p in of_type("AWS::S3::BucketPolicy").values() if target(p["Bucket"]) == bucket]
    (denial,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    assert (denial["Principal"], denial["Action"]) == ("*", "s3:*")
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert [target(resource) for resource in denial["Resource"]] == [bucket, bucket], "the bucket and its objects"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_private_versioned_encrypted_and_outlive_the_stack(bucket: str) -> None:
    properties = BUCKETS[bucket]
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert RESOURCES[bucket]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[bucket]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_unfinished_uploads_do_not_pile_up(bucket: str) -> None:
    rules = BUCKETS[bucket]["LifecycleConfiguration"]["Rules"]
    assert {"DaysAfterInitiation": 1} in [rule.get("AbortIncompleteMultipartUpload") for rule in rules]


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_are_encrypted(queue: str) -> None:
    assert QUEUES[queue]["SqsManagedSseEnabled"] is True


def test_only_named_sources_may_send_to_a_queue() -> None:
    for policy in of_type("AWS::SQS::QueuePolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            assert "Service" in statement["Principal"]
            assert "aws:SourceArn" in statement["Condition"]["ArnEquals"]


@pytest.mark.parametrize("function", MAPPINGS)
def test_a_message_stays_hidden_for_six_timeouts_and_the_window(function: str) -> None:
    queue, window = target(MAPPINGS[function]["Queue"]), MAPPINGS[function].get("MaximumBatchingWindowInSeconds", 0)
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * FUNCTIONS[function]["Timeout"] + window


@pytest.mark.parametrize("function", MAPPINGS)
def test_one_bad_message_fails_alone(function: str) -> None:
    assert MAPPINGS[function]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("function", MAPPINGS)
def test_concurrency_is_bounded_as_lambda_accepts_it(function: str) -> None:
    assert MAPPINGS[function]["ScalingConfig"]["MaximumConcurrency"] >= 2


@pytest.mark.parametrize("function", MAPPINGS)
def test_large_batches_have_a_window(function: str) -> None:
    assert MAPPINGS[function]["BatchSize"] <= 10 or MAPPINGS[function]["MaximumBatchingWindowInSeconds"] >= 1


def test_what_gives_up_ends_in_the_dead_letter_queue() -> None:
    assert dead_letters("IngestQueue") == dead_letters("HeavyQueue") == "FailuresQueue"
    assert dead_letters("FailuresQueue") == "DeadLetterQueue"
    assert "RedrivePolicy" not in QUEUES["DeadLetterQueue"]
    assert QUEUES["DeadLetterQueue"]["MessageRetentionPeriod"] == 14 * DAY


def test_a_message_is_tried_five_times_at_least() -> None:
    assert min(receives(queue) for queue in ("IngestQueue", "HeavyQueue")) >= 5
    # A message that gives up keeps its count: the failures queue must leave five receives to those that come from it.
    assert receives("FailuresQueue") >= 5 + max(receives("IngestQueue"), receives("HeavyQueue"))


def test_a_message_that_gives_up_does_not_expire_at_once() -> None:
    stages = ("IngestQueue", "FailuresQueue", "DeadLetterQueue")
    kept = [QUEUES[queue]["MessageRetentionPeriod"] for queue in stages]
    assert kept == sorted(set(kept))
    for queue in ("IngestQueue", "HeavyQueue", "FailuresQueue"):
        assert receives(queue) * QUEUES[queue]["VisibilityTimeout"] < QUEUES[queue]["MessageRetentionPeriod"]


def test_age_alarms_can_fire() -> None:
    """A message leaves the metric at its third receive, two visibility timeouts after the first."""
    ages = [a for a in of_type("AWS::CloudWatch::Alarm").values() if a["MetricName"] == "ApproximateAgeOfOldestMessage"]
    watched = {target(alarm["Dimensions"][0]["Value"]): alarm["Threshold"] for alarm in ages}
    assert set(watched) == {"IngestQueue", "HeavyQueue", "FailuresQueue"}
    for queue, threshold in watched.items():
        assert threshold < 2 * QUEUES[queue]["VisibilityTimeout"]


def test_every_alarm_reaches_the_topic() -> None:
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        assert [target(action) for action in alarm["AlarmActions"]] == ["AlertsTopic"]


def test_the_rule_watches_our_job_and_fills_the_failures_queue() -> None:
    rule = RESOURCES["JobFailedRule"]["Properties"]
    assert rule["EventPattern"]["detail"]["jobName"] == [RESOURCES["GlueJob"]["Properties"]["Name"]]
    assert set(rule["EventPattern"]["detail"]["state"]) == {"FAILED", "TIMEOUT", "STOPPED"}
    assert [target(t["Arn"]) for t in rule["Targets"]] == ["FailuresQueue"]


def test_the_sweep_is_scheduled_unless_the_schedule_is_empty() -> None:
    rule, permission = RESOURCES["SweepRule"], RESOURCES["SweepPermission"]
    assert (rule["Condition"], permission["Condition"]) == ("HasSweepSchedule", "HasSweepSchedule")
    assert rule["Properties"]["ScheduleExpression"] == {"Ref": "SweepSchedule"}
    assert [target(t["Arn"]) for t in rule["Properties"]["Targets"]] == ["SweepFunction"]
    assert target(permission["Properties"]["SourceArn"]) == "SweepRule"
    pattern = TEMPLATE["Parameters"]["SweepSchedule"]["AllowedPattern"]
    assert all(re.search(pattern, schedule) for schedule in ("", "rate(1 hour)", "cron(0 * * * ? *)"))
    assert not re.search(pattern, "hourly")


def test_the_queue_policy_names_the_bucket_there_is() -> None:
    (statement,) = RESOURCES["IngestQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    name = BUCKETS["RawBucket"]["BucketName"]["Fn::Sub"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_go_where_they_expire(function: str) -> None:
    name = FUNCTIONS[function]["FunctionName"]["Fn::Sub"]
    group = RESOURCES[target(FUNCTIONS[function]["LoggingConfig"]["LogGroup"])]["Properties"]
    assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{name}"}
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_local_paths_are_written_as_packaging_expects_them() -> None:
    """`lakegate demo` packages by replacing these lines, as `sam package` does by reading them."""
    assert re.findall(r"CodeUri: (\S+)", TEXT) == [
        f"../target/lambda/{name}/" for name in ("ingest", "start-glue", "route-failures", "sweep")
    ]
    assert re.findall(r"ScriptLocation: (\S+)", TEXT) == ["glue/convert_large.py"]
