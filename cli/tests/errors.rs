//! What a person reads when something is wrong before any contract or AWS is to blame: what it is, and what to do.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use common::{CONTRACT, stderr};
use tempfile::TempDir;

/// A folder with a contract, a file that fits it, and an empty one.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("orders.yaml"), CONTRACT).unwrap();
    fs::write(dir.path().join("orders.csv"), "id,on_day,quantity\na,2026-01-10,1\n").unwrap();
    fs::write(dir.path().join("empty.csv"), "").unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    dir
}

/// In that folder, as in an empty home, with these variables and no others.
fn run(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args(args).current_dir(dir).env_clear().env("HOME", dir).env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(variables.iter().copied()).output().unwrap()
}

/// What is said on standard error, behind the exit status.
fn said(args: &[&str]) -> String {
    told(&run(folder().path(), args, &[]))
}

fn told(output: &Output) -> String {
    format!("{} {}", output.status.code().unwrap(), stderr(output).trim_end())
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let to = ["--contract", "orders.yaml", "--out", "out"];
    insta::assert_snapshot!(said(&[&["convert", "missing.csv"][..], &to].concat()), @"1 lakegate: cannot read missing.csv: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&[&["convert", "folder"][..], &to].concat()), @"1 lakegate: folder is a folder: give one file");
    insta::assert_snapshot!(said(&["check", "missing.csv", "folder", "--contract", "orders.yaml"]), @r"
    1 lakegate: cannot read missing.csv: No such file or directory (os error 2)
    lakegate: folder is a folder: give one file
    ");
    insta::assert_snapshot!(said(&["infer", "missing.csv"]), @"1 lakegate: cannot read missing.csv: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["infer", "empty.csv"]), @"1 lakegate: no contract can be drafted from empty.csv: the file has no records");
    let zip = folder();
    fs::write(zip.path().join("orders.zip"), b"PK\x03\x04 and so on").unwrap();
    insta::assert_snapshot!(told(&run(zip.path(), &["infer", "orders.zip"], &[])), @"1 lakegate: no contract can be drafted from orders.zip: the file is a zip archive (or an Excel workbook), and CSV and JSON are read");
    insta::assert_snapshot!(said(&["infer", "folder"]), @"1 lakegate: folder is a folder: give one file");
    insta::assert_snapshot!(said(&["demo", "--data", "missing.csv", "--contract", "orders.yaml"]), @"1 lakegate: cannot read missing.csv: No such file or directory (os error 2)");
}

#[test]
fn a_contract_that_is_none_is_told_with_what_it_lacks() {
    insta::assert_snapshot!(said(&["check", "orders.csv", "--contract", "missing.yaml"]), @"1 lakegate: cannot read contract missing.yaml: No such file or directory (os error 2)");
    insta::assert_snapshot!(said(&["check", "orders.csv", "--contract", "folder"]), @"1 lakegate: folder is a folder: give the contract's file");
    insta::assert_snapshot!(said(&["check", "orders.csv", "--contract", "orders.csv"]), @r"
    1 orders.csv: error: found text that is no object, expected a data contract (an object with apiVersion, kind, id, …)
    lakegate: orders.csv is no contract that can be enforced (1 error)
    ");
    insta::assert_snapshot!(said(&["contracts", "diff", "orders.yaml", "empty.csv"]), @r"
    1 empty.csv: error: found an empty document, expected a data contract (YAML or JSON)
    lakegate: empty.csv is no contract that can be enforced (1 error)
    ");
    insta::assert_snapshot!(said(&["contracts", "check", "missing.yaml"]), @"1 lakegate: cannot read contract missing.yaml: No such file or directory (os error 2)");
}

#[test]
fn what_cannot_be_written_is_told_before_any_work() {
    let dir = folder();
    let convert = |more: &[&str]| {
        told(&run(dir.path(), &[&["convert", "orders.csv", "--contract", "orders.yaml"][..], more].concat(), &[]))
    };
    insta::assert_snapshot!(convert(&["--out", "orders.csv"]), @"1 lakegate: orders.csv is no folder: --out takes one, which need not be there");
    insta::assert_snapshot!(convert(&["--out", "out", "--report", "nowhere/report.json"]), @"1 lakegate: cannot write report nowhere/report.json: No such file or directory (os error 2)");
    assert!(!dir.path().join("out").exists());
    insta::assert_snapshot!(told(&run(dir.path(), &["infer", "orders.csv", "--out", "orders.yaml"], &[])), @"1 lakegate: orders.yaml exists: --force overwrites it");
    insta::assert_snapshot!(told(&run(dir.path(), &["man", "--out", "orders.csv"], &[])), @"1 lakegate: cannot create folder orders.csv: File exists (os error 17)");
}

#[test]
fn wrong_usage_says_how_it_is_used() {
    insta::assert_snapshot!(said(&["convert", "orders.csv"]), @r"
    2 error: the following required arguments were not provided:
      --contract <FILE>
      --out <DIR>

    Usage: lakegate convert --contract <FILE> --out <DIR> <FILE>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["stauts"]), @r"
    2 error: unrecognized subcommand 'stauts'

      tip: some similar subcommands exist: 'contracts', 'status'

    Usage: lakegate [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["replay", "--form", "ledger"]), @r"
    2 error: unexpected argument '--form' found

      tip: a similar argument exists: '--from'

    Usage: lakegate replay --from <WHERE>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["status", "--since", "yesterday"]), @r"
    2 error: invalid value 'yesterday' for '--since <SPAN>': a span is a whole number and a unit: 90s, 15m, 24h, 7d

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["status", "--color", "pink"]), @r"
    2 error: invalid value 'pink' for '--color <WHEN>'
      [possible values: auto, always, never]

    For more information, try '--help'.
    ");
    let refused = said(&["replay", "--kind", "Bogus"]);
    assert!(refused.starts_with("2 error: no failure is of the kind \"Bogus\"; there are (the most alike first) "));
    assert!(refused.contains("\n\nUsage: lakegate replay [OPTIONS]\n"), "{refused}");
    insta::assert_snapshot!(said(&["replay", "--kind", "HeaderMismatch"]), @r"
    2 error: HeaderMismatch is a word of the ledger, and no dead letter has it: ask for --kind ContractViolated, which it is one of, or --from ledger

    Usage: lakegate replay [OPTIONS]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["generate", "orders", "--rows", "-5"]), @r"
    2 error: invalid value '-5' for '--rows <N>': a whole number from 1 to 1000000000000 is wanted, in digits

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["generate", "orders", "--rows", "1e6"]), @r"
    2 error: invalid value '1e6' for '--rows <N>': a whole number from 1 to 1000000000000 is wanted, in digits

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["generate", "customers", "--customers", "5"]), @r"
    2 error: --customers is of orders: how many customers are made is said by --rows

    Usage: lakegate generate [OPTIONS] <DATASET>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["generate", "products", "--months", "4"]), @r"
    2 error: --months is not for products

    Usage: lakegate generate [OPTIONS] <DATASET>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(said(&["replay", "--from", "queue"]), @r"
    2 error: invalid value 'queue' for '--from <WHERE>'
      [possible values: dead-letters, ledger]

    For more information, try '--help'.
    ");
}

const KEYS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-west-1")];

/// An AWS that gives every request this answer; its address.
fn answering(status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 16 * 1024];
            let _ = stream.read(&mut request);
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    address
}

