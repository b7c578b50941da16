"""The worked rate study: a threshold for a pure rate, on a small sample with weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.lhc import LHC
from l1forge.emulator.menu.language.load import DEFAULT, load_menu
from l1forge.simulation import SAMPLE
from l1forge.studies.anomaly_budget import _ZeroBias, anomaly_budget, narrowed
from l1forge.studies.rates_menu import menu_rates

SEED = "L1_AD_TailPairs"


@pytest.fixture
def zero_bias(tmp_path: Path) -> Path:
    """6000 crossings behind those that trained the models, each worth two or three."""
    events = next(iter(open_events(SAMPLE / "zerobias.parquet").part(300_000, 306_000).blocks(None, 6000)))
    weight = 2.0 + np.arange(events.n) % 2
    path = tmp_path / "zb.parquet"
    write_events(path, [Events.of_rows({**events, "weight": weight[None]}, events.n)])
    return path


def test_threshold_and_rates_are_those_of_a_rate_study(zero_bias: Path) -> None:
    menu = load_menu(DEFAULT)
    background = _ZeroBias(menu, zero_bias, trained_on=True)
    target = 40.0
    found = background.pure_threshold(SEED, "tail_pairs", target)
    assert found.chosen.khz <= target
    every = np.ones(background.weights.size, bool)
    even = np.arange(every.size) % 2 == 0
    lower = background.scores["tail_pairs"] >= found.threshold - 1
    assert background.rate(~background.cut & lower, even).khz > target
    assert found.pure.khz <= found.total.khz
    assert [t for t, _, _ in found.curve] == sorted({t for t, _, _ in found.curve})
    # the same pure rate as menu_rates has on all events, with the seed at this threshold
    study = menu_rates(narrowed(menu, {SEED: found.threshold}), [zero_bias], trained_on=True)
    seed = next(seed for seed in study.seeds if seed.name == SEED)
    passed = background.scores["tail_pairs"] >= found.threshold
    pure, total = background.rate(~background.cut & passed, every), background.rate(passed, every)
    assert seed.pure_before is not None
    assert pure.khz == pytest.approx(seed.pure_before.khz)
    assert (total.khz, total.low_khz, total.high_khz) == pytest.approx(
        (seed.total_before.khz, seed.total_before.low_khz, seed.total_before.high_khz)
    )
    assert study.finor_before.khz == pytest.approx(background.rate(background.cut | passed, every).khz)
    assert pure.khz < LHC.collision_rate / 1e3


def test_a_whole_study(zero_bias: Path, tmp_path: Path) -> None:
    signal = tmp_path / "ttbar.parquet"
    write_events(signal, [next(iter(open_events(SAMPLE / "ttbar.parquet").part(0, 1000).blocks(None, 1000)))])
    study = anomaly_budget(zero_bias, [signal], seeds=[SEED], target_khz=1.0)
    kinds = [(gain.seed, gain.signal, gain.kind) for gain in study.gains]
    assert kinds == [(SEED, "ttbar", "pure"), (SEED, "ttbar", "total")]
    assert study.prescales.finor_after.khz <= study.prescales.budget_khz == study.cut_menu.khz
    assert next(seed for seed in study.prescales.seeds if seed.name == SEED).prescale == 1
    text = study.markdown()
    assert f"| `{SEED}` | {study.thresholds[0].threshold} |" in text
    rows = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert set(rows) == {6, 9}
    assert study.plot().axes
