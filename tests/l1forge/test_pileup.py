"""`l1forge pileup`: points and fits of samples whose rates are known, profiles, refused inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.pileup import app
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import LHC
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, Requirement
from l1forge.emulator.rates.after_rules import after_rules
from l1forge.studies.pileup import luminosity, pileup_rates, read_profile

FULL = LHC.collision_rate / 1e3
A, B = 2e-4, 4e-6
"""Probability to fire: A mu + B mu^2."""
MENU = CompiledMenu(
    name="m",
    conditions={"j": Combination(legs=(Requirement(type="jet", threshold=100),))},
    algorithms=(Algorithm(index=0, name="L1_J", expression="j"),),
)


def fired(flags: np.ndarray, **columns: np.ndarray) -> Events:
    jets = np.zeros((12, flags.size), np.int16)
    jets[0] = np.where(flags, 100, 0)
    return Events({"jet.et": jets, **columns}, flags.size)


def files(folder: Path, n: int = 60_000) -> list[Path]:
    rng = np.random.default_rng(1)
    paths = []
    for mu in (20.0, 40.0, 60.0):
        paths.append(folder / f"mu{mu:g}.parquet")
        write_events(paths[-1], [fired(rng.random(n) < A * mu + B * mu**2)], {"pileup": mu})
    return paths


def with_collisions(path: Path, n: int = 60_000) -> Path:
    """Single collisions and pairs of them fire; events of every second are thinned and weighted."""
    rng = np.random.default_rng(2)
    collisions = rng.poisson(52, n)
    flags = rng.random(n) < A * collisions + B * collisions * (collisions - 1)
    weight = np.where(np.arange(n) % 2, 3.0, 1.0)
    keep = (weight == 1) | (rng.random(n) < 1 / 3)
    columns = {"weight": weight[None, keep], "pileup": collisions[None, keep].astype(np.uint16)}
    write_events(path, [fired(flags[keep], **columns)])
    return path


def test_files_of_several_pile_ups(tmp_path: Path) -> None:
    study = pileup_rates(MENU, files(tmp_path)[::-1])
    assert study.mode == "files"
    seed, finor = study.curves
    assert (seed.name, finor.name) == ("L1_J", "FinOR")
    assert [point.pileup for point in seed.points] == [20, 40, 60]
    assert seed.points == finor.points
    linear, quadratic = seed.fits
    assert quadratic.values == pytest.approx((A * FULL, B * FULL), rel=0.4)
    assert (quadratic.degrees, linear.degrees) == (1, 2)
    assert quadratic.chi2 < 9 < linear.chi2
    at = {e.pileup: e for e in quadratic.extrapolated}
    for mu in (140.0, 200.0):
        expected = FULL * (A * mu + B * mu**2)
        assert abs(at[mu].khz - expected) < 3 * at[mu].error_khz
        assert at[mu].error_khz < 0.4 * expected
    assert at[140.0].luminosity == pytest.approx(5.4e34, rel=0.01)


def test_bins_of_collisions_of_weighted_events(tmp_path: Path) -> None:
    path = with_collisions(tmp_path / "w.parquet")
    study = pileup_rates(MENU, [path], edges=[30, 45, 52, 60, 80])
    seed = study.curves[0]
    assert study.mode == "bins"
    assert len(seed.points) == 4
    for point in seed.points:
        expected = FULL * (A * point.pileup + B * point.pileup**2)
        assert abs(point.rate.khz - expected) < 3.5 * (point.rate.high_khz - point.rate.low_khz) / 2
    assert seed.fits[1].chi2 < 12
    assert len(pileup_rates(MENU, [path]).curves[0].points) == 8


def test_profiles(tmp_path: Path) -> None:
    profile = tmp_path / "p.csv"
    profile.write_text("pileup,weight\n20,1\n60,3\n\n")
    study = pileup_rates(MENU, files(tmp_path), profile=profile)
    low, _, high = (point.rate for point in study.curves[0].points)
    found = study.curves[0].profile
    assert found is not None
    assert found.khz == pytest.approx((low.khz + 3 * high.khz) / 4)
    assert found.high_khz - found.khz == pytest.approx(
        np.hypot((low.high_khz - low.khz) / 4, 3 * (high.high_khz - high.khz) / 4)
    )
    profile.write_text("pileup,weight\n61,1\n")
    assert pileup_rates(MENU, files(tmp_path), profile=profile).curves[0].profile is None
    for text, message in (
        ("mu,weight\n", "header"),
        ("pileup,weight\n1,a\n", "line 2"),
        ("pileup,weight\n1,-1\n", "not a profile"),
        ("pileup,weight\n1,0\n", "no weight above 0"),
        ("pileup,weight\n1\n", "line 2"),
    ):
        profile.write_text(text)
        with pytest.raises(InputError, match=message):
            read_profile(profile)


def test_luminosity_of_the_sample() -> None:
    assert luminosity(52, LHC) == pytest.approx(2.0e34, rel=0.01)


@pytest.mark.parametrize(
    ("khz", "expected"), [(50, 0.997), (100, 0.990), (150, 0.975), (300, 0.902), (750, 0.618)]
)
def test_rates_behind_trigger_rules(khz: float, expected: float) -> None:
    """Published parts of random accepts."""
    found = after_rules(khz, LHC)
    assert found.part == pytest.approx(expected, abs=0.003)
    assert found.khz == pytest.approx(khz * found.part)
    assert 0 < found.error < 0.003


def test_rates_behind_trigger_rules_at_the_ends() -> None:
    assert after_rules(0, LHC).part == 1
    everything = after_rules(1e9, LHC)
    assert everything.part == pytest.approx(4 / 240, rel=0.01)


def test_command_line(tmp_path: Path) -> None:
    compiled = tmp_path / "m.json"
    compiled.write_text(MENU.to_json())
    path = with_collisions(tmp_path / "w.parquet", 4000)
    arguments = [str(compiled), str(path), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--bins", "30,52,80", "--at", "100"])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out/pileup.json").read_text())["format"] == "l1forge-pileup"
    plain = tmp_path / "plain.parquet"
    write_events(plain, [fired(np.ones(10, bool))])
    for given, message in (
        ([*arguments, "--bins", "30,20"], "rising edges"),
        ([*arguments, "--bins", "a"], "numbers expected"),
        ([*arguments, "--bins", "1,2"], "no event lies"),
        ([*arguments, "--at", "0"], "between 0 and 1000"),
        ([str(compiled), str(plain), "-o", str(tmp_path / "out")], "several mean pile-ups"),
    ):
        refused = CliRunner().invoke(app, given)
        assert isinstance(refused.exception, InputError), (given, refused.output)
        assert message in str(refused.exception)
