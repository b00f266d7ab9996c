//! Where a number must lie: `mustBe`, `mustBeBetween` and their like.
//! It does not know what is counted.

use super::super::node::{Findings, Node, describe};
use crate::Bound;

pub(crate) const OPERATORS: [&str; 8] = [
    "mustBe",
    "mustBeBetween",
    "mustBeGreaterOrEqualTo",
    "mustBeGreaterThan",
    "mustBeLessOrEqualTo",
    "mustBeLessThan",
    "mustNotBe",
    "mustNotBeBetween",
];

/// The operators that a check has.
pub(super) fn operators<'a>(check: &Node<'a>) -> Vec<Node<'a>> {
    OPERATORS.iter().filter_map(|operator| check.field(operator)).collect()
}

/// The one operator of a check.
pub(super) fn bound(check: &Node<'_>, is_percent: bool, findings: &mut Findings) -> Option<Bound> {
    let operators = operators(check);
    let [operator] = operators.as_slice() else {
        let found =
            if operators.is_empty() { "no operator".to_owned() } else { format!("{} operators", operators.len()) };
        findings.problem(&check.path, found, format!("one of {}", OPERATORS.join(", ")));
        return None;
    };
    let name = operator.path.rsplit('.').next().unwrap_or_default();
    let bound = match name {
        "mustBeBetween" | "mustNotBeBetween" => {
            let (low, high) = range(operator, findings)?;
            if name == "mustBeBetween" { Bound::Between(low, high) } else { Bound::NotBetween(low, high) }
        }
        _ => single(name, number(operator, findings)?),
    };
    if !is_possible(bound, is_percent) {
        let counted = if is_percent { "a share from 0 to 100 percent" } else { "a number of rows, 0 or more," };
        let found = format!("{}, which no file can keep", describe(operator.value));
        findings.problem(&operator.path, found, format!("a bound that {counted} can keep"));
        return None;
    }
    Some(bound)
}

fn single(operator: &str, number: f64) -> Bound {
    match operator {
        "mustNotBe" => Bound::IsNot(number),
        "mustBeGreaterThan" => Bound::Above(number),
        "mustBeGreaterOrEqualTo" => Bound::AtLeast(number),
        "mustBeLessThan" => Bound::Below(number),
        "mustBeLessOrEqualTo" => Bound::AtMost(number),
        _ => Bound::Is(number),
    }
}

fn number(node: &Node<'_>, findings: &mut Findings) -> Option<f64> {
    let number = node.value.as_f64();
    if number.is_none() {
        node.refuse("a number", findings);
    }
    number
}

fn range(node: &Node<'_>, findings: &mut Findings) -> Option<(f64, f64)> {
    let ends: Vec<_> = node.value.as_array().into_iter().flatten().map(serde_json::Value::as_f64).collect();
    match ends.as_slice() {
        [Some(low), Some(high)] if low <= high => Some((*low, *high)),
        _ => {
            node.refuse("a list of two numbers, the smaller one first", findings);
            None
        }
    }
}

/// Whether any file can keep the bound: one that none can would reject every file.
fn is_possible(bound: Bound, is_percent: bool) -> bool {
    let max = if is_percent { 100.0 } else { f64::INFINITY };
    match bound {
        Bound::Is(number) => (0.0..=max).contains(&number) && (is_percent || number.fract() == 0.0),
        Bound::IsNot(_) => true,
        Bound::Above(number) => number < max,
        Bound::AtLeast(number) => number <= max,
        Bound::Below(number) => number > 0.0,
        Bound::AtMost(number) => number >= 0.0,
        Bound::Between(low, high) => high >= 0.0 && low <= max,
        Bound::NotBetween(low, high) => low > 0.0 || high < max,
    }
}
