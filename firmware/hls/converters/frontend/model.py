"""A program's hls4ml ``ModelGraph``: the one place where PyTorch and ONNX networks meet hls4ml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.converters.asked_types import limit_inferred
from l1forge.firmware.hls.converters.frontend.layers import Layers, layer_list
from l1forge.firmware.hls.converters.frontend.program import Program
from l1forge.firmware.hls.converters.keras import refusals
from l1forge.firmware.hls.converters.notes import add_notes
from l1forge.firmware.hls.converters.settings import (
    Settings,
    apply_options,
    apply_precision,
    input_types,
    settle,
)
from l1forge.firmware.hls.converters.thresholds import raise_thresholds
from l1forge.firmware.hls.converters.transposed_weights import transposed_weights_complete


def hls_model(
    program: Program,
    name: str,
    output_dir: str | Path,
    input_type: str | Mapping[str, str],
    precision: Mapping[str, Mapping[str, str]] | None = None,
    **options: Unpack[Settings],
) -> Any:
    """Make hls4ml layers of ``program`` and let hls4ml optimise them and infer their types.

    Raises
    ------
    InputError
        If an operation has no hls4ml layer, a type does not parse, or a constant does not fit its type.
    """
    from hls4ml.model.graph import ModelGraph
    from hls4ml.utils.config import create_config

    settings = settle(options)
    default = FixedType.parse(settings["default_precision"])
    widths = {"default": str(default)}
    if settings["max_precision"] is not None:
        widths["maximum"] = str(FixedType.parse(settings["max_precision"]))
    types = input_types([value.name for value in program.inputs], input_type)
    typed = {layer: given["result"] for layer, given in (precision or {}).items() if "result" in given}
    layers = layer_list(program, default, types, typed)
    strategy, reuse_factor = settings["strategy"], settings["reuse_factor"]
    hls_config: dict[str, Any] = {
        "Model": {
            "Precision": widths,
            "ReuseFactor": reuse_factor,
            "Strategy": strategy,
            "BramFactor": 1_000_000_000,
            "TraceOutput": False,
        },
        "LayerName": _layer_names(layers, strategy, reuse_factor),
    }
    apply_precision(hls_config, dict(precision or {}))
    apply_options(hls_config, settings["layer_options"])
    with refusals("the network", "docs/hls.md lists what can be converted", field=f"network {name}"):
        config = create_config(
            str(output_dir),
            name,
            "Vitis",
            part=settings["part"],
            clock_period=settings["clock_ns"],
            io_type=settings["io_type"],
        )
        config |= {"InputData": None, "OutputPredictions": None, "HLSConfig": hls_config}
        with transposed_weights_complete():
            model = ModelGraph.from_layer_list(config, layers.list, layers.inputs, layers.outputs)
        norms = [layer for layer in layers.list if layer["class_name"] == "BatchNormalization"]
        raise_thresholds(model, {n["name"]: (n["scale_data"], n["bias_data"]) for n in norms})
    limit_inferred(model, hls_config["LayerName"], settings["max_precision"])
    _check_range(model)
    add_notes(model, layers.notes)
    return model


def _check_range(model: Any) -> None:
    """Refuse weights beyond their type: they would silently wrap in the C++."""
    for layer in model.get_layers():
        for weight in layer.get_weights():
            kind = weight.type.precision
            values = np.asarray(weight.data, dtype=np.float64)
            top = 2.0 ** (kind.integer - int(kind.signed))
            wrong = (values >= top) | (values < (-top if kind.signed else 0))
            if wrong.any():
                raise InputError(
                    f"{int(wrong.sum())} constants do not fit {kind}",
                    field=f"layer {layer.name}",
                    value=float(values[wrong][0]),
                    remedy="give its weight (or scale, bias) a wider type in precision, or a wider default",
                )


def _layer_names(layers: Layers, strategy: str, reuse_factor: int) -> dict[str, dict[str, Any]]:
    """hls4ml's configuration by layer: everything is inferred but the exact types of made-up constants."""
    import hls4ml
    from hls4ml.model.attributes import TypeAttribute

    backend = hls4ml.backends.get_backend("Vitis")
    names: dict[str, dict[str, Any]] = {}
    for layer in layers.list:
        kind = backend.create_layer_class(hls4ml.model.layers.layer_map[layer["class_name"]])
        options: dict[str, Any] = {"Precision": {}}
        for attribute in kind.expected_attributes:
            if not attribute.configurable:
                continue
            if isinstance(attribute, TypeAttribute):
                key = attribute.name.removesuffix("_t")
                options["Precision"][key] = "auto" if attribute.default is None else str(attribute.default)
            elif attribute.name == "reuse_factor":
                options |= {"ReuseFactor": reuse_factor, "Strategy": strategy}
            elif attribute.default is not None:
                options[attribute.config_name] = layer.get(attribute.name, attribute.default)
        options["Precision"] |= layers.types.get(layer["name"], {})
        names[layer["name"]] = options
    return names
