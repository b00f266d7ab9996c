//! One API over HTTP: a page per request, no faster than is allowed, again while the trouble passes, and never more than is allowed.
//! It must not know what an answer says. The secret goes into requests and nowhere else.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lakegate_contract::{ApiSource, SecretPlace};
use lakegate_lake::chain;
use lakegate_lake::secrets::Secret;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::time::Instant;

use crate::error::FetchError;
use crate::pages::is_same_origin;

const USER_AGENT: &str = concat!("lakegate/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Redirects of one request.
const REDIRECTS_MAX: usize = 5;
/// The longest pause that the API did not ask for.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// An API during one run.
pub(crate) struct Api<'a> {
    source: &'a ApiSource,
    client: Client,
    secret: Option<Secret>,
    first_pause: Duration,
    clock: fn() -> SystemTime,
    ends: Instant,
    not_before: Instant,
    left_bytes: u64,
    /// Requests that were made.
    pub(crate) requests: u64,
}

/// A page as it came.
pub(crate) struct Page {
    pub(crate) body: Vec<u8>,
    /// Values of the headers `Link`.
    pub(crate) links: Vec<String>,
}

/// An attempt that failed.
struct Failed {
    error: FetchError,
    is_passing: bool,
    /// How long the API asks to wait.
    wait: Option<Duration>,
}

impl From<FetchError> for Failed {
    fn from(error: FetchError) -> Self {
        Self { error, is_passing: false, wait: None }
    }
}

impl<'a> Api<'a> {
    pub(crate) fn new(
        source: &'a ApiSource,
        secret: Option<Secret>,
        first_pause: Duration,
        clock: fn() -> SystemTime,
        ends: Instant,
    ) -> Result<Self, FetchError> {
        let unusable = |said: String| FetchError::Unusable { address: source.url.clone(), said };
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        for (name, value) in &source.headers {
            headers.insert(header_name(name).map_err(unusable)?, header_value(value).map_err(unusable)?);
        }
        if let (Some(secret), Some(SecretPlace::Header(name))) =
            (&secret, source.secret.as_ref().map(|use_| &use_.place))
        {
            let mut value = header_value(secret.expose()).map_err(unusable)?;
            value.set_sensitive(true);
            headers.insert(header_name(name).map_err(unusable)?, value);
        }
        let own = Policy::custom(|attempt| {
            let is_own = attempt.previous().first().is_some_and(|first| is_same_origin(first, attempt.url()));
            if is_own && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
        });
        let client = Client::builder().user_agent(USER_AGENT).default_headers(headers).redirect(own);
        let client = client.connect_timeout(CONNECT_TIMEOUT).https_only(source.url.starts_with("https://"));
        let client = client.build().map_err(|error| unusable(chain(&error)))?;
        let (not_before, left_bytes) = (Instant::now(), source.limits.max_bytes);
        Ok(Self { source, client, secret, first_pause, clock, ends, not_before, left_bytes, requests: 0 })
    }

