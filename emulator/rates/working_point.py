"""What an approximated score loses at the rate at which it triggers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.rates.intervals import Fraction, fraction, threshold_for_rate

LEAST = 5
"""Accepted events that a loss is a share of, and zero-bias crossings above the threshold, at least."""


@dataclass(frozen=True)
class LossAtRate:
    """``lost`` events of those that the exact score accepts at the rate; ``above``: zero bias among these.

    Each score has the lowest threshold of its own that keeps the rate, so that steps of a coarse score that
    no threshold divides count as a loss, too.
    """

    lost: int
    accepted: int
    above: int

    @property
    def share(self) -> Fraction:
        """The loss with its 68.3 % interval."""
        return fraction(self.lost, self.accepted)


BEYOND = (1, 4, 16)
"""Multiples of the rate at which a search looks: the tail below the threshold is alike, and has events."""
TAIL, OTHERS, SIGNALS = 30, 2_000, 10_000
"""What a search looks at: so many times the crossings above the threshold, other crossings, signal events."""


def near_threshold(
    exact: NDArray[Any], rate_khz: float, signal: NDArray[np.bool_] | None, seed: int
) -> tuple[NDArray[np.int64], float]:
    """The events that a search for types looks at, and the rate that has the same threshold among them.

    The tail of zero bias far below the threshold, others at random, and the first signal events: crossings
    that are left out count as below every threshold, so that a result must be measured again on all.
    """
    zero_bias = np.flatnonzero(np.ones(len(exact), np.bool_) if signal is None else ~signal)
    passes = int((exact[zero_bias] >= threshold_for_rate(exact[zero_bias], rate_khz)).sum())
    tail = min(len(zero_bias), max(TAIL * passes, OTHERS))
    ordered = zero_bias[np.argsort(-exact[zero_bias], kind="stable")]
    others = np.random.default_rng(seed).permutation(ordered[tail:])[:OTHERS]
    kept = np.concatenate([ordered[:tail], others])
    scaled = rate_khz * len(zero_bias) / len(kept)
    first = np.flatnonzero(np.zeros(0) if signal is None else signal)[:SIGNALS]
    return np.sort(np.concatenate([kept, first])), scaled


def loss_for_search(
    exact: NDArray[Any], made: NDArray[Any], rate_khz: float, signal: NDArray[np.bool_] | None = None
) -> float:
    """The largest share that is lost at the rate and at multiples of it; arguments as ``loss_at_rate``.

    A search that looks at the few events above one threshold finds types that fit just these.
    """
    zero_bias = len(exact) if signal is None else int((~signal).sum())
    shares = []
    for factor in BEYOND:
        found = loss_at_rate(exact, made, factor * rate_khz, signal)
        if found.accepted and (factor == 1 or found.above <= zero_bias // 2):
            shares.append(found.share.value)
    return max(shares, default=0.0)


def loss_at_rate(
    exact: NDArray[Any], made: NDArray[Any], rate_khz: float, signal: NDArray[np.bool_] | None = None
) -> LossAtRate:
    """How many of the events that ``exact`` accepts at ``rate_khz`` the score ``made`` does not.

    Parameters
    ----------
    exact, made
        Scores of the same events, (n,).
    rate_khz
        Rate on zero bias.
    signal
        Which of the events are signal, (n,): then the accepted ones among these are judged, and the others
        are zero bias, which gives the thresholds. None: all are zero bias and judged.
    """
    zero_bias = np.ones(len(exact), np.bool_) if signal is None else ~signal
    judged = zero_bias if signal is None else signal
    passes = exact >= threshold_for_rate(exact[zero_bias], rate_khz)
    kept = made >= threshold_for_rate(made[zero_bias], rate_khz)
    return LossAtRate(
        lost=int((judged & passes & ~kept).sum()),
        accepted=int((judged & passes).sum()),
        above=int((zero_bias & passes).sum()),
    )
