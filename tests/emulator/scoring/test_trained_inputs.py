"""Records of training inputs: exact histograms, round trip, and what counts as different."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.scoring.trained_inputs import (
    FIRST,
    Comparison,
    Feature,
    Recorder,
    TrainedInputs,
    record_beside,
)

NAMES = ["pt", "eta", "flag", "0"]


def sample(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pt = np.minimum(rng.exponential(40, n), 511).astype(np.int64)
    return np.stack([pt, rng.integers(-80, 81, n), np.where(pt > 0, 64, 0), np.zeros(n, np.int64)], axis=1)


TRAINED = TrainedInputs.of("net", "a sample", NAMES, sample(50_000, 1))


def findings(values: np.ndarray, blocks: int = 1) -> dict[str, str]:
    made = Comparison(TRAINED)
    for block in np.array_split(values, blocks):
        made.add({name: block[:, i] for i, name in enumerate(NAMES) if name != "0"})
    return {found.feature: str(found) for found in made.findings()}


def test_range_and_histogram() -> None:
    feature = Feature.of("x", np.arange(16))
    assert (feature.low, feature.high) == (0, 15)
    assert feature.edges == (2, 4, 6, 8, 10, 12, 14)
    assert feature.counts == (2,) * 8
    assert Feature.of("x", np.array([0] * 15 + [7])).counts == (16,)
    rare = Feature.of("x", np.array([0] * 12 + [7] * 4))
    assert (rare.edges, rare.counts) == ((7,), (12, 4))


def test_written_and_read_back(tmp_path: Path) -> None:
    TRAINED.save(tmp_path / "inputs.json")
    assert TrainedInputs.load(tmp_path / "inputs.json") == TRAINED
    assert [feature.name for feature in TRAINED.features] == ["pt", "eta", "flag"]
    assert record_beside("a/graph.json") == Path("a/inputs.json")
    assert record_beside("a/mine.json") == Path("a/mine.inputs.json")


@pytest.mark.parametrize("n", [1, 3, 10, 100, 1000, 20_000])
def test_more_of_the_same_is_quiet(n: int) -> None:
    for seed in range(20):
        assert findings(sample(n, 100 + seed), min(n, 5)) == {}


def test_a_column_of_zeros_another_unit_and_a_wider_range_are_reported() -> None:
    values = sample(5000, 2)
    constant, scaled, wide = values.copy(), values.copy(), values.copy()
    constant[:, 1] = -376
    assert findings(constant) == {
        "eta": "eta: 100 % of the values outside -80 .. 80 (here -376),"
        " distributed differently (88 % of the values would have to move)"
    }
    zero = values.copy()
    zero[:, 1] = 0
    assert "eta: distributed differently (88 % of the values would have to move)" in findings(zero)["eta"]
    scaled[:, 0] *= 4
    assert set(findings(scaled)) == {"pt"}
    wide[::100, 1] = 100
    assert findings(wide) == {"eta": "eta: 1 % of the values outside -80 .. 80 (here -80 .. 100)"}


def test_late_blocks_are_looked_at_and_few_events_can_be_told() -> None:
    values = sample(200_000, 3)
    values[150_000:, 1] = 127
    assert set(findings(values, blocks=20)) == {"eta"}
    assert set(findings(np.array([[40, 127, 64, 0]]))) == {"eta"}


@pytest.mark.parametrize("size", [1, 100, 3564])
def test_small_blocks_are_gathered(size: int) -> None:
    values = sample(30_000, 4)
    made = Comparison(TRAINED)
    for first in range(0, len(values), size):
        block = values[first : first + size]
        made.add({"eta": block[:, 1] + (200 if first > 20_000 else 0)})
    assert FIRST <= made.events <= FIRST + (30_000 - FIRST) // 64 + 1
    (found,) = made.findings()
    assert found.seen[1] > 250
    assert 0.004 < found.outside < 0.012


def test_inputs_that_are_not_given_or_not_recorded_are_left_out() -> None:
    made = Comparison(TRAINED)
    made.add({"eta": np.zeros(1000, np.int16), "other": np.zeros(1000, np.int16)})
    made.add({"eta": np.zeros(0, np.int16)})
    assert [found.feature for found in made.findings()] == ["eta"]
    assert made.events == 1000


def test_a_record_of_few_or_of_no_events() -> None:
    recorder = Recorder(most=5)
    with pytest.raises(InputError, match="no events to record"):
        recorder.record("net", "x")
    recorder.add({"a": np.arange(3), "b": np.zeros(3, np.int64)})
    recorder.add({"a": np.arange(3, 9), "b": np.zeros(6, np.int64)})
    record = recorder.record("net", "x")
    assert record.events == 5
    assert [(f.name, f.low, f.high) for f in record.features] == [("a", 0, 4), ("b", 0, 0)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "other"}, None),
        ({"version": 2}, None),
        ({"events": 7}, "pt"),
        ({"features": [{"name": "a"}]}, None),
        ({"features": [{"name": "a", "low": 0, "high": 1, "edges": [1, 1], "counts": [1, 1, 49998]}]}, "a"),
        ({"features": [{"name": "a", "low": 0, "high": 1, "edges": [1], "counts": [50000]}]}, "a"),
    ],
)
def test_what_is_no_record(tmp_path: Path, change: dict[str, object], field: str | None) -> None:
    path = tmp_path / "inputs.json"
    TRAINED.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError) as refused:
        TrainedInputs.load(path)
    assert refused.value.field == field
    assert str(path) in str(refused.value)
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="not a record of training inputs"):
        TrainedInputs.load(path)
