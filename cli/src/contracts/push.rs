//! `lakegate contracts push`: contracts from files to the lake bucket, where ingest finds them, unless they would break what is there.
//! It does not look at the catalog.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lakegate_contract::{Change, Checked, Class, Contract, Location, Note};
use lakegate_lake::LakeError;
use lakegate_lake::contracts::{Deployed, SUFFIXES};
use lakegate_lake::layout::{self, CONTRACTS_PREFIX};
use lakegate_lake::objects::EntityTag;
use lakegate_lake::stack::Stack;
use serde_json::{Value, json};

use super::deployed::{deployed, short};
use super::diff;
use crate::operate::place::Place;
use crate::output;
use crate::paint::Paint;

/// A contract is refused because it would break what is deployed.
const EXIT_BREAKING: u8 = 3;
const EXAMPLES: &str = "\
Examples:
  lakegate contracts push contracts/*.odcs.yaml --dry-run
  lakegate contracts push orders.odcs.yaml

Every contract is checked, and compared with the one that is deployed for its table. If one cannot be used, or would break older files, \
queries or new files, nothing is pushed; --force pushes what breaks all the same. Files that come from half a minute later on are held \
against the new contracts; files that were rejected are judged again by `lakegate replay --from ledger`.

Exit status: 0 all are deployed (or could be), 3 refused because something would break, 2 wrong usage, 1 anything else.";

/// What to push, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PushArgs {
    /// Contract documents (ODCS v3, YAML or JSON), named *.odcs.yaml, *.odcs.yml or *.odcs.json
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show what would happen, and push nothing
    #[arg(long)]
    dry_run: bool,
    /// Push also what breaks older files, queries or new files
    #[arg(long)]
    force: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// A contract on its way.
struct Pushed {
    file: PathBuf,
    text: String,
    contract: Contract,
    /// What its owner may expect of its status, and does not get.
    status: Option<Note>,
    /// Where it will stand.
    key: String,
    /// What stands there now.
    former: Option<Former>,
}

struct Former {
    etag: EntityTag,
    is_same: bool,
    /// `None`: it is no contract that can be used.
    contract: Option<Contract>,
    changes: Vec<Change>,
}

/// Pushes contracts, once all of them may be pushed.
pub(super) async fn run(args: &PushArgs) -> Result<ExitCode> {
    // Documents first: what is wrong with them needs no AWS to be told.
    let mut documents = Vec::new();
    for file in &args.files {
        documents.push((file, super::read_document(file)?));
    }
    let stack = args.place.stack(None).await?;
    let deployed = deployed(&stack).await?;
    let mut pushed: Vec<Pushed> = Vec::new();
    for (file, (text, Checked { contract, notes })) in documents {
        let status = notes.into_iter().find(|note| note.path == "status");
        let key = key_of(file, &contract, &deployed)?;
        if let Some(other) = pushed.iter().find(|other| other.key == key || other.contract.table == contract.table) {
            bail!("{} and {} are both for the table {}", other.file.display(), file.display(), contract.table);
        }
        let former = former(&stack, &key, &text, &contract).await?;
        pushed.push(Pushed { file: file.clone(), text, contract, status, key, former });
    }
    let mut clashes = clashes(&pushed, &deployed);
    clashes.extend(own_files(&pushed, &stack.lake_bucket)?);
    if !clashes.is_empty() {
        bail!("nothing was pushed: {}", clashes.join("; "));
    }
    let is_refused = !args.force && pushed.iter().any(Pushed::is_breaking);
    if !is_refused && !args.dry_run {
        for (done, contract) in pushed.iter().enumerate() {
            let before = || format!("{done} of {} contracts are deployed; run the command again", pushed.len());
            contract.put(&stack).await.with_context(before)?;
        }
    }
    tell(args, &stack, &pushed, is_refused)?;
    Ok(if is_refused { ExitCode::from(EXIT_BREAKING) } else { ExitCode::SUCCESS })
}

/// Where the table's contract stands already, else under the file's name.
fn key_of(file: &std::path::Path, contract: &Contract, deployed: &Deployed) -> Result<String> {
    let of_table = |(_, deployed): &(&str, Result<&Contract, &[String]>)| {
        deployed.is_ok_and(|deployed| deployed.table == contract.table)
    };
    let keys: Vec<&str> = deployed.documents().filter(of_table).map(|(key, _)| key).collect();
    if keys.len() > 1 {
        let names: Vec<&str> = keys.iter().map(|key| short(key)).collect();
        bail!("{} are deployed for the table {}: delete all but one of them", names.join(" and "), contract.table);
    }
    if let [key] = keys.as_slice() {
        return Ok((*key).to_owned());
    }
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        bail!("{} would not be read: the name of a contract ends in {}", file.display(), SUFFIXES.join(", "));
    }
    let key = format!("{CONTRACTS_PREFIX}{name}");
    let other = deployed.documents().find(|(other, _)| *other == key).and_then(|(_, contract)| contract.ok());
    if let Some(other) = other {
        bail!(
            "{name} is deployed for the table {}, and {} is for {}: give the file another name",
            other.table,
            file.display(),
            contract.table
        );
    }
    Ok(key)
}

async fn former(stack: &Stack, key: &str, text: &str, contract: &Contract) -> Result<Option<Former>> {
    let Some((bytes, etag)) = stack.objects.get_tagged(&stack.lake_bucket, key).await? else { return Ok(None) };
    let former = std::str::from_utf8(&bytes).ok().and_then(|text| lakegate_contract::parse(text).ok());
    let former = former.map(|checked| checked.contract);
    let changes = former.as_ref().map(|former| lakegate_contract::diff(former, contract)).unwrap_or_default();
    Ok(Some(Former { etag, is_same: bytes == text.as_bytes(), contract: former, changes }))
}

/// Two contracts that want the same files: neither would get any.
fn clashes(pushed: &[Pushed], deployed: &Deployed) -> Vec<String> {
    let mut clashes = Vec::new();
    for (number, contract) in pushed.iter().enumerate() {
        let location = contract.contract.landing.location.as_str();
        let is_replaced = |key: &str| pushed.iter().any(|other| other.key == key);
        let standing = deployed.documents().filter(|(key, _)| !is_replaced(key));
        let standing = standing.filter_map(|(key, contract)| Some((short(key).to_owned(), contract.ok()?)));
        let beside = pushed.iter().skip(number + 1).map(|other| (other.file.display().to_string(), &other.contract));
        for (name, other) in standing.chain(beside) {
            if other.landing.location.as_str() == location {
                clashes.push(format!("{} and {name} are both for the files {location}", contract.file.display()));
            }
        }
    }
    clashes
}

/// Contracts for files of the lake bucket, which ingest takes for its own and leaves alone.
fn own_files(pushed: &[Pushed], lake_bucket: &str) -> Result<Vec<String>> {
    let lake = Location::parse(&layout::url(lake_bucket, "**/*")).map_err(anyhow::Error::msg)?;
    let is_own = |contract: &&Pushed| lake.covers(&contract.contract.landing.location);
    let told = |contract: &Pushed| {
        let location = contract.contract.landing.location.as_str();
        format!("{} is for {location}, but no file of the lake bucket is taken in", contract.file.display())
    };
    Ok(pushed.iter().filter(is_own).map(told).collect())
}

