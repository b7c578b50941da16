"""PyTorch networks (float weights, types chosen by the user) to hls4ml."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.errors import InputError
from emulator.fixed import FixedType
from firmware.hls.convert import PART, apply_precision, refusals
from firmware.hls.environment import TENSORFLOW_SETTINGS
from firmware.hls.pytorch import Layers, layer_list, read_program


def convert_torch(
    network: Any,
    input_shape: tuple[int, ...] | Sequence[tuple[int, ...]] | None,
    name: str,
    output_dir: str | Path,
    input_type: str | Mapping[str, str],
    precision: Mapping[str, Mapping[str, str]] | None = None,
    *,
    default_precision: str = "fixed<16,6>",
    max_precision: str | None = None,
    strategy: str = "Latency",
    reuse_factor: int = 1,
    part: str = PART,
    clock_ns: float = 2.5,
) -> Any:
    """Convert a ``torch.nn.Module`` or ``torch.export.ExportedProgram`` to an hls4ml ``ModelGraph``.

    Layers are named as ``torch.fx`` names them; inputs and outputs keep PyTorch's order of axes.

    Parameters
    ----------
    input_shape
        Shape of one event's input, without the batch axis; a list of shapes for several inputs; may be
        None for an exported program.
    input_type
        Type of all inputs, or a mapping by their names (the arguments of ``forward``).
    default_precision
        Type of weights that are not given in ``precision``; results are wide enough for every value.
    max_precision
        The widest type that hls4ml may infer for results and accumulators, e.g. ``"fixed<32,16>"``.

    The other parameters are those of ``convert_keras``. For quantised training use Brevitas and
    ``convert_onnx``.

    Raises
    ------
    InputError
        If a layer cannot be converted, or a type does not parse.
    """
    os.environ.update(TENSORFLOW_SETTINGS)
    from hls4ml.model.graph import ModelGraph
    from hls4ml.utils.config import create_config

    shapes = [input_shape] if isinstance(input_shape, tuple) else input_shape
    program = read_program(network, shapes)  # type: ignore[arg-type]
    default = FixedType.parse(default_precision, field="default_precision")
    widths = {"default": str(default)}
    if max_precision is not None:
        widths["maximum"] = str(FixedType.parse(max_precision, field="max_precision"))
    layers = layer_list(program, default, _input_types([value.name for value in program.inputs], input_type))
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
    with refusals("the network", "use torch.nn modules that hls4ml supports", field=f"network {name}"):
        config = create_config(
            str(output_dir), name, "Vitis", part=part, clock_period=clock_ns, io_type="io_parallel"
        )
        config |= {"InputData": None, "OutputPredictions": None, "HLSConfig": hls_config}
        model = ModelGraph.from_layer_list(config, layers.list, layers.inputs, layers.outputs)
    _check_range(model)
    return model


def _check_range(model: Any) -> None:
    """Weights beyond their type would wrap in the C++ without a word."""
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


def _input_types(inputs: Sequence[str], given: str | Mapping[str, str]) -> dict[str, FixedType]:
    types = dict.fromkeys(inputs, given) if isinstance(given, str) else dict(given)
    for name in sorted(set(inputs) ^ set(types)):
        problem = "input has no type" if name in inputs else "no such input"
        raise InputError(problem, field="input_type", value=name, remedy=f"inputs: {', '.join(inputs)}")
    return {name: FixedType.parse(text, field=f"type of input {name}") for name, text in types.items()}


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
                options[attribute.config_name] = attribute.default
        options["Precision"] |= layers.types.get(layer["name"], {})
        names[layer["name"]] = options
    return names
