//! How many bytes of input a second the engine takes, on files that are made up here: `cargo bench -p lakegate-convert`.
//! A name, or a part of one, behind `--` chooses among them. What the figures were is told in README.md beside this file.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark may fail, and reads the clock"
)]

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lakegate_contract::Contract;
use lakegate_convert::{Converter, Source};

const ROWS: usize = 400_000;
const RUNS: usize = 5;
const PUSH_BYTES: usize = 256 * 1024;

struct Case {
    name: &'static str,
    contract: String,
    bytes: Vec<u8>,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let (csv, json) = (orders_csv(), orders_json());
    let cases = [
        Case { name: "csv, 24 partitions", contract: contract("csv", COLUMNS, PARTITIONED), bytes: csv.clone() },
        Case { name: "csv, one partition", contract: contract("csv", COLUMNS, ""), bytes: csv.clone() },
        Case { name: "csv, all text", contract: contract("csv", TEXTS, ""), bytes: csv.clone() },
        Case { name: "csv, unique key", contract: contract("csv", COLUMNS, UNIQUE), bytes: csv },
        Case { name: "json, 24 partitions", contract: contract("json", COLUMNS, PARTITIONED), bytes: json },
    ];
    println!("{:24} {:>8} {:>12} {:>12}", "file", "MB", "MB/s, 1 core", "MB/s, 2");
    for case in cases.iter().filter(|case| is_wanted(case.name)) {
        let Ok(checked) = lakegate_contract::parse(&case.contract) else {
            println!("{:24} skipped: its contract cannot be read", case.name);
            continue;
        };
        let contract = Arc::new(checked.contract);
        let rate = |threads| megabytes(case.bytes.len()) / median(&contract, &case.bytes, threads).as_secs_f64();
        println!("{:24} {:>8.0} {:>12.0} {:>12.0}", case.name, megabytes(case.bytes.len()), rate(1), rate(2));
    }
}

fn median(contract: &Arc<Contract>, bytes: &[u8], threads: usize) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| convert(contract, bytes, threads)).collect();
    times.sort_unstable();
    times.get(RUNS / 2).copied().unwrap_or_default()
}

fn convert(contract: &Arc<Contract>, bytes: &[u8], threads: usize) -> Duration {
    let source = Source { bucket: "raw".to_owned(), key: "orders/a.csv".to_owned(), version: None };
    let started = Instant::now();
    let mut converter = Converter::new(Arc::clone(contract), source).unwrap().with_threads(threads);
    for piece in bytes.chunks(PUSH_BYTES) {
        converter.push(piece).unwrap();
        drop(converter.drain());
    }
    let judgement = converter.finish().unwrap();
    drop(converter.drain());
    let elapsed = started.elapsed();
    assert_eq!(judgement.counts.read, ROWS as u64);
    assert_eq!(judgement.counts.accepted, ROWS as u64, "{:?}", judgement.first_rejects);
    elapsed
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

const COLUMNS: &str = r"
      - {name: order_id, logicalType: string, required: true}
      - {name: order_ts, logicalType: timestamp, required: true, logicalTypeOptions: {format: 'yyyy-MM-dd HH:mm:ss'}}
      - {name: customer_id, logicalType: string}
      - {name: product, logicalType: string}
      - {name: quantity, logicalType: integer, physicalType: INTEGER, required: true, logicalTypeOptions: {minimum: 1}}
      - {name: unit_price, logicalType: number, physicalType: 'DECIMAL(12,2)', required: true, logicalTypeOptions: {minimum: 0}}
      - {name: region, logicalType: string, enum: [{value: EMEA}, {value: APAC}, {value: NA}, {value: LATAM}]}
      - {name: country, logicalType: string}
      - {name: revenue, logicalType: number, physicalType: 'DECIMAL(18,2)', transformLogic: quantity * unit_price}";
const TEXTS: &str = r"
      - {name: order_id, logicalType: string}
      - {name: order_ts, logicalType: string}
      - {name: customer_id, logicalType: string}
      - {name: product, logicalType: string}
      - {name: quantity, logicalType: string}
      - {name: unit_price, logicalType: string}
      - {name: region, logicalType: string}
      - {name: country, logicalType: string}";
const PARTITIONED: &str = r"
      - {name: year, logicalType: integer, physicalType: INTEGER, partitioned: true, partitionKeyPosition: 1, transformLogic: year(order_ts)}
      - {name: month, logicalType: integer, physicalType: INTEGER, partitioned: true, partitionKeyPosition: 2, transformLogic: month(order_ts)}";
const UNIQUE: &str = r"
      - {name: line_key, logicalType: string, unique: true, transformLogic: order_id || customer_id || product}";

fn contract(format: &str, columns: &str, more: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nservers:\n\
         \x20 - {{server: landing, type: s3, location: 's3://*/orders/**', format: {format}}}\nschema:\n\
         \x20 - name: orders\n    customProperties:\n      - {{property: compression, value: snappy, vendor: lakegate}}\n\
         \x20   properties:{columns}{more}\n"
    )
}

