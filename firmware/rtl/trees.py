"""Tree ensembles as logic: each distinct threshold is compared once, each tree is a chain of multiplexers."""

from __future__ import annotations

from l1forge.emulator.graph.graph import Node
from l1forge.emulator.graph.trees import LEAF
from l1forge.firmware.rtl.accumulate import total_of
from l1forge.firmware.rtl.casts import cast, invert
from l1forge.firmware.rtl.constants import Variable
from l1forge.firmware.rtl.lowering import LogicTensor, Variables, array, constant, lowering, real


class _Trees:
    """The node's arrays, with thresholds and values in real units and a cache of comparators."""

    def __init__(self, node: Node, x: Variables) -> None:
        self.x, self.strict = x, node.attributes["split"] == "<"
        self.feature, self.left, self.right = (
            node.constants[name].data for name in ("feature", "left", "right")
        )
        self.threshold, self.value = (real(node.constants[name]) for name in ("threshold", "value"))
        self.comparators: dict[tuple[int, float], Variable] = {}

    def to_left(self, feature: int, threshold: float) -> Variable:
        """One bit: 1 if the event goes left."""
        key = (feature, threshold)
        if key not in self.comparators:
            x = self.x[feature]
            # a single variable minus a constant: its sign is the comparison, exact on the finer LSB
            below = (x - threshold).is_negative() if self.strict else invert((-x + threshold).is_negative())
            self.comparators[key] = below
        return self.comparators[key]

    def walk(self, tree: int, position: int) -> Variable:
        """The value of the leaf reached from ``position``."""
        feature = int(self.feature[tree, position])
        if feature == LEAF:
            return constant(float(self.value[tree, position]), self.x[0])
        condition = self.to_left(feature, float(self.threshold[tree, position]))
        left, right = int(self.left[tree, position]), int(self.right[tree, position])
        if condition.low == condition.high:
            return self.walk(tree, left if condition.low else right)
        yes, no = self.walk(tree, left), self.walk(tree, right)
        if yes.low == yes.high == no.low == no.high:
            return yes
        return condition.msb_mux(yes, no)


@lowering("tree_ensemble")
def _tree_ensemble(node: Node, inputs: list[LogicTensor]) -> Variables:
    trees = _Trees(node, inputs[0].values.ravel())
    leaves = [trees.walk(tree, 0) for tree in range(len(trees.feature))]
    tree_class, bias = node.constants["tree_class"].data, real(node.constants["bias"]).ravel()
    scores = [
        total_of(float(start), [v for v, c in zip(leaves, tree_class, strict=True) if c == score], accum)
        for score, start in enumerate(bias)
        for accum in [node.accumulator()]
    ]
    return array([cast(score, node.type) for score in scores], node.shape)
