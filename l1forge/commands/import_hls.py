"""`l1forge import-hls PROJECT_DIR`: a generated hls4ml project becomes a fixed-point graph."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(rich_markup_mode="markdown")


@app.command(name="import-hls")
def import_hls(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT_DIR", help="Folder that holds firmware/, or its .tar.gz.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Graph file to write.")],
    verify: Annotated[
        int,
        typer.Option(
            "--verify", help="Compare N corner and random events with the project's own compiled C++.", min=0
        ),
    ] = 0,
    sources: Annotated[
        Path | None, typer.Option(help="Text file: one event column per input element, e.g. mu.pt[0].")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random events.", min=0)] = 1,
    json_output: Annotated[Path | None, typer.Option("--json", help="The nodes as JSON.")] = None,
) -> None:
    """Read the C++ that hls4ml wrote (parameters.h, defines.h, weights) into a graph: no Keras file needed.

    A layer that cannot be reproduced exactly is refused by name.

    Examples:

    `l1forge import-hls my-hls-test -o model.json`

    `l1forge import-hls my-hls-test -o model.json --verify 10000`

    `l1forge import-hls my-hls-test.tar.gz -o model.json`
    """
    import numpy as np

    from emulator.atomic import write_text
    from firmware.hls.archive import unpacked
    from firmware.hls.compare import compare_with_graph
    from firmware.hls.compiled import CompiledProject
    from firmware.hls.export import import_project
    from firmware.hls.fuzz.campaign import stimuli
    from l1forge.outputs import check_outputs

    console = Console()
    check_outputs(output, json_output)
    columns = _columns(sources) if sources is not None else None
    with unpacked(project) as folder:
        graph = import_project(folder, columns)
        if verify:
            rng = np.random.default_rng(seed)
            inputs = [stimuli(rng, node.type, prod(node.shape), verify) for node in graph.inputs]
            with console.status("compiling with g++"):
                compiled = CompiledProject(folder)
            for outcome in compare_with_graph(graph, inputs, compiled(inputs)):
                console.print(
                    f"{outcome.output}: {outcome.mismatches} mismatches in {outcome.events:,} events"
                    f"{f' ({outcome.first})' if outcome.first else ''}"
                )
                if not outcome.exact:
                    raise typer.Exit(1)
    graph.save(output)
    table = Table(title=f"{graph.name}: {len(graph.nodes)} nodes")
    for heading in ("node", "operation", "shape", "type"):
        table.add_column(heading)
    rows = [(node.name, node.op, "×".join(map(str, node.shape)), str(node.type)) for node in graph.nodes]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"graph in {output}; outputs: {', '.join(graph.outputs)}")
    if json_output is not None:
        keys = ("node", "operation", "shape", "type")
        write_text(
            json_output, json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=1) + "\n"
        )


def _columns(path: Path) -> list[str]:
    from emulator.errors import InputError

    try:
        return path.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise InputError("is not a text file", file=path, remedy="write one event column a line") from error
