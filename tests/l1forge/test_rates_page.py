"""The page of a rate study: complete, self-contained, and safe whatever names a menu has."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT_FREQUENCY
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, QuantityCut, Requirement
from l1forge.emulator.rates.curves import POINTS, curve_codes
from l1forge.emulator.rates.leading_cut import leading_cut
from l1forge.studies.pages.page import anchor, measured, number
from l1forge.studies.rates_histograms import from_json, to_json
from l1forge.studies.rates_menu import menu_rates
from l1forge.studies.rates_numbers import Rate
from l1forge.studies.rates_results import MenuRates

N = 3000
FULL = COLLIDING_BUNCHES * ORBIT_FREQUENCY / 1e3
EVIL = "L1_</script><b>&\"'"
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Checker(HTMLParser):
    """Collects attributes and texts, and demands that elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.plots: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[key] or "" for key in ("src", "href", "srcset", "action") if key in found]
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script" and found.get("type") == "application/json":
            self.plots.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            if self.plots and not self.plots[-1]:
                self.plots[-1] = data
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)


def sample() -> Events:
    rng = np.random.default_rng(1)
    jets = np.zeros((12, N), np.int16)
    jets[0] = rng.integers(0, 300, N)
    return Events({"jet.et": jets, "htt.et": rng.integers(0, 500, (1, N)).astype(np.int16)}, N)


def small_menu() -> CompiledMenu:
    jet = Combination(legs=(Requirement(type="jet", threshold=200),))
    sums = QuantityCut(quantity="htt", threshold=400)
    algorithms = (
        Algorithm(index=5, name="L1_Jet100", expression="j", grammar="JET100"),
        Algorithm(index=70, name=EVIL, expression=["or", "j", "h"], grammar="JET100 OR HTT200"),
        Algorithm(index=71, name="L1_NotHTT", expression=["not", "h"], grammar="NOT HTT200"),
    )
    return CompiledMenu(name="m", conditions={"j": jet, "h": sums}, algorithms=algorithms)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MenuRates:
    path = tmp_path_factory.mktemp("zb") / "zb.parquet"
    write_events(path, [sample()])
    return menu_rates(small_menu(), [path], details=True, targets={"L1_Jet100": 9e3}, groups={"g": ["L1_J*"]})


