"""Trained network to hls4ml ``ModelGraph``, with the precisions that make it bit-exact."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.asked_types import limit_inferred
from l1forge.firmware.hls.converters.constant_types import exact_type, rounding_error, scale_type
from l1forge.firmware.hls.converters.keras_flat import flattened, leaves
from l1forge.firmware.hls.converters.keras_options import check_options
from l1forge.firmware.hls.converters.keras_scaling import as_batch_norms, scalings
from l1forge.firmware.hls.converters.keras_types import check_grid, keep_quantisers, uninferred
from l1forge.firmware.hls.converters.notes import add_notes
from l1forge.firmware.hls.converters.power_scales import exponents_that_hold
from l1forge.firmware.hls.converters.score import register_scores
from l1forge.firmware.hls.converters.settings import (
    Settings,
    apply_options,
    apply_precision,
    input_types,
    settle,
)
from l1forge.firmware.hls.converters.thresholds import raise_thresholds, ternary_levels
from l1forge.firmware.hls.converters.transposed_weights import transposed_weights_complete
from l1forge.firmware.hls.converters.vocabulary import fill_vocabularies
from l1forge.firmware.hls.environment import keras_3_layers, legacy_keras
from l1forge.firmware.hls.objects import HlsModel, KerasModel


def convert_keras(
    model: KerasModel,
    name: str,
    output_dir: str | Path,
    input_type: str | Mapping[str, str],
    precision: Mapping[str, Mapping[str, str]] | None = None,
    **settings: Unpack[Settings],
) -> Any:
    """Convert a QKeras / Keras 2 (``tf_keras``) or Keras 3 model to an hls4ml ``ModelGraph`` for Vitis HLS.

    Models inside a Keras 2 model become its own layers; a layer that is called again gets a name of its own.

    Parameters
    ----------
    name
        Project and top function name.
    output_dir
        Where the project is written by ``hls_model.write()``.
    input_type
        Type of all inputs, e.g. ``"fixed<13,13>"``, or a mapping by their names.
    precision
        ``{layer: {"result": "fixed<16,6>", "accum": ...}}``, over what is derived from the quantisers.
    settings
        See ``Settings``.

    Raises
    ------
    InputError
        If hls4ml cannot convert a layer or ignores one of its options, or a type does not parse.
    """
    chosen = settle(settings)
    legacy = type(model).__module__.split(".")[0] == "tf_keras"
    with legacy_keras() if legacy else keras_3_layers() as keras:
        import hls4ml

        register_scores()
        remedy = "use layers that hls4ml supports and quantise each of them"
        with refusals("the model", remedy, field=f"model {name}"):
            from l1forge.firmware.hls.converters import frontend

            if frontend.beyond(model):
                program = frontend.read_keras(model)
                return frontend.hls_model(program, name, output_dir, input_type, precision, **settings)
            if legacy:
                model = flattened(keras, model)
            scaled = scalings(model)
            model = as_batch_norms(keras if legacy else importlib.import_module("keras"), model)
            check_options(model, legacy)
            config = hls4ml.utils.config_from_keras_model(
                model,
                granularity="name",
                backend="Vitis",
                default_precision=chosen["default_precision"],
                max_precision=chosen["max_precision"],
            )
            _set_input_types(model, config, input_type)
            keep_quantisers(model, config)
            norms = _normalisations(model)
            _keep_softmax(model, config)
            _exact_normalisation(norms, config, scaled)
            apply_precision(config, precision or {})
            _type_linear(config, precision or {})
            how = {"Strategy": chosen["strategy"], "ReuseFactor": chosen["reuse_factor"]}
            config["Model"] |= how
            for layer in config["LayerName"].values():
                if "ReuseFactor" in layer:
                    layer |= how
            apply_options(config, chosen["layer_options"])

            def converted() -> Any:
                with exponents_that_hold(), transposed_weights_complete():
                    return convert()

            def convert() -> Any:
                return hls4ml.converters.convert_from_keras_model(
                    model,
                    hls_config=deepcopy(config),
                    output_dir=str(output_dir),
                    project_name=name,
                    backend="Vitis",
                    io_type=chosen["io_type"],
                    part=chosen["part"],
                    clock_period=chosen["clock_ns"],
                )

            hls_model = converted()
            while found := uninferred(hls_model, config):
                for layer_name, types in found.items():
                    config["LayerName"].setdefault(layer_name, {}).setdefault("Precision", {}).update(types)
                hls_model = converted()
            limit_inferred(hls_model, config["LayerName"], chosen["max_precision"])
            check_grid(hls_model)
            raise_thresholds(hls_model, norms, ternary_levels(leaves(model)))
            fill_vocabularies(hls_model)
            add_notes(hls_model, _rounded(hls_model, {name: norms[name] for name in scaled}))
            return hls_model


@contextmanager
def refusals(
    what: str, remedy: str, *, field: str | None = None, file: str | Path | None = None
) -> Iterator[None]:
    """Whatever hls4ml raises inside the block becomes one InputError that names ``what`` and the remedy."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        problem = f"hls4ml cannot convert {what}: {type(error).__name__}: {str(error) or _place(error)}"
        raise InputError(problem, field=field, file=file, remedy=remedy) from error


