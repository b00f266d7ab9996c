//! Objects: put, get, list, delete. Buckets are addressed by path.

use anyhow::Result;
use reqwest::Method;

use super::{Client, escaped, send, xml};

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key, decoded.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
}

/// One version of an object, of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Its key, decoded.
    pub key: String,
    /// The version.
    pub version_id: String,
    /// Whether it is the one that stands.
    pub is_latest: bool,
}

impl Client {
    /// Makes a bucket.
    ///
    /// # Errors
    /// The call fails.
    pub async fn create_bucket(&self, bucket: &str) -> Result<()> {
        send(self.request(Method::PUT, &format!("/{bucket}")), &format!("create bucket {bucket}")).await?;
        Ok(())
    }

    /// Puts an object; the version that it became, in a bucket with versions.
    ///
    /// # Errors
    /// The call fails.
    pub async fn put_object(&self, bucket: &str, key: &str, bytes: impl Into<reqwest::Body>) -> Result<Option<String>> {
        let request = self.request(Method::PUT, &object_path(bucket, key)).body(bytes);
        let response = send(request, &format!("put s3://{bucket}/{key}")).await?;
        let version = response.headers.get("x-amz-version-id").and_then(|value| value.to_str().ok());
        Ok(version.map(str::to_owned))
    }

    /// An object's bytes.
    ///
    /// # Errors
    /// It is not there, or the call fails.
    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Vec<u8>> {
        let request = self.request(Method::GET, &object_path(bucket, key));
        Ok(send(request, &format!("get s3://{bucket}/{key}")).await?.bytes)
    }

    /// A header that an object is served with; empty where it has none.
    ///
    /// # Errors
    /// It is not there, or the call fails.
    pub async fn object_header(&self, bucket: &str, key: &str, name: &str) -> Result<String> {
        let request = self.request(Method::GET, &object_path(bucket, key));
        let response = send(request, &format!("get s3://{bucket}/{key}")).await?;
        Ok(response.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned())
    }

    /// An object's bytes and entity tag.
    ///
    /// # Errors
    /// It is not there, or the call fails.
    pub async fn get_object_and_tag(&self, bucket: &str, key: &str) -> Result<(Vec<u8>, String)> {
        let answer =
            send(self.request(Method::GET, &object_path(bucket, key)), &format!("get s3://{bucket}/{key}")).await?;
        let tag = answer.headers.get("etag").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok((answer.bytes, tag))
    }

    /// Puts an object over the one that has this entity tag, and over no other.
    ///
    /// # Errors
    /// Another one stands there, or the call fails.
    pub async fn put_object_over(&self, bucket: &str, key: &str, tag: &str, bytes: Vec<u8>) -> Result<()> {
        let request = self.request(Method::PUT, &object_path(bucket, key)).header("if-match", tag).body(bytes);
        send(request, &format!("put s3://{bucket}/{key}")).await?;
        Ok(())
    }

    /// A version of an object.
    ///
    /// # Errors
    /// It is not there, or the call fails.
    pub async fn get_version(&self, bucket: &str, version: &ObjectVersion) -> Result<Vec<u8>> {
        let path = format!("{}?versionId={}", object_path(bucket, &version.key), escaped(&version.version_id));
        Ok(send(self.request(Method::GET, &path), &format!("get s3://{bucket}/{}", version.key)).await?.bytes)
    }

    /// Deletes an object: in a bucket with versions, behind a delete marker.
    ///
    /// # Errors
    /// The call fails.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<()> {
        send(self.request(Method::DELETE, &object_path(bucket, key)), &format!("delete s3://{bucket}/{key}")).await?;
        Ok(())
    }

    /// All versions of the objects whose keys start with `prefix`, by key, without delete markers.
    ///
    /// # Errors
    /// The call fails.
    pub async fn list_versions(&self, bucket: &str, prefix: &str) -> Result<Vec<ObjectVersion>> {
        let mut found = Vec::new();
        let mut markers = String::new();
        loop {
            let path = format!("/{bucket}?versions&prefix={}{markers}", escaped(prefix));
            let listed =
                send(self.request(Method::GET, &path), &format!("list versions of s3://{bucket}/{prefix}")).await?;
            let answer = String::from_utf8_lossy(&listed.bytes);
            for version in xml::elements(&answer, "Version") {
                let text = |name: &str| xml::text(version, name).unwrap_or_default();
                found.push(ObjectVersion {
                    key: text("Key"),
                    version_id: text("VersionId"),
                    is_latest: text("IsLatest") == "true",
                });
            }
            let Some(key) = xml::text(&answer, "NextKeyMarker") else {
                return Ok(found);
            };
            markers = format!("&key-marker={}", escaped(&key));
            if let Some(version) = xml::text(&answer, "NextVersionIdMarker") {
                markers.extend(["&version-id-marker=", &escaped(&version)]);
            }
        }
    }

    /// The keys of the multipart uploads that were begun and neither completed nor aborted.
    ///
    /// # Errors
    /// The call fails.
    pub async fn list_unfinished_uploads(&self, bucket: &str) -> Result<Vec<String>> {
        let path = format!("/{bucket}?uploads");
        let listed = send(self.request(Method::GET, &path), &format!("list uploads of s3://{bucket}")).await?;
        let answer = String::from_utf8_lossy(&listed.bytes);
        Ok(xml::elements(&answer, "Upload").into_iter().filter_map(|upload| xml::text(upload, "Key")).collect())
    }

    /// From now on the bucket announces created and removed objects to another queue, and only to that one.
    ///
    /// # Errors
    /// The call fails.
    pub async fn announce_to(&self, bucket: &str, queue_arn: &str) -> Result<()> {
        let body = format!(
            "<NotificationConfiguration><QueueConfiguration><Id>all</Id><Queue>{queue_arn}</Queue>\
             <Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event></QueueConfiguration></NotificationConfiguration>"
        );
        let request = self.request(Method::PUT, &format!("/{bucket}?notification")).body(body);
        send(request, &format!("notifications of s3://{bucket}")).await?;
        Ok(())
    }

    /// From now on the bucket sends its events to EventBridge, and nowhere else.
    ///
    /// # Errors
    /// The call fails.
    pub async fn send_events(&self, bucket: &str) -> Result<()> {
        let body = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";
        let request = self.request(Method::PUT, &format!("/{bucket}?notification")).body(body);
        send(request, &format!("events of s3://{bucket}")).await?;
        Ok(())
    }

    /// The objects whose keys start with `prefix`, by key.
    ///
    /// # Errors
    /// The call fails.
    pub async fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut path = format!("/{bucket}?list-type=2&prefix={}", escaped(prefix));
            if let Some(token) = &token {
                path.extend(["&continuation-token=", &escaped(token)]);
            }
            let request = self.request(Method::GET, &path);
            let listed = send(request, &format!("list s3://{bucket}/{prefix}")).await?;
            let answer = String::from_utf8_lossy(&listed.bytes);
            for entry in xml::elements(&answer, "Contents") {
                let key = xml::text(entry, "Key").unwrap_or_default();
                let size_bytes = xml::text(entry, "Size").and_then(|size| size.parse().ok()).unwrap_or_default();
                found.push(Object { key, size_bytes });
            }
            token = xml::text(&answer, "NextContinuationToken");
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

fn object_path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", escaped(key).replace("%2F", "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_byte_by_byte() {
        assert_eq!(object_path("raw", "orders/Käufe 1+1.csv"), "/raw/orders/K%C3%A4ufe%201%2B1.csv");
    }
}
