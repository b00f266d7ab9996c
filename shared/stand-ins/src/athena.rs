//! Athena's queries: started, and ended as the test says; none of them is carried out.
//! It must not know what they ask.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::Answer;

/// Rows on a page of `GetQueryResults`.
const PAGE_ROWS: usize = 2;

/// How a query ends.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With these lines; the first one names the columns, `|` divides values and `-` is null.
    Answer(String),
    /// With this reason.
    Fail(String),
    /// Never.
    Run,
}

/// What Athena knows and was asked for.
#[derive(Debug, Default)]
pub struct AthenaContent {
    /// How queries end, by the first line of their texts; others are about a table that is not there.
    pub endings: BTreeMap<String, Ending>,
    /// What was started, in that order; a repetition is none.
    pub started: Vec<Value>,
    /// Ids of those that were stopped.
    pub stopped: Vec<String>,
    /// How often it was asked after each.
    asked: BTreeMap<String, usize>,
}

impl AthenaContent {
    /// `None` for an operation of another service.
    pub(crate) fn carry_out(&mut self, operation: &str, body: &Value) -> Option<Answer> {
        let id = || body["QueryExecutionId"].as_str().unwrap().to_owned();
        Some(match operation {
            "StartQueryExecution" => self.start(body),
            "GetQueryExecution" => self.state(&id()),
            "GetQueryResults" => self.results(&id(), body["NextToken"].as_str()),
            "StopQueryExecution" => {
                self.stopped.push(id());
                Answer::new(200, "{}")
            }
            _ => return None,
        })
    }

    fn start(&mut self, body: &Value) -> Answer {
        let is_it = |known: &Value| known["ClientRequestToken"] == body["ClientRequestToken"];
        let known = self.started.iter().position(is_it);
        let number = known.unwrap_or_else(|| {
            self.started.push(body.clone());
            self.started.len() - 1
        });
        Answer::new(200, json!({ "QueryExecutionId": number.to_string() }).to_string())
    }

    fn ending(&self, id: &str) -> Ending {
        let sql = self.started[id.parse::<usize>().unwrap()]["QueryString"].as_str().unwrap().to_owned();
        let ending = self.endings.get(sql.lines().next().unwrap_or_default()).cloned();
        let table = if sql.contains("FROM customers") { "customers" } else { "orders" };
        let missing = format!("TABLE_NOT_FOUND: line 3:6: Table 'awsdatacatalog.lakegate.{table}' does not exist");
        ending.unwrap_or(Ending::Fail(missing))
    }

    /// When it is asked after for the first time, each still runs.
    fn state(&mut self, id: &str) -> Answer {
        let asked = self.asked.entry(id.to_owned()).or_default();
        *asked += 1;
        let is_first = *asked == 1;
        let (state, reason) = match self.ending(id) {
            _ if is_first => ("RUNNING", String::new()),
            Ending::Run => ("RUNNING", String::new()),
            Ending::Answer(_) => ("SUCCEEDED", String::new()),
            Ending::Fail(reason) => ("FAILED", reason),
        };
        let status = json!({ "State": state, "StateChangeReason": reason });
        Answer::new(200, json!({ "QueryExecution": { "QueryExecutionId": id, "Status": status } }).to_string())
    }

    fn results(&self, id: &str, token: Option<&str>) -> Answer {
        let Ending::Answer(text) = self.ending(id) else { panic!("query {id} has no answer") };
        let value = |cell: &str| match cell.trim() {
            "-" => json!({}),
            cell => json!({ "VarCharValue": cell }),
        };
        let row = |line: &str| json!({ "Data": line.split('|').map(value).collect::<Vec<_>>() });
        let skipped = token.map_or(0, |token| token.parse().unwrap());
        let rows: Vec<Value> = text.lines().skip(skipped).take(PAGE_ROWS).map(row).collect();
        let next = skipped + rows.len();
        let next = (next < text.lines().count()).then(|| next.to_string());
        Answer::new(200, json!({ "ResultSet": { "Rows": rows }, "NextToken": next }).to_string())
    }
}
