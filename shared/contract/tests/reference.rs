//! The tables of docs/contracts.md: their names, defaults and types come from the code, what they mean stands here.
//! `LAKEGATE_BLESS=1 cargo test -p lakegate-contract --test reference` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test may fail, and read a file")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use lakegate_contract::reference::{self, PhysicalTypes, Property};
use lakegate_contract::{Column, Rule, TableType, parse};

/// What each property of the server means.
const LANDING: [(&str, &str); 14] = [
    (
        "compression",
        "`auto`: by the first bytes, whatever the name. `none`, `gzip` (of any number of members), `zstd` (of any number of frames): any other file is rejected",
    ),
    ("maxRecordBytes", "a longer record is rejected, and reading goes on behind it; at most 67108864"),
    ("decimalSeparator", "between a number's whole part and its fraction"),
    (
        "thousandsSeparator",
        "between groups of three digits; another one than `decimalSeparator`. It may be the delimiter: such numbers then stand in quotes",
    ),
    ("integralFractions", "`true`: a whole number may have a fraction of zeros, `17850.0`"),
    ("delimiter", "one ASCII character, no letter or digit"),
    ("quote", "one ASCII character, doubled inside quotes, or escaped"),
    (
        "escape",
        "a character that takes the special meaning from the one behind it, inside and outside quotes. Not for doubled quotes: leave it out",
    ),
    ("comment", "a line that begins with it is no record"),
    (
        "quoting",
        "`strict`: RFC 4180, a stray quote rejects its line and only its line. `lenient`: stray quotes are text, within their line",
    ),
    ("header", "`false`: columns by position, in the contract's order"),
    ("skipLines", "so many physical lines, up to 10000, are left out at the file's beginning, before the header"),
    ("trim", "`true`: spaces and tabs around values without quotes are left out"),
    (
        "nullValues",
        "texts that mean null. In a text column only without quotes: `\"\"` in quotes is an empty text, `\"NA\"` the text NA. In columns of any other type, objects and arrays included, quotes do not matter: `\"\"` and `\"NA\"` are null as well; an empty text that is not one of these breaks `type` there",
    ),
];

/// What each property of the schema object means.
const POLICY: [(&str, &str); 6] = [
    ("maxRejectPercent", "above this share of rejected rows the whole file is rejected"),
    ("maxRejectRows", "above this number as well"),
    (
        "unknownColumns",
        "header columns or JSON keys that the contract does not know. `reject`: a header with one rejects the file, a JSON object with one breaks the rule `unknownColumns`. `ignore`: they are left out. `rescue`: they are kept in the last column `_rescued`, as a JSON object (null where there is nothing)",
    ),
    (
        "exactDuplicates",
        "`drop`: a row that an accepted row above equals in every column of the file, also those that are left out, is dropped and counted; it breaks no rule. JSON records with keys that are ignored are compared as they stand",
    ),
    (
        "removedObjects",
        "what becomes of a file's rows when the file is deleted from its bucket, by hand or by a lifecycle rule. `remove`: they leave the table, and its rejected rows leave `rejects`; the ledger says `removed`, and an [event](events.md) tells it to whoever follows the table. A file of which an older version is deleted stays; where the newest one is deleted for good, or a delete marker is, the file that stands then is taken in. The sweep finds deletions that were never announced, of files that were taken in under this version of the contract; `lakegate sweep --deep` finds those of other versions, too. It does not find a newest version that was deleted for good while an older one stands",
    ),
    ("compression", "of the Parquet files"),
];

