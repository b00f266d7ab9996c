//! Tests: what is fetched, from where on, and which file it becomes, when the API does as it should.
//! They must not know how pages follow each other.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::Value;

use crate::world::{World, clock, ok, status};

const INCREMENTAL: &str = "incremental: {field: /at, type: timestamp, parameter: since, initial: '2025-01-01'}";
const PAGES: &str = "pagination: {type: page, parameter: page}";

fn query(target: &str, name: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://a{target}")).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn all_pages_become_one_file_with_the_records_as_they_came() {
    let world = World::new(&["records: /data", PAGES, "parameters: {limit: 2}"]).await;
    world.api.set(|target| match query(target, "page").as_deref() {
        Some("1") => ok("{\"data\": [{\"id\": 1, \"n\": 1.10},\n  {\"id\": 12345678901234567890123}]}"),
        Some("2") => ok("{\"data\": [{\"id\": 3,\r\n \"t\": \"caf\\u00e9 é\"}]}"),
        _ => ok("{\"data\": []}"),
    });
    assert_eq!(world.run().await, "written");
    let text = "{\"id\": 1, \"n\": 1.10}\n{\"id\": 12345678901234567890123}\n{\"id\": 3,   \"t\": \"caf\\u00e9 é\"}\n";
    let files = world.files().await;
    assert_eq!(files.len(), 1);
    assert!(files[0].0 == "things/api/things-064cda6ab447aae1.json", "{files:?}");
    assert_eq!(files[0].1, text);
    assert_eq!(
        world.api.asked(),
        ["/v1/things?limit=2&page=1", "/v1/things?limit=2&page=2", "/v1/things?limit=2&page=3"]
    );
    assert!(world.told().is_empty());
    assert_eq!(world.progress().await["lease"], Value::Null);
}

#[tokio::test]
async fn the_same_again_is_not_written_again_and_something_else_replaces_it() {
    let world = World::new(&[]).await;
    world.api.set(|_| ok("[{\"id\": 1}]"));
    assert_eq!(world.run().await, "written");
    World::wait(3_600);
    let touched = world.raw.touched.lock().unwrap().len();
    assert_eq!(world.run().await, "nothing-new");
    world.api.set(|_| ok("[{\"id\": 1}, {\"id\": 2}]"));
    assert_eq!(world.run().await, "written");
    assert_eq!(world.texts().await, ["{\"id\": 1}\n{\"id\": 2}\n"], "one file, of which the last version counts");
    assert_eq!(touched, 1);
}

