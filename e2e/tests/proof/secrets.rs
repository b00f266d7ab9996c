//! Cell values that are secrets, in every place where a file can have them: they stand in the lake and in the rejects, and nowhere else.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use anyhow::{Result, bail};
use e2e::proof::rig::Rig;
use e2e::proof::service::Service;
use e2e::proof::tell;
use e2e::{Value, json};

const NAME: &str = "secrets";
const TIMEOUT: Duration = Duration::from_mins(3);
/// No text of ours has it, and any cell that has it is a secret.
const MARK: &str = "zq7x";
/// The same for numbers.
const NUMBER: &str = "7391846";
/// More than a contract's `maxRecordBytes` allows by default.
const LONG_BYTES: usize = 1_100_000;
/// One more than a file may have.
const PARTITIONS: usize = 501;

const CSV: &str = r#"apiVersion: v3.2.0
kind: DataContract
id: vault
version: 1.0.0
status: active
team: {name: vault-owners}
servers:
  - {server: landing, type: s3, location: "s3://*/vault/*.csv", format: csv}
schema:
  - name: vault
    customProperties:
      - {vendor: lakegate, property: maxRejectPercent, value: 60}
    quality:
      - {type: sql, name: small_enough, mustBe: 0, query: "SELECT COUNT(*) FROM vault WHERE amount > 7000000"}
      - {type: sql, name: noticed, mustBe: 0, severity: warning, query: "SELECT COUNT(*) FROM vault WHERE note IS NOT NULL"}
    properties:
      - {name: id, logicalType: string, required: true, unique: true}
      - {name: region, logicalType: string, required: true, partitioned: true}
      - {name: kind, logicalType: string, enum: [{value: a}, {value: b}]}
      - {name: code, logicalType: string, logicalTypeOptions: {pattern: "^[A-Z]+$", maxLength: 5}}
      - {name: born, logicalType: date}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(12,2)"}
      - {name: twice, logicalType: number, physicalType: "DECIMAL(12,2)", transformLogic: amount * 2}
      - {name: whole, logicalType: integer, physicalType: INTEGER}
      - {name: note, logicalType: string}
"#;

/// The same with JSON: objects and lists inside.
const JSON: &str = r#"apiVersion: v3.2.0
kind: DataContract
id: vault_json
version: 1.0.0
status: active
servers:
  - {server: landing, type: s3, location: "s3://*/vault_json/*.json", format: json}
schema:
  - name: vault_json
    customProperties:
      - {vendor: lakegate, property: maxRejectPercent, value: 60}
    properties:
      - {name: id, logicalType: string, required: true, unique: true}
      - {name: amount, logicalType: integer}
      - name: person
        logicalType: object
        properties:
          - {name: name, logicalType: string, logicalTypeOptions: {maxLength: 5}}
          - {name: born, logicalType: date}
"#;

const HEADER: &str = "id,region,kind,code,born,amount,whole,note\n";

/// Rows that break one rule each, all of them with secrets.
fn bad_rows(prefix: &str) -> String {
    let mut text = String::new();
    for (number, row) in [
        format!("eu{MARK},a,{MARK}kind,ABC,2024-01-01,1.00,1,x"),
        format!("eu,{MARK}kind,ABC,2024-01-01,1.00,1,x"),
        format!("eu,a,{MARK}code,2024-01-01,1.00,1,x"),
        format!("eu,a,ABC,{MARK}date,1.00,1,x"),
        format!("eu,a,ABC,2024-01-01,{MARK}amount,1,x"),
        format!("eu,a,ABC,2024-01-01,{NUMBER}.25,1,x"),
        format!("eu,a,ABC,2024-01-01,{NUMBER}000000000000,1,x"),
        format!("eu,a,ABC,2024-01-01,1.00,{NUMBER}123456789,x"),
        format!("eu,a,ABC,2024-01-01,1.00,1,x,{MARK}more,{MARK}fields"),
        format!("{MARK}less"),
        format!("eu,a,ABC,2024-01-01,1.00,1,{MARK}\"stray quote"),
        format!("eu,a,ABC,2024-01-01,1.00,1,\"{MARK}never closed"),
        format!("eu,a,ABC,2024-01-01,1.00,1,{MARK}{}", "y".repeat(LONG_BYTES)),
    ]
    .iter()
    .enumerate()
    {
        let _ = writeln!(text, "{prefix}{number},{row}");
    }
    // The same key again, and one that is empty.
    let _ =
        writeln!(text, "{MARK}{prefix},eu,a,ABC,2024-01-01,1.00,1,x\n{MARK}{prefix},eu,a,ABC,2024-01-01,1.00,1,{MARK}");
    let _ = writeln!(text, ",{MARK}region,a,ABC,2024-01-01,1.00,1,{MARK}");
    text
}

fn good_rows(prefix: &str, count: usize) -> String {
    let row = |number| {
        format!("{prefix}{MARK}{number},eu {MARK}/{NUMBER},a,ABC,2024-01-01,{}.50,{number},{MARK}note\n", number * 3)
    };
    (0..count).map(row).collect()
}

