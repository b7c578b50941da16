"""The official menu XML (tmXsd, as written by the trigger-menu editor): seeds, cuts, scales, externals.

The file is self-sufficient: every algorithm repeats the cuts, objects and externals it uses, and the
scale set holds every bin. Files of 2015 to 2026 differ only in which types appear.
"""

from __future__ import annotations

import re
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import (
    EXTERNALS,
    Combination,
    CompiledMenu,
    Correlation,
    Judge,
    OverlapRule,
)
from l1forge.emulator.menu.correlation_tables import CALO_DIGITS, INVERSE_DIGITS, MUON_DIGITS, PT_DIGITS
from l1forge.emulator.menu.language.build import MenuSource, Seed, build_menu
from l1forge.emulator.menu.language.cuts import CUT_TYPES, Cut
from l1forge.emulator.menu.language.grammar import Place
from l1forge.emulator.menu.language.scales import Scale, Scales, make_scale
from l1forge.emulator.menu.language.xml_tree import Element, read_xml
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES

CHANNELS_PER_CABLE = 64
CABLES = EXTERNALS // CHANNELS_PER_CABLE
FIRST_YEAR_OF_ANY_FREE = 2022
MOST_DIGITS = 9
BIN_KINDS = ("ET", "COUNT", "ETA", "PHI", "UPT")


def read_xml_menu(path: str | Path, judge: Judge = "emulator") -> CompiledMenu:
    """Read and compile an official menu.

    Raises
    ------
    InputError
        With file, line and column, if the XML is malformed or asks for something unknown.
    """
    root = read_xml(path)
    if root.tag != "menu":
        raise root.error("not a trigger menu", remedy="the root element of a menu XML is tmxsd:menu")
    if not root.all("algorithm"):
        raise root.error("the menu has no algorithms")
    odd = _Odd(str(path))
    source = MenuSource(
        name=root.text_of("name"),
        seeds=tuple(_seed(element, odd) for element in root.all("algorithm")),
        scales=_scales(root.find("scale_set"), odd),
        externals=_externals(root, odd),
        judge=judge,
        strict=False,
        overlap=overlap_rule(root.text_of("name")),
        external_faults=odd.externals,
    )
    menu = build_menu(source)
    notes = (*odd.notes(), *menu.notes, *_overlap_note(menu))
    return menu.model_copy(update={"notes": tuple(dict.fromkeys(notes))})


