//! Which failures a replay is about.
//! It must not know where they come from, nor send anything.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Value, json};

use crate::operate::solved::Solved;
use crate::operate::{kinds, shown, spans};

/// What is asked for. Several values of one option: any of them; several options: all of them.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Which")]
pub(crate) struct ChoiceArgs {
    /// Only failures of this kind, as the alert names it; with --from ledger also by its finer words; may be given again
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only files of this dataset; may be given again
    #[arg(long, value_name = "NAME")]
    dataset: Vec<String>,
    /// Only files whose keys match: * within a folder, ** across folders
    #[arg(long, value_name = "GLOB")]
    key: Option<String>,
    /// Only what failed longer ago than this: 90s, 15m, 24h, 7d
    #[arg(long, value_name = "SPAN", value_parser = spans::parse)]
    older_than: Option<Duration>,
    /// Only what failed within this time
    #[arg(long, alias = "newer-than", value_name = "SPAN", value_parser = spans::parse)]
    since: Option<Duration>,
}

/// The same, ready to be asked.
#[derive(Debug)]
pub(crate) struct Choice {
    kinds: Vec<String>,
    datasets: Vec<String>,
    key: Option<GlobMatcher>,
    before: Option<DateTime<Utc>>,
    since: Option<DateTime<Utc>>,
}

/// A failure that may be replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// When it happened.
    pub(crate) at: Option<DateTime<Utc>>,
    /// What it is called: the first is shown, any of them is matched.
    pub(crate) kinds: Vec<String>,
    pub(crate) dataset: Option<String>,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) summary: String,
    /// Why it needs nothing any more, where that was looked up.
    pub(crate) solved: Option<Solved>,
}

impl ChoiceArgs {
    /// What is wrong with what is asked for: a kind that no failure has, of the ledger or of dead letters.
    pub(crate) fn wrong(&self, is_ledger: bool) -> Option<String> {
        self.kind.iter().find_map(|kind| kinds::refusal(kind, is_ledger))
    }

    pub(crate) fn ready(&self, now: DateTime<Utc>) -> Result<Choice> {
        let glob = |pattern: &String| {
            let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
            glob.map(|glob| glob.compile_matcher()).with_context(|| format!("--key {pattern} is no pattern"))
        };
        let ago = |span: Option<Duration>| {
            span.and_then(|span| now.checked_sub_signed(chrono::TimeDelta::from_std(span).ok()?))
        };
        Ok(Choice {
            kinds: self.kind.clone(),
            datasets: self.dataset.clone(),
            key: self.key.as_ref().map(glob).transpose()?,
            before: ago(self.older_than),
            since: ago(self.since),
        })
    }
}

impl Choice {
    /// True for what is asked for. A failure of unknown time is neither old nor new.
    pub(crate) fn includes(&self, failure: &Failure) -> bool {
        let kind = self.kinds.is_empty() || self.names_kind_of(failure);
        let named = |name: &String| failure.dataset.as_ref() == Some(name);
        let dataset = self.datasets.is_empty() || self.datasets.iter().any(named);
        let key = self.key.as_ref().is_none_or(|glob| glob.is_match(&failure.key));
        let before = self.before.is_none_or(|before| failure.at.is_some_and(|at| at <= before));
        let since = self.since.is_none_or(|since| failure.at.is_some_and(|at| at >= since));
        kind && dataset && key && before && since
    }

    /// True when the failure's kind is asked for by name.
    pub(crate) fn names_kind_of(&self, failure: &Failure) -> bool {
        self.kinds.iter().any(|kind| failure.kinds.iter().any(|known| known.eq_ignore_ascii_case(kind)))
    }

    /// What failed before is not asked for.
    pub(crate) fn since(&self) -> Option<DateTime<Utc>> {
        self.since
    }
}

