"""The command prove-monotone: exit codes, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.node import Constant, Node


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """y = 3 bend + 1 eta, and the number of the larger input."""
    kind, wide = FixedType(8, 8), FixedType(12, 12)
    constants = {"weight": Constant(kind, np.array([[3], [1]])), "bias": Constant(kind, np.array([0]))}
    nodes = [
        Node("x", "input", (), (2,), kind),
        Node("y", "dense", ("x",), (1,), wide, {"accum": str(wide)}, constants),
        Node("larger", "argmax", ("x",), (1,), FixedType(2, 2)),
    ]
    Graph("mine", nodes, ["y"], {"features": ["bend", "eta"]}).save(tmp_path / "graph.json")
    return tmp_path / "graph.json"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main(["prove-monotone", *map(str, arguments)])
    return int(end.value.code or 0)


def test_exit_codes_are_those_of_the_verdicts(graph, tmp_path, capsys):
    assert run(graph, "--input", "bend", "--input", "x[1]", "--json", tmp_path / "out.json") == 0
    assert "MONOTONE, proven on the integers: y of mine in bend (increasing)" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["verdict"], found["boxes"]) == ("monotone", 2)
    assert run(graph, "--input", "eta:decreasing", "--json", tmp_path / "out.json") == 1
    example = json.loads((tmp_path / "out.json").read_text())["example"]
    assert example["after"] - example["before"] == 1
    assert "NOT MONOTONE" in capsys.readouterr().out
    assert run(graph, "--input", "eta", "--output", "larger", "--seconds", "0.1") == 3
    assert "node larger (argmax): the operation has no bound" in capsys.readouterr().out


def test_an_injected_weight_is_told(graph):
    """The bit flip that makes one weight negative."""
    text = graph.read_text()
    assert run(graph, "--input", "eta") == 0
    changed = Graph.load(graph)
    changed["y"].constants["weight"].data[1, 0] ^= -1
    changed.save(graph)
    assert graph.read_text() != text
    assert run(graph, "--input", "eta") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "phi"], "the graph has no such input"),
        (["--input", "bend:up"], "is not a direction"),
        (["--input", "bend", "--input", "x:decreasing"], "declared in both directions"),
        (["--input", "bend", "--output", "z"], "has no such node"),
        (["--input", "bend", "--range", "eta=5"], "is not a range"),
        (["--input", "bend", "--range", "eta=5..900"], "is not a range within fixed<8,8>"),
        ([], "Missing option '--input'"),
    ],
)
def test_refusals(graph, options, message, capsys):
    assert run(graph, *options) == 2
    assert message in capsys.readouterr().err
