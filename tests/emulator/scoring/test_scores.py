"""Score files and their distribution."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.scoring.files import KEY, Distribution, open_writer

SCORE = FixedType.parse("ufixed<18,14>")
LATENT = FixedType.parse("fixed<10,5>")


def test_file_holds_raw_integers_and_their_types(tmp_path):
    path = tmp_path / "s.parquet"
    with open_writer(path, {"score": (SCORE, 1), "z": (LATENT, 3)}, {"model": "m"}) as writer:
        writer.append({"score": np.array([1, 2]), "z": np.array([[1, 2], [3, 4], [-5, 6]])})
        writer.append({"score": np.array([3]), "z": np.array([[7], [8], [9]])})
    table = pq.read_table(path)
    assert table["score"].to_pylist() == [1, 2, 3]
    assert table["z"].to_pylist() == [[1, 3, -5], [2, 4, 6], [7, 8, 9]]
    note = json.loads(table.schema.metadata[KEY])
    assert note["types"] == {"score": "ufixed<18,14>", "z": "fixed<10,5>"}


def test_interrupted_writing_leaves_nothing(tmp_path):
    def interrupted():
        with open_writer(tmp_path / "s.parquet", {"score": (SCORE, 1)}, {}) as writer:
            writer.append({"score": np.array([1])})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("type_", ["ufixed<18,14>", "fixed<10,5>"])
def test_quantiles_of_narrow_scores_are_exact(type_):
    distribution = Distribution(FixedType.parse(type_))
    values = np.arange(0, 100)
    distribution.add(values[:40])
    distribution.add(values[40:])
    assert distribution.n == 100
    assert [distribution.quantile(q) for q in (0.5, 0.9, 1.0)] == [49, 89, 99]
    assert distribution.maximum() == 99


def test_quantiles_of_wide_scores_are_rounded_down_to_their_bin():
    distribution = Distribution(FixedType.parse("fixed<40,20>"))
    distribution.add(np.array([-(1 << 39), (1 << 39) - 1]))
    assert distribution.quantile(0.5) == -(1 << 39)
    assert distribution.maximum() == ((1 << 39) - 1) >> 20 << 20
