"""Bunch-crossing masks, prescales with two decimals, FinOR masks and vetoes: the final decision logic.

A prescale is a 32-bit factor of 100 times its value. On each accept of the algorithm: if
``counter + 100 >= factor`` it fires and ``counter += 100 - factor``, else ``counter += 100``; factor 0
is off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import EXTRA_COLUMNS
from l1forge.emulator.jit import compiled
from l1forge.emulator.lhc import ORBIT

WORDS = EXTRA_COLUMNS["algo"][0]
ALGORITHMS = 64 * WORDS
UNIT = 100
"""Factor of prescale 1."""
_SEQUENCE = np.uint64(0x03F79D71B4CB0A89)
_POSITION = np.array([(0x03F79D71B4CB0A89 << i & (1 << 64) - 1) >> 58 for i in range(64)])
_BIT = np.argsort(_POSITION).astype(np.int64)
"""Bit number of a power of two from the top six bits of its product with a de Bruijn sequence."""


def factor(prescale: str | float | Decimal) -> int:
    """The 32-bit factor of a prescale given as text or number.

    Raises
    ------
    ValueError
        If it is between 0 and 1, negative, has more than two decimals or does not fit 32 bits.
    """
    try:
        value = Decimal(str(prescale)) * UNIT
    except InvalidOperation as error:
        raise ValueError("not a number") from error
    if not value.is_finite() or value != value.to_integral_value():
        raise ValueError("more than two decimals")
    if value != 0 and value < UNIT:
        raise ValueError("below 1 and not 0")
    if value >= 1 << 32:
        raise ValueError("does not fit 32 bits")
    return int(value)


@compiled
def _apply(
    words: NDArray[np.uint64],
    bx: NDArray[np.int16],
    closed: NDArray[np.uint64],
    chosen: NDArray[np.uint64],
    factors: NDArray[np.int64],
    counters: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    fired: NDArray[np.uint64],
    decided: NDArray[np.uint8],
) -> None:
    """Bits behind mask and prescale; ``decided`` gets bit 0 from the FinOR algorithms, bit 1 from vetoes.

    ``chosen`` (2, words): FinOR and veto masks. Word by word: an algorithm's counter sees its own
    crossings in order.
    """
    for w in range(words.shape[0]):
        for i in range(words.shape[1]):
            rest = words[w, i]
            if rest == 0:
                continue
            rest &= ~closed[w, bx[i]]
            out = np.uint64(0)
            while rest != 0:
                bit = rest & (~rest + np.uint64(1))
                rest ^= bit
                algorithm = 64 * w + _BIT[(bit * _SEQUENCE) >> np.uint64(58)]
                before[algorithm] += 1
                f = factors[algorithm]
                if f == 0:
                    continue
                counters[algorithm] += 100
                if counters[algorithm] >= f:
                    counters[algorithm] -= f
                    after[algorithm] += 1
                    out |= bit
            fired[w, i] = out
            if out & chosen[0, w]:
                decided[i] |= 1
            if out & chosen[1, w]:
                decided[i] |= 2


@dataclass(frozen=True)
class PrescaleSettings:
    """What is set per algorithm index: ``factors`` (512,), ``finor`` and ``veto`` (512,) bool.

    ``closed`` (512, 3564) bool is True where the bunch-crossing mask shuts an algorithm.
    """

    factors: NDArray[np.int64]
    finor: NDArray[np.bool_]
    veto: NDArray[np.bool_]
    closed: NDArray[np.bool_]

    @staticmethod
    def default(algorithms: Iterable[int]) -> PrescaleSettings:
        """Prescale 1, in the FinOR, no veto and no mask, for these indices; every other one off."""
        factors, finor = np.zeros(ALGORITHMS, np.int64), np.zeros(ALGORITHMS, bool)
        for index in algorithms:
            factors[index], finor[index] = UNIT, True
        return PrescaleSettings(
            factors, finor, np.zeros(ALGORITHMS, bool), np.zeros((ALGORITHMS, ORBIT), bool)
        )


class Prescaler:
    """Applies settings to a stream; counters run on from block to block.

    Attributes
    ----------
    before, after : per algorithm, accepts behind the bunch-crossing mask and behind the prescale, (512,)
    """

    def __init__(self, settings: PrescaleSettings) -> None:
        self.settings = settings
        self.counters = np.zeros(ALGORITHMS, np.int64)
        self.before = np.zeros(ALGORITHMS, np.int64)
        self.after = np.zeros(ALGORITHMS, np.int64)
        self._closed = bit_words(settings.closed)
        self._chosen = np.stack(
            [bit_words(flags[:, None])[:, 0] for flags in (settings.finor, settings.veto)]
        )

    def __call__(
        self, words: NDArray[np.uint64], bx: NDArray[np.int16]
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """(bits after prescale (8, n), FinOR (n,)) for algorithm bits (8, n) of the next n crossings."""
        fired, decided = np.zeros_like(words), np.zeros(words.shape[1], np.uint8)
        _apply(
            np.ascontiguousarray(words),
            np.ascontiguousarray(bx),
            self._closed,
            self._chosen,
            self.settings.factors,
            self.counters,
            self.before,
            self.after,
            fired,
            decided,
        )
        return fired, decided == 1


def bit_words(flags: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(512, n) bool to (8, n) words."""
    packed = np.packbits(flags.reshape(WORDS, 64, -1), axis=1, bitorder="little")
    return np.ascontiguousarray(packed.transpose(0, 2, 1)).view("<u8")[..., 0]
