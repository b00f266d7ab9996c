//! Comparisons, three-valued logic and choices between values.
//! It does not know arithmetic or columns.

use arrow::array::StringArray;
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::ArrowNativeType;
use arrow::error::ArrowError;
use lakegate_contract::Comparison;

use super::cells::{Cells, Numbers, collect};
use super::mistyped;
use super::numbers::{Exact, power_of_ten};
use super::vector::{Data, Rows, TextBuilder, Texts, Vector, or};

/// The rows in which the comparison of two values of one kind holds.
pub(super) fn compare(
    comparison: Comparison,
    left: &Vector,
    right: &Vector,
    rows: usize,
) -> Result<Vector, ArrowError> {
    let holds = match (&left.data, &right.data) {
        (Data::Exact(left, left_scale), Data::Exact(right, right_scale)) => {
            exact(comparison, (left, *left_scale), (right, *right_scale), rows)
        }
        (Data::Double(left), Data::Double(right)) => left.test_zip(right, rows, |a, b| holds(comparison, &a, &b)),
        (Data::Date(left), Data::Date(right)) => left.test_zip(right, rows, |a, b| holds(comparison, &a, &b)),
        (Data::Timestamp(left), Data::Timestamp(right)) => left.test_zip(right, rows, |a, b| holds(comparison, &a, &b)),
        (Data::Text(left), Data::Text(Texts::Same(right))) => {
            left.test(rows, |left| holds(comparison, left, right.as_str()))
        }
        (Data::Text(left), Data::Text(right)) => collect(rows, |row| holds(comparison, left.at(row), right.at(row))),
        (Data::Boolean(left), Data::Boolean(right)) => {
            collect(rows, |row| holds(comparison, &left.value(row), &right.value(row)))
        }
        _ => return Err(mistyped()),
    };
    Ok(Vector::computed(Data::Boolean(holds), &[left, right], None))
}

#[inline]
fn holds<T: PartialOrd + ?Sized>(comparison: Comparison, left: &T, right: &T) -> bool {
    match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
    }
}

fn exact(comparison: Comparison, left: Exact<'_>, right: Exact<'_>, rows: usize) -> BooleanBuffer {
    let ((left, left_scale), (right, right_scale)) = (left, right);
    if left_scale == right_scale {
        return same_scale(comparison, left, right, rows);
    }
    // The side with the smaller scale is brought to the larger one. Where that overflows, the number is beyond all numbers of the other.
    let scale = left_scale.max(right_scale);
    let bring = |numbers: &Numbers, from: u8| {
        let by = power_of_ten(scale - from).unwrap_or(i128::MAX);
        let beyond = |value: i128| if value < 0 { i128::MIN } else { i128::MAX };
        if from == scale {
            numbers.clone()
        } else {
            numbers.try_map(|value| Some(value.checked_mul(by).unwrap_or(beyond(value)))).0
        }
    };
    same_scale(comparison, &bring(left, left_scale), &bring(right, right_scale), rows)
}

fn same_scale(comparison: Comparison, left: &Numbers, right: &Numbers, rows: usize) -> BooleanBuffer {
    match (left, right) {
        (Numbers::Narrow(left), Numbers::Narrow(right)) => left.test_zip(right, rows, |a, b| holds(comparison, &a, &b)),
        (left, right) => left.widened().test_zip(&right.widened(), rows, |a, b| holds(comparison, &a, &b)),
    }
}

pub(super) fn not(value: &Vector) -> Result<Vector, ArrowError> {
    let Data::Boolean(bits) = &value.data else { return Err(mistyped()) };
    Ok(Vector { data: Data::Boolean(!bits), ..value.clone() })
}

pub(super) fn is_null(value: &Vector, rows: usize) -> Vector {
    let bits = value.nulls.as_ref().map_or_else(|| BooleanBuffer::new_unset(rows), |nulls| !nulls.inner());
    Vector { data: Data::Boolean(bits), nulls: None, undefined: value.undefined.clone() }
}

