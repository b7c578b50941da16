"""Directed stimuli: what they reach, what they prove, and that one-bit faults behind the inputs are found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.fixed import cast as cast_integers
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.rtl import generate
from l1forge.models import graph_path
from l1forge.testbench import stimuli
from l1forge.testbench.cosim import cosimulate
from l1forge.testbench.directed import CUTS, ENDS, ENTRIES, LEAVES, directed
from l1forge.testbench.directed.bounds import Relaxation
from l1forge.testbench.directed.probes import probes_of
from l1forge.testbench.directed.search import margins
from tests.emulator.kernel.random_graphs import random_graph

pytestmark = pytest.mark.xdist_group("rtl")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing from earlier runs; within this file searches are kept."""
    monkeypatch.setattr(
        "l1forge.testbench.directed.plan.cache_folder", lambda: tmp_path_factory.getbasetemp()
    )


def kind(text: str) -> FixedType:
    return FixedType.parse(text)


def constant(text: str, data: object) -> Constant:
    return Constant(kind(text), np.asarray(data, dtype=np.int64))


def covered(graph: Graph, **options: object):
    found = directed(graph, **options)
    coverage = found.coverage()
    found.watch(coverage, found.rows)
    return found, coverage


def tree_graph(thresholds: tuple[int, int], cast: str = "ufixed<8,8,TRN,SAT>") -> Graph:
    """One tree of two comparisons of feature 0 and one leaf each side of the second, behind a cast."""
    trees = {
        "feature": constant("fixed<12,12>", [[0, 0, -1, -1, -1]]),
        "threshold": constant("fixed<12,12>", [[thresholds[0], thresholds[1], 0, 0, 0]]),
        "left": constant("fixed<12,12>", [[1, 3, 0, 0, 0]]),
        "right": constant("fixed<12,12>", [[2, 4, 0, 0, 0]]),
        "value": constant("fixed<12,12>", [[0, 0, 7, 1, 2]]),
        "tree_class": constant("fixed<12,12>", [0]),
        "bias": constant("fixed<12,12>", [0]),
    }
    attributes = {"split": "<", "accum": "fixed<12,12>"}
    nodes = [
        Node("x", "input", (), (2,), kind("ufixed<12,12>")),
        Node("q", "cast", ("x",), (2,), kind(cast)),
        Node(
            "s",
            "tree_ensemble",
            ("q",),
            (1,),
            kind("fixed<12,12>"),
            attributes,
            trees,
        ),
    ]
    return Graph("forest", nodes, ["s"])


def test_every_side_of_every_comparison_is_pinned() -> None:
    found, coverage = covered(tree_graph((100, 50)))
    assert coverage.counts(LEAVES) == {"goals": 3, "reached": 3, "unreachable": 0, "unproven": 0}
    features = np.clip(found.rows[:, 0], 0, 255)
    assert {99, 100, 49, 50} <= set(features.tolist())


def test_leaves_behind_impossible_paths_are_proven_unreachable() -> None:
    _, coverage = covered(tree_graph((100, 150)))  # below 100, then never 150 or more
    assert coverage.counts(LEAVES) == {"goals": 3, "reached": 2, "unreachable": 1, "unproven": 0}
    sides = [
        goal
        for goal, cut in zip(coverage.goals, coverage.unreachable, strict=True)
        if cut and goal.kind == CUTS
    ]
    assert [str(goal) for goal in sides] == ["s[0]: left of node 1", "s[0]: right of node 1"]


def test_wide_inputs_are_pinned_but_nothing_is_proven() -> None:
    graph = tree_graph((1_000_003, 70_000), "fixed<30,30,TRN,SAT>")
    nodes = [replace(graph["x"], type=kind("ufixed<28,28>")), graph["q"], graph["s"]]
    constants = {
        **graph["s"].constants,
        "threshold": constant("fixed<30,30>", [[1_000_003, 70_000, 0, 0, 0]]),
    }
    nodes[2] = replace(nodes[2], constants=constants)
    found, coverage = covered(Graph("wide", nodes, ["s"]))
    assert {1_000_002, 1_000_003, 69_999, 70_000} <= set(found.rows[:, 0].tolist())
    assert coverage.counts(LEAVES)["reached"] == 3


@pytest.mark.parametrize(("model", "leaves", "cuts"), [("tau_id", 930, 1740), ("event_bdt", 929, 1738)])
def test_shipped_trees_are_covered_whole(model: str, leaves: int, cuts: int) -> None:
    _, coverage = covered(Graph.load(graph_path(model)))
    assert coverage.counts(LEAVES)["reached"] == leaves
    trees = [goal.kind == CUTS and goal.column < 0 for goal in coverage.goals]
    assert coverage.reached[np.array(trees)].sum() == sum(trees) == cuts
    assert coverage.missing() == []


