"""Stimuli: what they must contain, and that they repeat from their seed."""

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.testbench import stimuli
from l1forge.testbench.directed import directed
from l1forge.testbench.stimuli import Plan, sample_files


def test_corners_hold_ends_and_every_edge(design: Graph) -> None:
    block = stimuli.corners(design, 4000, np.random.default_rng(1))
    assert block.shape == (4000, 6)
    np.testing.assert_array_equal(block[:3], [[-128] * 6, [127] * 6, [0] * 6])
    # fixed<8,4> to fixed<6,3,RND_CONV,SAT>: saturates above 31/8 and below -4
    values = stimuli.corner_values(design)[0]
    assert {-128, -127, -64, -63, -62, -61, 60, 61, 62, 63, 127, -1, 0, 1} <= set(values.tolist())
    for column in block.T:
        assert set(values.tolist()) <= set(column.tolist())


def test_corners_hold_the_neighbours_of_every_threshold() -> None:
    def constant(data: list[object], text: str = "fixed<12,12>") -> Constant:
        return Constant(FixedType.parse(text), np.array(data))

    trees = {
        "feature": constant([[0, -1, -1], [1, -1, -1]]),
        "threshold": constant([[100, 0, 0], [-7, 0, 0]]),
        "left": constant([[1, 0, 0]] * 2),
        "right": constant([[2, 0, 0]] * 2),
        "value": constant([[0, 1, 2]] * 2),
        "tree_class": constant([0, 0]),
        "bias": constant([0]),
    }
    attributes = {"split": "<", "accum": "fixed<12,12>"}
    nodes = [
        Node("x", "input", (), (2,), FixedType(10, 10)),
        Node("s", "tree_ensemble", ("x",), (1,), FixedType(12, 12), attributes, trees),
    ]
    first, second = stimuli.corner_values(Graph("t", nodes, ["s"]))
    assert {99, 100, 101} <= set(first.tolist())
    assert {-8, -7, -6} <= set(second.tolist())


def test_random_bits_cover_the_range_and_repeat(design: Graph) -> None:
    first, second = (stimuli.random_bits(design, 5000, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first.min(), first.max()) == (-128, 127)


def test_plan_makes_as_many_as_asked(design: Graph) -> None:
    kinds = Plan(1234).stimuli(design, [], 1)
    counts = {kind: sum(len(block) for block in blocks) for kind, blocks in kinds.items()}
    assert counts == {"real": 0, "corner": 123, "random": 1111}


def test_directed_rows_take_half_of_the_random_share_at_most(design: Graph) -> None:
    found = directed(design, proofs=False)
    kinds = Plan(100).stimuli(design, [], 1, found)
    counts = {kind: sum(len(block) for block in blocks) for kind, blocks in kinds.items()}
    assert counts == {"directed": 45, "real": 0, "corner": 10, "random": 45}
    many = Plan(10_000).stimuli(design, [], 1, found)
    np.testing.assert_array_equal(np.concatenate(list(many["directed"])), found.rows)


def test_real_events_need_sources(design: Graph) -> None:
    with pytest.raises(InputError, match="graph has no event columns"):
        next(stimuli.real_events(design, [Path("nothing")], 10))


def test_real_events_repeat_until_there_are_enough() -> None:
    nodes = [Node("x", "input", (), (2,), FixedType(12, 12, False), {"source": ["jet.et[0]", "0"]})]
    files = [file for file in sample_files() if file.stem == "ttbar"]
    assert files, "the committed sample lacks ttbar.parquet"
    kinds = Plan(60_000, real=1.0, corner=0.0).stimuli(Graph("t", nodes, ["x"]), files, 1)
    block = np.concatenate(list(kinds["real"]))
    assert block.shape == (60_000, 2)
    assert block[:, 0].max() > 100
    assert not block[:, 1].any()
