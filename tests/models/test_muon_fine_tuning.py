"""Muon networks and patterns trained on stubs of another simulation."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.models.muon_patterns import load_patterns
from l1forge.models.muon_patterns.train import MIN_MUONS, tuned_tables
from l1forge.models.muon_pt.bins import N_BINS, bin_of
from l1forge.models.muon_pt.momentum import calibrate, calibrate_coarsely, pt_bin, tail_sums
from l1forge.simulation.muons import MuonSettings, generate
from l1forge.simulation.muons.layers import BENDING, NO_STUB
from l1forge.simulation.muons.sample import MuonSample
from l1forge.simulation.muons.stubs import write_stubs

with warnings.catch_warnings():  # torch and Brevitas warn about each other on import
    warnings.simplefilter("ignore")
    import torch

    from l1forge.models.muon_pt import fine_tune


def shifted(muons: int, seed: int) -> MuonSample:
    """Muons whose layers are displaced by -6, 0 or 6 azimuth bins: another detector."""
    sample = generate(muons, seed, MuonSettings(pt_min=3, pt_max=60))
    move = np.where(BENDING, 0, 6 * (np.arange(len(BENDING)) % 3 - 1))[None, :, None]
    value = np.where(sample.value == NO_STUB, NO_STUB, np.clip(sample.value + move, -600, 600))
    return dataclasses.replace(sample, value=value.astype(np.int16))


@pytest.mark.filterwarnings("ignore")
def test_fine_tuning_from_stubs_to_graphs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One epoch on a few stubs lowers the loss; what is written is what evaluate takes."""
    write_stubs(shifted(3000, 8), tmp_path / "other.parquet")
    found = fine_tune.tune(
        tmp_path / "other.parquet", 3, tmp_path / "out", fine_tune.Options(1, 1e-3, 1, 1e-4), lambda _: None
    )
    assert (found["training"], found["choosing"], found["held_out"]) == (1950, 300, 750)
    record = json.loads((tmp_path / "out/muon_pt/fine_tuning.json").read_text())
    assert record["after"] == found["after"]
    small = {kind: found[kind]["algorithms"]["small NN"]["bias"] for kind in ("before", "after")}
    assert small["before"] != small["after"]
    for name in ("muon_pt", "muon_pt_small"):
        names = sorted(path.name for path in (tmp_path / "out" / name).iterdir())
        assert set(names) >= {"calibration.json", "float.npz", "graph.json", "inputs.json", "weights.npz"}
    with np.load(tmp_path / "out/muon_pt_small/weights.npz") as file:
        sizes = [file[name] for name in file.files if name.endswith("weight") and file[name].ndim == 2]
    assert all(abs((size != 0).mean() - 0.5) < 0.02 for size in sizes)  # stays pruned
    arguments = ["evaluate", "muon_pt", "--stubs", str(tmp_path / "other.parquet"), "-o", str(tmp_path / "e")]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--trained", str(tmp_path / "out")])
    assert end.value.code == 0
    assert "quantised NN" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--trained", str(tmp_path / "nothing")])
    assert end.value.code == 2
    assert "is not a trained muon network" in capsys.readouterr().err


def test_mirrored_muons_have_the_other_charge() -> None:
    data = fine_tune.training_set_of(generate(2000, 4, MuonSettings(pt_min=5, pt_max=50)))
    torch.manual_seed(1)
    found = fine_tune.mirrored(data, torch.arange(len(data)))
    turned = found.charge != data.charge
    assert 0.45 < float(turned.float().mean()) < 0.55
    values = data.features[:, : len(BENDING)].float()
    expected = torch.where(turned[:, None], -values, values)
    assert torch.equal(found.features[:, : len(BENDING)], expected)
    assert torch.equal(found.features[:, len(BENDING) :], data.features[:, len(BENDING) :].float())
    assert torch.equal(found.bins, data.bins)


