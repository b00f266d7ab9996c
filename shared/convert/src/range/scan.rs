//! The scan of a range: its text followed from wherever the file's reader may stand at its beginning.
//! It does not know what is before the range, but for the file's beginning.

use std::collections::VecDeque;
use std::sync::Arc;

use lakegate_contract::{Contract, CsvDialect, Encoding, Format};

use super::chain::{Chain, Next, RowStart, Scan};
use super::plan::{FormatBeginning, Plan, Span};
use super::track::{Came, CsvTrack, Found, JsonTrack, Track};
use crate::Reading;
use crate::csv::CsvBeginning;
use crate::decode::{Decoder, Progress};

/// So many units before a range tell whether a line begins with it: a carriage return and a line feed.
const UNITS_BEFORE: u64 = 2;
/// Bytes that mean nothing in nearly every dialect: one of them stands for text before the range.
const MEANINGLESS: &[u8] = b"xyzuvw0123";

/// Scans one range of a file. Push the file's bytes in order, from [`RangeScanner::read_from`] on, until it has enough or the file ends,
/// then finish. It holds some MiB, and reads on behind the range to the first row there.
#[derive(Debug)]
pub struct RangeScanner {
    range: usize,
    span: Span,
    read_from: u64,
    decoder: Decoder,
    /// The first one is followed to the end; the others until they meet it.
    runs: Vec<Run>,
}

/// A track, and what was found on it.
#[derive(Debug)]
struct Run {
    track: Track,
    /// The line where the file's rows begin, if the track does there.
    origin_line: Option<u64>,
    entry: Option<Found>,
    rows: u64,
    /// What came behind the range's rows.
    next: Option<(Next, u64)>,
    /// Rows since the two tracks were compared last: here and on the first run.
    mine: VecDeque<Step>,
    others: VecDeque<Step>,
    meeting: Option<Meeting>,
}

/// A row, its number on its track, and its line there.
type Step = (RowStart, u64, u64);

/// The same row on two tracks.
#[derive(Debug, Clone, Copy)]
struct Meeting {
    mine: (u64, u64),
    first: (u64, u64),
}

impl RangeScanner {
    /// A scanner of the plan's range with this index.
    #[must_use]
    pub fn new(contract: &Arc<Contract>, plan: &Plan, range: usize) -> Self {
        let Some(span) = plan.ranges.get(range).copied() else { return Self::idle(plan, range) };
        let origin = plan.beginning.offset();
        if span.end <= origin && plan.ranges.len() > range + 1 {
            return Self::idle(plan, range);
        }
        let is_first = span.start <= origin;
        let unit = plan.beginning.text.unit_bytes();
        let start = span.start.next_multiple_of(unit);
        let from = start.checked_sub(UNITS_BEFORE * unit).filter(|from| *from >= origin);
        let tracks = match from {
            Some(from) if !is_first => tracks(contract, plan, from),
            Some(_) | None => vec![from_origin(contract, plan)],
        };
        let read_from = from.filter(|_| !is_first).unwrap_or(origin);
        let origin_line = is_first.then(|| plan.beginning.line());
        let runs = tracks.into_iter().map(|track| Run::new(track, origin_line)).collect();
        Self::with(plan, range, span, read_from, runs)
    }

    /// A scanner of the range from a row on that is known to begin in it.
    #[must_use]
    pub fn from_row(contract: &Arc<Contract>, plan: &Plan, range: usize, start: RowStart) -> Self {
        let Some(span) = plan.ranges.get(range).copied() else { return Self::idle(plan, range) };
        let encoding = plan.beginning.text.encoding();
        let track = match (&contract.landing.format, &plan.beginning.format) {
            (Format::Csv(dialect), FormatBeginning::Csv(known)) => {
                Track::Csv(Box::new(CsvTrack::exact(dialect, encoding, known, Some(start.offset))))
            }
            (Format::Json(dialect), FormatBeginning::Json { .. }) => {
                Track::Json(Box::new(JsonTrack::exact(contract, dialect, encoding, start)))
            }
            (Format::Csv(_), FormatBeginning::Json { .. }) | (Format::Json(_), FormatBeginning::Csv(_)) => {
                return Self::idle(plan, range);
            }
        };
        Self::with(plan, range, span, start.offset, vec![Run::new(track, None)])
    }

    /// No row begins in the range.
    fn idle(plan: &Plan, range: usize) -> Self {
        Self::with(plan, range, Span { start: 0, end: 0 }, 0, Vec::new())
    }

