"""Proof by SAT that a fault changes no output: the design and the faulty one are given the same inputs.

Only the cells that the fault reaches are doubled. The first try lets everything else have any value; if an
output can then differ, the second one takes the logic in front of them along. Registers start with any value
and as many clocks are looked at as the design has stages, so that the answer holds for every stream of inputs
(for a pipeline; a design that feeds its state back is proven from any state).
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.firmware.synth import passes
from l1forge.testbench.faults.kinds import DROPPED, LATE, Fault, inject
from l1forge.testbench.faults.netlist import (
    REGISTERS,
    Bit,
    Cell,
    Netlist,
    inputs_of,
    outputs_of,
    reached_from,
)

SCRIPT = """\
read_json {json}
opt -full
memory_map
opt -full
sat -verify -timeout {seconds} -seq {clocks} -prove-skip {skip} -prove differs 0 -show differs {top}
"""
STEP = """\
read_json {json}
opt -full
sat -verify -timeout {seconds} -prove differs 0 -show differs {top}
"""
LARGEST = 6000
"""Cells that are given to the solver."""
FAILED = ("proof did fail", "Called with -verify and proof did time out")
"""What Yosys says if the proof does not hold, or takes too long."""


def prove_equal(netlist: Netlist, fault: Fault, latency: int, folder: Path, seconds: int = 60) -> bool:
    """Whether no input makes an output of the faulty design differ.

    Parameters
    ----------
    netlist, fault
        A design and a fault that is not in it.
    latency
        Clocks after which an input has left the design.
    folder
        Where scripts and logs are left.
    seconds
        For each of the two tries; one that takes longer, or has over ``LARGEST`` cells, proves nothing.
    """
    pair = doubled(netlist, fault)
    if pair is None:
        return True  # it reaches no output
    for name, free in (("free", True), ("whole", False)):
        design = _cut(pair, free)
        if len(design.cells) > LARGEST:
            continue  # the solver would not end
        design.save(folder / f"proof-{name}.json")
        script = SCRIPT.format(
            json=f"proof-{name}.json", seconds=seconds, clocks=latency + 2, skip=latency + 1, top=netlist.top
        )
        try:
            passes.run(f"proof-{name}", script, folder)
        except InputError as error:
            if not any(text in str(error) for text in FAILED):
                raise
            continue
        return True
    return False


def prove_step(netlist: Netlist, fault: Fault, folder: Path, seconds: int = 60) -> bool:
    """Whether one clock of the faulty design is the same from every state: by induction no stream shows it.

    Registers, memories and parts that have no netlist are cut: what they hold or give is an input that both
    copies share, what they take is compared. Parameters as ``prove_equal``; less is proven.
    """
    if doubled(netlist, fault) is None:
        return True  # it reaches no output
    if fault.kind == DROPPED:
        pair: Netlist | None = _ever_set(netlist, fault)
    elif _combinational(netlist, fault):
        pair = doubled(cut_state(netlist), fault)
    else:
        return False
    if pair is None:
        return True
    design = _cut(pair, False)
    if len(design.cells) > LARGEST:
        return False
    design.save(folder / "proof-step.json")
    try:
        script = STEP.format(json="proof-step.json", seconds=seconds, top=netlist.top)
        passes.run("proof-step", script, folder)
    except InputError as error:
        if not any(text in str(error) for text in FAILED):
            raise
        return False
    return True


def _ever_set(netlist: Netlist, fault: Fault) -> Netlist:
    """``differs`` if a bit of a register that is 0, as at power-up, can become 1."""
    made = cut_state(netlist)
    wires = [netlist.cells[name]["connections"] for name in fault.cells]
    after = [w["D"][fault.bit] for w in wires if fault.bit < len(w["D"])]
    before = [w["Q"][fault.bit] for w in wires if fault.bit < len(w["D"])]
    becomes = made.binary("$and", after, made.unary("$not", before, len(before)), len(after))
    made.ports = {name: port for name, port in made.ports.items() if port["direction"] == "input"}
    made.port_of("differs", "output", made.unary("$reduce_or", becomes, 1))
    return made


def _combinational(netlist: Netlist, fault: Fault) -> bool:
    """Whether a fault is in logic that is left when the state is cut."""
    return fault.kind != LATE and all(not _holds(netlist.cells[name]) for name in fault.cells)


def _holds(cell: Cell) -> bool:
    return cell["type"] in REGISTERS or not cell["type"].startswith("$") or cell["type"].startswith("$mem")


def cut_state(netlist: Netlist) -> Netlist:
    """The logic alone: outputs of registers, memories and boxes are inputs, their inputs outputs."""
    cells = {name: cell for name, cell in netlist.cells.items() if not _holds(cell)}
    held = [cell for cell in netlist.cells.values() if _holds(cell)]
    made = Netlist(netlist.top, cells, dict(netlist.ports), {}, netlist.last)
    given = dict.fromkeys(bit for cell in held for bit in outputs_of(cell) if isinstance(bit, int))
    taken = dict.fromkeys(bit for cell in held for bit in inputs_of(cell) if isinstance(bit, int))
    if given:
        made.port_of("state!", "input", list(given))
    if taken:
        made.port_of("next!", "output", list(taken))
    return made


def doubled(netlist: Netlist, fault: Fault) -> Netlist | None:
    """The design and beside it the faulty copy of what the fault reaches; the output ``differs`` compares."""
    faulty = netlist.copy()
    inject(faulty, fault, "1")
    changed = {n for n, c in faulty.cells.items() if n not in netlist.cells or c != netlist.cells[n]}
    start = {b for n in changed for b in outputs_of(faulty.cells[n])}
    reached = changed | reached_from(faulty, start)
    pair = netlist.copy()
    pair.last = faulty.last
    renamed: dict[Bit, Bit] = {}
    for name in reached:
        for bit in outputs_of(faulty.cells[name]):
            if bit not in renamed:
                renamed[bit] = pair.fresh()[0]
    for name in reached:
        cell = deepcopy(faulty.cells[name])
        cell["connections"] = {
            port: [renamed.get(bit, bit) for bit in bits] for port, bits in cell["connections"].items()
        }
        if "MEMID" in cell["parameters"]:
            cell["parameters"]["MEMID"] += "!"  # two memories of one name are refused
        pair.cells[f"faulty!{name}"] = cell
    outputs = [b for p in netlist.ports.values() if p["direction"] == "output" for b in p["bits"]]
    compared = [bit for bit in dict.fromkeys(outputs) if bit in renamed]
    if not compared:
        return None
    differs = pair.binary("$ne", compared, [renamed[bit] for bit in compared], 1)
    pair.ports = {n: p for n, p in pair.ports.items() if p["direction"] == "input"}
    pair.port_of("differs", "output", differs)
    return pair


def _cut(pair: Netlist, free: bool) -> Netlist:
    """Only the cells that ``differs`` depends on; ``free``: what both copies share has any value."""
    driving = pair.driving()
    kept, waiting, open_bits = set[str](), list(pair.ports["differs"]["bits"]), set[Bit]()
    originals = {name.removeprefix("faulty!") for name in pair.cells if name.startswith("faulty!")}
    while waiting:
        bit = waiting.pop()
        name = driving.get(bit)
        if name is None or name in kept:
            continue
        inside = name.startswith(("faulty!", "fault$")) or name in originals
        if free and not inside:
            open_bits.add(bit)
            continue
        kept.add(name)
        waiting += inputs_of(pair.cells[name])
    cells = {name: cell for name, cell in pair.cells.items() if name in kept}
    ports = dict(pair.ports)
    if open_bits:
        bits = sorted(open_bits, key=str)
        ports["shared"] = {"direction": "input", "bits": bits}
    return Netlist(pair.top, cells, ports, {}, pair.last)
