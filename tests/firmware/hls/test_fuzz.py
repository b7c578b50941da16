"""The differential fuzzer: a short seeded run, and proof that it notices, shrinks and saves a difference."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emulator.fixed import FixedType
from emulator.graph import Graph
from firmware.hls.fuzz.campaign import build, campaign, check_one, difference, stimuli
from firmware.hls.fuzz.generate import Generator
from firmware.hls.fuzz.harness import compile_together
from firmware.hls.fuzz.network import Network
from firmware.hls.fuzz.shrink import shrink

pytestmark = pytest.mark.filterwarnings("ignore")


def small_network() -> Network:
    layers = [
        {"class_name": "InputLayer", "name": "x", "inputs": ["input"], "input_shape": [3]},
        {
            "class_name": "Dense", "name": "d", "inputs": ["x"], "n_in": 3, "n_out": 2,
            "weight_data": [[0.5, -1.25], [0.75, 1], [-0.3, 0.6]], "bias_data": [0.25, 0],
            "weight_quantizer": None, "bias_quantizer": None, "data_format": "channels_last",
        },
        {"class_name": "Activation", "name": "r", "inputs": ["d"], "n_in": 2, "activation": "relu"},
    ]  # fmt: skip
    types = {"weight": "fixed<4,2,RND,SAT>", "bias": "fixed<4,2>", "accum": "fixed<9,6,RND_ZERO,SAT>"}
    precision = {
        "x": {"result": "fixed<8,4>"},
        "d": {**types, "result": "fixed<7,5,RND_CONV,SAT>"},
        "r": {"result": "ufixed<5,4>"},
    }
    return Network(layers, precision, ["r"])


def test_short_seeded_campaign_is_clean() -> None:
    summary = campaign(12, seed=20, batch=12)
    assert [f"{f.number}: {f.problem}" for f in summary.failures] == []
    assert summary.networks + sum(summary.refused.values()) == 12
    assert summary.networks >= 10
    assert summary.varied >= 6


def test_a_wrong_graph_is_noticed(tmp_path: Path) -> None:
    """One rounding mode changed after the export must show on the very same stimuli."""
    built, graph = build(small_network(), "net0", tmp_path / "net0")
    library = ctypes.CDLL(str(compile_together([built], tmp_path)))
    inputs = [stimuli(np.random.default_rng(0), built.type("x"), 3, 120)]
    assert difference(library, built, graph, inputs)[0] is None
    truncating = FixedType.parse("fixed<7,5,TRN,SAT>")
    nodes = [replace(node, type=truncating) if node.name == "d" else node for node in graph.nodes]
    problem, _, varied = difference(library, built, Graph("wrong", nodes, graph.outputs), inputs)
    assert varied
    assert problem is not None
    assert "values differ" in problem


def test_shrinking_keeps_the_failure_and_drops_the_rest() -> None:
    network = Generator(np.random.default_rng(3)).network(4)
    network.layers[1]["marked"] = True

    def fails(candidate: Network) -> bool:
        return any("marked" in layer for layer in candidate.layers)

    smaller = shrink(network, fails)
    assert fails(smaller)
    assert len(smaller.layers) < len(network.layers)


def test_reproducer_round_trip(tmp_path: Path) -> None:
    small_network().save(tmp_path / "case.json")
    assert Network.load(tmp_path / "case.json") == small_network()


def test_same_seed_draws_the_same_network() -> None:
    first, second = (Generator(np.random.default_rng([7, 5])).network(4) for _ in range(2))
    assert first.to_json() == second.to_json()


def test_resource_strategy_adds_in_its_own_order():
    """Found by the fuzzer: a wrapping accumulator with saturated bits depends on the order of its sum."""
    assert check_one(Network.load(Path(__file__).parent / "data" / "resource_order.json")) is None
