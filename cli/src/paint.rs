//! Colours: on a terminal, unless the person says otherwise by `--color` or by `NO_COLOR` and its like.
//! It must not know what is painted.

use std::io::IsTerminal;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless `NO_COLOR` or `CLICOLOR=0` is set; elsewhere where `CLICOLOR_FORCE` is
    Auto,
    /// Also into a pipe or a file
    Always,
    /// Not at all
    Never,
}

impl When {
    /// From now on this holds for everything that is printed.
    pub(crate) fn hold(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Paints text, where it is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    is_on: bool,
}

impl Paint {
    /// For standard output.
    pub(crate) fn new() -> Self {
        Self::on(&std::io::stdout())
    }

    /// For standard error.
    pub(crate) fn of_errors() -> Self {
        Self::on(&std::io::stderr())
    }

    fn on(stream: &(impl RawStream + IsTerminal)) -> Self {
        Self { is_on: AutoStream::choice(stream) != ColorChoice::Never }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.styled(AnsiColor::Green.on_default(), text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.styled(AnsiColor::Red.on_default().bold(), text)
    }

    pub(crate) fn note(self, text: &str) -> String {
        self.styled(AnsiColor::Yellow.on_default(), text)
    }

    pub(crate) fn title(self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.is_on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
