"""Combinations of a menu: the Verilog against every assignment of objects to legs, written out.

The Verilog counts objects (Hall's theorem, ``firmware.menu.conditions``). The description here is made from
the compiled menu alone: a combination is true if one of all assignments of distinct slots to its legs is
good, each leg a comparison of the object's fields as docs/menu.md words it. Neither the evaluation plan nor
the generator's code is used.

The registers of the Verilog are checked to be a plain pipeline: on every way from an input to an output lie
as many registers as the latency says, and no state is fed back. The logic between them is then a function of
one crossing, so that a proof for all inputs of that function holds for every stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

from l1forge.emulator.events.objects import COLLECTIONS
from l1forge.emulator.menu.compiled import Algorithm, Combination, CompiledMenu, Requirement, condition_names
from l1forge.emulator.menu.quantities import OBJECTS
from l1forge.firmware.menu import generate_menu
from l1forge.firmware.rtl.project import RtlProject
from l1forge.testbench.faults.netlist import REGISTERS, Bit, Netlist, read_netlist
from l1forge.testbench.formal.sat import Proof, ask

METHOD = "all inputs, all streams (pipeline without state)"
SCRIPT = """\
read_json {json}
read_verilog -sv {spec}
hierarchy -check -top proof
proc
flatten
check -assert
opt -full
sat -verify -timeout {seconds} -prove differs 0 -show-inputs proof
"""
TOP = """\
module proof ({ports}, output wire differs);
    wire found, wanted;
    {design} dut ({wires}, .{seed}(found));
    spec description ({wires_of_spec}, .seed(wanted));
    assign differs = found ^ wanted;
