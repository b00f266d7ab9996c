//! Operators: arithmetic, comparisons, logic, CASE, LIKE and CAST.
//! It does not know functions or columns.

use regex::Regex;
use sqlparser::ast::{BinaryOperator as SqlOperator, CaseWhen, DataType, Expr};

use super::MAX_DIGITS;
use super::kind::{Kind, Typed, common};
use super::literals;
use super::scope::Scope;
use crate::{Arithmetic, Case, Comparison, Constant, Node, TextTest};

pub(crate) const ARITHMETIC: [(SqlOperator, Arithmetic); 5] = [
    (SqlOperator::Plus, Arithmetic::Add),
    (SqlOperator::Minus, Arithmetic::Subtract),
    (SqlOperator::Multiply, Arithmetic::Multiply),
    (SqlOperator::Divide, Arithmetic::Divide),
    (SqlOperator::Modulo, Arithmetic::Remainder),
];
pub(crate) const COMPARISONS: [(SqlOperator, Comparison); 6] = [
    (SqlOperator::Eq, Comparison::Equal),
    (SqlOperator::NotEq, Comparison::NotEqual),
    (SqlOperator::Lt, Comparison::Less),
    (SqlOperator::LtEq, Comparison::LessOrEqual),
    (SqlOperator::Gt, Comparison::Greater),
    (SqlOperator::GtEq, Comparison::GreaterOrEqual),
];

impl Scope<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "sqlparser knows some eighty operators; the point is to refuse all but a few"
    )]
    pub(super) fn binary(
        &mut self,
        sql: &Expr,
        (left, op, right): (&Expr, &SqlOperator, &Expr),
        depth: usize,
    ) -> Result<Typed, String> {
        if let Some((_, arithmetic)) = ARITHMETIC.iter().find(|(known, _)| known == op) {
            return self.arithmetic(*arithmetic, [left, right], depth);
        }
        let comparison = match op {
            SqlOperator::StringConcat => {
                let texts = chain(sql, op).into_iter().map(|text| self.text(text, depth)).collect::<Result<_, _>>()?;
                return Ok(Typed::new(Node::Concat(texts), Kind::Text));
            }
            SqlOperator::And | SqlOperator::Or => {
                let conditions = chain(sql, op).into_iter().map(|condition| self.condition(condition, depth));
                let conditions = conditions.collect::<Result<_, _>>()?;
                let is_and = *op == SqlOperator::And;
                return Ok(Typed::boolean(if is_and { Node::All(conditions) } else { Node::Any(conditions) }));
            }
            operator => {
                let comparison = COMPARISONS.iter().find(|(known, _)| known == operator);
                comparison.map(|(_, comparison)| *comparison).ok_or_else(|| format!("the operator {operator}"))?
            }
        };
        let (left, right) = (self.value(left, depth + 1)?, self.value(right, depth + 1)?);
        let kind = common([&left, &right], || sql.to_string())?;
        if kind == Kind::Boolean && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            return Err(format!("booleans in a comparison by {op}"));
        }
        let (left, right) = (Box::new(left.into_compared(kind)), Box::new(right.into_compared(kind)));
        Ok(Typed::boolean(Node::Compare(comparison, left, right)))
    }

    pub(super) fn arithmetic(
        &mut self,
        operator: Arithmetic,
        [left, right]: [&Expr; 2],
        depth: usize,
    ) -> Result<Typed, String> {
        let (left, right) = (self.number(left, depth)?, self.number(right, depth)?);
        let (operator, kind) = arithmetic_kind(operator, left.kind, right.kind)?;
        let operand = |value: Typed| Box::new(if kind == Kind::Double { value.into_kind(kind) } else { value.node });
        Ok(Typed::new(Node::Arithmetic(operator, operand(left), operand(right)), kind))
    }

    pub(super) fn in_list(&mut self, of: &Expr, list: &[Expr], depth: usize) -> Result<Typed, String> {
        let place = || format!("{of} IN (…)");
        let of = self.value(of, depth + 1)?;
        // A NULL in the list would make NOT IN never true.
        let list = list.iter().map(|value| self.value(value, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        let kind = common(list.iter().chain([&of]), place)?;
        let texts = list.iter().map(|value| {
            if let Node::Constant(Constant::Text(text)) = &value.node { Some(text.clone()) } else { None }
        });
        if let Some(mut texts) = texts.collect::<Option<Vec<String>>>() {
            texts.sort_unstable();
            texts.dedup();
            return Ok(Typed::boolean(Node::InTexts(Box::new(of.node), texts)));
        }
        let list = list.into_iter().map(|value| value.into_compared(kind)).collect();
        Ok(Typed::boolean(Node::In(Box::new(of.into_compared(kind)), list)))
    }

    pub(super) fn between(&mut self, [of, low, high]: [&Expr; 3], depth: usize) -> Result<Typed, String> {
        let place = || format!("{of} BETWEEN {low} AND {high}");
        let values = [self.value(of, depth + 1)?, self.value(low, depth + 1)?, self.value(high, depth + 1)?];
        let kind = common(&values, place)?;
        if kind == Kind::Boolean {
            return Err("booleans in BETWEEN".to_owned());
        }
        Ok(Typed::boolean(Node::Between(Box::new(values.map(|value| value.into_compared(kind))))))
    }

    pub(super) fn like(
        &mut self,
        text: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        depth: usize,
    ) -> Result<Typed, String> {
        let text = self.text(text, depth)?;
        let Some(pattern_text) = literals::text_of(pattern) else {
            return Err(format!("LIKE with `{pattern}`, and not with a pattern written in quotes"));
        };
        let escape = match escape {
            None => None,
            Some(escape) => {
                let mut characters = literals::text_of(escape).unwrap_or_default().chars();
                let (Some(character), None) = (characters.next(), characters.next()) else {
                    return Err(format!("ESCAPE {escape}, and not one character in quotes"));
                };
                Some(character)
            }
        };
        Ok(Typed::boolean(Node::Matches(Box::new(text), like_test(pattern_text, escape)?)))
    }

    pub(super) fn case(
        &mut self,
        of: Option<&Expr>,
        whens: &[CaseWhen],
        otherwise: Option<&Expr>,
        depth: usize,
    ) -> Result<Typed, String> {
        let place = || match (of, whens) {
            (Some(of), _) => format!("CASE {of} WHEN …"),
            (None, [first, ..]) => format!("CASE WHEN {} THEN {} …", first.condition, first.result),
            (None, []) => "CASE".to_owned(),
        };
        let of = of.map(|of| self.value(of, depth + 1)).transpose()?;
        let mut conditions = Vec::with_capacity(whens.len());
        let mut results = Vec::with_capacity(whens.len() + 1);
        for when in whens {
            conditions.push(match of {
                Some(_) => self.value(&when.condition, depth + 1)?,
                None => Typed::boolean(self.condition(&when.condition, depth)?),
            });
            results.push(self.node(&when.result, depth + 1)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.node(otherwise, depth + 1)?,
            None => literals::null(),
        });
        let kind = common(&results, place)?;
        if kind == Kind::Null {
            return Err("a CASE that is always NULL".to_owned());
        }
        let compared = common(conditions.iter().chain(&of), place)?;
        let mut results: Vec<Node> = results.into_iter().map(|result| result.into_kind(kind)).collect();
        let Some(otherwise) = results.pop() else { return Err("a CASE without WHEN".to_owned()) };
        let conditions = conditions.into_iter().map(|condition| condition.into_compared(compared));
        let branches = conditions.zip(results).collect();
        let of = of.map(|of| of.into_compared(compared));
        Ok(Typed::new(Node::Case(Box::new(Case { of, branches, otherwise })), kind))
    }

    pub(super) fn cast(&mut self, sql: &Expr, data_type: &DataType, depth: usize) -> Result<Typed, String> {
        let to = literals::cast_type(data_type)?;
        let value = self.node(sql, depth + 1)?;
        if !value.kind.casts_to(to) {
            return Err(format!("CAST of {} to {data_type}", value.kind.name()));
        }
        let kind = Kind::cast_to(to);
        if value.kind == Kind::Null {
            return Ok(Typed::new(value.into_kind(kind), kind));
        }
        Ok(Typed::new(Node::Cast(Box::new(value.node), to), kind))
    }
}

/// The operator as it is computed, and the kind of its result. The rules for exact numbers are Trino's: the division of whole numbers
/// is cut, that of decimals has the larger scale of the two.
fn arithmetic_kind(operator: Arithmetic, left: Kind, right: Kind) -> Result<(Arithmetic, Kind), String> {
    let (Some(left_scale), Some(right_scale)) = (left.scale(), right.scale()) else {
        return Ok((operator, Kind::Double));
    };
    let is_whole = left == Kind::Integer && right == Kind::Integer;
    let operator = if operator == Arithmetic::Divide && is_whole { Arithmetic::DivideWhole } else { operator };
    let scale = if operator == Arithmetic::Multiply { left_scale + right_scale } else { left_scale.max(right_scale) };
    if scale > MAX_DIGITS {
        return Err(format!("a product with {scale} digits behind the point (at most {MAX_DIGITS})"));
    }
    Ok((operator, if is_whole { Kind::Integer } else { Kind::Decimal { scale } }))
}

/// The operands of a chain of one operator (`a AND b AND c`), which a tree as deep as the chain is long stands for.
fn chain<'e>(sql: &'e Expr, operator: &SqlOperator) -> Vec<&'e Expr> {
    let mut operands = Vec::new();
    let mut rest = sql;
    while let Expr::BinaryOp { left, op, right } = rest {
        if op != operator {
            break;
        }
        operands.push(&**right);
        rest = left;
    }
    operands.push(rest);
    operands.reverse();
    operands
}

