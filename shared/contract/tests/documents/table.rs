//! Keys, partitions, policy, and what hangs on the type of a column.

use lakegate_contract::{ColumnSource, ColumnType, ExactDuplicates, Key, RemovedObjects, UnknownColumns};

use super::{document, good, lakegate, problems};

fn keys(columns: &[&str]) -> Vec<Vec<usize>> {
    let contract = good(&document("format: csv", columns, "")).0;
    contract.keys.into_iter().map(|Key { columns }| columns).collect()
}

fn told(columns: &[&str]) -> Vec<String> {
    problems(&document("format: csv", columns, ""))
}

#[test]
fn a_primary_key_is_one_key_in_the_order_of_its_positions() {
    let columns = [
        "{name: c, logicalType: integer, primaryKey: true, primaryKeyPosition: 3}",
        "{name: free, logicalType: string, unique: true, primaryKeyPosition: -1}",
        "{name: a, logicalType: string, primaryKey: true, primaryKeyPosition: 1}",
        "{name: b, logicalType: number, physicalType: DOUBLE, primaryKey: true, primaryKeyPosition: 2}",
    ];
    assert_eq!(keys(&columns), [vec![2, 3, 0], vec![1]]);
    let contract = good(&document("format: csv", &columns, "")).0;
    let required: Vec<bool> = contract.columns.iter().map(|column| column.required).collect();
    assert_eq!(required, [true, false, true, true]);
    // Without positions the document's order counts; a key of one is one key, said once or twice.
    assert_eq!(
        keys(&["{name: b, logicalType: string, primaryKey: true}", "{name: a, logicalType: string, primaryKey: true}"]),
        [[0, 1]]
    );
    assert_eq!(keys(&["{name: a, logicalType: string, primaryKey: true, unique: true}"]), [[0]]);
}

#[test]
fn positions_of_a_key_are_one_each() {
    let same = [
        "{name: a, logicalType: string, primaryKey: true, primaryKeyPosition: 1}",
        "{name: b, logicalType: string, primaryKey: true, primaryKeyPosition: 1}",
    ];
    assert_eq!(
        told(&same),
        ["schema[t].properties[b].primaryKeyPosition: found 1, expected a position that no other column has"]
    );
    assert_eq!(
        told(&["{name: a, logicalType: string, primaryKeyPosition: 1}"]),
        ["schema[t].properties[a].primaryKeyPosition: found 1, expected primaryKey: true beside it, or no position"]
    );
    assert_eq!(
        told(&["{name: a, logicalType: string, primaryKey: true, primaryKeyPosition: 0}"]),
        ["schema[t].properties[a].primaryKeyPosition: found 0, expected a position from 1"]
    );
}

#[test]
fn what_the_contract_does_not_know_can_have_a_column() {
    let rescue = lakegate(&["unknownColumns: rescue", "exactDuplicates: drop"]);
    let contract = good(&document("format: csv", &["{name: a, logicalType: string}"], &rescue)).0;
    assert_eq!(contract.policy.unknown_columns, UnknownColumns::Rescue);
    assert_eq!(contract.policy.exact_duplicates, ExactDuplicates::Drop);
    let [_, rescued] = &contract.columns[..] else { panic!("{:?}", contract.columns) };
    assert!(matches!(rescued.source, ColumnSource::Rescued) && matches!(rescued.column_type, ColumnType::Json));
    assert_eq!((rescued.id, rescued.name.as_str(), rescued.required), (1, "_rescued", false));
    assert_eq!(contract.paths, ["a", "_rescued"]);
    let own = ["{name: _Rescued, physicalName: mine, logicalType: string}"];
    assert_eq!(
        problems(&document("format: csv", &own, &rescue)),
        [
            "schema[t].properties[_Rescued]: found the name of another column, expected another name: unknownColumns: rescue keeps what the contract does not know in a column of this name"
        ]
    );
    assert!(problems(&document("format: csv", &own, "")).is_empty());
    let by_position = format!("format: csv\n    {}", lakegate(&["header: false"]));
    let (_, notes) = good(&document(&by_position, &["{name: a, logicalType: string}"], &rescue));
    assert_eq!(
        notes,
        ["schema[t].customProperties: unknownColumns: a file without a header has no columns that are unknown"]
    );
}