endmodule
"""


def combinations_of(menu: CompiledMenu) -> dict[str, Combination]:
    """Every combination that a seed uses and that looks at one crossing without overlap removal."""
    used = {name for a in menu.algorithms for name in condition_names(a.expression)}
    return {
        name: condition
        for name, condition in menu.conditions.items()
        if name in used and isinstance(condition, Combination) and condition.overlap is None
    }


def prove_combinations(menu: CompiledMenu, seconds: int = 120) -> Iterator[Proof]:
    """A proof for each combination of a menu."""
    for name, condition in combinations_of(menu).items():
        legs = tuple(leg.model_copy(update={"bx": 0}) for leg in condition.legs)
        single = condition.model_copy(update={"legs": legs})
        alone = menu.model_copy(
            update={
                "name": "one",
                "conditions": {"condition": single},
                "algorithms": (Algorithm(index=0, name="seed", expression="condition"),),
                "score_types": {},
            }
        )
        with TemporaryDirectory(prefix="l1forge-formal-") as folder:
            project = generate_menu(alone, Path(folder) / "rtl")
            yield prove_combination(project, single, menu.judge, name, Path(folder), seconds)


def prove_combination(
    project: RtlProject, condition: Combination, judge: str, name: str, folder: Path, seconds: int
) -> Proof:
    """Whether the Verilog of a menu with one seed, ``condition``, is what the condition says."""
    netlist = without_registers(read_netlist(project, folder), project.latency)
    netlist.save(folder / "design.json")
    ports = [(port.name, port.width) for port in project.inputs]
    fields = {(port.node.partition(".")[2], port.element): port.name for port in project.inputs}
    signed = {port.name for port in project.inputs if port.fixed.signed}
    listed = ", ".join(f"input wire [{width - 1}:0] {port}" for port, width in ports)
    spec_ports = ", ".join(
        f"input wire {'signed ' if port in signed else ''}[{width - 1}:0] {port}" for port, width in ports
    )
    wires = ", ".join(f".{port}({port})" for port, _ in ports)
    text = specification(condition, judge, fields, spec_ports)
    held = ", .in_valid(1'b1), .rst(1'b0), .clk(1'b0)"
    text += TOP.format(
        ports=listed,
        design=project.name,
        wires=wires + held,
        wires_of_spec=wires,
        seed=project.outputs[0].name,
    )
    (folder / "spec.sv").write_text(text, encoding="utf-8")
    return ask(name, METHOD, SCRIPT.format(json="design.json", spec="spec.sv", seconds=seconds), folder)


def specification(condition: Combination, judge: str, fields: dict[tuple[str, int], str], ports: str) -> str:
    """Verilog of every assignment of distinct slots to the legs."""
    kind = OBJECTS[condition.legs[0].type]
    lines = [f"module spec ({ports}, output wire seed);"]
    names: dict[Requirement, int] = {}
    for leg in condition.legs:
        number = names.setdefault(leg, len(names))
        if number == len(names) - 1 and f"leg{number}" not in "".join(lines):
            bits = [_accepts(leg, judge, slot, fields) for slot in reversed(range(kind.slots))]
            lines.append(f"    wire [{kind.slots - 1}:0] leg{number} = {{{', '.join(bits)}}};")
    numbers = [names[leg] for leg in condition.legs]
    terms = {
        tuple(sorted(zip(numbers, slots, strict=True)))
        for slots in permutations(range(kind.slots), len(numbers))
    }
    texts = []
    for term in sorted(terms):
        parts = [f"leg{number}[{slot}]" for number, slot in term]
        if condition.charge:
            parts.append(_charges(condition.charge, [fields["charge", slot] for _, slot in term]))
        texts.append(" & ".join(parts))
    lines.append(f"    wire [{len(texts) - 1}:0] assignment;")
    lines += [f"    assign assignment[{i}] = {text};" for i, text in enumerate(texts)]
    return "\n".join([*lines, "    assign seed = |assignment;", "endmodule", ""])


def _accepts(leg: Requirement, judge: str, slot: int, fields: dict[tuple[str, int], str]) -> str:
    """Does the object of a slot satisfy a leg? As docs/menu.md says it under "One object"."""
    kind = OBJECTS[leg.type]
    momentum = fields[kind.transverse, slot]
    if leg.slots and not leg.slots[0] <= slot <= leg.slots[1]:
        return "1'b0"
    if leg.threshold > COLLECTIONS[kind.collection][kind.transverse].maximum:
        return "1'b0"
    terms = [f"({momentum} {'==' if leg.equal else '>='} {leg.threshold})"]
    if judge == "emulator" and kind.has_eta and not leg.equal:
        terms.append(f"({momentum} != 0)")
    if leg.eta:
        eta = fields.get(("eta", slot))
        terms.append(_any(_window(eta, low, high, judge == "emulator") for low, high in leg.eta))
    if leg.phi:
        terms.append(_any(_window(fields.get(("phi", slot)), low, high, True) for low, high in leg.phi))
    for name in ("index", "upt"):
        if windows := getattr(leg, name):
            terms.append(_any(_window(fields.get((name, slot)), low, high, False) for low, high in windows))
    for name in ("iso", "qual", "ip"):
        table = getattr(leg, name)
        if table is not None:
            codes = COLLECTIONS[kind.collection][name].maximum + 1
            code_of = fields.get((name, slot))
            accepted = [code for code in range(codes) if table >> code & 1]
            if len(accepted) < codes:
                terms.append(_any(f"({code_of} == {code})" for code in accepted))
    if leg.charge:
        terms.append(f"({fields['charge', slot]} == {2 if leg.charge == 'positive' else 3})")
    if leg.displaced is not None:
        terms.append(f"({fields['displaced', slot]} == {leg.displaced})")
    return f"({' & '.join(terms)})"


def _window(field: str | None, low: int, high: int, wraps: bool) -> str:
    if field is None:
        return "1'b1"  # the window is the whole range, so that the Verilog does not read the field
    above, below = f"({field} >= {low})", f"({field} <= {high})"
    return f"({above} {'|' if low > high and wraps else '&'} {below})"


def _any(terms: Iterator[str]) -> str:
    return f"({' | '.join(terms) or chr(49) + chr(39) + 'b0'})"


def _charges(rule: str, codes: list[str]) -> str:
    valid = " & ".join(f"({code} >= 2)" for code in codes)
    equal = " & ".join(f"({code} == {codes[0]})" for code in codes)
    return f"({valid} & {'' if rule == 'ls' else '~'}({equal}))"


def without_registers(netlist: Netlist, latency: int) -> Netlist:
    """The logic of a pipeline as a function of one input.

    Raises
    ------
    AssertionError
        If a way from an input to an output has another number of registers than ``latency``, or a state is
        fed back: the design is no plain pipeline then.
    """
    made = netlist.copy()
    depth: dict[Bit, int | None] = {"0": None, "1": None, "x": None}
    for port in netlist.ports.values():
        if port["direction"] == "input":
            depth |= dict.fromkeys(port["bits"], 0)
    driving = netlist.driving()
    for name, port in netlist.ports.items():
        if port["direction"] == "output" and name != "out_valid":
            for bit in port["bits"]:
                found = _depth(netlist, driving, depth, bit)
                assert found in (None, latency), f"{name} comes after {found} registers, not {latency}"
    passed = {
        q: d
        for cell in netlist.cells.values()
        if cell["type"] in REGISTERS
        for q, d in zip(cell["connections"]["Q"], cell["connections"]["D"], strict=True)
    }

    def source(bit: Bit) -> Bit:
        while bit in passed:
            bit = passed[bit]
        return bit

    made.cells = {n: c for n, c in made.cells.items() if c["type"] not in REGISTERS}
    kept = set[str]()
    outputs = [p for n, p in made.ports.items() if p["direction"] == "output" and n != "out_valid"]
    waiting = [source(bit) for port in outputs for bit in port["bits"]]
    while waiting:
        driver = driving.get(waiting.pop())
        if driver is None or driver in kept:
            continue
        kept.add(driver)
        waiting += [source(b) for bits in netlist.cells[driver]["connections"].values() for b in bits]
    made.cells = {n: c for n, c in made.cells.items() if n in kept}
    for cell in made.cells.values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                cell["connections"][port] = [source(bit) for bit in bits]
    made.ports = {
        name: {**port, "bits": [source(bit) for bit in port["bits"]]}
        for name, port in made.ports.items()
        if name != "out_valid"
    }
    made.names = {}
    return made


def _depth(netlist: Netlist, driving: dict[Bit, str], depth: dict[Bit, int | None], bit: Bit) -> int | None:
    """Registers between the inputs and a bit; None: it depends on no input."""
    active: set[Bit] = set()
    stack: list[tuple[Bit, bool]] = [(bit, False)]
    while stack:
        now, ready = stack.pop()
        if now in depth:
            continue
        assert now in driving, "a net has no driver"
        cell = netlist.cells[driving[now]]
        register = cell["type"] in REGISTERS
        if register:
            place = cell["connections"]["Q"].index(now)
            before = [cell["connections"]["D"][place]]
        else:
            directions = cell["port_directions"]
            before = [b for p, bits in cell["connections"].items() if directions[p] == "input" for b in bits]
        if not ready:
            assert now not in active, "a state is fed back"
            active.add(now)
            stack.append((now, True))
            stack += [(b, False) for b in before if b not in depth]
            continue
        active.discard(now)
        depths = {d for b in before if (d := depth[b]) is not None}
        assert len(depths) <= 1, f"ways of {sorted(depths)} registers meet"
        depth[now] = depths.pop() + register if depths else None
    return depth[bit]