    fn with(plan: &Plan, range: usize, span: Span, read_from: u64, runs: Vec<Run>) -> Self {
        Self { range, span, read_from, decoder: Decoder::of_text(plan.beginning.text.encoding()), runs }
    }

    /// The file's offset of the first byte that is to be pushed.
    #[must_use]
    pub const fn read_from(&self) -> u64 {
        self.read_from
    }

    /// Takes the next bytes of the file, in pieces of any size.
    pub fn push(&mut self, mut bytes: &[u8]) -> Reading {
        while !self.is_done() && !bytes.is_empty() {
            let runs = &mut self.runs;
            // Text from the midst of a file is never wrong as a whole.
            let decoded = self.decoder.decode(&mut bytes, |text| push(runs, text));
            self.follow(false);
            if !matches!(decoded, Ok(Progress::More)) {
                break;
            }
        }
        if self.is_done() { Reading::Enough } else { Reading::More }
    }

    /// What was found. To be called when the scanner has enough, or the file is at its end.
    #[must_use]
    pub fn finish(mut self) -> Scan {
        if !self.is_done() {
            let runs = &mut self.runs;
            let _ = self.decoder.finish(|text| push(runs, text));
            for run in &mut self.runs {
                run.track.end();
            }
            self.follow(true);
        }
        let mut chains: Vec<Chain> = Vec::new();
        for run in &self.runs {
            let chain = run.chain(self.runs.first());
            chains.extend(chain.filter(|chain| chains.iter().all(|known| known.entry != chain.entry)));
        }
        Scan { range: self.range, chains }
    }

    fn is_done(&self) -> bool {
        self.runs.first().is_none_or(|first| first.next.is_some())
            && self.runs.iter().all(|run| run.next.is_some() || run.meeting.is_some() || run.entry.is_none())
    }

    /// Follows all tracks over the text that is there, and lets those go that lead nowhere else.
    fn follow(&mut self, is_last: bool) {
        let span = self.span;
        let Some((first, others)) = self.runs.split_first_mut() else { return };
        let is_compared = !others.is_empty();
        let mut steps = Vec::new();
        first.follow(span, is_last, is_compared.then_some(&mut steps));
        for run in &mut *others {
            if run.meeting.is_none() {
                let mut mine = Vec::new();
                run.follow(span, is_last, Some(&mut mine));
                run.compare(&mine, &steps);
            }
        }
        // A run that meets the first one where it begins adds nothing; nor does one that finds no row while the first finds all.
        let is_over = first.next.is_some();
        let entry = first.entry.map(|entry| entry.start);
        self.runs.retain({
            let mut is_first = true;
            move |run| {
                let begins_elsewhere = run.entry.is_none_or(|own| Some(own.start) != entry);
                std::mem::take(&mut is_first) || (begins_elsewhere && !(is_over && run.entry.is_none()))
            }
        });
    }
}

fn push(runs: &mut [Run], text: &[u8]) {
    for run in runs.iter_mut().filter(|run| run.next.is_none() && run.meeting.is_none()) {
        run.track.push(text);
    }
}

impl Run {
    fn new(track: Track, origin_line: Option<u64>) -> Self {
        Self {
            track,
            origin_line,
            entry: None,
            rows: 0,
            next: None,
            mine: VecDeque::new(),
            others: VecDeque::new(),
            meeting: None,
        }
    }

    /// Follows the track through the range, and notes the rows in `steps`.
    fn follow(&mut self, span: Span, is_last: bool, mut steps: Option<&mut Vec<Step>>) {
        if self.next.is_some() {
            return;
        }
        let Self { track, entry, rows, next, .. } = self;
        let came = track.follow(|found| {
            if found.start.offset >= span.end {
                *next = Some((Next::Row(found.start), found.line));
                return false;
            }
            if found.start.offset >= span.start {
                entry.get_or_insert(found);
                if let Some(steps) = &mut steps {
                    steps.push((found.start, *rows, found.line));
                }
                *rows += 1;
            }
            true
        });
        if self.next.is_none() {
            self.next = match came {
                Came::Error => Some((Next::Error, 0)),
                Came::End if is_last => Some((Next::End, 0)),
                Came::End | Came::Hungry => None,
            };
        }
    }

