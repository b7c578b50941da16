"""Types: what was asked for is what the C++ has, sums lose nothing, and what can be exceeded is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.asked_types import check_asked
from l1forge.firmware.hls.converters.keras import convert_keras
from l1forge.firmware.hls.converters.torch import convert_torch
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.firmware.hls.translate.exceeded import exceeded, warnings
from l1forge.firmware.hls.translate.graph import export_graph, import_project, write_project

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_frameworks")]


def averaging(quantised: bool) -> Any:
    """Values of up to 7.5, averaged over 16 positions, with or without a quantiser behind."""
    keras = use_legacy_keras()
    from qkeras import QActivation, quantized_bits, quantized_relu

    x = inputs = keras.layers.Input((16, 2), name="parts")
    x = QActivation(quantized_relu(8, 3), name="r")(x)
    x = keras.layers.GlobalAveragePooling1D(name="gap")(x)
    if quantised:
        x = QActivation(quantized_bits(10, 3, alpha=1), name="gq")(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("quantised", [False, True])
def test_average_before_a_quantiser_loses_nothing(quantised: bool, tmp_path: Path) -> None:
    graph = export_graph(convert_keras(averaging(quantised), "gap", tmp_path, "fixed<12,4>"))
    x = np.full((1, 16, 2), int(7.5 * 256))
    (found,) = evaluate(graph, {graph.inputs[0].name: x.reshape(1, -1)}).values()
    assert (np.ravel(found) * graph[graph.outputs[0]].type.lsb).tolist() == [7.5, 7.5]
    assert not [one for one in exceeded(graph)[0] if one.wraps]


def test_given_accumulators_stay_and_are_warned_of(tmp_path: Path) -> None:
    given = {"gap": {"accum": "fixed<10,5>"}}
    graph = export_graph(convert_keras(averaging(True), "gap", tmp_path, "fixed<12,4>", given))
    found = [one for one in exceeded(graph)[0] if one.wraps]
    assert [(one.layer, str(one.type), one.most) for one in found] == [("gap", "fixed<10,5>", 23.9375)]


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).eval()


def converted(folder: Path, **options: Any) -> tuple[Any, Graph]:
    model = convert_torch(network(), (4,), "net", folder, "fixed<7,3>", **options)
    write_project(model)
    return model, import_project(folder)


def test_modes_of_the_widest_type_are_taken(tmp_path: Path) -> None:
    _, graph = converted(tmp_path, max_precision="fixed<10,2,RND,SAT>")
    types = {node.name: str(node.type) for node in graph.nodes if node.op == "dense"}
    assert set(types.values()) == {"fixed<10,2,RND,SAT>"}
    assert {node.attributes["accum"] for node in graph.nodes if node.op == "dense"} == {"fixed<10,2,RND,SAT>"}
    assert str(graph.inputs[0].type) == "fixed<7,3>"


def test_types_that_fit_below_the_widest_stay(tmp_path: Path) -> None:
    _, plain = converted(tmp_path / "a")
    _, limited = converted(tmp_path / "b", max_precision="fixed<60,40,RND,SAT>")
    assert [str(node.type) for node in plain.nodes] == [str(node.type) for node in limited.nodes]


def test_asked_types_are_those_of_the_code(tmp_path: Path) -> None:
    given = {"_0": {"result": "fixed<9,4,RND,SAT>", "weight": "fixed<8,2>"}}
    model, graph = converted(tmp_path, precision=given)
    check_asked(model, graph, tmp_path, "fixed<7,3>", given)
    for types, given_wrongly, message in (
        (
            "fixed<7,4>",
            given,
            "was not taken: the model has its own, fixed<7,3>",
        ),
        ("fixed<7,3>", {"_0": {"result": "fixed<9,4>"}}, "the C\\+\\+ has fixed<9,4,RND,SAT>"),
        ("fixed<7,3>", {"_0": {"weight": "fixed<8,3>"}}, "the C\\+\\+ has fixed<8,2>"),
        ("fixed<7,3>", {"_0": {"table": "fixed<8,3>"}}, "the layer has no such type"),
        ("fixed<7,3>", {"gone": {"result": "fixed<8,7>"}}, "merges the layer into another one"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            check_asked(model, graph, tmp_path, types, given_wrongly)
        assert "\n" not in str(caught.value)


def chain(accum: str, result: str) -> Graph:
    """7 a − 2 b + 1 of two values of ufixed<4,4>: −29 .. 106."""
    parse = FixedType.parse
    weight = Constant(parse("fixed<4,4>"), np.array([[7], [-2]]))
    bias = Constant(parse("fixed<4,4>"), np.array([1]))
    x = Node("x", "input", (), (2,), parse("ufixed<4,4>"), {}, {})
    y = Node("y", "dense", ("x",), (1,), parse(result), {"accum": accum}, {"weight": weight, "bias": bias})
    return Graph("chain", [x, y], ["y"])


@pytest.mark.parametrize(
    ("accum", "result", "expected"),
    [
        ("fixed<8,8>", "fixed<8,8>", []),
        ("fixed<8,8>", "fixed<7,7>", [("fixed<7,7>", -29.0, 106.0)]),
        ("fixed<8,8>", "fixed<7,7,RND,SAT>", [("fixed<7,7,RND,SAT>", -29.0, 106.0)]),
        ("fixed<7,7>", "fixed<8,8>", [("fixed<7,7>", -29.0, 106.0)]),
        ("fixed<7,7>", "fixed<7,7,RND,SAT>", [("fixed<7,7>", -29.0, 106.0)]),
        ("fixed<7,7,RND,SAT>", "fixed<8,8>", [("fixed<7,7,RND,SAT>", -29.0, 106.0)]),
        ("fixed<9,8>", "ufixed<7,7>", [("ufixed<7,7>", -29.0, 106.0)]),
    ],
)
def test_ranges(accum: str, result: str, expected: list[tuple[str, float, float]]) -> None:
    found, unknown = exceeded(chain(accum, result))
    assert [(str(one.type), one.least, one.most) for one in found] == expected
    assert unknown == []


def test_warnings_are_sentences() -> None:
    assert warnings(chain("fixed<8,8>", "fixed<7,7>")) == [
        "layer y: fixed<7,7> holds -64 .. 63 and wraps; values can reach -29 .. 106"
    ]
    assert warnings(chain("fixed<8,8>", "fixed<7,7,RND,SAT>")) == [
        "values can lie beyond types that saturate, as quantisers do: y"
    ]
