"""Proofs: generated Verilog is proven, a fault in it is found, a design that is no pipeline is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.language.load import load_menu
from l1forge.firmware.menu import generate_menu
from l1forge.firmware.path import generate_path
from l1forge.studies.formal import control_folder, run_formal
from l1forge.testbench.faults.netlist import read_files
from l1forge.testbench.formal import control
from l1forge.testbench.formal.combinations import (
    combinations_of,
    prove_combination,
    prove_combinations,
    without_registers,
)
from l1forge.testbench.formal.control import prove_prescaler, prove_rules
from l1forge.testbench.formal.sat import DIFFERS, PROVEN

SEEDS = (
    "comb{MU5[MU-QLTY_DBLE],MU3[ER2p0],MU3[ER2p0]}[CHGCOR_OS]",
    "comb{JET70[ER2p5],JET40[ER2p5]}",
    "TAU36[TAU-ISO_0xE,ER2p1]",
)
"""A charge rule, distinct thresholds, one object."""


def menu_of(folder: Path, seeds: tuple[str, ...] = SEEDS) -> CompiledMenu:
    rows = [f'  - {{name: L1_Seed{i}, seed: "{seed}"}}\n' for i, seed in enumerate(seeds)]
    (folder / "menu.yaml").write_text("menu: L1Menu_formal\nalgorithms:\n" + "".join(rows))
    return load_menu(folder / "menu.yaml")


@pytest.mark.parametrize("judge", ["emulator", "firmware"])
def test_combinations_are_proven(judge: str, tmp_path: Path) -> None:
    menu = menu_of(tmp_path).model_copy(update={"judge": judge})
    found = list(prove_combinations(menu))
    assert [proof.verdict for proof in found] == [PROVEN] * 3
    assert {proof.name for proof in found} == set(combinations_of(menu))


@pytest.mark.parametrize(
    ("seed", "old", "new"),
    [
        (1, "at_least_2_of_12 = (found >= 4'd2)", "at_least_2_of_12 = (found >= 4'd1)"),
        (1, "11'd80", "11'd81"),
        (0, "== 2'd3", "== 2'd1"),
        (2, "|r0", "|r0[11:1]"),
    ],
)
def test_a_fault_is_found(seed: int, old: str, new: str, tmp_path: Path) -> None:
    menu = menu_of(tmp_path, (SEEDS[seed],))
    project = generate_menu(menu, tmp_path / "rtl")
    file = project.folder / f"{project.name}.v"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    ((name, condition),) = combinations_of(menu).items()
    proof = prove_combination(project, condition, menu.judge, name, tmp_path, 60)
    assert proof.verdict == DIFFERS
    assert proof.example


PRESCALER = """\
module path_prescaler (input wire clk, input wire rst, input wire restart, input wire hit,
                       input wire [31:0] factor, output wire fires);
    reg [31:0] counter;
    wire [32:0] sum = {1'b0, counter} + 33'd100;
    wire counts = hit & (factor != 32'd0);
    assign fires = counts & (sum >= {1'b0, factor});
    always @(posedge clk)
        if (rst | restart) counter <= 32'd0;
        else if (counts) counter <= fires ? sum[31:0] - factor : sum[31:0];
endmodule
"""


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("", "", PROVEN),
        ("33'd100", "33'd101", DIFFERS),
        ("sum >= {1'b0, factor}", "sum > {1'b0, factor}", DIFFERS),
        ("sum[31:0] - factor :", "32'd0 :", DIFFERS),
        ("rst | restart", "rst", DIFFERS),
    ],
)
def test_prescaler(old: str, new: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "p.v").write_text(PRESCALER.replace(old, new, 1))
    assert prove_prescaler(tmp_path / "p.v", tmp_path, 60).verdict == verdict


RULES = """\
module path_rules (input wire clk, input wire rst, input wire live, input wire request,
                   input wire [15:0] dead_time, input wire [71:0] limits, input wire [23:0] buffer_limit,
                   input wire [15:0] buffer_service, output wire accept, output wire [5:0] closed);
    reg [15:0] age [0:3];
    reg [24:0] waiting;
    wire [5:0] shut;
    assign shut[0] = (dead_time != 16'd0) & (age[0] <= dead_time);
    genvar i;
    generate for (i = 0; i < 4; i = i + 1) begin : rule
        assign shut[i + 1] = (limits[18 * i +: 16] != 16'd0)
            & (age[limits[18 * i + 16 +: 2]] < limits[18 * i +: 16]);
    end endgenerate
    assign shut[5] = (buffer_service != 16'd0) & (waiting > {1'b0, buffer_limit});
    assign closed = {6{live}} & shut & (~shut + 6'd1);
    assign accept = live & request & (shut == 6'd0);
    wire [24:0] longer = waiting + ((accept & (buffer_service != 16'd0)) ? {9'd0, buffer_service} : 25'd0);
    integer k;
    always @(posedge clk)
        if (rst) begin
            for (k = 0; k < 4; k = k + 1) age[k] <= 16'hffff;
            waiting <= 25'd0;
        end else if (live) begin
            age[0] <= accept ? 16'd1 : age[0] + {15'd0, age[0] != 16'hffff};
            for (k = 1; k < 4; k = k + 1)
                if (accept) age[k] <= age[k - 1] + {15'd0, age[k - 1] != 16'hffff};
                else age[k] <= age[k] + {15'd0, age[k] != 16'hffff};
            waiting <= (longer == 25'd0) ? 25'd0 : longer - 25'd1;
        end
endmodule
"""


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("", "", PROVEN),
        ("< limits", "<= limits", DIFFERS),
        ("accept ? 16'd1", "accept ? 16'd2", DIFFERS),
        ("waiting > {", "waiting >= {", DIFFERS),
        ("live & request", "request", DIFFERS),
    ],
)
def test_trigger_rules(old: str, new: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "r.v").write_text(RULES.replace(old, new, 1))
    assert prove_rules(tmp_path / "r.v", tmp_path, 5, 120).verdict == verdict


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("", "", PROVEN),
        ("any_fired & ~any_veto", "any_fired | ~any_veto", DIFFERS),
        ("fired & f", "fired | f", DIFFERS),
    ],
)
def test_finor(old: str, new: str, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*args: Any, **options: Any) -> Any:
        path = generate_path(*args, **options)
        file = path.rtl.folder / f"{path.rtl.name}.v"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))
        return path

    monkeypatch.setattr(control, "generate_path", faulty)
    assert control.prove_finor(menu_of(tmp_path, (SEEDS[2], "JET20")), tmp_path).verdict == verdict


def test_a_state_that_is_fed_back_is_no_pipeline(tmp_path: Path) -> None:
    text = """module loop (input wire clk, input wire a, output reg y);
    always @(posedge clk) y <= y ^ a;
endmodule
"""
    (tmp_path / "loop.v").write_text(text)
    netlist = read_files([tmp_path / "loop.v"], "loop", tmp_path)
    with pytest.raises(AssertionError, match="a state is fed back"):
        without_registers(netlist, 1)
    (tmp_path / "two.v").write_text(text.replace("loop", "two").replace("y ^ a", "a"))
    netlist = read_files([tmp_path / "two.v"], "two", tmp_path)
    with pytest.raises(AssertionError, match="after 1 registers, not 2"):
        without_registers(netlist, 2)


def test_missing_control_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Verilog of trigger control is missing"):
        run_formal(menu_of(tmp_path), control=tmp_path)


def test_study(tmp_path: Path) -> None:
    for part in control.PARTS:
        shutil.copy(control_folder() / f"{part}.v", tmp_path)
    (tmp_path / "path_prescaler.v").write_text(PRESCALER)
    (tmp_path / "path_rules.v").write_text(RULES)
    overlap = "comb_orm{TAU28[ER2p1],TAU28[ER2p1],JET60}[ORMDR_0p5]"
    menu = menu_of(tmp_path, (SEEDS[2], overlap))
    before, control.HISTORY = control.HISTORY, 4
    try:
        found = run_formal(menu, control=tmp_path)
    finally:
        control.HISTORY = before
    assert found.passed
    assert found.verdict == "8 of 8 proven"
    assert len(found.left_out) == 1
    assert found.left_out[0].endswith(": overlap removal")
    assert found.to_dict()["passed"] is True


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("path_counter", "counter <= last ?", "counter <= count ?"),
        ("path_counter", "if (last) readout <= next;", "if (last) readout <= counter;"),
        ("path_number", "value + 32'd1", "value + 32'd3"),
        ("path_shadow", "if (take) active", "if (write) active"),
        ("path_time", "next >= orbits_per_section", "next > orbits_per_section"),
        ("path_time", "if (begins) orbit", "if (new_section) orbit"),
    ],
)
def test_steps_of_small_modules(tmp_path: Path, name: str, old: str, new: str) -> None:
    text = (control_folder() / f"{name}.v").read_text()
    assert old in text
    for changed, verdict in ((text, PROVEN), (text.replace(old, new), DIFFERS)):
        (tmp_path / f"{name}.v").write_text(changed)
        netlist = control.part_netlist(name, tmp_path, tmp_path)
        assert control.prove_part(name, netlist, tmp_path, 60).verdict == verdict
