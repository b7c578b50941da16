"""The HLS projects of the models, written once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.tools.locks import DONE, locked
from l1forge.models.registry import hls_of, models


def hls_project(model: str, graph: Graph, parent: Path) -> Path | None:
    """The HLS project of a model, written on the first call; None if the model has none.

    The folder's name carries the graph's digest, so that a retrained model gets a new project.
    """
    make = hls_of(model)
    if make is None and not (model in models() and models()[model].written):
        return None
    folder = parent / f"{model}-{hashlib.sha256(graph.to_json().encode()).hexdigest()[:12]}"
    with locked(folder):
        if not (folder / DONE).exists():
            if make is None:
                from l1forge.firmware.hls.written.project import write

                write(graph, folder)
            else:
                _write_with_hls4ml(make, folder)
            (folder / DONE).touch()
    return folder


def _write_with_hls4ml(make: Callable[[Path], Any], folder: Path) -> None:
    from l1forge.firmware.hls.translate.graph import write_project

    # hls4ml reports every layer; TensorFlow, QKeras and hls4ml warn about each other
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_project(make(folder))