/// How the texts of a type are read, by its column in the table and what it is refined by.
const READ: [(&str, &str, &str); 12] = [
    (
        "string",
        "string",
        "as it stands; `VARCHAR(n)` has at most n characters (with `maxLength` the smaller one holds)",
    ),
    ("integer", "tinyint", "sign and digits, 8 bits; also `format: i8`"),
    ("integer", "smallint", "16 bits; also `format: i16`"),
    ("integer", "int", "32 bits; also `format: i32`"),
    ("integer", "bigint", "64 bits; also `format: i64`"),
    (
        "number",
        "decimal(9,2)",
        "sign, digits, one decimal separator; digits beyond s must be zeros; an exponent in JSON numbers only. Exact; p ≤ 38",
    ),
    ("number", "double", "decimal or scientific; no NaN, no infinity"),
    ("boolean", "boolean", "`true t yes y 1`, `false f no n 0`, in any case of letters"),
    ("date", "date", "`yyyy-MM-dd`, or `format`"),
    (
        "timestamp",
        "timestamp",
        "`2025-01-31T10:00`, with a space for the `T`, seconds, a fraction and an offset if there are any, or `format`; an offset is applied, and what it moves out of the years 1 to 9999 is no value; digits beyond microseconds are cut",
    ),
    ("object", "string", "any JSON value, kept as the text that stands in the file"),
    ("array", "string", "any JSON value, kept as the text that stands in the file"),
];
const READ_NESTED: [(&str, &str); 2] =
    [("properties", "an object of these properties"), ("items", "a list whose items are all of this one type")];

/// What breaks each rule that every contract has.
const RULES: [(&str, &str); 19] = [
    ("fields", "the record has another number of fields than the header"),
    ("quote", "a quote stands where RFC 4180 allows none, or is never closed"),
    ("encoding", "the record is not valid in the file's encoding"),
    ("too_long", "the record is longer than `maxRecordBytes`"),
    ("syntax", "the record is no JSON object, or has a key twice"),
    ("unknownColumns", "a JSON object has a key that the contract does not know, and rejects"),
    ("type", "the value is not one of the column's type"),
    ("required", "null in a `required` column, or one of a `primaryKey`"),
    ("unique", "an accepted row above has the same `unique` or `primaryKey` value"),
    ("enum", "the value is none of these"),
    ("minimum", "the value is smaller"),
    ("maximum", "the value is larger"),
    ("exclusiveMinimum", "the value is smaller, or this one"),
    ("exclusiveMaximum", "the value is larger, or this one"),
    ("multipleOf", "the number is no multiple of this one"),
    ("minLength", "the text has fewer characters"),
    ("maxLength", "the text has more characters, also than `VARCHAR(n)` says"),
    ("pattern", "the regular expression matches nowhere in the text (`^` and `$` anchor it)"),
    ("transformLogic", "a derived value has no result, or does not fit its column"),
];

/// What each metric counts on the schema object and on a column.
const METRICS: [(&str, &str, &str); 5] = [
    ("rowCount", "rows", ""),
    ("nullValues", "", "rows with a null"),
    ("missingValues", "", "rows whose value is one of these (a list of texts, and `null`), as the file has them"),
    ("invalidValues", "", "rows whose value is not null and not one of these, or does not match"),
    ("duplicateValues", "rows whose values in these columns a row above has", "rows whose value a row above has"),
];

/// What each function is, and an expression of it over the columns of [`document`]. `{}`: any of its names.
const FUNCTIONS: [(&str, &str, &str); 33] = [
    ("year", "of a date or a timestamp", "{}(d)"),
    ("quarter", "1 to 4", "{}(d)"),
    ("month", "1 to 12", "{}(d)"),
    ("week", "1 to 53, as ISO 8601", "{}(d)"),
    ("day", "of the month", "{}(d)"),
    ("day_of_week", "1 is Monday, as ISO 8601", "{}(d)"),
    ("day_of_year", "1 to 366", "{}(d)"),
    ("hour", "of a timestamp", "{}(ts)"),
    ("minute", "of a timestamp", "{}(ts)"),
    ("second", "of a timestamp", "{}(ts)"),
    ("date", "as `CAST(x AS DATE)`", "{}(ts)"),
    ("date_trunc", "the beginning of the unit: UNITS", "{}('month', ts)"),
    ("concat", "texts in a row, as `\\|\\|`", "{}(t, 'x')"),
    ("lower", "small letters", "{}(t)"),
    ("upper", "capital letters", "{}(t)"),
    ("trim", "without white space at both ends", "{}(t)"),
    ("ltrim", "at the beginning", "{}(t)"),
    ("rtrim", "at the end", "{}(t)"),
    ("length", "characters", "{}(t)"),
    ("substr", "from a character, counted from 1 (or from the end, below 0), so many", "{}(t, 2, 3)"),
    ("replace", "every such text by another", "{}(t, 'a', 'b')"),
    ("starts_with", "whether the text begins so", "{}(t, 'a')"),
    ("regexp_like", "whether the written pattern matches somewhere", "{}(t, '^a')"),
    ("abs", "without its sign", "{}(n)"),
    ("sign", "-1, 0 or 1", "{}(n)"),
    ("floor", "the whole number below", "{}(n)"),
    ("ceil", "the whole number above", "{}(n)"),
    ("round", "to a whole number, or to written digits; half away from zero", "{}(n, 1)"),
    ("mod", "as `%`", "{}(i, 2)"),
    ("coalesce", "the first value that is not null", "{}(i, 0)"),
    ("nullif", "null where both are equal, else the first", "{}(i, 0)"),
    ("greatest", "null if one is", "{}(i, 2)"),
    ("least", "null if one is", "{}(i, 2)"),
];

