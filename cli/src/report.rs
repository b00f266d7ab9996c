//! The report of `lakegate convert`: one JSON object, whose shape others rely on.
//! It does not know how a file is converted.

use std::path::Path;

use lakegate_contract::Violations;
use lakegate_convert::{Judgement, RejectedAt, Verdict};
use serde::Serialize;

use crate::paint::Paint;
use crate::text_table::count;

/// What became of a file.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `published` or `rejected`.
    pub(crate) status: &'static str,
    pub(crate) table: String,
    pub(crate) rows_read: u64,
    pub(crate) rows_accepted: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) rows_duplicate: u64,
    /// Column (`""` where none is concerned) → rule → rows.
    pub(crate) violations: Violations,
    /// The same of rules that only warn; under `""` also what file rules have counted.
    pub(crate) warnings: Violations,
    pub(crate) file_error: Option<FileError>,
    pub(crate) outputs: Vec<Output>,
    /// Relative to the output folder.
    pub(crate) rejects_path: Option<String>,
    pub(crate) bytes_read: u64,
    pub(crate) elapsed_ms: u64,
}

/// Why the whole file is rejected.
#[derive(Debug, Serialize)]
pub(crate) struct FileError {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) line: Option<u64>,
}

/// A Parquet file of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Output {
    /// Relative to the output folder.
    pub(crate) path: String,
    /// `year=2025/month=9`; empty for a table without partitions.
    pub(crate) partition: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Report {
    /// `outputs` and `rejects_path` are those that were published.
    pub(crate) fn new(table: &str, judgement: &Judgement, outputs: Vec<Output>, rejects_path: Option<String>) -> Self {
        let file_error = judgement.file_error.as_ref();
        Self {
            status: match judgement.verdict {
                Verdict::Published => "published",
                Verdict::Rejected => "rejected",
            },
            table: table.to_owned(),
            rows_read: judgement.counts.read,
            rows_accepted: judgement.counts.accepted,
            rows_rejected: judgement.counts.rejected,
            rows_duplicate: judgement.counts.duplicate,
            violations: judgement.violations.clone(),
            warnings: judgement.warnings.clone(),
            file_error: file_error.map(|error| FileError {
                kind: error.kind.name(),
                message: error.message.clone(),
                line: error.line,
            }),
            outputs,
            rejects_path,
            bytes_read: judgement.bytes_read,
            elapsed_ms: 0,
        }
    }

    /// What was counted, and the time that it took.
    pub(crate) fn counts(&self) -> String {
        let time = match self.elapsed_ms {
            millis @ 0..1000 => format!("{millis} ms"),
            millis => format!("{}.{} s", count(millis / 1000), millis % 1000 / 100),
        };
        format!(
            "{} read, {} accepted, {} rejected, {} duplicate, in {time}",
            rows_of(self.rows_read).trim_start(),
            count(self.rows_accepted),
            count(self.rows_rejected),
            count(self.rows_duplicate)
        )
    }

    /// A line for each rule that was broken.
    pub(crate) fn broken_rules(&self) -> impl Iterator<Item = String> {
        self.violations.iter().flat_map(|(column, rules)| {
            let column = if column.is_empty() { "the record" } else { column };
            rules.iter().map(move |(rule, rows)| {
                let verb = if *rows == 1 { "breaks" } else { "break" };
                format!("  {} {verb} {rule} of {column}", rows_of(*rows))
            })
        })
    }

    /// A few lines for a person.
    /// Paths are those that can be opened: `out` is the output folder.
    pub(crate) fn summary(&self, source: &str, out: &Path, first_rejects: &[RejectedAt]) -> String {
        let paint = Paint::new();
        let status = if self.status == "published" { paint.good(self.status) } else { paint.bad(self.status) };
        let mut lines = vec![format!("{source}: {status}: {}", self.counts())];
        if let Some(error) = &self.file_error {
            let line = error.line.map_or_else(String::new, |line| format!(" (line {line})"));
            lines.push(format!("  {}: {}{line}", error.kind, error.message));
        }
        lines.extend(self.broken_rules());
        for (column, rules) in &self.warnings {
            for (rule, rows) in rules {
                let column = if column.is_empty() { String::new() } else { format!(" of {column}") };
                lines.push(format!("  {}: warning {rule}{column}", rows_of(*rows)));
            }
        }
        for at in first_rejects {
            let column = if at.column.is_empty() { String::new() } else { format!("{}: ", at.column) };
            lines.push(format!("  line {}: {column}{} ({})", at.line, at.message, at.rule));
        }
        if self.rows_rejected > first_rejects.len() as u64 && !first_rejects.is_empty() {
            lines.push("  … and more; the rejects file has them all".to_owned());
        }
        let at = |path: &str| out.join(path).display().to_string();
        lines.extend(self.outputs.iter().map(|output| format!("  {} in {}", rows_of(output.rows), at(&output.path))));
        if let Some(path) = self.rejects_path.as_deref().map(at) {
            lines.push(format!("  {} in {path}", rows_of(self.rows_rejected)));
            let sql = format!("SELECT line, raw, violations FROM '{}'", path.replace('\'', "''"));
            lines.push(format!("  rejected rows, with their values: duckdb -c \"{}\"", in_double_quotes(&sql)));
        }
        lines.join("\n")
    }
}

/// For a shell: single quotes are SQL's own.
fn in_double_quotes(text: &str) -> String {
    let special = |c: char| matches!(c, '"' | '\\' | '$' | '`');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// `1 row`, `1,200 rows`, in line with others.
fn rows_of(rows: u64) -> String {
    format!("{:>8} row{}", count(rows), if rows == 1 { "" } else { "s" })
}
