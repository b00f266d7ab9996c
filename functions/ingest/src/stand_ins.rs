//! Tests: stores in memory and a server in place of Glue and SQS, of whose calls any one can be made to go wrong.
//! They must not know in which order the function calls them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_sdk_glue::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use lakegate_lake::clients::{self, GlueClient, SqsClient};
use lakegate_lake::failure::FailureRecord;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Notify;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not carried out.
    FailBefore,
    /// It is carried out, and its answer is lost.
    FailAfter,
    /// The worker dies before it is carried out.
    DieBefore,
    /// The worker dies when it is carried out.
    DieAfter,
    /// A store's call waits until it is told to go on. A service's does not.
    Wait,
}

impl Fault {
    /// Those after which the work is delivered again.
    pub(crate) const ALL: [Self; 4] = [Self::FailBefore, Self::FailAfter, Self::DieBefore, Self::DieAfter];

    fn is_carried_out(self) -> bool {
        match self {
            Self::FailBefore | Self::DieBefore => false,
            Self::FailAfter | Self::DieAfter | Self::Wait => true,
        }
    }

    fn is_deadly(self) -> bool {
        match self {
            Self::FailBefore | Self::FailAfter | Self::Wait => false,
            Self::DieBefore | Self::DieAfter => true,
        }
    }
}

/// Which call goes wrong, counted over all stores and services.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    plan: Mutex<Option<(usize, Fault)>>,
    died: Notify,
    waits: Notify,
    may_go_on: Notify,
}

impl Faults {
    /// The call after `calls` others goes wrong.
    pub(crate) fn arm(&self, calls: usize, fault: Fault) {
        *self.plan.lock().unwrap() = Some((calls, fault));
    }

    /// No call goes wrong any more; whether the one that should have did.
    pub(crate) fn disarm(&self) -> bool {
        self.plan.lock().unwrap().take().is_none()
    }

    /// Comes back when the worker has died.
    pub(crate) async fn death(&self) {
        self.died.notified().await;
    }

    /// Comes back when a call waits.
    pub(crate) async fn standstill(&self) {
        self.waits.notified().await;
    }

    /// Lets the call that waits go on.
    pub(crate) fn go_on(&self) {
        self.may_go_on.notify_one();
    }

    fn next(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        match plan.as_mut()? {
            (0, fault) => {
                let fault = *fault;
                *plan = None;
                Some(fault)
            }
            (calls, _) => {
                *calls -= 1;
                None
            }
        }
    }

    async fn around<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        // So that workers at once take turns at every call.
        tokio::task::yield_now().await;
        let Some(fault) = self.next() else {
            return call.await;
        };
        if fault == Fault::Wait {
            self.waits.notify_one();
            self.may_go_on.notified().await;
            return call.await;
        }
        if fault.is_carried_out() {
            call.await?;
        }
        if fault.is_deadly() {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
        Err(object_store::Error::Generic { store: "S3", source: "no answer".into() })
    }
}

/// A bucket in memory, which may keep the versions of its objects, and remembers every key that it saw.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    current: InMemory,
    /// Each version's bytes and entity tag, by key and version.
    versions: Option<Versions>,
    /// Keys of all objects that were ever written or deleted.
    pub(crate) touched: Mutex<BTreeSet<String>>,
}

type Versions = Mutex<BTreeMap<(Path, String), (Bytes, Option<String>)>>;

impl Bucket {
    pub(crate) fn with_versions() -> Self {
        Self { versions: Some(Mutex::default()), ..Self::default() }
    }

    fn touch(&self, location: &Path) {
        self.touched.lock().unwrap().insert(location.to_string());
    }

    /// A version's id is made of its entity tag.
    fn version_of(&self, etag: Option<&String>) -> Option<String> {
        self.versions.as_ref()?;
        etag.map(|etag| format!("v{}", etag.trim_matches('"')))
    }

