//! `lakegate status`, `replay` and `sweep` as a user meets them before any AWS answers: what to do about errors. What they do
//! is tested against the local AWS, in `e2e`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

/// In an empty home, with these variables and no others.
fn lakegate(home: &TempDir, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args(args).current_dir(home.path()).env_clear().env("HOME", home.path());
    command.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied());
    command.output().unwrap()
}

#[test]
fn a_contract_that_cannot_be_used_is_told_before_any_aws_is_asked() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("x.odcs.yaml"), "kind: DataContract\n").unwrap();
    let output = lakegate(&home, &["contracts", "push", "x.odcs.yaml"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("x.odcs.yaml: error: schema: ") && !told.contains("credentials"), "{told}");
}

fn said(args: &[&str], config: &str, variables: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), config).unwrap();
    let output = lakegate(&home, args, variables);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];

#[test]
fn without_a_region_one_is_asked_for() {
    insta::assert_snapshot!(said(&["status"], "", &KEYS), @"lakegate: no region: give --region, set AWS_REGION, or give the profile one");
}

#[test]
fn without_credentials_the_ways_to_give_them_are_named() {
    insta::assert_snapshot!(said(&["replay"], "", &[REGION]), @"lakegate: no AWS credentials: no credentials found in chain: give --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with single sign-on let the AWS CLI set them, `eval $(aws configure export-credentials --profile NAME --format env)`, and give no --profile");
}

#[test]
fn a_profile_that_is_not_there_is_named_and_the_environment_is_not_taken_for_it() {
    let variables = [REGION, KEYS[0], KEYS[1]];
    insta::assert_snapshot!(said(&["sweep", "--profile", "prod"], "", &variables), @"lakegate: no AWS credentials: profile prod: ~/.aws/config and ~/.aws/credentials have none of that name, or it holds no credentials: give --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with single sign-on let the AWS CLI set them, `eval $(aws configure export-credentials --profile NAME --format env)`, and give no --profile");
}

#[test]
fn single_sign_on_is_left_to_the_aws_cli() {
    let config = "[profile sso]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\nsso_region = eu-central-1\nsso_start_url = https://example.com\n";
    insta::assert_snapshot!(said(&["status", "--profile", "sso"], config, &[REGION]), @"lakegate: no AWS credentials: profile sso: it signs on with single sign-on: give --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with single sign-on let the AWS CLI set them, `eval $(aws configure export-credentials --profile NAME --format env)`, and give no --profile");
}

#[test]
fn the_region_may_stand_in_the_profile_or_in_the_variable_of_the_aws_cli() {
    let unreachable = "[profile here]\nregion = eu-west-1\naws_access_key_id = a\naws_secret_access_key = b\n";
    let asked = ["--endpoint-url", "http://127.0.0.1:9", "--older-than", "0s"];
    for (profile, variables) in
        [(&["--profile", "here"][..], &[][..]), (&[], &[KEYS[0], KEYS[1], ("AWS_DEFAULT_REGION", "x")])]
    {
        let said = said(&[&["sweep"], profile, &asked].concat(), unreachable, variables);
        assert!(said.starts_with("lakegate: CloudFormation in ") && said.contains(" cannot be reached ("), "{said}");
    }
}

#[test]
fn a_span_needs_its_unit() {
    let output = lakegate(&tempfile::tempdir().unwrap(), &["replay", "--older-than", "15"], &[]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error: invalid value '15' for '--older-than <SPAN>': a span is a whole number and a unit: 90s, 15m, 24h, 7d

    For more information, try '--help'.
    ");
}
