"""A trained tagger as an hls4ml model, and as a fixed-point graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.models import FOLDER
from l1forge.models.jet_tagger.network import Parameters, deployed_network, types
from l1forge.models.jet_tagger.versions import TaggerVersion

WEIGHTS = "weights.npz"


def load(path: Path) -> Parameters:
    """The parameters that a training wrote.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise InputError(
            f"is not a file of weights: {error}", file=path, remedy="train it: l1forge train jet_tagger"
        ) from None


def hls_model(version: TaggerVersion, folder: Path, values: Parameters | None = None) -> Any:
    """hls4ml's model with project folder ``folder``; default: of the committed weights."""
    from l1forge.firmware.hls.converters.keras import convert_keras
    from l1forge.firmware.hls.environment import use_legacy_keras

    use_legacy_keras()  # here, so that one message names both extras that this needs
    values = load(FOLDER / version.name / WEIGHTS) if values is None else values
    network = deployed_network(version, values)
    return convert_keras(network, version.name, folder, version.input_text, types(version))


def export_graph(version: TaggerVersion, values: Parameters) -> Graph:
    """The fixed-point graph, read from the C++ that hls4ml writes."""
    from l1forge.firmware.hls.translate.graph import import_project, write_project

    with tempfile.TemporaryDirectory(prefix="l1forge_jets_") as folder:
        write_project(hls_model(version, Path(folder), values))
        graph = import_project(Path(folder))
    graph.file = None
    return graph
