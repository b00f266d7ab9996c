//! The demo's sample data: the same bytes each time, and beside them what the contracts must make of them.
//! It knows the columns of the sample contracts, and nothing of AWS.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A generated file, and what becomes of its rows.
#[derive(Debug, Default)]
pub(crate) struct SampleFile {
    pub(crate) text: String,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    /// Rows that break a rule, by column and rule.
    pub(crate) violations: BTreeMap<(&'static str, &'static str), u64>,
    /// Revenue of the accepted rows in cents, by region and month.
    pub(crate) revenue_cents: BTreeMap<(String, u32), i64>,
}

const PRODUCTS: [(&str, i64); 8] = [
    ("Café au lait bowl", 1_290),
    ("Garden chair \"Nice\"", 8_450),
    ("Lamp, brass", 5_999),
    ("Smörgås board", 3_475),
    ("Ceramic mug", 995),
    ("Wool blanket, 140 × 200", 7_900),
    ("Piñata", 2_150),
    ("Paper lantern 提灯", 640),
];
const PLACES: [(&str, &str); 10] = [
    ("EMEA", "Germany"),
    ("EMEA", "France"),
    ("EMEA", "Türkiye"),
    ("EMEA", "Côte d'Ivoire"),
    ("APAC", "Japan"),
    ("APAC", "New Zealand"),
    ("NA", "Canada"),
    ("NA", "United States"),
    ("LATAM", "Brazil"),
    ("LATAM", "México"),
];
const NOTES: [&str; 5] =
    ["", "", "Please ring twice", "Gift, with \"Happy birthday, Zoë!\" card", "Leave at the back door;\nmind the dog"];
const NAMES: [&str; 8] = [
    "Zoë Ångström",
    "José Muñoz",
    "Anna Müller; Sohn",
    "李小龍",
    "Siobhán O'Brien",
    "Łukasz Nowak",
    "Marie \"Mimi\" Lefèvre",
    "Tom Smith",
];
const COUNTRIES: [&str; 6] = ["DE", "FR", "JP", "BR", "CA", "SE"];

const ORDERS_HEADER: &str = "order_id,order_ts,customer_id,product,quantity,unit_price,region,country,note\r\n";

/// Every kind of bad row: the column and the rule that it breaks.
const BAD_ROWS: [(&str, &str); 8] = [
    ("quantity", "minimum"),
    ("unit_price", "type"),
    ("region", "enum"),
    ("order_id", "required"),
    ("order_id", "unique"),
    ("order_ts", "type"),
    ("customer_id", "pattern"),
    ("", "fields"),
];

struct Order {
    id: String,
    ts: String,
    customer_id: String,
    product: &'static str,
    quantity: i64,
    unit_price: String,
    region: &'static str,
    country: &'static str,
    note: &'static str,
}

/// A month of orders. Every `bad_every`-th row breaks one rule, each kind in turn; 0: none does. Order numbers start at `first_id`.
pub(crate) fn orders(month: u32, rows: u64, first_id: u64, bad_every: u64) -> SampleFile {
    let mut random = Random(u64::from(month) << 32 | rows);
    let mut file = SampleFile { text: ORDERS_HEADER.to_owned(), rows, ..SampleFile::default() };
    let mut bad_kinds = BAD_ROWS.iter().cycle();
    for row in 0..rows {
        let (mut order, price_cents) = order(&mut random, month, first_id + row);
        if bad_every > 0 && row % bad_every == bad_every - 1 {
            let Some(&(column, rule)) = bad_kinds.next() else { continue };
            spoil(&mut order, column, rule, first_id);
            *file.violations.entry((column, rule)).or_default() += 1;
            file.rejected += 1;
        } else {
            *file.revenue_cents.entry((order.region.to_owned(), month)).or_default() += order.quantity * price_cents;
        }
        write_order(&mut file.text, &order);
    }
    file
}

