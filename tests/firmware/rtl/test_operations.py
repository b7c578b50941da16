"""Each operation as logic (evaluated by alkaid's interpreter) against the literal reference."""

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Rounding
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.rtl.delay import MULTIPLY, TABLE
from l1forge.firmware.rtl.generate import generate, trace

N = 2000


def fixed(text: str) -> FixedType:
    return FixedType.parse(text)


def constant(text: str, data: object) -> Constant:
    return Constant(fixed(text), np.asarray(data, dtype=np.int64))


def check(*nodes: Node, seed: int = 0) -> None:
    """Interpreter and reference agree on every output bit of N random events."""
    graph = Graph("t", list(nodes), [nodes[-1].name])
    generator = np.random.default_rng(seed)
    inputs = {
        n.name: generator.integers(n.type.minimum, n.type.maximum, (N, *n.shape), endpoint=True)
        for n in graph.inputs
    }
    expected = evaluate(graph, inputs)[nodes[-1].name].reshape(N, -1)
    real = np.concatenate([v.reshape(N, -1) * graph[k].type.lsb for k, v in inputs.items()], axis=1)
    found = trace(graph).predict(real, n_threads=1) / nodes[-1].type.lsb
    np.testing.assert_array_equal(found, expected.astype(np.float64))


def source(text: str = "fixed<8,4>", size: int = 3, name: str = "x") -> Node:
    return Node(name, "input", (), (size,), fixed(text))


def dense(accum: str, result: str, weight: str = "fixed<6,2>", kind: str = "fixed<8,4>") -> list[Node]:
    generator = np.random.default_rng(7)
    return [
        source(kind, 5),
        Node(
            "d",
            "dense",
            ("x",),
            (4,),
            fixed(result),
            {"accum": accum},
            {
                "weight": constant(weight, generator.integers(-32, 32, (5, 4))),
                "bias": constant("fixed<7,3>", generator.integers(-64, 64, 4)),
            },
        ),
    ]


@pytest.mark.parametrize(
    "accum",
    [
        "fixed<20,10>",  # exact
        "fixed<12,4>",  # wraps: any order
        "fixed<9,4,RND>",  # every product is rounded
        "fixed<10,5,RND_CONV,SAT>",  # saturating: the literal order
        "fixed<7,4,TRN_ZERO,SAT_SYM>",
        "fixed<9,5,RND_INF,SAT_ZERO>",
    ],
)
def test_dense_with_any_accumulator(accum: str) -> None:
    check(*dense(accum, "fixed<8,5,RND_CONV,SAT>"))


@pytest.mark.parametrize("accum", ["fixed<12,8>", "fixed<6,4,RND>", "ufixed<5,4,TRN,SAT>"])
def test_sum(accum: str) -> None:
    node = Node("s", "sum", ("x",), (1,), fixed("fixed<9,6>"), {"accum": accum})
    check(source(size=5), node)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("kind", ["ufixed<4,2,{},SAT>", "ufixed<4,2,{},WRAP>", "fixed<4,2,{},SAT>"])
def test_relu_with_every_rounding(kind: str, rounding: Rounding) -> None:
    check(source(), Node("r", "relu", ("x",), (3,), fixed(kind.format(rounding.value))))


@pytest.mark.parametrize("kind", ["fixed<10,6>", "fixed<11,6>", "ufixed<9,3>"])
def test_square_as_table_or_multiplier(kind: str) -> None:
    check(source(kind), Node("q", "square", ("x",), (3,), fixed("ufixed<9,7,RND_CONV,SAT>")))


def test_relu_scale_square() -> None:
    scale = {"scale": constant("fixed<5,2>", [3, -7, 0]), "bias": constant("fixed<6,3>", [-9, 31, 5])}
    check(
        source("fixed<9,4>"),
        Node("a", "scale_bias", ("x",), (3,), fixed("fixed<10,5,RND,SAT>"), {}, scale),
        Node("r", "relu", ("a",), (3,), fixed("ufixed<5,3,RND_CONV,SAT>")),
        Node("q", "square", ("r",), (3,), fixed("ufixed<7,4,TRN,WRAP>")),
    )


