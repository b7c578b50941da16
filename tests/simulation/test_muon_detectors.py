"""Detectors that differ from the nominal one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.simulation.muons import NO_STUB, MuonSettings, generate
from l1forge.simulation.muons.detectors import (
    NOMINAL,
    Detector,
    load_detector,
    load_randomised,
    names,
    parse,
)
from l1forge.simulation.muons.layers import BENDING, NAMES

PLACE = {name: number for number, name in enumerate(NAMES)}


def muons(detector, n=8000, pt=20.0):
    return generate(n, 5, MuonSettings(0.99 * pt, 1.01 * pt, detector=detector))


def difference(sample, layer, charge):
    """Azimuth of ``layer`` minus MB1's for one charge: median and 68 % half width, in bins."""
    value = sample.value[sample.charge == charge, :, 0].astype(float)
    value[value == NO_STUB] = np.nan
    value = value[:, PLACE[layer]] - value[:, PLACE["MB1"]]
    value = value + np.random.default_rng(0).random(len(value))  # integers have coarse percentiles
    low, middle, high = np.nanpercentile(value, [16, 50, 84])
    return middle, (high - low) / 2


def test_the_nominal_detector_is_the_simulation_of_before():
    """The hash was taken before detectors existed."""
    sample = generate(30_000, 5, MuonSettings(1.5, 200))
    stubs = sample.value.tobytes() + sample.eta.tobytes() + sample.quality.tobytes()
    assert hashlib.sha256(stubs).hexdigest()[:12] == "aed469dd70b4"
    assert names() == ("nominal", "other")
    assert load_detector("nominal") == NOMINAL


def test_the_other_detector_is_wider_and_has_other_layers():
    here, there = (muons(detector, pt=4.0) for detector in (NOMINAL, load_detector("other")))
    for layer in ("MB2", "MB3", "ME1/3"):
        assert 1.4 < difference(there, layer, 1)[1] / difference(here, layer, 1)[1] < 1.65
    for layer in ("RB1out", "RE2/3"):
        assert (here.value[:, PLACE[layer]] != NO_STUB).any()
    share = (there.value[:, PLACE["MB2"]] != NO_STUB).any(axis=1).mean()
    share /= (here.value[:, PLACE["MB2"]] != NO_STUB).any(axis=1).mean()
    assert share == pytest.approx(0.97, abs=0.02)  # 0.95, and noise


def test_each_number_changes_what_its_name_says():
    here = muons(NOMINAL, pt=10.0)
    weak = muons(Detector(field=0.5), pt=10.0)
    assert difference(weak, "MB2", 1)[0] == pytest.approx(0.5 * difference(here, "MB2", 1)[0], abs=1.5)
    shifts = [0.0] * len(NAMES)
    shifts[PLACE["MB2"]] = 3 * 1.1636  # mrad of three bins
    moved = muons(Detector(alignment=tuple(shifts)), pt=10.0)
    for charge in (-1, 1):
        assert difference(moved, "MB2", charge)[0] - difference(here, "MB2", charge)[0] == pytest.approx(
            3, abs=1
        )
    dead = muons(NOMINAL.without(["ME1/3", "MB3b"]))
    noise = MuonSettings().noise
    assert (dead.value[:, PLACE["ME1/3"]] != NO_STUB).any(axis=1).mean() < 2 * noise
    angle = (dead.value[:, PLACE["MB3b"]] != NO_STUB).any(axis=1).mean()
    assert angle < 0.3 * (here.value[:, PLACE["MB3b"]] != NO_STUB).any(axis=1).mean()
    assert (
        difference(muons(Detector(tails=0.5, tail_width=30)), "MB2", 1)[1]
        > 2.5 * difference(here, "MB2", 1)[1]
    )


def test_randomised_detectors_follow_the_seed_and_stay_in_range():
    ranges = load_randomised()
    first, again, other = (ranges.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    for name, (low, high) in ranges.ranges.items():
        values = np.atleast_1d(getattr(first, name))
        if name == "efficiency":
            values = values[values > 0]
        assert ((values >= low) & (values <= high)).all(), name
    settings = MuonSettings(5, 50, detector=ranges)
    one, two = generate(12_000, 3, settings), generate(12_000, 3, settings, processes=2)
    assert np.array_equal(one.value, two.value)
    dead = sum(
        (np.array(ranges.draw(np.random.default_rng(s)).efficiency)[~BENDING] == 0).mean() for s in range(200)
    )
    assert dead / 200 == pytest.approx(ranges.missing, abs=0.015)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("detectors: {a: {fild: 1}}", r"d.yaml:1:24: unknown key \(got 'fild'\)|unknown key"),
        ("detectors: {a: {field: 11}}", r"out of range \(got 11.0\); give 0 to 10"),
        ("detectors: {a: {tails: 1.5}}", "give 0 to 1"),
        ("detectors: {a: {efficiency: {MB9: 1}}}", "unknown key"),
        ("detectors: {a: {missing: [M2]}}", "is not a muon layer"),
        ("detectors: {a: {field: .nan}}", "out of range"),
        ("detectors: {b: {}}", r"no such detector \(got 'a'\); known: b"),
        ("randomised: {}", "has no detectors"),
        ("", "the file is empty"),
    ],
)
def test_files_that_describe_no_detector(tmp_path: Path, text, message):
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        parse(f"{tmp_path}/d.yaml:a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("detectors: {}", "has no ranges"),
        ("randomised: {}", "has no range of field"),
        ("randomised: {field: [1.1, 0.9]}", "not in order"),
        ("randomised: {field: [1]}", "two numbers are expected"),
    ],
)
def test_files_without_ranges(tmp_path: Path, text, message):
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        parse(f"{tmp_path}/d.yaml:randomised")


def test_command_takes_a_detector(tmp_path: Path, capsys):
    (tmp_path / "mine.yaml").write_text("detectors: {mine: {missing: [MB1]}}")
    out = tmp_path / "muons.parquet"
    arguments = ["simulate-muons", "-n", "1000", "-o", str(out)]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--detector", f"{tmp_path}/mine.yaml:mine", "--dead", "MB2"])
    assert end.value.code == 0
    assert out.exists()
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--detector", "randomised", "--dead", "MB2"])
    assert end.value.code == 2
    assert "a randomised detector draws its dead layers" in capsys.readouterr().err
