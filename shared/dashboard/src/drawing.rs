//! What is particular about each query's section: its columns, what they are called, and which of them is drawn.
//! It must not know any answer.

use lakegate_report::Kind;

use crate::outcome::Read;
use crate::query::Query;

/// A column that is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// The answer's name of it.
    pub(crate) name: &'static str,
    /// What people call it.
    pub(crate) label: &'static str,
    /// How it is read.
    pub(crate) read: Read,
    /// How it is written.
    pub(crate) kind: Kind,
}

/// A section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawing {
    /// What its rows are, one and many.
    pub(crate) noun: [&'static str; 2],
    /// In which order they are, in words.
    pub(crate) order: &'static str,
    /// The first one names the row; what matters most comes next, where a narrow screen shows it.
    pub(crate) columns: &'static [Shown],
    /// The column that is drawn.
    pub(crate) drawn: usize,
    /// What the picture shows, for who cannot see it.
    pub(crate) description: &'static str,
}

const fn shown(name: &'static str, label: &'static str, read: Read, kind: Kind) -> Shown {
    Shown { name, label, read, kind }
}

const fn words(name: &'static str, label: &'static str) -> Shown {
    shown(name, label, Read::Words, Kind::Text)
}

const fn count(name: &'static str, label: &'static str) -> Shown {
    shown(name, label, Read::Count, Kind::Count)
}

/// Where a group begins, which is shown as its name.
const fn group(name: &'static str, label: &'static str) -> Shown {
    shown(name, label, Read::Count, Kind::Text)
}

const MONTH: Shown = shown("month", "Month", Read::Month { year: "year" }, Kind::Month);
const ORDERS: Shown = count("orders", "Orders");
const CUSTOMERS: Shown = count("customers", "Customers");
const BUYERS: Shown = count("buyers", "Who ordered");
const REVENUE: Shown = shown("revenue", "Revenue", Read::Number, Kind::Euros(2));
const GROWTH: Shown = shown("growth", "Growth", Read::Number, Kind::Percent);
const SHARE: Shown = shown("share", "Share", Read::Number, Kind::Percent);
const BEST_FIRST: &str = "the largest revenue first";

/// `None` of a query that nobody has thought of a picture for.
pub(crate) fn drawing(query: &Query) -> Option<Drawing> {
    match query.name {
        "monthly_trend" => Some(MONTHLY_TREND),
        "revenue_by_region" => Some(REVENUE_BY_REGION),
        "top_countries" => Some(TOP_COUNTRIES),
        "top_products" => Some(TOP_PRODUCTS),
        "membership_tiers" => Some(MEMBERSHIP_TIERS),
        "age_groups" => Some(AGE_GROUPS),
        "order_values" => Some(ORDER_VALUES),
        "repeat_customers" => Some(REPEAT_CUSTOMERS),
        _ => None,
    }
}

const MONTHLY_TREND: Drawing = Drawing {
    noun: ["month", "months"],
    order: "the oldest first",
    columns: &[MONTH, REVENUE, GROWTH, ORDERS, CUSTOMERS],
    drawn: 1,
    description: "Revenue by month.",
};

const REVENUE_BY_REGION: Drawing = Drawing {
    noun: ["region", "regions"],
    order: BEST_FIRST,
    columns: &[words("region", "Region"), REVENUE, SHARE, ORDERS],
    drawn: 1,
    description: "Revenue by region, the largest first.",
};

const TOP_COUNTRIES: Drawing = Drawing {
    noun: ["country", "countries"],
    order: BEST_FIRST,
    columns: &[words("country", "Country"), REVENUE, ORDERS, CUSTOMERS, words("region", "Region")],
    drawn: 1,
    description: "Revenue by country, the largest first.",
};

const TOP_PRODUCTS: Drawing = Drawing {
    noun: ["product", "products"],
    order: BEST_FIRST,
    columns: &[words("product", "Product"), REVENUE, count("pieces", "Pieces"), ORDERS],
    drawn: 1,
    description: "Revenue by product, the largest first.",
};

const MEMBERSHIP_TIERS: Drawing = Drawing {
    noun: ["tier", "tiers"],
    order: "from the first to the last",
    columns: &[words("membership_tier", "Tier"), REVENUE, ORDERS, CUSTOMERS, BUYERS],
    drawn: 1,
    description: "Revenue by membership tier.",
};

const AGE_GROUPS: Drawing = Drawing {
    noun: ["age group", "age groups"],
    order: "the youngest first",
    columns: &[words("age_group", "Age"), REVENUE, ORDERS, CUSTOMERS, BUYERS],
    drawn: 1,
    description: "Revenue by age group.",
};

const ORDER_VALUES: Drawing = Drawing {
    noun: ["group", "groups"],
    order: "the smallest orders first",
    columns: &[group("value_from", "Order value"), ORDERS, REVENUE],
    drawn: 1,
    description: "Number of orders by their value.",
};

const REPEAT_CUSTOMERS: Drawing = Drawing {
    noun: ["group", "groups"],
    order: "the fewest orders first",
    columns: &[group("orders_from", "Orders by a customer"), CUSTOMERS, ORDERS, REVENUE],
    drawn: 1,
    description: "Number of customers by how often they ordered.",
};
