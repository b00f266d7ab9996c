//! Who may do what on the deployed stack: its roles, and the policies of its buckets, queues and topics (infra/access).

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::{Harness, ProgressBar, on_stack_with, python};

const SECRET: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:lakegate/shop-AbCdEf";

/// The local AWS has no Redshift: what is loaded into was there before.
const WORKGROUP: &str =
    "arn:aws:redshift-serverless:us-east-1:111122223333:workgroup/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn each_role_may_do_what_it_does_and_nothing_else() -> Result<()> {
    // Some roles are there on request.
    let parameters = [
        ("BackfillSchedule", "rate(30 days)"),
        ("FetchSchedule", "rate(30 days)"),
        ("FetchSecrets", SECRET),
        ("DashboardSchedule", "rate(30 days)"),
        ("Warehouse", "on"),
        ("ExistingWorkgroup", WORKGROUP),
    ];
    on_stack_with("own-bucket", &parameters, pytest)
}

#[test]
fn so_it_is_with_an_existing_bucket_a_prefix_and_keys() -> Result<()> {
    let key = |id: &str| format!("arn:aws:kms:us-east-1:111122223333:key/{id}-12ab-34cd-56ef-1234567890ab");
    let (own, theirs) = (key("1234abcd"), key("5678abcd"));
    let parameters = [
        ("BackfillSchedule", "rate(30 days)"),
        ("FetchSchedule", "rate(30 days)"),
        ("DashboardSchedule", "rate(30 days)"),
        ("Warehouse", "on"),
        ("ExistingWorkgroup", WORKGROUP),
        ("ExistingRawBucket", "drop-zone"),
        ("RawPrefix", "orders/"),
        ("KmsKeyArn", own.as_str()),
        ("ExistingRawKmsKey", theirs.as_str()),
    ];
    on_stack_with("existing-bucket", &parameters, pytest)
}

async fn pytest(harness: &Harness) -> Result<()> {
    let interpreter = python::environment(&harness.project, "access", &ProgressBar::hidden()).await?;
    let folder = harness.project.root().join("infra/access");
    let mut command = Command::new(interpreter);
    command.args(["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]).current_dir(&folder);
    command.env("PYTHONPATH", &folder).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("AWS_ENDPOINT_URL", harness.stack.client.endpoint());
    let output = command.output().context("cannot start pytest")?;
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "pytest: {told}");
    Ok(())
}
