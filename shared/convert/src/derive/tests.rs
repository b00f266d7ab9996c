//! Expressions over batches against a naive reading of the same expression, row by row.
#![allow(clippy::wildcard_enum_match_arm, reason = "the naive reading knows what is generated")]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Decimal128Array, Int32Array, StringArray};
use lakegate_contract::{
    Arithmetic, Case, CastTo, ColumnType, Comparison, Constant, Expression, IntegerWidth, Node, Rule, ValueKind,
};
use proptest::prelude::*;

use super::{column, true_or_undefined};
use crate::judge::Findings;

/// The value of one row: a number in units of 10^-scale, null, or no result at all.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Undefined,
    Null,
    Number(i128, u8),
    Boolean(bool),
}

/// A row's columns: an INTEGER, a DECIMAL(38,3) and a BOOLEAN.
type Row = (Option<i32>, Option<i128>, Option<bool>);

fn naive(node: &Node, row: &Row) -> Value {
    match node {
        Node::Column(0) => row.0.map_or(Value::Null, |value| Value::Number(value.into(), 0)),
        Node::Column(1) => row.1.map_or(Value::Null, |value| Value::Number(value, 3)),
        Node::Column(_) => row.2.map_or(Value::Null, Value::Boolean),
        Node::Constant(Constant::Number { value, scale }) => Value::Number(*value, *scale),
        Node::Constant(Constant::Null(_)) => Value::Null,
        Node::Negate(of) => number(naive(of, row), |value, scale| Some((value.checked_neg()?, scale))),
        Node::Cast(of, CastTo::Decimal { scale, .. }) => number(naive(of, row), |value, from| {
            let value =
                if *scale >= from { value.checked_mul(10_i128.pow((scale - from).into()))? } else { return None };
            (value.unsigned_abs() < 10_u128.pow(38)).then_some((value, *scale))
        }),
        Node::Arithmetic(operator, left, right) => numbers(naive(left, row), naive(right, row), |(a, s), (b, t)| {
            let scale = s.max(t);
            let (aligned_a, aligned_b) =
                (a.checked_mul(10_i128.pow((scale - s).into())), b.checked_mul(10_i128.pow((scale - t).into())));
            match operator {
                Arithmetic::Add => Some(Value::Number(aligned_a?.checked_add(aligned_b?)?, scale)),
                Arithmetic::Subtract => Some(Value::Number(aligned_a?.checked_sub(aligned_b?)?, scale)),
                Arithmetic::Multiply => Some(Value::Number(a.checked_mul(b)?, s + t)),
                Arithmetic::Remainder if b == 0 => None,
                Arithmetic::Remainder => Some(Value::Number(aligned_a?.wrapping_rem(aligned_b?), scale)),
                Arithmetic::DivideWhole => Some(Value::Number(a.checked_div(b)?, 0)),
                Arithmetic::Divide => None,
            }
        }),
        Node::Compare(comparison, left, right) => numbers(naive(left, row), naive(right, row), |(a, s), (b, t)| {
            // By whole parts, then by fractions of 38 digits: nothing can overflow.
            let parts = |value: i128, scale: u8| {
                let unit = 10_i128.pow(scale.into());
                (value.div_euclid(unit), value.rem_euclid(unit) * 10_i128.pow((38 - scale).into()))
            };
            let order = parts(a, s).cmp(&parts(b, t));
            Some(Value::Boolean(match comparison {
                Comparison::Equal => order.is_eq(),
                Comparison::NotEqual => order.is_ne(),
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                Comparison::GreaterOrEqual => order.is_ge(),
            }))
        }),
        Node::Not(of) => match naive(of, row) {
            Value::Boolean(value) => Value::Boolean(!value),
            other => other,
        },
        Node::IsNull(of) => match naive(of, row) {
            Value::Undefined => Value::Undefined,
            value => Value::Boolean(value == Value::Null),
        },
        Node::All(of) | Node::Any(of) => {
            let deciding = matches!(node, Node::Any(_));
            let values: Vec<Value> = of.iter().map(|of| naive(of, row)).collect();
            [Value::Boolean(deciding), Value::Undefined, Value::Null]
                .into_iter()
                .find(|value| values.contains(value))
                .unwrap_or(Value::Boolean(!deciding))
        }
        Node::Coalesce(of) => {
            of.iter().map(|of| naive(of, row)).find(|value| *value != Value::Null).unwrap_or(Value::Null)
        }
        Node::Case(case) => {
            for (condition, result) in &case.branches {
                match naive(condition, row) {
                    Value::Boolean(true) => return naive(result, row),
                    Value::Undefined => return Value::Undefined,
                    _ => {}
                }
            }
            naive(&case.otherwise, row)
        }
        other => panic!("{other:?} is not generated"),
    }
}

