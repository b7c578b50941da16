"""Graph to primitive steps, with the interval proof carried along.

An operation without a lowering, or one that needs more bits than the kernels have, makes the node an
``Evaluated`` step: exact, slow, and visible in the plan.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.kernel import ensembles, operations
from l1forge.emulator.kernel.builder import LOWERINGS, Builder, NotLowered
from l1forge.emulator.kernel.extremes import Extremes
from l1forge.emulator.kernel.intervals import Interval
from l1forge.emulator.kernel.program import Evaluated, Program, Source, Value
from l1forge.emulator.kernel.simplify import simplify

REGISTERED = (operations, ensembles)  # imported for the lowerings they register


def needed(graph: Graph, outputs: Iterable[str] | None = None) -> Graph:
    """The part that ``outputs`` need, with all inputs (an input that nothing reads is never touched)."""
    part = graph.subgraph(graph.outputs if outputs is None else outputs)
    kept = {node.name for node in (*part.nodes, *graph.inputs)}
    return Graph(graph.name, [n for n in graph.nodes if n.name in kept], part.outputs, part.meta, part.file)


def lower(graph: Graph, outputs: Iterable[str] | None = None) -> Program:
    """The steps that compute ``outputs`` (default: the graph's) and nothing else."""
    graph = needed(graph, outputs)
    program, produced = _lowered(graph)
    program.outputs = {name: produced[name] for name in graph.outputs}
    simplify(program)
    _mark_used(program)
    return program


def proven_ranges(graph: Graph) -> dict[str, Interval]:
    """Smallest and largest integer of every node's elements, in LSBs of its type, whatever the input."""
    return {name: value.interval for name, value in _lowered(needed(graph))[1].items()}


def _lowered(graph: Graph) -> tuple[Program, dict[str, Value]]:
    program = Program()
    produced: dict[str, Value] = {}
    extremes = Extremes()
    by_name = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        sources = [produced[name] for name in node.inputs]
        if node.op == "input":
            value = program.value(node.name, node.type.fraction, Interval.of_type(node.type, node.size))
            program.sources.append(Source(value, node, np.zeros(node.size, bool), _columns(node, graph.file)))
        else:
            mark = len(program.steps), len(program.values)
            try:
                if node.op not in LOWERINGS:
                    raise NotLowered(f"no kernel for {node.op}")
                shapes = [by_name[name].shape for name in node.inputs]
                value = LOWERINGS[node.op](Builder(program, node, shapes, extremes), node, sources)
            except NotLowered as reason:
                del program.steps[mark[0] :], program.values[mark[1] :]
                value = program.value(node.name, node.type.fraction, Interval.of_type(node.type, node.size))
                origins = [by_name[name] for name in node.inputs]
                program.steps.append(Evaluated(value, node.name, node, sources, origins, str(reason)))
        produced[node.name] = value
    return program, produced


def _columns(node: Node, file: str | None) -> list[tuple[str, int] | None] | None:
    texts = node.attributes.get("source")
    if texts is None:
        return None
    if len(texts) != node.size:
        raise InputError(
            f"needs one entry per element ({node.size})",
            file=file,
            field=f"node {node.name}: source",
            value=len(texts),
        )
    columns: list[tuple[str, int] | None] = []
    for text in texts:
        name, bracket, slot = str(text).partition("[")
        if text == "0":
            columns.append(None)
        elif bracket and slot.endswith("]") and slot[:-1].isdecimal():
            columns.append((name, int(slot[:-1])))
        else:
            raise InputError(
                "is not a column",
                file=file,
                field=f"node {node.name}: source",
                value=text,
                remedy='write "mu.pt[0]" or "0"',
            )
    return columns


def _mark_used(program: Program) -> None:
    """Which input rows any step (or output) reads."""
    sources = {source.value.number: source for source in program.sources}
    for value in program.outputs.values():
        if value.number in sources:
            sources[value.number].used[:] = True
    for step in program.steps:
        for value, rows in step.reads():
            if value.number in sources:
                sources[value.number].used[rows] = True
