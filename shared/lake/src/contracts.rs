//! The contracts that are deployed in the lake bucket, and which of them an object falls under.
//! It must not know what a contract asks of a row.

mod hints;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use lakegate_contract::{Contract, Location, RemovedObjects};
use tokio::sync::Mutex;

pub use hints::{Hints, Misnamed, Near};

use crate::LakeError;
use crate::layout::{CONTRACTS_PREFIX, DRAFTS_PREFIX};
use crate::objects::{Listed, Objects};

/// How long a warm process trusts its listing: a new contract takes effect within this time.
const LISTING_KEPT: Duration = Duration::from_secs(30);
/// A bigger document is not a contract.
const DOCUMENT_MAX_BYTES: u64 = 4 * 1024 * 1024;
const DOCUMENTS_IN_FLIGHT: usize = 8;
/// How the names of documents end that are read as contracts.
pub const SUFFIXES: [&str; 3] = [".odcs.yaml", ".odcs.yml", ".odcs.json"];

/// The contracts of a lake bucket, kept in a warm process and read again only where they changed.
#[derive(Debug)]
pub struct Contracts {
    lake_bucket: String,
    kept: Mutex<Kept>,
}

/// The contracts of a lake bucket as they were deployed at some time.
#[derive(Debug, Clone)]
pub struct Deployed {
    kept: Kept,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    listed_at: Option<Instant>,
    documents: BTreeMap<String, Document>,
    misnamed: Misnamed,
}

#[derive(Debug, Clone)]
struct Document {
    etag: Option<String>,
    parsed: Result<Arc<Contract>, Broken>,
}

/// What is wrong with a document, and which objects it is about all the same, where that can be told.
#[derive(Debug, Clone)]
struct Broken {
    problems: Vec<String>,
    location: Option<Box<Location>>,
}

impl Broken {
    /// Nothing can be told but this.
    fn unreadable(problem: String) -> Self {
        Self { problems: vec![problem], location: None }
    }

    fn concerns(&self, bucket: &str, key: &str) -> bool {
        self.location.as_ref().is_none_or(|location| location.matches(bucket, key))
    }
}

/// Which contract an object falls under.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Exactly one.
    Found(Arc<Contract>),
    /// None, and every deployed document is a valid contract, or one of which can be told that it is about other files.
    Unknown(Hints),
    /// No valid one, and some documents that are not valid would have this file, or do not even tell which files they would have: a file
    /// that no valid contract claims may belong to any of these; a file that a valid one claims does not wait for them. Thus one team's
    /// mistake stops no other team's files, and no file of the team's own is called unknown.
    Invalid(Vec<InvalidDocument>),
    /// Several: whichever was taken, the other's owner would be surprised.
    Ambiguous {
        /// The documents' keys.
        documents: Vec<String>,
    },
}

/// A document under the contracts' prefix that is not a valid contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDocument {
    /// Its key in the lake bucket.
    pub key: String,
    /// What is wrong with it, one line each.
    pub problems: Vec<String>,
}

impl fmt::Display for InvalidDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.problems.first().map_or("not a contract", String::as_str);
        write!(f, "{}: {first}", self.key)?;
        match self.problems.len() {
            0 | 1 => Ok(()),
            count => write!(f, " (and {} more)", count - 1),
        }
    }
}

impl Contracts {
    /// The contracts of a lake bucket; nothing is read yet.
    #[must_use]
    pub fn new(lake_bucket: String) -> Self {
        Self { lake_bucket, kept: Mutex::default() }
    }

    /// Finds the contract of an object, listing the documents anew when the last listing is old, or when it would make
    /// a failure of the object: the contract may have been deployed a second ago.
    ///
    /// # Errors
    ///
    /// What S3 refused. A document that is no contract, or under a key that cannot be addressed, is not an error here, see
    /// [`Lookup::Invalid`].
    pub async fn find(&self, objects: &Objects, bucket: &str, key: &str) -> Result<Lookup, LakeError> {
        let mut kept = self.kept.lock().await;
        if kept.listed_at.is_some_and(|at| at.elapsed() < LISTING_KEPT) {
            let lookup = look_up(&kept, bucket, key);
            if matches!(lookup, Lookup::Found(_)) {
                return Ok(lookup);
            }
        }
        self.refresh(objects, &mut kept).await?;
        Ok(look_up(&kept, bucket, key))
    }

    /// The contracts as they are deployed now, to look many objects up at once.
    ///
    /// # Errors
    ///
    /// What S3 refused.
    pub async fn deployed(&self, objects: &Objects) -> Result<Deployed, LakeError> {
        let mut kept = self.kept.lock().await;
        self.refresh(objects, &mut kept).await?;
        Ok(Deployed { kept: kept.clone() })
    }

