//! Contracts that together use every option of a dialect, every encoding, packing, type, policy and rule.
//! They are chosen by numbers, so that a fuzzer's bytes can choose them.

use std::sync::{Arc, LazyLock};

use lakegate_contract::{Contract, Packing};

type Properties = &'static [(&'static str, &'static str)];

const FEW: &str = "
      - {name: t, logicalType: string}
      - {name: i, logicalType: integer}
      - {name: n, logicalType: number, physicalType: 'DECIMAL(10,2)'}";

/// Every type, with every rule of a value.
const TYPES: &str = r#"
      - {name: t, logicalType: string, required: true, logicalTypeOptions: {minLength: 1, maxLength: 6, pattern: '^[^x]*$'}}
      - {name: a, logicalType: string, physicalType: VARCHAR(3), enum: [{value: a}, {value: 'é'}, {value: ''}]}
      - {name: i8, logicalType: integer, physicalType: TINYINT, logicalTypeOptions: {multipleOf: 2, minimum: -100}}
      - {name: i16, logicalType: integer, physicalType: SMALLINT, logicalTypeOptions: {exclusiveMaximum: 1000}}
      - {name: i32, logicalType: integer, physicalType: INTEGER, enum: [{value: 1}, {value: 2147483647}, {value: 0}]}
      - {name: i, logicalType: integer}
      - {name: n, logicalType: number, physicalType: 'DECIMAL(10,2)', logicalTypeOptions: {multipleOf: 0.05, maximum: 99999.95}}
      - {name: m, logicalType: number, physicalType: 'DECIMAL(38,9)'}
      - {name: x, logicalType: number, logicalTypeOptions: {exclusiveMinimum: -1e300}}
      - {name: b, logicalType: boolean}
      - {name: d, logicalType: date, logicalTypeOptions: {minimum: '1582-10-15'}}
      - {name: f, logicalType: date, logicalTypeOptions: {format: 'd.M.yy'}}
      - {name: at, logicalType: timestamp}
      - {name: z, logicalType: timestamp, logicalTypeOptions: {format: 'dd/MM/yyyy HH:mm[:ss.SSS]', defaultTimezone: Europe/Berlin}}
      - {name: w, logicalType: timestamp, logicalTypeOptions: {format: "MMM d, yyyy 'at' h:mm a XXX"}}
      - {name: j, logicalType: object}"#;

/// Objects and lists in one another.
const NESTED: &str = "
      - {name: t, logicalType: string, required: true}
      - {name: o, logicalType: object, properties: [{name: k, logicalType: integer, required: true}, {name: l, logicalType: array, items: {logicalType: string, enum: [{value: a}, {value: b}]}}, {name: g, logicalType: object, properties: [{name: n, logicalType: number, physicalType: 'DECIMAL(8,6)'}, {name: d, logicalType: date}]}]}
      - {name: q, logicalType: array, items: {logicalType: object, properties: [{name: s, logicalType: string, required: true}, {name: c, logicalType: integer, physicalType: TINYINT, logicalTypeOptions: {minimum: 1}}, {name: b, logicalType: boolean}]}}
      - {name: m, logicalType: array, required: true, items: {logicalType: array, items: {logicalType: number}}}
      - {name: j, logicalType: array}";

/// Keys, partitions, derived columns and rules of rows and of the file.
const RULES: &str = r#"
      - {name: t, logicalType: string, primaryKey: true, primaryKeyPosition: 2}
      - {name: i, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}
      - {name: n, logicalType: number, physicalType: 'DECIMAL(10,2)', unique: true, quality: [{name: n_gaps, metric: nullValues, mustBeLessThan: 60, unit: percent}, {name: n_same, metric: duplicateValues, mustBe: 0, severity: warning}]}
      - {name: p, logicalType: string, partitioned: true, partitionKeyPosition: 1, quality: [{name: known, metric: invalidValues, arguments: {validValues: [a, b], pattern: '^.$'}, mustBeLessOrEqualTo: 2, severity: warning}, {name: gaps, metric: missingValues, arguments: {missingValues: [null, '', n/a]}, mustNotBe: 3}]}
      - {name: d, logicalType: date, quality: [{name: late, type: sql, query: "SELECT COUNT(*) FROM {object} WHERE {property} > DATE '2025-01-01'", mustBe: 0}]}
      - {name: y, logicalType: integer, transformLogic: year(d), partitioned: true, partitionKeyPosition: 2}
      - {name: e, logicalType: number, physicalType: 'DECIMAL(12,4)', transformLogic: "CASE WHEN i <> 0 THEN n / i ELSE n * n END"}
      - {name: u, logicalType: string, transformLogic: "upper(t) || substr(p, 1, 1)", unique: true}"#;