fn refusing(code: &str, message: &str) -> String {
    let status = if code == "ValidationError" { "400 Bad Request" } else { "403 Forbidden" };
    answering(
        status,
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        ),
    )
}

fn status_at(address: &str, more: &[&str]) -> String {
    let dir = folder();
    told(&run(dir.path(), &[&["status", "--endpoint-url", address][..], more].concat(), &KEYS))
}

#[test]
fn a_stack_that_is_not_found_is_told_with_what_to_look_at() {
    let missing = refusing("ValidationError", "Stack with id prod does not exist");
    insta::assert_snapshot!(status_at(&missing, &["--stack", "prod"]), @"1 lakegate: no stack prod in eu-west-1: name it with --stack, and look at --region and --profile");
    insta::assert_snapshot!(status_at(&refusing("AccessDenied", "User: x is not authorized"), &[]), @"1 lakegate: these credentials may not look up stack lakegate (AccessDenied: User: x is not authorized): have cloudformation:DescribeStacks allowed, or take other ones (--profile)");
    insta::assert_snapshot!(status_at(&refusing("ExpiredToken", "The security token is expired"), &[]), @"1 lakegate: the AWS credentials have ended: sign in again, or take other ones (--profile)");
    insta::assert_snapshot!(status_at(&refusing("InvalidClientTokenId", "The security token is invalid"), &[]), @"1 lakegate: AWS does not take these credentials (InvalidClientTokenId: The security token is invalid): look at --profile, or at AWS_ACCESS_KEY_ID and its like");
    let other = answering(
        "200 OK",
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>lakegate</StackName><StackStatus>CREATE_IN_PROGRESS\
         </StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
            .to_owned(),
    );
    insta::assert_snapshot!(status_at(&other, &[]), @"1 lakegate: stack lakegate has no output RawBucket (its status is CREATE_IN_PROGRESS): it is another kind of stack, or it must be deployed again");
}

#[test]
fn what_does_not_answer_is_told_with_where_to_look() {
    let said = status_at("http://127.0.0.1:9", &[]);
    assert!(said.starts_with("1 lakegate: CloudFormation in eu-west-1 cannot be reached ("), "{said}");
    assert!(said.ends_with("): look at the network, and at --region and --endpoint-url"), "{said}");
    insta::assert_snapshot!(status_at("nonsense", &[]), @"1 lakegate: CloudFormation in eu-west-1 cannot be reached (nonsense/ is no address: invalid format): look at the network, and at --region and --endpoint-url");
    insta::assert_snapshot!(status_at("http://", &[]), @"1 lakegate: CloudFormation in eu-west-1 cannot be reached (http:/ is no address: invalid format): look at the network, and at --region and --endpoint-url");
}
