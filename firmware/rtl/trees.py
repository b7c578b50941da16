"""Tree ensembles as look-up logic: comparisons that share bits, leaves found by number, one adder tree.

A comparison with a constant needs no carry chain: from the lowest bit upwards, "less so far" is kept or
decided by each bit, which a look-up table does for five bits at a time. Comparisons of one feature share it
as far as their constants agree.

A tree of some depth first finds the number of its leaf, a bit for each level (the comparisons of that level,
chosen by the bits above), then looks up the leaf: one table of a few inputs per bit, where multiplexers
between leaves would need several. Small trees are such a table of their comparisons anyway.

The least leaf of a tree is added once for all trees, so that what is added up has no sign and few bits.
"""

from __future__ import annotations

from math import ceil, floor
from types import SimpleNamespace

import numpy as np

from l1forge.emulator.graph.graph import Node
from l1forge.emulator.graph.trees import LEAF
from l1forge.firmware.rtl.accumulate import balanced, order_free, total_of
from l1forge.firmware.rtl.casts import cast, invert
from l1forge.firmware.rtl.constants import Variable
from l1forge.firmware.rtl.lowering import LogicTensor, Variables, array, constant, lowering, real

MOST_COMPARISONS = 6
"""Trees of up to so many different comparisons stay multiplexers: synthesis makes a table per bit of them."""
MOST_LEVELS = 8
"""Trees of more levels would need large tables."""
LEAF_STEPS = 1 << 20
"""alkaid holds the entries of a table in single precision."""


class _Below:
    """Whether the bits of one feature are less than constants; what two comparisons share is made once."""

    def __init__(self, x: Variable) -> None:
        self.x = x
        self.signed, self.integer, self.fraction = (int(n) for n in x.kif)
        self.width = self.signed + self.integer + self.fraction
        self.bits: dict[int, Variable] = {}
        self.known: dict[tuple[int, int], Variable] = {}

    def less(self, limit: int) -> Variable:
        """1 if the integer of ``x`` (in units of its LSB) is less than ``limit``."""
        limit += self.signed << (self.width - 1)  # from the least value of the type on
        if limit <= 0 or limit >= 1 << self.width:
            return constant(float(limit > 0), self.x)
        return self._less(limit, self.width)

    def _less(self, limit: int, width: int) -> Variable:
        """1 if the lower ``width`` bits are less than those of ``limit``, which are not all zero."""
        key = limit, width
        if key not in self.known:
            top, rest = limit >> (width - 1), limit & ((1 << (width - 1)) - 1)
            low = invert(self._bit(width - 1))
            if rest:
                below = self._less(rest, width - 1)
                low = low | below if top else low & below
            self.known[key] = low
        return self.known[key]

    def _bit(self, place: int) -> Variable:
        """Bit ``place`` from the LSB; that of the sign counts upwards, as offset binary."""
        if place not in self.bits:
            weight = place - self.fraction
            if self.signed and place == self.width - 1:
                self.bits[place] = invert(self.x.is_negative())
            else:
                self.bits[place] = self.x.quantize(0, weight + 1, -weight, "WRAP", "TRN") * 2.0**-weight
        return self.bits[place]


