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
    /// Operations, in lower case.
    asked: Arc<Mutex<Vec<String>>>,
    /// What was asked, in lower case.
    bodies: Arc<Mutex<Vec<String>>>,
}

/// Answers are (status, error type or "", JSON body).
fn glue(answers: Vec<(u16, &'static str, String)>) -> Glue {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint_url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let (notes, notes_of_bodies) = (Arc::clone(&asked), Arc::clone(&bodies));
    std::thread::spawn(move || {
        for (status, error, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (operation, asked) = request_of(&mut stream);
            locked(&notes).push(operation);
            locked(&notes_of_bodies).push(asked);
            let kind = if error.is_empty() { String::new() } else { format!("x-amzn-ErrorType: {error}\r\n") };
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{kind}content-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    let config = aws_sdk_glue::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(crate::clients::http_client())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint_url)
        .build();
    Glue { catalog: Catalog::new(Client::from_conf(config), "db".to_owned()), asked, bodies }
}

/// The operation and the body, in lower case.
fn request_of(stream: &mut TcpStream) -> (String, String) {
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
            return (header("x-amz-target: awsglue.").to_owned(), body.to_owned());
        }
    }
}

/// A table whose partitions have the columns of which `aligned` is the digest.
fn aligned_table_json(columns: &str, aligned: &str) -> String {
    format!(
        r#"{{"Table": {{"Name": "t", "VersionId": "7", "PartitionKeys": [{{"Name": "year", "Type": "int"}}],
            "Parameters": {{"lakegate.partition_columns": "{aligned}"}},
            "StorageDescriptor": {{"Location": "s3://lake/lake/t/", "Columns": [{columns}]}}}}}}"#
    )
}

fn table_json(columns: &str) -> String {
    aligned_table_json(columns, &digest(&table().columns))
}

fn partitions_json(columns: &[&str], next: &str) -> String {
    let partition = |(index, columns): (usize, &&str)| {
        format!(
            r#"{{"Values": ["{index}"], "Parameters": {{"by": "us"}},
                "StorageDescriptor": {{"Location": "s3://lake/lake/t/year={index}/", "Columns": [{columns}]}}}}"#
        )
    };
    let partitions: Vec<String> = columns.iter().enumerate().map(partition).collect();
    format!(r#"{{"Partitions": [{}]{next}}}"#, partitions.join(","))
}

fn column(name: &str, type_name: &str) -> CatalogColumn {
    CatalogColumn { name: name.to_owned(), type_name: type_name.to_owned(), comment: None }
}

fn table() -> TableDefinition {
    TableDefinition {
        name: "t".to_owned(),
        description: None,
        location: "s3://lake/lake/t/".to_owned(),
        columns: vec![column("a", "string")],
        partition_keys: vec![column("year", "int")],
    }
}

const SAME_COLUMNS: &str = r#"{"Name": "a", "Type": "string"}"#;
const OTHER_COLUMNS: &str = r#"{"Name": "b", "Type": "int"}"#;
const BOTH_COLUMNS: &str = r#"{"Name": "b", "Type": "int"}, {"Name": "a", "Type": "string"}"#;

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
    let both = [("b", "int"), ("a", "string")].map(|(name, type_name)| column(name, type_name));
    let glue = glue(vec![
        (200, "", table_json(OTHER_COLUMNS)),
        (400, "ConcurrentModificationException", "{}".to_owned()),
        (200, "", aligned_table_json(BOTH_COLUMNS, &digest(&both))),
    ]);
    glue.catalog.ensure_table(&table()).await.unwrap();
    assert_eq!(*locked(&glue.asked), ["gettable", "updatetable", "gettable"]);
}

