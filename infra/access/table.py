"""Who may do what: of each role everything that it may do, by example. All that another role may, and what nobody may, is denied it.

An example stands for all of its kind: one object for all under its prefix, one table for all of the database.
"""

from conftest import ARTIFACTS, Stack

Call = tuple[str, str]  # an action, and the resource that it is about

INGEST, START_GLUE, ROUTE_FAILURES, SWEEP = "IngestRole", "StartGlueRole", "RouteFailuresRole", "SweepRole"
GLUE_JOB, BACKFILL = "GlueJobRole", "BackfillRole"
FETCH, FETCH_SCHEDULE = "FetchApiRole", "FetchScheduleRole"
PUBLISH, PUBLISH_SCHEDULE = "PublishReportRole", "DashboardScheduleRole"
LOAD, WAREHOUSE = "LoadWarehouseRole", "WarehouseRole"
OPTIONAL = (FETCH, FETCH_SCHEDULE, PUBLISH, PUBLISH_SCHEDULE, LOAD, WAREHOUSE)
ROLES = (INGEST, START_GLUE, ROUTE_FAILURES, SWEEP, GLUE_JOB, BACKFILL, *OPTIONAL)

TABLE_ACTIONS = ("GetTable", "CreateTable", "UpdateTable")
PARTITION_ACTIONS = ("GetPartitions", "BatchGetPartition", "BatchCreatePartition", "BatchUpdatePartition")


def objects(bucket: str, prefix: str, *actions: str) -> list[Call]:
    return [(f"s3:{action}", f"arn:aws:s3:::{bucket}/{prefix}a.csv") for action in actions]


def lists(*buckets: str) -> list[Call]:
    return [("s3:ListBucket", f"arn:aws:s3:::{bucket}") for bucket in buckets]


def queue(stack: Stack, logical: str, *actions: str) -> list[Call]:
    return [(f"sqs:{action}", stack.queue(logical)) for action in actions]


