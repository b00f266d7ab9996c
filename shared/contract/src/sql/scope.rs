//! The nodes of a SQL expression, one by one: columns, and where each other kind of node is read.
//! It does not know what the operators and functions mean.

use sqlparser::ast::{Expr, Ident, UnaryOperator};

use super::kind::{Kind, Typed};
use super::{MAX_DEPTH, literals};
use crate::problem::nearest;
use crate::{Column, Node};

/// What an expression may see.
pub(super) struct Scope<'a> {
    visible: &'a [(usize, &'a Column)],
    /// Names of the table, any of which may stand before a column's.
    tables: &'a [String],
    inputs: Vec<usize>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(visible: &'a [(usize, &'a Column)], tables: &'a [String]) -> Self {
        Self { visible, tables, inputs: Vec::new() }
    }

    /// The columns that were read, ascending, each once.
    pub(super) fn into_inputs(mut self) -> Vec<usize> {
        self.inputs.sort_unstable();
        self.inputs.dedup();
        self.inputs
    }

    /// An expression that may be `NULL` or of a nested type.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "sqlparser knows some sixty expressions; the point is to refuse all but a few"
    )]
    pub(super) fn node(&mut self, sql: &Expr, depth: usize) -> Result<Typed, String> {
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} levels of nesting"));
        }
        match sql {
            Expr::Nested(inner) => self.node(inner, depth + 1),
            Expr::Identifier(ident) => self.column(&ident.value),
            Expr::CompoundIdentifier(idents) => self.qualified(idents),
            Expr::Value(value) => literals::literal(&value.value),
            Expr::TypedString(typed) => literals::typed_literal(typed),
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.number(expr, depth),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                let value = self.number(expr, depth)?;
                Ok(Typed::new(Node::Negate(Box::new(value.node)), value.kind))
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok(Typed::boolean(Node::Not(Box::new(self.condition(expr, depth)?))))
            }
            Expr::BinaryOp { left, op, right } => self.binary(sql, (left, op, right), depth),
            Expr::IsNull(inner) => self.is_null(inner, depth),
            Expr::IsNotNull(inner) => Ok(negated_if(true, self.is_null(inner, depth)?)),
            Expr::InList { expr, list, negated } => Ok(negated_if(*negated, self.in_list(expr, list, depth)?)),
            Expr::Between { expr, negated, low, high } => {
                Ok(negated_if(*negated, self.between([expr, low, high], depth)?))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                Ok(negated_if(*negated, self.like(expr, pattern, escape_char.as_deref(), depth)?))
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), depth)
            }
            Expr::Cast { kind: sqlparser::ast::CastKind::Cast, expr, data_type, format: None } => {
                self.cast(expr, data_type, depth)
            }
            Expr::Function(_)
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. } => self.function(sql, depth),
            other => Err(format!("`{other}`")),
        }
    }

    /// An expression that has a value of its own.
    pub(super) fn value(&mut self, sql: &Expr, depth: usize) -> Result<Typed, String> {
        let value = self.node(sql, depth)?;
        match value.kind {
            Kind::Null => Err("NULL where a value is needed (IS NULL asks for null)".to_owned()),
            Kind::Nested => Err(format!("a nested value, which can only be asked for null: `{sql}`")),
            Kind::Boolean
            | Kind::Integer
            | Kind::Decimal { .. }
            | Kind::Double
            | Kind::Text
            | Kind::Date
            | Kind::Timestamp => Ok(value),
        }
    }

    pub(super) fn number(&mut self, sql: &Expr, depth: usize) -> Result<Typed, String> {
        let value = self.value(sql, depth + 1)?;
        if value.kind.is_number() { Ok(value) } else { Err(format!("arithmetic on {}: `{sql}`", value.kind.name())) }
    }

    pub(super) fn text(&mut self, sql: &Expr, depth: usize) -> Result<Node, String> {
        self.of_kind(sql, Kind::Text, depth)
    }

    pub(super) fn condition(&mut self, sql: &Expr, depth: usize) -> Result<Node, String> {
        self.of_kind(sql, Kind::Boolean, depth)
    }

    pub(super) fn of_kind(&mut self, sql: &Expr, wanted: Kind, depth: usize) -> Result<Node, String> {
        let value = self.value(sql, depth + 1)?;
        if value.kind == wanted {
            return Ok(value.node);
        }
        let needed = if wanted == Kind::Integer { "a whole number" } else { wanted.name() };
        Err(format!("{} where {needed} is needed: `{sql}`", value.kind.name()))
    }

    fn is_null(&mut self, sql: &Expr, depth: usize) -> Result<Typed, String> {
        let value = self.node(sql, depth + 1)?;
        if value.kind == Kind::Null {
            return Err(format!("`{sql}` IS NULL, which is always so"));
        }
        Ok(Typed::boolean(Node::IsNull(Box::new(value.node))))
    }

    fn qualified(&mut self, idents: &[Ident]) -> Result<Typed, String> {
        match idents {
            [table, column] if self.tables.iter().any(|name| name.eq_ignore_ascii_case(&table.value)) => {
                self.column(&column.value)
            }
            _ => Err(idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".")
                + ", which is no column of the table"),
        }
    }

    /// A column by its name, else by its physical name, else by its name in another case of letters.
    fn column(&mut self, name: &str) -> Result<Typed, String> {
        let exact = self.visible.iter().find(|(_, column)| column.name == name);
        let physical = || self.visible.iter().find(|(_, column)| column.physical_name.eq_ignore_ascii_case(name));
        let other_case = || {
            let mut alike = self.visible.iter().filter(|(_, column)| column.name.eq_ignore_ascii_case(name));
            alike.next().filter(|_| alike.next().is_none())
        };
        let Some((index, column)) = exact.or_else(physical).or_else(other_case) else {
            let known = if self.tables.is_empty() { "column before this one" } else { "column of the table" };
            let names = self.visible.iter().flat_map(|(_, column)| [column.name.as_str(), &column.physical_name]);
            let near = nearest(name, names).map_or_else(String::new, |near| format!(" (did you mean {near}?)"));
            return Err(format!("{name}, which is no {known}{near}"));
        };
        self.inputs.push(*index);
        // What a derived column reads is read by whoever reads it: a bad value down there explains a null up here.
        self.inputs.extend(column.expression().iter().flat_map(|expression| &expression.inputs));
        Ok(Typed::new(Node::Column(*index), Kind::of(&column.column_type)))
    }
}

fn negated_if(negated: bool, value: Typed) -> Typed {
    if negated { Typed::boolean(Node::Not(Box::new(value.node))) } else { value }
}
