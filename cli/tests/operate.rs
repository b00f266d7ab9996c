//! `lakegate status`, `replay` and `sweep` as a user meets them before any AWS answers: help, and what to do about errors. What they do
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

fn help(command: &str) -> String {
    help_of(&[command])
}

fn help_of(command: &[&str]) -> String {
    let output = lakegate(&tempfile::tempdir().unwrap(), &[command, &["-h"]].concat(), &[("COLUMNS", "140")]);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn contracts_push_says_what_it_refuses() {
    insta::assert_snapshot!(help_of(&["contracts", "push"]), @r"
    Deploy contracts: checked, compared with what is deployed, refused where they would break it

    Usage: lakegate contracts push [OPTIONS] <FILE>...

    Arguments:
      <FILE>...  Contract documents (ODCS v3, YAML or JSON), named *.odcs.yaml, *.odcs.yml or *.odcs.json

    Options:
          --dry-run  Show what would happen, and push nothing
          --force    Push also what breaks older files, queries or new files
          --json     Print one JSON object instead of text
      -h, --help     Print help

    Stack:
          --stack <NAME>        Name of the deployed stack [env: LAKEGATE_STACK] [default: lakegate]
          --region <REGION>     Region, if not that of AWS_REGION or of the profile
          --profile <NAME>      Profile of ~/.aws/config, if not that of AWS_PROFILE
          --endpoint-url <URL>  Another address for every service, as of a local AWS

    Examples:
      lakegate contracts push contracts/*.odcs.yaml --dry-run
      lakegate contracts push orders.odcs.yaml

    Every contract is checked, and compared with the one that is deployed for its table. If one cannot be used, or would break older files,
    queries or new files, nothing is pushed; --force pushes what breaks all the same. Files that come from half a minute later on are held
    against the new contracts; files that were rejected are judged again by `lakegate replay --from ledger`.

    Exit status: 0 all are deployed (or could be), 3 refused because something would break, 2 wrong usage, 1 anything else.
    ");
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
fn status_says_what_it_tells() {
    insta::assert_snapshot!(help("status"), @r"
    Tell what became of recent files, how fast, and what waits: states, rows, rejects, queues, dead letters

    Usage: lakegate status [OPTIONS]

    Options:
          --dataset <NAME>  Only files of this dataset
          --since <SPAN>    Only files of which the ledger wrote within this time: 90s, 15m, 24h, 7d [default: 24h]
          --limit <N>       How many files to tell one by one, the newest first [default: 20]
          --json            Print one JSON object instead of text
      -h, --help            Print help

    Stack:
          --stack <NAME>        Name of the deployed stack [env: LAKEGATE_STACK] [default: lakegate]
          --region <REGION>     Region, if not that of AWS_REGION or of the profile
          --profile <NAME>      Profile of ~/.aws/config, if not that of AWS_PROFILE
          --endpoint-url <URL>  Another address for every service, as of a local AWS

    Examples:
      lakegate status
      lakegate status --dataset orders --since 7d --limit 100
      lakegate status --json | jq '.datasets[] | select(.rejected > 0)'

    A file counts by the time at which the ledger last wrote of it. The ledger has one entry per object: of a file that was uploaded again, the
    last version counts.

    Exit status: 0 told, 2 wrong usage, 1 anything else.
    ");
}

#[test]
fn replay_says_what_it_sends() {
    insta::assert_snapshot!(help("replay"), @r"
    Send failed files through again: dead letters, or rejected files after their contract changed. Shows them; --send sends

    Usage: lakegate replay [OPTIONS]

    Options:
          --send         Send them; without it they are only shown
          --from <FROM>  Where to look for failures [default: dead-letters] [possible values: dead-letters, ledger]
          --limit <N>    At most so many
          --json         Print one JSON object instead of text
      -h, --help         Print help (see more with '--help')

    Which:
          --kind <KIND>        Only failures of this kind, as the alert names it; may be given again
          --dataset <NAME>     Only objects of this dataset; may be given again
          --key <GLOB>         Only objects whose keys match: * within a folder, ** across folders
          --older-than <SPAN>  Only what failed longer ago than this: 90s, 15m, 24h, 7d
          --newer-than <SPAN>  Only what failed within this time

    Stack:
          --stack <NAME>        Name of the deployed stack [env: LAKEGATE_STACK] [default: lakegate]
          --region <REGION>     Region, if not that of AWS_REGION or of the profile
          --profile <NAME>      Profile of ~/.aws/config, if not that of AWS_PROFILE
          --endpoint-url <URL>  Another address for every service, as of a local AWS

    Examples:
      lakegate replay                                   what failed, and what would be sent
      lakegate replay --kind GaveUp --send              send what a queue gave up on, now that the cause is gone
      lakegate replay --from ledger --dataset orders --send
                                                        judge all rejected files of orders again, under the contract as it is now

    Dead letters are kept for 14 days, the ledger remembers for ever. What was taken in before, or uploaded anew since, is recognised and left
    alone, so sending twice does no harm. Nothing is lost when the command is killed.

    Exit status: 0 all was sent (or shown), 2 wrong usage, 1 anything else.
    ");
}

#[test]
fn sweep_says_what_it_looks_for() {
    insta::assert_snapshot!(help("sweep"), @r"
    Find dropped and deleted files that nobody dealt with, by holding the bucket against the ledger. Shows them; --send announces them

    Usage: lakegate sweep [OPTIONS]

    Options:
          --send               Announce them to the ingest queue; without it they are only shown
          --prefix <PREFIX>    Only objects whose keys begin with this
          --older-than <SPAN>  Only objects uploaded longer ago than this: the events of younger ones may be on the way [default: 15m]
          --deep               Read every ledger entry, also where the times of object and entry leave no doubt, or where there is no object any
                               more
          --limit <N>          How many objects to show [default: 50]
          --json               Print one JSON object instead of text
      -h, --help               Print help

    Stack:
          --stack <NAME>        Name of the deployed stack [env: LAKEGATE_STACK] [default: lakegate]
          --region <REGION>     Region, if not that of AWS_REGION or of the profile
          --profile <NAME>      Profile of ~/.aws/config, if not that of AWS_PROFILE
          --endpoint-url <URL>  Another address for every service, as of a local AWS
          --raw-bucket <NAME>   The bucket that files are dropped in, if it is not the stack's own

    Examples:
      lakegate sweep                          what no event announced, or whose worker is gone
      lakegate sweep --prefix orders/ --send  announce what is missing under orders/
      lakegate sweep --deep                   after a time without any sweep: read every ledger entry

    An object is listed when the ledger has no entry for it, or one about another version of it, or one whose worker has been gone for three
    hours. Where its contract says `removedObjects: remove`, so is one that is gone from the bucket while its rows stand; below a prefix only
    with --deep. An object that is announced twice is taken in once. The stack sweeps by itself, every hour unless told otherwise.

    Exit status: 0 all was sent (or shown), 2 wrong usage, 1 anything else.
    ");
}

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
    insta::assert_snapshot!(said(&["sweep", "--profile", "prod"], "", &variables), @"lakegate: no AWS credentials: profile prod: the credential provider was not enabled: give --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with single sign-on let the AWS CLI set them, `eval $(aws configure export-credentials --profile NAME --format env)`, and give no --profile");
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
        assert!(said.starts_with("lakegate: GetCallerIdentity on STS failed for now: "), "{said}");
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
