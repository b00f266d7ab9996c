"""What infra/template.yaml promises, and what a harmless-looking edit would break."""

import json
import os
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
PARAMETERS = TEMPLATE["Parameters"]
NO_VALUE = {"Ref": "AWS::NoValue"}


def chosen(condition: dict, given: dict[str, str]) -> bool:
    """What a condition comes to with these parameters, the others being as they are by default."""
    ((kind, value),) = condition.items()
    if kind == "Fn::Not":
        return not chosen(value[0], given)
    if kind == "Fn::And":
        return all(chosen(each, given) for each in value)
    if kind == "Fn::Condition":
        return chosen(TEMPLATE["Conditions"][value], given)
    assert kind == "Fn::Equals", condition
    parameter, literal = value[0]["Ref"], value[1]
    return given.get(parameter, PARAMETERS[parameter]["Default"]) == literal


def resolved(node: object, given: dict[str, str]) -> object:
    """The template's part without `!If`."""
    if isinstance(node, list):
        return [each for each in (resolved(each, given) for each in node) if each != NO_VALUE]
    if not isinstance(node, dict):
        return node
    if "Fn::If" in node:
        condition, yes, no = node["Fn::If"]
        return resolved(yes if chosen(TEMPLATE["Conditions"][condition], given) else no, given)
    return {name: value for name, value in ((name, resolved(value, given)) for name, value in node.items()) if value != NO_VALUE}


def deployed(**given: str) -> dict[str, dict]:
    """The resources that a stack has with these parameters, the others being as they are by default."""
    conditions = TEMPLATE["Conditions"]
    there = {
        name: resource
        for name, resource in TEMPLATE["Resources"].items()
        if "Condition" not in resource or chosen(conditions[resource["Condition"]], given)
    }
    return resolved(there, given)


# What is there on request.
BACKFILL = {"BackfillSchedule": "rate(1 day)", "FetchSchedule": "rate(1 hour)", "DashboardSchedule": "rate(1 day)", "Warehouse": "on"}
RESOURCES = deployed(**BACKFILL)
KEY, RAW_KEY = (f"arn:aws:kms:eu-central-1:111122223333:key/{name}" for name in ("lake", "raw"))
# Stacks that differ in what they consist of.
VARIANTS = {
    "its own bucket": RESOURCES,
    "a key": deployed(**BACKFILL, KmsKeyArn=KEY),
    "an existing bucket": deployed(**BACKFILL, ExistingRawBucket="theirs"),
    "an existing bucket with a key": deployed(**BACKFILL, ExistingRawBucket="theirs", ExistingRawKmsKey=RAW_KEY, KmsKeyArn=KEY),
    "a prefix": deployed(**BACKFILL, RawPrefix="landing/"),
    "an existing bucket and a prefix": deployed(**BACKFILL, ExistingRawBucket="theirs", RawPrefix="landing/"),
}

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
    ("AlertsKey", "EventsMayPublish"): 'in a key policy "*" is the key itself',
    ("LoadWarehouseRole", "OwnStatements"): "statements are no resources; a condition bounds them to the role's own",
}


def of_type(kind: str) -> dict[str, dict]:
    found = {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}
    assert found, f"the template has no {kind}"
    return found


def target(reference: dict | str) -> str:
    """The logical name that a `!Ref X`, `!GetAtt X.Arn` or `!Sub ${X.Arn}/*` is about."""
    (value,) = reference.values()
    if isinstance(value, list):
        text, names = value
        (name,) = re.findall(rf"\$\{{({'|'.join(names)})\}}", text)
        return target(names[name])
    return re.sub(r"^\$\{|[.}].*$", "", value)


def listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def statements(resources: dict[str, dict] = RESOURCES) -> list[tuple[str, dict]]:
    """Every statement of every policy, with its resource's name; trust policies, which have no Resource, left out."""
    found = []
    for name, resource in resources.items():
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


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_policy_is_about_everything_without_a_reason(variant: str) -> None:
    found = statements(VARIANTS[variant])
    stars = {(name, statement.get("Sid")) for name, statement in found if "*" in listed(statement["Resource"])}
    assert stars == set(STARS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_policy_allows_every_action_but_the_key_s_own(variant: str) -> None:
    wide = {
        (name, statement.get("Sid"))
        for name, statement in statements(VARIANTS[variant])
        if statement["Effect"] == "Allow"
        and any(re.fullmatch(r"\*|\w+:\*", action) for action in listed(statement["Action"]))
    }
    assert wide == {("AlertsKey", "AccountDecides")}


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [target(function["Role"]) for function in FUNCTIONS.values()]
    assert len(set(roles)) == len(FUNCTIONS)


def test_a_role_is_assumed_by_the_one_service_that_works_under_it() -> None:
    users = {target(function["Role"]): "lambda" for function in FUNCTIONS.values()}
    users |= {target(job["Role"]): "glue" for job in of_type("AWS::Glue::Job").values()}
    users |= {target(schedule["Target"]["RoleArn"]): "scheduler" for schedule in of_type("AWS::Scheduler::Schedule").values()}
    users |= {target(role): "redshift" for each in of_type("AWS::RedshiftServerless::Namespace").values() for role in each["IamRoles"]}
    roles = of_type("AWS::IAM::Role")
    assert set(users) == set(roles)
    for name, role in roles.items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
        assert trust["Principal"] == {"Service": f"{users[name]}.amazonaws.com"}, name
        # Of the others only this account's functions and jobs can name a role, and who does has to be allowed to pass it.
        assert users[name] not in ("scheduler", "redshift") or trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_refuse_plain_http(bucket: str) -> None:
    (policy,) = [p for p in of_type("AWS::S3::BucketPolicy").values() if target(p["Bucket"]) == bucket]
    (denial,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] == "TlsOnly"]
    assert (denial["Effect"], denial["Principal"], denial["Action"]) == ("Deny", "*", "s3:*")
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


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_named_sources_may_send_to_a_queue(variant: str) -> None:
    policies = [r["Properties"] for r in VARIANTS[variant].values() if r["Type"] == "AWS::SQS::QueuePolicy"]
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                continue
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


def test_what_is_written_conditionally_may_be_read_and_outputs_are_deleted() -> None:
    # A write with If-Match needs s3:GetObject too (S3 User Guide, "Conditional writes").
    assert allowed_on("ConvertPolicy", "ledger") == {"s3:GetObject", "s3:PutObject"}
    for prefix in ("lake", "rejects"):
        assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} <= allowed_on("ConvertPolicy", prefix)


def test_ingest_takes_nothing_for_a_source_that_a_role_may_write() -> None:
    layout = "shared/lake/src/layout.rs"
    prefixes = dict(re.findall(r'const (\w+): &str = "(\w+/)";', (ROOT / layout).read_text(encoding="utf-8")))
    own = {prefixes[name] for name in re.findall(r"\w+", constant(layout, r"(?s)OWN_PREFIXES: .*?=\s*\[(.*?)\];"))}
    written = [
        resource["Fn::Sub"]
        for _, statement in statements()
        if statement["Effect"] == "Allow" and "s3:PutObject" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    # What is fetched from APIs is a source, and meant to be: the one role that writes sources writes nothing else there.
    fetched = {"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Raw}/${RawPrefix}*", {"Raw": {"Ref": "RawBucket"}}]}["Fn::Sub"]
    assert written.count(fetched) == 1
    written.remove(fetched)
    assert written and all(re.match(r"\$\{LakeBucket.Arn\}/", resource) for resource in written)
    assert {re.sub(r"^[^/]*/([^/]*/).*", r"\1", resource) for resource in written} <= own


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
        "LoadWarehouseRole": ["LoadQueue"],
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
    sources = [path.relative_to(ROOT) for path in (ROOT / "shared" / "lake" / "src").glob("catalog*/**/*.rs") if path.name != "reading.rs"]
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
    given, names = schedule["Properties"]["Target"]["Input"]["Fn::Sub"]
    assert names == {"Raw": {"Ref": "RawBucket"}, "Prefix": {"Ref": "RawPrefix"}}
    for name, value in (("GlueJob", "a-job"), ("Raw", "a-raw"), ("Prefix", "orders/a b/")):
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
    rule = TEMPLATE["Rules"]["FlexTakesSmallWorkers"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "GlueExecutionClass"}, "FLEX"]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Contains": [["G.1X", "G.2X"], {"Ref": "GlueWorkerType"}]}


