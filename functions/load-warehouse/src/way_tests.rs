//! The way of a load from notices to its end, with whatever comes again, fails or is lost on it.

use lakegate_stand_ins::{Fault, is_thorough};
use serde_json::{Value, json};

use crate::world::{World, notice, removal};

const AT: &str = "2026-01-02T03:04:05.000Z";
const LATER: &str = "2026-01-02T03:05:00.000Z";
const COLUMNS: [(&str, &str); 4] =
    [("order_id", "varchar"), ("revenue", "numeric"), ("year", "int4"), ("city", "varchar")];
const PARTITION: &str = "year=2025/city=S%C3%A3o%20Paulo";

fn file(key: &str) -> Value {
    notice(key, AT, &[PARTITION])
}

#[tokio::test]
async fn files_of_a_table_are_one_transaction_and_its_end_is_noted() {
    let world = World::new();
    let messages = [
        ("m1", 1, file("a.csv")),
        ("m2", 1, notice("b.csv", LATER, &["year=2026/city=it's"])),
        ("m3", 1, file("b.csv")),
    ];
    assert!(world.deliver(&messages).await.is_empty());
    let batches = world.batches();
    assert_eq!(batches.len(), 1);
    insta::assert_snapshot!(batches[0].statements.join(";\n\n"), @r###"
LOCK TABLE "lakegate_loads"."orders";

CREATE TEMP TABLE "lakegate_wanted" ("source" VARCHAR(64) NOT NULL, "at" TIMESTAMPTZ NOT NULL);

INSERT INTO "lakegate_wanted" ("source", "at") VALUES
    ('a-6fe166ca1a625f2a', '2026-01-02T03:04:05.000Z'),
    ('b-f2fdf2d62b1ae68a', '2026-01-02T03:05:00.000Z');

DELETE FROM "lakegate_wanted" USING "lakegate_loads"."orders"
WHERE "lakegate_wanted"."source" = "lakegate_loads"."orders"."source" AND "lakegate_wanted"."at" < "lakegate_loads"."orders"."at";

CREATE TEMP TABLE "lakegate_staging" (LIKE "lakegate"."orders");

INSERT INTO "lakegate_staging" ("order_id", "revenue", "year", "city", "lakegate_source")
SELECT "order_id", "revenue", "year", "city", REGEXP_SUBSTR(REGEXP_SUBSTR("$path", '[^/]*$'), '^.*-[0-9a-f]{16}')
FROM "lakegate_lake"."orders"
WHERE ("$path" LIKE '%/a-6fe166ca1a625f2a-%.parquet'
    OR "$path" LIKE '%/b-f2fdf2d62b1ae68a-%.parquet')
AND (("year" = 2025)
    OR ("year" = 2026 AND "city" = 'it''s'));

DELETE FROM "lakegate"."orders" WHERE "lakegate_source" IN (SELECT "source" FROM "lakegate_wanted");

INSERT INTO "lakegate"."orders" ("order_id", "revenue", "year", "city", "lakegate_source")
SELECT "order_id", "revenue", "year", "city", "lakegate_source" FROM "lakegate_staging" WHERE "lakegate_source" IN (SELECT "source" FROM "lakegate_wanted");

DELETE FROM "lakegate_loads"."orders" WHERE "source" IN (SELECT "source" FROM "lakegate_wanted");

INSERT INTO "lakegate_loads"."orders" ("source", "at") SELECT "source", "at" FROM "lakegate_wanted";

DROP TABLE "lakegate_wanted";

DROP TABLE "lakegate_staging"
"###);
    assert_eq!(world.phases().await, ["load"]);
    assert!(world.deliver(&[("e1", 1, world.ends("FINISHED", ""))]).await.is_empty());
    assert_eq!(world.phases().await, ["loaded"]);
    // Whatever comes again does nothing.
    assert!(world.deliver(&[("e1", 2, world.ends("FINISHED", ""))]).await.is_empty());
    assert!(world.deliver(&messages).await.is_empty());
    assert_eq!((world.aws.warehouse().asked, world.told().len()), (1, 0));
}

#[tokio::test]
async fn a_table_that_the_warehouse_lacks_is_made_and_then_loaded_whole() {
    let world = World::new();
    world.aws.warehouse().tables.clear();
    assert!(world.deliver(&[("m1", 1, file("a.csv"))]).await.is_empty());
    insta::assert_snapshot!(world.batches()[0].statements.join(";\n\n"), @r###"
CREATE TABLE IF NOT EXISTS "lakegate_loads"."orders" (
    "source" VARCHAR(64) NOT NULL,
    "at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS "lakegate"."orders" (
    "order_id" VARCHAR(65535),
    "revenue" DECIMAL(18,2),
    "year" INTEGER,
    "city" VARCHAR(65535),
    "lakegate_source" VARCHAR(64) NOT NULL
)
"###);
    world
        .set_table("orders", &[("order_id", "varchar"), ("revenue", "numeric"), ("year", "int4"), ("city", "varchar")]);
    let made = world.ends("FINISHED", "");
    assert!(world.deliver(&[("e1", 1, made.clone())]).await.is_empty());
    insta::assert_snapshot!(world.batches()[1].statements.join(";\n\n"), @r###"
LOCK TABLE "lakegate_loads"."orders";

CREATE TEMP TABLE "lakegate_staging" (LIKE "lakegate"."orders");

INSERT INTO "lakegate_staging" ("order_id", "revenue", "year", "city", "lakegate_source")
SELECT "order_id", "revenue", "year", "city", REGEXP_SUBSTR(REGEXP_SUBSTR("$path", '[^/]*$'), '^.*-[0-9a-f]{16}')
FROM "lakegate_lake"."orders";

DELETE FROM "lakegate"."orders";

INSERT INTO "lakegate"."orders" ("order_id", "revenue", "year", "city", "lakegate_source")
SELECT "order_id", "revenue", "year", "city", "lakegate_source" FROM "lakegate_staging";

DELETE FROM "lakegate_loads"."orders" WHERE "source" NOT IN (SELECT "lakegate_source" FROM "lakegate_staging");

CREATE TEMP TABLE "lakegate_wanted" ("source" VARCHAR(64) NOT NULL, "at" TIMESTAMPTZ NOT NULL);

INSERT INTO "lakegate_wanted" ("source", "at") VALUES
    ('a-6fe166ca1a625f2a', '2026-01-02T03:04:05.000Z');

DELETE FROM "lakegate_wanted" USING "lakegate_loads"."orders"
WHERE "lakegate_wanted"."source" = "lakegate_loads"."orders"."source" AND "lakegate_wanted"."at" < "lakegate_loads"."orders"."at";

DELETE FROM "lakegate_loads"."orders" WHERE "source" IN (SELECT "source" FROM "lakegate_wanted");

INSERT INTO "lakegate_loads"."orders" ("source", "at") SELECT "source", "at" FROM "lakegate_wanted";

DROP TABLE "lakegate_wanted";

DROP TABLE "lakegate_staging"
"###);
    // The end of the first step, told again, hands the second one over again, which the warehouse knows.
    assert!(world.deliver(&[("e1", 2, made)]).await.is_empty());
    assert_eq!((world.batches().len(), world.aws.warehouse().asked), (2, 3));
    world.deliver(&[("e2", 1, world.ends("FINISHED", ""))]).await;
    assert_eq!(world.phases().await, ["loaded"]);
}

#[tokio::test]
async fn a_file_whose_rows_left_the_lake_is_looked_at_like_any_other() {
    let world = World::new();
    let of_partition = removal("a.csv", AT, &[PARTITION]);
    assert!(world.deliver(&[("m1", 1, of_partition.clone())]).await.is_empty());
    let expected = World::new();
    assert!(expected.deliver(&[("m1", 1, file("a.csv"))]).await.is_empty());
    assert_eq!(world.batches()[0].statements, expected.batches()[0].statements);
    assert!(world.deliver(&[("e1", 1, world.ends("FINISHED", ""))]).await.is_empty());
    assert_eq!(world.phases().await, ["loaded"]);
    assert!(world.deliver(&[("m1", 2, of_partition)]).await.is_empty());
    assert_eq!(world.batches().len(), 1, "told again, nothing is done");
    // Of a table without partitions all of it is read.
    assert!(world.deliver(&[("m2", 1, removal("b.csv", AT, &[]))]).await.is_empty());
    let staged = world.batches()[1].statements[5].clone();
    assert!(staged.ends_with("WHERE (\"$path\" LIKE '%/b-f2fdf2d62b1ae68a-%.parquet')"), "{staged}");
}

#[tokio::test]
async fn of_a_file_that_left_and_came_again_the_last_notice_counts() {
    let later = "year=2026/city=Rome";
    for messages in [
        [("m1", 1, removal("a.csv", AT, &[PARTITION])), ("m2", 1, notice("a.csv", LATER, &[later]))],
        [("m1", 1, notice("a.csv", LATER, &[later])), ("m2", 1, removal("a.csv", AT, &[PARTITION]))],
    ] {
        let world = World::new();
        assert!(world.deliver(&messages).await.is_empty());
        let statements = world.batches()[0].statements.join("\n");
        assert!(statements.contains(LATER) && statements.contains("\"year\" = 2026"), "{statements}");
        assert!(!statements.contains(AT) && !statements.contains("\"year\" = 2025"), "{statements}");
    }
}

#[tokio::test]
async fn no_table_is_made_for_rows_that_left() {
    let world = World::new();
    world.aws.warehouse().tables.clear();
    let left = || removal("a.csv", AT, &[PARTITION]);
    assert!(world.deliver(&[("m1", 1, left()), ("m2", 1, removal("b.csv", AT, &[]))]).await.is_empty());
    assert_eq!((world.batches().len(), world.phases().await, world.told().len()), (0, vec!["loaded".to_owned()], 0));
    // With a file that came the table is made, and takes in all that stands.
    assert!(world.deliver(&[("m3", 1, left()), ("m4", 1, file("b.csv"))]).await.is_empty());
    assert!(world.batches()[0].statements[0].starts_with("CREATE TABLE"));
    // By hand as well, whatever left.
    let by_hand = World::new();
    by_hand.aws.warehouse().tables.clear();
    by_hand.ask(&json!({"dataset": "orders"})).await.unwrap();
    assert!(by_hand.batches()[0].statements[0].starts_with("CREATE TABLE"));
}

#[tokio::test]
async fn a_column_that_the_warehouse_lacks_is_added_before_the_rows() {
    let world = World::new();
    world.set_lake_table(
        "orders",
        &[("order_id", "string"), ("revenue", "decimal(18,2)"), ("it's \"new\"", "boolean"), ("tags", "array<string>")],
    );
    world.deliver(&[("m1", 1, file("a.csv"))]).await;
    insta::assert_snapshot!(world.batches()[0].statements.join(";\n\n"), @r###"
LOCK TABLE "lakegate_loads"."orders";

ALTER TABLE "lakegate"."orders" ADD COLUMN "it's ""new""" BOOLEAN
"###);
    // Another load was faster.
    world.set_table(
        "orders",
        &[
            ("order_id", "varchar"),
            ("revenue", "numeric"),
            ("it's \"new\"", "bool"),
            ("year", "int4"),
            ("city", "varchar"),
        ],
    );
    world.deliver(&[("e1", 1, world.ends("FAILED", "column \"new\" of relation \"orders\" already exists"))]).await;
    let second = &world.batches()[1].statements;
    assert!(second.iter().any(|statement| statement.contains("\"it's \"\"new\"\"\"")), "{second:?}");
    assert!(!second.iter().any(|statement| statement.contains("tags")), "no such type");
}

#[tokio::test]
async fn what_passes_is_sent_again_after_a_while_and_told_when_it_does_not_pass() {
    let world = World::new();
    world.deliver(&[("m1", 1, file("a.csv"))]).await;
    for failures in 1..5 {
        let failed = world.ends("FAILED", "ERROR: 1023 Detail: Serializable isolation violation on table of Jane");
        let id = format!("e{failures}");
        assert_eq!(world.deliver(&[(&id, 1, failed.clone())]).await, [id.as_str()], "it waits");
        assert_eq!(world.batches().len(), failures);
        assert!(world.deliver(&[(&id, 2, failed.clone())]).await.is_empty());
        assert_eq!(world.batches().len(), failures + 1);
        assert_eq!(world.batches()[failures].statements, world.batches()[0].statements);
        // Told by two events, it is sent once.
        assert!(world.deliver(&[("other", 1, failed)]).await.is_empty());
        assert_eq!(world.batches().len(), failures + 1);
    }
    let failed = world.ends("FAILED", "ERROR: 1023 Jane");
    assert!(world.deliver(&[("e5", 1, failed.clone())]).await.is_empty());
    assert!(world.deliver(&[("e5", 2, failed)]).await.is_empty());
    let told = world.told();
    assert_eq!((told.len(), world.phases().await), (1, vec!["failed".to_owned()]));
    assert_eq!(
        (told[0].kind.to_string().as_str(), told[0].retryable, told[0].dataset.as_deref()),
        ("WarehouseLoadFailed", true, Some("orders"))
    );
    let text = format!("{} {}", serde_json::to_string(&told).unwrap(), json!(world.loads().await));
    assert!(!text.contains("Jane"), "{text}");
}

#[tokio::test]
async fn what_lasts_is_told_at_once() {
    for (state, error, expected) in [
        ("FAILED", "ERROR: permission denied for schema lakegate", "lacks a right"),
        ("FAILED", "ERROR: schema \"lakegate_lake\" does not exist", "redshift/1_setup.sql"),
        ("ABORTED", "Query cancelled", "was stopped"),
    ] {
        let world = World::new();
        world.deliver(&[("m1", 1, file("a.csv"))]).await;
        assert!(world.deliver(&[("e1", 1, world.ends(state, error))]).await.is_empty());
        let told = world.told();
        assert!(told.len() == 1 && told[0].summary.contains(expected), "{told:?}");
        let message = &world.aws.messages_to("failures")[0];
        assert_eq!(
            message["MessageBody"],
            json!({ "dataset": "orders" }).to_string(),
            "sent to the load queue it loads the table"
        );
        assert_eq!(world.batches().len(), 1);
    }
}

#[tokio::test]
async fn a_table_that_would_round_values_is_told_and_not_loaded() {
    let world = World::new();
    world.set_lake_table("orders", &[("order_id", "string"), ("revenue", "decimal(20,4)")]);
    assert!(world.deliver(&[("m1", 1, file("a.csv")), ("m2", 1, file("b.csv"))]).await.is_empty());
    let told = world.told();
    assert_eq!((told.len(), told[0].kind.to_string().as_str()), (1, "WarehouseConflict"));
    assert!(told[0].summary.contains("revenue") && told[0].summary.contains("DECIMAL(20,4)"), "{}", told[0].summary);
    assert!(world.batches().is_empty());
}

#[tokio::test]
async fn whole_tables_are_loaded_by_hand_and_a_table_that_is_gone_is_not() {
    let world = World::new();
    world.set_lake_table("products", &[("product", "string")]);
    world.set_table("products", &[("product", "varchar"), ("year", "int4"), ("city", "varchar")]);
    let answer = world.ask(&json!({})).await.unwrap();
    let told: Vec<Value> =
        answer["loads"].as_array().unwrap().iter().map(|load| json!([load["dataset"], load["outcome"]])).collect();
    assert_eq!(json!(told), json!([["orders", "loading"], ["products", "loading"]]));
    let first = &world.batches()[0].statements;
    assert!(first.iter().any(|statement| statement == "DELETE FROM \"lakegate\".\"orders\""), "{first:?}");
    let answer = world.ask(&json!({ "dataset": "gone" })).await.unwrap();
    assert_eq!(answer["loads"][0]["outcome"], "no-table");
    assert!(world.ask(&file("a.csv")).await.is_err());
    // The same by a message, as a dead letter that is sent back.
    assert!(world.deliver(&[("m1", 1, json!({ "dataset": "orders" }))]).await.is_empty());
    assert_eq!(world.batches().len(), 3);
}

#[tokio::test]
async fn what_nobody_understands_is_told_and_statements_of_others_are_left_alone() {
    let world = World::new();
    let others = json!({"detail-type": "Redshift Data Statement Status Change", "detail": {"statementName": "x", "statementId": "1", "state": "FAILED"}});
    let forgotten = json!({"detail-type": "Redshift Data Statement Status Change", "detail": {"statementName": "lakegate/lakegate/0a/load/1", "statementId": "1", "state": "FAILED"}});
    assert!(world.deliver(&[("m1", 1, others), ("m2", 1, forgotten), ("m3", 1, json!("what"))]).await.is_empty());
    let told = world.told();
    assert_eq!((told.len(), told[0].kind.to_string().as_str()), (1, "UnreadableMessage"));
    assert!(world.batches().is_empty());
}

/// Every call of the way, each going wrong in each of the ways, leaves the load at its end when what came comes again.
#[tokio::test]
async fn whatever_call_goes_wrong_the_load_comes_to_its_end_once() {
    let faults = [Fault::FailBefore, Fault::FailAfter, Fault::Throttle, Fault::ComeLate];
    let mut runs = 0;
    for fault in faults {
        // A client that repeats makes a run of seconds; all of them are a matter of a minute.
        for call in (0..).step_by(if is_thorough() { 1 } else { 4 }) {
            let world = World::new();
            world.aws.warehouse().tables.clear();
            world.faults.arm(call, fault);
            until_taken(&world, call, "m1", &file("a.csv")).await;
            world.set_table("orders", &COLUMNS);
            for (id, state, error) in [("e1", "FINISHED", ""), ("e2", "FAILED", "ERROR: 1023"), ("e3", "FINISHED", "")]
            {
                let event = world.ends(state, error);
                until_taken(&world, call, id, &event).await;
            }
            let has_come = world.faults.calls() > call;
            world.faults.disarm();
            assert_eq!(world.phases().await, ["loaded"], "{fault:?} at call {call}");
            let names: Vec<String> = world.batches().into_iter().map(|batch| batch.name).collect();
            assert_eq!((names.len(), world.told().len()), (3, 0), "{fault:?} at call {call}: {names:?}");
            runs += 1;
            if !has_come {
                break;
            }
        }
    }
    println!("{runs} runs");
    assert!(runs > 12, "{runs}");
}

/// Delivers a message until it is taken.
async fn until_taken(world: &World, call: usize, id: &str, body: &Value) {
    for received in 1..6 {
        if world.deliver(&[(id, received, body.clone())]).await.is_empty() {
            return;
        }
        // What went wrong goes wrong as long as its client repeats it, and no longer.
        if world.faults.calls() > call {
            world.faults.disarm();
        }
    }
    panic!("{id} is never taken");
}

#[tokio::test]
async fn what_does_not_pass_for_hours_is_told_and_no_file_is_forgotten() {
    let world = World::new();
    world.faults.always(Some(("BatchExecuteStatement", Fault::Throttle)));
    // One of them has waited long, the other has not: that one is still asked for.
    assert_eq!(world.deliver(&[("m1", 1, file("a.csv")), ("m2", 20, file("b.csv"))]).await, ["m1"]);
    world.faults.always(None);
    let told = world.told();
    assert_eq!((told.len(), told[0].kind.to_string().as_str()), (1, "ServiceUnavailable"));
}

#[tokio::test]
async fn a_load_of_which_nothing_is_heard_is_looked_after() {
    let look_after = || json!({ "look_after": true });
    let world = World::new();
    world.deliver(&[("m1", 1, file("a.csv"))]).await;
    // Its statements have ended, and the event is lost. At first it is given time.
    world.ends("FINISHED", "");
    assert!(world.deliver(&[("s1", 1, look_after())]).await.is_empty());
    assert_eq!((world.phases().await, world.aws.warehouse().asked), (vec!["load".to_owned()], 1));
    let later = world.later();
    assert!(later.deliver(&[("s2", 1, look_after())]).await.is_empty());
    assert_eq!((later.phases().await, later.batches().len()), (vec!["loaded".to_owned()], 1));
    assert!(later.deliver(&[("s3", 1, look_after())]).await.is_empty());
    assert_eq!(later.aws.warehouse().asked, 2, "what is over is left alone");
}

#[tokio::test]
async fn a_load_whose_statements_nobody_handed_over_goes_on_and_one_that_runs_is_left_alone() {
    let world = World::new();
    world.faults.always(Some(("BatchExecuteStatement", Fault::Throttle)));
    assert_eq!(world.deliver(&[("m1", 1, file("a.csv"))]).await, ["m1"]);
    world.faults.always(None);
    let later = world.later();
    assert!(later.deliver(&[("s1", 1, json!({ "look_after": true }))]).await.is_empty());
    assert_eq!((later.phases().await, later.batches().len()), (vec!["load".to_owned()], 1));
    assert!(later.deliver(&[("e1", 1, later.ends("FINISHED", ""))]).await.is_empty());
    assert_eq!(later.phases().await, ["loaded"]);
}

#[tokio::test]
async fn what_cannot_be_begun_in_time_comes_again() {
    let world = World::new();
    let record = json!({
        "messageId": "m1", "receiptHandle": "r", "eventSource": "aws:sqs", "body": file("a.csv").to_string(),
        "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": {},
    });
    let answer = world.ask_until(&json!({ "Records": [record] }), 60).await.unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "m1");
    assert!(world.batches().is_empty() && world.told().is_empty());
}

#[tokio::test]
async fn a_table_that_never_has_what_it_was_given_is_told() {
    let world = World::new();
    world.aws.warehouse().tables.clear();
    world.deliver(&[("m1", 1, file("a.csv"))]).await;
    for step in 0..30 {
        if world.phases().await == ["failed"] {
            break;
        }
        world.deliver(&[(&format!("e{step}"), 1, world.ends("FINISHED", ""))]).await;
    }
    let told = world.told();
    assert_eq!((told.len(), told[0].kind.to_string().as_str()), (1, "WarehouseConflict"));
    assert!(told[0].summary.contains("another user"), "{}", told[0].summary);
}