impl Pushed {
    /// What it changes of the one that stands there.
    fn changes(&self) -> &[Change] {
        self.former.as_ref().map(|former| former.changes.as_slice()).unwrap_or_default()
    }

    fn is_breaking(&self) -> bool {
        self.changes().iter().any(|change| change.class == Class::Breaking)
    }

    fn is_same(&self) -> bool {
        self.former.as_ref().is_some_and(|former| former.is_same)
    }

    fn former_contract(&self) -> Option<&Contract> {
        self.former.as_ref().and_then(|former| former.contract.as_ref())
    }

    async fn put(&self, stack: &Stack) -> Result<()> {
        if self.is_same() {
            return Ok(());
        }
        let read = self.former.as_ref().map(|former| &former.etag);
        let bytes = self.text.clone().into_bytes().into();
        match stack.objects.put_if(&stack.lake_bucket, &self.key, bytes, read).await {
            Ok(_) => Ok(()),
            Err(LakeError::Raced { .. }) => {
                bail!("somebody else pushed {} at the same time", short(&self.key))
            }
            Err(error) => Err(error).with_context(|| format!("cannot push {}", self.file.display())),
        }
    }
}

fn tell(args: &PushArgs, stack: &Stack, pushed: &[Pushed], is_refused: bool) -> Result<()> {
    if args.json {
        return output::json(&as_json(args, stack, pushed, is_refused));
    }
    for contract in pushed {
        if let Some(note) = &contract.status {
            let place = super::place(&contract.file, note.line);
            output::line(&format!("{place}: {} {note}", Paint::new().note("note:")))?;
        }
        if let Some(former) = contract.former_contract().filter(|_| !contract.is_same()) {
            let compared = diff::as_text(former, &contract.contract, contract.changes());
            output::line(&format!("{}: {compared}\n", contract.file.display()))?;
        }
    }
    let table = |contract: &Pushed| format!("table {}, version {}", contract.contract.table, contract.contract.version);
    for contract in pushed {
        let url = layout::url(&stack.lake_bucket, &contract.key);
        output::line(&format!("{}: {} ({})", url, done(args, contract, is_refused), table(contract)))?;
    }
    if is_refused {
        output::line("\nNothing was pushed: see what is breaking above; --force pushes it all the same.")?;
    } else if args.dry_run {
        output::line("\nNothing was pushed: this is a dry run.")?;
    }
    Ok(())
}

/// What became of a contract, or would.
fn done(args: &PushArgs, contract: &Pushed, is_refused: bool) -> &'static str {
    let is_pushed = !args.dry_run && !is_refused;
    match (&contract.former, contract.is_same()) {
        _ if is_refused && contract.is_breaking() => "refused",
        (Some(_), true) => "unchanged",
        (Some(_), false) if is_pushed => "replaced",
        (Some(_), false) => "would be replaced",
        (None, _) if is_pushed => "new",
        (None, _) => "would be new",
    }
}

fn as_json(args: &PushArgs, stack: &Stack, pushed: &[Pushed], is_refused: bool) -> Value {
    let contract = |contract: &Pushed| {
        json!({
            "file": contract.file.display().to_string(),
            "key": contract.key,
            "table": contract.contract.table,
            "old_version": contract.former_contract().map(|former| &former.version),
            "new_version": contract.contract.version,
            "outcome": done(args, contract, is_refused),
            "is_breaking": contract.is_breaking(),
            "note": contract.status.as_ref().map(ToString::to_string),
            "changes": contract.changes().iter().map(diff::change_as_json).collect::<Vec<_>>(),
        })
    };
    json!({
        "bucket": stack.lake_bucket,
        "pushed": !args.dry_run && !is_refused,
        "contracts": pushed.iter().map(contract).collect::<Vec<_>>(),
    })
}