const RULES_OF_TABLE: &str = r#"    quality:
      - {name: negative, type: sql, query: "SELECT COUNT(*) FROM f WHERE n < 0 AND t LIKE 'a%'", mustBe: 0}
      - {name: odd, type: sql, query: "SELECT COUNT(*) FROM f WHERE i % 2 = 1 OR e IS NULL", mustBe: 0, severity: warning}
      - {name: enough, metric: rowCount, mustBeBetween: [0, 100]}
      - {name: same, metric: duplicateValues, arguments: {properties: [t, p]}, mustBeLessThan: 3}
"#;

const POLICIES: [Properties; 5] = [
    &[("maxRejectPercent", "100"), ("unknownColumns", "rescue")],
    &[
        ("maxRejectPercent", "100"),
        ("unknownColumns", "ignore"),
        ("exactDuplicates", "drop"),
        ("removedObjects", "remove"),
        ("compression", "snappy"),
    ],
    &[("maxRejectPercent", "100")],
    &[("maxRejectRows", "3"), ("maxRejectPercent", "100"), ("unknownColumns", "rescue"), ("exactDuplicates", "drop")],
    &[],
];

const CSV_DIALECTS: [Properties; 12] = [
    &[],
    &[("header", "false")],
    &[("header", "false"), ("quoting", "lenient"), ("maxRecordBytes", "48")],
    &[("quoting", "lenient"), ("delimiter", "';'"), ("quote", "\"'\"")],
    &[("escape", "'\\'"), ("comment", "'#'"), ("skipLines", "1"), ("header", "false"), ("nullValues", "['\\N', n/a]")],
    &[
        ("trim", "true"),
        ("nullValues", "['', NA]"),
        ("decimalSeparator", "','"),
        ("thousandsSeparator", "'.'"),
        ("delimiter", "'|'"),
    ],
    &[("integralFractions", "true"), ("thousandsSeparator", "','"), ("header", "false")],
    &[("quoting", "lenient"), ("escape", "'\\'"), ("trim", "true"), ("header", "false"), ("maxRecordBytes", "80")],
    &[("trim", "true"), ("delimiter", "\"\\t\""), ("comment", "'#'"), ("header", "false")],
    &[("comment", "'#'"), ("skipLines", "2"), ("maxRecordBytes", "64"), ("quoting", "lenient")],
    &[
        ("thousandsSeparator", "''''"),
        ("decimalSeparator", "','"),
        ("delimiter", "';'"),
        ("integralFractions", "true"),
        ("header", "false"),
    ],
    &[("thousandsSeparator", "' '"), ("trim", "true"), ("header", "false"), ("escape", "'\\'"), ("comment", "'%'")],
];

const JSON_DIALECTS: [(&str, Properties); 6] = [
    ("", &[]),
    ("new_line", &[]),
    ("array", &[]),
    ("", &[("maxRecordBytes", "96"), ("integralFractions", "true")]),
    ("new_line", &[("maxRecordBytes", "40")]),
    ("array", &[("maxRecordBytes", "64"), ("decimalSeparator", "','"), ("thousandsSeparator", "'.'")]),
];

const ENCODINGS: [&str; 6] = ["UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "Windows-1252", "ISO-8859-1"];
const PACKINGS: [&str; 4] = ["auto", "none", "gzip", "zstd"];

fn document(server: &str, table: &str, columns: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: f\nversion: 1.0.0\nstatus: active\nservers:\n\
         \x20 - server: landing\n    type: s3\n    location: s3://*/f/**\n{server}\nschema:\n  - name: f\n    \
         logicalType: object\n{table}    properties:{columns}\n"
    )
}

fn parsed(document: &str) -> Arc<Contract> {
    let checked = lakegate_contract::parse(document);
    Arc::new(checked.unwrap_or_else(|problems| panic!("{problems:?}\n{document}")).contract)
}

fn properties(list: &[(&str, &str)]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let item =
        |(name, value): &(&str, &str)| format!("      - {{property: {name}, value: {value}, vendor: lakegate}}\n");
    format!("    customProperties:\n{}", list.iter().map(item).collect::<String>())
}

/// Packed files have a target of their own; to unpack here would hide what bytes the readers see.
fn not_packed(dialect: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [dialect, &[("compression", "none")]].concat()
}

/// Every file with every table and every policy.
fn all(servers: &[String]) -> Vec<Arc<Contract>> {
    let tables = [(FEW, ""), (TYPES, ""), (NESTED, ""), (RULES, RULES_OF_TABLE)];
    let mut contracts = Vec::new();
    for policy in POLICIES {
        for (columns, quality) in tables {
            for server in servers {
                contracts.push(parsed(&document(server, &(properties(policy) + quality), columns)));
            }
        }
    }
    contracts
}

