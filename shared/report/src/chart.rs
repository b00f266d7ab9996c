//! Charts: which columns of a table are shown how, and the Vega-Lite specification of that.
//! It must not know the table's values: the page's script takes them from the table.

use serde_json::{Map, Value, json};

use crate::cell_text::number_of;
use crate::markup;
use crate::page::{Cell, Column, Kind, Table, Tone};

/// So many months have a tick each.
const MONTHS_TOLD_MAX: usize = 18;
/// Height of a chart over time, in pixels.
const HEIGHT_PX: u32 = 220;

/// A picture of some of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What it shows, for who cannot see it.
    pub description: String,
    /// What kind of picture.
    pub shape: Shape,
    /// What is shown of each row.
    pub values: Values,
}

/// What kind of picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Stacked bars over time; each row's bar begins at its time and is `step_secs` wide.
    Bars {
        /// The column of times.
        time: usize,
        /// How long a bar's time is.
        step_secs: u32,
        /// The first and the last second of the axis, Unix time.
        range: (i64, i64),
    },
    /// Lines over time.
    Lines {
        /// The column of times.
        time: usize,
        /// The first and the last second of the axis, Unix time.
        range: (i64, i64),
    },
    /// A horizontal bar for each row, in the table's order.
    Ranking {
        /// The columns that name a row.
        names: Vec<usize>,
    },
}

/// What is shown of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// These columns, each in its colour, named by their labels.
    Columns(Vec<Series>),
    /// One column, coloured by what other columns of the row say; the colours are given in this order, each a name as those columns have it.
    Split {
        /// The column of numbers.
        value: usize,
        /// The columns whose words make the series' name.
        by: Vec<usize>,
        /// The series, as many as there are.
        names: Vec<(Vec<String>, Tone)>,
    },
}

/// A column as a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// The column.
    pub column: usize,
    /// Its colour.
    pub tone: Tone,
}

impl Series {
    /// A column in that colour.
    #[must_use]
    pub fn new(column: usize, tone: Tone) -> Self {
        Self { column, tone }
    }
}

