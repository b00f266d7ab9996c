//! Columns that are there and columns that are wanted, to the columns that take the files of both.
//! Pure; it must not make a call.

use lakegate_contract::TableType;
use sha2::{Digest, Sha256};

use super::CatalogColumn;
use crate::LakeError;

/// The columns of a table, or a partition, that has some and is to take files with others: those that are there, in their order, then
/// the new ones. None goes: older files may have it, and who asks for it gets null for newer ones. A type becomes the one in which
/// files of both are read, which may be wider than the wanted one. So it does not matter in which order contracts come, nor how often.
///
/// # Errors
/// [`LakeError::IncompatibleTable`], where files of the two cannot be read together.
pub(super) fn merged(
    table: &str,
    found: &[CatalogColumn],
    wanted: &[CatalogColumn],
) -> Result<Vec<CatalogColumn>, LakeError> {
    let mut columns = Vec::with_capacity(found.len().max(wanted.len()));
    for column in found {
        let wanted = wanted.iter().find(|wanted| is_same_name(wanted, column));
        columns.push(match wanted {
            None => column.clone(),
            Some(wanted) => CatalogColumn {
                name: column.name.clone(),
                type_name: common_type(table, column, wanted)?,
                comment: wanted.comment.clone(),
            },
        });
    }
    let is_new = |column: &&CatalogColumn| !found.iter().any(|other| is_same_name(column, other));
    columns.extend(wanted.iter().filter(is_new).cloned());
    Ok(columns)
}

/// Whether two lists name the same columns of the same types, whatever their comments are.
pub(super) fn are_same(ones: &[CatalogColumn], others: &[CatalogColumn]) -> bool {
    let shape = |column: &CatalogColumn| (column.name.clone(), column.type_name.clone());
    ones.iter().map(shape).eq(others.iter().map(shape))
}

/// The columns' names and types in 16 characters.
pub(super) fn digest(columns: &[CatalogColumn]) -> String {
    let mut hasher = Sha256::new();
    for column in columns {
        hasher.update(format!("{} {}\n", column.name, column.type_name));
    }
    let hash: u64 = hasher.finalize().iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
    format!("{hash:016x}")
}

/// Catalogs fold names to lower case, and not everybody who writes to them does.
fn is_same_name(one: &CatalogColumn, other: &CatalogColumn) -> bool {
    one.name.eq_ignore_ascii_case(&other.name)
}

fn common_type(table: &str, found: &CatalogColumn, wanted: &CatalogColumn) -> Result<String, LakeError> {
    if found.type_name == wanted.type_name {
        return Ok(found.type_name.clone());
    }
    let incompatible = |column: &str, found: String, wanted: String| LakeError::IncompatibleTable {
        table: table.to_owned(),
        column: column.to_owned(),
        found,
        wanted,
    };
    let types = (TableType::parse(&found.type_name), TableType::parse(&wanted.type_name));
    let (Some(found_type), Some(wanted_type)) = types else {
        return Err(incompatible(&found.name, found.type_name.clone(), wanted.type_name.clone()));
    };
    match found_type.common(&wanted_type, &found.name) {
        // As it is spelt there.
        Ok(common) if common == found_type => Ok(found.type_name.clone()),
        Ok(common) => Ok(common.to_string()),
        Err(conflict) => Err(incompatible(&conflict.path, conflict.one.to_string(), conflict.other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Vec<CatalogColumn> {
        let column = |(name, type_name): (&str, &str)| CatalogColumn {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            comment: None,
        };
        text.split("; ").filter_map(|column| column.split_once(' ')).map(column).collect()
    }

    fn merged_text(found: &str, wanted: &str) -> String {
        match merged("db.t", &columns(found), &columns(wanted)) {
            Ok(columns) => columns
                .iter()
                .map(|column| format!("{} {}", column.name, column.type_name))
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn new_columns_come_last_dropped_ones_stay_and_types_widen_but_never_narrow() {
        assert_eq!(merged_text("a int; b string", "c date; b string; a bigint"), "a bigint; b string; c date");
        assert_eq!(merged_text("a bigint; b string", "a int"), "a bigint; b string");
        assert_eq!(
            merged_text("s array<struct<X:int,y:string>>", "s array<struct<z:date,x:bigint>>"),
            "s array<struct<x:bigint,y:string,z:date>>"
        );
        assert_eq!(merged_text("", "a int"), "a int");
    }

    #[test]
    fn what_others_wrote_in_another_spelling_stays_as_they_wrote_it() {
        assert_eq!(
            merged_text("A integer; m map<string,int>", "a smallint; b string"),
            "A integer; m map<string,int>; b string"
        );
        assert_eq!(merged_text("m map<string,int>", "m map<string,int>"), "m map<string,int>");
    }

    #[test]
    fn types_that_cannot_be_read_together_name_the_value_and_both() {
        insta::assert_snapshot!(merged_text("a string; b int", "a int"), @"column a of table db.t is string, the contract asks for int: its files cannot be read as both");
        insta::assert_snapshot!(merged_text("l array<struct<x:int>>", "l array<struct<x:date>>"), @"column l[].x of table db.t is int, the contract asks for date: its files cannot be read as both");
        insta::assert_snapshot!(merged_text("m map<string,int>", "m string"), @"column m of table db.t is map<string,int>, the contract asks for string: its files cannot be read as both");
    }

    #[test]
    fn it_does_not_matter_which_contract_comes_first_nor_how_often() {
        let contracts =
            ["a int; b string", "b string; a bigint; c struct<x:int>", "c struct<y:date,x:bigint>"].map(columns);
        let [one, two, three] = &contracts;
        let both = merged("t", one, two).unwrap();
        let all = merged("t", &both, three).unwrap();
        for contract in &contracts {
            assert_eq!(merged("t", &all, contract).unwrap(), all);
        }
        let other_way = merged("t", &merged("t", three, one).unwrap(), two).unwrap();
        let sorted = |mut columns: Vec<CatalogColumn>| {
            columns.sort_by(|one, other| one.name.cmp(&other.name));
            columns.iter().map(|column| column.type_name.len()).collect::<Vec<_>>()
        };
        assert_eq!(sorted(all), sorted(other_way));
    }

    #[test]
    fn a_digest_hangs_on_names_and_types_and_their_order_only() {
        let mut commented = columns("a int; b string");
        commented[0].comment = Some("what it is".to_owned());
        assert!(
            digest(&commented) == digest(&columns("a int; b string"))
                && are_same(&commented, &columns("a int; b string"))
        );
        assert_ne!(digest(&commented), digest(&columns("b string; a int")));
        assert!(!are_same(&commented, &columns("a int")));
    }
}
