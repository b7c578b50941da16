"""Prescales for a budget: which seeds to prescale, and by how much, so that the most valuable events stay.

The value of a crossing is the sum over its groups of weight / rate of the group: if every group keeps the
same part of its events, every unit of weight keeps the same. What a set of prescales keeps is

    V = sum over crossings of value x P(accepted) / sum of the weights of the groups,

between 0 and 1; 1 - V is the cost. P(accepted) = 1 - prod (1 - 1 / prescale) over the seeds that fire.

A mixed-integer linear programme (scipy's HiGHS) chooses one prescale of a list for every seed. In it, rates
and values of seeds add up as their proportional shares do, which is exact without overlaps behind prescales.
What it proposes is then put right with exact rates: seeds are tightened or loosened one step at a time, each
time the one with the best ratio of value to rate, until the budget is used. The same is done from no
prescale at all. Both are improved by exchange, one seed more and others less; the better
result is proposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from l1forge.emulator.errors import InputError

FRIENDLY = (
    *(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80),
    *(100, 150, 200, 300, 500, 800, 1000, 2000, 5000, 10_000),
)
"""Prescales that are proposed; 0 (off) is added where seeds may be turned off."""
CORRECTIONS = 6
STEPS, ROUNDS = 1000, 3
EXCHANGES = (1, 2, 4, 8, 16)
"""Steps by which one seed is tightened in favour of others."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Crossings:
    """Kinds of crossings: ``flags`` (seeds, k) bool, ``khz`` (k,): rate of each kind."""

    flags: NDArray[np.bool_]
    khz: Values

    def accepted(self, fires: Values) -> Values:
        """Probability that a crossing of each kind is accepted, (k,); ``fires`` (seeds,): 1 / prescale."""
        result: Values = 1 - np.prod(np.where(self.flags, 1 - fires[:, None], 1.0), axis=0)
        return result


@dataclass(frozen=True)
class Wanted:
    """What to keep.

    ``groups``: name to places of its seeds; ``weights`` and ``minimum_khz`` by group; ``fixed``: place of a
    seed to the prescale that it must have; ``may_be_off``: prescale 0 is allowed.
    """

    budget_khz: float
    groups: Mapping[str, Sequence[int]]
    weights: Mapping[str, float]
    minimum_khz: Mapping[str, float]
    fixed: Mapping[int, float]
    may_be_off: bool = False


@dataclass(frozen=True)
class Proposal:
    """Prescales by place of the seed, 0: off; ``kept``: V; ``groups``: the part of its rate each keeps."""

    prescales: tuple[float, ...]
    rate_khz: float
    kept: float
    groups: Mapping[str, float]


class _Problem:
    def __init__(self, crossings: Crossings, wanted: Wanted) -> None:
        self.crossings, self.wanted = crossings, wanted
        self.members = {name: crossings.flags[list(of)].any(axis=0) for name, of in wanted.groups.items()}
        self.rates = {name: float(flags @ crossings.khz) for name, flags in self.members.items()}
        whole = sum(wanted.weights[name] for name in self.members if self.rates[name])
        self.value = np.zeros(crossings.khz.size)
        for name, flags in self.members.items():
            if self.rates[name] and whole:
                self.value += flags * crossings.khz * (wanted.weights[name] / self.rates[name] / whole)
        steps = [1 / p for p in FRIENDLY] + ([0.0] if wanted.may_be_off else [])
        fixed = wanted.fixed
        self.steps = [
            np.array([1 / fixed[i] if fixed[i] else 0.0]) if i in fixed else np.array(steps)
            for i in range(len(crossings.flags))
        ]

    def rate(self, fires: Values) -> float:
        return float(self.crossings.accepted(fires) @ self.crossings.khz)

    def kept(self, fires: Values) -> float:
        return float(self.crossings.accepted(fires) @ self.value)

    def moves(self, fires: Values, others: Values) -> tuple[Values, Values]:
        """Rate and value with one seed alone moved from ``fires`` to ``others``, for each seed, (seeds,)."""
        flags = self.crossings.flags
        silent = np.where(flags, 1 - fires[:, None], 1.0)
        # products over all seeds but one: those before it times those behind it
        ahead, behind = np.ones_like(silent), np.ones_like(silent)
        np.cumprod(silent[:-1], axis=0, out=ahead[1:])
        behind[:-1] = np.cumprod(silent[:0:-1], axis=0)[::-1]
        accepted = 1 - ahead * behind * np.where(flags, 1 - others[:, None], 1.0)
        return accepted @ self.crossings.khz, accepted @ self.value

    def group_khz(self, name: str, fires: Values) -> float:
        """Rate of a group's crossings that are accepted, also through other seeds."""
        return float((self.crossings.accepted(fires) * self.members[name]) @ self.crossings.khz)

    def allowed(self, fires: Values) -> bool:
        """Do all groups keep their minimum?"""
        minimum = self.wanted.minimum_khz
        return all(self.group_khz(name, fires) >= khz * (1 - 1e-9) for name, khz in minimum.items())


