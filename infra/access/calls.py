"""One call per action: what asks the local AWS whether a role may."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from conftest import Stack, client

REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
POLICY = '{"Version": "2012-10-17", "Statement": []}'


def s3(arn: str) -> dict[str, str]:
    bucket, _, key = arn.rpartition(":")[2].partition("/")
    return {"Bucket": bucket} | ({"Key": key} if key else {})


def table(arn: str) -> tuple[str, str]:
    _, database, name = arn.split("/")
    return database, name


def on_table(operation: str, **more: object) -> Callable:
    def call(of: Callable, arn: str, _: Stack) -> None:
        database, name = table(arn)
        getattr(of("glue"), operation)(DatabaseName=database, TableName=name, **more)

    return call


def on_s3(operation: str, **more: object) -> Callable:
    return lambda of, arn, _: getattr(of("s3"), operation)(**s3(arn), **more)


def on_queue(operation: str, **more: object) -> Callable:
    def call(of: Callable, arn: str, stack: Stack) -> None:
        url = f"{client('sqs').meta.endpoint_url}/{stack.account}/{arn.rpartition(':')[2]}"
        getattr(of("sqs"), operation)(QueueUrl=url, **more)

    return call


def on_job(operation: str, **more: object) -> Callable:
    return lambda of, arn, _: getattr(of("glue"), operation)(JobName=arn.rpartition("/")[2], **more)


def on_logs(operation: str, **more: object) -> Callable:
    def call(of: Callable, arn: str, _: Stack) -> None:
        group = arn.split(":log-")[1].removeprefix("group:")
        getattr(of("logs"), operation)(logGroupName=group, **more)

    return call


def on_function(operation: str, **more: object) -> Callable:
    return lambda of, arn, _: getattr(of("lambda"), operation)(FunctionName=arn.rpartition(":")[2], **more)


def on_role(operation: str, **more: object) -> Callable:
    return lambda of, arn, _: getattr(of("iam"), operation)(RoleName=arn.rpartition("/")[2], **more)


def with_table_input(operation: str) -> Callable:
    def call(of: Callable, arn: str, _: Stack) -> None:
        database, name = table(arn)
        getattr(of("glue"), operation)(DatabaseName=database, TableInput={"Name": name})

    return call


def named_table(operation: str) -> Callable:
    return lambda of, arn, _: getattr(of("glue"), operation)(DatabaseName=table(arn)[0], Name=table(arn)[1])


def start(athena: Any, arn: str, stack: Stack) -> str:
    where = {"OutputLocation": f"s3://{stack.lake}/athena/"}
    return athena.start_query_execution(QueryString="SELECT 1", WorkGroup=arn.rpartition("/")[2], ResultConfiguration=where)["QueryExecutionId"]


def on_query(operation: str) -> Callable:
    """About a query that somebody started who may."""
    return lambda of, arn, stack: getattr(of("athena"), operation)(QueryExecutionId=start(client("athena"), arn, stack))


CALLS: dict[str, Callable] = {
    "s3:GetObject": on_s3("get_object"),
    "s3:GetObjectVersion": on_s3("get_object", VersionId="00000000-0000-0000-0000-000000000000"),
    "s3:PutObject": on_s3("put_object", Body=b"x"),
    "s3:PutObjectTagging": on_s3("put_object_tagging", Tagging={"TagSet": []}),
    "s3:DeleteObject": on_s3("delete_object"),
    "s3:DeleteObjectVersion": on_s3("delete_object", VersionId="00000000-0000-0000-0000-000000000000"),
    "s3:AbortMultipartUpload": on_s3("abort_multipart_upload", UploadId="none"),
    "s3:ListMultipartUploadParts": on_s3("list_parts", UploadId="none"),
    "s3:GetBucketLocation": on_s3("get_bucket_location"),
    "s3:ListBucket": on_s3("list_objects_v2", MaxKeys=1),
    "s3:PutBucketPolicy": on_s3("put_bucket_policy", Policy=POLICY),
    "s3:PutBucketNotification": on_s3("put_bucket_notification_configuration", NotificationConfiguration={}),
    "s3:PutLifecycleConfiguration": on_s3("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": []}),
    "s3:PutBucketVersioning": on_s3("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
    "s3:DeleteBucket": on_s3("delete_bucket"),
    "sqs:SendMessage": on_queue("send_message", MessageBody="{}"),
    "sqs:ReceiveMessage": on_queue("receive_message", VisibilityTimeout=0),
    "sqs:DeleteMessage": on_queue("delete_message", ReceiptHandle="none"),
    "sqs:ChangeMessageVisibility": on_queue("change_message_visibility", ReceiptHandle="none", VisibilityTimeout=0),
    "sqs:GetQueueAttributes": on_queue("get_queue_attributes", AttributeNames=["QueueArn"]),
    "sqs:SetQueueAttributes": on_queue("set_queue_attributes", Attributes={"VisibilityTimeout": "1"}),
    "sqs:PurgeQueue": on_queue("purge_queue"),
    "sqs:DeleteQueue": on_queue("delete_queue"),
    "sns:Publish": lambda of, arn, _: of("sns").publish(TopicArn=arn, Message="tried"),
    "sns:Subscribe": lambda of, arn, _: of("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:999999999999:q"),
    "sns:SetTopicAttributes": lambda of, arn, _: of("sns").set_topic_attributes(
        TopicArn=arn, AttributeName="DisplayName", AttributeValue="x"
    ),
    "glue:GetDatabase": lambda of, arn, _: of("glue").get_database(Name=arn.rpartition("/")[2]),
    "glue:GetPartition": on_table("get_partition", PartitionValues=["1"]),
    "glue:GetTable": named_table("get_table"),
    "glue:DeleteTable": named_table("delete_table"),
    "glue:CreateTable": with_table_input("create_table"),
    "glue:UpdateTable": with_table_input("update_table"),
    "glue:GetPartitions": on_table("get_partitions"),
    "glue:BatchGetPartition": on_table("batch_get_partition", PartitionsToGet=[{"Values": ["1"]}]),
    "glue:BatchCreatePartition": on_table("batch_create_partition", PartitionInputList=[{"Values": ["1"]}]),
    "glue:BatchUpdatePartition": on_table(
        "batch_update_partition", Entries=[{"PartitionValueList": ["1"], "PartitionInput": {"Values": ["1"]}}]
    ),
    "glue:BatchDeletePartition": on_table("batch_delete_partition", PartitionsToDelete=[{"Values": ["1"]}]),
    "glue:DeleteDatabase": lambda of, arn, _: of("glue").delete_database(Name=arn.rpartition("/")[2]),
    "glue:UpdateDatabase": lambda of, arn, _: of("glue").update_database(
        Name=arn.rpartition("/")[2], DatabaseInput={"Name": arn.rpartition("/")[2]}
    ),
    "glue:StartJobRun": on_job("start_job_run"),
    "glue:GetJobRuns": on_job("get_job_runs"),
    "glue:GetJobRun": on_job("get_job_run", RunId="none"),
    "glue:UpdateJob": on_job("update_job", JobUpdate={}),
    "glue:DeleteJob": on_job("delete_job"),
    "athena:StartQueryExecution": lambda of, arn, stack: start(of("athena"), arn, stack),
    "athena:GetQueryExecution": on_query("get_query_execution"),
    "athena:GetQueryResults": on_query("get_query_results"),
    "athena:StopQueryExecution": on_query("stop_query_execution"),
    "logs:CreateLogGroup": on_logs("create_log_group"),
    "logs:CreateLogStream": on_logs("create_log_stream", logStreamName="s"),
    "logs:PutLogEvents": on_logs("put_log_events", logStreamName="s", logEvents=[{"timestamp": 0, "message": "tried"}]),
    "logs:DeleteLogGroup": on_logs("delete_log_group"),
    "kms:Decrypt": lambda of, arn, _: of("kms").decrypt(KeyId=arn, CiphertextBlob=b"none"),
    "kms:GenerateDataKey": lambda of, arn, _: of("kms").generate_data_key(KeyId=arn, KeySpec="AES_256"),
    "kms:ScheduleKeyDeletion": lambda of, arn, _: of("kms").schedule_key_deletion(KeyId=arn),
    "kms:PutKeyPolicy": lambda of, arn, _: of("kms").put_key_policy(KeyId=arn, PolicyName="default", Policy=POLICY),
    "events:PutEvents": lambda of, arn, _: of("events").put_events(
        Entries=[{"Source": "lakegate", "DetailType": "Object Ingested", "Detail": "{}", "EventBusName": arn}]
    ),
    "secretsmanager:GetSecretValue": lambda of, arn, _: of("secretsmanager").get_secret_value(SecretId=arn),
    "iam:PutRolePolicy": on_role("put_role_policy", PolicyName="more", PolicyDocument=POLICY),
    "iam:UpdateAssumeRolePolicy": on_role("update_assume_role_policy", PolicyDocument=POLICY),
    "iam:CreateUser": lambda of, arn, _: of("iam").create_user(UserName=arn.rpartition("/")[2]),
    "sts:AssumeRole": lambda of, arn, _: of("sts").assume_role(RoleArn=arn, RoleSessionName="other"),
    "lambda:GetLayerVersion": lambda of, arn, _: of("lambda").get_layer_version_by_arn(Arn=arn),
    "lambda:InvokeFunction": on_function("invoke", Payload=b"{}"),
    "lambda:UpdateFunctionCode": on_function("update_function_code", S3Bucket="none", S3Key="none"),
    "lambda:UpdateFunctionConfiguration": on_function("update_function_configuration", MemorySize=128),
}


def is_refused(credentials: tuple[str, ...], action: str, resource: str, stack: Stack) -> bool:
    """Whether the local AWS refuses a call; that it fails otherwise, because what it is about is not there, is no refusal."""
    try:
        CALLS[action](lambda service: client(service, *credentials), resource, stack)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        is_head = error.response["ResponseMetadata"]["HTTPStatusCode"] == 403 and code == "403"
        return is_head or code in REFUSED
    return False
