//! Tests: Athena, S3 and SQS around the function, and a clock.
//! It must not know what is being tested.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lakegate_dashboard::QUERIES;
use lakegate_lake::athena::Athena;
use lakegate_lake::failure::FailureRecord;
use lakegate_lake::layout;
use lakegate_lake::settings::AwsSettings;
use lakegate_stand_ins::{Aws, Bucket, Ending, Faults, S3};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::Value;

use crate::handler::{Context, handle};
use crate::settings::Settings;

thread_local! {
    /// Seconds that have passed in this test.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

fn clock() -> SystemTime {
    // 2026-01-02T00:00:00Z
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_312_000 + CLOCK.get())
}

pub(crate) fn wait(secs: u64) {
    CLOCK.set(CLOCK.get() + secs);
}

/// What each query answers.
const ANSWERS: [(&str, &str); 8] = [
    (
        "monthly_trend",
        "year|month|orders|customers|revenue|growth\n2025|10|1|1|10|-\n2025|11|2|2|20|100\n2025|12|1|1|5|-75\n2026|1|1|1|5|0",
    ),
    ("revenue_by_region", "region|orders|revenue|share\nEMEA|5|40.00|100.0"),
    ("top_countries", "country|region|orders|customers|revenue\nGermany|EMEA|5|3|40.00"),
    ("top_products", "product|orders|pieces|revenue\nJane Doe's tent|5|7|40.00"),
    ("membership_tiers", "membership_tier|customers|buyers|orders|revenue\ngold|4|3|5|40.00"),
    ("age_groups", "age_group|customers|buyers|orders|revenue\n18-24|4|3|5|40.00"),
    ("order_values", "value_from|orders|revenue\n0|4|30.00\n10|1|10.00"),
    ("repeat_customers", "orders_from|customers|orders|revenue\n1|2|2|20.00\n2|1|3|20.00"),
];

/// The function's surroundings.
pub(crate) struct World {
    pub(crate) aws: Aws,
    pub(crate) s3: S3,
    pub(crate) faults: Arc<Faults>,
    pub(crate) lake: Arc<Bucket>,
}

impl World {
    /// Where every query is answered.
    pub(crate) fn new() -> Self {
        CLOCK.set(0);
        let (aws, s3) = (Aws::start(), S3::start());
        let (faults, raw, lake) = (Arc::<Faults>::default(), Arc::<Bucket>::default(), Arc::<Bucket>::default());
        aws.reset(&faults);
        s3.reset(&raw, &lake, &faults);
        let world = Self { aws, s3, faults, lake };
        for (name, answer) in ANSWERS {
            world.set(name, Ending::Answer(answer.to_owned()));
        }
        world
    }

    /// From now on the query ends so.
    pub(crate) fn set(&self, name: &str, ending: Ending) {
        let query = QUERIES.iter().find(|query| query.name == name).unwrap();
        self.aws.athena().endings.insert(format!("-- {}", query.title()), ending);
    }

    /// From now on the query answers as it did at first.
    pub(crate) fn mend(&self, name: &str) {
        let (_, answer) = ANSWERS.iter().find(|(known, _)| *known == name).unwrap();
        self.set(name, Ending::Answer((*answer).to_owned()));
    }

    pub(crate) fn context(&self) -> Context {
        let (aws, s3) = (self.aws.patient(), self.s3.patient());
        Context {
            settings: Settings {
                aws: AwsSettings {
                    region: "eu-central-1".to_owned(),
                    endpoint_url: Some("http://127.0.0.1:1".to_owned()),
                    variables: BTreeMap::new(),
                },
                stack_name: "lakegate".to_owned(),
                database: "lakegate".to_owned(),
                work_group: "lakegate-dashboard".to_owned(),
                lake_bucket: "lake".to_owned(),
                failures_queue_url: "http://127.0.0.1/failures".to_owned(),
            },
            athena: Athena::new(&aws.builder()).unwrap(),
            objects: s3.objects(),
            sqs: aws.sqs.clone(),
            clock,
        }
    }

    /// One invocation: its outcome, or the function's own error.
    pub(crate) async fn run(&self) -> String {
        self.run_for(Duration::from_secs(30)).await
    }

    /// The same, whose queries may take so long.
    pub(crate) async fn run_for(&self, queries: Duration) -> String {
        let deadline = clock() + Duration::from_secs(45) + queries;
        match handle(&self.context(), "r", deadline).await {
            Ok(told) => told["outcome"].as_str().unwrap().to_owned(),
            Err(error) => format!("error: {error}"),
        }
    }

    pub(crate) async fn page(&self) -> String {
        self.text(layout::SALES_PAGE).await
    }

    pub(crate) async fn figures(&self) -> Value {
        serde_json::from_str(&self.text(layout::SALES_FIGURES).await).unwrap_or_default()
    }

    /// Empty where there is no such object.
    async fn text(&self, key: &str) -> String {
        match self.lake.get(&Path::from(key)).await {
            Ok(found) => String::from_utf8(found.bytes().await.unwrap().to_vec()).unwrap(),
            Err(_) => String::new(),
        }
    }

    /// What was told so far: kinds and summaries.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = |record: &FailureRecord| {
            assert_eq!((record.dataset.as_deref(), record.source.as_ref()), (Some("dashboard"), None));
            format!("{}: {}", record.kind, record.summary)
        };
        self.aws.failures().iter().map(told).collect()
    }
}
