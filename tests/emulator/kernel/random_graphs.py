"""Random small graphs of every operation, types from a seeded generator, inputs with all the corners."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.graph import Constant, Graph, Node

ROUNDINGS = list(Rounding)
OVERFLOWS = [Overflow.WRAP, Overflow.SAT, Overflow.SAT_SYM, Overflow.SAT_ZERO]


def random_type(rng: np.random.Generator, widest: int = 18, *, signed: bool | None = None) -> FixedType:
    width = int(rng.integers(2, widest + 1))
    integer = int(rng.integers(-2, width + 3))
    sign = bool(rng.integers(2)) if signed is None else signed
    return FixedType(width, integer, sign, ROUNDINGS[rng.integers(7)], OVERFLOWS[rng.integers(4)])


def random_constant(rng: np.random.Generator, type_: FixedType, shape: tuple[int, ...]) -> Constant:
    data = rng.integers(type_.minimum, type_.maximum + 1, shape)
    data[rng.random(shape) < 0.4] = 0
    return Constant(type_, data)


class Maker:
    """Grows a graph node by node."""

    def __init__(self, seed: int, widest: int = 18) -> None:
        self.rng = np.random.default_rng(seed)
        self.widest = widest
        size = int(self.rng.integers(2, 12))
        type_ = random_type(self.rng, min(widest, 16))
        plain = FixedType(type_.width, type_.integer, type_.signed)
        self.nodes = [Node("x", "input", (), (size,), plain)]

    def type(self) -> FixedType:
        return random_type(self.rng, self.widest)

    def add(self, op: str, inputs: list[Node], shape: tuple[int, ...], **parts: object) -> Node:
        constants = {k: v for k, v in parts.items() if isinstance(v, Constant)}
        attributes = {k: v for k, v in parts.items() if not isinstance(v, Constant)}
        name = f"n{len(self.nodes)}"
        node = Node(name, op, tuple(n.name for n in inputs), shape, self.type(), attributes, constants)
        self.nodes.append(node)
        return node

    def grow(self, op: str) -> Node:
        """Add one ``op`` on the last node."""
        rng, x = self.rng, self.nodes[-1]
        if op in ("relu", "square", "cast"):
            return self.add(op, [x], x.shape)
        if op == "mixed_cast":
            fraction = max(x.type.fraction, 0)
            node = self.add("cast", [x], x.shape)
            widths = [int(rng.integers(2, 12)) for _ in range(x.size)]
            texts = [str(FixedType(w, w - int(rng.integers(0, fraction + 1)))) for w in widths]
            wide = FixedType(40, 40 - fraction)
            self.nodes[-1] = Node(node.name, "cast", node.inputs, x.shape, wide, {"types": texts})
            return self.nodes[-1]
        if op == "scale_bias":
            scale, bias = random_type(rng, 9), random_type(rng, 9)
            return self.add(
                op,
                [x],
                x.shape,
                scale=random_constant(rng, scale, x.shape),
                bias=random_constant(rng, bias, x.shape[-1:]),
            )
        if op in ("dense", "exact_dense"):
            n_out = int(rng.integers(1, 14))
            weight = random_type(rng, 9, signed=True)
            accum = (
                str(self.type()) if op == "dense" else f"fixed<48,{48 - x.type.fraction - weight.fraction}>"
            )
            return self.add(
                "dense",
                [x],
                (*x.shape[:-1], n_out),
                accum=accum,
                weight=random_constant(rng, weight, (x.shape[-1], n_out)),
                bias=random_constant(rng, random_type(rng, 8), (n_out,)),
            )
        if op == "table":
            entries = int(rng.integers(1, 70))
            return self.add(
                op,
                [x],
                x.shape,
                offset=int(rng.integers(-40, 40)),
                multiplier=int(rng.integers(1, 9)),
                shift=int(rng.integers(-2, 8)),
                index_rounding=ROUNDINGS[rng.integers(7)].value,
                table=random_constant(rng, random_type(rng, 14), (entries,)),
            )
        if op == "pair_table":
            return self.grow_pair(x)
        if op == "sum":
            return self.add(op, [x], (1,), accum=str(self.type()))
        if op == "argmax":
            return self.add(op, [x], (1,))
        if op == "reshape":
            return self.add(op, [x], (x.size, 1) if x.size % 2 else (2, x.size // 2))
        if op == "take":
            index = [int(i) for i in rng.integers(0, x.size, int(rng.integers(1, 9)))]
            return self.add(op, [x], (len(index),), index=index)
        if op == "constant":
            made = self.add(op, [], x.shape, value=random_constant(rng, random_type(rng, 9), x.shape))
            self.nodes[-1] = Node(
                made.name, op, (), x.shape, made.constants["value"].type, {}, made.constants
            )
            return self.grow("add")
        if op == "tree_ensemble":
            return self.grow_trees(x)
        other = self.nodes[int(rng.integers(len(self.nodes)))]
        if op == "concatenate":
            parts = [n for n in (x, other) if n.shape[1:] == x.shape[1:]]
            rows = sum(n.shape[0] for n in parts)
            return self.add(op, parts, (rows, *x.shape[1:]), axis=0)
        if other.shape != x.shape and other.size != 1:
            other = x
        shape = np.broadcast_shapes(x.shape, other.shape)
        return self.add(op, [x, other], tuple(shape))

    def grow_pair(self, x: Node) -> Node:
        """Codes of a few bits of random elements, gated by a bit; tables of pairs of codes; a total."""
        rng = self.rng
        bits = int(rng.integers(1, 5))
        code, one = FixedType(bits, bits, False), FixedType(1, 1, False)

        def node(op: str, inputs: list[Node], kind: FixedType, **parts: object) -> Node:
            made = self.add(op, inputs, (1,), **parts)
            self.nodes[-1] = Node(made.name, op, made.inputs, (1,), kind, made.attributes, made.constants)
            return self.nodes[-1]

        def table(source: Node, entries: int, kind: FixedType) -> Node:
            data = np.sort(rng.integers(kind.minimum, kind.maximum + 1, entries))
            return node("table", [source], kind, offset=0, table=Constant(kind, data))

        codes = []
        for _ in range(int(rng.integers(2, 5))):
            element = node("take", [x], x.type, index=[int(rng.integers(x.size))])
            found = table(element, int(rng.choice([16, 256, 300, 512])), code)
            gate = node("greater_equal", [element, found], one)
            better = node("multiply", [found, gate], code)
            codes.append(node("maximum", [better, found], code) if rng.random() < 0.5 else better)
        tables = []
        for a, b in zip(codes, codes[1:] + codes[:1], strict=True):
            scale, bias = Constant(FixedType(5, 5, False), [1 << bits]), Constant(one, [0])
            scale, bias = (Constant(c.type, np.array(c.data)) for c in (scale, bias))
            index_type = FixedType(2 * bits, 2 * bits, False)
            index = node("add", [node("scale_bias", [a], index_type, scale=scale, bias=bias), b], index_type)
            tables.append(
                table(index, 1 << 2 * bits, FixedType(int(rng.integers(2, 12)), 6, bool(rng.integers(2))))
            )
        return self.add("concatenate", tables, (len(tables),), axis=0)

    def grow_trees(self, x: Node) -> Node:
        rng = self.rng
        depth, trees, scores = int(rng.integers(1, 6)), int(rng.integers(1, 9)), int(rng.integers(1, 4))
        nodes = (2 << depth) - 1
        feature = rng.integers(0, x.size, (trees, nodes))
        feature[:, nodes // 2 :] = -1
        feature[rng.random(feature.shape) < 0.15] = -1
        number = np.broadcast_to(np.arange(nodes), (trees, nodes))
        low, high = max(x.type.minimum, -(1 << 20)), min(x.type.maximum, 1 << 20)
        limits = FixedType(24, 24 - x.type.fraction + int(rng.integers(-1, 2)))
        value = FixedType(9, 4)
        size = FixedType(16, 16)

        def children(side: int) -> Constant:
            return Constant(size, np.where(feature == -1, 0, 2 * number + side))

        return self.add(
            "tree_ensemble",
            [x],
            (scores,),
            split=str(rng.choice(["<", "<="])),
            accum="fixed<30,20>" if rng.random() < 0.8 else "fixed<9,4>",
            feature=Constant(size, feature),
            threshold=Constant(limits, rng.integers(low, high + 1, (trees, nodes))),
            left=children(1),
            right=children(2),
            value=Constant(value, rng.integers(-256, 256, (trees, nodes))),
            tree_class=Constant(size, rng.integers(0, scores, trees)),
            bias=Constant(value, rng.integers(-99, 99, scores)),
        )

    def graph(self) -> Graph:
        """The last node and one from the middle as outputs."""
        middle = self.nodes[len(self.nodes) // 2]
        return Graph("random", self.nodes, list(dict.fromkeys([self.nodes[-1].name, middle.name])))


OPERATIONS = (
    "cast", "mixed_cast", "scale_bias", "dense", "exact_dense", "relu", "table", "square", "sum", "add",
    "subtract", "multiply", "maximum", "minimum", "greater_equal", "concatenate", "reshape", "take", "argmax",
    "constant", "tree_ensemble",
)  # fmt: skip

SHAPES = ("pair_table",)
"""Several operations that belong together; not drawn in chains, where they may come first."""


def random_graph(seed: int, length: int, first: str | None = None, widest: int = 18) -> Graph:
    """``length`` random operations after the input (and after ``first``, if given)."""
    maker = Maker(seed, widest)
    if first:
        maker.grow(first)
    for op in maker.rng.choice(OPERATIONS, length):
        maker.grow(str(op))
    return maker.graph()


def corner_inputs(graph: Graph, n: int, seed: int = 0) -> np.ndarray:
    """(n, *shape): both ends, zero, ±1, powers of two and their neighbours, then uniform over the range."""
    node = graph.inputs[0]
    rng = np.random.default_rng(seed)
    low, high = node.type.minimum, node.type.maximum
    special = {low, high, 0, 1, -1, low + 1, high - 1}
    special |= {s * (1 << k) + d for k in range(node.type.width) for d in (-1, 0, 1) for s in (1, -1)}
    corners = np.array(sorted(v for v in special if low <= v <= high))
    x = rng.integers(low, high + 1, (n, *node.shape))
    x[: n // 2] = rng.choice(corners, (n // 2, *node.shape))
    x[: len(corners)] = corners[:n].reshape(-1, *[1] * len(node.shape))[: len(x)]
    return x
