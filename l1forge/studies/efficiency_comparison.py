"""What a model seed buys: its menu against the cut menu with thresholds re-tuned to the same rate.

For each model seed of a menu the cut menu is the menu without any model seed. Two questions:

pure: the seed is added to the cut menu. The baseline spends the seed's pure rate on looser cuts: the cut
    menu is re-tuned until its FinOR has the rate of cut menu plus seed.
total: the seed stands alone. The baseline is the cut menu tightened until its FinOR has the seed's rate.

The cut menu is re-tuned in two ways: all energy thresholds by one factor, or (pure) the leading threshold of
one seed. The way that gains most on events of even number is the baseline; all numbers are measured on those
of odd number. Between two neighbouring thresholds the efficiency is interpolated in the rate, as a
prescale on the looser one would do. Errors come from replicas of zero bias and signal (Poisson weights for
every event, the same for all menus, so that shared events count as shared): thresholds are found again in
every replica.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.rates.variants import Variant, loosened, scaled
from l1forge.studies.menu_flags import FlaggedEvents

REPLICAS = 100
LOOSER = np.geomspace(0.5, 1.0, 33)
TIGHTER = np.geomspace(1.0, 6.0, 41)[1:]
LOWEST, MOST = 0.4, 12
"""Lowest leading threshold of one seed, as a part of its own, and the number of steps down to it."""
ALL_CUTS = "all thresholds"
AT_A_TIME = 64
FEWEST = 8.0
"""Effective zero-bias events below which a rate is too uncertain to compare at."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value and its standard deviation over the replicas."""

    value: float
    error: float


@dataclass(frozen=True)
class ModelGain:
    """A model seed on one signal, efficiencies in parts of 1 on the events of odd number.

    ``kind``: "pure" or "total" (see the module). ``rate_khz``: what both menus may spend beyond the cut menu
    (pure) or at all (total). ``model``, ``cuts``: efficiency gained by the seed and by the re-tuned cuts
    (pure), or of each alone (total). ``difference``: model minus cuts. ``how``: how the cuts were re-tuned.
    ``reached`` False: even the loosest or tightest thresholds tried do not have the rate. ``effective``:
    zero-bias events that the rate stands on.
    """

    seed: str
    signal: str
    kind: str
    rate_khz: Estimate
    model: Estimate
    cuts: Estimate
    difference: Estimate
    how: str
    reached: bool
    effective: float

    @property
    def comparable(self) -> bool:
        """Is there a re-tuned menu of this rate, and a rate that is known?"""
        return self.reached and self.effective >= FEWEST

    @property
    def verdict(self) -> str:
        """Which one is better by two standard deviations."""
        if self.effective < FEWEST:
            return "too few crossings"
        if not self.reached:
            return "no such cuts"
        if abs(self.difference.value) < 2 * self.difference.error or not self.difference.value:
            return "no difference"
        return "gains" if self.difference.value > 0 else "loses"


@dataclass(frozen=True)
class Baselines:
    """Variants of the cut menu: groups 0 .. n of ``LOOSER``, ``TIGHTER``, then one seed's thresholds."""

    variants: tuple[Variant, ...]
    families: Mapping[str, tuple[int, ...]]
    """Way of re-tuning -> groups, from tight to loose."""
    tighter: tuple[int, ...]
    cut_seeds: tuple[int, ...]
    model_seeds: tuple[int, ...]


def baselines(menu: CompiledMenu) -> Baselines:
    """All re-tuned cut menus to be evaluated; places of cut and model seeds in ``menu.algorithms``."""
    model = tuple(i for i, a in enumerate(menu.algorithms) if menu.needs(a))
    cut = tuple(i for i in range(len(menu.algorithms)) if i not in model)
    seeds = [menu.algorithms[i] for i in cut]
    variants: list[Variant] = []
    families: dict[str, tuple[int, ...]] = {}
    factors = [*LOOSER[::-1], *TIGHTER]
    for group, factor in enumerate(factors):
        variants += scaled(menu, seeds, float(factor), group)
    families[ALL_CUTS] = tuple(range(LOOSER.size))
    group = len(factors)
    for seed in seeds:
        found, codes = loosened(menu, seed, LOWEST, MOST, group)
        if codes:
            variants += found
            families[seed.name] = tuple(range(group, group + len(codes)))
            group += len(codes)
    tighter = tuple(range(len(factors) - 1, LOOSER.size - 1, -1))
    return Baselines(tuple(variants), families, tighter, cut, model)


class _Replicas:
    """Weights of events, nominal in the first column and of every replica behind it, (events, 1 + r)."""

    def __init__(self, events: FlaggedEvents, n: float, rng: np.random.Generator) -> None:
        self.weights = np.empty((events.rows.size, 1 + REPLICAS), np.float32)
        self.weights[:, 0] = events.weights
        self.weights[:, 1:] = rng.poisson(1.0, (events.rows.size, REPLICAS)) * events.weights[:, None]
        self.n = n

    def part(self, flags: NDArray[np.bool_], keep: NDArray[np.bool_] | None = None) -> Values:
        """Fractions of the sample that pass each row of ``flags``."""
        weights = self.weights if keep is None else self.weights * keep[:, None]
        sums = [
            flags[i : i + AT_A_TIME].astype(np.float32) @ weights for i in range(0, len(flags), AT_A_TIME)
        ]
        return np.concatenate(sums).astype(np.float64) / self.n


