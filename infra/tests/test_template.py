"""What infra/template.yaml promises, and what a harmless-looking edit would break."""

import json
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
ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "infra" / "template.yaml").read_text(encoding="utf-8")
TEMPLATE = yaml.load(TEXT, Loader)
RESOURCES = TEMPLATE["Resources"]

HOUR = 60 * 60
DAY = 24 * HOUR


def constant(path: str, pattern: str) -> str:
    """What a Rust source says of a number that the template relies on."""
    found = re.search(pattern, (ROOT / path).read_text(encoding="utf-8"))
    assert found, f"{path} has no {pattern}"
    return found[1]


# Seconds after which a message that a function gave back comes again, by receive; the last one holds for the rest.
DELAYS = [int(secs) for secs in constant("shared/lake/src/redelivery.rs", r"DELAYS_SECS: .* = \[(.*)\];").split(",")]
# Seconds after which a call to SQS, SNS or Glue is given up.
CALL_TIMEOUT = int(constant("shared/lake/src/clients.rs", r"SDK_CALL_TIMEOUT: .*from_secs\((\d+)\)"))
# How often an object must have been in work for the sweep to know that its queue gave it up.
GIVEN_UP_ATTEMPTS = int(constant("shared/lake/src/sweep/verdict.rs", r"GIVEN_UP_ATTEMPTS: u32 = (\d+);"))
# Seconds by which a lease outlasts its worker.
LEASE_MARGIN = 60 * int(constant("shared/lake/src/claims.rs", r"LEASE_MARGIN: .*from_mins\((\d+)\)"))
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
    if function == "IngestFunction":  # It extends the time itself: until its lease ends.
        assert QUEUES[queue]["VisibilityTimeout"] == FUNCTIONS[function]["Timeout"] + LEASE_MARGIN
        assert MAPPINGS[function]["BatchSize"] == 1 and window == 0
        return
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * FUNCTIONS[function]["Timeout"] + window


def allowed_on(policy: str, prefix: str) -> set[str]:
    """What a policy allows on the objects of the lake bucket under a prefix."""
    resource = {"Fn::Sub": f"${{LakeBucket.Arn}}/{prefix}/*"}
    found = [s for name, s in statements() if name == policy and resource in listed(s["Resource"])]
    return {action for statement in found for action in listed(statement["Action"])}


@pytest.mark.parametrize("prefix", ["lake", "rejects", "ledger"])
def test_what_is_written_conditionally_may_be_read_and_deleted(prefix: str) -> None:
    # A write with If-Match needs s3:GetObject too (S3 User Guide, "Conditional writes"); outputs and rejects are deleted.
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} <= allowed_on("ConvertPolicy", prefix)


@pytest.mark.parametrize("prefix", ["ledger", "runs"])
def test_start_glue_writes_what_it_reads_and_route_failures_only_reads_it(prefix: str) -> None:
    assert allowed_on("StartGlueRole", prefix) == {"s3:GetObject", "s3:PutObject"}
    assert allowed_on("RouteFailuresRole", prefix) == {"s3:GetObject"}
    for role in ("StartGlueRole", "RouteFailuresRole"):
        (found,) = [s for name, s in statements() if name == role and s["Action"] == "s3:ListBucket"]
        assert target(found["Resource"]) == "LakeBucket"


def test_a_missing_object_is_told_from_a_forbidden_one() -> None:
    (found,) = [s for name, s in statements() if name == "ConvertPolicy" and s["Action"] == "s3:ListBucket"]
    assert {target(bucket) for bucket in found["Resource"]} == {"RawBucket", "LakeBucket"}


def test_functions_may_change_the_visibility_of_their_own_messages_only() -> None:
    may = {
        role: listed(statement["Resource"])
        for role, statement in statements()
        if "sqs:ChangeMessageVisibility" in listed(statement["Action"])
    }
    assert {role: [target(queue) for queue in queues] for role, queues in may.items()} == {
        "IngestRole": ["IngestQueue"],
        "StartGlueRole": ["HeavyQueue"],
    }


def patience(queue: str) -> int:
    """The least seconds for which a message is tried again when its function gives it back every time."""
    delays = [DELAYS[min(receive, len(DELAYS) - 1)] for receive in range(receives(queue))]
    return sum(delays)


def test_an_outage_of_hours_makes_nothing_give_up() -> None:
    assert patience("IngestQueue") >= 5 * HOUR
    assert patience("HeavyQueue") >= 11 * HOUR


