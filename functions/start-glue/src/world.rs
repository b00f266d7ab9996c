//! Tests: a lake bucket and the services around it, in which messages of the heavy queue are delivered to functions that have just started.
//! It must not know what is being tested.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lakegate_lake::claims::Worker;
use lakegate_lake::failure;
use lakegate_lake::jobs::{self, Manifest};
use lakegate_lake::ledger::{self, Entry, Source, State};
use lakegate_lake::objects::{BucketStore, Objects};
use lakegate_lake::settings::AwsSettings;
use lakegate_lake::{announce, layout};
use lakegate_stand_ins::{Aws, Bucket, Faults, Run, S3};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

use crate::handler::{self, Context};
use crate::settings::Settings;

pub(crate) const KEY: &str = "orders/a b.csv";
/// Longer than any claim lasts.
pub(crate) const LATER: u64 = 1_800;
/// How long a worker lives.
const TIME: Duration = Duration::from_mins(2);

thread_local! {
    /// Seconds that have passed in this test.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + CLOCK.get())
}

/// The lake bucket, Glue and SQS.
pub(crate) struct World<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) faults: Arc<Faults>,
    /// Workers give up calls that are not answered soon.
    pub(crate) is_hasty: Cell<bool>,
    s3: &'a S3,
    lake: Arc<Bucket>,
    /// Of whatever was handed over until now.
    count: Cell<u64>,
}

impl<'a> World<'a> {
    pub(crate) fn new(aws: &'a Aws, s3: &'a S3) -> Self {
        let (faults, lake) = (Arc::<Faults>::default(), Arc::<Bucket>::default());
        aws.reset(&faults);
        s3.reset(&Arc::default(), &lake, &faults);
        aws.set_time(clock());
        Self { aws, faults, is_hasty: Cell::new(false), s3, lake, count: Cell::new(0) }
    }

    pub(crate) fn wait(&self, secs: u64) {
        CLOCK.set(CLOCK.get() + secs);
        self.aws.set_time(clock());
    }

    /// A version that has just been uploaded under a key, as ingest found it.
    pub(crate) fn source(&self, key: &str) -> Source {
        self.count.set(self.count.get() + 1);
        let count = self.count.get();
        Source {
            bucket: "raw".to_owned(),
            key: key.to_owned(),
            version_id: Some(format!("v{count}")),
            etag: Some(format!("e{count}")),
            sequencer: Some(format!("{count:04}")),
            last_modified: None,
            size_bytes: 5_000_000_000,
        }
    }

    /// What ingest writes.
    pub(crate) async fn write(&self, entry: &Entry) {
        self.write_text(&entry.source.key, &serde_json::to_string(entry).unwrap()).await;
    }

    /// Whatever stands where the entry of a key should.
    pub(crate) async fn write_text(&self, key: &str, text: &str) {
        let path = Path::from(layout::ledger_object("raw", key));
        self.lake.put(&path, text.to_owned().into()).await.unwrap();
    }

    pub(crate) fn entry_of(source: &Source, state: State) -> Entry {
        let mut entry = Entry::new(source.clone(), state, "0.1.0", failure::rfc3339(clock().into()));
        entry.dataset = Some("orders".to_owned());
        entry.kept_paths = vec!["lake/orders/of-a-former-version.parquet".to_owned()];
        entry
    }

    /// What ingest does with a version that is too big for it: the entry, and the message's body.
    pub(crate) async fn hand_over(&self, source: &Source) -> String {
        self.wait(1);
        self.write(&Self::entry_of(source, State::Heavy)).await;
        Self::message(source)
    }

    pub(crate) fn message(source: &Source) -> String {
        announce::version("eu-central-1", source, clock().into())
    }

    /// The buckets without faults.
    pub(crate) fn plain(&self) -> Objects {
        let lake: Arc<dyn BucketStore> = Arc::<Bucket>::clone(&self.lake);
        Objects::of_stores(BTreeMap::from([("lake".to_owned(), lake)]))
    }

    pub(crate) async fn entry(&self, key: &str) -> Option<Entry> {
        ledger::read(&self.plain(), "lake", "raw", key).await.unwrap()
    }

    pub(crate) async fn manifest(&self, key: &str) -> Manifest {
        self.plain().get_json("lake", key).await.unwrap().unwrap().0
    }

    /// The runs that were started for what an entry says was handed over.
    pub(crate) fn runs_for(&self, entry: &Entry) -> Vec<Run> {
        let key = jobs::manifest_object(entry);
        self.aws.runs().into_iter().filter(|run| run.arguments[jobs::MANIFEST_ARGUMENT] == key).collect()
    }

    /// A function that has just started.
    pub(crate) fn context(&self) -> Context {
        let region = "eu-central-1".to_owned();
        let (aws, s3) = if self.is_hasty.get() { (self.aws, self.s3) } else { (self.aws.patient(), self.s3.patient()) };
        Context {
            settings: Settings {
                aws: AwsSettings { region, endpoint_url: None, variables: BTreeMap::new() },
                glue_job: "convert-large".to_owned(),
                lake_bucket: "lake".to_owned(),
                heavy_queue_url: "http://127.0.0.1/heavy".to_owned(),
                failures_queue_url: "http://127.0.0.1/failures".to_owned(),
            },
            glue: aws.glue.clone(),
            sqs: aws.sqs.clone(),
            objects: s3.warm_objects(),
            clock,
        }
    }

    /// True when the message was acknowledged; `None` when the worker died.
    pub(crate) async fn deliver(&self, body: &str) -> Option<bool> {
        let context = self.context();
        let worker = Worker::new("r", clock() + TIME, clock());
        let payload = json!({ "Records": [{
            "messageId": "m", "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {},
        }] });
        tokio::select! {
            biased;
            () = self.faults.death() => None,
            handled = handler::handle(&context, &worker, &payload) => {
                Some(handled.unwrap().batch_item_failures.is_empty())
            }
        }
    }

    /// Delivers until the queue would not again.
    pub(crate) async fn settle(&self, body: &str) {
        for _ in 0..3 {
            self.wait(LATER);
            if self.deliver(body).await == Some(true) {
                return;
            }
        }
        panic!("it does not settle");
    }
}
