"""The VHDL of a graph in GHDL: exact, with the same latency; a flipped bit and a late clock are noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.rtl import RtlProject, generate
from l1forge.firmware.rtl.project import Port
from l1forge.firmware.rtl.vhdl import vhdl_names
from l1forge.studies.cosim import check_kind
from l1forge.testbench.cosim import cosimulate
from l1forge.testbench.drivers.ghdl_driver import GhdlDriver
from l1forge.testbench.stimuli import random_bits


def graph() -> Graph:
    """A rounded layer, its table and its square; a port called as a word of VHDL."""

    def kind(text: str) -> FixedType:
        return FixedType.parse(text)

    weight = Constant(kind("fixed<4,1>"), np.array([[3, -5], [-8, 7], [0, 1]]))
    dense = {"weight": weight, "bias": Constant(kind("fixed<4,1>"), np.array([1, -2]))}
    table = Constant(kind("ufixed<6,6>"), np.arange(128) * 37 % 64)
    nodes = [
        Node("x", "input", (), (3,), kind("fixed<6,3>")),
        Node("d", "dense", ("x",), (2,), kind("fixed<7,3,RND_CONV,SAT>"), {"accum": "fixed<16,8>"}, dense),
        Node("m", "multiply", ("d", "d"), (2,), kind("fixed<15,7>")),
        Node("t", "table", ("d",), (2,), kind("ufixed<6,6>"), {"offset": 64, "shift": 0}, {"table": table}),
    ]
    total = Node("signal", "sum", ("d",), (1,), kind("fixed<8,4>"), {"accum": "fixed<8,4>"})
    return Graph("tiny", [*nodes, total], ["m", "t", "signal"])


def run(project: RtlProject, found: Graph) -> tuple[int, int, int]:
    """Mismatches, missing results, clocks off the latency."""
    block = random_bits(found, 300, np.random.default_rng(2))
    report = cosimulate(project, found, {"random": [block]}, driver=GhdlDriver(project))
    return report.mismatches, report.missing, report.misplaced


@pytest.mark.parametrize("stages", [None, 6])
def test_vhdl_is_the_graph(tmp_path: Path, stages: int | None) -> None:
    found = graph()
    project = generate(found, tmp_path / "vhdl", stages=stages, language="vhdl")
    assert all(file.endswith(".vhd") for file in project.files)
    assert generate(found, tmp_path / "verilog", stages=stages).latency == project.latency
    assert run(project, found) == (0, 0, 0)


def test_faults_are_noticed(tmp_path: Path) -> None:
    found = graph()
    project = generate(found, tmp_path / "p", language="vhdl")
    assert run(replace(project, latency=project.latency + 1), found)[2] > 0
    top = project.folder / "tiny.vhd"
    text = top.read_text()
    assert "m_0 <= " in text
    top.write_text(text.replace("m_0 <= ", "m_0 <= not "))
    assert run(project, found)[0] > 0
    top.write_text(text.replace("m_0 <= ", "m_0 <= 'X' & "))
    with pytest.raises(InputError, match="ghdl failed"):
        run(project, found)


def test_names_that_vhdl_takes_for_others() -> None:
    names = vhdl_names(
        [Port(name, "x", 0, "uint<1>") for name in ("a_1", "A_1", "signal", "b_", "mu_pt", "clk")]
    )
    assert names == {
        "a_1": "\\a_1\\",
        "A_1": "\\A_1\\",
        "signal": "\\signal\\",
        "b_": "\\b_\\",
        "mu_pt": "mu_pt",
        "clk": "\\clk\\",
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vhdl": True, "axi": True}, r"--axi: does not go with --vhdl"),
        ({"deep": True, "vhdl": True}, r"--vhdl: does not go with --deep"),
        ({"waves": True, "axi": True}, r"--waves: does not go with --axi"),
    ],
)
def test_ways_to_simulate_that_do_not_go_together(options: dict[str, bool], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_kind(**{"deep": False, "waves": False, "vhdl": False, "axi": False, **options})
