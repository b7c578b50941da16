"""What a graph is made of, counted in milliseconds: bits of adders, tables, multiplexers, registers.

The counts are those of a fully unrolled circuit before anything is shared, from the graph alone (no RTL is
generated). ``estimate.py`` learns from synthesised designs what each of them costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.graph.trees import LEAF
from l1forge.firmware.synth.ranges import BitRange, before_cast, range_of


@dataclass(frozen=True)
class Features:
    """Bits of each kind; ``levels`` and ``operations`` are along the longest way through the graph.

    Parameters
    ----------
    adders
        Constant factors as signed digits, added up, and other sums: bits of all adders.
    casts
        Bits that rounding adds to, or that saturation chooses.
    products
        Bit products of multiplications and squares.
    tables
        LUTs that hold the tables: for every bit of the entries the different parts of one LUT's size.
    comparisons
        Bits of all different comparisons of tree ensembles, and of `maximum` and its like.
    choices
        Inner nodes: each chooses a bit of a leaf's number.
    leaves
        Bits of the leaves of all trees, the least one of a tree taken off: looked up and added.
    inputs, outputs
        Bits of the ports; of the outputs those that change.
    levels
        Adders, comparisons and tables in a row.
    casting
        Casts in a row that cost logic.
    branching
        Depth of the trees in a row.
    """

    adders: float = 0.0
    casts: float = 0.0
    products: float = 0.0
    tables: float = 0.0
    comparisons: float = 0.0
    choices: float = 0.0
    leaves: float = 0.0
    inputs: float = 0.0
    outputs: float = 0.0
    levels: float = 0.0
    casting: float = 0.0
    branching: float = 0.0

    def values(self) -> list[float]:
        """In the order of ``NAMES``."""
        return list(asdict(self).values())


LUT_INPUTS = 6
FREE = frozenset({"input", "constant", "concatenate", "reshape", "take"})
"""Operations that are wires, but for a cast."""
COUNTED = FREE | {
    "dense", "scale_bias", "relu", "cast", "multiply", "square", "sum", "add", "subtract",
    "maximum", "minimum", "greater_equal", "argmax", "table", "tree_ensemble",
}  # fmt: skip
NAMES = tuple(field.name for field in fields(Features))
DEPTHS = ("levels", "casting", "branching")


def features(graph: Graph) -> Features:
    """Count ``graph``; what no output needs is left out."""
    graph = graph.subgraph(graph.outputs)
    total = dict.fromkeys(NAMES, 0.0)
    depth: dict[str, NDArray[np.float64]] = {}
    ranges: dict[str, BitRange] = {}
    for node, counts in _walked(graph, depth, ranges):
        for name, value in counts.items():
            if name not in DEPTHS:
                total[name] += value
        if node.op == "input":
            total["inputs"] += node.size * node.type.width
    total["outputs"] = float(sum(ranges[name].bits.sum() for name in graph.outputs))
    longest = max((depth[name] for name in graph.outputs), key=lambda way: float(way.sum()))
    return Features(**{**total, **dict(zip(DEPTHS, map(float, longest), strict=True))})


def node_features(graph: Graph) -> dict[str, Features]:
    """What each node by itself adds; its depths are those of the longest way that ends with it."""
    depth: dict[str, NDArray[np.float64]] = {}
    found = {}
    for node, counts in _walked(graph.subgraph(graph.outputs), depth, {}):
        ways = dict(zip(DEPTHS, map(float, depth[node.name]), strict=True))
        found[node.name] = Features(**{**counts, **ways})
    return found


def _walked(
    graph: Graph, depth: dict[str, NDArray[np.float64]], ranges: dict[str, BitRange]
) -> Iterator[tuple[Node, dict[str, float]]]:
    """Every node with its own counts; fills the longest way to each, and its range."""
    by_name = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        sources = [by_name[name] for name in node.inputs]
        given = [ranges[name] for name in node.inputs]
        ranges[node.name] = range_of(node, given)
        counts = _counts(node, sources, given, ranges[node.name])
        own = np.array([counts.get(name, 0.0) for name in DEPTHS])
        ways = [depth[name] for name in node.inputs]
        depth[node.name] = own + max(ways, key=lambda way: float(way.sum()), default=np.zeros(len(DEPTHS)))
        yield node, counts


def _counts(node: Node, sources: list[Node], given: list[BitRange], own: BitRange) -> dict[str, float]:
    """The node's own counts; ``given`` and ``own`` are the ranges of its inputs and of itself."""
    if not sources or not own.bits.any():
        return {}
    width = sources[0].type.width
    cast = _cast_bits(node, before_cast(node, given), own)
    found = {"casts": cast, "casting": float(cast > 0)}
    match node.op:
        case "dense":
            found |= _dense(node, given[0], own)
        case "scale_bias":
            scale = np.broadcast_to(digits(node.constants["scale"].data), node.shape)
            found["adders"] = float(np.maximum(scale - 1, 0).sum() * width + node.size * width)
            found["levels"] = 1 + log2(max(int(scale.max()), 1))
        case "multiply":
            found["products"] = float((given[0].bits * given[1].bits).sum())
            found["levels"] = ceil(log2(max(width, 2)))
        case "square":
            found["products"] = float((given[0].bits ** 2).sum())
            found["levels"] = 2.0
        case "sum":
            count = max(sources[0].size // max(node.size, 1), 1)
            found["adders"] = float(node.size * (count - 1) * width)
            found["levels"] = ceil(log2(max(count, 1)))
        case "add" | "subtract":
            found["adders"] = float(node.size * max(source.type.width for source in sources))
            found["levels"] = 1.0
        case "maximum" | "minimum" | "greater_equal" | "argmax":
            found["comparisons"] = float(sum(source.size * source.type.width for source in sources))
            found["levels"] = ceil(log2(max(sources[0].size, 2))) if node.op == "argmax" else 1.0
        case "table":
            bits = min(width, ceil(log2(max(node.constants["table"].data.size, 2))))
            found["tables"] = float(node.size * _parts(node.constants["table"].data, bits, node.type.width))
            found["levels"] = 1 + max(bits - LUT_INPUTS, 0) / 2
        case "tree_ensemble":
            found |= _trees(node, width)
    return found


def digits(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Non-zero digits of integers in canonical signed form: weight of ``(3|v|) xor |v|``."""
    size = np.abs(values.astype(object))
    return np.array([bin(int(3 * v) ^ int(v)).count("1") for v in size.ravel()], dtype=np.int64).reshape(
        values.shape
    )


def _dense(node: Node, x: BitRange, own: BitRange) -> dict[str, float]:
    """Every signed digit of a weight adds its input once; what is constant at either end costs nothing."""
    weight = node.constants["weight"].data
    terms = digits(weight) * (own.bits.reshape(-1, weight.shape[1]) > 0).any(axis=0)
    alive = x.bits.reshape(-1, weight.shape[0])
    bits = alive @ terms
    count = (alive > 0) @ terms
    first = bits / np.maximum(count, 1)  # the first term of a sum needs no adder
    biased = (node.constants["bias"].data != 0) & (count > 0)
    added = np.maximum(bits - first, 0) + biased * first + np.maximum(count - 1, 0) * np.log2(count + 1) / 2
    return {"adders": float(added.sum()), "levels": float(np.log2(count.max(initial=0) + 1))}


def _parts(entries: NDArray[np.int64], bits: int, width: int) -> int:
    """Different parts, of one LUT's size and not constant, of the ``width`` bits of a table.

    ``bits``: its inputs. A table that rises slowly is mostly constant in its high bits; equal
    parts are made once.
    """
    flat = entries.ravel()[: 1 << bits]
    full = np.full(1 << bits, flat[-1], dtype=np.int64)  # beyond the last entry: the last again
    full[: flat.size] = flat
    size = 1 << min(bits, LUT_INPUTS)
    changing = int(np.bitwise_or.reduce(full ^ full[0])) & ((1 << width) - 1)
    count = 0
    for bit in range(changing.bit_length()):
        if changing >> bit & 1:
            parts = np.packbits((full >> bit & 1).astype(bool).reshape(-1, size), axis=1)
            weight = np.unpackbits(parts, axis=1).sum(axis=1)
            count += len({part.tobytes() for part in parts[(weight > 0) & (weight < size)]})
    return count


def _trees(node: Node, width: int) -> dict[str, float]:
    data = {name: node.constants[name].data for name in ("feature", "threshold", "left", "right", "value")}
    inner = data["feature"] != LEAF
    different = {*zip(data["feature"][inner].tolist(), data["threshold"][inner].tolist(), strict=True)}
    depth = np.zeros(data["feature"].shape, dtype=np.int64)
    for tree, place in np.argwhere(inner):  # parents come before their children
        for side in ("left", "right"):
            depth[tree, data[side][tree, place]] = depth[tree, place] + 1
    trees = len(inner)
    return {
        "comparisons": float(len(different) * width),
        "choices": float(inner.sum()),
        "leaves": float(np.ceil(np.log2(_spans(data, inner) + 1)).sum()),
        "levels": 1 + log2(max(trees / node.size, 1)),
        "branching": float(depth.max(initial=0)),
    }


def _spans(data: dict[str, NDArray[np.int64]], inner: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Largest less least leaf of every tree."""
    reached = np.zeros(inner.shape, dtype=bool)
    reached[:, 0] = True
    for tree, place in np.argwhere(inner):
        reached[tree, [data["left"][tree, place], data["right"][tree, place]]] = True
    leaf = reached & ~inner
    value, far = data["value"], np.int64(1) << 60
    found = np.where(leaf, value, -far).max(axis=1) - np.where(leaf, value, far).min(axis=1)
    return np.asarray(found, dtype=np.int64)


def _cast_bits(node: Node, before: BitRange | None, own: BitRange) -> float:
    """Bits of all elements that rounding or saturation makes logic of; ``before``: the range that is cast."""
    if before is None:
        return 0.0
    rounds = node.type.rounding.value != "TRN" and before.fraction > node.type.fraction
    over = (before.high > own.high) | (before.low < own.low)
    saturates = over & (node.type.overflow.value != "WRAP")
    bits = own.bits
    return float((bits * (rounds + saturates.astype(np.float64) + (node.op == "relu"))).sum())
