//! Objects in S3: one store per bucket, small JSON documents, listing and deleting.
//! It must not know what the objects mean; reading and writing big ones is in `read` and `upload`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::from_store;
use crate::listing::{ListedObject, Lister};
use crate::{LakeError, layout};

/// What a bucket's store does: objects, and uploads with which another process goes on.
pub trait BucketStore: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> BucketStore for T {}

/// Stores by bucket; each is made when it is first asked for and then kept, with its connections.
#[derive(Debug)]
pub struct Objects {
    builder: Option<AmazonS3Builder>,
    stores: Mutex<BTreeMap<String, Arc<dyn BucketStore>>>,
    listers: Mutex<BTreeMap<String, Arc<Lister>>>,
}

/// Of one state of an object: any other content has another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(String);

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// Changes whenever the content does.
    pub etag: Option<String>,
    /// The size, in bytes.
    pub size_bytes: u64,
    /// When it was written.
    pub last_modified: DateTime<Utc>,
}

impl Objects {
    /// Stores on S3, made from a builder that lacks only the bucket.
    pub fn on_s3(builder: AmazonS3Builder) -> Self {
        Self { builder: Some(builder), stores: Mutex::default(), listers: Mutex::default() }
    }

    /// The given stores and no others, as for tests and local folders.
    #[must_use]
    pub fn of_stores(stores: BTreeMap<String, Arc<dyn BucketStore>>) -> Self {
        Self { builder: None, stores: Mutex::new(stores), listers: Mutex::default() }
    }

    /// The store of a bucket.
    ///
    /// # Errors
    ///
    /// A bucket for which no store can be made.
    pub fn store(&self, bucket: &str) -> Result<Arc<dyn BucketStore>, LakeError> {
        // A panic elsewhere cannot leave the map half-written.
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(bucket) {
            return Ok(Arc::clone(store));
        }
        let url = layout::url(bucket, "");
        let Some(builder) = &self.builder else {
            return Err(LakeError::NoSuchObject { url });
        };
        let store = builder.clone().with_bucket_name(bucket).build();
        let store: Arc<dyn BucketStore> = Arc::new(store.map_err(|error| from_store("connect", &url, &error))?);
        stores.insert(bucket.to_owned(), Arc::clone(&store));
        Ok(store)
    }

