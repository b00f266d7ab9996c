//! What differs between two contracts, and of which class it is.

mod rules;

use lakegate_contract::{Change, Class, Contract, diff};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{ORDERS, document, good, lakegate};

fn contract(server: &str, columns: &[&str], object: &str) -> Contract {
    good(&document(server, columns, object)).0
}

fn line(change: &Change) -> String {
    let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    format!("{} {}: {} -> {}", change.class, change.path, side(&change.old), side(&change.new))
}

/// All changes but that of a version that was kept.
fn lines(old: &Contract, new: &Contract) -> Vec<String> {
    diff(old, new).iter().filter(|change| change.path != "version").map(line).collect()
}

/// Of a CSV table with `id` and one other column.
fn of_column(old: &str, new: &str) -> Vec<String> {
    of_columns(&[old], &[new], &[])
}

fn of_columns(old: &[&str], new: &[&str], policy: &[&str]) -> Vec<String> {
    let one = |columns: &[&str]| {
        let columns: Vec<&str> = std::iter::once(&"{name: id, logicalType: string}").chain(columns).copied().collect();
        contract("format: csv", &columns, &lakegate(policy))
    };
    lines(&one(old), &one(new))
}

fn of_server(old: &str, new: &str) -> Vec<String> {
    let one = |server: &str| contract(server, &["{name: id, logicalType: string}"], "");
    lines(&one(old), &one(new))
}

/// Of the properties of a CSV server.
fn of_dialect(old: &[&str], new: &[&str]) -> Vec<String> {
    let server = |properties: &[&str]| format!("format: csv\n    {}", lakegate(properties));
    of_server(&server(old), &server(new))
}

fn of_object(old: &str, new: &str) -> Vec<String> {
    let columns = ["{name: a, logicalType: integer}", "{name: b, logicalType: integer}"];
    lines(&contract("format: csv", &columns, old), &contract("format: csv", &columns, new))
}

fn of_policy(old: &str, new: &str) -> Vec<String> {
    let one = |property: &str| {
        let all: Vec<&str> = Some(property).filter(|text| !text.is_empty()).into_iter().collect();
        let columns = ["{name: a, logicalType: object, properties: [{name: x, logicalType: string}]}"];
        contract("format: json", &columns, &lakegate(&all))
    };
    lines(&one(old), &one(new))
}

#[test]
fn a_contract_does_not_differ_from_itself() {
    let orders = good(ORDERS).0;
    assert_eq!(diff(&orders, &orders), []);
    let odd = contract(
        "format: json",
        &["{name: Id, physicalName: a, logicalType: string}", "{name: ID, physicalName: b, logicalType: string}"],
        "",
    );
    assert_eq!(diff(&odd, &odd), []);
}

#[test]
fn a_change_names_path_values_class_and_effect_and_the_worst_stands_first() {
    let orders = |text: &str| good(text).0;
    let new = ORDERS
        .replace("version: 1.2.0", "version: 2.0.0")
        .replace("DECIMAL(12,2)", "DECIMAL(12,3)")
        .replace("minimum: 1, ", "minimum: 0, ")
        .replace("maxRejectPercent, value: 2.5", "maxRejectPercent, value: 1");
    let changes = diff(&orders(ORDERS), &orders(&new));
    let lines: Vec<String> = changes.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "breaking properties[price].physicalType: decimal(12,2) -> decimal(12,3)",
            "stricter customProperties[maxRejectPercent]: 2.5 -> 1",
            "looser properties[quantity].logicalTypeOptions.minimum: 1 -> 0",
            "neutral version: 1.2.0 -> 2.0.0",
        ]
    );
    assert!(changes[0].effect.contains("IncompatibleTable"), "{}", changes[0].effect);
    assert!(changes.iter().all(|change| !change.effect.is_empty()));
}

#[test]
fn a_version_that_stays_is_told_where_it_keeps_files_from_being_judged_anew() {
    let old = good(ORDERS).0;
    let described = good(&ORDERS.replace("name: Orders\nversion", "name: Others\nversion")).0;
    assert_eq!(diff(&old, &described).iter().map(line).collect::<Vec<_>>(), ["neutral name: Orders -> Others"]);
    let looser = good(&ORDERS.replace("minimum: 1, ", "")).0;
    let last = diff(&old, &looser).pop().unwrap();
    assert_eq!((last.path.as_str(), last.class), ("version", Class::Neutral));
    assert!(last.effect.contains("a new version"), "{}", last.effect);
}

