//! Functions, by name: those of Athena's SQL (Trino) that mean one thing.
//! It does not know operators or columns.

use regex::Regex;
use sqlparser::ast::{
    CeilFloorKind, DateTimeField, Expr, ExtractSyntax, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::kind::{Kind, Typed, common};
use super::literals::{integer_of, text_of};
use super::scope::Scope;
use crate::{Arithmetic, CastTo, DatePart, DateUnit, Node, NumberFunction, TextFunction, TextTest};

impl Scope<'_> {
    /// A call, whether SQL's parser has a form of its own for it or not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller gives calls only")]
    pub(super) fn function(&mut self, sql: &Expr, depth: usize) -> Result<Typed, String> {
        let no_field = CeilFloorKind::DateTimeField(DateTimeField::NoDateTime);
        match sql {
            Expr::Function(function) => {
                let name = function.name.to_string().to_ascii_lowercase();
                let arguments = arguments(function).ok_or_else(|| format!("`{function}`"))?;
                self.call(&name, &arguments, depth)
            }
            Expr::Extract { field, syntax: ExtractSyntax::From, expr } => {
                self.call(&field.to_string().to_ascii_lowercase(), &[expr], depth)
            }
            Expr::Ceil { expr, field } if *field == no_field => self.call("ceil", &[expr], depth),
            Expr::Floor { expr, field } if *field == no_field => self.call("floor", &[expr], depth),
            Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
                self.call("trim", &[expr], depth)
            }
            Expr::Substring { expr, substring_from: Some(from), substring_for: None, .. } => {
                self.call("substr", &[expr, from], depth)
            }
            Expr::Substring { expr, substring_from: Some(from), substring_for: Some(length), .. } => {
                self.call("substr", &[expr, from, length], depth)
            }
            other => Err(format!("`{other}`")),
        }
    }

    fn call(&mut self, name: &str, arguments: &[&Expr], depth: usize) -> Result<Typed, String> {
        let Some((_, call)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            return Err(format!("the function {name}()"));
        };
        match (*call, arguments) {
            (Call::Part(part), _) => self.date_part(part, name, single(name, arguments)?, depth),
            (Call::Text(function), _) => {
                let text = Box::new(self.text(single(name, arguments)?, depth)?);
                Ok(Typed::new(Node::Textual(function, text), Kind::Text))
            }
            (Call::Number(function), _) => self.numeric(function, single(name, arguments)?, depth),
            (Call::Round, [of]) => self.numeric(NumberFunction::RoundWhole, of, depth),
            (Call::Round, [of, digits]) => self.numeric(NumberFunction::Round(digits_of(digits)?), of, depth),
            (Call::Mod, [left, right]) => self.arithmetic(Arithmetic::Remainder, [left, right], depth),
            (Call::Date, [of]) => self.date(of, depth),
            (Call::DateTrunc, [unit, of]) => self.date_trunc(unit, of, depth),
            (Call::Coalesce, [_, _, ..]) => {
                let (values, kind) = self.alike(name, arguments, depth)?;
                Ok(Typed::new(Node::Coalesce(values), kind))
            }
            (Call::Extreme { is_greatest }, [_, _, ..]) => {
                let (values, kind) = self.alike(name, arguments, depth)?;
                if kind == Kind::Boolean {
                    return Err(format!("booleans in {name}()"));
                }
                Ok(Typed::new(Node::Extreme(is_greatest, values), kind))
            }
            (Call::NullIf, [left, right]) => self.null_if([left, right], depth),
            (Call::Concat, [_, ..]) => {
                let texts = arguments.iter().map(|argument| self.text(argument, depth)).collect::<Result<_, _>>()?;
                Ok(Typed::new(Node::Concat(texts), Kind::Text))
            }
            (Call::Length, [text]) => Ok(Typed::new(Node::Length(Box::new(self.text(text, depth)?)), Kind::Integer)),
            (Call::Substring, [text, start, rest @ ..]) if rest.len() <= 1 => {
                let text = Box::new(self.text(text, depth)?);
                let start = Box::new(self.of_kind(start, Kind::Integer, depth)?);
                let length = match rest {
                    [length] => Some(Box::new(self.of_kind(length, Kind::Integer, depth)?)),
                    _ => None,
                };
                Ok(Typed::new(Node::Substring(text, start, length), Kind::Text))
            }
            (Call::Replace, [text, from, to]) => {
                let texts = [self.text(text, depth)?, self.text(from, depth)?, self.text(to, depth)?];
                Ok(Typed::new(Node::Replace(Box::new(texts)), Kind::Text))
            }
            (Call::StartsWith, [text, start]) => {
                let (text, start) = (self.text(text, depth)?, self.text(start, depth)?);
                Ok(Typed::boolean(Node::StartsWith(Box::new(text), Box::new(start))))
            }
            (Call::RegexpLike, [text, pattern]) => self.regexp_like([text, pattern], depth),
            (
                Call::Round
                | Call::Mod
                | Call::Date
                | Call::DateTrunc
                | Call::Coalesce
                | Call::Extreme { .. }
                | Call::NullIf
                | Call::Concat
                | Call::Length
                | Call::Substring
                | Call::Replace
                | Call::StartsWith
                | Call::RegexpLike,
                _,
            ) => Err(format!("the function {name}() with {} arguments", arguments.len())),
        }
    }

    /// The arguments as values of one kind.
    fn alike(&mut self, name: &str, arguments: &[&Expr], depth: usize) -> Result<(Vec<Node>, Kind), String> {
        let values = arguments.iter().map(|value| self.value(value, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        let kind = common(&values, || call_of(name, arguments))?;
        Ok((values.into_iter().map(|value| value.into_kind(kind)).collect(), kind))
    }

    fn null_if(&mut self, [left, right]: [&Expr; 2], depth: usize) -> Result<Typed, String> {
        let (left, right) = (self.value(left, depth + 1)?, self.value(right, depth + 1)?);
        let is_comparable = left.kind == right.kind || left.kind.is_exact() && right.kind.is_exact();
        if !is_comparable {
            return Err(format!("NULLIF of {} and {}", left.kind.name(), right.kind.name()));
        }
        Ok(Typed::new(Node::NullIf(Box::new(left.node), Box::new(right.node)), left.kind))
    }

    fn regexp_like(&mut self, [text, pattern]: [&Expr; 2], depth: usize) -> Result<Typed, String> {
        let text = Box::new(self.text(text, depth)?);
        let Some(pattern) = text_of(pattern) else {
            return Err(format!("regexp_like() with `{pattern}`, and not with a pattern written in quotes"));
        };
        // The parser's message spans several lines, the last of which names the trouble.
        let refused = |error: regex::Error| {
            let error = error.to_string();
            format!("the pattern {pattern:?} ({})", error.lines().last().unwrap_or_default())
        };
        Ok(Typed::boolean(Node::Matches(text, TextTest::Matches(Regex::new(pattern).map_err(refused)?))))
    }

    fn numeric(&mut self, function: NumberFunction, of: &Expr, depth: usize) -> Result<Typed, String> {
        let of = self.number(of, depth)?;
        let kind = match (function, of.kind) {
            (
                NumberFunction::Sign | NumberFunction::Floor | NumberFunction::Ceiling | NumberFunction::RoundWhole,
                Kind::Decimal { .. },
            ) => Kind::Decimal { scale: 0 },
            (_, kind) => kind,
        };
        Ok(Typed::new(Node::Numeric(function, Box::new(of.node)), kind))
    }

    fn date_part(&mut self, part: DatePart, name: &str, of: &Expr, depth: usize) -> Result<Typed, String> {
        let of = self.value(of, depth + 1)?;
        let is_of_time = matches!(part, DatePart::Hour | DatePart::Minute | DatePart::Second);
        if !of.kind.is_moment() || is_of_time && of.kind == Kind::Date {
            return Err(format!("{name}() of {}", of.kind.name()));
        }
        Ok(Typed::new(Node::DatePart(part, Box::new(of.node)), Kind::Integer))
    }

    /// `date(x)` is `CAST(x AS DATE)`.
    fn date(&mut self, of: &Expr, depth: usize) -> Result<Typed, String> {
        let of = self.value(of, depth + 1)?;
        if !of.kind.casts_to(CastTo::Date) {
            return Err(format!("date() of {}", of.kind.name()));
        }
        Ok(Typed::new(Node::Cast(Box::new(of.node), CastTo::Date), Kind::Date))
    }

    fn date_trunc(&mut self, unit: &Expr, of: &Expr, depth: usize) -> Result<Typed, String> {
        let name = text_of(unit).unwrap_or_default().to_ascii_lowercase();
        let Some((_, unit)) = DATE_UNITS.into_iter().find(|(known, _)| *known == name) else {
            return Err(format!("date_trunc() to {unit}"));
        };
        let of = self.value(of, depth + 1)?;
        let is_of_time = matches!(unit, DateUnit::Hour | DateUnit::Minute | DateUnit::Second);
        if !of.kind.is_moment() || is_of_time && of.kind == Kind::Date {
            return Err(format!("date_trunc() of {} to '{name}'", of.kind.name()));
        }
        let kind = of.kind;
        Ok(Typed::new(Node::DateTrunc(unit, Box::new(of.node)), kind))
    }
}

/// What a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// A part of a date or a timestamp.
    Part(DatePart),
    /// Of one text.
    Text(TextFunction),
    /// Of one number.
    Number(NumberFunction),
    Round,
    Mod,
    Date,
    DateTrunc,
    Coalesce,
    /// `greatest` or `least`.
    Extreme {
        is_greatest: bool,
    },
    NullIf,
    Concat,
    Length,
    Substring,
    Replace,
    StartsWith,
    RegexpLike,
}