def test_table_entries_saturation_and_proof() -> None:
    """x in -8 .. 7, table of 32 entries with offset 16: entries 8 .. 23 can be addressed, no others."""
    table = {"table": constant("ufixed<8,8>", range(32))}
    nodes = [
        Node("x", "input", (), (1,), kind("fixed<4,4>")),
        Node("q", "cast", ("x",), (1,), kind("fixed<3,3,TRN,SAT>")),
        Node(
            "t",
            "table",
            ("x",),
            (1,),
            kind("ufixed<8,8>"),
            {"offset": 16},
            table,
        ),
    ]
    _, coverage = covered(Graph("small", nodes, ["q", "t"]))
    assert coverage.counts(ENTRIES) == {"goals": 32, "reached": 16, "unreachable": 16, "unproven": 0}
    assert coverage.counts(CUTS) == {
        "goals": 4,
        "reached": 4,
        "unreachable": 0,
        "unproven": 0,
    }  # 3, 4, -4, -5
    assert coverage.lines()[0] == ("table entries addressed", "16 of 16; 16 proven unreachable")


def test_margins_of_argmax() -> None:
    values = np.array([[3, 5, 5], [1, 2, 4], [7, 0, 0]])
    np.testing.assert_array_equal(margins(values), [[-2, 0, 0], [-3, -2, 2], [7, -7, -7]])


def test_argmax_is_won_lost_and_tied_by_one_lsb() -> None:
    nodes = [
        Node("x", "input", (), (4,), kind("fixed<10,10>")),
        Node("a", "argmax", ("x",), (1,), kind("ufixed<2,2>")),
    ]
    found, coverage = covered(Graph("arg", nodes, ["a"]))
    assert coverage.counts(CUTS) == {"goals": 12, "reached": 12, "unreachable": 0, "unproven": 0}
    assert set(compile_graph(found.watcher.graph).run_rows(found.rows)["a"].ravel().tolist()) == {0, 1, 2, 3}


def test_graphs_without_anything_behind_the_inputs_have_no_rows() -> None:
    accum = {"accum": "fixed<6,6>"}
    nodes = [
        Node("x", "input", (), (2,), kind("fixed<4,4>")),
        Node("s", "sum", ("x",), (1,), kind("fixed<6,6>"), accum),
    ]
    found, coverage = covered(Graph("plain", nodes, ["s"]))
    assert found.rows.shape == (0, 2)
    assert coverage.lines() == []


def test_two_inputs_product_and_comparison() -> None:
    nodes = [
        Node("x", "input", (), (3,), kind("fixed<8,8>")),
        Node("y", "input", (), (1,), kind("ufixed<6,6>")),
        Node("p", "multiply", ("x", "y"), (3,), kind("fixed<10,10,TRN,SAT>")),
        Node("g", "greater_equal", ("x", "y"), (3,), kind("ufixed<1,1>")),
    ]
    _, coverage = covered(Graph("two", nodes, ["p", "g"]))
    assert coverage.counts(CUTS)["unproven"] == 0  # -1 and 0 for ">=", both sides of both saturations