/// A LIKE pattern: `%` is any text, `_` any character, and the escape takes their meaning.
fn like_test(pattern: &str, escape: Option<char>) -> Result<TextTest, String> {
    /// A piece of text, or a wildcard.
    enum Piece {
        Text(String),
        One,
        Many,
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let literal = if Some(character) == escape {
            match characters.next() {
                Some(escaped) if Some(escaped) == escape || escaped == '%' || escaped == '_' => escaped,
                _ => return Err(format!("the pattern {pattern:?}, whose escape is not before %, _ or itself")),
            }
        } else if character == '%' {
            pieces.push(Piece::Many);
            continue;
        } else if character == '_' {
            pieces.push(Piece::One);
            continue;
        } else {
            character
        };
        match pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(literal),
            _ => pieces.push(Piece::Text(literal.into())),
        }
    }
    Ok(match pieces.as_slice() {
        [] => TextTest::Equals(String::new()),
        [Piece::Text(text)] => TextTest::Equals(text.clone()),
        [Piece::Text(text), Piece::Many] => TextTest::StartsWith(text.clone()),
        [Piece::Many, Piece::Text(text)] => TextTest::EndsWith(text.clone()),
        [Piece::Many, Piece::Text(text), Piece::Many] => TextTest::Contains(text.clone()),
        pieces => {
            let pieces = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => regex::escape(text),
                Piece::One => ".".to_owned(),
                Piece::Many => ".*".to_owned(),
            });
            let regex = format!(r"(?s)\A{}\z", pieces.collect::<String>());
            TextTest::Matches(Regex::new(&regex).map_err(|error| format!("the pattern {pattern:?} ({error})"))?)
        }
    })
}
