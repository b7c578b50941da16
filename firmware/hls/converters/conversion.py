"""One trained model, loaded once and converted with any types: the graph is what its C++ says."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.converters.asked_types import check_asked, check_options_taken
from l1forge.firmware.hls.converters.blame import Blame
from l1forge.firmware.hls.converters.described import described
from l1forge.firmware.hls.converters.files import Precision, Types, converter
from l1forge.firmware.hls.objects import HlsModel
from l1forge.firmware.hls.translate.graph import import_project, write_project


@dataclass
class Conversion:
    """Converts ``model`` again and again; the arguments of ``convert_file`` but for types and folder.

    ``columns``: what feeds each input element (``import_project``); ``options``: hls4ml's options by layer;
    ``biases``: what is added to the biases of a layer; ``quiet``: what holds back the chatter of frameworks.
    """

    model: Path
    weights: Path | None = None
    shapes: Sequence[tuple[int, ...]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    columns: Sequence[str] | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    biases: Mapping[str, Sequence[float]] = field(default_factory=dict)
    quiet: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    _convert: Any = None

    def __call__(
        self,
        folder: Path,
        types: Types,
        precision: Precision,
        default: str | None = None,
        check: bool = True,
    ) -> tuple[Graph, Any]:
        """The graph, and hls4ml's model of it, whose project is written to ``folder``.

        Parameters
        ----------
        default
            Type where the model and ``precision`` give none; None: that of the settings.
        check
            Whether to compare what was asked for with what was written.

        Raises
        ------
        InputError
            If a part cannot be converted exactly, or a type or an option is not taken.
        """
        blame = Blame(self.model, folder)
        with (
            blame(),
            self.quiet(),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # torch and hls4ml about themselves
            if self._convert is None:
                self._convert = converter(self.model, self.weights, self.shapes)
            settings = dict(self.settings) | ({"default_precision": default} if default else {})
            settings |= {"layer_options": self.options} if self.options else {}
            blame.hls_model = hls_model = self._convert(folder, types, precision, settings)
            correct_biases(hls_model, self.biases)
            write_project(hls_model)
            graph = import_project(folder, self.columns)
            if check:
                check_asked(hls_model, graph, folder, types, precision)
                check_options_taken(hls_model, self.options)
        graph.meta |= described(hls_model, self.settings)
        return graph, hls_model

    def candidate(
        self, types: Types, precision: Mapping[str, Mapping[str, str]], default: str
    ) -> tuple[Graph, Any]:
        """The same in a temporary folder, not checked; inputs without a type get the default one."""
        with tempfile.TemporaryDirectory(prefix="l1forge_candidate_") as folder:
            layers = {layer: dict(kinds) for layer, kinds in precision.items()}
            graph, hls_model = self(Path(folder), types or default, layers, default, check=False)
        graph.file = None
        return graph, hls_model


def correct_biases(hls_model: HlsModel, biases: Mapping[str, Sequence[float]]) -> None:
    """Add to the biases of layers, one number for each channel.

    Raises
    ------
    InputError
        If there is no such layer, or it has another number of biases.
    """
    for layer, added in biases.items():
        node = hls_model.graph.get(layer)
        bias = node.weights.get("bias") if node is not None else None
        if bias is None or np.size(bias.data) != len(added):
            problem = "no such layer with biases" if bias is None else f"has {np.size(bias.data)} biases"
            raise InputError(problem, field=f"correction of biases, layer {layer}", value=len(added))
        kind = bias.type.precision
        values = np.asarray(bias.data, np.float64) + np.reshape(np.asarray(added), np.shape(bias.data))
        top = 2.0 ** (kind.integer - int(kind.signed))
        if (values >= top).any() or (values < (-top if kind.signed else 0)).any():
            raise InputError(
                f"corrected biases do not fit {kind}",
                field=f"layer {layer}",
                value=float(np.abs(values).max()),
                remedy="give its bias more integer bits",
            )
        bias.data = values
