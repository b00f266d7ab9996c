"""What documents say, by the evaluator of the PyPI package ministack. It is given what a request is about, and reads no request:
so it decides rightly also where the emulator takes a request for another one (Glue)."""

import json
import re

from ministack.core.iam_evaluator import (
    EvalContext,
    combine_resource_policy,
    evaluate,
    evaluate_resource_policy,
    parse_policy_document,
)

REGION = "us-east-1"


def request(action: str, resource: str, caller: str, account: str, tls: bool = True, **keys: str) -> EvalContext:
    """A request by a principal (an ARN) or a service of an account; `keys` are condition keys, `aws_SourceArn` for aws:SourceArn."""
    context = {name.replace("_", ":", 1).lower(): value for name, value in keys.items()}
    kind = "AssumedRole" if ":assumed-role/" in caller else "Service" if caller.endswith(".amazonaws.com") else "User"
    return EvalContext(
        principal_arn=caller,
        principal_type=kind,
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=REGION,
        secure_transport=tls,
        service_context=context,
    )


def parts_of(resource: str) -> list[str]:
    """What a request about a resource is asked about. Of the catalog: the table, its database and the catalog (Glue, "Specifying
    resource ARNs")."""
    found = re.fullmatch(r"(arn:aws:glue:[^:]*:\d+:)(table|database)/([^/]+)(/.+)?", resource)
    if not found:
        return [resource]
    return [*([resource] if found[2] == "table" else []), f"{found[1]}database/{found[3]}", f"{found[1]}catalog"]


def may(documents: tuple[str, ...], action: str, resource: str, role: str, account: str, **keys: str) -> bool:
    """Whether a role's documents allow an action, on each part of what it is about."""
    caller = f"arn:aws:sts::{account}:assumed-role/{role}/session"
    policies = [parse_policy_document(document) for document in documents]
    requests = [request(action, part, caller, account, **keys) for part in parts_of(resource)]
    return all(evaluate(asked, policies).decision == "Allow" for asked in requests)


def service_may(policy: str, service: str, action: str, resource: str, **keys: str) -> bool:
    """Whether a resource's policy lets a service in."""
    asked = request(action, resource, service, "", **keys)
    return evaluate_resource_policy(policy, asked, service=service).decision == "Allow"


def principal_may(policy: str, caller: str, account: str, owner: str, action: str, resource: str, tls: bool = True, **keys: str) -> bool:
    """Whether somebody to whom the own account allows everything may do it to a resource of `owner` that has this policy."""
    asked = request(action, resource, caller, account, tls, **keys)
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    identity = evaluate(asked, [parse_policy_document(everything)])
    return combine_resource_policy(identity, asked, policy, owner).decision == "Allow"


def statements(document: str) -> list[dict]:
    found = json.loads(document)["Statement"]
    return found if isinstance(found, list) else [found]
