//! Pages as a whole. How they look and draw in a browser is tested in `e2e/report`.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::script;
use crate::{Cell, Chart, Column, Fact, Kind, Page, PageError, Section, Series, Shape, Table, Tone, Values};

const HOSTILE: &str = "</script><!--<script>alert('x')</script>\"'&\u{202e}";

fn page() -> Page {
    let table = Table {
        caption: "2 regions".to_owned(),
        columns: vec![
            Column::new("region", "Region", Kind::Text),
            Column::new("revenue", "Revenue", Kind::Number(2)),
            Column::new("orders", "Orders", Kind::Count),
            Column::new("latest", "Latest", Kind::Time),
        ],
        rows: vec![
            vec![Cell::Text("Nord".to_owned()), Cell::Number(1_234.5), Cell::Count(7_000), Cell::Time(1_768_046_700)],
            vec![Cell::Tagged("Süd & West".to_owned(), Tone::Warn), Cell::Absent, Cell::Count(0), Cell::Absent],
        ],
    };
    let chart = Chart {
        description: "Revenue by region.".to_owned(),
        shape: Shape::Ranking { names: vec![0] },
        values: Values::Columns(vec![Series::new(1, Tone::Plain)]),
    };
    Page {
        title: "Sales".to_owned(),
        about: "January".to_owned(),
        facts: vec![Fact {
            id: "orders".to_owned(),
            label: "Orders".to_owned(),
            kind: Kind::Count,
            value: Cell::Count(7_000),
            note: "all".to_owned(),
            tone: Tone::Good,
        }],
        sections: vec![Section {
            id: "regions".to_owned(),
            heading: "Regions".to_owned(),
            note: "Where it was sold.".to_owned(),
            chart: Some(chart),
            table,
            empty: "Nothing was sold.".to_owned(),
        }],
        notes: vec!["Made up.".to_owned()],
    }
}

/// The page without its style, licences and libraries.
fn body(page: &Page) -> String {
    let html = page.to_html().unwrap();
    let from = html.find("<body>").unwrap();
    let to = html.find("<!--").unwrap_or(html.len());
    html[from..to].to_owned()
}

/// The same without what the script is told.
fn shown(page: &Page) -> String {
    let body = body(page);
    let (before, rest) = body.split_once("json\">").unwrap();
    let (_, after) = rest.split_once("</script>").unwrap();
    format!("{before}json\">…</script>{after}")
}

#[test]
fn a_section_is_a_heading_a_chart_and_its_table() {
    insta::assert_snapshot!(shown(&page()), @r##"
    <body>
    <header>
    <h1>Sales</h1>
    <p class="about">January</p>
    <dl class="facts">
    <div id="fact_orders"><dt>Orders</dt><dd class="figure good"><data value="7000">7,000</data></dd><dd class="beside">all</dd></div>
    </dl>
    <nav aria-label="Sections">
    <ul>
    <li><a href="#regions">Regions</a></li>
    </ul>
    </nav>
    </header>
    <main>
    <section id="regions" aria-labelledby="regions_heading">
    <h2 id="regions_heading">Regions</h2>
    <p class="note">Where it was sold.</p>
    <figure class="chart" hidden>
    <div role="img" aria-label="Chart. Revenue by region. The table below has the figures."></div>
    </figure>
    <script type="application/json">…</script>
    <div class="scroll" role="region" tabindex="0" aria-label="Regions">
    <table id="regions_table">
    <caption>2 regions</caption>
    <thead><tr><th scope="col">Region</th><th scope="col" class="number">Revenue</th><th scope="col" class="number">Orders</th><th scope="col" class="time">Latest</th></tr></thead>
    <tbody>
    <tr><th scope="row" class="text">Nord</th><td class="number"><data value="1234.5">1,234.50</data></td><td class="number"><data value="7000">7,000</data></td><td class="time"><time datetime="2026-01-10T12:05:00Z">2026-01-10 12:05</time></td></tr>
    <tr><th scope="row" class="text"><span class="tag warn">Süd &amp; West</span></th><td class="number"><span class="faint"><data value="">–</data></span></td><td class="number"><data value="0">0</data></td><td class="time"><span class="faint"><data value="">–</data></span></td></tr>
    </tbody>
    </table>
    </div>
    </section>
    </main>
    <footer>
    <ul>
    <li>Made up.</li>
    </ul>
    </footer>
    "##);
}

#[test]
fn programs_get_the_same_figures() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&page().to_json().unwrap()).unwrap(), @r#"
    {
      "about": "January",
      "facts": {
        "orders": 7000
      },
      "sections": {
        "regions": [
          {
            "latest": "2026-01-10T12:05:00Z",
            "orders": 7000,
            "region": "Nord",
            "revenue": 1234.5
          },
          {
            "latest": null,
            "orders": 0,
            "region": "Süd & West",
            "revenue": null
          }
        ]
      },
      "title": "Sales"
    }
    "#);
}

