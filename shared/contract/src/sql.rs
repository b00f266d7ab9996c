//! SQL text to a typed [`Expression`], over a documented list of operators and functions (docs/contracts.md): `transformLogic` and the
//! predicates of `quality`. Anything else is refused by name. It does not evaluate.

pub(crate) mod functions;
mod kind;
mod literals;
pub(crate) mod operators;
mod query;
mod scope;

use sqlparser::ast::Expr;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use self::kind::Kind;
use self::scope::Scope;
use crate::{Column, ColumnType, Expression};

pub(crate) use self::query::{Part, parse_predicate};

/// What an expression may use; the text of errors.
pub(crate) const SUPPORTED: &str = "columns, literals, + - * / % ||, = <> < <= > >=, AND OR NOT, IS NULL, IN, BETWEEN, LIKE, CASE, \
                                    CAST and the functions that docs/contracts.md lists";
/// Digits of the widest decimal.
const MAX_DIGITS: u8 = 38;
/// Deeper trees are refused: evaluation is recursive, and a chain of operators makes a tree as deep as it is long.
const MAX_DEPTH: usize = 64;
/// Deeper nesting of brackets is refused: SQL's parser is recursive, and takes up to 90 KB of stack a level without optimisation.
const MAX_NESTING: usize = 32;
/// A longer text is refused: a chain of operators becomes a tree as deep as it is long, and SQL's parser prints and drops it recursively.
const MAX_TEXT_BYTES: usize = 8 * 1024;
/// What that takes at most, three times over: some 4,000 levels of 2.6 KB without optimisation. Only what is used becomes memory.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Parses and types `text` for a column of `column_type`. `visible` are the columns that it may read, with their indices.
/// `Err` says what was found that cannot be used.
pub(crate) fn parse(text: &str, column_type: &ColumnType, visible: &[(usize, &Column)]) -> Result<Expression, String> {
    refuse_long(text)?;
    on_large_stack(|| parse_here(text, column_type, visible))
}

/// SQL's trees can be deeper than a thread's usual stack, which the parser's own limit does not count.
fn on_large_stack<T: Send>(parse: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, parse);
        let thread = thread.map_err(|error| format!("SQL, and no thread to parse it ({error})"))?;
        thread.join().unwrap_or_else(|_| Err("SQL that its parser cannot cope with".to_owned()))
    })
}

fn parse_here(text: &str, column_type: &ColumnType, visible: &[(usize, &Column)]) -> Result<Expression, String> {
    let sql = parse_sql(text)?;
    let mut scope = Scope::new(visible, &[]);
    let value = scope.value(&sql, 0)?;
    let wanted = Kind::of(column_type);
    if !value.kind.fits(wanted) {
        return Err(format!("{} in a column of {}", value.kind.name(), wanted.name()));
    }
    Ok(Expression { text: text.to_owned(), root: value.node, inputs: scope.into_inputs() })
}

fn parse_sql(text: &str) -> Result<Expr, String> {
    let parsed =
        Parser::new(&GenericDialect {}).with_recursion_limit(MAX_NESTING).try_with_sql(text).and_then(|mut parser| {
            let expression = parser.parse_expr()?;
            parser.expect_token(&Token::EOF)?;
            Ok(expression)
        });
    parsed.map_err(|error| format!("{text:?} ({error})"))
}

fn refuse_long(text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("SQL of {} bytes (at most {MAX_TEXT_BYTES})", text.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
