//! Tests: a server in place of SQS, SNS and Glue, which keeps what it is given and can be told to fail.
//! It must not know what is sent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use lakegate_lake::clients::{self, GlueClient, SnsClient, SqsClient};
use lakegate_lake::settings::AwsSettings;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::handler::Context;
use crate::settings::Settings;

/// What goes wrong with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// SNS refuses.
    NoMail,
    /// SQS refuses whole calls.
    NoQueue,
    /// SQS refuses the first message of every call.
    FirstOfCall,
    /// Glue leaves requests without an answer.
    GlueHangs,
    /// Glue refuses, for now.
    NoGlue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Sqs,
    Sns,
    Glue,
}

/// The services.
pub(crate) struct Aws {
    state: Arc<State>,
    url: String,
}

struct State {
    fault: Mutex<Fault>,
    kept: Mutex<Vec<Value>>,
    mails: Mutex<Vec<(String, String)>>,
    calls: Mutex<usize>,
    /// Requests that wait for an answer for ever.
    unanswered: Mutex<Vec<TcpStream>>,
}

impl Aws {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            fault: Mutex::new(Fault::None),
            kept: Mutex::default(),
            mails: Mutex::default(),
            calls: Mutex::default(),
            unanswered: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &shared);
            }
        });
        Self { state, url }
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// The messages that the dead-letter queue took, as the requests had them.
    pub(crate) fn kept(&self) -> Vec<Value> {
        self.state.kept.lock().unwrap().clone()
    }

    /// Subjects and bodies.
    pub(crate) fn mails(&self) -> Vec<(String, String)> {
        self.state.mails.lock().unwrap().clone()
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        *self.state.calls.lock().unwrap()
    }

    /// How many requests wait for an answer for ever.
    pub(crate) fn unanswered(&self) -> usize {
        self.state.unanswered.lock().unwrap().len()
    }

    /// A function that has just started.
    pub(crate) fn context(&self) -> Context {
        let credentials = || Credentials::new("a", "b", None, None, "test");
        let (region, latest) = (Region::new("eu-central-1"), BehaviorVersion::latest());
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(latest)
            .http_client(clients::http_client())
            .region(region.clone())
            .credentials_provider(credentials())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.url)
            .build();
        let sns = aws_sdk_sns::Config::builder()
            .behavior_version(latest)
            .http_client(clients::http_client())
            .region(region.clone())
            .credentials_provider(credentials())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.url)
            .build();
        let glue = aws_sdk_glue::Config::builder()
            .behavior_version(latest)
            .http_client(clients::http_client())
            .region(region)
            .credentials_provider(credentials())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.url)
            .build();
        Context {
            settings: Settings {
                aws: AwsSettings { region: "eu-central-1".to_owned(), endpoint_url: None, variables: BTreeMap::new() },
                dead_letter_queue_url: format!("{}/dead-letter", self.url),
                stack_name: "lakegate".to_owned(),
                alerts_topic_arn: "arn:aws:sns:eu-central-1:111122223333:alerts".to_owned(),
            },
            glue: GlueClient::from_conf(glue),
            sns: SnsClient::from_conf(sns),
            sqs: SqsClient::from_conf(sqs),
            known: Mutex::default(),
            lookups_max: Duration::from_millis(500),
        }
    }
}

fn answer(mut stream: TcpStream, state: &State) {
    let Some((service, body)) = request_of(&mut stream) else {
        return;
    };
    *state.calls.lock().unwrap() += 1;
    let fault = *state.fault.lock().unwrap();
    let (status, body) = match (service, fault) {
        (Service::Glue, Fault::GlueHangs) => return state.unanswered.lock().unwrap().push(stream),
        (Service::Sqs, Fault::NoQueue) | (Service::Glue, Fault::NoGlue) => (500, "{}".to_owned()),
        (Service::Sns, Fault::NoMail) => (500, "<ErrorResponse/>".to_owned()),
        (Service::Sqs, _) => (200, take_batch(&body, fault, state)),
        (Service::Sns, _) => (200, take_mail(&body, state)),
        (Service::Glue, _) => (200, job_run(&body)),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

fn take_batch(body: &str, fault: Fault, state: &State) -> String {
    let request: Value = serde_json::from_str(body).unwrap();
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in request["Entries"].as_array().unwrap() {
        if fault == Fault::FirstOfCall && entry["Id"] == "0" {
            failed.push(json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"}));
        } else {
            state.kept.lock().unwrap().push(entry.clone());
            successful.push(json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "1"}));
        }
    }
    json!({"Successful": successful, "Failed": failed}).to_string()
}

fn take_mail(body: &str, state: &State) -> String {
    let field = |name: &str| {
        let value = body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
        percent_decode_str(&value.replace('+', " ")).decode_utf8().unwrap().into_owned()
    };
    state.mails.lock().unwrap().push((field("Subject"), field("Message")));
    "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>".to_owned()
}

/// Every run was for the object that is called like it.
fn job_run(body: &str) -> String {
    let request: Value = serde_json::from_str(body).unwrap();
    let key = format!("{}.csv", request["RunId"].as_str().unwrap());
    let event = json!({ "Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-01-02T03:04:05.000Z",
        "userIdentity": {}, "responseElements": {}, "requestParameters": {},
        "s3": {"bucket": {"name": "raw"}, "object": {"key": key, "size": 5}},
    }] });
    json!({"JobRun": {"Arguments": {"--event": event.to_string()}}}).to_string()
}

/// Whom it is for, and the body.
fn request_of(stream: &mut TcpStream) -> Option<(Service, String)> {
    let (mut request, mut buffer) = (Vec::new(), [0; 8_192]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&buffer[..count]);
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        if request.len() >= end + 4 + length {
            let body = String::from_utf8(request.split_off(end + 4)).unwrap();
            let service = if head.contains("amazonsqs.") {
                Service::Sqs
            } else if head.contains("awsglue.") {
                Service::Glue
            } else {
                Service::Sns
            };
            return Some((service, body));
        }
    }
}