/// Options that are rules, with a value of each type that may have them.
const OPTIONS: [&str; 8] =
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern"];

fn document(columns: &[String]) -> String {
    let columns = columns.iter().map(|column| format!("      - {{{column}}}\n")).collect::<Vec<_>>().concat();
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: x\nversion: 1.0.0\nservers:\n  - {{server: landing, type: s3, location: \"s3://*/x/*.csv\", \
         format: csv}}\nschema:\n  - name: x\n    logicalType: object\n    properties:\n{columns}"
    )
}

fn columns(columns: &[String]) -> Option<Vec<Column>> {
    parse(&document(columns)).ok().map(|checked| checked.contract.columns)
}

/// The type of the column, if there is such a type.
fn type_of(column: &str) -> Option<TableType> {
    let columns = columns(&[format!("name: a, {column}")])?;
    Some(TableType::of(&columns.first().unwrap().column_type))
}

fn code(words: &[impl AsRef<str>]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

/// What is said of a name; every name has something said of it, and nothing else has.
fn said<'a>(told: &'a [(&str, &str)], names: &[&str]) -> impl Fn(&str) -> &'a str + use<'a> {
    let known: BTreeSet<&str> = told.iter().map(|(name, _)| *name).collect();
    assert_eq!(known, names.iter().copied().collect(), "the names of the code, and those that something is said of");
    |name| told.iter().find(|(known, _)| *known == name).unwrap().1
}

fn property(property: &Property, of: &str, meaning: &str) -> String {
    let Property { name, default, choices, .. } = property;
    let is_told = |choice: &String| default.as_ref() == Some(choice) || meaning.contains(&format!("`{choice}`"));
    let choices = if choices.iter().all(is_told) {
        String::new()
    } else {
        format!("{}: ", code(&choices.iter().map(|choice| choice.replace(' ', "␠")).collect::<Vec<_>>()))
    };
    let default = default.as_ref().map_or_else(|| "none".to_owned(), |default| format!("`{default}`"));
    format!("| `{name}` | {of}{default} | {choices}{meaning} |\n")
}

fn landing() -> String {
    let properties = reference::landing_properties();
    let meaning = said(&LANDING, &properties.iter().map(|property| property.name).collect::<Vec<_>>());
    let mut table = "| property | of | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for found in &properties {
        table += &property(found, if found.is_of_csv { "CSV | " } else { "both | " }, meaning(found.name));
    }
    table
}

fn policy() -> String {
    let properties = reference::policy_properties();
    let meaning = said(&POLICY, &properties.iter().map(|property| property.name).collect::<Vec<_>>());
    let mut table = "| property | default | meaning |\n| --- | --- | --- |\n".to_owned();
    for found in &properties {
        table += &property(found, "", meaning(found.name));
    }
    table
}

fn encodings() -> String {
    let names = reference::encodings().into_iter().map(|names| match names {
        [usual] => format!("`{usual}`"),
        [usual, others @ ..] => format!("`{usual}` (also {})", code(others)),
        [] => panic!("an encoding without a name"),
    });
    let delimiters = code(&reference::json_delimiters());
    format!(
        "Encodings: {}; in any case of letters. JSON delimiters: {delimiters}.\n",
        names.collect::<Vec<_>>().join(", ")
    )
}

