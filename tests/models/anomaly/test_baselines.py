"""The baselines: tables of eleven quantities, linear ones, and the cut menu at other thresholds."""

import numpy as np
import pytest

from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.language.load import DEFAULT
from l1forge.models.anomaly import baselines, quantities
from l1forge.models.anomaly.crossings import CutMenu
from l1forge.simulation import SAMPLE


def test_levels_of_re_tuned_cuts() -> None:
    source = open_events(SAMPLE / "ttbar.parquet")
    events = next(iter(source.blocks(block_size=3000)))
    cuts = CutMenu.of(DEFAULT, source.columns)
    levels = baselines.retuned_cuts(cuts.menu)(events)
    accepted = cuts.evaluator()(events)
    as_it_is = int(np.flatnonzero(baselines.FACTORS == 1.0)[0])
    np.testing.assert_array_equal(levels > as_it_is, accepted)
    assert levels.min() < as_it_is < levels.max() <= len(baselines.FACTORS)
    assert {seed.name for seed in cuts.excluded} >= {"L1_AD_VAE", "L1_AD_TailPairs", "L1_VBFTauTau_BDT"}
    assert cuts.absent == ()


def test_columns_that_the_events_lack_are_told() -> None:
    cuts = CutMenu.of(DEFAULT, ["jet.et", "jet.eta", "jet.phi", "etm.et"])
    assert "mu.qual" in cuts.absent
    assert "mu.qual" in cuts.notes()[-1]


def test_linear_scores() -> None:
    rng = np.random.default_rng(1)
    rows = (1000 * rng.normal(0, 1, (5000, 57))).astype(np.int16)
    fitted = baselines.Linear.fit(rows)
    distance, residual = fitted.scores(rows)
    assert abs(distance.mean() - 57) < 0.5  # of 57 independent normal variables
    assert abs(residual.mean() - (57 - baselines.COMPONENTS)) < 3
    far = rows[:1] + np.int16(20_000)
    assert fitted.scores(far)[0][0] > distance.max()


def test_largest_and_sum_of_eleven_tails() -> None:
    values = [np.repeat([0, 10], [990, 10]).astype(np.int16) for _ in baselines.ELEVEN]
    largest, total = baselines.TailTables.fit(values).scores(values)
    assert largest[0] == total[0] == 0
    assert total[-1] == pytest.approx(11 * largest[-1])
    assert largest[-1] > 0


def test_error_of_the_autoencoder_is_larger_far_from_zero_bias() -> None:
    block = next(iter(open_events(SAMPLE / "zerobias.parquet").blocks(block_size=2000)))
    rows = baselines.hardware_rows(block)
    ordinary = baselines.autoencoder_error(rows)
    assert np.isfinite(ordinary).all()
    strange = rows.copy()
    strange[:, 15] = 200  # a muon of 100 GeV
    assert (baselines.autoencoder_error(strange) > ordinary).mean() > 0.99
    assert quantities.columns(baselines.ELEVEN)[0] == "htt.et"
