//! What an API has and nobody drops: asked for by the deployed function, and followed like any other file.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use lakegate_local::json::text;
use serde_json::{Value, json};

use crate::demo::checks::Checks;
use crate::demo::crm::{Crm, PAGE};
use crate::demo::fate::{Fate, await_fate, rows};
use crate::demo::prepare::Local;
use crate::demo::sections::title;
use crate::generate::{self, Month};
use crate::text_table::count;

const DATASET: &str = "customers";

/// Stands in the sample contract behind the server `landing`, and the source behind it.
const BEHIND: &str = "    delimiter: new_line\n";

/// The sample contract of the customers, with where they come from.
pub(crate) fn contract(sample: &str, location: &str, since: Month) -> Result<String> {
    let source = format!(
        "  - server: source
    type: api
    location: {location}
    customProperties:
      - {{vendor: lakegate, property: prefix, value: customers/api/}}
      - {{vendor: lakegate, property: records, value: /customers}}
      - {{vendor: lakegate, property: pagination, value: {{type: cursor, parameter: cursor, next: /next}}}}
      - vendor: lakegate
        property: incremental
        value: {{field: /updated_at, type: timestamp, parameter: updated_since, initial: \"{since}-01T00:00:00Z\"}}
"
    );
    ensure!(sample.contains(BEHIND), "the sample contract of the customers has changed");
    Ok(sample.replacen(BEHIND, &format!("{BEHIND}{source}"), 1))
}

/// Has the function fetch what the API has since a month's beginning, and then what is new.
pub(crate) async fn show(local: &Local, checks: &mut Checks, since: Month, customers: u64) -> Result<()> {
    let (stack, paint) = (&local.stack, local.paint);
    let (records, told) = generate::changed_customers(since, customers)?;
    let api = Crm::start(&records).await?;
    title(paint, &format!("Fetched from an API, {}", api.location));
    let path = local.project.root().join("contracts/customers.odcs.yaml");
    let sample = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    stack.put_contract("customers.odcs.yaml", contract(&sample, &api.location, since)?).await?;

    let started = Instant::now();
    let is_fetched = fetch(local).await? == "written";
    let key = text(&progress(local).await?, "/written/key").to_owned();
    let fate = await_fate(stack, &key, None).await?;
    let read = fate.entry().map_or(0, |entry| rows(entry, "rows_read"));
    let is_whole = is_fetched && matches!(fate, Fate::Committed(_)) && read == told.rows_read;
    let pages = told.rows_read.div_ceil(PAGE as u64);
    let elapsed = paint.faint(&format!("{:.1} s", started.elapsed().as_secs_f64()));
    let about = format!("{} records in {pages} pages, as one file", count(told.rows_read));
    say!("  {} {about:63} {}  {elapsed}", checks.mark(is_whole), fate.painted(paint));
    say!("    {}", paint.faint(&format!("{key}: {}", fate.story())));
    checks.note(is_whole, format!("the API has {} records, and {read} arrived", told.rows_read));
    checks.claim(fetch(local).await? == "nothing-new", "asked again, from the last record on: nothing new");
    Ok(())
}

/// Runs the function as its schedule does; what became of the one source there is.
async fn fetch(local: &Local) -> Result<String> {
    let stack = &local.stack;
    let function = stack.fetch_function.as_deref().context("the stack fetches nothing")?;
    let told = stack.client.invoke(function, &json!({ "dataset": DATASET }).to_string().into_bytes()).await?;
    Ok(text(&told, "/sources/0/outcome").to_owned())
}

/// How far the source was fetched.
async fn progress(local: &Local) -> Result<Value> {
    let stack = &local.stack;
    let bytes = stack.client.get_object(&stack.lake_bucket, &format!("fetch/{DATASET}.json")).await?;
    serde_json::from_slice(&bytes).context("what the function keeps of its progress is not JSON")
}
