"""Keras files, ``.keras`` and ``.h5``, of Keras 2 with QKeras, Keras 3 and HGQ2; no code in them is run."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulator.errors import InputError
from firmware.hls.environment import TENSORFLOW_SETTINGS, legacy_keras

BUILD = "load it in Python and call firmware.hls.convert.convert_keras"


def load_keras(path: str | Path) -> Any:
    """The model of a file that ``model.save`` wrote.

    Raises
    ------
    InputError
        If the file cannot be read, holds a ``Lambda`` layer (Python code), or layers that are not known.
    """
    path = Path(path)
    with path.open("rb"):  # a missing file is told as such
        pass
    version, config = _description(path)
    kinds = set(_kinds(config))
    if "Lambda" in kinds:
        raise InputError(
            "holds a Lambda layer, Python code that is not run from files", file=path, remedy=BUILD
        )
    try:
        if version.startswith("2"):
            with legacy_keras() as keras:
                return keras.models.load_model(path, custom_objects=_qkeras(kinds), compile=False)
        os.environ.update(TENSORFLOW_SETTINGS)
        import keras as keras_3

        if any(kind.startswith("hgq") for kind in _modules(config)):
            importlib.import_module("hgq")
        return keras_3.models.load_model(path, compile=False)
    except InputError:
        raise
    except Exception as error:  # import, zip, HDF5 and Keras each have their own
        problem = " ".join(str(error).split()) or type(error).__name__
        remedy = f"save it as .h5, QKeras does not read its own .keras files; or {BUILD}"
        remedy = remedy if version.startswith("2") and path.suffix == ".keras" else BUILD
        raise InputError(f"cannot read the Keras model: {problem}", file=path, remedy=remedy) from error


def _description(path: Path) -> tuple[str, Any]:
    """The version of Keras that wrote the file, and the configuration of its layers."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                metadata = json.loads(archive.read("metadata.json"))
                return str(metadata["keras_version"]), json.loads(archive.read("config.json"))
        import h5py

        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise InputError("holds weights without a network", file=path, remedy="use model.save")
            return str(file.attrs.get("keras_version", "2")), json.loads(file.attrs["model_config"])
    except InputError:
        raise
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            "cannot be read as a Keras file: it is damaged or of another kind", file=path, remedy=BUILD
        ) from error


def _entries(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        yield config
        for value in config.values():
            yield from _entries(value)
    elif isinstance(config, list):
        for value in config:
            yield from _entries(value)


def _kinds(config: Any) -> Iterator[str]:
    return (str(entry["class_name"]) for entry in _entries(config) if "class_name" in entry)


def _modules(config: Any) -> Iterator[str]:
    return (str(entry["module"]) for entry in _entries(config) if entry.get("module"))


def _qkeras(kinds: set[str]) -> dict[str, Any]:
    """QKeras' layers and quantisers, where the file names one of them."""
    if not any(kind.startswith(("Q", "quantized", "binary", "ternary", "stochastic")) for kind in kinds):
        return {}
    from qkeras.utils import _add_supported_quantized_objects

    known: dict[str, Any] = {}
    _add_supported_quantized_objects(known)
    return known
