//! Objects in S3: one store per bucket, small objects, listing and deleting.
//! It must not know what the objects mean; reading and writing big ones is in `read` and `upload`.

mod conditional;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::error::from_store;
use crate::listing::{ListedObject, Lister};
use crate::{LakeError, layout};

pub use conditional::EntityTag;

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

impl From<ListedObject> for Listed {
    fn from(object: ListedObject) -> Self {
        let ListedObject { key, etag, size_bytes, last_modified } = object;
        Self { key, etag, size_bytes, last_modified }
    }
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
            objects.extend(page.objects.into_iter().map(Listed::from));
            next = page.next;
            if next.is_none() {
                return Ok(objects);
            }
        }
    }

    /// The object that stands under a key, whichever key it is; `None` when there is none. It needs the permission to list the bucket only.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn find(&self, bucket: &str, key: &str) -> Result<Option<Listed>, LakeError> {
        if let Some(lister) = self.lister(bucket)? {
            return Ok(lister.find(key).await?.map(Listed::from));
        }
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(self.list_given(bucket, folder).await?.into_iter().find(|listed| listed.key == key))
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

    pub(super) fn in_memory() -> Objects {
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