#[test]
fn another_table_or_another_key_of_partitions_is_breaking() {
    let orders = |from: &str, to: &str| {
        assert!(ORDERS.contains(from), "{from}");
        lines(&good(ORDERS).0, &good(&ORDERS.replace(from, to)).0)
    };
    assert_eq!(orders("physicalName: orders\n", "physicalName: sales\n"), ["breaking physicalName: orders -> sales"]);
    let turned = ORDERS.replace("KeyPosition: 1", "KeyPosition: 3");
    assert_eq!(
        lines(&good(ORDERS).0, &good(&turned).0),
        ["breaking properties[].partitioned: year bigint, month tinyint -> month tinyint, year bigint"]
    );
    assert_eq!(
        orders("physicalType: TINYINT, partitioned", "physicalType: SMALLINT, partitioned"),
        ["breaking properties[].partitioned: year bigint, month tinyint -> year bigint, month smallint"]
    );
    assert_eq!(
        orders("partitioned: true, partitionKeyPosition: 1, ", ""),
        ["breaking properties[].partitioned: year bigint, month tinyint -> month tinyint"]
    );
    assert_eq!(orders("{name: Sales data,", "{name: Sales,"), ["neutral team: Sales data -> Sales"]);
}

#[test]
fn a_new_column_is_neutral_unless_rows_without_it_or_with_it_are_rejected() {
    let added = |column: &str, policy: &[&str]| of_columns(&[], &[column], policy);
    let nullable = "{name: n, logicalType: integer}";
    assert_eq!(added(nullable, &[]), ["neutral properties[n]: nothing -> bigint"]);
    assert_eq!(
        added("{name: n, logicalType: integer, required: true}", &[]),
        ["stricter properties[n]: nothing -> bigint"]
    );
    // Files that had such a column were accepted without it.
    for policy in ["unknownColumns: ignore", "unknownColumns: rescue"] {
        assert_eq!(added(nullable, &[policy]), ["stricter properties[n]: nothing -> bigint"]);
        assert_eq!(added("{name: n, logicalType: string}", &[policy]), ["neutral properties[n]: nothing -> string"]);
    }
    let derived = "{name: n, logicalType: integer, transformLogic: length(id)}";
    assert_eq!(added(derived, &[]), ["stricter properties[n]: nothing -> bigint = length(id)"]);
}

#[test]
fn a_dropped_column_stays_in_the_table_and_files_that_have_it_fare_by_the_policy() {
    let dropped = |column: &str, policy: &[&str]| of_columns(&[column], &[], policy);
    let column = "{name: n, logicalType: date}";
    assert_eq!(dropped(column, &[]), ["stricter properties[n]: date (yyyy-MM-dd) -> nothing"]);
    assert_eq!(dropped(column, &["unknownColumns: ignore"]), ["neutral properties[n]: date (yyyy-MM-dd) -> nothing"]);
    assert_eq!(dropped(column, &["unknownColumns: rescue"]), ["neutral properties[n]: date (yyyy-MM-dd) -> nothing"]);
    let derived = "{name: n, logicalType: string, transformLogic: upper(id)}";
    assert_eq!(dropped(derived, &[]), ["neutral properties[n]: string = upper(id) -> nothing"]);
}

#[test]
fn a_type_may_widen_where_older_files_are_read_in_it_and_no_other_change_of_it_is_safe() {
    let of = |old: &str, new: &str| {
        let column = |text: &str| {
            let (logical, physical) = text.split_once(' ').unwrap_or((text, ""));
            let physical = if physical.is_empty() { String::new() } else { format!(", physicalType: \"{physical}\"") };
            format!("{{name: n, logicalType: {logical}{physical}}}")
        };
        let lines = of_column(&column(old), &column(new));
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].split(' ').next().unwrap().to_owned()
    };
    for (old, new) in [
        ("integer TINYINT", "integer SMALLINT"),
        ("integer INTEGER", "integer BIGINT"),
        ("number DECIMAL(5,2)", "number DECIMAL(12,2)"),
        ("number DECIMAL(19,2)", "number DECIMAL(38,2)"),
    ] {
        assert_eq!((of(old, new).as_str(), of(new, old).as_str()), ("looser", "stricter"), "{old} and {new}");
    }
    for (old, new) in [
        ("integer", "string"),
        ("integer", "number"),
        ("integer", "number DECIMAL(20,0)"),
        ("integer", "boolean"),
        ("number DECIMAL(12,2)", "number DECIMAL(12,3)"),
        ("number DECIMAL(18,2)", "number DECIMAL(19,2)"),
        ("number DECIMAL(12,2)", "number"),
        ("date", "timestamp"),
        ("date", "string"),
        ("string", "object"),
        ("string", "array"),
    ] {
        assert_eq!((of(old, new).as_str(), of(new, old).as_str()), ("breaking", "breaking"), "{old} and {new}");
    }
}