def parsed(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


def test_the_page_is_whole_and_fetches_nothing(study: MenuRates) -> None:
    page = parsed(study.html())
    assert all(link.startswith(("#", "data:")) for link in page.links), page.links
    assert len(set(page.ids)) == len(page.ids)
    targets = {link[1:] for link in page.links if link.startswith("#")}
    assert targets <= set(page.ids)
    assert {f"seed.20{seed.name}" for seed in study.seeds[:1]} <= set(page.ids)
    assert anchor(f"seed {EVIL}") in page.ids
    text = " ".join(page.words)
    for expected in ("JET100 OR HTT200", EVIL, "zb.parquet", "the rate does not fall with its leading cut"):
        assert expected in text
    plots = [json.loads(plot) for plot in page.plots]
    assert len(plots) == 2 + 1 + 2  # rates and overlap, one target, two seeds with a curve
    assert all(plot["target_id"] in page.ids for plot in plots)


def test_details_of_a_seed(study: MenuRates) -> None:
    leading = sample()["jet.et"][0]
    jet, either, inverted = study.details
    assert (jet.cut, jet.threshold, jet.grammar) == ("jet", 200, "JET100")
    assert (either.cut, either.threshold) == ("jet", 200)
    assert inverted.reason == "the rate does not fall with its leading cut"
    assert inverted.curve == ()
    for point in jet.curve:
        assert point.rate.khz == pytest.approx(FULL * (leading >= point.threshold).mean())
        assert point.gev == point.threshold / 2
    assert 200 in [point.threshold for point in jet.curve]
    rows = np.flatnonzero(leading >= 200)[:5]
    assert [example.row for example in jet.examples] == rows.tolist()
    assert jet.examples[0].objects == (
        f"jet {leading[rows[0]] / 2:g}",
        f"HTT {sample()['htt.et'][0, rows[0]] / 2:g}",
    )
    assert jet.examples[0].bx is None


def test_curves_only_if_asked_for(study: MenuRates, tmp_path: Path) -> None:
    write_events(tmp_path / "zb.parquet", [sample()])
    without = menu_rates(small_menu(), [tmp_path / "zb.parquet"], details=True, curves=False)
    assert [seed.curve for seed in without.details] == [(), (), ()]
    assert "--curves" in without.html()
    plain = menu_rates(small_menu(), [tmp_path / "zb.parquet"])
    assert plain.details == ()
    parsed(plain.html())
    names = without.save(tmp_path / "study")
    assert {"rates.html", "seeds.json", "rates.pdf"} <= set(names)
    saved = json.loads((tmp_path / "study" / "seeds.json").read_text())
    assert (saved["format"], saved["version"], len(saved["seeds"])) == ("l1forge-rates-seeds", 1, 3)
    assert "seeds.json" not in plain.save(tmp_path / "plain")
    assert "details" not in json.loads((tmp_path / "plain" / "rates.json").read_text())


def test_histograms_are_read_back(study: MenuRates) -> None:
    made = study.histograms()
    text = to_json(made)
    assert to_json(study.histograms()) == text
    read = from_json(text)
    assert list(read) == list(made)
    total = read["total_before"]
    assert list(total.axes[0]) == [seed.name for seed in study.seeds]
    assert total["L1_Jet100"].value == study.seeds[0].total_before.khz
    curve = read["curve L1_Jet100"]
    codes = [point.threshold for point in study.details[0].curve]
    assert curve.axes[0].edges.tolist() == codes
    assert curve.view(flow=True)["value"].tolist() == [p.rate.khz for p in study.details[0].curve]


def test_nothing_fired_and_nothing_to_show(tmp_path: Path) -> None:
    empty = Events({"jet.et": np.zeros((12, 5), np.int16), "htt.et": np.zeros((1, 5), np.int16)}, 5)
    write_events(tmp_path / "zb.parquet", [empty])
    menu = small_menu()
    quiet = menu.model_copy(update={"algorithms": menu.algorithms[:2]})
    study = menu_rates(quiet, [tmp_path / "zb.parquet"], details=True)
    page = parsed(study.html())
    assert "It fired in none of the crossings that were looked at." in " ".join(page.words)
    many = replace(study, notes=("a",), unknown_signals=("b",), left_out_crossings=7)
    assert "The first 7 crossings trained the models" in many.html()


def test_codes_of_a_curve() -> None:
    menu = small_menu()
    cut = leading_cut(menu, "L1_Jet100")
    for code in (0, 1, 5, 100, 200, 1500, 2047, 2048):
        codes = curve_codes(replace(cut, code=code))
        assert code in codes
        assert codes == sorted(set(codes))
        assert len(codes) <= POINTS
        assert cut.lowest <= codes[0]
        assert codes[-1] <= cut.highest


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Rate(10.5069, 9.0406, 12.1935), ("10.5", "1.7", "1.5")),
        (Rate(0.0, 0.0, 0.3793), ("0.00", "0.38", "0.00")),
        (Rate(31000.0, 30950.0, 31060.0), ("31,000", "60", "50")),
        (Rate(5.0, 5.0, 5.0), ("5", "0", "0")),
    ],
)
def test_rates_are_rounded_by_their_errors(rate: Rate, text: tuple[str, str, str]) -> None:
    assert measured(rate.khz, rate.low_khz, rate.high_khz) == text


def test_numbers_and_names() -> None:
    assert [number(x) for x in (None, 0.0, 12.3456, 30902.634, 1.5e-7)] == [
        "–",
        "0",
        "12.35",
        "30,903",
        "1.5e-07",
    ]
    assert len({anchor(name) for name in ("a b", "a_b", "a.b", "a-b")}) == 4
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", anchor(EVIL))
