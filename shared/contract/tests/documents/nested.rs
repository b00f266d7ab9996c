//! Objects and arrays.

use lakegate_contract::{Check, Column, ColumnType, Contract, Rule};

use super::{document, good, problems};

const ORDER: [&str; 4] = [
    "{name: id, logicalType: string, required: true}",
    "{name: Address, logicalType: object, required: true, properties: [{name: zip, logicalType: string, required: true, logicalTypeOptions: {pattern: x}}, {name: Geo, logicalType: object, physicalType: STRUCT, properties: [{name: lat, logicalType: number, physicalType: DOUBLE}]}]}",
    "{name: lines, logicalType: array, items: {logicalType: object, properties: [{name: quantity, logicalType: integer, logicalTypeOptions: {minimum: 1}}, {name: tags, logicalType: array, physicalType: array, items: {logicalType: string, enum: [{value: a}], required: true}}]}}",
    "{name: raw, logicalType: object}",
];

fn told(columns: &[&str]) -> Vec<String> {
    problems(&document("format: json", columns, ""))
}

fn struct_fields(column: &Column) -> &[Column] {
    let ColumnType::Struct(fields) = &column.column_type else { panic!("{column:?}") };
    fields
}

fn list_item(column: &Column) -> &Column {
    let ColumnType::List(item) = &column.column_type else { panic!("{column:?}") };
    item
}

#[test]
fn objects_and_arrays_are_structs_and_lists_with_rules_of_their_own() {
    let contract = good(&document("format: json", &ORDER, "")).0;
    let address = struct_fields(&contract.columns[1]);
    assert_eq!((address[0].physical_name.as_str(), address[1].physical_name.as_str()), ("zip", "geo"));
    assert!(address[0].required && address[0].checks[0].rule() == Rule::Pattern);
    let line = list_item(&contract.columns[2]);
    assert_eq!((line.name.as_str(), line.physical_name.as_str(), line.required), ("element", "element", false));
    let tag = list_item(&struct_fields(line)[1]);
    assert!(tag.required && matches!(&tag.checks[..], [Check::Enum(values)] if values.len() == 1));
    assert!(matches!(contract.columns[3].column_type, ColumnType::Json));
}

fn numbers_lead_to_paths(column: &Column, path: &str, contract: &Contract) {
    assert_eq!(contract.path(column.id), path);
    if let ColumnType::Struct(fields) = &column.column_type {
        for field in fields {
            numbers_lead_to_paths(field, &format!("{path}.{}", field.name), contract);
        }
    } else if let ColumnType::List(item) = &column.column_type {
        numbers_lead_to_paths(item, &format!("{path}[]"), contract);
    }
}

#[test]
fn nested_fields_are_numbered_behind_the_columns_depth_first() {
    let contract = good(&document("format: json", &ORDER, "")).0;
    assert_eq!(
        contract.paths,
        [
            "id",
            "Address",
            "lines",
            "raw",
            "Address.zip",
            "Address.Geo",
            "Address.Geo.lat",
            "lines[]",
            "lines[].quantity",
            "lines[].tags",
            "lines[].tags[]",
        ]
    );
    for column in &contract.columns {
        numbers_lead_to_paths(column, &column.name, &contract);
    }
}

#[test]
fn the_physical_type_keeps_json_as_text() {
    for column in [
        "{name: a, logicalType: object}",
        "{name: a, logicalType: array}",
        "{name: a, logicalType: object, physicalType: json}",
        "{name: a, logicalType: array, physicalType: STRING}",
        "{name: a, logicalType: array, physicalType: json, logicalTypeOptions: {minItems: 0, uniqueItems: false}}",
    ] {
        let (contract, notes) = good(&document("format: json", &[column], ""));
        assert!(matches!(contract.columns[0].column_type, ColumnType::Json) && notes.is_empty(), "{column}");
    }
    let column = "{name: a, logicalType: object, physicalType: VARCHAR, properties: [{name: b, logicalType: string}]}";
    let (contract, notes) = good(&document("format: json", &[column], ""));
    assert!(matches!(contract.columns[0].column_type, ColumnType::Json));
    assert_eq!(notes, ["schema[t].properties[a].properties: not enforced: physicalType keeps the value as JSON text"]);
}

#[test]
fn a_nested_value_cannot_do_what_a_column_of_the_table_does() {
    for (key, value, what) in [
        ("transformLogic", "x", "a derived column of the table"),
        ("partitioned", "true", "a partition column of the table"),
        ("partitionKeyPosition", "1", "a partition column of the table"),
        ("primaryKey", "true", "a key column of the table"),
        ("primaryKeyPosition", "2", "a key column of the table"),
        ("unique", "true", "a key column of the table"),
    ] {
        let shown = if key == "transformLogic" { "\"x\"" } else { value };
        let field = format!("{{name: b, logicalType: string, {key}: {value}}}");
        let object = format!("{{name: a, logicalType: object, properties: [{field}]}}");
        let reason = format!("found {shown}, expected no {key}: a value in an object or an array cannot be {what}");
        assert_eq!(told(&[&object]), [format!("schema[t].properties[a].properties[b].{key}: {reason}")]);
        let array = format!("{{name: a, logicalType: array, items: {{logicalType: string, {key}: {value}}}}}");
        assert_eq!(told(&[&array]), [format!("schema[t].properties[a].items.{key}: {reason}")]);
    }
    let defaults = "{name: b, logicalType: string, partitioned: false, partitionKeyPosition: -1, primaryKey: false, primaryKeyPosition: -1, unique: false}";
    assert!(told(&[&format!("{{name: a, logicalType: object, properties: [{defaults}]}}")]).is_empty());
    let quality =
        "{name: b, logicalType: string, quality: [{metric: nullValues, mustBe: 0}, {type: text, description: x}]}";
    assert_eq!(
        told(&[&format!("{{name: a, logicalType: object, properties: [{quality}]}}")]),
        [
            "schema[t].properties[a].properties[b].quality[0]: found an object, expected a rule on a column of the table: on a nested value it is not enforced"
        ]
    );
}

