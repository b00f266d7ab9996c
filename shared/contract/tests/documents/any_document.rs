//! Whatever a document says, the parser answers.

use lakegate_contract::parse;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{ORDERS, document};

/// Keys and texts that the parser knows, so that what is generated reaches deep into it.
const KEYS: [&str; 34] = [
    "apiVersion",
    "arguments",
    "customProperties",
    "defaultTimezone",
    "delimiter",
    "encoding",
    "enum",
    "format",
    "items",
    "kind",
    "location",
    "logicalType",
    "logicalTypeOptions",
    "maximum",
    "metric",
    "minimum",
    "multipleOf",
    "mustBe",
    "mustBeBetween",
    "name",
    "partitionKeyPosition",
    "partitioned",
    "pattern",
    "physicalName",
    "physicalType",
    "primaryKey",
    "properties",
    "property",
    "quality",
    "query",
    "transformLogic",
    "type",
    "unique",
    "value",
];
const TEXTS: [&str; 24] = [
    "",
    "a",
    "é",
    "string",
    "number",
    "timestamp",
    "date",
    "object",
    "array",
    "integer",
    "csv",
    "json",
    "sql",
    "library",
    "DECIMAL(38,38)",
    "VARCHAR(9)",
    "yyyy-MM-dd[ HH:mm]",
    "2024-01-01",
    "a + b",
    "nullValues",
    "lakegate",
    "{property}",
    "-0.1e300",
    "9223372036854775808",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&KEYS[..]), inner), 0..6).prop_map(|pairs| {
                Value::from(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
            }),
        ]
    })
}

/// Puts `value` at the place that `path` chooses in the document.
fn put(document: &mut Value, path: &[prop::sample::Index], value: Value) {
    let mut place = document;
    for index in path {
        let is_empty = match &*place {
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        };
        if is_empty {
            break;
        }
        place = match place {
            Value::Array(items) => {
                let index = index.index(items.len());
                &mut items[index]
            }
            Value::Object(fields) => {
                let index = index.index(fields.len());
                fields.values_mut().nth(index).unwrap()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
        };
    }
    *place = value;
}

proptest! {
    #[test]
    fn no_change_to_a_good_document_makes_the_parser_panic(
        path in prop::collection::vec(any::<prop::sample::Index>(), 1..9),
        value in value(),
    ) {
        let mut document: Value = serde_saphyr::from_str(ORDERS).unwrap();
        put(&mut document, &path, value);
        if let Err(problems) = parse(&document.to_string()) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn no_column_and_no_rule_makes_the_parser_panic(column in value(), quality in value(), server in value()) {
        let mut document: Value = serde_saphyr::from_str(&document("format: json", &["{name: a, logicalType: string}"], "")).unwrap();
        document["schema"][0]["properties"] = json!([document["schema"][0]["properties"][0], column]);
        document["schema"][0]["quality"] = json!([quality]);
        document["servers"][0]["customProperties"] = json!([{"property": "trim", "vendor": "lakegate", "value": server}]);
        let _ = parse(&document.to_string());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-a-z{}\\[\\]:,\"'\n #&*!|>%@0-9]{0,80}", bytes in any::<Vec<u8>>()) {
        let _ = (parse(&text), parse(&String::from_utf8_lossy(&bytes)));
    }
}

#[test]
fn a_document_nested_without_end_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("{\"a\":", "}"), ("- ", "")] {
        let text = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(parse(&text).is_err(), "{open}");
    }
}

#[test]
fn yaml_that_multiplies_itself_is_refused() {
    let level = |level: usize| format!("a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", "));
    let levels: Vec<String> = (1..12).map(level).collect();
    let text = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}\n", levels.join("\n"));
    assert!(parse(&text).is_err());
}
