"""A trained, quantised network as a fixed-point graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, holding, widest
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.models.jet_sets import constituents as entering
from l1forge.models.jet_sets.network import CLASSES, SetNetwork
from l1forge.simulation.jets import CLASSES as NAMES

FLAG = FixedType(1, 1, False)
Integers = NDArray[np.int64]


def build(network: SetNetwork) -> Graph:
    """The graph of a quantised network: inputs ``pt``, ``eta``, ``phi`` (slots) and the five ``logits``."""
    return _Circuit(network).graph()


class _Circuit:
    """Collects nodes; each method returns the node that it made."""

    def __init__(self, network: SetNetwork) -> None:
        self.network, self.types = network, network.types
        self.slots = network.shape.constituents
        self.nodes: list[Node] = []

    def graph(self) -> Graph:
        """All nodes, the constituents first."""
        shape = self.network.shape
        features, there = self._constituents()
        mask = self._reshaped("present", there, (self.slots, 1))
        h = features
        for i in range(len(shape.phi)):
            total = self._dense(f"phi_{i}", h)
            if shape.edges and i == 0:
                heard = self._dense("message", self._messages(features, mask))
                total = self._pair("add", "own_and_message", total, heard, widest_sum(total.type, heard.type))
            h = self._relu(f"phi_{i}", total)
        h = self._summed("pooled", self._masked("kept", h, mask))
        for i in range(len(shape.rho)):
            h = self._relu(f"rho_{i}", self._dense(f"rho_{i}", h))
        logits = self._node("logits", "cast", (self._dense("logits", h),), (CLASSES,), self.types["logits"])
        meta = {
            "classes": list(NAMES),
            "features": {name: [f"{name}_{i}" for i in range(self.slots)] for name in ("pt", "eta", "phi")},
        }
        return Graph(shape.name, self.nodes, [logits.name], meta)

    def _node(
        self,
        name: str,
        op: str,
        inputs: tuple[Node, ...],
        shape: tuple[int, ...],
        kind: FixedType,
        attributes: dict[str, Any] | None = None,
        constants: dict[str, Constant] | None = None,
    ) -> Node:
        made = Node(name, op, tuple(n.name for n in inputs), shape, kind, attributes or {}, constants or {})
        self.nodes.append(made)
        return made

    def _constituents(self) -> tuple[Node, Node]:
        """The features (slots, 3) of the first layer, and which constituents are there (slots,)."""
        slots = (self.slots,)
        inputs = {
            name: self._node(name, "input", (), slots, kind)
            for name, kind in (("pt", entering.PT), ("eta", entering.ANGLE), ("phi", entering.ANGLE))
        }
        least = Constant(entering.PT, np.ones(1, np.int64))
        one = self._node("one_code", "constant", (), (1,), entering.PT, {}, {"value": least})
        there = self._node("there", "greater_equal", (inputs["pt"], one), slots, FLAG)
        coarse = self._node("pt_gev", "cast", (inputs["pt"],), slots, entering.COARSE_PT)
        table = Constant(FixedType(7, 0, False), entering.log_table())
        parts = [self._node("log_pt", "table", (coarse,), slots, table.type, {"offset": 0}, {"table": table})]
        scale = Constant(FixedType(1, 1 - entering.ANGLE_SHIFT, False), np.ones(self.slots, np.int64))
        zero = Constant(FLAG, np.zeros(self.slots, np.int64))
        for name in ("eta", "phi"):
            constants = {"scale": scale, "bias": zero}
            parts.append(
                self._node(
                    f"{name}_short", "scale_bias", (inputs[name],), slots, entering.SHORT_ANGLE, {}, constants
                )
            )
        columns = [self._reshaped(f"{part.name}_column", part, (self.slots, 1)) for part in parts]
        joined = self._node(
            "features", "concatenate", tuple(columns), (self.slots, 3), entering.FEATURE, {"axis": 1}
        )
        return joined, there

    def _reshaped(self, name: str, x: Node, shape: tuple[int, ...]) -> Node:
        return self._node(name, "reshape", (x,), shape, x.type)

    def _taken(self, name: str, x: Node, index: Integers) -> Node:
        """``x`` at flat places; the result has the shape of ``index``."""
        return self._node(name, "take", (x,), index.shape, x.type, {"index": index.ravel().tolist()})

    def _pair(self, op: str, name: str, a: Node, b: Node, kind: FixedType) -> Node:
        return self._node(name, op, (a, b), np.broadcast_shapes(a.shape, b.shape), kind)

    def _masked(self, name: str, x: Node, mask: Node) -> Node:
        """``x`` where the constituent is there, else 0."""
        return self._pair("multiply", name, x, mask, x.type)

    def _relu(self, name: str, x: Node) -> Node:
        return self._node(name, "relu", (x,), x.shape, self.types[name])

    def _dense(self, name: str, x: Node) -> Node:
        """A layer along the last axis, in an accumulator that holds every sum of its weights exactly."""
        weight, bias = self.network.weights(name)
        kind = self.types[f"{name}/weight"]
        fraction = kind.fraction + x.type.fraction
        factors = _integers(weight.T, kind)
        wide = self.types.get(f"{name}/bias", FixedType(1, 1 - fraction))
        start = np.zeros(factors.shape[1], np.int64) if bias is None else _integers(bias, wide)
        held = Constant(_narrow(start, fraction), start)
        low, high = _reach(factors, x.type)  # of the products alone, which the accumulator holds one by one
        accum = holding(
            int((low + np.minimum(start, 0)).min()), int((high + np.maximum(start, 0)).max()), fraction
        )
        constants = {"weight": Constant(kind, factors), "bias": held}
        shape = (*x.shape[:-1], factors.shape[1])
        return self._node(f"{name}_sum", "dense", (x,), shape, accum, {"accum": str(accum)}, constants)

    def _messages(self, features: Node, mask: Node) -> Node:
        """Every constituent's messages from the others, summed: (slots, edges)."""
        n, width = self.slots, self.network.shape.edges
        receiver, sender = self._dense("receiver", features), self._dense("sender", features)
        others = np.array([[j for j in range(n) if j != i] for i in range(n)])
        element = np.arange(width)
        to = self._reshaped("to", receiver, (n, 1, width))
        of = self._taken("of", sender, others[:, :, None] * width + element)
        both = self._pair("add", "edge_sum", to, of, widest_sum(receiver.type, sender.type))
        edge = self._relu("edge", both)
        there = self._taken("of_present", mask, others[:, :, None])
        return self._summed("messages", self._masked("edge_kept", edge, there))

    def _summed(self, name: str, x: Node) -> Node:
        """``x`` summed over its last axis but one, the set, then cast to the type of the name."""
        *first, size, width = x.shape
        order = np.arange(x.size).reshape(x.shape).swapaxes(-1, -2)
        turned = self._taken(f"{name}_terms", x, order)
        total = holding(0, size * x.type.maximum, x.type.fraction)
        constants = {
            "weight": Constant(FLAG, np.ones((size, 1), np.int64)),
            "bias": Constant(FLAG, np.zeros(1, np.int64)),
        }
        shape = (*first, width, 1)
        added = self._node(f"{name}_sum", "dense", (turned,), shape, total, {"accum": str(total)}, constants)
        flat = self._reshaped(f"{name}_flat", added, (*first, width))
        return self._node(name, "cast", (flat,), flat.shape, self.types[name])


def widest_sum(first: FixedType, second: FixedType) -> FixedType:
    """A type that holds the sum of any two values."""
    both = widest(first, second)
    return FixedType(both.width + 1, both.integer + 1, both.signed)


def _integers(values: Any, kind: FixedType) -> Integers:
    """Values on the grid of ``kind`` as its integers."""
    scaled = values.detach().numpy().astype(np.float64) * 2.0**kind.fraction
    found = np.rint(scaled).astype(np.int64)
    assert (found == scaled).all()
    return found


def _narrow(values: Integers, fraction: int) -> FixedType:
    return holding(int(min(values.min(), 0)), int(max(values.max(), 1)), fraction)


def _reach(factors: Integers, kind: FixedType) -> tuple[Integers, Integers]:
    """The least and the largest sum of any of the products of each column, whatever the inputs."""
    ends = factors * kind.minimum, factors * kind.maximum
    low = np.minimum(np.minimum(*ends), 0).sum(axis=0)
    high = np.maximum(np.maximum(*ends), 0).sum(axis=0)
    return low, high
