//! Tests: an API on loopback whose every answer a test chooses, the buckets and queues around the function, and a clock.
//! It must not know what is being tested.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use lakegate_lake::contracts::Contracts;
use lakegate_lake::failure::FailureRecord;
use lakegate_lake::objects::{BucketStore, Objects};
use lakegate_lake::secrets::Secrets;
use lakegate_lake::settings::AwsSettings;
use lakegate_stand_ins::{Aws, Bucket, Faults, S3};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::{Value, json};

use crate::handler::{Context, handle};
use crate::settings::Settings;

thread_local! {
    /// Seconds that have passed in this test.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn clock() -> SystemTime {
    // 2026-01-02T00:00:00Z
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_312_000 + CLOCK.get())
}

/// What the API does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Fewer bytes than were promised.
    Truncated(String),
    /// A byte now and then, and never the last.
    Drip,
    /// No answer.
    Hang,
    /// The connection breaks.
    Close,
    /// More and more.
    Flood,
}

pub(crate) fn ok(body: impl Into<String>) -> Reply {
    Reply::Answer(200, vec![], body.into())
}

pub(crate) fn status(status: u16) -> Reply {
    Reply::Answer(status, vec![], "{\"error\": \"s3cret in an answer\"}".to_owned())
}

type Replies = Box<dyn FnMut(&str) -> Reply + Send>;