fn number(value: Value, compute: impl Fn(i128, u8) -> Option<(i128, u8)>) -> Value {
    match value {
        Value::Number(value, scale) => {
            compute(value, scale).map_or(Value::Undefined, |(value, scale)| Value::Number(value, scale))
        }
        other => other,
    }
}

fn numbers(left: Value, right: Value, compute: impl Fn((i128, u8), (i128, u8)) -> Option<Value>) -> Value {
    match (left, right) {
        (Value::Undefined, _) | (_, Value::Undefined) => Value::Undefined,
        (Value::Number(a, s), Value::Number(b, t)) => compute((a, s), (b, t)).unwrap_or(Value::Undefined),
        _ => Value::Null,
    }
}

/// Numbers of scale 3, which are what conditions and choices are made of.
fn exact() -> BoxedStrategy<Node> {
    let scaled = |node: Node| Node::Cast(Box::new(node), CastTo::Decimal { precision: 38, scale: 3 });
    let leaf = prop_oneof![
        Just(scaled(Node::Column(0))),
        Just(Node::Column(1)),
        Just(Node::Constant(Constant::Null(ValueKind::Exact { scale: 3 }))),
        prop_oneof![-3..3_i128, any::<i64>().prop_map(i128::from), any::<i128>()]
            .prop_map(|value| Node::Constant(Constant::Number { value, scale: 3 })),
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let pair = (inner.clone(), inner.clone());
        let operator = prop_oneof![Just(Arithmetic::Add), Just(Arithmetic::Subtract), Just(Arithmetic::Remainder)];
        prop_oneof![
            inner.clone().prop_map(|of| Node::Negate(Box::new(of))),
            (operator, pair.clone()).prop_map(|(operator, (a, b))| Node::Arithmetic(
                operator,
                Box::new(a),
                Box::new(b)
            )),
            // The product with a column of scale 0 keeps the scale.
            inner.clone().prop_map(|a| Node::Arithmetic(Arithmetic::Multiply, Box::new(a), Box::new(Node::Column(0)))),
            inner.clone().prop_map(move |a| scaled(Node::Arithmetic(
                Arithmetic::DivideWhole,
                Box::new(Node::Column(0)),
                Box::new(Node::Case(Box::new(Case {
                    of: None,
                    branches: vec![(Node::IsNull(Box::new(a)), Node::Column(0))],
                    otherwise: Node::Constant(Constant::Number { value: 0, scale: 0 })
                })))
            ))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::Coalesce),
            (condition(inner.clone()), condition(inner.clone()), inner.clone(), pair).prop_map(
                |(one, two, a, (b, c))| {
                    Node::Case(Box::new(Case { of: None, branches: vec![(one, a), (two, b)], otherwise: c }))
                }
            ),
        ]
    })
    .boxed()
}

fn condition(numbers: BoxedStrategy<Node>) -> BoxedStrategy<Node> {
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Greater),
        Just(Comparison::GreaterOrEqual)
    ];
    let whole = Just(Node::Column(0));
    let leaf = prop_oneof![
        Just(Node::Column(2)),
        (comparison.clone(), numbers.clone(), numbers.clone()).prop_map(|(comparison, a, b)| Node::Compare(
            comparison,
            Box::new(a),
            Box::new(b)
        )),
        (comparison, whole, numbers.clone()).prop_map(|(comparison, a, b)| Node::Compare(
            comparison,
            Box::new(a),
            Box::new(b)
        )),
        numbers.prop_map(|of| Node::IsNull(Box::new(of))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| Node::Not(Box::new(of))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::All),
            prop::collection::vec(inner, 2..4).prop_map(Node::Any),
        ]
    })
    .boxed()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let integer = prop::option::weighted(0.8, prop_oneof![-3..4_i32, any::<i32>()]);
    let limit = 10_i128.pow(38);
    let decimal =
        prop::option::weighted(0.8, prop_oneof![-3..4_i128, any::<i64>().prop_map(i128::from), -limit + 1..limit]);
    prop::collection::vec((integer, decimal, any::<Option<bool>>()), 0..40)
}

fn arrays(rows: &[Row]) -> Vec<Option<ArrayRef>> {
    let integers: Int32Array = rows.iter().map(|row| row.0).collect();
    let decimals: Decimal128Array = rows.iter().map(|row| row.1).collect();
    let booleans: BooleanArray = rows.iter().map(|row| row.2).collect();
    let decimals = decimals.with_precision_and_scale(38, 3).unwrap();
    vec![Some(Arc::new(integers)), Some(Arc::new(decimals)), Some(Arc::new(booleans))]
}