fn partitions(long: bool) -> String {
    let count = if long { 3 } else { PARTITIONS };
    let row = |number| {
        let region = if long { format!("{MARK}{number}{}", "p".repeat(300)) } else { format!("{MARK}{number}") };
        format!("p{number},{region},a,ABC,2024-01-01,1.00,1,x\n")
    };
    (0..count).map(row).collect()
}

/// Every file by its key; the last word of a name says what must become of it.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut add = |key: &str, content: Vec<u8>| files.insert(key.to_owned(), content);
    add("vault/mixed-committed.csv", format!("{HEADER}{}{}", good_rows("g", 40), bad_rows("m")).into_bytes());
    add("vault/bad-rejected.csv", format!("{HEADER}{}", bad_rows("b")).into_bytes());
    add("vault/headless-rejected.csv", format!("{MARK}1,{MARK}2,{MARK}3\n{}", good_rows("h", 3)).into_bytes());
    add("vault/partitions-rejected.csv", format!("{HEADER}{}", partitions(false)).into_bytes());
    add("vault/long-partition-rejected.csv", format!("{HEADER}{}", partitions(true)).into_bytes());
    let mut latin = format!("{HEADER}{}", good_rows("l", 10)).into_bytes();
    latin.extend_from_slice(b"bad,eu,a,ABC,2024-01-01,1.00,1,zq7x\xe9\xff\n");
    add("vault/latin-committed.csv", latin);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0];
    packed.extend_from_slice(good_rows("z", 3).as_bytes());
    add("vault/packed-rejected.csv", packed);
    let good = |number: usize| {
        format!(
            "{{\"id\": \"{MARK}{number}\", \"amount\": {NUMBER}{number}, \"person\": {{\"name\": \"ab\", \"born\": \"2024-01-01\"}}}}\n"
        )
    };
    let good: String = (0..20).map(good).collect();
    let bad = [
        format!("{{\"id\": \"1\", \"amount\": \"{MARK}\", \"person\": null}}"),
        format!("{{\"id\": \"2\", \"{MARK}key\": 1}}"),
        format!("{{\"id\": \"3\", \"person\": {{\"{MARK}inner\": 1}}}}"),
        format!("{{\"id\": \"4\", \"person\": {{\"name\": \"{MARK}too long\"}}}}"),
        format!("{{\"id\": \"5\", \"id\": \"{MARK}twice\"}}"),
        format!("{{\"id\": \"6\", \"amount\": {NUMBER}999999999999999999999}}"),
        format!("{{\"id\": \"7\", \"amount\": {MARK}}}"),
        format!("{{\"id\": \"{MARK}unfinished"),
    ]
    .join("\n");
    add("vault_json/mixed-committed.json", format!("{good}{bad}\n").into_bytes());
    add("vault_json/bad-rejected.json", format!("{bad}\n").into_bytes());
    add("vault_json/text-rejected.json", format!("{MARK} is no JSON\n").into_bytes());
    add(
        "drafted/people.csv",
        format!("name,age,code\n{MARK}a,{NUMBER},{MARK}\n{MARK}b,{NUMBER},{MARK}\n").into_bytes(),
    );
    add("drafted/broken.csv", format!("name,age\n{MARK}\"a,\n\"{MARK}").into_bytes());
    files
}

/// A document without what lies in the lake: its paths and the values of partitions.
fn without_the_lake(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in
                ["path", "partition", "kept_paths", "Values", "Location", "PartitionValueList", "PartitionsToGet"]
            {
                fields.remove(name);
            }
            fields.values_mut().for_each(without_the_lake);
        }
        Value::Array(items) => items.iter_mut().for_each(without_the_lake),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Notices without what they say of files in the lake: whoever waits for a partition has to know which (docs/events.md).
fn notices_without_the_lake(request: &str) -> Result<String> {
    let mut request: Value = serde_json::from_str(request)?;
    for entry in request.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(Value::String(text)) = entry.get_mut("Detail") else { bail!("a notice without a detail") };
        let mut detail: serde_json::Map<String, Value> = serde_json::from_str(text)?;
        detail.retain(|name, _| name != "partitions" && name != "outputs");
        *text = Value::Object(detail).to_string();
    }
    Ok(request.to_string())
}

fn is_telling(text: &str) -> bool {
    text.to_lowercase().contains(MARK) || text.contains(NUMBER)
}