    /// Asks for a page, again and again while the trouble passes.
    pub(crate) async fn page(&mut self, url: &Url) -> Result<Page, FetchError> {
        let mut pause = self.first_pause;
        let mut attempt = 0;
        loop {
            let failed = match self.ask(url).await {
                Ok(page) => {
                    self.left_bytes =
                        self.left_bytes.saturating_sub(u64::try_from(page.body.len()).unwrap_or(u64::MAX));
                    return Ok(page);
                }
                Err(failed) => failed,
            };
            if !failed.is_passing || attempt >= self.source.limits.retries {
                return Err(failed.error);
            }
            let wait = failed.wait.unwrap_or_default().max(pause.min(PAUSE_MAX));
            if wait >= self.ends.saturating_duration_since(Instant::now()) {
                return Err(match failed {
                    Failed { error: FetchError::Status { address, status }, wait: Some(wait), .. } => {
                        FetchError::AskedToWait { address, status, wait_secs: wait.as_secs() }
                    }
                    other => other.error,
                });
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
            attempt += 1;
        }
    }

    /// Makes one request, when it is its turn.
    async fn ask(&mut self, url: &Url) -> Result<Page, Failed> {
        let out_of_time = || FetchError::OutOfTime { address: self.address(), secs: self.source.limits.max_secs };
        if self.not_before >= self.ends {
            return Err(out_of_time().into());
        }
        tokio::time::sleep_until(self.not_before).await;
        let now = Instant::now();
        let left = self.ends.saturating_duration_since(now);
        let timeout = Duration::from_secs(self.source.limits.timeout_secs);
        if left.is_zero() {
            return Err(out_of_time().into());
        }
        self.not_before =
            now + Duration::from_mins(1) / u32::try_from(self.source.limits.requests_per_minute).unwrap_or(1);
        self.requests += 1;
        match tokio::time::timeout(timeout.min(left), self.read(self.request(url))).await {
            Ok(read) => read,
            Err(_elapsed) if left <= timeout => {
                Err(FetchError::OutOfTime { address: self.address(), secs: self.source.limits.max_secs }.into())
            }
            Err(_elapsed) => {
                let error = FetchError::Slow { address: self.address(), secs: timeout.as_secs() };
                Err(Failed { error, is_passing: true, wait: None })
            }
        }
    }

    fn request(&self, url: &Url) -> RequestBuilder {
        let mut url = url.clone();
        if let (Some(secret), Some(SecretPlace::Parameter(name))) =
            (&self.secret, self.source.secret.as_ref().map(|use_| &use_.place))
        {
            url.query_pairs_mut().append_pair(name, secret.expose());
        }
        self.client.get(url)
    }

    async fn read(&self, request: RequestBuilder) -> Result<Page, Failed> {
        let mut response = request.send().await.map_err(|error| self.unanswered(error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(self.redirected(&response).into());
        }
        if !status.is_success() {
            let error = FetchError::Status { address: self.address(), status: status.as_u16() };
            let is_passing = status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
            return Err(Failed { error, is_passing, wait: self.retry_after(&response) });
        }
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
            let said = format!("it is packed ({}), which was not asked for", encoding.to_str().unwrap_or("?"));
            return Err(FetchError::Unusable { address: self.address(), said }.into());
        }
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let links = response.headers().get_all(LINK).iter().filter_map(text).collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unanswered(error))? {
            if u64::try_from(body.len() + chunk.len()).unwrap_or(u64::MAX) > self.left_bytes {
                let max_bytes = self.source.limits.max_bytes;
                return Err(FetchError::TooBig { address: self.address(), max_bytes }.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Page { body, links })
    }

    /// As errors name it: without parameters, of which one may be the secret.
    fn address(&self) -> String {
        self.source.url.clone()
    }

    fn unanswered(&self, error: reqwest::Error) -> Failed {
        // Its address would have the parameters.
        let said = chain(&error.without_url());
        Failed { error: FetchError::Unanswered { address: self.address(), said }, is_passing: true, wait: None }
    }

    fn redirected(&self, response: &Response) -> FetchError {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| response.url().join(location).ok());
        let host = target.as_ref().and_then(Url::host_str).unwrap_or("nowhere").to_owned();
        FetchError::Redirected { address: self.address(), host }
    }

    /// How long the API asks to wait: seconds, or a date (RFC 9110, section 10.2.3).
    fn retry_after(&self, response: &Response) -> Option<Duration> {
        let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(secs) = text.parse() {
            return Some(Duration::from_secs(secs));
        }
        let until = DateTime::parse_from_rfc2822(text).ok()?;
        let now: DateTime<Utc> = (self.clock)().into();
        Some(until.signed_duration_since(now).to_std().unwrap_or_default())
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_error| format!("{name} is no name of a header"))
}

/// The error does not say what the value is.
fn header_value(value: &str) -> Result<HeaderValue, String> {
    value.parse().map_err(|_error| "a header's value has characters that cannot be sent".to_owned())
}
