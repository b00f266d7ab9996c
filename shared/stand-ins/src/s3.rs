//! S3 over HTTP, as far as a bucket in memory goes: versions, conditions, parts, and the answers to all of them.
//! It must not know what the objects are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::executor::block_on;
use lakegate_lake::clients;
use lakegate_lake::listing::Lister;
use lakegate_lake::objects::{BucketStore, Objects};
use lakegate_lake::settings::AwsSettings;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutOptions, PutPayload, RetryConfig, UpdateVersion,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::bucket::Bucket;
use crate::faults::Faults;
use crate::http::{Answer, Request, Server, Service};
use crate::services::{LONG_PATIENCE, PATIENCE};

/// S3, and the clients to two buckets of it.
pub struct S3 {
    /// Of any bucket's client.
    builder: AmazonS3Builder,
    /// To the bucket `raw`.
    pub raw: Arc<AmazonS3>,
    /// To the bucket `lake`.
    pub lake: Arc<AmazonS3>,
    server: Arc<Server<State>>,
    patient: OnceLock<Box<S3>>,
}

struct State {
    /// Most objects on a page of a listing.
    page_objects: Mutex<usize>,
    buckets: Mutex<BTreeMap<String, Arc<Bucket>>>,
    /// By upload.
    uploads: Mutex<BTreeMap<String, Upload>>,
    begun: AtomicUsize,
    instead: Mutex<Option<Instead>>,
}

/// An upload in parts.
#[derive(Debug, Clone, Default)]
struct Upload {
    parts: BTreeMap<usize, Bytes>,
    /// Of the object's metadata.
    mark: Option<String>,
}

/// The metadata that an object may have.
const MARK: &str = "x-amz-meta-lakegate-upload";

impl Default for State {
    fn default() -> Self {
        let (buckets, uploads, instead) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { page_objects: Mutex::new(PAGE_OBJECTS), buckets, uploads, begun: AtomicUsize::default(), instead }
    }
}

/// As many as S3 lists at once.
const PAGE_OBJECTS: usize = 1_000;

/// The status and the body that a request is answered with instead, by its method and target. It is carried out all the same.
type Instead = Box<dyn FnMut(&str, &str) -> Option<(u16, String)> + Send>;

impl S3 {
    /// With clients that ask a second time soon.
    pub fn start() -> Self {
        Self::with(Arc::new(Server::start(State::default())), PATIENCE)
    }

    /// The same S3, with clients that wait for their answers however busy the machine is.
    pub fn patient(&self) -> &Self {
        self.patient.get_or_init(|| Box::new(Self::with(Arc::clone(&self.server), LONG_PATIENCE)))
    }

    fn with(server: Arc<Server<State>>, patience: Duration) -> Self {
        let wait = Duration::from_millis(1);
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff: wait, max_backoff: 2 * wait, base: 2.0 },
            max_retries: 1,
            retry_timeout: Duration::from_mins(2),
        };
        let (region, endpoint_url) = ("eu-central-1".to_owned(), Some(server.url.clone()));
        let settings = AwsSettings { region, endpoint_url, variables: BTreeMap::new() };
        let options = ClientOptions::new().with_allow_http(true).with_timeout(patience);
        let builder = clients::s3_builder(&settings).with_access_key_id("a").with_secret_access_key("b");
        let builder = builder.with_client_options(options).with_retry(retry);
        let client = |bucket: &str| Arc::new(builder.clone().with_bucket_name(bucket).build().unwrap());
        Self { raw: client("raw"), lake: client("lake"), builder, server, patient: OnceLock::new() }
    }

    /// Begins anew, with these buckets and faults.
    pub fn reset(&self, raw: &Arc<Bucket>, lake: &Arc<Bucket>, faults: &Arc<Faults>) {
        self.server.reset(faults);
        let buckets = [("raw".to_owned(), Arc::clone(raw)), ("lake".to_owned(), Arc::clone(lake))];
        *self.server.service().buckets.lock().unwrap() = BTreeMap::from(buckets);
        self.server.service().uploads.lock().unwrap().clear();
        *self.server.service().instead.lock().unwrap() = None;
        self.set_page(PAGE_OBJECTS);
    }

    /// Where it listens, for clients in other processes.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The buckets as a function in the cloud opens them.
    pub fn objects(&self) -> Objects {
        Objects::on_s3(self.builder.clone())
    }

    /// The buckets, with connections that there are already: for many functions that start one after another.
    pub fn warm_objects(&self) -> Objects {
        let store = |store: &Arc<AmazonS3>| Arc::<AmazonS3>::clone(store) as Arc<dyn BucketStore>;
        let stores = [("raw".to_owned(), store(&self.raw)), ("lake".to_owned(), store(&self.lake))];
        Objects::of_stores(BTreeMap::from(stores))
    }

    /// Lists a bucket as a function in the cloud does.
    pub fn lister(&self, bucket: &str) -> Lister {
        Lister::new(&self.builder, bucket).unwrap()
    }

    /// From now on a page of a listing has at most so many objects.
    pub fn set_page(&self, objects: usize) {
        *self.server.service().page_objects.lock().unwrap() = objects;
    }

    /// From now on some requests are answered otherwise.
    pub fn answer_instead(&self, instead: impl FnMut(&str, &str) -> Option<(u16, String)> + Send + 'static) {
        *self.server.service().instead.lock().unwrap() = Some(Box::new(instead));
    }
}

