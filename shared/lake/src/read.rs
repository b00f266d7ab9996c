//! A big object as a stream of chunks, read by ranges in parallel, of one version from start to end.
//! It must not know what the bytes mean.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};

use crate::error::from_store;
use crate::events::ObjectEvent;
use crate::objects::{Objects, path};
use crate::{LakeError, layout};

/// Bytes of one ranged request; S3 advises 8–16 MiB ("Performance design patterns").
pub const RANGE_BYTES: u64 = 8 * 1024 * 1024;
/// Ranges in flight at once: with [`RANGE_BYTES`] the reader never holds more than 32 MiB, and one vCPU's share of
/// Lambda's bandwidth is used up.
pub const RANGES_IN_FLIGHT: usize = 4;

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
    store: Arc<dyn ObjectStore>,
    path: Path,
}

/// Finds the object that an event announces, if it still is the one under its key.
///
/// The key is tried as given first and then, for messages of which sources disagree whether they encode keys, decoded.
///
/// # Errors
///
/// `NoSuchObject` when there is none, `SourceChanged` when a later one has taken its place, and what S3 refused.
pub async fn open(objects: &Objects, event: &ObjectEvent) -> Result<OpenObject, LakeError> {
    match open_key(objects, event, event.key.as_str()).await {
        Err(LakeError::NoSuchObject { url }) => match event.key.decoded_form() {
            // Another object under the decoded spelling is not the one announced.
            Some(decoded) => match open_key(objects, event, decoded.as_str()).await {
                Err(LakeError::SourceChanged { .. }) => Err(LakeError::NoSuchObject { url }),
                other => other,
            },
            None => Err(LakeError::NoSuchObject { url }),
        },
        other => other,
    }
}

async fn open_key(objects: &Objects, event: &ObjectEvent, key: &str) -> Result<OpenObject, LakeError> {
    let url = layout::url(&event.bucket, key);
    let store = objects.store(&event.bucket)?;
    let path = path(&event.bucket, key)?;
    let options = pinned(event.etag.as_deref(), event.version_id.as_deref()).with_head(true);
    let found = store.get_opts(&path, options).await.map_err(|error| from_store("HeadObject", &url, &error))?;
    Ok(OpenObject {
        bucket: event.bucket.clone(),
        key: key.to_owned(),
        size_bytes: found.meta.size,
        etag: found.meta.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
        version_id: found.meta.version.or_else(|| event.version_id.clone()),
        store,
        path,
    })
}

/// Asks for the object as it is now, if it still has the entity tag, rather than for a version by its id: when a later
/// version has taken its place, that one has an event of its own, and the rows of this one would only be replaced.
fn pinned(etag: Option<&str>, version_id: Option<&str>) -> GetOptions {
    match etag {
        Some(etag) => GetOptions::new().with_if_match(Some(format!("\"{etag}\""))),
        None => GetOptions::new().with_version(version_id),
    }
}

/// The object's bytes in order, in chunks of at most [`RANGE_BYTES`], at most [`RANGES_IN_FLIGHT`] of them at once.
///
/// Every range asks for the entity tag that was opened, so that bytes of two versions never mix: a change in the middle
/// is `SourceChanged`.
pub fn chunks(object: &OpenObject) -> impl Stream<Item = Result<Bytes, LakeError>> + Send + use<> {
    chunks_of(object, RANGE_BYTES)
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
    let options = pinned(object.etag.as_deref(), object.version_id.as_deref()).with_range(Some(start..end));
    let found = object.store.get_opts(&object.path, options).await;
    let found = found.map_err(|error| from_store("GetObject", &url, &error))?;
    found.bytes().await.map_err(|error| from_store("GetObject", &url, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::ObjectKey;
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

    async fn raw_bucket(key: &str, content: &[u8]) -> (Objects, Arc<dyn ObjectStore>) {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        store.put(&Path::parse(key).unwrap(), content.to_vec().into()).await.unwrap();
        (Objects::of_stores(BTreeMap::from([("raw".to_owned(), Arc::clone(&store))])), store)
    }

    #[tokio::test]
    async fn ranges_come_in_order_and_make_up_the_object() {
        let content: Vec<u8> = (0..=255).cycle().take(1003).collect();
        let (objects, _) = raw_bucket("a.csv", &content).await;
        let object = open(&objects, &event(ObjectKey::as_given("a.csv"))).await.unwrap();
        for range_bytes in [1, 100, 1003, 5000] {
            let read: Vec<Bytes> = chunks_of(&object, range_bytes).try_collect().await.unwrap();
            assert_eq!(read.concat(), content);
        }
    }

    #[tokio::test]
    async fn an_empty_object_has_no_chunks() {
        let (objects, _) = raw_bucket("a.csv", b"").await;
        let object = open(&objects, &event(ObjectKey::as_given("a.csv"))).await.unwrap();
        assert_eq!(chunks(&object).count().await, 0);
    }

    #[tokio::test]
    async fn a_key_is_tried_as_given_and_then_decoded() {
        let (objects, _) = raw_bucket("a b.csv", b"x").await;
        assert_eq!(open(&objects, &event(ObjectKey::as_given("a+b.csv"))).await.unwrap().key, "a b.csv");
        let error = open(&objects, &event(ObjectKey::as_given("b+c.csv"))).await.unwrap_err();
        insta::assert_snapshot!(error, @"s3://raw/b c.csv does not exist");
    }

    #[tokio::test]
    async fn a_change_in_the_middle_is_an_error() {
        let (objects, store) = raw_bucket("a.csv", b"first").await;
        let object = open(&objects, &event(ObjectKey::as_given("a.csv"))).await.unwrap();
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
        assert!(matches!(open(&objects, &announced).await, Err(LakeError::SourceChanged { .. })));
    }
}
