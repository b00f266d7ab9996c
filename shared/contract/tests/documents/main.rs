//! Documents as people write them, and what is said of those that are wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

mod any_document;
mod diff;
mod digits;
mod landing;
mod mistakes;
mod nested;
mod quality;
mod source;
mod table;

use lakegate_contract::{
    Check, ColumnType, Contract, Format, IntegerWidth, Key, Note, Problem, Rule, Scalar, UnknownColumns, parse,
};

const ORDERS: &str = r#"
apiVersion: v3.2.0
kind: DataContract
id: orders
name: Orders
version: 1.2.0
status: active
team: {name: Sales data, members: [{username: ada, role: owner}]}
servers:
  - server: landing
    type: s3
    location: s3://*/orders/**/*.csv
    format: csv
    encoding: UTF-8
    customProperties:
      - {property: delimiter, value: ";", vendor: lakegate}
      - {property: nullValues, value: ["", NA], vendor: lakegate}
      - {property: compression, value: x, vendor: other}
schema:
  - name: Orders
    physicalName: orders
    logicalType: object
    properties:
      - {name: OrderId, logicalType: string, required: true, unique: true, logicalTypeOptions: {pattern: "^O[0-9]+$", maxLength: 12}}
      - {name: Ordered On, physicalName: order_date, logicalType: date, logicalTypeOptions: {format: M/d/yyyy, minimum: 1/1/2020}}
      - {name: quantity, logicalType: integer, physicalType: INTEGER, logicalTypeOptions: {minimum: 1, exclusiveMaximum: 1000.5}}
      - {name: price, logicalType: number, physicalType: "DECIMAL(12,2)", logicalTypeOptions: {exclusiveMinimum: 0.295}}
      - {name: region, logicalType: string, enum: [{value: EMEA}, {value: NA}]}
      - {name: revenue, logicalType: number, physicalType: "DECIMAL(18,2)", transformLogic: quantity * price}
      - {name: month, logicalType: integer, physicalType: TINYINT, partitioned: true, partitionKeyPosition: 2, transformLogic: month(order_date)}
      - {name: year, logicalType: integer, partitioned: true, partitionKeyPosition: 1, transformLogic: year(order_date)}
    customProperties:
      - {property: maxRejectPercent, value: 2.5, vendor: lakegate}
      - {property: unknownColumns, value: ignore, vendor: lakegate}
"#;

fn problems(document: &str) -> Vec<String> {
    match parse(document) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    }
}

/// A document over one server, one object and its columns, all in YAML's flow style.
fn document(server: &str, columns: &[&str], object: &str) -> String {
    let columns = columns.iter().map(|column| format!("      - {column}")).collect::<Vec<_>>().join("\n");
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nservers:\n  - server: landing\n    type: s3\n    \
         location: s3://*/t/**\n    {server}\nschema:\n  - name: t\n    properties:\n{columns}\n    {object}\n"
    )
}

/// Custom properties of vendor lakegate, from `name: value` pairs.
fn lakegate(properties: &[&str]) -> String {
    let item = |property: &&str| {
        let (name, value) = property.split_once(": ").unwrap();
        format!("{{property: {name}, value: {value}, vendor: lakegate}}")
    };
    format!("customProperties: [{}]", properties.iter().map(item).collect::<Vec<_>>().join(", "))
}

/// The contract and its notes; a document that is wrong fails the test.
fn good(document: &str) -> (Contract, Vec<String>) {
    match parse(document) {
        Ok(checked) => (checked.contract, checked.notes.iter().map(Note::to_string).collect()),
        Err(problems) => panic!("{problems:#?}\n{document}"),
    }
}

/// Replaces the one place where `from` stands in the good document.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert_eq!(ORDERS.matches(from).count(), 1, "{from}");
    problems(&ORDERS.replace(from, to))
}