/// An API on a port of its own.
pub(crate) struct FakeApi {
    pub(crate) url: String,
    replies: Arc<Mutex<Replies>>,
    /// Targets and heads of requests.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl FakeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/things", listener.local_addr().unwrap());
        let replies: Arc<Mutex<Replies>> = Arc::new(Mutex::new(Box::new(|_| status(404))));
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let (of_server, of_asked) = (Arc::clone(&replies), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (replies, asked) = (Arc::clone(&of_server), Arc::clone(&of_asked));
                std::thread::spawn(move || serve(stream.unwrap(), &replies, &asked));
            }
        });
        Self { url, replies, asked }
    }

    /// From now on it answers so, by the request's target.
    pub(crate) fn set(&self, replies: impl FnMut(&str) -> Reply + Send + 'static) {
        *self.replies.lock().unwrap() = Box::new(replies);
    }

    /// From now on it answers so, one request after another, and the last one for ever.
    pub(crate) fn set_in_order(&self, replies: Vec<Reply>) {
        let mut replies = replies.into_iter().peekable();
        self.set(move |_| {
            let reply = replies.peek().unwrap().clone();
            replies.next();
            if replies.peek().is_none() {
                replies = vec![reply.clone()].into_iter().peekable();
            }
            reply
        });
    }

    /// The targets that were asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.heads().into_iter().map(|(target, _)| target).collect()
    }

    pub(crate) fn heads(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn serve(mut stream: TcpStream, replies: &Mutex<Replies>, asked: &Mutex<Vec<(String, String)>>) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push((target.clone(), head));
    let reply = (replies.lock().unwrap())(&target);
    let start = |length: usize| format!("HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    // The client may have gone.
    let _ = match reply {
        Reply::Answer(status, headers, body) => {
            let length = body.len();
            let mut answer = format!(
                "HTTP/1.1 {status} X
connection: close
content-length: {length}
"
            );
            for (name, value) in headers {
                answer.extend([
                    name, ": ", &value, "
",
                ]);
            }
            answer.extend([
                "
", &body,
            ]);
            stream.write_all(answer.as_bytes())
        }
        Reply::Truncated(body) => stream.write_all(format!("{}{body}", start(body.len() + 10)).as_bytes()),
        Reply::Drip => {
            let _ = stream.write_all(start(1_000_000).as_bytes());
            while stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        }
        Reply::Flood => {
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n[");
            while stream.write_all(&[b' '; 8192]).is_ok() {}
            Ok(())
        }
        Reply::Hang => {
            let _ = stream.read(&mut byte);
            Ok(())
        }
        Reply::Close => Ok(()),
    };
}

/// The function's surroundings, with one contract whose source is the API.
pub(crate) struct World {
    pub(crate) api: FakeApi,
    pub(crate) aws: Aws,
    pub(crate) s3: S3,
    pub(crate) faults: Arc<Faults>,
    pub(crate) raw: Arc<Bucket>,
    pub(crate) lake: Arc<Bucket>,
}

impl World {
    /// `properties` are further custom properties of the source: `name: value`.
    pub(crate) async fn new(properties: &[&str]) -> Self {
        CLOCK.set(0);
        let (aws, s3, api) = (Aws::start(), S3::start(), FakeApi::start());
        let (faults, raw, lake) = (Arc::<Faults>::default(), Arc::<Bucket>::default(), Arc::<Bucket>::default());
        aws.reset(&faults);
        s3.reset(&raw, &lake, &faults);
        let world = Self { api, aws, s3, faults, raw, lake };
        world.declare(&world.api.url, properties).await;
        world
    }

    pub(crate) async fn declare(&self, url: &str, properties: &[&str]) {
        let property = |property: &&str| {
            let (name, value) = property.split_once(": ").unwrap();
            format!("      - {{property: {name}, vendor: lakegate, value: {value}}}\n")
        };
        let properties: String = ["prefix: things/api/"].iter().chain(properties).map(property).collect();
        let contract = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: things\nversion: 1.0.0\nstatus: active\nteam: {{name: Things}}\nservers:\n  - {{server: landing, type: s3, location: 's3://*/things/**', format: json}}\n  - server: source\n    type: api\n    location: {url}\n    customProperties:\n{properties}schema:\n  - {{name: things, properties: [{{name: id, logicalType: integer}}]}}\n"
        );
        self.lake.put(&Path::from("contracts/things.odcs.yaml"), contract.into()).await.unwrap();
    }

    pub(crate) fn wait(secs: u64) {
        CLOCK.set(CLOCK.get() + secs);
    }

    pub(crate) fn context(&self) -> Context {
        let (aws, s3) = (self.aws.patient(), self.s3.patient());
        Context {
            settings: Settings {
                aws: AwsSettings {
                    region: "eu-central-1".to_owned(),
                    endpoint_url: Some("http://127.0.0.1:1".to_owned()),
                    variables: BTreeMap::new(),
                },
                raw_bucket: "raw".to_owned(),
                raw_prefix: String::new(),
                lake_bucket: "lake".to_owned(),
                failures_queue_url: "http://127.0.0.1/failures".to_owned(),
            },
            objects: s3.objects(),
            secrets: Secrets::new(&aws.builder()).unwrap(),
            sqs: aws.sqs.clone(),
            contracts: Contracts::new("lake".to_owned()),
            clock,
            first_pause: Duration::from_millis(2),
        }
    }

    /// One invocation, by a function that has just started: the outcome of its only source, or the function's own error.
    pub(crate) async fn run(&self) -> String {
        self.run_as(&self.context()).await
    }

    pub(crate) async fn run_as(&self, context: &Context) -> String {
        let deadline = clock() + Duration::from_mins(15);
        match handle(context, &json!({}), "r", deadline).await {
            Ok(told) => told["sources"][0]["outcome"].as_str().unwrap_or("none").to_owned(),
            Err(error) => format!("error: {error}"),
        }
    }

    /// The raw bucket: keys and texts.
    pub(crate) async fn files(&self) -> Vec<(String, String)> {
        let raw: Arc<dyn BucketStore> = Arc::<Bucket>::clone(&self.raw);
        let plain = Objects::of_stores(BTreeMap::from([("raw".to_owned(), raw)]));
        let mut files = Vec::new();
        for listed in plain.list("raw", "things/").await.unwrap() {
            let bytes = plain.get("raw", &listed.key).await.unwrap().unwrap();
            files.push((listed.key, String::from_utf8(bytes.to_vec()).unwrap()));
        }
        files
    }

    pub(crate) async fn texts(&self) -> Vec<String> {
        self.files().await.into_iter().map(|(_, text)| text).collect()
    }

    /// What is kept of the source.
    pub(crate) async fn progress(&self) -> Value {
        match self.lake.get(&Path::from("fetch/things.json")).await {
            Ok(found) => serde_json::from_slice(&found.bytes().await.unwrap()).unwrap(),
            Err(_) => Value::Null,
        }
    }

    pub(crate) fn told(&self) -> Vec<FailureRecord> {
        self.aws.told()
    }

    /// Runs once, which must fail for this kind: what is told of it.
    pub(crate) async fn failure(&self, kind: &str) -> String {
        let before = self.aws.failures().len();
        assert_eq!(self.run().await, "failed");
        let told = self.aws.failures();
        assert_eq!(told.len(), before + 1, "told once");
        let record = told.last().unwrap();
        assert_eq!((record.kind.to_string().as_str(), record.dataset.as_deref()), (kind, Some("things")));
        assert_eq!((record.owner.as_deref(), record.source.as_ref()), (Some("Things"), None));
        let text = serde_json::to_string(record).unwrap();
        assert!(!text.contains("s3cret") && !text.contains("hunter2"), "{text}");
        assert_eq!(self.progress().await["lease"], Value::Null, "the next run need not wait");
        record.summary.replace(self.api.url.trim_end_matches("/v1/things"), "API")
    }
}
