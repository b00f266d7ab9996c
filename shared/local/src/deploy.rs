//! What `sam deploy` does, as far as the template needs it: code and script go to a bucket, the template is pointed at them, the stack is made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::client::Client;
use crate::functions;
use crate::project::Project;
use crate::stack::Stack;

const ARTIFACTS: &str = "lakegate-artifacts";
const STACK_NAME: &str = "lakegate";

/// Deploys the project's template with these binaries, by name, and with these values of its parameters.
///
/// # Errors
/// A file cannot be read, or a resource cannot be created: the message names it.
pub async fn deploy(
    project: &Project,
    client: &Client,
    binaries: &BTreeMap<String, PathBuf>,
    parameters: &[(&str, &str)],
) -> Result<Stack> {
    let path = project.template();
    let template = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    client.create_bucket(ARTIFACTS).await?;
    for (name, binary) in binaries {
        client.put_object(ARTIFACTS, &format!("{name}.zip"), functions::package(name, binary)?).await?;
    }
    let packaged = packaged(&template, parameters)?;
    for script in &packaged.scripts {
        let path = path.with_file_name(script);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        client.put_object(ARTIFACTS, script, bytes).await?;
    }
    // The emulator runs the binaries as they are; the parameter only has to be true.
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let given: Vec<(&str, &str)> = parameters.iter().copied().chain([("Architecture", architecture)]).collect();
    let object = "template.yaml";
    client.put_object(ARTIFACTS, object, packaged.template.into_bytes()).await?;
    let url = format!("{}/{ARTIFACTS}/{object}", client.endpoint());
    let outputs = client.create_stack(STACK_NAME, &url, &given).await.context("the template does not deploy")?;
    Stack::new(client.clone(), outputs).await
}

struct Packaged {
    template: String,
    scripts: Vec<String>,
}

/// What has to be a number. The emulator makes a text of a parameter, at which its pollers stop, and which Glue's clients refuse.
const NUMBERS: [&str; 5] = ["MaximumConcurrency", "MemorySize", "NumberOfWorkers", "Threshold", "Timeout"];

/// Points `CodeUri` (the function is the last part of its path), `ContentUri` (of the only layer) and `ScriptLocation` (relative to the
/// template) at the bucket, and writes numbers out, line by line, which leaves everything else as its author wrote it.
fn packaged(template: &str, parameters: &[(&str, &str)]) -> Result<Packaged> {
    let mut packaged = Packaged { template: String::with_capacity(template.len()), scripts: Vec::new() };
    for line in template.lines() {
        let replaced = match line.split_once(": ") {
            Some((key, value)) if key.trim() == "CodeUri" => {
                let function =
                    Path::new(value.trim()).file_name().with_context(|| format!("no function in {line:?}"))?;
                Some((key, format!("{}.zip", function.display())))
            }
            Some((key, _)) if key.trim() == "ContentUri" => Some((key, format!("{}.zip", functions::COMMAND))),
            Some((key, value)) if key.trim() == "ScriptLocation" => {
                packaged.scripts.push(value.trim().to_owned());
                Some((key, value.trim().to_owned()))
            }
            Some((key, value)) if NUMBERS.contains(&key.trim()) => {
                if let Some(number) = value.strip_prefix("!Ref ").and_then(|name| value_of(template, parameters, name))
                {
                    packaged.template.extend([key, ": ", number, "\n"]);
                    continue;
                }
                None
            }
            _ => None,
        };
        match replaced {
            Some((key, object)) => packaged.template.extend([key, ": s3://", ARTIFACTS, "/", &object, "\n"]),
            None => packaged.template.extend([line, "\n"]),
        }
    }
    if packaged.scripts.is_empty() {
        bail!("the template has no ScriptLocation");
    }
    Ok(packaged)
}

/// What a parameter of the template is: as given, else its default.
fn value_of<'t>(template: &'t str, given: &[(&str, &'t str)], parameter: &str) -> Option<&'t str> {
    if let Some((_, value)) = given.iter().find(|(name, _)| *name == parameter) {
        return Some(value);
    }
    let (_, rest) = template.split_once(&format!("\n  {parameter}:\n"))?;
    rest.lines().find_map(|line| line.strip_prefix("    Default: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_out() {
        let template = "Parameters:\n  Minutes:\n    Type: Number\n    Default: 240\nA:\n  ScriptLocation: a.py\n  Timeout: !Ref Minutes\n  Timeout: 300\n  NumberOfWorkers: !Ref Workers\n";
        let packaged = packaged(template, &[("Workers", "3")]).unwrap();
        assert!(
            packaged.template.ends_with("  Timeout: 240\n  Timeout: 300\n  NumberOfWorkers: 3\n"),
            "{}",
            packaged.template
        );
    }

    #[test]
    fn code_and_script_are_pointed_at_the_bucket_and_nothing_else_changes() {
        let template = "A:\n  CodeUri: ../functions/start-glue/\n  ContentUri: glue/\n  ScriptLocation: glue/convert.py\n  Other: !Sub ${A}: b\n";
        let packaged = packaged(template, &[("Workers", "3")]).unwrap();
        let expected = "A:\n  CodeUri: s3://lakegate-artifacts/start-glue.zip\n  ContentUri: s3://lakegate-artifacts/lakegate.zip\n  ScriptLocation: s3://lakegate-artifacts/glue/convert.py\n  Other: !Sub ${A}: b\n";
        assert_eq!(packaged.template, expected);
        assert_eq!(packaged.scripts, ["glue/convert.py"]);
    }
}
