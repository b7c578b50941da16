"""The folder to take away: its testbench passes, and fails for a wrong result; foreign folders stay."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.deliver.bench import hex_lines
from l1forge.firmware.rtl.project import Port
from l1forge.firmware.tools.verilator_root import verilator_environment
from l1forge.studies.export_rtl import export_rtl

pytestmark = pytest.mark.xdist_group("rtl")


@pytest.fixture
def graph_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    weight = Constant(FixedType.parse("fixed<4,1>"), np.array([[3, -5], [-8, 7], [0, 1]]))
    bias = Constant(FixedType.parse("fixed<4,1>"), np.array([1, -2]))
    kind, attributes = FixedType.parse("fixed<7,3,RND_CONV,SAT>"), {"accum": "fixed<16,8>"}
    nodes = [
        Node("x", "input", (), (3,), FixedType.parse("fixed<6,3>")),
        Node("d", "dense", ("x",), (2,), kind, attributes, {"weight": weight, "bias": bias}),
    ]
    Graph("tiny", nodes, ["d"]).save(tmp_path / "tiny.json")
    return tmp_path / "tiny.json"


def test_testbench_passes_and_notices_faults(graph_file: Path, tmp_path: Path) -> None:
    made = export_rtl(str(graph_file), tmp_path / "taken", n=100)
    taken = tmp_path / "taken"
    assert {"Makefile", "README.md", "tiny.core", "vivado.tcl", "quartus.tcl"} <= set(made.files)
    assert set(made.files) >= {f"constraints/tiny.{end}" for end in ("xdc", "sdc")}
    assert sorted(made.files) == sorted(str(p.relative_to(taken)) for p in taken.rglob("*") if p.is_file())

    command, environment = ["make", "-C", str(taken), "test"], verilator_environment()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert f"PASS: {made.crossings} results as the emulator has" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0

    def again() -> str:
        return subprocess.run(["build/bench"], cwd=taken, capture_output=True, text=True, check=False).stdout

    outputs = taken / "vectors" / "outputs.hex"
    good = outputs.read_text()
    first = good.splitlines()[0]
    outputs.write_text(good.replace(first, f"{int(first, 16) ^ 1:0{len(first)}x}", 1))
    assert re.search(rf"FAIL: {made.crossings} of {made.crossings} results, \d+ differ, 0 clocks", again())


def test_every_file_that_is_named_is_there(graph_file: Path, tmp_path: Path) -> None:
    for vhdl in (False, True):
        taken = tmp_path / f"taken{vhdl}"
        made = export_rtl(str(graph_file), taken, vhdl=vhdl, period=2.5)
        core = yaml.safe_load((taken / "tiny.core").read_text().removeprefix("CAPI=2:\n"))
        named = [file for fileset in core["filesets"].values() for file in fileset["files"]]
        for script in ("Makefile", "vivado.tcl", "quartus.tcl"):
            named += re.findall(r"\b(?:rtl|sim)/[\w.]+", (taken / script).read_text())
        assert named
        assert set(named) <= set(made.files)
        assert "-period 2.500 " in (taken / "constraints/tiny.xdc").read_text()
        assert ("tiny_axis" in (taken / "README.md").read_text()) is not vhdl
        assert f"latency {made.project.latency} clocks" in (taken / "README.md").read_text().lower()
        assert export_rtl(str(graph_file), taken, vhdl=vhdl, period=2.5).files == made.files


def test_first_port_is_in_the_low_bits() -> None:
    ports = [Port("a", "a", 0, "int<3>"), Port("b", "b", 0, "uint<6>")]
    assert hex_lines(np.array([[-1, 1], [2, 63]]), ports) == "00f\n1fa\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tiny.json", "-o", "mine"], "mine: has other files than a design of l1forge"),
        (["tiny.json", "-o", "tiny.json"], "tiny.json: is a file"),
        (["nobody", "-o", "new"], "is neither a model nor a graph file"),
        (["tiny.json", "-o", "new", "--period", "inf"], "--period: is not a clock period in ns"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, graph_file: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(graph_file.parent)
    (graph_file.parent / "mine" / "rtl").mkdir(parents=True)
    (graph_file.parent / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(SystemExit) as end:
        main(["export-rtl", *arguments])
    assert end.value.code == EXIT_BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (graph_file.parent / "new").exists()
