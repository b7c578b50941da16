"""hls4ml model or project directory to fixed-point graph."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator.errors import InputError
from emulator.graph import Graph
from firmware.hls.builder import Builder
from firmware.hls.environment import numpy_product
from firmware.hls.layers import TRANSLATORS
from firmware.hls.layers.distributed import logic_call
from firmware.hls.layers.quantiser import quantise
from firmware.hls.layers.registry import Translator
from firmware.hls.layers.stream import input_size
from firmware.hls.parse import read_source
from firmware.hls.source import Source
from firmware.hls.words import check_words


def import_project(
    folder: str | Path, sources: Mapping[str, Sequence[str]] | Sequence[str] | None = None
) -> Graph:
    """The graph of a generated hls4ml project (the directory that holds ``firmware/``).

    Parameters
    ----------
    sources
        For each input array (or for the only one) what feeds its elements, e.g. ``["met.pt[0]", ...]``;
        becomes the ``source`` attribute of the graph's inputs.

    Raises
    ------
    InputError
        If the project holds a layer, type or statement that cannot be reproduced exactly.
    """
    return _translate(read_source(folder), sources)


def export_graph(hls_model: Any, sources: Mapping[str, Sequence[str]] | Sequence[str] | None = None) -> Graph:
    """The graph of an hls4ml ``ModelGraph``: from the C++ that it writes, which is what gets compiled.

    Raises
    ------
    InputError
        As ``import_project``.
    """
    with tempfile.TemporaryDirectory(prefix="l1forge_hls_") as folder:
        write_project(hls_model, folder)
        graph = import_project(folder, sources)
    graph.file = None
    return graph


def write_project(hls_model: Any, folder: str | Path | None = None) -> None:
    """Write the model's HLS project into ``folder`` (default: its own), without changing where it belongs."""
    section = hls_model.config.config
    earlier = section["OutputDir"]
    section["OutputDir"] = str(folder) if folder is not None else earlier
    try:
        with numpy_product():
            hls_model.write()
    finally:
        section["OutputDir"] = earlier


def _translate(source: Source, sources: Mapping[str, Sequence[str]] | Sequence[str] | None) -> Graph:
    builder = Builder(source)
    read = {argument for call in source.calls for argument in call.arguments}
    inputs = source.inputs
    for name in inputs:
        cpp = source.type(source.arrays[name][0])
        attributes: dict[str, Any] = {}
        fed = sources.get(name) if isinstance(sources, Mapping) else sources
        if fed is not None:
            attributes["source"] = list(fed)
        if name in read or name in source.aliases.values():
            node = builder.add("input", [], (input_size(builder, name),), cpp.fixed, name, **attributes)
            builder.store(name, node)
    for call in source.calls:
        builder.layer = call.layer or call.function
        if source.streamed:
            check_words(builder, call)
        translate = _translator(source, call.function)
        if translate is None:
            raise InputError(
                "layer cannot be reproduced exactly",
                file=source.file,
                field=f"layer {builder.layer}",
                value=f"nnet::{call.function}",
                remedy=f"known: {', '.join(sorted(TRANSLATORS))}",
            )
        translate(builder, call)
    outputs = [builder.value(name).node.name for name in source.outputs]
    meta = {"hls_project": source.name, "origin": "hls4ml"}
    return Graph(source.name, builder.nodes, outputs, meta)


def _translator(source: Source, function: str) -> Translator | None:
    """Generated functions have names of their own in each project."""
    if function in source.quantisers:
        return quantise
    return logic_call if function in source.logic else TRANSLATORS.get(function)
