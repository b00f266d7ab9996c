//! Bodies posted to an address, and the answers, whatever they say.
//! It must not know what is posted.

use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpRequestBody, ReqwestConnector};

use crate::error::{chain, from_store, one_line};
use crate::{Cause, LakeError};

const OPERATION: &str = "POST";

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Of HTTP.
    pub(crate) status: u16,
    /// As far as it is text.
    pub(crate) body: String,
}

/// A way to any address, without a signature.
#[derive(Debug)]
pub(crate) struct Address {
    url: String,
    http: HttpClient,
}

impl Address {
    /// The way to an address. No request takes longer than `timeout`.
    pub(crate) fn new(url: String, timeout: Duration) -> Result<Self, LakeError> {
        let options = ClientOptions::new().with_timeout(timeout).with_connect_timeout(timeout);
        let options = options.with_allow_http(url.starts_with("http://"));
        let http =
            ReqwestConnector::default().connect(&options).map_err(|error| from_store("connect", &url, &error))?;
        Ok(Self { url, http })
    }

    /// Posts a body once.
    pub(crate) async fn post(&self, headers: &[(&'static str, &str)], body: String) -> Result<Answer, LakeError> {
        let resource = || self.url.clone();
        let request = request(&self.url, headers, body).map_err(|source| LakeError::Refused {
            operation: OPERATION,
            resource: resource(),
            source,
        })?;
        answer(&self.http, request).await.map_err(|error| LakeError::Passing {
            operation: OPERATION,
            resource: resource(),
            source: one_line(&chain(&error)).into(),
        })
    }
}

pub(crate) fn request(url: &str, headers: &[(&'static str, &str)], body: String) -> Result<HttpRequest, Cause> {
    let mut request = HttpRequest::new(HttpRequestBody::from(body));
    *request.method_mut() = OPERATION.parse()?;
    *request.uri_mut() = url.parse()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse()?);
    }
    Ok(request)
}

pub(crate) async fn answer(http: &HttpClient, request: HttpRequest) -> Result<Answer, HttpError> {
    let response = http.execute(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().bytes().await?;
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}
