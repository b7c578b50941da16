"""Integer look-up tables of the correlation conditions, and their exact rounding.

Every entry is ``floor(x + 0.5)`` evaluated in double precision as ``(index * step) * 10**p``: the order of
the products decides the ties (measured identical to every entry of the firmware's tables). No float
survives beyond this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import (
    CALO_ETA_LSB,
    CALO_PHI_BINS,
    COLLECTIONS,
    MUON_ETA_LSB,
    MUON_PHI_BINS,
)

Table = NDArray[np.int64]

ANGLE_DIGITS = 3
CALO_DIGITS = 3
MUON_DIGITS = 4
PT_DIGITS = 1
INVERSE_DIGITS = 5


def rounded(value: float) -> int:
    """Nearest integer, ties towards plus infinity."""
    return math.floor(value + 0.5)


def _table(size: int, entry: Callable[[int], float]) -> Table:
    return np.array([rounded(entry(index)) for index in range(size)], np.int64)


def deta_table(step: float, size: int) -> Table:
    """|delta eta| in units of 0.001."""
    return _table(size, lambda i: (i * step) * 10**ANGLE_DIGITS)


def dphi_table(bins: int) -> Table:
    """|delta phi|, folded to half a turn, in units of 0.001 rad."""
    step = 2 * math.pi / bins
    return _table(bins // 2 + 1, lambda i: (i * step) * 10**ANGLE_DIGITS)


def cosh_table(step: float, size: int, digits: int) -> Table:
    """cosh(delta eta) in units of 10**-digits."""
    return _table(size, lambda i: math.cosh(i * step) * 10**digits)


def cos_table(bins: int, digits: int) -> Table:
    """cos(delta phi) in units of 10**-digits."""
    step = 2 * math.pi / bins
    return _table(bins // 2 + 1, lambda i: math.cos(i * step) * 10**digits)


def phi_table(bins: int, digits: int, function: Callable[[float], float]) -> Table:
    """cos(phi) or sin(phi) at the bin centre in units of 10**-digits."""
    step = 2 * math.pi / bins
    return _table(bins, lambda i: function((i + 0.5) * step) * 10**digits)


def calo_pt(code: int) -> int:
    """Transverse energy of a calorimeter object or sum in units of 0.1 GeV: bin centre, rounded up."""
    return 5 * code + 3


def muon_pt(code: int) -> int:
    """Muon pt in units of 0.1 GeV; code p > 0 is the bin [0.5 (p - 1), 0.5 p) GeV, code 0 no muon."""
    return 5 * (code - 1) + 3 if code else 0


def muon_upt(code: int) -> int:
    """Unconstrained muon pt in units of 0.1 GeV; bins of 1 GeV, offset as for pt."""
    return 10 * (code - 1) + 5 if code else 0


def inverse_dr2(eta_step: float, phi_step: float, deta: int, dphi: int) -> int:
    """1 / dR^2 in units of 10**-5; 0 stands for the infinity of two coinciding objects."""
    if deta == 0 and dphi == 0:
        return 0
    return rounded(10**INVERSE_DIGITS / ((deta * eta_step) ** 2 + (dphi * phi_step) ** 2))


@dataclass(frozen=True)
class Geometry:
    """Tables of one angular grid: calorimeter bins, or muon bins once a muon is involved."""

    deta: Table
    dphi: Table
    cosh: Table
    cos: Table
    cos_phi: Table
    sin_phi: Table
    inverse: NDArray[np.int64]
    """1/dR^2 by (delta eta, delta phi); muons are looked up with halved indices."""


CALO_TO_MUON = MUON_PHI_BINS // CALO_PHI_BINS
"""Muon bins in a calorimeter bin; the bin's centre lies 2 muon bins above its edge."""


def to_muon_bins(index: int) -> int:
    """A calorimeter eta or phi index on the muon grid."""
    return CALO_TO_MUON * index + CALO_TO_MUON // 2


