"""Tables of pairs of codes as logic: six clocks, and what Yosys makes of the tables."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.rtl import generate
from l1forge.firmware.rtl.delay import LUT_NS, SLOW_PIN_NS, table_ns
from l1forge.firmware.rtl.generate import trace
from l1forge.firmware.synth.yosys import synthesise
from tests.emulator.kernel.pair_graphs import pair_squares, pair_sum
from tests.emulator.kernel.random_graphs import corner_inputs

BUNCH_CROSSING_CLOCKS = 6


@pytest.mark.parametrize(("made", "clocks"), [(pair_sum, 5), (pair_squares, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_scores_fit_a_bunch_crossing(made, clocks, seed, tmp_path):
    graph = made(seed)
    project = generate(graph, tmp_path / "rtl")
    assert project.latency == clocks <= BUNCH_CROSSING_CLOCKS
    assert project.slow is None
    if seed == 0:
        x = corner_inputs(graph, 200)
        expected = evaluate(graph, x)[graph.outputs[0]].reshape(200, -1)
        found = trace(graph).predict(x.astype(np.float64), n_threads=1) / graph[graph.outputs[0]].type.lsb
        np.testing.assert_array_equal(found, expected)


def test_tables_take_what_a_slice_takes():
    """One look-up table up to six address bits, two or four with their multiplexers up to eight."""
    assert [table_ns(bits) for bits in (2, 6, 7, 8)] == [SLOW_PIN_NS, SLOW_PIN_NS, 0.86, 0.96]
    assert table_ns(9) == table_ns(10) == 0.96 + 2 * LUT_NS


def test_a_table_of_pairs_is_packed(tmp_path):
    """256 entries are four look-up tables of six inputs a bit, F7 and F8 (371 LUT when this was written)."""
    graph = pair_sum(2, pairs=6)
    result = synthesise(generate(graph, tmp_path / "rtl"), tmp_path / "synthesis")
    assert result.lut <= 380
    assert result.cells["MUXF8"] >= 30
    assert result.dsp == result.bram == 0
