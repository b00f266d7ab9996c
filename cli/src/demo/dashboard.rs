//! The business dashboard: what the saved queries answer, as the deployed function publishes it.
//! It does not know what is on the page.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::demo::checks::Checks;
use crate::demo::prepare::Local;
use crate::demo::samples::cents;
use crate::demo::sections::title;
use crate::report_page;

/// Where the function publishes, in the lake bucket.
const PAGE: &str = "reports/sales.html";
const FIGURES: &str = "reports/sales.json";

/// Has the page published, and says where a copy of it is.
pub(crate) async fn show(local: &Local, checks: &mut Checks, revenue_cents: u64) -> Result<()> {
    let (stack, client) = (&local.stack, &local.stack.client);
    title(local.paint, "Dashboard of sales, published by a function");
    let function = stack.dashboard_function.as_deref().context("the stack publishes no dashboard")?;
    let told = client.invoke(function, b"{}").await?;
    let page = client.get_object(&stack.lake_bucket, PAGE).await.with_context(|| format!("no page: {told}"))?;
    let path = local.project.hidden("")?.join("demo-dashboard.html");
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    let figures: Value = serde_json::from_slice(&client.get_object(&stack.lake_bucket, FIGURES).await?)?;
    let problems = figures.get("problems").and_then(Value::as_object).into_iter().flatten();
    let problems: Vec<String> = problems.map(|(query, problem)| format!("{query}: {problem}")).collect();
    checks.equal("every query was answered", &problems, &Vec::new());
    let revenue = figures.pointer("/facts/revenue").and_then(Value::as_f64).map(|revenue| format!("{revenue:.2}"));
    let revenue = revenue.as_deref().and_then(cents);
    checks.equal("the page's revenue is what was generated", &revenue, &Some(revenue_cents));
    say!("  s3://{}/{PAGE}", stack.lake_bucket);
    say!("  {}", report_page::address(&path));
    Ok(())
}
