"""Where registers and constants go: the order of operations, the clock period, and the same values."""

import numpy as np
import pytest
from alkaid.trace import FVariable, HWConfig, trace
from alkaid.trace.passes import dead_code_elimin

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.rtl import generate
from l1forge.firmware.rtl.delay import ADD_CONSTANT, CONSTANT, LAUNCH_NS, arrival, launched
from l1forge.firmware.rtl.early_constants import constants_first
from l1forge.firmware.rtl.lowering import HARDWARE
from l1forge.firmware.rtl.pipeline import MARGIN, schedule
from l1forge.firmware.rtl.pipeline import _earliest as earliest


def variables(n: int, width: int = 8) -> list[FVariable]:
    return [FVariable.from_kif(1, width - 1, 0, hwconf=HWConfig(*HARDWARE)) for _ in range(n)]


def tree(n: int = 16, width: int = 8):
    """A balanced tree of adders with a constant behind it."""
    inputs = terms = variables(n, width)
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=True)]
    return dead_code_elimin(trace(inputs, [terms[0] + 5.0]))


def combinational(program) -> list[float]:
    settled = []
    for op in program.ops:
        sources = [program.ops[i] for i in op.addr]
        settled.append(arrival(op, sources, [settled[i] for i in op.addr]))
    return [settled[i].latest for i in program.out_idxs]


def test_adders_in_a_row_overlap() -> None:
    (one,), (four,) = combinational(trace(x := variables(2), [x[0] + x[1]])), combinational(tree())
    assert LAUNCH_NS < one < four
    assert four - LAUNCH_NS < 5 * (one - LAUNCH_NS)
    wide = combinational(trace(y := variables(2, 24), [y[0] + y[1]]))
    assert wide[0] > one


def test_bitwise_operations_in_a_row_share_a_table() -> None:
    x = variables(6, 1)
    (three,) = combinational(trace(x, [(x[0] & x[1]) | (x[2] & x[3])]))
    (one,) = combinational(trace(x, [x[0] & x[1]]))
    assert three == one


@pytest.mark.parametrize("stages", [1, 2, 3, 5])
def test_schedule_into_stages(stages: int) -> None:
    program = tree(32)
    plan = schedule(program, stages, 4.0)
    assert plan.stages == stages
    for op, own in zip(program.ops, plan.stage, strict=True):
        assert 1 <= own <= stages
        assert all(plan.stage[i] <= own for i in op.addr)
    # the delays are those of an independent pass over the plan
    settled, worst = [], [LAUNCH_NS] * stages
    for op, own in zip(program.ops, plan.stage, strict=True):
        times = [settled[i] if plan.stage[i] == own else launched(program.ops[i]) for i in op.addr]
        settled.append(arrival(op, [program.ops[i] for i in op.addr], times))
        worst[own - 1] = max(worst[own - 1], settled[-1].latest)
    assert tuple(worst) == plan.delays


def test_schedule_meets_the_period_with_the_least_stages() -> None:
    program = tree(64)
    plan = schedule(program, None, 3.0)
    assert max(plan.delays) <= 3.0 / (1 + MARGIN)
    assert max(schedule(program, plan.stages - 1, 3.0).delays) > 3.0 / (1 + MARGIN)
    impossible = schedule(program, None, 0.5)
    assert max(impossible.delays) > 0.5  # every operation alone: said, not refused


def test_registers_are_saved() -> None:
    """Of multiplexers between constants the one-bit choices are kept, not the results."""
    x = variables(8)
    words = [v.is_negative().msb_mux(1000.0 + 37 * i, -777.0 - i) for i, v in enumerate(x)]
    while len(words) > 1:
        words = [a + b for a, b in zip(words[::2], words[1::2], strict=True)]
    wide = variables(2, 32)  # the longest operation: the others have room
    program = dead_code_elimin(trace([*x, *wide], [*words, wide[0] + wide[1]]))

    def bits(plan) -> int:
        last = [0] * len(program.ops)
        for op, own in zip(program.ops, plan.stage, strict=True):
            for i in op.addr:
                last[i] = max(last[i], own)
        return sum(
            len(launched(op).bits) * max(end - own, 0)
            for op, own, end in zip(program.ops, plan.stage, last, strict=True)
            if op.opcode != CONSTANT
        )

    first = earliest(program, 1.2)
    assert bits(schedule(program, first.stages, 1.2)) < bits(first)


def test_constants_first_keeps_the_values_and_shortens_the_path() -> None:
    x = variables(7)
    late = ((x[0] + x[1]) + (x[2] - x[3])) - (x[4] + 0.0)
    program = dead_code_elimin(trace(x, [late + 5.25, (x[5] - (x[6] * 4.0)) - 3.0, (x[5] + x[6]) + 1.0]))
    better = constants_first(program)
    values = np.random.default_rng(1).integers(-128, 128, (2000, 7)).astype(float)
    np.testing.assert_array_equal(better.predict(values, n_threads=1), program.predict(values, n_threads=1))
    assert combinational(better)[0] < combinational(program)[0]
    outputs = {better.ops[i].opcode for i in better.out_idxs}
    assert ADD_CONSTANT not in outputs


def test_latency_is_that_of_the_schedule(tmp_path) -> None:
    weight = Constant(FixedType.parse("fixed<6,6>"), np.arange(40).reshape(20, 2) - 17)
    bias = Constant(FixedType.parse("fixed<6,6>"), np.array([3, -4]))
    nodes = [
        Node("x", "input", (), (20,), FixedType.parse("fixed<8,8>")),
        Node(
            "y",
            "dense",
            ("x",),
            (2,),
            FixedType.parse("fixed<10,8,RND_CONV,SAT>"),
            {"accum": "fixed<20,20>"},
            {"weight": weight, "bias": bias},
        ),
    ]
    project = generate(Graph("d", nodes, ["y"]), tmp_path / "d", clock_period_ns=3.0)
    assert project.latency == project.stages + 1 > 3
    assert project.delay_ns <= 3.0 / (1 + MARGIN)
