//! Who buys: where customers live, what they are called and since when they are known, by their number and the seed alone.
//! It must not know how they are written down.

use std::sync::LazyLock;

use super::random::{Random, Stream, Weighted};

/// A country, the shop's region for it, and how many customers live there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// ISO 3166-1 alpha-2.
    pub(super) code: &'static str,
    pub(super) country: &'static str,
    pub(super) region: &'static str,
    weight: u64,
    names: &'static Names,
}

#[derive(Debug)]
struct Names {
    given: [&'static str; 6],
    family: [&'static str; 6],
}

static CENTRAL: Names = Names {
    given: ["Anna", "Jürgen", "Zoë", "Łukasz", "Käthe", "Tomáš"],
    family: ["Müller", "Schröder", "Nowak", "Großmann", "von der Höhe", "Dvořák"],
};
static NORTHERN: Names = Names {
    given: ["Åsa", "Søren", "Björn", "Maja", "Eero", "Siobhán"],
    family: ["Ångström", "Ødegård", "Lindqvist", "O'Brien", "Mäkelä", "Nilsson"],
};
static LATIN: Names = Names {
    given: ["José", "María", "Inês", "Noël", "Chloé", "Marie \"Mimi\""],
    family: ["Muñoz", "Lefèvre", "Gonçalves", "D'Angelo", "Peña", "Assunção"],
};
static ENGLISH: Names = Names {
    given: ["Tom", "Olivia", "James \"Jim\"", "Grace", "Liam", "Renée"],
    family: ["Smith", "Brown, Jr.", "O'Neill", "Taylor", "Singh", "Smith-Jones"],
};
static EASTERN: Names = Names {
    given: ["陽子", "健", "小龍", "Nguyễn Thị", "민준", "Aarav"],
    family: ["佐藤", "高橋", "李", "Trần", "김", "शर्मा"],
};
static SOUTHERN: Names = Names {
    given: ["Ayşe", "Mehmet", "Fatou", "Γιώργος", "Amal", "Kofi"],
    family: ["Yılmaz", "Şahin", "N'Diaye", "Παπαδόπουλος", "Haddad", "Mensah"],
};

const fn place(
    code: &'static str,
    country: &'static str,
    region: &'static str,
    weight: u64,
    names: &'static Names,
) -> Place {
    Place { code, country, region, weight, names }
}

static PLACES: [Place; 22] = [
    place("DE", "Germany", "EMEA", 160, &CENTRAL),
    place("FR", "France", "EMEA", 110, &LATIN),
    place("GB", "United Kingdom", "EMEA", 100, &ENGLISH),
    place("PL", "Poland", "EMEA", 45, &CENTRAL),
    place("CZ", "Czechia", "EMEA", 20, &CENTRAL),
    place("SE", "Sweden", "EMEA", 30, &NORTHERN),
    place("IE", "Ireland", "EMEA", 18, &NORTHERN),
    place("ES", "Spain", "EMEA", 60, &LATIN),
    place("TR", "Türkiye", "EMEA", 28, &SOUTHERN),
    place("GR", "Greece", "EMEA", 14, &SOUTHERN),
    place("CI", "Côte d'Ivoire", "EMEA", 9, &SOUTHERN),
    place("US", "United States", "NA", 190, &ENGLISH),
    place("CA", "Canada", "NA", 45, &ENGLISH),
    place("JP", "Japan", "APAC", 70, &EASTERN),
    place("IN", "India", "APAC", 40, &EASTERN),
    place("KR", "Korea, Republic of", "APAC", 24, &EASTERN),
    place("VN", "Viet Nam", "APAC", 12, &EASTERN),
    place("NZ", "New Zealand", "APAC", 10, &ENGLISH),
    place("BR", "Brazil", "LATAM", 48, &LATIN),
    place("MX", "México", "LATAM", 34, &LATIN),
    place("CO", "Colombia", "LATAM", 16, &LATIN),
    place("CW", "Curaçao", "LATAM", 3, &LATIN),
];

/// From the youngest. People of a shop, not of a country.
pub(super) const AGE_GROUPS: [&str; 6] = ["18-24", "25-34", "35-44", "45-54", "55-64", "65+"];
const AGE_WEIGHTS: [u64; 6] = [12, 27, 24, 18, 12, 7];
/// From the lowest.
pub(super) const TIERS: [&str; 4] = ["basic", "silver", "gold", "platinum"];
const TIER_WEIGHTS: [u64; 4] = [62, 24, 11, 3];
/// Customers came within so many days before the period: six years.
const KNOWN_DAYS: u64 = 2_190;

static PLACES_WEIGHTED: LazyLock<Weighted> = LazyLock::new(|| Weighted::new(PLACES.iter().map(|place| place.weight)));
static AGES_WEIGHTED: LazyLock<Weighted> = LazyLock::new(|| Weighted::new(AGE_WEIGHTS));
static TIERS_WEIGHTED: LazyLock<Weighted> = LazyLock::new(|| Weighted::new(TIER_WEIGHTS));

/// A customer as they first were. Indices into [`AGE_GROUPS`] and [`TIERS`].
#[derive(Debug)]
pub(super) struct Person {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) place: Place,
    pub(super) age: usize,
    pub(super) tier: usize,
    /// For how many days they were known when the period began.
    pub(super) known_days: u64,
}

/// The customer of this number, from 1.
pub(super) fn person(seed: u64, number: u64) -> Person {
    let mut random = Random::of(seed, Stream::Customer, number);
    let place = any_place(&mut random);
    Person {
        given: random.pick(&place.names.given),
        family: random.pick(&place.names.family),
        place,
        age: AGES_WEIGHTED.draw(&mut random),
        tier: TIERS_WEIGHTED.draw(&mut random),
        known_days: random.between(1, KNOWN_DAYS),
    }
}

/// Where the customer of this number lives at first.
pub(super) fn home(seed: u64, number: u64) -> Place {
    any_place(&mut Random::of(seed, Stream::Customer, number))
}

/// A country, by how many customers live there.
pub(super) fn any_place(random: &mut Random) -> Place {
    let [first, ..] = PLACES;
    PLACES.get(PLACES_WEIGHTED.draw(random)).copied().unwrap_or(first)
}

/// `C-00042`.
pub(super) fn customer_id(number: u64) -> String {
    format!("C-{number:05}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_comes_from_where_its_customer_lives() {
        for number in 1..200 {
            assert_eq!(person(7, number).place.code, home(7, number).code);
        }
    }
}
