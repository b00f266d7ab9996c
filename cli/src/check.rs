//! `lakegate check`: what a contract finds wrong with files, before they are dropped. Nothing is written.
//! It needs no AWS, and prints no cell's value.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use lakegate_contract::{Contract, Format};
use lakegate_convert::{Converter, Judgement, Source, Verdict};
use serde_json::{Value, json};

use crate::operate::shown;
use crate::paint::Paint;
use crate::report::Report;
use crate::text_table::count;
use crate::{contracts, output, reading};

/// A file is rejected by the contract.
const EXIT_REJECTED: u8 = 3;
const EXAMPLES: &str = "\
Examples:
  lakegate check orders.csv --contract orders.odcs.yaml
  lakegate check drop/*.csv --contract orders.odcs.yaml --strict --json > report.json
  unzip -p orders.zip | lakegate check - --contract orders.odcs.yaml

Told are, per file, what would become of it, how many rows break which rule, and the first problems with line and column. Values of \
cells are not printed.

Exit status: 0 every file would be published, 3 the contract rejects one (with --strict: or a row of one), 2 wrong usage, 1 anything else.";

/// Check files against a contract, writing nothing
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    /// The files to check; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The contract that files are held against (ODCS, YAML or JSON)
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// Any rejected row is a failure, however many the contract allows
    #[arg(long)]
    strict: bool,
    /// How many problems to tell one by one, per file
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Checks every file. A file that cannot be read keeps no other one from being checked.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let contract = Arc::new(contracts::read(&args.contract)?);
    let (mut files, mut total) = (Vec::new(), Total::default());
    for path in &args.files {
        let started = Instant::now();
        let judged = reading::open_or_copy(path).and_then(|mut file| judge(&mut file, path, &contract, args.limit));
        let judgement = match judged {
            Ok(judgement) => judgement,
            Err(error) => {
                output::complain(&format!("{error:#}"));
                total.unread += 1;
                continue;
            }
        };
        let is_good = judgement.verdict == Verdict::Published && !(args.strict && judgement.counts.rejected > 0);
        total.add(&judgement, is_good);
        let mut report = Report::new(&contract.table, &judgement, Vec::new(), None);
        report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if args.json {
            files.push(as_json(path, &report, &judgement, &contract)?);
        } else {
            output::line(&as_text(path, &report, &judgement, &contract))?;
        }
    }
    if args.json {
        output::json(&json!({ "is_good": total.unread + total.bad == 0, "files": files }))?;
    } else if args.files.len() > 1 {
        output::line(&total.as_text(args.strict))?;
    }
    Ok(match (total.unread, total.bad) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(EXIT_REJECTED),
        (_, _) => ExitCode::FAILURE,
    })
}

/// What became of all files.
#[derive(Debug, Default)]
struct Total {
    good: u64,
    bad: u64,
    unread: u64,
    rows: u64,
    rows_rejected: u64,
}

impl Total {
    fn add(&mut self, judgement: &Judgement, is_good: bool) {
        *(if is_good { &mut self.good } else { &mut self.bad }) += 1;
        self.rows += judgement.counts.read;
        self.rows_rejected += judgement.counts.rejected;
    }

    fn as_text(&self, is_strict: bool) -> String {
        let (good, bad) = if is_strict { ("good", "not") } else { ("would be published", "would be rejected") };
        let unread =
            if self.unread > 0 { format!(", {} could not be read", count(self.unread)) } else { String::new() };
        format!(
            "{}: {} {good}, {} {bad}{unread}; {} read, {} rejected",
            shown::count(self.good + self.bad + self.unread, "file"),
            count(self.good),
            count(self.bad),
            shown::count(self.rows, "row"),
            count(self.rows_rejected)
        )
    }
}

/// Holds a file against the contract. Nothing is encoded.
pub(crate) fn judge(file: &mut File, path: &Path, contract: &Arc<Contract>, problems_max: usize) -> Result<Judgement> {
    let source = Source { bucket: "local".to_owned(), key: path.to_string_lossy().into_owned(), version: None };
    let mut converter = Converter::new(Arc::clone(contract), source)?
        .without_outputs()
        .with_first_rejects(problems_max)
        .with_threads(reading::threads(None));
    reading::read(file, path, |bytes| Ok(converter.push(bytes)?))?;
    Ok(converter.finish()?)
}

/// How many rules were broken in all; a row that breaks two counts twice.
fn problems(judgement: &Judgement) -> u64 {
    judgement.violations.values().flat_map(|rules| rules.values()).sum()
}

fn as_text(path: &Path, report: &Report, judgement: &Judgement, contract: &Contract) -> String {
    let path = path.display();
    let paint = Paint::new();
    let verdict = match judgement.verdict {
        Verdict::Published if report.rows_rejected == 0 => paint.good("good"),
        Verdict::Published => paint.note("would be published, without its rejected rows"),
        Verdict::Rejected => paint.bad("would be rejected"),
    };
    let mut lines = vec![format!("{path}: {verdict}: {}", report.counts())];
    if let Some(error) = &report.file_error {
        let line = error.line.map_or_else(String::new, |line| format!(":{line}"));
        lines.push(format!("{path}{line}: {} [{}]", error.message, error.kind));
    }
    lines.extend(report.broken_rules());
    for at in &judgement.first_rejects {
        let field = field_of(at.field, contract).map_or_else(String::new, |field| format!(" (field {field})"));
        let column = if at.column.is_empty() { String::new() } else { format!("{}{field}: ", at.column) };
        lines.push(format!("{path}:{}: {column}{} [{}]", at.line, at.message, at.rule));
    }
    let more = problems(judgement).saturating_sub(judgement.first_rejects.len() as u64);
    if more > 0 && !judgement.first_rejects.is_empty() {
        lines.push(format!("  … and {more} more (--limit tells more of them)"));
    }
    lines.join("\n")
}

/// Fields are numbered in CSV files only.
fn field_of(field: Option<usize>, contract: &Contract) -> Option<usize> {
    match contract.landing.format {
        Format::Csv(_) => field,
        Format::Json(_) => None,
    }
}

fn as_json(path: &Path, report: &Report, judgement: &Judgement, contract: &Contract) -> Result<Value> {
    let mut value = serde_json::to_value(report)?;
    let first: Vec<Value> = judgement
        .first_rejects
        .iter()
        .map(|at| {
            json!({
                "line": at.line,
                "column": at.column,
                "field": field_of(at.field, contract),
                "rule": at.rule,
                "message": at.message,
            })
        })
        .collect();
    if let Some(object) = value.as_object_mut() {
        // Nothing is written.
        object.remove("outputs");
        object.remove("rejects_path");
        object.insert("file".to_owned(), json!(path.to_string_lossy()));
        object.insert("problems".to_owned(), json!(problems(judgement)));
        object.insert("first_problems".to_owned(), Value::Array(first));
    }
    Ok(value)
}
