"""The pages in a real Chromium: `make test-browser`. Not in `make test`: many machines have no browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.events.objects import Events
from l1forge.studies.rates_menu import menu_rates
from l1forge.studies.rates_results import MenuRates
from tests.browser.chromium import Browser

JETS = (12, 4000)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = Browser(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MenuRates:
    from l1forge.emulator.events.formats.parquet import write_events

    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(1)
    jets = np.zeros(JETS, np.int16)
    jets[0] = rng.integers(0, 300, JETS[1])
    columns = {"jet.et": jets, "htt.et": rng.integers(0, 500, (1, JETS[1])).astype(np.int16)}
    write_events(folder / "zb.parquet", [Events(columns, JETS[1])])
    menu = folder / "menu.yaml"
    menu.write_text(
        "menu: m\nalgorithms:\n"
        '  - {index: 9, name: L1_Jet50, seed: "JET50"}\n'
        '  - {index: 10, name: L1_Jet100, seed: "JET100"}\n'
        '  - {index: 2, name: L1_HTT200, seed: "HTT200"}\n'
    )
    found = menu_rates(
        menu, [folder / "zb.parquet"], details=True, groups={"j": ["L1_J*"]}, targets={"L1_HTT200": 900.0}
    )
    return replace(found, notes=("</script><script>fail()</script>",))


@pytest.fixture(scope="module")
def page(study: MenuRates, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "rates.html"
    file.write_text(study.html())
    return file.as_uri()


@pytest.fixture(autouse=True)
def quiet(browser: Browser) -> Iterator[None]:
    """No test may leave an error on the console or ask any host for anything."""
    browser.errors.clear()
    browser.requests.clear()
    yield
    assert browser.errors == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


FIRST = "[...document.querySelectorAll('#seed-table tbody tr')].map((r) => r.cells[0].textContent)"


def test_tables_sort_by_numbers_and_by_names(browser: Browser, page: str) -> None:
    browser.open(page)
    assert browser.run(FIRST) == ["L1_HTT200", "L1_Jet50", "L1_Jet100"]
    browser.run("document.querySelectorAll('#seed-table th button')[1].click()")  # bit, largest first
    assert browser.run(FIRST) == ["L1_Jet100", "L1_Jet50", "L1_HTT200"]
    browser.run("document.querySelectorAll('#seed-table th button')[1].click()")
    assert browser.run(FIRST) == ["L1_HTT200", "L1_Jet50", "L1_Jet100"]
    assert browser.run("document.querySelectorAll('#seed-table th')[1].ariaSort") == "ascending"
    browser.run("document.querySelectorAll('#seed-table th button')[5].click()")  # total rate
    assert browser.run(FIRST) == ["L1_Jet50", "L1_Jet100", "L1_HTT200"]
    browser.run("document.querySelectorAll('#seed-table th button')[0].click()")  # names: numbers in order
    assert browser.run(FIRST) == ["L1_HTT200", "L1_Jet50", "L1_Jet100"]


def test_search_hides_rows_and_counts(browser: Browser, page: str) -> None:
    browser.open(page)
    script = "(() => {{ const i = document.querySelector('[data-search={0}]'); i.value = '{1}';"
    script += " i.dispatchEvent(new Event('input')); return i.parentElement.innerText }})()"
    assert "2 of 3" in browser.run(script.format("seed-table", "jet"))
    assert browser.run("[...document.querySelectorAll('#seed-table tbody tr')].map((r) => r.hidden)") == [
        True,
        False,
        False,
    ]
    assert "1 of 3" in browser.run(script.format("sections", "HTT200"))  # also by grammar
    assert "0 of 3" in browser.run(script.format("sections", "nothing"))


FIGURE = "Bokeh.documents.flatMap((d) => d.roots()).find((f) => f.name === 'overlap')"
TOOLTIP = """(() => {
  const walk = (n) => [n, ...[...(n.shadowRoot?.children ?? []), ...n.children].flatMap(walk)];
  return walk(document.body).filter((n) => n.classList.contains('bk-tooltip-content'))
    .map((n) => n.textContent).join(' ');
})()"""


def test_dragging_zooms_and_the_heat_map_tells_values(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.run("document.querySelector('#overlap').scrollIntoView()")
    browser.wait(f"{FIGURE} && {FIGURE}.inner_width > 0")
    assert browser.run(f"[{FIGURE}.x_range.start, {FIGURE}.x_range.end]") == [-0.5, 2.5]
    left, top, width, height = browser.run(
        "(() => { const r = document.querySelector('#overlap ~ .plot').getBoundingClientRect();"
        " return [r.left, r.top, r.width, r.height] })()"
    )
    browser.hover(left + 0.5 * width, top + 0.6 * height)
    text = browser.wait(TOOLTIP)
    assert "L1_" in text
    assert "kHz" in text
    browser.drag(left + 0.4 * width, top + 0.5 * height, left + 0.7 * width, top + 0.8 * height)
    browser.wait(f"{FIGURE}.x_range.end - {FIGURE}.x_range.start < 2.9")
    start, end = browser.run(f"[{FIGURE}.x_range.start, {FIGURE}.x_range.end]")
    assert -0.5 < start < end < 2.5


def test_each_seed_has_a_section_that_a_link_opens(browser: Browser, page: str, study: MenuRates) -> None:
    browser.open(page)
    browser.run("document.querySelector('#seed-table a').click()")
    browser.wait("document.querySelector('#sections details').open")
    assert "HTT200" in browser.run("document.querySelector('#sections details pre').textContent")
    browser.wait("document.querySelector('#sections details .plot').dataset.drawn")
    browser.run("document.querySelector('[data-open]').click()")
    assert browser.run("[...document.querySelectorAll('#sections details')].every((d) => d.open)")
    browser.run("document.querySelector('[data-open]').click()")
    assert not browser.run("[...document.querySelectorAll('#sections details')].some((d) => d.open)")


@pytest.fixture(scope="module")
def model_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    from l1forge.studies.report import report

    folder = tmp_path_factory.mktemp("a folder whose name is long enough not to fit into one line of a phone")
    found = report("vae")
    target = {
        "target_khz": 1.0,
        "threshold": 5,
        "efficiency": {"signal": {"value": 0.5, "low": 0.4, "high": 0.6}},
    }
    rate = {"rate_khz": 1.0, "rate_low_khz": 0.5, "rate_high_khz": 2.0}
    physics = {
        "score": "mu2_score",
        "zero_bias": str(folder / "zero_bias.parquet"),
        "zero_bias_crossings": 100,
        "curve": [rate | {"threshold": i} for i in range(9)],
        "targets": [target | rate],
    }
    (folder / "vae.html").write_text(replace(found, physics=physics).html())
    return (folder / "vae.html").as_uri()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_of_a_model(browser: Browser, model_page: str, width: int) -> None:
    browser.open(model_page, width)
    browser.run("document.querySelector('#physics').scrollIntoView()")
    browser.wait("document.querySelectorAll('[data-drawn]').length === 2")
    assert browser.run("document.documentElement.scrollWidth") <= width
    layers = "[...document.querySelectorAll('#layer-table tbody tr')].map((r) => r.cells[10].textContent)"
    browser.run("document.querySelectorAll('#layer-table th button')[10].click()")
    found = [int(text.replace(",", "").replace("–", "-1")) for text in browser.run(layers)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_is_as_wide_as_the_window(browser: Browser, page: str, width: int) -> None:
    browser.open(page, width)
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    browser.run("document.querySelector('#overlap').scrollIntoView()")
    browser.wait(f"{FIGURE} && {FIGURE}.inner_width > 0")
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_it_prints(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page)
    browser.printed(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_an_error_on_the_console_is_noticed(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<script>console.error('a'); undefined_function()</script><img src='http://127.0.0.1:9/x.png'>"
    )
    browser.open(page.as_uri())
    browser.wait("true")
    assert any("undefined_function" in error for error in browser.errors)
    assert any(url.startswith("http:") for url in browser.requests)
    browser.errors.clear()
    browser.requests.clear()
