//! How the command's help is laid out: its commands in groups, everyday ones first.
//! It must not know what the commands do.

use std::fmt::Write;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};

/// Lines of help are no longer than this, however wide the terminal is: longer ones are hard to read.
const WIDTH_MAX: usize = 100;
/// What stands between a name and what is said of it.
const GAP: usize = 2;

/// The commands by what they are about; whatever stands in none is of the last one. `range` and `glue` are hidden: nobody types them.
const GROUPS: [(&str, &[&str]); 3] = [
    ("Files and contracts", &["infer", "check", "convert", "contracts"]),
    ("A deployed stack", &["status", "report", "replay", "sweep", "backfill"]),
    ("More", &["demo", "generate", "completions", "man"]),
];

/// The command with its help in groups.
pub(crate) fn laid_out(command: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{}\n{{options}}{{after-help}}",
        groups(&command),
        heading(&command, "Options")
    );
    let command = command.max_term_width(WIDTH_MAX);
    command.help_template(template)
}

/// Ends as the parser does where what is asked of a command makes no sense.
pub(crate) fn wrong_usage(name: &str, wrong: &str) -> ! {
    let mut root = laid_out(crate::Cli::command());
    root.build();
    let is_it = root.find_subcommand(name).is_some();
    let command = if is_it { root.find_subcommand_mut(name) } else { None };
    let error = match command {
        Some(command) => command.error(ErrorKind::ArgumentConflict, wrong),
        None => root.error(ErrorKind::ArgumentConflict, wrong),
    };
    error.exit()
}

fn groups(command: &Command) -> String {
    let shown: Vec<&Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let width = shown.iter().map(|command| command.get_name().len()).max().unwrap_or_default() + GAP;
    let literal = command.get_styles().get_literal();
    let mut text = String::new();
    for (number, (title, names)) in GROUPS.iter().enumerate() {
        let is_last = number + 1 == GROUPS.len();
        let is_elsewhere = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
        let named = names.iter().filter_map(|name| shown.iter().find(|command| command.get_name() == *name));
        let others = shown.iter().filter(|command| is_last && !is_elsewhere(command.get_name()));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", heading(command, title));
        for command in named.chain(others) {
            let (name, about) = (command.get_name(), command.get_about().map(ToString::to_string).unwrap_or_default());
            let _ = writeln!(text, "  {literal}{name:width$}{literal:#}{about}");
        }
        text.push('\n');
    }
    text
}

fn heading(command: &Command, title: &str) -> String {
    let style = command.get_styles().get_header();
    format!("{style}{title}:{style:#}")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// What these commands print is made for something else than `jq`.
    const WITHOUT_JSON: [&str; 3] = ["demo", "completions", "man"];
    /// Options that are about something of each command's own.
    const OWN_WORDS: [&str; 9] = ["data", "force", "from", "limit", "older-than", "out", "report", "send", "since"];

    /// Every command of the tree, by its words, the hidden ones too where they are asked for.
    fn commands(with_hidden: bool) -> Vec<(String, Command)> {
        let mut root = laid_out(crate::Cli::command().term_width(WIDTH_MAX));
        root.build();
        let mut found = vec![("lakegate".to_owned(), root)];
        let mut next = 0;
        while let Some((words, command)) = found.get(next).cloned() {
            let is_wanted =
                |command: &&Command| (with_hidden || !command.is_hide_set()) && command.get_name() != "help";
            for command in command.get_subcommands().filter(is_wanted) {
                found.push((format!("{words} {}", command.get_name()), command.clone()));
            }
            next += 1;
        }
        found
    }

    /// The visible commands that do something.
    fn leaves() -> impl Iterator<Item = (String, Command)> {
        commands(false).into_iter().filter(|(_, command)| !command.has_subcommands())
    }

    #[test]
    fn help_says_this() {
        for (words, mut command) in commands(true) {
            let help = command.render_help().to_string();
            let name = words.replace(' ', "-");
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path("../tests/help");
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(name, help));
        }
    }

    #[test]
    fn every_command_has_examples_and_tells_its_exit_status() {
        for (words, command) in leaves() {
            let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(more.starts_with("Examples:\n  lakegate "), "{words}: {more}");
            assert!(more.contains(&format!("  {words}")), "{words} is in none of its examples");
            assert!(more.contains("\n\nExit status: 0 "), "{words}: {more}");
            assert!(more.contains(", 2 wrong usage, 1 anything else"), "{words}: {more}");
        }
    }

    #[test]
    fn every_command_can_print_json() {
        for (words, command) in leaves() {
            let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            assert_eq!(has_json, !WITHOUT_JSON.contains(&command.get_name()), "{words}");
        }
    }

    #[test]
    fn one_option_has_the_same_words_everywhere() {
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (_, command) in leaves() {
            for argument in command.get_arguments().filter_map(|argument| argument.get_long().zip(argument.get_help()))
            {
                told.entry(argument.0.to_owned())
                    .or_default()
                    .insert(argument.1.to_string().replace("; the contract stands in it", ""));
            }
        }
        told.retain(|option, words| words.len() > 1 && !OWN_WORDS.contains(&option.as_str()));
        assert!(told.is_empty(), "{told:#?}");
    }

    #[test]
    fn every_command_stands_in_a_group_and_fits_a_narrow_terminal() {
        let (_, root) = commands(false).remove(0);
        for command in root.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
            let name = command.get_name();
            assert!(GROUPS.iter().any(|(_, names)| names.contains(&name)), "{name} stands in no group");
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!((1..=64).contains(&about.len()) && !about.ends_with('.'), "{name}: {about}");
        }
    }
}
