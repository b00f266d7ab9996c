//! Which columns a table of the warehouse should have, and what is to be done to the one that there is.
//! Pure; it must not know how statements are spelt.

use std::fmt;

use lakegate_lake::catalog::{CatalogColumn, TableColumns};
use lakegate_lake::warehouse::WarehouseColumn;

/// The column that says which file a row is of: the name of its ledger entry.
pub(crate) const SOURCE_COLUMN: &str = "lakegate_source";
/// Most digits of a decimal (Redshift).
const PRECISION_MAX: u8 = 38;

/// A type as Redshift spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    Decimal { precision: u8, scale: u8 },
    Text,
    Date,
    Timestamp,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Integer => f.write_str("INTEGER"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Real => f.write_str("REAL"),
            Self::Double => f.write_str("DOUBLE PRECISION"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
            // The longest there is: what a contract allows is not known here.
            Self::Text => f.write_str("VARCHAR(65535)"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
        }
    }
}

impl Type {
    /// A type of the catalog; `None` for one whose values are no cells of Redshift: lists and structs, which an external table has.
    fn of_catalog(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "boolean" => Self::Boolean,
            "tinyint" | "smallint" => Self::SmallInt,
            "int" | "integer" => Self::Integer,
            "bigint" => Self::BigInt,
            "float" => Self::Real,
            "double" => Self::Double,
            "string" => Self::Text,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            other => {
                let digits = other.strip_prefix("decimal(")?.strip_suffix(')')?;
                let (precision, scale) = digits.split_once(',')?;
                let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
                (precision <= PRECISION_MAX && scale <= precision).then_some(Self::Decimal { precision, scale })?
            }
        })
    }

    /// Digits before the point that its values may have, and behind it.
    fn digits(self) -> Option<(i64, i64)> {
        match self {
            Self::SmallInt => Some((5, 0)),
            Self::Integer => Some((10, 0)),
            Self::BigInt => Some((19, 0)),
            Self::Decimal { precision, scale } => Some((i64::from(precision - scale), i64::from(scale))),
            Self::Boolean | Self::Real | Self::Double | Self::Text | Self::Date | Self::Timestamp => None,
        }
    }

    /// Whether a column takes all values of this type as they are: what does not fit would be rounded, and nobody would notice. A type that
    /// is not known is left to the warehouse to judge.
    fn fits(self, found: &WarehouseColumn) -> bool {
        let numeric = (found.precision - found.scale, found.scale);
        match found.type_name.to_ascii_lowercase().as_str() {
            "bool" | "boolean" => self == Self::Boolean,
            "int2" | "smallint" => self == Self::SmallInt,
            "int4" | "integer" => matches!(self, Self::SmallInt | Self::Integer),
            "int8" | "bigint" => matches!(self, Self::SmallInt | Self::Integer | Self::BigInt),
            "numeric" | "decimal" => {
                self.digits().is_some_and(|(before, behind)| before <= numeric.0 && behind <= numeric.1)
            }
            "float4" | "real" => self == Self::Real,
            "float8" | "double precision" => matches!(self, Self::Real | Self::Double),
            "varchar" | "character varying" | "bpchar" | "text" => self == Self::Text,
            "date" => self == Self::Date,
            "timestamp" | "timestamp without time zone" => matches!(self, Self::Timestamp | Self::Date),
            _ => true,
        }
    }
}

/// A column that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) column_type: Type,
}

/// A table as the warehouse should have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) table: String,
    /// In the order of the lake's table, those of partitions last.
    pub(crate) columns: Vec<Column>,
    /// Those by which the lake's table is partitioned.
    pub(crate) partition_keys: Vec<Column>,
    /// Columns that are not loaded, because Redshift has no such type.
    pub(crate) left_out: Vec<String>,
}

/// What a table lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nothing.
    None,
    /// It is not there.
    NoTable,
    /// It lacks these columns.
    Columns(Vec<Column>),
}

/// A table that cannot be loaded as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Conflict {
    #[error(
        "column {column} of table {table} in the warehouse is {found}, and the lake's values are {wanted}: drop the table, and the next load makes it anew"
    )]
    Narrower { table: String, column: String, found: String, wanted: String },
    #[error(
        "table {table} in the warehouse was not made by a load, as it has no column {SOURCE_COLUMN}: rename or drop it, and the next load makes it anew"
    )]
    NotOurs { table: String },
    #[error(
        "table {table} of the lake has a column {SOURCE_COLUMN}, which the warehouse needs for itself: give it another physicalName"
    )]
    Taken { table: String },
}

impl Shape {
    /// What the catalog's table is in the warehouse.
    pub(crate) fn of(table: &TableColumns) -> Result<Self, Conflict> {
        let (mut columns, mut left_out) = (Vec::new(), Vec::new());
        for CatalogColumn { name, type_name, .. } in table.columns.iter().chain(&table.partition_keys) {
            if name == SOURCE_COLUMN {
                return Err(Conflict::Taken { table: table.name.clone() });
            }
            match Type::of_catalog(type_name) {
                Some(column_type) => columns.push(Column { name: name.clone(), column_type }),
                None => left_out.push(name.clone()),
            }
        }
        let is_key = |column: &&Column| table.partition_keys.iter().any(|key| key.name == column.name);
        let partition_keys = columns.iter().filter(is_key).cloned().collect();
        Ok(Self { table: table.name.clone(), columns, partition_keys, left_out })
    }

