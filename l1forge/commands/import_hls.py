"""`l1forge import-hls PROJECT_DIR`: a generated hls4ml project becomes a fixed-point graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1forge.commands.column_options import (
    Names,
    Offset,
    Shift,
    Source,
    UnitsOption,
    names_of,
    wiring_of,
)
from l1forge.commands.fidelity_options import (
    Background,
    Data,
    FidelityFiles,
    Labels,
    Sources,
    Strict,
    check_data,
    columns_of,
    shape_of,
)
from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")


@app.command(name="import-hls")
def import_hls(
    project: Annotated[
        Path,
        typer.Argument(
            metavar="PROJECT",
            help="Folder that contains firmware/, or its .tar.gz; or the folder (or wrapper .cpp) of an"
            " emulator package.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Graph file to write.")],
    verify: Annotated[
        int,
        typer.Option(
            "--verify",
            help="Compare with the project's compiled C++ on this number of corner and random events.",
            min=0,
        ),
    ] = 0,
    source: Source = None,
    units: UnitsOption = None,
    offset: Offset = None,
    shift: Shift = None,
    names: Names = None,
    sources: Sources = None,
    define: Annotated[
        list[str] | None,
        typer.Option(
            "--define",
            "-D",
            metavar="NAME[=VALUE]",
            help="Preprocessor macro that the build sets; repeatable.",
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET|FILE",
            help="Event columns of a package's inputs: met-eg-mu-jet, methf-eg-mu-jet, or a file with one"
            " COLUMN*FACTOR per line.",
        ),
    ] = None,
    network_only: Annotated[
        bool,
        typer.Option(
            "--network-only",
            help="For a package: import only the network, not the input scaling and the score.",
        ),
    ] = False,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events", help="Event files for --verify of a package; default: the committed sample."
        ),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Trained model from which the project was made; needs --data.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="If --reference is a Keras .json file: its weights file.")
    ] = None,
    shapes: Annotated[
        list[str] | None,
        typer.Option("--input-shape", help="If --reference is a .pt file: shape of each input, e.g. 16."),
    ] = None,
    data: Data = None,
    labels: Labels = None,
    background: Background = 0.01,
    fidelity: FidelityFiles = None,
    strict: Strict = False,
    seed: Annotated[int, typer.Option(help="Seed of the random events.", min=0)] = 1,
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Write the nodes to this JSON file.")
    ] = None,
) -> None:
    """Convert the C++ that hls4ml wrote (parameters.h, defines.h, weights) into a graph, without Keras.

    A folder as experiments publish it (NN/ with the network, a wrapper class with input scaling and score)
    becomes one graph from the hardware columns (--inputs) to the score.

    The import stops with the name of the layer if a layer cannot be reproduced exactly, or if a function of
    nnet_utils is in no known release of hls4ml. Comments and blocks that are not compiled are ignored.

    Examples:

    `l1forge import-hls my-hls-test -o model.json`

    `l1forge import-hls my-hls-test -o model.json --verify 10000`

    `l1forge import-hls my-hls-test.tar.gz -o model.json`

    `l1forge import-hls my-hls-test -o model.json --define SMALL_MODEL --define N_JETS=4`

    `l1forge import-hls MyTrigger_v5 -o trigger.json --inputs met-eg-mu-jet --verify 20000`

    `l1forge import-hls my-hls-test -o model.json --reference jets.h5 --data test.npz --fidelity layers.png`
    """
    from l1forge.firmware.hls.project.preprocess import parse_defines
    from l1forge.screen.fidelity import show_fidelity
    from l1forge.screen.imported import print_comparisons, save_import
    from l1forge.screen.outputs import check_event_files, check_outputs
    from l1forge.studies.imports import import_hls as study
    from l1forge.studies.packages import PackageOptions

    console = Console()
    read = [path for path in (reference, weights, data, sources) if path is not None]
    check_outputs(output, json_output, *(fidelity or []), inputs=read)
    check_data(data, labels, fidelity)
    check_event_files(events)
    wiring = wiring_of(source, units, offset, shift)
    with console.status("reading") as status:
        imported = study(
            project,
            sources=columns_of(sources),
            wiring=wiring,
            names=names_of(names),
            defines=parse_defines(define or []),
            package=PackageOptions(inputs, network_only, tuple(events or ())),
            reference=reference,
            weights=weights,
            input_shapes=[shape_of(text) for text in shapes or []],
            data=data,
            labels=labels,
            background=background,
            strict=strict,
            verify=verify,
            seed=seed,
            progress=status.update,
            on_graph=lambda graph: save_import(graph, output, json_output, console),
            on_warning=lambda sentence: console.print(f"warning: {sentence}"),
        )
    if imported.fidelity is not None:
        show_fidelity(imported.fidelity, fidelity or [], console)
    print_comparisons(imported.compared, console)