def propose(crossings: Crossings, wanted: Wanted) -> Proposal:
    """Find prescales within the budget that keep as much as possible.

    Raises
    ------
    InputError
        If minimum rates, fixed prescales and budget cannot be had together.
    """
    problem = _Problem(crossings, wanted)
    for name, khz in wanted.minimum_khz.items():
        if khz > problem.rates[name] * (1 + 1e-9):
            raise InputError(
                f"the group has only {problem.rates[name]:.4g} kHz without prescales",
                field="--minimum",
                value=f"{name}={khz:g}kHz",
                remedy="ask for less",
            )
    # the programme knows no overlaps: with many of them the way down from no prescale may end better
    starts = (_programme(problem), np.zeros(len(problem.steps), np.int64))
    ends = [_loosened(problem, _tightened(problem, start)) for start in starts]
    fires = _fires(
        problem, _exchanged(problem, max(ends, key=lambda end: problem.kept(_fires(problem, end))))
    )
    groups = {
        name: problem.group_khz(name, fires) / rate if rate else 0.0 for name, rate in problem.rates.items()
    }
    prescales = tuple(1 / x if x else 0.0 for x in fires)
    return Proposal(prescales, problem.rate(fires), problem.kept(fires), groups)


def _fires(problem: _Problem, place: NDArray[np.int64]) -> Values:
    return np.array([steps[k] for steps, k in zip(problem.steps, place, strict=True)])


def _programme(problem: _Problem) -> NDArray[np.int64]:
    """The place of every seed's prescale in its list: the linear programme, with its budget corrected."""
    flags, khz = problem.crossings.flags, problem.crossings.khz
    n = np.maximum(flags.sum(axis=0), 1)
    rate = (flags / n) @ khz
    value = (flags / n) @ problem.value
    sizes = [steps.size for steps in problem.steps]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    step = np.concatenate(problem.steps) if sizes else np.zeros(0)
    one = (owner[None, :] == np.arange(len(sizes))[:, None]).astype(float)
    minimum = problem.wanted.minimum_khz
    rows = [rate[owner] * step]
    rows += [np.isin(owner, list(problem.wanted.groups[name])) * rate[owner] * step for name in minimum]
    budget = problem.wanted.budget_khz
    best = np.array([size - 1 for size in sizes])
    for _ in range(CORRECTIONS):
        lower = np.array([-np.inf, *(_share(problem, name, rate) * khz for name, khz in minimum.items())])
        upper = np.array([budget, *[np.inf] * len(minimum)])
        found = milp(
            -(value[owner] * step) - 1e-9 * step,
            integrality=np.ones(step.size),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(one, 1, 1), LinearConstraint(np.array(rows), lower, upper)],
            options={"time_limit": 20.0, "mip_rel_gap": 1e-4},
        )
        if found.x is None:
            return best
        best = np.array([int(found.x[a:b].argmax()) for a, b in pairwise(starts)])
        exact = problem.rate(_fires(problem, best))
        if abs(exact - problem.wanted.budget_khz) < 0.01 * problem.wanted.budget_khz:
            break
        budget *= problem.wanted.budget_khz / max(exact, 1e-12)
        if budget > 1e3 * problem.wanted.budget_khz:
            break
    return best


