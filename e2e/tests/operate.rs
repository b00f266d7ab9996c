//! What the person on call does: the `lakegate` command against the deployed stack.
#![allow(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;

use anyhow::{Context, Result};
use e2e::{Harness, Project, Value, eventually, json, on_stack, orders};

const BROKEN: &str = "Order No.;Date\n1;2025-11-01\n";

/// A copy of the sample contract, for a table and a folder of the test's own.
async fn put_contract(harness: &Harness, table: &str, change: (&str, &str)) -> Result<()> {
    let sample = fs::read_to_string(Project::find()?.root().join("contracts/orders.odcs.yaml"))?;
    let contract = orders::contract_for(&sample, table);
    assert!(contract.contains(change.0), "the sample contract has no {:?}", change.0);
    harness.stack.put_contract(&format!("{table}.odcs.yaml"), contract.replace(change.0, change.1)).await
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(|object| object["key"].as_str()).collect()
}

#[test]
fn a_rejected_file_is_judged_again_once_its_contract_is_mended() -> Result<()> {
    on_stack(async |harness| {
        let (table, key) = ("op_mended", "op_mended/it's [1] + Käufe.csv");
        // The contract names a column otherwise than the file does.
        put_contract(harness, table, ("name: customer_id", "name: client_id")).await?;
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 5)).await?;
        harness.ledger(key, &["rejected"]).await?;

        let status = harness.lakegate_json(&["status", "--dataset", table])?;
        assert_eq!((&status["total"]["files"], &status["total"]["rejected"]), (&json!(1), &json!(1)), "{status}");
        assert_eq!(
            (status["files"][0]["key"].as_str(), status["files"][0]["error"].as_str()),
            (Some(key), Some("HeaderMismatch"))
        );
        assert_eq!(status["datasets"][table]["files"], 1);
        let page = harness.lakegate(&["status", "--dataset", table])?;
        assert!(page.contains(key) && page.contains("dead-letter") && !page.contains('\u{1b}'), "{page}");

        let shown = harness.lakegate_json(&["replay", "--from", "ledger", "--dataset", table])?;
        assert_eq!((keys(&shown["chosen"]), &shown["sent"]), (vec![key], &json!(0)), "{shown}");
        let page =
            harness.lakegate(&["replay", "--from", "ledger", "--kind", "ContractViolated", "--dataset", table])?;
        assert!(page.contains("lakegate replay --from ledger --kind ContractViolated --dataset op_mended"), "{page}");
        assert!(page.contains("--send"), "{page}");

        put_contract(harness, table, ("version: ", "version: 9.")).await?;
        // A warm function knows a changed contract within half a minute.
        let entry = eventually("the file is committed", async || {
            harness.lakegate(&["replay", "--from", "ledger", "--key", r"op_mended/it's \[1\]*.csv", "--send"])?;
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            Ok(harness.stack.ledger_entry(key).await?.filter(|entry| entry["state"] == "committed"))
        })
        .await?;
        assert_eq!(entry["rows_accepted"], 5, "{entry}");
        assert_eq!(harness.athena_value("SELECT count(*) FROM op_mended").await?, "5");
        let shown = harness.lakegate_json(&["replay", "--from", "ledger", "--dataset", table])?;
        assert_eq!(shown["chosen"], json!([]), "nothing is left to replay");
        Ok(())
    })
}

#[test]
fn a_dead_letter_is_shown_stays_and_is_sent_when_asked_for() -> Result<()> {
    on_stack(async |harness| {
        let (table, key, other) = ("op_letter", "op_letter/2025-09.csv", "op_other/2025-09.csv");
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 3)).await?;
        harness.stack.drop_file(other, BROKEN).await?;
        let ours = ["replay", "--kind", "UnknownDataset", "--key", "op_{letter,other}/*"];
        for look in 0..2 {
            // A look hides nothing for longer than it lasts: the second one finds the same.
            let shown = eventually(&format!("both dead letters are shown, look {look}"), async || {
                let shown = harness.lakegate_json(&ours)?;
                Ok((keys(&shown["chosen"]).len() == 2).then_some(shown))
            })
            .await?;
            assert_eq!(shown["sent"], 0);
        }
        assert_eq!(harness.lakegate_json(&[&ours[..], &["--older-than", "1h"]].concat())?["chosen"], json!([]));

        put_contract(harness, table, ("version: ", "version: 1.")).await?;
        let sent = harness.lakegate_json(&["replay", "--key", "op_letter/**", "--send"])?;
        assert_eq!((keys(&sent["chosen"]), &sent["sent"]), (vec![key], &json!(1)), "{sent}");
        let entry = harness.ledger(key, &["committed"]).await?;
        assert_eq!(entry["rows_accepted"], 3, "{entry}");
        let left = harness.lakegate_json(&ours)?;
        assert_eq!(keys(&left["chosen"]), [other], "the one that was not asked for is where it was");
        Ok(())
    })
}

