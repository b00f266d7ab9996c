//! Tests: a raw bucket, a lake and the services around them, in which events are delivered to functions that have just started.
//! It must not know what is being tested.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use lakegate_lake::LakeError;
use lakegate_lake::catalog::{Catalog, TableDefinition};
use lakegate_lake::claims::Worker;
use lakegate_lake::contracts::Contracts;
use lakegate_lake::events::ObjectEvent;
use lakegate_lake::failure::{FailureRecord, Stage};
use lakegate_lake::key::ObjectKey;
use lakegate_lake::ledger::{self, Entry, State};
use lakegate_lake::lineage::Lineage;
use lakegate_lake::metrics::{Metrics, Sink};
use lakegate_lake::notices::Notices;
use lakegate_lake::objects::{BucketStore, Objects};
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3;
use object_store::path::Path;

use crate::emission::Emission;
use crate::outcome::Outcome;
use crate::removal::remove;
use crate::settings::{Settings, TooBig, UnknownDatasets};
use crate::take_in::{Context, Delivery, take_in};
use lakegate_stand_ins::{Aws, Bucket, Faults, S3, Store};

pub(crate) use lakegate_stand_ins::CONTRACT;

pub(crate) const KEY: &str = "orders/a.csv";
/// As `CONTRACT`, and it wants the rows of deleted files removed.
pub(crate) fn removing() -> String {
    format!("{CONTRACT}      - {{property: removedObjects, value: remove, vendor: lakegate}}\n")
}

pub(crate) const FIRST: &str = "id,region\n1,EMEA\n2,APAC\n,EMEA\n";
pub(crate) const SECOND: &str = "id,region\n3,APAC\n4,AMER\n5,APAC\n,AMER\n";
pub(crate) const THIRD: &str = "id,region\n6,EMEA\n7,ANZ\n";
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
    /// The way to the buckets, where it is not a short one.
    s3: Option<&'a S3>,
    /// Workers give up calls that are not answered soon; otherwise they wait, however busy the machine is.
    pub(crate) is_hasty: Cell<bool>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) raw: Arc<Bucket>,
    pub(crate) lake: Arc<Bucket>,
    pub(crate) key: &'static str,
    /// The key that events name instead.
    pub(crate) announced: Option<&'static str>,
    /// The one for `orders/`.
    pub(crate) contract: &'static str,
    pub(crate) heavy_bytes: u64,
    pub(crate) held_bytes: usize,
    /// Uploads are taken in by Glue runs, in ranges of so many bytes.
    pub(crate) in_ranges: Option<u64>,
    pub(crate) unknown_datasets: UnknownDatasets,
    pub(crate) uploads: Cell<u8>,
    /// Workers tell of metrics, notices and lineage.
    pub(crate) tells: bool,
    /// A delivery was made before.
    pub(crate) is_repeated: Cell<bool>,
    pub(crate) metrics: Arc<Mutex<Vec<String>>>,
    /// The way to the bus, of patient and of hasty workers: to make a client for each of them takes longer than all that they do.
    notices: [OnceCell<Notices>; 2],
}

/// What everybody sees, by key.
pub(crate) type Visible = BTreeMap<String, Vec<u8>>;

impl<'a> World<'a> {
    /// With a raw bucket that keeps no versions, and one contract, for `orders/`.
    pub(crate) async fn new(aws: &'a Aws) -> Self {
        Self::with(aws, None, Bucket::default()).await
    }

    /// With a raw bucket that keeps versions.
    pub(crate) async fn versioned(aws: &'a Aws) -> Self {
        Self::with(aws, None, Bucket::with_versions()).await
    }

    /// With a raw bucket that keeps no versions any more.
    pub(crate) async fn suspended(aws: &'a Aws) -> Self {
        Self::with(aws, None, Bucket::suspended()).await
    }

    /// As deployed: the raw bucket keeps versions, and all that is between a worker and S3 is there.
    pub(crate) async fn over_http(aws: &'a Aws, s3: &'a S3) -> Self {
        Self::with(aws, Some(s3), Bucket::with_versions()).await
    }

    /// As `over_http`, but the raw bucket keeps no versions.
    pub(crate) async fn over_http_without_versions(aws: &'a Aws, s3: &'a S3) -> Self {
        Self::with(aws, Some(s3), Bucket::default()).await
    }

