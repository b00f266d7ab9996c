//! `transformLogic`: SQL text to a typed [`Expression`], over a short list of operators and functions; anything else is refused by name.
//! It does not evaluate.

use sqlparser::ast::{
    BinaryOperator as SqlOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
    Value,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use crate::value::parse_decimal;
use crate::{BinaryOperator, Column, ColumnType, DatePart, Expression, Node};

/// What an expression may use; the text of errors.
pub(crate) const SUPPORTED: &str =
    "columns, numbers, 'text', + - * ||, year(), quarter(), month(), day(), lower(), upper(), concat()";
/// Digits of the widest decimal.
const MAX_DIGITS: u8 = 38;
/// Deeper nesting is refused: evaluation is recursive.
const MAX_DEPTH: usize = 64;

/// What a node's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Exact {
        scale: u8,
    },
    Double,
    Boolean,
    Date,
    Timestamp,
    /// A nested value or JSON, of which nothing can be computed.
    Nested,
}

impl Kind {
    fn of(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::String => Self::Text,
            ColumnType::Integer(_) => Self::Exact { scale: 0 },
            ColumnType::Decimal { scale, .. } => Self::Exact { scale: *scale },
            ColumnType::Double => Self::Double,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Date(_) => Self::Date,
            ColumnType::Timestamp(_) => Self::Timestamp,
            ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => Self::Nested,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Exact { .. } => "an exact number",
            Self::Double => "a double",
            Self::Boolean => "a boolean",
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::Nested => "a nested value",
        }
    }

    /// Whether a value of this kind may stand in a column of kind `column`. Exact numbers are rounded (half away from zero) to
    /// the column's scale, and may become doubles; doubles never become exact.
    fn fits(self, column: Self) -> bool {
        match (self, column) {
            (Self::Exact { .. }, Self::Exact { .. } | Self::Double) => true,
            (kind, column) => kind == column,
        }
    }
}

/// Parses and types `text` for a column of `column_type`. `visible` are the columns that it may read, with their indices.
/// `Err` says what was found that cannot be used.
pub(crate) fn parse(text: &str, column_type: &ColumnType, visible: &[(usize, &Column)]) -> Result<Expression, String> {
    let sql = parse_sql(text)?;
    let mut scope = Scope { visible, inputs: Vec::new() };
    let (root, kind) = scope.node(&sql, 0)?;
    let wanted = Kind::of(column_type);
    if !kind.fits(wanted) {
        return Err(format!("{} in a column of {}", kind.name(), wanted.name()));
    }
    scope.inputs.sort_unstable();
    scope.inputs.dedup();
    Ok(Expression { text: text.to_owned(), root, inputs: scope.inputs })
}

fn parse_sql(text: &str) -> Result<Expr, String> {
    let parsed =
        Parser::new(&GenericDialect {}).with_recursion_limit(MAX_DEPTH).try_with_sql(text).and_then(|mut parser| {
            let expression = parser.parse_expr()?;
            parser.expect_token(&Token::EOF)?;
            Ok(expression)
        });
    parsed.map_err(|error| format!("{text:?} ({error})"))
}

struct Scope<'a> {
    visible: &'a [(usize, &'a Column)],
    inputs: Vec<usize>,
}

