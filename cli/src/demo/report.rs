//! The page of `lakegate report` about the demo's files.
//! It reads the ledger as it stands in the local AWS, as the command does.

use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use lakegate_lake::ledger::Entry;
use serde_json::json;

use crate::demo::prepare::Local;
use crate::demo::sections::title;
use crate::report_page::{self, Gathered};

/// Longer than any demo.
const SPAN: Duration = Duration::from_hours(24);

/// Writes the page, and says where it is.
pub(crate) async fn write(local: &Local) -> Result<()> {
    let stack = &local.stack;
    let ledger = stack.ledger().await?;
    let entries = ledger.into_iter().map(serde_json::from_value::<Entry>).collect::<Result<Vec<Entry>, _>>()?;
    let (visible, in_flight) = stack.client.queue_depth(&stack.dead_letter_queue_url).await?;
    let gathered = Gathered {
        place: format!("the demo's local AWS, {}", stack.client.endpoint()),
        place_json: json!({ "endpoint": stack.client.endpoint() }),
        now: Utc::now(),
        span: SPAN,
        entries,
        unreadable: Vec::new(),
        tables: Vec::new(),
        dead_letters: Some(visible + in_flight),
    };
    let path = local.project.hidden("")?.join("demo-report.html");
    report_page::write(&gathered, &path)?;
    title(local.paint, "The same in a browser");
    say!("  {}", report_page::address(&path));
    Ok(())
}
