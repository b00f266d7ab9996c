//! The Lambda service in small: workers that poll a queue, invoke real processes and delete what they acknowledge; and kill them.
//! It must not know what the messages are about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use lakegate_local::Client;
use lakegate_local::json::{list, text};
use serde_json::{Value, json};

use super::process::{Ended, Kill, Process, Program};
use super::proxy::{Side, locked};
use super::seeded::Random;

/// Between two looks at an empty queue.
const POLL: Duration = Duration::from_millis(50);
/// Most invocations make fewer calls, those with several ranges and parts included: behind them nobody is killed.
const CALLS_MAX: usize = 16;
/// A kill by time falls into the time that a small file takes, or a big one.
const KILL_WITHIN_MS: [usize; 2] = [80, 800];

/// One function and its queue.
#[derive(Debug)]
pub struct Service {
    /// What is run.
    pub program: Program,
    /// Where its messages come from.
    pub queue_url: String,
    /// Most messages of one invocation.
    pub batch: usize,
    /// So many processes at once.
    pub workers: usize,
    /// An invocation is killed after that time.
    pub timeout: Duration,
    /// A message that goes back comes again at once, whatever the function or the queue says: as if that time had passed.
    pub is_hasty: bool,
    /// Who is killed.
    pub kills: Kills,
    /// What happened so far.
    pub tally: Mutex<Tally>,
    is_over: AtomicBool,
    busy: AtomicUsize,
}

/// How processes are killed: some of all invocations, at random moments, as long as there are kills left.
#[derive(Debug)]
pub struct Kills {
    left: AtomicUsize,
    percent: usize,
    random: Mutex<Random>,
}

/// What happened to a function.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Messages that were handed to the function, repeated ones included.
    pub deliveries: u64,
    /// Messages that it acknowledged.
    pub acknowledged: u64,
    /// Messages that it sent back.
    pub sent_back: u64,
    /// Processes that were started.
    pub started: u64,
    /// Invocations whose time was up.
    pub timed_out: u64,
    /// Processes that were killed, by the call that was under way or done last; `start` where there was none.
    pub kills: BTreeMap<String, u64>,
    /// Requests that were killed, and when.
    pub killed_requests: BTreeMap<String, Instant>,
    /// Bodies of the messages in hand of processes that were killed behind a message of theirs: a failure may be told again.
    pub may_repeat: Vec<String>,
    /// Errors of the function, and processes that ended by themselves.
    pub errors: Vec<String>,
    /// What every process asked of the AWS, by process.
    pub calls: Vec<super::proxy::Calls>,
    /// Resident memory in KiB after each invocation, now and at most: seconds since the start, worker, both.
    pub memory: Vec<(f64, usize, [u64; 2])>,
}

impl Kills {
    /// Nobody is killed.
    #[must_use]
    pub fn none() -> Self {
        Self::of(0, 0, Random::new(0, ""))
    }

    /// So many kills, of so many in a hundred invocations.
    #[must_use]
    pub fn of(count: usize, percent: usize, random: Random) -> Self {
        Self { left: count.into(), percent, random: random.into() }
    }

    /// Kills that are still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }

    fn draw(&self) -> Option<Kill> {
        let mut random = locked(&self.random);
        if self.left() == 0 || !random.percent(self.percent) {
            return None;
        }
        let side = if random.percent(50) { Side::Before } else { Side::After };
        if random.percent(60) {
            return Some(Kill::OfCall(random.below(CALLS_MAX), side));
        }
        let within = KILL_WITHIN_MS.get(random.below(2)).copied().unwrap_or_default();
        Some(Kill::At(Duration::from_millis(u64::try_from(random.below(within)).unwrap_or_default())))
    }

    fn note(&self) {
        let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1)));
    }
}

impl Tally {
    /// How many processes were killed.
    #[must_use]
    pub fn killed(&self) -> u64 {
        self.kills.values().sum()
    }

    /// Calls of all processes, by operation.
    #[must_use]
    pub fn calls_by_operation(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for (operation, count) in self.calls.iter().flat_map(|calls| &calls.counts) {
            *sums.entry(operation.clone()).or_default() += count;
        }
        sums
    }
}

impl Service {
    /// A function with one message per invocation, one worker and nobody killed.
    #[must_use]
    pub fn new(program: Program, queue_url: &str, timeout: Duration) -> Self {
        Self {
            program,
            queue_url: queue_url.to_owned(),
            batch: 1,
            workers: 1,
            timeout,
            is_hasty: false,
            kills: Kills::none(),
            tally: Mutex::default(),
            is_over: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        locked(&self.tally).clone()
    }

    /// Invocations under way.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::SeqCst)
    }

    /// Lets [`Service::run`] come to its end.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Works until it is stopped.
    ///
    /// # Errors
    /// The local AWS fails, or a process cannot be started.
    pub async fn run(&self, client: &Client) -> Result<()> {
        let started = Instant::now();
        let workers = (0..self.workers).map(|number| self.work(client, number, started));
        for ended in futures::future::join_all(workers).await {
            ended?;
        }
        Ok(())
    }

    async fn work(&self, client: &Client, number: usize, started: Instant) -> Result<()> {
        let mut process: Option<Process> = None;
        while !self.is_over.load(Ordering::SeqCst) {
            self.busy.fetch_add(1, Ordering::SeqCst);
            let messages = receive(client, &self.queue_url, self.batch).await?;
            if messages.is_empty() {
                self.busy.fetch_sub(1, Ordering::SeqCst);
                tokio::time::sleep(POLL).await;
                continue;
            }
            let mut running = match process.take() {
                Some(running) => running,
                None => Process::start(&self.program).await?,
            };
            if self.handle(client, &mut running, &messages).await? {
                let at = started.elapsed().as_secs_f64();
                locked(&self.tally).memory.push((at, number, running.memory_kib()));
                process = Some(running);
            } else {
                self.keep_calls(&running);
            }
            self.busy.fetch_sub(1, Ordering::SeqCst);
        }
        if let Some(running) = &process {
            self.keep_calls(running);
        }
        Ok(())
    }

