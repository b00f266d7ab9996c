//! The query of a `quality` rule, `SELECT COUNT(*) FROM <table> WHERE <predicate>`: its predicate.
//! It does not know what a predicate may use.

use sqlparser::ast::{Expr, ObjectNamePart, Query, SelectItem, SetExpr, Statement, TableFactor};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::kind::Kind;
use super::scope::Scope;
use super::{MAX_NESTING, on_large_stack, refuse_long};
use crate::{Column, Expression};

/// What stands for the table in the contract standard's examples, with or without `$` before it.
const PLACEHOLDERS: [&str; 4] = ["{object}", "{table}", "{model}", "{schema}"];

/// What of a query cannot be used.
pub(crate) struct Refused {
    pub(crate) part: Part,
    pub(crate) found: String,
}

/// Where in a query it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The query has another form than it must have.
    Query,
    /// Its form is right, and what stands behind WHERE is not.
    Predicate,
}

/// Parses and types the predicate of `query`, which counts the rows that break a rule. `table_names` are the names that the table
/// may have in it, in any case of letters; `visible` are the columns that the predicate may read, with their indices.
/// `Err` says what was found that cannot be used.
pub(crate) fn parse_predicate(
    query: &str,
    table_names: &[&str],
    visible: &[(usize, &Column)],
) -> Result<Expression, Refused> {
    let of_query = |found| Refused { part: Part::Query, found };
    refuse_long(query).map_err(of_query)?;
    on_large_stack(|| Ok(parse_here(query, table_names, visible))).map_err(of_query)?
}

fn parse_here(query: &str, table_names: &[&str], visible: &[(usize, &Column)]) -> Result<Expression, Refused> {
    let select = parse_select(query, table_names).map_err(|found| Refused { part: Part::Query, found })?;
    let (predicate, names) = count_where(&select, table_names).map_err(|found| Refused { part: Part::Query, found })?;
    typed(predicate, &names, visible).map_err(|found| Refused { part: Part::Predicate, found })
}

fn typed(predicate: &Expr, table_names: &[String], visible: &[(usize, &Column)]) -> Result<Expression, String> {
    let mut scope = Scope::new(visible, table_names);
    let value = scope.value(predicate, 0)?;
    if value.kind != Kind::Boolean {
        return Err(format!("WHERE with {}: `{predicate}`", value.kind.name()));
    }
    Ok(Expression { text: predicate.to_string(), root: value.node, inputs: scope.into_inputs() })
}

fn parse_select(query: &str, table_names: &[&str]) -> Result<Query, String> {
    let Some(table) = table_names.first() else { return Err("a query where there is no table".to_owned()) };
    let parsed = Parser::new(&GenericDialect {})
        .with_recursion_limit(MAX_NESTING)
        .try_with_sql(&fill_placeholders(query, table))
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = parsed.map_err(|error| format!("{query:?} ({error})"))?;
    match (statements.pop(), statements.as_slice()) {
        (Some(Statement::Query(parsed)), []) => Ok(*parsed),
        _ => Err(format!("{query:?}, which is no one query")),
    }
}

/// The predicate, and the names by which it may call the table.
fn count_where<'q>(query: &'q Query, table_names: &[&str]) -> Result<(&'q Expr, Vec<String>), String> {
    let SetExpr::Select(select) = &*query.body else { return Err(format!("`{query}`, which is no SELECT")) };
    let [SelectItem::UnnamedExpr(counted) | SelectItem::ExprWithAlias { expr: counted, .. }] =
        select.projection.as_slice()
    else {
        return Err("a query of something else than COUNT(*)".to_owned());
    };
    if !matches!(counted, Expr::Function(_)) || !counted.to_string().eq_ignore_ascii_case("COUNT(*)") {
        return Err(format!("SELECT {counted} instead of SELECT COUNT(*)"));
    }
    let [from] = select.from.as_slice() else { return Err("a query of no table, or of several".to_owned()) };
    let TableFactor::Table { name, alias, .. } = &from.relation else { return Err(format!("FROM {from}")) };
    let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return Err(format!("FROM {name}")) };
    let is_known = table_names.iter().any(|known| known.eq_ignore_ascii_case(&ident.value));
    if !is_known {
        let mut names = table_names.to_vec();
        names.dedup();
        return Err(format!("FROM {name}, which is not {}", names.join(" or ")));
    }
    let Some(predicate) = &select.selection else { return Err("a query without WHERE".to_owned()) };
    // Whatever else a query can have would be printed too.
    let item = select.projection.iter().map(ToString::to_string).collect::<String>();
    let alias_text = match alias {
        Some(alias) if alias.columns.is_empty() && alias.at.is_none() => {
            format!(" {}{}", if alias.explicit { "AS " } else { "" }, alias.name)
        }
        Some(alias) => return Err(format!("FROM {name} {alias}")),
        None => String::new(),
    };
    if query.to_string() != format!("SELECT {item} FROM {name}{alias_text} WHERE {predicate}") {
        return Err(format!("`{query}`, which is more than SELECT COUNT(*) FROM {name} WHERE …"));
    }
    let names = match alias {
        Some(alias) => vec![alias.name.value.clone()],
        None => vec![ident.value.clone()],
    };
    Ok((predicate, names))
}

/// The query with the table's name where a placeholder stands for it, outside of quoted texts.
fn fill_placeholders(query: &str, table: &str) -> String {
    let quoted = format!("\"{}\"", table.replace('"', "\"\""));
    let mut filled = String::with_capacity(query.len() + quoted.len());
    // Every other piece between quotes is a text; a quote within one is doubled, which makes a piece of no length.
    for (number, piece) in query.split('\'').enumerate() {
        if number > 0 {
            filled.push('\'');
        }
        if number % 2 == 1 {
            filled.push_str(piece);
            continue;
        }
        let mut piece = piece.to_owned();
        for placeholder in PLACEHOLDERS {
            piece = piece.replace(&format!("${placeholder}"), &quoted).replace(placeholder, &quoted);
        }
        filled.push_str(&piece);
    }
    filled
}
