"""Named cuts: what a cut asks for, and the built-in names that need no definition in a menu."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

OBJECT_CUTS = ("ETA", "PHI", "UPT", "INDEX", "SLICE", "QLTY", "ISO", "IP", "CHG", "DISP")
SCORE_CUTS = ("SCORE", "ASCORE", "CSCORE", "MODEL")
PAIR_CUTS = ("DETA", "DPHI", "DR", "MASS", "MASSUPT", "MASSDR", "TBPT", "CHGCOR")
OVERLAP_CUTS = ("ORMDETA", "ORMDPHI", "ORMDR")
CUT_TYPES = (*OBJECT_CUTS, *SCORE_CUTS, *PAIR_CUTS, *OVERLAP_CUTS)

FUNCTION_CUTS = {
    "comb": ("CHGCOR", "TBPT"),
    "comb_orm": ("CHGCOR", *OVERLAP_CUTS),
    "dist": ("CHGCOR", "DETA", "DPHI", "DR", "TBPT"),
    "dist_orm": ("CHGCOR", "DETA", "DPHI", "DR", "TBPT", *OVERLAP_CUTS),
    "mass_inv": ("CHGCOR", "MASS", "DETA", "DPHI", "DR", "TBPT"),
    "mass_inv_orm": ("CHGCOR", "MASS", "DETA", "DPHI", "DR", "TBPT", *OVERLAP_CUTS),
    "mass_inv_upt": ("CHGCOR", "MASSUPT", "DETA", "DPHI", "DR", "TBPT"),
    "mass_inv_dr": ("CHGCOR", "MASSDR", "DETA", "DPHI", "DR", "TBPT"),
    "mass_inv_3": ("CHGCOR", "MASS"),
    "mass_trans": ("CHGCOR", "MASS", "DETA", "DPHI", "DR", "TBPT"),
    "mass_trans_orm": ("CHGCOR", "MASS", "DETA", "DPHI", "DR", "TBPT", *OVERLAP_CUTS),
}
"""Which cuts a function can carry."""

SYNONYMS = {"mass": "mass_inv", "mass_trv": "mass_trans", "mass_trv_orm": "mass_trans_orm"}
"""Older and editor names of functions."""


@dataclass(frozen=True)
class Cut:
    """A cut in physical units. ``data`` holds codes, or a word such as ``os``; ``object`` may be empty."""

    name: str
    type: str
    object: str = ""
    minimum: float | None = None
    maximum: float | None = None
    data: str = ""

    @property
    def codes(self) -> tuple[int, ...]:
        """The accepted codes of a look-up-table cut."""
        return tuple(int(code) for code in self.data.replace(" ", "").split(",") if code)


LARGEST_TENTHS = 1e6
"""Far beyond any delta R; below it tenths are exact integers."""

_NUMBER = r"(m?\d+(?:p\d+)?)"
_QUALITY = {"OPEN": range(4, 16), "DBLE": range(8, 16), "SNGL": range(12, 16)}
_TRACK_FINDERS = {
    "EMTF_POS": (0, 17),
    "OMTF_POS": (18, 35),
    "BMTF": (36, 71),
    "OMTF_NEG": (72, 89),
    "EMTF_NEG": (90, 107),
}


def _number(text: str) -> float:
    return float(text.replace("m", "-").replace("p", "."))


def _codes(values: object) -> str:
    return ",".join(str(value) for value in values)  # type: ignore[attr-defined]


def built_in(name: str, object_name: str) -> Cut | None:
    """The cut that a well-known name stands for on ``object_name`` (in upper case), or None.

    ========================  ====================================================================
    MU-QLTY_SNGL, _DBLE, _OPEN  quality at least 12, 8, 4
    MU-INDEX_BMTF, _OMTF_POS ..  muon index range of a track finder
    EG-ISO_0xA                isolation codes whose bit is set in the mask
    MU-IP_123                 impact-parameter codes 1, 2, 3
    ER2p1, JET-ETA_2p5        abs(eta) < 2.1
    MU-UPT_10                 unconstrained pt of at least 10 GeV
    JET-DISP_LLP              displaced jet
    MU-CHG_POS, MU-CHG_NEG    charge
    CHGCOR_OS, CHGCOR_LS      opposite, like sign
    DETA_MAX_1p6, DPHI_MIN_1, DR_0p2to1p2, MASS_MIN_7, MASSUPT_.., MASSDR_MIN_.., TBPT_20, ORMDR_0p2
    ========================  ====================================================================
    """
    base = name.removeprefix(f"{object_name}-")
    if match := re.fullmatch(r"QLTY_(OPEN|DBLE|SNGL)", base):
        return Cut(name, "QLTY", "MU", data=_codes(_QUALITY[match[1]]))
    if match := re.fullmatch(rf"INDEX_({'|'.join(_TRACK_FINDERS)})", base):
        low, high = _TRACK_FINDERS[match[1]]
        return Cut(name, "INDEX", "MU", low, high)
    if match := re.fullmatch(r"ISO_0x([0-9A-Fa-f])", base):
        return Cut(name, "ISO", object_name, data=_codes(v for v in range(4) if int(match[1], 16) >> v & 1))
    if match := re.fullmatch(r"IP_([0-3]+)", base):
        return Cut(name, "IP", "MU", data=_codes(match[1]))
    if match := re.fullmatch(rf"(?:ER|er|ETA_){_NUMBER}", base):
        return Cut(name, "ETA", object_name, -_number(match[1]), _number(match[1]))
    if match := re.fullmatch(rf"UPT_{_NUMBER}", base):
        return Cut(name, "UPT", "MU", _number(match[1]))
    if base == "DISP_LLP":
        return Cut(name, "DISP", "JET", data="1")
    if match := re.fullmatch(r"CHG_(POS|NEG)", base):
        return Cut(name, "CHG", "MU", data="positive" if match[1] == "POS" else "negative")
    return _built_in_function_cut(name)


def _built_in_function_cut(name: str) -> Cut | None:
    if match := re.fullmatch(r"CHGCOR_(OS|LS)", name):
        return Cut(name, "CHGCOR", data=match[1].lower())
    kinds = "|".join(cut for cut in (*PAIR_CUTS, *OVERLAP_CUTS) if cut != "CHGCOR")
    if match := re.fullmatch(rf"({kinds})_(?:\1_)?{_NUMBER}to{_NUMBER}", name):
        low, high = (editor_limit(match[1], _number(match[i])) for i in (2, 3))
        return Cut(name, match[1], "", low, high)
    if match := re.fullmatch(rf"({kinds})_(MIN|MAX|Min|Max)_?{_NUMBER}", name):
        value = editor_limit(match[1], _number(match[3]))
        if match[2].upper() == "MIN":
            return Cut(name, match[1], "", value, None)
        return Cut(name, match[1], "", 0.0, value)
    if match := re.fullmatch(rf"(ORMDETA|ORMDPHI|ORMDR)_{_NUMBER}", name):
        return Cut(name, match[1], "", 0.0, editor_limit(match[1], _number(match[2])))
    if match := re.fullmatch(rf"(TBPT|MASSDR)_{_NUMBER}", name):
        return Cut(name, match[1], "", _number(match[2]), None)
    return None


def editor_limit(kind: str, value: float) -> float:
    """A limit as the official menu editor stores it: tenths of delta R as n * 0.1 in double precision.

    12 * 0.1 is 1.2000000000000002, whose square is above 1.44: rounded upwards to three digits it becomes
    1.441, which is what the firmware compares with (docs/menu.md, "Limits of delta R"). Others are as typed.
    """
    if kind.removeprefix("ORM") != "DR" or not abs(value) < LARGEST_TENTHS:
        return value
    tenths = round(value * 10)
    return tenths * 0.1 if value == tenths / 10 else value


def whole(value: float) -> int | None:
    """``value`` as an integer, None if it is not one."""
    return int(value) if math.isfinite(value) and value == int(value) else None
