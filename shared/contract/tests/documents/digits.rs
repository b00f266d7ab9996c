//! Numbers of a document keep the digits that they have there, in quotes or without.

use lakegate_contract::{Check, Metric, Scalar};

use super::{document, good, problems};

const DECIMAL: &str = "DECIMAL(38,20)";

fn told(physical: &str, bound: &str) -> Vec<String> {
    let column = format!(
        "{{name: a, logicalType: number, physicalType: '{physical}', logicalTypeOptions: {{maximum: {bound}}}}}"
    );
    problems(&document("format: csv", &[column.as_str()], ""))
}

/// The checks of a column `a` of a document.
fn checks(text: &str) -> Vec<Check> {
    let (contract, _) = good(text);
    contract.columns.into_iter().find(|column| column.name == "a").unwrap().checks
}

fn decimal_checks(options: &str) -> Vec<Check> {
    let column = format!("{{name: a, logicalType: number, physicalType: '{DECIMAL}', {options}}}");
    checks(&document("format: csv", &[column.as_str()], ""))
}

#[test]
fn a_bound_keeps_digits_that_binary_floating_point_would_lose() {
    for (bound, units) in [
        ("0.30000000000000000001", 30_000_000_000_000_000_001_i128),
        ("0.3", 30_000_000_000_000_000_000),
        ("0.30000000000000004", 30_000_000_000_000_004_000),
        ("12345678901234567.00000000000000000001", 1_234_567_890_123_456_700_000_000_000_000_000_001),
        ("-0.30000000000000000001", -30_000_000_000_000_000_001),
        ("+0.30000000000000000001", 30_000_000_000_000_000_001),
        ("3.0000000000000000001e-1", 30_000_000_000_000_000_001),
        ("1e16", 1_000_000_000_000_000_000_000_000_000_000_000_000),
        ("9007199254740993", 900_719_925_474_099_300_000_000_000_000_000_000),
        ("'0.30000000000000000001'", 30_000_000_000_000_000_001),
    ] {
        let checks = decimal_checks(&format!("logicalTypeOptions: {{maximum: {bound}}}"));
        let [Check::Maximum(Scalar::Decimal(maximum))] = checks.as_slice() else { panic!("{bound}: {checks:?}") };
        assert_eq!(*maximum, units, "{bound}");
    }
}

#[test]
fn a_bound_beyond_64_bits_is_a_bound_of_whole_numbers_too() {
    for (bound, expected) in [("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)] {
        let column = format!("{{name: a, logicalType: integer, logicalTypeOptions: {{maximum: {bound}}}}}");
        let checks = checks(&document("format: csv", &[column.as_str()], ""));
        assert!(matches!(checks.as_slice(), [Check::Maximum(Scalar::Integer(value))] if *value == expected));
    }
    let column = "{name: a, logicalType: integer, logicalTypeOptions: {maximum: 9223372036854775808.5}}";
    assert_eq!(problems(&document("format: csv", &[column], "")).len(), 1);
}

#[test]
fn values_of_an_enum_and_of_a_metric_keep_their_digits() {
    let checks = decimal_checks("enum: [{value: 0.30000000000000000001}, {value: 2}]");
    let [Check::Enum(values)] = checks.as_slice() else { panic!("{checks:?}") };
    assert!(matches!(
        values.as_slice(),
        [Scalar::Decimal(30_000_000_000_000_000_001), Scalar::Decimal(200_000_000_000_000_000_000)]
    ));
    let metric = "{metric: invalidValues, mustBe: 0, arguments: {validValues: [0.30000000000000000001]}}";
    let column = format!("{{name: a, logicalType: number, physicalType: '{DECIMAL}', quality: [{metric}]}}");
    let (contract, _) = good(&document("format: csv", &[column.as_str()], ""));
    let Metric::InvalidValues(_, checks) = &contract.file_rules[0].metric else { panic!() };
    let [Check::Enum(values)] = checks.as_slice() else { panic!("{checks:?}") };
    assert!(matches!(values.as_slice(), [Scalar::Decimal(30_000_000_000_000_000_001)]));
}

#[test]
fn what_counts_as_missing_is_taken_as_it_is_written() {
    let metric =
        "{metric: missingValues, mustBe: 0, arguments: {missingValues: [9.90, -1, 1e2, 007, +5, True, NO, 'x', null]}}";
    let column = format!("{{name: a, logicalType: string, quality: [{metric}]}}");
    let (contract, _) = good(&document("format: csv", &[column.as_str()], ""));
    let Metric::MissingValues(_, texts) = &contract.file_rules[0].metric else { panic!() };
    let texts: Vec<_> = texts.iter().map(|text| text.as_deref().unwrap_or("null")).collect();
    assert_eq!(texts, ["9.90", "-1", "1e2", "007", "+5", "True", "NO", "x", "null"]);
}

#[test]
fn digits_are_found_wherever_the_number_stands() {
    let column = "      - name: é中😀
        physicalName: e
        logicalType: string
        description: 'a: 1.5, \"b\" # ü'
      - name: a # 0.1
        logicalType: number
        physicalType: DECIMAL(38,20)
        logicalTypeOptions:
          minimum:   0.10000000000000000001   # 0.2
          maximum: 0.30000000000000000001";
    let block = document("format: csv", &[], "").replace("    properties:\n", &format!("    properties:\n{column}"));
    let expected = |document: &str| {
        let mut checks = checks(document);
        checks.sort_by_key(|check| matches!(check, Check::Maximum(_)));
        let is_exact = matches!(
            checks.as_slice(),
            [
                Check::Minimum(Scalar::Decimal(10_000_000_000_000_000_001)),
                Check::Maximum(Scalar::Decimal(30_000_000_000_000_000_001))
            ]
        );
        assert!(is_exact, "{document}\n{checks:?}");
    };
    expected(&block);
    expected(&block.replace('\n', "\r\n"));
    expected(&format!("%YAML 1.2\n---\n{}", block.trim_start()));
    expected(&format!("\u{feff}{}", block.trim_start()));
    // The same options by an alias, and by a merge.
    let flow = |options: &str| {
        let other = "{name: b, logicalType: number, physicalType: 'DECIMAL(38,20)', logicalTypeOptions: &bounds {maximum: 0.30000000000000000001, minimum: 0.10000000000000000001}}";
        let column =
            format!("{{name: a, logicalType: number, physicalType: 'DECIMAL(38,20)', logicalTypeOptions: {options}}}");
        document("format: csv", &[other, column.as_str()], "")
    };
    expected(&flow("*bounds"));
    expected(&flow("{<<: *bounds}"));
    expected(&flow("{maximum: 0.30000000000000000001, <<: {minimum: 0.10000000000000000001, maximum: 0.3}}"));
    expected(&flow("{<<: {minimum: 0.10000000000000000001, maximum: 0.3}, maximum: 0.30000000000000000001}"));
}

#[test]
fn json_keeps_its_digits_too() {
    let json = "{
\t\"apiVersion\": \"v3.2.0\", \"kind\": \"DataContract\", \"id\": \"t\", \"version\": \"1.0.0\",
\t\"description\": {\"purpose\": \"\\ud83d\\ude00 \\/ \\u00e9\"},
\t\"servers\": [{\"server\": \"landing\", \"type\": \"s3\", \"location\": \"s3://*/t/*.csv\", \"format\": \"csv\"}],
\t\"schema\": [{\"name\": \"t\", \"properties\": [
\t\t{\"name\": \"a\", \"logicalType\": \"number\", \"physicalType\": \"DECIMAL(38,20)\",
\t\t \"logicalTypeOptions\": {\"maximum\":0.30000000000000000002,\"maximum\":0.30000000000000000001}}
\t]}]
}";
    let checks = checks(json);
    assert!(matches!(checks.as_slice(), [Check::Maximum(Scalar::Decimal(30_000_000_000_000_000_001))]), "{checks:?}");
}