def _share(problem: _Problem, name: str, rate: Values) -> float:
    """A group's proportional rate as a part of its total rate: others take the rest."""
    total = problem.rates[name]
    return float(rate[list(problem.wanted.groups[name])].sum() / total) if total else 0.0


def _tightened(problem: _Problem, place: NDArray[np.int64]) -> NDArray[np.int64]:
    """First loosen seeds until all groups have their minimum, then prescale until the budget is kept.

    Of the steps that are possible, the one of the smallest loss of value for its rate is taken.
    """
    place = place.copy()
    for _ in range(STEPS):
        fires = _fires(problem, place)
        if problem.allowed(fires):
            break
        missing = _missing(problem, fires)
        options = []
        for i in np.flatnonzero(place > 0).tolist():
            moved = _moved(problem, fires, i, int(place[i]) - 1)
            gained = _missing(problem, moved) - missing
            if gained > 0:
                options.append((gained / max(problem.rate(moved) - problem.rate(fires), 1e-12), i))
        if not options:
            break
        place[max(options)[1]] -= 1
    for _ in range(STEPS):
        fires = _fires(problem, place)
        rate, kept = problem.rate(fires), problem.kept(fires)
        if rate <= problem.wanted.budget_khz and problem.allowed(fires):
            return place
        options = []
        for i, steps in enumerate(problem.steps):
            if place[i] + 1 == steps.size:
                continue
            moved = _moved(problem, fires, i, int(place[i]) + 1)
            saved = rate - problem.rate(moved)
            if saved > 1e-12 and problem.allowed(moved):
                options.append(((kept - problem.kept(moved)) / saved, i))
        if not options:
            break
        place[min(options)[1]] += 1
    rate = problem.rate(_fires(problem, place))
    raise InputError(
        f"cannot be had: {rate:.4g} kHz remain with what is fixed and with the minimum rates",
        field="--budget",
        value=f"{problem.wanted.budget_khz:g}kHz",
        remedy="raise the budget, lower minimum rates, or let seeds be turned off (--off)",
    )


def _moved(problem: _Problem, fires: Values, seed: int, place: int) -> Values:
    moved = fires.copy()
    moved[seed] = problem.steps[seed][place]
    return moved


def _missing(problem: _Problem, fires: Values) -> float:
    """How much of their minimum the groups have, 1 each at most."""
    minimum = problem.wanted.minimum_khz
    return float(sum(min(problem.group_khz(name, fires) / khz, 1.0) for name, khz in minimum.items()))


def _loosened(problem: _Problem, place: NDArray[np.int64], but: int = -1) -> NDArray[np.int64]:
    """Prescale less where the budget has room, the seed of highest value for its rate first; not ``but``."""
    place = place.copy()
    for _ in range(STEPS):
        fires = _fires(problem, place)
        rate, kept = problem.rate(fires), problem.kept(fires)
        rates, values = problem.moves(fires, _fires(problem, np.maximum(place - 1, 0)))
        possible = (place > 0) & (rates <= problem.wanted.budget_khz)
        if but >= 0:
            possible[but] = False
        if not possible.any():
            return place
        gain = np.where(possible, (values - kept) / np.maximum(rates - rate, 1e-12), -np.inf)
        place[int(gain.argmax())] -= 1
    return place


def _exchanged(problem: _Problem, place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Prescale one seed more and others less, as long as more is kept."""
    best = problem.kept(_fires(problem, place))
    for _ in range(ROUNDS):
        before = best
        for i, steps in enumerate(problem.steps):
            for more in EXCHANGES:
                if place[i] + more >= steps.size:
                    break
                other = place.copy()
                other[i] += more
                other = _loosened(problem, other, i)
                fires = _fires(problem, other)
                if problem.kept(fires) > best * (1 + 1e-9) and problem.allowed(fires):
                    place, best = other, problem.kept(fires)
        if best == before:
            break
    return place