@pytest.mark.parametrize("op", ["add", "subtract", "multiply", "maximum", "minimum", "greater_equal"])
def test_two_inputs(op: str) -> None:
    kind = "uint<1>" if op == "greater_equal" else "fixed<9,5,RND,SAT>"
    check(source(), source("ufixed<6,5>", 1, "y"), Node("z", op, ("x", "y"), (3,), fixed(kind)))


@pytest.mark.parametrize("flag", ["uint<1>", "ufixed<1,-1>", "ufixed<1,3>", "int<1>"])
@pytest.mark.parametrize("first", [True, False])
def test_a_single_bit_gates_and_takes_no_multiplier(flag: str, first: bool) -> None:
    node = Node("z", "multiply", ("x", "y") if first else ("y", "x"), (3,), fixed("fixed<9,5,RND,SAT>"))
    check(source(), source(flag, 1, "y"), node)
    check(source(flag), source(flag, 1, "y"), node)


def test_shapes() -> None:
    check(
        source(size=6),
        Node("m", "reshape", ("x",), (2, 3), fixed("fixed<8,4>")),
        Node("t", "take", ("m",), (2,), fixed("fixed<7,3,RND,WRAP>"), {"index": [5, 0]}),
        Node("c", "concatenate", ("t", "x"), (8,), fixed("fixed<8,4>"), {"axis": 0}),
    )


def test_cast_per_element_and_constant() -> None:
    check(
        source(size=2),
        Node("k", "constant", (), (2,), fixed("fixed<5,3>"), {}, {"value": constant("fixed<5,3>", [-3, 12])}),
        Node(
            "c",
            "cast",
            ("x",),
            (2,),
            fixed("fixed<10,6>"),
            {"types": ["fixed<6,4,RND>", "ufixed<3,2,TRN,SAT>"]},
        ),
        Node("a", "add", ("c", "k"), (2,), fixed("fixed<12,7>")),
    )


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("fixed<6,2>", {"offset": 32}),
        ("fixed<6,2>", {"offset": 3, "multiplier": 5, "shift": 3, "index_rounding": "TRN_ZERO"}),
        ("fixed<16,6>", {"offset": 30, "shift": 10, "index_rounding": "RND"}),  # index computed in logic
        ("fixed<16,6>", {"offset": 20, "multiplier": -3, "shift": 12}),
    ],
)
def test_table(kind: str, attributes: dict[str, object]) -> None:
    generator = np.random.default_rng(3)
    table = constant("fixed<34,10>", generator.integers(-(1 << 33), 1 << 33, 64))
    check(
        source(kind, 2),
        Node("t", "table", ("x",), (2,), fixed("fixed<31,10,RND_CONV,SAT>"), attributes, {"table": table}),
    )


def test_a_table_with_constant_ends_is_as_long_as_its_middle() -> None:
    """An exponential that saturates, addressed by 17 bits: longer than what is written at all."""
    middle = np.random.default_rng(4).integers(0, 255, 3000)
    data = np.concatenate([np.zeros(70000), middle, np.full((1 << 17) - 73000, 255)])
    table = constant("ufixed<8,2>", data)
    attributes = {"offset": 1 << 16, "shift": 0}
    check(
        source("fixed<17,17>", 1),
        Node("t", "table", ("x",), (1,), fixed("ufixed<8,2>"), attributes, {"table": table}),
    )


def test_a_longer_table_is_refused() -> None:
    data = np.arange(1 << 17) % 200
    node = Node(
        "t", "table", ("x",), (1,), fixed("ufixed<8,2>"), {"offset": 1 << 16, "shift": 0},
        {"table": constant("ufixed<8,2>", data)},
    )  # fmt: skip
    with pytest.raises(InputError, match=r"node t: table needs more than 2\^16 entries"):
        check(source("fixed<17,17>", 1), node)


def test_argmax_takes_the_first_of_equals() -> None:
    check(source("fixed<3,3>", 5), Node("i", "argmax", ("x",), (1,), fixed("uint<3>")))


