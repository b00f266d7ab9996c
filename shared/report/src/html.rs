//! A page as HTML.
//! It must not know what its figures mean.

use std::fmt::Write;

use crate::cell_text::{self, Writer};
use crate::chart::Chart;
use crate::markup::{json, text};
use crate::page::{Cell, Column, Fact, Kind, Page, PageError, Section, Table, Tone};
use crate::script;

const STYLE: &str = include_str!("page.css");
/// A longer table beside a chart is folded up once the chart is drawn.
const ROWS_OPEN_MAX: usize = 8;

/// The page as one document.
pub(crate) fn write(page: &Page) -> Result<String, PageError> {
    page.check()?;
    let scripts = script::all();
    let title = text(&page.title);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        // Written by us, and quoted by single quotes only.
        script::policy(&scripts)
    );
    put(&mut html, format_args!("<header>\n<h1>{title}</h1>\n<p class=\"about\">{}</p>\n", text(&page.about)));
    facts(&mut html, &page.facts);
    links(&mut html, &page.sections);
    html.push_str("</header>\n<main>\n");
    for section in &page.sections {
        write_section(&mut html, section);
    }
    html.push_str("</main>\n<footer>\n<ul>\n");
    for note in &page.notes {
        put(&mut html, format_args!("<li>{}</li>\n", text(note)));
    }
    html.push_str("</ul>\n</footer>\n");
    if page.sections.iter().any(|section| section.chart.is_some()) {
        for (of, licence) in script::LICENCES {
            put(&mut html, format_args!("<!-- {of}\n{licence}-->\n"));
        }
        for script in &scripts {
            put(&mut html, format_args!("<script>{script}</script>\n"));
        }
    }
    html.push_str("</body>\n</html>\n");
    Ok(html)
}

/// Writing to a String cannot fail.
fn put(html: &mut String, arguments: std::fmt::Arguments) {
    let _ = html.write_fmt(arguments);
}

fn facts(html: &mut String, facts: &[Fact]) {
    if facts.is_empty() {
        return;
    }
    html.push_str("<dl class=\"facts\">\n");
    for fact in facts {
        let writer = Writer::new(fact.kind, std::iter::once(&fact.value));
        put(
            html,
            format_args!(
                "<div id=\"fact_{}\"><dt>{}</dt><dd class=\"figure {}\">{}</dd>",
                fact.id,
                text(&fact.label),
                fact.tone.name(),
                value(writer, &fact.value)
            ),
        );
        if !fact.note.is_empty() {
            put(html, format_args!("<dd class=\"beside\">{}</dd>", text(&fact.note)));
        }
        html.push_str("</div>\n");
    }
    html.push_str("</dl>\n");
}

fn links(html: &mut String, sections: &[Section]) {
    html.push_str("<nav aria-label=\"Sections\">\n<ul>\n");
    for section in sections {
        put(html, format_args!("<li><a href=\"#{}\">{}</a></li>\n", section.id, text(&section.heading)));
    }
    html.push_str("</ul>\n</nav>\n");
}

fn write_section(html: &mut String, section: &Section) {
    let id = &section.id;
    put(
        html,
        format_args!(
            "<section id=\"{id}\" aria-labelledby=\"{id}_heading\">\n<h2 id=\"{id}_heading\">{}</h2>\n",
            text(&section.heading)
        ),
    );
    if !section.note.is_empty() {
        put(html, format_args!("<p class=\"note\">{}</p>\n", text(&section.note)));
    }
    let rows = section.table.rows.len();
    if rows == 0 {
        put(html, format_args!("<p class=\"empty\">{}</p>\n</section>\n", text(&section.empty)));
        return;
    }
    let chart = section.chart.as_ref().filter(|chart| chart.has_marks(&section.table));
    if let Some(chart) = chart {
        write_chart(html, chart, &section.table);
    }
    let is_folded = chart.is_some() && rows > ROWS_OPEN_MAX;
    if is_folded {
        put(html, format_args!("<details open>\n<summary>Table: {rows} rows</summary>\n"));
    }
    write_table(html, section, &section.table);
    html.push_str(if is_folded { "</details>\n</section>\n" } else { "</section>\n" });
}

