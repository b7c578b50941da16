"""Philox 4x64-10 for many counters at once: which of NumPy's uniform numbers lie below a limit.

The counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), as in
``np.random.Philox``: number 4 b + w of the generator whose counter starts at (0, 0, 0, orbit) is word w of
the permutation of (b + 1, 0, 0, orbit). Whoever wants a few of an orbit's numbers need not make the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.jit import compiled, inlined

WORDS = 4
"""Numbers per counter."""
ROUNDS = 10
FRACTION = 53
"""Bits of a uniform double: the highest of the 64."""
_REST = np.uint64(64 - FRACTION)
_MULTIPLIER_0, _MULTIPLIER_2 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_STEP_0, _STEP_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


@inlined
def _high(a: np.uint64, b: np.uint64) -> Any:
    """Upper 64 bits of a product, from 32-bit halves: vectors have no wider product."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    middle = a_low * b_high + (a_low * b_low >> _HALF)
    other = a_high * b_low + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF)


@compiled
def _permute(key: NDArray[np.uint64], x: NDArray[np.uint64]) -> None:
    """Each column of ``x`` (4, n), a counter, becomes its four random words."""
    key_0, key_1 = key[0], key[1]
    for _ in range(ROUNDS):
        for i in range(x.shape[1]):
            a, b = x[0, i], x[2, i]
            x[0, i], x[2, i] = (
                _high(_MULTIPLIER_2, b) ^ x[1, i] ^ key_0,
                _high(_MULTIPLIER_0, a) ^ x[3, i] ^ key_1,
            )
            x[1, i], x[3, i] = _MULTIPLIER_2 * b, _MULTIPLIER_0 * a
        key_0 += _STEP_0
        key_1 += _STEP_1


@compiled
def _find(
    key: NDArray[np.uint64],
    first: int,
    orbits: int,
    wanted: NDArray[np.bool_],
    limit: np.uint64,
    blocks: NDArray[np.int64],
    x: NDArray[np.uint64],
    out: NDArray[np.int64],
) -> int:
    """Fill ``out``; how many. ``blocks``: those that hold a wanted number; ``x`` (4, blocks): work."""
    count = 0
    for orbit in range(orbits):
        for i in range(blocks.size):
            x[0, i], x[1, i], x[2, i], x[3, i] = blocks[i] + 1, 0, 0, first + orbit
        _permute(key, x)
        for i in range(blocks.size):
            least = min(min(x[0, i], x[1, i]), min(x[2, i], x[3, i]))
            if least >> _REST >= limit:
                continue
            for word in range(WORDS):
                number = WORDS * blocks[i] + word
                if wanted[number] and x[word, i] >> _REST < limit:
                    out[count] = orbit * wanted.size + number
                    count += 1
    return count


def uniforms_below(
    key: NDArray[np.uint64], orbits: range, wanted: NDArray[np.bool_], probability: float
) -> NDArray[np.int64]:
    """Where ``random(wanted.size) < probability`` of every orbit, among those ``wanted``; in order.

    Parameters
    ----------
    key : (2,) of ``np.random.Philox``; an orbit's counter starts at (0, 0, 0, orbit)
    orbits : consecutive
    wanted : shape (n,), n a multiple of four

    Returns
    -------
    Shape (k,): number i of the orbit o is counted as ``n (o - orbits.start) + i``.
    """
    blocks = np.flatnonzero(wanted.reshape(-1, WORDS).any(axis=1))
    out = np.empty(len(orbits) * int(np.count_nonzero(wanted)), np.int64)
    x = np.empty((WORDS, blocks.size), np.uint64)
    # k 2^-53 < p is k < p 2^53, which no rounding touches
    limit = np.uint64(int(np.ceil(probability * (1 << FRACTION))))
    count = _find(key, orbits.start, len(orbits), wanted, limit, blocks, x, out)
    return out[:count].copy()
