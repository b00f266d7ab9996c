//! Tests: the catalog against a server that gives prepared answers, one per call, and notes what it was asked.
//! They must not need a catalog.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use aws_sdk_glue::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};

use super::*;
use crate::error::chain;

struct Glue {
    catalog: Catalog,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Answers are (status, error type or "", JSON body).
fn glue(answers: Vec<(u16, &'static str, String)>) -> Glue {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint_url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    std::thread::spawn(move || {
        for (status, error, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            locked(&notes).push(operation_of(&mut stream));
            let kind = if error.is_empty() { String::new() } else { format!("x-amzn-ErrorType: {error}\r\n") };
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{kind}content-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    let config = aws_sdk_glue::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint_url)
        .build();
    Glue { catalog: Catalog::new(Client::from_conf(config), "db".to_owned()), asked }
}

fn operation_of(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let header = |name: &str| head.split(name).nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or("0");
        if body.len() >= header("content-length: ").trim().parse().unwrap() {
            return header("x-amz-target: awsglue.").to_owned();
        }
    }
}

fn table_json(columns: &str) -> String {
    format!(
        r#"{{"Table": {{"Name": "t", "VersionId": "7", "PartitionKeys": [{{"Name": "year", "Type": "int"}}],
            "StorageDescriptor": {{"Location": "s3://lake/lake/t/", "Columns": [{columns}]}}}}}}"#
    )
}

fn table() -> TableDefinition {
    let column = |name: &str, type_name: &str| CatalogColumn {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        comment: None,
    };
    TableDefinition {
        name: "t".to_owned(),
        description: None,
        location: "s3://lake/lake/t/".to_owned(),
        columns: vec![column("a", "string")],
        partition_keys: vec![column("year", "int")],
    }
}

const SAME_COLUMNS: &str = r#"{"Name": "a", "Type": "string"}"#;
const OTHER_COLUMNS: &str = r#"{"Name": "a", "Type": "int"}"#;

#[tokio::test]
async fn losing_the_race_to_create_a_table_is_success_and_is_remembered() {
    let glue = glue(vec![
        (400, "EntityNotFoundException", "{}".to_owned()),
        (400, "AlreadyExistsException", "{}".to_owned()),
        (200, "", table_json(SAME_COLUMNS)),
    ]);
    glue.catalog.ensure_table(&table()).await.unwrap();
    glue.catalog.ensure_table(&table()).await.unwrap();
    assert_eq!(*locked(&glue.asked), ["gettable", "createtable", "gettable"]);
}

#[tokio::test]
async fn a_concurrent_change_is_compared_anew() {
    let glue = glue(vec![
        (200, "", table_json(OTHER_COLUMNS)),
        (400, "ConcurrentModificationException", "{}".to_owned()),
        (200, "", table_json(OTHER_COLUMNS)),
        (200, "", "{}".to_owned()),
    ]);
    glue.catalog.ensure_table(&table()).await.unwrap();
    assert_eq!(*locked(&glue.asked), ["gettable", "updatetable", "gettable", "updatetable"]);
}

#[tokio::test]
async fn trouble_says_what_it_concerns_and_whether_it_passes() {
    let denied = r#"{"Message": "User x is not authorized"}"#.to_owned();
    let glue = glue(vec![
        (400, "AccessDeniedException", denied),
        (400, "ThrottlingException", "{}".to_owned()),
        (400, "EntityNotFoundException", "{}".to_owned()),
        (400, "EntityNotFoundException", r#"{"Message": "Database db not found."}"#.to_owned()),
    ]);
    let denied = glue.catalog.ensure_table(&table()).await.unwrap_err();
    let throttled = glue.catalog.ensure_table(&table()).await.unwrap_err();
    let no_database = glue.catalog.ensure_table(&table()).await.unwrap_err();
    assert_eq!([denied.is_passing(), throttled.is_passing(), no_database.is_passing()], [false, true, false]);
    insta::assert_snapshot!(chain(&denied), @"GetTable on db.t is not allowed: AccessDeniedException: User x is not authorized");
    insta::assert_snapshot!(chain(&throttled), @"GetTable on db.t failed for now: ThrottlingException: no message");
    insta::assert_snapshot!(chain(&no_database), @"CreateTable on db.t was refused: EntityNotFoundException: Database db not found.");
}

#[tokio::test]
async fn partitions_go_by_the_hundred_and_one_that_exists_is_fine() {
    let exists = r#"{"Errors": [{"PartitionValues": ["1"], "ErrorDetail": {"ErrorCode": "AlreadyExistsException"}}]}"#;
    let glue = glue(vec![(200, "", exists.to_owned()), (200, "", "{}".to_owned())]);
    let partition = |n: usize| CatalogPartition { values: vec![n.to_string()], path: format!("year={n}") };
    let partitions: Vec<CatalogPartition> = (0..=PARTITIONS_MAX).map(partition).collect();
    glue.catalog.register_partitions(&table(), &partitions).await.unwrap();
    glue.catalog.register_partitions(&table(), &partitions).await.unwrap();
    assert_eq!(*locked(&glue.asked), ["batchcreatepartition", "batchcreatepartition"]);
}

#[tokio::test]
async fn a_partition_that_is_refused_is_an_error() {
    let refused = r#"{"Errors": [{"ErrorDetail": {"ErrorCode": "InvalidInputException", "ErrorMessage": "no"}}]}"#;
    let glue = glue(vec![(200, "", refused.to_owned())]);
    let partition = CatalogPartition { values: vec!["1".to_owned()], path: "year=1".to_owned() };
    let error = glue.catalog.register_partitions(&table(), &[partition]).await.unwrap_err();
    insta::assert_snapshot!(chain(&error), @"BatchCreatePartition on db.t was refused: InvalidInputException");
}