@pytest.mark.parametrize("function", MAPPINGS)
def test_one_bad_message_fails_alone(function: str) -> None:
    assert MAPPINGS[function]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("function", MAPPINGS)
def test_concurrency_is_bounded_as_lambda_accepts_it(function: str) -> None:
    parameter = PARAMETERS[MAPPINGS[function]["ScalingConfig"]["MaximumConcurrency"]["Ref"]]
    assert 2 <= parameter["MinValue"] <= parameter["MaxValue"] <= 1000


def test_the_defaults_suit_a_new_account() -> None:
    # It has ten concurrent executions, and 3,008 MB per function (AWS Lambda guide, "Lambda quotas").
    there = [mapping for name, mapping in MAPPINGS.items() if name in deployed()]
    concurrency = [PARAMETERS[m["ScalingConfig"]["MaximumConcurrency"]["Ref"]]["Default"] for m in there]
    assert sum(concurrency) + 1 <= 10, "and the sweep"
    assert all(PARAMETERS[function["MemorySize"]["Ref"]]["Default"] <= 3008 for function in FUNCTIONS.values())
    assert not any("ReservedConcurrentExecutions" in function for function in FUNCTIONS.values())


def test_ingest_has_the_memory_of_one_processor_by_default() -> None:
    per_processor = int(constant("functions/ingest/src/settings.rs", r"MEMORY_MB_PER_PROCESSOR: usize = (\d+);"))
    assert PARAMETERS["IngestMemory"]["Default"] == per_processor


def test_every_parameter_stands_in_one_group_and_has_a_description_and_a_default() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(PARAMETERS)
    for name, parameter in PARAMETERS.items():
        assert parameter["Description"].endswith("."), name
        assert "Default" in parameter, name
        pattern, default = parameter.get("AllowedPattern"), str(parameter["Default"])
        assert pattern is None or re.search(pattern, default), f"{name}: its default is allowed"
        assert pattern is None or parameter["ConstraintDescription"], f"{name}: says what is allowed"


def test_the_page_on_deployment_has_every_parameter_as_it_is() -> None:
    """LAKEGATE_BLESS=1 writes the table anew."""
    rows = ["| parameter | default | what it is |", "| --- | --- | --- |"]
    for group in TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        rows.append(f"| **{group['Label']['default']}** | | |")
        for name in group["Parameters"]:
            parameter = PARAMETERS[name]
            default = "" if parameter["Default"] == "" else f"`{parameter['Default']}`"
            allowed = " or ".join(f"`{each}`" for each in parameter.get("AllowedValues", []) if parameter["Type"] == "String")
            description = parameter["Description"].strip().replace("|", "\\|")
            rows.append(f"| `{name}` | {default} | {description}{f' ({allowed})' if allowed else ''} |")
    table = "\n".join(rows)
    page = ROOT / "docs" / "deploy.md"
    text = page.read_text(encoding="utf-8")
    begins, ends = (re.search(rf"<!-- {mark}.*-->\n", text) for mark in ("parameters:", "end of parameters"))
    assert begins and ends
    wanted = f"{text[: begins.end()]}{table}\n{text[ends.start() :]}"
    if os.environ.get("LAKEGATE_BLESS") == "1":
        page.write_text(wanted, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == wanted


def test_the_page_on_deployment_has_every_next_step() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    steps = {name for name in TEMPLATE["Outputs"] if name.startswith("Next")}
    assert set(re.findall(r"^\| `(Next\w+)` \|", page, re.MULTILINE)) == steps


def test_the_glue_job_runs_the_binary_that_is_deployed_with_it() -> None:
    job, layer = RESOURCES["GlueJob"]["Properties"], RESOURCES["GlueBinary"]
    assert job["DefaultArguments"]["--binary"] == {"Ref": "GlueBinary"}
    (found,) = [s for name, s in statements() if name == "GlueJobRole" and "lambda:GetLayerVersion" in listed(s["Action"])]
    # A run that was started before a deployment wants the layer's former version.
    assert found["Resource"]["Fn::Sub"].endswith(f":layer:{layer['Properties']['LayerName']['Fn::Sub']}:*")
    assert layer["Properties"]["RetentionPolicy"] == "Retain"
    makefile = (ROOT / "infra" / layer["Properties"]["ContentUri"] / "Makefile").read_text(encoding="utf-8")
    assert "\nbuild-GlueBinary:\n" in makefile, "what `sam build` calls"
    assert "x86_64" in makefile and layer["Properties"]["CompatibleArchitectures"] == ["x86_64"]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "ExistingRawBucket",
            ["drop-zone", "my.files.2026", "a-lake", "x-lake-2026"],
            ["lakegate-lake-111122223333", "other-lake-444455556666", "s3://drop-zone", "Drop", "a", "arn:aws:s3:::drop-zone"],
        ),
        ("RawPrefix", ["landing/", "a/b-c/d.e/"], ["landing", "/landing/", "a*/", "a b/", "${aws:username}/", "?/"]),
        ("KmsKeyArn", [KEY], ["alias/lake", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:eu-central-1:111122223333:alias/lake"]),
    ],
)
def test_what_cannot_be_right_is_refused(parameter: str, good: list[str], bad: list[str]) -> None:
    pattern = PARAMETERS[parameter]["AllowedPattern"]
    assert [each for each in good if not re.search(pattern, each)] == []
    assert [each for each in bad if re.search(pattern, each)] == []


