"""The differential fuzzer: a short seeded run, and proof that it notices, shrinks and saves a difference."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.fuzz.campaign import (
    Summary,
    build,
    campaign,
    check_one,
    difference,
    libraries,
    stimuli,
)
from l1forge.firmware.hls.fuzz.generate import Generator
from l1forge.firmware.hls.fuzz.harness import compile_together
from l1forge.firmware.hls.fuzz.isolated_process import Died, run_apart
from l1forge.firmware.hls.fuzz.network import Network
from l1forge.firmware.hls.fuzz.shrink import shrink

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
    library = compile_together([built], tmp_path)
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


@pytest.mark.parametrize("case", ["resource_order", "dot_ternary", "selu_coarse"])
def test_found_before(case: str) -> None:
    """Order of a wrapping sum with saturated bits; operands of -2 that count as +1; inputs in steps of 2."""
    assert check_one(Network.load(Path(__file__).parent / "data" / f"{case}.json")) is None


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("dot_below_one", "values below one do not convert to ap_int"),
        ("reuse_beyond", "reuse factor 6 does not fit 11 products"),
    ],
)
def test_found_before_and_refused(case: str, told: str) -> None:
    """Negative values without integer bits become -1; a reuse factor reads beyond the weights."""
    with pytest.raises(InputError, match=told):
        check_one(Network.load(Path(__file__).parent / "data" / f"{case}.json"))


def test_a_network_that_the_compiler_rejects_is_refused_and_no_other(tmp_path: Path) -> None:
    builds = [build(small_network(), f"net{i}", tmp_path / f"net{i}")[0] for i in range(3)]
    top = tmp_path / "net1" / "firmware" / "net1.cpp"
    top.write_text(top.read_text(encoding="utf-8") + "nonsense;\n", encoding="utf-8")
    summary = Summary()
    assert sorted(libraries(builds, tmp_path, summary)) == ["net0", "net2"]
    assert summary.refused == {"g++ rejects a generated network": 1}


def test_an_interrupted_campaign_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = campaign(6, seed=21, batch=3)
    state = tmp_path / "state.json"
    campaign(3, 21, progress=lambda summary: state.write_text(json.dumps(summary.document(21))), batch=3)
    resumed = campaign(6, 21, batch=3, resumed=Summary.load(state, 21))
    assert resumed.document(21) == whole.document(21)
    with pytest.raises(InputError, match="another seed"):
        Summary.load(state, 22)
    state.write_text('{"seed": 21')
    with pytest.raises(InputError, match="not the summary"):
        Summary.load(state, 21)


@pytest.mark.parametrize(("statement", "told"), [("abort();", "status -6"), ("for (;;);", "still running")])
def test_a_network_whose_code_crashes_or_hangs_is_told(statement: str, told: str, tmp_path: Path) -> None:
    built, _ = build(small_network(), "net0", tmp_path / "net0")
    top = tmp_path / "net0" / "firmware" / "net0.cpp"
    text = top.read_text(encoding="utf-8")
    top.write_text(text.replace("    nnet::", f"    {statement}\n    nnet::", 1), encoding="utf-8")
    with pytest.raises(Died, match=told):
        run_apart(compile_together([built], tmp_path), built, [np.zeros((1, 3), np.int64)], timeout=2)