/// A request's bucket, key and query, all decoded.
struct Target {
    bucket: String,
    key: Path,
    query: BTreeMap<String, String>,
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

fn target(request: &Request) -> Target {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    Target { bucket: bucket.to_owned(), key: Path::parse(decoded(key)).unwrap(), query }
}

impl Service for State {
    fn carry_out(&self, request: &Request) -> Answer {
        let answer = self.answer(request);
        let instead = &mut *self.instead.lock().unwrap();
        let instead = instead.as_mut().and_then(|instead| instead(&request.method, &request.target));
        instead.map_or(answer, |(status, body)| Answer::new(status, body))
    }

    fn too_many(&self, _request: &Request) -> Answer {
        Answer::new(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
    }

    fn too_late(&self, _request: &Request) -> Answer {
        refused(400, "RequestTimeout")
    }

    fn name_of(&self, request: &Request) -> String {
        let range = request.header("range").unwrap_or_default();
        format!("{} {} {range} {}", request.method, request.target, request.body.len())
    }
}

impl State {
    fn answer(&self, request: &Request) -> Answer {
        let Target { bucket, key, query } = target(request);
        if request.method == "PUT" && key.is_root() {
            self.buckets.lock().unwrap().insert(bucket, Arc::default());
            return Answer::new(200, "");
        }
        let bucket = Arc::clone(&self.buckets.lock().unwrap()[&bucket]);
        let (asked, upload) = (|name: &str| query.contains_key(name), query.get("uploadId").cloned());
        match (request.method.as_str(), upload) {
            ("POST", None) if asked("delete") => delete(&bucket, &request.body),
            ("POST", None) => self.begin(request.header(MARK)),
            ("POST", Some(upload)) => self.complete(&bucket, &key, &upload),
            ("PUT", Some(upload)) => {
                let number = query["partNumber"].parse().unwrap();
                let mut uploads = self.uploads.lock().unwrap();
                uploads.entry(upload).or_default().parts.insert(number, request.body.clone());
                Answer::new(200, "").with("etag", format!("\"{number}\""))
            }
            ("DELETE", Some(upload)) => match self.uploads.lock().unwrap().remove(&upload) {
                Some(_) => Answer::new(204, ""),
                None => refused(404, "NoSuchUpload"),
            },
            ("PUT", None) => put(&bucket, &key, request),
            ("GET", None) if asked("list-type") => list(&bucket, &query, *self.page_objects.lock().unwrap()),
            ("GET" | "HEAD", None) => get(&bucket, &key, request, query.get("versionId").cloned()),
            (method, upload) => panic!("{method} {} {upload:?}", request.target),
        }
    }

    fn begin(&self, mark: Option<&str>) -> Answer {
        let upload = format!("upload-{}", self.begun.fetch_add(1, Ordering::Relaxed));
        let begun = Upload { mark: mark.map(str::to_owned), ..Upload::default() };
        self.uploads.lock().unwrap().insert(upload.clone(), begun);
        let result =
            format!("<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>");
        Answer::new(200, result)
    }

