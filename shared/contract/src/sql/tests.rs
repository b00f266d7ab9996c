use crate::temporal::TemporalPattern;
use crate::{Column, ColumnSource, ColumnType, Constant, Expression, IntegerWidth, Node, TextTest};

use super::{MAX_TEXT_BYTES, parse, parse_predicate};

fn columns() -> Vec<Column> {
    let types = [
        ("Quantity", ColumnType::Integer(IntegerWidth::I32)),
        ("price", ColumnType::Decimal { precision: 12, scale: 2 }),
        ("ratio", ColumnType::Double),
        ("name", ColumnType::String),
        ("paid", ColumnType::Boolean),
        ("day", ColumnType::Date(TemporalPattern::iso_date())),
        ("at", ColumnType::Timestamp(TemporalPattern::iso_timestamp())),
        ("extra", ColumnType::Json),
    ];
    let column = |(id, (name, column_type)): (usize, (&str, ColumnType))| Column {
        id,
        name: name.to_owned(),
        physical_name: format!("{}_", name.to_lowercase()),
        description: None,
        column_type,
        required: false,
        checks: Vec::new(),
        source: ColumnSource::File,
    };
    types.into_iter().enumerate().map(column).collect()
}

fn predicate(query: &str) -> Result<Expression, String> {
    let columns = columns();
    let visible: Vec<_> = columns.iter().enumerate().collect();
    parse_predicate(query, &["Orders", "shop.orders"], &visible).map_err(|refused| refused.found)
}

fn holds(condition: &str) -> Result<Expression, String> {
    predicate(&format!("SELECT COUNT(*) FROM orders WHERE {condition}"))
}

#[test]
fn everything_documented_is_read() {
    for condition in [
        "Quantity > 0 AND price <= 1.5 OR NOT paid",
        "quantity_ * price - -2.50 % 2 + +1 <> 3 / ratio",
        "name || 'x' = UPPER(LOWER(name))",
        "name IS NULL OR extra IS NOT NULL",
        "Quantity IN (1, 2.5, price) AND name NOT IN ('a', 'b')",
        "Quantity BETWEEN 1 AND 2.5 AND day NOT BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'",
        "name LIKE 'A\\_%' ESCAPE '\\' AND name NOT LIKE '%x%'",
        "CASE WHEN paid THEN 1 WHEN paid IS NULL THEN NULL ELSE 2.5 END > 1",
        "CASE name WHEN 'a' THEN day ELSE DATE '2024-01-01' END = day",
        "COALESCE(price, Quantity, 0) = 0 AND NULLIF(Quantity, 0) IS NULL",
        "CAST(name AS DECIMAL(10, 2)) > 1 AND CAST(at AS DATE) = day AND CAST(Quantity AS VARCHAR) = '1'",
        "CAST(NULL AS INTEGER) = 1 OR CAST(name AS TIMESTAMP) < at OR CAST(name AS BOOLEAN)",
        "year(day) + quarter(day) + month(at) + week(at) + day(at) + day_of_week(at) + dow(at) + day_of_year(day) > 1",
        "hour(at) * 3600 + minute(at) * 60 + second(at) > 0 AND EXTRACT(YEAR FROM at) = 2024",
        "date_trunc('month', at) = TIMESTAMP '2024-01-01 00:00:00' AND date_trunc('WEEK', day) = date(at)",
        "day < at AND at >= TIMESTAMP '2024-01-01'",
        "trim(ltrim(rtrim(name))) = '' AND length(name) > 3 AND concat(name, 'a', name) <> ''",
        "substr(name, 1, 2) = SUBSTRING(name, -2) AND SUBSTRING(name FROM 2 FOR 1) = 'a'",
        "replace(name, 'a', '') = 'b' AND starts_with(name, 'a') AND regexp_like(name, '^[a-z]+$')",
        "abs(price) + round(price) + round(price, 1) + round(ratio, -2) + floor(price) + ceil(ratio) + ceiling(1.5) > 0",
        "mod(Quantity, 2) = 1 AND sign(ratio) = -1 AND greatest(1, 2.5, Quantity) > least(price, ratio)",
        "paid = TRUE AND paid <> FALSE AND ratio < 1e3",
        "orders.name = \"name\"",
    ] {
        if let Err(error) = holds(condition) {
            panic!("{condition}: {error}");
        }
    }
}

