//! `lakegate infer`: a draft contract for a file that has none, held against that file before it is written.
//! It needs no AWS.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use lakegate_convert::{Draft, Inference, Judgement, Naming, Reading, Verdict};
use serde_json::{Value, json};

use crate::operate::shown;
use crate::text_table::count;
use crate::{check, output, reading};

const EXAMPLES: &str = "\
Examples:
  lakegate infer orders.csv
  lakegate infer events.json
  unzip -p orders.zip | lakegate infer - --table orders
  lakegate infer orders.csv --out contracts/orders.odcs.yaml
  lakegate infer 2025-09.csv --table orders --location 's3://*/orders/**/*.csv'

The whole file is read: dialect, encoding, types, date patterns and missing values are what all of it shows, and comments \
say so. The draft is held against the file at once; it accepts its rows, but for those that cannot be read at all (a stray quote, a \
missing field). A column with one value that is no number is text: the comments say where that stands.

Exit status: 0 drafted, 2 wrong usage, 1 anything else.";

/// Draft a contract from a file, with the evidence as comments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InferArgs {
    /// The file to look at (CSV or JSON); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the contract to this file instead of standard output
    #[arg(long, value_name = "FILE|-", default_value = "-", hide_default_value = true)]
    out: PathBuf,
    /// Overwrite the file that --out names
    #[arg(long)]
    force: bool,
    /// The table's name [default: the file's or its folder's]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Which objects belong to the dataset [default: s3://*/<table>/**/*.<extension>]
    #[arg(long, value_name = "GLOB")]
    location: Option<String>,
    /// The contract's id [default: the table's name]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Print one JSON object instead of text; the contract stands in it
    #[arg(long)]
    json: bool,
}

/// Drafts the contract, holds the file against it, and writes it.
pub(crate) fn run(args: &InferArgs) -> Result<ExitCode> {
    let is_printed = args.out.as_os_str() == "-";
    if !is_printed && !args.force && args.out.exists() {
        bail!("{} exists: --force overwrites it", args.out.display());
    }
    let naming = naming(args)?;
    let mut file = reading::open_or_copy(&args.file)?;
    let draft = draft(&mut file, &args.file, &naming)?;
    file.rewind()?;
    let judgement = judge(&mut file, &args.file, &draft)?;
    if !is_printed {
        write(&args.out, &draft.yaml)?;
    }
    if args.json {
        output::json(&as_json(args, &naming.table, &draft, &judgement))?;
        return Ok(ExitCode::SUCCESS);
    }
    if is_printed {
        output::line(draft.yaml.trim_end())?;
    }
    let to = if is_printed { String::new() } else { format!(" in {}", args.out.display()) };
    let columns = shown::count(draft.columns as u64, "column");
    eprintln!("{}: {columns} drafted{to}; {}", args.file.display(), verdict(judgement));
    Ok(ExitCode::SUCCESS)
}

fn as_json(args: &InferArgs, table: &str, draft: &Draft, judgement: &Judgement) -> Value {
    let counts = judgement.counts;
    json!({
        "file": args.file.to_string_lossy(),
        "table": table,
        "columns": draft.columns,
        "is_good": judgement.verdict == Verdict::Published && counts.rejected == 0,
        "rows_read": counts.read,
        "rows_accepted": counts.accepted,
        "rows_rejected": counts.rejected,
        "file_error": judgement.file_error.as_ref().map(|error| &error.message),
        "contract": draft.yaml,
    })
}

fn draft(file: &mut File, path: &Path, naming: &Naming) -> Result<Draft> {
    let mut inference = Inference::new();
    reading::read(file, path, |bytes| {
        inference.push(bytes)?;
        Ok(Reading::More)
    })
    .and_then(|()| Ok(inference.finish(naming)?))
    .with_context(|| format!("no contract can be drafted from {}", path.display()))
}

/// What the draft makes of its own file.
fn judge(file: &mut File, path: &Path, draft: &Draft) -> Result<Judgement> {
    let contract = lakegate_contract::parse(&draft.yaml).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("the draft for {} is no contract that can be enforced: {}", path.display(), problems.join("; "))
    })?;
    check::judge(file, path, &Arc::new(contract.contract), 1)
}

/// The same in words.
fn verdict(judgement: Judgement) -> String {
    let counts = judgement.counts;
    match (judgement.verdict, counts.rejected) {
        (Verdict::Published, 0) => format!("it accepts all {}", shown::count(counts.read, "row")),
        (Verdict::Published, rejected) => {
            format!("it rejects {} of {}, see its comments", count(rejected), shown::count(counts.read, "row"))
        }
        (Verdict::Rejected, _) => {
            let message = judgement.file_error.map(|error| error.message).unwrap_or_default();
            format!("it rejects the file: {message}")
        }
    }
}

fn write(path: &Path, yaml: &str) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
    }
    let written = File::create(path).and_then(|mut file| file.write_all(yaml.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn naming(args: &InferArgs) -> Result<Naming> {
    let table = match &args.table {
        Some(table) if Naming::table(table) == *table => table.clone(),
        Some(table) => bail!("{table:?} is no table name: {:?} would be one", Naming::table(table)),
        None => Naming::table(&named_after(&args.file)),
    };
    let location = args.location.clone().unwrap_or_else(|| format!("s3://*/{table}/**/*{}", extensions(&args.file)));
    let origin = match args.file.file_name() {
        _ if reading::is_standard_input(&args.file) => "standard input".to_owned(),
        name => name.map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
    };
    let id = args.id.clone().unwrap_or_else(|| table.clone());
    Ok(Naming { id, table, location, origin, is_permissive: false })
}

/// The file's name up to its first dot; its folder's where the name has no letter, as `2025-09.csv`.
fn named_after(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let has_letter = |name: &String| name.chars().any(char::is_alphabetic);
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let stem = name(&path).map(|name| name.split('.').next().unwrap_or_default().to_owned());
    let folder = || path.parent().and_then(name);
    stem.filter(has_letter).or_else(folder).unwrap_or_default()
}

/// `.csv`, `.csv.gz`, or nothing.
fn extensions(path: &Path) -> String {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let Some((stem, extension)) = name.rsplit_once('.') else { return String::new() };
    let is_packed = ["gz", "zst"].iter().any(|packed| extension.eq_ignore_ascii_case(packed));
    match stem.rsplit_once('.') {
        Some((_, inner)) if is_packed => format!(".{inner}.{extension}"),
        Some(_) | None => format!(".{extension}"),
    }
}