fn expression(root: Node) -> Expression {
    Expression { text: String::new(), root, inputs: vec![0, 1, 2] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn numbers_are_those_of_a_naive_reading(root in exact(), rows in rows()) {
        let arrays = arrays(&rows);
        let mut findings = Findings::new(rows.len(), 4);
        let decimal = ColumnType::Decimal { precision: 38, scale: 3 };
        let array = column(&expression(root.clone()), &decimal, 3, &arrays, rows.len(), &mut findings).unwrap();
        let array = array.as_any().downcast_ref::<Decimal128Array>().unwrap();
        for (number, row) in rows.iter().enumerate() {
            let expected = match naive(&root, row) {
                Value::Number(value, 3) if value.unsigned_abs() < 10_u128.pow(38) => Value::Number(value, 3),
                Value::Null => Value::Null,
                _ => Value::Undefined,
            };
            let found = match (findings.is_broken(number, 3), array.is_valid(number)) {
                (true, false) => Value::Undefined,
                (false, false) => Value::Null,
                (false, true) => Value::Number(array.value(number), 3),
                (true, true) => panic!("a row that has no result has one"),
            };
            prop_assert_eq!(found, expected, "{:?} of {:?}", root, row);
        }
    }

    #[test]
    fn conditions_are_those_of_a_naive_reading(root in condition(exact()), rows in rows()) {
        let bits = true_or_undefined(&expression(root.clone()), &arrays(&rows), rows.len()).unwrap();
        for (number, row) in rows.iter().enumerate() {
            let expected = matches!(naive(&root, row), Value::Undefined | Value::Boolean(true));
            prop_assert_eq!(bits.value(number), expected, "{:?} of {:?}", root, row);
        }
    }
}

#[test]
fn a_violation_follows_from_what_is_used_and_not_from_what_is_not() {
    let arrays = arrays(&[(Some(0), None, Some(true)), (Some(0), None, None), (Some(2), None, Some(false))]);
    let inverse = || {
        let one = Node::Constant(Constant::Number { value: 1, scale: 0 });
        Node::Arithmetic(Arithmetic::DivideWhole, Box::new(one), Box::new(Node::Column(0)))
    };
    let zero = || Node::Constant(Constant::Number { value: 0, scale: 0 });
    let case = Case { of: None, branches: vec![(Node::Column(2), zero())], otherwise: inverse() };
    for (root, broken) in [
        (inverse(), vec![0, 1]),
        (Node::Case(Box::new(case)), vec![1]),
        (Node::Coalesce(vec![zero(), inverse()]), vec![]),
        (Node::Coalesce(vec![inverse(), zero()]), vec![0, 1]),
    ] {
        let mut findings = Findings::new(3, 4);
        let integer = ColumnType::Integer(IntegerWidth::I8);
        let array = column(&expression(root.clone()), &integer, 3, &arrays, 3, &mut findings).unwrap();
        assert_eq!(array.null_count(), broken.len(), "{root:?}");
        let rows: Vec<usize> = findings.into_sorted().0.iter().map(|violation| violation.row).collect();
        assert_eq!(rows, broken, "{root:?}");
    }
}

#[test]
fn what_follows_from_a_broken_column_is_not_told_again() {
    let arrays = arrays(&[(Some(0), None, None), (Some(0), None, None)]);
    let mut findings = Findings::new(2, 4);
    findings.add(0, 1, Rule::Type);
    let root = Node::Arithmetic(Arithmetic::Remainder, Box::new(Node::Column(0)), Box::new(Node::Column(0)));
    column(&expression(root), &ColumnType::Integer(IntegerWidth::I8), 3, &arrays, 2, &mut findings).unwrap();
    assert!(!findings.is_broken(0, 3) && findings.is_broken(1, 3));
}

#[test]
fn a_text_made_out_of_little_is_bounded() {
    let texts = StringArray::from(vec!["a".repeat(10_000), "b".to_owned()]);
    let arrays: Vec<Option<ArrayRef>> = vec![Some(Arc::new(texts))];
    let column_0 = || Node::Column(0);
    let a = Node::Constant(Constant::Text("a".to_owned()));
    let root = Node::Replace(Box::new([column_0(), a, column_0()]));
    let expression = Expression { text: String::new(), root, inputs: vec![0] };
    let mut findings = Findings::new(2, 2);
    let array = column(&expression, &ColumnType::String, 1, &arrays, 2, &mut findings).unwrap();
    assert!(findings.is_broken(0, 1) && array.is_null(0) && array.is_valid(1));
}
