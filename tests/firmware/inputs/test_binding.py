"""Networks bound to event columns: equal to the network alone on what the columns are worth."""

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.scoring.floats import from_float
from l1forge.firmware.inputs.binding import BOUND, bind, physical, significant, values_for_network
from l1forge.firmware.inputs.columns import read_columns
from l1forge.firmware.inputs.outputs import name_outputs
from l1forge.testbench.stimuli import random_bits


def network(kind: str, size: int = 3) -> Graph:
    entry = FixedType.parse(kind)
    weight = Constant(FixedType(6, 3), np.arange(2 * size).reshape(size, 2) - 3)
    bias = Constant(FixedType(6, 3), np.array([1, -2]))
    nodes = [
        Node("x", "input", (), (size,), entry, {}),
        Node(
            *("y", "dense", ("x",), (2,), FixedType(40, 20)),
            {"accum": "fixed<40,20>"},
            {"weight": weight, "bias": bias},
        ),
    ]
    return Graph("net", nodes, ["y"])


ENTRIES = "jet.et[0]*0.5,jet.eta[3]*0.25 offset=1.5 shift=2,mu.pt[0]*3 shift=-1"


@pytest.mark.parametrize(
    "kind", ["fixed<12,9>", "fixed<14,9,RND,SAT>", "ufixed<9,7,RND_CONV,SAT>", "fixed<8,6,TRN_ZERO,WRAP>"]
)
def test_equal_to_the_network_on_physical_values(kind: str) -> None:
    graph, columns = network(kind), read_columns([ENTRIES])
    bound, notes = bind(graph, columns)
    assert not notes
    assert bound["x"].attributes["source"] == ["jet.et[0]", "jet.eta[3]", "mu.pt[0]"]
    assert str(bound["x"].type) == "fixed<12,12>"  # holds 0 .. 2047 and -128 .. 127
    codes = random_bits(bound, 500, np.random.default_rng(1)) // [1, 16, 4]
    values = physical(graph, columns, {"x": codes})["x"]
    assert values[0].tolist() == [
        codes[0, 0] * 0.5,
        (codes[0, 1] * 0.25 - 1.5) / 4,
        codes[0, 2] * 3 * 2.0,
    ]
    cast = from_float(values, graph["x"].type, field="x")[0]
    expected = evaluate(graph, {"x": cast})["y"]
    np.testing.assert_array_equal(evaluate(bound, {"x": codes})["y"], expected)
    np.testing.assert_array_equal(values_for_network(bound)({"x": codes})[0], cast)


def test_codes_that_are_the_integers_need_no_node() -> None:
    bound, _ = bind(network("ufixed<11,10>", 2), read_columns(["jet.et[0]*0.5,0"]))
    assert [node.op for node in bound.nodes] == ["input", "dense"]
    assert bound["x"].attributes["source"] == ["jet.et[0]", "0"]
    assert BOUND not in bound.meta
    narrow, _ = bind(network("ufixed<10,9>", 2), read_columns(["jet.et[0]*0.5,0"]))  # 10 bits for 11
    assert [node.op for node in narrow.nodes] == ["input", "scale_bias", "dense"]


def test_factors_that_are_no_binary_numbers_are_rounded_and_said() -> None:
    bound, notes = bind(network("fixed<16,6>", 2), read_columns(["jet.eta[0]*physical,jet.et[0]*0.5"]))
    assert len(notes) == 1
    assert "1 columns have 18 significant bits" in notes[0]
    assert "jet.eta[0]" in notes[0]
    scale = bound["x.value"].constants["scale"]
    assert abs(scale.data[0] * scale.type.lsb / 0.0435 - 1) < 2**-18
    assert scale.data[1] * scale.type.lsb == 0.5


def test_significant_bits() -> None:
    from fractions import Fraction

    for value in (Fraction(1, 3), Fraction(2, 3), Fraction(100001, 7), Fraction(-1, 1000)):
        kept = significant(value)
        assert abs(kept / value - 1) <= Fraction(1, 2**18)
        assert significant(kept) == kept
    assert significant(Fraction(3, 1024)) == Fraction(3, 1024)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("jet.et[0]*0.5", r"1 columns for 3 input elements.*x \(3\)"),
        ("jet.et[0],jet.et[1]*0.5,0", r"what one count is worth to x \(fixed<12,9>\) is not said"),
    ],
)
def test_refused(entries: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        bind(network("fixed<12,9>"), read_columns([entries]))


def test_a_bound_graph_is_not_bound_again() -> None:
    bound, _ = bind(network("fixed<12,9>"), read_columns([ENTRIES]))
    with pytest.raises(InputError, match="names its event columns already"):
        bind(bound, read_columns([ENTRIES]))


def test_names_of_outputs_and_of_their_elements() -> None:
    graph = network("fixed<12,9>")
    rows = {"x": np.arange(12).reshape(4, 3)}
    before = evaluate(graph, rows)["y"]
    assert name_outputs(graph, ["score"]).outputs == ["score"]
    np.testing.assert_array_equal(evaluate(name_outputs(graph, ["score"]), rows)["score"], before)
    split = evaluate(name_outputs(graph, ["qcd", "top"]), rows)
    np.testing.assert_array_equal(split["qcd"][:, 0], before[:, 0])
    np.testing.assert_array_equal(split["top"][:, 0], before[:, 1])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b", "c"], "3 names for y"),
        (["a", "a"], "occurs twice"),
        (["a b"], "is not a name"),
        (["x"], "is the name of another node"),
    ],
)
def test_names_refused(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        name_outputs(network("fixed<12,9>"), names)


def test_a_record_that_does_not_fit_is_told() -> None:
    bound, _ = bind(network("fixed<12,9>"), read_columns([ENTRIES]))
    bound.meta[BOUND] = {"x": "gone"}
    with pytest.raises(InputError, match="names nodes that the graph lacks"):
        values_for_network(bound)
