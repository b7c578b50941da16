"""The menu as one would write it with NumPy: whole arrays, condition by condition, nothing shared.

The peer that the kernels' speed is measured against (``l1forge menu bench``), and a third opinion on every
decision. Arrays are (slots, n), pairs (slots, slots, n).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import CompiledMenu, Expression, Limit, Overlap, Requirement
from l1forge.emulator.menu.correlation_tables import (
    CALO_TO_MUON,
    calo_geometry,
    calo_pt,
    muon_geometry,
    muon_pt,
    muon_upt,
)
from l1forge.emulator.menu.engine.atoms import POSITIVE, requirement_atoms, signal_atom, value_windows
from l1forge.emulator.menu.engine.inputs import link_quantity
from l1forge.emulator.menu.quantities import OBJECTS, QUANTITIES

Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class NumpyMenu:
    """Decisions of a compiled menu; neighbours outside the block are empty, or wrap."""

    def __init__(self, menu: CompiledMenu) -> None:
        self.menu = menu

    def __call__(
        self, events: Events, scores: Mapping[str, NDArray[Any]] | None = None, wrap: bool = False
    ) -> Bools:
        """Shape (algorithms, n), in the order of ``menu.algorithms``."""
        self.events, self.scores, self.wrap = events, scores or {}, wrap
        known = {name: self.condition(condition) for name, condition in self.menu.conditions.items()}
        return np.array([_expression(a.expression, known) for a in self.menu.algorithms])

    def column(self, name: str, bx: int) -> NDArray[Any]:
        """A column seen ``bx`` crossings later."""
        return self.shifted(self.events.column(name), bx)

    def shifted(self, values: NDArray[Any], bx: int) -> NDArray[Any]:
        """``values`` (.., n) seen ``bx`` crossings later; zero beyond the block, unless it wraps."""
        if bx == 0:
            return values
        moved = np.roll(values, -bx, axis=-1)
        if not self.wrap:
            moved[..., slice(-bx, None) if bx > 0 else slice(None, -bx)] = 0
        return moved

    def condition(self, condition: compiled.Condition) -> Bools:
        """Decision on each crossing, (n,)."""
        match condition:
            case compiled.QuantityCut():
                return self.value(condition)
            case compiled.SignalBit():
                atom, slots = signal_atom(condition.signal)
                return np.asarray(
                    self.inside(atom.column, atom.windows, condition.bx)[slots.bit_length() - 1]
                )
            case compiled.External():
                word = self.column("ext", condition.bx)[condition.index >> 6]
                return np.asarray(word >> np.uint64(condition.index & 63) & np.uint64(1)).astype(bool)
            case compiled.Score():
                values = self.shifted(np.atleast_2d(self.scores[condition.score]), condition.bx)
                return np.asarray(_between(values, condition.lower, condition.upper).any(axis=0))
        legs = [self.leg(leg) for leg in condition.legs]
        match condition:
            case compiled.Combination():
                return self.combination(condition, legs)
            case compiled.Correlation():
                return self.correlation(condition, legs)
        return self.triple(condition, legs)

    def inside(self, column: str, windows: Sequence[tuple[int, int]], bx: int) -> Bools:
        """Where a column lies in any of ``windows``, (slots, n)."""
        values = self.column(column, bx)
        nothing = np.zeros(values.shape, bool)
        return reduce(np.logical_or, ((values >= low) & (values <= high) for low, high in windows), nothing)

    def value(self, condition: compiled.QuantityCut) -> Bools:
        """Decision of a sum or count on each crossing, (n,)."""
        source = QUANTITIES[condition.quantity].source
        windows = value_windows(condition, self.menu.judge)
        if source.startswith("link:"):
            values = self.shifted(link_quantity(source, self.events), condition.bx)
            lower, upper = windows[0] if windows else (1, 0)
            return np.asarray(_between(values[0], lower, upper))
        passed = self.inside(source, windows, condition.bx)[0]
        if condition.phi:
            phi = self.column(f"{source.split('.')[0]}.phi", condition.bx)[0]
            passed = passed & _any(_in_phi(phi, window) for window in condition.phi)
        return np.asarray(passed)

    def leg(self, requirement: Requirement) -> Bools:
        """Which objects satisfy ``requirement``, (slots, n)."""
        atoms = requirement_atoms(requirement, self.menu.judge)
        good = reduce(np.logical_and, (self.inside(a.column, a.windows, requirement.bx) for a in atoms))
        if requirement.slots:
            slot = np.arange(len(good))[:, None]
            good = good & (slot >= requirement.slots[0]) & (slot <= requirement.slots[1])
        return good

    def combination(self, condition: compiled.Combination, legs: list[Bools]) -> Bools:
        """Decision on each crossing, (n,), from the objects that satisfy each leg."""
        if condition.overlap and condition.overlap.object:
            third = condition.overlap.object
            touching = self.overlapping(condition.overlap, condition.legs[0], third)
            present = self.leg(third)
            if self.menu.overlap == "none_overlaps":
                free = ~(touching & present[None]).any(axis=1)
                return self.assigned(condition, [leg & free for leg in legs]) & present.any(axis=0)
            clear = (~touching[:, k] for k in range(len(present)))
            return _any(
                self.assigned(condition, [leg & c for leg in legs]) & p
                for c, p in zip(clear, present, strict=True)
            )
        return self.assigned(condition, legs)

    def assigned(self, condition: compiled.Combination, legs: list[Bools]) -> Bools:
        """Distinct objects for all legs, with charges by the rule if there is one."""
        if condition.charge is None:
            return _distinct(legs)
        charge = self.column("mu.charge", condition.legs[0].bx)
        options = []
        for signs in product((2, 3), repeat=len(legs)):
            if (len(set(signs)) == 1) == (condition.charge == "ls"):
                options.append(
                    _distinct([leg & (charge == code) for leg, code in zip(legs, signs, strict=True)])
                )
        return _any(options)

    def correlation(self, condition: compiled.Correlation, legs: list[Bools]) -> Bools:
        """Decision on each crossing, (n,): some pair satisfies legs and limits."""
        a, b = condition.legs
        good = legs[0][:, None] & legs[1][None]
        if (a.type, a.bx) == (b.type, b.bx):
            good &= ~np.eye(len(legs[0]), dtype=bool)[:, :, None]
        for limit in condition.limits:
            good &= self.within(limit, a, b)
        if condition.charge:
            first, second = self.column("mu.charge", a.bx)[:, None], self.column("mu.charge", b.bx)[None]
            good &= (first >= POSITIVE) & (second >= POSITIVE)
            good &= (first == second) == (condition.charge == "ls")
        overlap = condition.overlap
        if overlap is None:
            return _pairs(good)
        if overlap.object is None:
            return _pairs(good & ~self.overlapping(overlap, a, b))
        near_a, near_b = (self.overlapping(overlap, leg, overlap.object) for leg in (a, b))
        third = self.leg(overlap.object)
        if self.menu.overlap == "none_overlaps":
            free_a, free_b = (np.asarray(~(near & third[None]).any(axis=1)) for near in (near_a, near_b))
            return _pairs(good & free_a[:, None] & free_b[None]) & np.asarray(third.any(axis=0))
        clear = (good & ~near_a[:, None, k] & ~near_b[None, :, k] & third[k] for k in range(len(third)))
        return _pairs(_any(clear))

    def triple(self, condition: compiled.Triple, legs: list[Bools]) -> Bools:
        """Decision on each crossing, (n,): some three satisfy legs and the limits on their summed masses."""
        mass = self.measure("mass", condition.legs[0], condition.legs[1])
        charge = self.column("mu.charge", condition.legs[0].bx)
        slots = range(len(legs[0]))
        passed = np.zeros(self.events.n, bool)
        for i, j, k in product(slots, slots, slots):
            if len({i, j, k}) < 3:
                continue
            good = legs[0][i] & legs[1][j] & legs[2][k]
            total = mass[i, j] + mass[i, k] + mass[j, k]
            for limit in condition.limits:
                good &= _between(total, limit.lower, limit.upper)
            if condition.charge:
                codes = charge[[i, j, k]]
                good &= (codes >= POSITIVE).all(axis=0)
                good &= (codes == codes[0]).all(axis=0) == (condition.charge == "ls")
            passed |= good
        return passed

    def overlapping(self, overlap: Overlap, a: Requirement, b: Requirement) -> Bools:
        """Which pairs overlap, (slots of a, slots of b, n)."""
        return _any(self.within(limit, a, b) for limit in overlap.limits)

    def within(self, limit: Limit, a: Requirement, b: Requirement) -> Bools:
        """Which pairs satisfy ``limit``, (slots of a, slots of b, n)."""
        if limit.measure != "mass_over_dr":
            return _between(self.measure(limit.measure, a, b), limit.lower, limit.upper)
        (eta_a, phi_a), (eta_b, phi_b), geometry, bins = self.places(a, b)
        if geometry is muon_geometry():
            eta_a, eta_b, phi_a, phi_b, bins = eta_a >> 1, eta_b >> 1, phi_a >> 1, phi_b >> 1, bins // 2
        inverse = geometry.inverse[np.abs(eta_a[:, None] - eta_b[None]), _folded(phi_a, phi_b, bins)]
        least = -(-(limit.lower or 0) // np.maximum(inverse, 1))
        return np.asarray((inverse == 0) | (self.measure("mass", a, b) >= least))

    def places(self, a: Requirement, b: Requirement) -> tuple[Any, Any, Any, int]:
        """Eta and phi of both on common bins, their tables, bins of a turn."""
        muons = "mu" in (a.type, b.type)
        result = []
        for item in (a, b):
            kind = OBJECTS[item.type]
            phi = self.column(f"{kind.collection}.phi", item.bx).astype(np.int64)
            eta = np.zeros_like(phi)
            if kind.has_eta:
                eta = self.column(f"{kind.collection}.eta", item.bx).astype(np.int64)
            if muons and not kind.is_muon:
                eta, phi = (CALO_TO_MUON * index + CALO_TO_MUON // 2 for index in (eta, phi))
            result.append((eta, phi))
        return *result, (muon_geometry() if muons else calo_geometry()), (576 if muons else 144)  # type: ignore[return-value]

    def momenta(self, item: Requirement, unconstrained: bool) -> Numbers:
        """Transverse momenta as the integers of the mass tables, (slots, n)."""
        kind = OBJECTS[item.type]
        name = "upt" if unconstrained else kind.transverse
        codes = self.column(f"{kind.collection}.{name}", item.bx).astype(np.int64)
        if not kind.is_muon:
            return np.asarray(calo_pt(codes))  # type: ignore[arg-type]
        function = muon_upt if unconstrained else muon_pt
        return np.array([function(code) for code in range(512)], np.int64)[codes]

    def measure(self, name: str, a: Requirement, b: Requirement) -> Numbers:
        """``name`` of all pairs, (slots of a, slots of b, n), in the integers of docs/menu.md."""
        (eta_a, phi_a), (eta_b, phi_b), geometry, bins = self.places(a, b)
        dphi, deta = _folded(phi_a, phi_b, bins), np.abs(eta_a[:, None] - eta_b[None])
        unit = int(geometry.cosh[0])
        if name in ("deta", "dphi"):
            return np.asarray(geometry.deta[deta] if name == "deta" else geometry.dphi[dphi])
        if name == "dr2":
            return np.asarray(geometry.deta[deta] ** 2 + geometry.dphi[dphi] ** 2)
        pt_a = self.momenta(a, name == "mass_upt")[:, None]
        pt_b = self.momenta(b, name == "mass_upt")[None]
        if name == "mass_transverse":
            return np.asarray(pt_a * pt_b * (unit - geometry.cos[dphi]))
        if name == "pt2":
            turn_a, turn_b = phi_a[:, None] % bins, phi_b[None] % bins
            angle = geometry.cos_phi[turn_a] * geometry.cos_phi[turn_b]
            angle = angle + geometry.sin_phi[turn_a] * geometry.sin_phi[turn_b]
            return np.asarray((pt_a**2 + pt_b**2) * unit**2 + 2 * pt_a * pt_b * angle)
        return np.asarray(pt_a * pt_b * (geometry.cosh[deta] - geometry.cos[dphi]))


def _any(options: Iterable[Bools]) -> Bools:
    return reduce(np.logical_or, options)


def _pairs(good: Bools) -> Bools:
    return np.asarray(good.any(axis=(0, 1)))


def _between(values: NDArray[np.int64] | NDArray[np.object_], lower: int | None, upper: int | None) -> Bools:
    passed = np.ones(np.shape(values), bool)
    if lower is not None:
        passed &= values >= lower
    return passed if upper is None else passed & (values <= upper)


def _in_phi(phi: NDArray[Any], window: tuple[int, int]) -> Bools:
    above, below = phi >= window[0], phi <= window[1]
    return above & below if window[0] <= window[1] else above | below


def _folded(first: Numbers, second: Numbers, bins: int) -> Numbers:
    difference = np.abs(first[:, None] - second[None]) % bins
    return np.asarray(np.minimum(difference, bins - difference))


def _distinct(legs: list[Bools]) -> Bools:
    """Hall: any k legs together offer at least k objects."""
    enough = np.ones(legs[0].shape[1], bool)
    for size in range(1, len(legs) + 1):
        for chosen in combinations(legs, size):
            enough &= reduce(np.logical_or, chosen).sum(axis=0) >= size
    return enough


def _expression(expression: Expression, known: Mapping[str, Bools]) -> Bools:
    if isinstance(expression, str):
        return known[expression]
    values = [_expression(operand, known) for operand in expression[1:]]
    if expression[0] == "not":
        return ~values[0]
    gates = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}
    return reduce(gates[expression[0]], values)