#[test]
fn a_good_document_becomes_a_contract() {
    let checked = parse(ORDERS).unwrap();
    let contract = checked.contract;
    assert_eq!(
        (contract.id.as_str(), contract.version.as_str(), contract.table.as_str()),
        ("orders", "1.2.0", "orders")
    );
    assert_eq!(contract.owner.as_deref(), Some("Sales data"));
    assert!(contract.landing.location.matches("raw", "orders/2025/a.csv"));
    let Format::Csv(csv) = contract.landing.format else { panic!("not CSV") };
    assert_eq!(csv.delimiter, b';');
    assert_eq!(csv.null_values, ["", "NA"]);
    assert!((contract.policy.max_reject_percent - 2.5).abs() < f64::EPSILON);
    assert_eq!(contract.policy.unknown_columns, UnknownColumns::Ignore);
    let names: Vec<_> = contract.columns.iter().map(|column| column.physical_name.as_str()).collect();
    assert_eq!(names, ["orderid", "order_date", "quantity", "price", "region", "revenue", "month", "year"]);
    assert_eq!(contract.partition_columns, [7, 6]);
    assert!(matches!(contract.columns[2].column_type, ColumnType::Integer(IntegerWidth::I32)));
    assert_eq!(contract.columns[5].expression().unwrap().inputs, [2, 3]);
    let notes: Vec<_> = checked.notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        [
            "servers[landing].customProperties[compression]: not read: Lakegate reads custom properties of vendor: lakegate"
        ]
    );
}

#[test]
fn bounds_are_values_of_the_column() {
    let contract = parse(ORDERS).unwrap().contract;
    let bound = |column: usize, rule: Rule| {
        contract.columns[column].checks.iter().find(|check| check.rule() == rule).cloned().unwrap()
    };
    assert!(matches!(bound(1, Rule::Minimum), Check::Minimum(Scalar::Date(18262))));
    assert!(matches!(bound(2, Rule::Minimum), Check::Minimum(Scalar::Integer(1))));
    // Below 1000.5 is, for whole numbers, below 1001; above 0.295 is, in hundredths, above 0.29.
    assert!(matches!(bound(2, Rule::ExclusiveMaximum), Check::ExclusiveMaximum(Scalar::Integer(1001))));
    assert!(matches!(bound(3, Rule::ExclusiveMinimum), Check::ExclusiveMinimum(Scalar::Decimal(29))));
}

#[test]
fn of_two_lengths_of_a_text_the_smaller_one_holds() {
    for (physical, option, expected) in [("VARCHAR(3)", 10, 3), ("VARCHAR(10)", 3, 3), ("CHAR(4)", 4, 4)] {
        let column = format!(
            "{{name: a, logicalType: string, physicalType: '{physical}', logicalTypeOptions: {{maxLength: {option}}}}}"
        );
        let (contract, _) = good(&document("format: csv", &[column.as_str()], ""));
        let checks = &contract.columns[0].checks;
        assert!(matches!(checks.as_slice(), [Check::MaxLength(length)] if *length == expected), "{checks:?}");
    }
    let column = "{name: a, logicalType: string, physicalType: 'VARCHAR(3)', logicalTypeOptions: {minLength: 4}}";
    assert_eq!(problems(&document("format: csv", &[column], "")).len(), 1);
}

#[test]
fn bounds_with_no_value_between_them_are_refused() {
    let told = |column_type: &str, bounds: &str| {
        let column = format!("{{name: a, {column_type}, logicalTypeOptions: {{{bounds}}}}}");
        problems(&document("format: csv", &[column.as_str()], "")).len()
    };
    for (column_type, bounds, expected) in [
        ("logicalType: integer", "minimum: 5, exclusiveMaximum: 5", 1),
        ("logicalType: integer", "exclusiveMinimum: 5, exclusiveMaximum: 6", 1),
        ("logicalType: integer", "exclusiveMinimum: 5, exclusiveMaximum: 7", 0),
        ("logicalType: integer", "minimum: 5, maximum: 5", 0),
        ("logicalType: integer", "minimum: 1, exclusiveMinimum: 9, maximum: 5", 1),
        ("logicalType: number", "minimum: 5, exclusiveMaximum: 5", 1),
        ("logicalType: number", "exclusiveMinimum: 5, exclusiveMaximum: 5.5", 0),
        ("logicalType: number, physicalType: 'DECIMAL(5,1)'", "exclusiveMinimum: 5, exclusiveMaximum: 5.1", 1),
        ("logicalType: number, physicalType: 'DECIMAL(5,1)'", "exclusiveMinimum: 5, maximum: 5.1", 0),
        ("logicalType: date", "minimum: '2024-01-01', exclusiveMaximum: '2024-01-01'", 1),
    ] {
        assert_eq!(told(column_type, bounds), expected, "{column_type} {bounds}");
    }
}

