"""What is too large for a command, found before it starts."""

from __future__ import annotations

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph

PIPELINED_WEIGHTS = 20_000
"""More weights than these do not become a fully pipelined design in reasonable time."""


def nonzero_weights(graph: Graph) -> int:
    """Weights of all dense nodes that are not zero."""
    return sum(int((node.constants["weight"].data != 0).sum()) for node in graph.nodes if node.op == "dense")


def check_pipelined(graph: Graph) -> None:
    """Demand that ``graph`` can become a design that takes a new event on every clock.

    Raises
    ------
    InputError
        If it has more than ``PIPELINED_WEIGHTS`` weights.
    """
    weights = nonzero_weights(graph)
    if weights > PIPELINED_WEIGHTS:
        raise InputError(
            "has too many weights for a design with one event per clock",
            file=graph.file,
            value=weights,
            remedy=f"at most {PIPELINED_WEIGHTS:,}; time-multiplexed networks: l1forge cosim-muons",
        )