fn chosen(contracts: &[Arc<Contract>], which: u16) -> Arc<Contract> {
    Arc::clone(&contracts[usize::from(which) % contracts.len()])
}

/// A contract of CSV files; `which` chooses the options.
pub fn csv_contract(which: u16) -> Arc<Contract> {
    static CONTRACTS: LazyLock<Vec<Arc<Contract>>> = LazyLock::new(|| {
        let server = |dialect: &Properties| format!("    format: csv\n{}", properties(&not_packed(dialect)));
        all(&CSV_DIALECTS.iter().map(server).collect::<Vec<_>>())
    });
    chosen(&CONTRACTS, which)
}

/// A contract of JSON files; `which` chooses the options.
pub fn json_contract(which: u16) -> Arc<Contract> {
    static CONTRACTS: LazyLock<Vec<Arc<Contract>>> = LazyLock::new(|| {
        let server = |(delimiter, dialect): &(&str, Properties)| {
            let delimiter = if delimiter.is_empty() { String::new() } else { format!("    delimiter: {delimiter}\n") };
            format!("    format: json\n{delimiter}{}", properties(&not_packed(dialect)))
        };
        all(&JSON_DIALECTS.iter().map(server).collect::<Vec<_>>())
    });
    chosen(&CONTRACTS, which)
}

/// A contract of packed or otherwise encoded files; `which` chooses how.
pub fn packed_contract(which: u16) -> Arc<Contract> {
    static CONTRACTS: LazyLock<Vec<Arc<Contract>>> = LazyLock::new(|| {
        let mut contracts = Vec::new();
        for format in ["csv", "json"] {
            for encoding in ENCODINGS {
                for packing in PACKINGS {
                    let mut dialect = vec![("compression", packing)];
                    dialect.extend((format == "csv").then_some(("header", "false")));
                    let server = format!("    format: {format}\n    encoding: {encoding}\n{}", properties(&dialect));
                    contracts.push(parsed(&document(&server, &properties(POLICIES[2]), FEW)));
                }
            }
        }
        contracts
    });
    chosen(&CONTRACTS, which)
}

/// The same contract, of files that are not packed.
pub fn unpacked(contract: &Contract) -> Arc<Contract> {
    let mut contract = contract.clone();
    contract.landing.packing = Packing::None;
    Arc::new(contract)
}

/// Columns of every kind that an expression can ask.
const OPERANDS: &str = "
      - {name: t, logicalType: string}
      - {name: u, logicalType: string}
      - {name: i, logicalType: integer}
      - {name: k, logicalType: integer, physicalType: TINYINT}
      - {name: n, logicalType: number, physicalType: 'DECIMAL(10,2)'}
      - {name: m, logicalType: number, physicalType: 'DECIMAL(38,9)'}
      - {name: x, logicalType: number}
      - {name: b, logicalType: boolean}
      - {name: d, logicalType: date}
      - {name: s, logicalType: timestamp}
      - {name: j, logicalType: object}";

/// A contract with a column or a rule of this SQL; `None` where it is refused.
pub fn contract_with_expression(which: u8, sql: &str) -> Option<Arc<Contract>> {
    const TYPES: [&str; 9] = [
        "logicalType: string",
        "logicalType: integer",
        "logicalType: integer, physicalType: SMALLINT",
        "logicalType: number",
        "logicalType: number, physicalType: 'DECIMAL(12,3)'",
        "logicalType: number, physicalType: 'DECIMAL(38,0)'",
        "logicalType: boolean",
        "logicalType: date",
        "logicalType: timestamp",
    ];
    // In a JSON string, which YAML reads as well.
    let sql = serde_json::to_string(sql).ok()?;
    let document = match TYPES.get(usize::from(which) % (TYPES.len() + 2)) {
        Some(kind) => {
            let column = format!("{OPERANDS}\n      - {{name: e, {kind}, transformLogic: {sql}}}");
            document("    format: csv", &properties(POLICIES[2]), &column)
        }
        None => {
            let sql = sql.strip_prefix('"')?;
            let severity = if usize::from(which).is_multiple_of(2) { "error" } else { "warning" };
            let query = format!("\"SELECT COUNT(*) FROM f WHERE {sql}");
            let quality = format!(
                "    quality:\n      - {{name: r, type: sql, severity: {severity}, query: {query}, mustBe: 0}}\n"
            );
            document("    format: csv", &(properties(POLICIES[2]) + &quality), OPERANDS)
        }
    };
    lakegate_contract::parse(&document).ok().map(|checked| Arc::new(checked.contract))
}
