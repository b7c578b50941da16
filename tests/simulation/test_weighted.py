"""A weighted sample: every crossing has one class, weights add up to the exposure, rates agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import metadata, read_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.simulation import weighted
from l1forge.simulation.crossing import class_crossings, crossings
from l1forge.simulation.mixing import class_probabilities, library
from l1forge.simulation.pool import load
from l1forge.simulation.processes import FINE_STRATA, STRATA
from l1forge.simulation.rarity import LEVELS, PLAIN_PART, Rarity
from l1forge.simulation.weighted import CALORIMETER, OFTEN, POOL_EVENTS, WeightedRun, kept_rows, simulate
from tests.simulation.conftest import write_part


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightedRun:
    """A run whose pools are synthetic: harder strata are rarer and have higher towers."""
    monkeypatch.setattr(weighted, "CHUNK", 200)
    monkeypatch.setattr(weighted, "PILOT", 300)
    run = WeightedRun(600, 3, tmp_path / "cache", pileup=5.0, pool_scale=0.001)
    for k, part in enumerate(run.pool_parts()):
        write_part(part.path, k, 70.0 if k == 0 else 20.0 / 2**k, scale=1 + k)
    return run


def load_all(path: Path) -> Events:
    return Events.concatenate(
        list(
            read_events(
                path, [*open_events(path, weighted=True).columns, "weight", "stratum", "collision", "pileup"]
            )
        )
    )


def test_every_stratum_has_a_pool_and_a_share() -> None:
    assert list(FINE_STRATA) == list(POOL_EVENTS) == list(OFTEN)
    assert set(FINE_STRATA) & set(STRATA) == {"w", "dy"}
    assert set(CALORIMETER) <= set(OFTEN)
    edges = [name.removeprefix("qcd").split("to") for name in FINE_STRATA if name.startswith("qcd")]
    assert [high for _, high in edges[:-1]] == [low for low, _ in edges[1:]]
    assert (edges[0][0], edges[-1][1]) == ("15", "inf")


def test_literal_probabilities_of_classes() -> None:
    mean = np.array([50.0, 1.0, 0.1])
    found = class_probabilities(mean)
    assert found == pytest.approx([np.exp(-1.1), (1 - np.exp(-1)) * np.exp(-0.1), 1 - np.exp(-0.1)])
    assert found.sum() == pytest.approx(1, abs=1e-15)


def test_classes_are_those_of_plain_crossings() -> None:
    """Numbers of collisions per stratum, drawn class by class with their probabilities, are Poisson again."""
    from l1forge.simulation.mixing import Library, mix_class

    mean = np.array([2.0, 1.2, 0.4])
    towers = np.arange(3)  # a collision of stratum k puts 1 GeV into tower k
    zeros = np.zeros(4, np.int64)
    lib = Library(
        *(towers, np.ones(3, np.float32), np.zeros(3, np.float32), np.arange(4), np.zeros((0, 6)), zeros),
        *(np.arange(4), mean),
    )
    rng = np.random.default_rng(1)
    em, had, muons = np.zeros(5760, np.float32), np.zeros(5760, np.float32), np.zeros((64, 4))
    causes, n, found = np.zeros(3, np.int64), 20_000, np.zeros(3)
    for hardest, probability in enumerate(class_probabilities(mean)):
        for event in range(n):
            mix_class(rng, lib, hardest, event, em, had, muons, causes)
            total = em.sum()
            assert causes[0] == (hardest if total else -1)
            assert causes[2] == total
            found += probability / n * np.array([total, total**2, total == 0])
    expected = mean.sum()
    assert found[:2] == pytest.approx([expected, expected + expected**2], rel=0.02)
    assert found[2] == pytest.approx(np.exp(-expected), rel=0.07)  # four standard deviations


def test_weights_add_up_to_the_exposure(run: WeightedRun, tmp_path: Path) -> None:
    path = tmp_path / "w.parquet"
    written = simulate(run, path)
    events, header = load_all(path), metadata(path)
    assert events.n == written < run.to_simulate
    assert events["weight"].sum() == pytest.approx(600, rel=1e-12)
    for k, stratum in enumerate(header["strata"]):
        mine = events["stratum"][0] == k
        assert events["weight"][0, mine].sum() == pytest.approx(600 * stratum["probability"], rel=1e-12)
        first = sum(s["pool"] for s in header["strata"][:k])
        used = events["collision"][0, mine]
        assert ((used > first) & (used <= first + stratum["pool"]) | ((used == 0) & (k == 0))).all()
    assert header["exposure"] == 600
    mean = (events["weight"] * events["pileup"]).sum() / 600
    assert mean == pytest.approx(run.pileup, rel=0.2)
    assert header["effective"] == pytest.approx(600**2 / (events["weight"] ** 2).sum())


def test_rates_are_those_of_plain_crossings(run: WeightedRun, tmp_path: Path) -> None:
    big = replace(run, n=6000)
    path = tmp_path / "w.parquet"
    simulate(big, path)
    events = load_all(path)
    strata = [load(name, n, run.pool_seed, run.pools) for name, n in run.strata().items()]
    plain = crossings(np.random.default_rng(9), library(strata, run.pileup), 20_000)
    weight = events["weight"][0]
    for name in ("jet.et", "htt.et", "ett.et", "mu.pt", "tau.et"):
        for part in (0.5, 0.9, 0.99, 0.999):
            cut = np.quantile(plain[name][0], part)
            expected = (plain[name][0] > cut).mean()
            passed = events[name][0] > cut
            error = np.hypot(
                np.sqrt((weight[passed] ** 2).sum()) / 6000, np.sqrt(expected * (1 - expected) / 20_000)
            )
            assert abs(weight[passed].sum() / 6000 - expected) <= 3.5 * error, (name, part)


def test_wrong_weights_are_noticed(run: WeightedRun, tmp_path: Path) -> None:
    """The check above, with the classes weighted alike, must fail."""
    big = replace(run, n=6000)
    path = tmp_path / "w.parquet"
    simulate(big, path)
    events = load_all(path)
    strata = [load(name, n, run.pool_seed, run.pools) for name, n in run.strata().items()]
    plain = crossings(np.random.default_rng(9), library(strata, run.pileup), 20_000)
    cut = np.quantile(plain["jet.et"][0], 0.9)
    expected = (plain["jet.et"][0] > cut).mean()
    alike = np.full(events.n, 6000 / events.n)
    passed = events["jet.et"][0] > cut
    error = np.sqrt((alike[passed] ** 2).sum()) / 6000
    assert alike[passed].sum() / 6000 - expected > 5 * error


def test_processes_and_interruptions_change_nothing(run: WeightedRun, tmp_path: Path) -> None:
    simulate(run, tmp_path / "one.parquet")
    for _, _, _, path in run.chunks()[1:]:
        path.unlink()
    stamp = run.chunks()[0][3].stat().st_mtime_ns
    assert 0 < run.finished < run.to_simulate
    steps = run.make_chunks(1)
    next(steps)
    steps.close()
    simulate(run, tmp_path / "two.parquet", jobs=2)
    assert run.chunks()[0][3].stat().st_mtime_ns == stamp
    one, two = load_all(tmp_path / "one.parquet"), load_all(tmp_path / "two.parquet")
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert replace(run, seed=4).work != run.work != replace(run, n=601).work


def test_one_of_every_level_is_kept() -> None:
    level = np.repeat(np.arange(LEVELS, dtype=np.uint8), [5, 4000, 4000, *[1] * (LEVELS - 3)])
    kept = kept_rows(np.random.default_rng(1), level)
    counts = np.bincount(level[kept], minlength=LEVELS)
    assert counts[0] == 5
    assert counts[1:3] == pytest.approx([2000, 1000], rel=0.1)
    assert (counts[3:] == 1).all()
    rare = np.full(4, LEVELS - 1, np.uint8)
    alone = sum(kept_rows(np.random.default_rng(i), rare).astype(int) for i in range(400))
    assert alone == pytest.approx([100] * 4, abs=40)


def test_rare_contents_are_kept_whole() -> None:
    n = 40_000  # 12 of them, three groups of equal values, are as rare as PLAIN_PART
    jets = np.zeros((12, n), np.int16)
    jets[0] = np.arange(n) // 4
    shapes = {"mu": 8, "eg": 12, "tau": 12, "jet": 12}
    columns = {
        f"{kind}.{field}": np.zeros((slots, n), np.int16)
        for kind, slots in shapes.items()
        for field in ("et", "eta", "phi", "iso")
        if kind != "mu"
    }
    columns |= {name: np.zeros((8, n), np.int16) for name in ("mu.pt", "mu.qual")}
    sums = ("htt.et", "htt.towercount", "ett.et", "etm.et", "etmhf.et", "htm.et", "htmhf.et")
    columns |= {name: np.zeros((1, n), np.int16) for name in sums} | {"jet.et": jets}
    columns = {name: array for name, array in columns.items() if name != "jet.iso"}
    events = Events(columns, n)
    levels = Rarity.of(events).levels(events)
    assert (levels[-int(n * PLAIN_PART) :] == 0).all()
    assert (np.diff(levels.astype(int)) <= 0).all()
    assert levels[0] == LEVELS - 1


def test_class_crossings_use_the_pool_in_turn(run: WeightedRun) -> None:
    strata = [load(name, n, run.pool_seed, run.pools) for name, n in run.strata().items()]
    lib = library(strata, run.pileup)
    causes = class_crossings(np.random.default_rng(1), lib, 3, 7, 50).causes
    assert (causes[:, 0] == lib.first[3] + (7 + np.arange(50)) % 20).all()
    assert ((causes[:, 1] >= -1) & (causes[:, 1] < lib.first[4])).all()


def test_command_line(run: WeightedRun, tmp_path: Path) -> None:
    from l1forge.commands.simulate import app

    output = tmp_path / "w.parquet"
    numbers = ["-n", "600", "--seed", "3", "--pileup", "5", "--pool-scale", "0.001"]
    arguments = ["--weighted", *numbers, "--cache", str(run.cache), "-o", str(output)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert load_all(output)["weight"].sum() == pytest.approx(600)
    refused = CliRunner().invoke(app, ["--weighted", "--process", "ttbar", "-o", str(output)])
    assert isinstance(refused.exception, InputError)