    /// The key of a deployed contract whose table this is, as of the last [`Contracts::find`].
    pub async fn document_of_table(&self, table: &str) -> Option<String> {
        let kept = self.kept.lock().await;
        let has_table = |document: &Document| document.parsed.as_ref().is_ok_and(|contract| contract.table == table);
        kept.documents.iter().find(|(_, document)| has_table(document)).map(|(key, _)| key.clone())
    }

    /// The deployed contract whose table and version these are, as of the last [`Contracts::find`].
    pub async fn of_table(&self, table: &str, version: &str) -> Option<Arc<Contract>> {
        let kept = self.kept.lock().await;
        let mut contracts = kept.documents.values().filter_map(|document| document.parsed.as_ref().ok());
        contracts.find(|contract| contract.table == table && contract.version == version).cloned()
    }

    /// The key of a deployed contract's document; `None` for one that is not deployed, or was found before it was written anew.
    pub async fn key_of(&self, contract: &Arc<Contract>) -> Option<String> {
        let kept = self.kept.lock().await;
        let is_it = |document: &Document| document.parsed.as_ref().is_ok_and(|parsed| Arc::ptr_eq(parsed, contract));
        kept.documents.iter().find(|(_, document)| is_it(document)).map(|(key, _)| key.clone())
    }

    async fn refresh(&self, objects: &Objects, kept: &mut Kept) -> Result<(), LakeError> {
        let mut listed = objects.list(&self.lake_bucket, CONTRACTS_PREFIX).await?;
        let is_document = |key: &str| SUFFIXES.iter().any(|suffix| key.ends_with(suffix));
        listed.retain(|object| !object.key.starts_with(DRAFTS_PREFIX));
        let others = listed.iter().map(|object| object.key.as_str()).filter(|key| !is_document(key));
        let misnamed = Misnamed::among(others);
        listed.retain(|object| is_document(&object.key));
        let mut documents = BTreeMap::new();
        let mut changed = Vec::new();
        for object in listed {
            match kept.documents.remove(&object.key) {
                Some(document) if document.etag.is_some() && document.etag == object.etag => {
                    documents.insert(object.key, document);
                }
                _ => changed.push(object),
            }
        }
        let read: Vec<Option<(String, Document)>> = stream::iter(changed)
            .map(|object| self.read(objects, object))
            .buffered(DOCUMENTS_IN_FLIGHT)
            .try_collect()
            .await?;
        documents.extend(read.into_iter().flatten());
        *kept = Kept { listed_at: Some(Instant::now()), documents, misnamed };
        Ok(())
    }

