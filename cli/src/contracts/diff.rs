//! `lakegate contracts diff`: what a new contract does to the table, to its older files and to the next ones.
//! It looks at two documents only, not at the catalog.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use lakegate_contract::{Change, Class, Contract, diff};
use serde_json::{Value, json};

use crate::output;
use crate::paint::Paint;

/// At least one change is breaking.
const EXIT_BREAKING: u8 = 3;
const EXAMPLES: &str = "\
Examples:
  lakegate contracts diff deployed.odcs.yaml orders.odcs.yaml
  git show main:orders.odcs.yaml | lakegate contracts diff - orders.odcs.yaml --json

Told is what happens to the table, to its partitions, to older files and to new ones. Classes: breaking (older files, queries or new files fail, or rows mean something else), stricter (what was accepted may be rejected), \
looser (what was rejected may be accepted), neutral.

Exit status: 0 nothing is breaking, 3 something is, 2 wrong usage, 1 anything else.";

/// Two contracts to compare.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiffArgs {
    /// The contract that files were taken in under (ODCS v3, YAML or JSON); - is standard input
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The contract that is to follow it
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Compares two contracts.
pub(super) fn run(args: &DiffArgs) -> Result<ExitCode> {
    let (old, new) = (super::read(&args.old)?, super::read(&args.new)?);
    let changes = diff(&old, &new);
    if args.json {
        output::json(&as_json(&old, &new, &changes))?;
    } else {
        output::line(&as_text(&old, &new, &changes))?;
    }
    let is_breaking = changes.iter().any(|change| change.class == Class::Breaking);
    Ok(if is_breaking { ExitCode::from(EXIT_BREAKING) } else { ExitCode::SUCCESS })
}

/// The class, in its colour.
fn painted(class: Class) -> String {
    let paint = Paint::new();
    match class {
        Class::Breaking => paint.bad(class.name()),
        Class::Stricter => paint.note(class.name()),
        Class::Looser | Class::Neutral => paint.title(class.name()),
    }
}

fn number(changes: &[Change], class: Class) -> usize {
    changes.iter().filter(|change| change.class == class).count()
}

const fn meaning(class: Class) -> &'static str {
    match class {
        Class::Breaking => "older files, queries or new files fail, or rows mean something else",
        Class::Stricter => "what was accepted may be rejected",
        Class::Looser => "what was rejected may be accepted",
        Class::Neutral => "what was published and accepted stays as it was",
    }
}

pub(super) fn as_text(old: &Contract, new: &Contract, changes: &[Change]) -> String {
    let title = format!("table {}, version {} to {}", new.table, old.version, new.version);
    if changes.is_empty() {
        return format!("{title}: no difference");
    }
    let present = Class::ALL.into_iter().filter(|class| number(changes, *class) > 0);
    let counts: Vec<String> = present.clone().map(|class| format!("{} {class}", number(changes, class))).collect();
    let mut lines = vec![format!("{title}: {}", counts.join(", "))];
    for class in present {
        lines.push(format!("\n{}: {}", painted(class), meaning(class)));
        for change in changes.iter().filter(|change| change.class == class) {
            lines.push(format!("  {}: {}", change.path, sides(change)));
            lines.push(format!("      {}", change.effect));
        }
    }
    lines.join("\n")
}

fn sides(change: &Change) -> String {
    match (&change.old, &change.new) {
        (None, None) => "changed".to_owned(),
        (None, Some(new)) => format!("new: {new}"),
        (Some(old), None) => format!("dropped: {old}"),
        (Some(old), Some(new)) if old == new => format!("still {new}"),
        (Some(old), Some(new)) => format!("{old} -> {new}"),
    }
}

fn as_json(old: &Contract, new: &Contract, changes: &[Change]) -> Value {
    let counts: serde_json::Map<String, Value> =
        Class::ALL.into_iter().map(|class| (class.name().to_owned(), json!(number(changes, class)))).collect();
    json!({
        "table": new.table,
        "old_version": old.version,
        "new_version": new.version,
        "is_breaking": number(changes, Class::Breaking) > 0,
        "counts": counts,
        "changes": changes.iter().map(change_as_json).collect::<Vec<_>>(),
    })
}

pub(super) fn change_as_json(change: &Change) -> Value {
    json!({
        "class": change.class.name(),
        "path": change.path,
        "old": change.old,
        "new": change.new,
        "effect": change.effect,
    })
}