#[test]
fn json_is_read_as_yaml_is() {
    let value: serde_json::Value = serde_saphyr::from_str(ORDERS).unwrap();
    assert_eq!(parse(&value.to_string()).unwrap().contract.columns.len(), 8);
}

#[test]
fn every_error_names_path_found_and_expected() {
    for (from, to, message) in [
        ("apiVersion: v3.2.0", "apiVersion: v2.0.0", "apiVersion: found \"v2.0.0\", expected v3.0.x, v3.1.x or v3.2.x"),
        ("kind: DataContract", "kind: Table", "kind: found \"Table\", expected DataContract"),
        ("id: orders\n", "", "id: found nothing, expected the contract's id"),
        (
            "status: active",
            "statsu: active",
            "statsu: found an unknown key, expected a key of a contract (did you mean status?)",
        ),
        (
            "status: active",
            "Status: active",
            "Status: found an unknown key, expected a key of a contract (did you mean status?)",
        ),
        ("type: s3", "type: ftp", "servers[landing].type: found \"ftp\", expected s3"),
        ("format: csv", "format: parquet", "servers[landing].format: found \"parquet\", expected csv or json"),
        (
            "s3://*/orders/**/*.csv",
            "orders/*.csv",
            "servers[landing].location: found \"orders/*.csv\", expected s3://<bucket or *>/<key pattern>",
        ),
        (
            "value: \";\"",
            "value: \";;\"",
            "servers[landing].customProperties[delimiter].value: found \";;\", expected one ASCII character that is no letter, digit or line break",
        ),
        (
            "physicalName: orders",
            "physicalName: Orders",
            "schema[Orders].physicalName: found \"Orders\", expected a table name of lower-case letters, digits and _ that begins with a letter (as physicalName, if need be)",
        ),
        (
            "physicalName: orders",
            "physicalName: rejects",
            "schema[Orders].physicalName: found \"rejects\", expected another name: Lakegate keeps this table itself",
        ),
        (
            "{name: region,",
            "{name: Re gion,",
            "schema[Orders].properties[Re gion].name: found \"re gion\", expected lower-case letters, digits and _, beginning with a letter (give physicalName where the file has another name)",
        ),
        ("{value: NA}", "{value: 3}", "schema[Orders].properties[region].enum[1].value: found 3, expected text"),
        (
            "DECIMAL(12,2)",
            "DECIMAL(39,2)",
            "schema[Orders].properties[price].physicalType: found \"DECIMAL(39,2)\", expected DOUBLE or DECIMAL(p,s) with s <= p <= 38",
        ),
        (
            "minimum: 1/1/2020",
            "minimum: 2020-01-01",
            "schema[Orders].properties[Ordered On].logicalTypeOptions.minimum: found \"2020-01-01\", expected a date as text, written M/d/yyyy",
        ),
        (
            "format: M/d/yyyy",
            "format: Q/d/yyyy",
            "schema[Orders].properties[Ordered On].logicalTypeOptions.format: found \"Q/d/yyyy\" (pattern letter Q is not supported), expected a JDK DateTimeFormatter pattern, such as yyyy-MM-dd HH:mm:ss",
        ),
        (
            "^O[0-9]+$",
            "(?=O)",
            "schema[Orders].properties[OrderId].logicalTypeOptions.pattern: found \"(?=O)\" (look-around, including look-ahead and look-behind, is not supported), expected a regular expression without look-around and back-references",
        ),
        (
            "quantity * price",
            "quantity ^ price",
            "schema[Orders].properties[revenue].transformLogic: found the operator ^, expected an expression over columns, literals, + - * / % ||, = <> < <= > >=, AND OR NOT, IS NULL, IN, BETWEEN, LIKE, CASE, CAST and the functions that docs/contracts.md lists",
        ),
        (
            "month(order_date)",
            "month(quantity)",
            "schema[Orders].properties[month].transformLogic: found month() of an exact number, expected an expression over columns, literals, + - * / % ||, = <> < <= > >=, AND OR NOT, IS NULL, IN, BETWEEN, LIKE, CASE, CAST and the functions that docs/contracts.md lists",
        ),
        (
            "month(order_date)",
            "month(ordered)",
            "schema[Orders].properties[month].transformLogic: found ordered, which is no column before this one (did you mean OrderId?), expected an expression over columns, literals, + - * / % ||, = <> < <= > >=, AND OR NOT, IS NULL, IN, BETWEEN, LIKE, CASE, CAST and the functions that docs/contracts.md lists",
        ),
        (
            "partitionKeyPosition: 2",
            "partitionKeyPosition: 0",
            "schema[Orders].properties[month].partitionKeyPosition: found 0, expected a position from 1",
        ),
        (
            "value: 2.5",
            "value: 250",
            "schema[Orders].customProperties[maxRejectPercent].value: found 250, expected a number from 0 to 100",
        ),
        (
            "value: ignore",
            "value: drop",
            "schema[Orders].customProperties[unknownColumns].value: found \"drop\", expected reject, ignore or rescue",
        ),
    ] {
        assert_eq!(broken(from, to), [message], "{from} -> {to}");
    }
}

