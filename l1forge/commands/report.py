"""`l1forge report MODEL`: one page about a model's firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

PAGE_WIDTH = 80


@app.command()
def report(
    model: Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it: .md or .html by the name.")
    ] = None,
    json_output: Annotated[Path | None, typer.Option("--json", help="The same as JSON.")] = None,
) -> None:
    """Collect design, co-verification and synthesis of MODEL; what has not been run is said so.

    Examples:

    `l1forge report vae`

    `l1forge report vae -o vae.html --json vae.json`
    """
    import json
    from dataclasses import asdict

    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.report import collect, to_html, to_markdown
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_outputs

    check_outputs(output, json_output)
    if output is not None and output.suffix not in (".md", ".html"):
        raise InputError(
            "cannot tell what to write", file=output, value=output.suffix, remedy="name it .md or .html"
        )
    graph = Graph.load(graph_path(model))
    build = build_folder()
    sections = collect(model, build / "rtl" / graph.name, build / "reports" / graph.name, graph)
    if output is None:
        console = Console()
        console.width = max(console.width, PAGE_WIDTH)  # a narrower one cuts words
        console.print(Markdown(to_markdown(graph.name, sections)))
    else:
        page = to_html if output.suffix == ".html" else to_markdown
        write_text(output, page(graph.name, sections))
    if json_output is not None:
        write_text(json_output, json.dumps([asdict(section) for section in sections], indent=1) + "\n")
