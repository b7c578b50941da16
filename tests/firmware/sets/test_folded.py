"""Networks on sets folded in time: the same integers, an event every few clocks; what cannot be folded."""

from dataclasses import replace

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.rtl.project import RtlProject
from l1forge.firmware.sets.folded import generate_folded
from l1forge.firmware.sets.split import split
from l1forge.testbench.cosim import cosimulate
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.interval_driver import opened_spaced

SLOTS, WIDTH = 4, 2
CODE = FixedType.parse("fixed<5,5>")


def constant(kind, data):
    return Constant(FixedType.parse(kind), np.array(data, np.int64))


def take(name, source, index, kind):
    return Node(name, "take", (source,), np.shape(index), kind, {"index": np.ravel(index).tolist()})


def network(pairs=False, weight=((3, -2), (1, 5))):
    """Two codes of each of four members, a shared layer, the sum, a layer of one result.

    ``pairs``: the second code is the largest of those of the others.
    """
    inputs = [Node(name, "input", (), (SLOTS,), CODE) for name in ("a", "b")]
    nodes = [*inputs]
    second = "b"
    if pairs:
        others = np.array([[j for j in range(SLOTS) if j != i] for i in range(SLOTS)])
        nodes.append(take("p", "b", others[:, 0], CODE))
        for k in (1, 2):
            nodes += [take(f"o{k}", "b", others[:, k], CODE)]
            nodes.append(Node(f"m{k}", "maximum", ("p" if k == 1 else "m1", f"o{k}"), (SLOTS,), CODE))
        second = "m2"
    nodes += [Node(f"{n}_column", "reshape", (n,), (SLOTS, 1), CODE) for n in ("a", second)]
    nodes.append(Node("x", "concatenate", ("a_column", f"{second}_column"), (SLOTS, 2), CODE, {"axis": 1}))
    dense = {"weight": constant("fixed<4,4>", weight), "bias": constant("fixed<5,5>", [4, -3])}
    nodes.append(
        Node(
            "h_sum",
            "dense",
            ("x",),
            (SLOTS, WIDTH),
            FixedType.parse("fixed<9,9>"),
            {"accum": "fixed<9,9>"},
            dense,
        )
    )
    kind = FixedType.parse("ufixed<5,7,RND_CONV,SAT>")
    nodes.append(Node("h", "relu", ("h_sum",), (SLOTS, WIDTH), kind))
    nodes.append(take("turned", "h", np.arange(SLOTS * WIDTH).reshape(SLOTS, WIDTH).T, kind))
    ones = {"weight": constant("ufixed<1,1>", np.ones((SLOTS, 1))), "bias": constant("ufixed<1,1>", [0])}
    total = FixedType.parse("ufixed<7,9>")
    nodes.append(Node("sum", "dense", ("turned",), (WIDTH, 1), total, {"accum": str(total)}, ones))
    nodes.append(Node("flat", "reshape", ("sum",), (WIDTH,), total))
    last = {"weight": constant("fixed<4,4>", [[-3], [5]]), "bias": constant("fixed<5,5>", [7])}
    wide = FixedType.parse("fixed<14,14>")
    nodes.append(Node("y", "dense", ("flat",), (1,), wide, {"accum": str(wide)}, last))
    return Graph("pairs" if pairs else "single", nodes, ["y"])


def blocks(n=3000):
    return {"random": [np.random.default_rng(2).integers(-16, 16, (n, 2 * SLOTS))]}


def compared(project, graph):
    with opened_spaced(verilate(project), project.interval, 3) as bench:
        return cosimulate(project, graph, blocks(), driver=bench)


@pytest.mark.parametrize(("pairs", "interval"), [(False, 4), (True, 2), (True, 1)])
def test_folded_circuit_equals_the_emulator(pairs, interval, tmp_path):
    graph = network(pairs)
    project = generate_folded(graph, tmp_path / "rtl" / "x_folded", interval)
    assert (project.name, project.interval) == (f"{graph.name}_folded", interval)
    report = compared(project, graph)
    assert report.passed, (report.verdict, report.examples)
    assert report.crossings == report.checked["rtl"] == 3000
    again = generate_folded(graph, tmp_path / "rtl" / "x_folded", interval)
    assert again == RtlProject.load(project.folder) == project


def test_one_wrong_weight_is_noticed(tmp_path):
    project = generate_folded(network(), tmp_path / "x_folded", 2)
    report = compared(project, network(weight=((3, -2), (1, 4))))
    assert not report.passed
    assert report.mismatches > 100


def test_events_closer_than_the_interval_are_noticed(tmp_path):
    graph = network()
    project = generate_folded(graph, tmp_path / "x_folded", 4)
    report = compared(replace(project, interval=3), graph)
    assert not report.passed


def test_a_latency_that_is_off_by_a_clock_is_noticed(tmp_path):
    graph = network()
    project = generate_folded(graph, tmp_path / "x_folded", 2)
    assert not compared(replace(project, latency=project.latency + 1), graph).passed


def changed(graph, name, **values):
    nodes = [replace(node, **values) if node.name == name else node for node in graph.nodes]
    return Graph(graph.name, nodes, graph.outputs)


def test_what_cannot_be_folded_is_refused():
    graph = network()
    with pytest.raises(InputError, match="does not divide the 4 members") as refused:
        split(graph, 3)
    assert refused.value.remedy == "one of 1, 2, 4"
    saturates = FixedType.parse("ufixed<7,9,TRN,SAT>")
    with pytest.raises(InputError, match="no exact sum"):
        split(changed(graph, "sum", type=saturates, attributes={"accum": str(saturates)}), 2)
    x = Node("x", "input", (), (4,), CODE)
    with pytest.raises(InputError, match="no exact sum"):
        split(Graph("plain", [x, Node("y", "relu", ("x",), (4,), CODE)], ["y"]), 2)


def test_members_that_are_treated_differently_are_refused():
    graph = network()
    first = Node("order", "take", ("b",), (SLOTS,), CODE, {"index": [0, 1, 2, 2]})
    column = next(node for node in graph.nodes if node.name == "b_column")
    place = graph.nodes.index(column)
    nodes = [*graph.nodes[:place], first, replace(column, inputs=("order",)), *graph.nodes[place + 1 :]]
    with pytest.raises(InputError, match="treats the members of its set differently"):
        split(Graph("uneven", nodes, graph.outputs), 2)


def test_what_goes_round_the_sum_is_refused():
    graph = network()
    last = Node("z", "add", ("y", "one"), (1,), FixedType.parse("fixed<16,16>"))
    one = take("one", "a", [0], CODE)
    with pytest.raises(InputError, match="more than the sum"):
        split(Graph("round", [*graph.nodes, one, last], ["z"]), 2)
