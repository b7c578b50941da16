"""`l1forge import-model FILE`: a trained ONNX, QONNX, PyTorch or Keras file becomes a fixed-point graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Model: .onnx, .pt2, .pt / .pth, .keras, .h5, .json with --weights."),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Graph file to write.")]
InputTypes = Annotated[
    list[str],
    typer.Option("--input-type", "-t", help="Type of all inputs, fixed<12,4>, or NAME=TYPE for each."),
]
Shapes = Annotated[
    list[str] | None,
    typer.Option("--input-shape", help="For .pt: shape of one event, 16 or 3x10x10; one for each input."),
]
PrecisionFile = Annotated[
    Path | None, typer.Option(help='JSON file: {"layer": {"result": "fixed<16,6>", "weight": ...}}.')
]
DefaultPrecision = Annotated[str, typer.Option(help="Type of weights and results that nothing else tells.")]
MaxPrecision = Annotated[
    str | None, typer.Option(help="The widest type to infer for results and accumulators.")
]
Weights = Annotated[
    Path | None,
    typer.Option(help="For a Keras .json: its weights, .h5; default: the one such file beside it."),
]
IoType = Annotated[
    Literal["io_parallel", "io_stream"], typer.Option(help="How hls4ml passes arrays between layers.")
]
Strategy = Annotated[
    Literal["Latency", "Resource", "Resource_Unrolled"],
    typer.Option(case_sensitive=False, help="How hls4ml builds layers with weights."),
]
ReuseFactor = Annotated[int, typer.Option(help="How often each multiplier is used for one event.", min=1)]
Project = Annotated[
    Path | None, typer.Option(help="Keep the HLS project in this folder; default: a temporary one.")
]
Verify = Annotated[
    int, typer.Option(help="Compare N corner and random events with the project's compiled C++.", min=0)
]
Seed = Annotated[int, typer.Option(help="Seed of the random events.", min=0)]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="The nodes as JSON.")]


@app.command(name="import-model")
def import_model(
    model: Model,
    output: Output,
    input_types: InputTypes,
    shapes: Shapes = None,
    precision: PrecisionFile = None,
    default_precision: DefaultPrecision = "fixed<16,6>",
    max_precision: MaxPrecision = None,
    weights: Weights = None,
    io_type: IoType = "io_parallel",
    strategy: Strategy = "Latency",
    reuse_factor: ReuseFactor = 1,
    project: Project = None,
    verify: Verify = 0,
    seed: Seed = 1,
    json_output: JsonOutput = None,
) -> None:
    """Convert a trained network with hls4ml and read its fixed-point graph back from the C++.

    ONNX and QONNX (Brevitas), programs of torch.export, torch.nn networks written by torch.save, and models
    of Keras 2 (QKeras) and Keras 3 written by model.save, or as model.to_json and model.save_weights.

    Examples:

    `l1forge import-model jets.onnx -t 'fixed<12,4>' -o jets.json --verify 1000`

    `l1forge import-model muon.pt2 -t 'fixed<10,4>' --precision types.json -o muon.json`

    `l1forge import-model jets.h5 -t 'fixed<16,6>' -o jets.json --verify 1000`

    `l1forge import-model model.json --weights weights.h5 -t 'fixed<16,6>' -o jets.json --reuse-factor 4`

    `l1forge import-model encoder.pt --input-shape 57 -t 'fixed<13,13>' -o encoder.json --project my-hls`
    """
    from l1forge.screen.imported import print_comparisons, save_import
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.imports import import_model as study

    console = Console()
    check_outputs(
        output, json_output, inputs=[path for path in (model, precision, weights) if path is not None]
    )
    check_folders(project)
    with console.status("reading") as status:
        imported = study(
            model,
            _types(input_types),
            input_shapes=[_shape(text) for text in shapes or []],
            precision=precision,
            default_precision=default_precision,
            max_precision=max_precision,
            weights=weights,
            io_type=io_type,
            strategy=strategy,
            reuse_factor=reuse_factor,
            project=project,
            verify=verify,
            seed=seed,
            progress=status.update,
            on_graph=lambda graph: save_import(graph, output, json_output, console),
            on_warning=lambda sentence: console.print(f"warning: {sentence}"),
        )
    print_comparisons(imported.compared, console)


def _types(given: list[str]) -> str | dict[str, str]:
    from l1forge.emulator.errors import InputError

    if len(given) == 1 and "=" not in given[0]:
        return given[0]
    named = [text.partition("=") for text in given]
    if any(not (name and kind) for name, _, kind in named) or len({n for n, _, _ in named}) != len(named):
        remedy = "give one type, or NAME=TYPE once for each input"
        raise InputError("types do not tell their inputs", field="--input-type", value=given, remedy=remedy)
    return {name.strip(): kind.strip() for name, _, kind in named}


def _shape(text: str) -> tuple[int, ...]:
    from l1forge.emulator.errors import InputError

    sizes = text.lower().replace("×", "x").split("x")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        remedy = "write 16 or 3x10x10, without the batch axis"
        raise InputError("is not a shape", field="--input-shape", value=text, remedy=remedy)
    return tuple(int(size) for size in sizes)
