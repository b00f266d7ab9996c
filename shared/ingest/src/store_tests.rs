//! Tests: what becomes of S3's awkward answers, through the client that is deployed.
//! They must not know how the client tells them.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use lakegate_lake::contracts::{Contracts, Lookup};
use lakegate_lake::ledger::State;
use lakegate_lake::objects::Objects;
use lakegate_lake::upload::{PART_MIN_BYTES, PendingObject};
use lakegate_lake::{LakeError, chain};

use crate::world::{CONTRACT, FIRST, World};
use lakegate_stand_ins::{Aws, Bucket, Fault, Faults, S3};

/// An output whose key holds cells.
const OUTPUT: &str = "lake/orders/customer=Jane van Doe/a-1-0.parquet";
const CELLS: [&str; 3] = ["Jane", "van", "Doe"];
/// As S3 tells those whose account the bucket belongs to.
const DENIED: &str = "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: s3:PutObject on resource: \
                      \"arn:aws:s3:::lake/lake/orders/customer=Jane van Doe/a-1-0.parquet\" because no policy allows it";

/// S3 with empty buckets.
fn started() -> (S3, Arc<Faults>, Objects) {
    let (s3, faults) = (S3::start(), Arc::<Faults>::default());
    s3.reset(&Arc::<Bucket>::default(), &Arc::<Bucket>::default(), &faults);
    let objects = s3.objects();
    (s3, faults, objects)
}

fn refusal(code: &str, message: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

/// Rows whose file is an upload of several parts.
fn big() -> String {
    let mut text = "id,region\n".to_owned();
    let mut random = 1_u64;
    for _ in 0..800 {
        for _ in 0..1_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let _ = write!(text, "{random:016x}");
        }
        text.push_str(",EMEA\n");
    }
    text
}

async fn publish(objects: &Objects, bytes: usize) -> Result<(), LakeError> {
    let mut pending = PendingObject::new(objects, "lake", OUTPUT).unwrap();
    pending.write(&vec![7; bytes]).await?;
    pending.publish().await
}

fn is_complete(method: &str, target: &str) -> bool {
    method == "POST" && target.contains("uploadId=")
}

#[tokio::test]
async fn an_upload_that_was_completed_by_a_request_whose_answer_was_lost_takes_no_rows_away() {
    let (aws, s3) = (Aws::start(), S3::start());
    let lake = World::over_http(&aws, &s3).await;
    let first = lake.upload(FIRST).await;
    lake.settle(&first).await;
    let second = lake.upload(&big()).await;
    let mut completed = 0;
    s3.answer_instead(move |method, target| {
        completed += usize::from(is_complete(method, target));
        let is_repeated = completed == 1 && is_complete(method, target);
        is_repeated.then(|| (404, refusal("NoSuchUpload", "The specified upload does not exist.")))
    });
    let error = lake.deliver(&second).await.unwrap().unwrap_err();
    assert!(error.is_passing(), "{}", chain(&error));
    lake.settle(&second).await;
    assert_eq!(lake.entry().await.unwrap().state, State::Committed);
    let sizes: Vec<usize> = lake.visible().await.values().map(Vec::len).collect();
    assert!(sizes.len() == 1 && sizes[0] > PART_MIN_BYTES, "{sizes:?}");
    assert!(lake.told().is_empty());
}

/// The output is not the first of them: an answer may be about any.
async fn delete(objects: &Objects) -> Result<(), LakeError> {
    objects.delete_all("lake", &["rejects/a.parquet".to_owned(), OUTPUT.to_owned()]).await
}