def _place(error: Exception) -> str:
    """Where an error without a message was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}, {frame.name}: {frame.line}"


def _set_input_types(model: KerasModel, config: dict[str, Any], given: str | Mapping[str, str]) -> None:
    layers = config["LayerName"]
    names = getattr(model, "input_names", None) or [tensor.name for tensor in model.inputs]
    names = [name for name in names if name in layers] or [next(iter(layers))]  # Sequential has its own
    for layer, kind in input_types(names, given).items():
        layers[layer].setdefault("Precision", {})["result"] = str(kind)


def _type_linear(config: dict[str, Any], precision: Mapping[str, Mapping[str, str]]) -> None:
    """The type given to a layer's result also for its linear activation: hls4ml would give it the default."""
    for layer, types in precision.items():
        linear = config["LayerName"].get(f"{layer}_linear")
        if linear is not None and "result" in types and f"{layer}_linear" not in precision:
            linear.setdefault("Precision", {})["result"] = types["result"]


def _keep_softmax(model: KerasModel, config: dict[str, Any]) -> None:
    """The implementation of HGQ2's softmax: hls4ml's default by name would replace what the layer says."""
    for layer in leaves(model):
        if type(layer).__name__ == "QSoftmax" and hasattr(layer, "stable"):
            options = config["LayerName"].setdefault(layer.name, {})
            options["Implementation"] = "stable" if layer.stable else "latency"


def _rounded(hls_model: HlsModel, scaled: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    """Scales of weights (``alpha='auto'``) and of inputs that their type does not hold exactly."""
    for node in hls_model.get_layers():
        constants: dict[str, Any] = {}
        if node.name in scaled:
            constants = dict(zip(("scale", "bias"), scaled[node.name], strict=True))
        elif node.class_name == "ApplyAlpha" and node.get_attr("scale_quantizer") is None:
            constants = {"scale": node.get_attr("scale_data")}
        for key, values in constants.items():
            weight = node.weights.get(key)
            if weight is None:
                continue
            if lost := rounding_error(values, str(weight.type.precision)):
                yield f"layer {node.name}: {'offset' if key == 'bias' else key} {lost}"


def _exact_normalisation(
    norms: Mapping[str, tuple[Any, Any]], config: dict[str, Any], scaled: Collection[str]
) -> None:
    """Exact types for batch-norm scales and offsets that lie on a binary grid (power-of-two scaling).

    Those of the layers ``scaled``, which are no trained batch norms, have at least 18 significant bits.
    """
    for name, constants in norms.items():
        if name not in config["LayerName"]:
            continue
        types = config["LayerName"][name]["Precision"]
        for key, values in zip(("scale", "bias"), constants, strict=True):
            exact = exact_type(np.asarray(values, dtype=np.float64))
            if exact is not None:
                types[key] = str(exact)
            if name in scaled:
                types[key] = str(scale_type(np.asarray(values, dtype=np.float64)))


def _normalisations(model: KerasModel) -> dict[str, tuple[Any, Any]]:
    """Scale and offset of each batch norm."""
    found = {}
    for layer in leaves(model):
        if type(layer).__name__ != "BatchNormalization":
            continue
        names = [w.name.split("/")[-1].split(":")[0] for w in layer.weights]
        weights = dict(zip(names, layer.get_weights(), strict=True))
        one, zero = np.float32(1), np.float32(0)
        scale = weights.get("gamma", one) / np.sqrt(weights.get("moving_variance", one) + layer.epsilon)
        found[layer.name] = scale, weights.get("beta", zero) - weights.get("moving_mean", zero) * scale
    return found