    async fn get_version(&self, location: &Path, version: String, mut options: GetOptions) -> Result<GetResult> {
        let kept = self.versions.as_ref().and_then(|versions| {
            let versions = versions.lock().unwrap();
            versions.get(&(location.clone(), version.clone())).cloned()
        });
        let Some((bytes, etag)) = kept else {
            return Err(object_store::Error::NotFound { path: location.to_string(), source: "no such version".into() });
        };
        if let Some(asked) = options.if_match.take()
            && Some(&asked) != etag.as_ref()
        {
            return Err(object_store::Error::Precondition { path: location.to_string(), source: asked.into() });
        }
        let alone = InMemory::new();
        alone.put(location, bytes.into()).await?;
        let mut found = alone.get_opts(location, options).await?;
        (found.meta.e_tag, found.meta.version) = (etag, Some(version));
        Ok(found)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current.fmt(f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.touch(location);
        let bytes = payload.iter().flat_map(|bytes| bytes.to_vec()).collect::<Vec<u8>>();
        let mut put = self.current.put_opts(location, payload, options).await?;
        put.version = self.version_of(put.e_tag.as_ref());
        if let (Some(versions), Some(version)) = (&self.versions, &put.version) {
            let kept = (bytes.into(), put.e_tag.clone());
            versions.lock().unwrap().insert((location.clone(), version.clone()), kept);
        }
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.touch(location);
        self.current.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        if let Some(version) = options.version.take() {
            return self.get_version(location, version, options).await;
        }
        let mut found = self.current.get_opts(location, options).await?;
        found.meta.version = self.version_of(found.meta.e_tag.as_ref());
        Ok(found)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // Only ever asked for one object, by the wrapper below and by tests.
        let locations = futures::executor::block_on_stream(locations).collect::<Vec<_>>();
        for location in locations.iter().flatten() {
            self.touch(location);
        }
        self.current.delete_stream(stream::iter(locations).boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.current.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.current.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.touch(to);
        self.current.copy_opts(from, to, options).await
    }
}

/// A bucket, the calls to which may go wrong.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) inner: Arc<Bucket>,
    pub(crate) faults: Arc<Faults>,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.faults.around(self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.faults.around(self.inner.put_multipart_opts(location, options)).await?;
        Ok(Box::new(Upload { inner: begun, faults: Arc::clone(&self.faults) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.faults.around(self.inner.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, faults) = (Arc::clone(&self.inner), Arc::clone(&self.faults));
        let delete = move |location: Result<Path>| {
            let (inner, faults) = (Arc::clone(&inner), Arc::clone(&faults));
            async move {
                let location = location?;
                faults.around(inner.delete(&location)).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (listed, faults) = (self.inner.list(prefix), Arc::clone(&self.faults));
        stream::once(async move { faults.around(async { Ok(()) }).await })
            .flat_map(move |asked| match asked {
                Ok(()) => stream::empty().boxed(),
                Err(error) => stream::once(async { Err(error) }).boxed(),
            })
            .chain(listed)
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.faults.around(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.faults.around(self.inner.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    faults: Arc<Faults>,
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> object_store::UploadPart {
        let (part, faults) = (self.inner.put_part(data), Arc::clone(&self.faults));
        Box::pin(async move { faults.around(part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.faults.around(self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.faults.around(self.inner.abort()).await
    }
}

/// Glue and SQS. Tables and partitions are never there before, and every request is granted.
pub(crate) struct Aws {
    pub(crate) glue: GlueClient,
    pub(crate) sqs: SqsClient,
    state: Arc<AwsState>,
}

#[derive(Default)]
struct AwsState {
    faults: Mutex<Arc<Faults>>,
    /// Bodies of the `SendMessage` requests that were granted.
    sent: Mutex<Vec<String>>,
    /// Bodies of the `ChangeMessageVisibility` requests.
    hidden: Mutex<Vec<String>>,
}

impl Aws {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(AwsState::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            // Of dead workers the connections stay open: to close one would be an answer.
            let mut unanswered = Vec::new();
            for stream in listener.incoming() {
                unanswered.extend(answer(stream.unwrap(), &shared));
            }
        });
        let credentials = || Credentials::new("a", "b", None, None, "test");
        let glue = aws_sdk_glue::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(clients::http_client())
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&url)
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(clients::http_client())
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&url)
            .build();
        Self { glue: GlueClient::from_conf(glue), sqs: SqsClient::from_conf(sqs), state }
    }

    /// Begins anew, with these faults.
    pub(crate) fn reset(&self, faults: &Arc<Faults>) {
        *self.state.faults.lock().unwrap() = Arc::clone(faults);
        self.state.sent.lock().unwrap().clear();
        self.state.hidden.lock().unwrap().clear();
    }

    /// The messages that were sent to a queue, as SQS was asked.
    pub(crate) fn messages_to(&self, queue: &str) -> Vec<serde_json::Value> {
        let sent = self.state.sent.lock().unwrap();
        sent.iter().filter(|body| body.contains(queue)).map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// The requests to change a message's visibility, as JSON.
    pub(crate) fn hidden(&self) -> Vec<String> {
        self.state.hidden.lock().unwrap().clone()
    }

    /// The records that the queue of failures was given, in the order in which it was.
    pub(crate) fn failures(&self) -> Vec<FailureRecord> {
        let record = |body: &String| {
            let message: serde_json::Value = serde_json::from_str(body).unwrap();
            let record = message["MessageAttributes"]["failure"]["StringValue"].as_str()?;
            Some(serde_json::from_str(record).unwrap())
        };
        self.state.sent.lock().unwrap().iter().filter_map(record).collect()
    }

    /// How many messages a queue was given.
    pub(crate) fn sent_to(&self, queue: &str) -> usize {
        self.state.sent.lock().unwrap().iter().filter(|body| body.contains(queue)).count()
    }
}

/// Answers one request; a stream that is given back must stay open unanswered.
fn answer(mut stream: TcpStream, state: &AwsState) -> Option<TcpStream> {
    let (operation, body) = request_of(&mut stream)?;
    let faults = Arc::clone(&state.faults.lock().unwrap());
    let fault = faults.next().filter(|fault| *fault != Fault::Wait);
    if fault.is_none_or(Fault::is_carried_out) && operation == "sendmessage" {
        state.sent.lock().unwrap().push(body.clone());
    }
    if operation == "changemessagevisibility" {
        state.hidden.lock().unwrap().push(body.clone());
    }
    let answer = match (fault, operation.as_str()) {
        (Some(fault), _) if fault.is_deadly() => {
            faults.died.notify_one();
            return Some(stream);
        }
        // One that the SDK does not repeat by itself.
        (Some(_), _) => (400, "OperationTimeoutException", "{}"),
        (None, "gettable") => (400, "EntityNotFoundException", "{}"),
        (None, "sendmessage") => (200, "", r#"{"MessageId": "1", "MD5OfMessageBody": "1"}"#),
        (None, _) => (200, "", "{}"),
    };
    let (status, error, body) = answer;
    let kind = if error.is_empty() { String::new() } else { format!("x-amzn-ErrorType: {error}\r\n") };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\n{kind}content-length: {length}\r\nconnection: close\r\n\r\n");
    // The worker may be dead.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
    None
}

/// The operation in lower case, and the body; none of a worker that died while it asked.
fn request_of(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let header = |name: &str| head.split(name).nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = header("content-length: ").and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        if body.len() >= length {
            let target = header("x-amz-target: ").unwrap_or_default();
            return Some((target.rsplit('.').next().unwrap_or_default().to_owned(), body.to_owned()));
        }
    }
}
