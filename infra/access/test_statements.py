"""Statements mean something: their actions exist, take such resources, and know such condition keys (the PyPI package parliament)."""

import json
import warnings

import pytest

from conftest import Stack, documents_of
from table import ROLES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # parliament imports pkg_resources
    import parliament


# What the package does not know yet: that tables of Redshift Serverless are described, too.
NOT_KNOWN = "'redshift-data:DescribeTable'"


def findings(document: str) -> list[str]:
    found = [f"{found.issue}: {found.detail}" for found in parliament.analyze_policy_string(document).findings]
    return [each for each in found if NOT_KNOWN not in each]


@pytest.mark.parametrize("role", ROLES)
def test_every_statement_is_about_what_there_is(stack: Stack, role: str) -> None:
    for document in documents_of(stack.resources[role]):
        assert findings(document) == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sqs:SendMessageBatch", "arn:aws:sqs:us-east-1:111122223333:a"),
        ("s3:GetObject", "arn:aws:s3:::bucket"),
        ("s3:ListBucket", "arn:aws:s3:::bucket/*"),
        ("glue:GetTable", "arn:aws:glue:us-east-1:111122223333:job/a"),
    ],
)
def test_a_statement_about_nothing_is_found(action: str, resource: str) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    assert findings(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