    /// Reads a whole small object; `None` when there is none.
    ///
    /// # Errors
    ///
    /// What S3 refused; that there is no such object is not an error.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, LakeError> {
        let url = layout::url(bucket, key);
        let found = match self.store(bucket)?.get(&path(bucket, key)?).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(from_store("GetObject", &url, &error)),
        };
        found.bytes().await.map(Some).map_err(|error| from_store("GetObject", &url, &error))
    }

    /// Reads a whole small object and its entity tag, for [`Objects::put_if`]; `None` when there is none.
    ///
    /// # Errors
    ///
    /// What S3 refused; that there is no such object is not an error.
    pub async fn get_tagged(&self, bucket: &str, key: &str) -> Result<Option<(Bytes, EntityTag)>, LakeError> {
        let url = layout::url(bucket, key);
        let failed = |error: object_store::Error| from_store("GetObject", &url, &error);
        let found = match self.store(bucket)?.get(&path(bucket, key)?).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let etag = entity_tag("GetObject", &url, found.meta.e_tag.clone())?;
        Ok(Some((found.bytes().await.map_err(failed)?, etag)))
    }

    /// Reads a JSON document and its entity tag, for [`Objects::put_json_if`]; `None` when there is none.
    ///
    /// # Errors
    ///
    /// What S3 refused, or a document that does not parse.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<(T, EntityTag)>, LakeError> {
        let Some((bytes, etag)) = self.get_tagged(bucket, key).await? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes).map(|document| Some((document, etag)));
        parsed.map_err(|source| LakeError::Unreadable { url: layout::url(bucket, key), source })
    }

    /// Writes a JSON document as one line over the one that was read, or, with `None`, where there was none.
    ///
    /// # Errors
    ///
    /// As [`Objects::put_if`].
    pub async fn put_json_if<T: Serialize>(
        &self,
        bucket: &str,
        key: &str,
        document: &T,
        read: Option<&EntityTag>,
    ) -> Result<EntityTag, LakeError> {
        let unreadable = |source| LakeError::Unreadable { url: layout::url(bucket, key), source };
        let mut bytes = serde_json::to_vec(document).map_err(unreadable)?;
        bytes.push(b'\n');
        self.put_if(bucket, key, bytes.into(), read).await
    }

    /// Writes an object over the one that was read, or, with `None`, where there was none.
    ///
    /// # Errors
    ///
    /// [`LakeError::Raced`] when something else stands there by now, which may be this very object: the client repeats a request
    /// whose answer was lost, and the second one then meets the first. Otherwise what S3 refused.
    pub async fn put_if(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        read: Option<&EntityTag>,
    ) -> Result<EntityTag, LakeError> {
        self.put_with_if(bucket, key, bytes, Attributes::new(), read).await
    }

    /// The same, of an object that a browser shows: `content_type` and `cache_control` are the headers that it is served with.
    ///
    /// # Errors
    ///
    /// As [`Objects::put_if`].
    pub async fn put_typed_if(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        content_type: &'static str,
        cache_control: &'static str,
        read: Option<&EntityTag>,
    ) -> Result<EntityTag, LakeError> {
        let headers = [(Attribute::ContentType, content_type), (Attribute::CacheControl, cache_control)];
        self.put_with_if(bucket, key, bytes, Attributes::from_iter(headers), read).await
    }

    async fn put_with_if(
        &self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        attributes: Attributes,
        read: Option<&EntityTag>,
    ) -> Result<EntityTag, LakeError> {
        let url = layout::url(bucket, key);
        let mode = read.map_or(PutMode::Create, |EntityTag(etag)| {
            PutMode::Update(UpdateVersion { e_tag: Some(etag.clone()), version: None })
        });
        let options = PutOptions { attributes, ..PutOptions::from(mode) };
        match self.store(bucket)?.put_opts(&path(bucket, key)?, PutPayload::from(bytes), options).await {
            Ok(put) => entity_tag("PutObject", &url, put.e_tag),
            // S3 answers 412, and 409 to a request that raced with another one.
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. }
                | object_store::Error::NotModified { .. },
            ) => Err(LakeError::Raced { url }),
            Err(error) => Err(from_store("PutObject", &url, &error)),
        }
    }

    /// As [`Objects::put_json_if`], of a document that no other worker writes: `None` when another one stands there by now.
    ///
    /// A write whose answer was lost may have been carried out, and the client's own second attempt then loses to its first: what
    /// stands says so.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn replace_json<T: Serialize + DeserializeOwned + PartialEq>(
        &self,
        bucket: &str,
        key: &str,
        document: &T,
        read: Option<&EntityTag>,
    ) -> Result<Option<EntityTag>, LakeError> {
        let trouble = match self.put_json_if(bucket, key, document, read).await {
            Ok(etag) => return Ok(Some(etag)),
            Err(error) if error.is_passing() => error,
            Err(error) => return Err(error),
        };
        let is_lost = matches!(trouble, LakeError::Raced { .. });
        match self.get_json::<T>(bucket, key).await {
            Ok(Some((stands, etag))) if stands == *document => Ok(Some(etag)),
            Ok(_) if is_lost => Ok(None),
            Ok(_) | Err(_) => Err(trouble),
        }
    }

    /// Writes a small object, whatever stands under its key.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn put(&self, bucket: &str, key: &str, bytes: Bytes) -> Result<(), LakeError> {
        let put = self.store(bucket)?.put(&path(bucket, key)?, PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(|error| from_store("PutObject", &layout::url(bucket, key), &error))
    }

    /// Writes an object unless there is one under this key: whether it was written.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn create(&self, bucket: &str, key: &str, bytes: Bytes) -> Result<bool, LakeError> {
        let options = PutOptions::from(PutMode::Create);
        match self.store(bucket)?.put_opts(&path(bucket, key)?, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(from_store("PutObject", &layout::url(bucket, key), &error)),
        }
    }

    /// Deletes what there is of one source object, up to 1,000 objects by one request; those that are not there are no error. All are
    /// tried.
    ///
    /// # Errors
    ///
    /// The first that S3 refused.
    pub async fn delete_all(&self, bucket: &str, keys: &[String]) -> Result<(), LakeError> {
        // An answer may quote any of them. Named as an output of a table, an error quotes no partition value.
        let Some(named) = keys.iter().find(|key| key.starts_with(layout::LAKE_PREFIX)).or(keys.first()) else {
            return Ok(());
        };
        let url = layout::url_without_values(bucket, named);
        let mut paths = Vec::with_capacity(keys.len());
        for key in keys {
            paths.push(Ok(path(bucket, key)?));
        }
        let mut deleted = self.store(bucket)?.delete_stream(stream::iter(paths).boxed());
        let mut outcome = Ok(());
        while let Some(one) = deleted.next().await {
            outcome = outcome.and(match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(from_store("DeleteObjects", &url, &error)),
            });
        }
        outcome
    }

    /// The lister of a bucket; `None` where the stores were given.
    fn lister(&self, bucket: &str) -> Result<Option<Arc<Lister>>, LakeError> {
        let Some(builder) = &self.builder else {
            return Ok(None);
        };
        // A panic elsewhere cannot leave the map half-written.
        let mut listers = self.listers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lister) = listers.get(bucket) {
            return Ok(Some(Arc::clone(lister)));
        }
        let lister = Arc::new(Lister::new(builder, bucket)?);
        listers.insert(bucket.to_owned(), Arc::clone(&lister));
        Ok(Some(lister))
    }

    /// Lists the objects under a prefix that ends with `/`, by key: also those with keys that no other call can address.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Listed>, LakeError> {
        let Some(lister) = self.lister(bucket)? else {
            return self.list_given(bucket, prefix).await;
        };
        let mut objects = Vec::new();
        let mut next = None;
        loop {
            let page = lister.page(prefix, next.as_deref()).await?;
            let one = |object: ListedObject| {
                let ListedObject { key, etag, size_bytes, last_modified, .. } = object;
                Listed { key, etag, size_bytes, last_modified }
            };
            objects.extend(page.objects.into_iter().map(one));
            next = page.next;
            if next.is_none() {
                return Ok(objects);
            }
        }
    }

    async fn list_given(&self, bucket: &str, prefix: &str) -> Result<Vec<Listed>, LakeError> {
        let url = layout::url(bucket, prefix);
        let folder = path(bucket, prefix.trim_end_matches('/'))?;
        let found: Result<Vec<ObjectMeta>, _> = self.store(bucket)?.list(Some(&folder)).try_collect().await;
        let found = found.map_err(|error| from_store("ListObjectsV2", &url, &error))?;
        let mut listed: Vec<Listed> = found
            .into_iter()
            .map(|meta| Listed {
                key: meta.location.to_string(),
                etag: meta.e_tag,
                size_bytes: meta.size,
                last_modified: meta.last_modified,
            })
            .collect();
        listed.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(listed)
    }
}

