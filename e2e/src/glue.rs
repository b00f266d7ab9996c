//! The Glue job as AWS runs it, but for the cluster: its script under the Spark that Glue 5.1 has, with the arguments of a run.
//! It must not know what a run does.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use lakegate_local::{ProgressBar, functions, guard, python};
use serde_json::{Value, json};

use crate::harness::Harness;
use crate::proof::proxy::Proxy;

/// Two tasks at once, each tried four times.
const SUBMIT: &str = "--master local[2,4] --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 \
                      --conf spark.driver.bindAddress=127.0.0.1 pyspark-shell";

/// What a run needs.
#[derive(Debug)]
pub struct Spark {
    /// An interpreter that has PySpark, boto3, pytest and DuckDB.
    pub interpreter: PathBuf,
}

/// A run that has not ended. Dropping it kills it with all that it started.
#[derive(Debug)]
pub struct Run {
    child: tokio::process::Child,
    /// The run lives as long as this is open.
    lifeline: Option<tokio::process::ChildStdin>,
    /// What stands between it and the AWS.
    pub proxy: Proxy,
}

impl Spark {
    /// Installs PySpark. `None`, and a word about it, where there is no Java.
    ///
    /// # Errors
    /// It cannot be installed.
    pub async fn ready(harness: &Harness) -> Result<Option<Self>> {
        let java = Command::new("java").arg("-version").stdin(Stdio::null()).stderr(Stdio::null()).status();
        if !java.is_ok_and(|status| status.success()) {
            crate::skip("the Glue job under Spark: needs Java 17 (apt install openjdk-17-jre-headless)");
            return Ok(None);
        }
        eprintln!("e2e: Spark is made ready (the first time takes a minute)");
        let interpreter = python::environment(&harness.project, "spark", &ProgressBar::hidden()).await?;
        Ok(Some(Self { interpreter }))
    }

    /// Runs the Python tests of the script, each with lakes of its own; what pytest said.
    ///
    /// # Errors
    /// A test fails.
    pub async fn pytest(&self, harness: &Harness, arguments: &[&str]) -> Result<String> {
        let folder = harness.project.root().join("infra/glue");
        // Without its debug information Spark has less to hand round.
        let binary = harness.project.hidden("run")?.join(format!("{}-lakegate", std::process::id()));
        std::fs::write(&binary, functions::program(&harness.lakegate)?)?;
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755))?;
        let mut command = self.command(harness, harness.stack.client.endpoint());
        command.args(["-m", "pytest", "-q", "-rP", "--show-capture=stdout", "--tb=short", "-p", "no:cacheprovider"]);
        command.args(arguments).current_dir(&folder);
        command.env("PYTHONPATH", &folder).env("LAKEGATE_COMMAND", &binary);
        let (lifeline, output) = started(command)?;
        let output = output.wait_with_output().await?;
        drop(lifeline);
        std::fs::remove_file(&binary)?;
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        anyhow::ensure!(output.status.success(), "pytest: {}: {told}", output.status);
        Ok(told)
    }

    /// Starts what Glue starts: the job's script with the job's own arguments and those of one of its runs.
    ///
    /// # Errors
    /// There is no such job, or Python cannot be started.
    pub async fn start(&self, harness: &Harness, run: &Value, more: &[(&str, &str)]) -> Result<Run> {
        let stack = &harness.stack;
        let job = stack.client.json("AWSGlue.GetJob", &json!({ "JobName": stack.glue_job })).await?;
        let upstream = stack.client.endpoint().trim_start_matches("http://").parse()?;
        let proxy = Proxy::start(upstream, &stack.raw_bucket).await?;
        let mut command = self.command(harness, &proxy.endpoint());
        let role = job.pointer("/Job/Role").and_then(Value::as_str).context("the job has no role")?;
        command.envs(stack.client.assume_role(role).await?);
        command.arg(harness.project.root().join("infra/glue/convert_large.py")).env("PYSPARK_SUBMIT_ARGS", SUBMIT);
        let run_id = run.pointer("/Id").and_then(Value::as_str).context("the run has no id")?;
        command.args(["--JOB_NAME", &stack.glue_job, "--JOB_RUN_ID", run_id]);
        // A run's arguments stand instead of those that the job has by default.
        for arguments in [job.pointer("/Job/DefaultArguments"), run.pointer("/Arguments")] {
            for (name, value) in arguments.and_then(Value::as_object).into_iter().flatten() {
                command.arg(name).arg(value.as_str().unwrap_or_default());
            }
        }
        for (name, value) in more {
            command.args([name, value]);
        }
        let (lifeline, child) = started(command)?;
        Ok(Run { child, lifeline, proxy })
    }

    fn command(&self, harness: &Harness, endpoint: &str) -> Command {
        let mut command = guard::command(&harness.python, None, &self.interpreter);
        command.envs([
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
        command.env("AWS_REGION", "us-east-1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PYSPARK_PYTHON", &self.interpreter).env("SPARK_LOCAL_IP", "127.0.0.1");
        command
    }
}

fn started(command: Command) -> Result<(Option<tokio::process::ChildStdin>, tokio::process::Child)> {
    let mut command = tokio::process::Command::from(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start Python")?;
    Ok((child.stdin.take(), child))
}

impl Run {
    /// Waits for its end: exit status, standard output, standard error.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn ended(self) -> Result<Output> {
        let output = self.child.wait_with_output().await?;
        drop(self.lifeline);
        Ok(output)
    }

    /// Kills the script with all that it started, at once, and waits until they are gone.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn kill(mut self) -> Result<()> {
        drop(self.lifeline.take());
        self.child.wait().await?;
        Ok(())
    }
}
