//! The time after the demo: the local AWS stays, and tells of every file that someone drops in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{SecondsFormat, Utc};
use lakegate_local::Stack;
use lakegate_local::json::text;
use tempfile::TempPath;

use crate::demo::fate::{Fate, dead_letters};
use crate::demo::prepare::Local;
use crate::demo::sections::mail;
use crate::paint::Paint;

const POLL_MILLIS: u64 = 300;
/// Between two looks at the dead letters, which hide them for a second from `lakegate status` and `lakegate replay`.
const LETTERS_EVERY_POLLS: u32 = 20;

/// Says how to go on from here; writes the functions' environment for those who run a function themselves, into a file that goes away when
/// what is returned is dropped.
pub(crate) async fn explain(local: &Local) -> Result<TempPath> {
    let stack = &local.stack;
    let (endpoint, raw, lake) = (stack.client.endpoint(), &stack.raw_bucket, &stack.lake_bucket);
    let environment = local.project.hidden("")?.join("local.env");
    fs::write(&environment, stack.environment_file().await?)
        .with_context(|| format!("cannot write {}", environment.display()))?;
    let written = TempPath::try_from_path(environment)?;
    say!(
        "
The local AWS stays at {endpoint} until Ctrl-C. In another terminal:

  drop a file     curl -T my.csv {endpoint}/{raw}/orders/my.csv
  add a contract  curl -T my.odcs.yaml {endpoint}/{lake}/contracts/my.odcs.yaml
                  (known within half a minute; its name ends in .odcs.yaml, .odcs.yml or .odcs.json)
  look around     curl '{endpoint}/{lake}?list-type=2'
  ask             AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_ENDPOINT_URL={endpoint} \\
                  cargo run -- status        (or replay, or sweep --older-than 0s)
  the AWS CLI     AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 \\
                  aws --endpoint-url {endpoint} s3 ls --recursive s3://{lake}/
  a function      cargo lambda watch -A 127.0.0.1 -p ingest --env-file .lakegate/local.env

What becomes of each file is told here, and every alert is shown as it arrives by e-mail.
"
    );
    Ok(written)
}

/// Tells of every new fate; does not end by itself.
pub(crate) async fn watch(stack: &Stack, paint: Paint) -> Result<()> {
    let mut told = Told { since: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true), ..Told::default() };
    for poll in 0_u32.. {
        for (key, fate) in told.news(stack, poll.is_multiple_of(LETTERS_EVERY_POLLS)).await? {
            let name = if key.is_empty() { "(a message)" } else { key.as_str() };
            say!("  {name:44} {} {}", fate.painted(paint), fate.story());
        }
        for (subject, body) in stack.take_alerts().await? {
            mail(paint, &subject, &body);
        }
        tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await;
    }
    Ok(())
}

/// What has been told.
#[derive(Default)]
struct Told {
    /// What happened before is not news (RFC 3339, UTC, to the millisecond: text compares like time).
    since: String,
    /// When each key was last judged.
    judged: BTreeMap<String, String>,
    /// Dead letters by their id.
    letters: BTreeSet<String>,
}

impl Told {
    async fn news(&mut self, stack: &Stack, with_letters: bool) -> Result<Vec<(String, Fate)>> {
        let mut news = Vec::new();
        for entry in stack.ledger().await? {
            let Some(fate) = Fate::of_entry(&entry) else { continue };
            let (key, at) = (text(&entry, "/source/key").to_owned(), text(&entry, "/at").to_owned());
            if at > self.since && self.judged.insert(key.clone(), at.clone()) != Some(at) {
                news.push((key, fate));
            }
        }
        let letters = if with_letters { dead_letters(stack).await? } else { Vec::new() };
        for (id, record) in letters {
            let (key, at) = (text(&record, "/source/key").to_owned(), text(&record, "/at").to_owned());
            let is_news = at > self.since && self.letters.insert(id);
            // What the ledger has was told, and what it is about to have, of the same time, is told now.
            if is_news && !self.judged.contains_key(&key) {
                self.judged.insert(key.clone(), at);
                news.push((key, Fate::Failed(record)));
            }
        }
        Ok(news)
    }
}
