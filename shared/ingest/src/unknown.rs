//! Objects that no contract covers, where the setting lets them in: their contract is drafted from the first of them.
//! It must not know how a file is converted or published.

use std::sync::Arc;

use futures::StreamExt;
use lakegate_contract::{Contract, Format};
use lakegate_convert::{Draft, InferError, Inference, Naming};
use lakegate_lake::contracts::Contracts;
use lakegate_lake::failure::FailureKind;
use lakegate_lake::objects::Objects;
use lakegate_lake::read::{self, OpenObject};
use lakegate_lake::{LakeError, layout};
use tokio::sync::mpsc;

/// Chunks of the file that wait to be looked at, beside those that the reader has in flight.
const INPUTS_AHEAD: usize = 2;
const JSON_EXTENSIONS: [&str; 3] = ["json", "jsonl", "ndjson"];
const CSV_EXTENSIONS: [&str; 3] = ["csv", "tsv", "psv"];
const PACKED_EXTENSIONS: [&str; 2] = ["gz", "zst"];

/// Why an object of an unknown dataset cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownError {
    /// Reading or writing failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Another dataset's table must not get its rows.
    #[error("its table would be {table}, which is that of {document}")]
    TableTaken { table: String, document: String },
    /// It would have to be read to its end.
    #[error("with {size_bytes} bytes it is too big for a contract to be drafted from it")]
    TooBig { size_bytes: u64 },
    /// The file shows no columns.
    #[error("no contract can be drafted from it: {0}")]
    NotInferred(InferError),
    /// A contract without a row behind it would make text of every column for good.
    #[error("no contract can be drafted from it: it has no rows")]
    NoRows,
    /// The draft was changed to something else, or uses what the parser refuses.
    #[error("the draft {key} is no valid contract: {problem}")]
    InvalidDraft { key: String, problem: String },
    /// One draft reads one format.
    #[error(
        "the draft {key} reads {drafted} files, and the object's name says {named}: put these files into a folder of their own, or give them a contract with another table"
    )]
    OtherFormat { key: String, drafted: &'static str, named: &'static str },
    /// Looking at the file failed.
    #[error("the inference panicked")]
    Panicked,
}

impl UnknownError {
    /// How an alert files it.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Lake(error) => error.kind(),
            Self::TableTaken { .. }
            | Self::TooBig { .. }
            | Self::NotInferred(_)
            | Self::NoRows
            | Self::OtherFormat { .. } => FailureKind::UnknownDataset,
            Self::InvalidDraft { .. } => FailureKind::ContractInvalid,
            Self::Panicked => FailureKind::EngineFailed,
        }
    }
}

/// The draft under which objects of this folder are taken in; `None`: it is to be drafted from this object.
///
/// # Errors
/// [`UnknownError`]; only those of `Lake` may pass by themselves.
pub(crate) async fn drafted(
    objects: &Objects,
    contracts: &Contracts,
    lake_bucket: &str,
    object: &OpenObject,
    size_bytes_max: u64,
) -> Result<Option<Arc<Contract>>, UnknownError> {
    let naming = naming(&object.key);
    if let Some(document) = contracts.document_of_table(&naming.table).await {
        return Err(UnknownError::TableTaken { table: naming.table, document });
    }
    let key = layout::draft_object(&naming.table);
    match objects.get(lake_bucket, &key).await? {
        Some(draft) => in_its_format(parse(&key, &draft)?, key, &naming.origin).map(Some),
        None if object.size_bytes > size_bytes_max => Err(UnknownError::TooBig { size_bytes: object.size_bytes }),
        None => Ok(None),
    }
}

/// Drafts the contract of this object's folder and writes it, once: of two objects that come first at the same time, one writes it and
/// both use it.
///
/// # Errors
/// [`UnknownError`]; only those of `Lake` may pass by themselves.
pub(crate) async fn draft(
    objects: &Objects,
    lake_bucket: &str,
    object: &OpenObject,
) -> Result<Arc<Contract>, UnknownError> {
    let naming = naming(&object.key);
    let key = layout::draft_object(&naming.table);
    let draft = infer(object, &naming).await?;
    if draft.rows == 0 {
        return Err(UnknownError::NoRows);
    }
    let yaml = bytes::Bytes::from(draft.yaml);
    let contract = parse(&key, &yaml)?;
    if objects.create(lake_bucket, &key, yaml).await? {
        tracing::info!(bucket = lake_bucket, key, table = naming.table, "contract drafted");
        return Ok(contract);
    }
    match objects.get(lake_bucket, &key).await? {
        Some(draft) => in_its_format(parse(&key, &draft)?, key, &naming.origin),
        // Deleted again in this moment: what this object shows is as good.
        None => Ok(contract),
    }
}