impl Chart {
    /// Every column that it shows.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let mut columns = match &self.shape {
            Shape::Bars { time, .. } | Shape::Lines { time, .. } => vec![*time],
            Shape::Ranking { names } => names.clone(),
        };
        match &self.values {
            Values::Columns(series) => columns.extend(series.iter().map(|series| series.column)),
            Values::Split { value, by, .. } => columns.extend([*value].iter().chain(by)),
        }
        columns
    }

    /// True of bars or lines over months.
    fn is_by_month(&self, table: &Table) -> bool {
        let (Shape::Bars { time, .. } | Shape::Lines { time, .. }) = &self.shape else { return false };
        table.columns.get(*time).is_some_and(|column| column.kind == Kind::Month)
    }

    /// Its series by their names, each in its colour.
    pub(crate) fn series(&self, table: &Table) -> Vec<(String, Tone)> {
        match &self.values {
            Values::Columns(series) => series.iter().map(|series| (label(table, series.column), series.tone)).collect(),
            Values::Split { names, .. } => names.iter().map(|(name, tone)| (joined(name), *tone)).collect(),
        }
    }

    /// True if anything of it can be seen.
    pub(crate) fn has_marks(&self, table: &Table) -> bool {
        let columns: Vec<usize> = match &self.values {
            Values::Columns(series) => series.iter().map(|series| series.column).collect(),
            Values::Split { value, .. } => vec![*value],
        };
        let is_shown = |cell: Option<&Cell>| cell.and_then(number_of).is_some_and(|number| number != 0.0);
        table.rows.iter().any(|row| columns.iter().any(|column| is_shown(row.get(*column))))
    }

    /// What the page's script needs: where in the table's rows the values stand, and a specification without data.
    ///
    /// A value is a record of `x` and `x2` or `y` and `y2` (the bar's ends), `s` (the number of its series), `n` (the series' name), `v` (the value)
    /// and `at` (the row's time or name).
    pub(crate) fn instructions(&self, table: &Table) -> Value {
        let series = self.series(table);
        let measure = match &self.values {
            Values::Columns(series) => series.first().and_then(|series| table.columns.get(series.column)),
            Values::Split { value, .. } => table.columns.get(*value),
        };
        let mut instructions = Map::new();
        instructions.insert("series".to_owned(), series.iter().map(|(name, _)| Value::from(name.as_str())).collect());
        match &self.values {
            Values::Columns(series) => {
                instructions.insert("columns".to_owned(), series.iter().map(|series| series.column).collect());
            }
            Values::Split { value, by, .. } => {
                instructions.insert("column".to_owned(), json!(value));
                instructions.insert("by".to_owned(), json!(by));
            }
        }
        if measure.is_some_and(|column| column.kind == Kind::Seconds) {
            instructions.insert("seconds".to_owned(), json!(true));
        }
        if let Shape::Bars { range, .. } | Shape::Lines { range, .. } = &self.shape {
            let range = [range.0.saturating_mul(1_000), range.1.saturating_mul(1_000)];
            instructions.insert("range".to_owned(), json!(range));
        }
        match &self.shape {
            Shape::Bars { time, step_secs, .. } => {
                instructions.insert("time".to_owned(), json!(time));
                instructions.insert("step".to_owned(), json!(u64::from(*step_secs) * 1_000));
            }
            Shape::Lines { time, .. } => {
                instructions.insert("time".to_owned(), json!(time));
            }
            Shape::Ranking { names } => {
                instructions.insert("names".to_owned(), json!(names));
                let has_keys = names.iter().any(|name| table.columns.get(*name).is_some_and(|c| c.kind == Kind::Key));
                instructions.insert("keys".to_owned(), json!(has_keys));
            }
        }
        instructions.insert("spec".to_owned(), self.spec(table, measure, &series));
        Value::Object(instructions)
    }

    fn spec(&self, table: &Table, measure: Option<&Column>, series: &[(String, Tone)]) -> Value {
        let kind = measure.map_or(Kind::Count, |column| column.kind);
        let title = match (&self.values, measure) {
            (Values::Columns(all), Some(column)) if all.len() == 1 => Value::from(markup::plain(&column.label)),
            (Values::Split { .. }, Some(column)) => Value::from(markup::plain(&column.label)),
            _ => Value::Null,
        };
        let colour = colour(series);
        let tooltip = |at: &str, at_format: &Value| {
            let mut at = json!({"field": "at", "title": at});
            if let (Some(at), Some(format)) = (at.as_object_mut(), at_format.as_object()) {
                at.extend(format.clone());
            }
            json!([at, {"field": "n", "title": "what"}, {"field": "shown", "title": "value"}])
        };
        let time_format = if self.is_by_month(table) { "%b %Y" } else { "%Y-%m-%d %H:%M UTC" };
        let utc = json!({"type": "temporal", "format": time_format, "scale": {"type": "utc"}});
        let axis =
            json!({"field": "y", "type": "quantitative", "stack": null, "title": title, "axis": number_axis(kind)});
        // As the table has them; the usual ones leave AM and PM out.
        let hours = json!({"hours": "%H:%M", "minutes": "%H:%M", "month": "%b", "quarter": "%b"});
        let mut time_axis = json!({
            "field": "x", "type": "temporal", "title": null, "scale": {"type": "utc"},
            "axis": {"grid": false, "labelOverlap": "greedy", "labelFlush": true, "format": hours},
        });
        // Of a few months the usual ticks would be weeks.
        if let Some(axis) = time_axis.pointer_mut("/axis").and_then(Value::as_object_mut)
            && self.is_by_month(table)
            && table.rows.len() <= MONTHS_TOLD_MAX
        {
            axis.insert("tickCount".to_owned(), json!({"interval": "month", "step": 1}));
        }
        match &self.shape {
            Shape::Bars { .. } => json!({
                "width": "container", "height": HEIGHT_PX, "autosize": {"type": "fit-x", "contains": "padding"},
                "mark": {"type": "bar", "clip": true, "stroke": "var(--card)", "strokeWidth": 1},
                "encoding": {
                    "x": time_axis, "x2": {"field": "x2"}, "y": axis, "y2": {"field": "y2"},
                    "color": colour, "tooltip": tooltip("from", &utc),
                },
            }),
            Shape::Lines { .. } => json!({
                "width": "container", "height": HEIGHT_PX, "autosize": {"type": "fit-x", "contains": "padding"},
                "mark": {"type": "line", "point": {"size": 36, "filled": true}, "strokeWidth": 2},
                "encoding": {"x": time_axis, "y": axis, "color": colour, "tooltip": tooltip("at", &utc)},
            }),
            Shape::Ranking { .. } => json!({
                "width": "container", "autosize": {"type": "fit-x", "contains": "padding"},
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.62}},
                "encoding": {
                    "y": {
                        "field": "row", "type": "ordinal", "sort": "ascending", "title": null,
                        "axis": {"labelExpr": "names[datum.value]", "ticks": false, "domain": false, "labelPadding": 8, "labelLimit": 420},
                    },
                    "x": {"field": "x", "type": "quantitative", "stack": null, "title": title, "axis": number_axis(kind)},
                    "x2": {"field": "x2"},
                    "color": colour, "tooltip": tooltip(&named(table, &self.shape), &json!({"type": "nominal"})),
                },
            }),
        }
    }
}

