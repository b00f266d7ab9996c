//! Tests: an API that misbehaves, a declaration that does not fit, and AWS out of order: somebody is told, once, and nothing is written.
//! They must not know how pages follow each other.

use std::time::{Duration, Instant};

use lakegate_stand_ins::Fault;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::Value;

use crate::world::{Reply, World, ok, status};

const CURSOR: &str = "pagination: {type: cursor, parameter: c, next: /next}";

/// What is told when the API answers so, without any repetition.
async fn told(properties: &[&str], kind: &str, reply: Reply) -> String {
    let world = World::new(&[properties, &["retries: 0"]].concat()).await;
    world.api.set(move |_| reply.clone());
    let said = world.failure(kind).await;
    assert!(world.files().await.is_empty());
    said
}

fn with(status: u16, name: &'static str, value: &str) -> Reply {
    Reply::Answer(status, vec![(name, value.to_owned())], "{}".to_owned())
}

#[tokio::test]
async fn passing_trouble_is_tried_again() {
    let world = World::new(&["retries: 5"]).await;
    let good = ok("[{\"id\": 1}]");
    let broken = Reply::Truncated("[{\"id\": 1}]".to_owned());
    world.api.set_in_order(vec![status(500), status(503), status(429), broken, Reply::Close, good]);
    assert_eq!(world.run().await, "written");
    assert_eq!((world.api.asked().len(), world.told().len()), (6, 0));
}

