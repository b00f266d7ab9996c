//! What is known of all columns, to one type for each and one notation for the file.
//! It does not know documents.

use std::collections::BTreeSet;

use super::column::{Column, NULL_TEXTS};
use super::numbers::{NOTATIONS, Shapes};
use super::range::told;
use super::strays;
use super::times::{Candidate, Order};

/// The most digits of a DECIMAL.
pub(super) const DECIMAL_DIGITS_MAX: usize = 38;
/// Up to so many digits behind the point numbers are taken for exact ones, though their count differs.
pub(super) const EXACT_FRACTION_DIGITS: usize = 8;
/// Whole numbers of so many digits fit 32 bits with room above.
pub(super) const INTEGER_DIGITS: usize = 9;
/// What is said of whole numbers that are all written as `17850.0`.
pub(super) const POINTED: &str = "whole numbers, each with a fraction of one 0";
pub(super) const POINTED_DOUBT: &str = "should other fractions come, it is logicalType: number, physicalType: DECIMAL(18,1), and integralFractions above goes";
/// A boolean column's texts: bits of [`Column::booleans`].
const TRUE_OR_FALSE: u16 = 1 | 1 << 5;

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer {
        is_long: bool,
        /// Every value ends in `.0`, which needs `integralFractions`.
        is_pointed: bool,
    },
    Decimal {
        precision: usize,
        scale: usize,
    },
    Double,
    Boolean,
    /// With the contract's `format`, unless the default reads it.
    Date(Option<String>),
    Timestamp(Option<String>),
}

/// A column's type, and why.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) kind: Kind,
    /// What was seen, without a count in front: `whole numbers, 1 to 30`.
    pub(super) evidence: String,
    /// The least and the greatest value, as the evidence's end; empty where they are not known.
    pub(super) range: String,
    /// What is worth a look by whoever adopts the contract.
    pub(super) doubts: Vec<String>,
    pub(super) nulls: u64,
}

/// How the file's values are written, and the types of its columns.
#[derive(Debug)]
pub(super) struct Resolution {
    /// An index into [`NOTATIONS`].
    pub(super) notation: usize,
    /// Which of [`NULL_TEXTS`] mean null, ascending.
    pub(super) null_texts: BTreeSet<usize>,
    pub(super) columns: Vec<Resolved>,
}

impl Resolution {
    pub(super) fn typed_columns(&self) -> usize {
        self.columns.iter().filter(|column| column.kind != Kind::Text).count()
    }

    pub(super) fn has_integral_fractions(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.kind, Kind::Integer { is_pointed: true, .. }))
    }
}

/// Settles everything. `names` are those of the columns: eight digits are a date only where the name says so.
pub(super) fn resolve(
    columns: &[Column],
    names: &[String],
    candidates: &[Candidate],
    is_permissive: bool,
) -> Resolution {
    let (notation, is_ambiguous) = notation(columns);
    let mut resolved: Vec<Resolved> = columns
        .iter()
        .zip(names)
        .map(|(column, name)| resolve_column(column, name, notation, is_ambiguous, candidates, is_permissive))
        .collect();
    let mut null_texts = BTreeSet::new();
    for (column, resolved) in columns.iter().zip(&resolved) {
        if resolved.kind != Kind::Text {
            let counts = column.null_texts.iter().zip(&column.quoted_null_texts).enumerate();
            null_texts.extend(counts.filter(|(_, (plain, quoted))| **plain + **quoted > 0).map(|(index, _)| index));
        }
    }
    for (column, resolved) in columns.iter().zip(&mut resolved) {
        count_nulls(column, resolved, &null_texts);
    }
    Resolution { notation, null_texts, columns: resolved }
}

fn count_nulls(column: &Column, resolved: &mut Resolved, null_texts: &BTreeSet<usize>) {
    let count = |counts: &[u64]| -> u64 { null_texts.iter().filter_map(|index| counts.get(*index)).sum() };
    let written = count(&column.null_texts);
    if resolved.kind != Kind::Text {
        resolved.nulls = column.empty + column.quoted_empty + written + count(&column.quoted_null_texts);
        return;
    }
    resolved.nulls = column.empty + written;
    for index in null_texts {
        let rows = column.null_texts.get(*index).copied().unwrap_or_default();
        if let Some(text) = NULL_TEXTS.get(*index)
            && rows > 0
        {
            let doubt = format!(
                "{text:?} in {} is read as null here too: nullValues hold for the whole file",
                counted(rows, "row")
            );
            resolved.doubts.push(doubt);
        }
    }
}