#[test]
fn anything_else_is_refused_by_name() {
    for (condition, error) in [
        ("nam = 'a'", "nam, which is no column of the table (did you mean name?)"),
        ("x.name = 'a'", "x.name, which is no column of the table"),
        ("name = NULL", "NULL where a value is needed (IS NULL asks for null)"),
        ("Quantity NOT IN (1, NULL)", "NULL where a value is needed (IS NULL asks for null)"),
        ("name = 1", "text beside an exact number: `name = 1`"),
        ("paid OR price IN (1, 'a')", "an exact number beside text: `price IN (…)`"),
        ("Quantity BETWEEN 1 AND name", "an exact number beside text: `Quantity BETWEEN 1 AND name`"),
        ("coalesce(name, 1) = 'a'", "text beside an exact number: `coalesce(name, 1)`"),
        ("day > '2024-01-01'", "a date beside text (a date is written DATE '2025-01-31'): `day > '2024-01-01'`"),
        ("day > DATE '2024-02-30'", "DATE '2024-02-30', which is no date written DATE '2025-01-31'"),
        ("paid > TRUE", "booleans in a comparison by >"),
        ("Quantity", "WHERE with an exact number: `Quantity`"),
        ("NOT Quantity", "an exact number where a boolean is needed: `Quantity`"),
        ("paid AND name", "text where a boolean is needed: `name`"),
        ("extra = '{}'", "a nested value, which can only be asked for null: `extra`"),
        ("name + 1 = 2", "arithmetic on text: `name`"),
        ("day + 1 = day", "arithmetic on a date: `day`"),
        ("Quantity ^ 2 = 4", "the operator ^"),
        ("name ILIKE 'a'", "`name ILIKE 'a'`"),
        ("name LIKE name", "LIKE with `name`, and not with a pattern written in quotes"),
        ("name LIKE 'a!b' ESCAPE '!'", "the pattern \"a!b\", whose escape is not before %, _ or itself"),
        ("TRY_CAST(name AS INTEGER) = 1", "`TRY_CAST(name AS INTEGER)`"),
        ("CAST(ratio AS VARCHAR) = '1'", "CAST of a double to VARCHAR"),
        ("CAST(name AS VARCHAR(3)) = '1'", "CAST to VARCHAR(3)"),
        ("CAST(name AS DECIMAL) = 1", "CAST to DECIMAL without digits, as in (18,2)"),
        ("CAST(name AS DECIMAL(39, 2)) = 1", "CAST to DECIMAL(39,2): 1 to 38 digits, and not more behind the point"),
        ("now() > at", "the function now()"),
        ("CURRENT_DATE > day", "`CURRENT_DATE`"),
        ("hour(day) = 1", "hour() of a date"),
        ("date_trunc('hour', day) = day", "date_trunc() of a date to 'hour'"),
        ("date_trunc('eon', day) = day", "date_trunc() to 'eon'"),
        ("substr(name) = 'a'", "`SUBSTR(name)`"),
        ("length(name, 1) = 1", "the function length() with 2 arguments"),
        (
            "regexp_like(name, '(?=a)')",
            "the pattern \"(?=a)\" (error: look-around, including look-ahead and look-behind, is not supported)",
        ),
        (
            "price * price * 0.0000000000000000000000000000000000001 > 0",
            "a product with 41 digits behind the point (at most 38)",
        ),
        ("EXISTS (SELECT 1)", "`EXISTS (SELECT 1)`"),
        ("Quantity IN (SELECT 1)", "`Quantity IN (SELECT 1)`"),
        ("COUNT(DISTINCT name) > 1", "`COUNT(DISTINCT name)`"),
        ("sum(Quantity) > 1", "the function sum()"),
        ("round(price, Quantity) > 1", "round() to digits that are no whole number from -38 to 38"),
        ("CASE WHEN paid THEN 1 ELSE 'a' END = 1", "an exact number beside text: `CASE WHEN paid THEN 1 …`"),
        ("nullif(price, ratio) = 1", "NULLIF of an exact number and a double"),
    ] {
        assert_eq!(holds(condition).map(|found| found.text), Err(error.to_owned()), "{condition}");
    }
}

