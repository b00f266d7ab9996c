//! The smallest and the largest number of a column, as they are written.
//! It does not know which notation the file turns out to use.

use lakegate_contract::value::parse_double;

/// The smallest and the largest number, and how each is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Range {
    least: Option<(f64, Vec<u8>)>,
    most: Option<(f64, Vec<u8>)>,
}

impl Range {
    /// Takes a number with a point before its fraction, if it has one; commas and apostrophes stand between thousands.
    pub(super) fn observe(&mut self, text: &[u8]) {
        if let Some(value) = parse_double(text) {
            return self.widen(value, text);
        }
        let plain: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b',' | b'\'')).collect();
        if let Some(value) = parse_double(&plain) {
            self.widen(value, text);
        }
    }

    /// Takes a number with a comma before its fraction, if it has one; points and blanks stand between thousands.
    pub(super) fn observe_with_comma(&mut self, text: &[u8]) {
        let plain = text.iter().filter(|byte| !matches!(byte, b'.' | b' '));
        let plain: Vec<u8> = plain.map(|byte| if *byte == b',' { b'.' } else { *byte }).collect();
        if let Some(value) = parse_double(&plain) {
            self.widen(value, text);
        }
    }

    fn widen(&mut self, value: f64, text: &[u8]) {
        if self.least.as_ref().is_none_or(|(least, _)| value < *least) {
            self.least = Some((value, text.to_vec()));
        }
        if self.most.as_ref().is_none_or(|(most, _)| value > *most) {
            self.most = Some((value, text.to_vec()));
        }
    }

    /// The ends as they are written; `None` where there is no number.
    pub(super) fn ends(&self) -> Option<(&[u8], &[u8])> {
        Some((&self.least.as_ref()?.1, &self.most.as_ref()?.1))
    }

    /// The ends of both.
    pub(super) fn ends_with<'a>(&'a self, other: &'a Self) -> Option<(&'a [u8], &'a [u8])> {
        let least = [&self.least, &other.least].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0))?;
        let most = [&other.most, &self.most].into_iter().flatten().max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((&least.1, &most.1))
    }
}

/// `, 1 to 30`; `, always 7` where both ends are the same.
pub(super) fn told((lowest, highest): (&[u8], &[u8])) -> String {
    let [low, high] = [lowest, highest].map(String::from_utf8_lossy);
    if lowest == highest { format!(", always {low}") } else { format!(", {low} to {high}") }
}

#[cfg(test)]
mod tests {
    use super::{Range, told};

    #[test]
    fn ends_are_those_of_values_in_their_notation_and_told_as_written() {
        let mut commas = Range::default();
        for text in ["1.234,50", "9,99", "-3,5", "999"] {
            commas.observe_with_comma(text.as_bytes());
        }
        assert_eq!(commas.ends().map(told).as_deref(), Some(", -3,5 to 1.234,50"));
        let mut points = Range::default();
        for text in ["1,234.50", "9.99", "1'000"] {
            points.observe(text.as_bytes());
        }
        assert_eq!(points.ends().map(told).as_deref(), Some(", 9.99 to 1,234.50"));
        assert_eq!(points.ends_with(&commas).map(told).as_deref(), Some(", -3,5 to 1,234.50"));
        assert_eq!(told((b"7", b"7")), ", always 7");
        assert!(Range::default().ends().is_none());
    }
}