class _Trees:
    """The node's arrays, with thresholds and values in real units and a cache of comparators."""

    def __init__(self, node: Node, x: Variables) -> None:
        self.x, self.strict = x, node.attributes["split"] == "<"
        self.feature, self.left, self.right = (
            node.constants[name].data for name in ("feature", "left", "right")
        )
        self.threshold, self.value = (real(node.constants[name]) for name in ("threshold", "value"))
        self.lsb = node.constants["value"].type.lsb
        self.below: dict[int, _Below] = {}

    def comparison(self, tree: int, position: int) -> Variable:
        """One bit: 1 if the event goes left."""
        feature, threshold = int(self.feature[tree, position]), float(self.threshold[tree, position])
        x = self.below.setdefault(feature, _Below(self.x[feature]))
        scaled = threshold * 2.0**x.fraction
        return x.less(ceil(scaled) if self.strict else floor(scaled) + 1)

    def leaves(self, tree: int) -> list[float]:
        """The values that tree ``tree`` may give, in no order."""
        found, positions = [], [0]
        while positions:
            position = positions.pop()
            if self.feature[tree, position] == LEAF:
                found.append(float(self.value[tree, position]))
            else:
                positions += [int(side[tree, position]) for side in (self.left, self.right)]
        return found

    def value_of(self, tree: int, less: float = 0.0) -> Variable:
        """The leaf that the event reaches in ``tree``, less a constant."""
        inner = self.feature[tree] != LEAF
        places = {*zip(self.feature[tree][inner].tolist(), self.threshold[tree][inner].tolist(), strict=True)}
        levels = self._levels(tree, 0)
        steps = np.ptp(self.leaves(tree)) / self.lsb
        if len(places) <= MOST_COMPARISONS or levels > MOST_LEVELS or steps >= LEAF_STEPS:
            return self._walk(tree, 0, less)
        return self._numbered(tree, levels, less)

    def _levels(self, tree: int, position: int) -> int:
        if self.feature[tree, position] == LEAF:
            return 0
        return 1 + max(self._levels(tree, int(side[tree, position])) for side in (self.left, self.right))

    def _walk(self, tree: int, position: int, less: float) -> Variable:
        """Multiplexers between the leaves below ``position``."""
        if self.feature[tree, position] == LEAF:
            return constant(float(self.value[tree, position]) - less, self.x[0])
        condition = self.comparison(tree, position)
        left, right = int(self.left[tree, position]), int(self.right[tree, position])
        if condition.low == condition.high:
            return self._walk(tree, left if condition.low else right, less)
        yes, no = self._walk(tree, left, less), self._walk(tree, right, less)
        if yes.low == yes.high == no.low == no.high:
            return yes
        return condition.msb_mux(yes, no)

    def _numbered(self, tree: int, levels: int, less: float) -> Variable:
        """The number of the leaf, the first level its highest bit, then a table of the leaves."""
        bits: list[Variable] = []
        nodes = [0]  # at one level, by the bits above it; the children of a leaf are that leaf
        for _ in range(levels):
            inner = self.feature[tree, nodes] != LEAF
            comparisons = [
                self.comparison(tree, node) if there else None
                for node, there in zip(nodes, inner, strict=True)
            ]
            bits.append(_chosen(bits, comparisons))
            nodes = [
                int(side[tree, node]) if there else node
                for node, there in zip(nodes, inner, strict=True)
                for side in (self.right, self.left)
            ]
        values = [float(self.value[tree, node]) - less for node in nodes]
        number = bits[-1]
        for place, bit in enumerate(reversed(bits[:-1]), 1):
            number = bit * 2.0**place + number
        index = np.arange(round(number.low), round(number.high) + 1)
        found = np.array(values)[index]
        return constant(float(found[0]), self.x[0]) if (found == found[0]).all() else number.lookup(found)


def _chosen(bits: list[Variable], choices: list[Variable | None]) -> Variable:
    """The one of ``choices`` that ``bits`` number, the first the highest; None where it does not matter."""
    for bit in reversed(bits):
        choices = [_either(bit, yes, no) for no, yes in zip(choices[::2], choices[1::2], strict=True)]
    (found,) = choices
    assert found is not None
    return found


def _either(bit: Variable, yes: Variable | None, no: Variable | None) -> Variable | None:
    if yes is None or no is None or yes is no:
        return no if yes is None else yes
    if bit.low == bit.high:
        return yes if bit.low else no
    if yes.low == yes.high == no.low == no.high:
        return yes
    return bit.msb_mux(yes, no)


@lowering("tree_ensemble")
def _tree_ensemble(node: Node, inputs: list[LogicTensor]) -> Variables:
    trees = _Trees(node, inputs[0].values.ravel())
    tree_class, bias = node.constants["tree_class"].data, real(node.constants["bias"]).ravel()
    scores = [
        _score(trees, [int(tree) for tree in np.flatnonzero(tree_class == score)], float(start), node)
        for score, start in enumerate(bias)
    ]
    return array([cast(score, node.type) for score in scores], node.shape)


def _score(trees: _Trees, members: list[int], start: float, node: Node) -> Variable:
    """The sum of some trees and ``start``; where any order is exact, their least leaves are added first."""
    accum = node.accumulator()
    ends = [(min(values), max(values)) for values in map(trees.leaves, members)]
    terms = [SimpleNamespace(low=low, high=high, step=trees.lsb) for low, high in ends]
    spans = array(terms, (len(terms),))
    if not order_free(spans, np.ones(len(terms)), cast(constant(start), accum), accum):
        return total_of(start, [trees.value_of(tree) for tree in members], accum)
    if not members:
        return cast(constant(start), accum)
    # narrow operands meet first; the widest takes the sum of all constants into its leaves
    order = sorted(range(len(members)), key=lambda i: ends[i][1] - ends[i][0])
    less = [low for low, _ in ends]
    less[order[-1]] -= start + sum(less)
    return cast(balanced([trees.value_of(members[i], less[i]) for i in order]), accum)
