"""How the commands that import a network show its graph, and what its comparison with the C++ found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from l1forge.emulator.atomic import write_text
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.node_table import HEADINGS, node_records, node_rows
from l1forge.screen.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l1forge.firmware.verify import Comparison


def save_import(graph: Graph, output: Path, json_output: Path | None, console: Console) -> None:
    """Write the graph, print its nodes as a table, and write the table as JSON if asked."""
    graph.save(output)
    table = Table(title=f"{graph.name}: {len(graph.nodes)} nodes")
    for heading in HEADINGS:
        table.add_column(heading)
    for row in node_rows(graph):
        table.add_row(*row)
    console.print(table)
    console.print(f"graph in {output}; outputs: {', '.join(graph.outputs)}")
    for note in graph.meta.get("notes", []):
        console.print(f"note: {note}")
    if json_output is not None:
        write_text(json_output, json.dumps(node_records(graph), indent=1) + "\n")


def print_comparisons(compared: Sequence[Comparison], console: Console) -> None:
    """Print one line for each output compared with the C++; exit code 1 if one differs.

    Raises
    ------
    typer.Exit
        With code 1 if an output differs; all outputs are printed before.
    """
    for outcome in compared:
        console.print(str(outcome))
    if not all(outcome.exact for outcome in compared):
        console.print("the graph was written, but the C++ computes other results")
        raise typer.Exit(1)
