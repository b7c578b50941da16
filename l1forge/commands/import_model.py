"""`l1forge import-model FILE`: a trained ONNX, QONNX, PyTorch or Keras file becomes a fixed-point graph."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")


@app.command(name="import-model")
def import_model(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Model: .onnx, .pt2, .pt / .pth, .keras, .h5, .json with --weights."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Graph file to write.")],
    input_types: Annotated[
        list[str],
        typer.Option("--input-type", "-t", help="Type of all inputs, fixed<12,4>, or NAME=TYPE for each."),
    ],
    shapes: Annotated[
        list[str] | None,
        typer.Option("--input-shape", help="For .pt: shape of one event, 16 or 3x10x10; one for each input."),
    ] = None,
    precision: Annotated[
        Path | None, typer.Option(help='JSON file: {"layer": {"result": "fixed<16,6>", "weight": ...}}.')
    ] = None,
    default_precision: Annotated[
        str, typer.Option(help="Type of weights and results that nothing else tells.")
    ] = "fixed<16,6>",
    max_precision: Annotated[
        str | None, typer.Option(help="The widest type to infer for results and accumulators.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="For a Keras .json: its weights, .h5; default: the one such file beside it."),
    ] = None,
    io_type: Annotated[
        Literal["io_parallel", "io_stream"], typer.Option(help="How hls4ml passes arrays between layers.")
    ] = "io_parallel",
    strategy: Annotated[
        Literal["Latency", "Resource", "Resource_Unrolled"],
        typer.Option(case_sensitive=False, help="How hls4ml builds layers with weights."),
    ] = "Latency",
    reuse_factor: Annotated[
        int, typer.Option(help="How often each multiplier is used for one event.", min=1)
    ] = 1,
    project: Annotated[
        Path | None, typer.Option(help="Keep the HLS project in this folder; default: a temporary one.")
    ] = None,
    verify: Annotated[
        int, typer.Option(help="Compare N corner and random events with the project's compiled C++.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random events.", min=0)] = 1,
    json_output: Annotated[Path | None, typer.Option("--json", help="The nodes as JSON.")] = None,
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
    from l1forge.firmware.hls.converters.asked_types import check_asked
    from l1forge.firmware.hls.converters.blame import Blame
    from l1forge.firmware.hls.converters.described import described
    from l1forge.firmware.hls.translate.exceeded import warnings as exceeding
    from l1forge.firmware.hls.translate.graph import import_project, write_project
    from l1forge.screen.imported import save_import, verify_import
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.screen.quiet import quiet_stderr

    console = Console()
    check_outputs(
        output, json_output, inputs=[path for path in (model, precision, weights) if path is not None]
    )
    check_folders(project)
    settings = {
        "default_precision": default_precision,
        "max_precision": max_precision,
        "io_type": io_type,
        "strategy": strategy,
        "reuse_factor": reuse_factor,
    }
    with contextlib.ExitStack() as stack:
        folder = project or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="l1forge_model_")))
        blame = Blame(model, folder)
        with (
            blame(),
            console.status("converting with hls4ml"),
            quiet_stderr(),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # torch and hls4ml about themselves
            types, given = _types(input_types), _read(precision)
            blame.hls_model = _convert(model, weights, folder, shapes or [], types, given, settings)
            write_project(blame.hls_model)
            graph = import_project(folder)
            check_asked(blame.hls_model, graph, folder, types, given)
        graph.meta |= described(blame.hls_model, settings)
        save_import(graph, output, json_output, console)  # before a check that may fail
        with console.status("proving ranges"):
            sentences = exceeding(graph)
        for sentence in sentences:
            console.print(f"warning: {sentence}")
        if verify:
            with blame():
                verify_import(graph, folder, verify, seed, console)


def _convert(
    model: Path,
    weights: Path | None,
    folder: Path,
    shapes: list[str],
    types: Any,
    precision: Any,
    settings: dict[str, Any],
) -> Any:
    from l1forge.emulator.errors import InputError

    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in model.stem.split(".")[0])
    name = name if name[:1].isalpha() else f"model_{name}"  # the C++ top function
    if weights is not None and model.suffix != ".json":
        raise InputError(
            "only a Keras .json has its weights in another file", field="--weights", value=weights.name
        )
    if model.suffix == ".onnx":
        from l1forge.firmware.hls.converters.onnx import convert_onnx

        if shapes:
            raise InputError("an ONNX model knows its shapes", field="--input-shape", value=shapes[0])
        with model.open("rb"):
            pass
        return convert_onnx(model, name, folder, types, precision, **settings)
    if model.suffix in (".keras", ".h5", ".hdf5", ".json"):
        from l1forge.firmware.hls.converters.keras import convert_keras
        from l1forge.firmware.hls.converters.keras_file import load_keras

        if shapes:
            raise InputError("a Keras model knows its shapes", field="--input-shape", value=shapes[0])
        return convert_keras(load_keras(model, weights), name, folder, types, precision, **settings)
    if model.suffix in (".pt", ".pth", ".pt2"):
        from l1forge.firmware.hls.converters.torch import convert_torch
        from l1forge.firmware.hls.converters.torch_file import load_torch

        given = [_shape(text) for text in shapes] or None
        return convert_torch(load_torch(model), given, name, folder, types, precision, **settings)
    remedy = (
        "give an .onnx, .pt2, .pt, .pth, .keras, .h5 or .json file; l1forge import-hls reads hls4ml projects"
    )
    raise InputError("is of no known kind", file=model, value=model.suffix, remedy=remedy)


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


def _read(path: Path | None) -> dict[str, dict[str, str]]:
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.json_text import parse_json

    if path is None:
        return {}
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"is not JSON: {error}", file=path) from error
    if not isinstance(found, dict) or not all(
        isinstance(types, dict) and all(isinstance(kind, str) for kind in types.values())
        for types in found.values()
    ):
        remedy = 'write {"layer": {"result": "fixed<16,6>"}}'
        raise InputError("is not a table of types by layer", file=path, remedy=remedy)
    return found