def test_a_file_that_kills_its_function_is_told_within_three_hours() -> None:
    assert receives("IngestQueue") * QUEUES["IngestQueue"]["VisibilityTimeout"] <= 3 * HOUR


def test_a_file_that_the_queue_gave_up_is_known_to_the_sweep() -> None:
    # Of two receives one at least begins work: the other may come while the killed worker's lease still stands.
    assert receives("IngestQueue") // 2 >= GIVEN_UP_ATTEMPTS


def test_start_glue_outlasts_its_calls() -> None:
    # Of its calls three may hang: who is killed in between leaves the object to a later delivery.
    assert MAPPINGS["StartGlueFunction"]["BatchSize"] == 1
    assert FUNCTIONS["StartGlueFunction"]["Timeout"] > 3 * CALL_TIMEOUT


def test_route_failures_has_time_to_tell_when_glue_hangs() -> None:
    lookups = int(constant("functions/route-failures/src/handler.rs", r"LOOKUPS_MAX: .*from_secs\((\d+)\)"))
    assert FUNCTIONS["RouteFailuresFunction"]["Timeout"] >= lookups + 3 * CALL_TIMEOUT


def called_of_glue(source: str) -> set[str]:
    """The operations of Glue that a Rust source calls."""
    text = (ROOT / source).read_text(encoding="utf-8")
    called = re.findall(r"[.]((?:batch_)?(?:get|create|update|delete)_(?:table|partition)s?)\(\)", text)
    return {"glue:" + "".join(word.capitalize() for word in name.split("_")) for name in called}


def test_conversion_may_do_in_the_catalog_what_it_does_and_no_more() -> None:
    (found,) = [s for name, s in statements() if name == "ConvertPolicy" and "glue:GetTable" in s["Action"]]
    sources = [path.relative_to(ROOT) for path in (ROOT / "shared" / "lake" / "src").glob("catalog*/**/*.rs")]
    called = set().union(*(called_of_glue(str(source)) for source in [*sources, "shared/lake/src/catalog.rs"]))
    assert set(found["Action"]) == called


def test_the_glue_job_may_do_what_the_ingest_function_may() -> None:
    roles = [RESOURCES[name]["Properties"] for name in ("GlueJobRole", "IngestRole")]
    assert [role["ManagedPolicyArns"] for role in roles] == [[{"Ref": "ConvertPolicy"}]] * 2
    drafts = {"Fn::Sub": "${LakeBucket.Arn}/contracts/drafts/*"}
    writers = {name for name, statement in statements() if drafts in listed(statement["Resource"])}
    assert writers == {"GlueJobRole", "IngestRole"}


def test_the_glue_job_s_script_is_given_all_that_it_asks_for() -> None:
    script = (ROOT / "infra/glue/convert_large.py").read_text(encoding="utf-8")
    asked = set(re.findall(r"""options\[["'](\w+)["']\]""", script))
    of_the_run = {"manifest_key", "JOB_RUN_ID"}
    given = {name.removeprefix("--") for name in RESOURCES["GlueJob"]["Properties"]["DefaultArguments"]}
    assert asked - of_the_run <= given and len(asked) > 5


def test_the_scheduled_backfill_starts_our_job_with_a_manifest_that_is_json() -> None:
    schedule = RESOURCES["Backfill"]
    assert (schedule["Condition"], RESOURCES["BackfillRole"]["Condition"]) == ("HasBackfillSchedule",) * 2
    given = schedule["Properties"]["Target"]["Input"]["Fn::Sub"]
    for name, value in (("GlueJob", "a-job"), ("RawBucket", "a-raw"), ("BackfillPrefix", "orders/a b/")):
        given = given.replace(f"${{{name}}}", value)
    run = json.loads(given)
    assert run["JobName"] == "a-job"
    manifest = json.loads(run["Arguments"]["--manifest"])
    assert manifest == {"version": 1, "kind": "prefix", "bucket": "a-raw", "prefix": "orders/a b/"}
    pattern = TEMPLATE["Parameters"]["BackfillPrefix"]["AllowedPattern"]
    assert re.search(pattern, "orders/a b/") and not re.search(pattern, 'a"b') and not re.search(pattern, "a\\b")


