//! An object that is written now and becomes visible later, or never; also by another process than the one that wrote it.
//! It must not know what is written, or when it is to be seen.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, MultipartId, ObjectStoreExt, PutMultipartOptions, PutPayload};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::error::from_store;
use crate::objects::{BucketStore, Objects, path};
use crate::{LakeError, layout};

/// Least size of every part but the last ("Amazon S3 multipart upload limits").
pub const PART_MIN_BYTES: usize = 5 * 1024 * 1024;
/// Parts of one object in flight at once; more make `write` wait.
const PARTS_IN_FLIGHT: usize = 2;
/// User-defined metadata of an object that was left to another process: which upload it came of.
const MARK: &str = "lakegate-upload";

/// An object in the making. Nobody sees any of it before [`PendingObject::publish`].
///
/// Less than [`PART_MIN_BYTES`] is held back in memory: a small object is one plain put at the end, a big one is a
/// multipart upload whose parts leave as they fill. Dropping it leaves an unfinished multipart upload behind, which
/// the bucket's lifecycle rule clears away; [`PendingObject::abort`] does so at once.
#[derive(Debug)]
pub struct PendingObject {
    store: Arc<dyn BucketStore>,
    path: Path,
    url: String,
    held: BytesMut,
    upload: Option<MultipartId>,
    /// Parts that were begun.
    begun: usize,
    sent: BTreeMap<usize, PartId>,
    parts: JoinSet<object_store::Result<(usize, PartId)>>,
    size_bytes: u64,
    /// Of an upload that another process may go on with.
    mark: Option<String>,
}

