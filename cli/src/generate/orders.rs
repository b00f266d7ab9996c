//! Orders in the order of their time: who buys what is as uneven as in a shop.
//! It must not know where they are written to.

use anyhow::Result;
use chrono::{Datelike, NaiveDateTime};

use super::bad::{Bad, BadShare};
use super::calendar::Period;
use super::files::Files;
use super::people::{self, customer_id};
use super::products::{Product, product};
use super::random::{Random, Shuffled, Stream, Weighted};
use super::text::{cents, csv};

/// Most have none.
const NOTES: [&str; 12] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "Please ring twice",
    "Gift, with \"Happy birthday, Zoë!\" card",
    "Leave at the back door;\nmind the dog",
    "c/o Müller, 3rd floor",
    "Öffnungszeiten: 9–17 Uhr",
];

/// What to make.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) seed: u64,
    pub(crate) rows: u64,
    pub(super) period: Period,
    /// The number of the first order.
    pub(crate) first: u64,
    /// At most [`Shuffled::MAX`], of which each takes 8 bytes.
    pub(crate) customers: u64,
    pub(crate) products: u64,
    pub(crate) bad: BadShare,
}

/// How a bad row is.
#[derive(Debug, Clone, Copy)]
enum BadOrder {
    QuantityZero,
    PriceNoNumber,
    RegionUnknown,
    NoNumber,
    NumberAgain,
    DayWrong,
    CustomerWrong,
    CommaUnquoted,
    ProductMissing,
    QuantityHuge,
    PriceNegative,
    QuoteStray,
    QuantityBroken,
    ProductLong,
}

impl Bad for BadOrder {
    const KINDS: &'static [Self] = &[
        Self::QuantityZero,
        Self::PriceNoNumber,
        Self::RegionUnknown,
        Self::NoNumber,
        Self::NumberAgain,
        Self::DayWrong,
        Self::CustomerWrong,
        Self::CommaUnquoted,
        Self::ProductMissing,
        Self::QuantityHuge,
        Self::PriceNegative,
        Self::QuoteStray,
        Self::QuantityBroken,
        Self::ProductLong,
    ];

    fn breaks(self) -> (&'static str, &'static str) {
        match self {
            Self::QuantityZero => ("quantity", "minimum"),
            Self::PriceNoNumber => ("unit_price", "type"),
            Self::RegionUnknown => ("region", "enum"),
            Self::NoNumber => ("order_id", "required"),
            Self::NumberAgain => ("order_id", "unique"),
            Self::DayWrong => ("order_ts", "type"),
            Self::CustomerWrong => ("customer_id", "pattern"),
            Self::CommaUnquoted => ("", "fields"),
            Self::ProductMissing => ("product", "required"),
            Self::QuantityHuge => ("quantity", "maximum"),
            Self::PriceNegative => ("unit_price", "minimum"),
            Self::QuoteStray => ("", "quote"),
            Self::QuantityBroken => ("quantity", "type"),
            Self::ProductLong => ("product", "maxLength"),
        }
    }

    fn repeats(self) -> bool {
        match self {
            Self::NumberAgain => true,
            Self::QuantityZero
            | Self::PriceNoNumber
            | Self::RegionUnknown
            | Self::NoNumber
            | Self::DayWrong
            | Self::CustomerWrong
            | Self::CommaUnquoted
            | Self::ProductMissing
            | Self::QuantityHuge
            | Self::PriceNegative
            | Self::QuoteStray
            | Self::QuantityBroken
            | Self::ProductLong => false,
        }
    }
}

const HEADER: &str = "order_id,order_ts,customer_id,product,quantity,unit_price,region,country,note\r\n";

impl Orders {
    /// The files that there may be, one a month; a month without orders has none.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            (0..self.period.day_count()).map(|day| file_name(self.period.after(day * 86_400))).collect();
        names.dedup();
        names
    }

    /// One file a month where there is a folder for them, else one file. Memory grows with customers and products, not with rows.
    pub(super) fn write(&self, files: &mut Files) -> Result<()> {
        let shop = Shop::new(self);
        let mut bad = self.bad.rows::<BadOrder>();
        let (mut file, mut good) = (String::new(), None);
        for index in 0..self.rows {
            let (mut order, price_cents) = shop.order(self, index);
            let name = file_name(order.ts);
            if index == 0 || (files.takes_many() && name != file) {
                files.begin(&name, HEADER)?;
                (file, good) = (name, None);
            }
            let kind = bad.next(good.is_some());
            if let Some(kind) = kind {
                order.spoil(kind, good.unwrap_or_default());
            } else {
                good = Some(self.first + index);
                files.told().earn(order.region, order.ts, order.quantity * price_cents);
            }
            files.row(&order.as_text(), kind.map(Bad::breaks))?;
        }
        Ok(())
    }
}

