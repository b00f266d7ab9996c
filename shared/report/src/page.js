// Draws each section's chart from the section's table. Without it the tables are the page.
"use strict";
(() => {
  const NARROW = 480;

  // Of a cell: a number, a time in milliseconds, or a text.
  const valueOf = (cell) => {
    const data = cell.querySelector("data");
    if (data) return data.value === "" ? null : Number(data.value);
    const time = cell.querySelector("time");
    if (time) return Date.parse(time.dateTime);
    return cell.textContent;
  };

  const rowsOf = (table) =>
    Array.from(table.tBodies[0].rows, (row) =>
      Array.from(row.cells, (cell) => ({ value: valueOf(cell), text: cell.textContent })));

  // Each series of each row, as [number of the series, cell].
  const seriesOf = (chart, row) => {
    if (chart.columns) return chart.columns.map((column, s) => [s, row[column]]);
    const name = chart.by.map((column) => row[column].text).filter((text) => text !== "").join(" · ");
    const s = chart.series.indexOf(name);
    return s < 0 ? [] : [[s, row[chart.column]]];
  };

  // Bars that stand for the same time or row are put upon each other, in the order of their series.
  const valuesOf = (chart, rows) => {
    const values = [];
    rows.forEach((row, index) => {
      for (const [s, cell] of seriesOf(chart, row)) {
        if (typeof cell.value !== "number" || Number.isNaN(cell.value)) continue;
        const value = { s, n: chart.series[s], v: cell.value, shown: cell.text, row: index };
        if (chart.time === undefined) {
          value.at = nameOf(chart, row);
        } else {
          value.at = row[chart.time].value;
          value.x = value.at;
          value.x2 = value.at + (chart.step || 0);
        }
        values.push(value);
      }
    });
    if (chart.time !== undefined && !chart.step) return values.map((value) => ({ ...value, y: value.v }));
    const [low, high] = chart.time === undefined ? ["x", "x2"] : ["y", "y2"];
    const tops = new Map();
    values.sort((a, b) => a.s - b.s);
    for (const value of values) {
      const place = chart.time === undefined ? value.row : value.x;
      value[low] = tops.get(place) || 0;
      value[high] = value[low] + value.v;
      tops.set(place, value[high]);
    }
    return chart.time === undefined ? values : values.filter((value) => value.v !== 0);
  };

  const nameOf = (chart, row) => chart.names.map((column) => row[column].text).filter((text) => text !== "").join(" · ");

  // Of a path the end tells more, of other names the beginning.
  const shortened = (name, most, isPath) => {
    const characters = Array.from(name);
    if (characters.length <= most) return name;
    return isPath ? "…" + characters.slice(1 - most).join("") : characters.slice(0, most - 1).join("") + "…";
  };

  const config = (isNarrow) => ({
    background: null,
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    view: { stroke: null },
    axis: {
      labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--line)", domainColor: "var(--line)",
      tickColor: "var(--line)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
    },
    axisX: { tickCount: isNarrow ? 4 : 8 },
  });

  // Names stand beside the bars, or above them where the screen is narrow.
  const layRanking = (chart, spec, rows, isNarrow) => {
    const most = isNarrow ? 44 : 52;
    const names = rows.map((row) => shortened(nameOf(chart, row), most, chart.keys));
    spec.params = [{ name: "names", value: names }];
    spec.height = rows.length * (isNarrow ? 40 : 26);
    if (isNarrow) {
      Object.assign(spec.encoding.y.axis, { labelAlign: "left", labelPadding: -1, labelOffset: -11, labelLimit: 330, zindex: 1 });
      Object.assign(spec.mark, { height: { band: 0.34 }, yOffset: 8 });
    }
  };

  // Steps of time that people count in, from a second to a year.
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000, 8640000, 31536000];

  // The figures at an axis of seconds: few, and none like 33.3 min. Below some seconds there is nothing to mend.
  const ticksOf = (values, isNarrow) => {
    const longest = Math.max(...values.map((value) => value.x2 ?? value.y2 ?? value.y));
    const step = STEPS.find((secs) => longest / secs <= (isNarrow ? 4 : 6)) ?? longest;
    if (longest < 3) return undefined;
    return Array.from({ length: Math.floor(longest / step) + 1 }, (_, index) => index * step);
  };

  const draw = async (figure) => {
    const section = figure.closest("section");
    const chart = JSON.parse(section.querySelector("script[type='application/json']").textContent);
    const rows = rowsOf(section.querySelector("table"));
    const isNarrow = figure.clientWidth < NARROW;
    const spec = chart.spec;
    spec.data = { values: valuesOf(chart, rows) };
    if (chart.names) layRanking(chart, spec, rows, isNarrow);
    if (chart.seconds) spec.encoding[chart.names ? "x" : "y"].axis.values = ticksOf(spec.data.values, isNarrow);
    const compiled = vegaLite.compile(spec, { config: config(isNarrow) }).spec;
    if (chart.range) compiled.scales.find((scale) => scale.name === "x").domain = chart.range;
    const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
      expr: expressionInterpreter, renderer: "svg", container: figure.querySelector("[role=img]"), hover: false,
    });
    await view.runAsync();
    const details = section.querySelector("details");
    if (details) details.open = false;
  };

  const drawAll = async () => {
    for (const figure of document.querySelectorAll("figure.chart")) {
      try {
        figure.hidden = false;
        await draw(figure);
      } catch (error) {
        figure.hidden = true;
        console.error("a chart could not be drawn:", error);
      }
    }
    document.documentElement.dataset.drawn = "yes";
  };

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  drawAll();
})();