#[test]
fn an_object_or_an_array_is_no_key_partition_or_derived_column() {
    let id = "{name: id, logicalType: string}";
    for (rest, message) in [
        (
            "partitioned: true",
            "partitioned: found a partition column of nested values, expected a column of text, whole numbers, decimals, booleans or dates: others make a partition of nearly every row",
        ),
        ("unique: true", "unique: found a key of nested values, expected a key of columns that can be compared"),
        (
            "primaryKey: true",
            "primaryKey: found a key of nested values, expected a key of columns that can be compared",
        ),
        (
            "transformLogic: id",
            "transformLogic: found an object or an array that is derived, expected a derived column of another type",
        ),
        (
            "enum: [{value: x}]",
            "enum[0].value: found \"x\", expected no value of an object or an array: they are not compared",
        ),
    ] {
        for logical_type in ["object", "array, items: {logicalType: string}"] {
            let column = format!("{{name: a, logicalType: {logical_type}, {rest}}}");
            assert_eq!(told(&[id, &column]), [format!("schema[t].properties[a].{message}")]);
        }
    }
}

#[test]
fn a_nested_type_says_what_is_wrong_with_it() {
    for (column, message) in [
        (
            "{name: a, logicalType: object, physicalType: STRUCT}",
            "physicalType: found \"STRUCT\", expected properties beside it, or JSON",
        ),
        (
            "{name: a, logicalType: array, physicalType: list}",
            "physicalType: found \"LIST\", expected items beside it, or JSON",
        ),
        (
            "{name: a, logicalType: object, physicalType: MAP, properties: [{name: b, logicalType: string}]}",
            "physicalType: found \"MAP\", expected STRUCT or OBJECT or JSON",
        ),
        (
            "{name: a, logicalType: array, physicalType: VARCHAR(10)}",
            "physicalType: found \"VARCHAR(10)\", expected ARRAY or LIST or JSON",
        ),
        (
            "{name: a, logicalType: object, properties: []}",
            "properties: found a list of 0, expected at least one property, or none and physicalType: JSON",
        ),
        (
            "{name: a, logicalType: object, properties: {b: string}}",
            "properties: found an object, expected a list of the object's properties",
        ),
        (
            "{name: a, logicalType: object, properties: [{name: b, logicalType: string}, {name: B, logicalType: string}]}",
            "properties[1].name: found \"B\", a name that \"b\" above has, expected a name of its own, in the file and in the table",
        ),
        (
            "{name: a, logicalType: object, properties: [{name: 1b, logicalType: string}]}",
            "properties[1b].name: found \"1b\", expected lower-case letters, digits and _, beginning with a letter (give physicalName where the file has another name)",
        ),
        (
            "{name: a, logicalType: array, items: [x]}",
            "items: found a list of 1, expected a column (name, logicalType)",
        ),
        (
            "{name: a, logicalType: array, items: {logicalType: time}}",
            "items.logicalType: found \"time\", expected string: a TIME in Parquet is not safe in Athena, text is",
        ),
        (
            "{name: a, logicalType: string, items: {logicalType: string}}",
            "items: found the items of a column of logicalType: string, expected them on an array only",
        ),
        (
            "{name: a, logicalType: array, properties: [{name: b, logicalType: string}]}",
            "properties: found the properties of a column of logicalType: array, expected them on an object only",
        ),
        (
            "{name: a, logicalType: array, items: {logicalType: string}, logicalTypeOptions: {maxItems: 3}}",
            "logicalTypeOptions.maxItems: found 3, expected no maxItems, which is not enforced (required: true on a property or on items is)",
        ),
        (
            "{name: a, logicalType: object, logicalTypeOptions: {required: [b]}}",
            "logicalTypeOptions.required: found a list of 1, expected no required, which is not enforced (required: true on a property or on items is)",
        ),
    ] {
        assert_eq!(told(&[column]), [format!("schema[t].properties[a].{message}")], "{column}");
    }
}

#[test]
fn csv_files_may_have_json_in_their_fields() {
    let contract = good(&document("format: csv", &ORDER, "")).0;
    assert!(matches!(contract.columns[2].column_type, ColumnType::List(_)));
}

#[test]
fn nesting_ends_somewhere() {
    let nested = |levels: usize| {
        let open = "{logicalType: array, items: ".repeat(levels);
        format!("{{name: a, {}{{logicalType: string}}{}", open.strip_prefix('{').unwrap(), "}".repeat(levels))
    };
    assert!(told(&[&nested(16)]).is_empty());
    assert_eq!(
        told(&[&nested(17)]),
        [format!(
            "schema[t].properties[a]{}: found more than 16 levels of nesting, expected physicalType: JSON at this level or above, which keeps the text",
            ".items".repeat(16)
        )]
    );
}
