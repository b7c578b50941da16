"""hls4ml model or project directory to fixed-point graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.environment import numpy_product
from l1forge.firmware.hls.objects import HlsModel
from l1forge.firmware.hls.project.parse import read_source
from l1forge.firmware.hls.project.source import Source
from l1forge.firmware.hls.translate.builder import Builder
from l1forge.firmware.hls.translate.layers import TRANSLATORS
from l1forge.firmware.hls.translate.layers.distributed import logic_call
from l1forge.firmware.hls.translate.layers.quantiser import quantise
from l1forge.firmware.hls.translate.layers.registry import Translator
from l1forge.firmware.hls.translate.layers.steps import check_steps
from l1forge.firmware.hls.translate.layers.stream import input_size
from l1forge.firmware.hls.translate.stream_words import check_words

SETTINGS = "hls4ml_config.yml"
"""The one file of a project that says where it lies."""


def import_project(
    folder: str | Path,
    sources: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    defines: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Graph:
    """The graph of a generated hls4ml project (the directory that holds ``firmware/``).

    Parameters
    ----------
    sources
        For each input array, or for all of them one after the other, what feeds the elements, e.g.
        ``["met.pt[0]", ...]``; becomes the ``source`` attribute of the graph's inputs.
    defines
        Macros that the build sets, by name.
    tell
        Called with each thing that a user should know: code left out, headers that are missing.

    Raises
    ------
    InputError
        If the project holds a layer, type or statement that cannot be reproduced exactly, or a header of
        ``nnet_utils`` that no known release of hls4ml wrote.
    """
    source = read_source(folder, defines)
    graph = _translate(source, sources)
    for note in dict.fromkeys(source.notes) if tell else ():
        tell(note)  # type: ignore[misc]
    return graph


def export_graph(
    hls_model: HlsModel, sources: Mapping[str, Sequence[str]] | Sequence[str] | None = None
) -> Graph:
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


def write_project(hls_model: HlsModel, folder: str | Path | None = None) -> None:
    """Write the model's HLS project into ``folder`` (default: its own), without changing where it belongs.

    All of it or nothing: the files appear in ``folder`` when the last one is written.
    """
    section = hls_model.config.config
    earlier = section["OutputDir"]
    target = Path(earlier if folder is None else folder)
    try:
        with atomic_files(target) as temporary, numpy_product():
            section["OutputDir"] = str(temporary)
            hls_model.write()
            settings = temporary / SETTINGS
            if settings.exists():
                text = settings.read_text(encoding="utf-8")
                settings.write_text(text.replace(str(temporary), str(target)), encoding="utf-8")
    finally:
        section["OutputDir"] = earlier


def _translate(source: Source, sources: Mapping[str, Sequence[str]] | Sequence[str] | None) -> Graph:
    builder = Builder(source)
    network_inputs(builder, sources)
    translate_calls(builder)
    return assemble(source, builder, [builder.value(name).node.name for name in source.outputs])


def network_inputs(
    builder: Builder, sources: Mapping[str, Sequence[str]] | Sequence[str] | None = None
) -> None:
    """Add the input nodes of the top function's arguments that are read."""
    source = builder.source
    read = {argument for call in source.calls for argument in call.arguments}
    inputs = source.inputs
    fed = _columns(builder, inputs, sources)
    for name in inputs:
        cpp = source.type(source.arrays[name][0])
        attributes: dict[str, Any] = {}
        if name in fed:
            attributes["source"] = list(fed[name])
        if name in read or name in source.aliases.values():
            node = builder.add("input", [], (input_size(builder, name),), cpp.fixed, name, **attributes)
            builder.store(name, node)


def translate_calls(builder: Builder) -> None:
    """Add the nodes of every call of the top function, in order.

    Raises
    ------
    InputError
        If a function cannot be reproduced, or nothing is written to an output.
    """
    source = builder.source
    for call in source.calls:
        builder.layer = call.layer or call.function
        translate = _translator(source, call.function)
        if translate is None:
            raise InputError(
                "layer cannot be reproduced exactly",
                file=source.file,
                field=f"layer {builder.layer}",
                value=f"nnet::{call.function}",
                remedy=_remedy(call.function),
            )
        if source.streamed:
            check_words(builder, call)
        check_steps(builder, call)
        translate(builder, call)
    if not source.outputs:
        raise source.error(
            "nothing is written to an output",
            "top function",
            remedy="the network has no layer that hls4ml writes a call for, such as a recurrent one",
        )


def assemble(source: Source, builder: Builder, outputs: list[str]) -> Graph:
    """The graph of the builder's nodes."""
    meta = {"hls_project": source.name, "origin": "hls4ml"}
    return Graph(source.name, builder.nodes, outputs, meta)


def _columns(
    builder: Builder, inputs: list[str], sources: Mapping[str, Sequence[str]] | Sequence[str] | None
) -> Mapping[str, Sequence[str]]:
    """The columns of each input; a plain list is dealt out in the order of the inputs."""
    if sources is None or isinstance(sources, Mapping):
        return sources or {}
    sizes = [input_size(builder, name) for name in inputs]
    if len(sources) != sum(sizes):
        raise InputError(
            f"{len(sources)} columns for {sum(sizes)} input elements",
            field="sources",
            remedy=f"give one for each element of {', '.join(inputs)}, in this order",
        )
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return {name: sources[end - size : end] for name, size, end in zip(inputs, sizes, ends, strict=True)}


_REMEDIES = {
    "simple_rnn": "plain recurrent layers are not supported: use an LSTM or a GRU",
    "garnet": "write the layer with dense and einsum layers",
    "dense_compressed": "convert without Compression",
}


def _remedy(function: str) -> str:
    for word, remedy in _REMEDIES.items():
        if word in function:
            return remedy
    return "docs/hls.md lists the functions that can be; replace the layer by them"


def _translator(source: Source, function: str) -> Translator | None:
    """Generated functions have names of their own in each project."""
    if function in source.quantisers:
        return quantise
    return logic_call if function in source.logic else TRANSLATORS.get(function)