def test_parts_are_disjoint_and_follow_the_seed() -> None:
    parts = fine_tune.split(1000, 4)
    every = np.concatenate([parts.training, parts.choosing, parts.held_out])
    assert np.array_equal(np.sort(every), np.arange(1000))
    assert (len(parts.training), len(parts.choosing), len(parts.held_out)) == (650, 100, 250)
    assert np.array_equal(fine_tune.split(1000, 4).training, parts.training)
    assert not np.array_equal(fine_tune.split(1000, 5).training, parts.training)


def test_stubs_that_cannot_train(tmp_path: Path) -> None:
    sample = generate(500, 1, MuonSettings(pt_min=3, pt_max=60))
    write_stubs(sample, tmp_path / "few.parquet")
    with pytest.raises(InputError, match=r"fewer than 1000 candidates have a true pT \(got 500\)"):
        fine_tune.read(tmp_path / "few.parquet")
    columns = {
        "candidate": np.zeros(3, int),
        "layer": np.arange(3) * 2,
        "phi": np.arange(3),
        "eta": np.ones(3, int),
    }
    np.savez(tmp_path / "blind.npz", **columns)
    with pytest.raises(InputError, match="pt: column is missing; training needs the true pT"):
        fine_tune.read(tmp_path / "blind.npz")


def test_weights_make_any_spectrum_flat_in_its_logarithm() -> None:
    """A sample that is flat in pT: its slow muons are rare, and count for more."""
    sample = generate(40_000, 2, MuonSettings(pt_min=3, pt_max=60))
    keep = np.random.default_rng(0).random(len(sample)) < sample.pt / 60
    data = fine_tune.training_set_of(sample.select(keep))
    flat = fine_tune.training_set_of(sample)
    for low, high in ((10, 14), (20, 24)):
        parts = [
            float(some.weights[(some.bins >= low) & (some.bins < high)].sum() / len(some))
            for some in (data, flat)
        ]
        assert parts[0] == pytest.approx(parts[1], rel=0.15)


def test_few_muons_share_thresholds() -> None:
    """Logits that tell the bin roughly: bands have one threshold, and the efficiency asked for."""
    rng = np.random.default_rng(1)
    bins = bin_of(np.exp(rng.uniform(np.log(2), np.log(180), 3000)))
    centre = np.clip(bins + rng.normal(0, 2, len(bins)), 0, N_BINS - 1)[:, None]
    logits = np.zeros((len(bins), N_BINS + 1), np.int64)
    logits[:, :N_BINS] = np.rint(-16 * (np.arange(N_BINS) - centre) ** 2 / 8)
    found = rng.random(len(bins)) < 0.98
    calibration = calibrate_coarsely(logits, bins, found, 0.9)
    assert len(set(calibration.threshold[7:12].tolist())) == 1
    assert len(set(calibration.threshold[1:].tolist())) == 6
    passed = found & (pt_bin(tail_sums(logits), calibration.threshold) >= bins)
    for low, high in ((1, 12), (12, 24), (24, N_BINS)):
        assert 0.87 < passed[(bins >= low) & (bins < high)].mean() < 0.95
    many = np.tile(np.arange(N_BINS), 200)
    same = logits[np.resize(np.arange(len(logits)), len(many))]
    whole = np.ones(len(many), bool)
    dense = calibrate_coarsely(same, many, whole, 0.9)
    assert np.array_equal(dense.threshold, calibrate(same, many, whole, 0.9).threshold)


def test_patterns_with_few_muons_stay() -> None:
    before = load_patterns()
    sample = generate(3000, 9, MuonSettings(pt_min=5, pt_max=7))
    after, filled = tuned_tables(sample, before)
    assert 0 < filled < 40
    changed = (after.value != before.value).any(axis=(1, 3))
    assert changed.sum() <= filled
    assert MIN_MUONS == 50
    slow = np.arange(before.value.shape[2]) < 10  # patterns below 3.5 GeV: no muon of the sample
    assert not changed[:, slow].any()
