//! An object that is written now and becomes visible later, or never.
//! It must not know what is written, or when it is to be seen.

use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::task::JoinSet;

use crate::error::from_store;
use crate::objects::{Objects, path};
use crate::{LakeError, layout};

/// Least size of every part but the last ("Amazon S3 multipart upload limits").
pub const PART_MIN_BYTES: usize = 5 * 1024 * 1024;
/// Parts of one object in flight at once; more make `write` wait.
const PARTS_IN_FLIGHT: usize = 2;

/// An object in the making. Nobody sees any of it before [`PendingObject::publish`].
///
/// Less than [`PART_MIN_BYTES`] is held back in memory: a small object is one plain put at the end, a big one is a
/// multipart upload whose parts leave as they fill. Dropping it leaves an unfinished multipart upload behind, which
/// the bucket's lifecycle rule clears away; [`PendingObject::abort`] does so at once.
#[derive(Debug)]
pub struct PendingObject {
    store: Arc<dyn ObjectStore>,
    path: Path,
    url: String,
    held: BytesMut,
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
    size_bytes: u64,
}

impl PendingObject {
    /// Begins an object; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// A key that cannot be addressed.
    pub fn new(objects: &Objects, bucket: &str, key: &str) -> Result<Self, LakeError> {
        Ok(Self {
            store: objects.store(bucket)?,
            path: path(bucket, key)?,
            url: layout::url_without_values(bucket, key),
            held: BytesMut::new(),
            upload: None,
            parts: JoinSet::new(),
            size_bytes: 0,
        })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.path.as_ref()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Bytes in memory: those that are held back, and the parts on their way.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.capacity() + self.parts.len() * PART_MIN_BYTES
    }

    /// Waits until no part is on its way.
    ///
    /// # Errors
    ///
    /// What S3 refused about one of them.
    pub async fn finish_parts(&mut self) -> Result<(), LakeError> {
        while !self.parts.is_empty() {
            self.join_part().await?;
        }
        Ok(())
    }

    /// Takes the next bytes; waits only while too many parts are on their way.
    ///
    /// # Errors
    ///
    /// What S3 refused about this part or an earlier one.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), LakeError> {
        self.size_bytes += bytes.len() as u64;
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PART_MIN_BYTES {
            let part = mem::take(&mut self.held).freeze();
            self.send_part(part).await?;
        }
        Ok(())
    }

    /// Completes the object, replacing what stood under its key: from now on it is visible, whole.
    ///
    /// # Errors
    ///
    /// What S3 refused; then nothing of the object is visible, and the parts that were sent are removed, as far as S3 lets us. Where a
    /// passing error leaves open whether the object was completed, they are left to the bucket's lifecycle rule.
    pub async fn publish(mut self) -> Result<(), LakeError> {
        let rest = mem::take(&mut self.held).freeze();
        if self.upload.is_none() {
            let put = self.store.put(&self.path, PutPayload::from(rest)).await;
            return put.map(|_| ()).map_err(|error| from_store("PutObject", &self.url, &error));
        }
        if let Err(error) = self.send_rest(rest).await {
            // The first error is the one to tell.
            let _ = self.abort().await;
            return Err(error);
        }
        let Some(mut upload) = self.upload.take() else {
            return Ok(());
        };
        let completed = upload.complete().await;
        let outcome = completed.map(|_| ()).map_err(|error| from_store("CompleteMultipartUpload", &self.url, &error));
        if outcome.as_ref().is_err_and(|error| !error.is_passing()) {
            let _ = upload.abort().await;
        }
        outcome
    }

    /// Gives the object up and removes the parts that were sent.
    ///
    /// # Errors
    ///
    /// What S3 refused; the parts stay until the bucket's lifecycle rule removes them.
    pub async fn abort(mut self) -> Result<(), LakeError> {
        self.parts.shutdown().await;
        let Some(mut upload) = self.upload.take() else {
            return Ok(());
        };
        match upload.abort().await {
            // An earlier request removed it, whose answer was lost.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_store("AbortMultipartUpload", &self.url, &error)),
        }
    }

    async fn send_rest(&mut self, rest: Bytes) -> Result<(), LakeError> {
        if !rest.is_empty() {
            self.send_part(rest).await?;
        }
        self.finish_parts().await
    }

    async fn send_part(&mut self, bytes: Bytes) -> Result<(), LakeError> {
        while self.parts.len() >= PARTS_IN_FLIGHT {
            self.join_part().await?;
        }
        let upload = if let Some(upload) = &mut self.upload {
            upload
        } else {
            let begun = self.store.put_multipart(&self.path).await;
            self.upload.insert(begun.map_err(|error| from_store("CreateMultipartUpload", &self.url, &error))?)
        };
        self.parts.spawn(upload.put_part(PutPayload::from(bytes)));
        Ok(())
    }

    async fn join_part(&mut self) -> Result<(), LakeError> {
        let Some(joined) = self.parts.join_next().await else {
            return Ok(());
        };
        let sent = joined.map_err(object_store::Error::from).and_then(|sent| sent);
        sent.map_err(|error| from_store("UploadPart", &self.url, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;
    use std::collections::BTreeMap;

    fn lake_bucket() -> Objects {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        Objects::of_stores(BTreeMap::from([("lake".to_owned(), store)]))
    }

    #[tokio::test]
    async fn nothing_is_visible_before_it_is_published() {
        let objects = lake_bucket();
        let mut small = PendingObject::new(&objects, "lake", "a.parquet").unwrap();
        let mut big = PendingObject::new(&objects, "lake", "b.parquet").unwrap();
        small.write(b"abc").await.unwrap();
        small.write(b"def").await.unwrap();
        let chunk = vec![7; 3 * 1024 * 1024 + 1];
        for _ in 0..5 {
            big.write(&chunk).await.unwrap();
        }
        assert!(objects.list("lake", "").await.unwrap().is_empty());
        small.publish().await.unwrap();
        big.publish().await.unwrap();
        assert_eq!(objects.get("lake", "a.parquet").await.unwrap().unwrap(), "abcdef");
        assert_eq!(objects.get("lake", "b.parquet").await.unwrap().unwrap(), vec![7; 5 * chunk.len()]);
    }

    #[tokio::test]
    async fn an_aborted_object_never_appears() {
        let objects = lake_bucket();
        let mut pending = PendingObject::new(&objects, "lake", "a.parquet").unwrap();
        pending.write(&vec![1; PART_MIN_BYTES + 1]).await.unwrap();
        pending.abort().await.unwrap();
        assert!(objects.list("lake", "").await.unwrap().is_empty());
    }
}
