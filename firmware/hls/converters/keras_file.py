"""Keras files of Keras 2 with QKeras, Keras 3 and HGQ2: ``.keras``, ``.h5``, and ``.json`` with its weights.

No code in them is run.
"""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.environment import TENSORFLOW_SETTINGS, legacy_keras

BUILD = "load it in Python and call l1forge.firmware.hls.converters.keras.convert_keras"
QKERAS = ("QActivation", "QConv1D", "QConv2D", "QDepthwiseConv2D", "quantized_bits", "quantized_relu")
"""Names that only QKeras gives; its QDense and others are names of HGQ2, too."""
TOLD = 160
"""Characters of another library's message that are passed on: Keras quotes whole layers."""


def load_keras(path: str | Path, weights: str | Path | None = None) -> Any:
    """The model of a file that ``model.save`` wrote, or of ``model.to_json`` and ``model.save_weights``.

    Parameters
    ----------
    weights
        The ``.h5`` of a ``.json``; default: the only one beside it that is named as such files are.

    Raises
    ------
    InputError
        If the file cannot be read, holds a ``Lambda`` layer (Python code), or layers that are not known.
    """
    path = Path(path)
    with path.open("rb"):  # a missing file is told as such
        pass
    version, config = _description(path)
    _check_origin(path, version, config)
    kinds = set(_kinds(config))
    beside = _weights(path, weights) if path.suffix == ".json" else None
    if "Lambda" in kinds:
        raise InputError(
            "holds a Lambda layer, Python code that is not run from files", file=path, remedy=BUILD
        )
    try:
        if version.startswith("2"):
            with legacy_keras() as keras:
                return _loaded(keras, path, beside, custom_objects=_qkeras(kinds))
        os.environ.update(TENSORFLOW_SETTINGS)
        import keras as keras_3

        if any(kind.startswith("hgq") for kind in _modules(config)):
            _import_hgq(path)
        return _loaded(keras_3, path, beside)
    except InputError:
        raise
    except Exception as error:  # import, zip, HDF5 and Keras each have their own
        problem = _short(error)
        remedy = f"save it as .h5, QKeras does not read its own .keras files; or {BUILD}"
        remedy = remedy if version.startswith("2") and path.suffix == ".keras" else BUILD
        raise InputError(f"cannot read the Keras model: {problem}", file=path, remedy=remedy) from error


def _loaded(keras: ModuleType, path: Path, weights: Path | None, **options: Any) -> Any:
    if weights is None:
        return keras.models.load_model(path, compile=False, **options)
    model = keras.models.model_from_json(path.read_text(encoding="utf-8"), **options)
    try:
        model.load_weights(weights)
    except Exception as error:
        problem = f"does not hold the weights of {path.name}: {_short(error)}"
        raise InputError(problem, file=weights, remedy="give the file that save_weights wrote") from error
    return model


def _import_hgq(path: Path) -> None:
    try:
        importlib.import_module("hgq")
    except ImportError as error:
        raise InputError(
            f"is a model of HGQ2, which cannot be imported: {_short(error)}",
            file=path,
            remedy="pip install HGQ2 into an environment without QKeras, whose name it takes",
        ) from error


def _short(error: Exception) -> str:
    """The first sentence of a message, or its beginning."""
    text = " ".join(str(error).split()) or type(error).__name__
    first = text.partition(". ")[0]
    return first if len(first) <= TOLD else first[:TOLD] + "…"


def _weights(path: Path, given: str | Path | None) -> Path:
    """The file of weights that belongs to ``path``."""
    if given is not None:
        given = Path(given)
        with given.open("rb"):
            pass
        return given
    names = [f"{path.stem}{end}" for end in ("_weights.h5", ".weights.h5", ".h5")]
    names += ["weights.h5", "model_weights.h5", "model.weights.h5"]
    found = [path.with_name(name) for name in dict.fromkeys(names) if path.with_name(name).is_file()]
    if len(found) != 1:
        problem = "several files may hold its weights" if found else "holds a network without weights"
        raise InputError(
            problem,
            file=path,
            value=[file.name for file in found] or None,
            remedy="name the file of model.save_weights with --weights",
        )
    return found[0]


def _check_origin(path: Path, version: str, config: object) -> None:
    """Refuse layers of packages that cannot be loaded here, which Keras would quote in full."""
    for entry in _entries(config):
        kind, package = str(entry.get("class_name", "")), str(entry.get("registered_name") or "")
        module = str(entry.get("module") or "")
        if package.startswith("HGQ>") or kind.startswith("HGQ>") or module.startswith("HGQ"):
            raise InputError(
                f"holds {kind.removeprefix('HGQ>')} of HGQ 1, which needs packages that exclude ours",
                file=path,
                remedy="convert it with hls4ml where HGQ 1 is installed, then l1forge import-hls its project",
            )
        other = module.startswith("qkeras") or package.startswith("qkeras>")
        if not version.startswith("2") and (other or (kind in QKERAS and not module.startswith("hgq"))):
            raise InputError(
                f"holds {kind} of a QKeras for Keras 3, which hls4ml 1.3 cannot convert",
                file=path,
                remedy="build it with QKeras 0.9 and Keras 2 (tf_keras), copy the weights, save it as .h5",
            )


def _description(path: Path) -> tuple[str, Any]:
    """The version of Keras that wrote the file, and the configuration of its layers."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                metadata = json.loads(archive.read("metadata.json"))
                return str(metadata["keras_version"]), json.loads(archive.read("config.json"))
        if path.suffix == ".json":
            return _json_description(path)
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


def _json_description(path: Path) -> tuple[str, Any]:
    """As ``_description``: Keras 2 writes its version, Keras 3 the module of each class."""
    config = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict) or not {"class_name", "config"} <= config.keys():
        remedy = "give what model.to_json returns; l1forge emulate reads graphs"
        raise InputError("is JSON, but not a Keras model", file=path, remedy=remedy)
    version = config.get("keras_version") or ("3" if "module" in config else "2")
    return str(version), config


def _entries(config: object) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        yield config
        for value in config.values():
            yield from _entries(value)
    elif isinstance(config, list):
        for value in config:
            yield from _entries(value)


def _kinds(config: object) -> Iterator[str]:
    return (str(entry["class_name"]) for entry in _entries(config) if "class_name" in entry)


def _modules(config: object) -> Iterator[str]:
    return (str(entry["module"]) for entry in _entries(config) if entry.get("module"))


def _qkeras(kinds: set[str]) -> dict[str, Any]:
    """QKeras' layers and quantisers, where the file names one of them."""
    if not any(kind.startswith(("Q", "quantized", "binary", "ternary", "stochastic")) for kind in kinds):
        return {}
    from qkeras.utils import _add_supported_quantized_objects

    known: dict[str, Any] = {}
    _add_supported_quantized_objects(known)
    return known
