"""Every operation on literal integers: the contract of docs/graph.md, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate


def constant(text: str, values: Any) -> Constant:
    return Constant(FixedType.parse(text), np.array(values))


def one(
    op: str,
    x: list[int],
    type_: str,
    shape: tuple[int, ...] | None = None,
    input_type: str = "fixed<8,6>",
    input_shape: tuple[int, ...] | None = None,
    constants: dict[str, Constant] | None = None,
    **attributes: Any,
) -> list[int]:
    """Result of a single node on one event."""
    shape_in = input_shape or (len(x),)
    source = Node("x", "input", (), shape_in, FixedType.parse(input_type))
    node = Node("y", op, ("x",), shape or (len(x),), FixedType.parse(type_), attributes, constants or {})
    result: list[int] = evaluate(Graph("t", [source, node], ["y"]), np.array([x]).reshape(1, *shape_in))["y"]
    return np.ravel(result).tolist()


def two(op: str, a: list[int], b: list[int], type_: str) -> list[int]:
    first = Node("a", "input", (), (len(a),), FixedType.parse("fixed<8,6>"))
    second = Node("b", "input", (), (len(b),), FixedType.parse("fixed<8,5>"))
    node = Node("y", op, ("a", "b"), (max(len(a), len(b)),), FixedType.parse(type_))
    graph = Graph("t", [first, second, node], ["y"])
    result: list[int] = evaluate(graph, {"a": np.array([a]), "b": np.array([b])})["y"].ravel().tolist()
    return result


def test_cast() -> None:
    assert one("cast", [5, -5, 127], "fixed<4,4,RND,SAT>") == [1, -1, 7]


def test_cast_per_element() -> None:
    types = ["fixed<4,4,RND,SAT>", "fixed<3,2>"]  # 127/4 -> 7 -> 14 half units; 127/4 -> 63.5 -> wraps to -1
    assert one("cast", [127, 127], "fixed<5,4>", types=types) == [14, -1]


def test_scale_bias() -> None:
    weights = {"scale": constant("fixed<4,2>", [3, -2]), "bias": constant("fixed<4,4>", [1, 2])}
    # 5/4 * 3/4 + 1 = 31/16, 7/4 * -2/4 + 2 = 18/16; towards minus infinity on a grid of 1/4
    assert one("scale_bias", [5, 7], "fixed<8,6>", constants=weights) == [7, 4]


DENSE = {"weight": constant("fixed<4,2>", [[3, 1], [-2, 7]]), "bias": constant("fixed<4,3>", [1, -1])}


def test_dense_exact() -> None:
    # 5*3 + 7*-2 = 1 sixteenth, + 1/2; 5*1 + 7*7 = 54 sixteenths, - 1/2
    assert one("dense", [5, 7], "fixed<12,8>", (2,), constants=DENSE, accum="fixed<16,10>") == [9, 46]


def test_dense_casts_every_product() -> None:
    # accumulator on a grid of 1/2: 15/16 -> 0, -14/16 -> -1 unit of 1/2 is floor(-1.75) = -2
    lossy = one("dense", [5, 7], "fixed<12,8>", (2,), constants=DENSE, accum="fixed<8,7>")
    assert lossy == [(1 + 1 - 2) * 8, (-1 + 0 + 6) * 8]


def test_dense_saturates_in_order() -> None:
    weights = {"weight": constant("int<4>", [[7], [7], [-7]]), "bias": constant("int<4>", [0])}
    result = one("dense", [7, 7, 7], "int<12>", (1,), "int<4>", constants=weights, accum="fixed<7,7,TRN,SAT>")
    assert result == [14]  # 49, 63 (not 98), 14


def test_relu_casts_after_the_maximum() -> None:
    assert one("relu", [-9, 0, 9, 127], "ufixed<3,3,RND_CONV,SAT>") == [0, 0, 2, 7]


def test_table_index_rounds_and_clips() -> None:
    table = {"table": constant("fixed<6,4>", [10, 20, 30, -32])}
    arguments = {"offset": 2, "multiplier": 4, "shift": 4, "index_rounding": "TRN_ZERO"}
    # x*4/16 towards zero: -9 -> -2, -3 -> 0, 5 -> 1, 100 -> 25
    assert one("table", [-9, -3, 5, 100], "fixed<4,4>", constants=table, **arguments) == [2, 7, -8, -8]


def test_square() -> None:
    assert one("square", [-3, 5], "ufixed<6,4>") == [2, 6]  # 9/16, 25/16 on a grid of 1/4


def test_sum_wraps_in_order() -> None:
    assert one("sum", [100, 100, 100], "fixed<8,6>", (1,), accum="fixed<8,6>") == [44]
    assert one("sum", [100, 100, -100], "fixed<8,6>", (1,), accum="fixed<8,6,TRN,SAT>") == [27]


def test_two_inputs() -> None:
    # a in quarters, b in eighths
    assert two("add", [4], [3], "fixed<10,6>") == [(8 + 3) * 2]
    assert two("subtract", [4], [3], "fixed<10,6>") == [(8 - 3) * 2]
    assert two("multiply", [4], [3], "fixed<10,6>") == [6]
    assert two("maximum", [4, -4], [9], "fixed<10,7>") == [9, 9]
    assert two("minimum", [4, -4], [9], "fixed<10,7>") == [8, -8]
    assert two("greater_equal", [4, 5, -4], [9], "uint<1>") == [0, 1, 0]
    assert two("greater_equal", [4], [8], "uint<1>") == [1]


def test_moves() -> None:
    assert one("take", [1, 2, 3], "fixed<8,6>", (2,), index=[2, 0]) == [3, 1]
    assert one("reshape", [1, 2, 3, 4], "fixed<8,6>", (2, 2)) == [1, 2, 3, 4]
    assert one("argmax", [1, 9, 9, 4], "uint<3>", (1,)) == [1]


def test_concatenate_casts_each_part() -> None:
    first = Node("a", "input", (), (1,), FixedType.parse("fixed<8,6>"))
    second = Node("b", "input", (), (1,), FixedType.parse("int<8>"))
    node = Node("y", "concatenate", ("a", "b"), (2,), FixedType.parse("fixed<5,4,TRN,SAT>"), {"axis": 0})
    graph = Graph("t", [first, second, node], ["y"])
    assert evaluate(graph, {"a": np.array([[7]]), "b": np.array([[100]])})["y"].tolist() == [[3, 15]]


def test_wide_values_do_not_overflow() -> None:
    weights = {"scale": constant("fixed<40,40>", [(1 << 38)]), "bias": constant("uint<1>", [0])}
    assert one("scale_bias", [1 << 38], "fixed<100,100>", None, "fixed<40,40>", None, weights) == [1 << 76]


def test_empty_batch_and_single_event() -> None:
    source = Node("x", "input", (), (2,), FixedType.parse("int<8>"))
    node = Node("y", "relu", ("x",), (2,), FixedType.parse("uint<4>"))
    graph = Graph("t", [source, node], ["y"])
    assert evaluate(graph, np.zeros((0, 2), np.int16))["y"].shape == (0, 2)
    assert evaluate(graph, np.array([[1, -1]]))["y"].tolist() == [[1, 0]]


def test_inputs_are_checked() -> None:
    graph = Graph("t", [Node("x", "input", (), (2,), FixedType.parse("int<4>"))], ["x"])
    with pytest.raises(InputError, match="does not fit"):
        evaluate(graph, np.array([[8, 0]]))
    with pytest.raises(InputError, match="expected integers"):
        evaluate(graph, np.array([[0.5, 0.0]]))
    with pytest.raises(InputError, match="missing"):
        evaluate(graph, {"z": np.array([[1, 2]])})
