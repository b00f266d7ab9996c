//! `lakegate man` and `lakegate completions`: the command's own words as manual pages, and as a script for a shell.
//! It knows the commands by their help only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::output;

const MAN_HELP: &str = "\
Examples:
  lakegate man | man -l -
  lakegate man --out ~/.local/share/man/man1    then: man lakegate-status

Exit status: 0 written, 2 wrong usage, 1 anything else.";

const COMPLETIONS_HELP: &str = "\
Examples:
  lakegate completions bash > ~/.local/share/bash-completion/completions/lakegate
  lakegate completions zsh > \"${fpath[1]}/_lakegate\"
  lakegate completions fish > ~/.config/fish/completions/lakegate.fish

Exit status: 0 written, 2 wrong usage, 1 anything else.";

/// Print the manual page, or write one for every command
#[derive(Debug, clap::Args)]
#[command(after_help = MAN_HELP)]
pub(crate) struct ManArgs {
    /// Write a page for every command into this folder, instead of the first one to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Print a script that completes commands and options in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs, command: &Command) -> Result<ExitCode> {
    // The generators complete hidden commands as well.
    let typed = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut typed = Command::new("lakegate")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments().cloned())
        .subcommands(typed);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut typed, "lakegate", &mut script);
    output::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the page, or writes all of them.
pub(crate) fn run(args: &ManArgs, command: Command) -> Result<ExitCode> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    match &args.out {
        None => output::bytes(&page(&command)?)?,
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
            write(folder, &command)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, command: &Command) -> Result<()> {
    let path = folder.join(Man::new(command.clone()).get_filename());
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        write(folder, command)?;
    }
    Ok(())
}

/// A page in roff.
fn page(command: &Command) -> Result<Vec<u8>> {
    let man = Man::new(command.clone()).manual("Lakegate").source(concat!("lakegate ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let more = command.get_after_long_help().or_else(|| command.get_after_help());
    let more = more.map(ToString::to_string).unwrap_or_default();
    let (titled, text): (Vec<&str>, Vec<&str>) =
        more.split("\n\n").filter(|block| !block.is_empty()).partition(|block| title(block).is_some());
    man.render_description_section(&mut page)?;
    described(&text).to_writer(&mut page)?;
    if command.get_subcommands().any(|command| !command.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    sections(&titled).to_writer(&mut page)?;
    Ok(page)
}

/// The blocks that have sections of their own, by how they begin.
fn title(block: &str) -> Option<(&'static str, &str)> {
    let titles = [("Examples:", "EXAMPLES"), ("Exit status:", "EXIT STATUS")];
    titles.into_iter().find_map(|(begin, title)| block.strip_prefix(begin).map(|rest| (title, rest)))
}

/// What stands behind a command's options belongs to its description.
fn described(blocks: &[&str]) -> Roff {
    let mut roff = Roff::default();
    for block in blocks {
        roff.control("PP", []);
        lines(&mut roff, block);
    }
    roff
}

fn sections(blocks: &[&str]) -> Roff {
    let mut roff = Roff::default();
    for (title, rest) in blocks.iter().filter_map(|block| title(block)) {
        roff.control("SH", [title]);
        lines(&mut roff, rest);
    }
    roff
}

/// Examples and tables as they stand, line by line; the rest as text.
fn lines(roff: &mut Roff, block: &str) {
    let mut is_verbatim = false;
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("  ") != is_verbatim {
            is_verbatim = !is_verbatim;
            roff.control(if is_verbatim { "nf" } else { "fi" }, []);
        }
        roff.text([roman(if is_verbatim { line } else { line.trim() })]);
    }
    if is_verbatim {
        roff.control("fi", []);
    }
}
