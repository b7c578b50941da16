"""The fixed-point graph: types, nodes, text format, integer semantics of every operation."""

from __future__ import annotations

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, cast, holding, widest
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.node import Constant, Node
from l1forge.emulator.graph.operations import OPERATIONS, Operation
from l1forge.emulator.graph.reference import evaluate

__all__ = [
    "OPERATIONS",
    "Constant",
    "FixedType",
    "Graph",
    "Node",
    "Operation",
    "Overflow",
    "Rounding",
    "cast",
    "evaluate",
    "holding",
    "widest",
]
