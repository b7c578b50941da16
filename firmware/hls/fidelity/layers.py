"""Where a graph loses something on a user's data, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, round_shift
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.firmware.hls.fidelity.instrument import instrumented
from l1forge.firmware.hls.fidelity.run import run_rows

EVENTS = 2000
"""Events that the layers are looked at with, the first ones."""
MOST_VALUES = 20_000_000
LARGE = 0.1
"""A difference whose root mean square is above this share of the values' spread is large."""
WRAPPING = (Overflow.WRAP, Overflow.WRAP_SM)
Integers = NDArray[Any]


@dataclass(frozen=True)
class LayerFidelity:
    """What one layer does to its values.

    Shares are those of its node that loses most: ``saturated`` and ``wrapped`` values lay outside their type,
    ``zeroed`` ones were rounded to zero. ``least`` .. ``most`` are the values of the layer's result,
    ``bits`` those that their range and their finest step need, of ``type.width``. ``difference`` is the root
    mean square of graph − trained network over the spread of the trained network's values, None where the
    framework does not show the layer.
    """

    layer: str
    type: FixedType
    saturated: float
    wrapped: float
    zeroed: float
    bits: int
    least: float
    most: float
    difference: float | None
    histogram: tuple[tuple[float, int], ...]

    @property
    def large(self) -> bool:
        return self.difference is not None and self.difference > LARGE


def layer_of(node: Node) -> str:
    """The layer that a node belongs to: what comes before the point of its name."""
    return node.name.split(".")[0]


def looked_at(graph: Graph, n: int) -> int:
    """The number of events to look at: their values must fit into memory."""
    return max(1, min(n, EVENTS, MOST_VALUES // max(sum(node.size for node in graph.nodes), 1)))


def compare_layers(
    graph: Graph, integers: Mapping[str, Integers], trained: Mapping[str, NDArray[Any]]
) -> list[LayerFidelity]:
    """The layers of ``graph`` in order on inputs of shape (n, *shape).

    Parameters
    ----------
    trained
        Values of layers in the framework, (n, *shape), by layer; others are not compared. The channels of
        convolutions may come first, as in PyTorch.
    """
    count = looked_at(graph, len(next(iter(integers.values()))))
    fed = {name: values[:count] for name, values in integers.items()}
    followers = _followers(trained, {layer_of(node) for node in graph.nodes})
    taps, twins = instrumented(graph)
    values = run_rows(taps, fed)
    groups: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op not in ("constant", "input"):
            groups.setdefault(layer_of(node), []).append(node)
    found = []
    for layer, nodes in groups.items():
        shares = np.zeros(3)
        for node in nodes:
            if node.name in twins:
                exact = taps[twins[node.name]].type
                shares = np.maximum(shares, _shares(node, values[twins[node.name]], exact))
        last = nodes[-1]
        result = values[last.name]
        physical = result.astype(np.float64) * last.type.lsb
        found.append(
            LayerFidelity(
                layer=layer,
                type=last.type,
                saturated=float(shares[0]),
                wrapped=float(shares[1]),
                zeroed=float(shares[2]),
                bits=bits_used(result, last.type),
                least=float(physical.min(initial=0.0)),
                most=float(physical.max(initial=0.0)),
                difference=_difference(physical, [trained[name] for name in followers.get(layer, [])], count),
                histogram=histogram(physical),
            )
        )
    return found


def _casts(node: Node) -> Iterator[tuple[FixedType, Any]]:
    """The types that a node's values are cast to, and which elements (flat) each is for."""
    if "types" in node.attributes:
        for element, text in enumerate(node.attributes["types"]):
            yield FixedType.parse(text), slice(element, element + 1)
        return
    yield node.type, slice(None)
    if "accum" in node.attributes:
        yield node.accumulator(), slice(None)


def _shares(node: Node, before: Integers, exact: FixedType) -> NDArray[np.float64]:
    """Shares of values that saturate, wrap, and are rounded to zero; ``before`` has the type ``exact``."""
    flat = before.reshape(len(before), -1)
    counts, zeroed = np.zeros(2), 0
    for kind, elements in _casts(node):
        part = flat[:, elements]
        part = part.astype(object) if exact.width + max(kind.fraction - exact.fraction, 0) > 62 else part
        rounded = round_shift(part, exact.fraction - kind.fraction, kind.rounding)
        outside = (rounded < kind.minimum) | (rounded > kind.maximum)
        counts[int(kind.overflow in WRAPPING)] += np.count_nonzero(outside)
        zeroed += int(np.count_nonzero((rounded == 0) & (part != 0)))
    made: NDArray[np.float64] = np.minimum(np.array([*counts, zeroed]) / max(flat.size, 1), 1.0)
    return made


def bits_used(values: Integers, kind: FixedType) -> int:
    """Bits that the range of the integers needs, without those at the low end that are always zero."""
    if not values.size:
        return 0
    low, high = int(values.min()), int(values.max())
    step = int(np.gcd.reduce(np.abs(values.ravel()))) or 1
    behind = (step & -step).bit_length() - 1
    if low == high == 0:
        return 0
    held = FixedType.integers(min(low, 0) >> behind, high >> behind)
    return min(held.width, kind.width)


def _followers(trained: Mapping[str, Any], layers: set[str]) -> dict[str, list[str]]:
    """For each layer of the graph its own name, and those behind it that the graph lacks (merged)."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for name in trained:
        current = found.setdefault(name, []) if name in layers else current
        current.append(name)
    return found


def _difference(graph: NDArray[np.float64], trained: list[NDArray[Any]], count: int) -> float | None:
    """The difference from the nearest of the framework's results, None where none is of this size."""
    fitting = [one for one in trained if one[:count].size == graph.size]
    return min((_distance(graph, one, count) for one in fitting), default=None)


def _distance(graph: NDArray[np.float64], trained: NDArray[Any], count: int) -> float:
    """Root mean square of the difference over the spread; of the order of axes that is nearer."""
    wanted = trained[:count].astype(np.float64)
    spread = float(wanted.std()) or float(np.abs(wanted).max()) or 1.0
    orders = [wanted.reshape(count, -1)]
    if wanted.ndim > 2:
        orders.append(np.moveaxis(wanted, 1, -1).reshape(count, -1))
    flat = graph.reshape(count, -1)
    return min(float(np.sqrt(np.mean((flat - one) ** 2))) for one in orders) / spread


def histogram(values: NDArray[np.float64]) -> tuple[tuple[float, int], ...]:
    """Numbers of values whose size lies in 2**(k−1) .. 2**k, as (2**k, number); zeros as (0, number)."""
    sizes = np.abs(values.ravel())
    filled = sizes[sizes > 0]
    exponents, counts = np.unique(np.frexp(filled)[1], return_counts=True)
    zeros = ((0.0, int(sizes.size - filled.size)),) if sizes.size > filled.size else ()
    return zeros + tuple((float(2.0**e), int(c)) for e, c in zip(exponents, counts, strict=True))
