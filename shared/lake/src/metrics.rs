//! What is counted and measured, as `CloudWatch` takes it out of logs: lines in its embedded metric format. Pure text, but for the one
//! call that writes a line.
//! It must not know who counts. Keys and values of cells are no dimensions: each value of a dimension is another metric, and costs.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Lakegate";
/// Stands for the dataset of a file that no contract covers.
pub const UNKNOWN_DATASET: &str = "unknown";

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Files that were taken in.
    FilesCommitted,
    /// Files that were rejected as a whole.
    FilesRejected,
    /// Files that were handed to Glue.
    FilesHeavy,
    /// Deleted files whose rows were removed.
    FilesRemoved,
    /// Rows of judged files.
    RowsRead,
    /// Rows that were published.
    RowsAccepted,
    /// Rows that break their contract.
    RowsRejected,
    /// The size of judged files.
    BytesRead,
    /// From the beginning of the work to the ledger entry.
    Duration,
    /// From upload to commit.
    Age,
    /// Failures that were told.
    Failures,
    /// By how much a dataset is later than its contract promises.
    FreshnessOverdue,
    /// Notices that could not be sent, and wait for the sweep.
    NoticesUnsent,
}

/// The dimensions of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimensions<'a> {
    /// The stack's.
    Dataset(&'a str),
    /// As those of a dataset, and of the stack as a whole, for an alarm.
    DatasetAndStack(&'a str),
    /// Of a dataset's failures, and of the stack's of this kind.
    Kind {
        /// The dataset.
        dataset: &'a str,
        /// The kind.
        kind: &'a str,
    },
}

/// Where lines go.
#[derive(Debug)]
pub enum Sink {
    /// Nowhere.
    Off,
    /// Lambda's log.
    Stdout,
    /// A Glue run's log: a step's standard output is its answer.
    Stderr,
    /// A test's memory.
    Kept(Arc<Mutex<Vec<String>>>),
}

/// Metrics of a stack.
#[derive(Debug)]
pub struct Metrics {
    stack: String,
    sink: Sink,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::FilesCommitted,
        Self::FilesRejected,
        Self::FilesHeavy,
        Self::FilesRemoved,
        Self::RowsRead,
        Self::RowsAccepted,
        Self::RowsRejected,
        Self::BytesRead,
        Self::Duration,
        Self::Age,
        Self::Failures,
        Self::FreshnessOverdue,
        Self::NoticesUnsent,
    ];

    /// Its name in `CloudWatch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FilesCommitted => "FilesCommitted",
            Self::FilesRejected => "FilesRejected",
            Self::FilesHeavy => "FilesHeavy",
            Self::FilesRemoved => "FilesRemoved",
            Self::RowsRead => "RowsRead",
            Self::RowsAccepted => "RowsAccepted",
            Self::RowsRejected => "RowsRejected",
            Self::BytesRead => "BytesRead",
            Self::Duration => "Duration",
            Self::Age => "Age",
            Self::Failures => "Failures",
            Self::FreshnessOverdue => "FreshnessOverdue",
            Self::NoticesUnsent => "NoticesUnsent",
        }
    }

    /// Its unit, as `CloudWatch` names units (`MetricDatum`).
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::FilesCommitted
            | Self::FilesRejected
            | Self::FilesHeavy
            | Self::FilesRemoved
            | Self::RowsRead
            | Self::RowsAccepted
            | Self::RowsRejected
            | Self::Failures
            | Self::NoticesUnsent => "Count",
            Self::BytesRead => "Bytes",
            Self::Duration => "Milliseconds",
            Self::Age | Self::FreshnessOverdue => "Seconds",
        }
    }

    /// The names of its dimensions.
    #[must_use]
    pub const fn dimensions(self) -> &'static str {
        match self {
            Self::Failures => "Stack, Dataset, Kind; Stack, Kind",
            Self::FreshnessOverdue | Self::NoticesUnsent => "Stack, Dataset; Stack",
            Self::FilesCommitted
            | Self::FilesRejected
            | Self::FilesHeavy
            | Self::FilesRemoved
            | Self::RowsRead
            | Self::RowsAccepted
            | Self::RowsRejected
            | Self::BytesRead
            | Self::Duration
            | Self::Age => "Stack, Dataset",
        }
    }

    /// What it tells, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::FilesCommitted => "files that were taken in",
            Self::FilesRejected => "files that were rejected as a whole",
            Self::FilesHeavy => "files that were handed to Glue",
            Self::FilesRemoved => "deleted files whose rows were removed",
            Self::RowsRead => "rows of files that were taken in or rejected",
            Self::RowsAccepted => "rows that were published; none of a rejected file",
            Self::RowsRejected => "rows that break their contract",
            Self::BytesRead => "size of the files that were taken in or rejected, as stored",
            Self::Duration => "from the beginning of the work to the ledger entry",
            Self::Age => "from the upload to the commit; of an upload in parts, from its beginning",
            Self::Failures => "failures that were told, by whatever part of Lakegate",
            Self::FreshnessOverdue => "by how much a dataset is later than its contract promises; 0 while it is not",
            Self::NoticesUnsent => "notices that could not be sent, and wait for the sweep",
        }
    }
}

impl Metrics {
    /// Metrics of the stack of this name.
    #[must_use]
    pub fn new(stack: String, sink: Sink) -> Self {
        Self { stack, sink }
    }

    /// None.
    #[must_use]
    pub fn off() -> Self {
        Self::new(String::new(), Sink::Off)
    }

