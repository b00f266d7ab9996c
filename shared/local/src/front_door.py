"""Runs the emulator, started with AUTH=true, as AWS itself decides where the emulator decides otherwise:

- Requests count as sent over TLS (aws:SecureTransport) unless the header x-forwarded-proto says otherwise: nobody ends TLS here.
- A service that delivers something is a service (aws:PrincipalIsAWSService), and uses TLS.
- SendMessageBatch and the other batches of SQS ask for the permission of the single call; they have none of their own.
- A call about a Glue table asks for the table, its database and the catalog, one about a database for that and the catalog.
  The emulator asks for the database of one, and for a table of the other.
- GetLayerVersionByArn asks for lambda:GetLayerVersion on the layer that it names.
- A call about a query of Athena asks for the work group that the query runs in.
- A call about a stream of logs asks for the stream, not for its group, which a policy names with ":*" behind.
"""

import json
import re
from contextvars import ContextVar
from dataclasses import replace

import ministack.app as emulator
from ministack.core import iam_actions, iam_evaluator
from ministack.services import athena

behind = emulator.app
action_of = iam_actions.extract_iam_action
resource_of = iam_actions.extract_resource_arn
decide = iam_evaluator.enforce
ask_resource = iam_evaluator.evaluate_resource_policy


async def app(scope, receive, send):
    if scope["type"] == "http" and all(name != b"x-forwarded-proto" for name, _ in scope["headers"]):
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await behind(scope, receive, send)


def extract_iam_action(service, method, path, headers, body, query):
    if service == "lambda" and "find" in query:
        return "lambda:GetLayerVersion"
    action = action_of(service, method, path, headers, body, query)
    return re.sub("Batch$", "", action) if service == "sqs" and action else action


def extract_resource_arn(service, method, path, headers, body, query, region, account):
    if service == "glue":
        return f"arn:aws:glue:{region}:{account}:" + glue_resource(headers.get("x-amz-target", ""), json.loads(body or b"{}"))
    if service == "lambda" and "find" in query:
        return query["Arn"][0]
    if service == "athena" and b"QueryExecutionId" in body:
        found = athena._executions.get(json.loads(body)["QueryExecutionId"]) or {}
        return f"arn:aws:athena:{region}:{account}:workgroup/{found.get('WorkGroup', '*')}"
    arn = resource_of(service, method, path, headers, body, query, region, account)
    return f"{arn}:log-stream:{json.loads(body)['logStreamName']}" if service == "logs" and b"logStreamName" in body else arn


def glue_resource(target, call):
    if "Job" in target:
        return f"job/{call.get('JobName') or call.get('Name')}"
    database, name = call.get("DatabaseName"), call.get("Name")
    if database:
        return f"table/{database}/{call.get('TableName') or name or call.get('TableInput', {}).get('Name', '*')}"
    name = name or call.get("DatabaseInput", {}).get("Name")
    return f"database/{name}" if name else "catalog"


def enforce(key, action, service, region, resource_arn="*", service_context=None):
    for arn in [*parents(resource_arn), resource_arn] if service == "glue" else [resource_arn]:
        if denied := decide(key, action, service, region, resource_arn=arn, service_context=service_context):
            return denied
    return None


def evaluate_resource_policy(policy, context, service=None, **how):
    if service:
        keys = {**context.service_context, "aws:principalisawsservice": "true"}
        context = replace(context, secure_transport=True, service_context=keys)
    return ask_resource(policy, context, service, **how)


def parents(arn):
    """What a Glue resource is part of."""
    catalog, kind, path = re.fullmatch(r"(.*:)(\w+)/?(.*)", arn).groups()
    if kind == "table":
        return [f"{catalog}catalog", f"{catalog}database/{path.split('/')[0]}"]
    return [f"{catalog}catalog"] if kind == "database" else []


emulator.app = app
iam_actions.extract_iam_action = extract_iam_action
iam_actions.extract_resource_arn = extract_resource_arn
iam_evaluator.enforce = enforce
iam_evaluator.evaluate_resource_policy = evaluate_resource_policy
iam_evaluator._request_origin = ContextVar("origin", default=("127.0.0.1", True))
emulator.main()
