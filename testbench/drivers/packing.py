"""Events as packed bit vectors, the form in which simulators take and give them.

Port ``p`` of width ``W_p`` occupies the bits from the sum of the earlier widths on, two's complement. Vectors
are padded to whole 32-bit words and to at least three of them: Verilator holds those as arrays of words, so
that one driver fits every design.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.rtl import Port

WORD = 32
FEWEST_WORDS = 3


def words_of(ports: Sequence[Port]) -> int:
    """32-bit words of the padded vector."""
    return max(FEWEST_WORDS, -(-sum(port.width for port in ports) // WORD))


def pack(values: NDArray[np.int64], ports: Sequence[Port]) -> NDArray[np.uint32]:
    """Integers (n, ports) in LSBs of their types to words (n, words), low word first.

    Values must fit their ports: the stimuli are checked where they are made.
    """
    n = len(values)
    words = np.zeros((n, words_of(ports)), np.uint32)
    low = 0
    for column, port in enumerate(ports):
        bits = values[:, column].astype(np.uint64)
        if port.width < 64:
            bits &= np.uint64((1 << port.width) - 1)
        word, shift = divmod(low, WORD)
        end = low + port.width
        words[:, word] |= (bits << np.uint64(shift)).astype(np.uint32)
        done = WORD - shift
        while word * WORD + WORD < end:
            word += 1
            words[:, word] |= (bits >> np.uint64(done)).astype(np.uint32)
            done += WORD
        low = end
    return words


def unpack(words: NDArray[np.uint32], ports: Sequence[Port]) -> NDArray[np.int64]:
    """The inverse of ``pack``: words (n, words) to signed integers (n, ports)."""
    values = np.empty((len(words), len(ports)), np.int64)
    low = 0
    for column, port in enumerate(ports):
        bits = np.zeros(len(words), np.uint64)
        end, position = low + port.width, low
        while position < end:
            word, shift = divmod(position, WORD)
            part = words[:, word].astype(np.uint64) >> np.uint64(shift)
            bits |= part << np.uint64(position - low)
            position += WORD - shift
        unused = np.uint64(64 - port.width)
        raised = (bits << unused).view(np.int64)
        values[:, column] = (
            raised >> np.int64(unused) if port.fixed.signed else ((bits << unused) >> unused).view(np.int64)
        )
        low = end
    return values