/// The words that name the rows of a ranking.
fn named(table: &Table, shape: &Shape) -> String {
    match shape {
        Shape::Ranking { names } => joined(&names.iter().map(|name| label(table, *name)).collect::<Vec<_>>()),
        Shape::Bars { .. } | Shape::Lines { .. } => String::new(),
    }
}

fn label(table: &Table, column: usize) -> String {
    markup::plain(table.columns.get(column).map_or("", |column| &column.label))
}

/// As the page's script joins them.
fn joined(words: &[String]) -> String {
    words.iter().filter(|word| !word.is_empty()).map(|word| markup::plain(word)).collect::<Vec<_>>().join(" · ")
}

/// Series are told apart by their numbers: their names are data, and may be anything.
fn colour(series: &[(String, Tone)]) -> Value {
    let numbers: Vec<usize> = (0..series.len()).collect();
    let colours: Vec<String> = series.iter().map(|(_, tone)| format!("var(--{})", tone.name())).collect();
    json!({"field": "s", "type": "nominal", "scale": {"domain": numbers, "range": colours}, "legend": null})
}

/// Few figures, with their unit.
fn number_axis(kind: Kind) -> Value {
    let mut axis = Map::new();
    axis.extend([
        ("tickCount".to_owned(), json!(5)),
        ("domain".to_owned(), json!(false)),
        ("ticks".to_owned(), json!(false)),
    ]);
    let (key, text) = match kind {
        Kind::Count | Kind::Number(_) | Kind::Text | Kind::Key | Kind::Time | Kind::Month => ("labelExpr", COUNT_LABEL),
        Kind::Share => ("format", "~%"),
        Kind::Percent => ("labelExpr", PERCENT_LABEL),
        Kind::Dollars => ("format", "$~g"),
        Kind::Euros(_) => ("labelExpr", EUROS_LABEL),
        Kind::Bytes => ("labelExpr", BYTES_LABEL),
        Kind::Seconds => ("labelExpr", SECONDS_LABEL),
    };
    axis.insert(key.to_owned(), json!(text));
    if matches!(kind, Kind::Count | Kind::Bytes) {
        axis.insert("tickMinStep".to_owned(), json!(1));
    }
    Value::Object(axis)
}

const COUNT_LABEL: &str = "datum.value == 0 ? '0' : format(datum.value, '~s')";
const PERCENT_LABEL: &str = "format(datum.value, '~r') + ' %'";
const EUROS_LABEL: &str =
    "(datum.value < 0 ? '−€' : '€') + (datum.value == 0 ? '0' : replace(format(abs(datum.value), '~s'), 'G', 'bn'))";
const BYTES_LABEL: &str = "datum.value >= 1e12 ? format(datum.value / 1e12, '~r') + ' TB' : datum.value >= 1e9 ? format(datum.value / 1e9, '~r') + ' GB' : \
     datum.value >= 1e6 ? format(datum.value / 1e6, '~r') + ' MB' : datum.value >= 1e3 ? format(datum.value / 1e3, '~r') + ' kB' : \
     datum.value == 0 ? '0' : format(datum.value, '~r') + ' B'";
const SECONDS_LABEL: &str = "datum.value >= 86400 ? format(datum.value / 86400, '.3~r') + ' d' : datum.value >= 3600 ? format(datum.value / 3600, '.3~r') + ' h' : \
     datum.value >= 60 ? format(datum.value / 60, '.3~r') + ' min' : datum.value == 0 ? '0' : \
     datum.value < 1 ? format(datum.value * 1e3, '.3~r') + ' ms' : format(datum.value, '.3~r') + ' s'";
