//! What becomes of the page when Athena and S3 answer, and when they do not. With the real binary, and real SQL, it is run in
//! `e2e/tests/dashboard.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use lakegate_dashboard::QUERIES;
use lakegate_lake::layout;
use lakegate_stand_ins::{Ending, Fault};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::{Value, json};

use crate::world::{World, wait};

#[tokio::test]
async fn the_answers_become_a_page_and_its_figures() {
    let world = World::new();
    assert_eq!(world.run().await, "written");
    let (page, figures) = (world.page().await, world.figures().await);
    assert!(page.contains("database lakegate of stack lakegate · computed 2026-01-02 00:00 UTC"));
    assert!(page.contains("Jane Doe&#39;s tent") && page.contains("The last month is not over."));
    assert_eq!((&figures["at"], &figures["problems"]), (&json!("2026-01-02T00:00:00Z"), &json!({})));
    assert_eq!(figures["facts"]["revenue"], 40.0);
    assert_eq!(figures["sections"]["monthly_trend"].as_array().unwrap().len(), 4, "over three pages");
    assert_eq!(figures["sections"]["monthly_trend"][0]["growth"], Value::Null);
    let athena = world.aws.athena();
    assert_eq!(athena.started.len(), QUERIES.len());
    for started in &athena.started {
        assert_eq!(started["WorkGroup"], "lakegate-dashboard");
        assert_eq!(started["QueryExecutionContext"], json!({ "Database": "lakegate" }));
        assert_eq!(started["ResultConfiguration"], json!({ "OutputLocation": "s3://lake/athena/" }));
    }
    assert!(world.told().is_empty() && athena.stopped.is_empty());
}

#[tokio::test]
async fn a_later_run_asks_anew_and_writes_over_the_page() {
    let world = World::new();
    assert_eq!(world.run().await, "written");
    world.set("top_products", Ending::Answer("product|orders|pieces|revenue\nRug|1|1|1".to_owned()));
    wait(60);
    assert_eq!(world.run().await, "written");
    assert!(world.page().await.contains(">Rug<") && !world.page().await.contains("Jane Doe"));
    assert_eq!(world.aws.athena().started.len(), 2 * QUERIES.len());
}

