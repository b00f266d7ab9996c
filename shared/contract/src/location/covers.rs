//! Whether one pattern matches wherever another does.
//! It does not match; it compares patterns.

/// Of two locations' texts. False is "not surely".
pub(super) fn covers(one: &str, other: &str) -> bool {
    let segments = |text: &str| {
        let mut segments: Vec<String> = text.split('/').map(str::to_owned).collect();
        // At the end `**` is at least one segment.
        if segments.last().is_some_and(|last| last == "**") {
            segments.push("*".to_owned());
        }
        let is_plain = |segment: &String| segment == "**" || !segment.contains("**") && !segment.contains(['[', ']']);
        segments.iter().all(is_plain).then_some(segments)
    };
    let (Some(one), Some(other)) = (segments(one), segments(other)) else { return false };
    matches_all(
        &one,
        &other,
        |segment| segment == "**",
        |one, other| {
            let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
            matches_all(&one, &other, |c| *c == '*', |one, other| one == other || *one == '?')
        },
    )
}

/// Whether `one` takes everything that `other` takes. `is_any`: stands for any number of elements, also none; `takes`: of two that
/// stand for one element each.
fn matches_all<T>(one: &[T], other: &[T], is_any: impl Fn(&T) -> bool, takes: impl Fn(&T, &T) -> bool) -> bool {
    // Whether what follows an element of `one` takes what follows each element of `other`, from the end.
    let mut behind: Vec<bool> = (0..=other.len()).map(|index| index == other.len()).collect();
    for element in one.iter().rev() {
        let mut here = vec![false; other.len() + 1];
        for index in (0..=other.len()).rev() {
            let at = |list: &[bool], index: usize| list.get(index).copied().unwrap_or(false);
            let next = other.get(index);
            let found = if is_any(element) {
                at(&behind, index) || (next.is_some() && at(&here, index + 1))
            } else {
                next.is_some_and(|next| !is_any(next) && takes(element, next)) && at(&behind, index + 1)
            };
            if let Some(place) = here.get_mut(index) {
                *place = found;
            }
        }
        behind = here;
    }
    behind.first().copied().unwrap_or(false)
}
