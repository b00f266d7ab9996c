//! `lakegate glue` as a script meets it before any AWS answers. What its steps do is tested in `shared/ingest` and `infra/glue`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write;
use std::process::{Command, Stdio};

/// With this on standard input, and no variables: the exit status, standard output and standard error.
fn glue(args: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.arg("glue").args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A step that wants no input may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_bare_environment_is_told_everything_that_it_lacks() {
    let event = r#"{"bucket": "raw", "prefix": "orders/"}"#;
    let (status, out, said) = glue(&["list"], event);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    insta::assert_snapshot!(said.trim_end(), @"lakegate: missing environment variables: AWS_REGION, LAKE_BUCKET, FAILURES_QUEUE_URL, GLUE_DATABASE; infra/template.yaml sets them on the deployed function, export them before running it by hand");
}

#[test]
fn what_a_step_does_not_take_is_named_by_its_place_and_never_quoted() {
    for step in [&["begin"][..], &["scan"], &["resolve"], &["convert"], &["publish"], &["give-up"], &["list"]] {
        let (status, out, said) = glue(step, "{\"job\":\n \"secret\"}");
        assert_eq!((status, out.as_str()), (Some(1), ""), "{step:?}");
        assert!(
            said.contains("standard input is not what this step takes (line ") && !said.contains("secret"),
            "{said}"
        );
    }
}
