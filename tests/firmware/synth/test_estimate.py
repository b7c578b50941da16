"""The fast estimate: counts by hand, the committed table consistent with the code, errors as documented."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from l1forge.benchmarks.small_designs import draw
from l1forge.benchmarks.synthesis_calibration import counted
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.synth.estimate import (
    TABLE,
    TERMS,
    calibrated,
    calibration,
    error_of,
    estimate,
    luts,
    routed_difference,
)
from l1forge.firmware.synth.features import features
from l1forge.firmware.synth.ranges import BitRange
from l1forge.firmware.synth.routing import calibration as routing
from l1forge.models import graph_path

kind = FixedType.parse


def scaled(weight: list[int], wide: int = 20) -> Graph:
    """Σ weight_i·x_i of 8-bit integers."""
    data = np.array([[w] for w in weight])
    weights = {
        "weight": Constant(kind("fixed<12,12>"), data),
        "bias": Constant(kind("fixed<4,4>"), np.zeros(1, int)),
    }
    out = f"fixed<{wide},{wide}>"
    nodes = [
        Node("x", "input", (), (len(weight),), kind("fixed<8,8>")),
        Node("d", "dense", ("x",), (1,), kind(out), {"accum": out}, weights),
    ]
    return Graph("scaled", nodes, ["d"])


def test_one_power_of_two_is_wires_and_each_further_digit_an_adder() -> None:
    assert features(scaled([4])).adders == 0.0
    assert features(scaled([4, 0])).adders == 0.0
    # x0 + x1: 16 bits of terms, of which the first costs nothing, and one level of growth, log2(3) / 2
    assert features(scaled([1, 1])).adders == pytest.approx(8 + np.log2(3) / 2)
    assert features(scaled([7])).adders == features(scaled([1, -1])).adders  # 7 = 8 - 1
    assert features(scaled([1, 1])).inputs == 16.0
    assert features(scaled([1, 1])).outputs == 9.0  # of the 20 bits of the type


def test_what_no_output_needs_or_never_changes_costs_nothing() -> None:
    graph = scaled([3])
    dead = Node("unused", "square", ("d",), (1,), kind("ufixed<40,40>"))
    assert features(Graph("g", [*graph.nodes, dead], ["d"])) == features(graph)
    positive = Node("z", "relu", ("d",), (1,), kind("ufixed<8,0,TRN,SAT>"))
    constant = scaled([0])
    assert features(Graph("g", [*constant.nodes, positive], ["z"])).casts == 0.0


def test_bits_that_change() -> None:
    whole = BitRange.of(kind("fixed<8,8>"), (1,))
    assert whole.bits.tolist() == [8.0]
    assert whole.cast(kind("ufixed<4,4,TRN,SAT>")).bits.tolist() == [4.0]
    assert replace(whole, low=np.array([-3.0]), high=np.array([-3.0])).bits.tolist() == [0.0]


def test_wider_weights_cost_more() -> None:
    assert estimate(scaled([85, 51, 27])).lut > estimate(scaled([4, 1, 2])).lut


def looked_up(entries: list[int], width: int) -> Graph:
    """A table at an unsigned integer of 8 bits."""
    table = Constant(kind(f"fixed<{width},{width}>"), np.array(entries))
    nodes = [
        Node("x", "input", (), (1,), kind("ufixed<8,8>")),
        Node(
            "t",
            "table",
            ("x",),
            (1,),
            table.type,
            {"multiplier": 1, "offset": 0, "shift": 0},
            {"table": table},
        ),
    ]
    return Graph("looked_up", nodes, ["t"])


def test_tables_count_the_parts_that_differ() -> None:
    # 256 entries are four parts of 64 for every bit
    quarter = [0] * 64 + [1] * 64 + [0] * 64 + [1] * 64
    assert features(looked_up(quarter, 2)).tables == 0.0  # all parts constant: multiplexers only
    steps = [entry >= 32 for entry in range(64)] * 4
    assert features(looked_up([int(step) for step in steps], 2)).tables == 1.0  # four equal parts
    negative = [-1 if step else 0 for step in steps]  # all three bits change alike
    assert features(looked_up(negative, 3)).tables == 3.0
    assert features(looked_up([entry % 7 for entry in range(256)], 4)).tables == 12.0
    assert features(looked_up([entry % 7 for entry in range(200)], 4)).tables > 6.0  # the last one goes on


def test_luts_for_searches_and_the_routed_period() -> None:
    graph = scaled([85, 51, 27])
    found = estimate(graph)
    assert round(luts(graph)) == found.lut
    assert found.routed_ns == pytest.approx(routing().estimate(found.delay_ns), rel=0.02)
    assert found.errors["routed_ns"].designs == len(routed_difference(calibration(), routing())) > 10


def test_errors_are_medians_and_95_per_cent_of_sizes() -> None:
    found = error_of(np.array([-0.1, 0.2, 0.3]))
    assert (found.designs, found.median) == (3, 0.2)
    assert found.most == pytest.approx(0.29)


def test_pairs_are_no_larger_than_the_calibration() -> None:
    """Graphs of pair tables and committed ensembles are inside: the stated errors hold for them."""
    for model in ("tail_pairs", "eg_iso", "tau_id", "event_bdt"):
        assert estimate(Graph.load(graph_path(model))).outside == ()


def test_the_table_is_of_this_code() -> None:
    document = json.loads(TABLE.read_text())
    for row in document["designs"]:
        design, graph = draw(document["seed"], row["number"])
        assert (design, counted(graph)) == (row["kind"], row["features"])
    again = calibrated(document["designs"])
    for what in TERMS:
        ours = again.predict(what, again.counts)
        assert calibration().predict(what, again.counts) == pytest.approx(ours, rel=0.02)
        assert calibration().held_out[what] == pytest.approx(again.held_out[what], rel=0.02, abs=0.01)
        assert calibration().errors[what].designs == len(document["designs"])
        assert calibration().errors[what].median == pytest.approx(again.errors[what].median, abs=0.005)


def test_larger_than_every_design_is_said() -> None:
    assert estimate(scaled([5, 3])).outside == ()
    large = estimate(scaled([1365] * 400, wide=30))
    assert any(text.startswith("adders ") for text in large.outside)