def test_same_seed_same_rows(design: Graph) -> None:
    first, second, other = (directed(design, seed, cache=False).rows for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert first.shape != other.shape or (first != other).any()


def test_damaged_cache_is_searched_again(design: Graph, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("l1forge.testbench.directed.plan.cache_folder", lambda: tmp_path)
    first = directed(design)
    (file,) = (tmp_path / "directed").glob("*.npz")
    file.write_bytes(b"no archive")
    np.testing.assert_array_equal(directed(design).rows, first.rows)
    np.testing.assert_array_equal(directed(design).unreachable, first.unreachable)


def test_proofs_never_exclude_what_can_be_reached(design: Graph) -> None:
    """Bounds of the relaxation against the extremes of 200,000 random rows."""
    probes = probes_of(design)
    rows = np.concatenate(
        [
            stimuli.random_bits(design, 100_000, np.random.default_rng(5)),
            stimuli.corners(design, 100_000, np.random.default_rng(5)),
        ]
    )
    name = "probe.e.before"
    values = compile_graph(probes.graph.subgraph([name])).run_rows(rows)[name]
    program = Relaxation(probes.graph, name)
    for element in range(2):
        upper, lower = program.extreme(element, True), program.extreme(element, False)
        assert lower.limit <= values[:, element].min()
        assert values[:, element].max() <= upper.limit
        interval = probes.low, probes.high  # and they say more than intervals do
        assert upper.limit - lower.limit < (interval[1] - interval[0]).max()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_proven_unreachable_is_never_reached(seed: int) -> None:
    graph = random_graph(seed, 6)
    found = directed(graph, work=3e7)
    coverage = found.coverage()
    generator = np.random.default_rng(seed)
    for block in (
        stimuli.random_bits(graph, 5000, generator),
        stimuli.corners(graph, 5000, generator),
        found.rows,
    ):
        found.watch(coverage, block)
    assert not (coverage.reached & coverage.unreachable).any()


def squares_as_tables(graph: Graph) -> Graph:
    """The same graph with every square written as a table, entry by entry, as the RTL has it."""
    nodes = []
    for node in graph.nodes:
        if node.op == "square":
            source = graph[node.inputs[0]].type
            values = np.arange(source.minimum, source.maximum + 1)
            entries = cast_integers((values * values).astype(object), 2 * source.fraction, node.type)
            table = {"table": Constant(node.type, entries.astype(np.int64))}
            nodes.append(
                Node(
                    node.name, "table", node.inputs, node.shape, node.type, {"offset": -source.minimum}, table
                )
            )
        else:
            nodes.append(node)
    return Graph(graph.name, nodes, list(graph.outputs))


def outputs(graph: Graph, rows: np.ndarray) -> np.ndarray:
    results = compile_graph(graph).run_rows(stimuli.as_inputs(graph, rows))
    return np.concatenate([results[name].reshape(len(rows), -1) for name in graph.outputs], axis=1)


def with_fault(graph: Graph, name: str, entry: int, bit: int) -> Graph:
    table = graph[name].constants["table"]
    data = table.data.copy()
    data[entry] ^= 1 << bit
    constants = {"table": Constant(table.type, data)}
    nodes = [replace(n, constants=constants) if n.name == name else n for n in graph.nodes]
    return Graph(graph.name, nodes, list(graph.outputs))


def test_vae_thresholds_and_one_bit_faults_in_its_squares() -> None:
    """Every entry that can be addressed is; one flipped bit in any of them changes an output."""
    graph = Graph.load(graph_path("vae_dense"))
    found, coverage = covered(graph)
    entries = coverage.counts(ENTRIES)
    assert coverage.fraction(ENTRIES) > 0.99
    assert coverage.fraction(CUTS) > 0.99
    assert entries["unreachable"] > 500
    tables = squares_as_tables(graph)
    expected = outputs(graph, found.rows)
    np.testing.assert_array_equal(outputs(tables, found.rows), expected)
    reached = {
        goal.low + 512
        for goal, hit in zip(coverage.goals, coverage.reached, strict=True)
        if hit and goal.node == "mu2_score.square" and goal.kind == ENTRIES
    }
    generator = np.random.default_rng(11)
    for entry in generator.choice(sorted(reached), 40, replace=False).tolist():
        name = ("mu2_score.square", "kl_score.square")[entry % 2]
        faulty = with_fault(tables, name, int(entry), int(generator.integers(14)))
        assert (outputs(faulty, found.rows) != expected).any(), (name, entry)


def test_random_stimuli_alone_leave_entries_out() -> None:
    graph = Graph.load(graph_path("vae_dense"))
    found = directed(graph)
    coverage = found.coverage()
    found.watch(coverage, stimuli.random_bits(graph, 20_000, np.random.default_rng(1)))
    assert coverage.fraction(ENTRIES) < 0.8


def test_fault_in_the_rtl_of_a_square_is_found(design: Graph, tmp_path: Path) -> None:
    found, coverage = covered(design)
    goal = max(
        (
            g
            for g, hit in zip(coverage.goals, coverage.reached, strict=True)
            if hit and g.node == "sq" and g.kind == ENTRIES
        ),
        key=lambda g: g.low,
    )
    faulty = with_fault(squares_as_tables(design), "sq", goal.low + 128, 0)
    project = generate(faulty, tmp_path / "rtl")
    report = cosimulate(project, design, {"directed": [found.rows]}, directed=found)
    assert report.mismatches > 0
    assert report.directed.fraction(ENTRIES) > 0.95
    assert report.directed.fraction(ENDS) == 1.0
    assert report.directed.rows_driven == len(found.rows)
    saved = report.to_dict()["directed"]
    assert saved["nodes"]["sq"]["entries"]["reached"] > 80
    assert saved["text"]["ends of ranges reached"].startswith("13 of 13")
    few = cosimulate(project, design, {"directed": [found.rows[:5]]}, directed=found)
    assert few.directed.report()[-1] == f"5 of {len(found.rows)} directed rows driven: give a larger -n"
