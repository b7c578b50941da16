"""Trained network to hls4ml ``ModelGraph``, with the precisions that make it bit-exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from emulator.errors import InputError
from emulator.fixed import FixedType
from firmware.hls.builder import holding
from firmware.hls.environment import legacy_keras
from firmware.hls.score import register_scores

PART = "xcvu13p-flga2577-2-e"
EXACT_FRACTION = 24


def convert_keras(
    model: Any,
    name: str,
    output_dir: str | Path,
    input_type: str | Mapping[str, str],
    precision: Mapping[str, Mapping[str, str]] | None = None,
    *,
    strategy: str = "Latency",
    reuse_factor: int = 1,
    part: str = PART,
    clock_ns: float = 2.5,
) -> Any:
    """Convert a QKeras / Keras 2 (``tf_keras``) or Keras 3 model to an hls4ml ``ModelGraph`` for Vitis HLS.

    Parameters
    ----------
    name
        Project and top function name.
    output_dir
        Where the project is written by ``hls_model.write()``.
    input_type
        Type of the input words, e.g. ``"fixed<13,13>"``; a mapping by input name where there are several.
    precision
        ``{layer: {"result": "fixed<16,6>", "accum": ...}}``, over what is derived from the quantisers.
    clock_ns
        Clock period in ns.

    Raises
    ------
    InputError
        If hls4ml cannot convert a layer, or a type does not parse.
    """
    legacy = type(model).__module__.split(".")[0] == "tf_keras"
    with legacy_keras() if legacy else nullcontext():
        import hls4ml

        register_scores()
        remedy = "use layers that hls4ml supports and quantise each of them"
        with refusals("the model", remedy, field=f"model {name}"):
            config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
            _set_input_types(config, input_type)
            _keep_quantisers(model, config)
            _exact_normalisation(model, config)
            apply_precision(config, precision or {})
            config["Model"] |= {"Strategy": strategy, "ReuseFactor": reuse_factor}
            for layer in config["LayerName"].values():
                if "ReuseFactor" in layer:
                    layer |= {"Strategy": strategy, "ReuseFactor": reuse_factor}
            return hls4ml.converters.convert_from_keras_model(
                model,
                hls_config=config,
                output_dir=str(output_dir),
                project_name=name,
                backend="Vitis",
                io_type="io_parallel",
                part=part,
                clock_period=clock_ns,
            )


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
        problem = f"hls4ml cannot convert {what}: {type(error).__name__}: {error}"
        raise InputError(problem, field=field, file=file, remedy=remedy) from error


def _set_input_types(config: dict[str, Any], input_type: str | Mapping[str, str]) -> None:
    layers = config["LayerName"]
    if isinstance(input_type, str):
        first = next(iter(layers))
        input_type = {first: input_type}
    for layer, text in input_type.items():
        kind = FixedType.parse(text, field=f"type of input {layer}")
        if layer not in layers:
            raise InputError("no such input layer", field="input_type", value=layer)
        layers[layer].setdefault("Precision", {})["result"] = str(kind)


def apply_precision(config: dict[str, Any], precision: Mapping[str, Mapping[str, str]]) -> None:
    """Put ``{layer: {tensor: type}}`` into an hls4ml configuration.

    Raises
    ------
    InputError
        If there is no such layer, or a type does not parse.
    """
    for layer, types in precision.items():
        if layer not in config["LayerName"]:
            raise InputError(
                "no such layer",
                field="precision",
                value=layer,
                remedy=f"layers: {', '.join(config['LayerName'])}",
            )
        for key, text in types.items():
            FixedType.parse(text, field=f"precision of {layer}: {key}")
            config["LayerName"][layer].setdefault("Precision", {})[key] = text


def _keep_quantisers(model: Any, config: dict[str, Any]) -> None:
    """Give the layer before a linear ``QActivation`` its type.

    hls4ml 1.3 merges a linear activation into a predecessor whose precision is 'auto' and then infers that
    precision afresh: the quantiser is lost without a word. With both types set nothing is left to infer.
    """
    layers = config["LayerName"]
    for layer in model.layers:
        quantizer = getattr(layer, "quantizer", None)
        if type(quantizer).__name__ != "quantized_bits" or layer.name not in layers:
            continue
        result = layers[layer.name]["Precision"]["result"]
        for node in layer.inbound_nodes:
            for before in np.atleast_1d(node.inbound_layers):
                if len(before.outbound_nodes) != 1:
                    continue
                for name in (before.name, f"{before.name}_linear"):
                    types = layers.get(name, {}).get("Precision", {})
                    if isinstance(types, dict) and types.get("result") == "auto":
                        types["result"] = result


def _exact_normalisation(model: Any, config: dict[str, Any]) -> None:
    """Exact types for batch-norm scales and offsets that lie on a binary grid (power-of-two scaling)."""
    for layer in model.layers:
        if type(layer).__name__ != "BatchNormalization" or layer.name not in config["LayerName"]:
            continue
        weights = dict(
            zip(
                [w.name.split("/")[-1].split(":")[0] for w in layer.weights], layer.get_weights(), strict=True
            )
        )
        one, zero = np.float32(1), np.float32(0)
        scale = weights.get("gamma", one) / np.sqrt(weights.get("moving_variance", one) + layer.epsilon)
        bias = weights.get("beta", zero) - weights.get("moving_mean", zero) * scale
        types = config["LayerName"][layer.name]["Precision"]
        for key, values in (("scale", scale), ("bias", bias)):
            exact = exact_type(np.asarray(values, dtype=np.float64))
            if exact is not None:
                types[key] = str(exact)


def exact_type(values: Any) -> FixedType | None:
    """The narrowest type that holds all ``values``, or None beyond ``EXACT_FRACTION`` fractional bits."""
    exact = [Fraction(v) for v in np.ravel(values).tolist()]
    fraction = max(v.denominator for v in exact).bit_length() - 1
    if fraction > EXACT_FRACTION:
        return None
    integers = [int(v * 2**fraction) for v in exact]
    return holding(min(integers), max(integers), fraction)
