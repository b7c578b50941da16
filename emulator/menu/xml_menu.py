"""The official menu XML (tmXsd, as written by the trigger-menu editor): seeds, cuts, scales, externals.

The file is self-sufficient: every algorithm repeats the cuts, objects and externals it uses, and the
scale set holds every bin. Files of 2015 to 2026 differ only in which types appear.
"""

from __future__ import annotations

from pathlib import Path

from emulator.menu.build import MenuSource, Seed, build_menu
from emulator.menu.compiled import CompiledMenu, Judge
from emulator.menu.cuts import CUT_TYPES, Cut
from emulator.menu.grammar import Place
from emulator.menu.quantities import OBJECTS, QUANTITIES
from emulator.menu.scales import Scale, Scales, make_scale
from emulator.menu.tables import CALO_DIGITS, INVERSE_DIGITS, MUON_DIGITS, PT_DIGITS
from emulator.menu.xml_tree import Element, read_xml

CHANNELS_PER_CABLE = 64
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
    source = MenuSource(
        name=root.text_of("name"),
        seeds=tuple(_seed(element) for element in root.all("algorithm")),
        scales=_scales(root.find("scale_set")),
        externals=_externals(root.find("ext_signal_set")),
        judge=judge,
        strict=False,
    )
    return build_menu(source)


def _seed(element: Element) -> Seed:
    expression = element.find("expression")
    column = expression.column + len("<expression>")
    name = element.text_of("name")
    place = Place(expression.file, expression.line, column, name)
    cuts = {cut.name: cut for cut in map(_cut, element.all("cut"))}
    text = " ".join(expression.text.split())
    for item in element.all("object_requirement"):
        _check_object(item)
    return Seed(element.integer("index"), name, text, place, cuts)


def _check_object(element: Element) -> None:
    """An object requirement repeats what the expression says: a wrong one means a damaged file."""
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
        raise element.find("threshold").error(f"the name {name} says another threshold")


def _threshold_in(name: str, kind: str) -> float | None:
    body = name.removeprefix(kind).removeprefix(".eq.").removeprefix(".ge.")
    for sign in "+-":
        body = body.partition(sign)[0]
    text = body.replace("p", ".")
    return float(text) if text.replace(".", "", 1).isdigit() else None


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


def _scales(scale_set: Element) -> Scales:
    bins: dict[tuple[str, str], Scale] = {}
    digits: dict[str, int] = {}
    for element in scale_set.all("scale"):
        name, kind = element.text_of("object"), element.text_of("type")
        if name == "PRECISION":
            digits[kind] = element.integer("n_bits")
            _check_precision(element, kind, digits[kind])
        elif kind in BIN_KINDS and element.all("bin"):
            rows = [
                (b.integer("number"), b.number("minimum"), b.number("maximum")) for b in element.all("bin")
            ]
            bins[name, kind] = make_scale(rows)
    return Scales(bins, digits)


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


def _externals(signal_set: Element) -> dict[str, int]:
    """External signal -> bit of the 256: cable * 64 + channel."""
    signals: dict[str, int] = {}
    for element in signal_set.all("ext_signal"):
        cable, channel = element.integer("cable"), element.integer("channel")
        if not (0 <= cable < 4 and 0 <= channel < CHANNELS_PER_CABLE):
            raise element.error("no such external input", value=f"cable {cable}, channel {channel}")
        signals[element.text_of("name")] = cable * CHANNELS_PER_CABLE + channel
    return signals
