"""Every rule of the global trigger as a seed, a few crossings, and the decisions written out.

The numbers are hardware integers; where a seed has a threshold or window, the crossings sit on both sides
of its edge. ``docs/menu.md`` gives each rule in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SNGL = 12


@dataclass(frozen=True)
class Case:
    """``expected[i]`` is the decision on crossing i; ``cuts`` in the form of the YAML section."""

    name: str
    seed: str
    crossings: Sequence[Mapping[str, Any]]
    expected: str
    cuts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    judge: str = "emulator"
    overlap: str = "any_free"
    neighbours: str = "none"
    scores: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def _mu(
    pt: int, eta: int = 0, phi: int = 0, qual: int = SNGL, charge: int = 2, *rest: int
) -> tuple[int, ...]:
    return (pt, eta, phi, qual, charge, *rest)


POSITIVE, NEGATIVE = 2, 3

OBJECTS = [
    Case("muon threshold is a bin edge", "MU22", [{"mu": [_mu(44)]}, {"mu": [_mu(45)]}], "01"),
    Case("calorimeter threshold", "EG10", [{"eg": [(19,)]}, {"eg": [(20,)]}], "01"),
    Case("MU0 needs a muon", "MU0", [{}, {"mu": [_mu(1)]}], "01"),
    Case("equal threshold", "JET.eq.20", [{"jet": [(39,)]}, {"jet": [(40,)]}, {"jet": [(41,)]}], "010"),
    Case("largest code", "EG255", [{"eg": [(510,)]}, {"eg": [(511,)]}], "11"),
    Case("JET0 of the emulator needs a jet", "JET0", [{}, {"jet": [(1,)]}], "01"),
    Case("JET0 of the firmware does not", "JET0", [{}, {"jet": [(1,)]}], "11", judge="firmware"),
    Case(
        "eta window is inclusive at both ends",
        "EG10[W]",
        [{"eg": [(20, eta)]} for eta in (-12, -11, 8, 9)],
        "0110",
        {"W": {"type": "ETA", "object": "EG", "min": -11 * 0.0435, "max": 9 * 0.0435}},
    ),
    Case(
        "eta window that is inside out is the complement to the emulator",
        "EG10[W]",
        [{"eg": [(20, eta)]} for eta in (-115, -12, -11, 8, 9, 114)],
        "110011",
        {"W": {"type": "ETA", "object": "EG", "min": 9 * 0.0435, "max": -11 * 0.0435}},
    ),
    Case(
        "either of two eta windows",
        "EG10[A,B]",
        [{"eg": [(20, eta)]} for eta in (-40, -30, 0, 30, 40)],
        "01010",
        {
            "A": {"type": "ETA", "min": -31 * 0.0435, "max": -29 * 0.0435},
            "B": {"type": "ETA", "min": 29 * 0.0435, "max": 31 * 0.0435},
        },
    ),
    Case(
        "muon eta bins are centred",
        "MU3[MU-ETA_2p10]",
        [{"mu": [_mu(20, eta)]} for eta in (-194, -193, 193, 194)],
        "0110",
    ),
    Case(
        "phi window",
        "MU3[W]",
        [{"mu": [_mu(20, 0, phi)]} for phi in (47, 48, 239, 240)],
        "0110",
        {"W": {"type": "PHI", "min": 48 * 0.010908307824964559, "max": 240 * 0.010908307824964559}},
    ),
    Case(
        "phi window that wraps",
        "JET20[W]",
        [{"jet": [(40, 0, phi)]} for phi in (129, 130, 0, 10, 11)],
        "01110",
        {"W": {"type": "PHI", "min": 130 * 0.04363323129985824, "max": 11 * 0.04363323129985824}},
    ),
    Case("quality table", "MU3[MU-QLTY_SNGL]", [{"mu": [_mu(20, 0, 0, q)]} for q in (4, 11, 12, 15)], "0011"),
    Case("isolation table", "EG5[EG-ISO_0xA]", [{"eg": [(20, 0, 0, iso)]} for iso in range(4)], "0101"),
    Case(
        "impact parameter table",
        "MU3[MU-IP_123]",
        [{"mu": [(20, 0, 0, 12, 2, 0, 0, 0, ip)]} for ip in range(4)],
        "0111",
    ),
    Case(
        "index windows",
        "MU3[MU-INDEX_OMTF_POS,MU-INDEX_OMTF_NEG]",
        [{"mu": [(20, 0, 0, 12, 2, 0, index)]} for index in (17, 18, 35, 36, 72, 89, 90)],
        "0110110",
    ),
    Case("unconstrained pt", "MU0[MU-UPT_10]", [{"mu": [(1, 0, 0, 12, 2, u)]} for u in (10, 11, 255)], "011"),
    Case(
        "unconstrained pt within a window",
        "MU0[W]",
        [{"mu": [(1, 0, 0, 12, 2, u)]} for u in (10, 11, 20, 21)],
        "0110",
        {"W": {"type": "UPT", "object": "MU", "min": 10, "max": 20}},
    ),
    Case("positive charge", "MU0[MU-CHG_POS]", [{"mu": [_mu(9, charge=c)]} for c in range(4)], "0010"),
    Case("negative charge", "MU0[MU-CHG_NEG]", [{"mu": [_mu(9, charge=c)]} for c in range(4)], "0001"),
    Case("displaced jet", "JET20[JET-DISP_LLP]", [{"jet": [(40, 0, 0, d)]} for d in (0, 1)], "01"),
    Case(
        "slice of slots",
        "JET20[S]",
        [
            {"jet": [(40,)]},
            {"jet": [(1,), (40,)]},
            {"jet": [(1,), (1,), (40,)]},
            {"jet": [(1,)] * 3 + [(40,)]},
        ],
        "0110",
        {"S": {"type": "SLICE", "object": "JET", "data": [1, 2]}},
    ),
]

COMBINATIONS = [
    Case("two distinct muons", "comb{MU5,MU5}", [{"mu": [_mu(20)]}, {"mu": [_mu(20), _mu(20)]}], "01"),
    Case(
        "legs in any order",
        "comb{JET20[ER1],JET30}",
        [{"jet": [(60, 40), (40, 0)]}, {"jet": [(60, 0), (40, 40)]}, {"jet": [(60, 0), (60, 0)]}],
        "101",
    ),
    Case(
        "three legs need three objects",
        "comb{JET30,JET30,JET10}",
        [{"jet": [(60,), (60,)]}, {"jet": [(60,), (60,), (20,)]}, {"jet": [(60,), (20,), (20,)]}],
        "010",
    ),
    Case(
        "four legs need four objects",
        "comb{JET30,JET30,JET10,JET10}",
        [{"jet": [(60,)] * 3}, {"jet": [(60,)] * 4}, {"jet": [(60,), (20,), (20,), (20,)]}],
        "010",
    ),
    Case(
        "four legs, two of them on one object",
        "comb{JET30[ER1],JET30[ER1],JET10,JET10}",
        [{"jet": [(60, 0), (60, 40), (60, 40), (60, 40)]}, {"jet": [(60, 0), (60, 40), (60, 40), (60, 0)]}],
        "01",
    ),
    Case(
        "opposite signs of two",
        "comb{MU0,MU0}[CHGCOR_OS]",
        [{"mu": [_mu(9, charge=a), _mu(9, charge=b)]} for a, b in ((2, 3), (2, 2), (3, 3), (0, 3), (1, 2))],
        "10000",
    ),
    Case(
        "like signs of two",
        "comb{MU0,MU0}[CHGCOR_LS]",
        [{"mu": [_mu(9, charge=a), _mu(9, charge=b)]} for a, b in ((2, 3), (2, 2), (3, 3), (0, 0), (1, 1))],
        "01100",
    ),
    Case(
        "opposite signs of three: not all equal",
        "comb{MU0,MU0,MU0}[CHGCOR_OS]",
        [{"mu": [_mu(9, charge=c) for c in codes]} for codes in ((2, 2, 3), (2, 2, 2), (2, 3, 0), (3, 3, 2))],
        "1001",
    ),
    Case(
        "like signs of four",
        "comb{MU0,MU0,MU0,MU0}[CHGCOR_LS]",
        [{"mu": [_mu(9, charge=c) for c in codes]} for codes in ((2, 2, 2, 2), (2, 2, 2, 3), (3, 3, 3, 3))],
        "101",
    ),
    Case(
        "opposite signs of four: one negative is enough",
        "comb{MU0,MU0,MU0,MU0}[CHGCOR_OS]",
        [{"mu": [_mu(9, charge=c) for c in codes]} for codes in ((2, 2, 2, 3), (2, 2, 2, 2), (2, 2, 3, 3))],
        "101",
    ),
    Case(
        "charges belong to the chosen muons",
        "comb{MU10,MU5}[CHGCOR_OS]",
        [{"mu": [_mu(21, charge=2), _mu(11, charge=2), _mu(1, charge=3)]}],
        "0",
    ),
]

# taus at phi 0; jets: dR of 11 bins is 0.48, of 12 bins 0.52 (eta), within or beyond 0.5
TAUS = [(60, 0, 0), (60, 40, 0)]
OVERLAPS = [
    Case(
        "overlap removal needs a reference object",
        "comb_orm{TAU20,TAU20,JET30}[ORMDR_0p5]",
        [{"tau": TAUS}, {"tau": TAUS, "jet": [(60, -40, 0)]}, {"tau": TAUS, "jet": [(40, -40, 0)]}],
        "010",
    ),
    Case(
        "edge of the overlap",
        "comb_orm{TAU20,TAU20,JET30}[ORMDR_0p5]",
        [{"tau": TAUS, "jet": [(60, -eta, 0)]} for eta in (11, 12)],
        "01",
    ),
    Case(
        "the reference must be clear of every leg",
        "comb_orm{TAU20,TAU20,JET30}[ORMDR_0p5]",
        [{"tau": TAUS, "jet": [(60, 0, 0)]}, {"tau": TAUS, "jet": [(60, 40, 3), (60, 20, 30)]}],
        "01",
    ),
    Case(
        "a third tau takes the place of the overlapping one",
        "comb_orm{TAU20,TAU20,JET30}[ORMDR_0p5]",
        [{"tau": [*TAUS, (60, -60, 50)], "jet": [(60, 0, 0)]}],
        "1",
    ),
    Case(
        "before 2022 any reference object that overlaps spoils the legs",
        "comb_orm{TAU20,TAU20,JET30}[ORMDR_0p5]",
        [
            {"tau": TAUS},
            {"tau": TAUS, "jet": [(60, -40, 0)]},
            {"tau": TAUS, "jet": [(60, -40, 0), (60, 0, 0)]},
            {"tau": TAUS, "jet": [(60, -40, 0), (59, 0, 0)]},
            {"tau": TAUS, "jet": [(60, 60, 0), (60, 40, 3), (60, 20, 30)]},
            {"tau": [*TAUS, (60, -60, 50)], "jet": [(60, 0, 0)]},
        ],
        "010101",
        overlap="none_overlaps",
    ),
    Case(
        "since 2022 one clear reference object is enough",
        "comb_orm{TAU20,TAU20,JET30}[ORMDR_0p5]",
        [
            {"tau": TAUS},
            {"tau": TAUS, "jet": [(60, -40, 0), (60, 0, 0)]},
            {"tau": TAUS, "jet": [(60, 0, 0)]},
        ],
        "010",
    ),
    Case(
        "before 2022 either leg of a pair is spoilt",
        "mass_inv_orm{JET30,JET30,EG10}[MASS_MIN_1,ORMDR_0p2]",
        [
            {"jet": [(60, 0, 0), (60, 40, 40)]},
            {"jet": [(60, 0, 0), (60, 40, 40)], "eg": [(20, -40, 0)]},
            {"jet": [(60, 0, 0), (60, 40, 40)], "eg": [(20, -40, 0), (20, 1, 1)]},
            {"jet": [(60, 0, 0), (60, 40, 40)], "eg": [(20, -40, 0), (20, 40, 41)]},
            {"jet": [(60, 0, 0), (60, 40, 40)], "eg": [(20, -40, 0), (19, 40, 41)]},
            {"jet": [(60, 0, 0), (60, 40, 40), (60, -80, 20)], "eg": [(20, 0, 0)]},
        ],
        "010011",
        overlap="none_overlaps",
    ),
    Case(
        "before 2022 a pair is spoilt through its first leg",
        "dist_orm{JET30,TAU20,EG10}[DETA_MAX_5,ORMDR_0p2]",
        [
            {"jet": [(60, 0, 0)], "tau": [(60, 40, 40)], "eg": [(20, *place), (20, -60, 20)]}
            for place in ((0, 0), (40, 40), (20, 20))
        ],
        "001",
        overlap="none_overlaps",
    ),
    Case(
        "before 2022 a pair without third object is as today",
        "dist_orm{JET30,TAU20}[DETA_MAX_1,ORMDR_0p2]",
        [{"jet": [(60, 0, 0)], "tau": [(60, eta, 0)]} for eta in (4, 5)],
        "01",
        overlap="none_overlaps",
    ),
    Case(
        "charges and overlap removal of one choice of muons",
        "comb_orm{MU5,MU5,JET30}[CHGCOR_OS,ORMDR_0p5]",
        [
            {"mu": [_mu(20, 0, 0), _mu(20, 100, 0, 12, 3)], "jet": [(60, -60, 70)]},
            {"mu": [_mu(20, 0, 0), _mu(20, 100, 0, 12, 2)], "jet": [(60, -60, 70)]},
            {"mu": [_mu(20, 0, 0), _mu(20, 100, 0), _mu(20, -200, 9, 12, 3)], "jet": [(60, -50, 2)]},
        ],
        "100",
    ),
    Case(
        "any of two overlap quantities",
        "comb_orm{TAU20,JET30}[ORMDETA_MAX_0p5,ORMDPHI_MAX_0p5]",
        [{"tau": [(60, 0, 0)], "jet": [(60, eta, phi)]} for eta, phi in ((0, 70), (60, 0), (60, 70))],
        "001",
    ),
    Case(
        "pair with third object",
        "mass_inv_orm{JET30,JET30,EG10}[MASS_MIN_1,ORMDR_0p2]",
        [
            {"jet": [(60, 0, 0), (60, 40, 40)]},
            {"jet": [(60, 0, 0), (60, 40, 40)], "eg": [(20, -40, 0)]},
            {"jet": [(60, 0, 0), (60, 40, 40)], "eg": [(20, 1, 1)]},
            {"jet": [(60, 0, 0), (60, 40, 40)], "eg": [(20, 40, 41)]},
        ],
        "0100",
    ),
    Case(
        "pair without overlap",
        "dist_orm{JET30,TAU20}[DETA_MAX_1,ORMDR_0p2]",
        [{"jet": [(60, 0, 0)], "tau": [(60, eta, 0)]} for eta in (4, 5, 22, 23)],
        "0110",
    ),
]

CORRELATIONS = [
    Case(
        "delta eta is inclusive",
        "dist{JET20,JET20}[DETA_MAX_1]",
        [{"jet": [(60, -11, 0), (60, eta, 70)]} for eta in (11, 12)],
        "10",
    ),
    Case(
        "upper limit met exactly",
        "dist{JET20,JET20}[D]",
        [{"jet": [(60, 0, 0), (60, 23, 0)]}, {"jet": [(60, 0, 0), (60, 24, 0)]}],
        "10",
        {"D": {"type": "DETA", "min": 0, "max": 1.001}},
    ),
    Case(
        "lower limit met exactly",
        "dist{JET20,JET20}[D]",
        [{"jet": [(60, 0, 0), (60, 22, 0)]}, {"jet": [(60, 0, 0), (60, 23, 0)]}],
        "01",
        {"D": {"type": "DETA", "min": 1.001, "max": 3}},
    ),
    Case(
        "delta phi folds at half a turn",
        "dist{JET20,JET20}[DPHI_MAX_0p5]",
        [{"jet": [(60, 0, 1), (60, 0, phi)]} for phi in (12, 13, 73, 133, 134)],
        "10001",
    ),
    Case(
        "muons on their own phi bins",
        "dist{MU0,MU0}[DPHI_MAX_0p5]",
        [{"mu": [_mu(9, 0, 1), _mu(9, 0, phi)]} for phi in (46, 47, 531, 532)],
        "1001",
    ),
    Case(
        "one and the same object is no pair",
        "dist{JET20,JET10}[DETA_MAX_1]",
        [{"jet": [(60, 0, 0)]}, {"jet": [(60, 0, 0), (20, 0, 0)]}],
        "01",
    ),
    Case(
        "both orders are tried",
        "dist{JET30[ER1],JET30}[DETA_MIN_1]",
        [{"jet": [(60, 40, 0), (60, 0, 0)]}, {"jet": [(60, 0, 0), (60, 40, 0)]}],
        "11",
    ),
    Case(
        "calorimeter objects go to the middle of four muon bins",
        "dist{MU0,JET20}[D]",
        [{"mu": [_mu(9, eta)], "jet": [(60, 0, 0)]} for eta in (1, 2, 3, -1)],
        "0100",
        {"D": {"type": "DETA", "min": 0, "max": 0.001}},
    ),
    Case(
        "and in phi",
        "dist{MU0,JET20}[D]",
        [{"mu": [_mu(9, 0, phi)], "jet": [(60, 0, 143)]} for phi in (573, 574, 575, 0)],
        "0100",
        {"D": {"type": "DPHI", "min": 0, "max": 0.001}},
    ),
    Case(
        "several limits on one pair",
        "dist{JET20,JET20}[DETA_MAX_0p5,DPHI_MAX_0p5]",
        [{"jet": [(60, 0, 0), (60, 5, 60), (60, 60, 5)]}, {"jet": [(60, 0, 0), (60, 5, 5)]}],
        "01",
    ),
    Case(
        "delta R",
        "dist{EG5,JET20}[DR_MAX_0p4]",
        [{"eg": [(20, 0, 0)], "jet": [(60, *place)]} for place in ((9, 0), (10, 0), (6, 6), (7, 6), (7, 7))],
        "10100",
    ),
    Case(
        "delta R limits are rounded outwards to three digits",
        "dist{EG5,JET20}[D]",
        [{"eg": [(20, 0, 0)], "jet": [(60, 10, 0)]}],
        "1",
        {"D": {"type": "DR", "min": 0, "max": 0.43485}},
    ),
    Case(
        "charges of the pair",
        "dist{MU0,MU0}[DR_MAX_1,CHGCOR_OS]",
        [
            {"mu": [_mu(9, 0, 0, 12, 2), _mu(9, 10, 0, 12, 2), _mu(9, 200, 0, 12, 3)]},
            {"mu": [_mu(9, 0, 0, 12, 2), _mu(9, 10, 0, 12, 3)]},
            {"mu": [_mu(9, 0, 0, 12, 0), _mu(9, 10, 0, 12, 3)]},
        ],
        "010",
    ),
    Case(
        "like signs of the pair",
        "dist{MU0,MU0}[DR_MAX_1,CHGCOR_LS]",
        [{"mu": [_mu(9, 0, 0, 12, a), _mu(9, 10, 0, 12, b)]} for a, b in ((2, 2), (2, 3), (3, 3), (1, 1))],
        "1010",
    ),
    Case(
        "invariant mass: 2 * 30.3 GeV back to back in eta 0",
        "mass_inv{JET30,JET30}[M]",
        [{"jet": [(60, 0, 0), (60, 0, 72)]}, {"jet": [(60, 0, 0), (61, 0, 72)]}],
        "01",
        {"M": {"type": "MASS", "min": 60.7, "max": 1000}},
    ),
    Case(
        "invariant mass up to its upper limit",
        "mass_inv{JET30,JET30}[M]",
        [{"jet": [(60, 0, 0), (60, 0, 72)]}, {"jet": [(60, 0, 0), (61, 0, 72)]}],
        "10",
        {"M": {"type": "MASS", "min": 0, "max": 60.6}},
    ),
    Case(
        "transverse mass up to its upper limit",
        "mass_trans{EG30,ETM10}[M]",
        [{"eg": [(60, 50, 0)], "etm.et": et, "etm.phi": 72} for et in (59, 60)],
        "10",
        {"M": {"type": "MASS", "min": 0, "max": 60.2}},
    ),
    Case(
        "mass with unconstrained pt up to its upper limit",
        "mass_inv_upt{MU0,MU0}[M]",
        [{"mu": [(1, 0, 0, 12, 2, 20), (1, 0, 288, 12, 2, upt)]} for upt in (20, 21)],
        "10",
        {"M": {"type": "MASSUPT", "min": 0, "max": 39.1}},
    ),
    Case(
        "delta R from its lower limit on",
        "dist{EG5,JET20}[DR_MIN_0p3]",
        [{"eg": [(20, 0, 0)], "jet": [(60, *place)]} for place in ((6, 0), (7, 0), (4, 5), (5, 5))],
        "0101",
    ),
    Case(
        "delta R in tenths, as the official editor rounds",
        "dist{MU0,MU0}[DR_MAX_0p6]",
        [{"mu": [_mu(9, 0, 0), _mu(9, *place)]} for place in ((0, 55), (1, 55), (47, 29), (27, 48))],
        "1110",
    ),
    Case(
        "muon mass",
        "mass_inv{MU5,MU5}[M]",
        [{"mu": [_mu(11, 0, 0), _mu(pt, 0, 288)]} for pt in (11, 12)],
        "01",
        {"M": {"type": "MASS", "min": 10.65, "max": 1000}},
    ),
    Case(
        "mass with unconstrained pt",
        "mass_inv_upt{MU0,MU0}[M]",
        [{"mu": [(1, 0, 0, 12, 2, 20), (1, 0, 288, 12, 2, upt)]} for upt in (20, 21)],
        "01",
        {"M": {"type": "MASSUPT", "min": 39.1, "max": 1000}},
    ),
    Case(
        "transverse mass ignores eta",
        "mass_trans{EG30,ETM10}[M]",
        [{"eg": [(60, 50, 0)], "etm.et": et, "etm.phi": 72} for et in (59, 60)],
        "01",
        {"M": {"type": "MASS", "min": 60.4, "max": 1000}},
    ),
    Case(
        "angle to a vector sum",
        "dist{JET30,ETM10}[DPHI_MIN_2p6]",
        [{"jet": [(60, 9, 0)], "etm.et": 30, "etm.phi": phi} for phi in (59, 60, 84, 85)],
        "0110",
    ),
    Case(
        "three-body mass is the sum of the pairs",
        "mass_inv_3{MU3,MU3,MU3}[MASS_MAX_12]",
        [{"mu": [_mu(10, 0, 0), _mu(10, 0, 100), _mu(pt, 100, 0)]} for pt in (13, 14)],
        "10",
    ),
    Case(
        "three-body mass from its lower limit on",
        "mass_inv_3{MU3,MU3,MU3}[M]",
        [{"mu": [_mu(10, 0, 0), _mu(10, 0, 100), _mu(pt, 100, 0)]} for pt in (12, 13, 14)],
        "011",
        {"M": {"type": "MASS", "min": 11.4, "max": 100}},
    ),
    Case(
        "three-body mass between its limits",
        "mass_inv_3{JET20,JET20,JET20}[M]",
        [{"jet": [(60, 0, 0), (60, 0, 24), (et, 0, 48)]} for et in (58, 59, 60, 61, 62)],
        "01110",
        {"M": {"type": "MASS", "min": 67.1, "max": 68.4}},
    ),
    Case(
        "charges of three",
        "mass_inv_3{MU3,MU3,MU3}[MASS_MAX_12,CHGCOR_OS]",
        [
            {"mu": [_mu(10, i, 0, 12, c) for i, c in enumerate(codes)]}
            for codes in ((2, 2, 3), (2, 2, 2), (2, 3, 1))
        ],
        "100",
    ),
    Case(
        "two-body pt",
        "dist{EG10,EG10}[TBPT_20]",
        [{"eg": [(20, 0, 0), (20, 30, phi)]} for phi in (0, 11, 12, 25)],
        "1100",
    ),
    Case(
        "mass over delta R on halved muon bins",
        "mass_inv_dr{MU5,MU5}[MASSDR_MIN_5p5]",
        [
            {"mu": [_mu(11, 0, 0), _mu(11, *place)]}
            for place in ((0, 40), (0, 41), (1, 0), (1, 1), (0, 0), (3, 1))
        ],
        "001111",
    ),
    Case(
        "mass over delta R of jets",
        "mass_inv_dr{JET30,JET30}[M]",
        [{"jet": [(60, 0, 0), (60, 0, phi)]} for phi in (0, 5, 40, 60)],
        "1100",
        {"M": {"type": "MASSDR", "min": 29, "max": 0}},
    ),
]

SINGLE_VALUES = [
    Case("sum", "HTT100", [{"htt.et": 199}, {"htt.et": 200}], "01"),
    Case("ETTEM", "ETTEM40", [{"ett.em": 79}, {"ett.em": 80}, {"ett.et": 500}], "010"),
    Case(
        "vector sum in a phi window",
        "ETM30[W]",
        [{"etm.et": 60, "etm.phi": p} for p in (9, 10, 20, 21)],
        "0110",
        {
            "W": {
                "type": "PHI",
                "object": "ETM",
                "min": 10 * 0.04363323129985824,
                "max": 21 * 0.04363323129985824,
            }
        },
    ),
    Case("tower count", "TOWERCOUNT50", [{"htt.towercount": 49}, {"htt.towercount": 50}], "01"),
    Case("tower count 0 of the emulator", "TOWERCOUNT0", [{}, {"htt.towercount": 9}], "11"),
    Case("tower count 0 of the firmware", "TOWERCOUNT0", [{}, {"htt.towercount": 9}], "00", judge="firmware"),
    Case("minimum bias", "MBT0HFP1", [{"ett.mbt0hfp": 0}, {"ett.mbt0hfp": 1}, {"htt.mbt0hfm": 1}], "010"),
    Case(
        "minimum bias, minus", "MBT1HFM2", [{"htm.mbt1hfm": 1}, {"htm.mbt1hfm": 2}, {"etm.mbt1hfp": 2}], "010"
    ),
    Case(
        "network missing energy stands in the place of HTM",
        "NETETMHF30 AND dist{JET30,NETETMHF20}[DPHI_MIN_2p6]",
        [
            {"jet": [(60, 9, 0)], "htm.et": et, "htm.phi": phi}
            for et, phi in ((59, 72), (60, 72), (60, 59), (60, 60))
        ],
        "0101",
    ),
    Case(
        "network missing energy in a phi window",
        "NETETMHF30[W]",
        [{"htm.et": 60, "htm.phi": p} for p in (9, 10, 20, 21)],
        "0110",
        {"W": {"type": "PHI", "min": 10 * 0.04363323129985824, "max": 21 * 0.04363323129985824}},
    ),
    Case("asymmetry", "ASYMHT65", [{"htm.asymht": 64}, {"htm.asymht": 65}, {"etm.asymet": 99}], "010"),
    Case("centrality 1", "CENT1", [{"etmhf.cent03": 1}, {"etmhf.cent03": 2}, {"etmhf.cent03": 15}], "011"),
    Case("centrality 6", "CENT6", [{"htmhf.cent47": 4}, {"htmhf.cent47": 11}, {"etmhf.cent03": 4}], "100"),
    Case("showers", "MUS0", [{"mu.shower": [1]}, {"mu.shower": [0, 1, 1, 1]}], "10"),
    Case(
        "tight shower is the bit of muon 2", "MUS1", [{"mu.shower": [0, 1]}, {"mu.shower": [0, 0, 1]}], "01"
    ),
    Case(
        "shower 2 is the bit of muon 3", "MUS2", [{"mu.shower": [0, 0, 1]}, {"mu.shower": [0, 0, 0, 1]}], "01"
    ),
    Case(
        "ZDC minus",
        "ZDCM100",
        [{"link": [0, 99]}, {"link": [0, 100]}, {"link": [0, 1024, 200]}, {"link": [0, 2548]}],
        "0101",
    ),
    Case("ZDC plus", "ZDCP100", [{"link": [0, 0, 99]}, {"link": [0, 0, 100]}, {"link": [0, 200]}], "010"),
    Case(
        "CICADA nibbles",
        "CICADA[C]",
        [
            {"link": [3 << 28, 1 << 28, 15 << 28, 15 << 28]},
            {"link": [3 << 28, 2 << 28, 0, 0]},
            {"link": [0, 15 << 28]},
        ],
        "010",
        {"C": {"type": "CSCORE", "min": 50.0}},
    ),
    Case("external", "EXT_A OR EXT_B", [{"ext": {3}}, {"ext": {70}}, {"ext": {4}}], "110"),
    Case("score", "SCORE(vae) >= 800", [{}, {}, {}], "011", scores={"vae": [799, 800, 801]}),
    Case("score in physical units", "SCORE(vae) >= 50.0", [{}, {}], "01", scores={"vae": [799, 800]}),
    Case(
        "score below",
        "SCORE(vae) < 800 AND SCORE(vae) > 798",
        [{}] * 3,
        "010",
        scores={"vae": [798, 799, 800]},
    ),
    Case(
        "network score",
        "AXO[AXO-MODEL,AXO-SCORE]",
        [{}, {}],
        "01",
        {"AXO-MODEL": {"type": "MODEL", "data": "v3"}, "AXO-SCORE": {"type": "SCORE", "min": 15717}},
        scores={"axo_v3": [15716, 15717]},
    ),
    Case(
        "any object's score",
        "muon_pt.pt >= 22",
        [{}] * 3,
        "011",
        scores={"muon_pt.pt": [[43, 0, 44], [0, 44, 0]]},
    ),
]

TWO_MUONS = [{"mu": [_mu(20)]}, {}, {"mu": [_mu(20)], "jet": [(60,)]}]
EXPRESSIONS = [
    Case("NOT binds tighter than AND", "NOT MU3 AND JET20", [{"jet": [(60,)]}, {}, {"mu": [_mu(9)]}], "100"),
    Case("AND binds tighter than OR", "MU3 OR JET20 AND HTT100", [{"mu": [_mu(9)]}, {"jet": [(60,)]}], "10"),
    Case(
        "AND binds tighter than XOR",
        "MU3 XOR MU3 AND JET20",
        [{"mu": [_mu(9)]}, {"mu": [_mu(9)], "jet": [(60,)]}, {"jet": [(60,)]}],
        "100",
    ),
    Case("XOR binds tighter than OR", "JET20 OR JET20 XOR MU3", [{"jet": [(60,)], "mu": [_mu(9)]}], "1"),
    Case(
        "XOR of three",
        "MU3 XOR JET20 XOR HTT10",
        [{"mu": [_mu(9)], "jet": [(60,)], "htt.et": 20}, {"mu": [_mu(9)], "jet": [(60,)]}],
        "10",
    ),
    Case(
        "parentheses", "(MU3 OR JET20) AND HTT100", [{"mu": [_mu(9)]}, {"mu": [_mu(9)], "htt.et": 200}], "01"
    ),
    Case("positive offset is a later crossing", "MU3+1", TWO_MUONS, "010"),
    Case("negative offset is an earlier crossing", "MU3-1", TWO_MUONS, "010"),
    Case("two crossings later", "MU3+2", TWO_MUONS, "100"),
    Case("the orbit wraps", "MU3+1", TWO_MUONS, "011", neighbours="orbit"),
    Case("backwards, too", "MU3-2", TWO_MUONS, "011", neighbours="orbit"),
    Case("external of another crossing", "EXT_A-1", [{"ext": {3}}, {}, {}], "010"),
    Case("halo crossings are context", "MU3-2 OR JET20", TWO_MUONS * 2, "10", neighbours="halo"),
    Case(
        "pair across crossings may use one slot twice",
        "dist{MU3-1,MU3}[DETA_MAX_1]",
        [{"mu": [_mu(20)]}, {"mu": [_mu(20)]}],
        "01",
    ),
    Case(
        "pair across crossings takes each object from its own",
        "dist{MU3-1,MU3}[DETA_MAX_1]",
        [{"mu": [_mu(20)]}, {"mu": [_mu(20, 200)]}],
        "00",
    ),
    Case(
        "high bits survive the wrap",
        "EXT_B-1",
        [{}, {"ext": {70, 127}}, {}, {"ext": {70, 127}}],
        "1010",
        neighbours="orbit",
    ),
]

CASES = [*OBJECTS, *COMBINATIONS, *OVERLAPS, *CORRELATIONS, *SINGLE_VALUES, *EXPRESSIONS]
