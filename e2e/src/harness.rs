//! One local AWS with the deployed template per test binary: started by the first test that needs it, stopped with the process.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, anyhow};
use lakegate_local::{Access, Emulator, Message, ProgressBar, Project, Stack, deploy, functions, python};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::orders;

/// Objects larger than this go to the Glue job; larger than every file of the other tests.
pub const HEAVY_BYTES: u64 = 2_000_000;

/// The stack, and what was collected from its queues so far.
#[derive(Debug)]
pub struct Harness {
    /// The deployed stack.
    pub stack: Stack,
    /// The project that was deployed.
    pub project: Project,
    /// An interpreter that has DuckDB.
    pub python: PathBuf,
    /// The `lakegate` command.
    pub lakegate: PathBuf,
    pub(crate) dead_letters: tokio::sync::Mutex<Vec<Message>>,
    pub(crate) alerts: tokio::sync::Mutex<Vec<(String, String)>>,
    emulator: Emulator,
}

static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
static HARNESS: tokio::sync::OnceCell<Harness> = tokio::sync::OnceCell::const_new();

/// Runs a test against the shared stack. When it fails, the functions' logs are shown.
///
/// # Errors
/// The local AWS does not start, or the test fails.
pub fn on_stack(test: impl AsyncFnOnce(&Harness) -> Result<()>) -> Result<()> {
    runtime()?.block_on(async {
        let heavy_bytes = HEAVY_BYTES.to_string();
        let harness =
            HARNESS.get_or_try_init(async || start(&test_binary(), &[("HeavyBytes", &heavy_bytes)]).await).await?;
        run(harness, test).await
    })
}

/// Runs a test against a stack of its own, deployed with these values of the template's parameters. `name` names its log.
///
/// # Errors
/// The local AWS does not start, the template does not deploy, or the test fails.
pub fn on_stack_with(
    name: &str,
    parameters: &[(&str, &str)],
    test: impl AsyncFnOnce(&Harness) -> Result<()>,
) -> Result<()> {
    runtime()?.block_on(async {
        let harness = start(&format!("{}-{name}", test_binary()), parameters).await?;
        run(&harness, test).await
    })
}

fn runtime() -> Result<&'static Runtime> {
    RUNTIME.get_or_init(Runtime::new).as_ref().map_err(|error| anyhow!("no tokio runtime: {error}"))
}

async fn run(harness: &Harness, test: impl AsyncFnOnce(&Harness) -> Result<()>) -> Result<()> {
    let result = test(harness).await;
    if result.is_err() {
        harness.show_logs().await;
    }
    result
}

async fn start(name: &str, parameters: &[(&str, &str)]) -> Result<Harness> {
    let project = Project::find()?;
    let bar = ProgressBar::hidden();
    eprintln!("e2e: the local AWS is made ready (the first time takes a minute)");
    let python = python::environment(&project, "local", &bar).await?;
    let binaries = functions::build(&project, &python, &bar).await?;
    let lakegate = binaries.get(functions::COMMAND).context("the command was not built")?.clone();
    let emulator = Emulator::start(&project, &python, name, Access::ByPolicy).await?;
    let stack = deploy(&project, emulator.client(), &binaries, parameters).await?;
    put_contracts(&project, &stack).await?;
    let (dead_letters, alerts) = Default::default();
    Ok(Harness { stack, project, python, lakegate, dead_letters, alerts, emulator })
}

/// Says how a command ended: what it printed, or the error that it gave.
fn told(command: &str, output: &Output) -> Result<String> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    anyhow::ensure!(output.status.success(), "{command}: {}: {err}{out}", output.status);
    Ok(out.into_owned())
}

/// The sample contracts, and copies of one of them for the tests' own tables.
async fn put_contracts(project: &Project, stack: &Stack) -> Result<()> {
    let dir = project.root().join("contracts");
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        stack.put_contract(&name, fs::read(&path)?).await?;
    }
    let sample = fs::read_to_string(project.root().join("contracts/orders.odcs.yaml"))?;
    for table in orders::TABLES {
        stack.put_contract(&format!("{table}.odcs.yaml"), orders::contract_for(&sample, table)).await?;
    }
    Ok(())
}

/// Names the log; several test binaries may run at once.
fn test_binary() -> String {
    let name = std::env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    format!("e2e-{}", name.as_deref().and_then(|name| name.split('-').next()).unwrap_or("test"))
}

impl Harness {
    /// Runs the `lakegate` command against the stack, as a person would; what it printed.
    ///
    /// # Errors
    /// It does not succeed.
    pub fn lakegate(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.lakegate);
        command.args(args).args(["--endpoint-url", self.stack.client.endpoint()]);
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
        let output = command.output().with_context(|| format!("cannot start {}", self.lakegate.display()))?;
        told(&args.join(" "), &output)
    }

    /// The same, with `--json`: the object that it printed.
    ///
    /// # Errors
    /// It does not succeed, or does not print JSON.
    pub fn lakegate_json(&self, args: &[&str]) -> Result<Value> {
        let printed = self.lakegate(&[args, &["--json"]].concat())?;
        serde_json::from_str(&printed).with_context(|| format!("no JSON: {printed}"))
    }

    /// Adds the statements that docs/operate.md ("Files from elsewhere") asks for, so that ingest may take in files of another bucket.
    ///
    /// # Errors
    /// A call fails.
    pub async fn let_ingest_read(&self, bucket: &str) -> Result<()> {
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": format!("arn:aws:s3:::{bucket}/*") },
            { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": format!("arn:aws:s3:::{bucket}") },
        ]});
        let role = self.stack.client.function_role(&self.stack.ingest_function).await?;
        self.stack.client.put_role_policy(&role, bucket, &policy).await
    }

    async fn show_logs(&self) {
        static SHOWN: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
        let shown = SHOWN.get_or_init(Mutex::default);
        let stack = &self.stack;
        let functions =
            [&stack.ingest_function, &stack.start_glue_function, &stack.route_failures_function, &stack.sweep_function];
        for function in functions {
            for line in stack.client.function_log(function).await.unwrap_or_default() {
                if shown.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
                    eprintln!("{function}: {line}");
                }
            }
        }
        eprintln!("the whole log: {}", self.emulator.log().display());
    }
}
