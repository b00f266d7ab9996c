//! One process of a function, run as Lambda runs it: by the runtime API, one invocation at a time, killed at its deadline.
//! It must not know what is in an invocation.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use super::http::{self, HttpMessage, Kind};
use super::proxy::{Proxy, Side};

/// Far more than a process needs to answer `next` again once it has answered an invocation.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What is run, and with which settings.
#[derive(Debug, Clone)]
pub struct Program {
    /// The function's name.
    pub function: String,
    /// Its binary.
    pub binary: PathBuf,
    /// Its environment, without the address of the AWS.
    pub environment: BTreeMap<String, String>,
    /// The local AWS.
    pub upstream: SocketAddr,
    /// The bucket that is called `raw` in counts of calls.
    pub raw_bucket: String,
    /// What all its processes write to standard output and error is appended to this file.
    pub log: PathBuf,
}

/// When a process is killed in an invocation.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    /// After that time.
    At(Duration),
    /// At a call, counted from 0.
    OfCall(usize, Side),
}

/// How an invocation ended.
#[derive(Debug)]
pub enum Ended {
    /// With what the function answered.
    Answered(Value),
    /// With an error that the function told.
    Failed(Value),
    /// The process was killed as planned.
    Killed,
    /// The process was killed because its time was up.
    TimedOut,
    /// The process ended by itself.
    Died(String),
}

struct Invocation {
    request_id: String,
    payload: Vec<u8>,
    deadline_ms: u128,
}

type Answer = (bool, Vec<u8>);

/// A running process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What stands between it and the AWS.
    pub proxy: Proxy,
    invocations: mpsc::Sender<Invocation>,
    answers: mpsc::Receiver<Answer>,
    serving: JoinHandle<()>,
}

impl Process {
    /// Starts a process.
    ///
    /// # Errors
    /// No port is free, or the program cannot be started.
    pub async fn start(program: &Program) -> Result<Self> {
        let proxy = Proxy::start(program.upstream, &program.raw_bucket).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on 127.0.0.1")?;
        let api = listener.local_addr()?;
        let (invocations, pending) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let serving = tokio::spawn(serve(listener, Arc::new(pending.into()), answered));
        let log = OpenOptions::new().create(true).append(true).open(&program.log);
        let log = log.with_context(|| format!("cannot write {}", program.log.display()))?;
        let mut command = Command::new(&program.binary);
        command.env_clear().envs(&program.environment).env("AWS_ENDPOINT_URL", proxy.endpoint());
        command
            .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &program.function)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.binary.display()))?;
        Ok(Self { child, proxy, invocations, answers, serving })
    }

    /// Invokes the function; afterwards the process lives only if it answered.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub async fn invoke(
        &mut self,
        request_id: &str,
        payload: &Value,
        timeout: Duration,
        kill: Option<Kill>,
    ) -> Result<Ended> {
        self.proxy.begin();
        if let Some(Kill::OfCall(calls, side)) = kill {
            self.proxy.set_trap(calls, side);
        }
        let deadline = SystemTime::now() + timeout;
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            payload: serde_json::to_vec(payload)?,
            deadline_ms: deadline.duration_since(UNIX_EPOCH)?.as_millis(),
        };
        if tokio::time::timeout(START_TIMEOUT, self.invocations.send(invocation)).await.is_err() {
            self.kill().await?;
            return Ok(Ended::TimedOut);
        }
        let killed = async {
            match kill {
                Some(Kill::At(time)) => tokio::time::sleep(time).await,
                Some(Kill::OfCall(..)) => self.proxy.sprung().await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            Some((is_answer, body)) = self.answers.recv() => {
                let body = serde_json::from_slice(&body).unwrap_or_default();
                return Ok(if is_answer { Ended::Answered(body) } else { Ended::Failed(body) });
            }
            status = self.child.wait() => return Ok(Ended::Died(status?.to_string())),
            () = killed => Ended::Killed,
            () = tokio::time::sleep(timeout) => Ended::TimedOut,
        };
        self.kill().await?;
        Ok(ended)
    }

    /// Kills it, by SIGKILL.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill a process of ours")
    }

    /// Its resident memory now, and the most that it ever had, in KiB; zeros where the system does not tell.
    #[must_use]
    pub fn memory_kib(&self) -> [u64; 2] {
        let status = self.child.id().and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let status = status.unwrap_or_default();
        ["VmRSS:", "VmHWM:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, pending: Arc<Mutex<mpsc::Receiver<Invocation>>>, answered: mpsc::Sender<Answer>) {
    // Ends with the task that holds it, and every connection with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.spawn(converse(connection, Arc::clone(&pending), answered.clone()));
    }
}

/// The runtime API (AWS Lambda guide, "Using the Lambda runtime API"), as far as the Rust runtime uses it.
async fn converse(
    connection: TcpStream,
    pending: Arc<Mutex<mpsc::Receiver<Invocation>>>,
    answered: mpsc::Sender<Answer>,
) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::new(connection);
    while let Some(request) = http::read(&mut connection, Kind::Request).await? {
        let path = request.target().to_owned();
        let answer = if path.ends_with("/runtime/invocation/next") {
            let invocation = pending.lock().await.recv().await.context("nothing more comes")?;
            next(invocation)
        } else {
            // An error in the initialisation ends the process, which is told by its end.
            if path.contains("/runtime/invocation/") {
                answered.send((path.ends_with("/response"), request.body)).await?;
            }
            HttpMessage::answer("202 Accepted", Vec::new(), Vec::new())
        };
        http::write(&mut connection, &answer).await?;
    }
    Ok(())
}

fn next(invocation: Invocation) -> HttpMessage {
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:proof";
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
        ("Lambda-Runtime-Deadline-Ms", invocation.deadline_ms.to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", arn.to_owned()),
        ("Content-Type", "application/json".to_owned()),
    ];
    HttpMessage::answer("200 OK", headers.map(|(name, value)| (name.to_owned(), value)).into(), invocation.payload)
}