    fn keep_calls(&self, ended: &Process) {
        let mut tally = locked(&self.tally);
        tally.calls.push(ended.proxy.calls());
        tally.started += 1;
    }

    /// Invokes the function with messages; whether its process lives.
    async fn handle(&self, client: &Client, process: &mut Process, messages: &[Value]) -> Result<bool> {
        let request_id = request_id();
        let payload = payload(&self.queue_url, messages);
        let ended = process.invoke(&request_id, &payload, self.timeout, self.kills.draw()).await?;
        locked(&self.tally).deliveries += u64::try_from(messages.len()).unwrap_or_default();
        match ended {
            Ended::Answered(answer) => {
                self.acknowledge(client, messages, &answer).await?;
                return Ok(true);
            }
            Ended::Failed(error) => locked(&self.tally).errors.push(error.to_string()),
            Ended::Died(status) => locked(&self.tally).errors.push(format!("a process ended by itself: {status}")),
            Ended::TimedOut => locked(&self.tally).timed_out += 1,
            Ended::Killed => self.kills.note(),
        }
        self.note_death(process, request_id, messages);
        if self.is_hasty {
            self.send_back(client, messages).await?;
        }
        process.kill().await?;
        Ok(false)
    }

    fn note_death(&self, process: &Process, request_id: String, messages: &[Value]) {
        let recent = process.proxy.calls().recent;
        let mut tally = locked(&self.tally);
        *tally.kills.entry(recent.last().map_or("start", String::as_str).to_owned()).or_default() += 1;
        tally.killed_requests.insert(request_id, Instant::now());
        if recent.iter().any(|operation| operation.starts_with("AmazonSQS.Send")) {
            tally.may_repeat.extend(messages.iter().map(|message| text(message, "/Body").to_owned()));
        }
    }

    async fn acknowledge(&self, client: &Client, messages: &[Value], answer: &Value) -> Result<()> {
        let failed: BTreeSet<&str> =
            list(answer, "/batchItemFailures").iter().map(|failure| text(failure, "/itemIdentifier")).collect();
        let (back, done): (Vec<&Value>, Vec<&Value>) =
            messages.iter().partition(|message| failed.contains(text(message, "/MessageId")));
        for message in &done {
            let request = json!({ "QueueUrl": self.queue_url, "ReceiptHandle": text(message, "/ReceiptHandle") });
            // Its visibility may have ended meanwhile: then it is another worker's, and comes again.
            let _ = client.json("AmazonSQS.DeleteMessage", &request).await;
        }
        if self.is_hasty {
            self.send_back(client, &back.iter().copied().cloned().collect::<Vec<_>>()).await?;
        }
        let mut tally = locked(&self.tally);
        tally.acknowledged += u64::try_from(done.len()).unwrap_or_default();
        tally.sent_back += u64::try_from(back.len()).unwrap_or_default();
        Ok(())
    }

    async fn send_back(&self, client: &Client, messages: &[Value]) -> Result<()> {
        for message in messages {
            let handle = text(message, "/ReceiptHandle");
            let request = json!({ "QueueUrl": self.queue_url, "ReceiptHandle": handle, "VisibilityTimeout": 1 });
            let _ = client.json("AmazonSQS.ChangeMessageVisibility", &request).await;
        }
        Ok(())
    }
}

/// Shaped like Lambda's, and never given twice.
#[must_use]
pub fn request_id() -> String {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    format!("00000000-0000-4000-8000-{:012x}", LAST.fetch_add(1, Ordering::SeqCst))
}

/// Messages of a queue, each hidden for as long as the queue says.
///
/// # Errors
/// A call fails.
pub async fn receive(client: &Client, queue_url: &str, most: usize) -> Result<Vec<Value>> {
    let mut received: Vec<Value> = Vec::new();
    while received.len() < most {
        let request = json!({
            "QueueUrl": queue_url, "MaxNumberOfMessages": (most - received.len()).min(10), "MessageAttributeNames": ["All"],
            "AttributeNames": ["All"],
        });
        let answer = client.json("AmazonSQS.ReceiveMessage", &request).await?;
        let messages = list(&answer, "/Messages");
        received.extend_from_slice(messages);
        if messages.is_empty() {
            break;
        }
    }
    Ok(received)
}

/// What the event source mapping makes of messages.
#[must_use]
pub fn payload(queue_url: &str, messages: &[Value]) -> Value {
    let queue = queue_url.rsplit('/').next().unwrap_or_default();
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            let mut attributes = serde_json::Map::new();
            for (name, value) in message.get("MessageAttributes").and_then(Value::as_object).into_iter().flatten() {
                let (value, kind) = (text(value, "/StringValue"), text(value, "/DataType"));
                attributes.insert(name.clone(), json!({ "stringValue": value, "dataType": kind, "stringListValues": [], "binaryListValues": [] }));
            }
            json!({
                "messageId": text(message, "/MessageId"), "receiptHandle": text(message, "/ReceiptHandle"), "body": text(message, "/Body"),
                "attributes": message.get("Attributes"), "messageAttributes": attributes, "md5OfBody": text(message, "/MD5OfBody"),
                "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:111122223333:{queue}"), "awsRegion": "us-east-1",
            })
        })
        .collect();
    json!({ "Records": records })
}