    async fn read(&self, objects: &Objects, object: Listed) -> Result<Option<(String, Document)>, LakeError> {
        let parsed = if object.size_bytes > DOCUMENT_MAX_BYTES {
            let problem = format!("the document has {} bytes, more than {DOCUMENT_MAX_BYTES}", object.size_bytes);
            Err(Broken::unreadable(problem))
        } else {
            // Deleted between the listing and now: it is no contract any more.
            match objects.get(&self.lake_bucket, &object.key).await {
                Ok(Some(bytes)) => parse(&bytes),
                Ok(None) => return Ok(None),
                // S3 takes such a key, and it is one document's trouble.
                Err(LakeError::UnsupportedKey { reason, .. }) => {
                    Err(Broken::unreadable(format!("the document cannot be read: {reason}")))
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Some((object.key, Document { etag: object.etag, parsed })))
    }
}

impl Deployed {
    /// Every document, by its key: its contract, or what is wrong with it, one line each.
    pub fn documents(&self) -> impl Iterator<Item = (&str, Result<&Contract, &[String]>)> {
        self.kept.documents.iter().map(|(key, document)| {
            let parsed = document.parsed.as_ref();
            (key.as_str(), parsed.map(Arc::as_ref).map_err(|broken| broken.problems.as_slice()))
        })
    }

    /// What may have been meant as a contract, and is not read.
    #[must_use]
    pub fn misnamed(&self) -> &Misnamed {
        &self.kept.misnamed
    }

    /// True when there is a contract that wants the rows of deleted objects removed.
    #[must_use]
    pub fn remove_any(&self) -> bool {
        self.kept.documents.values().any(|document| document.parsed.as_ref().is_ok_and(|contract| removes(contract)))
    }

    /// Which contract an object falls under.
    #[must_use]
    pub fn find(&self, bucket: &str, key: &str) -> Lookup {
        look_up(&self.kept, bucket, key)
    }

    /// The contract of this key's object, if there is one, which wants the rows of deleted objects removed.
    #[must_use]
    pub fn removing(&self, bucket: &str, key: &str) -> Option<Arc<Contract>> {
        match look_up(&self.kept, bucket, key) {
            Lookup::Found(contract) => Some(contract).filter(|contract| removes(contract)),
            Lookup::Unknown(_) | Lookup::Invalid(_) | Lookup::Ambiguous { .. } => None,
        }
    }
}

fn removes(contract: &Contract) -> bool {
    match contract.policy.removed_objects {
        RemovedObjects::Remove => true,
        RemovedObjects::Keep => false,
    }
}

fn parse(bytes: &[u8]) -> Result<Arc<Contract>, Broken> {
    let no_text = |error| Broken::unreadable(format!("the document is not UTF-8: {error}"));
    let text = std::str::from_utf8(bytes).map_err(no_text)?;
    match lakegate_contract::parse(text) {
        Ok(checked) => Ok(Arc::new(checked.contract)),
        Err(problems) => Err(Broken {
            problems: problems.iter().map(ToString::to_string).collect(),
            location: lakegate_contract::location_of(text).map(Box::new),
        }),
    }
}

fn look_up(kept: &Kept, bucket: &str, key: &str) -> Lookup {
    let mut found: Vec<(&String, &Arc<Contract>)> = Vec::new();
    let mut invalid = Vec::new();
    for (document_key, document) in &kept.documents {
        match &document.parsed {
            Ok(contract) if contract.landing.location.matches(bucket, key) => found.push((document_key, contract)),
            Err(broken) if broken.concerns(bucket, key) => {
                invalid.push(InvalidDocument { key: document_key.clone(), problems: broken.problems.clone() });
            }
            Ok(_) | Err(_) => {}
        }
    }
    match found.as_slice() {
        [(_, contract)] => Lookup::Found(Arc::clone(contract)),
        [] if invalid.is_empty() => {
            let deployed = kept.documents.values().filter_map(|document| document.parsed.as_deref().ok());
            Lookup::Unknown(Hints { near: Near::of(deployed, key), misnamed: kept.misnamed.clone() })
        }
        [] => Lookup::Invalid(invalid),
        several => Lookup::Ambiguous { documents: several.iter().map(|(key, _)| (*key).clone()).collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::BucketStore;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    fn document(table: &str, location: &str) -> String {
        format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: {table}\nversion: 1.0.0\nstatus: active\n\
             servers:\n  - {{server: landing, type: s3, location: '{location}', format: csv}}\n\
             schema:\n  - name: {table}\n    properties:\n      - {{name: a, logicalType: string}}\n"
        )
    }

    async fn deployed(documents: &[(&str, &str)]) -> (Contracts, Objects, Arc<dyn BucketStore>) {
        let store: Arc<dyn BucketStore> = Arc::new(InMemory::new());
        for (key, text) in documents {
            store.put(&Path::from(format!("contracts/{key}")), (*text).to_owned().into()).await.unwrap();
        }
        let objects = Objects::of_stores(BTreeMap::from([("lake".to_owned(), Arc::clone(&store))]));
        (Contracts::new("lake".to_owned()), objects, store)
    }

    #[tokio::test]
    async fn a_broken_document_concerns_only_files_that_no_valid_contract_claims() {
        let orders = document("orders", "s3://*/orders/**/*.csv");
        let (contracts, objects, _) = deployed(&[
            ("orders.odcs.yaml", &orders),
            ("broken.odcs.yaml", "kind: [unclosed"),
            ("README.md", "not a contract"),
        ])
        .await;
        let Lookup::Found(found) = contracts.find(&objects, "raw", "orders/2025/a.csv").await.unwrap() else {
            panic!("the valid contract is found");
        };
        assert_eq!(found.table, "orders");
        let Lookup::Invalid(documents) = contracts.find(&objects, "raw", "other/a.csv").await.unwrap() else {
            panic!("the broken document is named");
        };
        assert_eq!(documents.len(), 1);
        assert_eq!(documents[0].key, "contracts/broken.odcs.yaml");
    }

    #[tokio::test]
    async fn a_broken_document_that_tells_its_location_concerns_the_files_there_only() {
        let orders = document("orders", "s3://*/orders/**/*.csv");
        let broken = document("customers", "s3://raw/customers/**/*.csv").replace("version: 1.0.0", "version: 1.0");
        let (contracts, objects, _) =
            deployed(&[("orders.odcs.yaml", &orders), ("customers.odcs.yaml", &broken)]).await;
        let mut lookups = Vec::new();
        for (bucket, key) in [("raw", "customers/x/a.csv"), ("raw", "order/2025/a.csv"), ("other", "customers/x/a.csv")]
        {
            lookups.push(contracts.find(&objects, bucket, key).await.unwrap());
        }
        let [Lookup::Invalid(documents), Lookup::Unknown(hints), Lookup::Unknown(_)] = lookups.as_slice() else {
            panic!("{lookups:?}");
        };
        assert_eq!(documents[0].key, "contracts/customers.odcs.yaml");
        insta::assert_snapshot!(hints, @"; nearest is that of orders, s3://*/orders/**/*.csv");
    }

    #[tokio::test]
    async fn a_key_that_two_contracts_claim_is_nobodys() {
        let all = document("everything", "s3://*/**/*.csv");
        let orders = document("orders", "s3://*/orders/**/*.csv");
        let (contracts, objects, _) = deployed(&[("all.odcs.yaml", &all), ("orders.odcs.yml", &orders)]).await;
        let Lookup::Ambiguous { documents } = contracts.find(&objects, "raw", "orders/x/a.csv").await.unwrap() else {
            panic!("both are named");
        };
        assert_eq!(documents, ["contracts/all.odcs.yaml", "contracts/orders.odcs.yml"]);
        assert!(matches!(contracts.find(&objects, "raw", "a/b.csv").await.unwrap(), Lookup::Found(_)));
    }

    #[tokio::test]
    async fn a_contract_that_was_deployed_a_moment_ago_is_found_before_a_file_is_called_unknown() {
        let (contracts, objects, store) = deployed(&[]).await;
        assert!(matches!(contracts.find(&objects, "raw", "orders/x/a.csv").await.unwrap(), Lookup::Unknown(_)));
        let orders = document("orders", "s3://*/orders/**/*.csv");
        store.put(&Path::from("contracts/orders.odcs.yaml"), orders.into()).await.unwrap();
        assert!(matches!(contracts.find(&objects, "raw", "orders/x/a.csv").await.unwrap(), Lookup::Found(_)));
    }

    #[tokio::test]
    async fn what_looks_like_a_contract_and_is_named_otherwise_is_told_where_none_is_found() {
        let orders = document("orders", "s3://*/orders/**/*.csv");
        let misnamed: Vec<String> = (1..=4).map(|number| format!("team/{number}.yaml")).collect();
        let mut documents = vec![("README.md", ""), ("a.ODCS.YAML", orders.as_str()), ("drafts/x.odcs.yaml", "")];
        documents.extend(misnamed.iter().map(|key| (key.as_str(), orders.as_str())));
        let (contracts, objects, _) = deployed(&documents).await;
        let Lookup::Unknown(Hints { misnamed, .. }) = contracts.find(&objects, "raw", "orders/x/a.csv").await.unwrap()
        else {
            panic!("none of them is read");
        };
        insta::assert_snapshot!(misnamed, @"; not read, as the name of a contract ends in .odcs.yaml, .odcs.yml, .odcs.json: contracts/a.ODCS.YAML, contracts/team/1.yaml, contracts/team/2.yaml (and 2 more)");
        assert_eq!(Misnamed::among(["x".repeat(400) + ".yaml"].iter().map(String::as_str)).keys[0].len(), 150);
        assert_eq!(Misnamed::default().to_string(), "");
    }

    #[tokio::test]
    async fn a_location_that_nearly_fits_is_named() {
        let orders = document("orders", "s3://*/orders/**/*.csv");
        let others = document("customers", "s3://*/customers/**/*.csv");
        let (contracts, objects, _) = deployed(&[("orders.odcs.yaml", &orders), ("others.odcs.yaml", &others)]).await;
        let Lookup::Unknown(hints) = contracts.find(&objects, "raw", "Order/2025.csv").await.unwrap() else {
            panic!("no contract covers it");
        };
        insta::assert_snapshot!(hints, @"; nearest is that of orders, s3://*/orders/**/*.csv");
        let Lookup::Unknown(hints) = contracts.find(&objects, "raw", "invoices/2025.csv").await.unwrap() else {
            panic!("no contract covers it");
        };
        assert_eq!(hints, Hints::default());
    }

    #[test]
    fn an_invalid_document_says_its_first_problem_and_how_many_more() {
        let problems = vec!["schema: found nothing, expected one object".to_owned(), "second".to_owned()];
        let document = InvalidDocument { key: "contracts/a.odcs.yaml".to_owned(), problems };
        insta::assert_snapshot!(document, @"contracts/a.odcs.yaml: schema: found nothing, expected one object (and 1 more)");
    }
}
