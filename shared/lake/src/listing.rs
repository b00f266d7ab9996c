//! Every object of a bucket, page by page, under whatever key, with the time of its upload.
//! It must not know what the objects mean.
//!
//! The object store's own listing fails as a whole at the first key that it cannot address (`a//b.csv`) and renames folder markers;
//! a bucket that people drop files into holds such keys. So the requests are made here, with the store's signatures and transport.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, Utc};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, AwsCredential};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::{ClientConfigKey, CredentialProvider};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;

use crate::clients;
use crate::error::{PASSING_CODES, chain, from_store};
use crate::{LakeError, layout, one_line};

const OPERATION: &str = "ListObjectsV2";
/// Attempts of one request, the first included.
const ATTEMPTS: u32 = 5;
/// Once this has passed no request is made again: each may wait long for its answer.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Lists one bucket.
#[derive(Debug)]
pub struct Lister {
    bucket: String,
    region: String,
    /// Without a query.
    address: String,
    credentials: Arc<dyn CredentialProvider<Credential = AwsCredential>>,
    http: HttpClient,
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

/// An error as S3 writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Lister {
    /// A lister of one bucket, with the region, the endpoint, the credentials and the timeout of the builder.
    ///
    /// # Errors
    ///
    /// The builder lacks what a store needs.
    pub fn new(builder: &AmazonS3Builder, bucket: &str) -> Result<Self, LakeError> {
        let url = layout::url(bucket, "");
        let failed = |error: object_store::Error| from_store("connect", &url, &error);
        let region = builder.get_config_value(&AmazonS3ConfigKey::Region).unwrap_or_default();
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        let address = match &endpoint {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/"),
        };
        let store = builder.clone().with_bucket_name(bucket).build().map_err(failed)?;
        let mut options = clients::s3_options(endpoint.as_deref());
        if let Some(timeout) = builder.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::Timeout)) {
            options = options.with_config(ClientConfigKey::Timeout, timeout);
        }
        let http = ReqwestConnector::default().connect(&options).map_err(failed)?;
        Ok(Self { bucket: bucket.to_owned(), region, address, credentials: Arc::clone(store.credentials()), http })
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
        self.persist(&query).await
    }

    /// True when an object stands under this very key, whatever it is: of all keys that begin with it, it comes first (S3 lists in the
    /// order of UTF-8). It needs no permission to read the object.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn stands(&self, key: &str) -> Result<bool, LakeError> {
        let query = format!("encoding-type=url&list-type=2&max-keys=1&prefix={}", escaped(key));
        Ok(self.persist(&query).await?.objects.iter().any(|object| object.key == key))
    }

    async fn persist(&self, query: &str) -> Result<Page, LakeError> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            match self.ask(query).await {
                Err(error) if error.is_passing() && attempt < ATTEMPTS && started.elapsed() < RETRY_TIMEOUT => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn ask(&self, query: &str) -> Result<Page, LakeError> {
        let resource = layout::url(&self.bucket, "");
        let passing = |error: &(dyn std::error::Error + 'static)| LakeError::Passing {
            operation: OPERATION,
            resource: layout::url(&self.bucket, ""),
            source: chain(error).into(),
        };
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = format!("{}?{query}", self.address).parse().map_err(|error| LakeError::Refused {
            operation: OPERATION,
            resource: resource.clone(),
            source: Box::new(error) as crate::Cause,
        })?;
        let failed = |error: object_store::Error| from_store(OPERATION, &resource, &error);
        let credential = self.credentials.get_credential().await.map_err(failed)?;
        AwsAuthorizer::new(&credential, "s3", &self.region).try_authorize(&mut request, None).map_err(failed)?;
        let response = self.http.execute(request).await.map_err(|error| passing(&error))?;
        let status = response.status().as_u16();
        let body = response.into_body().bytes().await.map_err(|error| passing(&error))?;
        let text = String::from_utf8_lossy(&body);
        if status == 200 {
            parsed(&text).map_err(|error| passing(&error))
        } else {
            Err(refused(resource, status, &text))
        }
    }
}

fn parsed(text: &str) -> Result<Page, quick_xml::DeError> {
    let answer: Answer = quick_xml::de::from_str(text)?;
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
    Ok(Page { objects: answer.contents.into_iter().map(object).collect(), next })
}

fn refused(resource: String, status: u16, text: &str) -> LakeError {
    let Refusal { code, message } = quick_xml::de::from_str(text).unwrap_or_default();
    let operation = OPERATION;
    let source =
        one_line(&format!("{}: {message}", if code.is_empty() { status.to_string() } else { code.clone() })).into();
    if PASSING_CODES.contains(&code.as_str()) || status == 429 || status >= 500 {
        return LakeError::Passing { operation, resource, source };
    }
    if status == 403 || status == 401 {
        return LakeError::AccessDenied { operation, resource, source };
    }
    LakeError::Refused { operation, resource, source }
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

    #[test]
    fn what_s3_refuses_is_sorted_into_passing_and_lasting() {
        let refusal = |status, code: &str| {
            let text = format!(
                "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message><Resource>/</Resource></Error>"
            );
            refused("s3://raw/".to_owned(), status, &text)
        };
        assert!(refusal(503, "SlowDown").is_passing());
        insta::assert_snapshot!(chain(&refusal(403, "AccessDenied")), @"ListObjectsV2 on s3://raw/ is not allowed: AccessDenied: no");
        insta::assert_snapshot!(chain(&refusal(404, "NoSuchBucket")), @"ListObjectsV2 on s3://raw/ was refused: NoSuchBucket: no");
        assert!(refused("s3://raw/".to_owned(), 502, "<html>").is_passing());
    }
}