#[test]
fn a_query_counts_the_rows_of_the_table_and_does_nothing_else() {
    for query in [
        "SELECT COUNT(*) FROM orders WHERE paid",
        "select count(*) from \"ORDERS\" o where o.paid",
        "SELECT COUNT(*) AS broken FROM Orders AS o WHERE paid",
        "SELECT COUNT(*) FROM ${object} WHERE name = '{object}' AND paid",
        "SELECT COUNT(*) FROM {table} WHERE paid;",
        "SELECT COUNT(*) FROM \"shop.orders\" WHERE paid",
    ] {
        if let Err(error) = predicate(query) {
            panic!("{query}: {error}");
        }
    }
    let placeholder = predicate("SELECT COUNT(*) FROM {object} WHERE name = '{object}''{object}'").unwrap();
    assert_eq!(placeholder.text, "name = '{object}''{object}'");
    for (query, error) in [
        ("SELECT COUNT(*) FROM orders", "a query without WHERE"),
        ("SELECT COUNT(*) FROM items WHERE paid", "FROM items, which is not Orders or shop.orders"),
        ("SELECT COUNT(name) FROM orders WHERE paid", "SELECT COUNT(name) instead of SELECT COUNT(*)"),
        ("SELECT COUNT(*), 1 FROM orders WHERE paid", "a query of something else than COUNT(*)"),
        ("SELECT COUNT(*) FROM orders, orders WHERE paid", "a query of no table, or of several"),
        ("DELETE FROM orders WHERE paid", "\"DELETE FROM orders WHERE paid\", which is no one query"),
        ("SELECT COUNT(*) FROM orders o WHERE orders.paid", "orders.paid, which is no column of the table"),
    ] {
        assert_eq!(predicate(query).map(|found| found.text), Err(error.to_owned()), "{query}");
    }
    for more in ["GROUP BY name", "LIMIT 1", "HAVING COUNT(*) > 1", "ORDER BY 1", "UNION SELECT 1", "FOR UPDATE"] {
        assert!(predicate(&format!("SELECT COUNT(*) FROM orders WHERE paid {more}")).is_err(), "{more}");
    }
    for other in [
        "SELECT DISTINCT COUNT(*) FROM orders WHERE paid",
        "WITH a AS (SELECT 1) SELECT COUNT(*) FROM orders WHERE paid",
        "SELECT COUNT(*) FROM orders JOIN orders b ON TRUE WHERE paid",
        "SELECT COUNT(*) FROM orders TABLESAMPLE (1 ROWS) WHERE paid",
        "SELECT COUNT(*) FROM (SELECT 1) orders WHERE paid",
        "SELECT COUNT(*) FILTER (WHERE paid) FROM orders WHERE paid",
        "SELECT COUNT(*) FROM orders WHERE paid; SELECT 1",
        "",
    ] {
        assert!(predicate(other).is_err(), "{other}");
    }
}

