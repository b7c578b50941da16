"""Measures of object pairs as modules: tables in the first clock, products and limits in the second.

One module for each two (type, crossing) that a menu measures, with all measures and limits on them. The
tables are the emulator's integer tables; nothing is computed here that it does not compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from l1forge.emulator.events.objects import CALO_PHI_BINS, COLLECTIONS, MUON_PHI_BINS
from l1forge.emulator.menu.correlation_tables import (
    CALO_DIGITS,
    CALO_TO_MUON,
    MUON_DIGITS,
    Geometry,
    calo_geometry,
    calo_pt,
    muon_geometry,
    muon_pt,
    muon_upt,
)
from l1forge.emulator.menu.engine.plan import HIGHEST, LOWEST, MEASURES
from l1forge.emulator.menu.quantities import OBJECTS
from l1forge.firmware.menu.verilog import Module, bits_of, literal, memory, span, widened, within

Kind = tuple[str, int]
"""An object type and its crossing."""
ANGLES = {"deta", "dphi", "dr2"}
MASSES = {"mass", "mass_upt", "mass_over_dr"}


@dataclass
class Pairing:
    """What a menu measures between objects of two kinds: ``limits`` are (measure, lower, upper, matrix)."""

    a: Kind
    b: Kind
    limits: list[tuple[str, int, int, int]] = field(default_factory=list)
    mass_out: bool = False
    """Whether the masses of two alike objects leave the module, pair by pair, for sums of three."""

    @property
    def measures(self) -> set[str]:
        return {name for name, *_ in self.limits} | ({"mass"} if self.mass_out else set())

    @property
    def alike(self) -> bool:
        return self.a == self.b

    @property
    def muons(self) -> bool:
        return OBJECTS[self.a[0]].is_muon or OBJECTS[self.b[0]].is_muon

    @property
    def sizes(self) -> tuple[int, int]:
        return OBJECTS[self.a[0]].slots, OBJECTS[self.b[0]].slots

    def fields(self, kind: Kind) -> tuple[str, ...]:
        """Which of eta, phi, pt and upt the measures of an object of ``kind`` read."""
        measures, object_type = self.measures, OBJECTS[kind[0]]
        eta = measures & {"deta", "dr2", *MASSES} and object_type.has_eta
        phi = measures - {"deta"}
        momentum = measures & {"mass", "mass_over_dr", "mass_transverse", "pt2"}
        wanted = {"eta": eta, "phi": phi, "pt": momentum, "upt": "mass_upt" in measures}
        return tuple(name for name, needed in wanted.items() if needed)

    def column(self, kind: Kind, name: str) -> str:
        """The event column of a field."""
        object_type = OBJECTS[kind[0]]
        return f"{object_type.collection}.{object_type.transverse if name == 'pt' else name}"

    @property
    def mass_width(self) -> int:
        """Bits of a mass in the module's units."""
        return _Measures(self).mass_width


@dataclass(frozen=True)
class _Affine:
    """``slope * code + offset``, and 0 for code 0 if ``zero``: how a momentum follows from its code."""

    slope: int
    offset: int
    zero: bool
    most: int


def _affine(table: Callable[[int], int], codes: int) -> _Affine:
    """The emulator's momentum table as a formula; checked for every code."""
    slope = table(2) - table(1)
    found = _Affine(slope, table(1) - slope, table(0) == 0, table(codes - 1))
    for code in range(codes):
        value = 0 if found.zero and code == 0 else slope * code + found.offset
        if value != table(code):
            raise AssertionError(f"momentum of code {code} does not follow the others")
    return found


