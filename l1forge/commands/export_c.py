"""`l1forge export-c MODEL -o DIR`: a model as a self-contained C++17 header."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
def export_c(
    model: Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write into.")],
    outputs: Annotated[
        list[str] | None, typer.Option("--score", help="Write only these outputs of the graph; repeatable.")
    ] = None,
) -> None:
    """Write MODEL as one C++17 header with a C interface, and an example program.

    The header needs no library and computes the same integers as the emulator.

    Examples:

    `l1forge export-c vae -o build/vae_c`

    `l1forge export-c model.json -o build/model_c --score mu2_score`
    """
    from l1forge.emulator import c_export
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_folders

    check_folders(output)
    header = c_export.export_c(Graph.load(graph_path(model)), output, outputs or None)
    example = header.with_name(f"{header.stem}_example.cpp")
    console = Console()
    console.print(f"wrote {header} and {example}")
    console.print(f"build: c++ -std=c++17 -O3 -march=native {example} -o {example.with_suffix('')}")
