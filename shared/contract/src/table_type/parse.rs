//! Hive's spelling of a type to the type. What is no type of ours is none.
//! It must take any text: catalogs are written by others too.

use super::TableType;
use crate::IntegerWidth;

/// More levels of nesting than a contract may have (16), and few enough for any stack.
const DEPTH_MAX: usize = 64;
const DIGITS_MAX: u8 = 38;

pub(super) fn parse(text: &str) -> Option<TableType> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect::<String>().to_ascii_lowercase();
    let mut rest = text.as_str();
    let found = one(&mut rest, 0)?;
    rest.is_empty().then_some(found)
}

/// Reads one type from the beginning of `rest`.
fn one(rest: &mut &str, depth: usize) -> Option<TableType> {
    if depth > DEPTH_MAX {
        return None;
    }
    let end = rest.find(['<', '>', '(', ')', ',', ':']).unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(end)?;
    *rest = behind;
    Some(match word {
        "string" => TableType::String,
        "tinyint" => TableType::Integer(IntegerWidth::I8),
        "smallint" => TableType::Integer(IntegerWidth::I16),
        "int" | "integer" => TableType::Integer(IntegerWidth::I32),
        "bigint" => TableType::Integer(IntegerWidth::I64),
        "double" => TableType::Double,
        "boolean" => TableType::Boolean,
        "date" => TableType::Date,
        "timestamp" => TableType::Timestamp,
        "decimal" => decimal(rest)?,
        "array" => {
            take(rest, '<')?;
            let item = one(rest, depth + 1)?;
            take(rest, '>')?;
            TableType::List(Box::new(item))
        }
        "struct" => TableType::Struct(members(rest, depth)?),
        _ => return None,
    })
}

fn members(rest: &mut &str, depth: usize) -> Option<Vec<(String, TableType)>> {
    take(rest, '<')?;
    let mut members = Vec::new();
    loop {
        let (name, behind) = rest.split_once(':')?;
        let is_name = !name.is_empty() && !name.contains(['<', '>', '(', ')', ',']);
        if !is_name || members.iter().any(|(other, _)| other == name) {
            return None;
        }
        *rest = behind;
        members.push((name.to_owned(), one(rest, depth + 1)?));
        if take(rest, ',').is_none() {
            take(rest, '>')?;
            return Some(members);
        }
    }
}

/// Hive's `decimal` without digits is `decimal(10,0)`, with one number `decimal(p,0)`.
fn decimal(rest: &mut &str) -> Option<TableType> {
    if take(rest, '(').is_none() {
        return Some(TableType::Decimal { precision: 10, scale: 0 });
    }
    let (digits, behind) = rest.split_once(')')?;
    *rest = behind;
    let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
    let (precision, scale) = (precision.parse::<u8>().ok()?, scale.parse::<u8>().ok()?);
    let is_decimal = (1..=DIGITS_MAX).contains(&precision) && scale <= precision;
    is_decimal.then_some(TableType::Decimal { precision, scale })
}

fn take(rest: &mut &str, character: char) -> Option<()> {
    *rest = rest.strip_prefix(character)?;
    Some(())
}
