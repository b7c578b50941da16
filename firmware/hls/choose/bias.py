"""Empirical correction of biases: what a layer's results lack on average is added to its bias.

Rounded weights and cut-off bits shift the mean of a sum (Nagel et al., "Data-Free Quantization through Weight
Equalization and Bias Correction", ICCV 2019, section 4.2, with data). Layers are corrected one after the
other, each with the inputs that the corrected ones before it give.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.fidelity.layers import layer_of
from l1forge.firmware.hls.fidelity.run import run_rows
from l1forge.firmware.hls.fidelity.sample import Sample


def layer_means(graph: Graph, sample: Sample) -> dict[str, NDArray[np.float64]]:
    """Mean of each layer's result over events and positions, one number for each channel (the last axis)."""
    names = {layer_of(node): node.name for node in graph.nodes if node.op not in ("input", "constant")}
    taps = Graph(graph.name, graph.nodes, list(names.values()))
    made = run_rows(taps, sample.integers(graph)[0])
    return {
        layer: made[name].reshape(-1, made[name].shape[-1]).astype(np.float64).mean(axis=0)
        * graph[name].type.lsb
        for layer, name in names.items()
    }