    /// Holds the warehouse's table against it. Columns that the lake does not have are left as they are.
    pub(crate) fn difference(&self, found: Option<&[WarehouseColumn]>) -> Result<Difference, Conflict> {
        let Some(found) = found else { return Ok(Difference::NoTable) };
        let table = || self.table.clone();
        if !found.iter().any(|column| column.name == SOURCE_COLUMN) {
            return Err(Conflict::NotOurs { table: table() });
        }
        let mut lacking = Vec::new();
        for column in &self.columns {
            match found.iter().find(|found| found.name.eq_ignore_ascii_case(&column.name)) {
                None => lacking.push(column.clone()),
                Some(found) if column.column_type.fits(found) => (),
                Some(WarehouseColumn { type_name, precision, scale, .. }) => {
                    let is_decimal = type_name == "numeric" || type_name == "decimal";
                    let found = if is_decimal { format!("DECIMAL({precision},{scale})") } else { type_name.clone() };
                    let (column, wanted) = (column.name.clone(), column.column_type.to_string());
                    return Err(Conflict::Narrower { table: table(), column, found, wanted });
                }
            }
        }
        Ok(if lacking.is_empty() { Difference::None } else { Difference::Columns(lacking) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(columns: &[(&str, &str)]) -> TableColumns {
        let column = |(name, type_name): &(&str, &str)| CatalogColumn {
            name: (*name).to_owned(),
            type_name: (*type_name).to_owned(),
            comment: None,
        };
        TableColumns { name: "t".to_owned(), columns: columns.iter().map(column).collect(), partition_keys: vec![] }
    }

    fn found(columns: &[(&str, &str, i64, i64)]) -> Vec<WarehouseColumn> {
        let ours = ("lakegate_source", "varchar", 64, 0);
        let column = |(name, type_name, precision, scale): &(&str, &str, i64, i64)| WarehouseColumn {
            name: (*name).to_owned(),
            type_name: (*type_name).to_owned(),
            precision: *precision,
            scale: *scale,
        };
        columns.iter().chain([&ours]).map(column).collect()
    }

    #[test]
    fn every_type_of_the_catalog_has_one_of_the_warehouse_or_is_left_out() {
        let types = "boolean smallint int bigint float double string date timestamp decimal(12,2) array<int>";
        let columns: Vec<(&str, &str)> = types.split(' ').map(|each| (each, each)).collect();
        let shape = Shape::of(&catalog(&columns)).unwrap();
        let spelt: Vec<String> = shape.columns.iter().map(|column| column.column_type.to_string()).collect();
        insta::assert_snapshot!(spelt.join(" | "), @"BOOLEAN | SMALLINT | INTEGER | BIGINT | REAL | DOUBLE PRECISION | VARCHAR(65535) | DATE | TIMESTAMP | DECIMAL(12,2)");
        assert_eq!(shape.left_out, ["array<int>"]);
    }

    #[test]
    fn a_table_lacks_columns_or_is_not_there_or_is_as_it_should_be() {
        let shape = Shape::of(&catalog(&[("a", "int"), ("b", "string")])).unwrap();
        assert_eq!(shape.difference(None), Ok(Difference::NoTable));
        let wider = found(&[("a", "int8", 0, 0), ("b", "varchar", 10, 0), ("mine", "super", 0, 0)]);
        assert_eq!(shape.difference(Some(&wider)), Ok(Difference::None));
        let Ok(Difference::Columns(lacking)) = shape.difference(Some(&found(&[("a", "int4", 0, 0)]))) else { panic!() };
        assert_eq!(lacking.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_would_be_rounded_is_a_conflict() {
        let conflict = |wanted: &str, type_name: &str, precision, scale| {
            let shape = Shape::of(&catalog(&[("a", wanted)])).unwrap();
            shape.difference(Some(&found(&[("a", type_name, precision, scale)]))).unwrap_err().to_string()
        };
        insta::assert_snapshot!(conflict("decimal(14,4)", "numeric", 12, 2), @"column a of table t in the warehouse is DECIMAL(12,2), and the lake's values are DECIMAL(14,4): drop the table, and the next load makes it anew");
        insta::assert_snapshot!(conflict("double", "float4", 0, 0), @"column a of table t in the warehouse is float4, and the lake's values are DOUBLE PRECISION: drop the table, and the next load makes it anew");
        assert!(
            conflict("bigint", "int4", 32, 0).contains("BIGINT")
                && conflict("timestamp", "date", 0, 0).contains("TIMESTAMP")
        );
        // Nineteen digits have room in this one.
        let shape = Shape::of(&catalog(&[("a", "bigint")])).unwrap();
        assert_eq!(shape.difference(Some(&found(&[("a", "numeric", 21, 2)]))), Ok(Difference::None));
    }

    #[test]
    fn a_table_that_no_load_made_is_left_alone() {
        let shape = Shape::of(&catalog(&[("a", "int")])).unwrap();
        let mut theirs = found(&[("a", "int4", 0, 0)]);
        theirs.pop();
        insta::assert_snapshot!(shape.difference(Some(&theirs)).unwrap_err(), @"table t in the warehouse was not made by a load, as it has no column lakegate_source: rename or drop it, and the next load makes it anew");
        insta::assert_snapshot!(Shape::of(&catalog(&[("lakegate_source", "int")])).unwrap_err(), @"table t of the lake has a column lakegate_source, which the warehouse needs for itself: give it another physicalName");
    }
}