    fn complete(&self, bucket: &Bucket, key: &Path, upload: &str) -> Answer {
        let mut uploads = self.uploads.lock().unwrap();
        let Some(Upload { parts, mark }) = uploads.get(upload).cloned() else {
            return refused(404, "NoSuchUpload");
        };
        // Of those without a mark a repeated request is answered as the first one was: S3 does the one or the other.
        let mut attributes = Attributes::new();
        if let Some(mark) = mark {
            attributes.insert(Attribute::Metadata("lakegate-upload".into()), mark.into());
            uploads.remove(upload);
        }
        let bytes = parts.into_values().collect::<PutPayload>();
        let options = PutOptions { attributes, ..PutOptions::default() };
        let put = match block_on(bucket.put_opts(key, bytes, options)) {
            Ok(put) => put,
            Err(error) => return of_error(&error),
        };
        let etag = put.e_tag.unwrap();
        let result = format!("<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>");
        Answer::new(200, result)
    }
}

fn refused(status: u16, code: &str) -> Answer {
    Answer::new(status, format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>"))
}

fn of_error(error: &object_store::Error) -> Answer {
    if matches!(error, object_store::Error::NotFound { .. }) {
        return refused(404, "NoSuchKey");
    }
    if matches!(error, object_store::Error::PermissionDenied { .. }) {
        return refused(403, "AccessDenied");
    }
    let is_met = !matches!(error, object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. });
    assert!(!is_met, "{error}");
    refused(412, "PreconditionFailed")
}

fn put(bucket: &Bucket, key: &Path, request: &Request) -> Answer {
    let mode = match (request.header("if-none-match"), request.header("if-match")) {
        (Some(_), _) => PutMode::Create,
        (None, Some(etag)) => PutMode::Update(UpdateVersion { e_tag: Some(etag.to_owned()), version: None }),
        (None, None) => PutMode::Overwrite,
    };
    match block_on(bucket.put_opts(key, request.body.clone().into(), PutOptions::from(mode))) {
        Ok(put) => Answer::new(200, "").with("etag", put.e_tag.unwrap()),
        Err(error) => of_error(&error),
    }
}

fn get(bucket: &Bucket, key: &Path, request: &Request, version: Option<String>) -> Answer {
    let range = request.header("range").map(|range| {
        let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap();
        start.parse::<u64>().unwrap()..end.parse::<u64>().unwrap() + 1
    });
    let options = GetOptions {
        if_match: request.header("if-match").map(str::to_owned),
        version,
        range: range.clone().map(GetRange::Bounded),
        ..GetOptions::default()
    };
    let found = match block_on(bucket.get_opts(key, options)) {
        Ok(found) => found,
        Err(error) => return of_error(&error),
    };
    let (meta, all) = (found.meta.clone(), found.meta.size);
    let mark = found.attributes.get(&Attribute::Metadata("lakegate-upload".into())).map(|mark| mark.to_string());
    // A large object is not read for its head.
    let answer = if request.method == "HEAD" {
        Answer::new(200, "").of_length(all)
    } else {
        Answer::new(if range.is_some() { 206 } else { 200 }, block_on(found.bytes()).unwrap())
    };
    let mut answer = answer
        .with("etag", meta.e_tag.unwrap())
        .with("last-modified", meta.last_modified.to_rfc2822().replace("+0000", "GMT"));
    if let Some(range) = range {
        answer = answer.with("content-range", format!("bytes {}-{}/{all}", range.start, range.end.min(all) - 1));
    }
    if let Some(mark) = mark {
        answer = answer.with(MARK, mark);
    }
    match meta.version {
        Some(version) => answer.with("x-amz-version-id", version),
        None => answer,
    }
}

/// A page of the objects whose keys begin with the prefix, in the order of their keys.
fn list(bucket: &Bucket, query: &BTreeMap<String, String>, page_objects: usize) -> Answer {
    let prefix = query.get("prefix").map_or("", String::as_str);
    let is_escaped = query.contains_key("encoding-type");
    let after = query.get("continuation-token").map(|token| decoded(token));
    let max = query.get("max-keys").map_or(page_objects, |max| max.parse().unwrap());
    let mut listed: Vec<ObjectMeta> = block_on(bucket.list(None).map(Result::unwrap).collect());
    listed.retain(|meta| {
        meta.location.as_ref().starts_with(prefix)
            && after.as_deref().is_none_or(|after| meta.location.as_ref() > after)
    });
    listed.sort_by(|one, other| one.location.as_ref().cmp(other.location.as_ref()));
    let mut contents = String::new();
    for ObjectMeta { location, size, last_modified, e_tag, .. } in listed.iter().take(max) {
        let key = if is_escaped { escaped(location.as_ref()) } else { location.to_string() };
        let (at, etag) = (last_modified.to_rfc3339(), e_tag.as_ref().unwrap());
        let _ = write!(
            contents,
            "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{at}</LastModified><ETag>{etag}</ETag></Contents>"
        );
    }
    if is_escaped {
        contents.push_str("<EncodingType>url</EncodingType>");
    }
    if let Some(last) = listed.get(max.saturating_sub(1)).filter(|_| listed.len() > max) {
        let token = escaped(last.location.as_ref());
        let _ =
            write!(contents, "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>");
    }
    Answer::new(200, format!("<ListBucketResult>{contents}</ListBucketResult>"))
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn delete(bucket: &Bucket, body: &[u8]) -> Answer {
    let body = String::from_utf8_lossy(body);
    let mut deleted = String::new();
    for key in body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
        // One that is not there is no error.
        let _ = block_on(bucket.delete(&Path::parse(key).unwrap()));
        let _ = write!(deleted, "<Deleted><Key>{key}</Key></Deleted>");
    }
    Answer::new(200, format!("<DeleteResult>{deleted}</DeleteResult>"))
}
