"""The score as a fixed-point graph: codes of quantities, a table of each pair, one sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.models.anomaly.circuit import Circuit, bits_for, unsigned
from l1forge.models.anomaly.pairs import Pair, PairTables, quantities_of
from l1forge.models.anomaly.tails import softened

NAME, SCORE = "tail_pairs", "score"


UNIT, BITS = 32.0, 6
"""Of a table's entries: 10^(q/2) / UNIT in BITS bits."""


def contents(tables: PairTables, unit: float = UNIT, bits: int = BITS) -> dict[Pair, NDArray[np.int64]]:
    """The integers of every pair's table, shape (16, 16)."""
    return {pair: softened(decades, unit, bits) for pair, decades in tables.decades.items()}


def build(
    tables: PairTables, meta: dict[str, Any] | None = None, *, unit: float = UNIT, bits: int = BITS
) -> Graph:
    """The graph of counted tables; pairs whose table is zero everywhere are left out."""
    circuit = Circuit(quantities_of(tables.pairs))
    indices = circuit.indices(tables)
    filled = {pair: table for pair, table in contents(tables, unit, bits).items() if table.any()}
    parts = [
        circuit.table(f"{a}_{b}", indices[a, b], table.ravel(), unsigned(bits_for(int(table.max()))))
        for (a, b), table in filled.items()
    ]
    widest = unsigned(max(bits_for(int(table.max())) for table in filled.values()))
    joined = circuit.join("rarities", parts, widest)
    circuit.sum(SCORE, joined, unsigned(bits_for(sum(int(table.max()) for table in filled.values()))))
    return Graph(NAME, circuit.nodes, [SCORE], meta or {})
