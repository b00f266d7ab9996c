//! What the steps of `lakegate range` read and print: the file's bytes, and each other's results.
//! It does not know what the steps do.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use lakegate_convert::Reading;
use lakegate_convert::range::{Plan, RangeWork, Resolution};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{output, reading};

/// What the engine takes at once.
pub(super) const READ_BYTES: usize = 256 * 1024;

pub(super) fn print(value: &impl Serialize) -> Result<ExitCode> {
    output::line(&serde_json::to_string(value)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn size_of(path: &Path) -> Result<u64> {
    Ok(reading::open(path)?.metadata().with_context(|| format!("cannot read {}", path.display()))?.len())
}

/// A file that has another size than planned is another file.
pub(super) fn is_planned(input: &Path, plan: &Plan) -> Result<()> {
    if is_standard_input(input) {
        return Ok(());
    }
    let size_bytes = size_of(input)?;
    ensure!(
        size_bytes == plan.size_bytes,
        "{} has {size_bytes} bytes, and the plan is of a file of {}",
        input.display(),
        plan.size_bytes
    );
    Ok(())
}

/// Hands bytes to `take`, from the offset on, until it has enough. Standard input begins there.
pub(super) fn feed(input: &Path, from: u64, mut take: impl FnMut(&[u8]) -> Result<Reading>) -> Result<()> {
    let mut reader: Box<dyn Read> = if is_standard_input(input) {
        Box::new(io::stdin().lock())
    } else {
        let mut file = reading::open(input)?;
        file.seek(SeekFrom::Start(from)).with_context(|| format!("cannot read {}", input.display()))?;
        Box::new(file)
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = reader.read(&mut buffer).with_context(|| format!("cannot read {}", input.display()))?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || take(bytes)? == Reading::Enough {
            return Ok(());
        }
    }
}

pub(super) fn read_plan(path: &Path) -> Result<Plan> {
    let mut all: Vec<Value> = values(std::slice::from_ref(&path.to_owned()))?;
    let mut value = all.pop().with_context(|| format!("{} is empty", path.display()))?;
    if let Some(reason) = value.get("one_pass").and_then(Value::as_str) {
        bail!("{} has no ranges: {reason}", path.display());
    }
    let plan = value.get_mut("plan").map(Value::take).unwrap_or_default();
    serde_json::from_value(plan).with_context(|| format!("{} is no plan", path.display()))
}

pub(super) fn read_work(path: &Path) -> Result<Vec<RangeWork>> {
    let mut all: Vec<Resolution> = values(std::slice::from_ref(&path.to_owned()))?;
    match all.pop() {
        Some(Resolution::Work(work)) => Ok(work),
        Some(Resolution::ScanAgain { range, .. }) => {
            bail!("{} is not resolved: scan range {range} again, and resolve with that scan too", path.display())
        }
        None => bail!("{} is empty", path.display()),
    }
}

/// All JSON values of the files, one after another.
pub(super) fn values<T: DeserializeOwned>(paths: &[PathBuf]) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for path in paths {
        let reader: Box<dyn Read> =
            if is_standard_input(path) { Box::new(io::stdin().lock()) } else { Box::new(reading::open(path)?) };
        for value in serde_json::Deserializer::from_reader(BufReader::new(reader)).into_iter() {
            all.push(value.with_context(|| format!("{} is not what that step prints", path.display()))?);
        }
    }
    Ok(all)
}
