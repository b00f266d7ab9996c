//! What a page is made of.
//! It must not know how any of it looks.

use crate::chart::Chart;

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Its name.
    pub title: String,
    /// What it is about: of which place and time.
    pub about: String,
    /// The figures that one looks for first.
    pub facts: Vec<Fact>,
    /// What needs attention comes first.
    pub sections: Vec<Section>,
    /// What a reader must know about all of it, at the end.
    pub notes: Vec<String>,
}

/// One figure of weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its name for programs: `[a-z0-9_]+`, once in the page.
    pub id: String,
    /// What it is.
    pub label: String,
    /// Of what kind it is.
    pub kind: Kind,
    /// The figure.
    pub value: Cell,
    /// A few words beside it.
    pub note: String,
    /// Whether it is good news.
    pub tone: Tone,
}

/// A heading and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its name for programs and links: `[a-z0-9_]+`, once in the page.
    pub id: String,
    /// The heading.
    pub heading: String,
    /// A sentence or two: what is counted, and how.
    pub note: String,
    /// What the table's figures look like.
    pub chart: Option<Chart>,
    /// The figures.
    pub table: Table,
    /// What is said when the table has no rows.
    pub empty: String,
}

/// Rows of typed columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it lists.
    pub caption: String,
    /// The first column names the row.
    pub columns: Vec<Column>,
    /// As many cells each as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name for programs, once in the table.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// What its cells are.
    pub kind: Kind,
}

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// An object's key, a path, or another long name that may be broken anywhere.
    Key,
    /// A whole number.
    Count,
    /// A number with so many decimals.
    Number(u8),
    /// Bytes; shown as kB, MB, GB.
    Bytes,
    /// Seconds; shown in the units that fit.
    Seconds,
    /// A part of the whole, from 0 to 1; shown in percent.
    Share,
    /// A number in percent, with one decimal.
    Percent,
    /// US dollars.
    Dollars,
    /// Euros, with so many decimals.
    Euros(u8),
    /// Unix time in seconds; shown to the minute, UTC.
    Time,
    /// A month, by the Unix time at which it begins.
    Month,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// There is none.
    Absent,
    /// Words.
    Text(String),
    /// Words that are good or bad news.
    Tagged(String, Tone),
    /// A whole number.
    Count(u64),
    /// A number; one that is none (NaN, infinite) is shown as absent.
    Number(f64),
    /// Unix time in seconds.
    Time(i64),
}

/// What a thing means to the reader; gives it its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Neither.
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Somebody has to act.
    Bad,
    /// Of no weight.
    Faint,
    /// One of several that are told apart by colour only; counts from 0, and begins again after eight.
    Nth(u8),
}

/// Why a page cannot be written: a mistake of who made it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// A row has more or fewer cells than there are columns.
    #[error("section {section}: row {row} has {cells} cells for {columns} columns")]
    RowLength {
        /// The section's id.
        section: String,
        /// The row, from 0.
        row: usize,
        /// Its cells.
        cells: usize,
        /// The table's columns.
        columns: usize,
    },
    /// A chart names a column that the table does not have.
    #[error("section {section}: the chart shows column {column} of {columns}")]
    ChartColumn {
        /// The section's id.
        section: String,
        /// The column, from 0.
        column: usize,
        /// The table's columns.
        columns: usize,
    },
    /// Two sections, facts or columns of a table have the same id, or one has an id that is none.
    #[error("{place}: {id:?} is no id, or there twice")]
    Id {
        /// Where.
        place: String,
        /// The id.
        id: String,
    },
}

impl Column {
    /// A column.
    #[must_use]
    pub fn new(id: &str, label: &str, kind: Kind) -> Self {
        Self { id: id.to_owned(), label: label.to_owned(), kind }
    }
}

impl Kind {
    /// True of values that stand to the right, one below the other.
    pub(crate) fn is_number(self) -> bool {
        match self {
            Self::Text | Self::Key | Self::Time | Self::Month => false,
            Self::Count
            | Self::Number(_)
            | Self::Bytes
            | Self::Seconds
            | Self::Share
            | Self::Percent
            | Self::Dollars
            | Self::Euros(_) => true,
        }
    }
}

impl Tone {
    /// Its name in the style sheet.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Plain => "plain".to_owned(),
            Self::Good => "good".to_owned(),
            Self::Warn => "warn".to_owned(),
            Self::Bad => "bad".to_owned(),
            Self::Faint => "faint".to_owned(),
            Self::Nth(number) => format!("nth{}", number % 8),
        }
    }
}

impl Page {
    /// The page as one HTML document, some 800 kB and what the figures take.
    ///
    /// # Errors
    ///
    /// What the page says of itself does not fit together.
    pub fn to_html(&self) -> Result<String, PageError> {
        crate::html::write(self)
    }

    /// The same figures for programs: facts by their ids, the rows of each section by its id and those of its columns. Times are RFC 3339, UTC,
    /// what is absent is null.
    ///
    /// # Errors
    ///
    /// What the page says of itself does not fit together.
    pub fn to_json(&self) -> Result<serde_json::Value, PageError> {
        self.check()?;
        Ok(crate::json::write(self))
    }

    /// Finds what would make a wrong page.
    pub(crate) fn check(&self) -> Result<(), PageError> {
        check_ids("the page's facts", self.facts.iter().map(|fact| fact.id.as_str()))?;
        check_ids("the page's sections", self.sections.iter().map(|section| section.id.as_str()))?;
        self.sections.iter().try_for_each(Section::check)
    }
}

impl Section {
    fn check(&self) -> Result<(), PageError> {
        let columns = self.table.columns.len();
        let place = format!("section {}", self.id);
        check_names(&place, self.table.columns.iter().map(|column| column.id.as_str()))?;
        for (row, cells) in self.table.rows.iter().enumerate() {
            if cells.len() != columns {
                return Err(PageError::RowLength { section: self.id.clone(), row, cells: cells.len(), columns });
            }
        }
        let shown = self.chart.iter().flat_map(Chart::columns);
        match shown.into_iter().find(|column| *column >= columns) {
            Some(column) => Err(PageError::ChartColumn { section: self.id.clone(), column, columns }),
            None => Ok(()),
        }
    }
}

/// Ids stand in links, where not every character may.
fn check_ids<'a>(place: &str, ids: impl Iterator<Item = &'a str> + Clone) -> Result<(), PageError> {
    let is_id =
        |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if let Some(id) = ids.clone().find(|id| !is_id(id)) {
        return Err(PageError::Id { place: place.to_owned(), id: id.to_owned() });
    }
    check_names(place, ids)
}

/// Columns of a query have any names, but each its own.
fn check_names<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Result<(), PageError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(PageError::Id { place: place.to_owned(), id: name.to_owned() });
        }
    }
    Ok(())
}
