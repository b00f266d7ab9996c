//! What a message of the load queue asks for.
//! It must not know how it is done.

use lakegate_lake::{layout, notices};
use serde::Deserialize;
use serde_json::Value;

use crate::load::{Step, Wanted};

/// The type of the events by which the Data API tells that statements have ended.
const STATEMENT_CHANGED: &str = "Redshift Data Statement Status Change";

/// A message, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A file was taken in, or its rows left the lake: what stands of it is to be looked at.
    File { table: String, wanted: Wanted },
    /// Whole tables are to be loaded: this one, or all.
    All { table: Option<String> },
    /// The loads of which nothing was heard are to be looked after.
    LookAfter,
    /// Statements of ours have ended.
    Ended { step: Step, statement_id: String, state: String },
    /// Statements of somebody else, or a step that has not ended.
    Nothing,
}

#[derive(Deserialize)]
struct Notice {
    table: String,
    source: Source,
    at: String,
    #[serde(default)]
    partitions: Vec<Partition>,
    #[serde(default)]
    partitions_total: usize,
}

#[derive(Deserialize)]
struct Source {
    bucket: String,
    key: String,
}

#[derive(Deserialize)]
struct Partition {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatementChange {
    #[serde(default)]
    statement_name: String,
    statement_id: String,
    state: String,
}

/// Reads a message's body, an event of `EventBridge` or a request by hand, `{"dataset": …}`; the error says what it is not.
pub(crate) fn read(body: &Value, stack: &str) -> Result<Asked, String> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let detail = body.get("detail").unwrap_or(&Value::Null);
    match text("detail-type") {
        Some(detail_type @ (notices::INGESTED | notices::REMOVED)) => {
            let notice = Notice::deserialize(detail).map_err(|error| format!("no notice of a file: {error}"))?;
            Ok(of_notice(notice, detail_type == notices::REMOVED))
        }
        Some(STATEMENT_CHANGED) => {
            let change =
                StatementChange::deserialize(detail).map_err(|error| format!("no end of statements: {error}"))?;
            Ok(of_change(change, stack))
        }
        Some(_) => Err("an event of another type".to_owned()),
        None => match body.as_object() {
            Some(asked) if asked.len() == 1 && asked.get("look_after") == Some(&Value::Bool(true)) => {
                Ok(Asked::LookAfter)
            }
            Some(asked) if asked.keys().all(|name| name == "dataset") => {
                let table = asked.get("dataset").map(|name| name.as_str().ok_or("dataset is no text"));
                Ok(Asked::All { table: table.transpose()?.map(str::to_owned) })
            }
            _ => Err("neither an event nor {\"dataset\": …}".to_owned()),
        },
    }
}

fn of_notice(notice: Notice, is_removal: bool) -> Asked {
    let source = layout::source_name(&notice.source.bucket, &notice.source.key);
    let is_whole = notice.partitions.len() == notice.partitions_total && notice.partitions_total > 0;
    let partitions = is_whole.then(|| notice.partitions.into_iter().map(|partition| partition.path).collect());
    Asked::File { table: notice.table, wanted: Wanted { source, at: notice.at, partitions, is_removal } }
}

fn of_change(change: StatementChange, stack: &str) -> Asked {
    let has_ended = matches!(change.state.as_str(), "FINISHED" | "FAILED" | "ABORTED");
    // A batch's own statements are told by its id, a colon and a number, if at all.
    match Step::of_name(&change.statement_name, stack) {
        Some(step) if has_ended && !change.statement_id.contains(':') => {
            Asked::Ended { step, statement_id: change.statement_id, state: change.state }
        }
        Some(_) | None => Asked::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(path: &str) -> Asked {
        let path = format!("{}/../../events/{path}", env!("CARGO_MANIFEST_DIR"));
        let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let body: Value = serde_json::from_str(event["Records"][0]["body"].as_str().unwrap()).unwrap();
        read(&body, "lakegate").unwrap()
    }

    #[test]
    fn a_notice_asks_for_its_file() {
        let Asked::File { table, wanted } = asked("load-warehouse/sqs-object-ingested.json") else { panic!() };
        assert_eq!((table.as_str(), wanted.source.as_str()), ("orders", "2025-09-d360829ae363c99f"));
        assert_eq!((wanted.partitions.unwrap().len(), wanted.is_removal), (2, false));
    }

    #[test]
    fn a_notice_that_rows_left_asks_for_its_file_as_well() {
        let Asked::File { table, wanted } = asked("load-warehouse/sqs-object-removed.json") else { panic!() };
        assert_eq!((table.as_str(), wanted.source.as_str()), ("orders", "2025-09-d360829ae363c99f"));
        assert_eq!((wanted.at.as_str(), wanted.is_removal), ("2026-01-02T04:00:00.000Z", true));
        assert_eq!(wanted.partitions.unwrap().len(), 2, "those that had rows of it");
    }

    #[test]
    fn the_end_of_our_statements_is_told_from_that_of_others() {
        let Asked::Ended { step, state, .. } = asked("load-warehouse/sqs-statement-finished.json") else { panic!() };
        assert_eq!((step.attempt, state.as_str()), (1, "FINISHED"));
        let change = |name: &str, state: &str| json!({"detail-type": STATEMENT_CHANGED, "detail": {"statementName": name, "statementId": "1", "state": state}});
        let name = "lakegate/lakegate/0a/load/1";
        assert!(matches!(read(&change(name, "FAILED"), "lakegate").unwrap(), Asked::Ended { .. }));
        for (name, state) in [("theirs", "FINISHED"), (name, "STARTED"), ("lakegate/other/0a/load/1", "FINISHED")] {
            assert_eq!(read(&change(name, state), "lakegate").unwrap(), Asked::Nothing);
        }
    }

    #[test]
    fn a_table_is_asked_for_by_hand() {
        assert_eq!(read(&json!({"dataset": "orders"}), "s").unwrap(), Asked::All { table: Some("orders".to_owned()) });
        assert_eq!(read(&json!({}), "s").unwrap(), Asked::All { table: None });
        assert_eq!(read(&json!({"look_after": true}), "s").unwrap(), Asked::LookAfter);
        insta::assert_snapshot!(read(&json!({"detail-type": "Object Created"}), "s").unwrap_err(), @"an event of another type");
        insta::assert_snapshot!(read(&json!({"datset": "orders"}), "s").unwrap_err(), @r#"neither an event nor {"dataset": …}"#);
        assert!(read(&json!([]), "s").is_err() && read(&json!({"dataset": 1}), "s").is_err());
    }
}
