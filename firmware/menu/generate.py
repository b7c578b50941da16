"""From a compiled menu to a Verilog project: requirements, pairs, conditions, seeds.

The evaluation plan of the emulator (``emulator.menu.engine.plan``) already finds what seeds share:
requirements on objects, measures of pairs, limits on them, conditions, gates. The Verilog has one piece for
each entry of that plan.

Clocks, with ``ahead`` the latest crossing that a seed looks at (0 to 2): the objects of a crossing are kept
for ``ahead`` clocks until all its neighbours are there; then tables and requirements (1), products, limits
and conditions (2), seeds (3). One crossing per clock, latency ``ahead + 3``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.lhc import BUNCH_SPACING_NS
from l1forge.emulator.menu.compiled import CompiledMenu, condition_names
from l1forge.emulator.menu.engine import plan as p
from l1forge.emulator.menu.engine.atoms import Atom
from l1forge.emulator.menu.engine.plan import MenuPlan, make_plan, slots_of
from l1forge.emulator.path.thresholds import Threshold
from l1forge.firmware.menu.columns import MenuColumn, external_column, field_column, wide_column
from l1forge.firmware.menu.conditions import Bits, Charges, Overlaps, Writer, wide_limit
from l1forge.firmware.menu.pairs import Kind, Pairing, pair_module, pairings
from l1forge.firmware.menu.verilog import (
    Module,
    all_of,
    any_of,
    bits_of,
    literal,
    span,
    vector,
    widened,
    within,
)
from l1forge.firmware.rtl.ports import identifier
from l1forge.firmware.rtl.project import Port, RtlProject

THRESHOLD = "threshold"
"""Node of ports that hold a threshold."""
STAGES = 3
"""Clocks from a crossing whose neighbours are there to its algorithm bits."""


@dataclass
class _Delays:
    """Registers that carry ``name`` over clocks; each depth is declared once."""

    module: Module
    depths: dict[str, int] = field(default_factory=dict)

    def at(self, name: str, clocks: int, width: int, signed: bool = False) -> str:
        """The name of the signal ``clocks`` clocks later."""
        for depth in range(self.depths.get(name, 0) + 1, clocks + 1):
            before = name if depth == 1 else f"{name}_d{depth - 1}"
            self.module.register(f"{name}_d{depth}", before, width, signed)
            self.depths[name] = depth
        return f"{name}_d{clocks}" if clocks else name


class _Generator:
    def __init__(
        self, menu: CompiledMenu, name: str, slots: Mapping[str, int], thresholds: Mapping[str, Threshold]
    ) -> None:
        self.menu, self.name, self.slots = menu, name, slots
        self.thresholds = {one.condition: (port, one) for port, one in thresholds.items()}
        self.plan: MenuPlan = make_plan(menu)
        self.atoms, self.requirements = list(self.plan.atoms), list(self.plan.requirements)
        self.sheets, self.wide = list(self.plan.sheets), list(self.plan.wide)
        self.top = Module(name, f"Trigger menu {menu.name}, judge {menu.judge}: one crossing per clock.")
        self.delays = _Delays(self.top)
        self.writer = Writer(self.top)
        self.columns: dict[str, MenuColumn] = {}
        self.atom_names: dict[tuple[int, int], str] = {}
        self.requirement_bits: dict[int, Bits] = {}
        self.files: dict[str, str] = {}
        self.pair_masses: dict[tuple[Kind, Kind], tuple[str, int]] = {}
        bxs = [row[i] for row in self.plan.conditions for i in (p.BX0, p.BX1, p.ORM_BX)]
        self.ahead = max([0, *bxs])

    @property
    def latency(self) -> int:
        return self.ahead + STAGES

    # inputs

    def column(self, column: MenuColumn) -> MenuColumn:
        """Make the ports of a column, gated so that an idle clock is an empty crossing."""
        if column.name not in self.columns:
            self.columns[column.name] = column
            for slot in range(column.slots):
                port = column.port(slot)
                zero = literal(0, column.width, column.signed)
                self.top.wire(f"x_{port}", f"in_valid ? {port} : {zero}", column.width, column.signed)
        return column

    def atom(self, number: int, slot: int) -> str:
        """The bit of one atom and slot, of the newest crossing."""
        key = number, slot
        if key not in self.atom_names:
            atom: Atom = self.atoms[number]
            column = self.column(field_column(atom.column))
            name, least, most = f"x_{column.port(slot)}", column.least, column.most
            test = any_of(
                within(name, max(low, least), min(high, most), least, most, column.width, column.signed)
                for low, high in atom.windows
            )
            self.atom_names[key] = (
                test if test in ("1'b0", "1'b1") else self.top.wire(f"atom{number}_{slot}", test)
            )
        return self.atom_names[key]

    def requirement(self, number: int, bx: int) -> Bits:
        """The slots that satisfy a requirement, in step with the crossing that is looked at."""
        if number not in self.requirement_bits:
            members, mask = self.requirements[number]
            column = self.atoms[members[0]].column
            slots = slots_of(column)
            terms = [
                all_of(self.atom(atom, slot) for atom in members) if mask >> slot & 1 else "1'b0"
                for slot in reversed(range(slots))
            ]
            about = ", ".join(
                f"{atom.column} {' or '.join(f'{low}..{high}' for low, high in atom.windows) or 'never'}"
                for atom in (self.atoms[member] for member in members)
            )
            self.top.body.append(f"    // requirement {number}: {about}")
            text = f"{{{', '.join(terms)}}}" if slots > 1 else terms[0]
            self.top.register(f"r{number}", text, slots)
            self.requirement_bits[number] = Bits(f"r{number}", slots)
        bits = self.requirement_bits[number]
        return Bits(self.delays.at(bits.name, self.ahead - bx, bits.slots), bits.slots)

    def field(self, kind: Kind, column_name: str) -> str:
        """All slots of a field as one vector, slot 0 lowest, delayed to the crossing of ``kind``."""
        column = self.column(field_column(column_name))
        names = [
            self.delays.at(f"x_{column.port(slot)}", self.ahead - kind[1], column.width, column.signed)
            for slot in reversed(range(column.slots))
        ]
        return f"{{{', '.join(names)}}}" if len(names) > 1 else names[0]

    # pairs

    def pairs(self) -> None:
        """One module for each two kinds of objects that are measured against each other."""
        measures = p.MEASURES
        sheets = [(sheet.measure, sheet.a, sheet.b) for sheet in self.plan.sheets]
        masses = {row[p.SHEET] for row in self.plan.conditions if row[p.KIND] == p.TRIPLE}
        assert all(measures[sheets[index][0]] == "mass" for index in masses)
        matrices = list(self.plan.matrices)
        for (a, b), pairing in pairings(sheets, matrices, masses).items():
            self._instance(a, b, pairing)

    def _instance(self, a: Kind, b: Kind, pairing: Pairing) -> None:
        name = identifier(f"{self.name}_pairs_{_word(a)}_{_word(b)}")
        self.files[f"{name}.v"] = pair_module(pairing, name).text()
        na, nb = pairing.sizes
        ports = [".clk(clk)"]
        for side, kind in (("a", a), ("b", b)):
            if side == "b" and pairing.alike:
                continue
            for field_name in pairing.fields(kind):
                ports.append(f".{side}_{field_name}({self.field(kind, pairing.column(kind, field_name))})")
        for *_, matrix in pairing.limits:
            self.top.body.append(f"    wire {span(na * nb)} m{matrix};")
            ports.append(f".m{matrix}(m{matrix})")
        if pairing.mass_out:
            width = pairing.mass_width
            mass = f"mass_{_word(a)}"
            self.top.body.append(f"    wire {span(na * (na - 1) // 2 * width)} {mass};")
            ports.append(f".mass({mass})")
            self.pair_masses[a, b] = mass, width
        self.top.body.append(f"    {name} {name}_i ({', '.join(ports)});")

    # conditions

    def conditions(self) -> None:
        """A register for every condition, two clocks after its crossing."""
        used = {name for algorithm in self.menu.algorithms for name in condition_names(algorithm.expression)}
        for number, (name, row) in enumerate(zip(self.menu.conditions, self.plan.conditions, strict=True)):
            if name not in used:
                continue
            self.top.body.append(f"    // condition {number}: {_comment(name)}")
            given = self.thresholds.get(name)
            text = self.variable(f"c{number}", row, *given) if given else self.condition(f"c{number}", row)
            self.top.register(f"c{number}", text)

    def variable(self, name: str, row: list[int], port: str, threshold: Threshold) -> str:
        """A condition on one object, sum or score whose threshold is an input."""
        if row[p.KIND] == p.WIDE:
            column = self.column(wide_column(threshold.subject, self.menu, self.slots))
            tests = [f"(x_{column.port(slot)} >= {port})" for slot in range(column.slots)]
            return self._late(name, any_of(tests), row[p.BX0])
        members, mask = list(self.plan.requirements)[row[p.LEG0]]
        atoms = list(self.plan.atoms)
        others = [atom for atom in members if atoms[atom].column != threshold.subject]
        column = self.column(field_column(threshold.subject))
        wide = bits_of(0, threshold.most)
        terms = [
            all_of(
                [
                    f"({widened(f'x_{column.port(slot)}', column.width, wide)} >= {port})",
                    *(self.atom(atom, slot) for atom in others),
                ]
            )
            for slot in reversed(range(column.slots))
            if mask >> slot & 1
        ]
        self.top.register(
            f"{name}_now", f"{{{', '.join(terms)}}}" if len(terms) > 1 else terms[0], len(terms)
        )
        return f"|{self.delays.at(f'{name}_now', self.ahead - row[p.BX0], len(terms))}"

    def condition(self, name: str, row: list[int]) -> str:
        """The expression of one condition."""
        kind, bx = row[p.KIND], (row[p.BX0], row[p.BX1])
        if kind == p.EXTERNAL:
            return self._late(name, f"x_{self.column(external_column(row[p.ROW])).port(0)}", bx[0])
        if kind == p.WIDE:
            return self._wide(name, row)
        legs = tuple(
            self.requirement(row[p.LEG0 + leg], bx[1 if leg and not row[p.ALIKE] else 0])
            for leg in range(row[p.LEGS])
        )
        if kind == p.ANY:
            return f"|{legs[0].name}" if legs[0].slots > 1 else legs[0].name
        charges = self._charges(row, bx, len(legs))
        if kind in (p.DISTINCT, p.CHARGED):
            return self.writer.combination(name, legs, charges)
        if kind == p.TRIPLE:
            sheet = self.sheets[row[p.SHEET]]
            mass = self.pair_masses[sheet.a, sheet.b]
            return self.writer.triple(name, legs, mass, (row[p.LOWER], row[p.UPPER]), charges)
        overlaps = self._overlaps(row, kind)
        if kind == p.CLEAR:
            assert overlaps is not None
            return self.writer.clear_combination(name, legs, charges, overlaps)
        itself = self._matrices(row[p.ORM_A], row[p.ORM_COUNT]) if row[p.ORM_COUNT] and not overlaps else ()
        limits = self._matrices(row[p.MATRIX], row[p.MATRICES])
        return self.writer.pair(
            name, (legs[0], legs[1]), bool(row[p.ALIKE]), limits, charges, overlaps, itself
        )

    def _late(self, name: str, now: str, bx: int) -> str:
        """A bit of the newest crossing, in step with requirements of crossing ``bx``."""
        self.top.register(f"{name}_now", now)
        return self.delays.at(f"{name}_now", self.ahead - bx, 1)

    def _wide(self, name: str, row: list[int]) -> str:
        source = self.wide[row[p.ROW]]
        column = self.column(wide_column(source, self.menu, self.slots))
        tests = [
            wide_limit(f"x_{column.port(slot)}", row[p.LOWER], row[p.UPPER], column.least, column.most)
            for slot in range(column.slots)
        ]
        return self._late(name, any_of(tests), row[p.BX0])

    def _charges(self, row: list[int], bx: tuple[int, int], legs: int) -> Charges | None:
        rule = p.CHARGES[row[p.CHARGE]]
        if rule is None:
            return None
        places = [bx[1 if leg and not row[p.ALIKE] else 0] for leg in range(legs)]
        positive, negative = (
            tuple(self.requirement(row[column], place) for place in places)
            for column in (p.POSITIVES, p.NEGATIVES)
        )
        return Charges(rule, positive, negative)

    def _matrices(self, start: int, count: int) -> tuple[str, ...]:
        return tuple(f"m{matrix}" for matrix in self.plan.chosen[start : start + count])

    def _overlaps(self, row: list[int], kind: int) -> Overlaps | None:
        if row[p.ORM_LEG] == p.NONE:
            return None
        starts = (row[p.ORM_A],) if kind == p.CLEAR else (row[p.ORM_A], row[p.ORM_B])
        reference = self.requirement(row[p.ORM_LEG], row[p.ORM_BX])
        return Overlaps(
            reference,
            tuple(self._matrices(start, row[p.ORM_COUNT]) for start in starts),
            bool(row[p.VETO]),
        )

    # seeds

    def seeds(self) -> list[Port]:
        """A register for every algorithm bit, called as the seed is."""
        count = len(self.plan.conditions)

        def value(number: int) -> str:
            return f"c{number}" if number < count else f"g{number - count}"

        signs = {p.AND: "&", p.OR: "|", p.XOR: "^"}
        for number, (operator, first, second) in enumerate(self.plan.gates):
            text = (
                f"~{value(first)}"
                if operator == p.NOT
                else f"{value(first)} {signs[operator]} {value(second)}"
            )
            self.top.wire(f"g{number}", text)
        ports, taken = [], set(self.top.ports)
        for algorithm, (_, source) in zip(self.menu.algorithms, self.plan.outputs, strict=True):
            name = identifier(algorithm.name)
            while name in taken:
                name += "_x"
            taken.add(name)
            ports.append(Port(name, algorithm.name, 0, "ufixed<1,1>"))
            if algorithm.grammar:
                self.top.body.append(f"    // algorithm {algorithm.index}: {_comment(algorithm.grammar)}")
            self.top.clocked.append(f"        {name} <= {value(source)};")
        return ports

    def inputs(self) -> list[Port]:
        """The ports of the columns that are read, column by column."""
        objects = [
            Port(column.port(slot), column.name, slot, column.type)
            for column in self.columns.values()
            for slot in range(column.slots)
        ]
        limits = [
            Port(port, THRESHOLD, number, str(FixedType.integers(min(one.least, 0), one.most)))
            for number, (port, one) in enumerate(self.thresholds.values())
        ]
        return [*objects, *limits]

    def finish(self, outputs: list[Port]) -> None:
        """Ports and the shift register of valid bits."""
        latency = self.latency
        self.top.ports = [
            "input wire clk",
            "input wire rst",
            "input wire in_valid",
            *(
                f"input wire {'signed ' if port.fixed.signed else ''}{vector(port.width)}{port.name}"
                for port in self.inputs()
            ),
            "output wire out_valid",
            *(f"output reg {port.name}" for port in outputs),
        ]
        self.top.body += [
            f"    reg {span(latency)} valid;",
            "    always @(posedge clk)",
            f"        if (rst) valid <= {latency}'b0;",
            f"        else valid <= {{valid[{latency - 2}:0], in_valid}};",
            f"    assign out_valid = valid[{latency - 1}];",
        ]
        if any("for (i = 0;" in line for line in self.top.body):
            self.top.body.insert(0, "    genvar i, j;")
        self.files[f"{self.name}.v"] = self.top.text()


def _word(kind: Kind) -> str:
    bx = f"_{'p' if kind[1] > 0 else 'm'}{abs(kind[1])}" if kind[1] else ""
    return f"{kind[0]}{bx}"


def _comment(text: str) -> str:
    return " ".join(text.split())


def generate_menu(
    menu: CompiledMenu,
    out_dir: str | Path,
    *,
    score_slots: Mapping[str, int] | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> RtlProject:
    """Write Verilog for ``menu``: one crossing per clock, a port for each word read, a bit for each seed.

    Parameters
    ----------
    menu
        Compiled menu; its judge decides which behaviour the hardware has.
    out_dir
        Folder of the project; replaced as a whole.
    score_slots
        Objects per crossing of scores that models give for each object, such as ``{"muon_pt.pt": 8}``.
    thresholds
        Port to threshold: these are inputs, looked at in the clock in which their crossing enters.

    Raises
    ------
    InputError
        If the menu has no seeds, or does not declare the type of a score.
    """
    name = identifier(f"menu_{menu.name}")
    work = _Generator(menu, name, score_slots or {}, thresholds or {})
    work.pairs()
    work.conditions()
    outputs = work.seeds()
    inputs = work.inputs()
    work.finish(outputs)
    digest = hashlib.sha256(menu.to_json().encode())
    for text in work.files.values():
        digest.update(text.encode())
    target = Path(out_dir)
    files = tuple(sorted(work.files))
    with atomic_files(target, replace_folders=True) as folder:
        for file, text in work.files.items():
            write_text(folder / file, text)
        project = RtlProject(
            folder, name, digest.hexdigest(), files, tuple(inputs), tuple(outputs), (), work.latency,
            STAGES, BUNCH_SPACING_NS, len(work.plan.conditions), 0.0, 0.0,
        )  # fmt: skip
        project.save()
    return RtlProject.load(target)
