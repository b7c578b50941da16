"""What single crossings add to rates: probabilities that a seed fires, fires alone, or that any does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.rates.patterns import Patterns
from l1forge.emulator.rates.shares import CHUNK, others_silent

Floats = NDArray[np.float64]


def contributions(
    words: NDArray[np.uint64],
    indices: NDArray[np.int64],
    fires: Floats,
    finor: NDArray[np.bool_],
    veto: NDArray[np.bool_],
) -> tuple[Floats, Floats, Floats]:
    """(total (m, k), pure (m, k), FinOR (k,)) of crossings with algorithm ``words`` (8, k).

    The other arguments are those of ``shares``, and so is what counts: their sums over all crossings are its
    totals.
    """
    n = words.shape[1]
    total, pure, whole = np.zeros((len(indices), n)), np.zeros((len(indices), n)), np.zeros(n)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        flags = Patterns(words[:, part], np.ones(words[:, part].shape[1], np.int64), 0).flags(indices)
        q = flags * fires[:, None]
        clear = np.prod(1 - q[veto], axis=0)
        taking = q * finor[:, None]
        total[:, part] = q
        pure[:, part] = taking * others_silent(taking) * clear
        whole[part] = (1 - np.prod(1 - taking, axis=0)) * clear
    return total, pure, whole
