"""A trained network to files: weights as npz, and through QONNX and hls4ml to the fixed-point graph."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.models.muon_pt.features import FEATURES, INTEGER, N_FEATURES, WIDTH
from l1forge.models.muon_pt.network import Network, QuantisedNetwork


def save_state(model: nn.Module, path: Path) -> None:
    """Write all parameters and buffers of ``model`` as a compressed npz."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **{name: tensor.numpy() for name, tensor in model.state_dict().items()})


def load_state(model: nn.Module, path: Path) -> None:
    """Read what :func:`save_state` wrote into ``model`` and switch it to evaluation.

    Raises
    ------
    InputError
        If the file is missing or belongs to another network.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            state = {name: torch.from_numpy(file[name]) for name in file.files}
        model.load_state_dict(state)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            "not the weights of this network", file=path, remedy="train it: l1forge train muon_pt"
        ) from error
    model.eval()


def load_quantised(network: Network, folder: Path) -> QuantisedNetwork:
    """The committed Brevitas network of ``folder``."""
    model = QuantisedNetwork(network)
    load_state(model, folder / "weights.npz")
    return model


def to_hls(model: QuantisedNetwork, folder: str | Path) -> Any:
    """The hls4ml ``ModelGraph`` of ``model`` with project folder ``folder``; nothing is written or compiled.

    Scales are powers of two and the input is on its grid, so hls4ml computes what Brevitas computes.
    """
    from l1forge.firmware.hls.converters.onnx import convert_onnx, export_qonnx

    quiet = contextlib.redirect_stdout(io.StringIO())  # hls4ml prints every layer
    with quiet, warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
        warnings.simplefilter("ignore")
        path = Path(scratch) / "model.onnx"
        export_qonnx(model, torch.zeros(1, N_FEATURES), path)
        return convert_onnx(path, model.network.name, folder, f"fixed<{WIDTH},{INTEGER}>")


def export(model: QuantisedNetwork, path: Path) -> Graph:
    """Write the fixed-point graph of ``model``; ``meta`` names its inputs."""
    from l1forge.firmware.hls.translate.graph import export_graph

    with tempfile.TemporaryDirectory() as folder:
        graph = export_graph(to_hls(model, folder))
    graph.name = model.network.name
    graph.meta["features"] = list(FEATURES)
    graph.save(path)
    return graph