def test_a_run_ends_before_the_lifecycle_rule_ends_its_uploads() -> None:
    rules = BUCKETS["LakeBucket"]["LifecycleConfiguration"]["Rules"]
    (days,) = [rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    assert RESOURCES["GlueJob"]["Properties"]["Timeout"] == {"Ref": "GlueTimeoutMinutes"}
    assert TEMPLATE["Parameters"]["GlueTimeoutMinutes"]["MaxValue"] * 60 < days * DAY


def test_flex_is_refused_where_glue_refuses_it() -> None:
    (rule,) = TEMPLATE["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "GlueExecutionClass"}, "FLEX"]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Contains": [["G.1X", "G.2X"], {"Ref": "GlueWorkerType"}]}


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
        longest = max(QUEUES[queue]["VisibilityTimeout"], 1.25 * DELAYS[-1])
        assert receives(queue) * longest < QUEUES[queue]["MessageRetentionPeriod"]


def alarms(metric: str) -> dict[str, dict]:
    return {n: a for n, a in of_type("AWS::CloudWatch::Alarm").items() if a["MetricName"] == metric}


def test_age_alarms_can_fire() -> None:
    """A message leaves the metric at its third receive, two visibility timeouts after the first."""
    ages = alarms("ApproximateAgeOfOldestMessage").values()
    watched = {target(alarm["Dimensions"][0]["Value"]): alarm["Threshold"] for alarm in ages}
    assert set(watched) == {"IngestQueue", "HeavyQueue", "FailuresQueue"}
    for queue in ("HeavyQueue", "FailuresQueue"):
        assert watched[queue] < 2 * QUEUES[queue]["VisibilityTimeout"]


def test_every_function_that_crashes_is_told() -> None:
    errors = {target(alarm["Dimensions"][0]["Value"]): alarm for alarm in alarms("Errors").values()}
    assert set(errors) == set(FUNCTIONS)
    # A message that kills its function comes again when it is visible again.
    for function, mapping in MAPPINGS.items():
        again = QUEUES[target(mapping["Queue"])]["VisibilityTimeout"]
        assert errors[function]["Threshold"] < errors[function]["Period"] // again, function
    # What the schedule invokes Lambda tries three times, each of them as long as the function may take.
    sweep = errors["SweepFunction"]
    assert sweep["Threshold"] < 3 and sweep["Period"] > 3 * FUNCTIONS["SweepFunction"]["Timeout"]
    for alarm in errors.values():
        assert " log" in alarm["AlarmDescription"], "where to look"


@pytest.mark.parametrize(("logs", "function"), [("IngestLogs", "ingest"), ("StartGlueLogs", "start-glue")])
def test_trouble_that_does_not_pass_is_told_before_messages_give_up(logs: str, function: str) -> None:
    (found,) = [f for f in of_type("AWS::Logs::MetricFilter").values() if target(f["LogGroupName"]) == logs]
    (metric,) = found["MetricTransformations"]
    (alarm,) = [a for a in of_type("AWS::CloudWatch::Alarm").values() if a["MetricName"] == metric["MetricName"]]
    assert alarm["Namespace"] == metric["MetricNamespace"]
    pattern = re.fullmatch(r'{ \$[.]fields[.]message = "(.+)" && \$[.]fields[.]receive_count >= (\d+) }', found["FilterPattern"])
    assert pattern
    sources = (ROOT / "functions" / function / "src").glob("*.rs")
    assert any(f'"{pattern[1]}"' in source.read_text(encoding="utf-8") for source in sources), "what the function logs"
    assert sum(DELAYS[: int(pattern[2]) - 1]) <= HOUR / 2


def test_every_alarm_reaches_the_topic() -> None:
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        assert [target(action) for action in alarm["AlarmActions"]] == ["AlertsTopic"]


def test_the_rule_watches_our_job_and_fills_the_failures_queue() -> None:
    rule = RESOURCES["JobFailedRule"]["Properties"]
    assert rule["EventPattern"]["detail"]["jobName"] == [RESOURCES["GlueJob"]["Properties"]["Name"]]
    assert set(rule["EventPattern"]["detail"]["state"]) == {"SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED"}
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


def test_uploads_and_deletions_are_announced() -> None:
    announced = BUCKETS["RawBucket"]["NotificationConfiguration"]["QueueConfigurations"]
    assert {(each["Event"], target(each["Queue"])) for each in announced} == {
        (event, "IngestQueue") for event in ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
    }


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
