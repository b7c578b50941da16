"""Prescaler, FinOR and trigger rules: a step of the Verilog against the rule as people say it, by induction.

The registers become ports: their values before a clock are inputs, those after it outputs. A relation says
what the registers mean ("the second age is where the second newest accept lies in the list of crossings").
Two things are proven for all inputs: a reset makes the relation true; from every state in which it is true
the outputs are right, and it is true after the clock. Nothing bounds the number of clocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.path.description import ModelChoice, PathDescription
from l1forge.firmware.path import generate_path
from l1forge.testbench.faults.netlist import REGISTERS, Netlist, inputs_of, read_files
from l1forge.testbench.formal.sat import Proof, ask

METHOD = "induction: all inputs, any number of clocks"
HISTORY = 24
"""Crossings that the description of the rules remembers; the solver's work grows fast with it. Rules of up
to one crossing more are proven, whatever their numbers; longer ones differ in an operand only."""
SCRIPT = """\
read_json step.json
read_verilog -sv proof.sv
hierarchy -check -top proof
proc
flatten
check -assert
opt -full
sat -verify -timeout {seconds} -prove differs 0 -show-inputs proof
"""

PRESCALER = """\
module proof (input wire rst, input wire restart, input wire hit, input wire [31:0] factor,
              input wire [31:0] counter, output wire differs);
    wire [31:0] next;
    wire fires;
    step dut (.clk(1'b0), .rst(rst), .restart(restart), .hit(hit), .factor(factor), .fires(fires),
              .counter(counter), .next_counter(next));
    // what is missing to the factor: a hit takes 100 of it, and fires if no more was there
    wire off = (factor == 32'd0);
    wire related = off ? (counter == 32'd0) : (counter < factor);
    wire [33:0] missing = {2'd0, factor} - {2'd0, counter};
    wire wanted = hit & ~off & (missing <= 34'd100);
    wire [33:0] refilled = missing + (wanted ? {2'd0, factor} : 34'd0);
    wire [33:0] missing_later = (hit & ~off) ? refilled - 34'd100 : missing;
    // of 100 times the hits, what did not fire is kept: 100 hits = factor * fires + counter
    wire [33:0] balance = {2'd0, counter} + ((hit & ~off) ? 34'd100 : 34'd0);
    wire kept = (balance == {2'd0, next} + (fires ? {2'd0, factor} : 34'd0));
    wire cleared = (next == 32'd0);
    wire related_later = off ? cleared : (next < factor) & ({2'd0, factor} - {2'd0, next} == missing_later);
    // a prescale below 1 is refused by the software: factors are 0 or at least 100
    wire allowed = off | (factor >= 32'd100);
    assign differs = (rst | restart) ? ~cleared | (related & allowed & (fires != wanted))
                                     : related & allowed & ~((fires == wanted) & kept & related_later);
endmodule
"""

COUNTER = """\
module proof (input wire rst, input wire count, input wire last, input wire [31:0] counter,
              input wire [31:0] readout, output wire differs);
    wire [31:0] counter_later, readout_later;
    step dut (.clk(1'b0), .rst(rst), .count(count), .last(last), .counter(counter), .readout(readout),
              .next_counter(counter_later), .next_readout(readout_later));
    wire [31:0] total = counter - {32{count}};  // minus -1
    wire [31:0] kept = (rst | last) ? 32'd0 : total;
    wire [31:0] shown = rst ? 32'd0 : last ? total : readout;
    assign differs = (counter_later != kept) | (readout_later != shown);
endmodule
"""

NUMBER = """\
module proof (input wire rst, input wire step, input wire [31:0] value, output wire differs);
    wire [31:0] later;
    step dut (.clk(1'b0), .rst(rst), .step(step), .value(value), .next_value(later));
    assign differs = rst ? |later : (later - value != {31'd0, step});
endmodule
"""

SHADOW = """\
module proof (input wire rst, input wire write, input wire take, input wire [31:0] value,
              input wire [31:0] shadow, input wire [31:0] active, output wire differs);
    wire [31:0] shadow_later, active_later;
    step dut (.clk(1'b0), .rst(rst), .write(write), .take(take), .value(value), .shadow(shadow),
              .active(active), .next_shadow(shadow_later), .next_active(active_later));
    wire [31:0] chosen = ({32{write}} & value) | ({32{~write}} & shadow);
    wire [31:0] in_effect = ({32{take}} & shadow) | ({32{~take}} & active);
    assign differs = rst ? (|shadow_later) | (|active_later)
                         : (shadow_later != chosen) | (active_later != in_effect);
endmodule
"""

TIME = """\
module proof (input wire rst, input wire orbit_start, input wire [31:0] orbits_per_section,
              input wire new_section, input wire [11:0] latest, input wire [31:0] orbit, input wire fresh,
              output wire differs);
    wire [11:0] bx, latest_later;
    wire [31:0] orbit_later;
    wire begins, fresh_later;
    step dut (.clk(1'b0), .rst(rst), .orbit_start(orbit_start), .orbits_per_section(orbits_per_section),
              .new_section(new_section), .bx(bx), .begins(begins), .latest(latest), .orbit(orbit),
              .fresh(fresh), .next_latest(latest_later), .next_orbit(orbit_later), .next_fresh(fresh_later));
    // crossings are numbered 0 to 3563; a section is orbits_per_section of them, or shorter if asked for
    wire related = (latest <= 12'd3563) & (orbits_per_section != 32'd0) & (orbit != 32'hffffffff);
    wire wraps = orbit_start | (latest == 12'd3563);
    wire ends = wraps & ~fresh & ~rst & (new_section | (orbits_per_section - orbit <= 32'd1)
                                         | (orbit > orbits_per_section));
    wire [31:0] counted = orbit + {31'd0, wraps & ~fresh};
    wire right = (bx == (wraps ? 12'd0 : latest - 12'hfff)) & (begins == ends);
    wire later = (latest_later == (rst ? 12'd3563 : bx)) & (fresh_later == rst)
        & (orbit_later == ((rst | ends) ? 32'd0 : counted));
    assign differs = related & ~(right & later);
endmodule
"""

FINOR = """\
module proof (input wire [{last}:0] fired, input wire [{last}:0] finor_mask, input wire [{last}:0] veto_mask,
              input wire any_fired, input wire any_veto, output wire differs);
    wire found, vetoed, request;
    step dut (.fired(fired), .finor_mask(finor_mask), .veto_mask(veto_mask), .any_fired(any_fired),
              .any_veto(any_veto), .next_any_fired(found), .next_any_veto(vetoed), .request(request));
    assign differs = (found != ({finor})) | (vetoed != ({veto})) | (request != (any_fired & !any_veto));
endmodule
"""

RULES = """\
module proof (input wire rst, input wire live, input wire request, input wire [15:0] dead_time,
              input wire [71:0] limits, input wire [23:0] buffer_limit, input wire [15:0] buffer_service,
              input wire [{last}:0] history, input wire signed [26:0] empty,
              input wire [63:0] long_ago, output wire differs);
    // history[i]: there was an accept i + 1 crossings ago; empty: when the buffer is empty, from now on
    // long_ago: the ages of accepts before the history
    function [15:0] place;                   // of the accept with this rank, 0: the newest; 0: it is older
        input [{last}:0] accepts;
        input [2:0] rank;
        integer i;
        reg [2:0] found;
        begin
            place = 16'd0;
            found = 3'd0;
            for (i = 0; i < {crossings}; i = i + 1) begin
                if (accepts[i] & (found == rank)) place = i[15:0] + 16'd1;
                if (accepts[i] & (found != 3'd7)) found = found + 3'd1;
            end
        end
    endfunction
    function means;                          // do ages say what the history says?
        input [{last}:0] accepts;
        input [63:0] ages;
        integer k;
        reg [15:0] where;
        begin
            means = 1'b1;
            for (k = 0; k < 4; k = k + 1) begin
                where = place(accepts, k[2:0]);
                if (where != 16'd0) means = means & (ages[16 * k +: 16] == where);
                else means = means & (ages[16 * k +: 16] > 16'd{crossings});
            end
        end
    endfunction
    function [2:0] among;                    // accepts in the last few crossings, up to 4
        input [{last}:0] accepts;
        input [15:0] crossings;
        integer i;
        begin
            among = 3'd0;
            for (i = 0; i < {crossings}; i = i + 1)
                if (accepts[i] & (i[15:0] < crossings) & (among != 3'd4)) among = among + 3'd1;
        end
    endfunction

    wire [63:0] ages;
    genvar k;
    generate for (k = 0; k < 4; k = k + 1) begin : of
        wire [15:0] where = place(history, k);
        assign ages[16 * k +: 16] = (where != 16'd0) ? where : long_ago[16 * k +: 16];
    end endgenerate
    wire [24:0] waiting = empty[26] ? 25'd0 : empty[24:0];
    wire [63:0] later;
    wire [24:0] waiting_later;
    wire accept;
    wire [5:0] closed;
    step dut (.clk(1'b0), .rst(rst), .live(live), .request(request), .dead_time(dead_time), .limits(limits),
              .buffer_limit(buffer_limit), .buffer_service(buffer_service), .accept(accept), .closed(closed),
              .age_0(ages[15:0]), .age_1(ages[31:16]), .age_2(ages[47:32]), .age_3(ages[63:48]),
              .next_age_0(later[15:0]), .next_age_1(later[31:16]), .next_age_2(later[47:32]),
              .next_age_3(later[63:48]), .waiting(waiting), .next_waiting(waiting_later));

    // at most n accepts in any m crossings: closed if the m - 1 crossings before this one have n
    wire [5:0] shut;
    wire [3:0] allowed;
    assign shut[0] = |among(history, dead_time);
    generate for (k = 0; k < 4; k = k + 1) begin : rule
        wire [15:0] m = limits[18 * k +: 16];
        wire [2:0] n = {{1'b0, limits[18 * k + 16 +: 2]}} + 3'd1;
        assign shut[k + 1] = (m != 16'd0) & (among(history, m - 16'd1) >= n);
        assign allowed[k] = (m <= 16'd{longest});
    end endgenerate
    wire buffered = (buffer_service != 16'd0);
    wire signed [26:0] ends = {{3'd0, buffer_limit}};
    assign shut[5] = buffered & (empty > ends);
    wire wanted = live & request & (shut == 6'd0);
    reg [5:0] reason;
    integer r;
    always @* begin
        reason = 6'd0;
        for (r = 5; r >= 0; r = r - 1)
            if (live & shut[r]) reason = 6'd1 << r;
    end
    wire [{last}:0] history_later = live ? {{history[{last} - 1:0], wanted}} : history;
    wire signed [26:0] from = empty[26] ? 27'sd0 : empty;
    wire signed [26:0] after = (wanted & buffered) ? from + $signed({{11'd0, buffer_service}}) : empty;
    wire signed [26:0] empty_later = live ? after - 27'sd1 : empty;
    wire related = means(history, ages) & (empty <= ends + $signed({{11'd0, buffer_service}}))
        & (empty > -27'sd33554432);
    wire related_later = means(history_later, later)
        & (waiting_later == (empty_later[26] ? 25'd0 : empty_later[24:0]))
        & (empty_later <= ends + $signed({{11'd0, buffer_service}}));
    wire small = (dead_time <= 16'd{crossings}) & (&allowed);
    wire [{last}:0] nothing = {{{crossings}{{1'b0}}}};
    wire fresh = means(nothing, later) & (waiting_later == 25'd0);
    assign differs = rst ? ~fresh
                         : related & small & ~((accept == wanted) & (closed == reason) & related_later);
endmodule
"""


PARTS = {
    "path_prescaler": PRESCALER,
    "path_counter": COUNTER,
    "path_number": NUMBER,
    "path_shadow": SHADOW,
    "path_time": TIME,
}
"""Modules of the path and what each step of them must be."""
RULES_MODULE = "path_rules"
WIDE = {"path_shadow": "-chparam WIDTH 32"}
"""Parameters that a module is proven for; its bits are alike."""


def part_netlist(name: str, sources: Path, folder: Path) -> Netlist:
    """The netlist of one of ``PARTS`` in the folder ``sources``; errors as ``read_files``."""
    return read_files([sources / f"{name}.v"], name, folder, "-mem2reg", parameters=WIDE.get(name, ""))


def prove_part(
    name: str, netlist: Netlist, folder: Path, seconds: int = 120, states: Mapping[str, str] | None = None
) -> Proof:
    """Whether one step of a module is what ``PARTS`` says, from every state; by induction it always is.

    ``states``: registers and the names of what they hold, where the netlist does not tell.
    """
    _step(netlist, folder, states)
    (folder / "proof.sv").write_text(PARTS[name], encoding="utf-8")
    return ask(name.removeprefix("path_"), METHOD, SCRIPT.format(seconds=seconds), folder)


def prove_prescaler(source: Path, folder: Path, seconds: int = 120) -> Proof:
    """The Verilog of one prescaler: which hits fire, for every factor that the software allows."""
    return prove_part(
        "path_prescaler", read_files([source], "path_prescaler", folder, "-mem2reg"), folder, seconds
    )


def prove_rules(source: Path, folder: Path, history: int = HISTORY, seconds: int = 300) -> Proof:
    """The Verilog of trigger rules, dead time and buffer: dead times of up to ``history`` crossings."""
    netlist = read_files([source], RULES_MODULE, folder, "-mem2reg")
    return prove_rules_of(netlist, folder, history, seconds)


def prove_rules_of(
    netlist: Netlist,
    folder: Path,
    history: int,
    seconds: int = 300,
    states: Mapping[str, str] | None = None,
) -> Proof:
    """The same of a netlist; ``states`` as of ``prove_part``."""
    _step(netlist, folder, states)
    text = RULES.format(last=history - 1, crossings=history, longest=history + 1)
    (folder / "proof.sv").write_text(text, encoding="utf-8")
    name = f"trigger rules of up to {history + 1} crossings, dead time, buffer"
    return ask(name, METHOD, SCRIPT.format(seconds=seconds), folder)


def prove_finor(menu: CompiledMenu, folder: Path, seconds: int = 120) -> Proof:
    """FinOR, veto and request in the top of the path of ``menu``: every algorithm written out.

    Everything but these three is left out: any bits behind the prescales, any masks.
    """
    scores = {name.partition(".")[0]: 8 if "." in name else 1 for name in menu.scores}
    ports = dict.fromkeys(scores, ModelChoice(rtl="port"))
    description = PathDescription("finor_path", Path("menu"), ports)
    objects = {name: count for name, count in scores.items() if count > 1}
    path = generate_path(description, menu, {}, folder / "path", folder / "parts", objects=objects)
    top = path.rtl.folder / f"{path.rtl.name}.v"
    boxes = [source for source in path.rtl.sources if source != top]
    netlist = read_files([top], path.rtl.name, folder, "", boxes)
    found = {name: netlist.names[name]["bits"] for name in ("fired", "finor_mask", "veto_mask", "request")}
    before = {
        name: cell["connections"]["D"]
        for name in ("any_fired", "any_veto")
        for cell in netlist.cells.values()
        if cell["type"] in REGISTERS and cell["connections"]["Q"] == netlist.names[name]["bits"]
    }
    held = {name: netlist.names[name]["bits"] for name in before}
    part = Netlist("step", {}, {}, {}, netlist.last)
    for name in ("fired", "finor_mask", "veto_mask"):
        part.port_of(name, "input", found[name])
    for name, bits in held.items():
        part.port_of(name, "input", bits)
        part.port_of(f"next_{name}", "output", before[name])
    part.port_of("request", "output", found["request"])
    ends = {b for port in part.ports.values() if port["direction"] == "input" for b in port["bits"]}
    driving = netlist.driving()
    waiting = [b for port in part.ports.values() if port["direction"] == "output" for b in port["bits"]]
    while waiting:
        bit = waiting.pop()
        driver = driving.get(bit)
        if bit in ends or driver is None or driver in part.cells:
            continue
        part.cells[driver] = netlist.cells[driver]
        waiting += inputs_of(netlist.cells[driver])
    part.save(folder / "step.json")
    terms = {
        mask: " | ".join(f"fired[{i}] & {mask}_mask[{i}]" for i in range(len(menu.algorithms)))
        for mask in ("finor", "veto")
    }
    text = FINOR.format(last=len(menu.algorithms) - 1, **terms)
    (folder / "proof.sv").write_text(text, encoding="utf-8")
    name = f"FinOR and veto of {len(menu.algorithms)} algorithms"
    return ask(name, "all inputs (no state)", SCRIPT.format(seconds=seconds), folder)


def prove_control(sources: Path, folder: Path, seconds: int = 300) -> Iterator[Proof]:
    """Prescaler, counters, registers, time and rules of the folder with the path's Verilog."""
    for name in PARTS:
        yield prove_part(name, part_netlist(name, sources, folder), folder, seconds)
    yield prove_rules(sources / "path_rules.v", folder, HISTORY, seconds)


def state_names(netlist: Netlist) -> dict[str, str]:
    """Each register and the name of what it holds."""
    names = {
        tuple(entry["bits"]): name.replace("[", "_").replace("]", "")
        for name, entry in netlist.names.items()
        if not entry["hide_name"]
    }
    found = {n: names.get(tuple(c["connections"].get("Q", ()))) for n, c in netlist.cells.items()}
    return {cell: name for cell, name in found.items() if name and netlist.cells[cell]["type"] in REGISTERS}


def _step(netlist: Netlist, folder: Path, states: Mapping[str, str] | None = None) -> None:
    """The module ``step``: one clock, registers as ports ``NAME`` and ``next_NAME``."""
    states = states or state_names(netlist)
    made = netlist.copy()
    for name, cell in netlist.cells.items():
        if cell["type"] not in REGISTERS:
            continue
        assert cell["type"] == "$dff", f"{cell['type']} has more inputs than a clock"
        wires = made.cells.pop(name)["connections"]
        made.port_of(states[name], "input", wires["Q"])
        made.port_of(f"next_{states[name]}", "output", wires["D"])
    made.top, made.names = "step", {}
    made.save(folder / "step.json")
