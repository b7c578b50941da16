"""Limits of function cuts as integers in the digits of the look-up tables."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from l1forge.emulator.menu.compiled import Limit, Measure
from l1forge.emulator.menu.correlation_tables import (
    ANGLE_DIGITS,
    CALO_DIGITS,
    INVERSE_DIGITS,
    MUON_DIGITS,
    PT_DIGITS,
)
from l1forge.emulator.menu.language.cuts import Cut
from l1forge.emulator.menu.language.scales import Scales, limit
from l1forge.emulator.menu.quantities import OBJECTS

MEASURES: dict[str, Measure] = {
    "DETA": "deta",
    "DPHI": "dphi",
    "DR": "dr2",
    "MASS": "mass",
    "MASSUPT": "mass_upt",
    "MASSDR": "mass_over_dr",
    "TBPT": "pt2",
}

LOWER_ONLY = ("mass_over_dr", "pt2")
"""Measures that the hardware compares with a threshold only; an upper limit in the menu is not used."""

TABLE_ROWS = {"mass_over_dr": ("MassPt", "Math", "InverseDeltaRMath"), "pt2": ("TwoBodyPtMath",)}
"""Precision rows of the look-up tables that a measure is computed from."""

NO_LIMIT = (1 << 63) - 1
"""No measure of two objects reaches it."""


def table_digits(measure: str, types: list[str]) -> int:
    """Decimal digits of ``measure`` as computed from the tables, for objects of these types."""
    muons = any(OBJECTS[name].is_muon for name in types)
    angles = MUON_DIGITS if muons else CALO_DIGITS
    digits = {
        "deta": ANGLE_DIGITS,
        "dphi": ANGLE_DIGITS,
        "dr2": 2 * ANGLE_DIGITS,
        "pt2": 2 * PT_DIGITS + 2 * angles,
        "mass_over_dr": 2 * PT_DIGITS + angles + INVERSE_DIGITS,
    }
    return digits.get(measure, 2 * PT_DIGITS + angles)


def _physical(measure: str, value: float) -> float:
    """What the hardware compares instead of the cut's own quantity: dR^2, M^2/2, pt^2."""
    if measure in ("dr2", "pt2"):
        return value * value
    return value * value * 0.5 if measure.startswith("mass") else value


def compile_limit(
    cut: Cut,
    function: str,
    types: list[str],
    scales: Scales,
    window_problem: Callable[[str], None],
) -> Limit:
    """The cut as a pair of integers, rounded outwards to the digits of the precision row.

    ``window_problem`` is told of a lower limit above the upper one. dR < 0.4 becomes 161000 (in 1e-6).
    """
    overlap = cut.type.startswith("ORM")
    measure = MEASURES[cut.type.removeprefix("ORM")]
    if measure == "mass" and function.startswith("mass_trans"):
        measure = "mass_transverse"
    elif measure == "mass" and function == "mass_inv_3":
        measure = "mass3"
    row = "DeltaOverlapRemoval" if overlap else {"pt2": "TwoBodyPt"}.get(measure, "Mass")
    if not overlap and measure in ("deta", "dphi", "dr2"):
        row = "Delta"
    tables = TABLE_ROWS.get(measure, ("MassPt", "Math") if measure.startswith("mass") else ())
    digits = scales.precision(types[0], types[1], row, tables) if len(types) > 1 else None
    if digits is None:
        digits = ANGLE_DIGITS
    total = table_digits(measure, types)

    def hardware(value: float, upwards: bool) -> int:
        scaled: Fraction = limit(_physical(measure, value), digits, upwards) * 10**total
        return (
            -(-scaled.numerator // scaled.denominator) if upwards else scaled.numerator // scaled.denominator
        )

    lower = None if cut.minimum is None else hardware(cut.minimum, False)
    upper = None if cut.maximum is None or measure in LOWER_ONLY else hardware(cut.maximum, True)
    if None not in (lower, upper) and cut.minimum > cut.maximum:  # type: ignore[operator]
        window_problem(f"{cut.name}: minimum {cut.minimum} is above maximum {cut.maximum}")
    if upper is not None and upper >= NO_LIMIT:
        upper = None
    return Limit(measure=measure, lower=lower, upper=upper)