/// A place for the picture, which the script shows once it is drawn, and what it needs to draw it.
fn write_chart(html: &mut String, chart: &Chart, table: &Table) {
    let label = text(&format!("Chart. {} The table below has the figures.", chart.description));
    put(html, format_args!("<figure class=\"chart\" hidden>\n"));
    let series = chart.series(table);
    if series.len() > 1 {
        html.push_str("<ul class=\"legend\">");
        for (name, tone) in &series {
            let colour = tone.name();
            put(
                html,
                format_args!(
                    "<li><span class=\"swatch\" style=\"background: var(--{colour})\"></span>{}</li>",
                    text(name)
                ),
            );
        }
        html.push_str("</ul>\n");
    }
    put(html, format_args!("<div role=\"img\" aria-label=\"{label}\"></div>\n</figure>\n"));
    put(html, format_args!("<script type=\"application/json\">{}</script>\n", json(&chart.instructions(table))));
}

fn write_table(html: &mut String, section: &Section, table: &Table) {
    let is_stacked = table.columns.iter().any(|column| column.kind == Kind::Key);
    // A table that is wider than the screen is scrolled by itself, also by keys.
    put(
        html,
        format_args!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">\n<table id=\"{}_table\"{}>\n<caption>{}</caption>\n<thead><tr>",
            text(&section.heading),
            section.id,
            // Long names leave no room for columns on a phone: there, each cell gets a line of its own.
            if is_stacked { " class=\"stacked\" role=\"table\"" } else { "" },
            text(&table.caption)
        ),
    );
    for column in &table.columns {
        put(html, format_args!("<th scope=\"col\"{}>{}</th>", class(column.kind, true), text(&column.label)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    let writers: Vec<Writer> =
        table.columns.iter().enumerate().map(|(index, column)| writer(table, index, column)).collect();
    for row in &table.rows {
        html.push_str(if is_stacked { "<tr role=\"row\">" } else { "<tr>" });
        for (index, ((cell, column), writer)) in row.iter().zip(&table.columns).zip(&writers).enumerate() {
            let (open, close) = match (index, is_stacked) {
                (0, false) => ("th scope=\"row\"", "th"),
                (0, true) => ("th scope=\"row\" role=\"rowheader\"", "th"),
                (_, false) => ("td", "td"),
                (_, true) => ("td role=\"cell\"", "td"),
            };
            let label = if is_stacked { format!(" data-label=\"{}\"", text(&column.label)) } else { String::new() };
            put(html, format_args!("<{open}{}{label}>{}</{close}>", class(column.kind, false), value(*writer, cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
}

fn writer(table: &Table, index: usize, column: &Column) -> Writer {
    Writer::of_column(column, table.rows.iter().filter_map(|row| row.get(index)))
}

fn class(kind: Kind, is_header: bool) -> &'static str {
    match kind {
        _ if kind.is_number() => " class=\"number\"",
        Kind::Key if !is_header => " class=\"key\"",
        Kind::Text if !is_header => " class=\"text\"",
        Kind::Time | Kind::Month => " class=\"time\"",
        Kind::Text
        | Kind::Key
        | Kind::Count
        | Kind::Number(_)
        | Kind::Bytes
        | Kind::Seconds
        | Kind::Share
        | Kind::Percent
        | Kind::Dollars
        | Kind::Euros(_) => "",
    }
}

/// A value as people read it, with what programs and the charts take from it.
fn value(writer: Writer, cell: &Cell) -> String {
    let shown = text(&writer.write(cell));
    match cell {
        Cell::Absent => format!("<span class=\"faint\"><data value=\"\">{shown}</data></span>"),
        Cell::Text(_) => shown,
        Cell::Tagged(_, Tone::Plain | Tone::Nth(_)) => format!("<span class=\"tag\">{shown}</span>"),
        Cell::Tagged(_, tone @ (Tone::Good | Tone::Warn | Tone::Bad | Tone::Faint)) => {
            format!("<span class=\"tag {}\">{shown}</span>", tone.name())
        }
        Cell::Time(secs) => cell_text::rfc3339(*secs)
            .map_or_else(|| shown.clone(), |time| format!("<time datetime=\"{time}\">{shown}</time>")),
        Cell::Count(count) => format!("<data value=\"{count}\">{shown}</data>"),
        Cell::Number(number) if number.is_finite() => format!("<data value=\"{number}\">{shown}</data>"),
        Cell::Number(_) => format!("<data value=\"\">{shown}</data>"),
    }
}