def _span(collection: str) -> int:
    field = COLLECTIONS[collection]["eta"]
    return field.maximum - field.minimum


def _inverse(eta_step: float, bins: int, etas: int) -> NDArray[np.int64]:
    """``inverse_dr2`` of every (delta eta, delta phi): the same double-precision steps, all at once."""
    phi_step = 2 * math.pi / bins
    deta = (np.arange(etas) * eta_step)[:, None]
    dphi = (np.arange(bins // 2 + 1) * phi_step)[None]
    squared = deta * deta + dphi * dphi
    squared[0, 0] = np.inf
    table: NDArray[np.int64] = np.floor(10**INVERSE_DIGITS / squared + 0.5).astype(np.int64)
    return table


@cache
def calo_geometry() -> Geometry:
    """Calorimeter with calorimeter."""
    size = _span("jet") + 1
    return Geometry(
        deta_table(CALO_ETA_LSB, size),
        dphi_table(CALO_PHI_BINS),
        cosh_table(CALO_ETA_LSB, size, CALO_DIGITS),
        cos_table(CALO_PHI_BINS, CALO_DIGITS),
        phi_table(CALO_PHI_BINS, CALO_DIGITS, math.cos),
        phi_table(CALO_PHI_BINS, CALO_DIGITS, math.sin),
        _inverse(CALO_ETA_LSB, CALO_PHI_BINS, size),
    )


@cache
def muon_geometry() -> Geometry:
    """Muon with muon, or with a calorimeter object put on muon bins."""
    eta, muon = COLLECTIONS["jet"]["eta"], COLLECTIONS["mu"]["eta"]
    lowest = min(to_muon_bins(eta.minimum), muon.minimum)
    highest = max(to_muon_bins(eta.maximum), muon.maximum)
    size = highest - lowest + 1
    return Geometry(
        deta_table(MUON_ETA_LSB, size),
        dphi_table(MUON_PHI_BINS),
        cosh_table(MUON_ETA_LSB, size, MUON_DIGITS),
        cos_table(MUON_PHI_BINS, MUON_DIGITS),
        phi_table(MUON_PHI_BINS, MUON_DIGITS, math.cos),
        phi_table(MUON_PHI_BINS, MUON_DIGITS, math.sin),
        _inverse(2 * MUON_ETA_LSB, MUON_PHI_BINS // 2, size // 2 + 1),
    )


HEADER = 17
"""Words at its start that hold offsets: 7 of each geometry, calorimeter pt, muon pt, muon upt."""
GEOMETRY_WORDS = 7
(FLAT_DETA, FLAT_DPHI, FLAT_COSH, FLAT_COS, FLAT_COS_PHI, FLAT_SIN_PHI, FLAT_INVERSE) = range(GEOMETRY_WORDS)


@cache
def flat_tables() -> Table:
    """All tables in one array, for kernels: ``flat[flat[7 * g + k] + index]``.

    g is 0 for calorimeter bins, 1 for muon bins, k one of the FLAT_ constants; inverse dR^2 has rows of
    half a turn + 1 (of halved bins for muons). Words 14 to 16 hold the offsets of the pt tables.
    """
    muon = COLLECTIONS["mu"]
    calo_codes = max(COLLECTIONS[name]["et"].maximum for name in ("eg", "jet", "etm")) + 1
    pieces: list[Table] = []
    for g in (calo_geometry(), muon_geometry()):
        pieces += [g.deta, g.dphi, g.cosh, g.cos, g.cos_phi, g.sin_phi, g.inverse.ravel()]
    pieces.append(np.array([calo_pt(code) for code in range(calo_codes)], np.int64))
    pieces.append(np.array([muon_pt(code) for code in range(muon["pt"].maximum + 1)], np.int64))
    pieces.append(np.array([muon_upt(code) for code in range(muon["upt"].maximum + 1)], np.int64))
    offsets = HEADER + np.cumsum([0, *(len(piece) for piece in pieces)])
    return np.concatenate([offsets[:HEADER], *pieces]).astype(np.int64)
