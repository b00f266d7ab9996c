//! Small objects and JSON documents that are written over what was read and over nothing else.
//! It must not know what the objects mean.

use bytes::Bytes;
use object_store::{Attribute, Attributes, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Objects, path};
use crate::error::from_store;
use crate::{LakeError, layout};

/// Of one state of an object: any other content has another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(String);

impl Objects {
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
}

/// Every S3 gives entity tags; without one a later write could not be made conditional.
fn entity_tag(operation: &'static str, url: &str, etag: Option<String>) -> Result<EntityTag, LakeError> {
    let missing =
        || LakeError::Refused { operation, resource: url.to_owned(), source: "the answer has no entity tag".into() };
    etag.map(EntityTag).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_memory;
    use super::*;

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
}