def compare(
    names: Sequence[str],
    plan: Baselines,
    zero_bias: FlaggedEvents,
    signals: Mapping[str, FlaggedEvents],
    full_khz: float,
    seed: int = 1,
) -> tuple[ModelGain, ...]:
    """Both questions for every model seed and signal; ``full_khz``: rate of all colliding crossings."""
    rng = np.random.default_rng(seed)
    replicas = _Replicas(zero_bias, zero_bias.exposure / full_khz, rng)
    cut = np.asarray(zero_bias.flags[list(plan.cut_seeds)].any(axis=0))
    alone = zero_bias.variants  # the re-tuned menus by themselves
    single = max((max(g) for f, g in plan.families.items() if f == ALL_CUTS), default=-1)
    with_cut = alone.copy()
    with_cut[single + 1 + TIGHTER.size :] |= cut  # one loosened seed beside the others
    rates = replicas.part(with_cut)
    own = {i: zero_bias.flags[i] for i in plan.model_seeds}
    events = {i: tuple(map(zero_bias.effective, (flags & ~cut, flags))) for i, flags in own.items()}
    totals = {i: replicas.part(flags[None])[0] for i, flags in own.items()}
    unions = {i: replicas.part((flags | cut)[None])[0] for i, flags in own.items()}
    cut_rate = replicas.part(cut[None])[0]
    gains = []
    for signal, of in signals.items():
        found = _Signal(of, plan, single, rng)
        for i in plan.model_seeds:
            pure = found.pure(names[i], i, signal, plan, rates, cut_rate, unions[i])
            total = found.total(names[i], i, signal, plan, rates, totals[i])
            gains += [replace(gain, effective=n) for gain, n in zip((pure, total), events[i], strict=True)]
    return tuple(gains)


class _Signal:
    """One signal's fractions on even and odd events, with replicas."""

    def __init__(self, events: FlaggedEvents, plan: Baselines, single: int, rng: np.random.Generator) -> None:
        odd = events.rows % 2 == 1
        n_odd = events.exposure / 2
        replicas = _Replicas(events, n_odd, rng)
        self.cut = np.asarray(events.flags[list(plan.cut_seeds)].any(axis=0))
        variants = events.variants.copy()
        variants[single + 1 + TIGHTER.size :] |= self.cut
        self.odd = replicas.part(variants, odd)
        self.even = replicas.part(variants, ~odd)
        self.model = {i: replicas.part(events.flags[i][None], odd)[0] for i in plan.model_seeds}
        self.union = {i: replicas.part((events.flags[i] | self.cut)[None], odd)[0] for i in plan.model_seeds}
        self.cut_odd, self.cut_even = (replicas.part(self.cut[None], keep)[0] for keep in (odd, ~odd))

    def pure(
        self, name: str, i: int, signal: str, plan: Baselines, rates: Values, cut: Values, union: Values
    ) -> ModelGain:
        best, how = -1.0, ALL_CUTS
        for family, groups in plan.families.items():
            rows = list(groups)
            known = np.vstack([cut[None, :1], rates[rows, :1]])
            gain = _at_rate(known, np.vstack([self.cut_even[None, :1], self.even[rows, :1]]), union[:1])
            if known.max() >= union[0] and gain[0] > best:
                best, how = float(gain[0]), family
        rows = list(plan.families[how])
        known = np.vstack([cut[None], rates[rows]])
        efficiency = _at_rate(known, np.vstack([self.cut_odd[None], self.odd[rows]]), union)
        model, cuts = self.union[i] - self.cut_odd, efficiency - self.cut_odd
        reached = bool(known[:, 0].max() >= union[0])
        return _gain(name, signal, "pure", union - cut, model, cuts, how, reached)

    def total(
        self, name: str, i: int, signal: str, plan: Baselines, rates: Values, total: Values
    ) -> ModelGain:
        rows = [*plan.tighter, *plan.families[ALL_CUTS]]
        cuts = _at_rate(rates[rows], self.odd[rows], total)
        reached = bool(rates[rows[0], 0] <= total[0] <= rates[rows, 0].max())
        return _gain(name, signal, "total", total, self.model[i], cuts, ALL_CUTS, reached)


def _gain(
    name: str, signal: str, kind: str, rate: Values, model: Values, cuts: Values, how: str, reached: bool
) -> ModelGain:
    spent, gained, baseline, difference = map(_estimate, (rate, model, cuts, model - cuts))
    return ModelGain(name, signal, kind, spent, gained, baseline, difference, how, reached, 0.0)


def _estimate(values: Values) -> Estimate:
    return Estimate(float(values[0]), float(values[1:].std()))


def _at_rate(rates: Values, efficiencies: Values, wanted: Values) -> Values:
    """Efficiency at a rate, column by column; rows from tight to loose, interpolated between them."""
    found = np.empty(wanted.size)
    for k in range(wanted.size):
        order = np.argsort(rates[:, k], kind="stable")
        found[k] = np.interp(wanted[k], rates[order, k], efficiencies[order, k])
    return found
