//! Spellings of types, and types of which files can be read together.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> TableType {
    TableType::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn common(one: &str, other: &str) -> String {
    match parsed(one).common(&parsed(other), "c") {
        Ok(common) => common.to_string(),
        Err(conflict) => format!("{}: {} and {}", conflict.path, conflict.one, conflict.other),
    }
}

#[test]
fn a_spelling_in_any_case_and_with_spaces_is_read() {
    assert_eq!(
        parsed(" STRUCT< a : Int, b:array<decimal( 12 , 2 )> > ").to_string(),
        "struct<a:int,b:array<decimal(12,2)>>"
    );
    assert_eq!(
        (parsed("decimal").to_string(), parsed("decimal(5)").to_string()),
        ("decimal(10,0)".to_owned(), "decimal(5,0)".to_owned())
    );
}

#[test]
fn what_is_no_type_of_ours_is_none() {
    let deep = format!("{}int{}", "array<".repeat(100_000), ">".repeat(100_000));
    for text in [
        "",
        "float",
        "map<string,int>",
        "varchar(10)",
        "int>",
        "array<int",
        "array",
        "struct<>",
        "struct<a>",
        "struct<:int>",
        "struct<a:int,a:int>",
        "struct<a:int,>",
        "decimal(39,0)",
        "decimal(2,3)",
        "decimal(0,0)",
        "decimal(5",
        "decimal(-1,0)",
        "int,int",
        &deep,
    ] {
        assert_eq!(TableType::parse(text), None, "{text:.40}");
    }
}

#[test]
fn numbers_take_the_wider_type_where_every_reader_of_both_gives_the_same_values() {
    for (one, other, both) in [
        ("tinyint", "smallint", "smallint"),
        ("int", "bigint", "bigint"),
        ("bigint", "tinyint", "bigint"),
        ("decimal(5,2)", "decimal(9,2)", "decimal(9,2)"),
        ("decimal(12,2)", "decimal(18,2)", "decimal(18,2)"),
        ("decimal(20,2)", "decimal(38,2)", "decimal(38,2)"),
        ("string", "string", "string"),
    ] {
        assert_eq!((common(one, other).as_str(), common(other, one).as_str()), (both, both));
    }
}

#[test]
fn other_types_have_nothing_in_common() {
    let types = [
        "string",
        "int",
        "double",
        "decimal(12,2)",
        "decimal(12,3)",
        "decimal(20,2)",
        "boolean",
        "date",
        "timestamp",
        "struct<a:int>",
        "array<int>",
    ];
    for (index, one) in types.iter().enumerate() {
        for (other_index, other) in types.iter().enumerate() {
            assert_eq!(common(one, other) == *one, index == other_index, "{one} and {other}");
        }
    }
}

#[test]
fn nested_types_are_joined_member_by_member_and_a_conflict_says_where_it_is() {
    assert_eq!(common("struct<a:int,b:string>", "struct<c:date,a:bigint>"), "struct<a:bigint,b:string,c:date>");
    assert_eq!(common("array<struct<a:tinyint>>", "array<struct<b:int>>"), "array<struct<a:tinyint,b:int>>");
    assert_eq!(
        common("array<struct<a:struct<b:int>>>", "array<struct<a:struct<b:string>>>"),
        "c[].a.b: int and string"
    );
}

fn any_type() -> impl Strategy<Value = TableType> {
    use IntegerWidth::{I8, I16, I32, I64};
    let leaf = prop_oneof![
        Just(TableType::String),
        Just(TableType::Date),
        prop_oneof![Just(I8), Just(I16), Just(I32), Just(I64)].prop_map(TableType::Integer),
        (1_u8..=38, 0_u8..3)
            .prop_map(|(precision, scale)| TableType::Decimal { precision, scale: scale.min(precision) }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let members = prop::collection::btree_map("[abc]", inner.clone(), 1..4);
        prop_oneof![
            inner.prop_map(|item| TableType::List(Box::new(item))),
            members.prop_map(|members| TableType::Struct(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_type_is_read_as_it_is_written_and_is_its_own_common_type(one in any_type()) {
        prop_assert_eq!(TableType::parse(&one.to_string()), Some(one.clone()));
        prop_assert_eq!(one.common(&one, "c"), Ok(one));
    }

    /// So that it does not matter which of two contracts reaches the table first, nor how often.
    #[test]
    fn a_common_type_takes_both_again_without_a_change(one in any_type(), other in any_type()) {
        let both = one.common(&other, "c");
        prop_assert_eq!(both.is_ok(), other.common(&one, "c").is_ok());
        if let Ok(both) = both {
            prop_assert_eq!(&both.common(&one, "c"), &Ok(both.clone()));
            prop_assert_eq!(both.common(&other, "c"), Ok(both));
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "[a-z<>:,() 0-9é]{0,60}") {
        let _ = TableType::parse(&text);
    }
}
