"""One object of a seed, ``JET40+1[JET-ETA_2p5,..]``, as hardware integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Unpack

from l1forge.emulator.errors import Details, InputError
from l1forge.emulator.events.objects import COLLECTIONS, Field
from l1forge.emulator.menu.compiled import Judge, Requirement, Window
from l1forge.emulator.menu.language.cuts import (
    CUT_TYPES,
    OBJECT_CUTS,
    OVERLAP_CUTS,
    PAIR_CUTS,
    SCORE_CUTS,
    Cut,
    built_in,
    whole,
)
from l1forge.emulator.menu.language.grammar import FunctionNode, ObjectNode, Place
from l1forge.emulator.menu.language.scales import EDGE_TOLERANCE, Scales
from l1forge.emulator.menu.quantities import BX_RANGE, OBJECTS, QUANTITIES

LARGEST = 1e9
"""No distance, mass or momentum in a menu is larger; larger ones would not fit the integers."""
_CHARGES = {
    **dict.fromkeys(("positive", "pos", "+"), "positive"),
    **dict.fromkeys(("negative", "neg", "-"), "negative"),
}


class LegCompiler:
    """Compiles the objects of one seed; ``note`` collects what had to be accepted although it is odd."""

    def __init__(
        self,
        place: Place,
        cuts: Mapping[str, Cut],
        scales: Scales,
        strict: bool,
        note: Callable[[str], None],
        judge: Judge = "emulator",
        faults: Mapping[str, InputError] | None = None,
    ) -> None:
        self.place, self.cuts, self.scales, self.strict, self.note = place, cuts, scales, strict, note
        self.judge, self.faults = judge, faults or {}
        self.column = 1

    def error(self, problem: str, **details: Unpack[Details]) -> InputError:
        """The error at the object that is being compiled."""
        return self.place.error(problem, self.column, **details)

    def window_problem(self, text: str) -> None:
        """A window that is inside out: refused, or noted in official menus."""
        if self.strict:
            raise self.error(f"contradictory window: {text}")
        self.note(f"{self.place.seed}: {text}")

    def unreachable(self, problem: str, **details: Unpack[Details]) -> None:
        """A limit above the scale: refused; in official menus such a placeholder is never true."""
        error = self.error(problem, **details)
        if self.strict:
            raise error
        self.note(f"{self.place.seed}: {problem}: never true")

    def find(self, name: str, object_name: str) -> Cut:
        """The cut called ``name``: the menu's own, or a built-in one.

        Raises
        ------
        InputError
            If there is none, or it is of a type that nothing knows.
        """
        if name in self.faults:
            raise self.faults[name]
        cut = self.cuts.get(name) or built_in(name, object_name)
        if cut is None:
            raise self.error("unknown cut", value=name, remedy="define it under cuts, see docs/menu.md")
        if cut.type not in CUT_TYPES:
            raise self.error(f"unknown type of cut {name}", value=cut.type, remedy=", ".join(CUT_TYPES))
        return cut

    def object_cuts(self, node: ObjectNode) -> list[Cut]:
        """The cuts in the object's brackets, checked to be of this object."""
        self.column = node.column
        found = [self.find(name, node.name) for name in node.cuts]
        for cut in found:
            if cut.type not in (*OBJECT_CUTS, *SCORE_CUTS):
                raise self.error(f"{cut.type} is a cut of functions, not of objects", value=cut.name)
            if cut.object and cut.object.upper() != node.name:
                raise self.error(f"the cut is for {cut.object}, not for {node.name}", value=cut.name)
        return found

    def function_cut(self, name: str, node: FunctionNode) -> Cut:
        """A cut in the brackets of a function."""
        self.column = node.column
        cut = self.find(name, "")
        if cut.type not in (*PAIR_CUTS, *OVERLAP_CUTS):
            raise self.error(f"{cut.type} is a cut of objects, not of functions", value=cut.name)
        if cut.type != "CHGCOR" and cut.minimum is None and cut.maximum is None:
            raise self.error("the cut has neither minimum nor maximum", value=cut.name)
        for bound in (cut.minimum, cut.maximum):
            signed = cut.type.removeprefix("ORM") in ("DETA", "DPHI")
            if bound is not None and not (-LARGEST if signed else 0) <= bound <= LARGEST:
                raise self.error(f"cut {cut.name}: a limit of {cut.type} is out of range", value=bound)
        return cut

    def threshold(self, node: ObjectNode, kind: str, maximum: int) -> int:
        """The bin whose minimum is the threshold; ``maximum`` + 1 if it lies above the scale."""
        self.column = node.column
        scale = self.scales.scale(node.name, kind)
        if scale is None:
            raise self.error(f"the menu has no {kind} scale for {node.name}")
        value = float(node.threshold)
        number = scale.exact(value)
        highest = scale.minima[-1]
        if number is None and value > (highest if self.strict else scale.maxima[-1] - EDGE_TOLERANCE):
            problem = f"{node.name} cannot hold the threshold"
            self.unreachable(
                problem if self.strict else f"{problem} {value:g}, its scale ends at {scale.maxima[-1]:g}",
                value=value,
                remedy=f"at most {highest:g}",
            )
            return maximum + 1
        if number is None:
            step = highest - scale.minima[max(len(scale.minima) - 2, 0)]
            raise self.error(
                "threshold between two steps of the scale", value=value, remedy=f"use a multiple of {step:g}"
            )
        return number

    def phi_windows(self, node: ObjectNode) -> tuple[Window, ...]:
        """Phi windows of a sum; other cuts are refused."""
        found = self.object_cuts(node)
        for cut in found:
            if cut.type != "PHI" or not QUANTITIES[node.name.lower()].has_phi:
                raise self.error(f"{node.name} takes no {cut.type} cut", value=cut.name)
        collection = QUANTITIES[node.name.lower()].source.split(".")[0]
        windows = (self._window(cut, node.name, COLLECTIONS[collection]["phi"]) for cut in found)
        return tuple(window for window in windows if window)

    def requirement(self, node: ObjectNode) -> Requirement:
        """All that an object must satisfy."""
        cuts = self.object_cuts(node)
        if node.bx not in BX_RANGE:
            raise self.error("crossing out of reach", value=node.bx, remedy="use -2 .. +2")
        kind = OBJECTS[node.name.lower()]
        collection = COLLECTIONS[kind.collection]
        fields = {field.name: field for field in collection.fields}
        values: dict[str, Any] = {
            "type": node.name.lower(),
            "bx": node.bx,
            "threshold": self.threshold(node, "ET", kind.field.maximum),
            "equal": node.equal,
        }
        names = {"ETA": "eta", "PHI": "phi", "UPT": "upt", "INDEX": "index", "QLTY": "qual", "ISO": "iso"}
        names |= {"IP": "ip", "CHG": "charge", "DISP": "displaced"}
        never: set[str] = set()
        for cut in cuts:
            if cut.type == "SLICE":
                values["slots"] = self._slots(cut, kind.slots)
                continue
            name = names.get(cut.type)
            if name is None or name not in fields:
                raise self.error(f"{node.name} takes no {cut.type} cut", value=cut.name)
            if cut.type in ("ETA", "PHI", "UPT", "INDEX"):
                window = self._window(cut, node.name, fields[name])
                if window:
                    values[name] = (*values.get(name, ()), window)
                else:
                    never.add(name)
            elif cut.type in ("QLTY", "ISO", "IP"):
                lut = self._lut(cut, fields[name])
                values[name] = lut & values.get(name, lut)
            elif cut.type == "CHG":
                values[name] = self._word(cut, _CHARGES)
            else:
                values[name] = self._word(cut, {"0": 0, "1": 1})
        if never - values.keys():  # of a kind of window none lies on the scale
            values["threshold"] = kind.field.maximum + 1
        return Requirement(**values)

    def _word(self, cut: Cut, words: Mapping[str, Any]) -> Any:
        word = cut.data.strip().lower()
        if word not in words:
            raise self.error(
                f"cut {cut.name}: unknown value", value=cut.data, remedy=f"one of {', '.join(words)}"
            )
        return words[word]

    def _lut(self, cut: Cut, field: Field) -> int:
        try:
            codes = cut.codes
        except ValueError as error:
            raise self.error(f"cut {cut.name}: not a list of codes", value=cut.data) from error
        if not codes:
            raise self.error(f"cut {cut.name} accepts no code at all")
        for code in codes:
            if not 0 <= code <= field.maximum:
                raise self.error(f"cut {cut.name}: {field.name} has {field.width} bits", value=code)
        return sum(1 << code for code in set(codes))

    def _slots(self, cut: Cut, slots: int) -> Window:
        try:
            first, last = cut.codes
        except ValueError as error:
            raise self.error(f"cut {cut.name}: a slice is first,last", value=cut.data) from error
        if not 0 <= first <= last < slots:
            raise self.error(f"cut {cut.name}: slots are 0 .. {slots - 1}", value=cut.data)
        return first, last

    def _window(self, cut: Cut, object_name: str, field: Field) -> Window | None:
        """First and last bin; None, with a note, if the window lies beyond the scale of an official menu."""
        low = -math.inf if cut.minimum is None else cut.minimum
        high = math.inf if cut.maximum is None else cut.maximum
        if cut.type == "INDEX":
            first, last = whole(low), whole(high)
            if first is None or last is None or not 0 <= first <= field.maximum or last > field.maximum:
                raise self.error(f"cut {cut.name}: index is 0 .. {field.maximum}", value=f"{low:g}, {high:g}")
            window = first, last
        else:
            scale = self.scales.scale(object_name, cut.type)
            if scale is None:
                raise self.error(f"the menu has no {cut.type} scale for {object_name}", value=cut.name)
            lower, upper = scale.lower(low), scale.upper(high)
            if lower is None:
                if low > scale.maxima[-1]:
                    self.unreachable(f"cut {cut.name} lies above the scale of {object_name}", value=low)
                    return None
                lower = scale.numbers[0]
            if upper is None:
                if high < scale.minima[0]:
                    self.unreachable(f"cut {cut.name} lies below the scale of {object_name}", value=high)
                    return None
                upper = scale.numbers[-1]
            window = _signed(lower, field), _signed(upper, field)
        if window[0] > window[1] and cut.type == "ETA" and self.judge == "emulator":
            text = f"cut {cut.name} runs from {low:g} to {high:g}"
            self.note(f"{self.place.seed}: {text}: to the emulator its complement, in firmware never true")
        elif window[0] > window[1] and cut.type != "PHI":
            self.window_problem(f"cut {cut.name} runs from {low:g} to {high:g}")
        return window


def _signed(number: int, field: Field) -> int:
    """Bin numbers of the official scales are two's complement in the field's width."""
    return number - (1 << field.width) if field.signed and number > field.maximum else number
