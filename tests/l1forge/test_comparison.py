"""`l1forge report A B`: literal differences, errors of shared and of independent crossings, damaged files."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.report import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT_FREQUENCY
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, QuantityCut, Requirement
from l1forge.emulator.rates import fired
from l1forge.emulator.rates.fired import Fired
from l1forge.studies.comparison import Change, Comparison, compare
from l1forge.studies.rates_crossings import FiredCrossings
from l1forge.studies.rates_menu import menu_rates

N = 5000
KHZ = COLLIDING_BUNCHES * ORBIT_FREQUENCY / 1e3 / N
"""Rate of one crossing of N."""


def small_menu(jet: int = 200, name: str = "v1", extra: str = "L1_A") -> CompiledMenu:
    conditions = {
        "j": Combination(legs=(Requirement(type="jet", threshold=jet),)),
        "h": QuantityCut(quantity="htt", threshold=400),
    }
    algorithms = (
        Algorithm(index=5, name="L1_Jet", expression="j"),
        Algorithm(index=70, name="L1_HTT", expression="h"),
        Algorithm(index=71, name=extra, expression=["and", "j", "h"]),
    )
    return CompiledMenu(name=name, conditions=conditions, algorithms=algorithms)


def events(seed: int) -> Events:
    rng = np.random.default_rng(seed)
    jets = np.zeros((12, N), np.int16)
    jets[0] = rng.integers(0, 300, N)
    return Events({"jet.et": jets, "htt.et": rng.integers(0, 500, (1, N)).astype(np.int16)}, N)


@pytest.fixture
def zero_bias(tmp_path: Path) -> Path:
    write_events(tmp_path / "zb.parquet", [events(1)])
    return tmp_path / "zb.parquet"


def study(folder: Path, menu: CompiledMenu, file: Path, prescales: str | None = None) -> Path:
    given = []
    if prescales:
        given = [folder.with_suffix(".csv")]
        given[0].write_text(f"Index,Name,a\n{prescales}")
    found = menu_rates(menu, [file], details=True, curves=False, prescales=given)
    found.save(folder)
    return folder


def change(found: Comparison, seed: str, quantity: str = "total") -> Change:
    return next(c for c in found.changes if (c.seed, c.quantity) == (seed, quantity))


def test_only_crossings_that_differ_have_errors(tmp_path: Path, zero_bias: Path) -> None:
    a = study(tmp_path / "a", small_menu(), zero_bias)
    b = study(tmp_path / "b", small_menu(205, "v2", "L1_B"), zero_bias)
    found = compare(a, b)
    leading, sums = events(1)["jet.et"][0], events(1)["htt.et"][0]
    lost = int(((leading >= 200) & (leading < 205)).sum())
    moved = change(found, "L1_Jet")
    assert (moved.only_a, moved.only_b) == (lost, 0)
    assert moved.difference_khz == pytest.approx(-lost * KHZ)
    assert moved.error_khz == pytest.approx(math.sqrt(lost) * KHZ)
    assert moved.significance == pytest.approx(-math.sqrt(lost))
    same = change(found, "L1_HTT")
    assert (same.difference_khz, same.error_khz, same.significance) == (0, 0, None)
    pure = change(found, "L1_HTT", "pure")  # where only the lower jet threshold took its crossing away
    more = int(((leading >= 200) & (leading < 205) & (sums >= 400)).sum())
    assert (pure.only_a, pure.only_b) == (0, more)
    finor = change(found, "FinOR")
    assert finor.only_a == int(((leading >= 200) & (leading < 205) & (sums < 400)).sum())
    assert (found.only_in_a, found.only_in_b) == (("L1_A",), ("L1_B",))
    assert (found.shared_files, found.halvings) == (1, 0)
    assert found.moved()[0].seed in ("L1_Jet", "FinOR")
    assert compare(a, a).moved() == []


def test_a_copy_is_the_same_file_and_another_file_is_independent(tmp_path: Path, zero_bias: Path) -> None:
    a = study(tmp_path / "a", small_menu(), zero_bias)
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(zero_bias.read_bytes())
    assert compare(a, study(tmp_path / "c", small_menu(), copy)).moved() == []
    write_events(tmp_path / "other.parquet", [events(2)])
    found = compare(a, study(tmp_path / "b", small_menu(), tmp_path / "other.parquet"))
    jets = [int((events(seed)["jet.et"][0] >= 200).sum()) for seed in (1, 2)]
    moved = change(found, "L1_Jet")
    assert moved.error_khz == pytest.approx(math.sqrt(sum(jets)) * KHZ)
    assert moved.difference_khz == pytest.approx((jets[1] - jets[0]) * KHZ)
    assert found.said() == "The studies share no file: their errors are independent."


def test_prescales_count_by_their_probability(tmp_path: Path, zero_bias: Path) -> None:
    a = study(tmp_path / "a", small_menu(), zero_bias)
    b = study(tmp_path / "b", small_menu(), zero_bias, "5,L1_Jet,4\n70,L1_HTT,1\n71,L1_A,0\n")
    moved = change(compare(a, b), "L1_Jet")
    jets = int((events(1)["jet.et"][0] >= 200).sum())
    assert moved.difference_khz == pytest.approx(-0.75 * jets * KHZ)
    assert moved.error_khz == pytest.approx(0.75 * math.sqrt(jets) * KHZ)


def test_thinned_crossings_give_the_same_errors_on_average(
    tmp_path: Path, zero_bias: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compare(
        study(tmp_path / "a", small_menu(), zero_bias), study(tmp_path / "b", small_menu(220), zero_bias)
    )
    monkeypatch.setattr(fired, "MOST", 1000)
    thin = compare(
        study(tmp_path / "c", small_menu(), zero_bias), study(tmp_path / "d", small_menu(220), zero_bias)
    )
    assert thin.halvings == 2
    assert "one of 4 crossings was compared" in thin.said()
    assert change(thin, "L1_Jet").difference_khz == change(whole, "L1_Jet").difference_khz
    assert change(thin, "L1_Jet").error_khz == pytest.approx(change(whole, "L1_Jet").error_khz, rel=0.2)
    mixed = compare(tmp_path / "a", tmp_path / "d")
    assert change(mixed, "L1_Jet").error_khz == change(thin, "L1_Jet").error_khz


def test_what_is_kept_depends_on_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fired, "MOST", 50)
    rows = np.arange(100, 1100, 2)
    words = np.zeros((8, 500), np.uint64)
    words[3] = 1
    whole = Fired.merged([Fired(rows, words)])
    parts = [Fired(rows[a : a + 100], words[:, a : a + 100]) for a in (300, 0, 400, 100, 200)]
    again = Fired.merged([Fired.merged(parts[:2]), Fired.merged(parts[2:])])
    assert whole.halvings == again.halvings
    assert whole.rows.tolist() == again.rows.tolist()
    assert 0 < whole.rows.size <= 50
    assert set(whole.rows.tolist()) <= set(range(100, 1100, 2))


def test_crossings_are_read_back(tmp_path: Path, zero_bias: Path) -> None:
    found = menu_rates(small_menu(), [zero_bias], details=True, curves=False).crossings
    assert found is not None
    found.save(tmp_path / "c.parquet")
    back = FiredCrossings.load(tmp_path / "c.parquet")
    for name in ("file", "row", "words", "weights", "indices", "fires", "finor", "veto"):
        assert np.array_equal(getattr(found, name), getattr(back, name)), name
    assert (found.files, found.names, found.khz) == (back.files, back.names, back.khz)


def test_pages_and_refusals(tmp_path: Path, zero_bias: Path) -> None:
    a = study(tmp_path / "a", small_menu(name="<b>"), zero_bias)
    b = study(tmp_path / "b", small_menu(205), zero_bias)
    found = compare(a, b)
    page = found.html()
    assert "&lt;b&gt;" in page
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!#|data:)', outside)
    assert "Nothing: every rate is the same" in compare(a, a).html()
    rows = list(csv.DictReader(found.csv().splitlines()))
    assert len(rows) == len(found.changes)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        return result.output + ("" if result.exception is None else str(result.exception))

    out = tmp_path / "change"
    assert run(str(a), str(b), "-o", f"{out}.html", "--json", f"{out}.json") == ""
    document = json.loads((tmp_path / "change.json").read_text())
    assert (document["format"], document["version"]) == ("l1forge-comparison", 1)
    assert "L1_Jet" in run(str(a), str(b))
    assert "is one study" in run(str(a))
    assert "is not a rate study of a menu" in run(str(a), str(tmp_path))
    (b / "rates.json").write_text('{"format": "l1forge-rates"}')
    assert "is not a rate study of a menu" in run(str(a), str(b))
    content = (a / "crossings.parquet").read_bytes()
    for damage in (b"", content[:100], b"PAR1" + bytes(50) + b"PAR1"):
        (a / "crossings.parquet").write_bytes(damage)
        with pytest.raises(InputError, match="is not a file of crossings"):
            compare(a, a)
    (a / "crossings.parquet").unlink()
    with pytest.raises(InputError, match="is missing"):
        compare(a, a)
