//! The Redshift Data API: statements are remembered and none is carried out; tests say what became of them.
//! It must not know what they mean.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::Answer;

/// Statements that were handed over together.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The id that was given for them.
    pub id: String,
    /// The name that they were given.
    pub name: String,
    /// By which a repetition is known.
    pub token: String,
    /// What they say.
    pub statements: Vec<String>,
    /// What is said when they are asked after.
    pub said: Value,
}

/// What the warehouse knows and was asked for.
#[derive(Debug, Default)]
pub struct WarehouseContent {
    /// In the order in which they were handed over; a repetition is none.
    pub batches: Vec<Batch>,
    /// Columns by table, as `DescribeTable` tells them.
    pub tables: BTreeMap<String, Value>,
    /// Requests of `BatchExecuteStatement`, repetitions too.
    pub asked: usize,
}

impl WarehouseContent {
    /// `None` for an operation of another service.
    pub(crate) fn carry_out(&mut self, operation: &str, body: &Value) -> Option<Answer> {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Some(match operation {
            "BatchExecuteStatement" => {
                self.asked += 1;
                let token = text("ClientToken");
                assert!(body["WithEvent"] == true && token.len() <= 64, "{body}");
                let known = self.batches.iter().find(|batch| batch.token == token).map(|batch| batch.id.clone());
                let id = known.unwrap_or_else(|| {
                    let id = format!("statement-{}", self.batches.len() + 1);
                    let said = json!({ "Id": id, "Status": "STARTED" });
                    let statements: Vec<String> = serde_json::from_value(body["Sqls"].clone()).unwrap();
                    assert!((1..=40).contains(&statements.len()), "{}", statements.len());
                    self.batches.push(Batch { id: id.clone(), name: text("StatementName"), token, statements, said });
                    id
                });
                Answer::new(200, json!({ "Id": id }).to_string())
            }
            "DescribeStatement" => match self.batches.iter().find(|batch| batch.id == text("Id")) {
                Some(batch) => Answer::new(200, batch.said.to_string()),
                None => refused("ResourceNotFoundException", "no such statement"),
            },
            "DescribeTable" => {
                let columns = self.tables.get(&text("Table")).cloned().unwrap_or_else(|| json!([]));
                Answer::new(200, json!({ "TableName": text("Table"), "ColumnList": columns }).to_string())
            }
            _ => return None,
        })
    }
}

fn refused(kind: &str, message: &str) -> Answer {
    Answer::new(400, json!({ "__type": kind, "Message": message }).to_string())
}