#[test]
fn names_and_values_are_never_markup_nor_script() {
    let mut page = page();
    page.title = HOSTILE.to_owned();
    page.about = HOSTILE.to_owned();
    page.notes = vec![HOSTILE.to_owned()];
    page.facts[0].label = HOSTILE.to_owned();
    page.facts[0].note = HOSTILE.to_owned();
    page.facts[0].value = Cell::Text(HOSTILE.to_owned());
    let section = &mut page.sections[0];
    section.heading = HOSTILE.to_owned();
    section.note = HOSTILE.to_owned();
    section.table.caption = HOSTILE.to_owned();
    for column in &mut section.table.columns {
        column.id = format!("{HOSTILE}{}", column.id);
        column.label = HOSTILE.to_owned();
        column.kind = Kind::Key;
    }
    for cell in section.table.rows.iter_mut().flatten() {
        *cell = Cell::Text(HOSTILE.to_owned());
    }
    section.table.rows[0][1] = Cell::Tagged(HOSTILE.to_owned(), Tone::Bad);
    section.table.rows[0][2] = Cell::Count(1);
    section.chart = Some(Chart {
        description: HOSTILE.to_owned(),
        shape: Shape::Ranking { names: vec![0] },
        values: Values::Split { value: 2, by: vec![1], names: vec![(vec![HOSTILE.to_owned()], Tone::Nth(9))] },
    });
    let html = page.to_html().unwrap();
    let count = |what: &str| html.matches(what).count();
    // The libraries' and ours, and the chart's instructions; a licence each.
    assert_eq!([count("<script"), count("</script"), count("<!--"), count("-->")], [5, 5, 3, 3]);
    assert!(!html.contains('\u{202e}') && html.contains("\\u{202e}"));
    assert!(page.to_json().unwrap().to_string().contains("</script>"), "programs get it as it is");
}

#[test]
fn a_table_without_rows_says_so() {
    let mut page = page();
    page.sections[0].table.rows.clear();
    let body = body(&page);
    assert!(body.contains("<p class=\"empty\">Nothing was sold.</p>"), "{body}");
    assert!(!body.contains("<table") && !body.contains("<figure"), "{body}");
}

#[test]
fn a_chart_of_nothing_is_not_drawn() {
    let mut page = page();
    page.sections[0].table.rows[0][1] = Cell::Number(f64::NAN);
    let body = body(&page);
    assert!(body.contains("<table") && !body.contains("<figure"), "{body}");
}

#[test]
fn a_page_without_charts_has_no_script() {
    let mut page = page();
    page.sections[0].chart = None;
    let html = page.to_html().unwrap();
    assert!(html.len() < 20_000 && !html.contains("<script"));
}

#[test]
fn what_does_not_fit_together_is_an_error() {
    let told = |change: fn(&mut Page)| {
        let mut page = page();
        change(&mut page);
        let error: PageError = page.to_html().unwrap_err();
        assert_eq!(page.to_json().unwrap_err(), error);
        error.to_string()
    };
    let chart = |page: &mut Page| {
        page.sections[0].chart.as_mut().unwrap().values = Values::Columns(vec![Series::new(4, Tone::Plain)]);
    };
    let told = [
        told(|page| page.sections[0].table.rows[1].truncate(3)),
        told(chart),
        told(|page| page.sections.push(page.sections[0].clone())),
        told(|page| page.facts[0].id = "a b".to_owned()),
        told(|page| page.sections[0].table.columns[3].id = "region".to_owned()),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    section regions: row 1 has 3 cells for 4 columns
    section regions: the chart shows column 4 of 4
    the page's sections: "regions" is no id, or there twice
    the page's facts: "a b" is no id, or there twice
    section regions: "region" is no id, or there twice
    "#);
}

#[test]
fn the_libraries_are_those_that_the_projects_published() {
    let files = [
        (script::VEGA, "vega.min.js"),
        (script::VEGA_LITE, "vega-lite.min.js"),
        (script::INTERPRETER, "vega-interpreter.js"),
    ];
    let mut lines = String::new();
    for (text, name) in files {
        for byte in Sha256::digest(text) {
            write!(lines, "{byte:02x}").unwrap();
        }
        writeln!(lines, "  {name}").unwrap();
    }
    assert_eq!(lines, include_str!("../vega/SHA256SUMS"));
}

#[test]
fn the_scripts_can_stand_in_a_page() {
    assert_eq!(script::INTERPRETER.matches(script::IMPORT).count(), 1);
    assert_eq!(script::INTERPRETER.matches(script::EXPORT).count(), 1);
    for script in script::all() {
        let lower = script.to_lowercase();
        assert!(!lower.contains("</script") && !lower.contains("<!--") && !lower.contains("<script"));
        assert!(!script.lines().any(|line| line.starts_with("import ") || line.starts_with("export ")));
        assert!(!script.contains("sourceMappingURL"));
    }
    for (_, licence) in script::LICENCES {
        assert!(!licence.contains("--"), "a comment would end");
    }
}

#[test]
fn the_page_runs_its_own_scripts_and_fetches_nothing() {
    let html = page().to_html().unwrap();
    let (_, rest) = html.split_once("Content-Security-Policy\" content=\"").unwrap();
    let (policy, _) = rest.split_once('"').unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe-eval"),
        "{policy}"
    );
    assert_eq!(policy.matches("'sha256-").count(), 4);
    assert!(!policy.contains("script-src 'unsafe-inline'"), "{policy}");
    assert!(html.len() < 1_000_000, "{}", html.len());
}
