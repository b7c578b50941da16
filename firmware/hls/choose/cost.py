"""What the RTL generator says of a circuit: its own LUTs, and its latency.

The search itself asks the fast estimate (``firmware.synth.estimate``), which takes milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.lhc import CLOCK_PERIOD_NS


@dataclass(frozen=True)
class RtlCost:
    """LUTs, and latency in clock cycles, of the RTL generator (before synthesis)."""

    luts: float
    latency: int
    clock_ns: float


def rtl_estimate(graph: Graph) -> RtlCost:
    """LUTs, and clock cycles at the default clock.

    Raises
    ------
    InputError
        If the generator cannot express the graph.
    """
    from l1forge.firmware.rtl.generate import planned, trace

    program, plan = planned(trace(graph.subgraph(graph.outputs)), None, CLOCK_PERIOD_NS)
    return RtlCost(float(program.cost), plan.stages + 1, CLOCK_PERIOD_NS)
