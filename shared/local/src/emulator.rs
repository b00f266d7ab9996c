//! The emulator's process: started on a free port of 127.0.0.1, awaited, stopped with every function process that it started.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::client::Client;
use crate::guard::{self, Guarded};
use crate::project::Project;

/// It needs a second or two; a loaded machine many times that.
const START_TIMEOUT_SECS: u64 = 60;
/// Between finding a free port and taking it another process may take it.
const START_ATTEMPTS: u32 = 3;
/// The account of AWS's own examples, and of the sample events.
const ACCOUNT: &str = "111122223333";
/// Starts the emulator so that it asks the policies.
const FRONT_DOOR: &str = include_str!("front_door.py");
/// What the emulator and the functions see of our environment.
const PASSED_ON: [&str; 4] = ["PATH", "LANG", "RUST_LOG", "RUST_BACKTRACE"];

/// Whom the emulator obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who may, as AWS does: signatures are checked, identity and resource policies hold, and each function has credentials of its
    /// own role. Our own [`Client`] is the account's root user.
    ByPolicy,
}

/// A running emulator; dropping it stops it, and so does the end of this process, however it ends.
#[derive(Debug)]
pub struct Emulator {
    _guarded: Guarded,
    client: Client,
    log: PathBuf,
}

impl Emulator {
    /// Starts the emulator that is installed in the virtual environment of `python`, and waits until it answers. `name` names its log.
    ///
    /// # Errors
    /// It does not start; the message ends with its log.
    pub async fn start(project: &Project, python: &Path, name: &str, access: Access) -> Result<Self> {
        let log = project.hidden("log")?.join(name).with_extension("log");
        for _ in 0..START_ATTEMPTS {
            if let Some(emulator) = attempt(project, python, &log, access).await? {
                return Ok(emulator);
            }
        }
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        bail!(
            "the local AWS does not start:\n{}",
            lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
        )
    }

    /// What asks it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where its log is, the functions' output included.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }
}

/// `None` when the process ended before it answered.
async fn attempt(project: &Project, python: &Path, log: &Path, access: Access) -> Result<Option<Emulator>> {
    let port = free_port()?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let scratch = project.hidden(&format!("run/{port}"))?;
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = guard::command(python, Some(&scratch), python);
    command.stdout(out.try_clone()?).stderr(out).current_dir(&scratch);
    // Functions inherit this environment: nothing of the user's AWS, nor a proxy, may reach them.
    command.env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
    command
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("MINISTACK_ACCOUNT_ID", ACCOUNT);
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("IOT_MTLS_ENABLED", "0").env("TMPDIR", &scratch).env("HOME", &scratch).env("PYTHONUNBUFFERED", "1");
    match access {
        Access::Open => command.args(["-m", "ministack"]),
        Access::ByPolicy => command.args(["-c", FRONT_DOOR]).env("AUTH", "true"),
    };
    let mut guarded = Guarded::spawn(command)?;
    let client = Client::new(endpoint)?;
    let started = Instant::now();
    while guarded.is_running() {
        if client.is_healthy().await && guarded.is_running() {
            return Ok(Some(Emulator { _guarded: guarded, client, log: log.to_owned() }));
        }
        if started.elapsed() > Duration::from_secs(START_TIMEOUT_SECS) {
            bail!("the local AWS does not answer after {START_TIMEOUT_SECS} s; its log: {}", log.display());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(None)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}
