"""Operations slower than the clock: divided, in time, same values; as many stages as asked for."""

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.rtl import CLOCK_PERIOD_NS, generate
from l1forge.firmware.rtl.delay import MULTIPLY, TABLE
from l1forge.firmware.rtl.divide import divided
from l1forge.firmware.rtl.generate import planned, trace
from l1forge.firmware.rtl.pipeline import MARGIN

N = 1000
LIMIT_NS = CLOCK_PERIOD_NS / (1 + MARGIN)


def fixed(text: str) -> FixedType:
    return FixedType.parse(text)


def product(a: str, b: str, result: str = "fixed<50,30>") -> Graph:
    nodes = [
        Node("a", "input", (), (1,), fixed(a)),
        Node("b", "input", (), (1,), fixed(b)),
        Node("m", "multiply", ("a", "b"), (1,), fixed(result)),
    ]
    return Graph("product", nodes, ["m"])


def square(kind: str) -> Graph:
    nodes = [
        Node("x", "input", (), (1,), fixed(kind)),
        Node("q", "square", ("x",), (1,), fixed("ufixed<30,20>")),
    ]
    return Graph("square", nodes, ["q"])


def table(kind: str, entries: int, **attributes: object) -> Graph:
    values = np.random.default_rng(entries).integers(-(1 << 33), 1 << 33, entries)
    constant = {"table": Constant(fixed("fixed<34,10>"), values)}
    result = fixed("fixed<31,10,RND_CONV,SAT>")
    nodes = [
        Node("x", "input", (), (1,), fixed(kind)),
        Node("t", "table", ("x",), (1,), result, {"offset": 0, **attributes}, constant),
    ]
    return Graph("table", nodes, ["t"])


def check_values(graph: Graph, program) -> None:
    """The program gives the reference's integers, at the ends of every input and at random."""
    generator = np.random.default_rng(1)
    inputs = {}
    for node in graph.inputs:
        low, high = node.type.minimum, node.type.maximum
        ends = generator.choice([low, low + 1, max(low, -1), 0, 1, high - 1, high], (N // 4, node.size))
        inputs[node.name] = np.concatenate(
            [ends, generator.integers(low, high, (N - N // 4, node.size), endpoint=True)]
        )
    (name,) = graph.outputs
    expected = evaluate(graph, inputs)[name]
    real = np.concatenate([values * graph[key].type.lsb for key, values in inputs.items()], axis=1)
    found = program.predict(real, n_threads=1) / graph[name].type.lsb
    np.testing.assert_array_equal(found, expected.reshape(N, 1).astype(np.float64))


@pytest.mark.parametrize(
    ("graph", "period", "longest", "stages"),
    [
        (product("ufixed<18,1>", "ufixed<18,1>"), CLOCK_PERIOD_NS, 3.46, 2),
        (product("fixed<25,9>", "ufixed<17,20>"), CLOCK_PERIOD_NS, 3.46, 2),
        (product("ufixed<9,-3>", "fixed<26,30>"), CLOCK_PERIOD_NS, 3.46, 2),
        (product("fixed<17,2>", "fixed<17,12>"), 3.0, 2.44, 4),  # the last part is a sign bit alone
        (square("fixed<18,9>"), CLOCK_PERIOD_NS, 3.46, 2),
        (table("ufixed<15,6>", 1 << 15), CLOCK_PERIOD_NS, 3.81, 1),
        (table("fixed<17,6>", 50_000, offset=20_000), CLOCK_PERIOD_NS, 3.701, 3),
    ],
)
def test_slow_operations_are_divided(graph: Graph, period: float, longest: float, stages: int) -> None:
    whole = trace(graph)
    program, plan = planned(whole, None, period)
    assert max(plan.delays) == pytest.approx(longest)
    assert max(plan.delays) <= period / (1 + MARGIN)
    assert plan.busy == plan.stages == stages
    kinds = (MULTIPLY, TABLE)
    assert sum(op.opcode in kinds for op in program.ops) > sum(op.opcode in kinds for op in whole.ops)
    check_values(graph, program)


def test_a_divided_product_keeps_the_width_that_saturation_looks_at() -> None:
    """The sum of three squares reaches 449: above 255 it saturates, told by one bit, the highest."""
    weights = np.array([[49, 127, 0], [0, 0, 100]])
    nodes = [
        Node("x", "input", (), (2,), fixed("fixed<8,4>")),
        Node(
            "z",
            "dense",
            ("x",),
            (3,),
            fixed("fixed<10,5,TRN,SAT>"),
            {"accum": "fixed<24,12>"},
            {
                "weight": Constant(fixed("fixed<8,2>"), weights),
                "bias": Constant(fixed("fixed<4,4>"), np.zeros(3, int)),
            },
        ),
        Node("q", "multiply", ("z", "z"), (3,), fixed("fixed<20,10>")),
        Node("t", "reshape", ("q",), (3,), fixed("fixed<20,10>")),
        Node(
            "s",
            "dense",
            ("t",),
            (1,),
            fixed("ufixed<10,8,RND,SAT>"),
            {"accum": "fixed<24,14>"},
            {
                "weight": Constant(fixed("ufixed<1,1>"), np.ones((3, 1), int)),
                "bias": Constant(fixed("ufixed<1,1>"), np.zeros(1, int)),
            },
        ),
    ]
    graph = Graph("squares", nodes, ["s"])
    program, _ = planned(trace(graph), None, CLOCK_PERIOD_NS)
    assert sum(op.opcode == MULTIPLY for op in program.ops) > 3
    check_values(graph, program)


def test_what_is_fast_enough_stays_whole() -> None:
    for graph in (product("fixed<8,4>", "fixed<30,12>"), table("ufixed<14,6>", 1 << 14)):
        program = trace(graph)
        assert divided(program, LIMIT_NS) is program
    program = trace(product("fixed<9,4>", "fixed<9,4>"))
    assert divided(program, LIMIT_NS) is not program


@pytest.mark.parametrize("stages", [1, 2, 3, 6, 7, 10, 15])
def test_as_many_stages_as_asked_for(stages: int, tmp_path) -> None:
    """More stages than there are operations: the others hold registers only."""
    project = generate(product("ufixed<18,1>", "ufixed<18,1>", "fixed<16,6>"), tmp_path / "p", stages=stages)
    assert (project.stages, project.latency) == (stages, stages + 1)


def test_what_the_clock_does_not_allow_is_said(tmp_path) -> None:
    graph = product("ufixed<18,1>", "ufixed<18,1>", "fixed<16,6>")
    assert generate(graph, tmp_path / "usual").slow is None
    assert generate(graph, tmp_path / "one", stages=1).slow == (
        "the longest stage takes about 5.50 ns, the clock period is 4.16 ns:"
        " with stages=1 a period of 5.78 ns would work"
    )
    assert generate(graph, tmp_path / "works", stages=1, clock_period_ns=5.78).slow is None
    assert generate(graph, tmp_path / "fast", clock_period_ns=0.5).slow is not None


def test_circuit_without_inputs_is_refused(tmp_path) -> None:
    values = {"value": Constant(fixed("fixed<5,3>"), np.array([-3]))}
    graph = Graph("k", [Node("k", "constant", (), (1,), fixed("fixed<5,3>"), {}, values)], ["k"])
    with pytest.raises(InputError, match="no result depends on an input"):
        generate(graph, tmp_path / "p")
    assert not list(tmp_path.iterdir())
