//! A column's type as catalog and Parquet files have it, and the type in which files of two types can be read together.
//! It does not know how values are read, nor where a catalog is.

mod parse;

use std::fmt;

use crate::{ColumnType, IntegerWidth};

/// The most digits of a decimal that Trino holds in 64 bits. Until version 442 it reads a file's shorter decimal as a longer one, but a
/// query that compares the column fails: <https://github.com/trinodb/trino/pull/20981>. Which version Athena has is not said.
const SHORT_DECIMAL_DIGITS: u8 = 18;

/// A column's type in the catalog. Its text is Hive's spelling, which Glue and Athena share: `array<struct<a:int,b:decimal(12,2)>>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableType {
    /// `string`
    String,
    /// `tinyint`, `smallint`, `int`, `bigint`
    Integer(IntegerWidth),
    /// `double`
    Double,
    /// `decimal(precision,scale)`
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `struct<name:type,…>`, names in lower case.
    Struct(Vec<(String, TableType)>),
    /// `array<type>`
    List(Box<TableType>),
}

/// Two types whose files cannot be read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeConflict {
    /// The column, or the value nested in it: `address.zip`, `lines[].quantity`.
    pub path: String,
    /// The first type there.
    pub one: TableType,
    /// The other.
    pub other: TableType,
}

impl TableType {
    /// The type of the contract's column, by whatever pattern its values are written.
    #[must_use]
    pub fn of(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::String | ColumnType::Json => Self::String,
            ColumnType::Integer(width) => Self::Integer(*width),
            ColumnType::Double => Self::Double,
            ColumnType::Decimal { precision, scale } => Self::Decimal { precision: *precision, scale: *scale },
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Date(_) => Self::Date,
            ColumnType::Timestamp(_) => Self::Timestamp,
            ColumnType::Struct(fields) => {
                let fields = fields.iter().map(|field| (field.physical_name.clone(), Self::of(&field.column_type)));
                Self::Struct(fields.collect())
            }
            ColumnType::List(item) => Self::List(Box::new(Self::of(&item.column_type))),
        }
    }

    /// Reads Hive's spelling, in any case of letters. `None`: no type of ours (`map<…>`, `float`, `char(3)`), or no type.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse::parse(text)
    }

    /// The type in which files of both types can be read: by Athena (and Trino), which find columns and members of structs by their
    /// names, by `DuckDB` and by pyarrow.
    ///
    /// - Whole numbers: the wider one.
    /// - Decimals of one scale, both up to 18 digits or both beyond: the longer one.
    /// - Structs: every member of either, those of `self` first; a file that lacks one has null there.
    /// - Arrays: of the items' common type.
    /// - Any other two types: none. Their files would fail a query, or show other values.
    ///
    /// # Errors
    /// Where they have none; `path` is the column's name.
    pub fn common(&self, other: &Self, path: &str) -> Result<Self, TypeConflict> {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => Ok(Self::Integer(*one.max(other))),
            (Self::Decimal { precision: one, scale }, Self::Decimal { precision: other, scale: other_scale })
                if scale == other_scale && (*one <= SHORT_DECIMAL_DIGITS) == (*other <= SHORT_DECIMAL_DIGITS) =>
            {
                Ok(Self::Decimal { precision: *one.max(other), scale: *scale })
            }
            (Self::Struct(ones), Self::Struct(others)) => Ok(Self::Struct(common_members(ones, others, path)?)),
            (Self::List(one), Self::List(other)) => Ok(Self::List(Box::new(one.common(other, &format!("{path}[]"))?))),
            (one, other) if one == other => Ok(one.clone()),
            (one, other) => Err(TypeConflict { path: path.to_owned(), one: one.clone(), other: other.clone() }),
        }
    }
}

fn common_members(
    ones: &[(String, TableType)],
    others: &[(String, TableType)],
    path: &str,
) -> Result<Vec<(String, TableType)>, TypeConflict> {
    let mut members = Vec::with_capacity(ones.len().max(others.len()));
    for (name, one) in ones {
        let member = match others.iter().find(|(other, _)| other == name) {
            Some((_, other)) => one.common(other, &format!("{path}.{name}"))?,
            None => one.clone(),
        };
        members.push((name.clone(), member));
    }
    let is_new = |name: &String| !ones.iter().any(|(one, _)| one == name);
    members.extend(others.iter().filter(|(name, _)| is_new(name)).cloned());
    Ok(members)
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Integer(IntegerWidth::I8) => f.write_str("tinyint"),
            Self::Integer(IntegerWidth::I16) => f.write_str("smallint"),
            Self::Integer(IntegerWidth::I32) => f.write_str("int"),
            Self::Integer(IntegerWidth::I64) => f.write_str("bigint"),
            Self::Double => f.write_str("double"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Boolean => f.write_str("boolean"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Struct(members) => {
                f.write_str("struct<")?;
                for (index, (name, member)) in members.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{name}:{member}")?;
                }
                f.write_str(">")
            }
            Self::List(item) => write!(f, "array<{item}>"),
        }
    }
}

#[cfg(test)]
mod tests;
