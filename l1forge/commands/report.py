"""`l1forge report MODEL`: one page about a model's firmware."""

from __future__ import annotations

import json
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
        Path | None, typer.Option("--output", "-o", help="File to write the page to: .md or .html.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Events or arrays to look at bits in use; default: the zero-bias sample if it fits."
        ),
    ] = None,
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this JSON file.")
    ] = None,
) -> None:
    """Collect network, layers, design, co-verification, synthesis and rates of MODEL on one page.

    Steps not yet run are listed as missing.

    Examples:

    `l1forge report vae`

    `l1forge report vae -o vae.html --json vae.json`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.report import report as study

    check_outputs(output, json_output)
    if output is not None and output.suffix not in (".md", ".html"):
        raise InputError(
            "the file format is not known from its name",
            file=output,
            value=output.suffix,
            remedy="name it .md or .html",
        )
    found = study(model, data)
    if output is None:
        console = Console()
        console.width = max(console.width, PAGE_WIDTH)  # a narrower one cuts words
        console.print(Markdown(found.markdown()))
    else:
        write_text(output, found.html() if output.suffix == ".html" else found.markdown())
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
