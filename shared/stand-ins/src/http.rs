//! A server whose every request may go wrong.
//! It must not know what is asked of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::faults::{Fault, Faults};

/// A request, its names in lower case.
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) target: String,
    head: String,
    pub(crate) body: Bytes,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// Of a body that is not there, because only its head was asked for.
    length: Option<u64>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), length: None }
    }

    pub(crate) fn of_length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What a server does with its requests.
pub(crate) trait Service: Send + Sync + 'static {
    fn carry_out(&self, request: &Request) -> Answer;
    /// The answer to a request of which there are too many.
    fn too_many(&self, request: &Request) -> Answer;
    /// The answer to a request that took too long to come.
    fn too_late(&self, request: &Request) -> Answer;
    /// As `carry_out`, but the first entry of a batch is refused.
    fn carry_out_in_part(&self, request: &Request) -> Answer {
        self.carry_out(request)
    }
    /// The same for a request and its client's own repetitions, and for no other.
    fn name_of(&self, request: &Request) -> String;
}

/// A server on a port of its own.
pub(crate) struct Server<S> {
    pub(crate) url: String,
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    service: S,
    faults: Mutex<Arc<Faults>>,
    /// Connections of which no request is answered any more: to close one would be an answer.
    unanswered: Mutex<Vec<TcpStream>>,
}

impl<S: Service> Server<S> {
    pub(crate) fn start(service: S) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { service, faults: Mutex::default(), unanswered: Mutex::default() });
        let server = Self { url, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream.unwrap()));
            }
        });
        server
    }

    pub(crate) fn service(&self) -> &S {
        &self.shared.service
    }

    /// How many requests wait for an answer for ever.
    pub(crate) fn unanswered(&self) -> usize {
        self.shared.unanswered.lock().unwrap().len()
    }

    /// From now on these calls go wrong.
    pub(crate) fn reset(&self, faults: &Arc<Faults>) {
        *self.shared.faults.lock().unwrap() = Arc::clone(faults);
        self.shared.unanswered.lock().unwrap().clear();
    }
}

impl<S: Service> Shared<S> {
    /// Answers the requests of a connection, until one goes without an answer or the client has gone.
    fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        while let Some(request) = read(&mut stream) {
            let faults = Arc::clone(&self.faults.lock().unwrap());
            let fault = faults.next_of(&self.service.name_of(&request));
            if fault == Some(Fault::Wait) {
                faults.wait();
            }
            let answer = fault.is_none_or(Fault::is_carried_out).then(|| match fault {
                Some(Fault::InPart) => self.service.carry_out_in_part(&request),
                _ => self.service.carry_out(&request),
            });
            let answer = match (fault, answer) {
                (None | Some(Fault::Wait | Fault::InPart), Some(answer)) => answer,
                (Some(Fault::Throttle | Fault::ThrottleOnce), _) => self.service.too_many(&request),
                // Only a request with a body takes long to come.
                (Some(Fault::ComeLate), _) if !request.body.is_empty() => self.service.too_late(&request),
                (Some(Fault::DieBefore | Fault::DieAfter), _) => {
                    faults.die();
                    self.unanswered.lock().unwrap().push(stream);
                    return;
                }
                (Some(Fault::TimeOutBefore | Fault::TimeOutAfter), _) => {
                    self.unanswered.lock().unwrap().push(stream);
                    return;
                }
                // The connection breaks.
                (_, _) => return,
            };
            if write(&mut stream, &answer, request.method == "HEAD").is_none() {
                return;
            }
        }
    }
}

fn write(stream: &mut TcpStream, answer: &Answer, is_head: bool) -> Option<()> {
    let length = answer.length.unwrap_or(answer.body.len() as u64);
    let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {length}\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    // The worker may be dead.
    stream.write_all(head.as_bytes()).ok()?;
    if is_head { Some(()) } else { stream.write_all(&answer.body).ok() }
}

/// `None` when the client has gone.
fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 65_536];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut words = head.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut body = bytes.split_off(end + 4);
    let mut request = Request { method, target, head, body: Bytes::new() };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let missing = length.saturating_sub(body.len());
    body.reserve_exact(missing);
    stream.take(missing as u64).read_to_end(&mut body).ok().filter(|count| *count == missing)?;
    request.body = body.into();
    Some(request)
}
