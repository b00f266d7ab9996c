//! The shop's products: what they are called is always the same, what they cost is the seed's.
//! It must not know where they are written to.

use std::fmt::Write as _;

use anyhow::Result;

use super::bad::{Bad, BadShare};
use super::files::Files;
use super::random::{Random, Stream};
use super::text::{cents, csv};

/// What there is to buy: the category, and the least and the highest list price in euros.
const KINDS: [(&str, &str, u64, u64); 20] = [
    ("Café au lait bowl", "Kitchen", 8, 18),
    ("Garden chair \"Nice\"", "Garden", 45, 160),
    ("Table lamp", "Lighting", 25, 140),
    ("Smörgås board", "Kitchen", 18, 60),
    ("Mug", "Kitchen", 5, 14),
    ("Blanket, 140 × 200", "Textiles", 35, 130),
    ("Piñata", "Party", 12, 40),
    ("Paper lantern 提灯", "Lighting", 4, 20),
    ("Bookshelf", "Furniture", 90, 420),
    ("Espresso machine", "Kitchen", 190, 900),
    ("Rug, 2' × 3'", "Textiles", 30, 210),
    ("Garden bench", "Garden", 120, 480),
    ("Picnic basket", "Outdoor", 28, 95),
    ("Tent \"Fjäll\"", "Outdoor", 140, 620),
    ("Candle; set of 4", "Party", 6, 24),
    ("Wall clock", "Decoration", 20, 110),
    ("Mirror", "Decoration", 40, 260),
    ("Crème brûlée dish", "Kitchen", 6, 22),
    ("Armchair", "Furniture", 180, 880),
    ("Bath towel", "Textiles", 9, 34),
];
const MATERIALS: [&str; 6] = ["brass", "oak", "wool", "céramique", "linen", "steel"];
const COLOURS: [&str; 7] = ["white", "moss green", "terracotta", "indigo", "ochre", "rosé", "black"];

/// A product as its seed has it.
#[derive(Debug, Clone)]
pub(super) struct Product {
    category: &'static str,
    pub(super) list_price_cents: u64,
    unit_cost_cents: u64,
    /// As a field of a CSV file.
    pub(super) name: String,
}

/// The product of this number, from 1. No two have one name.
pub(super) fn product(seed: u64, number: u64) -> Product {
    let (kind, category, least, most) = nth(&KINDS, number - 1);
    let round = (number - 1) / KINDS.len() as u64;
    // Six and seven have no common factor: all pairs come, before one comes again.
    let mut name = format!("{kind}, {}, {}", nth(&MATERIALS, round), nth(&COLOURS, round));
    let again = round / (MATERIALS.len() * COLOURS.len()) as u64;
    if again > 0 {
        let _ = write!(name, " (no. {})", again + 1);
    }
    let mut random = Random::of(seed, Stream::Product, number);
    // Prices end in 5 or 9 cents, as prices do.
    let list_price_cents = random.between(least * 10, most * 10) * 10 + random.pick(&[5, 9]);
    let unit_cost_cents = list_price_cents * random.between(38, 72) / 100;
    Product { name: csv(&name, ','), category, list_price_cents, unit_cost_cents }
}

/// The one at this index, where the list begins again behind its end.
fn nth<T: Copy + Default>(list: &[T], index: u64) -> T {
    let index = usize::try_from(index % list.len() as u64).unwrap_or_default();
    list.get(index).copied().unwrap_or_default()
}

/// What a bad row is like: each breaks one rule of the contract.
#[derive(Debug, Clone, Copy)]
enum BadProduct {
    CostAbovePrice,
    PriceNoNumber,
    SkuAgain,
    NameAgain,
    NoCategory,
    PriceNegative,
    SkuWrong,
    CommaUnquoted,
}

