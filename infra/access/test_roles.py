"""Each role may do what it does and nothing else: asked of the local AWS with the role's credentials, and of the role's documents."""

import re
from collections.abc import Callable

import pytest

import policy
from calls import is_refused
from conftest import REGION, Stack, credentials_of, documents_of
from ministack.core.iam_evaluator import fnmatch_iam, fnmatch_iam_cs
from table import ROLES, allowed, denied


# What the local AWS does not have, or takes for a request about something else: of these the documents alone are asked.
ELSEWHERE = re.compile(r"redshift|glue:Get(Tables|Database|Partition)$")
# A condition that the evaluator does not know.
OWN_STATEMENTS = {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}


def none(what: str, calls: list[tuple[str, str]], is_so: Callable[[str, str], bool]) -> None:
    """Fails, with the calls that are so."""
    found = [f"{action} {resource}" for action, resource in calls if is_so(action, resource)]
    if found:
        pytest.fail("\n".join([f"{what}:", *found]), pytrace=False)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_s_credentials_do_what_it_may_and_nothing_else(stack: Stack, role: str) -> None:
    credentials = credentials_of(stack.resources[role], stack.account)
    # The local AWS encrypts with keys that it does not have, and asks nobody.
    may, may_not = ([call for call in calls if call[1] not in stack.keys and not ELSEWHERE.match(call[0])] for calls in (allowed(stack, role), denied(stack, role)))
    none("refused", may, lambda *call: is_refused(credentials, *call, stack))
    none("not refused", may_not, lambda *call: not is_refused(credentials, *call, stack))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_s_documents_allow_what_it_may_and_nothing_else(stack: Stack, role: str) -> None:
    name = stack.resources[role]

    def may(action: str, resource: str) -> bool:
        if action == "redshift-data:DescribeStatement":
            found = [s for document in documents_of(name) for s in policy.statements(document) if action in s["Action"]]
            assert all(statement["Condition"] == OWN_STATEMENTS for statement in found)
            return bool(found)
        via_s3 = {"kms_ViaService": f"s3.{REGION}.amazonaws.com"} if resource in stack.keys else {}
        return policy.may(documents_of(name), action, resource, name, stack.account, **via_s3)

    none("denied", allowed(stack, role), lambda *call: not may(*call))
    none("allowed", denied(stack, role), may)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_use_the_buckets_keys_but_through_s3(stack: Stack, role: str) -> None:
    name = stack.resources[role]
    for action, key in allowed(stack, role):
        if key in stack.keys:
            assert not policy.may(documents_of(name), action, key, name, stack.account, kms_ViaService=f"sqs.{REGION}.amazonaws.com")
            assert not policy.may(documents_of(name), action, key, name, stack.account)


@pytest.mark.parametrize("role", ROLES)
def test_whatever_a_document_allows_stands_in_the_table(stack: Stack, role: str) -> None:
    asked = [(action, part) for action, resource in allowed(stack, role) for part in policy.parts_of(resource)]
    unasked = []
    for document in documents_of(stack.resources[role]):
        for statement in policy.statements(document):
            assert statement["Effect"] == "Allow" and "NotAction" not in statement and "NotResource" not in statement
            actions, resources = ([v] if isinstance(v, str) else v for v in (statement["Action"], statement["Resource"]))
            pairs = [(action, resource) for action in actions for resource in resources]
            unasked += [
                pair for pair in pairs if not any(fnmatch_iam(a, pair[0]) and fnmatch_iam_cs(r, pair[1]) for a, r in asked)
            ]
    none("not in the table", unasked, lambda *_: True)


def test_the_table_has_every_neighbour_that_it_promises(stack: Stack) -> None:
    for role in ROLES:
        forbidden = denied(stack, role)
        assert len(forbidden) > 100, f"{role}: {len(forbidden)}"
        assert not set(forbidden) & set(allowed(stack, role))
        services = {re.match(r"\w+", action)[0] for action, _ in forbidden}
        assert services >= {"s3", "sqs", "sns", "glue", "logs", "iam", "sts", "lambda", "kms"}
