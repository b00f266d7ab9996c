//! What the files under `redshift` say is what the function does; and what may stand in a condition on partitions.

use lakegate_lake::catalog::{TableColumns, TableDefinition};

use super::*;

fn root(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}

fn shape(contract: &str) -> Shape {
    let text = std::fs::read_to_string(root(&format!("contracts/{contract}.odcs.yaml"))).unwrap();
    let contract = lakegate_contract::parse(&text).unwrap().contract;
    let TableDefinition { name, columns, partition_keys, .. } = TableDefinition::of_contract("lake", &contract);
    Shape::of(&TableColumns { name, columns, partition_keys }).unwrap()
}

fn wanted(partitions: &[&str]) -> Wanted {
    let partitions = partitions.iter().map(|path| (*path).to_owned()).collect();
    Wanted {
        source: "a-0123456789abcdef".to_owned(),
        at: "2026-01-02T03:04:05.000Z".to_owned(),
        partitions: Some(partitions),
        is_removal: false,
    }
}

/// `LAKEGATE_BLESS=1` writes it anew.
fn check(file: &str, head: &str, of_table: impl Fn(&Shape) -> Vec<String>, around: (&str, &str)) {
    let mut text = head.to_owned();
    for table in ["orders", "customers"] {
        let statements: Vec<String> =
            of_table(&shape(table)).iter().map(|statement| format!("{statement};\n")).collect();
        let statements = statements.concat();
        text = format!("{text}\n-- {table}\n{}{statements}{}", around.0, around.1);
    }
    let path = root(&format!("redshift/{file}"));
    if std::env::var_os("LAKEGATE_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "write it anew with LAKEGATE_BLESS=1");
}

#[test]
fn the_tables_are_those_of_the_file() {
    let head = "-- The loaded tables of the sample contracts, as the function load-warehouse makes them by itself. Beside each stands a table that says\n-- which version of a file is loaded, and at which loads take turns.\n";
    check("2_tables.sql", head, create, ("", ""));
}

#[test]
fn the_load_of_a_whole_table_is_that_of_the_file() {
    let head = "-- Makes the loaded tables what the lake is, whatever was told of it or was lost; for each table one transaction. It is\n-- what the function load-warehouse does for {\"dataset\": \"orders\"}, and takes turns with its loads.\n";
    check("3_reconcile.sql", head, |shape| load_all(shape, &[]), ("BEGIN;\n", "COMMIT;\n"));
}

#[test]
fn partitions_are_named_where_their_values_are_surely_literals() {
    let shape = shape("orders");
    let condition = |paths: &[&str]| partitions(&shape, &[wanted(paths)]);
    assert_eq!(condition(&["year=2025/month=9"]).unwrap(), "(\"year\" = 2025 AND \"month\" = 9)");
    assert_eq!(
        condition(&["year=2025/month=9", "year=__HIVE_DEFAULT_PARTITION__/month=9"]).unwrap().lines().count(),
        2
    );
    assert_eq!(
        condition(&["year=__HIVE_DEFAULT_PARTITION__/month=__HIVE_DEFAULT_PARTITION__"]),
        None,
        "then all are read"
    );
    let many: Vec<String> = (0..=PARTITIONS_MAX).map(|year| format!("year={year}/month=1")).collect();
    assert_eq!(condition(&many.iter().map(String::as_str).collect::<Vec<_>>()), None);
    let unknown = Wanted { partitions: None, ..wanted(&[]) };
    assert_eq!(partitions(&shape, &[wanted(&["year=2025/month=9"]), unknown]), None);
}

#[test]
fn no_value_breaks_out_of_its_quotes() {
    let text = |value: &str| {
        let key = Column { name: "a\"b".to_owned(), column_type: Type::Text };
        let (table, columns, partition_keys) = ("t".to_owned(), vec![key.clone()], vec![key]);
        let shape = Shape { table, columns, partition_keys, left_out: vec![] };
        partitions(&shape, &[wanted(&[&format!("a\"b={value}")])])
    };
    assert_eq!(text("x';DROP--").unwrap(), "(\"a\"\"b\" = 'x'';DROP--')");
    assert_eq!(text("S%C3%A3o").unwrap(), "(\"a\"\"b\" = 'São')");
    for odd in ["x%5C'", "a%20", "x%0Ay", "%00", "%FF"] {
        assert_eq!(text(odd), None, "{odd}");
    }
}
