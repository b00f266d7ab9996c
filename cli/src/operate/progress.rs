//! A line on the terminal that shows that something is going on, and how far it has come; nothing where nobody looks.
//! It must not know what is going on.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(120);

/// A bar towards a known end.
pub(crate) fn towards(length: u64, what: &'static str) -> ProgressBar {
    let template = "{prefix} {wide_bar} {human_pos} of {human_len} ({eta} left)";
    with_style(ProgressBar::new(length), template).with_prefix(what)
}

/// A line without a known end.
pub(crate) fn open(what: &'static str) -> ProgressBar {
    let bar = with_style(ProgressBar::new_spinner(), "{spinner} {prefix} {msg}").with_prefix(what);
    bar.enable_steady_tick(TICK);
    bar
}

/// The bars draw on standard error, and only when that is a terminal.
fn with_style(bar: ProgressBar, template: &str) -> ProgressBar {
    // A template that does not parse leaves the bar as it is.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
