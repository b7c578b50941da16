"""The one door to the frameworks: a model file becomes something that predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError

Floats = NDArray[Any]
KERAS, TORCH = (".keras", ".h5", ".hdf5", ".json"), (".pt", ".pth", ".pt2")


class Framework(Protocol):
    """A trained network that predicts.

    ``versions`` names the framework and what it runs on, with their versions. ``shapes`` are those of one
    event of each input, or None where the network does not know them.
    """

    @property
    def versions(self) -> dict[str, str]: ...

    @property
    def shapes(self) -> list[tuple[int, ...]] | None: ...

    def predict(self, inputs: Sequence[Floats]) -> list[Floats]:
        """The outputs in order, (n, *shape) each, for inputs of shape (n, *shape) of an event."""
        ...

    def layers(self, inputs: Sequence[Floats]) -> dict[str, Floats]:
        """Results of layers inside, (n, *shape), by the names that the converter gives them."""
        ...


def open_framework(
    path: str | Path, weights: str | Path | None = None, shapes: Sequence[tuple[int, ...]] | None = None
) -> Framework:
    """The network of a model file, ready to predict.

    Parameters
    ----------
    weights
        For a Keras ``.json``: the file of its weights.
    shapes
        Shape of one event of each input, for a PyTorch network that does not know them.

    Raises
    ------
    InputError
        If the file cannot be read, or its framework is not installed.
    """
    path = Path(path)
    if path.suffix in KERAS:
        from l1forge.firmware.hls.converters.keras_file import load_keras
        from l1forge.firmware.hls.fidelity.frameworks.keras import KerasFramework

        return KerasFramework(load_keras(path, weights))
    if path.suffix in TORCH:
        from l1forge.firmware.hls.converters.torch_file import load_torch
        from l1forge.firmware.hls.fidelity.frameworks.torch import TorchFramework

        return TorchFramework(load_torch(path), list(shapes) if shapes else None)
    if path.suffix == ".onnx":
        from l1forge.firmware.hls.fidelity.frameworks.onnx import OnnxFramework

        return OnnxFramework(path)
    raise InputError(
        "is not a known kind of model file",
        file=path,
        value=path.suffix,
        remedy="give the trained model: .onnx, .pt2, .pt, .pth, .keras, .h5 or .json",
    )


def shaped(
    framework: Framework, arrays: Sequence[Floats], known: Sequence[tuple[int, ...] | None]
) -> list[Floats]:
    """Flat inputs (n, size) in the shapes that the network takes; ``known`` where it does not know them.

    Raises
    ------
    InputError
        If the network takes another number of inputs or of elements.
    """
    shapes: list[tuple[int, ...] | None] = list(framework.shapes or known)
    if len(shapes) != len(arrays):
        raise InputError(
            f"the trained model takes {len(shapes)} inputs, the graph has {len(arrays)}", field="inputs"
        )
    made = []
    for shape, array in zip(shapes, arrays, strict=True):
        if shape is None:
            shape = array.shape[1:]
        if int(np.prod(shape)) != array.shape[1]:
            raise InputError(
                f"the trained model takes {list(shape)} for each event, the graph {array.shape[1]} elements",
                field="inputs",
            )
        made.append(array.reshape(len(array), *shape))
    return made


def predicted(framework: Framework, inputs: Sequence[Floats]) -> list[Floats]:
    """``framework.predict``, whose own errors become one line.

    Raises
    ------
    InputError
        If the framework cannot run the network here.
    """
    try:
        return framework.predict(inputs)
    except InputError:
        raise
    except Exception as error:  # each framework has its own
        told = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"the trained network cannot be run on this machine: {told}",
            field="--data",
            remedy="leave --data out: the conversion itself does not run it",
        ) from error


def batches(inputs: Sequence[Floats], size: int, fill: bool = True) -> Iterator[list[Floats]]:
    """``size`` events at a time; with ``fill`` the last batch is filled up with zeros."""
    count = len(inputs[0])
    for first in range(0, max(count, 1), size):
        parts = [array[first : first + size] for array in inputs]
        lack = size - len(parts[0]) if fill else 0
        yield [
            np.concatenate([part, np.zeros((lack, *part.shape[1:]), part.dtype)]) if lack else part
            for part in parts
        ]
