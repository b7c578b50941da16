"""Small networks made of the fuzzer's layers, and their exact comparison."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.hls.fuzz import dense_layers, element_layers, spatial_layers
from l1forge.firmware.hls.fuzz.campaign import build, stimuli
from l1forge.firmware.hls.fuzz.generate import Generator
from l1forge.firmware.hls.fuzz.harness import compile_together, describe, run
from l1forge.firmware.hls.fuzz.network import Network
from l1forge.firmware.hls.translate.graph import import_project
from l1forge.firmware.verify import compare as compare_values
from l1forge.firmware.verify import compare_with_graph


def drawn(
    *makers: str,
    shape: tuple[int, ...],
    types: dict[str, str] | None = None,
    seed: int = 3,
    strategy: str = "Latency",
    io: str = "io_parallel",
) -> Network:
    """The fuzzer's layers of these names, one after the other; ``types`` for all but quantisers."""
    g = Generator(np.random.default_rng(seed))
    g.strategy, g.io = strategy, io
    name = g.add("InputLayer", shape, ["input"], {"result": "fixed<8,3>"})
    g.layers[-1]["input_shape"] = list(shape)
    for maker in makers:
        module = next(m for m in (dense_layers, element_layers, spatial_layers) if hasattr(m, maker))
        name = getattr(module, maker)(g, name)
        if maker != "quantiser":
            g.precision[name] |= types or {}
    return Network(g.layers, g.precision, [name], strategy, io=io)


def compare(network: Network, folder: Path, change: Callable[[str], str] = str, varied: int = 20) -> Graph:
    """Write, change the generated code, compile and compare graph, kernel and C++ on all stimuli."""
    build(network, "net0", folder / "net0")
    path = folder / "net0" / "firmware" / "nnet_utils" / "nnet_code_gen.h"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    built, graph = describe("net0", folder / "net0"), import_project(folder / "net0")
    library = ctypes.CDLL(str(compile_together([built], folder)))
    size = built.source.arrays[built.inputs[0]][1]
    inputs = stimuli(np.random.default_rng(1), built.type(built.inputs[0]), size, 300)
    found = run(library, built, [inputs])
    assert [r.first for r in compare_with_graph(graph, inputs, found)] == [None]
    fast = compile_graph(graph).run_array(np.ascontiguousarray(inputs.T))[graph.outputs[0]]
    assert compare_values("kernel", np.moveaxis(fast, -1, 0), found[0]).first is None
    assert len(np.unique(found[0])) > varied
    return graph
