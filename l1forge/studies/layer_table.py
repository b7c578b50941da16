"""Layer by layer: type, proven range, bits in use on data, LUT, clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph

EVENTS = 10_000
"""Events of a data file that are looked at, at most."""
UNLISTED = ("constant",)


@dataclass(frozen=True)
class LayerRow:
    """One node of a graph.

    ``least`` and ``most``: values between which its results are proven to stay, ``proven_bits`` their width.
    ``used_bits``: what the data needed (None: no data). ``lut`` and ``clock``: estimates, None where no
    output needs the node or its logic is not counted.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    type: str
    type_bits: int
    least: float
    most: float
    proven_bits: int
    used_bits: int | None
    lut: int | None
    clock: int | None


def layer_table(graph: Graph, data: Path | None) -> tuple[LayerRow, ...]:
    """The nodes of ``graph`` that compute something, in order; ``data``: events or arrays for its inputs.

    Raises
    ------
    InputError
        If the data does not fit the graph.
    """
    from l1forge.emulator.kernel.lowering import proven_ranges
    from l1forge.firmware.synth.estimate import estimate_nodes
    from l1forge.firmware.synth.features import COUNTED

    ranges, estimates = proven_ranges(graph), estimate_nodes(graph)
    used = _used_bits(graph, data) if data is not None else {}
    rows = []
    for node in graph.nodes:
        if node.op in UNLISTED or node.name not in ranges:
            continue
        interval = ranges[node.name]
        low, high = min(interval.low), max(interval.high)
        lut, clock = estimates.get(node.name, (None, None))
        counted = node.op in COUNTED
        rows.append(
            LayerRow(
                node.name,
                node.op,
                node.inputs,
                node.shape,
                str(node.type),
                node.type.width,
                float(low) * node.type.lsb,
                float(high) * node.type.lsb,
                interval.bits() - (0 if node.type.signed else 1),
                used.get(node.name),
                lut if counted else None,
                clock if counted else None,
            )
        )
    return tuple(rows)


def _used_bits(graph: Graph, data: Path) -> dict[str, int]:
    """Bits that the values of each node need on the events of ``data``."""
    from l1forge.firmware.hls.fidelity.layers import bits_used, looked_at
    from l1forge.firmware.hls.fidelity.run import run_rows
    from l1forge.firmware.hls.fidelity.sample import read_sample

    count = looked_at(graph, EVENTS)
    integers, _ = read_sample(data, graph, most=count).integers(graph)
    tapped = graph.subgraph([node.name for node in graph.nodes if node.op != "constant"])
    values = run_rows(tapped, integers)
    return {
        node.name: bits_used(values[node.name], node.type) for node in tapped.nodes if node.name in values
    }
