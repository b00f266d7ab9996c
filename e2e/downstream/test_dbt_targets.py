"""The project as the other engines' adapters read it. Nothing connects: whether those engines take the SQL, only they can show."""

import json

import pytest

from project import run_dbt

ENVIRONMENT = {
    "AWS_REGION": "eu-central-1",
    "LAKEGATE_ATHENA_RESULTS": "s3://results/",
    "LAKEGATE_ATHENA_TABLES": "s3://tables/",
    "LAKEGATE_REDSHIFT_HOST": "sales.123456789012.eu-central-1.redshift-serverless.amazonaws.com",
    "LAKEGATE_SNOWFLAKE_ACCOUNT": "account",
    "LAKEGATE_SNOWFLAKE_USER": "user",
    "LAKEGATE_SNOWFLAKE_KEY_FILE": "/nowhere.p8",
    "LAKEGATE_SNOWFLAKE_ROLE": "role",
    "LAKEGATE_SNOWFLAKE_WAREHOUSE": "warehouse",
}


@pytest.mark.parametrize("target", ["athena", "redshift", "snowflake"])
def test_the_project_parses_without_a_warning(tmp_path, target):
    output = run_dbt(
        "--warn-error", "parse", "--show-all-deprecations", target=target, folder=tmp_path, environment=ENVIRONMENT
    )
    assert output.returncode == 0 and f"Registered adapter: {target}" in output.stdout, output.stdout + output.stderr
    manifest = json.loads((tmp_path / "target/manifest.json").read_text())
    assert sum(node["resource_type"] == "model" for node in manifest["nodes"].values()) == 6
    for source in manifest["sources"].values():
        assert source["schema"] == "lakegate"


@pytest.mark.parametrize("target", ["athena", "redshift", "snowflake"])
def test_a_variable_that_is_missing_names_itself(tmp_path, target):
    output = run_dbt("parse", target=target, folder=tmp_path, environment={})
    assert output.returncode != 0 and "Env var required but not provided" in output.stdout, output.stdout
