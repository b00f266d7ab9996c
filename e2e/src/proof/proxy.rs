//! What stands between one process of a function and the local AWS: it counts the calls, and can stop the process at any of them.
//! It must not know what the function does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::http::{self, HttpMessage, Kind};

/// What a process asked of the AWS, over its whole life.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// How often, by operation: `AWSGlue.GetTable`, `PutObject ledger/`, `HeadObject raw`.
    pub counts: BTreeMap<String, u64>,
    /// The operations and bodies of everything that was asked of another service than S3, in order.
    pub bodies: Vec<(String, Vec<u8>)>,
    /// The operations since [`Proxy::begin`].
    pub recent: Vec<String>,
}

/// On which side of a call a process is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The call is not carried out.
    Before,
    /// The call is carried out, and the process never learns of it.
    After,
}

/// A call of which the process is to be stopped.
#[derive(Debug, Clone, Copy)]
struct Trap {
    /// So many calls come first.
    calls: usize,
    side: Side,
}

/// A call that waits until it is released.
#[derive(Debug)]
pub struct Held {
    operation: String,
    after: Mutex<usize>,
    reached: Notify,
    released: Notify,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    raw_bucket: String,
    calls: Mutex<Calls>,
    trap: Mutex<Option<Trap>>,
    held: Mutex<Option<Arc<Held>>>,
    /// From the moment that the trap closes nothing passes any more.
    is_frozen: AtomicBool,
    sprung: Notify,
    is_over: watch::Sender<bool>,
}

/// The proxy of one process. Dropping it closes it; calls that were passed on are carried out all the same.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(upstream: SocketAddr, raw_bucket: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on 127.0.0.1")?;
        let shared = Arc::new(Shared {
            upstream,
            raw_bucket: raw_bucket.to_owned(),
            calls: Mutex::default(),
            trap: Mutex::default(),
            held: Mutex::default(),
            is_frozen: AtomicBool::new(false),
            sprung: Notify::new(),
            is_over: watch::Sender::new(false),
        });
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where the process is to send its calls.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        locked(&self.shared.calls).clone()
    }

    /// Forgets the recent operations and any trap.
    pub fn begin(&self) {
        locked(&self.shared.calls).recent.clear();
        *locked(&self.shared.trap) = None;
    }

    /// The call behind so many others closes the trap; [`Proxy::sprung`] tells when.
    pub fn set_trap(&self, calls: usize, side: Side) {
        *locked(&self.shared.trap) = Some(Trap { calls, side });
    }

    /// Comes back when the trap has closed: the process waits for an answer that never comes.
    pub async fn sprung(&self) {
        self.shared.sprung.notified().await;
    }

    /// Holds the call of an operation that comes after so many others of it.
    #[must_use]
    pub fn hold(&self, operation: &str, after: usize) -> Arc<Held> {
        let held = Held {
            operation: operation.to_owned(),
            after: after.into(),
            reached: Notify::new(),
            released: Notify::new(),
        };
        let held = Arc::new(held);
        *locked(&self.shared.held) = Some(Arc::clone(&held));
        held
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.is_over.send_replace(true);
    }
}

impl Held {
    /// Comes back when the call is there.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the call go on.
    pub fn release(&self) {
        self.released.notify_one();
    }

    fn is_meant(&self, operation: &str) -> bool {
        if self.operation != operation {
            return false;
        }
        let mut after = locked(&self.after);
        let is_meant = *after == 0;
        *after = after.checked_sub(1).unwrap_or(usize::MAX);
        is_meant
    }
}

/// A panic elsewhere cannot leave what is locked half-written.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((connection, _)) = listener.accept().await {
        // An error is the end of one side, which the other side learns by the connection's end.
        tokio::spawn(serve(connection, Arc::clone(&shared)));
    }
}

async fn serve(connection: TcpStream, shared: Arc<Shared>) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::new(connection);
    while let Some(request) = http::read(&mut connection, Kind::Request).await? {
        let operation = shared.note(&request);
        let held = locked(&shared.held).take_if(|held| held.is_meant(&operation));
        if let Some(held) = held {
            held.reached.notify_one();
            held.released.notified().await;
        }
        let side = shared.trapped();
        shared.pass(side == Some(Side::Before)).await?;
        let answer = forward(&shared, &request).await?;
        shared.pass(side == Some(Side::After)).await?;
        http::write(&mut connection, &answer).await?;
        if request.is_last() || answer.is_last() {
            break;
        }
    }
    Ok(())
}

async fn forward(shared: &Shared, request: &HttpMessage) -> Result<HttpMessage> {
    let upstream = TcpStream::connect(shared.upstream).await?;
    upstream.set_nodelay(true)?;
    let mut upstream = BufReader::new(upstream);
    http::write(&mut upstream, request).await?;
    let kind = if request.method() == "HEAD" { Kind::AnswerToHead } else { Kind::Answer };
    let mut answer = http::read(&mut upstream, kind).await?.context("no answer")?;
    if let (200, "GET", Some(range)) = (answer.status(), request.method(), request.header("range")) {
        cut(&mut answer, range);
    }
    Ok(answer)
}

