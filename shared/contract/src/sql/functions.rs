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
        if let Some(part) = date_part(name) {
            return self.date_part(part, name, single(name, arguments)?, depth);
        }
        if let Some(function) = text_function(name) {
            let text = Box::new(self.text(single(name, arguments)?, depth)?);
            return Ok(Typed::new(Node::Textual(function, text), Kind::Text));
        }
        match (name, arguments) {
            ("abs" | "sign" | "floor" | "ceil" | "ceiling" | "round", _) => self.numeric(name, arguments, depth),
            ("mod", [left, right]) => self.arithmetic(Arithmetic::Remainder, [left, right], depth),
            ("date", [of]) => self.date(of, depth),
            ("date_trunc", [unit, of]) => self.date_trunc(unit, of, depth),
            ("coalesce", [_, _, ..]) => {
                let values =
                    arguments.iter().map(|value| self.value(value, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                let kind = common(&values, || call_of(name, arguments))?;
                Ok(Typed::new(Node::Coalesce(values.into_iter().map(|value| value.into_kind(kind)).collect()), kind))
            }
            ("greatest" | "least", [_, _, ..]) => {
                let values =
                    arguments.iter().map(|value| self.value(value, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                let kind = common(&values, || call_of(name, arguments))?;
                if kind == Kind::Boolean {
                    return Err(format!("booleans in {name}()"));
                }
                let values = values.into_iter().map(|value| value.into_kind(kind)).collect();
                Ok(Typed::new(Node::Extreme(name == "greatest", values), kind))
            }
            ("nullif", [left, right]) => {
                let (left, right) = (self.value(left, depth + 1)?, self.value(right, depth + 1)?);
                let is_comparable = left.kind == right.kind || left.kind.is_exact() && right.kind.is_exact();
                if !is_comparable {
                    return Err(format!("NULLIF of {} and {}", left.kind.name(), right.kind.name()));
                }
                Ok(Typed::new(Node::NullIf(Box::new(left.node), Box::new(right.node)), left.kind))
            }
            _ => self.call_with_texts(name, arguments, depth),
        }
    }

    /// A function whose first argument is a text.
    fn call_with_texts(&mut self, name: &str, arguments: &[&Expr], depth: usize) -> Result<Typed, String> {
        match (name, arguments) {
            ("concat", [_, ..]) => {
                let texts = arguments.iter().map(|argument| self.text(argument, depth)).collect::<Result<_, _>>()?;
                Ok(Typed::new(Node::Concat(texts), Kind::Text))
            }
            ("length", [text]) => Ok(Typed::new(Node::Length(Box::new(self.text(text, depth)?)), Kind::Integer)),
            ("substr" | "substring", [text, start, rest @ ..]) if rest.len() <= 1 => {
                let text = Box::new(self.text(text, depth)?);
                let start = Box::new(self.of_kind(start, Kind::Integer, depth)?);
                let length = match rest {
                    [length] => Some(Box::new(self.of_kind(length, Kind::Integer, depth)?)),
                    _ => None,
                };
                Ok(Typed::new(Node::Substring(text, start, length), Kind::Text))
            }
            ("replace", [text, from, to]) => {
                let texts = [self.text(text, depth)?, self.text(from, depth)?, self.text(to, depth)?];
                Ok(Typed::new(Node::Replace(Box::new(texts)), Kind::Text))
            }
            ("starts_with", [text, start]) => {
                let (text, start) = (self.text(text, depth)?, self.text(start, depth)?);
                Ok(Typed::boolean(Node::StartsWith(Box::new(text), Box::new(start))))
            }
            ("regexp_like", [text, pattern]) => {
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
            _ if FUNCTIONS.contains(&name) => Err(format!("the function {name}() with {} arguments", arguments.len())),
            _ => Err(format!("the function {name}()")),
        }
    }

    fn numeric(&mut self, name: &str, arguments: &[&Expr], depth: usize) -> Result<Typed, String> {
        let (of, function) = match (name, arguments) {
            ("round", [of, digits]) => {
                let digits = integer_of(digits).and_then(|digits| i8::try_from(digits).ok());
                let digits = digits.filter(|digits| (-38..=38).contains(digits));
                (*of, NumberFunction::Round(digits.ok_or("round() to digits that are no whole number from -38 to 38")?))
            }
            ("round", [of]) => (*of, NumberFunction::RoundWhole),
            ("abs", _) => (single(name, arguments)?, NumberFunction::Abs),
            ("sign", _) => (single(name, arguments)?, NumberFunction::Sign),
            ("floor", _) => (single(name, arguments)?, NumberFunction::Floor),
            ("ceil" | "ceiling", _) => (single(name, arguments)?, NumberFunction::Ceiling),
            _ => return Err(format!("the function {name}() with {} arguments", arguments.len())),
        };
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
        let unit = match name.as_str() {
            "year" => DateUnit::Year,
            "quarter" => DateUnit::Quarter,
            "month" => DateUnit::Month,
            "week" => DateUnit::Week,
            "day" => DateUnit::Day,
            "hour" => DateUnit::Hour,
            "minute" => DateUnit::Minute,
            "second" => DateUnit::Second,
            _ => return Err(format!("date_trunc() to {unit}")),
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

/// Functions that are known by name, whose arguments must be wrong if they are not found.
const FUNCTIONS: [&str; 13] = [
    "mod",
    "date",
    "date_trunc",
    "coalesce",
    "greatest",
    "least",
    "nullif",
    "length",
    "substr",
    "substring",
    "replace",
    "starts_with",
    "regexp_like",
];

fn date_part(name: &str) -> Option<DatePart> {
    Some(match name {
        "year" => DatePart::Year,
        "quarter" => DatePart::Quarter,
        "month" => DatePart::Month,
        "week" | "week_of_year" => DatePart::Week,
        "day" | "day_of_month" => DatePart::Day,
        "day_of_week" | "dayofweek" | "dow" => DatePart::DayOfWeek,
        "day_of_year" | "dayofyear" | "doy" => DatePart::DayOfYear,
        "hour" => DatePart::Hour,
        "minute" => DatePart::Minute,
        "second" => DatePart::Second,
        _ => return None,
    })
}

fn text_function(name: &str) -> Option<TextFunction> {
    Some(match name {
        "lower" => TextFunction::Lower,
        "upper" => TextFunction::Upper,
        "trim" => TextFunction::Trim,
        "ltrim" => TextFunction::TrimStart,
        "rtrim" => TextFunction::TrimEnd,
        _ => return None,
    })
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