#[test]
fn another_way_of_writing_times_is_breaking_because_a_text_may_be_another_day() {
    let date = |options: &str| format!("{{name: d, logicalType: date, logicalTypeOptions: {{{options}}}}}");
    assert_eq!(
        of_column(&date("format: dd/MM/yyyy"), &date("format: MM/dd/yyyy")),
        ["breaking properties[d].logicalTypeOptions.format: date (dd/MM/yyyy) -> date (MM/dd/yyyy)"]
    );
    let timestamp = |options: &str| format!("{{name: t, logicalType: timestamp, logicalTypeOptions: {{{options}}}}}");
    assert_eq!(
        of_column(&timestamp(""), &timestamp("defaultTimezone: Europe/Berlin")),
        [
            "breaking properties[t].logicalTypeOptions.format: timestamp (ISO 8601) -> timestamp (ISO 8601, Europe/Berlin)"
        ]
    );
}

#[test]
fn nested_changes_are_told_by_their_path() {
    let object = |members: &str| format!("{{name: o, logicalType: object, properties: [{members}]}}");
    let lines =
        |members: &str| format!("{{name: l, logicalType: array, items: {}}}", object(members).replace("name: o, ", ""));
    let x = "{name: x, logicalType: integer, physicalType: INTEGER}";
    let wide = "{name: x, logicalType: integer}";
    let text = "{name: x, logicalType: string}";
    let y = "{name: y, logicalType: string}";
    assert_eq!(
        of_column(&object(x), &object(&format!("{y}, {x}"))),
        ["neutral properties[o].properties[y]: nothing -> string"]
    );
    assert_eq!(
        of_column(&object(&format!("{x}, {y}")), &object(&format!("{y}, {wide}"))),
        [
            "looser properties[o].properties[x].physicalType: int -> bigint",
            "neutral properties[o].properties: x, y -> y, x",
        ]
    );
    assert_eq!(
        of_column(&lines(x), &lines(text)),
        ["breaking properties[l].items.properties[x].physicalType: int -> string"]
    );
    assert_eq!(
        of_column(&lines(&format!("{x}, {y}")), &lines(x)),
        ["stricter properties[l].items.properties[y]: string -> nothing"]
    );
    assert_eq!(
        of_column(
            &lines(x),
            &lines(
                "{name: x, logicalType: integer, physicalType: INTEGER, required: true, logicalTypeOptions: {maximum: 9}}"
            )
        ),
        [
            "stricter properties[l].items.properties[x].required: false -> true",
            "stricter properties[l].items.properties[x].logicalTypeOptions.maximum: nothing -> 9",
        ]
    );
    assert_eq!(
        of_column(&object(x), "{name: o, logicalType: object}"),
        ["breaking properties[o].physicalType: struct<x:int> -> json"]
    );
    assert_eq!(
        of_column(
            "{name: l, logicalType: array, items: {logicalType: date}}",
            "{name: l, logicalType: array, items: {logicalType: timestamp}}"
        ),
        ["breaking properties[l].items.physicalType: date (yyyy-MM-dd) -> timestamp (ISO 8601)"]
    );
}

#[test]
fn another_name_in_the_table_moves_the_values_and_another_name_in_the_file_loses_or_rejects_them() {
    let of = |old: &str, new: &str, policy: &[&str]| of_columns(&[old], &[new], policy);
    let plain = "{name: n, logicalType: string}";
    assert_eq!(
        of(plain, "{name: n, physicalName: m, logicalType: string}", &[]),
        ["breaking properties[n].physicalName: n -> m"]
    );
    let renamed = "{name: m, physicalName: n, logicalType: string}";
    assert_eq!(of(plain, renamed, &[]), ["stricter properties[m].name: n -> m"]);
    assert_eq!(of(plain, renamed, &["unknownColumns: ignore"]), ["breaking properties[m].name: n -> m"]);
    assert_eq!(
        of(plain, "{name: N, physicalName: n, logicalType: string}", &[]),
        ["neutral properties[N].name: n -> N"]
    );
    let crossed = of_columns(
        &["{name: a, physicalName: x, logicalType: string}", "{name: b, physicalName: y, logicalType: string}"],
        &["{name: b, physicalName: x, logicalType: string}", "{name: a, physicalName: y, logicalType: string}"],
        &[],
    );
    assert_eq!(crossed, ["breaking properties[b].physicalName: y -> x", "breaking properties[a].physicalName: x -> y"]);
}