#[test]
fn what_would_reject_every_row_or_lose_a_partition_is_an_error() {
    for (from, to, message) in [
        (
            "exclusiveMaximum: 1000.5",
            "maximum: 0",
            "schema[Orders].properties[quantity].logicalTypeOptions: found a minimum above the maximum, expected bounds that some value can keep",
        ),
        (
            "maxLength: 12",
            "maxLength: 12, minLength: 13",
            "schema[Orders].properties[OrderId].logicalTypeOptions: found a minimum above the maximum, expected bounds that some value can keep",
        ),
        (
            "partitioned: true, partitionKeyPosition: 2",
            "partitionKeyPosition: 2",
            "schema[Orders].properties[month].partitionKeyPosition: found 2, expected partitioned: true beside it, or no position",
        ),
        (
            "maxLength: 12",
            "maxLenght: 12",
            "schema[Orders].properties[OrderId].logicalTypeOptions.maxLenght: found an unknown key, expected a key of the options of strings (did you mean maxLength?)",
        ),
        (
            "{minimum: 1, exclusiveMaximum: 1000.5}",
            "{pattern: x}",
            "schema[Orders].properties[quantity].logicalTypeOptions.pattern: found an unknown key, expected a key of the options of integers: exclusiveMaximum, exclusiveMinimum, format, maximum, minimum, multipleOf",
        ),
    ] {
        assert_eq!(broken(from, to), [message], "{from} -> {to}");
    }
}