fn order(random: &mut Random, month: u32, number: u64) -> (Order, i64) {
    let (product, list_price) = random.pick(&PRODUCTS);
    let (region, country) = random.pick(&PLACES);
    let price_cents = list_price * (80 + random.below(41)) / 100;
    let order = Order {
        id: format!("O-{number:07}"),
        ts: format!(
            "2025-{month:02}-{:02} {:02}:{:02}:{:02}",
            1 + random.below(28),
            random.below(24),
            random.below(60),
            random.below(60)
        ),
        customer_id: format!("C-{:05}", 1 + random.below(400)),
        product,
        quantity: 1 + random.below(9),
        unit_price: cents(price_cents),
        region,
        country,
        note: random.pick(&NOTES),
    };
    (order, price_cents)
}

/// Breaks exactly one rule of the orders contract.
fn spoil(order: &mut Order, column: &str, rule: &str, first_id: u64) {
    match (column, rule) {
        ("quantity", _) => order.quantity = 0,
        ("unit_price", _) => "n/a".clone_into(&mut order.unit_price),
        ("region", _) => order.region = "Atlantis",
        ("order_id", "required") => order.id.clear(),
        ("order_id", _) => order.id = format!("O-{first_id:07}"),
        ("order_ts", _) => order.ts.replace_range(5..7, "13"),
        ("customer_id", _) => "guest".clone_into(&mut order.customer_id),
        // An unquoted comma, as exports by hand have it: one field too many.
        _ => order.customer_id.push_str(",?"),
    }
}

fn write_order(text: &mut String, order: &Order) {
    let Order { id, ts, customer_id, product, quantity, unit_price, region, country, note } = order;
    let (product, country, note) = (quoted(product, ','), quoted(country, ','), quoted(note, ','));
    let _ = write!(text, "{id},{ts},{customer_id},{product},{quantity},{unit_price},{region},{country},{note}\r\n");
}

/// Orders as a hurried export writes them: another delimiter and another header than agreed.
pub(crate) fn broken_orders() -> SampleFile {
    let good = orders(11, 50, 9_000_000, 0);
    let text = good.text.replace(',', ";").replace("order_id;order_ts", "Order No.;Date");
    SampleFile { text, rows: 0, ..SampleFile::default() }
}

/// A file that nobody wrote a contract for.
pub(crate) fn invoices() -> SampleFile {
    SampleFile { text: "invoice,amount\n4711,12.50\n4712,99.00\n".to_owned(), rows: 0, ..SampleFile::default() }
}

/// Customers: semicolons, German dates, names that need quotes.
pub(crate) fn customers(rows: u64) -> SampleFile {
    let mut random = Random(rows);
    let mut text = "customer_id;name;email;country;since;credit_limit;active\n".to_owned();
    for number in 1..=rows {
        let name = quoted(random.pick(&NAMES), ';');
        let country = random.pick(&COUNTRIES);
        let limit = if random.below(5) == 0 { "n/a".to_owned() } else { cents(100_000 + random.below(900_000)) };
        let (day, month, year) = (1 + random.below(28), 1 + random.below(12), 2015 + random.below(10));
        let active = random.below(10) > 0;
        let _ = writeln!(
            text,
            "C-{number:05};{name};c{number}@example.com;{country};{day:02}.{month:02}.{year};{limit};{active}"
        );
    }
    SampleFile { text, rows, ..SampleFile::default() }
}

fn cents(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Quoted where RFC 4180 asks for it.
fn quoted(text: &str, delimiter: char) -> String {
    if text.contains([delimiter, '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `limit` - 1; `limit` is small and positive.
    fn below(&mut self, limit: u32) -> i64 {
        i64::try_from(self.next() % u64::from(limit.max(1))).unwrap_or_default()
    }

    fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let length = u32::try_from(from.len()).unwrap_or(u32::MAX);
        from.get(usize::try_from(self.below(length)).unwrap_or_default()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_each_time() {
        assert_eq!(orders(9, 300, 1, 50).text, orders(9, 300, 1, 50).text);
        assert_eq!(customers(40).text, customers(40).text);
    }

    #[test]
    fn bad_rows_are_counted() {
        let file = orders(10, 400, 1, 50);
        assert_eq!((file.rows, file.rejected), (400, 8));
        assert_eq!(file.violations.values().sum::<u64>(), 8);
        assert_eq!(file.violations.len(), 8);
    }

    #[test]
    fn money_has_two_digits_behind_the_point() {
        assert_eq!([cents(5), cents(1_290), cents(100_000)], ["0.05", "12.90", "1000.00"]);
    }
}
