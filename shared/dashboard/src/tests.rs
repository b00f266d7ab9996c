//! The dashboard of answers that no engine gave. That engines give the right ones is tested in `infra/athena` and `e2e`.

use lakegate_report::{Cell, Kind, Page, Section, Shape, Values};
use serde_json::{Value, json};

use crate::steps::{ORDER_VALUES, ORDERS, TIERS};
use crate::{About, Answer, Outcome, Outcomes, QUERIES, TABLES, figures, page};

/// 2025-02-10T12:00:00Z.
const NOW: i64 = 1_739_188_800;

fn about() -> About {
    About { place: "database lakegate".to_owned(), at_secs: NOW }
}

/// An answer as text: a line per row, the first one names the columns; `-` is null.
fn answer(text: &str) -> Outcome {
    let mut lines = text.lines().map(|line| line.trim().split('|').map(|cell| cell.trim().to_owned()));
    let columns = lines.next().unwrap().collect();
    let rows = lines.map(|line| line.map(|cell| Some(cell).filter(|cell| cell != "-")).collect());
    Outcome::Answered(Answer { columns, rows: rows.collect() })
}

fn outcomes() -> Outcomes {
    let answers = [
        (
            "monthly_trend",
            "year|month|orders|customers|revenue|growth
             2024|12|3|2|100.50|-
             2025|1|2|2|50.25|-50.0
             2025|2|1|1|1049.25|1988.1",
        ),
        ("revenue_by_region", "region|orders|revenue|share\nEMEA|5|150.75|12.6\nAPAC|1|1049.25|87.4"),
        (
            "top_countries",
            "country|region|orders|customers|revenue\nJapan|APAC|1|1|1049.25\nGermany|EMEA|4|2|100\n-|EMEA|1|1|50.75",
        ),
        ("top_products", "product|orders|pieces|revenue\nTent|6|12|1200.00"),
        (
            "membership_tiers",
            "membership_tier|customers|buyers|orders|revenue
             basic|9|2|4|100\ndiamond|1|0|0|0\ngold|2|1|2|1100\nplatinum|1|0|0|0\nsilver|3|0|0|0",
        ),
        (
            "age_groups",
            "age_group|customers|buyers|orders|revenue
             100+|1|0|0|0\n18-24|9|2|4|100\n65+|2|1|2|1100\n<18|1|0|0|0\n-|3|0|0|0\nunknown|1|0|0|0",
        ),
        ("order_values", "value_from|orders|revenue\n10|2|30.00\n1000|1|1049.25"),
        ("repeat_customers", "orders_from|customers|orders|revenue\n1|2|2|99\n2|2|4|1101"),
    ];
    answers.into_iter().map(|(name, text)| (name, answer(text))).collect()
}

fn section<'p>(page: &'p Page, id: &str) -> &'p Section {
    page.sections.iter().find(|section| section.id == id).unwrap()
}

fn firsts(outcomes: &Outcomes, id: &str) -> Vec<String> {
    let page = page(&about(), outcomes);
    let name = |row: &Vec<Cell>| {
        let (Cell::Text(text) | Cell::Tagged(text, _)) = &row[0] else { panic!("{:?}", row[0]) };
        text.clone()
    };
    section(&page, id).table.rows.iter().map(name).collect()
}

#[test]
fn the_first_figures_are_sums_of_the_sections() {
    let told = figures(&about(), &outcomes()).unwrap();
    let expected = json!({
        "revenue": 1200.0, "orders": 6, "average_order": 200.0, "customers": 4, "period": "2024-12 – 2025-02",
    });
    assert_eq!(
        (&told["facts"], &told["problems"], &told["at"]),
        (&expected, &json!({}), &json!("2025-02-10T12:00:00Z"))
    );
}

#[test]
fn every_query_has_a_section_with_a_picture_of_numbers() {
    let page = page(&about(), &outcomes());
    assert_eq!(page.sections.len(), QUERIES.len());
    for (query, section) in QUERIES.iter().zip(&page.sections) {
        assert_eq!((section.id.as_str(), section.heading.as_str()), (query.name, query.title()));
        assert!(query.sql.starts_with(&format!("-- {}\n-- {}\nSELECT", query.title(), query.note())), "{}", query.name);
        assert!(!section.table.rows.is_empty() && section.empty.starts_with("The table "), "{}", query.name);
        assert!(query.tables.iter().all(|table| query.sql.contains(table)));
        assert!(TABLES.iter().all(|table| query.tables.contains(&table.name) || !query.sql.contains(&format!("FROM {}", table.name))));
    }
    let html = page.to_html().unwrap();
    assert_eq!(html.matches("<figure").count(), QUERIES.len());
    assert!(
        html.contains("Dec 2024")
            && html.contains("€1,049.25")
            && html.contains("−50.0 %")
            && html.contains("\">€1,200<")
    );
    assert!(html.contains("50 % ordered again"));
}

