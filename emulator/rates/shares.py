"""From counted patterns to what each seed and group of a menu fires: totals, pure, proportional, overlaps.

A crossing counts with the probability that a seed fires behind its prescale: 1 / prescale, independently for
every seed. That is what prescale counters do on average; without prescales all probabilities are 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.path.prescale import UNIT, PrescaleSettings
from l1forge.emulator.rates.patterns import Patterns

CHUNK = 1 << 12
"""Patterns worked on at a time; fixed, so that sums do not depend on anything else."""


@dataclass(frozen=True)
class Tally:
    """Sums over crossings of what counts, probability times weight: ``total``, and that of its square.

    ``largest``: the highest probability.
    """

    total: float
    squares: float
    largest: float = 1.0


@dataclass(frozen=True)
class Shares:
    """Tallies of one sample.

    ``total``, ``pure``, ``proportional``: by the seed's place in the list of indices. ``groups``: by name,
    (total, pure, shared). ``overlap`` (m, m): crossings in which both seeds fire.
    """

    crossings: int
    total: tuple[Tally, ...]
    pure: tuple[Tally, ...]
    proportional: tuple[Tally, ...]
    finor: Tally
    groups: Mapping[str, tuple[Tally, Tally, Tally]]
    overlap: NDArray[np.float64]


def probabilities(settings: PrescaleSettings, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability that each seed fires behind its prescale, (m,); 0 if it is off."""
    factors = settings.factors[indices]
    return np.where(factors > 0, UNIT / np.maximum(factors, 1), 0.0)


def shares(
    patterns: Patterns,
    indices: NDArray[np.int64],
    fires: NDArray[np.float64],
    finor: NDArray[np.bool_],
    veto: NDArray[np.bool_],
    groups: Mapping[str, Sequence[int]],
) -> Shares:
    """Tallies of seeds and groups.

    Parameters
    ----------
    indices : algorithm indices of the seeds, (m,)
    fires : probability of each seed to fire where its bit is set, (m,)
    finor, veto : takes part in the FinOR, vetoes it, (m,) bool
    groups : name to places in ``indices``

    A seed outside the FinOR has a total and overlaps, but no pure and no proportional part. Where a veto
    fires nothing is accepted: only totals and overlaps of seeds count there.
    """
    m = len(indices)
    sums = np.zeros((2, 3, m))
    both = np.zeros((m, m))
    whole = np.zeros(2)
    grouped = {name: np.zeros((2, 3)) for name in groups}
    for start in range(0, patterns.counts.size, CHUNK):
        part = patterns.part(start, start + CHUNK)
        flags = part.flags(indices)
        counts, squared = part.moments
        q = flags * fires[:, None]
        clear = np.prod(1 - q[veto], axis=0)
        taking = q * finor[:, None]
        silent, blocked = _silence(taking)
        only = taking * _others(taking, silent, blocked) * clear
        share = _proportional(taking, int(flags[finor].sum(axis=0).max(initial=1))) * clear
        for place, values in enumerate((q, only, share)):
            sums[0, place] += values @ counts
            sums[1, place] += (values * values) @ squared
        any_fires = (1 - silent * (blocked == 0)) * clear
        whole += (any_fires @ counts, (any_fires * any_fires) @ squared)
        both += (q * counts) @ q.T
        for name, members in groups.items():
            inside = np.zeros(m, bool)
            inside[list(members)] = True
            fired = (1 - np.prod(1 - taking[inside], axis=0)) * clear
            alone = fired * np.prod(1 - taking[~inside], axis=0)
            for place, values in enumerate((fired, alone, fired - alone)):
                grouped[name][:, place] += (values @ counts, (values * values) @ squared)
    np.fill_diagonal(both, sums[0, 0])
    largest = [float(value) for value in fires]

    def tallies(place: int) -> tuple[Tally, ...]:
        rows = zip(sums[0, place], sums[1, place], largest, strict=True)
        return tuple(Tally(float(total), float(squares), most) for total, squares, most in rows)

    found = {
        name: (Tally(*map(float, v[:, 0])), Tally(*map(float, v[:, 1])), Tally(*map(float, v[:, 2])))
        for name, v in grouped.items()
    }
    finor_tally = Tally(float(whole[0]), float(whole[1]))
    return Shares(patterns.crossings, tallies(0), tallies(1), tallies(2), finor_tally, found, both)


def others_silent(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that none of the other seeds fires, (m, k), where seed i fires with ``q`` (m, k)."""
    return _others(q, *_silence(q))


def _silence(q: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probability that no seed with q < 1 fires, and the number of seeds with q = 1, (k,) each."""
    certain = q == 1
    return np.prod(np.where(certain, 1.0, 1 - q), axis=0), certain.sum(axis=0)


def _others(
    q: NDArray[np.float64], silent: NDArray[np.float64], blocked: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probability that none of the other seeds fires, (m, k)."""
    certain = q == 1
    rest = silent / np.where(certain, 1.0, 1 - q)
    return np.where(blocked - certain > 0, 0.0, rest)


def _proportional(q: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Mean of (seed fires) / (number of seeds that fire), (m, k).

    1 / (1 + M) is the integral of t^M over 0 .. 1, and the mean of t^M over independent seeds the product of
    1 - q + q t: a polynomial that Gauss-Legendre integrates exactly. ``most``: highest number of seeds.
    """
    if ((q == 0) | (q == 1)).all():
        plain: NDArray[np.float64] = q / np.maximum(q.sum(axis=0), 1)
        return plain
    nodes, weights = np.polynomial.legendre.leggauss(max(1, most // 2 + 1))
    result = np.zeros_like(q)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        factors = 1 - q + q * node
        result += weight * np.prod(factors, axis=0) / factors
    shared: NDArray[np.float64] = q * result
    return shared
