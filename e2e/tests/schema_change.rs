//! What becomes of a table and its partitions when its contract changes: the deployed functions, asked from outside.

use std::time::Duration;

use anyhow::Result;
use e2e::{Value, json, on_stack};

/// A warm function trusts its listing of the contracts for half a minute.
const LISTING_KEPT: Duration = Duration::from_secs(31);

fn contract(table: &str, version: &str, columns: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: {table}\nversion: {version}\nstatus: active\nservers:\n  - {{server: landing, type: s3, \
         location: \"s3://*/{table}/*.csv\", format: csv}}\nschema:\n  - name: {table}\n    properties:\n      \
         - {{name: year, logicalType: integer, physicalType: INTEGER, partitioned: true}}\n{columns}"
    )
}

fn column(name: &str, more: &str) -> String {
    format!("      - {{name: {name}, {more}}}\n")
}

/// `name type` of the columns that a table or a partition has in the catalog.
fn columns_of(described: &Value) -> Vec<String> {
    let columns = described.pointer("/StorageDescriptor/Columns").and_then(Value::as_array);
    let text = |column: &Value, key: &str| column.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    columns.into_iter().flatten().map(|column| format!("{} {}", text(column, "Name"), text(column, "Type"))).collect()
}

#[test]
fn a_table_and_its_partitions_take_a_new_contract_and_a_type_that_older_files_cannot_have_is_refused() -> Result<()> {
    on_stack(async |harness| {
        let stack = &harness.stack;
        let number = column("amount", "logicalType: integer, physicalType: INTEGER");
        let text = column("note", "logicalType: string");
        for table in ["t_wider", "t_other"] {
            stack
                .put_contract(&format!("{table}.odcs.yaml"), contract(table, "1.0.0", &format!("{number}{text}")))
                .await?;
            stack.drop_file(&format!("{table}/old.csv"), "year,amount,note\n2023,1,a\n2024,2,b\n").await?;
            harness.ledger(&format!("{table}/old.csv"), &["committed"]).await?;
        }
        let wider = format!("{}{}", column("day", "logicalType: date"), column("amount", "logicalType: integer"));
        stack.put_contract("t_wider.odcs.yaml", contract("t_wider", "2.0.0", &wider)).await?;
        let other = format!("{text}{}", column("amount", "logicalType: string"));
        stack.put_contract("t_other.odcs.yaml", contract("t_other", "2.0.0", &other)).await?;
        tokio::time::sleep(LISTING_KEPT).await;

        stack.drop_file("t_wider/new.csv", "year,amount,day\n2024,4000000000,2024-02-29\n").await?;
        harness.ledger("t_wider/new.csv", &["committed"]).await?;
        let expected = ["amount bigint", "note string", "day date"];
        assert_eq!(stack.table("t_wider").await?.as_ref().map(columns_of).unwrap_or_default(), expected);
        let request = json!({ "DatabaseName": stack.database, "TableName": "t_wider" });
        let answer = stack.client.json("AWSGlue.GetPartitions", &request).await?;
        let partitions: Vec<Vec<String>> =
            answer["Partitions"].as_array().into_iter().flatten().map(columns_of).collect();
        assert_eq!(partitions, [expected, expected]);
        let fetched = harness.fetch_table("t_wider").await?;
        let files: Vec<String> = fetched.files.iter().map(|file| format!("'{}'", file.display())).collect();
        let sql = format!(
            "SELECT amount, note, day FROM read_parquet([{}], union_by_name = true) ORDER BY amount",
            files.join(", ")
        );
        let rows = json!([[1, "a", null], [2, "b", null], [4_000_000_000_i64, null, "2024-02-29"]]);
        assert_eq!(harness.duckdb(&sql)?, rows);

        let before = stack.list_lake("lake/t_other/").await?;
        stack.drop_file("t_other/new.csv", "year,note,amount\n2024,c,three\n").await?;
        let (_, record) = harness.dead_letter("t_other/new.csv").await?;
        assert_eq!(record["kind"], "IncompatibleTable", "{record}");
        let summary = record["summary"].as_str().unwrap_or_default();
        for part in ["amount", "t_other", "int", "string"] {
            assert!(summary.contains(part), "{part} is not in: {summary}");
        }
        assert_eq!(stack.list_lake("lake/t_other/").await?, before);
        let (_, body) = harness.alert("t_other/new.csv").await?;
        assert!(body.contains("physicalName"), "{body}");
        Ok(())
    })
}
