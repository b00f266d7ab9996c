"""One browser for all tests, and what they ask of a page."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

COMMAND = os.environ["LAKEGATE_COMMAND"]
CHROMIUM = os.environ["LAKEGATE_CHROMIUM"]
# Pictures to look at.
PICTURES = Path(os.environ.get("LAKEGATE_PICTURES", ""))
WIDE, NARROW = 1280, 375
# A machine that is busy with other work draws for half a minute.
PATIENCE_MS = 300_000


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # A sandbox of its own is not to be had by root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Opens pages that are closed with the test."""
    contexts = []

    def visit(*arguments, **options):
        page, said = opened(browser, *arguments, **options)
        contexts.append(page.context)
        return page, said

    yield visit
    for context in contexts:
        context.close()


def opened(browser, report, width: int, scheme: str, **options) -> tuple[Page, list[str]]:
    """The page of a report (its `html`) once it is drawn, and whatever it said or asked for besides itself."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, timezone_id="Asia/Kolkata", **options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: said.append("a dialog"))
    page.on("request", lambda request: said.append(f"request: {request.url}") if request.url != report.html.as_uri() else None)
    page.goto(report.html.as_uri())
    if options.get("java_script_enabled", True):
        page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")
    return page, said


TABLES = """
() => Object.fromEntries(Array.from(document.querySelectorAll("section"), (section) => [section.id,
  Array.from(section.querySelectorAll("tbody tr"), (row) => Array.from(row.cells, (cell) => {
    const data = cell.querySelector("data");
    if (data) return data.value === "" ? null : Number(data.value);
    return cell.querySelector("time")?.dateTime ?? cell.textContent;
  }))]))
"""


MARKS = """
(id) => Array.from(document.querySelectorAll(`#${id} svg .mark-rect path`), (path) => {
  const box = path.getBoundingClientRect();
  const svg = path.ownerSVGElement.getBoundingClientRect();
  return { x: box.x, width: box.width, height: box.height,
           inside: box.left >= svg.left - 1 && box.right <= svg.right + 1 && box.top >= svg.top - 1 && box.bottom <= svg.bottom + 1 };
})
"""


CONTRAST = """
() => {
  const parse = (text) => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!colour.startsWith("rgba(0, 0, 0, 0")) return parse(colour);
    }
  };
  const worst = { ratio: 99 };
  const texts = document.querySelectorAll("h1,h2,p,dt,dd,a,caption,summary,th,td,.tag,li,svg text");
  for (const element of texts) {
    if (!element.textContent.trim()) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.tagName === "text" ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) Object.assign(worst, { ratio, text: element.textContent.slice(0, 40) });
  }
  return worst;
}
"""