#[test]
fn dead_letters_that_nobody_needs_are_told_from_others_and_deleted() -> Result<()> {
    on_stack(async |harness| {
        let [mended, gone, open] = ["mended", "gone", "open"].map(|name| format!("op_solved/{name}.csv"));
        for key in [&mended, &gone, &open] {
            harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 3)).await?;
        }
        let ours = ["replay", "--key", "op_solved/*"];
        let count = async |args: &[&str], number: usize| {
            let shown = harness.lakegate_json(&[&ours[..], args].concat())?;
            Ok((keys(&shown["chosen"]).len() == number).then_some(shown))
        };
        eventually("all dead letters are shown", async || count(&[], 3).await).await?;
        let shown = harness.lakegate_json(&[&ours[..], &["--solved"]].concat())?;
        assert_eq!(shown["chosen"], json!([]), "the files stand as they failed");

        put_contract(harness, "op_solved", ("version: ", "version: 1.")).await?;
        harness.stack.drop_file(&mended, orders::good_file("2025-09-01", 1, 4)).await?;
        harness.ledger(&mended, &["committed"]).await?;
        harness.stack.client.delete_object(&harness.stack.raw_bucket, &gone).await?;
        let shown = eventually("two of them are solved", async || count(&["--solved"], 2).await).await?;
        let mut solved: Vec<(&str, &str)> = shown["chosen"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| Some((failure["key"].as_str()?, failure["solved"].as_str()?)))
            .collect();
        solved.sort_unstable();
        assert_eq!(solved, [(gone.as_str(), "gone"), (&mended, "taken-in")], "{shown}");
        assert_eq!(shown["sent"], 0);

        let delete = async || {
            harness.lakegate_json(&[&ours[..], &["--solved", "--send"]].concat())?;
            count(&[], 1).await
        };
        let left = eventually("they are deleted", delete).await?;
        assert_eq!(keys(&left["chosen"]), [open.as_str()], "the one that is open is where it was");
        harness.quiet().await?;
        let entry = harness.ledger(&gone, &["failed"]).await?;
        assert_eq!(entry["file_error"]["kind"], "UnknownDataset", "nothing was sent: {entry}");
        Ok(())
    })
}

#[test]
fn a_message_that_announces_no_object_is_not_replayed_unasked() -> Result<()> {
    on_stack(async |harness| {
        harness.stack.client.send_message(&harness.stack.ingest_queue_url, "{\"not\": \"ours\"}").await?;
        let waiting = async || {
            let shown = harness.lakegate_json(&["replay", "--kind", "UnreadableMessage"])?;
            Ok((shown["chosen"][0]["kind"] == "UnreadableMessage").then_some(()))
        };
        eventually("the unreadable message is a dead letter", waiting).await?;
        let shown = harness.lakegate_json(&["replay", "--newer-than", "1h"])?;
        assert!(shown["without_object"].as_u64() >= Some(1), "{shown}");
        let kinds = shown["chosen"].as_array().into_iter().flatten().map(|failure| &failure["kind"]);
        assert!(kinds.into_iter().all(|kind| kind != "UnreadableMessage"), "{shown}");
        Ok(())
    })
}