#[tokio::test]
async fn an_api_s_wish_to_wait_is_granted() {
    let world = World::new(&["retries: 1"]).await;
    world.api.set_in_order(vec![with(429, "retry-after", "1"), ok("[]")]);
    let started = Instant::now();
    assert_eq!(world.run().await, "nothing-new");
    assert!(started.elapsed() >= Duration::from_secs(1));
    // The clock says 2026-01-02T00:00:00Z.
    world.api.set_in_order(vec![with(503, "retry-after", "Fri, 02 Jan 2026 00:00:01 GMT"), ok("[]")]);
    let started = Instant::now();
    assert_eq!(world.run().await, "nothing-new");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wish_to_wait_beyond_the_run_is_told() {
    let world = World::new(&[]).await;
    world.api.set(|_| with(429, "retry-after", "3600"));
    let said = world.failure("SourceApiFailed").await;
    assert_eq!(
        said,
        "API/v1/things answered with status 429 and asks to wait for 3600 s, longer than the run may last"
    );
    assert_eq!(world.api.asked().len(), 1);
}

#[tokio::test]
async fn lasting_refusals_are_told_at_once() {
    let world = World::new(&["retries: 3"]).await;
    for code in [400, 401, 404, 501] {
        world.api.set(move |_| status(code));
        World::wait(86_400);
        assert_eq!(world.failure("SourceApiFailed").await, format!("API/v1/things answered with status {code}"));
        let requests = world.api.asked().len();
        assert_eq!(requests, if code < 500 { 1 } else { 4 }, "{code}");
    }
}

#[tokio::test]
async fn an_api_that_hangs_or_drips_is_given_up() {
    for reply in [Reply::Hang, Reply::Drip] {
        let said = told(&["timeoutSeconds: 1"], "SourceApiFailed", reply.clone()).await;
        assert_eq!(said, "API/v1/things did not answer within 1 s (timeoutSeconds)");
        let said = told(&["maxSeconds: 1"], "SourceApiFailed", reply).await;
        assert_eq!(said, "API/v1/things was not read to its end within 1 s (maxSeconds)");
    }
}

#[tokio::test]
async fn a_slow_walk_through_many_pages_ends_in_time() {
    let properties = ["maxSeconds: 1", "requestsPerMinute: 60", "pagination: {type: page, parameter: p}"];
    let world = World::new(&properties).await;
    world.api.set(|target| ok(format!("[\"{target}\"]")));
    let said = world.failure("SourceApiFailed").await;
    assert_eq!(said, "API/v1/things was not read to its end within 1 s (maxSeconds)");
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_too_big_is_told() {
    let said = told(&[], "SourceApiFailed", Reply::Truncated("[{\"s3cret\"".to_owned())).await;
    assert!(said.starts_with("API/v1/things gave no whole answer: "), "{said}");
    let said = told(&["maxBytes: 100000"], "SourceApiFailed", Reply::Flood).await;
    assert_eq!(said, "API/v1/things has more than 100000 bytes (maxBytes)");
    // All pages together count.
    let world = World::new(&["maxBytes: 100000", CURSOR, "records: /d"]).await;
    let mut page = 0;
    world.api.set(move |_| {
        page += 1;
        ok(format!("{{\"next\": {page}, \"d\": [\"{}\"]}}", "x".repeat(30_000)))
    });
    assert_eq!(world.failure("SourceApiFailed").await, "API/v1/things has more than 100000 bytes (maxBytes)");
    assert_eq!(world.api.asked().len(), 4);
}

#[tokio::test]
async fn a_changed_answer_is_told_without_showing_it() {
    let said = told(&[], "SourceApiChanged", ok("<html>s3cret</html>")).await;
    assert_eq!(said, "page 1 of API/v1/things is no JSON: it breaks at line 1, column 1");
    let said = told(&["records: /data"], "SourceApiChanged", ok("{\"items\": [\"s3cret\"]}")).await;
    assert_eq!(said, "page 1 of API/v1/things has nothing at \"/data\", where its list of records should be");
    let said = told(&[], "SourceApiChanged", ok("{\"error\": \"s3cret\"}")).await;
    assert_eq!(said, "page 1 of API/v1/things has an object at \"\", where its list of records should be");
    let packed = Reply::Answer(200, vec![("content-encoding", "gzip".to_owned())], "x".to_owned());
    let said = told(&[], "SourceApiChanged", packed).await;
    assert_eq!(said, "API/v1/things cannot be asked: it is packed (gzip), which was not asked for");
}

#[tokio::test]
async fn pages_without_an_end_are_told() {
    let said = told(&[CURSOR, "records: /d"], "SourceApiChanged", ok("{\"d\": [1], \"next\": \"a\"}")).await;
    assert_eq!(
        said,
        "page 2 of API/v1/things asks for a page that was fetched already, or repeats it: there is no end"
    );
    let world = World::new(&["maxPages: 3", CURSOR, "records: /d", "requestsPerMinute: 6000"]).await;
    let mut page = 0;
    world.api.set(move |_| {
        page += 1;
        ok(format!("{{\"next\": {page}, \"d\": [{page}]}}"))
    });
    assert_eq!(world.failure("SourceApiFailed").await, "API/v1/things has more than 3 pages (maxPages)");
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_host_only() {
    let world = World::new(&["secret: {name: s, header: X-Key}"]).await;
    world.aws.set_secret("s", "hunter2");
    world.api.set(|target| if target == "/v1/things" { with(302, "location", "/v2/things") } else { ok("[]") });
    assert_eq!(world.run().await, "nothing-new");
    assert_eq!(world.api.asked(), ["/v1/things", "/v2/things"]);
    let other = World::new(&[]).await;
    let elsewhere = format!("{}?key=s3cret", other.api.url);
    world.api.set(move |_| with(302, "location", &elsewhere));
    let said = world.failure("SourceApiFailed").await;
    assert_eq!(said, "API/v1/things sends to 127.0.0.1: only redirects within its own host are followed");
    assert!(other.api.asked().is_empty(), "another port is another server");
    World::wait(86_400);
    world.api.set(|_| with(302, "location", "/v1/things"));
    world.failure("SourceApiFailed").await;
    assert!(world.api.asked().len() < 30, "round and round");
}

#[tokio::test]
async fn records_without_a_mark_are_told_and_a_single_one_is_left_to_the_contract() {
    let incremental = "incremental: {field: /at, type: timestamp, parameter: since}";
    let said = told(&[incremental], "SourceApiChanged", ok("[{\"id\": 1}, {\"at\": \"s3cret\"}]")).await;
    assert_eq!(said, "page 1 of API/v1/things: none of 2 records has a time (RFC 3339, not in the future) at \"/at\"");
    let world = World::new(&[incremental]).await;
    world.api.set(|_| ok("[{\"id\": 1}, {\"at\": \"2025-01-01T00:00:00Z\"}, {\"at\": \"9999-01-01T00:00:00Z\"}]"));
    assert_eq!(world.run().await, "written");
    assert_eq!(world.progress().await["reached"]["mark"], "2025-01-01T00:00:00Z");
    world.declare(&world.api.url, &["incremental: {field: /other, type: timestamp, parameter: since}"]).await;
    let said = world.failure("SourceApiChanged").await;
    assert_eq!(
        said,
        "s3://lake/fetch/things.json has been kept for \"/at\", the contract now says \"/other\": delete it to begin anew"
    );
}

#[tokio::test]
async fn trouble_is_told_once_and_again_when_it_lasts_or_is_another() {
    let world = World::new(&["retries: 0"]).await;
    world.api.set(|_| status(500));
    world.failure("SourceApiFailed").await;
    World::wait(3_600);
    assert_eq!((world.run().await.as_str(), world.told().len()), ("failed", 1));
    world.api.set(|_| ok("no"));
    world.failure("SourceApiChanged").await;
    World::wait(21 * 3_600);
    world.failure("SourceApiChanged").await;
    world.api.set(|_| ok("[]"));
    assert_eq!(world.run().await, "nothing-new");
    world.api.set(|_| ok("no"));
    world.failure("SourceApiChanged").await;
}

#[tokio::test]
async fn another_trouble_of_the_same_kind_is_told_at_once_and_other_numbers_are_no_other_trouble() {
    let world = World::new(&["retries: 0", "records: /data", "pagination: {type: page, parameter: p}"]).await;
    let replies: [fn(&str) -> Reply; 9] = [
        |_| status(401),
        |_| status(500),
        |_| status(503),
        |_| ok("<html>"),
        |_| ok("{\"data\": [1, 2, <html>"),
        |target| ok(if target.contains("p=3") { "{".to_owned() } else { format!("{{\"data\": [\"{target}\"]}}") }),
        |_| ok("{\"items\": []}"),
        |_| status(401),
        |_| ok("<html>"),
    ];
    let mut times_told = Vec::new();
    for reply in replies {
        world.api.set(reply);
        World::wait(3_600);
        assert_eq!(world.run().await, "failed");
        times_told.push(world.told().len());
    }
    assert_eq!(times_told, [1, 2, 2, 3, 3, 3, 4, 4, 4]);
}

#[tokio::test]
async fn trouble_that_comes_and_goes_is_no_mail_at_each_run() {
    let world = World::new(&["retries: 0"]).await;
    let mut told_after_hours = Vec::new();
    for hour in 0..40 {
        world.api.set(move |_| if hour % 2 == 0 { status(500) } else { ok("[]") });
        world.run().await;
        if world.told().len() > told_after_hours.len() {
            told_after_hours.push(hour);
        }
        World::wait(3_600);
    }
    assert_eq!(told_after_hours, [0, 2, 22, 24], "twice, and again a day later");
}

#[tokio::test]
async fn a_source_in_disorder_is_told_some_times_a_day() {
    let world = World::new(&["retries: 0"]).await;
    for code in 400..420 {
        world.api.set(move |_| status(code));
        assert_eq!(world.run().await, "failed");
    }
    assert_eq!(world.told().len(), 8);
    World::wait(21 * 3_600);
    world.failure("SourceApiFailed").await;
    assert_eq!(world.progress().await["told"].as_array().unwrap().len(), 1, "what was told long ago is forgotten");
}

#[tokio::test]
async fn what_a_former_version_kept_of_a_source_is_read() {
    let world = World::new(&["retries: 0"]).await;
    let kept = "{\"version\": 1, \"reached\": null, \"lease\": null, \"written\": null, \"trouble\": {\"kind\": \"SourceApiFailed\", \"told_at\": \"2026-01-01T23:00:00.000Z\"}, \"fetched_at\": \"2026-01-01T12:00:00.000Z\"}";
    world.lake.put(&Path::from("fetch/things.json"), kept.into()).await.unwrap();
    world.api.set(|_| status(500));
    world.failure("SourceApiFailed").await;
    assert_eq!(world.told()[0].last_good_at.as_deref(), Some("2026-01-01T12:00:00.000Z"));
}

#[tokio::test]
async fn who_invokes_the_function_is_told_what_became_of_the_source() {
    let world = World::new(&["retries: 0", "pagination: {type: page, parameter: p}"]).await;
    let invoke = async || {
        let deadline = crate::world::clock() + Duration::from_mins(15);
        let told = crate::handler::handle(&world.context(), &serde_json::json!({}), "r", deadline).await.unwrap();
        told.to_string().replace(world.api.url.trim_end_matches("/v1/things"), "API")
    };
    world.api.set(|target| if target.contains("p=3") { status(401) } else { ok(format!("[\"{target}\"]")) });
    insta::assert_snapshot!(invoke().await, @r#"{"sources":[{"dataset":"things","kind":"SourceApiFailed","outcome":"failed","requests":3,"summary":"API/v1/things answered with status 401"}]}"#);
    assert_eq!(world.told()[0].last_good_at, None);
    world.api.set(|target| if target.contains("p=3") { ok("[]") } else { ok(format!("[\"{target}\"]")) });
    insta::assert_snapshot!(invoke().await, @r#"{"sources":[{"dataset":"things","key":"things/api/things-064cda6ab447aae1.json","outcome":"written","records":2,"requests":3}]}"#);
    insta::assert_snapshot!(invoke().await, @r#"{"sources":[{"dataset":"things","outcome":"nothing-new","records":2,"requests":3}]}"#);
    world.api.set(|_| ok("<html>"));
    insta::assert_snapshot!(invoke().await, @r#"{"sources":[{"dataset":"things","kind":"SourceApiChanged","outcome":"failed","requests":1,"summary":"page 1 of API/v1/things is no JSON: it breaks at line 1, column 1"}]}"#);
    assert_eq!(world.told()[1].last_good_at.as_deref(), Some("2026-01-02T00:00:00.000Z"));
}

#[tokio::test]
async fn a_declaration_that_does_not_fit_the_stack_is_told() {
    let world = World::new(&[]).await;
    let mut context = world.context();
    context.settings.raw_prefix = "landing/".to_owned();
    assert_eq!(world.run_as(&context).await, "failed");
    assert_eq!(
        world.told()[0].summary,
        "files under things/api/ would not be taken in: the stack's RawPrefix is landing/"
    );
    World::wait(86_400);
    let mut context = world.context();
    context.settings.aws.endpoint_url = None;
    assert_eq!(world.run_as(&context).await, "failed");
    assert!(world.told()[1].summary.ends_with("is plain HTTP, which is for a local AWS only"));
    assert!(world.api.asked().is_empty());
}

#[tokio::test]
async fn a_secret_that_is_missing_denied_or_otherwise_is_told_without_asking_the_api() {
    let world = World::new(&["secret: {name: s, key: token, header: X-Key}"]).await;
    let said = world.failure("SourceApiFailed").await;
    assert_eq!(said, "GetSecretValue on the secret s was refused: 400 ResourceNotFoundException: none");
    world.aws.set_secret("s", "hunter2");
    assert_eq!(world.failure("SourceApiChanged").await, "the secret s is no JSON object with a text under \"token\"");
    world.aws.set_secret("s", "{\"token\": \"hunter2\\n\"}");
    World::wait(86_400);
    let said = world.failure("SourceApiChanged").await;
    assert_eq!(said, "API/v1/things cannot be asked: a header's value has characters that cannot be sent");
    assert!(world.api.asked().is_empty());
}

#[tokio::test]
async fn what_is_kept_of_a_source_and_does_not_parse_is_told() {
    let world = World::new(&[]).await;
    world.lake.put(&Path::from("fetch/things.json"), "{".into()).await.unwrap();
    assert_eq!(world.run().await, "failed");
    assert!(world.told()[0].summary.starts_with("s3://lake/fetch/things.json is not what it should be"));
    assert!(world.api.asked().is_empty());
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_told_and_the_mark_stays() {
    let world = World::new(&["incremental: {field: /id, type: number, parameter: since}"]).await;
    *world.raw.denied.lock().unwrap() = Some("things/api");
    world.api.set(|_| ok("[{\"id\": 1}]"));
    let said = world.failure("SourceApiFailed").await;
    assert!(said.starts_with("PutObject on s3://raw/things/api/things-"), "{said}");
    assert_eq!(world.progress().await["reached"], Value::Null);
}

/// Whatever call to AWS goes wrong, and however: the repetition leaves one file with all records, and no mark without its file.
#[tokio::test]
async fn a_fault_at_any_call_leaves_no_record_out_and_none_twice() {
    let faults = [Fault::FailBefore, Fault::FailAfter, Fault::Throttle, Fault::ThrottleOnce, Fault::FailAfterOnce];
    for fault in faults {
        for call in 0..7 {
            let world = World::new(&["incremental: {field: /id, type: number, parameter: since}"]).await;
            world.api.set(|target| ok(if target.contains("since=2") { "[]" } else { "[{\"id\": 1}, {\"id\": 2}]" }));
            world.faults.arm(call, fault);
            let first = world.run().await;
            world.faults.disarm();
            if world.progress().await["reached"]["mark"] == "2" {
                assert_eq!(world.texts().await, ["{\"id\": 1}\n{\"id\": 2}\n"], "{fault:?} at {call}: {first}");
            }
            World::wait(3_600);
            let second = world.run().await;
            assert_eq!(world.texts().await, ["{\"id\": 1}\n{\"id\": 2}\n"], "{fault:?} at {call}: {first}, {second}");
            assert_eq!(world.progress().await["reached"]["mark"], "2");
        }
    }
}
