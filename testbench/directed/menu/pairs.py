"""Measures of two objects, given as codes, by the emulator's integer tables; many second ones at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_PHI_BINS, MUON_PHI_BINS
from l1forge.emulator.menu.compiled import Limit
from l1forge.emulator.menu.correlation_tables import (
    CALO_TO_MUON,
    calo_geometry,
    calo_pt,
    muon_geometry,
    muon_pt,
    muon_upt,
)
from l1forge.emulator.menu.quantities import OBJECTS

Codes = Mapping[str, Any]
"""Field -> code, or an array of codes that broadcasts with those of the other fields."""


@dataclass(frozen=True)
class Thing:
    """An object of a type: its fields' codes, of one object or of many alternatives."""

    type: str
    fields: Codes

    def momentum(self, unconstrained: bool) -> int:
        """In units of 0.1 GeV; of one object."""
        kind = OBJECTS[self.type]
        code = int(self.fields["upt" if unconstrained else kind.transverse])
        if not kind.is_muon:
            return calo_pt(code)
        return muon_upt(code) if unconstrained else muon_pt(code)

    def place(self, muons: bool) -> tuple[Any, Any]:
        """Eta and phi, on muon bins if ``muons``."""
        eta, phi = self.fields.get("eta", 0), self.fields["phi"]
        if muons and not OBJECTS[self.type].is_muon:
            return CALO_TO_MUON * eta + CALO_TO_MUON // 2, CALO_TO_MUON * phi + CALO_TO_MUON // 2
        return eta, phi


def measure(name: str, a: Thing, b: Thing) -> NDArray[np.int64]:
    """A measure of the pair, but for ``mass_over_dr`` (``within`` decides that without its product)."""
    muons = OBJECTS[a.type].is_muon or OBJECTS[b.type].is_muon
    tables, turn = (muon_geometry(), MUON_PHI_BINS) if muons else (calo_geometry(), CALO_PHI_BINS)
    (eta_a, phi_a), (eta_b, phi_b) = a.place(muons), b.place(muons)
    deta, dphi = np.abs(np.asarray(eta_a) - eta_b), np.abs(np.asarray(phi_a) - phi_b) % turn
    dphi = np.minimum(dphi, turn - dphi)
    if name == "deta":
        return tables.deta[deta]
    if name == "dphi":
        return tables.dphi[dphi]
    if name == "dr2":
        return np.asarray(tables.deta[deta] ** 2 + tables.dphi[dphi] ** 2)
    first, second = (thing.momentum(name == "mass_upt") for thing in (a, b))
    unit = int(tables.cosh[0])
    if name == "mass_transverse":
        return np.asarray(first * second * (unit - tables.cos[dphi]))
    if name == "pt2":
        turn_a, turn_b = np.asarray(phi_a) % turn, np.asarray(phi_b) % turn
        along = tables.cos_phi[turn_a] * tables.cos_phi[turn_b]
        along = along + tables.sin_phi[turn_a] * tables.sin_phi[turn_b]
        return np.asarray((first**2 + second**2) * unit**2 + 2 * first * second * along)
    return np.asarray(first * second * (tables.cosh[deta] - tables.cos[dphi]))


def within(limit: Limit, a: Thing, b: Thing) -> NDArray[np.bool_]:
    """Does the pair satisfy a limit?"""
    if limit.measure != "mass_over_dr":
        return between(measure(limit.measure, a, b), limit)
    muons = OBJECTS[a.type].is_muon or OBJECTS[b.type].is_muon
    tables, turn = (muon_geometry(), MUON_PHI_BINS // 2) if muons else (calo_geometry(), CALO_PHI_BINS)
    places = [[np.asarray(code) >> int(muons) for code in thing.place(muons)] for thing in (a, b)]
    dphi = np.abs(places[0][1] - places[1][1]) % turn
    inverse = tables.inverse[np.abs(places[0][0] - places[1][0]), np.minimum(dphi, turn - dphi)]
    least = -(-(limit.lower or 0) // np.maximum(inverse, 1))
    return np.asarray((inverse == 0) | (measure("mass", a, b) >= least))


def between(values: NDArray[np.int64], limit: Limit) -> NDArray[np.bool_]:
    """Are values within a limit's ends?"""
    low = True if limit.lower is None else values >= limit.lower
    high = True if limit.upper is None else values <= limit.upper
    return np.asarray(np.broadcast_to(low, values.shape) & np.broadcast_to(high, values.shape))


def all_within(limits: Iterable[Limit], a: Thing, b: Thing) -> NDArray[np.bool_]:
    """Does the pair satisfy all limits?"""
    return reduce(np.logical_and, (within(limit, a, b) for limit in limits), np.asarray(True))


def any_within(limits: Iterable[Limit], a: Thing, b: Thing) -> NDArray[np.bool_]:
    """Does the pair satisfy one of the limits?"""
    return reduce(np.logical_or, (within(limit, a, b) for limit in limits), np.asarray(False))