    /// Compares new rows of this track with those of the first run, up to a row that both have.
    fn compare(&mut self, mine: &[Step], first: &[Step]) {
        self.mine.extend(mine);
        self.others.extend(first);
        while let (Some(own), Some(other)) = (self.mine.front(), self.others.front()) {
            if own.0 == other.0 {
                self.meeting = Some(Meeting { mine: (own.1, own.2), first: (other.1, other.2) });
                return;
            }
            if own.0.offset <= other.0.offset {
                self.mine.pop_front();
            } else {
                self.others.pop_front();
            }
        }
    }

    /// What the track comes to: from a row on that `first` has, what that one does.
    fn chain(&self, first: Option<&Self>) -> Option<Chain> {
        let entry = self.entry.filter(|_| self.origin_line.is_none());
        let entry_line = self.origin_line.or(entry.map(|entry| entry.line))?;
        let (rows, next, lines) = match self.meeting {
            None => {
                let (next, line) = self.next.as_ref()?;
                (self.rows, next, line.saturating_sub(entry_line))
            }
            Some(meeting) => {
                let first = first?;
                let (next, line) = first.next.as_ref()?;
                let lines = meeting.mine.1.saturating_sub(entry_line) + line.saturating_sub(meeting.first.1);
                (meeting.mine.0 + (first.rows - meeting.first.0), next, lines)
            }
        };
        Some(Chain { entry: entry.map(|entry| entry.start), rows, lines, next: next.clone() })
    }
}

/// From where the file's rows begin.
fn from_origin(contract: &Arc<Contract>, plan: &Plan) -> Track {
    let encoding = plan.beginning.text.encoding();
    match (&contract.landing.format, &plan.beginning.format) {
        (Format::Csv(dialect), FormatBeginning::Csv(known)) => {
            Track::Csv(Box::new(CsvTrack::exact(dialect, encoding, known, None)))
        }
        (
            Format::Json(dialect),
            FormatBeginning::Json { offset } | FormatBeginning::Csv(CsvBeginning { offset, .. }),
        ) => Track::Json(Box::new(JsonTrack::from_beginning(contract, dialect, encoding, *offset))),
        (Format::Csv(dialect), FormatBeginning::Json { offset }) => {
            let known = CsvBeginning { offset: *offset, line: 1, header: None, newline_before: None, newline: None };
            Track::Csv(Box::new(CsvTrack::exact(dialect, encoding, &known, None)))
        }
    }
}

/// From wherever the reader may stand at `from`, the likeliest first.
fn tracks(contract: &Arc<Contract>, plan: &Plan, from: u64) -> Vec<Track> {
    let encoding = plan.beginning.text.encoding();
    match (&contract.landing.format, &plan.beginning.format) {
        (Format::Csv(dialect), FormatBeginning::Csv(known)) => csv_tracks(dialect, encoding, known, from),
        (Format::Json(dialect), FormatBeginning::Json { .. } | FormatBeginning::Csv(_)) => {
            // No value that is JSON has a line break in a string: a line's end is a value's end, or within one over several lines.
            vec![Track::Json(Box::new(JsonTrack::in_line(contract, dialect, encoding, from)))]
        }
        (Format::Csv(_), FormatBeginning::Json { .. }) => Vec::new(),
    }
}

fn csv_tracks(dialect: &CsvDialect, encoding: Encoding, known: &CsvBeginning, from: u64) -> Vec<Track> {
    let mut tracks = vec![CsvTrack::in_line(dialect, encoding, known, from)];
    let (quote, delimiter) = (dialect.quote, dialect.delimiter);
    let means = |byte: &u8| {
        [Some(quote), Some(delimiter), dialect.escape, dialect.comment, known.newline].contains(&Some(*byte))
    };
    let Some(text) = MEANINGLESS.iter().copied().find(|byte| !means(byte)) else { return track_list(tracks) };
    let mut before = vec![
        // Outside quotes: in a field, and at the beginning of one.
        vec![text],
        vec![text, delimiter],
        // Inside quotes, and behind a quote there that may be the first of two.
        vec![quote, text],
        vec![quote, text, quote],
    ];
    if let Some(newline) = known.newline {
        // Leniently read, it matters whether a line break was in the quotes.
        before.push(vec![quote, newline]);
        before.push(vec![quote, newline, quote]);
    }
    if let Some(escape) = dialect.escape {
        before.push(vec![text, escape]);
        before.push(vec![quote, text, escape]);
    }
    tracks.extend(before.iter().map(|before| CsvTrack::behind(dialect, encoding, known, from, before)));
    track_list(tracks)
}

fn track_list(tracks: Vec<CsvTrack>) -> Vec<Track> {
    tracks.into_iter().map(|track| Track::Csv(Box::new(track))).collect()
}
