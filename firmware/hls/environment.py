"""One place for what hls4ml needs from its surroundings: legacy Keras for QKeras 0.9, quiet TensorFlow.

QKeras 0.9 is written for Keras 2 (``tf_keras``), and hls4ml chooses its converter from ``import keras``.
NumPy 2 has lost ``np.product``, which hls4ml 1.3 calls for auto_po2 scales.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError

TENSORFLOW_SETTINGS = {
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


def use_legacy_keras() -> Any:
    """Set TensorFlow up for QKeras and return the ``tf_keras`` module.

    Raises
    ------
    InputError
        If ``tensorflow.keras`` was used earlier as Keras 3, or TensorFlow is not installed.
    """
    os.environ.update(TENSORFLOW_SETTINGS)
    try:
        tensorflow = importlib.import_module("tensorflow")
        legacy = importlib.import_module("tf_keras")
    except ImportError as error:
        raise InputError(
            f"QKeras models need TensorFlow: {error}",
            field="environment",
            remedy="pip install 'l1forge[train,firmware]'",
        ) from error
    if tensorflow.keras.layers.Layer is not legacy.layers.Layer:
        raise InputError(
            "tensorflow.keras is already Keras 3",
            field="TF_USE_LEGACY_KERAS",
            remedy="convert QKeras models in a fresh process, or set TF_USE_LEGACY_KERAS=1 before the start",
        )
    return legacy


@contextmanager
def legacy_keras() -> Iterator[Any]:
    """Within the block ``import keras`` gives ``tf_keras`` and ``numpy.product`` exists."""
    legacy = use_legacy_keras()
    earlier = sys.modules.get("keras")
    sys.modules["keras"] = legacy
    try:
        with numpy_product(), stack_of_arrays():
            yield legacy
    finally:
        if earlier is None:
            del sys.modules["keras"]
        else:
            sys.modules["keras"] = earlier


OWN_READERS = ("QMultiHeadAttention", "QLinformerAttention")
"""Layers of HGQ2 that hls4ml makes plain ones of: da4ml counts a tensor that is query and value twice."""


MOVED_LAYERS = {
    "hgq.layers.attn.mha.QMultiHeadAttention": "hgq.layers.multi_head_attention.QMultiHeadAttention",
    "hgq.layers.attn.linformer.QLinformerAttention": "hgq.layers.linformer_attention.QLinformerAttention",
}
"""Where HGQ2 0.2 has layers, and where hls4ml 1.3 looks for them."""


@contextmanager
def keras_3_layers() -> Iterator[Any]:
    """Within the block hls4ml goes on to its Keras 2 handlers where it has none for a Keras 3 layer.

    It asks da4ml first and expects ``KeyError``, but da4ml 0.6 raises ``ValueError`` for plain layers.
    """
    from hls4ml.converters.keras_v3_to_hls import KerasV3HandlerDispatcher as Dispatcher

    earlier = Dispatcher.da_call

    def da_call(self: Dispatcher, layer: object, *arguments: object) -> Any:
        if type(layer).__name__ in OWN_READERS:
            raise KeyError(type(layer).__name__)
        try:
            return earlier(self, layer, *arguments)
        except ValueError as error:
            raise KeyError(str(error)) from error

    registry = importlib.import_module("hls4ml.converters.keras_v3._base").registry
    moved = {
        new: registry[old] for new, old in MOVED_LAYERS.items() if old in registry and new not in registry
    }
    Dispatcher.da_call = da_call
    registry.update(moved)
    try:
        yield
    finally:
        Dispatcher.da_call = earlier
        for name in moved:
            del registry[name]


@contextmanager
def stack_of_arrays() -> Iterator[None]:
    """Within the block ``array_ops.stack`` exists, which QKeras' transposed convolutions call."""
    array_ops = importlib.import_module("tensorflow.python.ops.array_ops")
    lacks = not hasattr(array_ops, "stack")
    if lacks:
        array_ops.stack = importlib.import_module("tensorflow").stack  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if lacks:
            del array_ops.stack


@contextmanager
def numpy_product() -> Iterator[None]:
    """Within the block ``numpy.product`` exists, which hls4ml 1.3 calls for power-of-two scales."""
    lacks = "product" not in vars(np)
    if lacks:
        vars(np)["product"] = np.prod
    try:
        yield
    finally:
        if lacks:
            del vars(np)["product"]
