//! A big object as a stream of chunks, read by ranges in parallel, of one version from start to end.
//! It must not know what the bytes mean.

use std::sync::Arc;

use bytes::Bytes;
use chrono::SecondsFormat;
use futures::stream::{self, Stream, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};

use crate::error::from_store;
use crate::events::ObjectEvent;
use crate::ledger::Source;
use crate::objects::{Objects, path};
use crate::{LakeError, layout};

/// Bytes of one ranged request; S3 advises 8–16 MiB ("Performance design patterns").
pub const RANGE_BYTES: u64 = 8 * 1024 * 1024;
/// Ranges in flight at once: with [`RANGE_BYTES`] the reader never holds more than 32 MiB, and one vCPU's share of
/// Lambda's bandwidth is used up.
pub const RANGES_IN_FLIGHT: usize = 4;

/// Bytes of one request behind what is likely to be enough: the rest of a record, nearly always.
const REST_BYTES: u64 = 128 * 1024;

/// The id of every version that is written while a bucket keeps none: it names none in particular (S3 User Guide, "Adding objects to
/// versioning-suspended buckets").
pub const NULL_VERSION: &str = "null";

/// An object that exists, pinned to the version that was found.
#[derive(Debug, Clone)]
pub struct OpenObject {
    /// The bucket's name.
    pub bucket: String,
    /// The key under which it was found.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its entity tag, without quotes.
    pub etag: Option<String>,
    /// Its version, if the bucket has versions.
    pub version_id: Option<String>,
    /// When S3 says that it was written, RFC 3339, UTC, in seconds.
    pub last_modified: String,
    /// It is read by its version's id, whatever stands under its key now.
    is_former: bool,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

/// Finds the object that an event announces under a key of that event, if it still is the one under that key.
///
/// # Errors
///
/// `NoSuchObject` when there is none, `SourceChanged` when a later one has taken its place, and what S3 refused.
pub async fn open(objects: &Objects, event: &ObjectEvent, key: &str) -> Result<OpenObject, LakeError> {
    let options = pinned(event.etag.as_deref(), None);
    let found = open_as(objects, &event.bucket, key, options, false).await?;
    let is_other = |announced: &String| found.version_id.as_ref().is_some_and(|version_id| version_id != announced);
    // With an entity tag it is as good as the one announced, whatever its version's id.
    if event.etag.is_none() && event.version_id.as_ref().is_some_and(is_other) {
        return Err(LakeError::SourceChanged { url: layout::url(&event.bucket, key) });
    }
    Ok(found)
}

/// Finds a version of an object that was dealt with before, also when a later one has taken its place: by its id, or, in a bucket
/// without versions, by its entity tag.
///
/// # Errors
///
/// `NoSuchObject` or `SourceChanged` when it cannot be had any more, and what S3 refused.
pub async fn open_version(objects: &Objects, source: &Source) -> Result<OpenObject, LakeError> {
    let is_former = source.version_id.is_some();
    // What was dealt with was the object's deletion.
    if !is_former && source.etag.is_none() {
        return Err(LakeError::NoSuchObject { url: layout::url(&source.bucket, &source.key) });
    }
    let options = pinned(source.etag.as_deref(), source.version_id.as_deref().filter(|_| is_former));
    open_as(objects, &source.bucket, &source.key, options, is_former).await
}

async fn open_as(
    objects: &Objects,
    bucket: &str,
    key: &str,
    options: GetOptions,
    is_former: bool,
) -> Result<OpenObject, LakeError> {
    let url = layout::url(bucket, key);
    let store = objects.store(bucket)?;
    let path = path(bucket, key)?;
    let found = store.get_opts(&path, options.with_head(true)).await;
    let found = found.map_err(|error| from_store("HeadObject", &url, &error))?;
    Ok(OpenObject {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        size_bytes: found.meta.size,
        etag: found.meta.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
        version_id: found.meta.version.filter(|version_id| version_id != NULL_VERSION),
        last_modified: found.meta.last_modified.to_rfc3339_opts(SecondsFormat::Secs, true),
        is_former,
        store,
        path,
    })
}

/// Without a version's id, asks for the object as it is now, if it still has the entity tag: when a later version has taken its
/// place, that one has an event of its own, and the rows of this one would only be replaced.
fn pinned(etag: Option<&str>, version_id: Option<&str>) -> GetOptions {
    let if_match = etag.map(|etag| format!("\"{etag}\""));
    GetOptions::new().with_if_match(if_match).with_version(version_id)
}

/// The object's bytes in order, in chunks of at most [`RANGE_BYTES`], at most [`RANGES_IN_FLIGHT`] of them at once.
///
/// Every range asks for the entity tag that was opened, so that bytes of two versions never mix: a change in the middle
/// is `SourceChanged`.
pub fn chunks(object: &OpenObject) -> impl Stream<Item = Result<Bytes, LakeError>> + Send + use<> {
    chunks_of(object, RANGE_BYTES)
}

/// The object's bytes from an offset on, as [`chunks`]; behind `enough`, where the caller may have read enough, in small pieces that are
/// asked for one by one.
pub fn chunks_from(
    object: &OpenObject,
    from: u64,
    enough: u64,
) -> impl Stream<Item = Result<Bytes, LakeError>> + Send + use<> {
    let size_bytes = object.size_bytes;
    let enough = enough.clamp(from.min(size_bytes), size_bytes);
    let starts = |from: u64, to: u64, bytes: u64| {
        let count = to.saturating_sub(from).div_ceil(bytes);
        (0..count).map(move |index| (from + index * bytes, to.min(from + (index + 1) * bytes)))
    };
    let (first, second) = (object.clone(), object.clone());
    let likely = stream::iter(starts(from, enough, RANGE_BYTES))
        .map(move |(start, end)| read_range(first.clone(), start, end))
        .buffered(RANGES_IN_FLIGHT);
    let rest = stream::iter(starts(enough, size_bytes, REST_BYTES))
        .then(move |(start, end)| read_range(second.clone(), start, end));
    likely.chain(rest)
}

fn chunks_of(object: &OpenObject, range_bytes: u64) -> impl Stream<Item = Result<Bytes, LakeError>> + Send + use<> {
    let object = object.clone();
    let count = object.size_bytes.div_ceil(range_bytes);
    stream::iter(0..count)
        .map(move |index| {
            let start = index * range_bytes;
            let end = object.size_bytes.min(start + range_bytes);
            read_range(object.clone(), start, end)
        })
        .buffered(RANGES_IN_FLIGHT)
}

async fn read_range(object: OpenObject, start: u64, end: u64) -> Result<Bytes, LakeError> {
    let url = layout::url(&object.bucket, &object.key);
    let version_id = object.version_id.as_deref().filter(|_| object.is_former || object.etag.is_none());
    let options = pinned(object.etag.as_deref(), version_id).with_range(Some(start..end));
    let found = object.store.get_opts(&object.path, options).await;
    let found = found.map_err(|error| from_store("GetObject", &url, &error))?;
    found.bytes().await.map_err(|error| from_store("GetObject", &url, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::ObjectKey;
    use crate::objects::BucketStore;
    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use std::collections::BTreeMap;

    fn event(key: ObjectKey) -> ObjectEvent {
        ObjectEvent {
            bucket: "raw".to_owned(),
            key,
            version_id: None,
            etag: None,
            size_bytes: None,
            sequencer: None,
            original: String::new(),
        }
    }

    async fn raw_bucket(key: &str, content: &[u8]) -> (Objects, Arc<dyn BucketStore>) {
        let store: Arc<dyn BucketStore> = Arc::new(InMemory::new());
        store.put(&Path::parse(key).unwrap(), content.to_vec().into()).await.unwrap();
        (Objects::of_stores(BTreeMap::from([("raw".to_owned(), Arc::clone(&store))])), store)
    }

    #[tokio::test]
    async fn ranges_come_in_order_and_make_up_the_object() {
        let content: Vec<u8> = (0..=255).cycle().take(1003).collect();
        let (objects, _) = raw_bucket("a.csv", &content).await;
        let object = open(&objects, &event(ObjectKey::as_given("a.csv")), "a.csv").await.unwrap();
        for range_bytes in [1, 100, 1003, 5000] {
            let read: Vec<Bytes> = chunks_of(&object, range_bytes).try_collect().await.unwrap();
            assert_eq!(read.concat(), content);
        }
    }

    #[tokio::test]
    async fn chunks_from_an_offset_are_the_rest_of_the_object() {
        let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let (objects, _) = raw_bucket("a.csv", &content).await;
        let object = open(&objects, &event(ObjectKey::as_given("a.csv")), "a.csv").await.unwrap();
        for (from, enough) in [(0, 0), (0, 7), (100, 50), (100, 1003), (299_999, 300_000), (300_000, 1), (5, u64::MAX)]
        {
            let read: Vec<Bytes> = chunks_from(&object, from, enough).try_collect().await.unwrap();
            assert_eq!(read.concat(), content[usize::try_from(from).unwrap()..], "{from}, {enough}");
        }
    }

    #[tokio::test]
    async fn an_empty_object_has_no_chunks() {
        let (objects, _) = raw_bucket("a.csv", b"").await;
        let object = open(&objects, &event(ObjectKey::as_given("a.csv")), "a.csv").await.unwrap();
        assert_eq!(chunks(&object).count().await, 0);
    }

    #[tokio::test]
    async fn a_change_in_the_middle_is_an_error() {
        let (objects, store) = raw_bucket("a.csv", b"first").await;
        let object = open(&objects, &event(ObjectKey::as_given("a.csv")), "a.csv").await.unwrap();
        let mut read = Box::pin(chunks_of(&object, 1));
        assert!(read.next().await.unwrap().is_ok());
        store.put(&Path::from("a.csv"), "other".into()).await.unwrap();
        let error = read.try_collect::<Vec<_>>().await.unwrap_err();
        insta::assert_snapshot!(error, @"s3://raw/a.csv was replaced before it was read to the end");
    }

    #[tokio::test]
    async fn an_object_that_was_replaced_before_it_was_opened_is_not_the_announced_one() {
        let (objects, _) = raw_bucket("a.csv", b"first").await;
        let mut announced = event(ObjectKey::as_given("a.csv"));
        announced.etag = Some("another".to_owned());
        assert!(matches!(open(&objects, &announced, "a.csv").await, Err(LakeError::SourceChanged { .. })));
    }
}