#[test]
fn the_rows_of_deleted_files_stay_unless_the_contract_says_otherwise() {
    let policy = |properties: &[&str]| {
        let document = document("format: csv", &["{name: a, logicalType: string}"], &lakegate(properties));
        good(&document).0.policy.removed_objects
    };
    assert_eq!(policy(&["compression: snappy"]), RemovedObjects::Keep);
    assert_eq!(policy(&["removedObjects: keep"]), RemovedObjects::Keep);
    assert_eq!(policy(&["removedObjects: remove"]), RemovedObjects::Remove);
}

#[test]
fn policies_have_their_values_only() {
    for (property, found, expected) in [
        ("unknownColumns: keep", "\"keep\"", "reject, ignore or rescue"),
        ("exactDuplicates: true", "true", "keep or drop"),
        ("removedObjects: delete", "\"delete\"", "keep or remove"),
        ("compression: gzip", "\"gzip\"", "zstd or snappy"),
        ("maxRejectRows: -1", "-1", "a number of rows, 0 or more"),
    ] {
        let name = property.split(':').next().unwrap();
        let document = document("format: csv", &["{name: a, logicalType: string}"], &lakegate(&[property]));
        let message = format!("schema[t].customProperties[{name}].value: found {found}, expected {expected}");
        assert_eq!(problems(&document), [message]);
    }
}

#[test]
fn types_that_athena_cannot_read_say_what_to_do() {
    for (logical_type, expected) in [
        ("time", "string: a TIME in Parquet is not safe in Athena, text is"),
        ("map", "object with physicalType: JSON, which keeps a map's text, or with properties"),
        ("vector", "array, with items of logicalType: number"),
        ("text", "string, integer, number, boolean, date, timestamp, object or array"),
    ] {
        let column = format!("{{name: a, logicalType: {logical_type}}}");
        let message = format!("schema[t].properties[a].logicalType: found \"{logical_type}\", expected {expected}");
        assert_eq!(told(&[&column]), [message]);
    }
}

#[test]
fn timestamps_may_have_a_default_zone() {
    let column = |options: &str| format!("{{name: a, logicalType: timestamp, logicalTypeOptions: {{{options}}}}}");
    for options in ["defaultTimezone: Europe/Berlin", "timezone: false, defaultTimezone: Etc/UTC"] {
        let (contract, notes) = good(&document("format: csv", &[&column(options)], ""));
        assert!(matches!(contract.columns[0].column_type, ColumnType::Timestamp(_)) && notes.is_empty());
    }
    let (_, notes) = good(&document("format: csv", &[&column("timezone: true")], ""));
    assert_eq!(
        notes,
        [
            "schema[t].properties[a].logicalTypeOptions.timezone: not enforced: a value without an offset is one of defaultTimezone, else UTC"
        ]
    );
    let (_, notes) = good(&document("format: csv", &[&column("timezone: true, format: \"yyyy-MM-dd HH:mmXXX\"")], ""));
    assert!(notes.is_empty(), "{notes:?}");
    for (options, message) in [
        (
            "defaultTimezone: Mars/Olympus",
            "defaultTimezone: found \"Mars/Olympus\", expected the name of a time zone, such as Europe/Berlin",
        ),
        (
            "defaultTimezone: 1",
            "defaultTimezone: found 1, expected the name of a time zone, such as Europe/Berlin (as text, in quotes)",
        ),
        ("timezone: Europe/Berlin", "timezone: found \"Europe/Berlin\", expected true or false"),
        (
            "timezone: true, format: \"yyyy-MM-dd 'Z' HH:mm\"",
            "timezone: found true, expected false: the format has no offset (X, x or Z)",
        ),
    ] {
        assert_eq!(told(&[&column(options)]), [format!("schema[t].properties[a].logicalTypeOptions.{message}")]);
    }
    assert_eq!(
        told(&["{name: a, logicalType: date, logicalTypeOptions: {defaultTimezone: UTC}}"]),
        [
            "schema[t].properties[a].logicalTypeOptions.defaultTimezone: found an unknown key, expected a key of the options of dates: exclusiveMaximum, exclusiveMinimum, format, maximum, minimum"
        ]
    );
}
