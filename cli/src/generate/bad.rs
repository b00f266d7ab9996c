//! Which rows are bad, and in what way: evenly spread, each kind in turn.
//! It must not know what is in a row.

use std::str::FromStr;

/// The kinds of bad rows of a dataset. Each breaks one rule of its contract, and only that.
pub(super) trait Bad: Copy + 'static {
    const KINDS: &'static [Self];

    /// The column, empty where the record as a whole is meant, and the rule.
    fn breaks(self) -> (&'static str, &'static str);

    /// Whether it takes a value of a good row above in its file.
    fn repeats(self) -> bool;
}

/// How many of a million rows are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BadShare {
    millionths: u64,
}

const ALL: u64 = 1_000_000;
const DIGITS: usize = 4;

impl FromStr for BadShare {
    type Err = String;

    /// Percent, with a fraction of up to four digits: exact, unlike a binary float.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give a number from 0 to 100, with up to four digits behind the point".to_owned();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) || fraction.len() > DIGITS || whole.len() > 3 {
            return Err(wrong());
        }
        let millionths = format!("{whole}{fraction:0<DIGITS$}").parse().ok().filter(|millionths| *millionths <= ALL);
        millionths.map(|millionths| Self { millionths }).ok_or_else(wrong)
    }
}

impl BadShare {
    /// Goes through the rows of a dataset.
    pub(super) fn rows<K: Bad>(self) -> BadRows<K> {
        BadRows { share: self, rest: 0, kinds: K::KINDS.iter().cycle() }
    }
}

/// The rows from first to last.
pub(super) struct BadRows<K: Bad> {
    share: BadShare,
    /// Millionths of a bad row that are due.
    rest: u64,
    kinds: std::iter::Cycle<std::slice::Iter<'static, K>>,
}

impl<K: Bad> BadRows<K> {
    /// How the next row is bad, if it is. Kinds that repeat a good row's value wait for one.
    pub(super) fn next(&mut self, has_good: bool) -> Option<K> {
        self.rest += self.share.millionths;
        self.rest = self.rest.checked_sub(ALL)?;
        self.kinds.find(|kind| has_good || !kind.repeats()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Kind {
        Again,
        Empty,
    }

    impl Bad for Kind {
        const KINDS: &'static [Self] = &[Self::Again, Self::Empty];

        fn breaks(self) -> (&'static str, &'static str) {
            ("id", "unique")
        }

        fn repeats(self) -> bool {
            self == Self::Again
        }
    }

    #[test]
    fn a_share_is_exact() {
        let millionths = |text: &str| text.parse::<BadShare>().ok().map(|share| share.millionths);
        assert_eq!(
            ["0", "2", "0.5", "0.0001", "100", "033.3"].map(millionths),
            [0, 20_000, 5_000, 1, ALL, 333_000].map(Some)
        );
        assert_eq!(["100.0001", "-1", "1e1", "", ".5", "5.", "0.00001", "5 %", "1000"].map(millionths), [None; 9]);
    }

    #[test]
    fn bad_rows_are_spread_and_of_each_kind_in_turn() {
        let mut rows = "40".parse::<BadShare>().unwrap().rows::<Kind>();
        let kinds: Vec<Option<Kind>> = (0..10).map(|_| rows.next(true)).collect();
        let (again, empty) = (Some(Kind::Again), Some(Kind::Empty));
        assert_eq!(kinds, [None, None, again, None, empty, None, None, again, None, empty]);
    }

    #[test]
    fn nothing_is_repeated_before_there_is_anything() {
        let mut rows = "100".parse::<BadShare>().unwrap().rows::<Kind>();
        assert_eq!(
            [rows.next(false), rows.next(false), rows.next(true)],
            [Some(Kind::Empty), Some(Kind::Empty), Some(Kind::Again)]
        );
    }
}
