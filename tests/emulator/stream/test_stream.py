"""The stream: the same crossings whatever the block size, file size or order of evaluation."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import EventSource, open_events
from l1forge.emulator.lhc import CROSSING_FREQUENCY, LHC, ORBIT, FillingScheme, from_trains, load_scheme
from l1forge.emulator.stream.blocks import COLLISION, EMPTY, SIGNAL, Block, ReplayStream
from l1forge.emulator.stream.filled import FilledStream
from l1forge.emulator.stream.injection import Injection, Noise, probability


def numbered(n: int, first: int = 1) -> Events:
    """Event k carries k in its columns: low part in et, high part in eta."""
    k = np.arange(first, first + n)
    et, eta = np.zeros((12, n), np.int16), np.zeros((12, n), np.int16)
    et[0], eta[0] = k % 2000 + 1, k // 2000
    return Events({"jet.et": et, "jet.eta": eta, "jet.phi": np.zeros((12, n), np.int16)}, n)


@pytest.fixture
def sample(tmp_path: Path) -> EventSource:
    write_events(tmp_path / "zb.parquet", [numbered(10_000)])
    return open_events(tmp_path / "zb.parquet")


def run(stream: FilledStream | ReplayStream, orbits: int, per_block: int = 2, halo: int = 2) -> list[Block]:
    return [recipe() for recipe in stream.recipes(orbits, per_block, halo)]


def interior(block: Block, name: str) -> np.ndarray:
    return block.events[name][:, block.halo : block.halo + block.n]


def joined(blocks: list[Block], name: str) -> np.ndarray:
    return np.concatenate([interior(block, name) for block in blocks], axis=1)


def test_the_built_in_scheme() -> None:
    assert LHC.count == 2748
    assert LHC.colliding[69:81].all()
    assert not LHC.colliding[:69].any()
    assert not LHC.colliding[-121:].any()
    assert pytest.approx(40.079e6, rel=1e-4) == CROSSING_FREQUENCY


def test_collisions_in_file_order_and_only_where_bunches_meet(sample: EventSource) -> None:
    blocks = run(FilledStream(sample), 5)
    et, eta = joined(blocks, "jet.et")[0], joined(blocks, "jet.eta")[0]
    colliding = np.tile(LHC.colliding, 5)
    assert not et[~colliding].any()
    number = eta[colliding] * 2000 + et[colliding] - 1
    np.testing.assert_array_equal(number, np.arange(5 * 2748) % 10_000 + 1)
    origin = np.concatenate([block.origin for block in blocks])
    np.testing.assert_array_equal(origin, np.where(colliding, COLLISION, EMPTY))
    np.testing.assert_array_equal(joined(blocks, "bx")[0], np.arange(5 * ORBIT) % ORBIT)


@pytest.mark.parametrize("per_block", [1, 3, 7])
@pytest.mark.parametrize("pool", [12_000, 1 << 20])
def test_block_size_and_pool_size_change_nothing(sample: EventSource, per_block: int, pool: int) -> None:
    signal, noise = Injection(numbered(50, 100_000), 0.01), Noise(0.05)
    reference = run(FilledStream(sample, seed=3, signal=signal, noise=noise), 7, per_block=7)
    small = EventSource(**{**vars(sample), "n": None}) if pool < 20_000 else sample
    stream = FilledStream(small, seed=3, signal=signal, noise=noise, pool=pool)
    blocks = [recipe() for recipe in reversed(list(stream.recipes(7, per_block)))][::-1]
    for name in ("jet.et", "jet.eta", "bx"):
        np.testing.assert_array_equal(joined(blocks, name), joined(reference, name))
    np.testing.assert_array_equal(np.concatenate([b.origin for b in blocks]), reference[0].origin)


def test_halo_shows_the_neighbouring_blocks(sample: EventSource) -> None:
    scheme = FillingScheme("all", np.ones(ORBIT, bool))
    blocks = run(FilledStream(sample, scheme=scheme), 4, per_block=1, halo=2)
    for left, right in pairwise(blocks):
        np.testing.assert_array_equal(left.events["jet.et"][:, -2:], interior(right, "jet.et")[:, :2])
        np.testing.assert_array_equal(right.events["jet.et"][:, :2], interior(left, "jet.et")[:, -2:])
    assert not blocks[0].events["jet.et"][:, :2].any()


def test_signal_and_noise_stay_in_their_crossings(sample: EventSource) -> None:
    signal, noise = Injection(numbered(50, 100_000), 0.02), Noise(0.1)
    blocks = run(FilledStream(sample, seed=5, signal=signal, noise=noise), 20)
    eta = joined(blocks, "jet.eta")[0]
    origin = np.concatenate([block.origin for block in blocks])
    colliding = np.tile(LHC.colliding, 20)
    np.testing.assert_array_equal(eta[origin == SIGNAL], 50)
    assert np.all(eta[origin == COLLISION] < 50)
    assert colliding[origin == SIGNAL].all()
    injected = int(np.count_nonzero(origin == SIGNAL))
    assert injected == 1084  # of 54960 x 0.02 = 1099 +- 33, for this seed
    noisy = int(np.count_nonzero(joined(blocks, "jet.et")[0][~colliding]))
    assert noisy == 1626  # of 16320 x 0.1 = 1632 +- 38, for this seed


def test_probability_from_cross_section() -> None:
    assert probability(900, 2e34, LHC) == pytest.approx(900e-36 * 2e34 / (2748 * 11245.5))
    with pytest.raises(InputError, match="must give 0 to 1 signal events"):
        probability(1e12, 2e34, LHC)


def test_counters() -> None:
    block = Block(numbered(4), (1 << 18) * ORBIT - 2, 0, np.zeros(4, np.uint8))
    assert block.bx.tolist() == [3562, 3563, 0, 1]
    assert block.orbit.tolist() == [262143, 262143, 262144, 262144]
    assert block.luminosity_section.tolist() == [0, 0, 1, 1]


def test_replay_keeps_whole_crossings_and_counts_the_missing_ones() -> None:
    events = numbered(2 * ORBIT + 100)
    stream = ReplayStream(lambda: [events.select(slice(0, 5000)), events.select(slice(5000, events.n))])
    blocks = run(stream, 10, per_block=1)
    np.testing.assert_array_equal(joined(blocks, "jet.et"), events["jet.et"])
    assert blocks[0].first == 0
    assert stream.missing == ORBIT - 100
    for left, right in pairwise(blocks):
        assert right.first == left.first + left.n
        np.testing.assert_array_equal(left.events["jet.et"][:, -2:], interior(right, "jet.et")[:, :2])
    assert not blocks[-1].events["jet.et"][:, -2:].any()


def test_replay_repeats_and_stops() -> None:
    events = numbered(ORBIT)
    stream = ReplayStream(lambda: [events], repeat=True)
    blocks = run(stream, 3, per_block=2)
    np.testing.assert_array_equal(joined(blocks, "jet.et"), np.tile(events["jet.et"], 3))
    assert stream.missing == 0
    before, after = blocks[0].events["jet.et"][0, :2], blocks[-1].events["jet.et"][0, -2:]
    assert before.tolist() == events["jet.et"][0, -2:].tolist()  # one turn of an endless orbit
    assert after.tolist() == events["jet.et"][0, :2].tolist()
    with pytest.raises(InputError, match="no crossings"):
        run(ReplayStream(lambda: []), 1)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_schemes_from_files(tmp_path: Path) -> None:
    for text in (
        json.dumps({"name": "x", "trains": [[10, 3], [20, 1]]}),
        json.dumps({"colliding": [10, 11, 12, 20]}),
        json.dumps({"beam1": [10, 11, 12, 20, 30], "beam2": [1, 10, 11, 12, 20]}),
        "start,length\n10,3\n20,1\n",
        "bx\n10\n11\n12\n20\n",
    ):
        scheme = load_scheme(write(tmp_path / "s", text))
        assert np.flatnonzero(scheme.colliding).tolist() == [10, 11, 12, 20]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"trains": [[3500, 72]]}', "does not fit the orbit"),
        ('{"trains": [[0, 5], [4, 2]]}', "overlaps"),
        ('{"trains": [[0]]}', "pairs of"),
        ('{"colliding": []}', "no crossing collides"),
        ('{"colliding": [1.5]}', "not a whole number"),
        ('{"name": "x"}', "beam1 and beam2 are needed"),
        ('{"name": \n x}', "line 2: not JSON"),
        ("a,b\n1,2\n", "header must be"),
        ("bx\nten\n", "not a whole number"),
        ("", "header must be"),
    ],
)
def test_unusable_schemes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_scheme(write(tmp_path / "s", text))


def test_trains_are_what_they_say() -> None:
    scheme = from_trains("two", [(0, 2), (5, 1)])
    assert (scheme.count, scheme.before[6]) == (3, 3)
    assert Counter(scheme.colliding.tolist()) == {True: 3, False: ORBIT - 3}