impl Failure {
    /// The header of [`Failure::cells`].
    pub(crate) const HEADER: [&'static str; 5] = ["when", "kind", "dataset", "object", "what"];

    /// A row of a table.
    pub(crate) fn cells(&self) -> Vec<String> {
        let object = if self.key.is_empty() { "-".to_owned() } else { shown::text(&self.key) };
        vec![
            self.at.map_or_else(|| "-".to_owned(), shown::time),
            self.kinds.first().map_or_else(|| "-".to_owned(), |kind| shown::text(kind)),
            self.dataset.as_deref().map_or_else(|| "-".to_owned(), shown::text),
            object,
            self.solved.map_or_else(|| shown::text(&self.summary), |solved| solved.words().to_owned()),
        ]
    }

    pub(crate) fn as_json(&self) -> Value {
        json!({
            "at": self.at.map(shown::rfc3339),
            "kind": self.kinds.first(),
            "dataset": self.dataset,
            "bucket": self.bucket,
            "key": self.key,
            "version_id": self.version_id,
            "summary": self.summary,
            "solved": self.solved,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-10T12:00:00Z".parse().unwrap()
    }

    fn failure(at: &str, key: &str) -> Failure {
        Failure {
            at: at.parse().ok(),
            kinds: vec!["HeaderMismatch".to_owned(), "ContractViolated".to_owned()],
            dataset: Some("orders".to_owned()),
            key: key.to_owned(),
            ..Failure::default()
        }
    }

    fn includes(args: &ChoiceArgs, failure: &Failure) -> bool {
        args.ready(now()).unwrap().includes(failure)
    }

    #[test]
    fn nothing_asked_for_is_everything() {
        assert!(includes(&ChoiceArgs::default(), &Failure::default()));
    }

    #[test]
    fn a_key_matches_within_a_folder_or_across_folders() {
        let matches = |pattern: &str, key: &str| {
            includes(&ChoiceArgs { key: Some(pattern.to_owned()), ..ChoiceArgs::default() }, &failure("", key))
        };
        assert!(matches("orders/*.csv", "orders/a b.csv") && !matches("orders/*.csv", "orders/2025/a.csv"));
        assert!(matches("orders/**", "orders/2025/a.csv") && matches("**/*.csv", "a.csv"));
        assert!(matches(r"orders/\[1\].csv", "orders/[1].csv"));
        let wrong = ChoiceArgs { key: Some("orders/[".to_owned()), ..ChoiceArgs::default() };
        insta::assert_snapshot!(format!("{:#}", wrong.ready(now()).unwrap_err()), @"--key orders/[ is no pattern: error parsing glob 'orders/[': unclosed character class; missing ']'");
    }

    #[test]
    fn any_name_of_a_kind_and_any_of_several_is_taken() {
        let of = |kinds: &[&str], datasets: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            let args = ChoiceArgs { kind: owned(kinds), dataset: owned(datasets), ..ChoiceArgs::default() };
            includes(&args, &failure("", "a"))
        };
        assert!(
            of(&["ContractViolated"], &[])
                && of(&["headermismatch"], &[])
                && of(&["GaveUp", "HeaderMismatch"], &["customers", "orders"])
        );
        assert!(!of(&["GaveUp"], &[]) && !of(&[], &["customers"]) && !of(&["ContractViolated"], &["customers"]));
    }

    #[test]
    fn ages_are_bounds_and_an_unknown_one_is_in_none() {
        let hour = Some(Duration::from_hours(1));
        let (old, new) = (failure("2026-01-10T10:00:00Z", "a"), failure("2026-01-10T11:30:00Z", "a"));
        let older = ChoiceArgs { older_than: hour, ..ChoiceArgs::default() };
        let newer = ChoiceArgs { since: hour, ..ChoiceArgs::default() };
        assert_eq!([includes(&older, &old), includes(&older, &new)], [true, false]);
        assert_eq!([includes(&newer, &old), includes(&newer, &new)], [false, true]);
        assert!(!includes(&older, &failure("", "a")) && !includes(&newer, &failure("", "a")));
    }
}
