"""From GeV, eta and radians to hardware numbers: scale bins, and the digits of correlation limits.

The official menu XML brings its own scales; menus written in YAML use ``standard_scales()``, the same
bins from the object schema. A threshold is the number of the bin whose minimum equals it, a window
``min..max`` runs from the bin whose minimum equals ``min`` to the bin whose maximum equals ``max``; values
between edges belong to the bin that contains them.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLLECTIONS, Field
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES

EDGE_TOLERANCE = 1e-9
"""Decimal text of an edge (17 digits) and ``index * step`` differ by less than this."""


@dataclass(frozen=True)
class Scale:
    """Bins in increasing order: ``numbers[i]`` covers ``minima[i] .. maxima[i]``."""

    numbers: tuple[int, ...]
    minima: tuple[float, ...]
    maxima: tuple[float, ...]

    def lower(self, value: float) -> int | None:
        """Number of the bin that starts at ``value``, or contains it; None below or above the scale."""
        at = bisect_right(self.minima, value + EDGE_TOLERANCE) - 1
        if at < 0 or value > self.maxima[at] + EDGE_TOLERANCE:
            return None
        return self.numbers[at]

    def upper(self, value: float) -> int | None:
        """Number of the bin that ends at ``value``, or contains it; None below or above the scale."""
        at = bisect_left(self.maxima, value - EDGE_TOLERANCE)
        if at == len(self.maxima) or value < self.minima[at] - EDGE_TOLERANCE:
            return None
        return self.numbers[at]

    def exact(self, value: float) -> int | None:
        """Number of the bin that starts at ``value``; None if no bin does."""
        at = bisect_left(self.minima, value - EDGE_TOLERANCE)
        if at == len(self.minima) or abs(self.minima[at] - value) > EDGE_TOLERANCE:
            return None
        return self.numbers[at]


def make_scale(bins: list[tuple[int, float, float]]) -> Scale:
    """A scale from (number, minimum, maximum) in any order."""
    ordered = sorted(bins, key=lambda item: (item[1], item[2]))
    numbers, minima, maxima = zip(*ordered, strict=True)
    return Scale(tuple(numbers), tuple(minima), tuple(maxima))


PAIR_ORDER = ("EG", "JET", "TAU", "MU", "ETM", "HTM", "ETMHF", "HTMHF", "NETETMHF")
"""Order of the two types in the name of a precision row: EG-MU, JET-TAU, MU-ETM."""

STANDARD_DIGITS = {"Delta": 3, "DeltaOverlapRemoval": 3, "Mass": 1, "TwoBodyPt": 1}
"""Decimal digits to which the limits of correlation cuts are rounded outwards."""


@dataclass(frozen=True)
class Scales:
    """All scales of a menu. ``bins`` by (type, kind) such as ("MU", "ET"); ``digits`` by precision row.

    ``faults``, by "MU ET" or precision row, are raised when a seed uses what is wrong.
    """

    bins: Mapping[tuple[str, str], Scale]
    digits: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, InputError] = field(default_factory=dict)

    def scale(self, name: str, kind: str) -> Scale | None:
        """The bins of ``kind`` (ET, ETA, ..) of an object type in upper case; None if there are none."""
        if f"{name} {kind}" in self.faults:
            raise self.faults[f"{name} {kind}"]
        return self.bins.get((name, kind))

    def precision(self, first: str, second: str, kind: str, tables: Sequence[str] = ()) -> int | None:
        """Digits of the row for two object types, e.g. ("MU", "EG", "Delta") -> row EG-MU-Delta.

        A scale set that lacks the row of an unusual pair gets the standard digits, as every published
        scale set has them. ``tables``: kinds of rows of look-up tables that must be as expected, too.
        """
        pair = sorted((first.upper(), second.upper()), key=PAIR_ORDER.index)
        for row in (f"{pair[0]}-{pair[1]}-{name}" for name in (kind, *tables)):
            if row in self.faults:
                raise self.faults[row]
        return self.digits.get(f"{pair[0]}-{pair[1]}-{kind}", STANDARD_DIGITS.get(kind))


def limit(value: float, digits: int, upwards: bool) -> Fraction:
    """``value`` rounded down (lower limits) or up (upper limits) to ``digits`` decimals, exactly.

    The official compiler does this in double precision, floor(v * 10**p); so does this function.
    """
    scaled = value * 10.0**digits
    return Fraction(math.ceil(scaled) if upwards else math.floor(scaled), 10**digits)


def _linear(hardware: Field, step: float, offset: float = 0.0, highest: int | None = None) -> Scale:
    """Bins [code * step + offset, (code + 1) * step + offset)."""
    codes = range(hardware.minimum, (hardware.maximum if highest is None else highest) + 1)
    return make_scale([(code, code * step + offset, (code + 1) * step + offset) for code in codes])


def _turn(hardware: Field) -> Scale:
    bins = round(2 * math.pi / hardware.lsb)
    return make_scale([(code, code * hardware.lsb, (code + 1) * hardware.lsb) for code in range(bins)])


def standard_scales() -> Scales:
    """The scales of the object schema (0.5 GeV, eta 0.0435 or 0.010875, phi 2 pi / 144 or / 576).

    Muon pt code p > 0 means [0.5 (p - 1), 0.5 p), so that MU0 compiles to p >= 1; muon eta bins are
    centred on their index, calorimeter bins start at it.
    """
    bins: dict[tuple[str, str], Scale] = {}
    for name, kind in OBJECTS.items():
        collection = COLLECTIONS[kind.collection]
        energy, upper = collection[kind.transverse], name.upper()
        bins[upper, "ET"] = _linear(energy, energy.lsb, -energy.lsb if kind.is_muon else 0.0)
        bins[upper, "PHI"] = _turn(collection["phi"])
        if kind.has_eta:
            eta = collection["eta"]
            bins[upper, "ETA"] = _linear(eta, eta.lsb, -eta.lsb / 2 if kind.is_muon else 0.0)
    upt = COLLECTIONS["mu"]["upt"]
    bins["MU", "UPT"] = _linear(upt, upt.lsb, -upt.lsb)
    for name, quantity in QUANTITIES.items():
        if quantity.is_count:
            bins[name.upper(), "COUNT"] = make_scale([(n, n, n + 1) for n in range(quantity.maximum + 1)])
        elif "." in quantity.source:
            collection_name, field_name = quantity.source.split(".")
            energy = COLLECTIONS[collection_name][field_name]
            bins[name.upper(), "ET"] = _linear(energy, energy.lsb)
    return Scales(bins)