fn types() -> String {
    let mut table = "| `logicalType` | `physicalType` | read | catalog |\n| --- | --- | --- | --- |\n".to_owned();
    for PhysicalTypes { logical, names, parts } in reference::physical_types() {
        let with_parts = match parts {
            None => "",
            Some("items") => ", items: {logicalType: integer}",
            Some(_) => ", properties: [{name: b, logicalType: date}]",
        };
        let written = |name: &str| name.replace("(p,s)", "(9,2)").replace("(n)", "(5)");
        let of = |name: &String| {
            type_of(&format!("logicalType: {logical}, physicalType: \"{}\"{with_parts}", written(name)))
        };
        let found: Vec<TableType> =
            names.iter().map(|name| of(name).unwrap_or_else(|| panic!("{logical} {name}"))).collect();
        assert!(found.iter().all(|other| other == found.first().unwrap()), "{logical} {names:?}: {found:?}");
        let catalog = found.first().unwrap().to_string();
        let read = match parts {
            Some(parts) => READ_NESTED.iter().find(|(known, _)| *known == parts).unwrap().1,
            None => READ.iter().find(|(known, table, _)| *known == logical && *table == catalog).unwrap().2,
        };
        let is_default = type_of(&format!("logicalType: {logical}{with_parts}")).as_ref() == found.first();
        let default = match (is_default, parts) {
            (false, _) => String::new(),
            (true, None) if names.iter().any(|name| name == "JSON") => "; the default without parts".to_owned(),
            (true, None) => "; the default".to_owned(),
            (true, Some(parts)) => format!("; the default with `{parts}`"),
        };
        let catalog = catalog.replace("(9,2)", "(p,s)").replace("b:date", "…").replace("bigint>", "…>");
        writeln!(table, "| `{logical}` | {}{default} | {read} | `{catalog}` |", code(&names)).unwrap();
    }
    table
}

