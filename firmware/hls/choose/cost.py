"""A quick estimate of the LUTs of a graph, and the RTL generator's own with its latency.

The quick one counts what a fully unrolled circuit is made of: every constant factor as its signed digits
(canonical form), added up; tables as LUT memory. It shares nothing between outputs, as the generator does, so
it ranks circuits and is not their size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph, Node

LUT_INPUTS = 6
SHARED = 0.55
"""What is assumed to be left of the adders when equal sums are made once; not measured."""


@dataclass(frozen=True)
class QuickCost:
    """LUTs, and latency in clock cycles, of the RTL generator (before synthesis)."""

    luts: float
    latency: int
    clock_ns: float


def luts(graph: Graph) -> float:
    """The quick estimate."""
    return sum(layer_luts(graph).values())


def layer_luts(graph: Graph) -> dict[str, float]:
    """The quick estimate by layer (the part of a node's name before the point)."""
    by_name = {node.name: node for node in graph.nodes}
    found: dict[str, float] = {}
    for node in graph.nodes:
        layer = node.name.split(".")[0]
        cost = _node(node, [by_name[name] for name in node.inputs])
        found[layer] = found.get(layer, 0.0) + cost
    return found


def digits(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Non-zero digits of integers in canonical signed form: weight of ``(3|v|) xor |v|``."""
    size = np.abs(values.astype(object))
    return np.array([bin(int(3 * v) ^ int(v)).count("1") for v in size.ravel()], dtype=np.int64).reshape(
        values.shape
    )


def _node(node: Node, inputs: list[Node]) -> float:
    width = inputs[0].type.width if inputs else 0
    match node.op:
        case "dense":
            positions = node.size // max(node.shape[-1], 1)
            terms = digits(node.constants["weight"].data).sum(axis=0)
            adders = np.maximum(terms - 1, 0) + (node.constants["bias"].data != 0)
            wide = width + np.log2(np.maximum(terms, 1)) / 2
            return SHARED * positions * float((adders * wide).sum())
        case "scale_bias":
            scale = np.broadcast_to(digits(node.constants["scale"].data), node.shape)
            return float(np.maximum(scale - 1, 0).sum() * width) + node.size * node.type.width
        case "multiply":
            return node.size * inputs[0].type.width * inputs[1].type.width
        case "add" | "subtract" | "maximum" | "minimum" | "greater_equal":
            return node.size * max(source.type.width for source in inputs)
        case "sum":
            return (inputs[0].size - 1) * node.accumulator().width
        case "square":
            return node.size * width * width / 2
        case "relu":
            return node.size * (node.type.width + _cast(node, inputs)) / 2
        case "cast":
            return node.size * _cast(node, inputs)
        case "table":
            bits = min(width, math.ceil(math.log2(max(node.constants["table"].data.size, 2))))
            return float(node.size * node.type.width * (1 << max(bits - LUT_INPUTS, 0)))
    return 0.0


def _cast(node: Node, inputs: list[Node]) -> float:
    """Rounding adds, saturation compares and chooses."""
    kind, source = node.type, inputs[0].type
    rounds = kind.rounding.value != "TRN" and source.fraction > kind.fraction
    saturates = kind.overflow.value != "WRAP" and source.integer > kind.integer
    return kind.width * (rounds + saturates)


def rtl_estimate(graph: Graph) -> QuickCost:
    """What the RTL generator says of the circuit: its LUTs, and its clock cycles at its own clock.

    Raises
    ------
    InputError
        If the generator cannot express the graph.
    """
    from l1forge.firmware.rtl.generate import CLOCK_PERIOD_NS, planned, trace

    program, plan = planned(trace(graph.subgraph(graph.outputs)), None, CLOCK_PERIOD_NS)
    return QuickCost(float(program.cost), plan.stages + 1, CLOCK_PERIOD_NS)
