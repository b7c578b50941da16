"""A graph's trees as a conifer model in hardware integers.

conifer's back ends differ in what they do with types: cpp wants one type for inputs and thresholds, vhdl one
for everything, weights and the normalisation must be able to hold 1. With every number expressed in LSBs, as
``ap_fixed<W,W>``, all of them compute the same and nothing is rounded on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, cast
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.trees import LEAF
from l1forge.firmware.bdt.fold import grid_threshold

CONIFER_LEAF = -2
VHDL_INTEGER_BITS = 32


@dataclass(frozen=True)
class ConiferModel:
    """``ensemble`` is what ``conifer.model.make_model`` takes; widths are signed, in bits."""

    name: str
    ensemble: dict[str, Any]
    input_width: int
    score_width: int
    features: FixedType
    scores: FixedType

    @property
    def n_scores(self) -> int:
        return len(self.ensemble["init_predict"])

    @property
    def width(self) -> int:
        """The one width of conifer's VHDL."""
        return max(self.input_width, self.score_width)


def trees_of(graph: Graph) -> Graph:
    """The tree node alone, on the integers it compares (the casts before it left out).

    Raises
    ------
    InputError
        If the graph does not end in exactly one tree ensemble.
    """
    found = [node for node in graph.nodes if node.op == "tree_ensemble"]
    if len(found) != 1:
        raise InputError("graph must have one tree ensemble", field=graph.name, value=len(found))
    node = found[0]
    before = graph[node.inputs[0]]
    names = (
        {"source": before.attributes["source"]}
        if before.op == "input" and "source" in before.attributes
        else {}
    )
    entry = Node(before.name, "input", (), before.shape, before.type, names)
    return Graph(graph.name, [entry, node], [node.name], graph.meta)


def conifer_model(graph: Graph) -> ConiferModel:
    """Translate the tree node of ``graph``.

    Raises
    ------
    InputError
        If conifer cannot hold it: two scores (conifer takes two classes for one score), a result type other
        than the accumulator's, an accumulator that is not wide enough for all sums.
    """
    alone = trees_of(graph)
    entry, node = alone.nodes
    accum = node.accumulator()
    if len(node.constants["bias"].data) == 2:
        raise InputError("conifer has no model with two scores", field=graph.name)
    if node.type != accum:
        raise InputError(
            "conifer's result has its sums' type", field=f"{graph.name}: type", value=str(node.type)
        )
    value, bias = _in_accumulator(node, "value", accum), _in_accumulator(node, "bias", accum)
    trees = [_tree(node, row, entry.type.fraction, value[row], entry.size) for row in range(len(value))]
    scores = len(bias)
    columns = [
        [t for t, c in zip(trees, node.constants["tree_class"].data, strict=True) if c == s]
        for s in range(scores)
    ]
    for start, column in zip(bias, columns, strict=True):
        _check_range(int(start), column, accum)
    rounds = max(len(column) for column in columns)
    zero = _leaf_tree(0, entry.size)
    for column in columns:
        column += [zero] * (rounds - len(column))
    ensemble = {
        "max_depth": max(_depth(tree) for tree in trees),
        "n_trees": rounds,
        "n_features": entry.size,
        "n_classes": 2 if scores == 1 else scores,
        "trees": [[column[r] for column in columns] for r in range(rounds)],
        "init_predict": [int(b) for b in bias],
        "norm": 1,
        "library": graph.meta.get("library", "l1forge"),
        "splitting_convention": node.attributes["split"],
    }
    return ConiferModel(
        graph.name,
        ensemble,
        max(entry.type.width + (not entry.type.signed), 2),
        max(accum.width + (not accum.signed), 2),
        entry.type,
        node.type,
    )


def _in_accumulator(node: Node, name: str, accum: FixedType) -> NDArray[np.int64]:
    constant: Constant = node.constants[name]
    result: NDArray[np.int64] = cast(constant.data, constant.type.fraction, accum)
    return result


def _check_range(start: int, trees: list[dict[str, Any]], accum: FixedType) -> None:
    leaves = [
        [v for f, v in zip(tree["feature"], tree["value"], strict=True) if f == CONIFER_LEAF]
        for tree in trees
    ]
    low, high = start + sum(map(min, leaves)), start + sum(map(max, leaves))
    if low < accum.minimum or high > accum.maximum:
        raise InputError(
            f"sums can reach {low} .. {high}: conifer adds in another order, which needs exact sums",
            field="accum",
            value=str(accum),
            remedy="widen the accumulator",
        )


def _tree(node: Node, row: int, fraction: int, value: NDArray[Any], features: int) -> dict[str, Any]:
    feature, left, right = (node.constants[key].data[row] for key in ("feature", "left", "right"))
    limit = node.constants["threshold"]
    used = [0]
    for place in used:  # grows while it is walked: parents before children, padding left out
        if feature[place] != LEAF:
            used += [int(left[place]), int(right[place])]
    number = {place: index for index, place in enumerate(used)}
    inner = [bool(feature[place] != LEAF) for place in used]
    return {
        "feature": [int(feature[p]) if i else CONIFER_LEAF for p, i in zip(used, inner, strict=True)],
        "threshold": [
            grid_threshold(int(limit.data[row][p]) * limit.type.lsb, node.attributes["split"], fraction)
            if i
            else 0
            for p, i in zip(used, inner, strict=True)
        ],
        "value": [0 if i else int(value[p]) for p, i in zip(used, inner, strict=True)],
        "children_left": [number[int(left[p])] if i else -1 for p, i in zip(used, inner, strict=True)],
        "children_right": [number[int(right[p])] if i else -1 for p, i in zip(used, inner, strict=True)],
        "weight": [
            [int(i and feature[p] == k) for k in range(features)] for p, i in zip(used, inner, strict=True)
        ],
    }


def _leaf_tree(value: int, features: int) -> dict[str, Any]:
    return {
        "feature": [CONIFER_LEAF],
        "threshold": [0],
        "value": [value],
        "children_left": [-1],
        "children_right": [-1],
        "weight": [[0] * features],
    }


def _depth(tree: dict[str, Any]) -> int:
    depth = [0] * len(tree["feature"])
    for place, (left, right) in enumerate(zip(tree["children_left"], tree["children_right"], strict=True)):
        for child in (left, right):
            if child >= 0:
                depth[child] = depth[place] + 1
    return max(depth)