def test_a_lake_bucket_is_never_taken_for_a_raw_bucket() -> None:
    # What Lakegate writes would be taken in, and make new files, for ever.
    name = BUCKETS["LakeBucket"]["BucketName"]["Fn::Sub"]
    lake = name.replace("${AWS::StackName}", "some-stack").replace("${AWS::AccountId}", "111122223333")
    assert not re.search(PARAMETERS["ExistingRawBucket"]["AllowedPattern"], lake)


def raw(resources: dict[str, dict]) -> dict:
    return {"Ref": "RawBucket" if "RawBucket" in resources else "ExistingRawBucket"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_whoever_needs_the_raw_bucket_is_given_the_one_that_there_is(variant: str) -> None:
    resources = VARIANTS[variant]
    text = json.dumps(resources)
    assert ("ExistingRawBucket" in text) == ("RawBucket" not in resources), "one name or the other"
    sweep = resources["SweepFunction"]["Properties"]["Environment"]["Variables"]
    assert (sweep["RAW_BUCKET"], sweep["RAW_PREFIX"]) == (raw(resources), {"Ref": "RawPrefix"})
    fetch = resources["FetchApiFunction"]["Properties"]["Environment"]["Variables"]
    assert (fetch["RAW_BUCKET"], fetch["RAW_PREFIX"]) == (raw(resources), {"Ref": "RawPrefix"})
    (reads,) = [s for name, s in statements(resources) if name == "ConvertPolicy" and "s3:GetObjectVersion" in listed(s["Action"])]
    assert reads["Resource"] == {"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Raw}/${RawPrefix}*", {"Raw": raw(resources)}]}
    _, names = resources["Backfill"]["Properties"]["Target"]["Input"]["Fn::Sub"]
    assert names["Raw"] == raw(resources)