#[tokio::test]
async fn tables_that_are_not_there_are_no_failure() {
    let world = World::new();
    world.aws.athena().endings.clear();
    assert_eq!(world.run().await, "written");
    assert_eq!(world.page().await.matches("There is no table ").count(), QUERIES.len());
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn a_query_that_fails_is_told_without_values_and_the_others_are_shown() {
    let world = World::new();
    world.set("age_groups", Ending::Fail("HIVE_BAD_DATA: 'Jane Doe' is no number".to_owned()));
    assert_eq!(world.run().await, "written");
    let number = world
        .aws
        .athena()
        .started
        .iter()
        .position(|query| query["QueryString"].as_str().is_some_and(|sql| sql.starts_with("-- Age groups")));
    let told = format!(
        "DashboardFailed: 1 of the dashboard's 8 queries failed: age_groups: HIVE_BAD_DATA (query {})",
        number.unwrap()
    );
    assert_eq!(world.told(), [told]);
    let figures = world.figures().await;
    assert!(figures["problems"]["age_groups"].as_str().unwrap().starts_with("The query failed: HIVE_BAD_DATA (query "));
    assert_eq!(figures["sections"]["membership_tiers"][0]["buyers"], 3);
    assert!(!figures["problems"].to_string().contains("Jane"));
}

#[tokio::test]
async fn the_same_trouble_is_told_once_a_day_and_other_trouble_at_once() {
    let world = World::new();
    let fail = || Ending::Fail("FAILED".to_owned());
    let after = async |secs: u64| {
        wait(secs);
        assert_eq!(world.run().await, "written");
        world.told().len()
    };
    world.set("age_groups", fail());
    assert_eq!([after(0).await, after(3_600).await, after(3_600).await], [1, 1, 1]);
    assert_eq!(after(19 * 3_600).await, 2, "it still lasts");
    world.set("order_values", fail());
    assert_eq!([after(60).await, after(60).await], [3, 3], "another query as well");
    world.mend("age_groups");
    world.mend("order_values");
    assert_eq!((after(60).await, &world.figures().await["trouble"]), (3, &Value::Null));
    world.set("order_values", fail());
    assert_eq!(after(60).await, 4, "it was good in between");
}

#[tokio::test]
async fn a_run_in_vain_leaves_the_page_as_it_was() {
    let world = World::new();
    assert_eq!(world.run().await, "written");
    let (page, figures) = (world.page().await, world.figures().await);
    world.aws.deny(Some("StartQueryExecution"));
    wait(3_600);
    assert_eq!([world.run().await, world.run().await], ["kept", "kept"]);
    assert_eq!(world.page().await, page);
    let mut stands = world.figures().await;
    assert_eq!(stands["trouble"]["queries"].as_array().unwrap().len(), QUERIES.len());
    stands.as_object_mut().unwrap().remove("trouble");
    assert_eq!(stands, figures);
    let told = world.told();
    assert_eq!(told.len(), 1, "once");
    assert!(told[0].contains("StartQueryExecution on lakegate is not allowed"), "{told:?}");
}

#[tokio::test]
async fn trouble_that_passes_is_the_functions_own_error() {
    let world = World::new();
    world.faults.always(Some(("StartQueryExecution", Fault::Throttle)));
    let error = world.run_for(Duration::from_millis(300)).await;
    assert!(error.starts_with("error: StartQueryExecution on lakegate failed for now"), "{error}");
    assert!(world.told().is_empty() && world.page().await.is_empty());
    world.faults.always(None);
    assert_eq!(world.run().await, "written");
}

#[tokio::test]
async fn a_query_without_an_end_is_stopped_and_told() {
    let world = World::new();
    world.set("top_countries", Ending::Run);
    assert_eq!(world.run_for(Duration::from_secs(3)).await, "written");
    let stopped = world.aws.athena().stopped.clone();
    let [stopped] = &stopped[..] else { panic!("{stopped:?}") };
    let told = format!("top_countries: query {stopped} has not ended in time, and was stopped");
    assert!(world.told()[0].ends_with(&told), "{:?}", world.told());
    assert_eq!(world.figures().await["sections"]["top_products"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_query_whose_start_got_no_answer_is_started_once() {
    let world = World::new();
    for call in 0..8 {
        world.faults.arm(call, Fault::FailAfterOnce);
    }
    assert_eq!(world.run().await, "written");
    assert!(world.faults.disarm());
    let athena = world.aws.athena();
    let tokens: BTreeSet<&str> =
        athena.started.iter().map(|query| query["ClientRequestToken"].as_str().unwrap()).collect();
    assert_eq!((tokens.len(), athena.started.len()), (8, 8));
    assert!(tokens.iter().all(|token| (32..=128).contains(&token.len())), "as Athena wants them");
}

#[tokio::test]
async fn whatever_goes_wrong_once_the_next_run_makes_up_for_it() {
    for fault in [Fault::FailAfterOnce, Fault::ThrottleOnce, Fault::FailBefore, Fault::FailAfter, Fault::ComeLate] {
        for call in [0, 12, 33, 35, 37] {
            let world = World::new();
            world.faults.arm(call, fault);
            let first = world.run_for(Duration::from_millis(500)).await;
            world.faults.disarm();
            let is_torn = world.page().await.is_empty() && first == "written";
            assert!(!is_torn, "{fault:?} at {call}");
            wait(60);
            assert_eq!(world.run().await, "written", "{fault:?} at {call}: {first}");
            let figures = world.figures().await;
            assert_eq!((&figures["problems"], &figures["trouble"]), (&json!({}), &Value::Null), "{fault:?} at {call}");
            assert!(world.page().await.contains("computed 2026-01-02 00:01 UTC"), "{fault:?} at {call}");
        }
    }
}

#[tokio::test]
async fn what_was_computed_later_is_not_written_over() {
    let world = World::new();
    wait(600);
    assert_eq!(world.run().await, "written");
    let page = world.page().await;
    let later = json!({ "at": "2026-01-02T05:00:00Z" }).to_string();
    world.lake.put(&Path::from(layout::SALES_FIGURES), later.clone().into()).await.unwrap();
    assert_eq!(world.run().await, "newer-stands");
    assert_eq!((world.page().await, world.figures().await.to_string()), (page, later));
}

#[tokio::test]
async fn runs_at_once_leave_one_page_and_its_figures() {
    let world = World::new();
    for _ in 0..3 {
        let (one, other, third) = tokio::join!(world.run(), world.run(), world.run());
        assert_eq!([one.as_str(), other.as_str(), third.as_str()], ["written"; 3]);
        wait(1);
    }
    assert!(world.page().await.contains("computed 2026-01-02 00:00 UTC"));
    assert_eq!(world.figures().await["at"], "2026-01-02T00:00:02Z");
}

#[tokio::test]
async fn figures_that_somebody_else_wrote_are_written_over() {
    let world = World::new();
    world.lake.put(&Path::from(layout::SALES_FIGURES), "no JSON".into()).await.unwrap();
    assert_eq!(world.run().await, "written");
    assert_eq!(world.figures().await["facts"]["orders"], 5);
}

#[tokio::test]
async fn a_page_that_must_not_be_written_is_told() {
    let world = World::new();
    world.s3.answer_instead(|method, target| {
        let is_page = method == "PUT" && target.contains("reports/sales.html");
        is_page.then(|| (403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>".to_owned()))
    });
    assert_eq!(world.run().await, "failed");
    assert_eq!(
        world.told(),
        [
            "DashboardFailed: PutObject on s3://lake/reports/sales.html is not allowed: status code: 403 Forbidden: AccessDenied: no"
        ]
    );
}
