"""Keras 2 models without what hls4ml 1.3 reads wrongly: nested models, repeated layers and wrappers.

It gives the layers of a nested model no types, follows only the first call of a layer that is called twice,
knows no layer that does nothing at inference but ``Dropout``, and makes convolutions of dense layers along a
sequence with weights that are neither quantised nor merged with the batch norm behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.objects import KerasLayer, KerasModel

IDLE = {
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("ActivityRegularization", "Identity"),
}
"""Layers that do nothing at inference."""

POINTWISE = {
    *("Dense", "QDense", "Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU"),
    *("BatchNormalization", "QBatchNormalization", *IDLE),
}
"""Layers that treat each position of a sequence alike, so that ``TimeDistributed`` changes nothing."""


def leaves(model: KerasModel | KerasLayer) -> Iterator[Any]:
    """The layers of a model and of the models inside it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from leaves(layer)
        else:
            yield layer


def flattened(keras: Any, model: KerasModel) -> Any:
    """``model`` itself, or an equal one of plain layers; repeated layers get names of their own.

    Raises
    ------
    InputError
        If a wrapped layer is not one that treats all positions alike.
    """
    entries = model.get_config()["layers"]
    plain = not any(
        hasattr(layer, "layers")
        or type(layer).__name__ in {"TimeDistributed", *IDLE} - {"Dropout"}
        or (type(layer).__name__ in ("Dense", "QDense") and len(layer.input_shape) > 2)
        for layer in model.layers
    )
    if plain and all(len(entry.get("inbound_nodes", ())) < 2 for entry in entries):
        return model
    inputs = [
        keras.layers.Input(tensor.shape[1:], name=name)
        for name, tensor in zip(model.input_names, model.inputs, strict=True)
    ]
    outputs = _through(keras, model, inputs, set(model.input_names))
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=model.name)


def _as_convolution(keras: ModuleType, layer: KerasLayer, parts: list[Any], name: str) -> Any | None:
    """A dense layer along a sequence or an image as a convolution of single pixels.

    hls4ml makes one of it too, but of the weights as they were: not quantised, and without the batch norm
    that it has merged into them.
    """
    kind, rank = type(layer).__name__, len(parts[0].shape) - 2
    if kind not in ("Dense", "QDense") or rank not in (1, 2):
        return None
    given = layer.get_config()
    keys = ("activation", "use_bias", "kernel_quantizer", "bias_quantizer")
    options = {key: given[key] for key in keys if key in given}
    if kind == "Dense":
        convolution = getattr(keras.layers, f"Conv{rank}D")
    else:
        import qkeras

        convolution = getattr(qkeras, f"QConv{rank}D")
    return convolution.from_config({"name": name, "filters": layer.units, "kernel_size": 1, **options})


def _through(
    keras: ModuleType, model: KerasModel | KerasLayer, tensors: list[Any], taken: set[str]
) -> list[Any]:
    """The outputs of a model for these inputs, made of new layers."""
    config = model.get_config()
    if "output_layers" not in config:  # Sequential
        for layer in model.layers:
            tensors = _called(keras, layer, tensors, taken)
        return tensors
    made = {(name, 0): [tensor] for (name, *_), tensor in zip(config["input_layers"], tensors, strict=True)}
    waiting = [  # a model has made itself its first node
        (entry["name"], k, node)
        for entry in config["layers"]
        for k, node in enumerate(entry["inbound_nodes"], hasattr(model.get_layer(entry["name"]), "layers"))
    ]
    while waiting:
        name, k, node = ready = next(
            call for call in waiting if all((part[0], part[1]) in made for part in call[2])
        )
        waiting.remove(ready)
        parts = [made[part[0], part[1]][part[2]] for part in node]
        made[name, k] = _called(keras, model.get_layer(name), parts, taken)
    return [made[name, node][place] for name, node, place in config["output_layers"]]


def _called(keras: ModuleType, layer: KerasLayer, parts: list[Any], taken: set[str]) -> list[Any]:
    kind, inner = type(layer).__name__, layer
    if kind in IDLE:
        return parts
    if kind == "TimeDistributed":
        inner = layer.layer
        within = list(leaves(inner)) if hasattr(inner, "layers") else [inner]
        other = [
            type(part).__name__ for part in within if type(part).__name__ not in {*POINTWISE, "InputLayer"}
        ]
        if other:
            raise InputError(
                "TimeDistributed is not supported around this layer",
                field=f"layer {layer.name}",
                value=other[0],
                remedy=f"wrap one of {', '.join(sorted(POINTWISE - IDLE))}, or use a convolution",
            )
        if type(inner).__name__ in IDLE:
            return parts
    if hasattr(inner, "layers"):
        return _through(keras, inner, parts, taken)
    name, count = layer.name, 0
    while name in taken:
        count += 1
        name = f"{layer.name}_{count}"
    taken.add(name)
    copied = _as_convolution(keras, inner, parts, name)
    if copied is None:
        copied = type(inner).from_config({**inner.get_config(), "name": name})
    made = copied(parts if len(parts) > 1 else parts[0])
    pairs = zip(inner.get_weights(), copied.get_weights(), strict=True)
    copied.set_weights([np.reshape(weight, place.shape) for weight, place in pairs])
    return list(made) if isinstance(made, list | tuple) else [made]
