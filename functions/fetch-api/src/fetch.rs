//! One source: from its mark on, page by page, to one file in the raw bucket; the mark is moved when the file is there.
//! It must not know who is told of failures.

use std::time::Duration;

use lakegate_contract::{ApiSource, Contract, Incremental};
use lakegate_lake::failure::rfc3339;
use lakegate_lake::secrets::Secret;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::answer::{self, Answer};
use crate::api::Api;
use crate::error::FetchError;
use crate::handler::Context;
use crate::mark;
use crate::pages::{Pages, Read};
use crate::progress::{Progress, Reached, Written};

/// What a run came to, or how far it came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) requests: u64,
    pub(crate) pages: u64,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    /// The file's key, unless there was nothing, or nothing new, to write.
    pub(crate) written: Option<String>,
}

/// All pages of a run.
#[derive(Debug, Default)]
struct Collected {
    lines: Vec<u8>,
    mark: Option<String>,
}

/// Fetches what a source has from the mark on that was reached, and changes `progress` to what is true then. Nothing is written before
/// all pages are read. `fetched` says what was done, also of a run that fails.
pub(crate) async fn fetch(
    context: &Context,
    contract: &Contract,
    source: &ApiSource,
    progress: &mut Progress,
    time: Duration,
    fetched: &mut Fetched,
) -> Result<(), FetchError> {
    check(context, source)?;
    let settings = &context.settings;
    let url = lakegate_lake::layout::url(&settings.lake_bucket, &lakegate_lake::layout::fetch_object(&contract.table));
    let since = match &source.incremental {
        Some(incremental) => progress.since(incremental, &url)?.map(|mark| (incremental.parameter.as_str(), mark)),
        None => None,
    };
    let ends = Instant::now() + time.min(Duration::from_secs(source.limits.max_secs));
    let secret = secret(context, source).await?;
    let mut api = Api::new(source, secret, context.first_pause, context.clock, ends)?;
    let asked = since.map(|(_, mark)| mark.to_owned());
    let pages = Pages::new(source, since)?;
    let Collected { lines, mark } = collect(context, source, pages, &mut api, asked.clone(), fetched).await?;
    let now = (context.clock)().into();
    if fetched.records > 0 {
        let key = progress.file(contract, &source.prefix, source.suffix);
        let written = Written { key: key.clone(), sha256: hex(&lines) };
        if progress.written.as_ref() != Some(&written) {
            context.objects.put(&settings.raw_bucket, &key, lines.into()).await?;
            fetched.written = Some(key);
            progress.written = Some(written);
        }
    }
    // A mark that stays where it was keeps the time at which it was reached, and so the file its name.
    if let (Some(Incremental { field, .. }), Some(mark)) =
        (&source.incremental, mark.filter(|mark| asked.as_ref() != Some(mark)))
    {
        progress.reached = Some(Reached { field: field.as_str().to_owned(), mark, at: rfc3339(now) });
    }
    progress.note_success(now);
    Ok(())
}

/// What the contract cannot know of the stack.
fn check(context: &Context, source: &ApiSource) -> Result<(), FetchError> {
    let settings = &context.settings;
    if !source.prefix.starts_with(&settings.raw_prefix) {
        let (prefix, raw_prefix) = (source.prefix.clone(), settings.raw_prefix.clone());
        return Err(FetchError::OutsidePrefix { prefix, raw_prefix });
    }
    // On AWS the loopback addresses are the function's own, where Lambda listens.
    if source.url.starts_with("http://") && settings.aws.endpoint_url.is_none() {
        return Err(FetchError::PlainHttp { address: source.url.clone() });
    }
    Ok(())
}

async fn secret(context: &Context, source: &ApiSource) -> Result<Option<Secret>, FetchError> {
    let Some(declared) = &source.secret else { return Ok(None) };
    let whole = context.secrets.get(&declared.name).await?;
    let secret = match &declared.key {
        Some(key) => whole.of_key(key).ok_or_else(|| {
            let (name, key) = (declared.name.clone(), key.clone());
            FetchError::SecretWithoutKey { name, key }
        })?,
        None => whole,
    };
    Ok(Some(secret.after(&declared.before)))
}

async fn collect(
    context: &Context,
    source: &ApiSource,
    mut pages: Pages<'_>,
    api: &mut Api<'_>,
    reached: Option<String>,
    fetched: &mut Fetched,
) -> Result<Collected, FetchError> {
    let mut collected = Collected { mark: reached, ..Collected::default() };
    loop {
        let url = pages.url();
        let page = api.page(&url).await;
        fetched.requests = api.requests;
        let page = page?;
        let (address, number) = (source.url.clone(), pages.count() + 1);
        let answer = Answer::parse(&page.body).map_err(|said| {
            let (address, page) = (address.clone(), number);
            FetchError::NotJson { address, page, said }
        })?;
        let begin = collected.lines.len();
        let records = add(context, source, &answer, number, &mut collected)?;
        (fetched.pages, fetched.bytes) = (number, collected.lines.len());
        fetched.records += records;
        let lines = collected.lines.get(begin..).unwrap_or_default();
        let read = Read { answer: &answer, links: &page.links, url: &url, records, lines };
        if !pages.go_on(&read)? {
            return Ok(collected);
        }
    }
}

/// Adds a page's records: how many there are.
fn add(
    context: &Context,
    source: &ApiSource,
    answer: &Answer<'_>,
    page: u64,
    collected: &mut Collected,
) -> Result<usize, FetchError> {
    let address = || source.url.clone();
    let records = answer.records(&source.records).map_err(|found| {
        let (pointer, what) = (source.records.as_str().to_owned(), "list of records");
        FetchError::Shape { address: address(), page, pointer, what, found }
    })?;
    let now = (context.clock)().into();
    let mut has_mark = false;
    for record in &records {
        answer::add_line(&mut collected.lines, record);
        let Some(incremental) = &source.incremental else { continue };
        // A single record without one is for the contract to judge.
        if let Some(found) = answer::at(record, &incremental.field).and_then(answer::text) {
            has_mark |= mark::is_mark(incremental.mark, &found, now);
            collected.mark = mark::greatest(incremental.mark, collected.mark.take(), found, now);
        }
    }
    match &source.incremental {
        Some(Incremental { field, mark: mark_type, .. }) if !has_mark && !records.is_empty() => {
            let (field, what) = (field.as_str().to_owned(), mark::name(*mark_type));
            Err(FetchError::NoMark { address: address(), page, records: records.len(), field, what })
        }
        Some(_) | None => Ok(records.len()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        hex.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')));
    }
    hex
}
