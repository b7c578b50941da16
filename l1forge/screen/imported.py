"""What the commands that import a network do with the graph: compare it with its C++, save it, show it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np
import typer
from rich.table import Table

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.graph.graph import Graph
from l1forge.screen.console import Console

KEYS = ("node", "operation", "shape", "type")


def check_columns(columns: list[str], option: str) -> None:
    """InputError unless each entry is a slot of an event column, such as mu.pt[0], or 0 for none."""
    for text in columns:
        name, _, slot = text.removesuffix("]").partition("[")
        slots = COLUMNS[name][0] if name in COLUMNS else 0
        if text != "0" and not (slot.isdecimal() and int(slot) < slots and text == f"{name}[{int(slot)}]"):
            raise InputError(
                "is no event column",
                field=option,
                value=text,
                remedy=f"{name}[0] … {name}[{slots - 1}]" if slots else "jet.et[0], mu.pt[1], … or 0",
            )


def verify_import(
    graph: Graph,
    project: Path,
    count: int,
    seed: int,
    console: Console,
    defines: Mapping[str, str] | None = None,
) -> None:
    """Compare ``graph`` with the compiled C++ of ``project`` on ``count`` corner and random events.

    Raises
    ------
    InputError
        If the project does not compile.
    typer.Exit
        With code 1 if an output differs; all outputs are printed before.
    """
    from l1forge.firmware.hls.fuzz.campaign import stimuli
    from l1forge.firmware.hls.project.compiled import CompiledProject
    from l1forge.firmware.hls.project.parse import read_source
    from l1forge.firmware.verify import compare_with_graph

    rng = np.random.default_rng(seed)
    inputs = [stimuli(rng, node.type, prod(node.shape), count) for node in graph.inputs]
    source = read_source(project, defines)
    sizes = dict(zip(source.inputs, (node.size for node in graph.inputs), strict=True))
    sizes |= dict(zip(source.outputs, (graph[name].size for name in graph.outputs), strict=True))
    with console.status("compiling with g++"):
        compiled = CompiledProject(project, sizes=sizes, defines=defines)
    outcomes = compare_with_graph(graph, inputs, compiled(inputs))
    for outcome in outcomes:
        console.print(
            f"{outcome.output}: {outcome.mismatches} mismatches in {outcome.events:,} events"
            f"{f' ({outcome.first})' if outcome.first else ''}"
        )
    if not all(outcome.exact for outcome in outcomes):
        console.print("the graph is written, but it is not what the C++ computes")
        raise typer.Exit(1)


def save_import(graph: Graph, output: Path, json_output: Path | None, console: Console) -> None:
    """Write the graph, print its nodes as a table, and write the table as JSON if asked."""
    graph.save(output)
    table = Table(title=f"{graph.name}: {len(graph.nodes)} nodes")
    for key in KEYS:
        table.add_column(key)
    rows = [(node.name, node.op, "×".join(map(str, node.shape)), str(node.type)) for node in graph.nodes]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"graph in {output}; outputs: {', '.join(graph.outputs)}")
    for note in graph.meta.get("notes", []):
        console.print(f"note: {note}")
    if json_output is not None:
        nodes = [dict(zip(KEYS, row, strict=True)) for row in rows]
        write_text(json_output, json.dumps(nodes, indent=1) + "\n")