#[test]
fn a_file_that_no_event_announced_is_found_and_taken_in() -> Result<()> {
    on_stack(async |harness| {
        let (table, bucket) = ("op_missed", "op-bucket-without-notifications");
        put_contract(harness, table, ("version: ", "version: 1.")).await?;
        let client = &harness.stack.client;
        client.create_bucket(bucket).await?;
        harness.let_ingest_read(bucket).await?;
        let key = "op_missed/São Paulo + 100% (1).csv";
        // More than one page of the listing, and keys that the client library cannot address.
        for number in 0..1_005 {
            client.put_object(bucket, &format!("elsewhere/{number:04}/"), "").await?;
        }
        client.put_object(bucket, key, orders::good_file("2025-09-01", 1, 4)).await?;
        client.put_object(bucket, "op_missed//double.csv", orders::good_file("2025-09-01", 1, 4)).await?;

        let sweep = ["sweep", "--raw-bucket", bucket];
        let young = harness.lakegate_json(&sweep)?;
        assert_eq!((&young["counts"]["missed"], &young["counts"]["too_young"]), (&json!(0), &json!(2)), "{young}");
        let now = [&sweep[..], &["--older-than", "0s"]].concat();
        let shown = harness.lakegate_json(&now)?;
        assert_eq!(keys(&shown["missed"]), ["op_missed//double.csv", key], "{shown}");
        assert_eq!(
            (&shown["counts"]["objects"], &shown["counts"]["no_files"]),
            (&json!(1_007), &json!(1_005)),
            "{shown}"
        );
        let page = harness.lakegate(&now)?;
        assert!(page.contains(key) && page.contains("no ledger entry"), "{page}");
        assert!(page.contains("--older-than 0s") && page.contains("--send"), "{page}");
        let elsewhere = harness.lakegate_json(&[&now[..], &["--prefix", "elsewhere/"]].concat())?;
        assert_eq!(elsewhere["counts"]["missed"], 0, "{elsewhere}");

        let sent = harness.lakegate_json(&[&now[..], &["--send"]].concat())?;
        assert_eq!(sent["sent"], 2, "{sent}");
        let entry = harness.ledger(key, &["committed"]).await?;
        assert_eq!((&entry["source"]["bucket"], &entry["rows_accepted"]), (&json!(bucket), &json!(4)), "{entry}");
        let again = [&now[..], &["--prefix", "op_missed/S"]].concat();
        assert_eq!(harness.lakegate_json(&again)?["counts"]["missed"], 0, "it has been dealt with");

        // S3's times are whole seconds: an upload within the second of its predecessor's entry is in doubt, and then its tag tells.
        client.put_object(bucket, key, orders::good_file("2025-09-01", 1, 6)).await?;
        let replaced = harness.lakegate_json(&again)?;
        assert_eq!(replaced["missed"][0]["why"], "its ledger entry is about another version", "{replaced}");
        harness.lakegate(&[&again[..], &["--send"]].concat())?;
        harness.ledger_when(key, |entry| entry["state"] == "committed" && entry["rows_accepted"] == 6).await?;
        assert_eq!(harness.athena_value("SELECT count(*) FROM op_missed").await?, "6");
        Ok(())
    })
}

#[test]
fn the_scheduled_sweep_takes_in_what_the_ledger_does_not_know() -> Result<()> {
    on_stack(async |harness| {
        let (table, key) = ("op_swept", "op_swept/2025-09.csv");
        put_contract(harness, table, ("version: ", "version: 1.")).await?;
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 4)).await?;
        harness.ledger(key, &["committed"]).await?;
        let sweep = harness.stack.sweep_function.as_str();
        let scheduled = fs::read(Project::find()?.root().join("events/sweep/schedule.json"))?;
        let report = harness.stack.client.invoke(sweep, &scheduled).await?;
        assert_eq!((&report["missed"], &report["stopped"]), (&json!(0), &Value::Null), "{report}");

        // As if nobody had ever been told of it.
        harness.stack.forget(key).await?;
        let report = harness.stack.client.invoke(sweep, br#"{"older_than_secs": 0}"#).await?;
        assert!(report["announced"].as_u64() >= Some(1), "{report}");
        let entry = harness.ledger(key, &["committed"]).await?;
        assert_eq!(entry["rows_accepted"], 4, "{entry}");
        assert_eq!(harness.athena_value("SELECT count(*) FROM op_swept").await?, "4");
        Ok(())
    })
}

