//! Figures to one HTML page that needs no network and no other file: headings, tables, and charts of what the tables hold.
//! Pure: it sees no clock, no environment, no files, no AWS, and does not know what the figures are about.
//!
//! A [`Page`] is its title, some [`Fact`]s and [`Section`]s; a section is a heading, a note, a [`Table`] of typed columns and, if wanted, a
//! [`Chart`] of some of them. What a chart shows stands in its table and nowhere else in the page: the script reads it from there, and where no
//! script runs the tables are the page. [`Page::to_html`] writes the page, [`Page::to_json`] the same figures for programs.
//!
//! Names and values are data: whatever they hold, they become neither markup nor script. Should one ever, the page's own policy lets no script
//! run but the page's, and nothing be fetched.

mod cell_text;
mod chart;
mod html;
mod json;
mod markup;
mod page;
mod script;

pub use chart::{Chart, Series, Shape, Values};
pub use page::{Cell, Column, Fact, Kind, Page, PageError, Section, Table, Tone};

#[cfg(test)]
mod tests;
