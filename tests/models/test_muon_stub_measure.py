"""Stubs of another simulation: what is required, what is noticed, and what is measured with truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.cli import main
from l1forge.models.muon_patterns import TRAINED
from l1forge.models.muon_pt.stub_measure import measure
from l1forge.models.muon_pt.stub_tables import percent, plus_minus, remarks, tables
from l1forge.simulation.muons import MuonSample, MuonSettings, generate
from l1forge.simulation.muons.spectrum import rate_weights, rate_weights_of
from l1forge.simulation.muons.stubs import write_stubs


@pytest.fixture(scope="module")
def muons() -> MuonSample:
    return generate(20_000, 91, MuonSettings(pt_min=1.5, pt_max=200))


@pytest.fixture(scope="module")
def stubs(muons: MuonSample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stubs") / "muons.parquet"
    write_stubs(muons, path)
    return path


def changed(stubs: Path, target: Path, **columns: object) -> Path:
    """A copy with columns replaced by a number, or left out (None)."""
    table = pq.read_table(stubs)
    for name, value in columns.items():
        place = table.column_names.index(name)
        table = table.remove_column(place)
        if value is not None:
            table = table.append_column(name, pa.array(np.full(len(table), value)))
    pq.write_table(table.replace_schema_metadata(pq.read_schema(stubs).metadata), target)
    return target


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "muon_pt", *map(str, arguments)])
    return int(end.value.code or 0)


def test_weights_of_any_spectrum_give_the_rates_of_the_inclusive_one() -> None:
    rng = np.random.default_rng(1)
    flat = 1.5 * (200 / 1.5) ** rng.random(50_000)
    known = rate_weights(flat, 1.5, 200)
    steep = 1.5 * (200 / 1.5) ** (rng.random(50_000) ** 2)
    for low in (3, 20, 50):
        expected = known[flat > low].sum()
        assert rate_weights_of(flat)[flat > low].sum() == pytest.approx(expected, rel=0.03)
        assert rate_weights_of(steep)[steep > low].sum() == pytest.approx(expected, rel=0.03)
    assert rate_weights_of(np.full(100, 20.0)).tolist() == [0.0] * 100
    assert rate_weights_of(np.array([20.0])).tolist() == [0.0]


def test_numbers_with_errors_agree_with_our_simulation(muons: MuonSample) -> None:
    result = measure(muons)
    assert result["muons"] == 20_000
    assert result["thresholds_GeV"] == [5.0, 10.0, 20.0, 30.0]
    ideal, network, patterns = (
        result["algorithms"][name] for name in ("perfect pT", "quantised NN", "patterns")
    )
    rate, error = ideal["thresholds"]["20"]["rate_kHz"]
    assert abs(rate - 0.375) < 3 * error < 0.06  # docs/muon.md
    rate, error = network["thresholds"]["20"]["rate_kHz"]
    assert abs(rate - 0.741) < 4 * error
    value, low, high = network["calibrated"]["20"]
    assert 0.85 < low < value < high < 0.95
    assert patterns["calibrated"] is None
    turn_on = [share[0] for share in network["thresholds"]["20"]["turn_on"]]
    assert max(turn_on[:3]) < 0.01
    assert min(turn_on[7:]) > 0.95
    width, error = network["resolution"][0]
    assert abs(width - 0.09) < 0.02
    assert 0 < error < 0.01
    assert all(wrong[0] < 0.03 for wrong in network["charge_misidentified"])
    json.dumps(result)


def test_what_a_small_sample_cannot_tell(muons: MuonSample) -> None:
    few = muons.select(slice(0, 300))
    few.pt[:10] = np.nan
    few.charge[:] = 0
    result = measure(few, networks=False)
    assert result["without_truth"] == 10
    assert list(result["algorithms"]) == ["patterns", "perfect pT"]
    assert result["thresholds_GeV"] == []
    assert [line.split(":")[0] for line in remarks(result)] == [
        "10 candidates have no true pT", *(f"threshold {t} GeV left out" for t in (5, 10, 20, 30)),
    ]  # fmt: skip
    assert result["algorithms"]["patterns"]["charge_misidentified"] == [None] * 3
    assert len(tables(result)) == 1
    few.pt[:] = np.nan
    assert measure(few)["muons"] == 0
    assert percent([0.5, 0.4, 0.7]) == "50.00 ± 15.00"
    assert (percent(None), plus_minus(None), plus_minus([1.0, 0.25])) == ("–", "–", "1.000 ± 0.250")


def test_a_particle_gun_of_one_momentum(muons: MuonSample) -> None:
    gun = muons.select((muons.pt > 20) & (muons.pt < 22))
    gun.pt[:] = 21.0
    result = measure(gun)
    assert result["algorithms"]["quantised NN"]["thresholds"]["20"]["rate_kHz"] is None
    assert "all muons have one pT: no rates" in remarks(result)


def test_networks_need_eta_and_patterns_do_not(stubs: Path, tmp_path: Path, capsys) -> None:
    path = changed(stubs, tmp_path / "no_eta.parquet", eta=None)
    assert run("--stubs", path, "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}: eta: column is missing; the networks read")
    assert not (tmp_path / "out").exists()
    assert run("--stubs", path, "--patterns-only", "-o", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "no column eta: the value is set to 0" in said
    assert "quantised NN" not in said
    assert run("--patterns-only") == 2
    assert "--patterns-only: needs --stubs" in capsys.readouterr().err


def test_stubs_unlike_the_training_are_noticed(stubs: Path, tmp_path: Path, capsys) -> None:
    path = changed(stubs, tmp_path / "zero.parquet", eta=0)
    assert run("--stubs", path, "-o", tmp_path / "out", "--json", tmp_path / "r.json") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 45 inputs of muon_pt differ from training" in said
    assert "eta: 100 % of the values outside -116 .. 204 (here -376)" in said
    report = json.loads((tmp_path / "r.json").read_text())
    assert [found["feature"] for found in report["inputs"]["differ"]] == ["eta"]
    assert report["algorithms"]["quantised NN"]["calibrated"]["20"][0] < 0.1
    assert run("--stubs", path, "--strict", "-o", tmp_path / "strict") == 2
    assert "inputs differ from those muon_pt was trained on: eta: 100 %" in capsys.readouterr().err
    assert not (tmp_path / "strict").exists()
    assert run("--stubs", stubs, "--strict", "-o", tmp_path / "good") == 0
    said = capsys.readouterr().out
    assert "warning" not in said
    assert "passing 20 GeV [%] against true pT [GeV]" in said


def test_patterns_of_a_file_are_a_row_of_their_own(muons: MuonSample, tmp_path: Path, capsys) -> None:
    write_stubs(muons.select(slice(0, 3000)), tmp_path / "some.parquet")
    options = ("--stubs", tmp_path / "some.parquet", "--patterns-only", "-o", tmp_path / "out")
    assert run(*options, "--patterns", TRAINED) == 0
    found = json.loads((tmp_path / "out/stubs.json").read_text())["algorithms"]
    assert found["patterns filled on such stubs"]["resolution"] == found["patterns"]["resolution"]
    capsys.readouterr()
    assert run(*options, "--patterns", tmp_path / "none.npz") == 2
    assert "not a pattern file" in capsys.readouterr().err
    assert run("--patterns", TRAINED, "-o", tmp_path / "out") == 2
    assert "--patterns: needs --stubs" in capsys.readouterr().err
