//! Tests: a raw bucket, a lake and the services around them, for a function that has just started.
//! It must not know what is being tested.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lakegate_ingest::{Context, Emission, Settings, TooBig, UnknownDatasets};
use lakegate_lake::catalog::{Catalog, TableDefinition};
use lakegate_lake::contracts::Contracts;
use lakegate_lake::failure::{FailureRecord, Stage};
use lakegate_lake::notices::Notices;
use lakegate_lake::objects::{BucketStore, Objects};
use lakegate_stand_ins::{Aws, Bucket, CONTRACT, Faults, Store};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::handler::Function;

pub(crate) const FIRST: &str = "id,region\n1,EMEA\n2,APAC\n,EMEA\n";
pub(crate) const BROKEN: &str = "id,region\n1,EMEA\n,EMEA\n,APAC\n";
/// Longer than any lease.
pub(crate) const LATER: u64 = 1800;

thread_local! {
    /// Seconds that have passed in this test.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + CLOCK.get())
}

pub(crate) fn wait(secs: u64) {
    CLOCK.set(CLOCK.get() + secs);
}

/// Buckets, and the services around them.
pub(crate) struct World<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) faults: Arc<Faults>,
    pub(crate) raw: Arc<Bucket>,
    lake: Arc<Bucket>,
    /// Functions send notices.
    pub(crate) tells: bool,
}

impl<'a> World<'a> {
    /// With one contract, for `orders/`.
    pub(crate) async fn new(aws: &'a Aws) -> Self {
        let faults = Arc::<Faults>::default();
        aws.reset(&faults);
        let lake = Arc::<Bucket>::default();
        lake.put(&Path::from("contracts/orders.odcs.yaml"), CONTRACT.into()).await.unwrap();
        Self { aws, faults, raw: Arc::default(), lake, tells: false }
    }

    /// Puts a contract in the place of the one for `orders/`.
    pub(crate) async fn deploy(&self, contract: String) {
        self.lake.put(&Path::from("contracts/orders.odcs.yaml"), contract.into()).await.unwrap();
    }

    /// A function that has just started.
    pub(crate) fn function(&self) -> Function {
        let store = |inner: &Arc<Bucket>| {
            let store = Store { inner: Arc::clone(inner), faults: Arc::clone(&self.faults) };
            Arc::new(store) as Arc<dyn BucketStore>
        };
        let stores = BTreeMap::from([("raw".to_owned(), store(&self.raw)), ("lake".to_owned(), store(&self.lake))]);
        let context = Context {
            settings: Settings {
                region: "eu-central-1".to_owned(),
                lake_bucket: "lake".to_owned(),
                failures_queue_url: "http://127.0.0.1/failures".to_owned(),
                stage: Stage::Ingest,
                unknown_datasets: UnknownDatasets::Fail,
                size_bytes_max: u64::MAX,
                too_big: TooBig::Fail,
                threads: 1,
                held_bytes: usize::MAX,
            },
            objects: Objects::of_stores(stores),
            contracts: Contracts::new("lake".to_owned()),
            catalog: Catalog::new(self.aws.glue.clone(), "db".to_owned()),
            rejects_table: TableDefinition::of_rejects("lake"),
            sqs: self.aws.sqs.clone(),
            clock,
            emission: self.emission(),
        };
        Function { context, queue_url: "http://127.0.0.1/ingest".to_owned() }
    }

    fn emission(&self) -> Emission {
        let [stack, database, bucket] = ["lakegate", "db", "lake"].map(str::to_owned);
        let notices = self.tells.then(|| Notices::new(&self.aws.builder(), stack, database, bucket).unwrap());
        Emission { notices, ..Emission::none() }
    }

    /// The lake without faults.
    pub(crate) fn plain(&self) -> Objects {
        let lake: Arc<dyn BucketStore> = Arc::<Bucket>::clone(&self.lake);
        Objects::of_stores(BTreeMap::from([("lake".to_owned(), lake)]))
    }

    /// The failures that were told, each of them once however often it was sent: a repeated one is the same.
    pub(crate) fn told(&self) -> Vec<FailureRecord> {
        self.aws.told()
    }
}