#[test]
fn an_expression_over_a_column_that_is_wrong_is_not_told_as_well() {
    let told = broken("physicalType: \"DECIMAL(12,2)\"", "physicalType: FLOAT");
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn all_errors_are_told_at_once() {
    let document = ORDERS
        .replace("kind: DataContract", "kind: Table")
        .replace("type: s3", "type: ftp")
        .replace("value: 2.5", "value: x");
    assert_eq!(problems(&document).len(), 3);
}

#[test]
fn yes_no_and_on_are_texts() {
    let document =
        ORDERS.replace("{value: NA}", "{value: NO}").replace("name: price", "name: on").replace("* price", "* \"on\"");
    let contract = parse(&document).unwrap().contract;
    assert_eq!(contract.columns[3].name, "on");
    assert!(
        matches!(&contract.columns[4].checks[0], Check::Enum(values) if values[1] == Scalar::String("NO".to_owned()))
    );
}

#[test]
fn what_is_no_document_says_so() {
    assert_eq!(problems(" "), ["found an empty document, expected a data contract (YAML or JSON)"]);
    assert_eq!(
        problems("just text"),
        ["found text that is no object, expected a data contract (an object with apiVersion, kind, id, …)"]
    );
    assert_eq!(
        problems("{\"kind\": "),
        [
            "found what does not parse (EOF while parsing a value at line 1 column 9), expected a data contract (YAML or JSON)"
        ]
    );
    assert_eq!(
        problems("a: [1\nb: 2"),
        [
            "found what does not parse (line 2 column 2: illegal placement of ':' indicator), expected a data contract (YAML or JSON)"
        ]
    );
    assert_eq!(
        problems("id: a\nid: b"),
        [
            "found what does not parse (line 2 column 1: duplicate mapping key: id), expected a data contract (YAML or JSON)"
        ]
    );
}

#[test]
fn exclusive_bounds_may_be_written_as_version_3_0_has_them() {
    let column = |options: &str| {
        let column = format!("{{name: a, logicalType: integer, logicalTypeOptions: {{{options}}}}}");
        document("format: csv", &[&column], "")
    };
    let checks = |options: &str| format!("{:?}", good(&column(options)).0.columns[0].checks);
    assert_eq!(
        checks("minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false"),
        "[Maximum(Integer(9)), ExclusiveMinimum(Integer(1))]"
    );
    assert_eq!(checks("exclusiveMinimum: false"), "[]");
    assert_eq!(
        problems(&column("exclusiveMaximum: true")),
        [
            "schema[t].properties[a].logicalTypeOptions.exclusiveMaximum: found true, expected a maximum beside it, or the bound itself"
        ]
    );
}

#[test]
fn a_status_that_promises_something_else_is_noted() {
    let notes = |status: &str| {
        let document = document("format: csv", &["{name: a, logicalType: string}"], "");
        good(&document.replace("status: active", &format!("status: {status}"))).1
    };
    assert_eq!(notes("active"), [""; 0]);
    for status in ["proposed", "draft", "deprecated", "retired"] {
        let told =
            format!("status: {status}: not enforced, a contract that is deployed is applied whatever its status");
        assert_eq!(notes(status), [told]);
    }
    let known = "no status of the standard (proposed, draft, active, deprecated or retired); the contract is applied all the same";
    assert_eq!(notes("aktive"), [format!("status: \"aktive\" is {known}")]);
    assert_eq!(notes("1"), [format!("status: 1 is {known}")]);
}

#[test]
fn the_location_of_a_document_that_is_no_contract_is_told_where_it_is_plain() {
    let document = document("format: csv", &["{name: a, logicalType: string}"], "");
    let location =
        |document: &str| lakegate_contract::location_of(document).map(|location| location.as_str().to_owned());
    let told = location(&document);
    assert!(told.is_some());
    assert_eq!(
        location(&document.replace("version: 1.0.0", "version: 1.0").replace("logicalType: string", "logicalType: x")),
        told
    );
    assert_eq!(location(&document.replace("location:", "place:")), None);
    assert_eq!(location(&document.replace("server: landing", "server: lnding")), None);
    assert_eq!(location("kind: [unclosed"), None);
}

#[test]
fn a_document_of_everything_is_a_contract_without_notes() {
    let (contract, notes) = good(include_str!("whole.odcs.yaml"));
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!((contract.columns.len(), contract.paths.len(), contract.file_rules.len()), (9, 16, 4));
    assert_eq!(contract.keys, [Key { columns: vec![0, 1] }]);
    assert_eq!(contract.partition_columns, [7]);
}