@pytest.mark.parametrize("prefixed", [False, True])
def test_an_existing_bucket_is_announced_by_a_rule_and_only_by_it(prefixed: bool) -> None:
    resources = VARIANTS["an existing bucket and a prefix" if prefixed else "an existing bucket"]
    assert not {"RawBucket", "RawBucketPolicy"} & set(resources)
    rule = resources["RawEventsRule"]["Properties"]
    assert [target(each["Arn"]) for each in rule["Targets"]] == ["IngestQueue"]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted"],
        "detail": {"bucket": {"name": [{"Ref": "ExistingRawBucket"}]}}
        | ({"object": {"key": [{"prefix": {"Ref": "RawPrefix"}}]}} if prefixed else {}),
    }
    statements = resources["IngestQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert [each["Principal"] for each in allowed] == [{"Service": "events.amazonaws.com"}]
    assert allowed[0]["Condition"]["ArnEquals"] == {"aws:SourceArn": {"Fn::GetAtt": "RawEventsRule.Arn"}}


def test_a_prefix_filters_every_notification() -> None:
    announced = VARIANTS["a prefix"]["RawBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    rules = [{"Name": "prefix", "Value": {"Ref": "RawPrefix"}}]
    assert [each["Filter"] for each in announced] == [{"S3Key": {"Rules": rules}}] * 3
    assert "RawEventsRule" not in VARIANTS["a prefix"]


def key_holders(resources: dict[str, dict]) -> dict[str, dict[str, set[str]]]:
    """Which role may do what with which key."""
    found: dict[str, dict[str, set[str]]] = {}
    for name, statement in statements(resources):
        key = statement["Resource"].get("Ref") if isinstance(statement["Resource"], dict) else None
        if key in ("KmsKeyArn", "ExistingRawKmsKey"):
            assert statement["Condition"] == {"StringEquals": {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.${AWS::URLSuffix}"}}}
            for role in resources[name]["Properties"]["Roles"]:
                found.setdefault(key, {}).setdefault(target(role), set()).update(listed(statement["Action"]))
    return found


def test_with_a_key_every_bucket_is_encrypted_with_it_and_whoever_reads_or_writes_may_use_it() -> None:
    resources = VARIANTS["a key"]
    for name in ("RawBucket", "LakeBucket"):
        (rule,) = resources[name]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}}
        assert rule == {"ServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
    writes, reads = {"kms:Decrypt", "kms:GenerateDataKey"}, {"kms:Decrypt"}
    of_the_stack = {
        "IngestRole": writes,
        "StartGlueRole": writes,
        "GlueJobRole": writes,
        "RouteFailuresRole": reads,
        "SweepRole": writes,
        "FetchApiRole": writes,
        "LoadWarehouseRole": writes,
        "WarehouseRole": reads,
        "PublishReportRole": writes,
    }
    assert key_holders(resources) == {"KmsKeyArn": of_the_stack}
    both = key_holders(VARIANTS["an existing bucket with a key"])
    assert both == {"KmsKeyArn": of_the_stack, "ExistingRawKmsKey": {"IngestRole": reads, "GlueJobRole": reads, "FetchApiRole": {"kms:GenerateDataKey"}}}
    assert key_holders(RESOURCES) == {}


@pytest.mark.parametrize("maker", ["IngestFunction", "GlueJob"])
def test_who_would_make_the_table_of_rejects_comes_after_it(maker: str) -> None:
    # CloudFormation makes no table that is there.
    assert RESOURCES[maker]["DependsOn"] == "RejectsTable"


def test_outputs_tell_what_to_do_next() -> None:
    steps = {name: output for name, output in TEMPLATE["Outputs"].items() if name.startswith("Next")}
    assert list(steps) == sorted(steps) and len(steps) >= 4
    for output in TEMPLATE["Outputs"].values():
        assert output["Description"].endswith(".")


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_that_holds_data_goes_with_the_stack(variant: str) -> None:
    for name, resource in VARIANTS[variant].items():
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::Glue::Database") or name == "RejectsTable":
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain"), name


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
    return {n: a for n, a in of_type("AWS::CloudWatch::Alarm").items() if a.get("MetricName") == metric}


def test_age_alarms_can_fire() -> None:
    """A message leaves the metric at its third receive, two visibility timeouts after the first."""
    ages = alarms("ApproximateAgeOfOldestMessage").values()
    watched = {target(alarm["Dimensions"][0]["Value"]): alarm["Threshold"] for alarm in ages}
    assert set(watched) == {"IngestQueue", "HeavyQueue", "FailuresQueue", "LoadQueue"}
    for queue in ("HeavyQueue", "FailuresQueue", "LoadQueue"):
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
    (alarm,) = [a for a in of_type("AWS::CloudWatch::Alarm").values() if a.get("MetricName") == metric["MetricName"]]
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


def test_nothing_is_fetched_without_a_schedule() -> None:
    of_fetch = {name for name in RESOURCES if name.startswith("Fetch")}
    assert len(of_fetch) >= 6 and not any(name.startswith("Fetch") for name in deployed())
    schedule = RESOURCES["FetchApiSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == {"Ref": "FetchSchedule"}
    assert (target(schedule["Target"]["Arn"]), target(schedule["Target"]["RoleArn"])) == ("FetchApiFunction", "FetchScheduleRole")


def test_nothing_of_a_warehouse_is_there_unless_it_is_asked_for() -> None:
    kinds = ("AWS::EC2::", "AWS::RedshiftServerless::")
    of_warehouse = {n for n, r in RESOURCES.items() if r["Type"].startswith(kinds) or n.startswith(("Warehouse", "Workgroup", "Load"))}
    assert len(of_warehouse) >= 20 and not of_warehouse & set(deployed())
    without = deployed(**{**BACKFILL, "Warehouse": "off"})
    assert set(RESOURCES) - set(without) == of_warehouse
    assert "redshift" not in json.dumps(without).lower().replace("docs/redshift.md", "")


def test_an_existing_workgroup_is_loaded_and_nothing_is_made_beside_it() -> None:
    arn = "arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/1234abcd-12ab"
    resources = deployed(**BACKFILL, ExistingWorkgroup=arn)
    assert not [n for n, r in resources.items() if r["Type"].startswith(("AWS::EC2::", "AWS::RedshiftServerless::"))]
    assert resources["LoadWarehouseFunction"]["Properties"]["Environment"]["Variables"]["WORKGROUP"] == {"Ref": "ExistingWorkgroup"}
    (calls,) = [s for _, s in statements(resources) if "redshift-data:DescribeTable" in listed(s["Action"])]
    assert calls["Resource"] == {"Ref": "ExistingWorkgroup"}
    (calls,) = [s for _, s in statements() if "redshift-data:DescribeTable" in listed(s["Action"])]
    assert calls["Resource"] == {"Fn::GetAtt": "Workgroup.Workgroup.WorkgroupArn"}
    assert re.search(PARAMETERS["ExistingWorkgroup"]["AllowedPattern"], arn)


def test_the_warehouse_has_no_way_in_and_reads_accepted_rows_only() -> None:
    group = RESOURCES["WarehouseSecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in group and [rule["ToPort"] for rule in group["SecurityGroupEgress"]] == [443]
    assert not [n for n, r in RESOURCES.items() if r["Type"] in ("AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route")]
    workgroup = RESOURCES["Workgroup"]["Properties"]
    assert (workgroup["PubliclyAccessible"], len(workgroup["SubnetIds"])) == (False, 3)
    reads = [s["Resource"] for name, s in statements() if name == "WarehouseRole" and "s3:GetObject" in listed(s["Action"])]
    assert reads == [{"Fn::Sub": "${LakeBucket.Arn}/lake/*"}]
    allowed = {action for name, s in statements() if name == "WarehouseRole" for action in listed(s["Action"])}
    assert not [action for action in allowed if not re.fullmatch(r"s3:(GetObject|ListBucket)|glue:(Batch)?Get\w+", action)]


def test_the_rule_knows_the_names_of_our_statements() -> None:
    (prefix,) = RESOURCES["LoadEndedRule"]["Properties"]["EventPattern"]["detail"]["statementName"]
    assert prefix == {"prefix": {"Fn::Sub": "lakegate/${AWS::StackName}/"}}
    source = (ROOT / "functions/load-warehouse/src/load.rs").read_text(encoding="utf-8")
    assert 'format!("lakegate/{stack}/' in source
    patience_told = int(constant("functions/load-warehouse/src/handler.rs", r"RECEIVES_MAX: u32 = (\d+);"))
    assert patience_told < receives("LoadQueue"), "it is told before the queue gives it up"


def test_only_named_secrets_are_read_and_only_by_who_fetches() -> None:
    secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:lakegate/shop-??????"
    resources = deployed(**BACKFILL, FetchSecrets=secret)
    readers = [(name, s) for name, s in statements(resources) if "secretsmanager:GetSecretValue" in listed(s["Action"])]
    ((name, statement),) = readers
    assert statement["Resource"] == {"Fn::Split": [",", {"Ref": "FetchSecrets"}]}
    assert [target(role) for role in resources[name]["Properties"]["Roles"]] == ["FetchApiRole"]
    assert not [s for _, s in statements() if "secretsmanager:GetSecretValue" in listed(s["Action"])]
    pattern = PARAMETERS["FetchSecrets"]["AllowedPattern"]
    assert re.search(pattern, secret) and re.search(pattern, f"{secret},{secret}")
    assert not any(re.search(pattern, bad) for bad in ("*", "lakegate/shop", f"{secret}, {secret}", secret.replace("lakegate/shop-??????", "*")))


def test_a_run_that_fetches_ends_before_its_function_does() -> None:
    most = int(constant("shared/contract/src/document/source.rs", r"MAX_SECS: u64 = (\d+);"))
    reserved = 60 * int(constant("functions/fetch-api/src/handler.rs", r"TIME_RESERVED: .*from_mins\((\d+)\)"))
    assert most + reserved < FUNCTIONS["FetchApiFunction"]["Timeout"]


def test_the_dashboard_is_written_on_a_schedule_and_when_a_batch_of_this_stack_ended() -> None:
    own = ("Dashboard", "PublishReport")
    there = {name for name in RESOURCES if name.startswith(own)} - {"Dashboard"}
    assert len(there) >= 9 and not [name for name in deployed() if name.startswith(own) and name != "Dashboard"]
    schedule = RESOURCES["DashboardSchedulerSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == {"Ref": "DashboardSchedule"}
    assert (target(schedule["Target"]["Arn"]), target(schedule["Target"]["RoleArn"])) == ("PublishReportFunction", "DashboardScheduleRole")
    rule, permission = (RESOURCES[name]["Properties"] for name in ("DashboardBatchRule", "DashboardBatchPermission"))
    # As airflow/dags/lakegate_batch.py sends it.
    event = json.loads((ROOT / "events/publish-report/batch-ended.json").read_text(encoding="utf-8"))
    pattern = rule["EventPattern"]
    assert ([event["source"]], [event["detail-type"]]) == (pattern["source"], pattern["detail-type"])
    assert pattern["detail"] == {"stack": [{"Ref": "AWS::StackName"}]} and "stack" in event["detail"]
    assert [target(each["Arn"]) for each in rule["Targets"]] == [target(permission["FunctionName"])] == ["PublishReportFunction"]
    assert target(permission["SourceArn"]) == "DashboardBatchRule"


def test_the_dashboard_reads_the_tables_that_its_queries_name() -> None:
    tables = set(re.findall(r'Table \{ name: "(\w+)"', (ROOT / "shared/dashboard/src/query.rs").read_text(encoding="utf-8")))
    resources = json.dumps([s["Resource"] for name, s in statements() if name == "PublishReportRole"])
    assert tables == set(re.findall(r"LakeBucket.Arn}/lake/(\w+)/", resources)) == set(re.findall(r"table/\$\{CatalogDatabase\}/(\w+)", resources))
    reserved = int(constant("functions/publish-report/src/handler.rs", r"TIME_RESERVED: .*from_secs\((\d+)\)"))
    assert 2 * reserved < FUNCTIONS["PublishReportFunction"]["Timeout"]


def test_the_queue_policy_names_the_bucket_there_is() -> None:
    statements = RESOURCES["IngestQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (statement,) = [statement for statement in statements if statement["Effect"] == "Allow"]
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
        f"../functions/{name}/"
        for name in ("ingest", "start-glue", "route-failures", "sweep", "fetch-api", "publish-report", "load-warehouse")
    ]
    assert re.findall(r"ContentUri: (\S+)", TEXT) == ["glue/"]
    assert re.findall(r"ScriptLocation: (\S+)", TEXT) == ["glue/convert_large.py"]
