//! Rules of `quality`.

use lakegate_contract::{Bound, Check, Contract, Metric, Severity};

use super::{document, good, lakegate, problems};

const COLUMNS: [&str; 3] = [
    "{name: Id, physicalName: id, logicalType: string}",
    "{name: amount, logicalType: number, physicalType: \"DECIMAL(9,2)\"}",
    "{name: other, logicalType: object}",
];

fn on_table(check: &str) -> String {
    document("format: json", &COLUMNS, &format!("quality: [{check}]"))
}

fn on_column(index: usize, check: &str) -> String {
    let mut columns = COLUMNS.map(str::to_owned);
    columns[index] = columns[index].replace("logicalType", &format!("quality: [{check}], logicalType"));
    document("format: json", &columns.each_ref().map(String::as_str), "")
}

fn contract(document: &str) -> Contract {
    let (contract, notes) = good(document);
    assert!(notes.is_empty(), "{notes:?}");
    contract
}

#[test]
fn metrics_become_rules_of_the_file() {
    let contract = contract(&on_table(
        "{metric: rowCount, mustBeBetween: [1, 10]}, {type: library, name: no twins, metric: duplicateValues, arguments: {properties: [amount, id]}, mustBeLessThan: 2.5, unit: percent, severity: warning}",
    ));
    let [rows, twins] = &contract.file_rules[..] else { panic!("{:?}", contract.file_rules) };
    assert_eq!((rows.name.as_str(), rows.severity, rows.is_percent), ("rowCount", Severity::Error, false));
    assert!(matches!(rows.metric, Metric::RowCount) && rows.must == Bound::Between(1.0, 10.0));
    assert_eq!((twins.name.as_str(), twins.severity, twins.is_percent), ("no twins", Severity::Warning, true));
    assert!(matches!(&twins.metric, Metric::DuplicateValues(columns) if columns[..] == [1, 0]));
    assert_eq!(twins.must, Bound::Below(2.5));
}

#[test]
fn metrics_of_columns_know_their_column_and_its_type() {
    let contract = contract(&on_column(
        1,
        "{metric: nullValues, mustBe: 0}, {metric: missingValues, arguments: {missingValues: [null, '', N/A, -1]}, mustBeLessOrEqualTo: 5}, {metric: invalidValues, arguments: {validValues: [1, \"2.50\"]}, mustNotBe: 3}, {metric: duplicateValues, mustBeGreaterOrEqualTo: 0}",
    ));
    let names: Vec<&str> = contract.file_rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        ["nullValues of amount", "missingValues of amount", "invalidValues of amount", "duplicateValues of amount"]
    );
    let metrics: Vec<&Metric> = contract.file_rules.iter().map(|rule| &rule.metric).collect();
    let [
        Metric::NullValues(1),
        Metric::MissingValues(1, texts),
        Metric::InvalidValues(1, checks),
        Metric::DuplicateValues(columns),
    ] = metrics[..]
    else {
        panic!("{metrics:?}")
    };
    assert_eq!(*texts, [None, Some(String::new()), Some("N/A".to_owned()), Some("-1".to_owned())]);
    assert_eq!(format!("{checks:?}"), "[Enum([Decimal(100), Decimal(250)])]");
    assert_eq!(*columns, [1]);
    let bounds: Vec<Bound> = contract.file_rules.iter().map(|rule| rule.must).collect();
    assert_eq!(bounds, [Bound::Is(0.0), Bound::AtMost(5.0), Bound::IsNot(3.0), Bound::AtLeast(0.0)]);
}

#[test]
fn valid_values_and_a_pattern_are_kept_together() {
    let arguments = "{validValues: [a], pattern: \"^[a-z]$\"}";
    let check = format!("{{metric: invalidValues, arguments: {arguments}, mustNotBeBetween: [1, 2]}}");
    let contract = contract(&on_column(0, &check));
    let Metric::InvalidValues(0, checks) = &contract.file_rules[0].metric else { panic!("{:?}", contract.file_rules) };
    assert!(matches!(&checks[..], [Check::Enum(_), Check::Pattern(_)]));
    assert_eq!(contract.file_rules[0].must, Bound::NotBetween(1.0, 2.0));
}

