"""Fault campaigns: faults are where they are said to be, and are noticed or proven to change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.firmware.rtl.project import Port, RtlProject
from l1forge.studies.faults import FaultStudy
from l1forge.testbench.faults import Subject, run_campaign
from l1forge.testbench.faults.campaign import EQUIVALENT, UNPROVEN, choose, with_faults
from l1forge.testbench.faults.kinds import CONSTANT, ENTRY, KINDS, LATE, SHIFT, STUCK_0, Fault, places
from l1forge.testbench.faults.netlist import Netlist, read_files, read_netlist
from l1forge.testbench.faults.proof import prove_equal
from l1forge.testbench.stimuli import Block

pytestmark = pytest.mark.xdist_group("rtl")

TABLE = (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3)
ENTRIES = "".join(f"        t[{i}] = 4'd{value};\n" for i, value in enumerate(TABLE))
VERILOG = f"""\
module tiny (input wire clk, input wire rst, input wire in_valid, input wire [3:0] a, input wire [3:0] b,
              output wire out_valid, output wire [4:0] y);
    reg [3:0] t [0:15];
    initial begin
{ENTRIES}    end
    wire hit = (a >= 4'd5);
    wire never = (a < 4'd3) & hit;
    reg [3:0] found;
    reg [3:0] more;
    reg [4:0] sum;
    reg [1:0] valid;
    always @(posedge clk) begin
        found <= t[a];
        more <= hit ? b - 4'd3 : 4'd3;
        sum <= {{1'b0, found}} + {{1'b0, more}};
        valid <= rst ? 2'b0 : {{valid[0], in_valid}};
        if (never) more <= 4'd1;
    end
    assign y = sum;
    assign out_valid = valid[1];
endmodule
"""


def expected(block: Block) -> Block:
    a, b = block.T
    return (np.array(TABLE)[a] + np.where(a >= 5, (b - 3) % 16, 3))[:, None]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> RtlProject:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.v").write_text(VERILOG)
    inputs = tuple(Port(name, name, 0, "ufixed<4,4>") for name in "ab")
    outputs = (Port("y", "y", 0, "ufixed<5,5>"),)
    return RtlProject(folder, "tiny", "", ("tiny.v",), inputs, outputs, (), 2, 2, 25.0, 3, 0.0, 0.0)


@pytest.fixture(scope="module")
def netlist(project: RtlProject, tmp_path_factory: pytest.TempPathFactory) -> Netlist:
    return read_netlist(project, tmp_path_factory.mktemp("netlist"))


EVERY = np.array([(a, b) for a in range(16) for b in range(16)], np.int64)


def test_every_fault_is_noticed_or_changes_nothing(project: RtlProject) -> None:
    campaign = run_campaign(Subject("tiny", project, expected, (EVERY, EVERY[::-1])), 60, 1)
    assert campaign.crossings == 512
    assert {verdict.fault.kind for verdict in campaign.verdicts} == set(KINDS)
    assert [v.place for v in campaign.survivors if v.reason != EQUIVALENT] == []
    assert campaign.equivalent > 0
    assert campaign.caught + campaign.equivalent == len(campaign.verdicts) == 60
    study = FaultStudy((campaign,))
    assert study.passed
    assert study.share == 1.0
    assert study.rows()[-1] == ("all", "", "60", str(campaign.caught), str(campaign.equivalent), "0")
    assert sum(int(row[1]) for row in study.kinds()) == 60
    # a co-verification that looks at one crossing only misses most of them, and says so
    blind = run_campaign(Subject("tiny", project, expected, (EVERY[:1],), gaps=0.0), 60, 1, prove=False)
    assert [v.fault for v in blind.verdicts] == [v.fault for v in campaign.verdicts]
    assert blind.caught < campaign.caught
    assert {v.reason for v in blind.survivors} == {UNPROVEN}
    assert not FaultStudy((blind,)).passed


def test_a_design_that_is_wrong_without_a_fault_is_refused(project: RtlProject) -> None:
    subject = Subject("tiny", project, lambda block: expected(block) + (block[:, :1] == 15), (EVERY,))
    with pytest.raises(InputError, match="tiny differs from what is expected without any fault"):
        run_campaign(subject, 60, 1)


def test_places_and_choice(netlist: Netlist) -> None:
    assert {kind for kind in KINDS if places(netlist, kind)} == set(KINDS)
    chosen = choose(netlist, 40, 3)
    assert chosen == choose(netlist, 40, 3) != choose(netlist, 40, 4)
    assert len(set(chosen)) == 40
    text = next(fault.text(netlist) for fault in chosen if fault.kind == ENTRY)
    assert text.startswith("wrong table entry ")
    assert ".RD_DATA[" in text
    before = {name: dict(cell["connections"]) for name, cell in netlist.cells.items()}
    with_faults(netlist, chosen)
    assert before == {name: cell["connections"] for name, cell in netlist.cells.items()}


def test_a_loop_of_the_verilog_is_one_place(tmp_path: Path) -> None:
    (tmp_path / "loop.v").write_text(
        "module loop (input wire clk, input wire [3:0] a, input wire [3:0] b, output reg [3:0] y);\n"
        "    genvar i;\n"
        "    generate for (i = 0; i < 4; i = i + 1) begin : each\n"
        "        reg kept;\n"
        "        always @(posedge clk) kept <= a[i] & b[i];\n"
        "        always @(posedge clk) y[i] <= kept;\n"
        "    end endgenerate\n"
        "endmodule\n"
    )
    loop = read_files([tmp_path / "loop.v"], "loop", tmp_path)
    for copies, count in ((True, 1), (False, 4)):
        found = places(loop, STUCK_0, copies)
        gates = [cells for cells, *_ in found if loop.cells[cells[0]]["type"] == "$and"]
        assert len(gates) == count
        assert {len(cells) for cells in gates} == {4 // count}
    (place,) = [p for p in places(loop, STUCK_0) if loop.cells[p[0][0]]["type"] == "$and"]
    fault = Fault(STUCK_0, *place[:2])
    assert "(4 copies)" in fault.text(loop)
    assert not prove_equal(loop, fault, 2, tmp_path)


def test_proofs(netlist: Netlist, tmp_path: Path) -> None:
    compare = next(name for name, cell in netlist.cells.items() if cell["type"] == "$ge")
    gate = next(name for name, cell in netlist.cells.items() if cell["type"] == "$and")
    table = next(name for name, cell in netlist.cells.items() if cell["type"] == "$mem_v2")
    for fault, equal in (
        (Fault(STUCK_0, (gate,), "Y"), True),  # hit and not hit
        (Fault(CONSTANT, (compare,), "B", value=0b0011), False),
        (Fault(CONSTANT, (compare,), "B", value=0), True),  # the same constant
        (Fault(LATE, (compare,), "Y"), False),
        (Fault(SHIFT, (compare,), "A"), False),
        (Fault(ENTRY, (table,), "RD_DATA", 1, value=3), False),
    ):
        assert prove_equal(netlist, fault, 2, tmp_path) is equal, fault


def test_a_proof_that_cannot_run_is_an_error(netlist: Netlist, tmp_path: Path) -> None:
    compare = next(name for name, cell in netlist.cells.items() if cell["type"] == "$ge")
    broken = replace(netlist, cells={n: {**c, "type": f"{c['type']}!"} for n, c in netlist.cells.items()})
    with pytest.raises(InputError, match="Yosys failed"):
        prove_equal(broken, Fault(CONSTANT, (compare,), "B", value=6), 2, tmp_path)