#[test]
fn the_ledger_is_a_table_with_the_columns_of_its_entries() -> Result<()> {
    on_stack(async |harness| {
        let (table, key) = ("op_table", "op_table/2025-09.csv");
        put_contract(harness, table, ("version: ", "version: 1.")).await?;
        let mut file = orders::good_file("2025-09-01", 1, 40);
        file.push_str("O-0000041,2025-09-01 10:00:00,C-00001,Mug,0,1.25,EMEA,Germany,\n");
        harness.stack.drop_file(key, file).await?;
        let entry = harness.ledger(key, &["committed"]).await?;

        let catalogued = harness.stack.table("ledger").await?.context("the catalog has no table ledger")?;
        let descriptor = &catalogued["StorageDescriptor"];
        assert_eq!(descriptor["Location"], format!("s3://{}/ledger/", harness.stack.lake_bucket));
        let columns: Vec<(&str, &str)> = descriptor["Columns"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|column| Some((column["Name"].as_str()?, column["Type"].as_str()?)))
            .collect();
        for name in entry.as_object().context("no entry")?.keys() {
            assert!(columns.iter().any(|(column, _)| column == name), "the table has no column {name}: {columns:?}");
        }
        for (part, column) in [("/source", "source"), ("/outputs/0", "outputs")] {
            let (_, text) = columns.iter().find(|(name, _)| *name == column).context("no column")?;
            for name in entry.pointer(part).and_then(Value::as_object).context("no object")?.keys() {
                assert!(text.contains(&format!("{name}:")), "{column} is {text}, without {name}");
            }
        }

        // The local Athena has no JSON SerDe: DuckDB reads the same files by the same columns.
        let path = std::env::temp_dir().join(format!("lakegate-ledger-{}.json", std::process::id()));
        let (object, _) = harness.stack.ledger_object(key).await?;
        fs::write(&path, harness.stack.client.get_object(&harness.stack.lake_bucket, &object).await?)?;
        let listed: Vec<String> =
            columns.iter().map(|(name, kind)| format!("\"{name}\": '{}'", duckdb_type(kind))).collect();
        let sql = format!(
            "SELECT source.key, state, dataset, rows_accepted, violations['quantity']['minimum'], outputs[1].rows, \
             CAST(\"at\" AS TIMESTAMP) > TIMESTAMP '2025-01-01' \
             FROM read_json('{}', format = 'newline_delimited', columns = {{{}}})",
            path.display(),
            listed.join(", ")
        );
        let answer = harness.duckdb(&sql);
        fs::remove_file(&path)?;
        assert_eq!(answer?, json!([[key, "committed", table, 40, 1, 40, true]]));
        Ok(())
    })
}

/// A Hive type as DuckDB writes it.
fn duckdb_type(hive: &str) -> String {
    if let Some(item) = hive.strip_prefix("array<").and_then(|rest| rest.strip_suffix('>')) {
        return format!("{}[]", duckdb_type(item));
    }
    if let Some(inner) = hive.strip_prefix("map<string,").and_then(|rest| rest.strip_suffix('>')) {
        return format!("MAP(VARCHAR, {})", duckdb_type(inner));
    }
    if let Some(members) = hive.strip_prefix("struct<").and_then(|rest| rest.strip_suffix('>')) {
        let member = |member: &str| {
            let (name, kind) = member.split_once(':').unwrap_or((member, "string"));
            format!("\"{name}\" {}", duckdb_type(kind))
        };
        return format!("STRUCT({})", members.split(',').map(member).collect::<Vec<_>>().join(", "));
    }
    match hive {
        "string" => "VARCHAR".to_owned(),
        other => other.to_uppercase(),
    }
}

