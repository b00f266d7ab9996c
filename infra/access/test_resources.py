"""Buckets, queues, topics and keys let in whom they name: asked of their policies, and of the local AWS."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

import policy
from calls import REFUSED
from conftest import CONFIG, ENDPOINT, REGION, Stack, client, credentials_of
from policy import principal_may, service_may

OTHER = "444455556666"
QUEUES = ("IngestQueue", "HeavyQueue", "FailuresQueue", "DeadLetterQueue")
SERVICES = ("s3", "events", "sns", "cloudwatch", "scheduler", "lambda", "glue")


def buckets(stack: Stack) -> list[str]:
    """Those that the stack makes."""
    return [bucket for bucket in ("RawBucket", "LakeBucket") if bucket in stack.resources]


def bucket_policy(stack: Stack, bucket: str) -> str:
    return client("s3").get_bucket_policy(Bucket=stack.resources[bucket])["Policy"]


def queue_attributes(stack: Stack, queue: str) -> dict[str, str]:
    return client("sqs").get_queue_attributes(QueueUrl=stack.resources[queue], AttributeNames=["All"])["Attributes"]


def topic_policy(stack: Stack) -> str:
    return client("sns").get_topic_attributes(TopicArn=stack.resources["AlertsTopic"])["Attributes"]["Policy"]


def rule_of(stack: Stack, logical: str) -> str:
    return stack.arn("events", f"rule/{stack.resources[logical].rpartition('/')[2]}")


def sources_of(stack: Stack) -> list[str]:
    """Where something might come from: what the stack has, and namesakes of it."""
    rule = rule_of(stack, "JobFailedRule")
    return [
        f"arn:aws:s3:::{stack.raw}",
        f"arn:aws:s3:::{stack.lake}",
        "arn:aws:s3:::someone-else-s",
        rule,
        stack.arn("events", f"rule/{stack.name}-raw-events"),
        rule.replace(stack.account, OTHER),
        stack.arn("events", "rule/someone-else-s"),
        stack.resources["AlertsTopic"],
        stack.arn("cloudwatch", f"alarm:{stack.name}-dead-letter"),
        stack.arn("cloudwatch", "alarm:someone-else-s"),
    ]


def let_in(stack: Stack, document: str, action: str, resource: str) -> set[tuple[str, str, str]]:
    """Which services, for which sources of which accounts, a policy lets in."""
    return {
        (service, source, account)
        for service in SERVICES
        for source in sources_of(stack)
        for account in (stack.account, OTHER)
        if service_may(
            document,
            f"{service}.amazonaws.com",
            action,
            resource,
            aws_SourceArn=source,
            aws_SourceAccount=account,
            aws_PrincipalIsAWSService="true",
            aws_PrincipalAccount=OTHER,  # a service may be at home in another account
        )
    }


def test_queues_take_messages_of_the_named_sources_only(stack: Stack) -> None:
    either = (stack.account, OTHER)  # EventBridge names the rule, whose ARN has the account.
    found = {q: let_in(stack, queue_attributes(stack, q)["Policy"], "sqs:SendMessage", stack.queue(q)) for q in QUEUES}
    if stack.parameters["ExistingRawBucket"]:
        assert found["IngestQueue"] == {("events", rule_of(stack, "RawEventsRule"), account) for account in either}
    else:
        assert found["IngestQueue"] == {("s3", f"arn:aws:s3:::{stack.raw}", stack.account)}
    assert found["FailuresQueue"] == {("events", rule_of(stack, "JobFailedRule"), account) for account in either}
    assert found["HeavyQueue"] == found["DeadLetterQueue"] == set()


@pytest.mark.parametrize("action", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SetQueueAttributes"])
def test_no_service_may_do_more_with_a_queue_than_send(stack: Stack, action: str) -> None:
    for queue in QUEUES:
        assert not let_in(stack, queue_attributes(stack, queue)["Policy"], action, stack.queue(queue)), queue


def test_only_alarms_of_the_stack_publish_alerts_besides_its_function(stack: Stack) -> None:
    alarm = stack.arn("cloudwatch", f"alarm:{stack.name}-dead-letter")
    found = let_in(stack, topic_policy(stack), "sns:Publish", stack.resources["AlertsTopic"])
    assert found == {("cloudwatch", alarm, stack.account)}


def test_no_service_gets_anything_from_a_bucket(stack: Stack) -> None:
    for bucket in buckets(stack):
        arn = f"arn:aws:s3:::{stack.resources[bucket]}/a.csv"
        assert not let_in(stack, bucket_policy(stack, bucket), "s3:PutObject", arn)
        assert not let_in(stack, bucket_policy(stack, bucket), "s3:GetObject", arn)


def guarded(stack: Stack) -> list[tuple[str, str, str]]:
    """What is guarded: a policy, an action, the resource."""
    found = []
    for bucket in buckets(stack):
        arn = f"arn:aws:s3:::{stack.resources[bucket]}"
        found += [(bucket_policy(stack, bucket), action, f"{arn}/a.csv") for action in ("s3:PutObject", "s3:DeleteObject", "s3:GetObject")]
        found += [(bucket_policy(stack, bucket), action, arn) for action in ("s3:ListBucket", "s3:PutBucketPolicy")]
    for queue in QUEUES:
        document = queue_attributes(stack, queue)["Policy"]
        found += [(document, f"sqs:{action}", stack.queue(queue)) for action in ("SendMessage", "ReceiveMessage", "PurgeQueue")]
    return [*found, (topic_policy(stack), "sns:Publish", stack.resources["AlertsTopic"])]


def test_everything_refuses_plain_http(stack: Stack) -> None:
    admin = f"arn:aws:iam::{stack.account}:user/admin"
    for document, action, resource in guarded(stack):
        assert principal_may(document, admin, stack.account, stack.account, action, resource), (action, resource)
        assert not principal_may(document, admin, stack.account, stack.account, action, resource, tls=False), (action, resource)


def test_another_account_is_refused_also_by_mistake(stack: Stack) -> None:
    """Whatever is allowed beside it, a principal of another account writes to no bucket and reaches no queue."""
    stranger = f"arn:aws:iam::{OTHER}:user/stranger"
    welcome = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    for document, action, resource in guarded(stack):
        assert not principal_may(document, stranger, OTHER, stack.account, action, resource), (action, resource)
        widened = json.dumps({"Statement": [*policy.statements(document), welcome]})
        if action not in ("s3:GetObject", "s3:ListBucket", "sns:Publish"):
            assert not principal_may(widened, stranger, OTHER, stack.account, action, resource), (action, resource)


def test_queues_give_up_into_the_queues_that_expect_it(stack: Stack) -> None:
    def expected(queue: str) -> dict:
        return json.loads(queue_attributes(stack, queue)["RedriveAllowPolicy"])

    assert expected("IngestQueue") == expected("HeavyQueue") == expected("LoadQueue") == {"redrivePermission": "denyAll"}
    for queue, sources in (("FailuresQueue", ("IngestQueue", "HeavyQueue", "LoadQueue")), ("DeadLetterQueue", ("FailuresQueue",))):
        assert expected(queue)["redrivePermission"] == "byQueue"
        assert set(expected(queue)["sourceQueueArns"]) == {stack.queue(source) for source in sources}
        for source in sources:
            redrive = json.loads(queue_attributes(stack, source)["RedrivePolicy"])
            assert redrive["deadLetterTargetArn"] == stack.queue(queue)


def test_the_key_of_the_alerts_is_for_alarms_and_whom_the_account_lets(stack: Stack) -> None:
    key = stack.arn("kms", f"key/{stack.resources['AlertsKey']}")
    document = client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    # Of what a rule publishes EventBridge tells the key neither the rule nor the account.
    expected = {("cloudwatch", stack.account), ("events", stack.account), ("events", OTHER)}
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert {(service, account) for service, _, account in let_in(stack, document, action, key)} == expected
    assert not let_in(stack, document, "kms:ScheduleKeyDeletion", key)
    assert not principal_may(document, f"arn:aws:iam::{OTHER}:user/u", OTHER, stack.account, "kms:Decrypt", key)


def over_http(stack: Stack, service: str):
    """A client with the credentials of the role that may do most, whose requests came in plain HTTP."""
    key, secret, token = credentials_of(stack.resources["IngestRole"], stack.account)
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=REGION)
    made = session.client(service, endpoint_url=ENDPOINT, config=CONFIG)
    made.meta.events.register("before-sign", lambda request, **_: request.headers.add_header("x-forwarded-proto", "http"))
    return made


def refusal(call, **arguments: object) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"


def test_the_local_aws_refuses_plain_http_to_who_may_do_it_over_tls(stack: Stack) -> None:
    mine = credentials_of(stack.resources["IngestRole"], stack.account)
    calls = [
        ("s3", "put_object", {"Bucket": stack.lake, "Key": "lake/orders/a.csv", "Body": b"x"}),
        ("s3", "list_objects_v2", {"Bucket": stack.lake}),
        ("sqs", "get_queue_attributes", {"QueueUrl": stack.resources["IngestQueue"], "AttributeNames": ["QueueArn"]}),
        ("sqs", "send_message", {"QueueUrl": stack.resources["HeavyQueue"], "MessageBody": "{}"}),
    ]
    for service, operation, arguments in calls:
        assert refusal(getattr(client(service, *mine), operation), **arguments) == "allowed", operation
        assert refusal(getattr(over_http(stack, service), operation), **arguments) in REFUSED, operation


def test_the_local_aws_refuses_another_account(stack: Stack) -> None:
    stranger = (OTHER, "test", None)  # To the local AWS an account's number is its root user's access key.
    calls = [
        ("s3", "put_object", {"Bucket": stack.raw, "Key": "orders/a.csv", "Body": b"x"}),
        ("s3", "get_object", {"Bucket": stack.lake, "Key": "contracts/orders.odcs.yaml"}),
        ("sqs", "send_message", {"QueueUrl": stack.resources["IngestQueue"], "MessageBody": "{}"}),
        ("sqs", "receive_message", {"QueueUrl": stack.resources["DeadLetterQueue"]}),
        ("sns", "publish", {"TopicArn": stack.resources["AlertsTopic"], "Message": "x"}),
    ]
    for service, operation, arguments in calls:
        code = refusal(getattr(client(service, *stranger), operation), **arguments)
        assert code in REFUSED | {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound"}, (operation, code)


@pytest.mark.parametrize("bucket", ["LakeBucket", "someone-else-s"])
def test_no_other_bucket_may_announce_its_objects_to_ingest(stack: Stack, bucket: str) -> None:
    announce = {"QueueConfigurations": [{"QueueArn": stack.queue("IngestQueue"), "Events": ["s3:ObjectCreated:*"]}]}
    name = stack.resources.get(bucket, bucket)
    code = refusal(client("s3").put_bucket_notification_configuration, Bucket=name, NotificationConfiguration=announce)
    assert code == "InvalidArgument"
