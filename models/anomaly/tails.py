"""Tail tables counted on zero bias: how rare is a value, or a pair of values, at least this large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

EDGES = (0.0, 0.5, 0.8, 1.1, 1.4, 1.7, 2.0, 2.3, 2.6, 2.9, 3.2, 3.5, 3.8, 4.2, 4.7, 5.3)
"""Lower edges in L = -log10 P of the 16 codes of 4 bits: finer where decisions fall."""
LEVELS = len(EDGES)
LEAST_SINGLE, LEAST_PAIR = 30, 20
"""Crossings beyond a value (a cell) from which it is counted; rarer ones are extrapolated."""
LEAST_SLOPE = 2e-3
"""Of an extrapolated table, decades for each code."""


@dataclass(frozen=True)
class Tail:
    """The tail table of one quantity: ``decades[v]`` is L(v) = -log10 P(V >= v), ``code[v]`` its code.

    ``at_code[k]``: L of the smallest value with code k (or its edge if no value has it). ``counted``: the
    largest value that was counted and not extrapolated.
    """

    decades: Floats
    code: NDArray[np.int64]
    at_code: Floats
    counted: int


def effective(weights: Floats) -> float:
    """Number of equal crossings with the same relative error of their sum: (sum w)^2 / sum w^2."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _beyond(cells: NDArray[Any]) -> Floats:
    """Sum of all cells at or beyond each one, along every axis."""
    for axis in range(cells.ndim):
        cells = np.flip(np.flip(cells, axis).cumsum(axis), axis)
    return cells


def tail(values: Integers, size: int, weights: Floats | None = None, edges: Sequence[float] = EDGES) -> Tail:
    """Count the tail table of ``values``, shape (n,); values from ``size`` count as ``size - 1``.

    Where fewer than LEAST_SINGLE (effective) crossings lie beyond, the slope of the last counted decade
    goes on, at least LEAST_SLOPE a code: rarer than counted must stay rarer.
    """
    clipped = np.minimum(values, size - 1).astype(np.int64)
    w = np.ones(len(clipped)) if weights is None else weights
    sums = _beyond(np.bincount(clipped, w, size))
    squares = _beyond(np.bincount(clipped, w * w, size))
    events = np.where(squares > 0, sums * sums / np.where(squares > 0, squares, 1), 0)
    decades = -np.log10(np.where(sums > 0, sums, w.min() if len(w) else 1) / max(sums[0], 1e-300))
    decades = np.maximum(decades, 0.0)
    good = np.flatnonzero(events >= LEAST_SINGLE)
    last = int(good[-1]) if len(good) else 0
    if last < size - 1:
        before = np.flatnonzero(events >= min(10 * LEAST_SINGLE, events[min(1, size - 1)]))
        start = min(int(before[-1]) if len(before) else 0, last)
        slope = max((decades[last] - decades[start]) / max(last - start, 1), LEAST_SLOPE)
        decades[last + 1 :] = decades[last] + slope * np.arange(1, size - last)
    code = np.searchsorted(np.asarray(edges), decades, side="right") - 1
    levels = np.arange(len(edges))
    first = np.minimum(np.searchsorted(code, levels), size - 1)
    at_code = np.where(code[first] == levels, decades[first], np.asarray(edges))
    return Tail(decades, code.astype(np.int64), at_code, last)


def joint_decades(
    a: Integers, b: Integers, tails: tuple[Tail, Tail], weights: Floats | None = None
) -> tuple[Floats, NDArray[np.bool_]]:
    """-log10 P(A >= i, B >= j) of every pair of codes, shape (16, 16), and which cells were counted.

    ``a``, ``b``: codes of the crossings, shape (n,). The joint tail is L_a + L_b - c with the correlation c
    counted where at least LEAST_PAIR (effective) crossings lie beyond; elsewhere c of the diagonal
    neighbour towards the origin, so that a correlation seen in the bulk goes on into the tail.
    """
    shape = len(tails[0].at_code), len(tails[1].at_code)
    cells = np.ravel_multi_index((a, b), shape)
    w = np.ones(len(cells)) if weights is None else weights
    size = shape[0] * shape[1]
    sums = _beyond(np.bincount(cells, w, size).reshape(shape))
    squares = _beyond(np.bincount(cells, w * w, size).reshape(shape))
    events = np.where(squares > 0, sums * sums / np.where(squares > 0, squares, 1), 0)
    counted = events >= LEAST_PAIR
    independent = tails[0].at_code[:, None] + tails[1].at_code[None, :]
    share = np.where(sums > 0, sums, 1) / max(sums[0, 0], 1e-300)
    correlation = independent + np.log10(share)
    for i in range(shape[0]):
        for j in range(shape[1]):
            if not counted[i, j]:
                correlation[i, j] = correlation[i - 1, j - 1] if i and j else 0.0
    return independent - correlation, counted


def softened(decades: Floats, unit: float, bits: int) -> NDArray[np.int64]:
    """The content of a pair table: ``clip(floor(10^(q/2) / unit), 0, 2^bits - 1)``.

    A sum of these is a soft maximum of the rarities q: one rare pair counts more than several common ones.
    """
    exponent = np.minimum(decades / 2, 300)
    return np.clip(np.floor(10.0**exponent / unit), 0, (1 << bits) - 1).astype(np.int64)


LARGEST_MAGNITUDE = 2047.0
"""Of a pair, 6.6 decades: beyond what zero bias can count, and one crossing must not steer a training."""


def magnitudes(decades: Floats) -> Floats:
    """10^(q/2) - 1 of the rarities q, at most LARGEST_MAGNITUDE: what a network reads.

    A quantity with P(V >= v) falling like v^-2 gives a magnitude in proportion to v: the exponent 1/2 makes
    every quantity such a one. Other exponents were worse in an experiment (docs/vae.md).
    """
    return np.minimum(10.0 ** np.minimum(decades / 2, 300) - 1, LARGEST_MAGNITUDE)
