//! The business dashboard: which of the saved queries it shows, and what they answered as a page.
//! Pure: it sees no AWS, no SQL engine, no clock, no files. Who asks, and where, is not its business.
//!
//! [`QUERIES`] are the texts of `infra/athena`, as they are saved in Athena: there is one truth about what revenue is. Whoever can run them
//! gives the [`Outcomes`] back, texts in columns as Athena answers, and gets a [`page`] or the same [`figures`] for programs. A query
//! without a table, without rows, or that failed is a section that says so; the others stand.

mod drawing;
mod outcome;
mod page;
mod query;
mod sections;
mod steps;

pub use outcome::{Answer, Outcome, Outcomes};
pub use page::{About, figures, page};
pub use query::{QUERIES, Query, TABLES, Table};

#[cfg(test)]
mod tests;