fn file_name(day: NaiveDateTime) -> String {
    format!("{}-{:02}.csv", day.year(), day.month())
}

/// Who buys, and what there is to buy, each by how often.
struct Shop {
    products: Vec<Product>,
    product_ranks: Weighted,
    product_places: Shuffled,
    customer_ranks: Weighted,
    customer_places: Shuffled,
}

struct Order<'shop> {
    id: String,
    ts: NaiveDateTime,
    ts_text: String,
    customer_id: String,
    product: &'shop str,
    quantity: u64,
    quantity_text: String,
    unit_price: String,
    region: &'static str,
    country: &'static str,
    note: &'static str,
}

impl Shop {
    fn new(orders: &Orders) -> Self {
        Self {
            products: (1..=orders.products).map(|number| product(orders.seed, number)).collect(),
            product_ranks: Weighted::by_popularity(orders.products),
            product_places: Shuffled::new(orders.seed, orders.products),
            customer_ranks: Weighted::by_popularity(orders.customers),
            customer_places: Shuffled::new(orders.seed, orders.customers),
        }
    }

    /// The order of an index from 0, and the price of a piece in cents.
    fn order(&self, orders: &Orders, index: u64) -> (Order<'_>, u64) {
        let mut random = Random::of(orders.seed, Stream::Order, orders.first + index);
        let ts = orders.period.moment(index, orders.rows, &mut random);
        let customer = 1 + self.customer_places.place(self.customer_ranks.draw(&mut random));
        let place = self.product_places.place(self.product_ranks.draw(&mut random));
        let product = usize::try_from(place).ok().and_then(|place| self.products.get(place));
        let list_price = product.map_or(1_000, |product| product.list_price_cents);
        // Sales and small rises.
        let price_cents = list_price * random.between(82, 104) / 100;
        let quantity = quantity(&mut random);
        let home = people::home(orders.seed, customer);
        let order = Order {
            id: order_id(orders.first + index),
            ts,
            ts_text: ts.format("%Y-%m-%d %H:%M:%S").to_string(),
            customer_id: customer_id(customer),
            product: product.map_or("", |product| product.name.as_str()),
            quantity,
            quantity_text: quantity.to_string(),
            unit_price: cents(price_cents),
            region: home.region,
            country: home.country,
            note: random.pick(&NOTES),
        };
        (order, price_cents)
    }
}

/// Mostly one piece; now and then a firm's order.
fn quantity(random: &mut Random) -> u64 {
    match random.below(1_000) {
        0..600 => 1,
        600..850 => random.between(2, 3),
        850..960 => random.between(4, 9),
        960..995 => random.between(10, 40),
        _ => random.between(60, 300),
    }
}

fn order_id(number: u64) -> String {
    format!("O-{number:07}")
}

impl Order<'_> {
    /// Breaks one rule. `good` is the number of a good row above in the file.
    fn spoil(&mut self, kind: BadOrder, good: u64) {
        match kind {
            BadOrder::QuantityZero => "0".clone_into(&mut self.quantity_text),
            BadOrder::PriceNoNumber => "n/a".clone_into(&mut self.unit_price),
            BadOrder::RegionUnknown => self.region = "Atlantis",
            BadOrder::NoNumber => self.id.clear(),
            BadOrder::NumberAgain => self.id = order_id(good),
            BadOrder::DayWrong => self.ts_text.replace_range(5..7, "13"),
            BadOrder::CustomerWrong => "guest".clone_into(&mut self.customer_id),
            // As exports by hand have it: one field too many.
            BadOrder::CommaUnquoted => self.customer_id.push_str(",?"),
            BadOrder::ProductMissing => self.product = "",
            BadOrder::QuantityHuge => "100000".clone_into(&mut self.quantity_text),
            BadOrder::PriceNegative => self.unit_price.insert(0, '-'),
            // Inches, written by hand. The note has no line break here: a record that is broken before it would be two.
            BadOrder::QuoteStray => (self.product, self.note) = ("Picture frame 10\" x 12\"", ""),
            BadOrder::QuantityBroken => "1.5".clone_into(&mut self.quantity_text),
            BadOrder::ProductLong => self.product = TOO_LONG,
        }
    }

    fn as_text(&self) -> String {
        let Self { id, ts_text, customer_id, product, quantity_text, unit_price, region, country, note, .. } = self;
        let (country, note) = (csv(country, ','), csv(note, ','));
        format!("{id},{ts_text},{customer_id},{product},{quantity_text},{unit_price},{region},{country},{note}\r\n")
    }
}

/// More than the 80 characters that a product's name may have.
const TOO_LONG: &str =
    "Gartenschaukel mit Überdachung und verstellbarer Rückenlehne für drei Personen (Lieferung ohne Kissen)";