/// `1 row`, `5,000 rows`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `5,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The notation of the file's numbers, and whether two of them that read other values fit equally well.
fn notation(columns: &[Column]) -> (usize, bool) {
    let is_number = |column: &Column, notation: usize| column.values > 0 && column.numbers.under(notation).is_some();
    let gains = |notation: usize| {
        // A notation that takes away a column which the default reads is out.
        let loses = columns.iter().any(|column| is_number(column, 0) && !is_number(column, notation));
        if loses {
            return 0;
        }
        columns.iter().filter(|column| is_number(column, notation) && !is_number(column, 0)).count()
    };
    let most = (1..NOTATIONS.len()).map(gains).max().unwrap_or_default();
    if most == 0 {
        return (0, false);
    }
    let best: Vec<usize> = (1..NOTATIONS.len()).filter(|notation| gains(*notation) == most).collect();
    let separators: BTreeSet<u8> =
        best.iter().filter_map(|index| NOTATIONS.get(*index)).map(|notation| notation.decimal_separator).collect();
    if separators.len() > 1 {
        return (0, true);
    }
    (best.first().copied().unwrap_or_default(), false)
}

fn resolve_column(
    column: &Column,
    name: &str,
    notation: usize,
    is_ambiguous: bool,
    candidates: &[Candidate],
    is_permissive: bool,
) -> Resolved {
    let of =
        |kind: Kind, evidence: String| Resolved { kind, evidence, range: String::new(), doubts: Vec::new(), nulls: 0 };
    if column.values == 0 {
        return of(Kind::Text, "text".to_owned());
    }
    let compact = column.times.alive(candidates).into_iter().find(|candidate| candidate.is_compact);
    if let Some(candidate) = compact
        && names_a_date(name)
    {
        return of(Kind::Date(candidate.format.clone()), "dates of eight digits".to_owned());
    }
    if let Some(shapes) = column.numbers.under(notation) {
        let mut resolved = number(column, shapes, notation, is_permissive);
        if compact.is_some() {
            resolved.doubts.push("they could also be dates (date, format: yyyyMMdd)".to_owned());
        }
        return resolved;
    }
    if column.booleans.is_some_and(are_booleans) {
        return of(Kind::Boolean, "true or false".to_owned());
    }
    if let Some(resolved) = time(column, candidates) {
        return resolved;
    }
    let mut resolved = of(Kind::Text, "text".to_owned());
    if is_ambiguous && column.numbers.are_all() {
        resolved.doubts.push(
            "they could be numbers, with a comma before the fraction or between thousands: nothing tells which; if so, set decimalSeparator or thousandsSeparator"
                .to_owned(),
        );
    }
    let numbers = strays::of_numbers(column);
    resolved.doubts.extend(numbers.or_else(|| strays::of_times(column, candidates, names_a_date(name))));
    resolved
}

pub(super) fn names_a_date(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["date", "day", "datum", "_dt", "dt_"].iter().any(|word| name.contains(word))
}

/// Both texts of a pair, or the words themselves: a column of nothing but `T` or `NO` is text.
fn are_booleans(seen: u16) -> bool {
    let pair = |index: u32| 1 << index | 1 << (index + 5);
    seen & TRUE_OR_FALSE != 0 || (1..4).any(|index| seen & pair(index) == pair(index))
}

