//! Every object of a bucket, page by page, under whatever key, with the time of its upload.
//! It must not know what the objects mean.
//!
//! The object store's own listing fails as a whole at the first key that it cannot address (`a//b.csv`) and renames folder markers;
//! a bucket that people drop files into holds such keys. So the requests are made here (`signed`).

use chrono::{DateTime, SubsecRound, Utc};
use object_store::aws::AmazonS3Builder;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;

use crate::error::from_store;
use crate::signed::Signed;
use crate::{LakeError, layout};

const OPERATION: &str = "ListObjectsV2";

/// Lists one bucket.
#[derive(Debug)]
pub struct Lister {
    bucket: String,
    signed: Signed,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The key, as it is.
    pub key: String,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// The size.
    pub size_bytes: u64,
    /// When it was uploaded, in whole seconds; of an upload in parts, when it was begun (S3 User Guide, "Object metadata").
    pub last_modified: DateTime<Utc>,
}

/// At most 1,000 objects, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<ListedObject>,
    /// What the next page is asked for with; `None` after the last one.
    pub next: Option<String>,
}

/// The answer as S3 writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    contents: Vec<Contents>,
    encoding_type: Option<String>,
    next_continuation_token: Option<String>,
    #[serde(default)]
    is_truncated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    #[serde(rename = "ETag")]
    etag: Option<String>,
    size: u64,
    last_modified: DateTime<Utc>,
}

impl Lister {
    /// A lister of one bucket, with the region, the endpoint, the credentials and the timeout of the builder.
    ///
    /// # Errors
    ///
    /// The builder lacks what a store needs.
    pub fn new(builder: &AmazonS3Builder, bucket: &str) -> Result<Self, LakeError> {
        let address = |region: &str| format!("https://{bucket}.s3.{region}.amazonaws.com/");
        let signed = Signed::new(builder, "s3", bucket, address)
            .map_err(|error| from_store("connect", &layout::url(bucket, ""), &error))?;
        Ok(Self { bucket: bucket.to_owned(), signed })
    }

    /// A page of the objects whose keys begin with the prefix; the first one, or the one after a page whose `next` this is.
    ///
    /// Throttled and broken requests are made again for some seconds.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn page(&self, prefix: &str, after: Option<&str>) -> Result<Page, LakeError> {
        let mut query = format!("encoding-type=url&list-type=2&prefix={}", escaped(prefix));
        if let Some(token) = after {
            query = format!("continuation-token={}&{query}", escaped(token));
        }
        self.answer(&query).await
    }

    /// True when an object stands under this very key, whatever it is: of all keys that begin with it, it comes first (S3 lists in the
    /// order of UTF-8). It needs no permission to read the object.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn stands(&self, key: &str) -> Result<bool, LakeError> {
        Ok(self.find(key).await?.is_some())
    }

    /// The object that stands under this very key; see [`Lister::stands`].
    pub(crate) async fn find(&self, key: &str) -> Result<Option<ListedObject>, LakeError> {
        let query = format!("encoding-type=url&list-type=2&max-keys=1&prefix={}", escaped(key));
        Ok(self.answer(&query).await?.objects.into_iter().find(|object| object.key == key))
    }

    async fn answer(&self, query: &str) -> Result<Page, LakeError> {
        let answer: Answer =
            self.signed.get(query).await.map_err(|error| error.on(OPERATION, layout::url(&self.bucket, "")))?;
        Ok(page_of(answer))
    }
}

fn page_of(answer: Answer) -> Page {
    // Asked to, S3 escapes keys like a form does: XML has no way to write some of them.
    let is_escaped = answer.encoding_type.as_deref() == Some("url");
    let object = |contents: Contents| ListedObject {
        key: if is_escaped { unescaped(&contents.key) } else { contents.key },
        etag: contents.etag.map(|etag| etag.trim_matches('"').to_owned()),
        size_bytes: contents.size,
        // Others than AWS tell milliseconds here and nowhere else.
        last_modified: contents.last_modified.trunc_subsecs(0),
    };
    let next = answer.next_continuation_token.filter(|token| answer.is_truncated && !token.is_empty());
    Page { objects: answer.contents.into_iter().map(object).collect(), next }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A key that is no UTF-8 cannot be announced in JSON either; it is listed as far as it can be read.
fn unescaped(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Page, quick_xml::DeError> {
        quick_xml::de::from_str(text).map(page_of)
    }

    #[test]
    fn a_page_is_read_with_its_awkward_keys() {
        let page = parsed(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>raw</Name><Prefix></Prefix><KeyCount>2</KeyCount>
<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcxLPRx+/=</NextContinuationToken>
<Contents><Key>a//b+c%2Bd%01.csv</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;abc-2&quot;</ETag><Size>7</Size>
<Owner><ID>1</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>folder/</Key><LastModified>2026-01-02T03:04:06.789Z</LastModified><Size>0</Size></Contents></ListBucketResult>"#,
        )
        .unwrap();
        assert_eq!(page.next.as_deref(), Some("1ueGcxLPRx+/="));
        let [first, second] = <[_; 2]>::try_from(page.objects).unwrap();
        assert_eq!(
            (first.key.as_str(), first.etag.as_deref(), first.size_bytes),
            ("a//b c+d\u{1}.csv", Some("abc-2"), 7)
        );
        assert_eq!(first.last_modified.to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert_eq!((second.key.as_str(), second.etag), ("folder/", None));
        assert_eq!(second.last_modified.to_rfc3339(), "2026-01-02T03:04:06+00:00", "whole seconds");
    }

    #[test]
    fn an_empty_bucket_is_one_empty_page() {
        let page = parsed("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>").unwrap();
        assert_eq!(page, Page::default());
    }
}
