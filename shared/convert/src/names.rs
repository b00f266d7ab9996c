//! Which column a name in a file belongs to: a field of a CSV header or a key of a JSON object.
//! It does not know what stands under the name.

use std::collections::HashMap;

/// Names of columns.
#[derive(Debug)]
pub(crate) struct Names {
    exact: HashMap<String, usize>,
    /// By the name in lower case: the first column that has it, and another one.
    folded: HashMap<String, (usize, Option<usize>)>,
}

/// What a name in a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The column at this place has the name, exactly or, if it is the only one, in another case of letters.
    Column(usize),
    /// These differ from it, and from each other, only in case of letters.
    Ambiguous(usize, usize),
    Nothing,
}

impl Names {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut exact, mut folded) = (HashMap::new(), HashMap::new());
        for (place, name) in names.enumerate() {
            exact.entry(name.to_owned()).or_insert(place);
            folded
                .entry(name.to_lowercase())
                .and_modify(|(_, other): &mut (usize, Option<usize>)| *other = other.or(Some(place)))
                .or_insert((place, None));
        }
        Self { exact, folded }
    }

    pub(crate) fn find(&self, name: &str) -> Found {
        if let Some(place) = self.exact.get(name) {
            return Found::Column(*place);
        }
        match self.folded.get(&name.to_lowercase()) {
            Some((place, None)) => Found::Column(*place),
            Some((place, Some(other))) => Found::Ambiguous(*place, *other),
            None => Found::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_exactly_else_in_the_only_other_case_that_there_is() {
        let names = Names::new(["Id", "ID", "Größe", "day"].into_iter());
        for (name, found) in [
            ("ID", Found::Column(1)),
            ("Id", Found::Column(0)),
            ("id", Found::Ambiguous(0, 1)),
            ("GRÖSSE", Found::Nothing),
            ("GRÖßE", Found::Column(2)),
            ("Day", Found::Column(3)),
            ("dáy", Found::Nothing),
            ("", Found::Nothing),
        ] {
            assert_eq!(names.find(name), found, "{name}");
        }
    }
}
