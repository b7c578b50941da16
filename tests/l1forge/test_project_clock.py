"""The clock of l1forge.toml is that of all designs of the project; --period goes before it."""

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.emulator.lhc import CLOCK_PERIOD_NS
from l1forge.studies.defaults import clock_period
from l1forge.studies.estimate import estimate
from l1forge.studies.synthesis import _design


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """``y = 3 x0 - x1``, beside a project with a clock of 100 MHz that the test stands in."""
    monkeypatch.delenv("L1FORGE_BUILD", raising=False)
    (tmp_path / "l1forge.toml").write_text('[project]\nname = "slow"\nperiod_ns = 10\n')
    monkeypatch.chdir(tmp_path)
    x = Node("x", "input", (), (2,), FixedType.parse("fixed<6,6>"))
    constants = {
        "weight": Constant(FixedType.parse("fixed<3,3>"), np.array([[3], [-1]])),
        "bias": Constant(FixedType.parse("fixed<2,2>"), np.array([0])),
    }
    kind = FixedType.parse("fixed<10,10>")
    return Graph("net", [x, Node("y", "dense", ("x",), (1,), kind, {"accum": str(kind)}, constants)], ["y"])


def test_the_project_decides_unless_told_otherwise(graph: Graph, tmp_path: Path) -> None:
    assert (clock_period(), clock_period(2.5)) == (10, 2.5)
    project, place = _design(graph, None, None, dsp=False)
    assert project.clock_period_ns == 10
    assert place == tmp_path / "build" / "synth" / "net-nodsp"  # the usual design of the project
    assert _design(graph, None, 5.0, dsp=False)[0].clock_period_ns == 5


def test_an_estimate_says_that_its_clock_is_another_one(graph: Graph) -> None:
    assert (
        estimate(graph)
        .warnings[0]
        .startswith("for 4.16 ns, the clock of the calibration: the project has 10.00")
    )


def test_without_a_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert clock_period() == CLOCK_PERIOD_NS
