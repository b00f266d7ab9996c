//! The time after the demo: the local AWS stays, and tells of every file that someone drops in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use lakegate_local::Stack;
use lakegate_local::json::text;

use crate::demo::fate::{Fate, dead_letters};
use crate::demo::paint::Paint;

const POLL_MILLIS: u64 = 300;

/// How to go on from here.
pub(crate) fn explain(stack: &Stack) {
    let endpoint = stack.client.endpoint();
    let (raw, lake) = (&stack.raw_bucket, &stack.lake_bucket);
    println!(
        "
The local AWS stays at {endpoint} until Ctrl-C. In another terminal:

  drop a file   curl -T my.csv {endpoint}/{raw}/orders/my.csv
  a contract    curl -T my.odcs.yaml {endpoint}/{lake}/contracts/my.odcs.yaml   (holds within half a minute)
  look around   curl '{endpoint}/{lake}?list-type=2'
  the AWS CLI   AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 \\
                aws --endpoint-url {endpoint} s3 ls --recursive s3://{lake}/

What becomes of each file is told here.
"
    );
}

/// Tells of every new fate; never ends by itself.
pub(crate) async fn watch(stack: &Stack, paint: &Paint) -> Result<()> {
    let mut seen = Seen::default();
    seen.news(stack).await?;
    loop {
        for (key, fate) in seen.news(stack).await? {
            println!("  {key:44} {} {}", fate.painted(*paint), fate.story());
        }
        tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await;
    }
}

/// What has been told: versions by key, and dead letters by their id.
#[derive(Default)]
struct Seen {
    versions: BTreeMap<String, String>,
    letters: BTreeSet<String>,
}

impl Seen {
    async fn news(&mut self, stack: &Stack) -> Result<Vec<(String, Fate)>> {
        let mut news = Vec::new();
        for entry in stack.ledger().await? {
            let Some(fate) = Fate::of_entry(&entry) else { continue };
            let (key, at) = (text(&entry, "/source/key").to_owned(), text(&entry, "/at").to_owned());
            if self.versions.insert(key.clone(), at.clone()) != Some(at) {
                news.push((key, fate));
            }
        }
        for (id, record) in dead_letters(stack).await? {
            let key = text(&record, "/source/key").to_owned();
            let is_new = self.letters.insert(id);
            if is_new && !self.versions.contains_key(&key) {
                news.push((key, Fate::Failed(record)));
            }
        }
        Ok(news)
    }
}
