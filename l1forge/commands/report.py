"""`l1forge report MODEL`: one page about a model's firmware, or about the trigger path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markdown import Markdown

from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.comparison import Comparison
    from l1forge.studies.path_report import PathReport
    from l1forge.studies.report import FirmwareReport

app = typer.Typer(rich_markup_mode="markdown")

PAGE_WIDTH = 80


@app.command()
def report(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|path|STUDY",
            help="Model name (vae, ...) or graph file; path, or a path description (YAML); or the folder"
            " of a rate study.",
        ),
    ],
    other: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="Another rate study, to compare with the first.")
    ] = None,
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

    Of a trigger path: latency, resources, co-simulation with its coverage, faults, proofs. Steps not yet run
    are listed as missing. Two rate studies of menus are compared seed by seed, with the
    significance of each difference where both saw the same crossings.

    Examples:

    `l1forge report vae`

    `l1forge report vae -o vae.html --json vae.json`

    `l1forge report path -o path.html`

    `l1forge report study_v1 study_v2 -o change.html`
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.comparison import compare, is_study
    from l1forge.studies.path_report import path_report
    from l1forge.studies.report import report as study

    check_outputs(output, json_output)
    if output is not None and output.suffix not in (".md", ".html"):
        raise InputError(
            "the file format is not known from its name",
            file=output,
            value=output.suffix,
            remedy="name it .md or .html",
        )
    found: FirmwareReport | Comparison | PathReport
    described = model == "path" or Path(model).suffix in (".yaml", ".yml")
    if other is not None:
        if data is not None:
            raise InputError("goes with a model, not with studies", field="--data", value=str(data))
        found = compare(model, other)
    elif described:
        if data is not None:
            raise InputError("goes with a model, not with a path", field="--data", value=str(data))
        found = path_report(None if model == "path" else model)
    elif is_study(model):
        raise InputError(
            "is one study", field="STUDY", value=model, remedy="name two; the page of one is its rates.html"
        )
    else:
        found = study(model, data)
    if output is None:
        console = Console()
        console.width = max(console.width, PAGE_WIDTH)  # a narrower one cuts words
        console.print(Markdown(found.markdown()))
    else:
        write_text(output, found.html() if output.suffix == ".html" else found.markdown())
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")
