//! A digest's end: what to type when the cause is gone.
//! It must not say what failed.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use lakegate_lake::failure::FailureKind;

use super::{Group, is_unfetched, is_unloaded, is_unpublished};
use crate::advice;
use crate::commands::Commands;

/// Datasets that have a command of their own each; more of them have one for all.
const COMMANDS_MAX: usize = 5;
/// Of a name in a command: what a table of the Glue catalog may have.
const NAME_MAX_CHARS: usize = 255;

/// The commands of the kinds that are to be sent again, which say for themselves what they would do.
pub(super) fn write_replay(out: &mut String, commands: &Commands<'_>, groups: &[Group<'_>]) -> fmt::Result {
    writeln!(out, "\nTO REPLAY")?;
    let kinds: BTreeSet<&FailureKind> = groups.iter().map(|group| group.kind).collect();
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| advice::care(kind).is_replayed).collect();
    if kinds.is_empty() {
        writeln!(out, "Nothing that is listed above is mended by a replay.")?;
    } else {
        writeln!(out, "When the cause is gone, this sends what failed for it through again:")?;
        for kind in kinds {
            let of_dataset = only_dataset(groups, kind).map_or_else(String::new, |name| format!(" --dataset {name}"));
            writeln!(out, "  {} --kind {kind}{of_dataset}", commands.replay())?;
        }
        writeln!(
            out,
            "Without --send it shows what it would send; --dataset and --key choose among them, and without --kind it is everything."
        )?;
    }
    writeln!(out, "This tells what became of files; what each kind means stands in docs/runbook.md:")?;
    writeln!(out, "  {}", commands.status())?;
    writeln!(out, "What was taken in before, or was uploaded anew since, is recognised and left alone.")
}

/// The commands of what a schedule tries again by itself, or nobody does.
pub(super) fn write_runs(out: &mut String, commands: &Commands<'_>, groups: &[Group<'_>]) -> fmt::Result {
    let fetches = datasets_of(groups, is_unfetched);
    let loads = datasets_of(groups, is_unloaded);
    let is_page = groups.iter().any(|group| is_unpublished(group.kind));
    let mut lines = Vec::new();
    for (function, datasets) in [("fetch-api", fetches), ("load-warehouse", loads)] {
        if datasets.len() > COMMANDS_MAX {
            lines.push(commands.invoke(function, None));
        } else {
            lines.extend(datasets.into_iter().filter(is_word).map(|dataset| commands.invoke(function, Some(dataset))));
        }
    }
    if is_page {
        lines.push(commands.invoke("publish-report", None));
    }
    if !lines.is_empty() {
        writeln!(out, "\nTO TRY AGAIN")?;
        writeln!(out, "When the cause is gone, this does so at once, and says what came of it (AWS CLI v2):")?;
        for line in lines {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

/// Where more is to be read, in a mail that has nothing to replay.
pub(super) fn write_runbook(out: &mut String) -> fmt::Result {
    writeln!(out, "\nWhat each kind means, and what to look at, stands in docs/runbook.md.")
}

/// The one dataset of a kind's failures: other datasets' dead letters of that kind are nobody's business here.
fn only_dataset<'a>(groups: &[Group<'a>], kind: &FailureKind) -> Option<&'a str> {
    let datasets: BTreeSet<&str> =
        groups.iter().filter(|group| group.kind == kind).map(|group| group.dataset).collect();
    datasets.first().copied().filter(is_word).filter(|_| datasets.len() == 1)
}

fn datasets_of<'a>(groups: &[Group<'a>], is_meant: fn(&FailureKind) -> bool) -> BTreeSet<&'a str> {
    groups.iter().filter(|group| is_meant(group.kind)).map(|group| group.dataset).collect()
}

/// A name that is more than a word would be more than a word of the command.
fn is_word(name: &&str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_MAX_CHARS
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