#[tokio::test]
async fn a_table_takes_new_columns_at_its_end_and_all_its_partitions_follow() {
    let both = [("b", "int"), ("a", "string")].map(|(name, type_name)| column(name, type_name));
    let glue = glue(vec![
        (200, "", aligned_table_json(OTHER_COLUMNS, &digest(&[column("b", "int")]))),
        (200, "", "{}".to_owned()),
        (200, "", aligned_table_json(BOTH_COLUMNS, &digest(&[column("b", "int")]))),
        (200, "", partitions_json(&[OTHER_COLUMNS, BOTH_COLUMNS], r#", "NextToken": "n""#)),
        (200, "", r#"{"Errors": [{"ErrorDetail": {"ErrorCode": "EntityNotFoundException"}}]}"#.to_owned()),
        (200, "", partitions_json(&[], "")),
        (200, "", "{}".to_owned()),
    ]);
    glue.catalog.ensure_table(&table()).await.unwrap();
    glue.catalog.ensure_table(&table()).await.unwrap();
    let asked = locked(&glue.asked).clone();
    let expected = [
        "gettable",
        "updatetable",
        "gettable",
        "getpartitions",
        "batchupdatepartition",
        "getpartitions",
        "updatetable",
    ];
    assert_eq!(asked, expected);
    let bodies = locked(&glue.bodies).clone();
    let named = |body: &str| body.matches(r#""name":"#).count();
    // The table's own name, its columns and its partition key.
    assert_eq!((named(&bodies[1]), named(&bodies[6])), (4, 4), "{}", bodies[1]);
    assert!(bodies[1].find(r#""name":"b""#) < bodies[1].find(r#""name":"a""#));
    assert!(!bodies[1].contains(&digest(&both)) && bodies[6].contains(&digest(&both)), "{}", bodies[6]);
    assert!(bodies[4].contains(r#""partitionvaluelist":["0"]"#) && !bodies[4].contains(r#"["1"]"#), "{}", bodies[4]);
    assert!(
        bodies[4].contains("year=0/") && bodies[4].contains(r#""by":"us""#) && named(&bodies[4]) == 2,
        "{}",
        bodies[4]
    );
    assert!(bodies[5].contains(r#""nexttoken":"n""#));
}

#[tokio::test]
async fn partitions_that_a_dead_process_left_behind_are_brought_along_by_the_next_one() {
    let glue = glue(vec![
        (200, "", aligned_table_json(SAME_COLUMNS, "")),
        (200, "", partitions_json(&[""], "")),
        (503, "", "{}".to_owned()),
        (200, "", "{}".to_owned()),
        (200, "", "{}".to_owned()),
    ]);
    glue.catalog.ensure_table(&table()).await.unwrap();
    let expected = ["gettable", "getpartitions", "batchupdatepartition", "batchupdatepartition", "updatetable"];
    assert_eq!(*locked(&glue.asked), expected);
}

#[tokio::test]
async fn a_table_whose_files_cannot_be_read_with_the_new_ones_is_left_as_it_is() {
    let glue = glue(vec![(200, "", table_json(r#"{"Name": "a", "Type": "date"}"#))]);
    let error = glue.catalog.ensure_table(&table()).await.unwrap_err();
    assert_eq!((error.is_passing(), error.kind().to_string().as_str()), (false, "IncompatibleTable"));
    insta::assert_snapshot!(chain(&error), @"column a of table db.t is date, the contract asks for string: its files cannot be read as both");
    assert_eq!(*locked(&glue.asked), ["gettable"]);
}

#[tokio::test]
async fn a_wider_and_a_dropped_column_stay_in_the_table_and_in_new_partitions() {
    let wide = r#"{"Name": "old", "Type": "date"}, {"Name": "n", "Type": "bigint"}"#;
    let columns = [column("old", "date"), column("n", "bigint")];
    let wanted = TableDefinition { columns: vec![column("n", "int")], ..table() };
    let glue = glue(vec![
        (200, "", aligned_table_json(wide, &digest(&columns))),
        (200, "", "{}".to_owned()),
        (200, "", "{}".to_owned()),
    ]);
    glue.catalog.ensure_table(&wanted).await.unwrap();
    let partition = CatalogPartition { values: vec!["1".to_owned()], path: "year=1".to_owned() };
    glue.catalog.register_partitions(&wanted, &[partition]).await.unwrap();
    assert_eq!(*locked(&glue.asked), ["gettable", "batchgetpartition", "batchcreatepartition"]);
    let body = locked(&glue.bodies)[2].clone();
    assert!(body.contains(r#""bigint""#) && body.contains(r#""old""#) && !body.contains(r#""int""#), "{body}");
}

#[tokio::test]
async fn a_comment_that_glue_does_not_keep_is_not_written_again_and_again() {
    let mut wanted = table();
    wanted.columns[0].comment = Some("why".to_owned());
    let glue = glue(vec![
        (200, "", aligned_table_json(SAME_COLUMNS, "")),
        (200, "", "{}".to_owned()),
        (200, "", aligned_table_json(SAME_COLUMNS, "")),
        (200, "", partitions_json(&[], "")),
        (200, "", "{}".to_owned()),
    ]);
    glue.catalog.ensure_table(&wanted).await.unwrap();
    assert_eq!(*locked(&glue.asked), ["gettable", "updatetable", "gettable", "getpartitions", "updatetable"]);
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
async fn partitions_go_by_the_hundred_and_those_that_exist_are_not_made_again() {
    let partition = |n: usize| CatalogPartition { values: vec![n.to_string()], path: format!("year={n}") };
    let partitions: Vec<CatalogPartition> = (0..=PARTITIONS_MAX).map(partition).collect();
    let glue = glue(vec![
        (200, "", partitions_json(&[SAME_COLUMNS; PARTITIONS_MAX], "")),
        (200, "", "{}".to_owned()),
        (200, "", "{}".to_owned()),
    ]);
    glue.catalog.register_partitions(&table(), &partitions).await.unwrap();
    glue.catalog.register_partitions(&table(), &partitions).await.unwrap();
    assert_eq!(*locked(&glue.asked), ["batchgetpartition", "batchgetpartition", "batchcreatepartition"]);
    assert!(locked(&glue.bodies)[2].contains(r#""values":["100"]"#));
}

#[tokio::test]
async fn a_partition_that_another_process_made_meanwhile_gets_the_columns_that_it_lacks() {
    let exists = r#"{"Errors": [{"PartitionValues": ["0"], "ErrorDetail": {"ErrorCode": "AlreadyExistsException"}}]}"#;
    let glue = glue(vec![
        (400, "EntityNotFoundException", "{}".to_owned()),
        (200, "", exists.to_owned()),
        (200, "", partitions_json(&[OTHER_COLUMNS], "")),
        (200, "", "{}".to_owned()),
    ]);
    let partition = |n: usize| CatalogPartition { values: vec![n.to_string()], path: format!("year={n}") };
    glue.catalog.register_partitions(&table(), &[partition(0), partition(1)]).await.unwrap();
    let expected = ["batchgetpartition", "batchcreatepartition", "batchgetpartition", "batchupdatepartition"];
    assert_eq!(*locked(&glue.asked), expected);
    let bodies = locked(&glue.bodies).clone();
    assert!(bodies[2].contains(r#"["0"]"#) && !bodies[2].contains(r#"["1"]"#), "{}", bodies[2]);
    assert!(bodies[3].find(r#""name":"b""#) < bodies[3].find(r#""name":"a""#), "{}", bodies[3]);
}

#[tokio::test]
async fn a_partition_that_is_refused_is_an_error() {
    let refused = r#"{"Errors": [{"ErrorDetail": {"ErrorCode": "InvalidInputException", "ErrorMessage": "no"}}]}"#;
    let glue = glue(vec![(200, "", "{}".to_owned()), (200, "", refused.to_owned())]);
    let partition = CatalogPartition { values: vec!["1".to_owned()], path: "year=1".to_owned() };
    let error = glue.catalog.register_partitions(&table(), &[partition]).await.unwrap_err();
    insta::assert_snapshot!(chain(&error), @"BatchCreatePartition on db.t was refused: InvalidInputException");
}

#[tokio::test]
async fn what_glue_says_of_a_call_about_partitions_is_told_by_its_code() {
    let quoting = || (400, "InvalidInputException", r#"{"Message": "Jane is no value of customer"}"#.to_owned());
    let ok = |body: String| (200, "", body);
    let empty = || ok("{}".to_owned());
    let others = || ok(partitions_json(&[OTHER_COLUMNS], ""));
    let partition = || [CatalogPartition { values: vec!["Jane".to_owned()], path: "customer=Jane".to_owned() }];
    let mut told = Vec::new();
    for answers in [vec![quoting()], vec![empty(), quoting()], vec![others(), quoting()]] {
        let error = glue(answers).catalog.register_partitions(&table(), &partition()).await.unwrap_err();
        told.push(chain(&error));
    }
    let error = glue(vec![quoting()]).catalog.align_all_partitions(&table(), &[]).await.unwrap_err();
    told.push(chain(&error));
    insta::assert_snapshot!(told.join("\n"), @r"
    BatchGetPartition on db.t was refused: InvalidInputException
    BatchCreatePartition on db.t was refused: InvalidInputException
    BatchUpdatePartition on db.t was refused: InvalidInputException
    GetPartitions on db.t was refused: InvalidInputException
    ");
}

#[tokio::test]
async fn a_warm_process_does_not_remember_partitions_without_end() {
    let glue = glue(vec![(200, "", partitions_json(&[SAME_COLUMNS], ""))]);
    let many = (0..50_000).map(|n| ("u".to_owned(), vec![n.to_string()]));
    locked(&glue.catalog.known_partitions).extend(many);
    let partition = CatalogPartition { values: vec!["0".to_owned()], path: "year=0".to_owned() };
    glue.catalog.register_partitions(&table(), &[partition]).await.unwrap();
    assert_eq!(locked(&glue.catalog.known_partitions).len(), 1);
}
