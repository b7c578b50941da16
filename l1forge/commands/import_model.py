"""`l1forge import-model FILE`: a trained ONNX, QONNX, PyTorch or Keras file becomes a fixed-point graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
from l1forge.commands.rate_options import Rate, Signal, ZeroBias, point_of
from l1forge.screen.console import Console

if TYPE_CHECKING:
    from l1forge.studies.fidelity import ChooseTypes
    from l1forge.studies.working_point import WorkingPoint

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Model: .onnx, .pt2, .pt / .pth, .keras, .h5, .json with --weights."),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Graph file to write.")]
InputTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--input-type",
        "-t",
        help="Type of all inputs, e.g. fixed<12,4>, or NAME=TYPE for each; default: from --types, --choose.",
    ),
]
Shapes = Annotated[
    list[str] | None,
    typer.Option(
        "--input-shape", help="For .pt: shape of one event, e.g. 16 or 3x10x10; one for each input."
    ),
]
PrecisionFile = Annotated[
    Path | None,
    typer.Option(
        help='JSON file with the types of layers: {"layer": {"result": "fixed<16,6>", "weight": ...}}.'
    ),
]
TypesOption = Annotated[
    Path | None,
    typer.Option(
        help="File with the types of all layers: hls4ml's configuration (.json, .yml), as --choose writes it."
    ),
]
DefaultPrecision = Annotated[
    str | None,
    typer.Option(help="Type used where the model gives none.", show_default="from --types, or fixed<16,6>"),
]
MaxPrecision = Annotated[
    str | None, typer.Option(help="Widest type that may be inferred for results and accumulators.")
]
Weights = Annotated[
    Path | None,
    typer.Option(
        help="For a Keras .json: its weights file (.h5); default: the only such file in its folder."
    ),
]
IoType = Annotated[
    Literal["io_parallel", "io_stream"], typer.Option(help="How hls4ml passes arrays between layers.")
]
Strategy = Annotated[
    Literal["Latency", "Resource", "Resource_Unrolled"] | None,
    typer.Option(
        case_sensitive=False,
        help="How hls4ml builds layers with weights.",
        show_default="from --types, or Latency",
    ),
]
ReuseFactor = Annotated[
    int | None,
    typer.Option(
        help="Number of times each multiplier is used per event.", min=1, show_default="from --types, or 1"
    ),
]
Choose = Annotated[
    Path | None,
    typer.Option(
        help="Use these events to choose every type that neither the model nor another option sets."
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        help="Largest loss that --choose may cause: argmax=0.005, cut:0.5=0.001, auc=0.002 or error=0.01"
        " (docs/fidelity.md); with --rate a share of the accepted events.",
        show_default="argmax=0.005, or error=0.01",
    ),
]
SaveTypes = Annotated[
    Path | None,
    typer.Option(
        help="File for the types that --choose finds.", show_default="beside the graph, .types.json"
    ),
]
Curve = Annotated[
    list[Path] | None,
    typer.Option(help="Write the trade-off of --choose, loss against LUTs: .json, or .png / .pdf / .svg."),
]
CorrectBias = Annotated[
    bool,
    typer.Option("--correct-bias", help="With --choose: correct the biases for the mean rounding error."),
]
Project = Annotated[
    Path | None, typer.Option(help="Keep the HLS project in this folder; default: a temporary folder.")
]
Verify = Annotated[
    int,
    typer.Option(
        help="Compare with the project's compiled C++ on this number of corner and random events.", min=0
    ),
]
Seed = Annotated[
    int, typer.Option(help="Seed of the random events, and of how --choose splits its events.", min=0)
]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the nodes to this JSON file.")]


@app.command(name="import-model")
def import_model(
    model: Model,
    output: Output,
    input_types: InputTypes = None,
    shapes: Shapes = None,
    precision: PrecisionFile = None,
    types: TypesOption = None,
    default_precision: DefaultPrecision = None,
    max_precision: MaxPrecision = None,
    weights: Weights = None,
    io_type: IoType = "io_parallel",
    strategy: Strategy = None,
    reuse_factor: ReuseFactor = None,
    source: Source = None,
    units: UnitsOption = None,
    offset: Offset = None,
    shift: Shift = None,
    names: Names = None,
    sources: Sources = None,
    data: Data = None,
    labels: Labels = None,
    background: Background = 0.01,
    fidelity: FidelityFiles = None,
    strict: Strict = False,
    choose: Choose = None,
    loss: Loss = None,
    rate: Rate = None,
    zero_bias: ZeroBias = None,
    signal: Signal = None,
    save_types: SaveTypes = None,
    curve: Curve = None,
    correct_bias: CorrectBias = False,
    project: Project = None,
    verify: Verify = 0,
    seed: Seed = 1,
    json_output: JsonOutput = None,
) -> None:
    """Convert a trained network with hls4ml and read its fixed-point graph back from the C++.

    Formats: ONNX and QONNX (Brevitas); programs of torch.export; torch.nn networks written by torch.save;
    models of Keras 2 (QKeras) and Keras 3 written by model.save, or by model.to_json and model.save_weights.

    Examples:

    `l1forge import-model jets.onnx -t 'fixed<12,4>' -o jets.json --verify 1000`

    `l1forge import-model muon.pt2 -t 'fixed<10,4>' --precision types.json -o muon.json`

    `l1forge import-model jets.h5 -t 'fixed<16,6>' -o jets.json --verify 1000`

    `l1forge import-model model.json --weights weights.h5 -t 'fixed<16,6>' -o jets.json --reuse-factor 4`

    `l1forge import-model encoder.pt --input-shape 57 -t 'fixed<13,13>' -o encoder.json --project my-hls`

    `l1forge import-model htt.onnx -t 'fixed<12,10>' --source 'jet.et[0]*0.5,0' --name htt -o htt.json`

    `l1forge import-model htt.onnx --source columns.txt --rate 5kHz --zero-bias zb.parquet -o htt.json`

    `l1forge import-model jets.h5 -t 'fixed<16,6>' -o jets.json --data test.npz --fidelity layers.png`

    `l1forge import-model jets.h5 -o jets.json --choose x.npy --loss argmax=0.005 --curve curve.png`

    `l1forge import-model jets.h5 -o jets.json --types jets.types.json --data test.npz --strict`
    """
    from l1forge.screen.fidelity import check_names, show_choice, show_fidelity
    from l1forge.screen.imported import print_comparisons, save_import
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies.imports import import_model as study

    console = Console()
    read = [path for path in (model, precision, weights, types, data, choose, sources) if path is not None]
    typed = (save_types or output.with_suffix(".types.json")) if choose is not None or rate else None
    check_outputs(output, json_output, typed, *(fidelity or []), *(curve or []), inputs=read)
    check_folders(project)
    check_data(data if data is not None or fidelity else choose, labels, fidelity)
    check_names(curve or [], "--curve")
    point = point_of(rate, zero_bias, signal, loss)
    how = _choose(choose, point, loss, labels, correct_bias, save_types, curve)
    wiring = wiring_of(source, units, offset, shift)
    with console.status("reading") as status:
        imported = study(
            model,
            _types(input_types) if input_types else None,
            input_shapes=[shape_of(text) for text in shapes or []],
            precision=precision,
            types=types,
            default_precision=default_precision,
            max_precision=max_precision,
            weights=weights,
            io_type=io_type,
            strategy=strategy,
            reuse_factor=reuse_factor,
            sources=columns_of(sources),
            wiring=wiring,
            names=names_of(names),
            project=project,
            data=data,
            labels=labels,
            background=background,
            choose=how,
            strict=strict,
            verify=verify,
            seed=seed,
            progress=status.update,
            on_choice=lambda found: show_choice(found, typed or output, curve or [], console),
            on_graph=lambda graph: save_import(graph, output, json_output, console),
            on_warning=lambda sentence: console.print(f"warning: {sentence}"),
        )
    if imported.fidelity is not None:
        show_fidelity(imported.fidelity, fidelity or [], console)
    print_comparisons(imported.compared, console)


def _choose(
    data: Path | None,
    point: WorkingPoint | None,
    loss: str | None,
    labels: str | None,
    correct_bias: bool,
    save_types: Path | None,
    curve: list[Path] | None,
) -> ChooseTypes | None:
    """How types are chosen, None where they are not; options of it alone are refused."""
    from l1forge.emulator.errors import InputError
    from l1forge.studies.fidelity import ChooseTypes

    if data is not None and point is not None:
        raise InputError("does not go with --rate", field="--choose", remedy="give one of them")
    if point is not None:
        return ChooseTypes(point, correct_bias=correct_bias)
    if data is not None:
        return ChooseTypes(data, loss, labels, correct_bias)
    given = {"--loss": loss, "--save-types": save_types, "--curve": curve, "--correct-bias": correct_bias}
    for option, value in given.items():
        if value:
            raise InputError(
                "needs events to choose types with", field=option, remedy="give --choose or --rate"
            )
    return None


def _types(given: list[str]) -> str | dict[str, str]:
    from l1forge.emulator.errors import InputError

    if len(given) == 1 and "=" not in given[0]:
        return given[0]
    named = [text.partition("=") for text in given]
    if any(not (name and kind) for name, _, kind in named) or len({n for n, _, _ in named}) != len(named):
        remedy = "give one type for all inputs, or NAME=TYPE for each"
        raise InputError(
            "several types, and not each names its input", field="--input-type", value=given, remedy=remedy
        )
    return {name.strip(): kind.strip() for name, _, kind in named}
