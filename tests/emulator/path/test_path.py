"""The trigger path: every stage against a literal evaluation, and independence of threads and block size."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.formats.ugt_vectors import write_test_vectors
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.lhc import LHC, ORBIT
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, Requirement, Score
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.path.path import Decision, TriggerPath
from l1forge.emulator.path.prescale import PrescaleSettings, factor
from l1forge.emulator.path.trigger_control import TriggerControl
from l1forge.emulator.stream.filled import FilledStream
from l1forge.emulator.stream.injection import Injection, Noise
from l1forge.emulator.stream.open import open_stream

OFFICIAL = sorted(Path("/work/shared/data/ugt").glob("collisions2016*.txt"))
MENU = CompiledMenu(
    name="small",
    judge="emulator",
    conditions={
        "now": Combination(legs=(Requirement(type="jet", threshold=1000),)),
        "before": Combination(legs=(Requirement(type="jet", threshold=1000, bx=-1),)),
        "after": Combination(legs=(Requirement(type="jet", threshold=1000, bx=2),)),
        "score": Score(score="sum", lower=1500),
    },
    algorithms=(
        Algorithm(index=0, name="L1_Jet", expression="now"),
        Algorithm(index=70, name="L1_Pair", expression=["and", "before", "after"]),
        Algorithm(index=511, name="L1_Score", expression="score"),
    ),
)


class SumOfJets:
    """A stand-in for a model: the sum of the first two jets."""

    columns = ("jet.et",)

    def __call__(self, events: Events) -> dict[str, np.ndarray]:
        return {"sum": events["jet.et"][:2].astype(np.int32).sum(axis=0)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(8)
    et = np.sort(rng.integers(0, 1030, (12, 9000), np.int16), axis=0)[::-1].copy()
    path = tmp_path_factory.mktemp("path") / "zb.parquet"
    write_events(path, [Events({"jet.et": et}, 9000)])
    return path


ONE_CROSSING = CompiledMenu(
    name="no neighbours",
    judge="emulator",
    conditions={
        "now": MENU.conditions["now"],
        "score": MENU.conditions["score"],
        "any jet": Combination(legs=(Requirement(type="jet", threshold=1),)),
    },
    algorithms=(
        Algorithm(index=0, name="L1_Jet", expression="now"),
        Algorithm(index=200, name="L1_NoJet", expression=["not", "any jet"]),
        Algorithm(index=511, name="L1_Score", expression="score"),
    ),
)


def decide(sample: Path, orbits: int, threads: int, per_block: int) -> tuple[list[Decision], TriggerPath]:
    settings = PrescaleSettings.default([0, 511])
    settings.factors[0], settings.factors[70] = factor("7.5"), 100
    path = TriggerPath(MENU, [SumOfJets()], settings, TriggerControl(), threads)
    stream = FilledStream(open_events(sample), path.columns)
    return list(path.run(stream.recipes(orbits, per_block, path.halo))), path


def test_every_stage_against_a_literal_evaluation(sample: Path) -> None:
    decisions, path = decide(sample, 3, 1, 1)
    (events,) = open_events(sample).blocks()
    n = 3 * ORBIT
    et = np.zeros((12, n), int)
    colliding = np.flatnonzero(np.tile(LHC.colliding, 3))
    et[:, colliding] = events["jet.et"][:, np.arange(colliding.size) % 9000]
    high = (et >= 1000).any(axis=0)
    jet = high
    pair = np.zeros(n, bool)
    pair[1:-2] = high[:-3] & high[3:]
    score = et[:2].sum(axis=0) >= 1500
    bits = np.concatenate([d.algorithms for d in decisions], axis=1)
    for index, expected in ((0, jet), (70, pair), (511, score)):
        np.testing.assert_array_equal(bits[index // 64] >> np.uint64(index % 64) & np.uint64(1), expected)
    assert int(np.bitwise_count(bits).sum()) == jet.sum() + pair.sum() + score.sum()

    fired, count = np.zeros(n, bool), 0
    for i in np.flatnonzero(jet):
        count += 100
        if count >= 750:
            count -= 750
            fired[i] = True
    finor = fired | score  # algorithm 70 is not in the FinOR
    np.testing.assert_array_equal(np.concatenate([d.finor for d in decisions]), finor)
    accept = TriggerControl()(finor)
    np.testing.assert_array_equal(np.concatenate([d.accept for d in decisions]), accept)

    report = path.report()
    assert (report.crossings, report.colliding) == (n, colliding.size)
    assert report.before[[0, 70, 511]].tolist() == [jet.sum(), pair.sum(), score.sum()]
    assert report.after[[0, 70, 511]].tolist() == [fired.sum(), pair.sum(), score.sum()]
    assert report.accepted[0] == (fired & accept).sum()
    assert report.accepted[511] == (score & accept).sum()
    assert report.finor == finor.sum()
    assert report.accounts.accepts == accept.sum()
    assert report.as_json()["algorithms"][0]["count_before"] == jet.sum()
    assert 0 < accept.sum() < finor.sum()
    assert report.simulated == pytest.approx(3 / 11245.5)


@pytest.mark.parametrize(("threads", "per_block"), [(1, 5), (3, 1), (2, 2)])
def test_threads_and_block_size_change_nothing(sample: Path, threads: int, per_block: int) -> None:
    reference, _ = decide(sample, 5, 1, 1)
    decisions, _ = decide(sample, 5, threads, per_block)
    for name in ("algorithms", "fired", "finor", "accept"):
        left = np.concatenate([getattr(d, name) for d in decisions], axis=-1)
        right = np.concatenate([getattr(d, name) for d in reference], axis=-1)
        np.testing.assert_array_equal(left, right)


def test_leaving_out_empty_crossings_changes_nothing(sample: Path) -> None:
    """Signal, noise and a seed that fires on empty crossings included."""
    (events,) = open_events(sample).blocks()
    results = []
    for sparse in (False, True):
        path = TriggerPath(ONE_CROSSING, [SumOfJets()], threads=2)
        stream = FilledStream(
            open_events(sample), path.columns, seed=4, signal=Injection(events, 0.1), noise=Noise(0.05, 2000)
        )
        assert path.halo == 0
        decisions = list(path.run(stream.recipes(5, 2, 0, sparse)))
        assert all((d.block.parts is not None) == sparse for d in decisions)
        results.append(
            [
                np.concatenate([array(d) for d in decisions], axis=-1)
                for array in (lambda d: d.algorithms, lambda d: d.accept, lambda d: d.block.origin)
            ]
        )
    for full, sparse_result in zip(*results, strict=True):
        np.testing.assert_array_equal(full, sparse_result)
    assert {0, 1, 2} == set(results[0][2].tolist())
    noisy = (results[0][0][0, :] & np.uint64(1)).astype(bool) & (results[0][2] == 0)
    assert noisy.any()


def test_a_score_that_nobody_computes(sample: Path) -> None:
    path = TriggerPath(MENU)
    stream = FilledStream(open_events(sample), path.columns)
    with pytest.raises(InputError, match="sum"):
        list(path.run(stream.recipes(1, 1, path.halo)))


def orbit_file(tmp_path: Path, n: int = ORBIT) -> Path:
    rng = np.random.default_rng(2)
    et = np.zeros((12, n), np.int16)
    et[0] = rng.integers(0, 2000, n)
    write_test_vectors(tmp_path / "v.txt", [Events({"jet.et": et}, n)])
    return tmp_path / "v.txt"


def test_test_vectors_are_replayed_with_their_bits_written_out(tmp_path: Path) -> None:
    path = TriggerPath(MENU, [SumOfJets()])
    stream, source = open_stream(orbit_file(tmp_path), None)
    decisions = list(path.run(stream.recipes(2, 1, path.halo)))
    write_test_vectors(tmp_path / "ours.txt", [d.events() for d in decisions])
    (given,), (ours,) = source.blocks(), open_events(tmp_path / "ours.txt").blocks()
    np.testing.assert_array_equal(ours["jet.et"], np.tile(given["jet.et"], 2))
    np.testing.assert_array_equal(ours["algo"][0] & np.uint64(1), ours["jet.et"][0] >= 1000)
    np.testing.assert_array_equal(ours["finor"][0], (ours["algo"] != 0).any(axis=0))


def test_stream_of_crossings_with_a_gap_is_refused(tmp_path: Path) -> None:
    bx = np.array([[0, 1, 3]], np.int16)
    write_events(tmp_path / "gap.parquet", [Events({"bx": bx, "jet.et": np.zeros((12, 3), np.int16)}, 3)])
    stream, _ = open_stream(tmp_path / "gap.parquet", None)
    with pytest.raises(InputError, match=r"crossing 2: BX number 2 expected \(got 3\)"):
        list(stream.recipes(1))


def test_standard_input_keeps_whole_crossings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = orbit_file(tmp_path, 40).read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-100])
    path = TriggerPath(MENU, [SumOfJets()])
    with (tmp_path / "cut").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        stream, source = open_stream(Path("-"), path.columns)
        decisions = list(path.run(stream.recipes(None, 1, path.halo)))
    assert sum(d.block.n for d in decisions) == 39
    assert source.notes == {"rows broken off, dropped": 1}
    assert stream.missing == ORBIT - 39


@pytest.mark.parametrize("vectors", OFFICIAL, ids=lambda path: path.stem)
def test_official_vectors_come_back_through_the_stream(vectors: Path) -> None:
    """A complete experiment's menu, replayed for two orbits: every algorithm bit of the file, twice."""
    path = TriggerPath(load_menu(vectors.with_suffix(".menu.xml")))
    stream, source = open_stream(vectors, path.columns)
    decisions = list(path.run(stream.recipes(2, 1, path.halo)))
    (expected,) = source.blocks(["algo", "finor"])
    ours = np.concatenate([decision.algorithms for decision in decisions], axis=1)
    np.testing.assert_array_equal(ours, np.tile(expected["algo"], 2))
    assert len(path.menu.algorithms) == 247
