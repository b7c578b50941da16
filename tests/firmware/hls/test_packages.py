"""Emulator packages in the ways in which they are published, each exact against its own compiled C++."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.package.columns import read_columns
from l1forge.firmware.hls.package.graph import Imported, import_package
from l1forge.firmware.hls.package.reference import Reference
from l1forge.firmware.verify import compare_with_graph
from l1forge.testbench import stimuli

from .packages import LOOPS, SCALING, Layout, scales, simple_wrapper, wrapper, write_package

NAMESPACE = "hls4ml_net_v1"
SCALES = scales(9, NAMESPACE)
EVENTS = 1500


def check(imported: Imported, count: int = EVENTS) -> dict[str, int]:
    """Mismatches by output, over corners and random inputs."""
    rng = np.random.default_rng(11)
    graph = imported.graph
    block = np.concatenate([stimuli.corners(graph, count // 3, rng), stimuli.random_bits(graph, count, rng)])
    given = list(stimuli.as_inputs(graph, block).values())
    with Reference(imported, "-O0") as reference:
        found = compare_with_graph(graph, given, reference(given))
    return {comparison.output: comparison.mismatches for comparison in found}


def exact(imported: Imported) -> bool:
    return not any(check(imported).values())


DEFINES_LOAD = """
#ifdef LOAD_WEIGHTS_FROM_TXT
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<weight2_t, 54>(w2, "w2.txt");
        loaded_weights = true;
    }
#endif
"""
COMMENTED_LOAD = """
// #ifdef LOAD_WEIGHTS_FROM_TXT
//     static bool loaded_weights = false;
//     if (!loaded_weights) {
//         nnet::load_weights_from_txt<weight2_t, 54>(w2, "w2.txt");
//         loaded_weights = true;
//     }
// #endif
"""

LAYOUTS = {
    "one weights.h, static constants, score": Layout(wrapper=wrapper(), scales=SCALES),
    "flat, macros, no namespace, load block": Layout(
        folder="",
        constants="define",
        weights="folder",
        namespace="",
        guard=DEFINES_LOAD,
        wrapper=simple_wrapper(""),
    ),
    "constexpr, weights.cpp, top in another file": Layout(
        constants="constexpr",
        weights="cpp",
        guard=COMMENTED_LOAD,
        file="network.cpp",
        wrapper=simple_wrapper(NAMESPACE, "NN/"),
        extra={"NN/other.cpp": '#include "defines.h"\nint helper(int x) { return x; }\n'},
    ),
    "nn_utils, fifth argument AP_SAT, braces": Layout(
        constants="braces",
        header_folder="nn_utils",
        relu="ap_ufixed<10,6,AP_RND_CONV,AP_SAT,AP_SAT>",
        result="ap_fixed<18,8,AP_RND,AP_WRAP,AP_SAT>",
        wrapper=simple_wrapper(NAMESPACE, "NN/", "HLS4MLModel"),
    ),
    "no headers of hls4ml": Layout(headers=False, wrapper=simple_wrapper(NAMESPACE, "NN/")),
    "network alone": Layout(weights="folder"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str, tmp_path: Path) -> None:
    imported = import_package(write_package(tmp_path / "Net_v1", LAYOUTS[name]))
    assert exact(imported)
    if "score" in name:
        assert imported.graph.outputs == ["mu", "score.sum"]
        assert [n.op for n in imported.graph.inputs] == ["input"]
        assert str(imported.graph.inputs[0].type) == "fixed<18,13>"


SCALINGS: dict[str, tuple[str, str]] = {
    "double, powers of two, tables in the class": (
        """
    int norm[N_INPUT_1_1] = {256, 1, 64, 128, 256, 16, 32, 2, 4};
    int bias[N_INPUT_1_1] = {51, 0, 7, 0, -54, 1, 0, 11, 59};
    for (int i = 0; i < N_INPUT_1_1; i++) {
      double tmp0 = unscaled[i] - bias[i];
      double tmp1 = tmp0 / norm[i];
      scaled[i] = static_cast<input_t>(tmp1);
    }""",
        "",
    ),
    "double that rounds": (
        """
    for (int i = 0; i < N_INPUT_1_1; i++) {
      double tmp0 = unscaled[i] - ad_offsets[i];
      scaled[i] = input_t(tmp0 * 0.3 / 7);
    }""",
        "",
    ),
    "float": (
        """
    for (int i = 0; i < N_INPUT_1_1; ++i) {
      float tmp0 = unscaled[i];
      scaled[i] = (input_t)(0.125f * tmp0 - 3.5f);
    }""",
        "",
    ),
    "integers, pairs, branches on constants": (
        """
    for (unsigned i = 0; i < N_INPUT_1_1; i += 3) {
      for (int j = 0; j < 3; j++) {
        const int k = i + j;
        if (j == 1) {
          scaled[k] = 0;
        } else {
          int whole = unscaled[k];
          scaled[k] = (whole - (j == 2 ? 72 : 4)) >> (j + 1);
        }
      }
    }""",
        "",
    ),
    "in place, running": (
        """
    unscaled_t last = 0;
    for (int i = 0; i < N_INPUT_1_1; i++) {
      unscaled[i] -= ad_offsets[i];
      unscaled[i] >>= ad_shift[i];
      last += unscaled[i];
      scaled[i] = last;
    }""",
        "",
    ),
    "loop by hand": (SCALING, LOOPS["sum of squares"]),
    "difference of two halves": (SCALING, LOOPS["difference"]),
    "largest": (SCALING, LOOPS["maximum"]),
}


@pytest.mark.parametrize("name", SCALINGS)
def test_scaling_and_score(name: str, tmp_path: Path) -> None:
    scaling, loss = SCALINGS[name]
    text = wrapper(scaling, loss) if loss else wrapper(scaling)
    imported = import_package(write_package(tmp_path / "Net_v1", Layout(wrapper=text, scales=SCALES)))
    assert exact(imported)
