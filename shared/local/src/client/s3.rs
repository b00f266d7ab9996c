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

    /// Deletes an object.
    ///
    /// # Errors
    /// The call fails.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<()> {
        let request = self.request(Method::DELETE, &object_path(bucket, key));
        send(request, &format!("delete s3://{bucket}/{key}")).await?;
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
