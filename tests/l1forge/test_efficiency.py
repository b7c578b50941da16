"""`l1forge efficiency`: literal efficiencies, curves and their files, a model seed that must win or lose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from l1forge.commands.efficiency import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.compiled import (
    Algorithm,
    Combination,
    CompiledMenu,
    QuantityCut,
    Requirement,
    Score,
)
from l1forge.emulator.rates.intervals import fraction
from l1forge.emulator.rates.variants import loosened, menus, scaled
from l1forge.studies.efficiency import MenuEfficiencies, efficiency
from l1forge.studies.efficiency_comparison import FEWEST, ModelGain, baselines, compare
from l1forge.studies.efficiency_files import correction_set
from l1forge.studies.menu_flags import FlaggedEvents
from l1forge.studies.quantities import quantity

FULL = 30_903.0


def jet(threshold: int) -> Combination:
    return Combination(legs=(Requirement(type="jet", threshold=threshold),))


def menu(**conditions: Any) -> CompiledMenu:
    algorithms = tuple(
        Algorithm(index=7 * i, name=f"L1_{name}", expression=name) for i, name in enumerate(conditions)
    )
    return CompiledMenu(name="m", conditions=conditions, algorithms=algorithms)


PLAIN = menu(Jet50=jet(100), Jet100=jet(200), HTT=QuantityCut(quantity="htt", threshold=400))


def events(n: int, seed: int = 1, scale: int = 300) -> Events:
    rng = np.random.default_rng(seed)
    jets = np.zeros((12, n), np.int16)
    jets[0] = rng.integers(0, scale, n)
    return Events({"jet.et": jets, "htt.et": rng.integers(0, 500, (1, n)).astype(np.int16)}, n)


def stored(path: Path, of: Events) -> Path:
    write_events(path, [of])
    return path


def with_column(path: Path, name: str, values: Any) -> Path:
    table = pq.read_table(path)
    pq.write_table(table.append_column(name, pa.array(values)), path)
    return path


def test_literal_efficiencies(tmp_path: Path) -> None:
    of = events(500)
    path = stored(tmp_path / "signal.parquet", of)
    study = efficiency(PLAIN, [path], groups={"jets": ["L1_Jet*"]})
    found = study.signals[0]
    leading, sums = of["jet.et"][0], of["htt.et"][0]
    low, ht = leading >= 100, sums >= 400
    assert found.events == 500
    assert found.seeds["L1_Jet50"] == fraction(int(low.sum()), 500)
    assert found.pure["L1_HTT"] == fraction(int((ht & ~low).sum()), 500)
    assert found.pure["L1_Jet100"] == fraction(0, 500)
    assert found.groups["jets"] == found.seeds["L1_Jet50"]
    assert found.menu == found.cuts == fraction(int((low | ht).sum()), 500)
    assert study.gains == study.rocs == study.zero_bias == ()


def test_turn_on_against_columns_of_the_file(tmp_path: Path) -> None:
    of = events(4000)
    rng = np.random.default_rng(2)
    offline = of["jet.et"][0] * 0.5 + rng.normal(0, 5, 4000)
    offline[:10] = np.nan
    path = with_column(stored(tmp_path / "s.parquet", of), "offline_pt", offline)
    with_column(path, "gen_pts", [[float(i)] if i % 2 else [] for i in range(4000)])
    study = efficiency(PLAIN, [path], turn_ons=[("L1_Jet50", "offline_pt"), ("L1_Jet50", "jet.et[0]")])
    smeared, sharp = study.turn_ons
    assert smeared.curve.absent == 10
    assert smeared.curve.fit is not None
    threshold, resolution, plateau = smeared.curve.fit.values
    assert (threshold, plateau) == pytest.approx((50, 1.0), rel=0.02)
    assert resolution == pytest.approx(5, rel=0.1)
    assert all(part.value in (0, 1) for edge, part in zip(sharp.curve.edges, sharp.curve.bins, strict=False))
    source = open_events(path)
    np.testing.assert_array_equal(quantity(source, "gen_pts")[:4], [np.nan, 1, np.nan, 3])
    assert np.isnan(quantity(source, "gen_pts[1]")).all()
    for name, message in (("offline", "did you mean offline_pt"), ("jet.et[12]", "no such column")):
        with pytest.raises(InputError, match=message):
            quantity(source, name)


def test_turn_ons_for_correctionlib(tmp_path: Path) -> None:
    import correctionlib

    of = events(4000)
    offline = of["jet.et"][0] * 0.5 + np.random.default_rng(2).normal(0, 5, 4000)
    path = with_column(stored(tmp_path / "s.parquet", of), "offline_pt", offline)
    study = efficiency(PLAIN, [path], turn_ons=[("L1_Jet50", "offline_pt")])
    read = correctionlib.CorrectionSet.from_string(correction_set(study))["L1_Jet50 offline_pt"]
    curve = study.turn_ons[0].curve
    assert curve.fit is not None
    for place, part in enumerate(curve.bins):
        x = (curve.edges[place] + curve.edges[place + 1]) / 2
        for name, value in (("nominal", part.value), ("low", part.low), ("high", part.high)):
            assert read.evaluate("s", name, x) == pytest.approx(value, rel=1e-14)
        assert read.evaluate("s", "fit", x) == pytest.approx(float(curve.fit(x)), abs=1e-12)
    assert read.evaluate("s", "nominal", 1e6) == 0
    with pytest.raises(InputError, match="no turn-on curves"):
        correction_set(efficiency(PLAIN, [path]))


def test_literal_thresholds_of_retuned_menus() -> None:
    mu = Combination(legs=(Requirement(type="mu", threshold=45), Requirement(type="mu", threshold=1)))
    of = menu(
        Mu=mu,
        HTT=QuantityCut(quantity="htt", threshold=401),
        N=QuantityCut(quantity="towercount", threshold=9),
    )
    found = scaled(of, of.algorithms, 0.5, 3)
    conditions = {name.partition("*")[0]: c for v in found for name, c in v.conditions.items()}
    assert [leg.threshold for leg in conditions["Mu"].legs] == [23, 1]  # 22 and 0 GeV
    assert (conditions["HTT"].threshold, conditions["N"].threshold) == (200, 9)
    variants, codes = loosened(of, of.algorithms[0], 0.5, 4, 10)
    assert codes == [40, 34, 28, 22]
    assert [v.group for v in variants] == [10, 11, 12, 13]
    built = list(menus(of, [*found, *variants]))
    assert [groups for _, groups in built] == [[3, 3, 3, 10, 11, 12, 13]]


def flagged(flags: np.ndarray, variants: np.ndarray) -> FlaggedEvents:
    n = flags.shape[1]
    weights = np.ones(n)
    return FlaggedEvents(flags, variants, np.arange(n), weights, n, float(n), float(n), {}, weights)


@pytest.mark.parametrize(("model_part", "expected"), [(0.5, "gains"), (0.02, "loses")])
def test_a_model_is_held_against_looser_cuts(model_part: float, expected: str) -> None:
    """Cut x >= 0.99 and a model; looser cuts pass the signal in proportion to their rate."""
    of = menu(Cut=jet(100), Model=Score(score="vae", lower=5)).model_copy(
        update={"score_types": {"vae": "ufixed<8,8>"}}
    )
    plan = baselines(of)
    rng = np.random.default_rng(1)
    factors = np.array([1.0, *np.linspace(0.99, 0.5, 32), *np.linspace(1.05, 6, 40)])
    families = plan.families["L1_Cut"]

    def sample(n: int, cut: float, model: float) -> FlaggedEvents:
        x = rng.random(n)
        groups = max(families) + 1
        parts = np.concatenate([cut / factors**3, np.linspace(1.1, 6, groups - factors.size) * cut])
        passes = x < parts[:, None]
        return flagged(np.stack([x < cut, rng.random(n) < model]), passes)

    gains = compare(
        ["L1_Cut", "L1_Model"], plan, sample(40_000, 0.01, 0.01), {"s": sample(4000, 0.1, model_part)}, FULL
    )
    pure = next(gain for gain in gains if gain.kind == "pure")
    assert (pure.seed, pure.signal, pure.reached) == ("L1_Model", "s", True)
    assert pure.rate_khz.value == pytest.approx(0.01 * 0.99 * FULL, rel=0.2)
    assert pure.model.value == pytest.approx(model_part * 0.9, abs=0.03)
    assert pure.cuts.value == pytest.approx(0.1, abs=0.03)
    assert pure.verdict == expected
    total = next(gain for gain in gains if gain.kind == "total")
    assert total.model.value == pytest.approx(model_part, abs=0.03)
    assert total.cuts.value == pytest.approx(0.1, abs=0.03)


def test_few_crossings_are_said(tmp_path: Path) -> None:
    gain = ModelGain("s", "x", "pure", *([None] * 4), how="", reached=True, effective=FEWEST - 1)  # type: ignore[arg-type]
    assert gain.verdict == "too few crossings"


def test_command_line(tmp_path: Path) -> None:
    compiled, signal = tmp_path / "m.json", stored(tmp_path / "signal.parquet", events(300))
    compiled.write_text(PLAIN.to_json())
    target, corrections = tmp_path / "out", tmp_path / "c.json"
    arguments = [str(compiled), str(signal), "-o", str(target)]
    turn_on = ["--turn-on", "L1_Jet50=jet.et[0]", "--correctionlib", str(corrections)]
    result = CliRunner().invoke(app, [*arguments, *turn_on])
    assert result.exit_code == 0, result.output
    document = json.loads((target / "efficiency.json").read_text())
    assert document["format"] == "l1forge-efficiency"
    assert {path.name for path in target.iterdir()} == {
        *("efficiency.json", "efficiency.csv", "efficiency.png", "turn_on_L1_Jet50_jet_et_0_.png")
    }
    assert json.loads(corrections.read_text())["schema_version"] == 2
    for extra, message in (
        (["--turn-on", "L1_Jet51=jet.et[0]"], "no evaluated seed"),
        (["--turn-on", "L1_Jet50"], "SEED=QUANTITY"),
        (["--correctionlib", str(corrections)], "no turn-on curves"),
        (["--group", "jets=L1_Tau*"], "no evaluated seed has such a name"),
        (["--zero-bias", str(tmp_path / "none.parquet")], "cannot be read"),
    ):
        refused = CliRunner().invoke(app, [*arguments, *extra])
        assert isinstance(refused.exception, InputError), extra
        assert message in str(refused.exception)
    again = CliRunner().invoke(app, [*arguments, str(signal)])
    assert "given twice" in str(again.exception)


def test_the_study_is_a_table(tmp_path: Path) -> None:
    study = efficiency(PLAIN, [stored(tmp_path / "a.parquet", events(50))])
    assert isinstance(study, MenuEfficiencies)
    assert "without models" in study._repr_html_()