#[test]
fn the_names_of_version_3_0_are_read_where_they_can_mean_one_thing_only() {
    let old = on_column(0, "{type: library, rule: duplicateCount, mustBeGreaterThan: 1}, {rule: nullCheck}");
    let contract = contract(&old.replace("v3.2.0", "v3.0.2"));
    let [duplicates, nulls] = &contract.file_rules[..] else { panic!("{:?}", contract.file_rules) };
    assert!(matches!(duplicates.metric, Metric::DuplicateValues(_)) && duplicates.must == Bound::Above(1.0));
    assert!(matches!(nulls.metric, Metric::NullValues(0)) && nulls.must == Bound::Is(0.0));
    let ambiguous = "{rule: validValues, validValues: [a], mustBeLessThan: 5}";
    assert_eq!(
        problems(&on_column(0, ambiguous)),
        [
            "schema[t].properties[Id].quality[0].rule: found \"validValues\", expected metric: invalidValues with arguments: {validValues: […]}"
        ]
    );
}

#[test]
fn a_derived_name_gives_way_to_another() {
    let check = "{metric: rowCount, mustBe: 1}, {name: rowCount, metric: rowCount, mustBe: 2}, {metric: rowCount, mustBe: 3, severity: warning}";
    let names: Vec<String> = contract(&on_table(check)).file_rules.into_iter().map(|rule| rule.name).collect();
    assert_eq!(names, ["rowCount (2)", "rowCount", "rowCount (3)"]);
}

#[test]
fn what_people_and_other_tools_check_is_noted() {
    let (contract, notes) = good(&on_table(
        "{type: text, description: x}, {type: custom, engine: soda, implementation: y}, {metric: rowCount, mustBeGreaterThan: 0, severity: info, schedule: 0 20 * * *, scheduler: cron, dimension: coverage, businessImpact: z}",
    ));
    assert_eq!(
        notes,
        [
            "schema[t].quality[0]: not enforced: a quality check for people or other tools",
            "schema[t].quality[1]: not enforced: a quality check for people or other tools",
            "schema[t].quality[2].schedule: not used: every file is judged when it arrives",
            "schema[t].quality[2].severity: read as warning: what breaks the rule is counted and told, and nothing else",
        ]
    );
    assert_eq!(contract.file_rules[0].severity, Severity::Warning);
}

#[test]
fn a_rule_of_the_table_says_what_is_wrong_with_it() {
    for (check, message) in [
        ("x", "found \"x\", expected a quality check (an object with a type)"),
        ("{description: x}", ".type: found nothing, expected sql, library, text or custom"),
        ("{type: soda}", ".type: found \"soda\", expected sql, library, text or custom"),
        ("{type: 1}", ".type: found 1, expected sql, library, text or custom"),
        ("{type: library, mustBe: 1}", ".metric: found nothing, expected the metric of a rule of type library"),
        (
            "{metric: nullValues, mustBe: 0}",
            ".metric: found \"nullValues\", expected rowCount or duplicateValues; others stand on a column",
        ),
        (
            "{metric: rowCount, rule: rowCount, mustBe: 0}",
            ".rule: found a rule beside a metric, expected metric only: rule is its old name",
        ),
        (
            "{metric: rowCount}",
            "found no operator, expected one of mustBe, mustBeBetween, mustBeGreaterOrEqualTo, mustBeGreaterThan, mustBeLessOrEqualTo, mustBeLessThan, mustNotBe, mustNotBeBetween",
        ),
        (
            "{metric: rowCount, mustBe: 1, mustNotBe: 2}",
            "found 2 operators, expected one of mustBe, mustBeBetween, mustBeGreaterOrEqualTo, mustBeGreaterThan, mustBeLessOrEqualTo, mustBeLessThan, mustNotBe, mustNotBeBetween",
        ),
        ("{metric: rowCount, mustBe: many}", ".mustBe: found \"many\", expected a number"),
        (
            "{metric: rowCount, mustBe: 1.5}",
            ".mustBe: found 1.5, which no file can keep, expected a bound that a number of rows, 0 or more, can keep",
        ),
        (
            "{metric: rowCount, mustBeLessThan: 0}",
            ".mustBeLessThan: found 0, which no file can keep, expected a bound that a number of rows, 0 or more, can keep",
        ),
        (
            "{metric: rowCount, mustBeBetween: [2, 1]}",
            ".mustBeBetween: found a list of 2, expected a list of two numbers, the smaller one first",
        ),
        (
            "{metric: rowCount, mustBe: 1, unit: percent}",
            ".unit: found \"percent\", expected rows: the rows are all there is",
        ),
        ("{metric: rowCount, mustBe: 1, unit: kg}", ".unit: found \"kg\", expected rows or percent"),
        (
            "{metric: rowCount, mustBe: 1, severity: fatal}",
            ".severity: found \"fatal\", expected error, warning or info",
        ),
        (
            "{metric: rowCount, mustBe: 1, query: x}",
            ".query: found a query of a rule of type library, expected type: sql, or no query",
        ),
        (
            "{metric: rowCount, mustBee: 1, mustBe: 1}",
            ".mustBee: found an unknown key, expected a key of a quality check (did you mean mustBe?)",
        ),
        (
            "{metric: rowCount, mustBe: 1, arguments: {properties: [id]}}",
            ".arguments.properties: found an unknown key, expected no key: the arguments of this metric have none",
        ),
        ("{metric: duplicateValues, mustBe: 0}", ".arguments.properties: found nothing, expected a list of columns"),
        (
            "{metric: duplicateValues, mustBe: 0, arguments: {properties: []}}",
            ".arguments.properties: found a list of 0, expected at least one column",
        ),
        (
            "{metric: duplicateValues, mustBe: 0, arguments: {properties: [idd]}}",
            ".arguments.properties[0]: found \"idd\", expected the name of a column",
        ),
        (
            "{metric: duplicateValues, mustBe: 0, arguments: {properties: [id, Id]}}",
            ".arguments.properties[1]: found \"Id\", expected each column once",
        ),
        (
            "{metric: duplicateValues, mustBe: 0, arguments: {properties: [other]}}",
            ".arguments.properties[0]: found \"other\", expected a column whose values can be compared, which objects and arrays cannot",
        ),
    ] {
        let separator = if message.starts_with('.') { "" } else { ": " };
        let name = if check.contains("name:") { "[x]" } else { "[0]" };
        assert_eq!(problems(&on_table(check)), [format!("schema[t].quality{name}{separator}{message}")], "{check}");
    }
}

