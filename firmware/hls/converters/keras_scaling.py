"""Keras' ``Normalization`` and ``Rescaling``, which hls4ml does not know, as batch norms."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.keras_flat import leaves
from l1forge.firmware.hls.objects import KerasLayer, KerasModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

KINDS = ("Normalization", "Rescaling")
SMALLEST = 1e-7
"""What Keras divides by at least (``keras.backend.epsilon()``)."""


def scalings(model: KerasModel) -> set[str]:
    """Names of the layers of these kinds."""
    return {layer.name for layer in leaves(model) if type(layer).__name__ in KINDS}


def as_batch_norms(keras: ModuleType, model: KerasModel) -> Any:
    """``model`` itself, or a copy whose ``Normalization`` and ``Rescaling`` are batch norms.

    Raises
    ------
    InputError
        If a layer scales by position and not along the last axis.
    """
    names = scalings(model)
    if not names:
        return model

    def copied(layer: KerasLayer) -> Any:
        if layer.name not in names:
            return type(layer).from_config(layer.get_config())
        return keras.layers.BatchNormalization(epsilon=0.0, name=layer.name)

    clone = keras.models.clone_model(model, clone_function=copied)
    if not clone.built:
        clone.build(model.input_shape)
    for layer in model.layers:
        place = clone.get_layer(layer.name)
        if layer.name in names:
            scale, offset = _affine(layer, tuple(int(n) for n in layer.input.shape[1:]))
            place.set_weights([scale, offset, np.zeros_like(scale), np.ones_like(scale)])
        elif layer.weights:
            place.set_weights(layer.get_weights())
    return clone


def _affine(layer: KerasLayer, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale and offset for each place of the last axis."""
    scale, offset = (_last_axis(layer, values, shape) for values in scaling(layer, shape))
    return scale, offset


def scaling(layer: KerasLayer, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset of a layer of these kinds, of any shape that broadcasts to ``shape``."""
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    if type(layer).__name__ == "Rescaling":
        scale, offset = (np.asarray(part, dtype=np.float64) for part in (layer.scale, layer.offset))
    else:
        mean, variance = (np.asarray(part, dtype=np.float64) for part in (layer.mean, layer.variance))
        deviation = np.maximum(np.sqrt(variance), SMALLEST)
        scale, offset = (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)
    parts = [values[0] if values.ndim == len(shape) + 1 else values for values in (scale, offset)]
    return parts[0], parts[1]


def _last_axis(layer: KerasLayer, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = np.asarray(values)
    rows = np.broadcast_to(values, shape).reshape(-1, shape[-1])
    if (rows != rows[0]).any():
        raise InputError(
            "scales each position by a constant of its own",
            field=f"layer {layer.name}",
            remedy="scale along the last axis: put it behind a Flatten, or give it axis=-1",
        )
    row: NDArray[np.float32] = rows[0].astype(np.float32)
    return row
