"""Where a graph's types can be exceeded: proven ranges against the types that they meet.

The ranges are those of the compiler's interval proof, for inputs anywhere in their type. They are bounds: a
network that never reaches them loses nothing, but nothing else proves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.kernel.intervals import Cast, accumulate
from l1forge.emulator.kernel.lowering import lower
from l1forge.emulator.kernel.program import Evaluated, Map, OrderedDot


@dataclass(frozen=True)
class Exceeded:
    """A type of ``layer`` that holds ``low .. high`` meets values of ``least .. most``."""

    layer: str
    type: FixedType
    least: float
    most: float

    @property
    def wraps(self) -> bool:
        return self.type.overflow is Overflow.WRAP

    def __str__(self) -> str:
        low, high = (end * self.type.lsb for end in (self.type.minimum, self.type.maximum))
        how = "wraps" if self.wraps else "saturates"
        return (
            f"layer {self.layer}: {self.type} holds {low:g} .. {high:g} and {how}; "
            f"values can reach {self.least:g} .. {self.most:g}"
        )


def exceeded(graph: Graph) -> tuple[list[Exceeded], list[str]]:
    """Types that values can exceed, one for each layer and type (the widest range), in the graph's order.

    The second result names layers whose ranges are not proven, because no kernel has their arithmetic.
    """
    types = {node.name: _declared(node) for node in graph.nodes}
    found: dict[tuple[str, FixedType], Exceeded] = {}
    unknown: dict[str, None] = {}
    for step in lower(graph).steps:
        layer = step.node.split(".")[0]
        if isinstance(step, Evaluated):
            unknown[layer] = None
        for one in _of_step(step, layer, types[step.node]):
            known = found.get((layer, one.type), one)
            least, most = min(known.least, one.least), max(known.most, one.most)
            found[layer, one.type] = Exceeded(layer, one.type, least, most)
    return list(found.values()), list(unknown)


def _declared(node: Node) -> list[FixedType]:
    """The types that a node's values are cast to: of its result and, where it has one, its accumulator."""
    accum = node.attributes.get("accum")
    return [node.type] if accum is None else [node.type, FixedType.parse(accum)]


def _of_step(step: object, layer: str, kinds: list[FixedType]) -> Iterator[Exceeded]:
    if isinstance(step, OrderedDot):
        assert step.product is not None
        assert step.terms is not None
        shift = step.product.shift + step.out.fraction
        ends = step.terms
        start = step.start * 2 ** max(step.product.shift, 0)
        scale = 2 ** max(-step.product.shift, 0)
        total, _ = accumulate(type(ends)(ends.low * scale, ends.high * scale), start, step.target)
        lsb = 2.0 ** -(shift if step.product.shift > 0 else step.out.fraction)
        limit = step.accumulate
        if limit is not None and limit.overflow is not None and total.rows:
            bounds = limit.low * 2.0**-step.out.fraction, limit.high * 2.0**-step.out.fraction
            least, most = float(min(total.low)) * lsb, float(max(total.high)) * lsb
            if least < bounds[0] or most > bounds[1]:
                yield Exceeded(layer, _type(limit, step.out.fraction, kinds), least, most)
    elif isinstance(step, Map):
        for row, cast in enumerate(step.casts):
            if cast.overflow is None:
                continue
            fraction = step.out.fraction - cast.post
            low, high = int(step.before.low[row]), int(step.before.high[row])
            low, high = (max(low, 0), max(high, 0)) if step.relu else (low, high)
            lsb = float(np.ldexp(1.0, -(fraction + cast.shift)))
            yield Exceeded(layer, _type(cast, fraction, kinds), low * lsb, high * lsb)


def _type(cast: Cast, fraction: int, declared: list[FixedType]) -> FixedType:
    """The declared type that a cast goes to; the proof leaves its size and overflow mode."""
    overflow = cast.overflow or Overflow.WRAP
    for kind in declared:
        if (cast.width, fraction, cast.signed) == (kind.width, kind.fraction, kind.signed) and (
            overflow is kind.overflow or kind.overflow is Overflow.SAT_SYM
        ):
            return kind
    return FixedType(cast.width, cast.width - fraction, cast.signed, cast.rounding, overflow)


def warnings(graph: Graph, most: int = 8) -> list[str]:
    """One sentence for each type that wraps (beyond ``most`` their number), and one for all that saturate."""
    return wrapping(graph, most)[0]


def wrapping(graph: Graph, most: int = 8) -> tuple[list[str], list[str]]:
    """The sentences of ``warnings``, and one for each type that wraps."""
    found, unknown = exceeded(graph)
    wraps = [str(one) for one in found if one.wraps]
    told = wraps[:most]
    if len(wraps) > most:
        told.append(f"{len(wraps) - most} more types can be exceeded and wrap")
    saturating = [one for one in found if not one.wraps]
    if saturating:
        names = ", ".join(dict.fromkeys(one.layer for one in saturating))
        told.append(f"values can lie beyond types that saturate, as quantisers do: {names}")
    if unknown:
        told.append(f"ranges not proven for {', '.join(unknown)}: compare with the framework (--data)")
    return told, wraps