#[test]
fn numbers_elsewhere_and_doubles_are_what_they_were() {
    for bound in ["1e20", "0.30000000000000000001", "0.1000000000000000055511151231257827", "33"] {
        assert_eq!(told("DOUBLE", bound), Vec::<String>::new(), "{bound}");
    }
    let metric = "{metric: nullValues, mustBeLessThan: 33.333333333333333333, unit: percent}";
    let column = format!("{{name: a, logicalType: string, quality: [{metric}]}}");
    assert_eq!(problems(&document("format: csv", &[column.as_str()], "")), Vec::<String>::new());
}

#[test]
fn digits_that_no_reader_keeps_are_asked_for_as_text() {
    for lost in ["!!float 12345678901234.567", "!!float '99999999999999999999.99'"] {
        let told = told("DECIMAL(38,2)", lost);
        assert!(told.is_empty() || told[0].contains("expected the number as text, in quotes"), "{lost}: {told:?}");
    }
    for kept in ["'99999999999999999999.99'", "99999999999999999999.99", "'1e20'", "1e6", "0.295", "-1.5"] {
        assert_eq!(told("DECIMAL(38,2)", kept), Vec::<String>::new(), "{kept}");
    }
    assert_eq!(told("DECIMAL(38,2)", "'1.2299999999999999999e0'").len(), 1);
    assert_eq!(told("DECIMAL(38,2)", "1.2299999999999999999e0").len(), 1);
}

#[test]
fn a_bound_beyond_the_columns_type_is_noted() {
    let notes = |options: &str| {
        let column =
            format!("{{name: a, logicalType: integer, physicalType: SMALLINT, logicalTypeOptions: {{{options}}}}}");
        good(&document("format: csv", &[&column], "")).1
    };
    let (path, range) =
        ("schema[t].properties[a].logicalTypeOptions", "the column's type has whole numbers from -32768 to 32767");
    assert_eq!(notes("maximum: 100000"), [format!("{path}.maximum: never breaks: {range}")]);
    assert_eq!(notes("exclusiveMinimum: -32769"), [format!("{path}.exclusiveMinimum: never breaks: {range}")]);
    assert_eq!(notes("minimum: 40000"), [format!("{path}.minimum: every value breaks it: {range}")]);
    assert_eq!(notes("minimum: -32768, maximum: 32767, multipleOf: 100000"), [""; 0]);
}
