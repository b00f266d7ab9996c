//! The status for people: what became of the files, what waits, and what to do about it.
//! Colours only on a terminal; it must not ask for anything. (Writing to a String cannot fail.)

use std::fmt::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lakegate_lake::ledger::State;

use crate::operate::status::{Status, Waiting};
use crate::operate::tally::{File, Sums};
use crate::operate::{shown, spans};
use crate::paint::Paint;
use crate::text_table::{count, draw_whole, draw_without};

/// Writes the whole page.
pub(crate) fn write(status: &Status) -> String {
    let paint = Paint::new();
    let tally = &status.tally;
    let span = spans::text(Duration::from_secs(status.since_secs));
    let place = paint.title(&format!("{} in {}", status.stack, status.region));
    let mut blocks = vec![format!("{place}, the last {span}\n{}", headline(&tally.total))];
    if !tally.datasets.is_empty() {
        blocks.push(datasets(status));
    }
    if !tally.files.is_empty() {
        let now = DateTime::parse_from_rfc3339(&status.at).map_or_else(|_| Utc::now(), |at| at.to_utc());
        let rows: Vec<Vec<String>> = tally.files.iter().map(|file| row(file, now, paint)).collect();
        let header = ["ago", "state", "dataset", "object", "rows", "rejected", "after upload", "tries", "why"];
        let rest = tally.total.files - tally.files.len() as u64;
        let rest = if rest > 0 { format!("  … and {} older (--limit)\n", count(rest)) } else { String::new() };
        blocks.push(draw_without(&["tries", "after upload", "dataset"], &header, &rows) + &rest);
    }
    blocks.push(waiting(status, paint));
    blocks.join("\n\n").replace("\n\n\n", "\n\n")
}

fn headline(total: &Sums) -> String {
    if total.files == 0 {
        return "No file.".to_owned();
    }
    let mut text = format!(
        "{}, {} rows read, {} rejected ({}).",
        shown::count(total.files, "file"),
        count(total.rows_read),
        count(total.rows_rejected),
        percent(total)
    );
    if let (Some(median), Some(slowest)) = (total.median_secs, total.slowest_secs) {
        let span = |secs| spans::text(Duration::from_secs(secs));
        let _ = write!(text, "\nFrom upload to table: {} (median), {} at most.", span(median), span(slowest));
    }
    text
}

fn percent(sums: &Sums) -> String {
    if sums.rows_read == 0 {
        return "0 %".to_owned();
    }
    // Hundredths of a percent, in whole numbers, rounded as the report rounds.
    let (rejected, read) = (u128::from(sums.rows_rejected), u128::from(sums.rows_read));
    let hundredths = (rejected * 10_000 + read / 2) / read;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn datasets(status: &Status) -> String {
    let header = [
        "dataset",
        "committed",
        "rejected",
        "failed",
        "to Glue",
        "in work",
        "rows",
        "rejected rows",
        "files/h",
        "rows/h",
        "MB/h",
    ];
    let mut rows = Vec::new();
    for (name, sums) in &status.tally.datasets {
        let name = if name.is_empty() { "(none)".to_owned() } else { shown::text(name) };
        let numbers =
            [sums.committed, sums.rejected, sums.failed, sums.heavy, sums.in_work, sums.rows_read, sums.rows_rejected];
        let rates = [sums.files_per_hour, sums.rows_per_hour, sums.bytes_per_hour / 1e6];
        let cells = numbers.map(count).into_iter().chain(rates.map(rate));
        rows.push([name].into_iter().chain(cells).collect());
    }
    draw_without(&["MB/h", "rows/h", "files/h", "to Glue"], &header, &rows)
}

/// Two figures are enough of a rate.
fn rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn row(file: &File, now: DateTime<Utc>, paint: Paint) -> Vec<String> {
    let at = DateTime::parse_from_rfc3339(&file.at).ok();
    let ago = at.and_then(|at| (now - at.to_utc()).to_std().ok()).unwrap_or_default();
    let after = file.secs_since_upload.map_or_else(|| "-".to_owned(), |secs| spans::text(Duration::from_secs(secs)));
    let why = match (&file.error, &file.message) {
        (Some(error), Some(message)) => format!("{error}: {message}"),
        (error, message) => error.clone().or_else(|| message.clone()).unwrap_or_default(),
    };
    vec![
        spans::rough(ago),
        state(file, paint),
        file.dataset.as_deref().map_or_else(|| "-".to_owned(), shown::text),
        shown::text(&file.key),
        count(file.rows_read),
        count(file.rows_rejected),
        after,
        file.attempts.to_string(),
        shown::text(&why),
    ]
}

fn state(file: &File, paint: Paint) -> String {
    match file.state {
        State::Committed => paint.good("committed"),
        State::Rejected => paint.bad("rejected"),
        State::Failed => paint.bad("failed"),
        State::Heavy => paint.note("to Glue"),
        State::Removed => paint.faint("removed"),
        State::Working | State::Publishing if file.is_without_worker => paint.note("no worker"),
        State::Working => paint.faint("working"),
        State::Publishing => paint.faint("publishing"),
    }
}

fn waiting(status: &Status, paint: Paint) -> String {
    let queues = &status.queues;
    let row = |name: &str, what: &str, Waiting { visible, in_flight }: Waiting| {
        vec![name.to_owned(), count(visible), count(in_flight), what.to_owned()]
    };
    let rows = [
        row("ingest", "uploaded files", queues.ingest),
        row("heavy", "big files, for a Glue run", queues.heavy),
        row("failures", "on their way to the dead letters", queues.failures),
        row("dead-letter", "failed files", queues.dead_letter),
    ];
    let mut text = draw_whole(&["queue", "waiting", "in hand", "messages about"], &rows);
    if let Some(oldest) = &status.tally.oldest_in_work {
        let what = if oldest.is_without_worker { ", and its worker is gone" } else { "" };
        let _ = write!(text, "\nIn work the longest: {}, since {}{what}.\n", shown::text(&oldest.key), oldest.at);
    }
    if queues.dead_letter.visible + queues.dead_letter.in_flight > 0 {
        let line = "Failed files wait in the dead-letter queue: lakegate replay shows them, and with --solved those that nobody needs any more.";
        let _ = write!(text, "\n{}\n", paint.bad(line));
    }
    if status.tally.total.without_worker > 0 {
        let line = "The queue brings files without a worker again; after three hours a sweep does.";
        let _ = write!(text, "\n{}\n", paint.note(line));
    }
    for key in &status.unreadable {
        let _ = write!(text, "\n{} does not parse.\n", shown::text(key));
    }
    text
}