class _Measures:
    """Widths, tables and text of one pairing's module."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self.geometry: Geometry = muon_geometry() if pairing.muons else calo_geometry()
        self.digits = MUON_DIGITS if pairing.muons else CALO_DIGITS
        self.turn = MUON_PHI_BINS if pairing.muons else CALO_PHI_BINS
        self.eta_bits, self.phi_bits = (10, 10) if pairing.muons else (8, 8)
        self.unit = 10**self.digits

    def momentum(self, kind: Kind, name: str) -> _Affine:
        collection = COLLECTIONS[OBJECTS[kind[0]].collection]
        if name == "upt":
            return _affine(muon_upt, collection["upt"].maximum + 1)
        codes = OBJECTS[kind[0]].field.maximum + 1
        return _affine(muon_pt if OBJECTS[kind[0]].is_muon else calo_pt, codes)

    def most(self, name: str) -> int:
        """The largest value of a measure."""
        g, p = self.geometry, self.pairing
        if name == "deta":
            return max(map(int, g.deta))
        if name == "dphi":
            return max(map(int, g.dphi))
        if name == "dr2":
            return self.most("deta") ** 2 + self.most("dphi") ** 2
        field_name = "upt" if name == "mass_upt" else "pt"
        first, second = self.momentum(p.a, field_name).most, self.momentum(p.b, field_name).most
        cosh, inverse = int(g.cosh.max()), int(g.inverse.max())
        if name == "mass_transverse":
            transverse: int = first * second * 2 * self.unit
            return transverse
        if name == "pt2":
            squared: int = (first + second) ** 2 * (self.unit + 2) ** 2
            return squared
        mass: int = first * second * (cosh + self.unit)
        return mass * inverse if name == "mass_over_dr" else mass

    @property
    def mass_width(self) -> int:
        return bits_of(0, self.most("mass"))

    def module(self, name: str) -> Module:
        p = self.pairing
        about = f"Pairs of {_text(p.a)} and {_text(p.b)}: {', '.join(sorted(p.measures))}"
        module = Module(name, about, ["input wire clk"])
        for side, kind in (("a", p.a), ("b", p.b)):
            if side == "b" and p.alike:
                continue
            for field_name in p.fields(kind):
                width = _width(p, kind, field_name)
                module.ports.append(f"input wire {span(width * OBJECTS[kind[0]].slots)} {side}_{field_name}")
        na, nb = p.sizes
        for *_, matrix in p.limits:
            module.ports.append(f"output wire {span(na * nb)} m{matrix}")
        if p.mass_out:
            module.ports.append(f"output wire {span(na * (na - 1) // 2 * self.mass_width)} mass")
        self._tables(module)
        self._momenta(module)
        self._pairs(module)
        return module

    def _tables(self, module: Module) -> None:
        g, measures = self.geometry, self.pairing.measures
        wanted = []
        if measures & {"deta", "dr2"}:
            wanted.append(("t_deta", g.deta))
        if measures & {"dphi", "dr2"}:
            wanted.append(("t_dphi", g.dphi))
        if measures & MASSES:
            wanted.append(("t_cosh", g.cosh))
        if measures & {*MASSES, "mass_transverse"}:
            wanted.append(("t_cos", g.cos + self.unit))  # from 0 to twice the unit: no signs
        if "mass_over_dr" in measures:
            wanted.append(("t_inverse", g.inverse.ravel()))
        if "pt2" in measures:
            wanted += [("t_cos_phi", g.cos_phi + self.unit), ("t_sin_phi", g.sin_phi + self.unit)]
        for name, table in wanted:
            values = [int(value) for value in table]
            module.body += memory(name, values, bits_of(0, max(values)))

    def _momenta(self, module: Module) -> None:
        """A register for every object's momentum, in units of 0.1 GeV."""
        p = self.pairing
        for side, kind in (("a", p.a), ("b", p.b)):
            if side == "b" and p.alike:
                continue
            slots = OBJECTS[kind[0]].slots
            for name in ("pt", "upt"):
                if name not in p.fields(kind):
                    continue
                how = self.momentum(kind, name)
                width = _width(p, kind, name)
                wide = bits_of(0, how.most) + 1
                module.body.append(f"    reg {span(slots * (wide - 1))} {side}_{name}_gev;")
                for slot in range(slots):
                    code = f"{side}_{name}[{slot * width} +: {width}]"
                    place = f"{side}_{name}_gev[{slot * (wide - 1)} +: {wide - 1}]"
                    value = (
                        f"{literal(how.slope, wide - 1)} * {widened(code, width, wide - 1)}"
                        f" {'-' if how.offset < 0 else '+'} {literal(abs(how.offset), wide - 1)}"
                    )
                    if how.zero:
                        value = f"({code} == {literal(0, width)}) ? {literal(0, wide - 1)} : ({value})"
                    module.clocked.append(f"        {place} <= {value};")

    def _pairs(self, module: Module) -> None:
        p = self.pairing
        na, nb = p.sizes
        lines = ["    genvar i, j;", "    generate"]
        lines.append(f"    for (i = 0; i < {na}; i = i + 1) begin : first")
        lines.append(f"        for (j = {'i + 1' if p.alike else '0'}; j < {nb}; j = j + 1) begin : second")
        lines += [f"            {line}" for line in self._pair()]
        lines.append("        end")
        if p.alike:
            for *_, matrix in p.limits:
                lines.append(f"        assign m{matrix}[i * {nb} + i] = 1'b0;")
        lines += ["    end", "    endgenerate"]
        module.body += lines

    def _pair(self) -> list[str]:
        """The body of the loop over pairs (i, j)."""
        p, measures = self.pairing, self.pairing.measures
        side_b = "a" if p.alike else "b"
        lines: list[str] = []
        if measures & {"deta", "dr2", *MASSES}:
            lines += self._eta(side_b)
        if measures - {"deta"}:
            lines += self._phi(side_b)
        lines += self._values(side_b)
        nb = p.sizes[1]
        for name, lower, upper, matrix in p.limits:
            test = self._limit(name, lower, upper)
            lines.append(f"assign m{matrix}[i * {nb} + j] = {test};")
            if p.alike:
                lines.append(f"assign m{matrix}[j * {nb} + i] = m{matrix}[i * {nb} + j];")
        if p.mass_out:
            width = self.mass_width
            place = f"(i * {2 * nb - 1} - i * i) / 2 + j - i - 1"  # as itertools.combinations counts pairs
            lines.append(f"assign mass[({place}) * {width} +: {width}] = v_mass;")
        return lines

    def _index(self, side: str, kind: Kind, name: str, loop: str) -> tuple[str, int]:
        """An angle's code on the pair's bins, as text, and its width."""
        width = COLLECTIONS[OBJECTS[kind[0]].collection][name].width
        code = f"{side}_{name}[{loop} * {width} +: {width}]"
        if self.pairing.muons and not OBJECTS[kind[0]].is_muon:
            bits = CALO_TO_MUON.bit_length() - 1
            return f"{{{code}, {literal(CALO_TO_MUON // 2, bits)}}}", width + bits
        return code, width

    def _eta(self, side_b: str) -> list[str]:
        """The index |delta eta|, and for mass_over_dr of muons that of halved codes."""
        p, bits = self.pairing, self.eta_bits
        lines = []
        for name, side, kind, loop in (("ea", "a", p.a, "i"), ("eb", side_b, p.b, "j")):
            text, width = self._index(side, kind, "eta", loop)
            if width < bits:  # sign extension
                sign = f"{side}_eta[{loop} * {width} + {width - 1}]"
                text = f"{{{{{bits - width}{{{sign}}}}}, {text}}}"
            lines.append(f"wire {span(bits)} {name} = {text};")
        lines += _absolute("deta", "ea", "eb", bits)
        return lines

    def _phi(self, side_b: str) -> list[str]:
        p, bits = self.pairing, self.phi_bits
        lines = []
        for name, side, kind, loop in (("pa", "a", p.a, "i"), ("pb", side_b, p.b, "j")):
            text, width = self._index(side, kind, "phi", loop)
            lines.append(f"wire {span(bits)} {name} = {widened(text, width, bits)};")
        if p.measures & {"dphi", "dr2", *MASSES, "mass_transverse"}:
            lines += _folded("dphi", "pa", "pb", bits, self.turn)
        return lines

    def _values(self, side_b: str) -> list[str]:
        """Registers of what tables give, then the measures themselves."""
        g, measures, unit = self.geometry, self.pairing.measures, self.unit
        lines: list[str] = []

        def kept(name: str, expression: str, width: int) -> None:
            lines.extend([f"reg {span(width)} {name};", f"always @(posedge clk) {name} <= {expression};"])

        deta, dphi, cosh = (bits_of(0, int(t.max())) for t in (g.deta, g.dphi, g.cosh))
        cos = bits_of(0, 2 * unit)
        if measures & {"deta", "dr2"}:
            kept("k_deta", "t_deta[deta]", deta)
        if measures & {"dphi", "dr2"}:
            kept("k_dphi", "t_dphi[dphi]", dphi)
        if "dr2" in measures:
            width = bits_of(0, self.most("dr2"))
            d_eta, d_phi = widened("k_deta", deta, width), widened("k_dphi", dphi, width)
            lines.append(f"wire {span(width)} v_dr2 = {d_eta} * {d_eta} + {d_phi} * {d_phi};")
        if measures & MASSES:
            wide = bits_of(0, int(g.cosh.max()) + unit)
            kept(
                "k_angle",
                f"{widened('t_cosh[deta]', cosh, wide)} - {widened('t_cos[dphi]', cos, wide)}"
                f" + {literal(unit, wide)}",
                wide,
            )
            for name, momentum in (("mass", "pt"), ("mass_upt", "upt")):
                if name in measures or (name == "mass" and "mass_over_dr" in measures):
                    lines += self._product(f"v_{name}", name, momentum, side_b, ("k_angle", wide))
        if "mass_transverse" in measures:
            kept("k_flat", f"{literal(2 * unit, cos)} - t_cos[dphi]", cos)
            lines += self._product("v_mass_transverse", "mass_transverse", "pt", side_b, ("k_flat", cos))
        if "mass_over_dr" in measures:
            lines += self._over_dr(kept)
        if "pt2" in measures:
            lines += self._pt2(side_b, kept)
        return lines

    def _momentum_of(self, side: str, kind: Kind, name: str, loop: str, to: int) -> str:
        width = bits_of(0, self.momentum(kind, name).most)
        return widened(f"{side}_{name}_gev[{loop} * {width} +: {width}]", width, to)

    def _product(
        self, target: str, measure: str, momentum: str, side_b: str, factor: tuple[str, int]
    ) -> list[str]:
        p, width = self.pairing, bits_of(0, self.most(measure))
        first = self._momentum_of("a", p.a, momentum, "i", width)
        second = self._momentum_of(side_b, p.b, momentum, "j", width)
        return [f"wire {span(width)} {target} = {first} * {second} * {widened(*factor, width)};"]

    def _over_dr(self, kept: Callable[[str, str, int], None]) -> list[str]:
        """mass / dR^2; an inverse of 0 is that of coinciding objects, and infinite."""
        g, lines = self.geometry, []
        inverse = bits_of(0, int(g.inverse.max()))
        columns = g.inverse.shape[1]
        index = bits_of(0, g.inverse.size - 1)
        eta, phi, phi_bits = "deta", "dphi", bits_of(0, self.turn // 2)
        eta_bits = self.eta_bits
        if self.pairing.muons:
            eta_bits -= 1
            lines += [f"wire {span(eta_bits)} ha = ea[{self.eta_bits - 1}:1];"]
            lines += [f"wire {span(eta_bits)} hb = eb[{self.eta_bits - 1}:1];"]
            lines += _absolute("half_deta", "ha", "hb", eta_bits)
            lines += [f"wire {span(self.phi_bits - 1)} fa = pa[{self.phi_bits - 1}:1];"]
            lines += [f"wire {span(self.phi_bits - 1)} fb = pb[{self.phi_bits - 1}:1];"]
            lines += _folded("half_dphi", "fa", "fb", self.phi_bits - 1, self.turn // 2)
            eta, phi, phi_bits = "half_deta", "half_dphi", bits_of(0, self.turn // 4)
        row = f"{widened(eta, eta_bits, index)} * {literal(columns, index)}"
        lines.append(f"wire {span(index)} near = {row} + {widened(phi, phi_bits, index)};")
        lines += [f"reg {span(inverse)} k_inverse;", "always @(posedge clk) k_inverse <= t_inverse[near];"]
        width, mass = bits_of(0, self.most("mass_over_dr")), self.mass_width
        product = f"{widened('v_mass', mass, width)} * {widened('k_inverse', inverse, width)}"
        lines.append(f"wire {span(width)} v_mass_over_dr = {product};")
        return lines

    def _pt2(self, side_b: str, kept: Callable[[str, str, int], None]) -> list[str]:
        """Of the sum of two transverse vectors; cosines and sines are stored with the unit added."""
        p, unit, lines = self.pairing, self.unit, []
        bits, turn = self.phi_bits, self.turn
        width, table = bits_of(0, self.most("pt2")) + 2, bits_of(0, 2 * unit)
        for name in ("pa", "pb"):
            lines.append(
                f"wire {span(bits)} {name}_turn = ({name} >= {literal(turn, bits)})"
                f" ? {name} - {literal(turn, bits)} : {name};"
            )
            for function in ("cos", "sin"):
                lines += [
                    f"reg {span(table)} k_{function}_{name};",
                    f"always @(posedge clk) k_{function}_{name} <= t_{function}_phi[{name}_turn];",
                ]
        for name in ("cos_pa", "cos_pb", "sin_pa", "sin_pb"):
            value = f"{widened(f'k_{name}', table, width)} - {literal(unit, width)}"
            lines.append(f"wire signed {span(width)} v_{name} = {value};")
        first = self._momentum_of("a", p.a, "pt", "i", width)
        second = self._momentum_of(side_b, p.b, "pt", "j", width)
        lines.append(f"wire signed {span(width)} first_pt = {first};")
        lines.append(f"wire signed {span(width)} second_pt = {second};")
        along = "(v_cos_pa * v_cos_pb + v_sin_pa * v_sin_pb)"
        squares = "(first_pt * first_pt + second_pt * second_pt)"
        lines.append(
            f"wire signed {span(width)} v_pt2 = {squares} * {literal(unit * unit, width, True)}"
            f" + {literal(2, width, True)} * first_pt * second_pt * {along};"
        )
        return lines

    def _limit(self, name: str, lower: int, upper: int) -> str:
        value = {"deta": "k_deta", "dphi": "k_dphi"}.get(name, f"v_{name}")
        most = self.most(name)
        width, signed, least = bits_of(0, most), False, 0
        if name == "pt2":
            width, signed, least = width + 2, True, -(1 << (width + 1))
        low, high = max(lower, least), min(upper, most)
        test = within(value, low, high, least, most, width, signed)
        if lower > most or upper < least:
            test = "1'b0"
        if name == "mass_over_dr":
            inverse = bits_of(0, int(self.geometry.inverse.max()))
            return f"({test} | (k_inverse == {literal(0, inverse)}))"
        return test


def _width(pairing: Pairing, kind: Kind, name: str) -> int:
    """Bits of a field of the objects of ``kind``."""
    collection, _, column = pairing.column(kind, name).partition(".")
    return COLLECTIONS[collection][column].width


def _text(kind: Kind) -> str:
    return f"{kind[0].upper()}{f' {kind[1]:+d}' if kind[1] else ''}"


def _absolute(name: str, first: str, second: str, bits: int) -> list[str]:
    """``name`` = |first - second| of two's complement numbers of ``bits`` bits, as many bits."""
    extended = [f"{{{x}[{bits - 1}], {x}}}" for x in (first, second)]
    return [
        f"wire {span(bits + 1)} {name}_signed = {extended[0]} - {extended[1]};",
        f"wire {span(bits)} {name} = {name}_signed[{bits}]"
        f" ? (~{name}_signed{span(bits)} + {literal(1, bits)}) : {name}_signed{span(bits)};",
    ]


def _folded(name: str, first: str, second: str, bits: int, turn: int) -> list[str]:
    """``name`` = the angle between two codes, at most half a turn."""
    out = bits_of(0, turn // 2)
    return [
        f"wire {span(bits)} {name}_far = ({first} >= {second}) ? {first} - {second} : {second} - {first};",
        f"wire {span(bits)} {name}_turn = ({name}_far >= {literal(turn, bits)})"
        f" ? {name}_far - {literal(turn, bits)} : {name}_far;"
        if turn < 1 << bits
        else f"wire {span(bits)} {name}_turn = {name}_far;",
        f"wire {span(out)} {name} = ({name}_turn > {literal(turn // 2, bits)})"
        f" ? {literal(turn % (1 << out), out)} - {name}_turn{span(out)} : {name}_turn{span(out)};",
    ]


def pair_module(pairing: Pairing, name: str) -> Module:
    """The module of one pairing."""
    return _Measures(pairing).module(name)


def pairings(
    sheets: Sequence[tuple[int, Kind, Kind]], matrices: Sequence[tuple[int, int, int]], masses: set[int]
) -> dict[tuple[Kind, Kind], Pairing]:
    """The sheets and matrices of an evaluation plan, gathered by the kinds of their objects."""
    found: dict[tuple[Kind, Kind], Pairing] = {}
    for index, (_, a, b) in enumerate(sheets):
        pairing = found.setdefault((a, b), Pairing(a, b))
        pairing.mass_out |= index in masses
    for number, (sheet, lower, upper) in enumerate(matrices):
        code, a, b = sheets[sheet]
        low, high = (-(1 << 200) if lower == LOWEST else lower), (1 << 200 if upper == HIGHEST else upper)
        found[a, b].limits.append((MEASURES[code], low, high, number))
    return found