def receives(stack: Stack, logical: str) -> list[Call]:
    return queue(stack, logical, "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def logs(stack: Stack, group: str) -> list[Call]:
    stream = stack.arn("logs", f"log-group:{group}:log-stream:s")
    return [("logs:CreateLogStream", stream), ("logs:PutLogEvents", stream)]


def job(stack: Stack, *actions: str, name: str = "") -> list[Call]:
    return [(f"glue:{action}", stack.arn("glue", f"job/{name or stack.resources['GlueJob']}")) for action in actions]


def tables(stack: Stack, database: str, *actions: str, name: str = "orders") -> list[Call]:
    return [(f"glue:{action}", stack.arn("glue", f"table/{database}/{name}")) for action in actions]


def reads_with_key(stack: Stack) -> list[Call]:
    key = stack.parameters["KmsKeyArn"]
    return [("kms:Decrypt", key)] if key else []


def writes_with_key(stack: Stack) -> list[Call]:
    return [(action, key) for _, key in reads_with_key(stack) for action in ("kms:Decrypt", "kms:GenerateDataKey")]


def reads_existing(stack: Stack) -> list[Call]:
    key = stack.parameters["ExistingRawKmsKey"]
    return [("kms:Decrypt", key)] if key else []


def is_on(stack: Stack, parameter: str) -> bool:
    return stack.parameters.get(parameter) == "on"


def converts(stack: Stack) -> list[Call]:
    """What the ingest function may, and the Glue job as well."""
    return [
        *objects(stack.raw, "orders/", "GetObject", "GetObjectVersion"),
        *lists(stack.raw, stack.lake),
        *objects(stack.lake, "contracts/", "GetObject"),
        *objects(stack.lake, "contracts/drafts/", "PutObject"),
        *objects(stack.lake, "lake/orders/", "GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"),
        # Of all tables, also of this one, which somebody else may only read.
        *objects(stack.lake, "lake/customers/", "GetObject"),
        *tables(stack, stack.resources["CatalogDatabase"], "GetTable", "GetPartitions", "BatchGetPartition", name="customers"),
        *objects(stack.lake, "rejects/dataset=orders/", "GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"),
        *objects(stack.lake, "ledger/", "GetObject", "PutObject"),
        *tables(stack, stack.resources["CatalogDatabase"], *TABLE_ACTIONS, *PARTITION_ACTIONS),
        *queue(stack, "FailuresQueue", "SendMessage"),
        *([("events:PutEvents", stack.arn("events", "event-bus/default"))] if is_on(stack, "Notices") else []),
        *(objects(stack.lake, "lineage/", "PutObject") if is_on(stack, "Lineage") else []),
    ]


def allowed(stack: Stack, role: str) -> list[Call]:
    function = f"/aws/lambda/{stack.name}-"
    if role == INGEST:
        return [
            *converts(stack),
            *writes_with_key(stack),
            *reads_existing(stack),
            *receives(stack, "IngestQueue"),
            *queue(stack, "IngestQueue", "ChangeMessageVisibility"),
            *queue(stack, "HeavyQueue", "SendMessage"),
            *logs(stack, f"{function}ingest"),
        ]
    if role == START_GLUE:
        return [
            *writes_with_key(stack),
            *receives(stack, "HeavyQueue"),
            *queue(stack, "HeavyQueue", "ChangeMessageVisibility"),
            *queue(stack, "FailuresQueue", "SendMessage"),
            *lists(stack.lake),
            *objects(stack.lake, "ledger/", "GetObject", "PutObject"),
            *objects(stack.lake, "runs/", "GetObject", "PutObject"),
            *job(stack, "StartJobRun", "GetJobRuns"),
            *logs(stack, f"{function}start-glue"),
        ]
    if role == ROUTE_FAILURES:
        key = stack.arn("kms", f"key/{stack.resources['AlertsKey']}")
        return [
            *reads_with_key(stack),
            *receives(stack, "FailuresQueue"),
            *queue(stack, "DeadLetterQueue", "SendMessage"),
            ("sns:Publish", stack.resources["AlertsTopic"]),
            ("kms:Decrypt", key),
            ("kms:GenerateDataKey", key),
            *lists(stack.lake),
            *objects(stack.lake, "ledger/", "GetObject"),
            *objects(stack.lake, "runs/", "GetObject"),
            *job(stack, "GetJobRun"),
            *logs(stack, f"{function}route-failures"),
        ]
    if role == SWEEP:
        return [
            *writes_with_key(stack),
            *objects(stack.lake, "freshness/", "GetObject", "PutObject"),
            *lists(stack.raw, stack.lake),
            *objects(stack.lake, "ledger/", "GetObject"),
            *objects(stack.lake, "contracts/", "GetObject"),
            *queue(stack, "IngestQueue", "GetQueueAttributes", "SendMessage"),
            *queue(stack, "FailuresQueue", "SendMessage"),
            *logs(stack, f"{function}sweep"),
        ]
    if role == FETCH:
        secrets = stack.parameters["FetchSecrets"]
        return [
            *writes_with_key(stack),
            *[("kms:GenerateDataKey", key) for _, key in reads_existing(stack)],
            *lists(stack.lake),
            *objects(stack.lake, "contracts/", "GetObject"),
            *objects(stack.lake, "fetch/", "GetObject", "PutObject"),
            *objects(stack.raw, "orders/", "PutObject"),
            *([("secretsmanager:GetSecretValue", secret) for secret in secrets.split(",")] if secrets else []),
            *queue(stack, "FailuresQueue", "SendMessage"),
            *logs(stack, f"{function}fetch-api"),
        ]
    if role == LOAD:
        workgroup = stack.parameters["ExistingWorkgroup"]
        return [
            *writes_with_key(stack),
            *receives(stack, "LoadQueue"),
            *queue(stack, "LoadQueue", "ChangeMessageVisibility"),
            *queue(stack, "FailuresQueue", "SendMessage"),
            *lists(stack.lake),
            *objects(stack.lake, "loads/", "GetObject", "PutObject"),
            *tables(stack, stack.resources["CatalogDatabase"], "GetTable", "GetTables"),
            *tables(stack, stack.resources["CatalogDatabase"], "GetTable", name="customers"),
            ("redshift-data:BatchExecuteStatement", workgroup),
            ("redshift-data:DescribeTable", workgroup),
            ("redshift-data:DescribeStatement", "*"),
            ("redshift-serverless:GetCredentials", workgroup),
            *logs(stack, f"{function}load-warehouse"),
        ]
    if role == WAREHOUSE:
        database = stack.resources["CatalogDatabase"]
        return [
            *reads_with_key(stack),
            *lists(stack.lake),
            *objects(stack.lake, "lake/orders/", "GetObject"),
            *objects(stack.lake, "lake/customers/", "GetObject"),
            *tables(stack, database, "GetTable", "GetTables", "GetPartition", "GetPartitions", "BatchGetPartition"),
            *tables(stack, database, "GetTable", "GetPartition", "GetPartitions", "BatchGetPartition", name="customers"),
            ("glue:GetDatabase", stack.arn("glue", f"database/{database}")),
        ]
    if role == FETCH_SCHEDULE:
        return [("lambda:InvokeFunction", stack.arn("lambda", f"function:{stack.resources['FetchApiFunction']}"))]
    if role == PUBLISH:
        group = stack.arn("athena", f"workgroup/{stack.resources['DashboardWorkGroup']}")
        database = stack.resources["CatalogDatabase"]
        reads = ("GetTable", "GetPartitions", "GetPartition", "BatchGetPartition")
        return [
            *writes_with_key(stack),
            *[(f"athena:{action}QueryExecution", group) for action in ("Start", "Get", "Stop")],
            ("athena:GetQueryResults", group),
            ("glue:GetDatabase", stack.arn("glue", f"database/{database}")),
            ("glue:GetDatabase", stack.arn("glue", "database/default")),
            *tables(stack, database, *reads),
            *tables(stack, database, *reads, name="customers"),
            *lists(stack.lake),
            ("s3:GetBucketLocation", f"arn:aws:s3:::{stack.lake}"),
            *objects(stack.lake, "lake/orders/", "GetObject"),
            *objects(stack.lake, "lake/customers/", "GetObject"),
            *objects(stack.lake, "athena/", "GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts"),
            *[(f"s3:{action}", f"arn:aws:s3:::{stack.lake}/reports/sales.html") for action in ("GetObject", "PutObject")],
            *queue(stack, "FailuresQueue", "SendMessage"),
            *logs(stack, f"{function}publish-report"),
        ]
    if role == PUBLISH_SCHEDULE:
        return [("lambda:InvokeFunction", stack.arn("lambda", f"function:{stack.resources['PublishReportFunction']}"))]
    if role == GLUE_JOB:
        return [
            *converts(stack),
            *writes_with_key(stack),
            *reads_existing(stack),
            ("lambda:GetLayerVersion", stack.arn("lambda", f"layer:{stack.name}-glue-binary:1")),
            *objects(stack.lake, "runs/", "GetObject"),
            *objects(ARTIFACTS, "", "GetObject"),
            *logs(stack, f"/aws-glue/{stack.name}/jobs"),
            ("logs:CreateLogGroup", stack.arn("logs", f"log-group:/aws-glue/{stack.name}/jobs:log-stream:s")),
        ]
    assert role == BACKFILL, role
    return [*job(stack, "StartJobRun"), *queue(stack, "FailuresQueue", "SendMessage")]


def nobody_s(stack: Stack) -> list[Call]:
    """What no role may do: neighbours of what they may, and ways to give oneself more."""
    database, others_topic = stack.resources["CatalogDatabase"], stack.arn("sns", "someone-else-s")
    catalog, role = stack.arn("glue", f"database/{database}"), f"arn:aws:iam::{stack.account}:role/"
    ingest = stack.arn("lambda", f"function:{stack.resources['IngestFunction']}")
    return [
        # Files beside the prefix are not the stack's; keys are for S3's use alone (test_roles).
        *(objects(stack.raw, "elsewhere/", "GetObject", "GetObjectVersion") if stack.parameters["RawPrefix"] else []),
        *[(action, key) for key in stack.keys for action in ("kms:Encrypt", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy")],
        ("lambda:GetLayerVersion", stack.arn("lambda", "layer:someone-else-s:1")),
        # Sources are read, never deleted; written by who fetches them alone.
        *objects(stack.raw, "orders/", "DeleteObject", "DeleteObjectVersion", "PutObjectTagging"),
        *(objects(stack.raw, "elsewhere/", "PutObject") if stack.parameters["RawPrefix"] else []),
        *objects(stack.lake, "fetch/", "DeleteObject"),
        ("secretsmanager:GetSecretValue", stack.arn("secretsmanager", "secret:someone-else-s-AbCdEf")),
        # Contracts are a person's; so are the lake's other folders, and versions that were replaced.
        *objects(stack.lake, "contracts/", "PutObject", "DeleteObject"),
        *objects(stack.lake, "", "GetObject", "PutObject", "DeleteObject"),
        *objects(stack.lake, "athena/", "DeleteObject"),
        *objects(stack.lake, "reports/", "GetObject", "PutObject", "DeleteObject"),
        ("athena:StartQueryExecution", stack.arn("athena", "workgroup/primary")),
        *objects(stack.lake, "ledger/", "DeleteObject"),
        *objects(stack.lake, "runs/", "DeleteObject"),
        *objects(stack.lake, "lake/orders/", "DeleteObjectVersion", "PutObjectTagging"),
        # Other buckets, and what buckets are.
        *objects("someone-else-s", "lake/", "GetObject", "PutObject", "DeleteObject"),
        *lists("someone-else-s"),
        *[
            (f"s3:{action}", f"arn:aws:s3:::{bucket}")
            for bucket in (stack.raw, stack.lake)
            for action in ("PutBucketPolicy", "PutBucketNotification", "PutLifecycleConfiguration", "DeleteBucket", "PutBucketVersioning")
        ],
        # Queues of others, and of ours what only a person does.
        *[(f"sqs:{action}", stack.arn("sqs", "someone-else-s")) for action in ("SendMessage", "ReceiveMessage")],
        *receives(stack, "DeadLetterQueue"),
        *queue(stack, "DeadLetterQueue", "PurgeQueue", "SetQueueAttributes"),
        *queue(stack, "IngestQueue", "PurgeQueue", "SetQueueAttributes", "DeleteQueue"),
        *queue(stack, "FailuresQueue", "ChangeMessageVisibility", "PurgeQueue"),
        ("sns:Publish", others_topic),
        ("sns:Subscribe", stack.resources["AlertsTopic"]),
        ("sns:SetTopicAttributes", stack.resources["AlertsTopic"]),
        # The catalog: tables of other databases, whatever cannot be undone, and databases themselves.
        *tables(stack, "someone_else_s", *TABLE_ACTIONS, *PARTITION_ACTIONS, "DeleteTable"),
        *tables(stack, database, "DeleteTable", "BatchDeletePartition"),
        ("glue:DeleteDatabase", catalog),
        ("glue:UpdateDatabase", catalog),
        *job(stack, "UpdateJob", "DeleteJob"),
        *job(stack, "StartJobRun", "GetJobRuns", "GetJobRun", name="someone-else-s"),
        # Logs of others, and away with one's own.
        *logs(stack, "/aws/lambda/someone-else-s"),
        ("logs:DeleteLogGroup", stack.arn("logs", f"log-group:/aws/lambda/{stack.name}-ingest")),
        # More rights.
        ("iam:PutRolePolicy", f"{role}{stack.resources[INGEST]}"),
        ("iam:UpdateAssumeRolePolicy", f"{role}{stack.resources[INGEST]}"),
        ("iam:CreateUser", f"arn:aws:iam::{stack.account}:user/mallory"),
        *[("sts:AssumeRole", f"{role}{stack.resources[other]}") for other in (INGEST, GLUE_JOB)],
        ("lambda:InvokeFunction", ingest),
        ("lambda:UpdateFunctionCode", ingest),
        ("lambda:UpdateFunctionConfiguration", ingest),
        ("kms:ScheduleKeyDeletion", stack.arn("kms", f"key/{stack.resources['AlertsKey']}")),
        ("kms:PutKeyPolicy", stack.arn("kms", f"key/{stack.resources['AlertsKey']}")),
    ]


def denied(stack: Stack, role: str) -> list[Call]:
    everything = [*nobody_s(stack), *(call for other in ROLES for call in allowed(stack, other))]
    own = set(allowed(stack, role))
    return sorted({call for call in everything if call not in own})
