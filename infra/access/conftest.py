"""The stack that is deployed on a local AWS which asks the policies: its names, its documents, and credentials of its roles."""

import json
import os
from dataclasses import dataclass
from functools import cache

import boto3
import pytest
from botocore.config import Config

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
REGION = "us-east-1"
# A bucket as SAM makes it for what it deploys.
ARTIFACTS = "aws-sam-cli-managed-default-samclisourcebucket-abc"
# A call that is refused is not to be tried again.
CONFIG = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


@cache
def client(service: str, *credentials: str):
    """A client with an access key, its secret and its token; without them, the account's root user."""
    key, secret, token = credentials or ("test", "test", None)
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=CONFIG,
    )


@dataclass(frozen=True)
class Stack:
    name: str
    account: str
    # Physical ids by logical ones.
    resources: dict[str, str]
    parameters: dict[str, str]

    @property
    def raw(self) -> str:
        return self.parameters["ExistingRawBucket"] or self.resources["RawBucket"]

    @property
    def keys(self) -> list[str]:
        """The keys of the buckets, which are not the stack's."""
        return [key for key in (self.parameters["KmsKeyArn"], self.parameters["ExistingRawKmsKey"]) if key]

    @property
    def lake(self) -> str:
        return self.resources["LakeBucket"]

    def arn(self, service: str, rest: str) -> str:
        """`rest` behind region and account; of an S3 resource, which has neither, behind the service."""
        return f"arn:aws:s3:::{rest}" if service == "s3" else f"arn:aws:{service}:{REGION}:{self.account}:{rest}"

    def queue(self, logical: str) -> str:
        return self.arn("sqs", self.resources[logical].rsplit("/", 1)[-1])


@pytest.fixture(scope="session")
def stack() -> Stack:
    # What is somebody else's in the same account.
    for bucket in ("someone-else-s", ARTIFACTS):
        client("s3").create_bucket(Bucket=bucket)
    client("sqs").create_queue(QueueName="someone-else-s")
    client("sns").create_topic(Name="someone-else-s")
    cloudformation = client("cloudformation")
    (described,) = cloudformation.describe_stacks()["Stacks"]
    name = described["StackName"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
    if parameters["ExistingRawBucket"]:
        client("s3").create_bucket(Bucket=parameters["ExistingRawBucket"])
    listed = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    resources = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}
    return Stack(name, client("sts").get_caller_identity()["Account"], resources, parameters)


@cache
def documents_of(role: str) -> tuple[str, ...]:
    """The policies of a role, by its name: its own, and what is attached to it."""
    iam = client("iam")
    own = [iam.get_role_policy(RoleName=role, PolicyName=n) for n in iam.list_role_policies(RoleName=role)["PolicyNames"]]
    documents = [policy["PolicyDocument"] for policy in own]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    return tuple(json.dumps(document) for document in documents)


@cache
def credentials_of(role: str, account: str) -> tuple[str, str, str]:
    """Credentials of a role, for which its trust policy is replaced: who may have them is not what is tried with them."""
    us = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [us]})
    client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=trust)
    arn = f"arn:aws:iam::{account}:role/{role}"
    given = client("sts").assume_role(RoleArn=arn, RoleSessionName="access")["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