#[tokio::test]
async fn only_what_is_new_is_asked_for_and_becomes_a_file_of_its_own() {
    let world = World::new(&[INCREMENTAL]).await;
    world.api.set(|_| ok(r#"[{"id": 1, "at": "2025-06-01T00:00:00Z"}, {"id": 2, "at": "2025-05-01T00:00:00+02:00"}]"#));
    assert_eq!(world.run().await, "written");
    World::wait(60);
    world.api.set(|_| ok(r#"[{"id": 3, "at": "2025-07-01T00:00:00Z"}]"#));
    assert_eq!(world.run().await, "written");
    World::wait(60);
    world.api.set(|_| ok("[]"));
    assert_eq!(world.run().await, "nothing-new");
    let since: Vec<_> = world.api.asked().iter().map(|target| query(target, "since")).collect();
    let since: Vec<_> = since.iter().map(|since| since.as_deref().unwrap()).collect();
    assert_eq!(since, ["2025-01-01", "2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z"]);
    assert_eq!(world.files().await.len(), 2);
    let names = world.files().await.into_iter().map(|(key, _)| key).collect::<Vec<_>>().join(" ");
    assert!(!names.contains("2025"), "a mark is a value of a cell: {names}");
    assert_eq!(world.progress().await["reached"]["mark"], "2025-07-01T00:00:00Z");
}

#[tokio::test]
async fn an_api_that_gives_the_last_record_again_makes_no_new_file_until_there_is_something_new() {
    let world = World::new(&[INCREMENTAL]).await;
    let last = r#"{"id": 1, "at": "2025-06-01T00:00:00Z"}"#;
    world.api.set(move |_| ok(format!("[{last}]")));
    assert_eq!(world.run().await, "written");
    World::wait(60);
    assert_eq!(world.run().await, "written", "what came from that mark on");
    World::wait(60);
    assert_eq!(world.run().await, "nothing-new");
    World::wait(60);
    let new = r#"{"id": 2, "at": "2025-06-02T00:00:00Z"}"#;
    world.api.set(move |_| ok(format!("[{last}, {new}]")));
    assert_eq!(world.run().await, "written");
    assert_eq!(world.texts().await.len(), 2, "the second file was replaced by one with the new record");
    assert!(world.texts().await.contains(&format!("{last}\n{new}\n")));
}

#[tokio::test]
async fn a_run_that_breaks_off_writes_nothing_and_its_repetition_writes_all() {
    let world = World::new(&[INCREMENTAL, PAGES, "retries: 0"]).await;
    let page = |number: u8| format!("[{{\"id\": {number}, \"at\": \"2025-06-0{number}T00:00:00Z\"}}]");
    world.api.set(move |target| if target.contains("page=1") { ok(page(1)) } else { status(500) });
    let said = world.failure("SourceApiFailed").await;
    assert_eq!(said, "API/v1/things answered with status 500");
    assert!(world.files().await.is_empty());
    assert_eq!(world.progress().await["reached"], Value::Null);
    world.api.set(move |target| match query(target, "page").as_deref() {
        Some("1") => ok(page(1)),
        Some("2") => ok(page(2)),
        _ => ok("[]"),
    });
    assert_eq!(world.run().await, "written");
    assert_eq!(world.texts().await.len(), 1);
    assert_eq!(world.progress().await["told"][0]["is_over"], true, "it is well again");
}

#[tokio::test]
async fn a_run_that_dies_after_its_file_is_repeated_into_the_same_file() {
    let world = World::new(&[INCREMENTAL]).await;
    world.api.set(|_| ok(r#"[{"id": 1, "at": "2025-06-01T00:00:00Z"}]"#));
    assert_eq!(world.run().await, "written");
    let first = world.files().await;
    // As if the progress had not been written.
    let kept = lakegate_lake::layout::fetch_object("things");
    let dead = serde_json::json!({"version": 1, "lease": {"run": "dead", "until": "2026-01-02T00:10:00.000Z"}});
    let path = Path::from(kept);
    world.lake.put(&path, dead.to_string().into()).await.unwrap();
    assert_eq!(world.run().await, "in-work");
    World::wait(601);
    world.api.set(|_| ok(r#"[{"id": 1, "at": "2025-06-01T00:00:00Z"}, {"id": 2, "at": "2025-06-01T00:00:00Z"}]"#));
    assert_eq!(world.run().await, "written");
    let second = world.files().await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0].0, second[0].0, "its rows are replaced, none is there twice");
}

/// As docs/fetch.md says it, after the contract rejected the second file.
#[tokio::test]
async fn a_mark_that_is_put_back_has_everything_since_fetched_into_the_file_that_began_there() {
    let world = World::new(&["incremental: {field: /id, type: number, parameter: since}"]).await;
    let mut kept = Vec::new();
    for answer in ["[{\"id\": 1}]", "[{\"no\": \"bad\", \"id\": 2}]", "[{\"no\": \"bad\", \"id\": 3}]"] {
        world.api.set(move |_| ok(answer));
        World::wait(3_600);
        assert_eq!(world.run().await, "written");
        kept.push(world.progress().await);
    }
    let (first, rejected) = (&kept[0], &kept[1]["written"]["key"]);
    let path = Path::from(lakegate_lake::layout::fetch_object("things"));
    world.lake.put(&path, first.to_string().into()).await.unwrap();
    world.api.asked();
    world.api.set(|_| ok("[{\"id\": 2}, {\"id\": 3}]"));
    World::wait(3_600);
    assert_eq!(world.run().await, "written");
    assert_eq!(world.api.asked(), ["/v1/things?since=1"]);
    let files = world.files().await;
    let anew = files.iter().find(|(key, _)| rejected == key.as_str()).unwrap();
    assert_eq!((files.len(), anew.1.as_str()), (3, "{\"id\": 2}\n{\"id\": 3}\n"));
    // The time in its name is when the document that is to be put back was written.
    let time: String = first["reached"]["at"].as_str().unwrap().chars().filter(char::is_ascii_alphanumeric).collect();
    assert!(rejected.as_str().unwrap().contains(&time), "{rejected} {time}");
}

#[tokio::test]
async fn two_runs_at_once_fetch_once() {
    let world = World::new(&[INCREMENTAL]).await;
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    world.api.set(move |_| {
        may_go_on.recv().unwrap();
        ok(r#"[{"id": 1, "at": "2025-06-01T00:00:00Z"}]"#)
    });
    let meanwhile = async {
        while world.api.asked().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let other = world.run().await;
        go_on.send(()).unwrap();
        other
    };
    let (one, other) = tokio::join!(world.run(), meanwhile);
    assert_eq!((one.as_str(), other.as_str()), ("written", "in-work"));
    assert_eq!(world.files().await.len(), 1);
}

#[tokio::test]
async fn the_secret_goes_into_its_header_and_nowhere_else() {
    let secret = "secret: {name: lakegate/things, key: token, header: Authorization, before: 'Bearer '}";
    let world = World::new(&[secret, "headers: {X-Tenant: shop}"]).await;
    world.aws.set_secret("lakegate/things", r#"{"token": "hunter2"}"#);
    world.api.set(|_| ok("[]"));
    assert_eq!(world.run().await, "nothing-new");
    let heads = world.api.heads();
    assert!(heads[0].1.contains("authorization: Bearer hunter2\r\n"), "{heads:?}");
    assert!(heads[0].1.contains("x-tenant: shop\r\n") && heads[0].1.contains("accept: application/json\r\n"));
    assert!(!world.progress().await.to_string().contains("hunter2"));
}

#[tokio::test]
async fn the_secret_goes_into_its_parameter_and_into_no_failure() {
    let world = World::new(&["secret: {name: s, parameter: key}", "retries: 0"]).await;
    world.aws.set_secret("s", "hunter2");
    world.api.set(|_| status(403));
    assert_eq!(world.failure("SourceApiFailed").await, "API/v1/things answered with status 403");
    assert_eq!(world.api.asked(), ["/v1/things?key=hunter2"]);
    world.api.set(|_| crate::world::Reply::Close);
    World::wait(86_400);
    let said = world.failure("SourceApiFailed").await;
    assert!(said.starts_with("API/v1/things gave no whole answer: "), "{said}");
}

#[tokio::test]
async fn an_event_may_name_the_only_dataset() {
    let world = World::new(&[]).await;
    world.api.set(|_| ok("[]"));
    let run = async |event: Value| {
        let deadline = clock() + std::time::Duration::from_mins(15);
        crate::handler::handle(&world.context(), &event, "r", deadline).await.unwrap()["sources"].clone()
    };
    let sample = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let every = sample(include_str!("../../../events/fetch-api/schedule.json"));
    assert_eq!(
        run(every).await,
        serde_json::json!([{"dataset": "things", "outcome": "nothing-new", "requests": 1, "records": 0}])
    );
    assert_eq!(run(serde_json::json!({"dataset": "things"})).await[0]["outcome"], "nothing-new");
    let other = sample(include_str!("../../../events/fetch-api/one-dataset.json"));
    assert_eq!(run(other).await, serde_json::json!([]));
}

#[tokio::test]
async fn requests_are_no_faster_than_is_allowed() {
    let world = World::new(&[PAGES, "requestsPerMinute: 600"]).await;
    world.api.set(|target| if target.contains("page=4") { ok("[]") } else { ok(format!("[{{\"t\": \"{target}\"}}]")) });
    let started = std::time::Instant::now();
    assert_eq!(world.run().await, "written");
    assert!(started.elapsed() >= std::time::Duration::from_millis(300), "four requests, 100 ms apart");
}
