"""Place and route: a small design for real; what nextpnr says, read from a stand-in; what is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT, InputError
from l1forge.firmware.rtl import RtlProject
from l1forge.firmware.rtl.project import Port
from l1forge.firmware.synth import Synthesis, ecp5_shell, nextpnr, yosys
from l1forge.firmware.synth.backend import backends, check_tool

pytestmark = pytest.mark.xdist_group("rtl")

VERILOG = """
module added (input wire clk, input wire rst, input wire in_valid, input wire [5:0] a, input wire [5:0] b,
              output reg out_valid, output reg [6:0] y);
    always @(posedge clk) begin
        out_valid <= rst ? 1'b0 : in_valid;
        y <= a + b;
    end
endmodule
"""
WIRES = """
module added (input wire clk, input wire rst, input wire in_valid, input wire [5:0] a, input wire [5:0] b,
              output wire out_valid, output wire [6:0] y);
    assign out_valid = in_valid;
    assign y = a + b;
endmodule
"""
STEP = {"type": "logic", "delay": 0.5}
ROUTED = {
    "fmax": {"$glbnet$clk$TRELLIS_IO_IN": {"achieved": 200.0, "constraint": 240.0}},
    "utilization": {
        name: {"used": used, "available": 99999}
        for name, used in {"TRELLIS_COMB": 108, "TRELLIS_FF": 50, "MULT18X18D": 2, "DP16KD": 1}.items()
    },
    "critical_paths": [
        {"from": "<async>", "to": "posedge $glbnet$clk", "path": [{"type": "routing", "delay": 9.0}]},
        {
            "from": "posedge $glbnet$clk",
            "to": "posedge $glbnet$clk",
            "path": [{"type": "clk-to-q", "delay": 0.4}, {"type": "routing", "delay": 4.1}, STEP],
        },
    ],
}


def written(folder: Path, text: str = VERILOG) -> RtlProject:
    folder.mkdir(parents=True)
    (folder / "added.v").write_text(text)
    ports = [Port(name, name, 0, "uint<6>") for name in "ab"]
    project = RtlProject(
        folder=folder,
        name="added",
        digest="d",
        files=("added.v",),
        inputs=tuple(ports),
        outputs=(Port("y", "y", 0, "uint<7>"),),
        registers=(),
        latency=1,
        stages=0,
        clock_period_ns=4.0,
        operations=1,
        cost=6.0,
        delay_ns=1.0,
    )
    project.save()
    return project


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L1FORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in nextpnr's place, which writes ``report`` beside itself as its report."""
    program, report = tmp_path / "bin" / "nextpnr-ecp5", tmp_path / "bin" / "report"
    program.parent.mkdir()
    report.write_text(json.dumps(ROUTED))
    program.write_text(f'#!/bin/sh\necho "$@" > {program}.called\ncp {report} report.json\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def test_a_small_design_is_placed_and_routed(tmp_path: Path) -> None:
    project = written(tmp_path / "p")
    steps: list[str] = []
    found = nextpnr.synthesise(project, tmp_path / "s", part="LFE5U-12F-6", progress=steps.append)
    assert (found.ff, found.dsp, found.bram, found.routed) == (8, 0, 0, True)
    assert 6 <= found.lut <= 20
    assert 0 < found.cells_ns < found.delay_ns < 20
    assert steps[-3:] == ["packing", "placing", "routing"] or "routing" in steps
    again: list[str] = []
    assert nextpnr.synthesise(project, tmp_path / "t", part="LFE5U-12F-6", progress=again.append) == found
    assert not again


def test_numbers_of_the_report_without_the_shell(tmp_path: Path, stand_in: Path) -> None:
    project = written(tmp_path / "p")
    around = ecp5_shell.shell(project)
    assert (around.ff, around.lut) == (13 + 8 + 1, 8)
    found = nextpnr.synthesise(project, tmp_path / "s")
    assert (found.lut, found.ff, found.dsp, found.bram) == (100, 28, 2, 1)
    assert (found.delay_ns, found.cells_ns, found.depth) == (5.0, 0.9, 1)
    assert found.meets_clock is False
    rows = dict(found.rows())
    assert rows["longest path"] == "5.00 of 4.00 ns (routed, of which 0.90 ns in cells)"
    assert rows["clock"] == "250.0 MHz asked for: not met"
    assert replace(found, clock_period_ns=5.0).meets_clock is True
    called = Path(f"{stand_in}.called").read_text()
    assert called.startswith("--85k --speed 8 ")
    assert "--freq 250.000 --seed 1 " in called
    assert nextpnr.run_digest(project) == found.digest != nextpnr.run_digest(project, "LFE5U-25F-8")
    slower = replace(project, clock_period_ns=5.0)  # the placer works towards the clock
    assert nextpnr.run_digest(slower) != found.digest


def test_what_nextpnr_refuses_is_one_line(tmp_path: Path, stand_in: Path) -> None:
    project = written(tmp_path / "p")
    stand_in.write_text("#!/bin/sh\necho 'ERROR: no place for cell x' >&2\nexit 1\n")
    with pytest.raises(InputError, match=r"s-failed.log: nextpnr failed: ERROR: no place for cell x"):
        nextpnr.synthesise(project, tmp_path / "s")
    assert not (tmp_path / "s").exists()
    lacking = [json.dumps({**ROUTED, name: type(ROUTED[name])()}) for name in ROUTED]
    for text in ("", "[]", "{}", *lacking):
        (stand_in.parent / "report").write_text(text)
        stand_in.write_text(f"#!/bin/sh\ncp {stand_in.parent}/report report.json\n")
        with pytest.raises(InputError, match="report lacks a number"):
            nextpnr.synthesise(project, tmp_path / "s")
        assert not (tmp_path / "s").exists()


def test_a_design_that_is_too_large_is_not_started(
    tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(nextpnr.LUTS, "12", 10)
    with pytest.raises(InputError, match=r"added: does not fit LFE5U-12F-8 \(got '\d+ LUT4'\); it has 10"):
        nextpnr.synthesise(written(tmp_path / "p"), tmp_path / "s", part="LFE5U-12F-8")
    assert not Path(f"{stand_in}.called").exists()


def test_a_missing_tool_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nextpnr, "find_program", lambda: None)
    assert not backends()["nextpnr"].available()
    with pytest.raises(InputError, match=r"nextpnr-ecp5: is not installed; pip install"):
        nextpnr.synthesise(written(tmp_path / "p"), tmp_path / "s")


@pytest.mark.parametrize("part", ["LFE5U-85F", "LFE5U-100F-8", "LFE5U-85F-9", "xcup", "85k", ""])
def test_unknown_parts_are_refused(part: str) -> None:
    with pytest.raises(InputError, match=r"is not an ECP5 part that nextpnr knows.*such as LFE5U-85F-8"):
        check_tool("nextpnr", part)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tau_id", "--route", "--part", "xc7"], "is not an ECP5 part that nextpnr knows"),
        (["tau_id", "--route", "--tool", "yosys"], "--route: means --tool nextpnr (got 'yosys')"),
        (["tau_id", "--route", "--compare", "3-4"], "--compare: is for Yosys only"),
        (
            ["p", "--tool", "yosys", "--stages", "3"],
            "--stages: this design has no graph",
        ),
        (["p", "--tool", "yosys", "--netlist", "9"], "--netlist: this design has no graph to compare with"),
        (["nowhere", "--tool", "yosys"], "is neither a model nor a graph file"),
        (["empty", "--tool", "yosys"], "cannot read RTL manifest"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    written(tmp_path / "p")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["synth", *arguments])
    assert end.value.code == EXIT_BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_design_without_registers_has_a_result(tmp_path: Path, stand_in: Path) -> None:
    """Yosys: from port to port; routed: between the registers of the shell."""
    project = written(tmp_path / "p", WIRES)
    found = yosys.synthesise(project, tmp_path / "s")
    assert found.ff == 0
    assert found.delay_ns is None or found.delay_ns > 0
    assert "FF" in dict(found.rows())
    assert nextpnr.synthesise(project, tmp_path / "t").delay_ns == 5.0


def test_a_folder_of_verilog_is_a_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "p")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["synth", "p", "--tool", "yosys", "--part", "xc7", "--json", "found.json"])
    assert not end.value.code
    found = Synthesis.load(tmp_path / "found.json")
    assert (found.name, found.family, found.ff, found.routed) == ("added", "xc7", 8, False)
    assert sys.executable