/// Every S3 gives entity tags; without one a later write could not be made conditional.
fn entity_tag(operation: &'static str, url: &str, etag: Option<String>) -> Result<EntityTag, LakeError> {
    let missing =
        || LakeError::Refused { operation, resource: url.to_owned(), source: "the answer has no entity tag".into() };
    etag.map(EntityTag).ok_or_else(missing)
}

/// A key as the client library takes it.
///
/// It knows no key with an empty, `.` or `..` part, a leading or trailing `/`, or a control character; S3 does. Such
/// a key is an error of its own, lest another object be read in its place.
pub(crate) fn path(bucket: &str, key: &str) -> Result<Path, LakeError> {
    let unsupported = |reason: String| LakeError::UnsupportedKey { url: layout::url(bucket, key), reason };
    let Ok(path) = Path::parse(key) else {
        let reason = "a part of the key is empty, \".\" or \"..\", or holds a control character";
        return Err(unsupported(reason.to_owned()));
    };
    if path.as_ref() != key {
        return Err(unsupported("the key begins or ends with /".to_owned()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;
    use std::collections::BTreeMap as Map;

    fn in_memory() -> Objects {
        Objects::of_stores(Map::from([("lake".to_owned(), Arc::new(InMemory::new()) as Arc<dyn BucketStore>)]))
    }

    #[tokio::test]
    async fn a_document_is_written_read_listed_and_deleted() {
        let objects = in_memory();
        objects.put_json_if("lake", "ledger/a b.json", &[1, 2], None).await.unwrap();
        let (read, _) = objects.get_json::<Vec<u8>>("lake", "ledger/a b.json").await.unwrap().unwrap();
        assert_eq!(read, [1, 2]);
        let listed = objects.list("lake", "ledger/").await.unwrap();
        assert_eq!((listed[0].key.as_str(), listed[0].size_bytes), ("ledger/a b.json", 6));
        let again = objects.create("lake", "ledger/a b.json", Bytes::from_static(b"3")).await.unwrap();
        assert!(!again, "there is one");
        let all = ["ledger/a b.json", "ledger/c.json"].map(str::to_owned);
        objects.create("lake", "ledger/c.json", Bytes::new()).await.unwrap();
        objects.delete_all("lake", &all).await.unwrap();
        assert_eq!(objects.get("lake", "ledger/c.json").await.unwrap(), None);
        assert_eq!(objects.get("lake", "ledger/a b.json").await.unwrap(), None);
        assert_eq!(objects.get_json::<u8>("lake", "ledger/a b.json").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_document_is_written_over_the_one_that_was_read_and_no_other() {
        let objects = in_memory();
        let put =
            async |content: u8, read: Option<&EntityTag>| objects.put_json_if("lake", "a.json", &content, read).await;
        let first = put(1, None).await.unwrap();
        assert!(matches!(put(2, None).await, Err(LakeError::Raced { .. })), "there is one");
        let second = put(2, Some(&first)).await.unwrap();
        let lost = put(3, Some(&first)).await.unwrap_err();
        insta::assert_snapshot!(lost, @"s3://lake/a.json was written by another worker at the same time");
        assert!(lost.is_passing());
        assert_eq!(objects.get_json::<u8>("lake", "a.json").await.unwrap(), Some((2, second.clone())));
        objects.delete_all("lake", &["a.json".to_owned()]).await.unwrap();
        assert!(matches!(put(3, Some(&second)).await, Err(LakeError::Raced { .. })), "there is none");
    }

    #[tokio::test]
    async fn a_document_that_does_not_parse_names_itself() {
        let objects = in_memory();
        objects.put_json_if("lake", "ledger/a.json", &"text", None).await.unwrap();
        let error = objects.get_json::<u64>("lake", "ledger/a.json").await.unwrap_err();
        insta::assert_snapshot!(crate::error::chain(&error), @r#"s3://lake/ledger/a.json is not what it should be: invalid type: string "text", expected u64 at line 1 column 6"#);
    }

    #[test]
    fn a_key_that_the_client_would_change_is_refused() {
        for key in ["a//b.csv", "/a.csv", "a/../b.csv", "a\u{1}.csv", "folder/"] {
            assert!(matches!(path("raw", key), Err(LakeError::UnsupportedKey { .. })), "{key:?}");
        }
        insta::assert_snapshot!(path("raw", "a//b.csv").unwrap_err(), @r#"s3://raw/a//b.csv cannot be addressed: a part of the key is empty, "." or "..", or holds a control character"#);
        insta::assert_snapshot!(path("raw", "/a.csv").unwrap_err(), @"s3://raw//a.csv cannot be addressed: the key begins or ends with /");
        assert_eq!(path("raw", "a b+ü%41.csv").unwrap().as_ref(), "a b+ü%41.csv");
    }
}
