//! The queries, and the tables that they read.
//! It must not know what their answers look like.

/// A saved query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// The name of its file, and of its section.
    pub name: &'static str,
    /// As it is saved. Two lines of comment, the title and what it asks for, come first.
    pub sql: &'static str,
    /// The tables that it reads.
    pub tables: &'static [&'static str],
}

/// A table that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name in the catalog, and of its folder.
    pub name: &'static str,
    /// Its partition columns with their types, as its sample contract has them: who reads files without a catalog would have to guess.
    pub partitions: &'static [(&'static str, &'static str)],
}

macro_rules! query {
    ($name:literal, $tables:expr) => {
        Query { name: $name, sql: include_str!(concat!("../../../infra/athena/", $name, ".sql")), tables: $tables }
    };
}

/// What the dashboard shows, in its order.
pub const QUERIES: [Query; 8] = [
    query!("monthly_trend", &["orders"]),
    query!("revenue_by_region", &["orders"]),
    query!("top_countries", &["orders"]),
    query!("top_products", &["orders"]),
    query!("membership_tiers", &["customers", "orders"]),
    query!("age_groups", &["customers", "orders"]),
    query!("order_values", &["orders"]),
    query!("repeat_customers", &["orders"]),
];

/// The tables that any of them reads.
pub const TABLES: [Table; 2] = [
    Table { name: "orders", partitions: &[("year", "INTEGER"), ("month", "INTEGER")] },
    Table { name: "customers", partitions: &[] },
];

impl Query {
    /// What it is about, in a few words: the first line of its text.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.comment(0)
    }

    /// What it asks for, in a sentence: the second line of its text.
    #[must_use]
    pub fn note(&self) -> &'static str {
        self.comment(1)
    }

    fn comment(&self, line: usize) -> &'static str {
        self.sql.lines().nth(line).map_or("", |line| line.trim_start_matches("-- "))
    }
}