/// An object whose bytes are all sent, and which waits to be published or given up by whoever has this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftObject {
    /// The key in the lake bucket.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// S3's name of the upload.
    pub upload_id: String,
    /// What S3 called each part.
    pub parts: Vec<String>,
    /// Ours, of this upload and no other: the object's metadata have it.
    pub mark: String,
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
            begun: 0,
            sent: BTreeMap::new(),
            parts: JoinSet::new(),
            size_bytes: 0,
            mark: None,
        })
    }

    /// As [`PendingObject::new`], for an object that is to be left to another process. `mark` is a text that no other upload has.
    ///
    /// # Errors
    ///
    /// A key that cannot be addressed.
    pub fn to_be_left(objects: &Objects, bucket: &str, key: &str, mark: String) -> Result<Self, LakeError> {
        Ok(Self { mark: Some(mark), ..Self::new(objects, bucket, key)? })
    }

    /// Goes on with an object that was left.
    ///
    /// # Errors
    ///
    /// A key that cannot be addressed.
    pub fn of_left(objects: &Objects, bucket: &str, left: &LeftObject) -> Result<Self, LakeError> {
        let part = |(index, part): (usize, &String)| (index, PartId { content_id: part.clone() });
        Ok(Self {
            upload: Some(left.upload_id.clone()),
            begun: left.parts.len(),
            sent: left.parts.iter().enumerate().map(part).collect(),
            size_bytes: left.bytes,
            mark: Some(left.mark.clone()),
            ..Self::new(objects, bucket, &left.path)?
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
    /// One that was left may be published again, by whoever does not know whether it was.
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
        let Some(upload) = self.upload.take() else {
            return Ok(());
        };
        let parts = mem::take(&mut self.sent).into_values().collect();
        let completed = self.store.complete_multipart(&self.path, &upload, parts).await;
        if matches!(completed, Err(object_store::Error::NotFound { .. })) && self.is_published().await? {
            return Ok(());
        }
        let outcome = completed.map(|_| ()).map_err(|error| from_store("CompleteMultipartUpload", &self.url, &error));
        if outcome.as_ref().is_err_and(|error| !error.is_passing()) {
            let _ = self.store.abort_multipart(&self.path, &upload).await;
        }
        outcome
    }

    /// Sends the rest, and leaves the object to another process.
    ///
    /// # Errors
    ///
    /// What S3 refused; the parts that were sent are removed, as far as S3 lets us.
    pub async fn leave(mut self) -> Result<LeftObject, LakeError> {
        let rest = mem::take(&mut self.held).freeze();
        let sent = match self.upload {
            Some(_) => self.send_rest(rest).await,
            // Of one part alone any size will do.
            None => self.send_part(rest).await,
        };
        let finished = self.finish_parts().await;
        if let Err(error) = sent.and(finished) {
            let _ = self.abort().await;
            return Err(error);
        }
        let parts = mem::take(&mut self.sent).into_values().map(|part| part.content_id).collect();
        let (upload_id, mark) = (self.upload.take().unwrap_or_default(), self.mark.take().unwrap_or_default());
        Ok(LeftObject { path: self.path.to_string(), bytes: self.size_bytes, upload_id, parts, mark })
    }

    /// Gives the object up and removes the parts that were sent.
    ///
    /// # Errors
    ///
    /// What S3 refused; the parts stay until the bucket's lifecycle rule removes them.
    pub async fn abort(mut self) -> Result<(), LakeError> {
        self.parts.shutdown().await;
        let Some(upload) = self.upload.take() else {
            return Ok(());
        };
        match self.store.abort_multipart(&self.path, &upload).await {
            // An earlier request removed it, whose answer was lost.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_store("AbortMultipartUpload", &self.url, &error)),
        }
    }

    /// Whether what stands under the key came of this upload, which is not there any more.
    async fn is_published(&self) -> Result<bool, LakeError> {
        let Some(mark) = self.mark.as_deref() else {
            return Ok(false);
        };
        match self.store.get_opts(&self.path, GetOptions::new().with_head(true)).await {
            Ok(found) => Ok(found.attributes.get(&mark_attribute()).is_some_and(|found| found.as_ref() == mark)),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(from_store("HeadObject", &self.url, &error)),
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
        let upload = if let Some(upload) = &self.upload {
            upload.clone()
        } else {
            let mut attributes = Attributes::new();
            if let Some(mark) = &self.mark {
                attributes.insert(mark_attribute(), mark.clone().into());
            }
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            let begun = self.store.create_multipart_opts(&self.path, options).await;
            let begun = begun.map_err(|error| from_store("CreateMultipartUpload", &self.url, &error))?;
            self.upload.insert(begun).clone()
        };
        let (store, path, index) = (Arc::clone(&self.store), self.path.clone(), self.begun);
        self.begun += 1;
        self.parts.spawn(async move {
            let part = store.put_part(&path, &upload, index, PutPayload::from(bytes)).await?;
            Ok((index, part))
        });
        Ok(())
    }

    async fn join_part(&mut self) -> Result<(), LakeError> {
        let Some(joined) = self.parts.join_next().await else {
            return Ok(());
        };
        let sent = joined.map_err(object_store::Error::from).and_then(|sent| sent);
        let (index, part) = sent.map_err(|error| from_store("UploadPart", &self.url, &error))?;
        self.sent.insert(index, part);
        Ok(())
    }
}

fn mark_attribute() -> Attribute {
    Attribute::Metadata(MARK.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    fn lake_bucket() -> Objects {
        let store: Arc<dyn BucketStore> = Arc::new(InMemory::new());
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

    async fn left(objects: &Objects, mark: &str, bytes: &[u8]) -> LeftObject {
        let mut pending = PendingObject::to_be_left(objects, "lake", "a.parquet", mark.to_owned()).unwrap();
        pending.write(bytes).await.unwrap();
        let left = pending.leave().await.unwrap();
        serde_json::from_str(&serde_json::to_string(&left).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_object_that_was_left_is_published_by_whoever_knows_of_it() {
        let objects = lake_bucket();
        for bytes in [vec![1; 3], vec![2; 2 * PART_MIN_BYTES + 7]] {
            let left = left(&objects, "m", &bytes).await;
            assert_eq!(left.bytes, bytes.len() as u64);
            PendingObject::of_left(&objects, "lake", &left).unwrap().publish().await.unwrap();
            assert_eq!(objects.get("lake", "a.parquet").await.unwrap().unwrap(), bytes);
        }
        let given_up = left(&objects, "m", b"no").await;
        PendingObject::of_left(&objects, "lake", &given_up).unwrap().abort().await.unwrap();
        assert!(PendingObject::of_left(&objects, "lake", &given_up).unwrap().publish().await.is_err());
    }
}