#[test]
fn contracts_are_pushed_shown_and_not_broken_by_accident() -> Result<()> {
    on_stack(async |harness| {
        let sample = fs::read_to_string(Project::find()?.root().join("contracts/orders.odcs.yaml"))?;
        let table = "op_pushed";
        let first = orders::contract_for(&sample, table);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("op_pushed.odcs.yaml");
        let path = file.to_str().context("a path in UTF-8")?;
        let push = |content: &str, args: &[&str]| {
            fs::write(&file, content)?;
            harness.lakegate_json(&[&["contracts", "push", path][..], args].concat())
        };
        let outcome = |answer: &Value| answer["contracts"][0]["outcome"].as_str().map(str::to_owned);

        assert_eq!(outcome(&push(&first, &["--dry-run"])?).as_deref(), Some("would be new"));
        assert!(harness.lakegate(&["contracts", "show", table]).is_err(), "a dry run pushes nothing");
        assert_eq!(outcome(&push(&first, &[])?).as_deref(), Some("new"));
        assert_eq!(outcome(&push(&first, &[])?).as_deref(), Some("unchanged"));
        assert_eq!(harness.lakegate(&["contracts", "show", table])?.trim_end(), first.trim_end());

        // What ingest goes by is what was pushed.
        let key = "op_pushed/2025-09.csv";
        harness.stack.drop_file(key, orders::good_file("2025-09-01", 1, 4)).await?;
        assert_eq!(harness.ledger(key, &["committed"]).await?["rows_accepted"], 4);

        let breaking = first.replace("partitionKeyPosition: 1", "partitionKeyPosition: 9");
        let Err(refused) = push(&breaking, &[]) else { panic!("what breaks the table is refused") };
        assert!(format!("{refused:#}").contains("exit status: 3"), "{refused:#}");
        assert_eq!(harness.lakegate(&["contracts", "show", "op_pushed.odcs.yaml"])?.trim_end(), first.trim_end());
        let forced = push(&breaking, &["--force"])?;
        assert_eq!(
            (outcome(&forced).as_deref(), &forced["contracts"][0]["is_breaking"]),
            (Some("replaced"), &json!(true))
        );

        // Two contracts that want the same files would stop them all.
        let other = folder.path().join("op_other.odcs.yaml");
        fs::write(
            &other,
            first
                .replace("name: op_pushed", "name: op_other")
                .replace("physicalName: op_pushed", "physicalName: op_other"),
        )?;
        let clash = harness.lakegate(&["contracts", "push", other.to_str().context("UTF-8")?]);
        assert!(clash.is_err_and(|error| format!("{error:#}").contains("s3://*/op_pushed/")));

        let listed = harness.lakegate_json(&["contracts", "list"])?;
        let ours = listed["contracts"].as_array().into_iter().flatten().find(|contract| contract["table"] == table);
        assert_eq!(ours.context("it is listed")?["key"], "contracts/op_pushed.odcs.yaml");
        assert!(harness.lakegate(&["contracts", "list"])?.contains("op_pushed.odcs.yaml"));
        Ok(())
    })
}

#[test]
fn the_report_of_a_stack_tells_what_its_ledger_and_rejects_tell() -> Result<()> {
    on_stack(async |harness| {
        let table = "op_report";
        put_contract(harness, table, ("maxRejectPercent, value: 5", "maxRejectPercent, value: 50")).await?;
        let spoiled = orders::good_file("2025-09-01", 1, 4).replacen("EMEA", "Atlantis", 1);
        for (key, text) in [("op_report/good.csv", spoiled.as_str()), ("op_report/broken.csv", BROKEN)] {
            harness.stack.drop_file(key, text).await?;
            harness.ledger(key, &["committed", "rejected"]).await?;
        }
        let page = std::env::temp_dir().join(format!("lakegate-e2e-report-{}.html", std::process::id()));
        let told = harness.lakegate_json(&["report", "--out", &page.display().to_string()])?;
        let of_table = |section: &str| {
            let rows = told["sections"][section].as_array().into_iter().flatten();
            rows.filter(|row| row["dataset"] == table).collect::<Vec<_>>()
        };
        let (datasets, rejects) = (of_table("datasets"), of_table("rejects"));
        let counts =
            ["files", "committed", "rejected", "rows_accepted", "rows_rejected"].map(|name| &datasets[0][name]);
        assert_eq!(counts, [&json!(2), &json!(1), &json!(1), &json!(3), &json!(1)], "{told}");
        let rule = ["column", "rule", "rows"].map(|name| &rejects[0][name]);
        assert_eq!((rejects.len(), rule), (1, [&json!("region"), &json!("enum"), &json!(1)]), "{told}");

        let html = fs::read_to_string(&page)?;
        fs::remove_file(&page)?;
        assert!(html.contains("op_report/broken.csv") && html.contains("HeaderMismatch"), "the page lacks the file");
        assert!(!html.contains("Atlantis"), "a cell's value is in the page");
        Ok(())
    })
}

#[test]
fn a_backfill_of_nothing_is_an_error_and_no_success() -> Result<()> {
    on_stack(async |harness| {
        put_contract(harness, "op_nothing", ("version: ", "version: 1.")).await?;
        let no_prefix = harness.lakegate(&["backfill", "--prefix", "no such/"]).expect_err("a prefix without objects");
        assert!(format!("{no_prefix:#}").contains("has a key that begins with \"no such/\""), "{no_prefix:#}");
        let no_contract = harness.lakegate(&["backfill", "--prefix", "", "--contract-id", "op_nothin"]);
        let no_contract = format!("{:#}", no_contract.expect_err("a contract that is not there"));
        assert!(no_contract.contains("has the id op_nothin") && no_contract.contains("op_nothing"), "{no_contract}");
        Ok(())
    })
}
