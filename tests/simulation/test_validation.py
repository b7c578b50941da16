"""Seeds count what their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT_FREQUENCY
from l1forge.simulation.rate_comparison import MARKS, markdown, rate_curve, update_document
from l1forge.simulation.validation import SEEDS, leading, seed_rates

NAMES = [f"{kind}.{f}" for kind in ("eg", "tau") for f in ("et", "eta", "phi", "iso")]
NAMES += [f"jet.{f}" for f in ("et", "eta", "phi")] + ["htt.et", "etmhf.et", "mu.pt", "mu.eta", "mu.qual"]


def crossing(**values: int) -> Events:
    events = Events({}, 1)
    columns = {name: np.array(events.column(name)) for name in NAMES}
    for key, value in values.items():
        kind, field, slot = key.split("_")
        columns[f"{kind}.{field}"][int(slot), 0] = value
    return Events(columns, 1)


@pytest.mark.parametrize(
    ("seed", "values", "expected"),
    [
        ("SingleMu22", {"mu_pt_0": 45, "mu_qual_0": 12}, True),  # code 45: [22, 22.5) GeV
        ("SingleMu22", {"mu_pt_0": 44, "mu_qual_0": 12}, False),
        ("SingleMu22", {"mu_pt_0": 45, "mu_qual_0": 8}, False),
        ("SingleJet180", {"jet_et_0": 360}, True),
        ("SingleJet180", {"jet_et_0": 359}, False),
        ("SingleEG36er2p5", {"eg_et_0": 72, "eg_eta_0": 60}, False),
        ("SingleEG36er2p5", {"eg_et_0": 80, "eg_eta_0": 60, "eg_et_1": 72}, True),
        ("DoubleIsoTau32er2p1", {"tau_et_0": 64, "tau_et_1": 64, "tau_iso_0": 1}, False),
        ("DoubleIsoTau32er2p1", {"tau_et_0": 64, "tau_et_1": 64, "tau_iso_0": 1, "tau_iso_1": 1}, True),
        (
            "DoubleJet_110_35_Mass620",
            dict(jet_et_0=220, jet_et_1=70, jet_eta_0=60, jet_eta_1=-60),
            True,
        ),
        ("DoubleJet_110_35_Mass620", {"jet_et_0": 220, "jet_et_1": 70}, False),
        ("ETMHF100", {"etmhf_et_0": 200}, True),
    ],
)
def test_seed(seed: str, values: dict[str, int], expected: bool) -> None:
    assert SEEDS[seed][1](crossing(**values)).tolist() == [expected]


def test_leading_skips_what_is_not_accepted() -> None:
    events = crossing(eg_et_0=80, eg_et_1=60, eg_iso_1=1)
    assert leading(events, "eg", 0, accept=events["eg.iso"] > 0).tolist() == [30.0]


def test_rate_is_normalised_to_the_machine() -> None:
    blocks = [crossing(mu_pt_0=60, mu_qual_0=12)] + [crossing()] * 3
    rates, union, n = seed_rates(iter(blocks))
    by_name = {rate.seed: rate for rate in rates}
    assert n == 4
    assert by_name["SingleMu22"].passed == union.passed == 1
    assert by_name["SingleMu22"].rate == ORBIT_FREQUENCY * COLLIDING_BUNCHES / 1e3 / 4
    assert "| SingleMu22 | 1 |" in markdown(rates)


def test_rate_curve_counts_at_and_above_the_threshold() -> None:
    rate, _ = rate_curve(np.array([1, 0, 2, 1]), 4)
    scale = ORBIT_FREQUENCY * COLLIDING_BUNCHES / 1e3 / 4
    assert rate.tolist() == [4 * scale, 3 * scale, 3 * scale, 1 * scale]


def test_the_document_keeps_everything_but_the_table(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    update_document(path, "new")
    assert path.read_text() == f"before\n{MARKS[0]}\n\nnew\n\n{MARKS[1]}\nafter\n"
    path.write_text("nothing")
    with pytest.raises(InputError, match="marks"):
        update_document(path, "new")
