//! Glue's runs of a job: started, counted and listed; none of them does anything.
//! It must not know what the job is.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::services::refused;

/// Runs on a page of `GetJobRuns`.
const PAGE_RUNS: usize = 2;

/// A run of the job.
#[derive(Debug, Clone)]
pub struct Run {
    /// `jr_` and a number.
    pub id: String,
    /// What it was started with.
    pub arguments: BTreeMap<String, String>,
    /// `RUNNING`, until the test says otherwise.
    pub state: String,
    /// Of one that failed.
    pub error: Option<String>,
    /// When, by the test's clock.
    pub started: SystemTime,
}

/// All runs, in the order of their starts.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) all: Vec<Run>,
    /// Most that may run at once; any number where there is none.
    pub(crate) max: Option<usize>,
    /// The test's clock; that of the machine where there is none.
    pub(crate) now: Option<SystemTime>,
}

impl Runs {
    /// `None` for an operation of another service.
    pub(crate) fn carry_out(&mut self, operation: &str, body: &Value) -> Option<Answer> {
        Some(match operation {
            "StartJobRun" => self.start(body),
            "GetJobRun" => {
                let wanted = body["RunId"].as_str();
                match self.all.iter().find(|run| Some(run.id.as_str()) == wanted) {
                    Some(run) => Answer::new(200, json!({ "JobRun": described(run) }).to_string()),
                    None => refused("EntityNotFoundException"),
                }
            }
            "GetJobRuns" => self.list(body),
            _ => return None,
        })
    }

    fn start(&mut self, body: &Value) -> Answer {
        let running = self.all.iter().filter(|run| run.state == "RUNNING").count();
        if self.max.is_some_and(|max| running >= max) {
            return refused("ConcurrentRunsExceededException");
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let arguments = body["Arguments"].as_object().unwrap();
        let id = format!("jr_{}", self.all.len() + 1);
        self.all.push(Run {
            id: id.clone(),
            arguments: arguments.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            state: "RUNNING".to_owned(),
            error: None,
            started: self.now.unwrap_or_else(SystemTime::now),
        });
        Answer::new(200, json!({ "JobRunId": id }).to_string())
    }

    /// The newest first, a few to a page.
    fn list(&self, body: &Value) -> Answer {
        let skipped = body["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let page: Vec<Value> = self.all.iter().rev().skip(skipped).take(PAGE_RUNS).map(described).collect();
        let next = skipped + page.len();
        let next = (next < self.all.len()).then(|| next.to_string());
        Answer::new(200, json!({ "JobRuns": page, "NextToken": next }).to_string())
    }
}

fn described(run: &Run) -> Value {
    let started = run.started.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    json!({
        "Id": run.id, "Arguments": run.arguments, "JobRunState": run.state, "ErrorMessage": run.error, "StartedOn": started,
    })
}