class _Odd:
    """What is wrong with parts of the file that a seed may or may not use.

    A seed that uses one raises its error; once the menu is compiled, all that are left are unused, and
    become notes: nothing unused may refuse an official menu.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.texts: list[str] = []
        self.faults: list[InputError] = []
        self.externals: dict[str, InputError] = {}
        self.scales: dict[str, InputError] = {}

    def say(self, error: InputError) -> None:
        """Something that the seeds contradict: the expression counts."""
        self.texts.append(f"{self._text(error)}: not used, the expression counts")

    def fault(self, error: InputError) -> InputError:
        """Something that must not be used."""
        self.faults.append(error)
        return error

    def same(self, element: Element, earlier: str, what: str) -> None:
        """Something that is there twice and says the same both times."""
        self.texts.append(self._text(element.error(f"{what} is there twice, the same as in line {earlier}")))

    def _text(self, error: InputError) -> str:
        return str(error).removeprefix(f"{self.file}:")

    def notes(self) -> list[str]:
        return [*self.texts, *(f"{self._text(error)}: unused" for error in self.faults)]


def overlap_rule(name: str) -> OverlapRule:
    """The rule of overlap removal by the year in the menu's name: the global trigger changed for 2022.

    L1Menu_Collisions2018_v2_1_0 -> none_overlaps; a name without year is taken as of today.
    """
    year = re.search(r"(?<![0-9])20[0-9]{2}(?![0-9])", name)
    return "none_overlaps" if year and int(year[0]) < FIRST_YEAR_OF_ANY_FREE else "any_free"


def _overlap_note(menu: CompiledMenu) -> list[str]:
    removed = [
        c
        for c in menu.conditions.values()
        if isinstance(c, Combination | Correlation) and c.overlap and c.overlap.object
    ]
    has_year = re.search(r"(?<![0-9])20[0-9]{2}(?![0-9])", menu.name)
    if not removed or (has_year and menu.overlap == "any_free"):
        return []
    reason = "the year in the menu's name" if has_year else "default, the menu's name has no year"
    return [f"overlap removal by the rule {menu.overlap} ({reason}); --overlap chooses another"]


def _seed(element: Element, odd: _Odd) -> Seed:
    expression = element.find("expression")
    column = expression.column + len("<expression>")
    name = element.text_of("name")
    place = Place(expression.file, expression.line, column, name)
    cuts: dict[str, Cut] = {}
    lines: dict[str, str] = {}
    faults: dict[str, InputError] = {}
    for item in element.all("cut"):
        try:
            cut = _cut(item)
        except InputError as error:
            faults[_name_of(item)] = odd.fault(error)
            continue
        if cut.name in cuts and cuts[cut.name] != cut:
            problem = f"another cut {cut.name} of this algorithm stands in line {lines[cut.name]}"
            faults[cut.name] = odd.fault(item.error(problem))
        cuts[cut.name], lines[cut.name] = cut, item.where
    text = " ".join(expression.text.split())
    for item in element.all("object_requirement"):
        try:
            _check_object(item)
        except InputError as error:
            odd.say(error)
    return Seed(element.integer("index"), name, text, place, cuts, faults)


def _name_of(element: Element) -> str:
    names = element.all("name")
    return names[0].text if names else ""


def _check_object(element: Element) -> None:
    """InputError if an object requirement does not say what its name, as in the expression, says."""
    kind = element.find("type")
    known = kind.text.lower() in (*OBJECTS, *QUANTITIES) or element.text_of("name").startswith(kind.text)
    if not known:
        raise kind.error("unknown object type", value=kind.text)
    operator = element.find("comparison_operator")
    if operator.text not in (".ge.", ".eq."):
        raise operator.error("unknown comparison", value=operator.text, remedy=".ge. or .eq.")
    name = element.text_of("name")
    written = _threshold_in(name, kind.text)
    if written is not None and written != element.number("threshold"):
        threshold = element.find("threshold")
        raise threshold.error(f"the name {name} states another threshold", value=threshold.text)


def _threshold_in(name: str, kind: str) -> float | None:
    body = name.removeprefix(kind).removeprefix(".eq.").removeprefix(".ge.")
    for sign in "+-":
        body = body.partition(sign)[0]
    text = body.replace("p", ".")
    return float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", text) else None


def _cut(element: Element) -> Cut:
    kind = element.find("type")
    if kind.text not in CUT_TYPES:
        raise kind.error("unknown type of cut", value=kind.text, remedy=f"known: {', '.join(CUT_TYPES)}")
    owner = element.text_of("object", "")
    return Cut(
        element.text_of("name"),
        kind.text,
        owner if owner.lower() in (*OBJECTS, *QUANTITIES) else "",
        element.number("minimum"),
        element.number("maximum"),
        element.text_of("data", ""),
    )


def _scales(scale_set: Element, odd: _Odd) -> Scales:
    bins: dict[tuple[str, str], Scale] = {}
    digits: dict[str, int] = {}
    faults: dict[str, InputError] = {}
    lines: dict[str, str] = {}
    for element in scale_set.all("scale"):
        key = " ".join(child.text for tag in ("object", "type") for child in element.all(tag))
        key = key.removeprefix("PRECISION ")
        try:
            name, kind = element.text_of("object"), element.text_of("type")
            if name == "PRECISION":
                found: int | Scale = element.integer("n_bits")
                _check_precision(element, kind, element.integer("n_bits"))
                earlier: int | Scale | None = digits.setdefault(kind, element.integer("n_bits"))
            elif kind in BIN_KINDS and element.all("bin"):
                found = make_scale(
                    [
                        (b.integer("number"), b.number("minimum"), b.number("maximum"))
                        for b in element.all("bin")
                    ]
                )
                earlier = bins.setdefault((name, kind), found)
            else:
                continue
        except InputError as error:
            faults[key] = odd.fault(error)
            continue
        if key in lines and earlier == found:
            odd.same(element, lines[key], f"scale {key}")
        elif key in lines:
            faults[key] = odd.fault(element.error(f"another scale {key} stands in line {lines[key]}"))
        lines.setdefault(key, element.where)
    return Scales(bins, digits, faults)


def _check_precision(element: Element, row: str, digits: int) -> None:
    """The integer tables have fixed digits (docs/menu.md); a scale set with others is refused."""
    if not 0 <= digits <= MOST_DIGITS:
        raise element.error(f"precision row {row}: 0 to {MOST_DIGITS} digits expected", value=digits)
    *pair, kind = row.split("-")
    wanted = {
        "MassPt": PT_DIGITS,
        "Math": MUON_DIGITS if "MU" in pair else CALO_DIGITS,
        "TwoBodyPtMath": MUON_DIGITS if "MU" in pair else CALO_DIGITS,
        "InverseDeltaRMath": INVERSE_DIGITS,
    }.get(kind)
    if wanted is not None and digits != wanted:
        raise element.error(f"precision row {row}: tables have {wanted} digits", value=digits)


def _externals(root: Element, odd: _Odd) -> dict[str, int]:
    """External signal -> bit of the 256: cable * 64 + channel."""
    signals: dict[str, int] = {}
    lines: dict[str, str] = {}
    for element in (signal for part in root.all("ext_signal_set") for signal in part.all("ext_signal")):
        name = _name_of(element)
        try:
            cable, channel = element.integer("cable"), element.integer("channel")
            if not (0 <= cable < CABLES and 0 <= channel < CHANNELS_PER_CABLE):
                what = f"no such external input, {name or 'without name'}"
                remedy = f"cables 0 .. {CABLES - 1}, channels 0 .. {CHANNELS_PER_CABLE - 1}"
                raise element.error(what, value=f"cable {cable}, channel {channel}", remedy=remedy)
            bit = cable * CHANNELS_PER_CABLE + channel
            if signals.setdefault(name, bit) != bit:
                raise element.error(f"another external signal {name} stands in line {lines[name]}")
        except InputError as error:
            odd.externals[name] = odd.fault(error)
            continue
        if name in lines:
            odd.same(element, lines[name], f"external signal {name}")
        lines.setdefault(name, element.where)
    return signals