/// The functions by their names in small letters.
pub(crate) const FUNCTIONS: [(&str, Call); 41] = [
    ("year", Call::Part(DatePart::Year)),
    ("quarter", Call::Part(DatePart::Quarter)),
    ("month", Call::Part(DatePart::Month)),
    ("week", Call::Part(DatePart::Week)),
    ("week_of_year", Call::Part(DatePart::Week)),
    ("day", Call::Part(DatePart::Day)),
    ("day_of_month", Call::Part(DatePart::Day)),
    ("day_of_week", Call::Part(DatePart::DayOfWeek)),
    ("dayofweek", Call::Part(DatePart::DayOfWeek)),
    ("dow", Call::Part(DatePart::DayOfWeek)),
    ("day_of_year", Call::Part(DatePart::DayOfYear)),
    ("dayofyear", Call::Part(DatePart::DayOfYear)),
    ("doy", Call::Part(DatePart::DayOfYear)),
    ("hour", Call::Part(DatePart::Hour)),
    ("minute", Call::Part(DatePart::Minute)),
    ("second", Call::Part(DatePart::Second)),
    ("date", Call::Date),
    ("date_trunc", Call::DateTrunc),
    ("concat", Call::Concat),
    ("lower", Call::Text(TextFunction::Lower)),
    ("upper", Call::Text(TextFunction::Upper)),
    ("trim", Call::Text(TextFunction::Trim)),
    ("ltrim", Call::Text(TextFunction::TrimStart)),
    ("rtrim", Call::Text(TextFunction::TrimEnd)),
    ("length", Call::Length),
    ("substr", Call::Substring),
    ("substring", Call::Substring),
    ("replace", Call::Replace),
    ("starts_with", Call::StartsWith),
    ("regexp_like", Call::RegexpLike),
    ("abs", Call::Number(NumberFunction::Abs)),
    ("sign", Call::Number(NumberFunction::Sign)),
    ("floor", Call::Number(NumberFunction::Floor)),
    ("ceil", Call::Number(NumberFunction::Ceiling)),
    ("ceiling", Call::Number(NumberFunction::Ceiling)),
    ("round", Call::Round),
    ("mod", Call::Mod),
    ("coalesce", Call::Coalesce),
    ("nullif", Call::NullIf),
    ("greatest", Call::Extreme { is_greatest: true }),
    ("least", Call::Extreme { is_greatest: false }),
];

