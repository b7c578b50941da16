"""A trained network's file, of whatever framework, to an hls4ml model: the converter by the file's ending."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json

Types = str | dict[str, str]
Precision = dict[str, dict[str, str]]


Converter = Callable[[Path, Types, Precision, Mapping[str, Any]], Any]
"""Project folder, types of inputs, types of layers, settings -> hls4ml's ``ModelGraph``."""


def convert_file(
    model: Path,
    weights: Path | None,
    folder: Path,
    shapes: Sequence[tuple[int, ...]],
    types: Types,
    precision: Precision,
    settings: Mapping[str, Any],
) -> Any:
    """The hls4ml ``ModelGraph`` of an ONNX, Keras or torch file, with project folder ``folder``.

    Parameters
    ----------
    weights
        For a Keras ``.json``: its weights.
    shapes
        For torch: the shape of one event for each input; empty where the file knows.
    types, precision
        Types of the inputs; types of layers by name and use.
    settings
        Further arguments of ``convert_keras``, ``convert_onnx`` and ``convert_torch``.

    Raises
    ------
    InputError
        If the file is of no known kind, is given what it does not take, or cannot be converted exactly.
    """
    return converter(model, weights, shapes)(folder, types, precision, settings)


def converter(model: Path, weights: Path | None, shapes: Sequence[tuple[int, ...]]) -> Converter:
    """What ``convert_file`` does with a file that is loaded once, for any types.

    Raises
    ------
    InputError
        If the file is of no known kind or cannot be read.
    """
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in model.stem.split(".")[0])
    name = name if name[:1].isalpha() else f"model_{name}"  # the C++ top function
    if weights is not None and model.suffix != ".json":
        raise InputError(
            "only a Keras .json has its weights in another file", field="--weights", value=weights.name
        )
    if model.suffix == ".onnx":
        from l1forge.firmware.hls.converters.onnx import convert_onnx

        _refuse_shapes(shapes, "an ONNX model knows its shapes")
        with model.open("rb"):
            pass
        return lambda folder, types, precision, settings: convert_onnx(
            model, name, folder, types, precision, **settings
        )
    if model.suffix in (".keras", ".h5", ".hdf5", ".json"):
        from l1forge.firmware.hls.converters.keras import convert_keras
        from l1forge.firmware.hls.converters.keras_file import load_keras

        _refuse_shapes(shapes, "a Keras model knows its shapes")
        loaded = load_keras(model, weights)
        return lambda folder, types, precision, settings: convert_keras(
            loaded, name, folder, types, precision, **settings
        )
    if model.suffix in (".pt", ".pth", ".pt2"):
        from l1forge.firmware.hls.converters.torch import convert_torch
        from l1forge.firmware.hls.converters.torch_file import load_torch

        network = load_torch(model)
        return lambda folder, types, precision, settings: convert_torch(
            network, list(shapes) or None, name, folder, types, precision, **settings
        )
    remedy = (
        "give an .onnx, .pt2, .pt, .pth, .keras, .h5 or .json file; l1forge import-hls reads hls4ml projects"
    )
    raise InputError("is not a known kind of model file", file=model, value=model.suffix, remedy=remedy)


def _refuse_shapes(shapes: Sequence[tuple[int, ...]], problem: str) -> None:
    if shapes:
        value = "x".join(map(str, shapes[0]))
        raise InputError(problem, field="--input-shape", value=value)


def read_precision(path: Path | None) -> Precision:
    """Types by layer and use from a JSON file, ``{"layer": {"result": "fixed<16,6>"}}``; none without a file.

    Raises
    ------
    InputError
        If the file is not such a table.
    """
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
