//! The order that groups have of themselves, which no alphabet knows, and their names.
//! It must not know what is counted of them.

use lakegate_report::Cell;

/// Where the groups of order values begin, in euros (`infra/athena/order_values.sql`).
pub(crate) const ORDER_VALUES: [u64; 9] = [0, 10, 25, 50, 100, 250, 500, 1_000, 5_000];
/// Where the groups of customers by their orders begin (`infra/athena/repeat_customers.sql`).
pub(crate) const ORDERS: [u64; 5] = [1, 2, 5, 10, 20];
/// From the first to the last that a customer gets to (`contracts/customers.odcs.yaml`).
pub(crate) const TIERS: [&str; 4] = ["basic", "silver", "gold", "platinum"];

/// `under €10`, `€10 to €25`, `€5,000 and more`: an order of 25 euros is of the group that begins there.
pub(crate) fn value_group(number: usize) -> String {
    let at = |number: usize| ORDER_VALUES.get(number).copied();
    match (at(number), at(number + 1)) {
        (Some(0), Some(to)) => format!("under €{}", grouped(to)),
        (Some(from), Some(to)) => format!("€{} to €{}", grouped(from), grouped(to)),
        (Some(from), None) => format!("€{} and more", grouped(from)),
        (None, _) => String::new(),
    }
}

/// `1 order`, `2 to 4 orders`, `20 orders and more`.
pub(crate) fn order_group(number: usize) -> String {
    let at = |number: usize| ORDERS.get(number).copied();
    match (at(number), at(number + 1).map(|next| next - 1)) {
        (Some(1), Some(1)) => "1 order".to_owned(),
        (Some(from), Some(to)) if from == to => format!("{from} orders"),
        (Some(from), Some(to)) => format!("{from} to {to} orders"),
        (Some(from), None) => format!("{from} orders and more"),
        (None, _) => String::new(),
    }
}

/// Thousands; the steps have no more.
fn grouped(number: u64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

/// Sorts tiers: those that are known by their order, then others by their names, then who has none.
pub(crate) fn tier_key(cell: &Cell) -> (usize, String) {
    let Cell::Text(text) = cell else { return (usize::MAX, String::new()) };
    let known = TIERS.iter().position(|tier| tier.eq_ignore_ascii_case(text));
    (known.unwrap_or(TIERS.len()), text.clone())
}

/// Sorts age groups by the age at which they begin (`<18` before `18-24`), those without a number last.
pub(crate) fn age_key(cell: &Cell) -> (usize, String) {
    let Cell::Text(text) = cell else { return (usize::MAX, String::new()) };
    let digits: String =
        text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).take(9).collect();
    let is_below = text.trim_start().starts_with('<');
    let age = digits.parse::<usize>().map_or(usize::MAX - 1, |age| 2 * age - usize::from(is_below && age > 0));
    (age, text.clone())
}