@pytest.mark.parametrize("split", ["<", "<="])
def test_tree_ensemble(split: str) -> None:
    generator = np.random.default_rng(5)
    trees = 6
    shape = (trees, 7)
    data = {
        "feature": np.tile([0, 1, 2, -1, -1, -1, -1], (trees, 1)),
        "left": np.tile([1, 3, 5, 0, 0, 0, 0], (trees, 1)),
        "right": np.tile([2, 4, 6, 0, 0, 0, 0], (trees, 1)),
        "threshold": generator.integers(-60, 60, shape),
        "value": generator.integers(-500, 500, shape),
        "tree_class": np.arange(trees) % 2,
        "bias": np.array([17, -3]),
    }
    kinds = {"threshold": "fixed<9,4>", "value": "fixed<10,3>", "bias": "fixed<8,2>"}
    constants = {name: constant(kinds.get(name, "fixed<8,8>"), values) for name, values in data.items()}
    check(
        source("fixed<6,3>", 3),
        Node(
            "s",
            "tree_ensemble",
            ("x",),
            (2,),
            fixed("fixed<8,4,RND,SAT>"),
            {"split": split, "accum": "fixed<14,6>"},
            constants,
        ),
    )


def test_what_has_no_logic_is_refused(tmp_path) -> None:
    wide = constant("fixed<40,20>", [(1 << 38) + 1] * 3)
    node = Node("k", "constant", (), (3,), fixed("fixed<40,20>"), {}, {"value": wide})
    graph = Graph("t", [source(), node, Node("z", "add", ("x", "k"), (3,), fixed("fixed<42,22>"))], ["z"])
    with pytest.raises(InputError, match="node k: needs a constant of more than 31 significant bits"):
        generate(graph, tmp_path / "p")
    wide_sum = Node("y", "multiply", ("x", "x"), (3,), fixed("fixed<50,30>"))
    clipped = Node("z", "cast", ("y",), (3,), fixed("fixed<42,3,TRN,SAT>"))
    with pytest.raises(InputError, match="node z: needs a constant of more than 31 significant bits"):
        generate(Graph("t", [source(), wide_sum, clipped], ["z"]), tmp_path / "p")
    huge = Node("z", "cast", ("x",), (3,), fixed("fixed<70,40>"))
    with pytest.raises(InputError, match="node z: has no logic for types of more than 53 bits"):
        generate(Graph("t", [source(), huge], ["z"]), tmp_path / "p")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("entries", [4095, 4096, 4097])
@pytest.mark.parametrize(
    ("kind", "offset", "folded"),
    [
        ("uint<12>", 0, True),
        ("int<12>", 2048, True),
        ("uint<13>", 0, False),
        ("int<13>", 4096, False),
    ],
)
def test_tables_around_the_widest_that_is_folded(entries: int, kind: str, offset: int, folded: bool) -> None:
    values = np.arange(entries) * 7919 % 4099 - 2049
    data = {"table": constant("int<13>", values)}
    node = Node("t", "table", ("x",), (1,), fixed("int<13>"), {"offset": offset}, data)
    program = trace(Graph("t", [source(kind, 1), node], ["t"]))
    x = np.arange(fixed(kind).minimum, fixed(kind).maximum + 1)
    found = program.predict(x.reshape(-1, 1).astype(float), n_threads=1)
    np.testing.assert_array_equal(found[:, 0], values[np.minimum(x + offset, entries - 1)])
    logic = [op.opcode for op in program.ops if op.opcode >= 0]
    assert (logic == [TABLE]) is folded  # else the index is computed before it
    assert TABLE in logic


@pytest.mark.parametrize(
    ("kind", "table"), [("int<10>", True), ("uint<10>", True), ("int<11>", False), ("uint<11>", False)]
)
def test_squares_around_the_widest_that_is_a_table(kind: str, table: bool) -> None:
    node = Node("q", "square", ("x",), (1,), fixed("uint<22>"))
    program = trace(Graph("t", [source(kind, 1), node], ["q"]))
    x = np.arange(fixed(kind).minimum, fixed(kind).maximum + 1)
    found = program.predict(x.reshape(-1, 1).astype(float), n_threads=1)
    np.testing.assert_array_equal(found[:, 0], x * x)
    assert (TABLE in {op.opcode for op in program.ops}) is table
    assert (MULTIPLY in {op.opcode for op in program.ops}) is not table