    /// Writes values that have the same dimensions, at a time. A log that cannot be written to is nobody's trouble.
    pub fn put(&self, at: SystemTime, dimensions: Dimensions<'_>, values: &[(Metric, u64)]) {
        if values.is_empty() || matches!(self.sink, Sink::Off) {
            return;
        }
        let line = line(&self.stack, at, dimensions, values);
        // In one call, so that no other thread's line comes in between.
        match &self.sink {
            Sink::Off => {}
            Sink::Stdout => drop(std::io::stdout().write_all(line.as_bytes())),
            Sink::Stderr => drop(std::io::stderr().write_all(line.as_bytes())),
            Sink::Kept(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
        }
    }

    /// What a test wrote.
    #[must_use]
    pub fn kept(&self) -> Vec<Value> {
        let Sink::Kept(lines) = &self.sink else { return Vec::new() };
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// One line, with its line break. Its limits are far: 100 metrics, 30 dimensions, 1 MB (`CloudWatch` User Guide, "Embedded metric format
/// specification").
fn line(stack: &str, at: SystemTime, dimensions: Dimensions<'_>, values: &[(Metric, u64)]) -> String {
    let (dataset, kind, sets) = match dimensions {
        Dimensions::Dataset(dataset) => (dataset, None, json!([["Stack", "Dataset"]])),
        Dimensions::DatasetAndStack(dataset) => (dataset, None, json!([["Stack", "Dataset"], ["Stack"]])),
        Dimensions::Kind { dataset, kind } => {
            (dataset, Some(kind), json!([["Stack", "Dataset", "Kind"], ["Stack", "Kind"]]))
        }
    };
    let at = at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let metrics: Vec<Value> =
        values.iter().map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit() })).collect();
    let mut line = Map::new();
    let directive = json!([{ "Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics }]);
    line.insert("_aws".to_owned(), json!({ "Timestamp": at, "CloudWatchMetrics": directive }));
    line.insert("Stack".to_owned(), json!(stack));
    line.insert("Dataset".to_owned(), json!(dataset));
    if let Some(kind) = kind {
        line.insert("Kind".to_owned(), json!(kind));
    }
    for (metric, value) in values {
        line.insert(metric.name().to_owned(), json!(value));
    }
    format!("{}\n", Value::Object(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn at() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)
    }

    #[test]
    fn a_line_is_what_cloudwatch_takes() {
        let values = [(Metric::RowsRead, 7), (Metric::Duration, 1200)];
        insta::assert_snapshot!(line("lakegate", at(), Dimensions::Dataset("orders"), &values).trim_end(), @r#"{"Dataset":"orders","Duration":1200,"RowsRead":7,"Stack":"lakegate","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Stack","Dataset"]],"Metrics":[{"Name":"RowsRead","Unit":"Count"},{"Name":"Duration","Unit":"Milliseconds"}],"Namespace":"Lakegate"}],"Timestamp":1700000000123}}"#);
        let failure = Dimensions::Kind { dataset: "unknown", kind: "GaveUp" };
        insta::assert_snapshot!(line("lakegate", at(), failure, &[(Metric::Failures, 1)]).trim_end(), @r#"{"Dataset":"unknown","Failures":1,"Kind":"GaveUp","Stack":"lakegate","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Stack","Dataset","Kind"],["Stack","Kind"]],"Metrics":[{"Name":"Failures","Unit":"Count"}],"Namespace":"Lakegate"}],"Timestamp":1700000000123}}"#);
    }

    #[test]
    fn every_dimension_and_metric_that_a_line_declares_stands_in_it() {
        let all = Metric::ALL.map(|metric| (metric, 1));
        for dimensions in [Dimensions::DatasetAndStack("a"), Dimensions::Kind { dataset: "a", kind: "b" }] {
            let line: Value = serde_json::from_str(&line("s", at(), dimensions, &all)).unwrap();
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            let sets = directive["Dimensions"].as_array().unwrap();
            for name in sets.iter().flat_map(|set| set.as_array().unwrap()) {
                assert!(line[name.as_str().unwrap()].is_string(), "{name}");
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{metric}");
            }
        }
    }

    #[test]
    fn no_two_metrics_share_a_name() {
        let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
    }

    #[test]
    fn metrics_that_are_off_write_nothing() {
        let metrics = Metrics::new("s".to_owned(), Sink::Kept(Arc::default()));
        metrics.put(at(), Dimensions::Dataset("a"), &[]);
        assert!(metrics.kept().is_empty());
        metrics.put(at(), Dimensions::Dataset("a"), &[(Metric::RowsRead, 1)]);
        assert_eq!(metrics.kept()[0]["RowsRead"], 1);
        Metrics::off().put(at(), Dimensions::Dataset("a"), &[(Metric::RowsRead, 1)]);
    }

    /// The table between the markers is the code's; `LAKEGATE_BLESS=1` writes it.
    #[test]
    fn the_table_of_metrics_in_the_documents_is_this_one() {
        let mut table = "| metric | unit | dimensions | what it tells |\n| --- | --- | --- | --- |\n".to_owned();
        for metric in Metric::ALL {
            let (name, unit, dimensions) = (metric.name(), metric.unit(), metric.dimensions());
            table.extend(["| `", name, "` | ", unit, " | ", dimensions, " | ", metric.meaning(), " |\n"]);
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observe.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (begin, end) = ("<!-- metrics -->\n", "<!-- /metrics -->");
        let (before, rest) = text.split_once(begin).unwrap();
        let (found, after) = rest.split_once(end).unwrap();
        if std::env::var_os("LAKEGATE_BLESS").is_some() {
            std::fs::write(path, format!("{before}{begin}{table}{end}{after}")).unwrap();
            return;
        }
        assert_eq!(found, table, "write it anew with LAKEGATE_BLESS=1");
    }
}
