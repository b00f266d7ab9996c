"""The evaluator itself: what of a policy it must take in, by small documents whose meaning AWS's documentation tells."""

import json

import pytest

import policy

OWN, OTHER = "111122223333", "444455556666"
ROLE = f"arn:aws:sts::{OWN}:assumed-role/worker/session"
BUCKET = "arn:aws:s3:::lake"
TABLE = f"arn:aws:glue:us-east-1:{OWN}:table/sales/orders"


def document(effect: str, action: str | list, resource: str | list, condition: dict | None = None, **more: object) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource, "Condition": condition or {}} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def may(action: str, resource: str, *documents: str, **keys: str) -> bool:
    return policy.may(documents, action, resource, "worker", OWN, **keys)


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        (f"{BUCKET}/lake/*", f"{BUCKET}/lake/a/b", True),
        (f"{BUCKET}/lake/*", f"{BUCKET}/lakes", False),
        (f"{BUCKET}/lake/*", f"{BUCKET}/LAKE/a", False),
        (f"{BUCKET}/*", BUCKET, False),
        (BUCKET, f"{BUCKET}/a", False),
        (f"{BUCKET}/?", f"{BUCKET}/ab", False),
    ],
)
def test_resources_match_by_pattern_and_by_case(pattern: str, resource: str, matches: bool) -> None:
    assert may("s3:GetObject", resource, document("Allow", "s3:GetObject", pattern)) is matches


def test_actions_match_by_pattern_and_without_case() -> None:
    allow = document("Allow", "s3:get*", f"{BUCKET}/*")
    assert may("s3:GetObject", f"{BUCKET}/a", allow)
    assert not may("s3:PutObject", f"{BUCKET}/a", allow)
    assert not may("sqs:GetObject", f"{BUCKET}/a", allow)


def test_nothing_is_allowed_by_itself_and_a_denial_wins() -> None:
    assert not may("s3:GetObject", f"{BUCKET}/a")
    both = (document("Allow", "s3:*", "*"), document("Deny", "s3:GetObject", f"{BUCKET}/secret/*"))
    assert may("s3:GetObject", f"{BUCKET}/a", *both)
    assert not may("s3:GetObject", f"{BUCKET}/secret/a", *both)


@pytest.mark.parametrize(
    ("condition", "keys", "holds"),
    [
        ({"StringEquals": {"aws:SourceAccount": OWN}}, {"aws_SourceAccount": OWN}, True),
        ({"StringEquals": {"aws:SourceAccount": OWN}}, {"aws_SourceAccount": OTHER}, False),
        ({"StringEquals": {"aws:SourceAccount": OWN}}, {}, False),
        ({"StringEquals": {"aws:SourceAccount": [OTHER, OWN]}}, {"aws_SourceAccount": OWN}, True),
        ({"StringNotEquals": {"aws:SourceAccount": [OTHER, OWN]}}, {"aws_SourceAccount": OWN}, False),
        ({"StringNotEquals": {"aws:SourceAccount": OWN}}, {}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:x:::a-*"}}, {"aws_SourceArn": "arn:aws:x:::a-b"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:x:::a-*"}}, {"aws_SourceArn": "arn:aws:x:::b-a-b"}, False),
        ({"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}, {}, True),
        ({"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}, {"aws_PrincipalIsAWSService": "true"}, False),
        ({"Bool": {"aws:PrincipalIsAWSService": "false"}}, {}, False),
        # Operators and keys must all hold.
        ({"StringEquals": {"aws:SourceAccount": OWN, "s3:prefix": "a"}}, {"aws_SourceAccount": OWN}, False),
        ({"StringEquals": {"aws:SourceAccount": OWN}, "StringLike": {"s3:prefix": "a*"}}, {"aws_SourceAccount": OWN, "s3_prefix": "ab"}, True),
    ],
)
def test_conditions_are_held_against_the_request(condition: dict, keys: dict, holds: bool) -> None:
    assert may("s3:ListBucket", BUCKET, document("Allow", "s3:ListBucket", BUCKET, condition), **keys) is holds


def test_a_table_takes_its_database_and_the_catalog() -> None:
    catalog, database = f"arn:aws:glue:us-east-1:{OWN}:catalog", f"arn:aws:glue:us-east-1:{OWN}:database/sales"
    tables = f"arn:aws:glue:us-east-1:{OWN}:table/sales/*"
    assert may("glue:GetTable", TABLE, document("Allow", "glue:GetTable", [catalog, database, tables]))
    for missing in (catalog, database, tables):
        rest = [resource for resource in (catalog, database, tables) if resource != missing]
        assert not may("glue:GetTable", TABLE, document("Allow", "glue:GetTable", rest)), missing
    assert not may("glue:GetTable", TABLE.replace("sales", "others"), document("Allow", "glue:GetTable", [catalog, database, tables]))


def test_a_resource_s_policy_lets_the_service_in_that_it_names_from_where_it_says() -> None:
    principal = {"Service": "s3.amazonaws.com"}
    let_in = document("Allow", "sqs:SendMessage", "q", {"ArnEquals": {"aws:SourceArn": BUCKET}}, Principal=principal)
    assert policy.service_may(let_in, "s3.amazonaws.com", "sqs:SendMessage", "q", aws_SourceArn=BUCKET)
    assert not policy.service_may(let_in, "s3.amazonaws.com", "sqs:SendMessage", "q", aws_SourceArn="arn:aws:s3:::other")
    assert not policy.service_may(let_in, "sns.amazonaws.com", "sqs:SendMessage", "q", aws_SourceArn=BUCKET)
    assert not policy.service_may(let_in, "s3.amazonaws.com", "sqs:ReceiveMessage", "q", aws_SourceArn=BUCKET)


def test_another_account_needs_the_resource_s_policy_and_its_own_does_not() -> None:
    def of(account: str, document: str) -> bool:
        return policy.principal_may(document, f"arn:aws:iam::{account}:user/u", account, OWN, "s3:PutObject", f"{BUCKET}/a")

    nothing = json.dumps({"Statement": []})
    assert of(OWN, nothing) and not of(OTHER, nothing)
    let_in = document("Allow", "s3:PutObject", f"{BUCKET}/*", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})
    assert of(OTHER, let_in)
    assert not of(OWN, document("Deny", "s3:PutObject", f"{BUCKET}/*", Principal="*"))