fn number(column: &Column, shapes: Shapes, notation: usize, is_permissive: bool) -> Resolved {
    // Ends of numbers beyond 64 bits are not told apart exactly.
    let range = if shapes.is_wide { None } else { column.numbers.ends(notation) };
    let range = range.map_or_else(String::new, told);
    let of = |kind: Kind, what: &str| Resolved {
        kind,
        evidence: what.to_owned(),
        range: range.clone(),
        doubts: Vec::new(),
        nulls: 0,
    };
    let (least_fraction, fraction) = shapes.fraction_digits.unwrap_or_default();
    if shapes.exponents > 0 {
        return of(Kind::Double, "numbers, some with an exponent");
    }
    if shapes.fraction_digits.is_none() {
        let is_long = shapes.whole_digits > INTEGER_DIGITS;
        return if !shapes.is_wide {
            of(Kind::Integer { is_long, is_pointed: false }, "whole numbers")
        } else if shapes.whole_digits <= DECIMAL_DIGITS_MAX {
            of(Kind::Decimal { precision: DECIMAL_DIGITS_MAX, scale: 0 }, "whole numbers, some beyond 64 bits")
        } else {
            of(Kind::Text, "digits, too many for any number")
        };
    }
    let digits = shapes.whole_digits + fraction;
    let all_end_in_point_zero = shapes.fractions == 0 && fraction == 1 && least_fraction == 1;
    // A permissive draft has room for fractions that may come.
    if all_end_in_point_zero && shapes.separated == shapes.values && !shapes.is_wide && !is_permissive {
        let is_long = shapes.whole_digits > INTEGER_DIGITS;
        let mut resolved = of(Kind::Integer { is_long, is_pointed: true }, POINTED);
        resolved.doubts.push(POINTED_DOUBT.to_owned());
        return resolved;
    }
    let is_exact = fraction <= EXACT_FRACTION_DIGITS || least_fraction == fraction && shapes.values > 1;
    if !is_exact || digits > DECIMAL_DIGITS_MAX {
        return of(Kind::Double, &format!("numbers with up to {fraction} digits behind the point"));
    }
    // Room for larger values at no cost: up to 18 digits take 64 bits.
    let precision = if digits <= 18 { 18 } else { DECIMAL_DIGITS_MAX };
    let mut resolved = of(
        Kind::Decimal { precision, scale: fraction.max(1) },
        &format!("numbers with up to {fraction} digit{} behind the point", if fraction == 1 { "" } else { "s" }),
    );
    if shapes.fractions == 0 {
        let doubt = "all of them are whole: with integralFractions: true on the server they can be an integer";
        resolved.doubts.push(doubt.to_owned());
    }
    resolved
}

pub(super) fn time(column: &Column, candidates: &[Candidate]) -> Option<Resolved> {
    let alive = column.times.alive(candidates);
    let first = alive.iter().find(|candidate| !candidate.is_compact)?;
    let format = first.format.as_deref().unwrap_or(if first.has_time { "ISO 8601" } else { "yyyy-MM-dd" });
    let what = if first.has_time { "timestamps" } else { "dates" };
    let mut resolved =
        Resolved { kind: Kind::Text, evidence: "text".to_owned(), range: String::new(), doubts: Vec::new(), nulls: 0 };
    let has = |order: Order| alive.iter().find(|candidate| candidate.order == order);
    if let (Some(day), Some(month)) = (has(Order::DayFirst), has(Order::MonthFirst)) {
        let formats = [day, month].map(|candidate| candidate.format.as_deref().unwrap_or_default());
        resolved.doubts.push(format!(
            "{what}, but nothing tells whether the day or the month stands first: set {what_one} with format {} or {}",
            formats[0],
            formats[1],
            what_one = what.trim_end_matches('s'),
        ));
    } else if first.is_short_year {
        resolved.doubts.push(format!(
            "{what} written {format}, whose years of two digits would all be read as 20yy; if that is right, set it"
        ));
    } else {
        resolved.kind =
            if first.has_time { Kind::Timestamp(first.format.clone()) } else { Kind::Date(first.format.clone()) };
        resolved.evidence = format!("{what} written {format}");
        resolved.range = span(column, first);
    }
    Some(resolved)
}

/// `, 2024-01-31 to 2025-02-01`, where the order of texts is that of times.
fn span(column: &Column, candidate: &Candidate) -> String {
    let Some((first, last)) = &column.texts else { return String::new() };
    let is_ordered =
        candidate.format.as_deref().is_none_or(|format| format.starts_with("yyyy") && format.contains("MM"));
    let is_local = |text: &[u8]| text.iter().skip(10).all(|byte| byte.is_ascii_digit() || b"T :.".contains(byte));
    if !is_ordered || !is_local(first) || !is_local(last) {
        return String::new();
    }
    told((first, last))
}