fn parse(key: &str, document: &[u8]) -> Result<Arc<Contract>, UnknownError> {
    let invalid = |problem: String| UnknownError::InvalidDraft { key: key.to_owned(), problem };
    let document = std::str::from_utf8(document).map_err(|error| invalid(error.to_string()))?;
    match lakegate_contract::parse(document) {
        Ok(checked) => Ok(Arc::new(checked.contract)),
        Err(problems) => Err(invalid(problems.first().map(ToString::to_string).unwrap_or_default())),
    }
}

/// The draft, unless the object's name says that it is of another format. Names that say nothing are left to the engine, and so are
/// those of a folder whose first file had another format than its name.
fn in_its_format(contract: Arc<Contract>, key: String, name: &str) -> Result<Arc<Contract>, UnknownError> {
    let is_json = |name: &str| extension(name, &JSON_EXTENSIONS).is_some();
    let are_named_json = is_json(contract.landing.location.as_str());
    let (drafted, is_other, named) = match contract.landing.format {
        Format::Csv(_) => ("CSV", is_json(name) && !are_named_json, "JSON"),
        Format::Json(_) => ("JSON", extension(name, &CSV_EXTENSIONS).is_some() && are_named_json, "CSV"),
    };
    if is_other { Err(UnknownError::OtherFormat { key, drafted, named }) } else { Ok(contract) }
}

/// Reads the object to its end, beside the reading of which it is looked at.
async fn infer(object: &OpenObject, naming: &Naming) -> Result<Draft, UnknownError> {
    let (inputs, mut engine_inputs) = mpsc::channel::<bytes::Bytes>(INPUTS_AHEAD);
    let engine = tokio::task::spawn_blocking(move || {
        let mut inference = Inference::new();
        while let Some(bytes) = engine_inputs.blocking_recv() {
            inference.push(&bytes)?;
        }
        Ok(inference)
    });
    let mut chunks = std::pin::pin!(read::chunks(object));
    while let Some(bytes) = chunks.next().await {
        if inputs.send(bytes?).await.is_err() {
            break;
        }
    }
    drop(inputs);
    let Ok(inference) = engine.await else { return Err(UnknownError::Panicked) };
    inference.and_then(|inference: Inference| inference.finish(naming)).map_err(UnknownError::NotInferred)
}

/// A dataset is the key's first folder, whatever lies below it; an object outside any folder is one of its own. JSON and CSV are not
/// judged by one contract: whoever adopts the draft of a JSON file has a location for JSON files.
fn naming(key: &str) -> Naming {
    // Wildcards in a name stand for themselves no more, and for one character each instead.
    let literal = |text: &str| text.replace(['*', '?', '[', ']', '{', '}'], "?");
    let origin = key.rsplit('/').next().unwrap_or(key).to_owned();
    let (name, location) = match key.split_once('/') {
        Some((folder, _)) => {
            let files =
                extension(&origin, &JSON_EXTENSIONS).map_or_else(String::new, |extension| format!("/*{extension}"));
            (folder, format!("s3://*/{}/**{files}", literal(folder)))
        }
        None => (key.split('.').next().unwrap_or(key), format!("s3://*/{}", literal(key))),
    };
    let table = Naming::table(name);
    Naming { id: table.clone(), table, location, origin, is_permissive: true }
}

/// How a name ends, if with one of `extensions`: `.json`, `.ndjson.gz`.
fn extension<'n>(name: &'n str, extensions: &[&str]) -> Option<&'n str> {
    let parts: Vec<&str> = name.rsplit('.').take(3).collect();
    let is_wanted = |part: &str| extensions.iter().any(|extension| part.eq_ignore_ascii_case(extension));
    let is_packed = |part: &str| PACKED_EXTENSIONS.iter().any(|packed| part.eq_ignore_ascii_case(packed));
    let len = match parts.as_slice() {
        [last, _, ..] if is_wanted(last) => last.len() + 1,
        [last, inner, _] if is_packed(last) && is_wanted(inner) => last.len() + inner.len() + 2,
        _ => return None,
    };
    name.get(name.len().checked_sub(len)?..)
}

#[cfg(test)]
#[path = "unknown_tests.rs"]
mod tests;
