"""Evaluation of the muon algorithms: cuts, rates, the page's table, and stubs of another simulation."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import l1forge.simulation.muons
from l1forge.emulator.errors import InputError
from l1forge.models.muon_pt import result_table as report
from l1forge.models.muon_pt.bins import GENERATED_UP_TO, MIN_PT
from l1forge.models.muon_pt.estimators import NOT_FOUND, Estimate, from_logits, golden_patterns, perfect
from l1forge.models.muon_pt.evaluation import cut_at, describe, passing, rate
from l1forge.simulation.muons import MuonSettings, generate
from l1forge.simulation.muons.layers import NAMES
from l1forge.simulation.muons.spectrum import density, rate_weights


@pytest.fixture(scope="module")
def sample():
    return generate(20_000, 41, MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO))


def estimate(score, n):
    return Estimate("x", lambda threshold: score, np.ones(n), np.ones(n))


def test_cuts_have_their_efficiency_with_lost_muons_counted():
    pt = np.linspace(20, 21.99, 1000)
    score = np.arange(1000.0)
    score[::20] = NOT_FOUND  # 5 % lost
    passed = passing(estimate(score, 1000), pt, 20.0)
    assert 0.9 <= passed.mean() <= 0.902
    assert not passed[::20].any()
    assert cut_at(estimate(pt, 1000), pt, 20.0) == pytest.approx(20.2, abs=0.01)


def test_rates_are_sums_of_weights():
    weights = np.array([100.0, 200.0, 700.0])
    assert rate(np.array([True, False, True]), weights) == {
        "kHz": pytest.approx(0.8),
        "error": pytest.approx(np.hypot(100, 700) / 1e3),
    }


def test_weights_integrate_the_spectrum():
    pt = 20 * 1.5 ** np.linspace(0, 1, 50_001)
    grid = np.linspace(20, 30, 10_001)
    integral = 2 * 1.3084e6 * 1e-34 * 2e34 * 0.82 * np.trapezoid(density(grid), grid)
    assert rate_weights(pt, 20, 30).sum() == pytest.approx(integral, rel=1e-3)


def test_all_numbers_of_one_algorithm(sample):
    weights = rate_weights(sample.pt, MIN_PT, GENERATED_UP_TO)
    numbers = describe(golden_patterns(sample), sample, weights)
    ideal = describe(perfect(sample), sample, weights)
    assert ideal["rate_vs_threshold"]["20"]["kHz"] < numbers["rate_vs_threshold"]["20"]["kHz"]
    assert ideal["feed_through"]["share"] == 0
    assert max(ideal["resolution"]) == 0
    assert max(numbers["charge_misidentified"]) < 0.1
    assert all(0 <= share <= 1 for curve in numbers["turn_on"].values() for share in curve)


def test_logits_become_chances():
    logits = np.full((2, 44), -20.0)
    logits[0, 30] = logits[1, 10] = 5.0
    logits[1, 43] = 3.0
    answer = from_logits("x", logits, np.array([True, True]))
    assert answer.score(20.0)[0] > 0.99
    assert answer.score(20.0)[1] < 0.01
    assert answer.charge.tolist() == [-1, 1]
    assert answer.pt[0] > 30 > answer.pt[1]


RESULT = {
    "muons": 10,
    "seed": 1,
    "efficiency": 0.9,
    "threshold_GeV": 20.0,
    "table": {
        "patterns": {
            "rate_kHz": 1.0, "error_kHz": 0.1, "rate_over_patterns": 1.0, "feed_through": 1e-3,
            "feed_through_error": 1e-4, "rate_below_10_GeV_kHz": 0.5,
        }
    },
}  # fmt: skip


def test_the_page_gets_its_table_and_nothing_else_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.refresh(page, RESULT)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| patterns | 1.000 ± 0.100 | 1.00 | (10.0 ± 1.0)e-4 | 0.500 |" in text
    assert "old" not in text
    page.write_text("no markers")
    with pytest.raises(InputError, match=r"page\.md"):
        report.refresh(page, RESULT)
    assert page.read_text() == "no markers"


def test_rounding_keeps_five_digits():
    assert report.rounded({"a": [1.2345678, 3], "b": "x"}) == {"a": [1.2346, 3], "b": "x"}


def test_committed_sample_through_the_command(tmp_path):
    from l1forge.commands.evaluate import app

    stubs = l1forge.simulation.muons.__path__[0] + "/muons.parquet"
    outcome = CliRunner().invoke(app, ["muon_pt", "--stubs", stubs, "-o", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    assert "2000 candidates" in outcome.output
    table = pq.read_table(tmp_path / "muons.parquet").to_pydict()
    pt, network, patterns = (np.array(table[name]) for name in ("pt", "pt_network", "pt_patterns"))
    fast = pt > 25
    assert (network[fast] >= 20).mean() > 0.9
    assert (patterns[fast] >= 15).mean() > 0.9
    assert (network[pt < 5] >= 20).mean() < 0.01
    assert len(NAMES) == 18


def test_simulate_muons_command_writes_what_the_reader_takes(tmp_path):
    from l1forge.commands.simulate_muons import app
    from l1forge.simulation.muons.stubs import read_stubs

    path = tmp_path / "m.parquet"
    outcome = CliRunner().invoke(app, ["-n", "300", "--seed", "3", "-o", str(path)])
    assert outcome.exit_code == 0, outcome.output
    assert read_stubs(path)[1].candidates == 300