/// AND (`deciding` is false) or OR (`deciding` is true): a condition that is `deciding` decides alone. Otherwise an undefined one makes
/// the result undefined, otherwise a null makes it null.
pub(super) fn combine(conditions: &[Vector], deciding: bool, rows: usize) -> Result<Vector, ArrowError> {
    let mut decided = BooleanBuffer::new_unset(rows);
    let mut nulls: Rows = None;
    let mut undefined: Rows = None;
    for condition in conditions {
        let Data::Boolean(bits) = &condition.data else { return Err(mistyped()) };
        let is_deciding = if deciding { bits.clone() } else { !bits };
        decided = match condition.valid() {
            Some(valid) => &decided | &(&is_deciding & valid.inner()),
            None => &decided | &is_deciding,
        };
        let is_null = condition.nulls.as_ref().map(|nulls| !nulls.inner());
        nulls = or(nulls, is_null.as_ref());
        undefined = or(undefined, condition.undefined.as_ref());
    }
    let open = !&decided;
    let undefined = undefined.map(|undefined| &undefined & &open);
    let nulls = nulls.map(|nulls| NullBuffer::new(!&(&nulls & &open)));
    let data = Data::Boolean(if deciding { decided } else { open });
    Ok(Vector { data, nulls, undefined })
}

/// The rows in which the condition is true, and those in which it is undefined.
pub(super) fn outcome(condition: &Vector) -> Result<(BooleanBuffer, Rows), ArrowError> {
    let Data::Boolean(bits) = &condition.data else { return Err(mistyped()) };
    let is_true = match condition.valid() {
        Some(valid) => bits & valid.inner(),
        None => bits.clone(),
    };
    Ok((is_true, condition.undefined.clone()))
}

/// Of the values of each row the one that `choice` says; `undefined` rows are so whatever they are.
pub(super) fn choose(choice: &[usize], sources: &[Vector], undefined: Rows) -> Result<Vector, ArrowError> {
    let chosen = || choice.iter().enumerate().filter_map(|(row, index)| Some((row, sources.get(*index)?)));
    let rows = choice.len();
    let mut failed = None;
    let data =
        match sources.first().map(|source| &source.data).ok_or_else(mistyped)? {
            Data::Boolean(_) => {
                let bits = chosen().map(|(row, source)| matches!(&source.data, Data::Boolean(bits) if bits.value(row)));
                Data::Boolean(bits.collect())
            }
            Data::Exact(_, scale) => Data::Exact(choose_numbers(choice, sources)?, *scale),
            Data::Double(_) => Data::Double(choose_cells(choice, sources, |data| {
                if let Data::Double(cells) = data { Some(cells) } else { None }
            })?),
            Data::Date(_) => Data::Date(choose_cells(choice, sources, |data| {
                if let Data::Date(cells) = data { Some(cells) } else { None }
            })?),
            Data::Timestamp(_) => Data::Timestamp(choose_cells(choice, sources, |data| {
                if let Data::Timestamp(cells) = data { Some(cells) } else { None }
            })?),
            Data::Text(_) => {
                let mut texts = TextBuilder::new(rows);
                for (row, source) in chosen() {
                    let Data::Text(of) = &source.data else { return Err(mistyped()) };
                    let text = if source.is_null(row) { "" } else { of.at(row) };
                    texts.push_text(text);
                }
                let (texts, too_long) = texts.finish()?;
                failed = too_long;
                Data::Text(texts)
            }
            Data::Opaque => return Err(mistyped()),
        };
    let has_nulls = sources.iter().any(|source| source.nulls.is_some());
    let nulls = has_nulls.then(|| NullBuffer::new(chosen().map(|(row, source)| !source.is_null(row)).collect()));
    let has_undefined = sources.iter().any(|source| source.undefined.is_some());
    let of_sources: Rows = has_undefined.then(|| chosen().map(|(row, source)| source.is_undefined(row)).collect());
    Ok(Vector { data, nulls, undefined: or(or(undefined, of_sources.as_ref()), failed.as_ref()) })
}

