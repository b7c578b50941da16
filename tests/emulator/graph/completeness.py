"""What an operation of the graph needs to be whole, and what is declared to be missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from l1forge.emulator.c_export.steps import StepWriter
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph import Graph, evaluate
from l1forge.emulator.graph.reference import EVALUATORS
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.kernel import lowering as kernel_lowering
from l1forge.emulator.kernel.program import Evaluated
from l1forge.firmware.rtl.generate import LOWERING_MODULES
from l1forge.firmware.rtl.lowering import LOWERINGS as LOGIC
from tests.emulator.kernel import random_graphs

CONTRACT = Path(__file__).parents[3] / "docs" / "graph.md"
GIVEN = {"input": "its values come from outside", "constant": "its values stand in the graph"}
"""Operations that compute nothing: no evaluator."""
REFERENCE_ONLY: dict[str, str] = {}
"""Operations that the kernels leave to the reference evaluator, and why."""
INTERPRETED = {"tree_ensemble": "trees need AVX-512"}
"""Operations that the generic vector code leaves to the interpreter, and the note that the kernel shows."""
NO_LOGIC: dict[str, str] = {}
"""Operations that the RTL generator refuses, and why."""
NOT_IN_C: dict[str, str] = {}
"""Operations that the C++ export refuses, and why."""

assert LOWERING_MODULES  # imported for the logic that they register


def rows_of(page: Path) -> set[str]:
    """The names in code style in the first cells of the tables of a page."""
    firsts = re.findall(r"^\|([^|]*)\|", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {name for cell in firsts for name in re.findall(r"`([^`]+)`", cell)}


def gaps(op: str) -> list[str]:
    """What ``op`` still lacks, each as the place where it has to be added."""
    return list(_gaps(op))


def _gaps(op: str) -> Iterator[str]:
    if op not in rows_of(CONTRACT):
        yield "a row in docs/graph.md"
    if op not in GIVEN and op not in EVALUATORS:
        yield "an evaluator in emulator/graph/reference.py"
    if op != "input" and op not in REFERENCE_ONLY and op not in kernel_lowering.LOWERINGS:
        yield "a lowering in emulator/kernel/operations.py"
    if op != "input" and op not in NO_LOGIC and op not in LOGIC:
        yield "logic in firmware/rtl/lowering.py"
    if op != "input" and op not in random_graphs.OPERATIONS:
        yield "random graphs in tests/emulator/kernel/random_graphs.py"
        return
    for seed in range(3):
        yield from _wrong(op, random_graphs.random_graph(seed, 0, None if op == "input" else op, widest=9))


def _wrong(op: str, graph: Graph) -> Iterator[str]:
    """Where a small graph of ``op`` is not computed as declared."""
    x = random_graphs.corner_inputs(graph, 130)
    expected = evaluate(graph, x)
    for backend in ("interpreter", "portable"):
        kernel = compile_graph(graph, backend=backend)  # type: ignore[arg-type]
        made = kernel.run_rows(x)
        if any(not np.array_equal(made[name], expected[name]) for name in graph.outputs):
            yield f"the reference's integers from the back end {backend}"
        evaluated = [step for step in kernel.program.steps if isinstance(step, Evaluated)]
        if bool(evaluated) != (op in REFERENCE_ONLY):
            yield f"to be computed as declared: REFERENCE_ONLY has {op in REFERENCE_ONLY}"
        declared = backend == "portable" and op in INTERPRETED
        if not evaluated and (kernel.backend == backend) == declared:
            yield f"to be computed as declared: {backend} is {kernel.backend} ({kernel.note})"
        if declared and INTERPRETED.get(op, "") not in kernel.note:
            yield f"the note {INTERPRETED[op]!r}, not {kernel.note!r}"
    try:
        writer = StepWriter()
        for step in kernel_lowering.lower(graph).steps:
            writer.write(step)
        refused = False
    except InputError:
        refused = True
    if refused != (op in NOT_IN_C):
        yield f"C++ as declared: NOT_IN_C has {op in NOT_IN_C}"