    async fn with(aws: &'a Aws, s3: Option<&'a S3>, raw: Bucket) -> Self {
        let faults = Arc::<Faults>::default();
        aws.reset(&faults);
        let world = Self {
            aws,
            s3,
            is_hasty: Cell::new(false),
            faults,
            raw: Arc::new(raw),
            lake: Arc::default(),
            key: KEY,
            announced: None,
            contract: CONTRACT,
            heavy_bytes: u64::MAX,
            held_bytes: usize::MAX,
            in_ranges: None,
            unknown_datasets: UnknownDatasets::Fail,
            uploads: Cell::new(0),
            tells: false,
            is_repeated: Cell::default(),
            metrics: Arc::default(),
            notices: [OnceCell::new(), OnceCell::new()],
        };
        if let Some(s3) = s3 {
            s3.reset(&world.raw, &world.lake, &world.faults);
        }
        world.deploy(CONTRACT).await;
        world
    }

    /// Puts a contract in the place of the one for `orders/`.
    pub(crate) async fn deploy(&self, contract: &str) {
        self.lake.put(&Path::from("contracts/orders.odcs.yaml"), contract.to_owned().into()).await.unwrap();
    }

    /// A new version of the object, and its event.
    pub(crate) async fn upload(&self, content: &str) -> ObjectEvent {
        let event = self.upload_under(self.key, content).await;
        match self.announced {
            Some(announced) => ObjectEvent { key: ObjectKey::as_given(announced), ..event },
            None => event,
        }
    }

    pub(crate) async fn upload_under(&self, key: &str, content: &str) -> ObjectEvent {
        self.uploads.set(self.uploads.get() + 1);
        let put = self.raw.put(&Path::parse(key).unwrap(), content.to_owned().into()).await.unwrap();
        ObjectEvent {
            bucket: "raw".to_owned(),
            key: ObjectKey::as_given(key),
            version_id: put.version,
            etag: put.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
            size_bytes: Some(content.len() as u64),
            sequencer: Some(format!("{:04}", self.uploads.get())),
            original: "{}".to_owned(),
        }
    }

    /// The object is gone; a bucket with versions keeps what it was.
    pub(crate) async fn delete(&self) {
        self.raw.delete(&Path::from(self.key)).await.unwrap();
    }

    /// The event of a deletion: of a delete marker, where the bucket keeps versions.
    pub(crate) fn removal(&self) -> ObjectEvent {
        self.removal_of(self.announced.unwrap_or(self.key))
    }

    fn removal_of(&self, key: &str) -> ObjectEvent {
        self.uploads.set(self.uploads.get() + 1);
        ObjectEvent {
            bucket: "raw".to_owned(),
            key: ObjectKey::as_given(key),
            version_id: None,
            etag: None,
            size_bytes: None,
            sequencer: Some(format!("{:04}", self.uploads.get())),
            original: "{}".to_owned(),
        }
    }

    /// The object is deleted, and its event.
    pub(crate) async fn deleted(&self) -> ObjectEvent {
        self.delete().await;
        self.removal()
    }

    pub(crate) async fn deleted_under(&self, key: &str) -> ObjectEvent {
        // One that is not there is no error.
        let _ = self.raw.delete(&Path::parse(key).unwrap()).await;
        self.removal_of(key)
    }

    /// A function that has just started.
    pub(crate) fn context(&self) -> Context {
        let store = |inner: &Arc<Bucket>| {
            let store = Store { inner: Arc::clone(inner), faults: Arc::clone(&self.faults) };
            Arc::new(store) as Arc<dyn BucketStore>
        };
        let is_hasty = self.is_hasty.get();
        let aws = if is_hasty { self.aws } else { self.aws.patient() };
        let (raw, lake) = match self.s3 {
            Some(s3) => {
                let s3 = if is_hasty { s3 } else { s3.patient() };
                (Arc::<AmazonS3>::clone(&s3.raw) as Arc<dyn BucketStore>, Arc::<AmazonS3>::clone(&s3.lake) as _)
            }
            None => (store(&self.raw), store(&self.lake)),
        };
        let stores = BTreeMap::from([("raw".to_owned(), raw), ("lake".to_owned(), lake)]);
        Context {
            settings: Settings {
                region: "eu-central-1".to_owned(),
                lake_bucket: "lake".to_owned(),
                failures_queue_url: "http://127.0.0.1/failures".to_owned(),
                stage: Stage::Ingest,
                unknown_datasets: self.unknown_datasets,
                size_bytes_max: self.heavy_bytes,
                too_big: TooBig::HandOn { heavy_queue_url: "http://127.0.0.1/heavy".to_owned() },
                threads: 1,
                held_bytes: self.held_bytes,
            },
            objects: Objects::of_stores(stores),
            contracts: Contracts::new("lake".to_owned()),
            catalog: Catalog::new(aws.glue.clone(), "db".to_owned()),
            rejects_table: TableDefinition::of_rejects("lake"),
            sqs: aws.sqs.clone(),
            clock,
            emission: if self.tells { self.emission(aws) } else { Emission::none() },
        }
    }

