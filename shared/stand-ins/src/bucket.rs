//! A bucket in memory, and one whose calls may go wrong.
//! They must not know what is kept in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::faults::Faults;

/// A bucket in memory, which may keep the versions of its objects, and remembers every key that it saw.
#[derive(Debug, Default)]
pub struct Bucket {
    current: Arc<InMemory>,
    /// Each version's bytes and entity tag, by key and version.
    versions: Option<Versions>,
    /// Keys of all objects that were ever written or deleted.
    pub touched: Arc<Mutex<BTreeSet<String>>>,
    /// Part of the keys that nobody may write.
    pub denied: Mutex<Option<&'static str>>,
    /// Its versioning is suspended: every version is called `null`.
    is_suspended: bool,
}

type Versions = Mutex<BTreeMap<(Path, String), (Bytes, Option<String>)>>;

impl Bucket {
    /// One that keeps every version.
    pub fn with_versions() -> Self {
        Self { versions: Some(Mutex::default()), ..Self::default() }
    }

    /// One that keeps no versions any more.
    pub fn suspended() -> Self {
        Self { is_suspended: true, ..Self::default() }
    }

    fn touch(&self, location: &Path) {
        self.touched.lock().unwrap().insert(location.to_string());
    }

    /// A version's id is made of its entity tag.
    fn version_of(&self, etag: Option<&String>) -> Option<String> {
        if self.is_suspended {
            return Some("null".to_owned());
        }
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
        if self.denied.lock().unwrap().is_some_and(|denied| location.as_ref().contains(denied)) {
            return Err(object_store::Error::PermissionDenied {
                path: location.to_string(),
                source: "AccessDenied".into(),
            });
        }
        self.touch(location);
        let bytes = payload.iter().cloned().collect::<Vec<_>>().concat();
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
        let touched = Arc::clone(&self.touched);
        let touch = move |location: &Result<Path>| {
            touched.lock().unwrap().extend(location.as_ref().ok().map(ToString::to_string));
        };
        self.current.delete_stream(locations.inspect(touch).boxed())
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

#[async_trait::async_trait]
impl MultipartStore for Bucket {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.create_multipart_opts(path, PutMultipartOptions::default()).await
    }

    async fn create_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<MultipartId> {
        self.touch(path);
        self.current.create_multipart_opts(path, options).await
    }

    async fn put_part(&self, path: &Path, id: &MultipartId, index: usize, data: PutPayload) -> Result<PartId> {
        self.current.put_part(path, id, index, data).await
    }

    async fn complete_multipart(&self, path: &Path, id: &MultipartId, parts: Vec<PartId>) -> Result<PutResult> {
        self.current.complete_multipart(path, id, parts).await.map_err(|error| no_such_upload(path, &error))
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.current.abort_multipart(path, id).await.map_err(|error| no_such_upload(path, &error))
    }
}

/// As S3 says it.
fn no_such_upload(path: &Path, error: &object_store::Error) -> object_store::Error {
    object_store::Error::NotFound { path: path.to_string(), source: error.to_string().into() }
}

/// A bucket, the calls to which may go wrong.
#[derive(Debug)]
pub struct Store {
    /// The bucket.
    pub inner: Arc<Bucket>,
    /// What goes wrong.
    pub faults: Arc<Faults>,
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
        // Nobody asks for it: whoever uploads in parts does so by `MultipartStore`.
        self.inner.put_multipart_opts(location, options).await
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

#[async_trait::async_trait]
impl MultipartStore for Store {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.create_multipart_opts(path, PutMultipartOptions::default()).await
    }

    async fn create_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<MultipartId> {
        self.faults.around(self.inner.create_multipart_opts(path, options)).await
    }

    async fn put_part(&self, path: &Path, id: &MultipartId, index: usize, data: PutPayload) -> Result<PartId> {
        self.faults.around(self.inner.put_part(path, id, index, data)).await
    }

    async fn complete_multipart(&self, path: &Path, id: &MultipartId, parts: Vec<PartId>) -> Result<PutResult> {
        self.faults.around(self.inner.complete_multipart(path, id, parts)).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.faults.around(self.inner.abort_multipart(path, id)).await
    }
}