/// The types whose columns may have an option; asked of the parser, with a value of the type.
fn types_with(option: &str) -> String {
    let asked = [
        ("string", "logicalType: string", "a"),
        ("integer", "logicalType: integer", "2"),
        ("decimal", "logicalType: number, physicalType: \"DECIMAL(9,2)\"", "2"),
        ("double", "logicalType: number, physicalType: DOUBLE", "2"),
        ("boolean", "logicalType: boolean", "true"),
        ("date", "logicalType: date", "2025-01-31"),
        ("timestamp", "logicalType: timestamp", "2025-01-31T10:00:00"),
    ];
    let value = |value: &'static str| if option.ends_with("Length") { "2" } else { value };
    let may_have = |(_, column, of_type): &&(&str, &'static str, &'static str)| {
        type_of(&format!("{column}, logicalTypeOptions: {{{option}: \"{}\"}}", value(of_type))).is_some()
            || type_of(&format!("{column}, logicalTypeOptions: {{{option}: {}}}", value(of_type))).is_some()
    };
    asked.iter().filter(may_have).map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

fn rules() -> String {
    let names: Vec<&str> = Rule::BUILT_IN.iter().map(|rule| rule.name()).collect();
    let meaning = said(&RULES, &names);
    let mut table = "| rule | of | broken where |\n| --- | --- | --- |\n".to_owned();
    for rule in Rule::BUILT_IN {
        let name = rule.name();
        let of = match rule {
            Rule::Fields | Rule::Quote | Rule::Encoding | Rule::TooLong | Rule::Syntax | Rule::UnknownColumn => {
                "the record".to_owned()
            }
            Rule::Type | Rule::Required => "every column".to_owned(),
            Rule::Unique | Rule::Enum => "every column but objects and arrays".to_owned(),
            Rule::TransformLogic => "derived columns".to_owned(),
            Rule::Minimum
            | Rule::Maximum
            | Rule::ExclusiveMinimum
            | Rule::ExclusiveMaximum
            | Rule::MultipleOf
            | Rule::MinLength
            | Rule::MaxLength
            | Rule::Pattern => {
                assert!(OPTIONS.contains(&name));
                types_with(name)
            }
            Rule::Quality(_) => panic!("no rule of every contract"),
        };
        writeln!(table, "| `{name}` | {of} | {} |", meaning(name)).unwrap();
    }
    table
}

fn metrics() -> String {
    let mut table = "| `metric` | on | counts |\n| --- | --- | --- |\n".to_owned();
    let known: Vec<&str> = METRICS.iter().map(|(name, ..)| *name).collect();
    let metrics = reference::library_metrics();
    assert_eq!(metrics.iter().map(|metric| metric.name).collect::<Vec<_>>(), known);
    for (metric, (name, of_table, of_column)) in metrics.iter().zip(METRICS) {
        for (arguments, on, counts) in
            [(metric.of_table, "the schema object", of_table), (metric.of_column, "a column", of_column)]
        {
            let Some(arguments) = arguments else {
                assert!(counts.is_empty(), "{name} does not stand on {on}");
                continue;
            };
            assert!(!counts.is_empty(), "{name} stands on {on}");
            let with = if arguments.is_empty() { String::new() } else { format!(", `arguments`: {}", code(arguments)) };
            writeln!(table, "| `{name}` | {on}{with} | {counts} |").unwrap();
        }
    }
    writeln!(table, "\nIt must lie where one of {} says.", code(reference::bounds())).unwrap();
    table
}

fn functions() -> String {
    let mut table = "| function | what it gives |\n| --- | --- |\n".to_owned();
    let functions = reference::sql_functions();
    let known: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(functions.iter().map(|names| *names.first().unwrap()).collect::<Vec<_>>(), known);
    for (names, (_, meaning, example)) in functions.iter().zip(FUNCTIONS) {
        for name in names {
            // An expression of any type: a predicate over it is a rule of a row.
            let query = format!("SELECT COUNT(*) FROM x WHERE {} IS NULL", example.replace("{}", name));
            let rule = format!("    quality:\n      - {{type: sql, name: rule, mustBe: 0, query: \"{query}\"}}\n");
            let columns = [
                "name: d, logicalType: date",
                "name: ts, logicalType: timestamp",
                "name: t, logicalType: string",
                "name: i, logicalType: integer",
                "name: n, logicalType: number, physicalType: \"DECIMAL(9,2)\"",
            ];
            let text = document(&columns.map(str::to_owned)) + &rule;
            assert!(parse(&text).is_ok(), "{name}: {:?}", parse(&text).err());
        }
        let meaning = meaning.replace("UNITS", &code(&reference::sql_date_units()));
        writeln!(table, "| {} | {meaning} |", code(names)).unwrap();
    }
    table
}

fn operators() -> String {
    let row = |what: &str, operators: &[String]| format!("| {what} | {} |\n", code(operators));
    format!(
        "| | operators |\n| --- | --- |\n{}{}",
        row("arithmetic", &reference::sql_arithmetic()),
        row("comparison", &reference::sql_comparisons())
    )
}

#[test]
fn the_tables_of_the_documentation_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let tables: [(&str, String); 8] = [
        ("landing properties", landing()),
        ("encodings", encodings()),
        ("types", types()),
        ("rules", rules()),
        ("metrics", metrics()),
        ("functions", functions()),
        ("operators", operators()),
        ("policy", policy()),
    ];
    let mut written = document.clone();
    for (name, table) in &tables {
        let (begin, end) = (format!("<!-- {name}: generated -->\n"), "<!-- end -->");
        let (before, rest) = written.split_once(&begin).unwrap_or_else(|| panic!("docs/contracts.md has no {begin}"));
        let (_, after) = rest.split_once(end).unwrap();
        written = format!("{before}{begin}{table}{end}{after}");
    }
    assert_eq!(written.matches(": generated -->").count(), tables.len(), "a table that nobody writes");
    if std::env::var_os("LAKEGATE_BLESS").is_some() {
        std::fs::write(&path, &written).unwrap();
    } else {
        assert!(
            written == document,
            "docs/contracts.md differs from the code: LAKEGATE_BLESS=1 writes its tables anew"
        );
    }
}