#[test]
fn patterns_without_wildcards_inside_need_no_regular_expression() {
    let test = |pattern: &str| {
        let Node::Matches(_, test) = holds(&format!("name LIKE '{pattern}' ESCAPE '!'")).unwrap().root else {
            panic!("{pattern} is no pattern");
        };
        match test {
            TextTest::Equals(part) => format!("= {part}"),
            TextTest::StartsWith(part) => format!("starts {part}"),
            TextTest::EndsWith(part) => format!("ends {part}"),
            TextTest::Contains(part) => format!("contains {part}"),
            TextTest::Matches(regex) => regex.to_string(),
        }
    };
    for (pattern, expected) in [
        ("a", "= a"),
        ("", "= "),
        ("a!%b%", "starts a%b"),
        ("%b", "ends b"),
        ("%a!!%", "contains a!"),
        ("a%b", r"(?s)\Aa.*b\z"),
        ("_.%", r"(?s)\A.\..*\z"),
        ("%", r"(?s)\A.*\z"),
    ] {
        assert_eq!(test(pattern), expected, "{pattern}");
    }
}

#[test]
fn a_literal_is_as_exact_as_it_is_written() {
    let literal = |text: &str| {
        let Node::Compare(_, literal, _) = holds(&format!("{text} = ratio")).unwrap().root else {
            panic!("{text} = ratio is no comparison");
        };
        if let Node::Cast(literal, _) = *literal { *literal } else { *literal }
    };
    assert!(matches!(literal("1.50"), Node::Constant(Constant::Number { value: 150, scale: 2 })));
    assert!(matches!(literal("2"), Node::Constant(Constant::Number { value: 2, scale: 0 })));
    assert!(matches!(literal("1e-1"), Node::Constant(Constant::Double(value)) if value.to_bits() == 0.1_f64.to_bits()));
    for text in ["1e999", "1".repeat(39).as_str(), format!("0.{}", "1".repeat(39)).as_str()] {
        assert!(holds(&format!("{text} = ratio")).is_err(), "{text}");
    }
}

#[test]
fn long_and_deep_texts_are_refused_and_break_nothing() {
    let columns = columns();
    let visible: Vec<_> = columns.iter().enumerate().collect();
    let integer = ColumnType::Integer(IntegerWidth::I64);
    let parse = |text: &str| parse(text, &integer, &visible);
    assert!(parse(&["Quantity"; 50].join(" + ")).is_ok());
    for text in [
        "+1".repeat(MAX_TEXT_BYTES / 2),
        "-".repeat(MAX_TEXT_BYTES),
        format!("{}1{}", "(".repeat(1000), ")".repeat(1000)),
        format!("{}1{}", "abs(".repeat(1000), ")".repeat(1000)),
        "nullif(".repeat(60) + "1" + &",1)".repeat(60),
        "CASE ".repeat(500),
        "CASE WHEN paid THEN ".repeat(300),
        "CASE WHEN ".repeat(500),
        "NOT ".repeat(2000),
        "CAST(".repeat(1000),
        "1 IN (".repeat(1000),
        "1 BETWEEN ".repeat(700),
        "EXTRACT(YEAR FROM ".repeat(400),
        "1 LIKE ".repeat(1000),
        "EXISTS (SELECT ".repeat(500),
        "(SELECT ".repeat(900),
        "a.b".repeat(2000),
        "[".repeat(8000),
        "{".repeat(8000),
        "ARRAY[".repeat(1300),
        "INTERVAL ".repeat(900),
        "STRUCT(".repeat(1100),
        "CAST(1 AS ARRAY<".repeat(500),
        format!("CAST(1 AS {}", "ARRAY<".repeat(1300)),
        "x -> ".repeat(1600),
        format!("1{}", " IS NULL".repeat(1000)),
        format!("1{}", "::INT".repeat(1600)),
        format!("1{}", "[1]".repeat(2600)),
        "1 ".repeat(MAX_TEXT_BYTES),
    ] {
        let _ = (parse(&text), holds(&text));
    }
    let many = vec!["paid"; 800].join(" AND ");
    assert!(holds(&many).is_ok(), "a chain of one operator is no nesting");
    assert!(holds(&vec!["paid"; 2000].join(" AND ")).is_err());
}