fn choose_numbers(choice: &[usize], sources: &[Vector]) -> Result<Numbers, ArrowError> {
    let narrow = |data: &Data| matches!(data, Data::Exact(Numbers::Narrow(_), _));
    if sources.iter().all(|source| narrow(&source.data)) {
        return Ok(Numbers::Narrow(choose_cells(choice, sources, |data| {
            if let Data::Exact(Numbers::Narrow(cells), _) = data { Some(cells) } else { None }
        })?));
    }
    let wide: Vec<Cells<i128>> = sources
        .iter()
        .map(|source| if let Data::Exact(numbers, _) = &source.data { Ok(numbers.widened()) } else { Err(mistyped()) })
        .collect::<Result<_, _>>()?;
    Ok(Numbers::Wide(pick(choice, &wide.iter().collect::<Vec<_>>())))
}

fn choose_cells<'s, T: ArrowNativeType>(
    choice: &[usize],
    sources: &'s [Vector],
    cells: impl Fn(&'s Data) -> Option<&'s Cells<T>>,
) -> Result<Cells<T>, ArrowError> {
    let cells = sources.iter().map(|source| cells(&source.data).ok_or_else(mistyped)).collect::<Result<Vec<_>, _>>()?;
    Ok(pick(choice, &cells))
}

fn pick<T: ArrowNativeType>(choice: &[usize], cells: &[&Cells<T>]) -> Cells<T> {
    let values =
        choice.iter().enumerate().map(|(row, index)| cells.get(*index).map_or_else(T::default, |of| of.at(row)));
    Cells::Each(values.collect())
}

/// The greatest or the least value of each row; null if any is, undefined if any is.
pub(super) fn extreme(greatest: bool, values: Vec<Vector>, rows: usize) -> Result<Vector, ArrowError> {
    let comparison = if greatest { Comparison::Greater } else { Comparison::Less };
    let mut values = values.into_iter();
    let mut best = values.next().ok_or_else(mistyped)?;
    for value in values {
        let is_better = compare(comparison, &value, &best, rows)?;
        let Data::Boolean(bits) = &is_better.data else { return Err(mistyped()) };
        let choice: Vec<usize> = (0..rows).map(|row| usize::from(bits.value(row))).collect();
        let chosen = choose(&choice, &[best, value], None)?;
        best = Vector { data: chosen.data, nulls: is_better.nulls, undefined: is_better.undefined };
    }
    Ok(best)
}

/// The texts as an array of their own, without nulls.
pub(super) fn text_array(texts: Texts, rows: usize) -> StringArray {
    match texts {
        Texts::Same(text) => StringArray::from_iter_values(std::iter::repeat_n(text, rows)),
        Texts::Each(texts) => texts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::vector::TEXT_BYTES_MAX;

    #[test]
    fn a_chosen_text_that_is_too_long_has_no_result_where_it_is_chosen_and_not_null() {
        let text = |text: String, nulls: Option<Vec<bool>>| Vector {
            data: Data::Text(Texts::Same(text)),
            nulls: nulls.map(NullBuffer::from),
            undefined: None,
        };
        let long = text("x".repeat(TEXT_BYTES_MAX + 1), Some(vec![true, true, false, true]));
        let chosen = choose(&[0, 1, 0, 1], &[long, text("short".to_owned(), None)], None).unwrap();
        let Data::Text(texts) = &chosen.data else { unreachable!("texts were chosen from") };
        let is_undefined: Vec<bool> = (0..4).map(|row| chosen.is_undefined(row)).collect();
        let is_null: Vec<bool> = (0..4).map(|row| chosen.is_null(row)).collect();
        assert_eq!(is_undefined, [true, false, false, false]);
        assert_eq!(is_null, [false, false, true, false]);
        assert_eq!([texts.at(1), texts.at(3)], ["short", "short"]);
    }

    #[test]
    fn a_chosen_text_without_result_has_none() {
        let of = |texts: &[&str], undefined: Option<Vec<bool>>| Vector {
            data: Data::Text(Texts::Each(StringArray::from_iter_values(texts))),
            nulls: None,
            undefined: undefined.map(BooleanBuffer::from),
        };
        let sources = [of(&["a", "b", "c"], Some(vec![true, true, false])), of(&["d", "e", "f"], None)];
        let chosen = choose(&[0, 1, 1], &sources, Some(BooleanBuffer::from(vec![false, false, true]))).unwrap();
        let Data::Text(texts) = &chosen.data else { unreachable!("texts were chosen from") };
        assert_eq!((0..3).map(|row| chosen.is_undefined(row)).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(texts.at(1), "e");
    }
}
