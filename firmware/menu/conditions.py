"""Conditions as Verilog: which objects, chosen how, make a condition true.

Input is a row of the evaluation plan (``emulator.menu.engine.plan``) with the names of the bits it speaks
of; output is one expression, and the wires it needs. Distinct objects for several legs exist if and only if
for every group of legs their objects together are at least as many as the legs (Hall's theorem): a few
counts instead of thousands of assignments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

from l1forge.emulator.menu.engine.plan import HIGHEST, LOWEST
from l1forge.firmware.menu.verilog import Module, all_of, any_of, bits_of, span, widened, within

COUNT = """    function {name};
        input {range} objects;
        integer slot;
        reg [3:0] found;
        begin
            found = 4'd0;
            for (slot = 0; slot < {slots}; slot = slot + 1)
                found = found + {{3'd0, objects[slot]}};
            {name} = (found >= 4'd{least});
        end
    endfunction"""


@dataclass(frozen=True)
class Bits:
    """A vector of one bit per slot."""

    name: str
    slots: int

    def at(self, slot: str) -> str:
        """One bit; a vector of one bit is a scalar."""
        return self.name if self.slots == 1 else f"{self.name}[{slot}]"


@dataclass(frozen=True)
class Charges:
    """Positive and negative muons of each leg, and the rule: ``ls`` or ``os``."""

    rule: str
    positive: tuple[Bits, ...]
    negative: tuple[Bits, ...]


@dataclass(frozen=True)
class Overlaps:
    """Objects of reference, and for every leg the matrices (reference, object) of which any means overlap."""

    reference: Bits
    matrices: tuple[tuple[str, ...], ...]
    none_overlaps: bool


class Writer:
    """Writes conditions into a module; counts of objects are functions, declared once."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.counts: set[tuple[int, int]] = set()
        self.loops = 0

    def at_least(self, text: str, least: int, slots: int) -> str:
        """Are at least ``least`` of the ``slots`` bits set?"""
        if least > slots:
            return "1'b0"
        if least == 1:
            return f"(|{text})"
        name = f"at_least_{least}_of_{slots}"
        if (least, slots) not in self.counts:
            self.counts.add((least, slots))
            self.module.body.insert(0, COUNT.format(name=name, range=span(slots), slots=slots, least=least))
        return f"{name}({text})"

    def distinct(self, legs: Sequence[str], slots: int) -> str:
        """Is there a different object for each leg?"""
        needed: dict[tuple[str, ...], int] = {}
        for size in range(1, len(legs) + 1):
            for group in combinations(legs, size):
                union = tuple(sorted(set(group)))
                needed[union] = max(needed.get(union, 0), size)
        return all_of(
            self.at_least(f"({' | '.join(union)})" if len(union) > 1 else union[0], least, slots)
            for union, least in needed.items()
        )

    def combination(self, name: str, legs: Sequence[Bits], charges: Charges | None) -> str:
        """Distinct objects of one type, with a rule of charges if there is one."""
        slots = legs[0].slots
        if charges is None:
            return self.distinct([leg.name for leg in legs], slots)
        signed = {
            (leg, sign): self.module.wire(
                f"{name}_{'pos' if sign else 'neg'}{number}",
                f"{leg.name} & {(charges.positive if sign else charges.negative)[0].name}",
                slots,
            )
            for number, leg in enumerate(dict.fromkeys(legs))
            for sign in (True, False)
        }
        same = charges.rule == "ls"
        patterns = {
            tuple(sorted(signed[leg, sign] for leg, sign in zip(legs, signs, strict=True)))
            for signs in product((True, False), repeat=len(legs))
            if (len(set(signs)) == 1) == same
        }
        return any_of(f"({self.distinct(pattern, slots)})" for pattern in sorted(patterns))

    def clear_combination(
        self, name: str, legs: Sequence[Bits], charges: Charges | None, overlaps: Overlaps
    ) -> str:
        """A combination of objects that do not overlap with an object of reference."""
        slots, reference = legs[0].slots, overlaps.reference
        over = self._overlaps(name, overlaps, (slots,))[0]
        if overlaps.none_overlaps:
            hit = [
                f"(|({reference.name} & {over}[{i * reference.slots} +: {reference.slots}]))"
                for i in reversed(range(slots))
            ]
            free = self.module.wire(f"{name}_free", f"~{{{', '.join(hit)}}}", slots)
            kept = self._kept(name, legs, free)
            return all_of([f"(|{reference.name})", f"({self.combination(name, kept, charges)})"])
        found = []
        for k in range(reference.slots):
            part = f"{name}_ref{k}"
            bits = [f"{over}[{i * reference.slots + k}]" for i in reversed(range(slots))]
            free = self.module.wire(f"{part}_free", f"~{{{', '.join(bits)}}}", slots)
            kept = self._kept(part, legs, free)
            found.append(f"({reference.at(str(k))} & ({self.combination(part, kept, charges)}))")
        return any_of(found)

    def _kept(self, name: str, legs: Sequence[Bits], free: str) -> list[Bits]:
        """The legs' objects that are free, each distinct leg once."""
        names = {
            leg: Bits(self.module.wire(f"{name}_leg{number}", f"{leg.name} & {free}", leg.slots), leg.slots)
            for number, leg in enumerate(dict.fromkeys(legs))
        }
        return [names[leg] for leg in legs]

    def _overlaps(self, name: str, overlaps: Overlaps, sizes: Sequence[int]) -> list[str]:
        """For every leg a vector [object * references + reference]: does the pair overlap?"""
        vectors = []
        count = overlaps.reference.slots
        for leg, (matrices, size) in enumerate(zip(overlaps.matrices, sizes, strict=True)):
            bits = [
                f"({any_of(f'{m}[{k * size + i}]' for m in matrices)})"
                for i in reversed(range(size))
                for k in reversed(range(count))
            ]
            vectors.append(self.module.wire(f"{name}_over{leg}", f"{{{', '.join(bits)}}}", size * count))
        return vectors

    def pair(
        self,
        name: str,
        legs: tuple[Bits, Bits],
        alike: bool,
        matrices: Sequence[str],
        charges: Charges | None,
        overlaps: Overlaps | None,
        self_overlap: Sequence[str],
    ) -> str:
        """Two objects with all limits on the same pair."""
        a, b = legs
        place = f"[i * {b.slots} + j]"
        terms = [a.at("i"), b.at("j"), *(f"{matrix}{place}" for matrix in matrices)]
        if alike and not matrices:
            terms.append("(i != j)")
        if charges is not None:
            terms.append(f"({self._pair_charges(charges)})")
        if self_overlap:
            terms.append(f"~({any_of(f'{matrix}{place}' for matrix in self_overlap)})")
        if overlaps is not None:
            terms.append(self._pair_free(name, overlaps, (a.slots, b.slots)))
        self.module.body += [
            f"    wire {span(a.slots * b.slots)} {name}_pairs;",
            "    generate",
            f"    for (i = 0; i < {a.slots}; i = i + 1) begin : {name}_first",
            f"        for (j = 0; j < {b.slots}; j = j + 1) begin : {name}_second",
            f"            assign {name}_pairs{place} = {' & '.join(terms)};",
            "        end",
            "    end",
            "    endgenerate",
        ]
        return f"(|{name}_pairs)"

    @staticmethod
    def _pair_charges(charges: Charges) -> str:
        (pos_a, pos_b), (neg_a, neg_b) = (
            (tuple(bits.name for bits in side)) for side in (charges.positive, charges.negative)
        )
        if charges.rule == "ls":
            return f"{pos_a}[i] & {pos_b}[j] | {neg_a}[i] & {neg_b}[j]"
        return f"{pos_a}[i] & {neg_b}[j] | {neg_a}[i] & {pos_b}[j]"

    def _pair_free(self, name: str, overlaps: Overlaps, sizes: tuple[int, int]) -> str:
        reference = overlaps.reference
        first, second = self._overlaps(name, overlaps, sizes)
        rows = [
            f"{vector}[{loop} * {reference.slots} +: {reference.slots}]"
            for vector, loop in ((first, "i"), (second, "j"))
        ]
        if overlaps.none_overlaps:
            return f"(|{reference.name}) & ~(|({reference.name} & ({rows[0]} | {rows[1]})))"
        return f"(|({reference.name} & ~{rows[0]} & ~{rows[1]}))"

    def triple(
        self,
        name: str,
        legs: Sequence[Bits],
        mass: tuple[str, int],
        limits: tuple[int, int],
        charges: Charges | None,
    ) -> str:
        """Three distinct objects with a limit on the sum of their pairs' masses."""
        slots, (vector, width) = legs[0].slots, mass
        wide = width + 2
        lower = max(0, -1 if limits[0] == LOWEST else limits[0])
        most = 3 * ((1 << width) - 1)
        upper = most if limits[1] == HIGHEST else min(limits[1], most)
        order = {pair: number for number, pair in enumerate(combinations(range(slots), 2))}
        terms = []
        for number, (i, j, k) in enumerate(combinations(range(slots), 3)):
            pairs = [f"{vector}[{order[pair] * width} +: {width}]" for pair in ((i, j), (i, k), (j, k))]
            total = f"{name}_mass{number}"
            self.module.wire(total, " + ".join(widened(pair, width, wide) for pair in pairs), wide)
            chosen = any_of(
                "(" + all_of(leg.at(str(slot)) for leg, slot in zip(legs, chosen_slots, strict=True)) + ")"
                for chosen_slots in permutations((i, j, k))
            )
            inside = within(total, lower, upper, 0, (1 << wide) - 1, wide)
            if limits[0] == LOWEST and limits[1] == HIGHEST:
                inside = "1'b1"
            terms.append(f"({all_of([f'({chosen})', inside, self._triple_charges(charges, (i, j, k))])})")
        found = self.module.wire(f"{name}_triples", f"{{{', '.join(reversed(terms))}}}", len(terms))
        return f"(|{found})"

    @staticmethod
    def _triple_charges(charges: Charges | None, slots: tuple[int, int, int]) -> str:
        if charges is None:
            return "1'b1"
        pos, neg = charges.positive[0].name, charges.negative[0].name
        plus = "(" + " & ".join(f"{pos}[{slot}]" for slot in slots) + ")"
        minus = "(" + " & ".join(f"{neg}[{slot}]" for slot in slots) + ")"
        if charges.rule == "ls":
            return f"({plus} | {minus})"
        valid = " & ".join(f"({pos}[{slot}] | {neg}[{slot}])" for slot in slots)
        return f"({valid} & ~{plus} & ~{minus})"


def wide_limit(port: str, lower: int, upper: int, least: int, most: int) -> str:
    """A score or link quantity within limits."""
    low = least if lower == LOWEST else max(lower, least)
    high = most if upper == HIGHEST else min(upper, most)
    if (lower != LOWEST and lower > most) or (upper != HIGHEST and upper < least):
        return "1'b0"
    return within(port, low, high, least, most, bits_of(least, most), least < 0)