impl Scope<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "sqlparser knows some sixty expressions; the point is to refuse all but a few"
    )]
    fn node(&mut self, sql: &Expr, depth: usize) -> Result<(Node, Kind), String> {
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} levels of nesting"));
        }
        match sql {
            Expr::Nested(inner) => self.node(inner, depth + 1),
            Expr::Identifier(ident) => self.column(&ident.value),
            Expr::Value(value) => literal(&value.value),
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.number(expr, depth),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                let (node, kind) = self.number(expr, depth)?;
                Ok((Node::Negate(Box::new(node)), kind))
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, depth),
            Expr::Function(function) => self.function(function, depth),
            other => Err(format!("`{other}`")),
        }
    }

    fn column(&mut self, name: &str) -> Result<(Node, Kind), String> {
        let is_named = |column: &Column| column.name == name || column.physical_name.eq_ignore_ascii_case(name);
        let Some((index, column)) = self.visible.iter().find(|(_, column)| is_named(column)) else {
            return Err(format!("{name}, which is no column before this one"));
        };
        self.inputs.push(*index);
        // What a derived column reads is read by whoever reads it: a bad value down there explains a null up here.
        self.inputs.extend(column.expression().iter().flat_map(|expression| &expression.inputs));
        Ok((Node::Column(*index), Kind::of(&column.column_type)))
    }

    fn number(&mut self, sql: &Expr, depth: usize) -> Result<(Node, Kind), String> {
        let (node, kind) = self.node(sql, depth + 1)?;
        match kind {
            Kind::Exact { .. } | Kind::Double => Ok((node, kind)),
            Kind::Text | Kind::Boolean | Kind::Date | Kind::Timestamp | Kind::Nested => {
                Err(format!("arithmetic on {}: `{sql}`", kind.name()))
            }
        }
    }

    fn text(&mut self, sql: &Expr, depth: usize) -> Result<Node, String> {
        match self.node(sql, depth + 1)? {
            (node, Kind::Text) => Ok(node),
            (_, kind) => Err(format!("{} where a text is needed: `{sql}`", kind.name())),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "sqlparser knows some eighty operators; the point is to refuse all but a few"
    )]
    fn binary(&mut self, left: &Expr, op: &SqlOperator, right: &Expr, depth: usize) -> Result<(Node, Kind), String> {
        let operator = match op {
            SqlOperator::Plus => BinaryOperator::Add,
            SqlOperator::Minus => BinaryOperator::Subtract,
            SqlOperator::Multiply => BinaryOperator::Multiply,
            SqlOperator::StringConcat => {
                return Ok((Node::Concat(vec![self.text(left, depth)?, self.text(right, depth)?]), Kind::Text));
            }
            other => return Err(format!("the operator {other}")),
        };
        let (left, left_kind) = self.number(left, depth)?;
        let (right, right_kind) = self.number(right, depth)?;
        let kind = match (left_kind, right_kind) {
            (Kind::Exact { scale: a }, Kind::Exact { scale: b }) => {
                let scale = if operator == BinaryOperator::Multiply { a + b } else { a.max(b) };
                if scale > MAX_DIGITS {
                    return Err(format!("a product with {scale} digits behind the point (at most {MAX_DIGITS})"));
                }
                Kind::Exact { scale }
            }
            _ => Kind::Double,
        };
        Ok((Node::Binary { operator, left: Box::new(left), right: Box::new(right) }, kind))
    }

    fn function(&mut self, function: &Function, depth: usize) -> Result<(Node, Kind), String> {
        let name = function.name.to_string().to_ascii_lowercase();
        let arguments = arguments(function).ok_or_else(|| format!("`{function}`"))?;
        let part = match name.as_str() {
            "year" => DatePart::Year,
            "quarter" => DatePart::Quarter,
            "month" => DatePart::Month,
            "day" => DatePart::Day,
            "lower" | "upper" => {
                let text = Box::new(self.text(single(&name, &arguments)?, depth)?);
                return Ok((if name == "lower" { Node::Lower(text) } else { Node::Upper(text) }, Kind::Text));
            }
            "concat" if !arguments.is_empty() => {
                let texts = arguments.iter().map(|argument| self.text(argument, depth)).collect::<Result<_, _>>()?;
                return Ok((Node::Concat(texts), Kind::Text));
            }
            _ => return Err(format!("the function {name}()")),
        };
        let argument = single(&name, &arguments)?;
        match self.node(argument, depth + 1)? {
            (of, Kind::Date | Kind::Timestamp) => {
                Ok((Node::DatePart { part, of: Box::new(of) }, Kind::Exact { scale: 0 }))
            }
            (_, kind) => Err(format!("{name}() of {}", kind.name())),
        }
    }
}

/// The plain positional arguments; `None` where a call has anything else (`DISTINCT`, `OVER`, names, a subquery).
fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let is_plain = function.filter.is_none() && function.over.is_none() && function.within_group.is_empty();
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

fn single<'e>(name: &str, arguments: &[&'e Expr]) -> Result<&'e Expr, String> {
    match arguments {
        [only] => Ok(only),
        _ => Err(format!("{} arguments of {name}(), which takes one", arguments.len())),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlparser knows some twenty literals; the point is to refuse all but two"
)]
fn literal(value: &Value) -> Result<(Node, Kind), String> {
    match value {
        Value::SingleQuotedString(text) => Ok((Node::Text(text.clone()), Kind::Text)),
        Value::Number(text, _) => {
            let scale = text.split_once('.').map_or(0, |(_, behind)| behind.len());
            let scale = u8::try_from(scale).ok().filter(|scale| *scale <= MAX_DIGITS);
            let exact = scale.and_then(|scale| Some((parse_decimal(text.as_bytes(), MAX_DIGITS, scale)?, scale)));
            let Some((value, scale)) = exact else { return Err(format!("the number {text}")) };
            Ok((Node::Number { value, scale }, Kind::Exact { scale }))
        }
        other => Err(format!("the literal {other}")),
    }
}

/// Parses `SELECT COUNT(*) FROM <one of table_names> WHERE <predicate>` and types the predicate, over the columns of `visible` with
/// their indices. `Err` says what was found that cannot be used.
pub(crate) fn parse_predicate(
    query: &str,
    _table_names: &[&str],
    _visible: &[(usize, &Column)],
) -> Result<Expression, String> {
    Err(format!("{query:?} (sql rules are not supported yet)"))
}
