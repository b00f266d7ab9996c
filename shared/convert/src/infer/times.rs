//! The ways in which dates and timestamps are written, and which of them read every value of a column.
//! It does not know which column it is.

use lakegate_contract::temporal::TemporalPattern;

/// Which of day and month stands first, where both are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Clear,
    DayFirst,
    MonthFirst,
}

/// A way to write a date or a timestamp.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The contract's `format`; `None` where the type's default reads it.
    pub(super) format: Option<String>,
    pub(super) has_time: bool,
    pub(super) order: Order,
    /// Years of two digits: the JDK's pattern reads all of them as 20yy, which may be wrong.
    pub(super) is_short_year: bool,
    /// Eight digits, which may as well be a number.
    pub(super) is_compact: bool,
    pattern: TemporalPattern,
}

impl Candidate {
    #[inline]
    pub(super) fn reads(&self, text: &[u8]) -> bool {
        if self.has_time {
            self.pattern.parse_timestamp(text).is_some()
        } else {
            self.pattern.parse_date(text).is_some()
        }
    }
}

/// Of patterns that read the same, the stricter comes first.
const DATES: [(&str, Order); 27] = [
    ("yyyy-M-d", Order::Clear),
    ("yyyy/MM/dd", Order::Clear),
    ("yyyy/M/d", Order::Clear),
    ("yyyy.MM.dd", Order::Clear),
    ("dd.MM.yyyy", Order::Clear),
    ("d.M.yyyy", Order::Clear),
    ("dd/MM/yyyy", Order::DayFirst),
    ("d/M/yyyy", Order::DayFirst),
    ("MM/dd/yyyy", Order::MonthFirst),
    ("M/d/yyyy", Order::MonthFirst),
    ("dd-MM-yyyy", Order::DayFirst),
    ("d-M-yyyy", Order::DayFirst),
    ("MM-dd-yyyy", Order::MonthFirst),
    ("M-d-yyyy", Order::MonthFirst),
    ("dd-MMM-yyyy", Order::Clear),
    ("d-MMM-yyyy", Order::Clear),
    ("d MMM yyyy", Order::Clear),
    ("MMM d, yyyy", Order::Clear),
    ("d MMMM yyyy", Order::Clear),
    ("MMMM d, yyyy", Order::Clear),
    ("dd.MM.yy", Order::Clear),
    ("d.M.yy", Order::Clear),
    ("dd/MM/yy", Order::DayFirst),
    ("d/M/yy", Order::DayFirst),
    ("MM/dd/yy", Order::MonthFirst),
    ("M/d/yy", Order::MonthFirst),
    ("dd-MMM-yy", Order::Clear),
];
const COMPACT: &str = "yyyyMMdd";
const TIMES: [&str; 8] =
    ["HH:mm", "HH:mm:ss", "HH:mm:ss.SSS", "HH:mm:ss.SSSSSS", "H:mm", "H:mm:ss", "h:mm a", "h:mm:ss a"];

/// Every way that is looked for, in the order of preference.
pub(super) fn candidates() -> Vec<Candidate> {
    let iso = |has_time: bool| Candidate {
        format: None,
        has_time,
        order: Order::Clear,
        is_short_year: false,
        is_compact: false,
        pattern: if has_time { TemporalPattern::iso_timestamp() } else { TemporalPattern::iso_date() },
    };
    let mut candidates = vec![iso(false), iso(true)];
    let mut add = |format: String, order: Order, has_time: bool| {
        let Some(pattern) = TemporalPattern::of(&format, has_time) else { return };
        candidates.push(Candidate {
            is_short_year: !format.contains("yyyy"),
            is_compact: format == COMPACT,
            format: Some(format),
            has_time,
            order,
            pattern,
        });
    };
    add(COMPACT.to_owned(), Order::Clear, false);
    for (date, order) in DATES {
        add(date.to_owned(), order, false);
    }
    for (date, order) in DATES {
        for time in TIMES {
            add(format!("{date} {time}"), order, true);
        }
    }
    candidates
}

/// The candidates that read every value of a column so far, but for strays.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    /// Indices into the candidates, ascending; none before the first value that any of them reads.
    alive: Vec<u16>,
    /// Whether there was a value that none of them reads.
    is_mixed: bool,
}

impl Times {
    /// Takes the next value; false for one that none of the candidates reads which are left. It changes nothing of them.
    #[inline]
    pub(super) fn observe(&mut self, candidates: &[Candidate], text: &[u8]) -> bool {
        let reads = |index: &u16| candidates.get(usize::from(*index)).is_some_and(|candidate| candidate.reads(text));
        if self.alive.is_empty() {
            let reading = (0_u16..).zip(candidates).filter(|(_, candidate)| candidate.reads(text));
            self.alive = reading.map(|(index, _)| index).collect();
        } else if self.alive.iter().any(reads) {
            self.alive.retain(reads);
        } else {
            self.is_mixed = true;
            return false;
        }
        self.is_mixed |= self.alive.is_empty();
        !self.alive.is_empty()
    }

    /// Those that read every value.
    pub(super) fn alive<'c>(&self, candidates: &'c [Candidate]) -> Vec<&'c Candidate> {
        if self.is_mixed { Vec::new() } else { self.most(candidates) }
    }

    /// Those that read every value but for strays.
    pub(super) fn most<'c>(&self, candidates: &'c [Candidate]) -> Vec<&'c Candidate> {
        self.alive.iter().filter_map(|index| candidates.get(usize::from(*index))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{COMPACT, DATES, TIMES, Times, candidates};

    fn formats(values: &[&str]) -> Vec<String> {
        let candidates = candidates();
        let mut times = Times::default();
        for value in values {
            times.observe(&candidates, value.as_bytes());
        }
        let alive = times.alive(&candidates);
        alive.iter().map(|candidate| candidate.format.clone().unwrap_or_else(|| "ISO".to_owned())).collect()
    }

    #[test]
    fn every_pattern_is_one_that_a_contract_may_have() {
        assert_eq!(candidates().len(), 2 + 1 + DATES.len() * (1 + TIMES.len()));
        assert!(candidates().iter().any(|candidate| candidate.format.as_deref() == Some(COMPACT)));
    }

    #[test]
    fn values_leave_the_patterns_that_read_all_of_them() {
        assert_eq!(formats(&["2025-01-31", "2024-02-29"]), ["ISO", "yyyy-M-d"]);
        assert_eq!(formats(&["31/01/2025", "1/2/2025"]), ["d/M/yyyy"]);
        assert_eq!(formats(&["01/02/2025", "12/31/2025"]), ["MM/dd/yyyy", "M/d/yyyy"]);
        assert_eq!(formats(&["01/02/2025"]), ["dd/MM/yyyy", "d/M/yyyy", "MM/dd/yyyy", "M/d/yyyy"]);
        assert_eq!(formats(&["1/31/2025 2:05 PM"]), ["M/d/yyyy h:mm a"]);
        assert_eq!(formats(&["2025-01-31T10:00:00Z"]), ["ISO"]);
        assert_eq!(formats(&["31.01.2025 10:00", "1.2.2025 9:30"]), ["d.M.yyyy H:mm"]);
        assert_eq!(formats(&["2025-02-30"]), [""; 0]);
        assert_eq!(formats(&["2025-01-31", "soon"]), [""; 0]);
    }
}