    fn emission(&self, aws: &Aws) -> Emission {
        let [stack, database, bucket, catalog] = ["lakegate", "db", "lake", "arn:aws:glue"].map(str::to_owned);
        let notices = self.notices[usize::from(self.is_hasty.get())]
            .get_or_init(|| Notices::new(&aws.builder(), stack.clone(), database.clone(), bucket.clone()).unwrap());
        Emission {
            metrics: Metrics::new(stack.clone(), Sink::Kept(Arc::clone(&self.metrics))),
            lineage: Some(Lineage::new(stack, bucket, catalog, database)),
            notices: Some(notices.clone()),
        }
    }

    /// What became of one delivery; `None` when the worker died.
    pub(crate) async fn deliver(&self, event: &ObjectEvent) -> Option<Result<Outcome, LakeError>> {
        self.deliver_with(event, None, Duration::from_mins(5)).await
    }

    /// A delivery that is to replace an outcome, to a worker that is killed after some time.
    pub(crate) async fn deliver_with(
        &self,
        event: &ObjectEvent,
        replaces: Option<&str>,
        time: Duration,
    ) -> Option<Result<Outcome, LakeError>> {
        let context = self.context();
        let worker = Worker::new("r", clock() + time, clock());
        let started = Instant::now();
        let delivery =
            Delivery { worker: &worker, event, replaces, run_id: None, started, is_repeated: self.is_repeated.get() };
        // As S3 does, only what is uploaded is announced with a size.
        let work = async {
            match (event.size_bytes, self.in_ranges) {
                (Some(_), Some(range_bytes)) => Box::pin(self.run(event, replaces, range_bytes)).await,
                (Some(_), None) => take_in(&context, delivery).await,
                (None, _) => remove(&context, delivery).await,
            }
        };
        tokio::select! {
            biased;
            () = self.faults.death() => None,
            outcome = work => Some(outcome),
        }
    }

    /// Delivers until the queue would not again.
    pub(crate) async fn settle(&self, event: &ObjectEvent) -> Outcome {
        self.settle_with(event, None).await
    }

    /// As `settle`, of an event that was delivered before.
    pub(crate) async fn settle_again(&self, event: &ObjectEvent) -> Outcome {
        self.settle_after(1, event, None).await
    }

    pub(crate) async fn settle_with(&self, event: &ObjectEvent, replaces: Option<&str>) -> Outcome {
        self.settle_after(0, event, replaces).await
    }

    async fn settle_after(&self, deliveries: usize, event: &ObjectEvent, replaces: Option<&str>) -> Outcome {
        let mut last = "the worker died".to_owned();
        for number in deliveries..deliveries + 3 {
            wait(LATER);
            self.is_repeated.set(number > 0);
            match self.deliver_with(event, replaces, Duration::from_mins(5)).await {
                Some(Ok(outcome)) => return outcome,
                Some(Err(error)) => last = lakegate_lake::chain(&error),
                None => {}
            }
        }
        panic!("it does not settle: {last}");
    }

    pub(crate) async fn visible(&self) -> Visible {
        let plain = self.plain();
        let mut visible = Visible::new();
        for prefix in ["lake/", "rejects/"] {
            for listed in plain.list("lake", prefix).await.unwrap() {
                let bytes = plain.get("lake", &listed.key).await.unwrap().unwrap();
                visible.insert(listed.key, bytes.to_vec());
            }
        }
        visible
    }

    pub(crate) async fn entry(&self) -> Option<Entry> {
        self.entry_of(self.announced.unwrap_or(self.key)).await
    }

    pub(crate) async fn entry_of(&self, key: &str) -> Option<Entry> {
        ledger::read(&self.plain(), "lake", "raw", key).await.unwrap()
    }

    /// The buckets without faults.
    pub(crate) fn plain(&self) -> Objects {
        let lake: Arc<dyn BucketStore> = Arc::<Bucket>::clone(&self.lake);
        Objects::of_stores(BTreeMap::from([("lake".to_owned(), lake)]))
    }

    /// The failures that were told, each of them once however often it was sent: a repeated one is the same.
    pub(crate) fn told(&self) -> Vec<FailureRecord> {
        self.aws.told()
    }

    /// That the ledger tells what is to be seen, and that nobody has the object in hand.
    pub(crate) async fn check(&self, state: State, expected: &Visible, what: &str) {
        let visible = self.visible().await;
        assert_eq!(visible.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
        assert!(visible == *expected, "{what}: other bytes");
        let entry = self.entry().await.unwrap();
        assert_eq!((entry.state, entry.lease_until.as_deref()), (state, None), "{what}");
        assert_eq!(entry.standing_paths(), visible.keys().cloned().collect::<BTreeSet<_>>(), "{what}");
        assert_eq!((entry.unfinished, entry.telling), (None, None), "{what}");
    }
}