/// What `date_trunc` cuts to.
pub(crate) const DATE_UNITS: [(&str, DateUnit); 8] = [
    ("year", DateUnit::Year),
    ("quarter", DateUnit::Quarter),
    ("month", DateUnit::Month),
    ("week", DateUnit::Week),
    ("day", DateUnit::Day),
    ("hour", DateUnit::Hour),
    ("minute", DateUnit::Minute),
    ("second", DateUnit::Second),
];

fn digits_of(digits: &Expr) -> Result<i8, String> {
    let digits = integer_of(digits).and_then(|digits| i8::try_from(digits).ok());
    let digits = digits.filter(|digits| (-38..=38).contains(digits));
    digits.ok_or_else(|| "round() to digits that are no whole number from -38 to 38".to_owned())
}

/// The plain positional arguments; `None` where a call has anything else (`DISTINCT`, `OVER`, names, a subquery).
fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let is_plain = function.filter.is_none()
        && function.over.is_none()
        && function.within_group.is_empty()
        && function.null_treatment.is_none();
    let FunctionArguments::List(list) = &function.args else { return None };
    if !is_plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    list.args.iter().map(plain).collect()
}

fn plain(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        FunctionArg::Unnamed(_) | FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => None,
    }
}

/// A call as it is written, for whoever looks for it.
fn call_of(name: &str, arguments: &[&Expr]) -> String {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    format!("{name}({})", arguments.join(", "))
}

fn single<'e>(name: &str, arguments: &[&'e Expr]) -> Result<&'e Expr, String> {
    match arguments {
        [only] => Ok(only),
        _ => Err(format!("{} arguments of {name}(), which takes one", arguments.len())),
    }
}
