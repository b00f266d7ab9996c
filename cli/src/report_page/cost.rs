//! What the files cost about, by the model of docs/cost.md.
//! Pure: it sees the ledger's entries only. No bill was read: every number is an assumption that the page states.

use std::collections::BTreeMap;

use lakegate_lake::ledger::State;
use lakegate_report::{Cell, Chart, Column, Kind, Section, Series, Shape, Table, Tone, Values};

use crate::report_page::Gathered;
use crate::report_page::page::of_all;
use crate::report_page::seen::{Seen, by_dataset};

const LISTED_MAX: usize = 20;

/// AWS, us-east-1, arm64, November 2026.
const LAMBDA_DOLLARS_PER_GB_SECOND: f64 = 0.000_013_333_4;
/// `MemorySize` of the template, in the GB that Lambda counts.
const LAMBDA_GB: f64 = 1_769.0 / 1_024.0;
/// A function waits so long for S3 whatever the file's size (docs/cost.md, Backfills).
const SECS_PER_FILE: f64 = 0.4;
/// And takes so many bytes a second from it.
const BYTES_PER_SEC: f64 = 60e6;
/// A run of the Glue job, standard execution (docs/cost.md, Glue).
const GLUE_DOLLARS_PER_GB: f64 = 0.000_38;
/// 2 DPU for a minute are the least.
const GLUE_DOLLARS_PER_RUN: f64 = 0.0147;
/// Per file (docs/cost.md, Small files): requests to S3, the catalog and SQS, an event, and an invocation.
const REQUEST_DOLLARS_PER_FILE: f64 = 0.000_025_6;

/// US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Cost {
    lambda: f64,
    glue: f64,
    requests: f64,
}

impl Cost {
    fn total(self) -> f64 {
        self.lambda + self.glue + self.requests
    }

    fn add(&mut self, other: Self) {
        self.lambda += other.lambda;
        self.glue += other.glue;
        self.requests += other.requests;
    }
}

/// Of all files.
pub(super) fn total(seen: &[Seen]) -> f64 {
    sum(seen).total()
}

fn sum(seen: &[Seen]) -> Cost {
    let runs = bytes_by_run(seen);
    let mut sum = Cost::default();
    for one in seen {
        sum.add(of_file(one, &runs));
    }
    sum
}

/// The bytes that each Glue run took in.
fn bytes_by_run<'a>(seen: &[Seen<'a>]) -> BTreeMap<&'a str, (f64, f64)> {
    let mut runs: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for one in seen {
        if let Some(run) = one.entry.run_id.as_deref() {
            let (bytes, files) = runs.entry(run).or_default();
            *bytes += bytes_of(one);
            *files += 1.0;
        }
    }
    runs
}

#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn bytes_of(one: &Seen) -> f64 {
    one.entry.source.size_bytes as f64
}

/// A file that Glue took in bears its part of the run; its time in the function that handed it on is that of a small file.
fn of_file(one: &Seen, runs: &BTreeMap<&str, (f64, f64)>) -> Cost {
    let run = one.entry.run_id.as_deref().and_then(|run| runs.get(run));
    let is_handed_on = run.is_some() || one.entry.state == State::Heavy;
    let secs = SECS_PER_FILE + if is_handed_on { 0.0 } else { bytes_of(one) / BYTES_PER_SEC };
    let tries = f64::from(one.entry.attempts.max(1));
    let glue = run.map_or(0.0, |(bytes, files)| {
        let of_run = (bytes / 1e9 * GLUE_DOLLARS_PER_GB).max(GLUE_DOLLARS_PER_RUN);
        of_run * if *bytes > 0.0 { bytes_of(one) / bytes } else { 1.0 / files }
    });
    Cost { lambda: secs * tries * LAMBDA_GB * LAMBDA_DOLLARS_PER_GB_SECOND, glue, requests: REQUEST_DOLLARS_PER_FILE }
}

pub(super) fn section(gathered: &Gathered, seen: &[Seen]) -> Section {
    let runs = bytes_by_run(seen);
    let mut datasets = Vec::new();
    for (name, of_it) in by_dataset(seen) {
        let mut cost = Cost::default();
        for one in &of_it {
            cost.add(of_file(one, &runs));
        }
        let bytes: u64 = of_it.iter().map(|one| one.entry.source.size_bytes).sum();
        datasets.push((name, of_it.len() as u64, bytes, cost));
    }
    datasets.sort_by(|a, b| b.3.total().total_cmp(&a.3.total()).then(a.0.cmp(b.0)));
    let row = |(name, files, bytes, cost): &(&str, u64, u64, Cost)| {
        let counts = [*files, *bytes].map(Cell::Count);
        let amounts = [cost.lambda, cost.glue, cost.requests, cost.total()].map(Cell::Number);
        std::iter::once(Cell::Text((*name).to_owned())).chain(counts).chain(amounts).collect()
    };
    let would = if gathered.dead_letters.is_some() { "" } else { "What these files would cost in a deployed stack. " };
    Section {
        id: "cost".to_owned(),
        heading: "Cost, estimated".to_owned(),
        note: format!(
            "{would}An estimate from the files' number and size, not from a bill (docs/cost.md): list prices of us-east-1 in US dollars; in Lambda \
             1,769 MB (arm64) for 0.4 s per file and 1 s per 60 MB, for each try; a Glue run $0.00038 per GB and $0.0147 at least; requests to S3, \
             the catalog, SQS and Lambda $0.0000256 per file. Storage, queries and logs are left out."
        ),
        chart: Some(Chart {
            description: "Estimated cost by dataset, of Lambda, Glue and requests.".to_owned(),
            shape: Shape::Ranking { names: vec![0] },
            values: Values::Columns(vec![
                Series::new(3, Tone::Nth(0)),
                Series::new(4, Tone::Nth(1)),
                Series::new(5, Tone::Nth(4)),
            ]),
        }),
        table: Table {
            caption: of_all("dataset", LISTED_MAX, datasets.len(), "the dearest first"),
            columns: vec![
                Column::new("dataset", "Dataset", Kind::Text),
                Column::new("files", "Files", Kind::Count),
                Column::new("bytes", "Size", Kind::Bytes),
                Column::new("lambda_dollars", "Lambda", Kind::Dollars),
                Column::new("glue_dollars", "Glue", Kind::Dollars),
                Column::new("request_dollars", "Requests", Kind::Dollars),
                Column::new("dollars", "In all", Kind::Dollars),
            ],
            rows: datasets.iter().take(LISTED_MAX).map(row).collect(),
        },
        empty: "No file.".to_owned(),
    }
}