#[test]
fn without_a_header_positions_count_and_names_do_not() {
    let server = format!("format: csv\n    {}", lakegate(&["header: false"]));
    let one = |columns: &[&str]| contract(&server, columns, "");
    let (a, b) = ("{name: a, logicalType: string}", "{name: b, logicalType: string}");
    assert_eq!(lines(&one(&[a, b]), &one(&[b, a])), ["breaking properties: a, b -> b, a"]);
    assert_eq!(
        lines(&one(&[a]), &one(&[a, b])),
        ["stricter properties: a -> a, b", "neutral properties[b]: nothing -> string"]
    );
    assert_eq!(
        lines(&one(&[a]), &one(&["{name: c, physicalName: a, logicalType: string}"])),
        ["neutral properties[c].name: a -> c"]
    );
    assert_eq!(
        lines(&one(&[a]), &one(&["{name: a, physicalName: c, logicalType: string}"]))[0],
        "breaking properties: a -> c"
    );
    // With a header only the order of the table's columns could differ, and that stays.
    assert_eq!(of_columns(&[a, b], &[b, a], &[]), ["neutral properties: id, a, b -> id, b, a"]);
}

#[test]
fn another_source_or_expression_leaves_older_files_with_other_values() {
    let plain = "{name: n, logicalType: string}";
    let derived = "{name: n, logicalType: string, transformLogic: upper(id)}";
    assert_eq!(of_column(plain, derived), ["breaking properties[n].transformLogic: nothing -> upper(id) (of id)"]);
    assert_eq!(of_column(derived, plain), ["breaking properties[n].transformLogic: upper(id) (of id) -> nothing"]);
    assert_eq!(
        of_column(derived, &derived.replace("upper", "lower")),
        ["breaking properties[n].transformLogic: upper(id) (of id) -> lower(id) (of id)"]
    );
    let spaced = |logic: &str| format!("{{name: n, logicalType: string, transformLogic: \"{logic}\"}}");
    assert_eq!(of_column(&spaced("id ||  id"), &spaced("id || id")), [""; 0]);
    assert_eq!(of_column(&spaced("id || 'a  b'"), &spaced("id || 'a b'")).len(), 1);
}

#[test]
fn an_expression_that_reads_another_column_of_the_same_name_is_another_one() {
    let amount = "{name: Amount, physicalName: net, logicalType: integer}";
    let derived = "{name: twice, logicalType: integer, transformLogic: amount * 2}";
    let gross = "{name: amount, physicalName: gross, logicalType: integer}";
    let lines = of_columns(&[amount, derived], &[amount, gross, derived], &[]);
    let [moved, read] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(moved, "breaking properties[amount].physicalName: net -> gross");
    assert_eq!(read, "breaking properties[twice].transformLogic: amount * 2 (of net) -> amount * 2 (of gross)");
}

fn any_contract() -> impl Strategy<Value = Contract> {
    let columns = vec![
        "{name: a, logicalType: integer, physicalType: INTEGER, logicalTypeOptions: {minimum: 1}}",
        "{name: b, logicalType: number, physicalType: \"DECIMAL(9,2)\", required: true, unique: true}",
        "{name: c, logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy, maximum: 31/12/2030}}",
        "{name: C, physicalName: c2, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Berlin}}",
        "{name: d, logicalType: object, properties: [{name: x, logicalType: integer}, {name: y, logicalType: array, items: {logicalType: string}}]}",
        "{name: e, logicalType: object}",
        "{name: f, logicalType: string, enum: [{value: p}, {value: q}], quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [p]}}]}",
        "{name: g, logicalType: string, transformLogic: upper(k)}",
        "{name: k, logicalType: string, primaryKey: true}",
        "{name: h, logicalType: boolean, partitioned: true}",
    ];
    let policies = vec![
        "unknownColumns: rescue",
        "exactDuplicates: drop",
        "maxRejectRows: 3",
        "compression: snappy",
        "removedObjects: remove",
    ];
    let servers =
        vec!["format: csv", "format: json", "format: csv\n    encoding: latin1", "format: json\n    delimiter: array"];
    (subsequence(columns, 0..=10).prop_shuffle(), subsequence(policies, 0..=5), select(servers)).prop_filter_map(
        "no contract",
        |(columns, policies, server)| {
            let document = document(server, &columns, &lakegate(&policies));
            lakegate_contract::parse(&document).ok().map(|checked| checked.contract)
        },
    )
}

proptest! {
    #[test]
    fn any_contract_does_not_differ_from_itself(one in any_contract()) {
        prop_assert_eq!(diff(&one, &one), []);
    }

    #[test]
    fn contracts_differ_in_both_directions_or_in_none(one in any_contract(), other in any_contract()) {
        let (there, back) = (diff(&one, &other), diff(&other, &one));
        prop_assert_eq!(there.is_empty(), back.is_empty());
        prop_assert!(there.is_sorted_by_key(|change| change.class));
        for change in there.iter().chain(&back) {
            prop_assert!(change.old != change.new || change.path == "version", "{change:?}");
        }
    }
}
