"""Graph files: what is saved is what is read, and every broken file is one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node


def small_graph() -> Graph:
    kind = FixedType.parse("fixed<8,4>")
    weight = Constant(FixedType.parse("int<4>"), np.array([[1, -2], [3, 4]]))
    bias = Constant(FixedType.parse("int<4>"), np.array([0, 1]))
    nodes = [
        Node("x", "input", (), (2,), kind, {"source": ["mu.pt[0]", "0"]}),
        Node("d", "dense", ("x",), (2,), kind, {"accum": "fixed<16,8>"}, {"weight": weight, "bias": bias}),
        Node("y", "relu", ("d",), (2,), FixedType.parse("ufixed<6,4,RND_CONV,SAT>")),
    ]
    return Graph("small", nodes, ["y"], {"note": "test"})


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    small_graph().save(path)
    again = Graph.load(path)
    assert again.to_json() == small_graph().to_json()
    assert again["d"].constants["weight"].data.tolist() == [[1, -2], [3, 4]]
    assert again.inputs[0].attributes["source"] == ["mu.pt[0]", "0"]


def test_subgraph_keeps_what_is_needed() -> None:
    assert [node.name for node in small_graph().subgraph(["d"]).nodes] == ["x", "d"]


def test_wide_constants_survive(tmp_path: Path) -> None:
    wide = Constant(FixedType.parse("int<80>"), np.array([1 << 78, -5], dtype=object))
    graph = Graph("w", [Node("c", "constant", (), (2,), wide.type, {}, {"value": wide})], ["c"])
    graph.save(tmp_path / "w.json")
    assert Graph.load(tmp_path / "w.json")["c"].constants["value"].data.tolist() == [1 << 78, -5]


def _edit(change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(small_graph().to_json())
    change(document)
    return json.dumps(document)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format": (lambda d: d.update(format="x"), "is not a graph file"),
    "version": (lambda d: d.update(version=99), "version is not supported"),
    "operation": (lambda d: d["nodes"][2].update(op="warp"), "unknown operation"),
    "weight": (lambda d: d["nodes"][1].pop("weight"), "lacks its 'weight'"),
    "type": (lambda d: d["nodes"][1].update(type="fixed<8"), "not a fixed-point type"),
    "accum": (lambda d: d["nodes"][1].update(accum="float"), "not a fixed-point type"),
    "range": (lambda d: d["nodes"][1]["weight"]["data"].__setitem__(0, 8), "does not fit its type"),
    "count": (lambda d: d["nodes"][1]["weight"]["data"].pop(), "must have 4 values"),
    "size": (lambda d: d["nodes"][1]["weight"].update(shape=[2**70, 2]), "must have"),
    "fraction": (lambda d: d["nodes"][1]["weight"]["data"].__setitem__(0, 0.5), "list of integers"),
    "order": (lambda d: d["nodes"].reverse(), "not the name of an earlier node"),
    "name": (lambda d: d["nodes"][2].update(name="d"), "two nodes"),
    "shape": (lambda d: d["nodes"][1].update(shape=[3]), "must have shape"),
    "output": (lambda d: d.update(outputs=["z"]), "is not a node"),
    "outputs": (lambda d: d.update(outputs=[]), "no outputs"),
    "attribute": (lambda d: d["nodes"][2].update(slope=2), "has no attribute"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_one_clear_error(case: str, tmp_path: Path) -> None:
    change, message = BROKEN[case]
    path = tmp_path / "graph.json"
    path.write_text(_edit(change), encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        Graph.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(small_graph().to_json()[:-20], encoding="utf-8")
    with pytest.raises(InputError, match="is not JSON"):
        Graph.load(tmp_path / "t.json")
    with pytest.raises(InputError, match="cannot read graph"):
        Graph.load(tmp_path / "none.json")


def test_nothing_is_left_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        small_graph().save(tmp_path / "no" / "graph.json")
    assert list(tmp_path.iterdir()) == []


def test_sources_are_counted_before_a_graph_is_saved():
    with pytest.raises(InputError, match=r"source: needs one entry per element \(2\), not 1"):
        Graph("g", [Node("x", "input", (), (2,), FixedType(9, 9), {"source": ["mu.pt[0]"]})], ["x"])