/// Everything that was written outside `lake/` and `rejects/`, by a name for messages.
async fn written(rig: &Rig, services: &[&Service]) -> Result<Vec<(String, String)>> {
    let (client, stack) = (rig.client(), &rig.stack);
    let mut written = Vec::new();
    for service in services {
        written.push((format!("log of {}", service.program.function), fs::read_to_string(&service.program.log)?));
        for (operation, body) in service.tally().calls.iter().flat_map(|calls| &calls.bodies) {
            let mut text = String::from_utf8_lossy(body).into_owned();
            if operation.starts_with("AWSGlue.") {
                let mut request: Value = serde_json::from_str(&text)?;
                without_the_lake(&mut request);
                text = request.to_string();
            } else if operation == "AWSEvents.PutEvents" {
                text = notices_without_the_lake(&text)?;
            }
            written.push((operation.clone(), text));
        }
    }
    for prefix in ["ledger/", "contracts/", ""] {
        for version in client.list_versions(&stack.lake_bucket, prefix).await? {
            let is_lake = ["lake/", "rejects/"].iter().any(|prefix| version.key.starts_with(prefix));
            if is_lake || prefix.is_empty() && version.key.contains('/') {
                continue;
            }
            let mut text =
                String::from_utf8_lossy(&client.get_version(&stack.lake_bucket, &version).await?).into_owned();
            if prefix == "ledger/" {
                let mut entry: Value = serde_json::from_str(&text)?;
                without_the_lake(&mut entry);
                text = entry.to_string();
            }
            written.push((version.key.clone(), format!("{} {text}", version.key)));
        }
    }
    for message in stack.take(&stack.dead_letter_queue_url).await? {
        written.push(("dead letter".to_owned(), format!("{} {:?}", message.body, message.attributes)));
    }
    for (subject, body) in stack.take_alerts().await? {
        written.push(("alert".to_owned(), format!("{subject} {body}")));
    }
    for message in stack.take(&stack.heavy_queue_url).await? {
        written.push(("heavy message".to_owned(), message.body));
    }
    let request = json!({ "DatabaseName": stack.database });
    let mut tables = client.json("AWSGlue.GetTables", &request).await?;
    for table in tables.get("TableList").and_then(serde_json::Value::as_array).into_iter().flatten() {
        let request = json!({ "DatabaseName": stack.database, "TableName": table["Name"] });
        let mut partitions = client.json("AWSGlue.GetPartitions", &request).await?;
        without_the_lake(&mut partitions);
        written.push((format!("partitions of {}", table["Name"]), partitions.to_string()));
    }
    without_the_lake(&mut tables);
    written.push(("tables".to_owned(), tables.to_string()));
    Ok(written)
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_cells_stand_in_the_lake_and_in_the_rejects_and_nowhere_else() -> Result<()> {
    let rig = Rig::start(NAME, 10).await?;
    rig.stack.put_contract("vault.odcs.yaml", CSV).await?;
    rig.stack.put_contract("vault_json.odcs.yaml", JSON).await?;
    let (mut ingest, mut route_failures) = (rig.ingest().await?, rig.route_failures().await?);
    ingest.program.environment.insert("UNKNOWN_DATASETS".to_owned(), "infer".to_owned());
    (ingest.is_hasty, route_failures.is_hasty) = (true, true);
    let files = files();
    let drive = async {
        for (key, content) in &files {
            rig.stack.drop_file(key, content.clone()).await?;
        }
        rig.settle(TIMEOUT).await
    };
    let services = [&ingest, &route_failures];
    rig.with(&services, drive).await?;
    for key in files.keys() {
        let entry = rig.stack.ledger_entry(key).await?;
        let state = entry.as_ref().and_then(|entry| entry["state"].as_str()).unwrap_or("absent");
        for wanted in ["committed", "rejected"] {
            assert!(!key.contains(&format!("-{wanted}.")) || state == wanted, "{key} is {state}: {entry:?}");
        }
    }
    // The search finds what is there: the lake and the rejects have the secrets.
    let standing = rig.stack.list_lake("lake/").await?;
    assert!(standing.iter().any(|object| is_telling(&object.key)), "no partition has a secret value: {standing:?}");
    let rejects = rig.stack.athena("SELECT raw FROM rejects WHERE raw LIKE '%zq7x%' OR raw LIKE '%7391846%'").await?;
    let written = written(&rig, &services).await?;
    let alerts = written.iter().filter(|(what, _)| what == "alert").count();
    tell(
        NAME,
        &format!(
            "{} rejected rows with secrets; {} texts searched, {alerts} alerts",
            rejects.rows.len(),
            written.len()
        ),
    );
    assert!(rejects.rows.len() > 30 && alerts > 0, "{} rejected rows, {alerts} alerts", rejects.rows.len());
    let told: Vec<String> =
        written.iter().filter(|(_, text)| is_telling(text)).map(|(what, text)| shown(what, text)).collect();
    assert!(told.is_empty(), "{} texts hold secrets:\n{}", told.len(), told.join("\n"));
    Ok(())
}

/// What stands around the first secret of a text.
fn shown(what: &str, text: &str) -> String {
    let at = text.to_lowercase().find(MARK).or_else(|| text.find(NUMBER)).unwrap_or_default();
    let around: String = text.chars().skip(at.saturating_sub(150)).take(300).collect();
    format!("{what}: …{around}…")
}