impl Bad for BadProduct {
    const KINDS: &'static [Self] = &[
        Self::CostAbovePrice,
        Self::PriceNoNumber,
        Self::SkuAgain,
        Self::NameAgain,
        Self::NoCategory,
        Self::PriceNegative,
        Self::SkuWrong,
        Self::CommaUnquoted,
    ];

    fn breaks(self) -> (&'static str, &'static str) {
        match self {
            Self::CostAbovePrice => ("", "cost_within_price"),
            Self::PriceNoNumber => ("list_price", "type"),
            Self::SkuAgain => ("sku", "unique"),
            Self::NameAgain => ("name", "unique"),
            Self::NoCategory => ("category", "required"),
            Self::PriceNegative => ("list_price", "minimum"),
            Self::SkuWrong => ("sku", "pattern"),
            Self::CommaUnquoted => ("", "fields"),
        }
    }

    fn repeats(self) -> bool {
        match self {
            Self::SkuAgain | Self::NameAgain => true,
            Self::CostAbovePrice
            | Self::PriceNoNumber
            | Self::NoCategory
            | Self::PriceNegative
            | Self::SkuWrong
            | Self::CommaUnquoted => false,
        }
    }
}

/// What to make.
#[derive(Debug)]
pub(super) struct Products {
    pub(super) seed: u64,
    pub(super) rows: u64,
    pub(super) bad: BadShare,
}

const HEADER: &str = "sku,name,category,list_price,unit_cost\n";

impl Products {
    pub(super) const FILE: &'static str = "products.csv";

    pub(super) fn write(&self, files: &mut Files) -> Result<()> {
        files.begin(Self::FILE, HEADER)?;
        let mut bad = self.bad.rows::<BadProduct>();
        let mut good: Option<(String, String)> = None;
        for number in 1..=self.rows {
            let product = product(self.seed, number);
            let kind = bad.next(good.is_some());
            let mut row = Row {
                sku: format!("P-{number:03}"),
                name: product.name.clone(),
                category: product.category.to_owned(),
                list_price: cents(product.list_price_cents),
                unit_cost: cents(product.unit_cost_cents),
            };
            match kind {
                Some(kind) => row.spoil(kind, &product, good.as_ref()),
                None => good = Some((row.sku.clone(), row.name.clone())),
            }
            let Row { sku, name, category, list_price, unit_cost } = row;
            let text = format!("{sku},{name},{category},{list_price},{unit_cost}\n");
            files.row(&text, kind.map(Bad::breaks))?;
        }
        Ok(())
    }
}

struct Row {
    sku: String,
    name: String,
    category: String,
    list_price: String,
    unit_cost: String,
}

impl Row {
    /// Breaks one rule. `good` is the number and the name of a good row above.
    fn spoil(&mut self, kind: BadProduct, product: &Product, good: Option<&(String, String)>) {
        match kind {
            BadProduct::CostAbovePrice => self.unit_cost = cents(product.list_price_cents + 1),
            BadProduct::PriceNoNumber => "on request".clone_into(&mut self.list_price),
            BadProduct::SkuAgain => self.sku = good.map(|(sku, _)| sku.clone()).unwrap_or_default(),
            BadProduct::NameAgain => self.name = good.map(|(_, name)| name.clone()).unwrap_or_default(),
            BadProduct::NoCategory => self.category.clear(),
            BadProduct::PriceNegative => self.list_price.insert(0, '-'),
            BadProduct::SkuWrong => self.sku = self.sku.replace('-', ""),
            BadProduct::CommaUnquoted => self.category.push_str(", on sale"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_products_have_one_name() {
        let names: BTreeSet<String> = (1..=3_000).map(|number| product(1, number).name).collect();
        assert_eq!(names.len(), 3_000);
    }

    #[test]
    fn names_do_not_hang_on_the_seed_but_prices_do() {
        assert_eq!(product(1, 9).name, product(2, 9).name);
        let prices = |seed| (1..50).map(|number| product(seed, number).list_price_cents).collect::<Vec<_>>();
        assert_ne!(prices(1), prices(2));
    }
}