/// An order line, made up from its number: realistic lengths, quoted products now and then, keys that repeat as real ones do.
struct Line {
    order_id: String,
    order_ts: String,
    customer_id: String,
    product: String,
    quantity: u64,
    unit_price: String,
    region: &'static str,
    country: &'static str,
}

const PRODUCTS: [&str; 4] =
    ["WHITE HANGING HEART T-LIGHT HOLDER", "REGENCY CAKESTAND 3 TIER", "LUNCH BAG, RED \"SPOTTY\"", "PARTY BUNTING"];
const REGIONS: [&str; 4] = ["EMEA", "APAC", "NA", "LATAM"];
const COUNTRIES: [&str; 5] = ["United Kingdom", "France", "Germany", "EIRE", "Côte d'Ivoire"];

fn lines() -> impl Iterator<Item = Line> {
    let mut state = 42_u64;
    let mut random = move |below: u64| {
        // Knuth's MMIX generator: the same file every time.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..ROWS).map(move |row| {
        let (price, month, day) = (29 + random(9900), random(24), random(28) + 1);
        let second = random(86_400);
        let of = |list: &[&'static str], place: u64| list.get(usize::try_from(place).unwrap()).copied().unwrap();
        Line {
            order_id: format!("ORD{row:09}"),
            order_ts: format!(
                "{}-{:02}-{day:02} {:02}:{:02}:{:02}",
                2024 + month / 12,
                month % 12 + 1,
                second / 3600,
                second / 60 % 60,
                second % 60
            ),
            customer_id: format!("CUST{:06}", random(60_000)),
            product: format!("{} {}", of(&PRODUCTS, random(4)), random(1000)),
            quantity: random(24) + 1,
            unit_price: format!("{}.{:02}", price / 100, price % 100),
            region: of(&REGIONS, random(4)),
            country: of(&COUNTRIES, random(5)),
        }
    })
}

fn orders_csv() -> Vec<u8> {
    let mut text = "order_id,order_ts,customer_id,product,quantity,unit_price,region,country\n".to_owned();
    for line in lines() {
        let Line { order_id, order_ts, customer_id, product, quantity, unit_price, region, country } = line;
        let product = if product.contains('"') { format!("\"{}\"", product.replace('"', "\"\"")) } else { product };
        writeln!(text, "{order_id},{order_ts},{customer_id},{product},{quantity},{unit_price},{region},{country}")
            .unwrap();
    }
    text.into_bytes()
}

fn orders_json() -> Vec<u8> {
    let mut text = String::new();
    for line in lines() {
        let Line { order_id, order_ts, customer_id, product, quantity, unit_price, region, country } = line;
        writeln!(
            text,
            r#"{{"order_id":"{order_id}","order_ts":"{order_ts}","customer_id":"{customer_id}","product":"{}","quantity":{quantity},"unit_price":{unit_price},"region":"{region}","country":"{country}"}}"#,
            product.replace('"', "\\\"")
        )
        .unwrap();
    }
    text.into_bytes()
}