/// S3 gives the range that was asked for, also of a version by its id; the emulator then gives the whole version.
fn cut(answer: &mut HttpMessage, range: &str) {
    let Some((first, last)) = range.trim_start_matches("bytes=").split_once('-') else {
        return;
    };
    let length = answer.body.len();
    let (Ok(first), last) = (first.parse::<usize>(), last.parse().unwrap_or(usize::MAX)) else {
        return;
    };
    let end = length.min(last.saturating_add(1));
    let Some(part) = answer.body.get(first..end).map(<[u8]>::to_vec) else {
        return;
    };
    answer.body = part;
    "HTTP/1.1 206 Partial Content".clone_into(&mut answer.first_line);
    answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-range"));
    answer.headers.push(("Content-Range".to_owned(), format!("bytes {first}-{}/{length}", end.saturating_sub(1))));
}

impl Shared {
    fn note(&self, request: &HttpMessage) -> String {
        let operation = operation(request, &self.raw_bucket);
        let mut calls = locked(&self.calls);
        *calls.counts.entry(operation.clone()).or_default() += 1;
        calls.recent.push(operation.clone());
        if operation.contains('.') {
            calls.bodies.push((operation.clone(), request.body.clone()));
        }
        operation
    }

    /// On which side of this call the trap closes, if it is the one.
    fn trapped(&self) -> Option<Side> {
        let mut trap = locked(&self.trap);
        let armed = trap.as_mut()?;
        if armed.calls > 0 {
            armed.calls -= 1;
            return None;
        }
        trap.take().map(|trap| trap.side)
    }

    /// Lets a call pass, unless it closes the trap or the trap has closed.
    async fn pass(&self, is_trapped: bool) -> Result<()> {
        if is_trapped {
            self.is_frozen.store(true, Ordering::SeqCst);
            self.sprung.notify_one();
        }
        if self.is_frozen.load(Ordering::SeqCst) {
            let mut is_over = self.is_over.subscribe();
            let _ = is_over.wait_for(|is_over| *is_over).await;
            return Err(anyhow!("the process was stopped"));
        }
        Ok(())
    }
}

/// What a request asks for: of S3 the operation and the area, of any other service its own name of the operation.
fn operation(request: &HttpMessage, raw_bucket: &str) -> String {
    if let Some(target) = request.header("x-amz-target") {
        return target.to_owned();
    }
    let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
    if let Some(action) = String::from_utf8_lossy(&request.body).strip_prefix("Action=") {
        return format!("Query.{}", action.split('&').next().unwrap_or_default());
    }
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (bucket, first) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let area = if bucket == raw_bucket { "raw".to_owned() } else { format!("{first}/") };
    let asks = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    let verb = match request.method() {
        "HEAD" => "HeadObject",
        "GET" if asks("list-type") => return "ListObjectsV2".to_owned(),
        "GET" => "GetObject",
        "PUT" if asks("partNumber") => "UploadPart",
        "PUT" => "PutObject",
        "POST" if asks("uploads") => "CreateMultipartUpload",
        "POST" if asks("uploadId") => "CompleteMultipartUpload",
        "DELETE" if asks("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        other => other,
    };
    format!("{verb} {area}")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn request(text: &str) -> HttpMessage {
        http::read(&mut text.as_bytes(), Kind::Request).await.unwrap().unwrap()
    }

    #[test]
    fn a_range_is_cut_out_of_a_whole_answer() {
        let mut answer = HttpMessage::answer("200 OK", Vec::new(), b"0123456789".to_vec());
        cut(&mut answer, "bytes=2-4");
        assert_eq!((answer.status(), answer.body.as_slice()), (206, b"234".as_slice()));
        assert_eq!(answer.header("content-range"), Some("bytes 2-4/10"));
    }

    #[tokio::test]
    async fn requests_are_called_by_their_operation_and_area() {
        let cases = [
            ("PUT /lake/ledger/a.json HTTP/1.1\r\n\r\n", "PutObject ledger/"),
            ("HEAD /raw/proof/a%20b.csv HTTP/1.1\r\n\r\n", "HeadObject raw"),
            ("POST /lake/lake/t/x.parquet?uploads HTTP/1.1\r\n\r\n", "CreateMultipartUpload lake/"),
            ("PUT /lake/lake/t/x.parquet?partNumber=1&uploadId=u HTTP/1.1\r\n\r\n", "UploadPart lake/"),
            ("GET /lake?list-type=2&prefix=contracts HTTP/1.1\r\n\r\n", "ListObjectsV2"),
            ("POST / HTTP/1.1\r\nX-Amz-Target: AWSGlue.GetTable\r\n\r\n", "AWSGlue.GetTable"),
            ("POST / HTTP/1.1\r\nContent-Length: 22\r\n\r\nAction=Publish&Topic=x\n", "Query.Publish"),
        ];
        for (text, expected) in cases {
            assert_eq!(operation(&request(text).await, "raw"), expected);
        }
    }
}
