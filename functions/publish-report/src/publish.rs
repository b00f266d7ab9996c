//! The page and its figures in the lake bucket: the newest that was computed stands, however many runs there are at once.
//! It must not know how they were computed.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use lakegate_lake::failure::rfc3339;
use lakegate_lake::objects::{EntityTag, Objects};
use lakegate_lake::{LakeError, layout};
use serde_json::{Map, Value, json};

/// So often it is begun anew because another run wrote in between. Each of them ends by itself, so one that loses always has a reason.
const TRIES: usize = 8;
/// The same trouble is told again when it lasts so long: a daily run tells it daily.
const TOLD_FOR: TimeDelta = TimeDelta::hours(20);
/// The page stays under its name: who looks at it asks whether there is a newer one.
const CACHE_CONTROL: &str = "no-cache";
const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// What a run has to say.
#[derive(Debug)]
pub(crate) struct Said {
    /// The page; `None` if there is nothing to show, and the one that stands is better.
    pub(crate) html: Option<String>,
    /// Its figures. With the member `at`, when they were computed.
    pub(crate) figures: Value,
    /// The queries that failed.
    pub(crate) failed: Vec<&'static str>,
    /// When it was asked.
    pub(crate) now: DateTime<Utc>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// The page stands.
    Written,
    /// There was nothing to show; the page stands as it was.
    Kept,
    /// A later run was faster.
    Newer,
}

/// What stands.
struct Standing {
    figures: Value,
    figures_tag: Option<EntityTag>,
    page_tag: Option<EntityTag>,
}

/// Writes the figures over those that were read, and then the page over the one that was read before them: whoever finds something else
/// there begins anew, and gives up if it is newer than what he has. `tell` is asked once to tell of failed queries, if they are news.
///
/// # Errors
///
/// What S3 refused, and what `tell` met.
pub(crate) async fn publish(
    objects: &Objects,
    bucket: &str,
    said: &Said,
    tell: impl AsyncFn() -> Result<(), LakeError>,
) -> Result<Published, LakeError> {
    let (page, figures) = (layout::SALES_PAGE, layout::SALES_FIGURES);
    let mut is_told = false;
    for _ in 0..TRIES {
        let standing = read(objects, bucket).await?;
        if text(&standing.figures, "at") > text(&said.figures, "at") {
            return Ok(Published::Newer);
        }
        if !is_told && is_news(&standing.figures, said) {
            tell().await?;
            is_told = true;
        }
        let written = document(&standing.figures, said, is_told);
        let tag = standing.figures_tag.as_ref();
        if objects.replace_json(bucket, figures, &written, tag).await?.is_none() {
            continue;
        }
        let Some(html) = &said.html else { return Ok(Published::Kept) };
        let bytes = Bytes::from(html.clone());
        let tag = standing.page_tag.as_ref();
        match objects.put_typed_if(bucket, page, bytes, CONTENT_TYPE, CACHE_CONTROL, tag).await {
            Ok(_) => return Ok(Published::Written),
            Err(LakeError::Raced { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(LakeError::Raced { url: layout::url(bucket, page) })
}

async fn read(objects: &Objects, bucket: &str) -> Result<Standing, LakeError> {
    let page_tag = objects.get_tagged(bucket, layout::SALES_PAGE).await?.map(|(_, tag)| tag);
    let (figures, figures_tag) = match objects.get_tagged(bucket, layout::SALES_FIGURES).await? {
        // What somebody else wrote there is written over.
        Some((bytes, tag)) => (serde_json::from_slice(&bytes).unwrap_or_default(), Some(tag)),
        None => (Value::Null, None),
    };
    Ok(Standing { figures, figures_tag, page_tag })
}

/// The figures that are to stand: the new ones, or, of a run in vain, those that stood; and what somebody was told of.
fn document(standing: &Value, said: &Said, is_told: bool) -> Value {
    let figures = if said.html.is_some() { &said.figures } else { standing };
    let mut document = figures.as_object().cloned().unwrap_or_else(Map::new);
    document.remove("trouble");
    if is_told {
        document.insert("trouble".to_owned(), json!({ "queries": said.failed, "told_at": rfc3339(said.now) }));
    } else if !said.failed.is_empty()
        && let Some(trouble) = standing.get("trouble")
    {
        document.insert("trouble".to_owned(), trouble.clone());
    }
    document.into()
}

/// True of failed queries that nobody was told of lately.
fn is_news(standing: &Value, said: &Said) -> bool {
    if said.failed.is_empty() {
        return false;
    }
    let trouble = standing.get("trouble").unwrap_or(&Value::Null);
    let told_at = DateTime::parse_from_rfc3339(text(trouble, "told_at"));
    let is_recent = told_at.is_ok_and(|told_at| said.now.signed_duration_since(told_at) < TOLD_FOR);
    !is_recent || trouble.get("queries") != Some(&json!(said.failed))
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}
