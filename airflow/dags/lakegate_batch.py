"""The lake by batches: what no event announced is announced, what lies in the bucket is taken in, the warehouse, if there is one, is loaded, dbt
builds on it, and whoever waits is told.

Everything is the deployed stack's own work; this only says in which order. Each task may be repeated: what is in the lake is not taken in
again, and dbt builds on what it finds. A stack of which nobody orders the steps has the same batch by schedule (docs/airflow.md).

Params, given with each run or set as its defaults here: `stack`, the deployed stack; `prefix`, what the keys of the files begin with;
`dbt`, the shell command that builds the models, empty for none. Credentials and region are those of the connection `aws_default`.
"""

import json
from datetime import datetime, timedelta

from airflow.providers.amazon.aws.hooks.athena import AthenaHook
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.operators.eventbridge import EventBridgePutEventsOperator
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.config import Config

# Files that somebody still works on, or that wait for a Glue run.
IN_WORK = """SELECT count(*) FROM ledger WHERE state IN ('working', 'heavy')"""


def output(name: str) -> str:
    """The stack's output of this name, once it is known."""
    return f"{{{{ ti.xcom_pull('stack')['{name}'] }}}}"


with DAG(
    "lakegate_batch",
    description="Sweep, backfill, wait for the ledger, load, build, tell",
    doc_md=__doc__,
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "stack": Param("lakegate", type="string", pattern="^[a-z][a-z0-9-]*$", description="Name of the deployed stack"),
        "prefix": Param("", type="string", description="What the keys of the files begin with; all where it is empty"),
        "dbt": Param("", type="string", description="Command that builds the models, as `dbt build --project-dir …`; none where it is empty"),
    },
    tags=["lakegate"],
):

    @task(task_id="stack")
    def outputs(params: dict) -> dict[str, str]:
        """What the stack says of itself, by the names of its outputs."""
        client = AwsBaseHook(client_type="cloudformation").get_conn()
        (found,) = client.describe_stacks(StackName=params["stack"])["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}

    sweep = LambdaInvokeFunctionOperator(task_id="sweep", function_name=output("SweepFunction"), payload="{}")

    # A run with nothing to do costs the listing, and Glue's least of one minute.
    manifest = f'{{"version": 1, "kind": "prefix", "bucket": "{output("RawBucket")}", "prefix": {{{{ params.prefix | tojson }}}}}}'
    backfill = GlueJobOperator(task_id="backfill", job_name=output("GlueJob"), script_args={"--manifest": manifest}, waiter_delay=10)

    @task.sensor(task_id="ledger", poke_interval=30, timeout=2 * 60 * 60, mode="reschedule")
    def is_settled(ti) -> bool:
        """Whether nothing is in work any more."""
        stack = ti.xcom_pull("stack")
        hook = AthenaHook()
        where = {"OutputLocation": f"s3://{stack['LakeBucket']}/athena/"}
        query = hook.run_query(IN_WORK, {"Database": stack["Database"]}, where)
        state = hook.poll_query_status(query, max_polling_attempts=60, sleep_time=1)
        if state != "SUCCEEDED":
            raise RuntimeError(f"Athena: {state}: {hook.get_state_change_reason(query)}")
        rows = hook.get_query_results(query)["ResultSet"]["Rows"]
        waiting = int(rows[-1]["Data"][0]["VarCharValue"])
        print(f"{waiting} files are in work")
        return waiting == 0

    @task(task_id="load")
    def load(ti) -> list[str]:
        """Has all tables of the warehouse loaded whole; the loads' documents. A table that is being made is loaded when that is done."""
        stack = ti.xcom_pull("stack")
        if "LoadWarehouseFunction" not in stack:
            raise AirflowSkipException("the stack has no warehouse")
        # The function has five minutes; asked again, it would load everything once more.
        config = Config(read_timeout=330, retries={"total_max_attempts": 1})
        client = AwsBaseHook(client_type="lambda", config=config).get_conn()
        answer = client.invoke(FunctionName=stack["LoadWarehouseFunction"], Payload=b"{}")
        said = answer["Payload"].read()
        if "FunctionError" in answer:
            raise RuntimeError(f"the load did not begin: {said.decode(errors='replace')}")
        return [f"loads/{each['load']}.json" for each in json.loads(said)["loads"]]

    @task.sensor(task_id="loaded", poke_interval=30, timeout=2 * 60 * 60, mode="reschedule")
    def is_loaded(ti) -> bool:
        """Whether all of them are over, and well."""
        client, bucket = AwsBaseHook(client_type="s3").get_conn(), ti.xcom_pull("stack")["LakeBucket"]
        loads = [json.load(client.get_object(Bucket=bucket, Key=key)["Body"]) for key in ti.xcom_pull("load")]
        failed = [f"{each['table']}: {each['trouble']}" for each in loads if each["phase"] == "failed"]
        if failed:
            raise AirflowFailException(f"not loaded: {'; '.join(failed)}")
        waiting = [each["table"] for each in loads if each["phase"] != "loaded"]
        print(f"{len(waiting)} of {len(loads)} tables are being loaded")
        return not waiting

    # Also where there is no warehouse to be loaded.
    dbt = BashOperator(
        task_id="dbt",
        bash_command="{{ params.dbt or 'echo nothing to build' }}",
        append_env=True,
        trigger_rule="none_failed",
    )

    notice = EventBridgePutEventsOperator(
        task_id="notice",
        entries=[
            {
                "Source": "lakegate.batch",
                "DetailType": "Batch Ended",
                "Detail": '{"version": 1, "stack": "{{ params.stack }}", "run_id": {{ run_id | tojson }}, "is_built": {{ (params.dbt != "") | tojson }}}',
            }
        ],
    )

    settled = is_settled()
    outputs() >> sweep >> backfill >> settled >> load() >> is_loaded() >> dbt >> notice
    settled >> dbt
