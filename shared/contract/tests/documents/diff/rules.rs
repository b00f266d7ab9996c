//! What is asked of values, rows and files, and how files are written: stricter, looser or breaking.

use super::super::{ORDERS, good};
use super::{lines, of_column, of_columns, of_dialect, of_object, of_policy, of_server};

#[test]
fn rules_of_values_are_stricter_or_looser_by_what_they_accept() {
    let of = |kind: &str, old: &str, new: &str| {
        let column = |rule: &str| {
            if rule.starts_with("enum") || rule.starts_with("required") {
                format!("{{name: n, {kind}, {rule}}}")
            } else {
                format!("{{name: n, {kind}, logicalTypeOptions: {{{rule}}}}}")
            }
        };
        of_column(&column(old), &column(new))
    };
    let (text, number) = ("logicalType: string", "logicalType: number, physicalType: \"DECIMAL(9,2)\"");
    for (kind, loose, strict, told) in [
        (text, "required: false", "required: true", "required: false -> true"),
        (text, "enum: [{value: a}, {value: b}]", "enum: [{value: b}]", r#"enum: "a", "b" -> "b""#),
        (text, "", "pattern: ^a", "logicalTypeOptions.pattern: nothing -> ^a"),
        (text, "minLength: 1", "minLength: 2", "logicalTypeOptions.minLength: 1 -> 2"),
        (text, "maxLength: 2", "maxLength: 1", "logicalTypeOptions.maxLength: 2 -> 1"),
        (number, "minimum: -1", "minimum: 0.05", "logicalTypeOptions.minimum: -1.00 -> 0.05"),
        (number, "maximum: 10", "maximum: 9.5", "logicalTypeOptions.maximum: 10.00 -> 9.50"),
        (number, "exclusiveMinimum: 0", "exclusiveMinimum: 1", "logicalTypeOptions.exclusiveMinimum: 0.00 -> 1.00"),
        (number, "exclusiveMaximum: 2", "exclusiveMaximum: 1", "logicalTypeOptions.exclusiveMaximum: 2.00 -> 1.00"),
        (number, "multipleOf: 0.05", "multipleOf: 0.25", "logicalTypeOptions.multipleOf: 0.05 -> 0.25"),
        ("logicalType: date", "minimum: \"1969-12-31\"", "", "logicalTypeOptions.minimum: 1969-12-31 -> nothing"),
        (
            "logicalType: timestamp",
            "",
            "maximum: \"2024-02-29T10:00\"",
            "logicalTypeOptions.maximum: nothing -> 2024-02-29T10:00:00",
        ),
    ] {
        let (class, other) = if strict.is_empty() { ("looser", "stricter") } else { ("stricter", "looser") };
        assert_eq!(of(kind, loose, strict), [format!("{class} properties[n].{told}")]);
        assert!(of(kind, strict, loose)[0].starts_with(other), "{strict} to {loose}");
    }
    assert_eq!(of(text, "enum: [{value: a}, {value: b}]", "enum: [{value: b}, {value: a}]"), [""; 0]);
    let neither = of(text, "enum: [{value: a}]", "enum: [{value: b}]");
    assert!(neither[0].starts_with("stricter"), "{neither:?}");
    assert!(of(text, "pattern: a", "pattern: b")[0].starts_with("stricter"));
    assert!(of(number, "multipleOf: 2", "multipleOf: 3")[0].starts_with("stricter"));
    let lengths = of_column(
        "{name: n, logicalType: string, physicalType: VARCHAR(5)}",
        "{name: n, logicalType: string, physicalType: VARCHAR(9)}",
    );
    assert_eq!(lengths, ["looser properties[n].logicalTypeOptions.maxLength: 5 -> 9"]);
}

#[test]
fn a_key_is_stricter_unless_one_over_some_of_its_columns_was_there() {
    let of = |old: [&str; 2], new: [&str; 2]| {
        let columns = |flags: [&str; 2]| {
            let [a, b] = flags;
            [
                format!("{{name: a, logicalType: string, required: true{a}}}"),
                format!("{{name: b, logicalType: string, required: true{b}}}"),
            ]
        };
        let (old, new) = (columns(old), columns(new));
        of_columns(&old.each_ref().map(String::as_str), &new.each_ref().map(String::as_str), &[])
    };
    let (unique, primary) = (", unique: true", ", primaryKey: true");
    assert_eq!(of(["", ""], [unique, ""]), ["stricter properties[a].unique: nothing -> a"]);
    assert_eq!(of([unique, ""], ["", ""]), ["looser properties[a].unique: a -> nothing"]);
    assert_eq!(of(["", ""], [primary, primary]), ["stricter properties[].primaryKey: nothing -> a, b"]);
    assert_eq!(of([primary, primary], [unique, ""]), ["stricter properties[a].unique: nothing -> a"]);
    assert_eq!(of([unique, ""], [primary, primary]), ["looser properties[a].unique: a -> nothing"]);
    assert_eq!(of([primary, ""], [unique, ""]), [""; 0]);
}

#[test]
fn rules_of_quality_are_compared_by_name_severity_and_what_they_ask() {
    let sql = |predicate: &str, more: &str| {
        format!(
            "quality: [{{type: sql, name: r, mustBe: 0, query: \"SELECT COUNT(*) FROM t WHERE {predicate}\"{more}}}]"
        )
    };
    let warning = ", severity: warning";
    assert_eq!(of_object("", &sql("a > b", "")), ["stricter quality[r]: nothing -> a > b (of a, b)"]);
    assert_eq!(of_object(&sql("a > b", ""), ""), ["looser quality[r]: a > b (of a, b) -> nothing"]);
    assert_eq!(of_object(&sql("a > b", ""), &sql("a  >  b", "")), [""; 0]);
    assert_eq!(
        of_object(&sql("a > b", ""), &sql("a >= b", "")),
        ["stricter quality[r]: a > b (of a, b) -> a >= b (of a, b)"]
    );
    assert_eq!(
        of_object(&sql("a > b", ""), &sql("a > b", warning)),
        ["looser quality[r]: a > b (of a, b) -> a > b (of a, b) (warning)"]
    );
    assert_eq!(
        of_object(&sql("a > b", warning), &sql("a > b", "")),
        ["stricter quality[r]: a > b (of a, b) (warning) -> a > b (of a, b)"]
    );
    assert_eq!(of_object("", &sql("a > b", warning)), ["neutral quality[r]: nothing -> a > b (of a, b) (warning)"]);
    assert_eq!(of_object(&sql("a > b", warning), &sql("a > b", warning)), [""; 0]);
    let rows = |bound: &str| format!("quality: [{{metric: rowCount, {bound}}}]");
    assert_eq!(
        of_object(&rows("mustBeGreaterThan: 1"), &rows("mustBeGreaterOrEqualTo: 1")),
        ["looser quality[rowCount]: rowCount mustBeGreaterThan 1 -> rowCount mustBeGreaterOrEqualTo 1"]
    );
    for (loose, strict) in [
        ("mustBeGreaterOrEqualTo: 1", "mustBeGreaterThan: 1"),
        ("mustBeGreaterOrEqualTo: 1", "mustBeBetween: [1, 5]"),
        ("mustBeLessOrEqualTo: 9", "mustBeLessThan: 9"),
        ("mustBeBetween: [1, 5]", "mustBe: 5"),
    ] {
        assert!(of_object(&rows(loose), &rows(strict))[0].starts_with("stricter"), "{loose} to {strict}");
        assert!(of_object(&rows(strict), &rows(loose))[0].starts_with("looser"), "{strict} to {loose}");
    }
    for (one, other) in [("mustBeGreaterThan: 1", "mustBeLessThan: 1"), ("mustNotBe: 1", "mustNotBe: 2")] {
        assert!(of_object(&rows(one), &rows(other))[0].starts_with("stricter"), "{one} to {other}");
    }
    let twins = |more: &str| {
        format!(
            "quality: [{{metric: duplicateValues, name: twins, mustBeLessThan: 9, arguments: {{properties: [a]}}{more}}}]"
        )
    };
    assert_eq!(
        of_object(&twins(""), &twins(", unit: percent")),
        [
            "stricter quality[twins]: duplicateValues of a mustBeLessThan 9 -> duplicateValues of a, percent mustBeLessThan 9"
        ]
    );
    assert_eq!(of_object(&twins(""), &twins("").replace("[a]", "[b]")).len(), 1);
}

#[test]
fn policies_are_stricter_or_looser_by_what_they_let_through() {
    for (loose, strict) in [
        ("maxRejectPercent: 10", ""),
        ("", "maxRejectRows: 5"),
        ("maxRejectRows: 5", "maxRejectRows: 4"),
        ("", "exactDuplicates: drop"),
        ("unknownColumns: ignore", "unknownColumns: reject"),
    ] {
        assert!(of_policy(loose, strict)[0].starts_with("stricter"), "{loose} to {strict}");
        assert!(of_policy(strict, loose)[0].starts_with("looser"), "{strict} to {loose}");
    }
    assert_eq!(
        of_policy("unknownColumns: ignore", "unknownColumns: rescue"),
        [
            "stricter customProperties[unknownColumns]: ignore -> rescue",
            "neutral properties[_rescued]: nothing -> json"
        ]
    );
    assert_eq!(
        of_policy("unknownColumns: rescue", "unknownColumns: reject"),
        [
            "stricter customProperties[unknownColumns]: rescue -> reject",
            "neutral properties[_rescued]: json -> nothing"
        ]
    );
    assert_eq!(of_policy("", "removedObjects: remove"), ["neutral customProperties[removedObjects]: keep -> remove"]);
    assert_eq!(of_policy("removedObjects: remove", ""), ["neutral customProperties[removedObjects]: remove -> keep"]);
    assert_eq!(of_policy("", "compression: snappy"), ["neutral customProperties[compression]: zstd -> snappy"]);
}

#[test]
fn files_that_are_written_otherwise_are_rejected_or_mean_something_else() {
    for (old, new, told) in [
        ("", "delimiter: \";\"", r"stricter servers[landing].customProperties[delimiter]: , -> ;"),
        ("", "skipLines: 1", "stricter servers[landing].customProperties[skipLines]: 0 -> 1"),
        ("", "quote: \"'\"", r#"breaking servers[landing].customProperties[quote]: \" -> \'"#),
        ("", r"escape: '\'", r"breaking servers[landing].customProperties[escape]: nothing -> \\"),
        ("", "comment: \"#\"", "breaking servers[landing].customProperties[comment]: nothing -> #"),
        ("", "header: false", "breaking servers[landing].customProperties[header]: true -> false"),
        ("", "trim: true", "breaking servers[landing].customProperties[trim]: false -> true"),
        ("", "nullValues: [\"\", NA]", r#"breaking servers[landing].customProperties[nullValues]: "" -> "", "NA""#),
        ("", "quoting: lenient", "looser servers[landing].customProperties[quoting]: strict -> lenient"),
        ("", "compression: gzip", "stricter servers[landing].customProperties[compression]: auto -> gzip"),
        ("compression: zstd", "", "looser servers[landing].customProperties[compression]: zstd -> auto"),
        ("", "maxRecordBytes: 1000", "stricter servers[landing].customProperties[maxRecordBytes]: 1048576 -> 1000"),
        ("", "integralFractions: true", "looser servers[landing].customProperties[integralFractions]: false -> true"),
        ("", "decimalSeparator: \",\"", "stricter servers[landing].customProperties[decimalSeparator]: . -> ,"),
        ("", "thousandsSeparator: _", "looser servers[landing].customProperties[thousandsSeparator]: nothing -> _"),
    ] {
        let list = |text: &'static str| Some(text).filter(|text| !text.is_empty()).into_iter().collect::<Vec<_>>();
        assert_eq!(of_dialect(&list(old), &list(new)), [told]);
        assert_eq!(of_dialect(&list(new), &list(old)).len(), 1, "{new}");
    }
    let headless = |delimiter: &'static str| of_dialect(&["header: false"], &["header: false", delimiter]);
    assert!(headless("delimiter: \";\"")[0].starts_with("breaking"));
    // 1.234 is one and a bit, or a thousand and more.
    let swapped = of_dialect(&[], &["decimalSeparator: \",\"", "thousandsSeparator: ."]);
    assert!(swapped.len() == 2 && swapped.iter().all(|line| line.starts_with("breaking")), "{swapped:?}");
}

#[test]
fn another_format_encoding_or_place_is_told() {
    assert_eq!(of_server("format: csv", "format: json"), ["breaking servers[landing].format: csv -> json"]);
    assert_eq!(of_server("format: json", "format: csv"), ["breaking servers[landing].format: json -> csv"]);
    assert_eq!(
        of_server("format: json", "format: json\n    delimiter: array"),
        ["stricter servers[landing].delimiter: nothing -> array"]
    );
    assert_eq!(
        of_server("format: csv", "format: csv\n    encoding: cp1252"),
        ["breaking servers[landing].encoding: UTF-8 -> Windows-1252"]
    );
    let place = |location: &str| good(&ORDERS.replace("s3://*/orders/**/*.csv", location)).0;
    assert_eq!(
        lines(&place("s3://raw/orders/*.csv"), &place("s3://*/orders/**/*.csv")),
        ["looser servers[landing].location: s3://raw/orders/*.csv -> s3://*/orders/**/*.csv"]
    );
    assert!(lines(&place("s3://*/orders/*.csv"), &place("s3://*/sales/*.csv"))[0].starts_with("stricter"));
}
