"""Graphs of the shape of the anomaly scores: codes of four bits, tables of pairs of codes, balanced sums.

Contents are made up, but falling and correlated as counted ones are: what they cost in logic is alike.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node

EDGES = (0, 0.5, 0.8, 1.1, 1.4, 1.7, 2, 2.3, 2.6, 2.9, 3.2, 3.5, 3.8, 4.2, 4.7, 5.3)
"""Of the codes, in decades of the tail."""
OBJECTS = {"etm": (12, 1), "mu": (9, 4), "eg": (9, 3), "tau": (9, 3)}
"""Bits of the magnitude and number of slots."""
KINDS = ("etm", "muq", "mu", "mu", "mu", "eg", "eg", "eg", "tau", "tau")
PAIRS = 31


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        source = [
            f"{kind}.{'pt' if kind == 'mu' else 'et'}[{i}]"
            for kind, (_, n) in OBJECTS.items()
            for i in range(n)
        ]
        source += [
            f"{kind}.{'qual' if kind == 'mu' else 'iso'}[{i}]"
            for kind in ("mu", "eg", "tau")
            for i in range(OBJECTS[kind][1])
        ]
        self.source = source
        self.nodes = [Node("x", "input", (), (len(source),), FixedType.parse("uint<12>"), {"source": source})]
        self.tails: dict[str, np.ndarray] = {}

    def node(self, name: str, op: str, inputs: tuple[str, ...], width: int, **more: object) -> str:
        constants = {k: v for k, v in more.items() if isinstance(v, Constant)}
        attributes = {k: v for k, v in more.items() if not isinstance(v, Constant)}
        kind = FixedType.parse(f"uint<{width}>")
        self.nodes.append(Node(name, op, inputs, (1,), kind, attributes, constants))
        return name

    def column(self, source: str, width: int) -> str:
        name = "x_" + source.translate(str.maketrans(".[", "__", "]"))
        if any(node.name == name for node in self.nodes):
            return name
        return self.node(name, "take", ("x",), width, index=[self.source.index(source)])

    def table(self, name: str, index: str, data: np.ndarray, width: int) -> str:
        constant = Constant(FixedType.parse(f"uint<{width}>"), np.asarray(data, np.int64).ravel())
        return self.node(name, "table", (index,), width, table=constant, offset=0, multiplier=1, shift=0)

    def code(self, name: str, source: str, kind: str, width: int) -> str:
        """The code of a magnitude: how many edges its tail has passed."""
        if kind not in self.tails:
            last = (1 << width) - 1
            grown = np.cumsum(self.rng.gamma(2.0, 1.0, last + 1) / np.sqrt(np.arange(last + 1) + 4.0))
            self.tails[kind] = 5.8 * self.rng.uniform(0.9, 1.1) * (grown - grown[0]) / grown[-1] * 1.6
        return self.table(
            name, self.column(source, width), np.searchsorted(EDGES, self.tails[kind], "right") - 1, 4
        )

    def gated(self, name: str, code: str, bit: str) -> str:
        return self.node(name, "multiply", (code, bit), 4)

    def larger(self, name: str, a: str, b: str, width: int = 4) -> str:
        return self.node(name, "maximum", (a, b), width)

    def quantities(self) -> list[str]:
        found = [self.code("c_etm", "etm.et[0]", "etm", 12)]
        good = [
            self.gated(
                f"g_muq{i}",
                self.code(f"cq_mu{i}", f"mu.pt[{i}]", "muq", 9),
                self.table(f"q_mu{i}", self.column(f"mu.qual[{i}]", 4), np.arange(16) >= 12, 1),
            )
            for i in range(4)
        ]
        found.append(self.larger("muq", self.larger("muqa", *good[:2]), self.larger("muqb", *good[2:])))
        found += [self.code(f"c_mu{i}", f"mu.pt[{i}]", f"mu{i}", 9) for i in range(3)]
        for kind, passes in (("eg", (0, 1, 0, 1)), ("tau", (0, 1, 1, 1))):
            iso = [
                self.table(f"i_{kind}{i}", self.column(f"{kind}.iso[{i}]", 2), np.array(passes), 1)
                for i in range(3)
            ]
            first = [
                self.gated(
                    f"g0_{kind}{i}", self.code(f"c0_{kind}{i}", f"{kind}.et[{i}]", f"{kind}0", 9), iso[i]
                )
                for i in range(3)
            ]
            found.append(self.larger(f"{kind}iso0", self.larger(f"{kind}iso0a", *first[:2]), first[2]))
            either = self.larger(f"either_{kind}", iso[0], iso[1], 1)
            both = self.node(f"both_{kind}", "multiply", (iso[0], iso[1]), 1)
            third = self.node(f"third_{kind}", "multiply", (either, iso[2]), 1)
            second = [
                self.gated(f"g1_{kind}{i}", self.code(f"c1_{kind}{i}", f"{kind}.et[{i}]", f"{kind}1", 9), bit)
                for i, bit in ((1, both), (2, third))
            ]
            found.append(self.larger(f"{kind}iso1", *second))
            if kind == "eg":
                found.append(self.code("c_eg2", "eg.et[2]", "eg2", 9))
        return found

    def tail(self) -> tuple[np.ndarray, np.ndarray]:
        """Decades of the tail of both codes, and of the two together."""
        edges = np.array(EDGES)
        a, b = np.meshgrid(edges, edges, indexing="ij")
        together = self.rng.uniform(0.05, 0.5) * np.minimum(a, b) + self.rng.normal(0, 0.08, (16, 16))
        q = np.maximum(a + b - together, 0)
        q = np.maximum.accumulate(np.maximum.accumulate(q, 0), 1)
        return q

    def total(
        self, name: str, leaves: list[tuple[str, int, int]], signed: bool = False
    ) -> tuple[str, int, int]:
        """A balanced sum of (name, low, high)."""
        count = 0
        while len(leaves) > 1:
            leaves.sort(key=lambda leaf: leaf[2] - leaf[1])
            paired = []
            for (a, a_low, a_high), (b, b_low, b_high) in zip(leaves[0::2], leaves[1::2], strict=False):
                low, high = a_low + b_low, a_high + b_high
                kind = FixedType.parse(
                    f"int<{max(high.bit_length(), (-low).bit_length()) + 1}>"
                    if low < 0
                    else f"uint<{max(high.bit_length(), 1)}>"
                )
                self.nodes.append(Node(f"{name}{count}", "add", (a, b), (1,), kind))
                paired.append((f"{name}{count}", low, high))
                count += 1
            leaves = paired + leaves[len(leaves) & ~1 :]
        return leaves[0]


def _index(maker: _Maker, quantities: list[str], a: int, b: int) -> str:
    high = f"h{a}"
    if not any(node.name == high for node in maker.nodes):
        scale = Constant(FixedType.parse("uint<5>"), np.array([16]))
        bias = Constant(FixedType.parse("uint<1>"), np.array([0]))
        maker.node(high, "scale_bias", (quantities[a],), 8, scale=scale, bias=bias)
    return maker.node(f"j{a}_{b}", "add", (high, quantities[b]), 8)


def _pairs(maker: _Maker, count: int) -> list[tuple[int, int]]:
    every = [(a, b) for a, b in combinations(range(len(KINDS)), 2) if (a, b) != (1, 2)]
    chosen = maker.rng.permutation(len(every))[:count]
    return [every[i] for i in sorted(chosen)]


def pair_sum(seed: int = 0, pairs: int = PAIRS, bits: int = 6) -> Graph:
    """The sum of tables of pairs, `tail_pairs`."""
    maker = _Maker(seed)
    quantities = maker.quantities()
    leaves = []
    most = (1 << bits) - 1
    for a, b in _pairs(maker, pairs):
        content = np.clip(np.floor(10 ** (maker.tail() / 2) / 32 * most / 63), 0, most)
        leaves.append(
            (maker.table(f"p{a}_{b}", _index(maker, quantities, a, b), content, bits), 0, int(content.max()))
        )
    return Graph("pair_sum", maker.nodes, [maker.total("s", leaves)[0]])


def pair_squares(seed: int = 0, pairs: int = PAIRS, sums: int = 8, each: int = 4, bits: int = 7) -> Graph:
    """Sums of a few tables, their saturated squares added up: a linear encoder on pair tables."""
    maker = _Maker(seed)
    quantities = maker.quantities()
    indices = [_index(maker, quantities, a, b) for a, b in _pairs(maker, pairs)]
    contents = [np.clip(np.floor(10 ** (maker.tail() / 2) / 32), 0, 63) / 63 for _ in indices]
    kind = FixedType.parse(f"int<{bits}>")
    squares = []
    for k in range(sums):
        leaves = []
        for i in range(k, pairs, sums) if each * sums >= pairs else maker.rng.permutation(pairs)[:each]:
            weight = maker.rng.normal() * (1 << bits - 1)
            data = np.clip(np.round(weight * contents[i] - 0.05 * weight), kind.minimum, kind.maximum).astype(
                int
            )
            name = f"w{k}_{i}"
            table = Constant(kind, data.ravel())
            maker.nodes.append(
                Node(
                    name,
                    "table",
                    (indices[i],),
                    (1,),
                    kind,
                    {"offset": 0, "multiplier": 1, "shift": 0},
                    {"table": table},
                )
            )
            leaves.append((name, int(data.min()), int(data.max())))
        total, _, _ = maker.total(f"t{k}_", leaves)
        maker.nodes.append(Node(f"mu{k}", "cast", (total,), (1,), FixedType.parse("fixed<9,9,TRN,SAT>")))
        maker.nodes.append(
            Node(f"q{k}", "square", (f"mu{k}",), (1,), FixedType.parse("ufixed<12,18,RND,SAT>"))
        )
        squares.append((f"q{k}", 0, 0))
    names = [name for name, _, _ in squares]
    count = 0
    width = 12
    while len(names) > 1:
        width += 1
        paired = []
        for a, b in zip(names[0::2], names[1::2], strict=False):
            kind = FixedType.parse(f"ufixed<{width},{width + 6}>")
            maker.nodes.append(Node(f"u{count}", "add", (a, b), (1,), kind))
            paired.append(f"u{count}")
            count += 1
        names = paired + names[len(names) & ~1 :]
    return Graph("pair_squares", maker.nodes, names)
