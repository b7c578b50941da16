"""Predictions of Keras 2 (QKeras) and Keras 3 (HGQ2)."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from l1forge.firmware.hls.converters.keras_flat import flattened, leaves
from l1forge.firmware.hls.environment import legacy_keras
from l1forge.firmware.hls.fidelity.frameworks.framework import Floats
from l1forge.firmware.hls.objects import KerasLayer, KerasModel

BATCH = 4096
LINEAR = {"linear", ""}


class KerasFramework:
    """A Keras model in float32, as its framework runs it."""

    def __init__(self, model: KerasModel) -> None:
        self.model = model
        self.legacy = type(model).__module__.split(".")[0] == "tf_keras"

    @property
    def versions(self) -> dict[str, str]:
        kinds = {type(layer).__module__.split(".")[0] for layer in leaves(self.model)}
        names = ["tf_keras" if self.legacy else "keras", "tensorflow"]
        names += ["QKeras"] if "qkeras" in kinds and self.legacy else []
        names += ["hgq2"] if "hgq" in kinds else []
        return {name: importlib.metadata.version(name) for name in names}

    @property
    def shapes(self) -> list[tuple[int, ...]] | None:
        shapes = [tuple(tensor.shape[1:]) for tensor in self.model.inputs]
        return None if any(n is None for shape in shapes for n in shape) else shapes

    def predict(self, inputs: Sequence[Floats]) -> list[Floats]:
        return self._run(self.model, inputs)

    def layers(self, inputs: Sequence[Floats]) -> dict[str, Floats]:
        with legacy_keras() if self.legacy else nullcontext() as keras:
            model = flattened(keras, self.model) if self.legacy else self.model
            keras = keras or __import__("keras")
            found = {
                _result_name(layer): layer.output
                for layer in leaves(model)
                if type(layer).__name__ != "InputLayer" and hasattr(layer.output, "shape")
            }
            tapped = keras.Model(model.inputs, list(found.values()))
            return dict(zip(found, self._run(tapped, inputs), strict=True))

    def _run(self, model: KerasModel, inputs: Sequence[Floats]) -> list[Floats]:
        parts: list[list[Floats]] = []
        for first in range(0, max(len(inputs[0]), 1), BATCH):
            fed = [_cast(array[first : first + BATCH], tensor) for array, tensor
                   in zip(inputs, model.inputs, strict=True)]  # fmt: skip
            made = model(fed if len(fed) > 1 else fed[0], training=False)
            many = made if isinstance(made, list | tuple) else [made]
            many = list(made.values()) if isinstance(made, dict) else many
            parts.append([np.asarray(one) for one in many])
        return [np.concatenate(blocks) for blocks in zip(*parts, strict=True)]


def _cast(array: Floats, tensor: Any) -> Floats:
    """In the dtype that the model's input has: words of an embedding are integers."""
    name = getattr(tensor.dtype, "name", str(tensor.dtype))
    return array.astype("float32" if name.startswith(("float", "bfloat")) else name)


def _result_name(layer: KerasLayer) -> str:
    """hls4ml makes the activation of a layer one of its own, ``<layer>_<activation>``."""
    if type(layer).__name__ in ("Activation", "QActivation"):
        return str(layer.name)
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", type(activation).__name__ if activation is not None else "")
    return str(layer.name) if name in LINEAR else f"{layer.name}_{name}"