#[test]
fn a_rule_of_a_column_says_what_is_wrong_with_it() {
    for (column, check, message) in [
        (
            0,
            "{metric: rowCount, mustBe: 0}",
            "metric: found \"rowCount\", expected nullValues, missingValues, invalidValues or duplicateValues; rowCount stands on the schema object",
        ),
        (
            0,
            "{metric: nullValues, mustBeGreaterThan: 100, unit: percent}",
            "mustBeGreaterThan: found 100, which no file can keep, expected a bound that a share from 0 to 100 percent can keep",
        ),
        (
            0,
            "{metric: missingValues, mustBe: 0}",
            "arguments.missingValues: found nothing, expected a list of texts that count as missing, or null",
        ),
        (
            0,
            "{metric: missingValues, mustBe: 0, arguments: {missingValues: [[]]}}",
            "arguments.missingValues[0]: found a list of 0, expected a text or null",
        ),
        (
            0,
            "{metric: invalidValues, mustBe: 0}",
            "arguments: found neither, expected validValues, pattern or both; a column's own rules need no check",
        ),
        (
            0,
            "{metric: invalidValues, mustBe: 0, arguments: {pattern: \"(?=x)\"}}",
            "arguments.pattern: found \"(?=x)\" (look-around, including look-ahead and look-behind, is not supported), expected a regular expression without look-around and back-references",
        ),
        (
            1,
            "{metric: invalidValues, mustBe: 0, arguments: {pattern: x}}",
            "arguments.pattern: found \"x\", expected no pattern on a column that is not text",
        ),
        (
            1,
            "{metric: invalidValues, mustBe: 0, arguments: {validValues: [1.255]}}",
            "arguments.validValues[0]: found 1.255, expected a number that fits DECIMAL(9,2)",
        ),
        (
            2,
            "{metric: duplicateValues, mustBe: 0}",
            "metric: found \"duplicateValues\", expected nullValues: objects and arrays are not compared",
        ),
    ] {
        let name = ["Id", "amount", "other"][column];
        let document = on_column(column, check);
        // Where one value of a list is wrong, the list is empty without it.
        let told = problems(&document);
        assert_eq!(told[0], format!("schema[t].properties[{name}].quality[0].{message}"), "{check}");
    }
}

#[test]
fn a_derived_column_has_no_texts_that_could_be_missing() {
    let column = "{name: b, logicalType: integer, transformLogic: a + 1, quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: [x]}}]}";
    assert_eq!(
        problems(&document("format: csv", &["{name: a, logicalType: integer}", column], "")),
        [
            "schema[t].properties[b].quality[0].metric: found \"missingValues\", expected a metric that needs no text of the file, which a derived column has not"
        ]
    );
}