#[test]
fn groups_stand_in_their_own_order_and_unknown_ones_last() {
    let outcomes = outcomes();
    assert_eq!(firsts(&outcomes, "membership_tiers"), ["basic", "silver", "gold", "platinum", "diamond"]);
    assert_eq!(firsts(&outcomes, "age_groups"), ["<18", "18-24", "65+", "100+", "unknown", "not known"]);
    assert_eq!(firsts(&outcomes, "top_countries"), ["Japan", "Germany", "not known"]);
}

#[test]
fn a_group_without_orders_is_shown_with_none() {
    let outcomes = outcomes();
    insta::assert_snapshot!(firsts(&outcomes, "order_values").join("\n"), @r"
    under €10
    €10 to €25
    €25 to €50
    €50 to €100
    €100 to €250
    €250 to €500
    €500 to €1,000
    €1,000 to €5,000
    €5,000 and more
    ");
    insta::assert_snapshot!(firsts(&outcomes, "repeat_customers").join("\n"), @r"
    1 order
    2 to 4 orders
    5 to 9 orders
    10 to 19 orders
    20 orders and more
    ");
    let told = figures(&about(), &outcomes).unwrap();
    let orders: Vec<&Value> =
        told["sections"]["order_values"].as_array().unwrap().iter().map(|row| &row["orders"]).collect();
    assert_eq!(json!(orders), json!([0, 2, 0, 0, 0, 0, 0, 1, 0]));
}

#[test]
fn the_groups_are_those_of_the_queries() {
    let steps = |name: &str| -> Vec<u64> {
        let sql = QUERIES.iter().find(|query| query.name == name).unwrap().sql;
        let words: Vec<&str> = sql.split_whitespace().collect();
        let after = words.windows(2).filter(|pair| ["THEN", "ELSE"].contains(&pair[0]));
        let mut steps: Vec<u64> = after.map(|pair| pair[1].parse().unwrap()).collect();
        steps.sort_unstable();
        steps
    };
    assert_eq!((steps("order_values"), steps("repeat_customers")), (ORDER_VALUES.to_vec(), ORDERS.to_vec()));
}

#[test]
fn tiers_and_partitions_are_those_of_the_sample_contracts() {
    let customers = include_str!("../../../contracts/customers.odcs.yaml");
    let tiers: Vec<String> = TIERS.iter().map(|tier| format!("{{value: {tier}}}")).collect();
    assert!(customers.contains(&format!("enum: [{}]", tiers.join(", "))) && !customers.contains("partitioned"));
    let orders = include_str!("../../../contracts/orders.odcs.yaml");
    let [of_orders, of_customers] = TABLES;
    assert_eq!(orders.matches("partitioned: true").count(), of_orders.partitions.len());
    assert!(of_customers.partitions.is_empty());
    for (position, (column, kind)) in of_orders.partitions.iter().enumerate() {
        let lines = format!(
            "- name: {column}\n        logicalType: integer\n        physicalType: {kind}\n        partitioned: true\n        partitionKeyPosition: {}",
            position + 1
        );
        assert!(orders.contains(&lines), "{lines}");
    }
}

#[test]
fn the_last_month_may_not_be_over() {
    let told = |at_secs| section(&page(&About { at_secs, ..about() }, &outcomes()), "monthly_trend").note.clone();
    assert!(told(NOW).ends_with(" The last month is not over."));
    assert!(!told(NOW + 28 * 86_400).contains("not over"));
}

#[test]
fn months_are_drawn_from_the_first_to_the_end_of_the_last() {
    let page = page(&about(), &outcomes());
    let chart = section(&page, "monthly_trend").chart.as_ref().unwrap();
    // 2024-12-01 and 2025-03-01.
    assert!(matches!(chart.shape, Shape::Bars { range: (1_733_011_200, 1_740_787_200), .. }), "{:?}", chart.shape);
    assert_eq!(section(&page, "monthly_trend").table.columns[0].kind, Kind::Month);
    let mut outcomes = outcomes();
    outcomes.insert("monthly_trend", answer("year|month|orders|customers|revenue|growth\n2025|1|1|1|1|-"));
    let page = crate::page(&about(), &outcomes);
    assert!(section(&page, "monthly_trend").chart.is_none(), "one month is no trend");
}

#[test]
fn countries_are_coloured_by_region_while_there_are_colours() {
    let is_split = |outcomes: &Outcomes| {
        let page = page(&about(), outcomes);
        matches!(section(&page, "top_countries").chart.as_ref().unwrap().values, Values::Split { .. })
    };
    assert!(is_split(&outcomes()));
    let mut many = outcomes();
    let rows: Vec<String> = (0..9).map(|n| format!("c{n}|r{n}|1|1|1")).collect();
    many.insert("top_countries", answer(&format!("country|region|orders|customers|revenue\n{}", rows.join("\n"))));
    assert!(!is_split(&many));
    many.insert("top_countries", answer("country|region|orders|customers|revenue\na|r|1|1|1\nb|r|1|1|1"));
    assert!(!is_split(&many), "one region is no news");
}

fn failed(name: &str, reason: &str) -> Outcome {
    Outcome::failed(QUERIES.iter().find(|query| query.name == name).unwrap(), reason)
}

#[test]
fn whatever_is_wrong_with_one_section_the_others_stand() {
    let mut outcomes = outcomes();
    outcomes.insert("monthly_trend", answer("year|month|orders|customers|revenue|growth\n2025|13|1|1|1|-"));
    outcomes.insert("revenue_by_region", answer("region|orders|revenue|share"));
    outcomes.insert("top_countries", answer("country|orders|customers|revenue\nJapan|1|1|1"));
    outcomes.insert("top_products", answer("product|orders|pieces|revenue\nTent|Jane Doe|1|1"));
    outcomes.insert(
        "membership_tiers",
        failed(
            "membership_tiers",
            "TABLE_NOT_FOUND: line 8:14: Table 'awsdatacatalog.lakegate.customers' does not exist",
        ),
    );
    outcomes.insert("age_groups", failed("age_groups", "Catalog Error: Table with name customers does not exist!"));
    outcomes.insert("order_values", failed("order_values", "Query exhausted resources at this scale factor"));
    outcomes.remove("repeat_customers");
    let page = page(&about(), &outcomes);
    let empty: Vec<String> = page.sections.iter().map(|section| format!("{}: {}", section.id, section.empty)).collect();
    insta::assert_snapshot!(empty.join("\n"), @r"
    monthly_trend: The query failed: row 1 has no number in column month
    revenue_by_region: The table orders has no rows.
    top_countries: The query failed: the answer has no column region
    top_products: The query failed: row 1 has no number in column orders
    membership_tiers: There is no table customers yet: no file of it was taken in.
    age_groups: There is no table customers yet: no file of it was taken in.
    order_values: The query failed: Query exhausted resources at this scale factor
    repeat_customers: It was not asked.
    ");
    assert!(page.sections.iter().all(|section| section.table.rows.is_empty()));
    assert!(page.facts.iter().all(|fact| fact.value == Cell::Absent));
    let told = figures(&about(), &outcomes).unwrap();
    assert_eq!(told["problems"].as_object().unwrap().len(), 7, "no rows are no problem");
    assert!(page.to_html().unwrap().contains("There is no table customers yet"));
}

#[test]
fn groups_that_nobody_knows_are_not_left_out_in_silence() {
    let mut outcomes = outcomes();
    outcomes.insert("order_values", answer("value_from|orders|revenue\n7|1|1"));
    let told = figures(&about(), &outcomes).unwrap();
    assert_eq!(
        told["problems"]["order_values"],
        "The query failed: the answer has a group that the dashboard does not know"
    );
}

#[test]
fn names_are_data() {
    let hostile = [
        "</script><img src=x onerror=alert(1)>",
        "=HYPERLINK(\"http://example.com\")",
        "\u{202e}gpj.exe",
        "متجر الكتب",
        "👩‍👩‍👧‍👦 Zelt",
        "a\nb|c",
        "",
    ];
    let long = "x".repeat(5_000);
    let names: Vec<&str> = hostile.into_iter().chain([long.as_str()]).collect();
    let columns = ["product", "orders", "pieces", "revenue"].map(str::to_owned).to_vec();
    let row = |name: &&str| [name, "1", "1", "1.5"].map(|cell| Some(cell.to_owned())).to_vec();
    let mut outcomes = outcomes();
    outcomes.insert("top_products", Outcome::Answered(Answer { columns, rows: names.iter().map(row).collect() }));
    outcomes.insert("top_countries", failed("top_countries", hostile[0]));
    let page = page(&About { place: hostile[0].to_owned(), at_secs: NOW }, &outcomes);
    let html = page.to_html().unwrap();
    assert!(!html.contains("<img") && !html.contains('\u{202e}') && html.contains(&long) && html.contains("متجر"));
    assert!(html.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
    let told = figures(&about(), &outcomes).unwrap();
    let told: Vec<&str> = told["sections"]["top_products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["product"].as_str().unwrap())
        .collect();
    assert_eq!(told[..6], names[..6], "programs get them as they are");
    assert_eq!((told[6], told[7]), ("empty", long.as_str()));
}

#[test]
fn a_file_that_was_replaced_while_it_was_read_is_no_table_that_is_missing() {
    let reason = "HIVE_CANNOT_OPEN_SPLIT: Error opening s3://lake/lake/orders/year=2025/a.parquet: The specified key does not exist";
    for query in &QUERIES {
        assert!(matches!(Outcome::failed(query, reason), Outcome::Failed(_)), "{}", query.name);
    }
    let orders = QUERIES.iter().find(|query| query.tables.contains(&"orders")).unwrap();
    for reason in [
        "TABLE_NOT_FOUND: line 5:6: Table 'awsdatacatalog.lakegate.orders' does not exist",
        "Catalog Error: Table with name orders does not exist!",
    ] {
        assert!(matches!(Outcome::failed(orders, reason), Outcome::NoTable(_)), "{reason}");
    }
}