#[tokio::test]
async fn a_delete_that_s3_refuses_in_an_answer_of_200_is_sorted_by_its_code() {
    let (s3, _, objects) = started();
    let mut errors = Vec::new();
    for code in ["AccessDenied", "SlowDown", "InternalError", "MethodNotAllowed"] {
        s3.answer_instead(move |_, _| {
            let error = format!("<Key>{OUTPUT}</Key><Code>{code}</Code><Message>not {OUTPUT}</Message>");
            Some((200, format!("<DeleteResult><Error>{error}</Error></DeleteResult>")))
        });
        errors.push(chain(&delete(&objects).await.unwrap_err()));
    }
    insta::assert_snapshot!(errors.join("\n"), @r"
    DeleteObjects on s3://lake/lake/orders/customer=…/a-1-0.parquet is not allowed: AccessDenied
    DeleteObjects on s3://lake/lake/orders/customer=…/a-1-0.parquet failed for now: SlowDown: not …
    DeleteObjects on s3://lake/lake/orders/customer=…/a-1-0.parquet failed for now: InternalError: not …
    DeleteObjects on s3://lake/lake/orders/customer=…/a-1-0.parquet was refused: MethodNotAllowed
    ");
}

#[tokio::test]
async fn however_s3_breaks_an_error_about_an_output_names_no_cell() {
    let (s3, faults, objects) = started();
    let answers = [
        (403, refusal("AccessDenied", DENIED)),
        (400, refusal("InvalidRequest", "customer=Jane van Doe")),
        (404, refusal("NoSuchUpload", OUTPUT)),
        (409, refusal("OperationAborted", OUTPUT)),
        (412, refusal("PreconditionFailed", OUTPUT)),
        (502, format!("<html>no way to /{OUTPUT}</html>")),
        (301, format!("<html>/{OUTPUT}</html>")),
        (200, format!("<html>/{OUTPUT} InternalError</html>")),
        (200, format!("</{OUTPUT}>")),
    ];
    let mut told = Vec::new();
    for (status, body) in answers {
        for operation in ["PUT", "POST", "uploads", "partNumber", "uploadId"] {
            let body = body.clone();
            s3.answer_instead(move |method, target| {
                (method == operation || target.contains(operation)).then(|| (status, body.clone()))
            });
            for bytes in [1, PART_MIN_BYTES + 1] {
                told.extend(publish(&objects, bytes).await.err().map(|error| chain(&error)));
            }
            told.extend(delete(&objects).await.err().map(|error| chain(&error)));
        }
    }
    for fault in [Fault::FailBefore, Fault::TimeOutBefore, Fault::Throttle, Fault::ComeLate] {
        for call in 0..4 {
            s3.reset(&Arc::default(), &Arc::default(), &faults);
            faults.arm(call, fault);
            told.extend(publish(&objects, PART_MIN_BYTES + 1).await.err().map(|error| chain(&error)));
            told.extend(delete(&objects).await.err().map(|error| chain(&error)));
            faults.disarm();
        }
    }
    for error in &told {
        assert!(!CELLS.iter().any(|cell| error.contains(cell)), "{error}");
    }
    assert!(told.len() > 60, "{}", told.len());
}

#[tokio::test]
async fn an_upload_that_cannot_be_published_leaves_no_parts_behind_unless_it_may_be_there() {
    let (s3, _, objects) = started();
    for (refused, status, code, is_removed) in [
        ("partNumber=2", 403, "AccessDenied", true),
        ("partNumber=1", 503, "SlowDown", true),
        ("POST", 400, "InvalidPart", true),
        ("POST", 503, "SlowDown", false),
    ] {
        let removed = Arc::<Mutex<usize>>::default();
        let count = Arc::clone(&removed);
        s3.answer_instead(move |method, target| {
            *count.lock().unwrap() += usize::from(method == "DELETE" && target.contains("uploadId="));
            let is_refused = target.contains(refused) || (method == refused && is_complete(method, target));
            is_refused.then(|| (status, refusal(code, "no")))
        });
        let mut pending = PendingObject::new(&objects, "lake", OUTPUT).unwrap();
        pending.write(&vec![7; PART_MIN_BYTES]).await.unwrap();
        pending.write(&[7]).await.unwrap();
        let error = chain(&pending.publish().await.unwrap_err());
        assert_eq!(*removed.lock().unwrap() > 0, is_removed, "{refused} {code}: {error}");
    }
}

#[tokio::test]
async fn a_contract_under_a_key_that_cannot_be_addressed_stops_no_other_one() {
    let (s3, _, objects) = started();
    objects.create("lake", "contracts/orders.odcs.yaml", CONTRACT.into()).await.unwrap();
    s3.answer_instead(|method, target| {
        let object = |key: &str| {
            format!(
                "<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-01-02T03:04:05Z</LastModified></Contents>"
            )
        };
        let keys = ["contracts//", "contracts//x", "contracts//odd.odcs.yaml", "contracts/orders.odcs.yaml"];
        let listed = keys.map(object).concat();
        let is_list = method == "GET" && target.contains("list-type=2");
        is_list.then(|| (200, format!("<ListBucketResult>{listed}</ListBucketResult>")))
    });
    let contracts = Contracts::new("lake".to_owned());
    let found = contracts.find(&objects, "raw", "orders/a.csv").await.unwrap();
    assert!(matches!(found, Lookup::Found(_)), "{found:?}");
    let Lookup::Invalid(documents) = contracts.find(&objects, "raw", "else/a.csv").await.unwrap() else {
        panic!("the document is named");
    };
    let documents: Vec<String> = documents.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(documents.join("\n"), @r#"contracts//odd.odcs.yaml: the document cannot be read: a part of the key is empty, "." or "..", or holds a control character"#);
}