#[test]
fn names_are_given_once() {
    let rule = |name: &str| format!("{{name: {name}, metric: rowCount, mustBe: 1}}");
    assert_eq!(
        problems(&on_table(&format!("{}, {}", rule("a"), rule("a")))),
        ["schema[t].quality[a].name: found \"a\", expected a name that no other rule has"]
    );
    assert_eq!(
        problems(&on_table(&rule("enum"))),
        ["schema[t].quality[enum].name: found \"enum\", expected another name: this is a rule of every contract"]
    );
    assert_eq!(
        problems(&on_table(&rule("\" \""))),
        ["schema[t].quality[ ].name: found \" \", expected a name of 1 to 128 characters"]
    );
}

#[test]
fn a_sql_rule_counts_the_rows_that_break_it() {
    let query = "query: SELECT COUNT(*) FROM t WHERE amount < 0";
    for (check, message) in [
        (
            format!("{{type: sql, mustBe: 0, {query}}}"),
            "[0].name: found nothing, expected the name under which broken rows are counted",
        ),
        (
            format!("{{type: sql, name: x, {query}}}"),
            "[x].mustBe: found nothing, expected mustBe: 0, and a query that counts the rows which break the rule",
        ),
        (
            format!("{{type: sql, name: x, mustBe: 1, {query}}}"),
            "[x].mustBe: found 1, expected mustBe: 0, and a query that counts the rows which break the rule",
        ),
        (
            format!("{{type: sql, name: x, mustBeLessThan: 3, {query}}}"),
            "[x].mustBeLessThan: found 3, expected mustBe: 0, and a query that counts the rows which break the rule",
        ),
        (
            format!("{{type: sql, name: x, mustBe: 0, mustBeLessThan: 3, {query}}}"),
            "[x]: found several must… operators, expected mustBe: 0, and a query that counts the rows which break the rule",
        ),
        (
            format!("{{type: sql, name: x, mustBe: 0, unit: percent, {query}}}"),
            "[x].unit: found \"percent\", expected rows",
        ),
        (
            format!("{{type: sql, name: x, mustBe: 0, metric: rowCount, {query}}}"),
            "[x].metric: found the metric of a rule of type sql, expected a query only",
        ),
        (
            "{type: sql, name: x, mustBe: 0, query: \"SELECT COUNT(*) FROM t WHERE {property} < 0\"}".to_owned(),
            "[x].query: found a placeholder of a column in a rule of the table, expected the column's name, or the rule on the column",
        ),
        (
            "{type: sql, name: x, mustBe: 0}".to_owned(),
            "[x].query: found nothing, expected SELECT COUNT(*) FROM <object> WHERE <predicate>",
        ),
    ] {
        let told = problems(&on_table(&check));
        assert_eq!(told[0], format!("schema[t].quality{message}"), "{check}");
    }
}

#[test]
fn sql_rules_become_rules_of_rows() {
    let rule = |name: &str, query: &str| format!("{{type: sql, name: {name}, mustBe: 0, query: '{query}'}}");
    let columns = [
        format!(
            "{{name: Id, physicalName: id, logicalType: string, quality: [{}]}}",
            rule("on column, severity: warning", "SELECT COUNT(*) FROM ${table} WHERE ${property} IS NULL")
        ),
        COLUMNS[1].to_owned(),
    ];
    let on_table = [
        rule("negative", "SELECT COUNT(*) FROM t WHERE amount < 0"),
        rule("both", "SELECT COUNT(*) FROM {object} WHERE amount IS NULL AND \"Id\" IS NOT NULL"),
    ];
    let columns = columns.each_ref().map(String::as_str);
    let contract = contract(&document("format: csv", &columns, &format!("quality: [{}]", on_table.join(", "))));
    let rules: Vec<_> =
        contract.row_rules.iter().map(|rule| (rule.name.as_str(), rule.column, rule.severity)).collect();
    assert_eq!(
        rules,
        [
            ("negative", None, Severity::Error),
            ("both", None, Severity::Error),
            ("on column", Some(0), Severity::Warning)
        ]
    );
    let inputs: Vec<&[usize]> = contract.row_rules.iter().map(|rule| rule.broken_if.inputs.as_slice()).collect();
    assert_eq!(inputs, [&[1][..], &[0, 1], &[0]]);
}

#[test]
fn a_property_of_ours_has_no_meaning_on_a_rule() {
    let check = format!("{{metric: rowCount, mustBe: 1, {}}}", lakegate(&["sampleRows: 3"]));
    assert_eq!(
        problems(&on_table(&check)),
        [
            "schema[t].quality[0].customProperties[sampleRows].value: found the unknown property sampleRows, expected no property of vendor lakegate on a quality check"
        ]
    );
}
