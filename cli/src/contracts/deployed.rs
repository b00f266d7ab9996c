//! `lakegate contracts list` and `show`: which contracts are deployed, and one of them as it stands.
//! It changes nothing.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lakegate_contract::Contract;
use lakegate_lake::contracts::{Contracts, Deployed};
use lakegate_lake::layout::{CONTRACTS_PREFIX, DRAFTS_PREFIX};
use lakegate_lake::stack::Stack;
use serde_json::{Value, json};

use super::count;
use crate::operate::place::Place;
use crate::output;
use crate::text_table::draw_fitting;

const LIST_HELP: &str = "\
Examples:
  lakegate contracts list
  lakegate contracts list --stack prod --json | jq -r '.contracts[].table'

Exit status: 0 every one can be used, 2 wrong usage, 1 anything else.";

const SHOW_HELP: &str = "\
Examples:
  lakegate contracts show orders
  lakegate contracts show orders | lakegate contracts diff - orders.odcs.yaml
  lakegate contracts show drafts/invoices.odcs.yaml > invoices.odcs.yaml

Exit status: 0 it is printed, 2 wrong usage, 1 anything else.";

/// Which stack's contracts.
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct ListArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Which contract.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_HELP)]
pub(crate) struct ShowArgs {
    /// Its table or its document: orders, orders.odcs.yaml, drafts/orders.odcs.yaml
    #[arg(value_name = "TABLE")]
    name: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Lists what is deployed. Failure: a document that cannot be used stands in the way of files.
pub(super) async fn list(args: &ListArgs) -> Result<ExitCode> {
    let stack = args.place.stack(None).await?;
    let deployed = deployed(&stack).await?;
    let drafts = drafts(&stack).await?;
    if args.json {
        output::json(&as_json(&stack, &deployed, &drafts))?;
    } else {
        output::line(&as_text(&stack, &deployed, &drafts))?;
    }
    let is_good = deployed.documents().all(|(_, contract)| contract.is_ok());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a document as it stands in the lake bucket.
pub(super) async fn show(args: &ShowArgs) -> Result<ExitCode> {
    let stack = args.place.stack(None).await?;
    let key = key_of(&deployed(&stack).await?, &drafts(&stack).await?, &args.name)?;
    let found = stack.objects.get(&stack.lake_bucket, &key).await?;
    let bytes = found.with_context(|| format!("{} was deleted a moment ago", short(&key)))?;
    let document = String::from_utf8_lossy(&bytes);
    if args.json {
        let answer = json!({ "bucket": stack.lake_bucket, "key": key, "document": document });
        output::json(&answer)?;
    } else {
        output::line(document.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The contracts of a stack.
pub(super) async fn deployed(stack: &Stack) -> Result<Deployed> {
    Ok(Contracts::new(stack.lake_bucket.clone()).deployed(&stack.objects).await?)
}

/// The keys of drafted contracts.
async fn drafts(stack: &Stack) -> Result<Vec<String>> {
    let listed = stack.objects.list(&stack.lake_bucket, DRAFTS_PREFIX).await?;
    Ok(listed.into_iter().map(|object| object.key).collect())
}

/// A document's key without what all have in front.
pub(super) fn short(key: &str) -> &str {
    key.strip_prefix(CONTRACTS_PREFIX).unwrap_or(key)
}

fn key_of(deployed: &Deployed, drafts: &[String], name: &str) -> Result<String> {
    let wanted = short(name);
    let is_named = |key: &str| short(key) == wanted;
    let of_table: Vec<&str> = deployed
        .documents()
        .filter(|(key, contract)| is_named(key) || contract.is_ok_and(|contract| contract.table == name))
        .map(|(key, _)| key)
        .collect();
    let draft = drafts.iter().find(|key| {
        let table = key.strip_prefix(DRAFTS_PREFIX).unwrap_or(key).split('.').next();
        is_named(key) || table == Some(name)
    });
    match (of_table.as_slice(), draft) {
        ([key], _) => Ok((*key).to_owned()),
        ([], Some(draft)) => Ok(draft.clone()),
        ([], None) => bail!("no contract {name} is deployed; `lakegate contracts list` shows those that are"),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|key| short(key)).collect();
            bail!("{} contracts have the table {name}: name one of {}", names.len(), names.join(", "))
        }
    }
}

fn as_text(stack: &Stack, deployed: &Deployed, drafts: &[String]) -> String {
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for (key, contract) in deployed.documents() {
        match contract {
            Ok(contract) => rows.push(row(key, contract)),
            Err(found) => problems.extend(found.iter().map(|problem| format!("  {}: error: {problem}", short(key)))),
        }
    }
    let valid = rows.len();
    rows.extend(drafts.iter().map(|key| {
        let dash = || "-".to_owned();
        vec![short(key).to_owned(), dash(), dash(), "(drafted from files that no contract covers)".to_owned()]
    }));
    let mut lines = vec![format!("{} in s3://{}/{CONTRACTS_PREFIX}", count(valid, "contract"), stack.lake_bucket)];
    if !rows.is_empty() {
        lines.push(String::new());
        lines.push(draw_fitting(&["document", "table", "version", "files"], &rows).trim_end().to_owned());
    }
    if !problems.is_empty() {
        lines.push("\nThese cannot be used; files that no other contract covers wait for them:".to_owned());
        lines.append(&mut problems);
    }
    let misnamed = deployed.misnamed().to_string();
    if let Some(misnamed) = misnamed.strip_prefix("; ") {
        lines.push(format!("\n{misnamed}"));
    }
    lines.join("\n")
}

fn row(key: &str, contract: &Contract) -> Vec<String> {
    vec![
        short(key).to_owned(),
        contract.table.clone(),
        contract.version.clone(),
        contract.landing.location.as_str().to_owned(),
    ]
}

fn as_json(stack: &Stack, deployed: &Deployed, drafts: &[String]) -> Value {
    let document = |(key, contract): (&str, Result<&Contract, &[String]>)| match contract {
        Ok(contract) => json!({
            "key": key,
            "is_good": true,
            "table": contract.table,
            "version": contract.version,
            "owner": contract.owner,
            "location": contract.landing.location.as_str(),
            "columns": contract.columns.len(),
        }),
        Err(problems) => json!({ "key": key, "is_good": false, "errors": problems }),
    };
    json!({
        "bucket": stack.lake_bucket,
        "contracts": deployed.documents().map(document).collect::<Vec<_>>(),
        "drafts": drafts,
        "misnamed": deployed.misnamed().keys,
    })
}
